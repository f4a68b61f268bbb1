"""The known fields of a record: the name of its key, and the form of its timestamps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Optional

from source_syfter.components.naming import snake_case
from source_syfter.conventions.edits import Component, reference, replace
from source_syfter.probing import bodies
from source_syfter.probing.instance import Instance
from source_syfter.settings import Settings

# What the probe tries, likeliest first.
_KEYS = ["id", "_id", "uuid", "guid", "key", "ID", "Id", "UUID", "_key", "pk", "uid"]
_LIKE_A_KEY = re.compile(r"(^|_)(id|key|uuid|guid|code|reference|ref|slug|number|no)$")
_CREATED = re.compile(r"creat|insert|made|added")
_UPDATED = re.compile(r"updat|modif|chang")


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
        added = [_added(name, _sent(sent)) for sent, name in names.items()]
        parts.append({"type": "AddFields", "fields": added})
        parts.append({"type": "RemoveFields", "field_pointers": [[sent] for sent in names]})
    form = settings["conventions"]["timestamp_format"]
    if form != "iso8601":
        known = [name for name in definitions["epoch_to_iso"]["fields"] if name in fields]
        units = 1000 if form == "epoch_ms" else 1
        parts.append({"type": "AddFields", "fields": [_added(name, _iso(name, units)) for name in known]})
    return parts


def _sent(name: str) -> str:
    # Texts as JSON, which keeps "1e5" a text; an absent field stays absent.
    value = f"record.get({json.dumps(name)})"
    return f"{{{{ ({value} | tojson) if {value} is string else {value} }}}}"


def _added(name: str, value: str) -> Component:
    return {"type": "AddedFieldDefinition", "path": [name], "value": value}


def _iso(name: str, units: int) -> str:
    moment = f"now_utc().fromtimestamp(record['{name}'] / {units}, now_utc().tzinfo)"
    text = f"{moment}.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3] ~ 'Z'"
    return f"{{{{ {text} if record.get('{name}') is number else record.get('{name}') }}}}"


def probe(instance: Instance) -> None:
    """Finds the object that holds the fields, the case of their names, the key of a record, and its timestamps."""
    _find_fields(instance)
    _find_key(instance)
    _find_timestamps(instance)


def _find_fields(instance: Instance) -> None:
    schema, record = instance.schemas.get(instance.main, set()), instance.sample[0]

    def known(names: Iterable[str], case: Callable[[str], str] = snake_case) -> int:
        return len({case(name) for name in names} & schema)

    inner = {name: value for name, value in record.items() if isinstance(value, dict) and name not in schema}
    best = max(inner, key=lambda name: known(inner[name]), default=None)
    if best is not None and known(inner[best]) > known(record):
        instance.conventions["fields_path"] = bodies.escaped([best])[0]
        instance.conclude("fields", "fields_path", f'within "{best}"')
        instance.sample_from(instance.answer)
        record = instance.sample[0]
    if known(record) > known(record, str):
        instance.conventions["field_names"] = "snake_case"
        instance.conclude("names of fields", "field_names", "in another case")


def _find_key(instance: Instance) -> None:
    snake = instance.conventions["field_names"] == "snake_case"
    for name in dict.fromkeys([instance.key_field(instance.main), *_KEYS]):
        sent = next((each for each in instance.sample[0] if each == name or (snake and snake_case(each) == name)), name)
        values = [record.get(sent) for record in instance.sample]
        if all(type(value) in (int, str) for value in values) and len(set(values)) == len(values):
            # What snake_case makes "id" of needs no setting.
            instance.conventions["id_field"] = sent if not (snake and snake_case(sent) == "id") else "id"
            is_text = any(isinstance(value, str) for value in values)
            instance.conclude("key of a record", "id_field", f'"{sent}", {"text" if is_text else "a number"}')
            if is_text:
                text = "text, where the schema says integer: a destination with typed columns may leave it empty or refuse it"
                instance.note("key of a record", "note", text)
            return
    own = {name: _own_key(instance, name) for name in instance.paths}
    if own[instance.main]:
        for name, key in own.items():
            if key:
                instance.differs(name, "primary_key", key)
    elif not any(
        re.search(r"(^|_)(id|key|uuid|guid|code|reference|ref|slug|number|no)$", snake_case(name)) for name in instance.sample[0]
    ):
        for name in instance.paths:
            instance.differs(name, "primary_key", "none")
    else:
        text = "no field of the records is a key; set conventions.id_field to its name"
        instance.note("key of a record", "fault", text, "conventions.id_field")


def _own_key(instance: Instance, name: str) -> Optional[str]:
    """The key of a collection that is called after it, as company_id."""
    records = instance.records(instance.first(name)) or []
    stem = re.sub(r"ies$", "y", name) if name.endswith("ies") else re.sub(r"s$", "", name)
    for sent in records[0] if records else ():
        if snake_case(sent) in {f"{start}_{end}" for start in (stem, name) for end in ("id", "uuid", "key", "no", "code")}:
            return str(sent)
    return None


def _find_timestamps(instance: Instance) -> None:
    record, snake = instance.sample[0], instance.conventions["field_names"] == "snake_case"
    found: dict[str, str] = {}
    for setting, pattern in (("created_at_field", _CREATED), ("updated_at_field", _UPDATED)):
        assumed = instance.conventions[setting]
        if any(assumed in (name, snake_case(name) if snake else name) for name in record):
            found[setting] = next(name for name in record if assumed in (name, snake_case(name) if snake else name))
            continue
        dated = [name for name in record if pattern.search(snake_case(name)) and bodies.timestamp_form([record[name]])[0]]
        if dated:
            found[setting] = instance.conventions[setting] = min(dated, key=len)
            instance.conclude(setting.replace("_", " "), setting, f'"{found[setting]}"')
    names = [*found.values(), "published_at"]
    values = [record[name] for record in instance.sample for name in names if record.get(name) is not None]
    form, text = bodies.timestamp_form(values)
    if form:
        same = instance.conventions["updated_since_format"] == instance.conventions["timestamp_format"]
        instance.conventions["timestamp_format"] = form
        instance.conclude("timestamps", "timestamp_format", text)
        if same:
            # As the connector, which asks in the form of the timestamps where nothing else is said.
            instance.conventions["updated_since_format"] = instance.assumed["updated_since_format"] = form
    elif values:
        instance.note("timestamps", "fault", f"{text}, which the connector cannot read")
    if "updated_at_field" not in found or not any(record.get(found["updated_at_field"]) for record in instance.sample):
        instance.note("timestamps", "note", "no updated_at in the records: each sync reads everything again")
