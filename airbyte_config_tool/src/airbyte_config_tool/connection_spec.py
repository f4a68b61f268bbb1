"""The form of a connection's and a workspace's `configuration`, as JSON Schemas, so that they are checked as a connector's is."""

from __future__ import annotations

from typing import Any

from airbyte_config_tool.octavia import REMOVED

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
    suggested=_SWITCH,  # what Airbyte proposed; `selected` says what is
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
    # Octavia's names, as its `import` wrote them.
    geography={"enum": ["auto", "us", "eu"]},
    non_breaking_changes_preference={"enum": ["ignore", "disable", "propagate_columns", "propagate_fully"]},
    # Gone, and told as such.
    **dict.fromkeys((*REMOVED, "schedule"), _ANY),
)

_CHANNELS = _object(email=_object(enabled=_SWITCH), webhook=_object(enabled=_SWITCH, url=_TEXT))
_EVENTS = (
    "failure",
    "success",
    "connection_update",
    "connection_update_action_required",
    "sync_disabled",
    "sync_disabled_warning",
)
WORKSPACE_SPEC = _object(notifications=_object(**dict.fromkeys(_EVENTS, _CHANNELS)))
