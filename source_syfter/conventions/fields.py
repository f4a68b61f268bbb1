"""The known fields of a record: the name of its key, and the form of its timestamps."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from source_syfter.conventions.edits import Component, reference, replace
from source_syfter.probing import bodies
from source_syfter.probing.instance import Instance
from source_syfter.settings import Settings

# What the probe tries, likeliest first.
_KEYS = ["id", "_id", "uuid", "guid", "key", "ID", "Id"]


def tailor(definitions: Component, settings: Settings) -> None:
    """Adds the transformation that the timestamps need; names are the extractor's matter."""
    needed = ["epoch_to_iso"] if settings["conventions"]["timestamp_format"] != "iso8601" else []
    replace(definitions, "base_stream", "transformations", value=[reference(name) for name in needed])


def renames(settings: Settings, collection: Settings) -> dict[str, str]:
    """The fields of a stream that get another name, by the name as sent. `collection`: what differs there."""
    conventions = settings["conventions"]
    key = collection["primary_key"] or conventions["id_field"]
    changed = collection["cursor_field"] or conventions["updated_at_field"]
    known = {"id": "" if key == "none" else key, "created_at": conventions["created_at_field"], "updated_at": changed}
    return {
        **{sent: name for name, sent in known.items() if sent and sent != name},
        **{each["name"]: each["as"] for each in collection["fields"] if each["as"]},
    }


def transformations(
    definitions: Component, settings: Settings, fields: Collection[str], names: Mapping[str, str]
) -> list[Component]:
    """The transformations of a stream in stock parts. `fields`: those that it has; `names`: those renamed, as sent."""
    parts: list[Component] = []
    if names:
        added = [_added(name, f"{{{{ record.get({json.dumps(sent)}) | tojson }}}}") for sent, name in names.items()]
        parts.append({"type": "AddFields", "fields": added})
        parts.append({"type": "RemoveFields", "field_pointers": [[sent] for sent in names]})
    form = settings["conventions"]["timestamp_format"]
    if form != "iso8601":
        known = [name for name in definitions["epoch_to_iso"]["fields"] if name in fields]
        units = 1000 if form == "epoch_ms" else 1
        parts.append({"type": "AddFields", "fields": [_added(name, _iso(name, units)) for name in known]})
    return parts


def _added(name: str, value: str) -> Component:
    return {"type": "AddedFieldDefinition", "path": [name], "value": value}


def _iso(name: str, units: int) -> str:
    moment = f"now_utc().fromtimestamp(record['{name}'] / {units}, now_utc().tzinfo)"
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
    if form:
        instance.conventions["timestamp_format"] = form
        instance.conclude("timestamps", "timestamp_format", text)
    elif values:
        instance.note("timestamps", "fault", f"{text}, which the connector cannot read")
    if not any(record.get("updated_at") for record in instance.sample):
        instance.note("timestamps", "note", "no updated_at in the records: each sync reads everything again")
