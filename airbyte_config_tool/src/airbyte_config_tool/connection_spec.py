"""The form of a connection's `configuration`, as Octavia wrote it: a JSON Schema, so that it is checked as a connector's is."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_ANY: Json = {}
_TEXT: Json = {"type": "string"}
_SWITCH: Json = {"type": "boolean"}
_PATH = {**_list(_TEXT), "examples": ["[id]"]}
_PATHS = {**_list(_PATH), "examples": ["[[id]]"]}

_STREAM = _object(
    name=_TEXT,
    namespace=_TEXT,
    json_schema={"type": "object"},
    supported_sync_modes=_list(_TEXT),
    default_cursor_field=_PATH,
    source_defined_cursor=_SWITCH,
    source_defined_primary_key=_PATHS,
)
_CONFIG = _object(
    sync_mode=_TEXT,
    destination_sync_mode=_TEXT,
    cursor_field=_PATH,
    primary_key=_PATHS,
    alias_name=_TEXT,
    selected=_SWITCH,
    field_selection_enabled=_SWITCH,
    selected_fields=_list(_object(field_path=_PATH)),
)

# Values that have checks of their own, with a remedy of their own, are left open here.
CONNECTION_SPEC = _object(
    status=_TEXT,
    namespace_definition={"enum": ["source", "destination", "custom_format", "customformat"]},
    namespace_format=_TEXT,
    prefix=_TEXT,
    non_breaking_schema_updates_behavior={"enum": ["ignore", "disable_connection", "propagate_columns", "propagate_fully"]},
    schedule_type=_TEXT,
    schedule_data=_object(
        cron=_object(cron_expression=_TEXT, cron_time_zone=_TEXT),
        basic_schedule=_object(time_unit=_TEXT, units=_ANY),
    ),
    sync_catalog=_object(streams=_list(_object(stream=_STREAM, config=_CONFIG))),
    # Gone, and told as such.
    operations=_ANY,
    skip_reset=_ANY,
    resource_requirements=_ANY,
    schedule=_ANY,
)


def without_nulls(value: Any) -> Any:
    """A copy without empty fields: Octavia wrote out every optional field of a connection, and they are not sent."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
