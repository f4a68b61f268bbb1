"""Differences between a resource as it should be and as the server has it, field by field, with no secret in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airbyte_config_tool.findings import FieldPath, dotted
from airbyte_config_tool.masking import MASK
from airbyte_config_tool.schedule import normal_cron

Json = dict[str, Any]
SERVER_MASK = "**********"


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
    wanted: Json, actual: Json, hidden: Callable[[FieldPath], bool], unchanged: Callable[[FieldPath, str], bool | None]
) -> Iterator[FieldChange]:
    """Compares two connector configurations.

    The server masks secrets, so those are compared by `unchanged`, which is given a path and our value and answers True, False
    or None when no record of what was sent exists.
    """
    ours, theirs = flatten(wanted), flatten(actual)
    for path, value in ours.items():
        name = dotted(("configuration", *path))
        if path in theirs and is_masked(theirs[path]):
            same = unchanged(path, str(value))
            if not same:
                note = "its value differs from the one last applied" if same is False else "not applied from here before"
                yield FieldChange(name, MASK, MASK, note)
        elif path not in theirs:
            yield FieldChange(name, None, MASK if hidden(path) else value)
        elif theirs[path] != value or isinstance(theirs[path], bool) != isinstance(value, bool):
            before, after = (MASK, MASK) if hidden(path) else (theirs[path], value)
            yield FieldChange(name, before, after)
    for path, value in theirs.items():
        if path not in ours:
            if any(other[: len(path)] == path for other in ours) or value is None:
                continue  # a block that is empty there and filled here is told field by field
            yield FieldChange(dotted(("configuration", *path)), MASK if is_masked(value) else value, None)


def connections(wanted: Json, actual: Json) -> Iterator[FieldChange]:
    """Compares a connection. Only what the project states counts: the server fills in keys and cursors of its own."""
    for key in ("name", "status", "prefix", "namespaceDefinition", "namespaceFormat", "nonBreakingSchemaUpdatesBehavior"):
        if key in wanted and (actual.get(key) or "") != wanted[key]:
            yield FieldChange(key, actual.get(key), wanted[key])
    before, after = _schedule(actual.get("schedule") or {}), _schedule(wanted["schedule"])
    if before != after:
        yield FieldChange("schedule", before, after)
    theirs = {s["name"]: s for s in (actual.get("configurations") or {}).get("streams") or []}
    ours = {s["name"]: s for s in wanted["configurations"]["streams"]}
    for name, stream in ours.items():
        if name not in theirs:
            yield FieldChange(f"streams.{name}", None, stream["syncMode"])
            continue
        for key in ("syncMode", "namespace", "cursorField", "primaryKey"):
            if key in stream and theirs[name].get(key) != stream[key]:
                yield FieldChange(f"streams.{name}.{key}", theirs[name].get(key), stream[key])
        picked, wish = _picked(theirs[name]), _picked(stream)
        if picked != wish:
            yield FieldChange(f"streams.{name}.selectedFields", picked or "all", wish or "all")
    for name in theirs.keys() - ours.keys():
        yield FieldChange(f"streams.{name}", theirs[name].get("syncMode"), None)


def _schedule(schedule: Json) -> str:
    """A schedule as one comparable text. The server appends the time zone to the expression it was given."""
    if schedule.get("scheduleType") == "cron":
        return f"cron {normal_cron(str(schedule.get('cronExpression') or ''))}"
    timing = schedule.get("basicTiming")
    return f"{schedule.get('scheduleType') or 'manual'}{f' {timing}' if timing else ''}"


def _picked(stream: Json) -> list[str]:
    return sorted(".".join(f.get("fieldPath") or []) for f in stream.get("selectedFields") or [])
