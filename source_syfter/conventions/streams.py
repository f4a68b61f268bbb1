"""Streams: those of the manifest, and the collections that a user adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any

from source_syfter import problems
from source_syfter.conventions.edits import Component, expanded
from source_syfter.settings import Settings
from source_syfter.spec import name_of


def add(manifest: Component, settings: Settings) -> None:
    """Adds the streams of `additional_collections`. Raises a config error for a name that is taken."""
    for collection in added(manifest, settings):
        manifest["streams"].append(_stream(manifest["definitions"], collection, settings["conventions"]["id_field"]))


def added(manifest: Mapping[str, Any], settings: Settings) -> list[Settings]:
    """The additional collections. Raises a config error for a name that is taken."""
    taken = {name_of(stream) for stream in manifest["streams"]}
    for collection in settings["additional_collections"]:
        if collection["name"] in taken:
            raise problems.NAME_TAKEN(name=collection["name"])
        taken.add(collection["name"])
    return list(settings["additional_collections"])


def read_in_full(manifest: Component, names: set[str]) -> None:
    """Has the streams `names` read whole, without the cost of a cursor for each record (test_full_refresh_needs_no_cursor)."""
    definitions = manifest["definitions"]
    for place, stream in enumerate(manifest["streams"]):
        if name_of(stream) in names:
            whole = {**deepcopy(definitions["base_stream"]), **stream}
            whole.pop("$ref", None)
            _drop_cursor(definitions, whole)
            manifest["streams"][place] = whole


def _drop_cursor(definitions: Component, stream: Component) -> None:
    # No cursor, nothing to filter, and nothing to ask changes by.
    stream.pop("incremental_sync", None)
    retriever = stream["retriever"]
    expanded(definitions, retriever, "record_selector").pop("record_filter", None)
    expanded(definitions, retriever, "requester").pop("request_parameters", None)


def key_as_sent(collection: Settings, id_field: str) -> str:
    """The records' own name for the key of an additional collection."""
    return str(collection["primary_key"] if id_field == "id" else id_field)


def inline_schema(name: str) -> Component:
    """The schema file of a stream as a part of the manifest."""
    schema = json.loads(files("source_syfter").joinpath(f"schemas/{name}.json").read_bytes())
    return {"type": "InlineSchemaLoader", "schema": schema}


def _schema(collection: Settings) -> Component:
    # What is known of the records: their key and their cursor.
    properties: Component = {collection["primary_key"]: {"description": "Key of the record.", "type": ["integer", "string"]}}
    if collection["cursor_field"]:
        text = "When the record last changed. The cursor of the incremental sync."
        properties[collection["cursor_field"]] = {"description": text, "type": ["string", "integer", "null"]}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": True}
    return {"type": "InlineSchemaLoader", "schema": {**schema, "properties": properties}}


def skeleton(definitions: Component, collection: Settings) -> Component:
    """An additional collection as a stream, as far as package and bundle agree."""
    # `timestamp_format` is about the known fields; this cursor may be a number, too.
    formats = [*definitions["cursor"]["cursor_datetime_formats"], "%ms"]
    cursor = {**deepcopy(definitions["cursor"]), "cursor_field": collection["cursor_field"], "cursor_datetime_formats": formats}
    stream = {
        **deepcopy(definitions["base_stream"]),
        "$parameters": {"name": collection["name"], "collection": collection["path"]},
        "primary_key": [collection["primary_key"]],
        "incremental_sync": cursor if collection["cursor_field"] else None,
        "schema_loader": _schema(collection),
    }
    return {name: value for name, value in stream.items() if value is not None}


def _stream(definitions: Component, collection: Settings, id_field: str) -> Component:
    stream = skeleton(definitions, collection)
    as_sent = key_as_sent(collection, id_field)
    selector = expanded(definitions, stream["retriever"], "record_selector")
    selector["extractor"]["id_field"] = as_sent
    if collection["primary_key"] == as_sent:
        # The key is named as the records name it, so it keeps that name.
        stream["transformations"] = [each for each in stream["transformations"] if each != "#/definitions/rename_id"]
    if collection["cursor_field"]:
        selector["record_filter"]["cursor_field"] = collection["cursor_field"]
    else:
        _drop_cursor(definitions, stream)
    return stream
