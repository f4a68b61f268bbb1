"""A connection's streams: from Octavia's `sync_catalog` to the public API, and against what `discover` offers."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from airbyte_config_tool.findings import FieldPath
from airbyte_config_tool.specs import Fault

Json = dict[str, Any]
STREAMS: FieldPath = ("sync_catalog", "streams")

# Octavia kept the source's and the destination's half apart; the public API has one word for each pair that exists.
SYNC_MODES: dict[tuple[str, str], str] = {
    ("full_refresh", "overwrite"): "full_refresh_overwrite",
    ("full_refresh", "append"): "full_refresh_append",
    ("full_refresh", "overwrite_dedup"): "full_refresh_overwrite_deduped",
    ("full_refresh", "update"): "full_refresh_update",
    ("full_refresh", "soft_delete"): "full_refresh_soft_delete",
    ("incremental", "append"): "incremental_append",
    ("incremental", "append_dedup"): "incremental_deduped_history",
    ("incremental", "update"): "incremental_update",
    ("incremental", "soft_delete"): "incremental_soft_delete",
}
_NEEDS_KEY = ("overwrite_dedup", "append_dedup", "update")


def configured(configuration: Json) -> Iterator[tuple[int, Json, Json]]:
    """Position, `stream` and `config` of every stream, also of deselected ones."""
    catalog = configuration.get("sync_catalog")
    entries = catalog.get("streams") if isinstance(catalog, dict) else None
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            stream, config = entry.get("stream"), entry.get("config")
            yield number, stream if isinstance(stream, dict) else {}, config if isinstance(config, dict) else {}


def is_selected(config: Json) -> bool:
    """A stream counts as selected unless it says otherwise."""
    return config.get("selected") is not False


def sync_mode(config: Json) -> str | None:
    """The public API's word for a stream's two modes; None when the pair does not exist."""
    return SYNC_MODES.get((str(config.get("sync_mode")), str(config.get("destination_sync_mode"))))


def to_api(configuration: Json) -> list[Json]:
    """`configurations.streams` for the selected streams. The modes are taken to be checked."""
    result = []
    for _, stream, config in configured(configuration):
        if not is_selected(config):
            continue
        entry: Json = {"name": stream.get("name"), "syncMode": sync_mode(config)}
        if stream.get("namespace"):
            entry["namespace"] = stream["namespace"]
        if config.get("cursor_field") and config.get("sync_mode") == "incremental":
            entry["cursorField"] = config["cursor_field"]
        if config.get("primary_key"):
            entry["primaryKey"] = config["primary_key"]
        if config.get("field_selection_enabled") is not False and config.get("selected_fields"):
            entry["selectedFields"] = [{"fieldPath": f["field_path"]} for f in config["selected_fields"]]
        result.append(entry)
    return result


def from_api(stream: Json) -> Json:
    """A stream of the API as an entry of `sync_catalog`."""
    source, destination = next(pair for pair, mode in SYNC_MODES.items() if mode == stream["syncMode"])
    picked = [{"field_path": field["fieldPath"]} for field in stream.get("selectedFields") or []]
    config = {
        "sync_mode": source,
        "destination_sync_mode": destination,
        "cursor_field": stream.get("cursorField"),
        "primary_key": stream.get("primaryKey"),
        "selected_fields": picked,
    }
    named = {"name": stream["name"], **({"namespace": stream["namespace"]} if stream.get("namespace") else {})}
    return {"stream": named, "config": {key: value for key, value in config.items() if value}}


def check(configuration: Json, catalog: list[Json] | None, destination_modes: list[str] | None) -> Iterator[Fault]:
    """Faults of the stream list itself, then, where the catalog is known, against what the source offers."""
    offered = {str(s["name"]): s for s in catalog or []}
    seen: set[tuple[object, object]] = set()
    any_selected = False
    for number, stream, config in configured(configuration):
        here = (*STREAMS, number)
        name = stream.get("name")
        if not name:
            yield Fault((*here, "stream", "name"), "the stream has no name", "add `stream:` with a `name:`")
            continue
        if (name, stream.get("namespace")) in seen:
            yield Fault((*here, "stream", "name"), f"stream {name} is listed twice", "keep one of them")
        seen.add((name, stream.get("namespace")))
        if not is_selected(config):
            continue
        any_selected = True
        if sync_mode(config) is None:
            pairs = ", ".join(f"{source} + {destination}" for source, destination in SYNC_MODES)
            yield Fault(
                (*here, "config", "sync_mode"),
                f"stream {name}: sync_mode {config.get('sync_mode')} with destination_sync_mode "
                f"{config.get('destination_sync_mode')} does not exist",
                f"one of: {pairs}",
            )
            continue
        if destination_modes is not None and config["destination_sync_mode"] not in destination_modes:
            yield Fault(
                (*here, "config", "destination_sync_mode"),
                f"stream {name}: the destination does not support {config['destination_sync_mode']}",
                f"one of: {', '.join(destination_modes)}",
            )
        if catalog is None:
            continue
        if name not in offered:
            near = difflib.get_close_matches(str(name), offered, n=1)
            yield Fault(
                (*here, "stream", "name"),
                f"the source has no stream {name}",
                f"did you mean {near[0]}?" if near else f"it has: {', '.join(offered)}",
            )
            continue
        yield from _against(offered[name], config, (*here, "config"))
    if not any_selected:
        yield Fault(
            STREAMS,
            "no stream is selected; Airbyte would then sync every stream in full, overwriting each time",
            "list the streams to sync, as in a project made by `init`",
        )


def _against(offer: Json, config: Json, here: FieldPath) -> Iterator[Fault]:
    name = offer["name"]
    modes = offer.get("supported_sync_modes") or ["full_refresh"]
    if config["sync_mode"] not in modes:
        yield Fault((*here, "sync_mode"), f"stream {name} does not support {config['sync_mode']}", f"one of: {', '.join(modes)}")
        return
    schema = offer.get("json_schema") or {}
    cursor: list[str] = config.get("cursor_field") or []
    default_cursor: list[str] = offer.get("default_cursor_field") or []
    if config["sync_mode"] == "incremental":
        if offer.get("source_defined_cursor"):
            if cursor and cursor != default_cursor:
                yield Fault(
                    (*here, "cursor_field"),
                    f"stream {name}: the source sets the cursor itself, {'.'.join(default_cursor)}",
                    "delete cursor_field",
                )
        elif cursor and not _has_field(schema, cursor):
            yield Fault((*here, "cursor_field"), f"stream {name} has no field {'.'.join(cursor)}", _fields(schema))
        elif not cursor and not default_cursor:
            yield Fault((*here, "cursor_field"), f"stream {name} needs a cursor_field to sync incrementally", _fields(schema))
    key: list[list[str]] = config.get("primary_key") or []
    own_key: list[list[str]] = offer.get("source_defined_primary_key") or []
    if config["destination_sync_mode"] in _NEEDS_KEY:
        if key and own_key and key != own_key:
            shown = ", ".join(".".join(part) for part in own_key)
            yield Fault(
                (*here, "primary_key"), f"stream {name}: the source sets the primary key itself, {shown}", "delete primary_key"
            )
        elif not key and not own_key:
            yield Fault((*here, "primary_key"), f"stream {name} needs a primary_key to deduplicate", _fields(schema))
        for part in key if not own_key else []:
            if not _has_field(schema, part):
                yield Fault((*here, "primary_key"), f"stream {name} has no field {'.'.join(part)}", _fields(schema))
    yield from _selected_fields(name, schema, config, here, key or own_key, cursor or default_cursor)


def _selected_fields(
    name: str, schema: Json, config: Json, here: FieldPath, key: list[list[str]], cursor: list[str]
) -> Iterator[Fault]:
    """Only top-level fields can be picked, and the key and cursor must be among them."""
    picked = config.get("selected_fields")
    if config.get("field_selection_enabled") is False or not picked:
        return
    paths = [f.get("field_path") if isinstance(f, dict) else None for f in picked]
    for number, path in enumerate(paths):
        if not isinstance(path, list) or len(path) != 1 or not _has_field(schema, path):
            yield Fault(
                (*here, "selected_fields", number), f"stream {name}: not a top-level field of the stream", _fields(schema)
            )
    needed = [part[0] for part in key if config["destination_sync_mode"] in _NEEDS_KEY]
    needed += cursor[:1] if config["sync_mode"] == "incremental" else []
    for field in needed:
        if [field] not in paths:
            yield Fault(
                (*here, "selected_fields"), f"stream {name}: selected_fields leaves out {field}", f"add field_path: [{field}]"
            )


def _has_field(schema: Json, path: list[str]) -> bool:
    for part in path:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or part not in properties:
            return False
        schema = properties[part]
    return bool(path)


def _fields(schema: Json) -> str:
    names = list(schema.get("properties", {}))
    return f"its fields are: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
