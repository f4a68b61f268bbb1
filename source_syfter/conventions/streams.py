"""Streams: those of the manifest, and the collections that a user adds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from importlib.resources import files
from typing import Any, Optional

from source_syfter import problems
from source_syfter.components.listing import Listing
from source_syfter.conventions.address import parameters_of
from source_syfter.conventions.edits import Component, expanded
from source_syfter.fieldtypes import PINNED
from source_syfter.settings import Settings
from source_syfter.spec import name_of


def tailor(manifest: Component, settings: Settings) -> None:
    """Sets what differs at single streams, and adds new ones. Raises a config error as `collections` does."""
    definitions, undated = manifest["definitions"], not settings["conventions"]["updated_at_field"]
    for place, listing in enumerate(listings(manifest, settings)):
        if listing.is_new:
            manifest["streams"].append(_new_stream(definitions, listing, settings))
        elif listing.differs or undated:
            manifest["streams"][place] = _own_stream(definitions, manifest["streams"][place], listing)


def listings(manifest: Mapping[str, Any], settings: Settings) -> list[Listing]:
    """All streams under these settings: first those of `manifest`, then new ones. Raises a config error as `collections` does."""
    own = {each["name"]: each for each in collections(manifest, settings)}
    known = [name_of(stream) for stream in manifest["streams"]]
    names = [*known, *(name for name in own if name not in known)]
    found = [Listing.of(name, own.get(name, {}), settings["conventions"], name not in known) for name in names]
    for listing in found:
        if not listing.is_new:
            _check_names(listing, own.get(listing.name, {}).get("fields") or [])
    return found


def _check_names(listing: Listing, fields: list[Settings]) -> None:
    """Raises a config error where the key or the cursor of a stream above would lose its name, and with it what it is for."""
    given = {each["name"]: each["as"] for each in fields if each.get("as")}
    for name, sent in (("id", listing.key), ("updated_at", listing.cursor)):
        if given.get(sent, name) != name and name not in given.values():
            raise problems.NAME_LOST(stream=listing.name, field=sent, name=name)


def collections(manifest: Mapping[str, Any], settings: Settings) -> list[Settings]:
    """What is set of single collections, new ones included. Raises a config error for names that clash, and for gaps."""
    known = {name_of(stream).lower() for stream in manifest["streams"]}
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


def cursor_fields(manifest: Mapping[str, Any]) -> dict[str, Optional[str]]:
    """Each stream's cursor field; None for a stream that is read whole."""
    default = manifest["definitions"]["cursor"]["cursor_field"]
    return {
        name_of(stream): default if "$ref" in stream else stream.get("incremental_sync", {}).get("cursor_field")
        for stream in manifest["streams"]
    }


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


def own_stream(definitions: Component, stream: Component, listing: Listing) -> Component:
    """A stream of the manifest with what differs there, as far as package and bundle agree."""
    found = complete_stream(definitions, stream)
    if listing.path:
        found["$parameters"] = {**stream["$parameters"], "collection": listing.path}
    if not listing.key:
        del found["primary_key"]
    if not listing.cursor:
        del found["incremental_sync"]
    return found


def _own_stream(definitions: Component, stream: Component, listing: Listing) -> Component:
    found = own_stream(definitions, stream, listing)
    extractor = _place(definitions, found, listing)
    extractor["known_fields"] |= {"id": listing.key, "updated_at": listing.cursor}
    if not listing.key:
        extractor["primary_key"] = ""
    _key_as_token(definitions, found, listing)
    if not listing.cursor:
        _drop_cursor(definitions, found)
    elif isinstance(found["incremental_sync"], str):
        expanded(definitions, found, "incremental_sync")
    return found


def _key_as_token(definitions: Component, stream: Component, listing: Listing) -> None:
    # With paging by the last record, where no field is set, its key leads on.
    strategy = expanded(definitions, stream["retriever"], "paginator").get("pagination_strategy", {})
    if "key" in strategy:
        strategy["key"] = listing.key


def _place(definitions: Component, stream: Component, listing: Listing) -> Component:
    """Sets where the records of a stream lie and which fields get another name; returns its extractor."""
    extractor: Component = expanded(definitions, stream["retriever"], "record_selector")["extractor"]
    extractor |= {"records_path": listing.records_path, "renames": listing.names.renames}
    return extractor


def inline_schema(name: str) -> Component:
    """The schema file of a stream as a part of the manifest."""
    schema = json.loads(files("source_syfter").joinpath(f"schemas/{name}.json").read_bytes())
    return {"type": "InlineSchemaLoader", "schema": schema}


def pin(schema: Component, listing: Listing) -> None:
    """Gives fields the types that a user has pinned."""
    properties = schema["properties"]
    for name, kind in listing.pinned.items():
        described = properties.get(name, {}).get("description", "Its type is set in the configuration.")
        properties[name] = {"description": described, **PINNED[kind]}


def new_stream(definitions: Component, listing: Listing) -> Component:
    """A new stream, as far as package and bundle agree."""
    # `timestamp_format` is about the known fields; this cursor may be in another form, and a number, too.
    formats = [*definitions["cursor"]["cursor_datetime_formats"], "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d", "%ms"]
    key, cursor_field = listing.emitted_key, listing.emitted_cursor
    cursor = {**deepcopy(definitions["cursor"]), "cursor_field": cursor_field, "cursor_datetime_formats": formats}
    stream = {
        **deepcopy(definitions["base_stream"]),
        "$parameters": {"name": listing.name, "collection": listing.path},
        "primary_key": [key] if key else None,
        "incremental_sync": cursor if cursor_field else None,
        "schema_loader": _schema(key, cursor_field),
    }
    return {name: value for name, value in stream.items() if value is not None}


def _schema(key: str, cursor_field: str) -> Component:
    # What is known of the records: their key and their cursor.
    properties: Component = {key: {"description": "Key of the record.", "type": ["integer", "string"]}} if key else {}
    if cursor_field:
        text = "When the record last changed. The cursor of the incremental sync."
        properties[cursor_field] = {"description": text, "type": ["string", "integer", "null"]}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": True}
    return {"type": "InlineSchemaLoader", "schema": {**schema, "properties": properties}}


def _new_stream(definitions: Component, listing: Listing, settings: Settings) -> Component:
    stream = new_stream(definitions, listing)
    extractor = _place(definitions, stream, listing)
    # What a new stream declares keeps its name: `renames` has those that do not.
    extractor |= {"known_fields": {listing.emitted_key: listing.key} if listing.key else {}, "primary_key": listing.emitted_key}
    _key_as_token(definitions, stream, listing)
    extractor["cursor_field"] = cursor_field = listing.emitted_cursor
    if cursor_field:
        expanded(definitions, stream["retriever"], "record_selector")["record_filter"]["cursor_field"] = cursor_field
        if settings["conventions"]["timestamp_format"] == "epoch_s":
            # A number in seconds would be read as milliseconds.
            extractor["timestamps"] = [*definitions["known_timestamps"]["fields"], cursor_field]
    else:
        _drop_cursor(definitions, stream)
    return stream
