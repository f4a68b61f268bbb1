"""The known fields of a record: the name of its key, and the form of its timestamps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Optional

from source_syfter.components.naming import singular, snake_case
from source_syfter.conventions.edits import Assumption, Component
from source_syfter.probing import bodies
from source_syfter.probing.instance import Instance
from source_syfter.probing.names import CHANGED
from source_syfter.settings import Settings

# What the probe tries, likeliest first.
_KEYS = ["id", "_id", "uuid", "guid", "key", "ID", "Id", "UUID", "_key", "pk", "uid"]
_LIKE_A_KEY = re.compile(
    r"(^|_)(\w?id|key|uuid|guid|code|reference|ref|slug|number|no|num|ident|identifier|uri|url|href|handle)$"
)
_SURELY_A_KEY = re.compile(r"(^|_)(\w?id|uuid|guid|key|ident(ifier)?)$")
# How many records are asked for to see whether another field is one, and how many have to come.
_MANY, _ENOUGH = 100, 10
# Likeliest first, each on its own.
_CREATED = [re.compile(r"creat|insert|made|(^|_)add(ed)?(_|$)")]
_UPDATED = [
    CHANGED,
    re.compile("last_?activity"),
]


ASSUMED = [
    Assumption(
        "names of fields",
        "snake case, at the top level of a record; foreign keys end in `_id`",
        "E",
        "Node-RED nodes, coding test",
        ("conventions.field_names", "conventions.fields_path", "collections[].fields"),
    ),
    Assumption(
        "key of a record",
        "`id`, an integer. The Node-RED nodes read `_id` from events of 2020",
        "A",
        "",
        ("conventions.id_field", "collections[].primary_key"),
    ),
    Assumption(
        "`created_at`, `updated_at`",
        "on every record; without `updated_at`, records are read and emitted again each time",
        "A",
        "",
        ("conventions.created_at_field", "conventions.updated_at_field", "collections[].cursor_field"),
    ),
    Assumption(
        "instants",
        "ISO 8601; UTC and milliseconds are usual, other offsets and fractions are read too",
        "I",
        "the service is JavaScript",
        ("conventions.timestamp_format",),
    ),
]


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
        known = [name for name in definitions["known_timestamps"]["fields"] if name in fields]
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
    """Finds the key that most collections have, then those of collections called after them, and where there is none."""
    snake = instance.conventions["field_names"] == "snake_case"
    for name in dict.fromkeys([instance.key_field(instance.main), *_KEYS]):
        sent = next((each for each in instance.sample[0] if each == name or (snake and snake_case(each) == name)), name)
        values = [record.get(sent) for record in instance.sample]
        if all(type(value) in (int, str) for value in values) and len(set(values)) == len(values):
            # What snake_case makes "id" of needs no setting.
            instance.conventions["id_field"] = sent if not (snake and snake_case(sent) == "id") else "id"
            is_text = any(isinstance(value, str) for value in values)
            instance.conclude("key of a record", "id_field", f'"{sent}", {"text" if is_text else "a number"}')
            break
    else:
        shared = _shared_key(instance)
        if shared:
            instance.conventions["id_field"] = shared
            instance.conclude("key of a record", "id_field", f'"{shared}", which tells the records of every collection apart')
    bare = []
    for name in instance.paths:
        records = instance.records(instance.first(name)) or []
        key = instance.sent_key(name, records)
        # Of what has no field that is known, nobody knows that it is a record: without its key it is not read.
        if records and key and all(record.get(key) is None for record in records) and instance.known(name, records[0]):
            own = _own_key(name, records[0])
            instance.differs(name, "primary_key", own or "none")
            bare += [] if own else [name]
    if bare:
        like = [f'"{name}"' for name in instance.sample[0] if _LIKE_A_KEY.search(snake_case(name))]
        text = f"none that is sure in {', '.join(bare)}: a destination cannot deduplicate these. If there is one, set its name"
        text += f"; perhaps {' or '.join(like)}" if like else ""
        instance.note("key of a record", "note", text, "collections[].primary_key")


def _shared_key(instance: Instance) -> Optional[str]:
    """The field that is called like a key, that no schema knows, and that tells the records of every collection apart.

    A code, a number or an address often is one but need not be: it has to hold for many records.
    """
    samples = {name: rows for name in instance.paths if (rows := instance.records(instance.first(name)))}
    if sum(len(rows) > 1 for rows in samples.values()) < 2:
        return None
    many: list[Sequence[Mapping[str, object]]] = []
    for field in samples[instance.main][0]:
        plain = snake_case(field)
        if not _LIKE_A_KEY.search(plain) or any(plain in instance.schemas.get(name, ()) for name in samples):
            continue
        if not all(_tells_apart(rows, field) for rows in samples.values()):
            continue
        if _SURELY_A_KEY.search(plain):
            return field
        for name in (name for name in (instance.main, *samples) if not many):
            # The first list that is long enough.
            rows = instance.records(instance.ask(name, instance.size(_MANY))) or []
            many += [rows] if len(rows) >= _ENOUGH else []
        if many and _tells_apart(many[0], field):
            return field
    return None


def _tells_apart(rows: Sequence[Mapping[str, object]], field: str) -> bool:
    values = [row.get(field) for row in rows]
    return {*map(type, values)} <= {int, str} and len({*values}) == len(values)


def _own_key(name: str, record: Mapping[str, object]) -> Optional[str]:
    """The key of a collection that is called after it, as company_id."""
    stem = singular(name)
    known = {f"{start}_{end}" for start in (stem, name) for end in ("id", "uuid", "guid", "key", "no", "number", "code")}
    return next((sent for sent in record if snake_case(sent) in known), None)


def _find_timestamps(instance: Instance) -> None:
    snake = instance.conventions["field_names"] == "snake_case"
    samples = [rows for name in instance.paths if (rows := instance.records(instance.first(name)))]
    found: dict[str, str] = {}
    for setting, patterns in (("created_at_field", _CREATED), ("updated_at_field", _UPDATED)):
        assumed = instance.conventions[setting]
        named = [name for rows in samples for name in rows[0] if assumed in (name, snake_case(name) if snake else name)]
        alike = ([(rows, name) for rows in samples for name in rows[0] if each.search(snake_case(name))] for each in patterns)
        dated = next(
            filter(None, ([name for rows, name in rows_and_names if _is_dated(rows, name)] for rows_and_names in alike)), []
        )
        if named or dated:
            names = named or dated
            # What most collections have, and the shortest of those.
            found[setting] = min(names, key=lambda name: (-names.count(name), len(name)))
        if not named and (dated or setting == "updated_at_field"):
            instance.conventions[setting] = found.get(setting, "")
            text = f'"{found[setting]}"' if dated else "none: each sync reads everything again"
            instance.conclude(setting.replace("_", " "), setting, text)
    names = [*found.values(), "published_at"]
    values = [record[name] for rows in samples for record in rows for name in names if record.get(name) is not None]
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


def _is_dated(rows: Sequence[Mapping[str, object]], name: str) -> bool:
    return bool(bodies.timestamp_form([row[name] for row in rows if row.get(name) is not None])[0])
