"""Streams: those of the manifest, and the collections that a user adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any, Optional

from source_syfter import problems
from source_syfter.components.naming import FieldNames
from source_syfter.conventions.address import parameters_of
from source_syfter.conventions.edits import Component, expanded
from source_syfter.settings import Settings
from source_syfter.spec import name_of


def tailor(manifest: Component, settings: Settings) -> None:
    """Sets what differs at single streams, and adds new ones. Raises a config error as `collections` does."""
    definitions, known = manifest["definitions"], {name_of(stream): place for place, stream in enumerate(manifest["streams"])}
    undated = not settings["conventions"]["updated_at_field"]
    own = {each["name"]: each for each in collections(manifest, settings)}
    for name, place in known.items():
        if name in own or undated:
            manifest["streams"][place] = _own_stream(definitions, manifest["streams"][place], own.get(name), undated)
    manifest["streams"] += [_new_stream(definitions, each, settings) for name, each in own.items() if name not in known]


def collections(manifest: Mapping[str, Any], settings: Settings) -> list[Settings]:
    """What is set of single collections, new ones included. Raises a config error for names that clash, and for gaps."""
    known = {name_of(stream).lower() for stream in manifest["streams"]}
    for collection in settings["additional_collections"]:
        if collection["name"].lower() in known:
            raise problems.NAME_TAKEN(name=collection["name"])
    found = [*settings["collections"], *settings["additional_collections"]]
    exact, seen = {name_of(stream) for stream in manifest["streams"]}, set[str]()
    for collection in found:
        name = collection["name"]
        if name.lower() in seen or (name.lower() in known and name not in exact):
            raise problems.NAME_TWICE(name=name)
        seen.add(name.lower())
        if name not in exact and not (collection["path"] and collection["primary_key"]):
            raise problems.INCOMPLETE_COLLECTION(name=name)
    return found


def read_in_full(manifest: Component, names: set[str]) -> None:
    """Has the streams `names` read whole, without the cost of a cursor for each record (test_full_refresh_needs_no_cursor)."""
    definitions = manifest["definitions"]
    for place, stream in enumerate(manifest["streams"]):
        if name_of(stream) in names:
            manifest["streams"][place] = whole = complete_stream(definitions, stream)
            _drop_cursor(definitions, whole)


def complete_stream(definitions: Component, stream: Component) -> Component:
    """A stream with all of its parts, so that they can be edited."""
    found = {**deepcopy(definitions["base_stream"]), **stream}
    found.pop("$ref", None)
    return found


def _drop_cursor(definitions: Component, stream: Component) -> None:
    # No cursor, nothing to filter, and nothing to ask changes by.
    stream.pop("incremental_sync", None)
    retriever = stream["retriever"]
    expanded(definitions, retriever, "record_selector").pop("record_filter", None)
    parameters = parameters_of(expanded(definitions, retriever, "requester"))
    for name in definitions["updated_since_parameters"]:
        parameters.pop(name, None)


def _own_stream(definitions: Component, stream: Component, own: Optional[Settings], undated: bool) -> Component:
    """A stream of the manifest with what differs there."""
    found = complete_stream(definitions, stream)
    if own:
        extractor = _place(definitions, found, own)
        if own["path"]:
            found["$parameters"] = {**stream["$parameters"], "collection": own["path"]}
        if own["primary_key"]:
            extractor["known_fields"]["id"] = own["primary_key"]
        if own["primary_key"] == "none":
            extractor["known_fields"]["id"] = extractor["primary_key"] = ""
            del found["primary_key"]
        if own["cursor_field"]:
            extractor["known_fields"]["updated_at"] = own["cursor_field"]
    if own and own["primary_key"]:
        _key_as_token(definitions, found, own["primary_key"])
    if undated and not (own and own["cursor_field"]):
        _drop_cursor(definitions, found)
    elif isinstance(found.get("incremental_sync"), str):
        expanded(definitions, found, "incremental_sync")
    return found


def _key_as_token(definitions: Component, stream: Component, key: str) -> None:
    # With paging by the last record, where no field is set, its key leads on.
    strategy = expanded(definitions, stream["retriever"], "paginator").get("pagination_strategy", {})
    if "key" in strategy:
        strategy["key"] = "" if key == "none" else key


def _place(definitions: Component, stream: Component, own: Settings) -> Component:
    """Sets where the records of a stream lie and which fields get another name; returns its extractor."""
    extractor: Component = expanded(definitions, stream["retriever"], "record_selector")["extractor"]
    if own["records_path"] is not None:
        extractor["records_path"] = own["records_path"]
    extractor["renames"] = {each["name"]: each["as"] for each in own["fields"] if each["as"]}
    return extractor


def names_of(collection: Settings, settings: Settings) -> FieldNames:
    """The names that the fields of a new stream get: those that it declares keep theirs, but for the conventions."""
    conventions = settings["conventions"]
    known = {conventions["id_field"]: "id"} if collection["primary_key"] == "id" else {}
    if collection["cursor_field"] == "updated_at":
        known[conventions["updated_at_field"]] = "updated_at"
    return FieldNames(
        {
            **{sent: name for sent, name in known.items() if sent and sent != name},
            **{each["name"]: each["as"] for each in collection["fields"] if each["as"]},
        },
        conventions["field_names"] == "snake_case",
    )


def inline_schema(name: str) -> Component:
    """The schema file of a stream as a part of the manifest."""
    schema = json.loads(files("source_syfter").joinpath(f"schemas/{name}.json").read_bytes())
    return {"type": "InlineSchemaLoader", "schema": schema}


def new_stream(definitions: Component, collection: Settings, key: str, cursor_field: Optional[str]) -> Component:
    """A new stream, as far as package and bundle agree. `key` and `cursor_field`: as they are emitted; empty: there is none."""
    # `timestamp_format` is about the known fields; this cursor may be a number, too.
    formats = [*definitions["cursor"]["cursor_datetime_formats"], "%ms"]
    cursor = {**deepcopy(definitions["cursor"]), "cursor_field": cursor_field, "cursor_datetime_formats": formats}
    stream = {
        **deepcopy(definitions["base_stream"]),
        "$parameters": {"name": collection["name"], "collection": collection["path"]},
        "primary_key": [key] if key else None,
        "incremental_sync": cursor if cursor_field else None,
        "schema_loader": _schema(key, cursor_field),
    }
    return {name: value for name, value in stream.items() if value is not None}


def emitted(collection: Settings, names: FieldNames) -> tuple[str, Optional[str]]:
    """The key and the cursor of a new stream, as they are emitted; an empty key: there is none."""
    key, cursor_field = collection["primary_key"], collection["cursor_field"]
    return "" if key == "none" else names.of(key), names.of(cursor_field) if cursor_field else None


def _schema(key: str, cursor_field: Optional[str]) -> Component:
    # What is known of the records: their key and their cursor.
    properties: Component = {key: {"description": "Key of the record.", "type": ["integer", "string"]}} if key else {}
    if cursor_field:
        text = "When the record last changed. The cursor of the incremental sync."
        properties[cursor_field] = {"description": text, "type": ["string", "integer", "null"]}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": True}
    return {"type": "InlineSchemaLoader", "schema": {**schema, "properties": properties}}


def _new_stream(definitions: Component, collection: Settings, settings: Settings) -> Component:
    key, cursor_field = emitted(collection, names_of(collection, settings))
    stream = new_stream(definitions, collection, key, cursor_field)
    extractor = _place(definitions, stream, collection)
    known = extractor["known_fields"]
    # What a new stream declares keeps its name, so only what it calls as the connector does is renamed.
    extractor["known_fields"] = {
        **({"id": known["id"]} if key == "id" else {}),
        **({"updated_at": known["updated_at"]} if cursor_field == "updated_at" else {}),
    }
    extractor["primary_key"] = key
    _key_as_token(definitions, stream, collection["primary_key"])
    if cursor_field:
        expanded(definitions, stream["retriever"], "record_selector")["record_filter"]["cursor_field"] = cursor_field
        if settings["conventions"]["timestamp_format"] == "epoch_s":
            # A number in seconds would be read as milliseconds.
            part = deepcopy(definitions["epoch_to_iso"])
            stream["transformations"] = [{**part, "fields": [*part["fields"], cursor_field]}]
    else:
        _drop_cursor(definitions, stream)
    return stream
