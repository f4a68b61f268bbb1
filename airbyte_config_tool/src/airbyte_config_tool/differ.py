"""Differences between a resource as it should be and as the server has it, field by field, with no secret in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airbyte_config_tool.findings import FieldPath, dotted
from airbyte_config_tool.masking import MASK
from airbyte_config_tool.schedule import ScheduleError, basic_timing, basic_to_cron, normal_cron
from airbyte_config_tool.specs import is_secret, leaves

Json = dict[str, Any]
SERVER_MASK = "**********"
_UNSAID = ("mappers", "includeFiles", "destinationObjectName")
_EMPTY: tuple[object, ...] = (None, {}, [])


@dataclass(frozen=True)
class FieldChange:
    """One field. `before` or `after` is None where the field is absent; a hidden value is the mask."""

    field: str
    before: object
    after: object
    note: str = ""

    def as_json(self) -> dict[str, object]:
        return {"field": self.field, "before": self.before, "after": self.after, "note": self.note}


def flatten(value: object, path: FieldPath = ()) -> dict[FieldPath, object]:
    """Every scalar, empty list and empty mapping of a nested value, by path."""
    if isinstance(value, dict) and value and "_secret" not in value:
        return {k: v for key, inner in value.items() for k, v in flatten(inner, (*path, key)).items()}
    if isinstance(value, list) and value:
        return {k: v for number, inner in enumerate(value) for k, v in flatten(inner, (*path, number)).items()}
    return {path: value}


def is_masked(value: object) -> bool:
    """True for what the server answers in place of a secret."""
    return value == SERVER_MASK or (isinstance(value, dict) and "_secret" in value)


def configurations(
    wanted: Json,
    actual: Json,
    spec: Json | None,
    hidden: Callable[[FieldPath], bool],
    unchanged: Callable[[FieldPath, str], bool | None],
) -> Iterator[FieldChange]:
    """Compares two connector configurations.

    The server masks secrets, so those are compared by `unchanged`, which is given a path and our value and answers True, False
    or None when no record of what was sent exists. What says nothing is no difference: Airbyte's form saves empty blocks and
    the spec's defaults.
    """
    ours, theirs = flatten(wanted), flatten(actual)
    schemas = {path: schema for path, _, schema in leaves(spec, actual)}
    for path, value in ours.items():
        name = dotted(("configuration", *path))
        if path in theirs and is_masked(theirs[path]):
            same = unchanged(path, str(value))
            if not same:
                note = "its value differs from the one last applied" if same is False else "not applied from here before"
                yield FieldChange(name, MASK, MASK, note)
        elif path not in theirs:
            if value in _EMPTY:
                continue
            yield FieldChange(name, None, MASK if hidden(path) else value)
        elif theirs[path] != value or isinstance(theirs[path], bool) != isinstance(value, bool):
            before, after = (MASK, MASK) if hidden(path) else (theirs[path], value)
            yield FieldChange(name, before, after)
    for path, value in theirs.items():
        if path not in ours:
            schema = schemas.get(path, {})
            if value in _EMPTY or ("default" in schema and schema["default"] == value):
                continue
            secret = is_masked(value) or is_secret(path, schema)
            yield FieldChange(dotted(("configuration", *path)), MASK if secret else value, None)


def connections(wanted: Json, actual: Json) -> Iterator[FieldChange]:
    """Compares a connection. Only what the project states counts: the server fills in keys and cursors of its own."""
    for key in ("name", "status", "prefix", "namespaceDefinition", "namespaceFormat", "nonBreakingSchemaUpdatesBehavior"):
        if key in wanted and (actual.get(key) or "") != wanted[key]:
            yield FieldChange(key, actual.get(key), wanted[key])
    before, after = actual.get("schedule") or {}, wanted["schedule"]
    if not _same_schedule(before, after):
        yield FieldChange("schedule", _schedule(before), _schedule(after))
    rest = list((actual.get("configurations") or {}).get("streams") or [])
    for stream in wanted["configurations"]["streams"]:
        name = _stream_name(stream)
        found = next((s for s in rest if _is_same_stream(stream, s)), None)
        if found is None:
            yield FieldChange(name, None, stream["syncMode"])
            continue
        rest.remove(found)
        for key in ("syncMode", "cursorField", "primaryKey"):
            if key in stream and found.get(key) != stream[key]:
                yield FieldChange(f"{name}.{key}", found.get(key), stream[key])
        picked, wish = _picked(found), _picked(stream)
        if picked != wish:
            yield FieldChange(f"{name}.selectedFields", picked or "all", wish or "all")
    for stream in rest:
        yield FieldChange(_stream_name(stream), stream.get("syncMode"), None)


def keep_unsaid(wanted: Json, actual: Json) -> None:
    """Puts what Airbyte has of a connection's streams and a project cannot say into the streams to send, which replace it."""
    theirs = (actual.get("configurations") or {}).get("streams") or []
    for stream in wanted["configurations"]["streams"]:
        found: Json = next((s for s in theirs if _is_same_stream(stream, s)), {})
        stream |= {key: found[key] for key in _UNSAID if found.get(key)}


def _stream_name(stream: Json) -> str:
    return ".".join(("streams", *filter(None, (stream.get("namespace"), stream["name"]))))


def _is_same_stream(ours: Json, theirs: Json) -> bool:
    """One name may stand in several namespaces; a project that states none takes what the source gives."""
    return ours["name"] == theirs["name"] and ours.get("namespace") in (None, theirs.get("namespace"))


def _schedule(schedule: Json) -> str:
    """A schedule as one comparable text. The server appends the time zone to the expression it was given."""
    if schedule.get("scheduleType") == "cron":
        return f"cron {normal_cron(str(schedule.get('cronExpression') or ''))}"
    timing = schedule.get("basicTiming")
    return f"{schedule.get('scheduleType') or 'manual'}{f' {timing}' if timing else ''}"


def _same_schedule(before: Json, after: Json) -> bool:
    """A basic schedule that was made in Airbyte is the cron that this tool writes for it."""
    try:
        basic = basic_timing(before)
        return _schedule(after) == (f"cron {basic_to_cron(*basic)[0]}" if basic else _schedule(before))
    except ScheduleError:
        return False


def _picked(stream: Json) -> list[str]:
    return sorted(".".join(f.get("fieldPath") or []) for f in stream.get("selectedFields") or [])
