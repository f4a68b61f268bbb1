"""The known fields of a record: the name of its key, and the form of its timestamps."""

from __future__ import annotations

import json
from collections.abc import Collection

from source_syfter.conventions.edits import Component, reference, replace
from source_syfter.probing import bodies
from source_syfter.probing.instance import Instance
from source_syfter.settings import Settings

# What the probe tries, likeliest first.
_KEYS = ["id", "_id", "uuid", "guid", "key", "ID", "Id"]


def tailor(definitions: Component, settings: Settings) -> None:
    """Adds the transformations that the records need."""
    replace(definitions, "base_stream", "transformations", value=[reference(name) for name in _needed(settings)])


def _needed(settings: Settings) -> list[str]:
    conventions = settings["conventions"]
    needed = {"rename_id": conventions["id_field"] != "id", "epoch_to_iso": conventions["timestamp_format"] == "epoch_ms"}
    return [name for name, applies in needed.items() if applies]


def transformations(definitions: Component, settings: Settings, fields: Collection[str], renamed: bool = True) -> list[Component]:
    """The transformations of a stream in stock parts. `fields`: those that it has; `renamed`: whether its key becomes `id`."""
    needed, id_field = _needed(settings), settings["conventions"]["id_field"]
    parts: list[Component] = []
    if "rename_id" in needed and renamed:
        value = f"{{{{ record[{json.dumps(id_field)}] | tojson }}}}"
        parts.append({"type": "AddFields", "fields": [{"type": "AddedFieldDefinition", "path": ["id"], "value": value}]})
        parts.append({"type": "RemoveFields", "field_pointers": [[id_field]]})
    if "epoch_to_iso" in needed:
        names = [name for name in definitions["epoch_to_iso"]["fields"] if name in fields]
        added = [{"type": "AddedFieldDefinition", "path": [name], "value": _iso(name)} for name in names]
        parts.append({"type": "AddFields", "fields": added})
    return parts


def _iso(name: str) -> str:
    moment = f"now_utc().fromtimestamp(record['{name}'] / 1000, now_utc().tzinfo)"
    text = f"{moment}.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3] ~ 'Z'"
    return f"{{{{ {text} if record.get('{name}') is number else record.get('{name}') }}}}"


def probe(instance: Instance) -> None:
    """Finds the field that tells records apart, and the form of timestamps."""
    _find_key(instance)
    _find_timestamps(instance)


def _find_key(instance: Instance) -> None:
    for name in dict.fromkeys([instance.conventions["id_field"], *_KEYS]):
        values = [record.get(name) for record in instance.sample]
        if all(type(value) in (int, str) for value in values) and len(set(values)) == len(values):
            instance.conventions["id_field"] = name
            is_text = any(isinstance(value, str) for value in values)
            instance.conclude("key of a record", "id_field", f'"{name}", {"text" if is_text else "a number"}')
            if is_text:
                text = "text, where the schema says integer: a destination with typed columns may leave it empty or refuse it"
                instance.note("key of a record", "note", text)
            return
    text = "no field of the records is a key; set conventions.id_field to its name"
    instance.note("key of a record", "fault", text, "conventions.id_field")


def _find_timestamps(instance: Instance) -> None:
    names = instance.manifest["definitions"]["epoch_to_iso"]["fields"]
    values = [record[name] for record in instance.sample for name in names if record.get(name) is not None]
    form, text = bodies.timestamp_form(values)
    if form in ("iso8601", "epoch_ms"):
        instance.conventions["timestamp_format"] = form
        instance.conclude("timestamps", "timestamp_format", text)
    elif values:
        instance.note("timestamps", "fault", f"{text}, which the connector cannot read")
    if not any(record.get("updated_at") for record in instance.sample):
        instance.note("timestamps", "note", "no updated_at in the records: each sync reads everything again")
