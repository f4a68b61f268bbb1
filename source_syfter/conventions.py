"""Tailors the manifest to an instance. The CDK sees the result, so what is not overridden costs nothing per record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from source_syfter.diagnosis import config_error

# Fields that `timestamp_format` is about; no other field of a record is touched.
TIMESTAMPS = ["created_at", "updated_at", "published_at"]

Manifest = dict[str, Any]


def tailored(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> Manifest:
    """A copy of `manifest` for `config`, as `config.checked` returns it. Pure: neither argument is changed.

    Raises a config error for an additional collection whose name is taken.
    """
    result: Manifest = deepcopy(dict(manifest))
    definitions = result["definitions"]
    conventions: Mapping[str, Any] = config.get("conventions") or {}
    if config["credentials"]["auth_type"] == "oauth2_client_credentials":
        filters = definitions["error_handler"]["response_filters"]
        filters[filters.index("#/definitions/wrong_credentials")] = "#/definitions/expired_token"
    if not config.get("requests_per_minute"):
        result.pop("api_budget", None)
    _api_key(definitions, conventions)
    _request(definitions, conventions)
    _paging(definitions, conventions)
    _records(definitions, conventions)
    _additional_collections(result, config.get("additional_collections") or [])
    return result


def without_cursor(manifest: Mapping[str, Any], names: Iterable[str]) -> Manifest:
    """A copy of `manifest` in which the streams `names` are read whole, without the cost of a cursor for each record.

    For streams that a connection syncs in full: their state says nothing (test_full_refresh_needs_no_cursor).
    """
    result: Manifest = deepcopy(dict(manifest))
    names = set(names)
    for place, stream in enumerate(result["streams"]):
        if stream["$parameters"]["name"] in names:
            own = {key: value for key, value in stream.items() if key != "$ref"}
            whole = {**deepcopy(result["definitions"]["base_stream"]), **own}
            _drop_cursor(result["definitions"], whole)
            result["streams"][place] = whole
    return result


def _drop_cursor(definitions: Manifest, stream: Manifest) -> None:
    retriever = stream["retriever"]
    if isinstance(retriever["record_selector"], str):
        retriever["record_selector"] = deepcopy(definitions["record_selector"])
    stream.pop("incremental_sync", None)
    retriever["record_selector"].pop("record_filter", None)
    # There is nothing to ask changes by.
    requester = deepcopy(definitions["requester"])
    parameters = requester["request_parameters"]
    requester["request_parameters"] = {name: value for name, value in parameters.items() if "stream_interval" not in str(value)}
    retriever["requester"] = requester


def _api_key(definitions: Manifest, conventions: Mapping[str, Any]) -> None:
    if "api_key_prefix" in conventions:
        prefix = conventions["api_key_prefix"]
        definitions["api_key_authenticator"] = {
            # A template that holds the key alone would read "1e5" as a number (test_secrets_arrive_undamaged).
            "type": "CustomAuthenticator",
            "class_name": "source_syfter.transport.KeyHeader",
            "header": conventions.get("api_key_header", "Authorization"),
            # A form trims its values, and no scheme writes a word and a key without a blank.
            "prefix": f"{prefix} " if prefix[-1:].isalnum() else prefix,
        }
    elif "api_key_header" in conventions:
        definitions["api_key_authenticator"]["inject_into"]["field_name"] = conventions["api_key_header"]


def _request(definitions: Manifest, conventions: Mapping[str, Any]) -> None:
    requester = definitions["requester"]
    parameters = requester["request_parameters"]
    if "path_prefix" in conventions:
        prefix = conventions["path_prefix"].strip("/")
        requester["url"] = requester["url"].replace("/api/", f"/{quote(prefix, safe='/%~')}/" if prefix else "/")
    if conventions.get("timestamp_format") == "epoch_ms":
        # `start_time` is always ISO; the macro turns it into epoch milliseconds.
        parameters["updated_since"] = parameters["updated_since"].replace(
            "stream_interval['start_time'].replace('+0000', 'Z')", "format_datetime(stream_interval['start_time'], '%ms')"
        )
    _rename(parameters, "updated_since", conventions.get("updated_since_parameter", "updated_since"))
    _rename(parameters, "limit", conventions.get("limit_parameter", "limit"))
    definitions["offset_paginator"]["pagination_strategy"]["since_parameter"] = conventions.get(
        "updated_since_parameter", "updated_since"
    )


def _rename(parameters: Manifest, old: str, new: str) -> None:
    value = parameters.pop(old)
    if new:
        parameters[new] = value


def _paging(definitions: Manifest, conventions: Mapping[str, Any]) -> None:
    paging = conventions.get("paging", "offset")
    paginator = definitions["no_paginator" if paging == "none" else f"{paging}_paginator"]
    definitions["base_stream"]["retriever"]["paginator"] = paginator
    if paging == "none":
        definitions["requester"]["request_parameters"].pop(conventions.get("limit_parameter", "limit"), None)
        return
    parameter = conventions.get(f"{paging}_parameter")
    if parameter:
        paginator["page_token_option"]["field_name"] = parameter
    if paging == "page" and "first_page" in conventions:
        paginator["pagination_strategy"]["start_from_page"] = conventions["first_page"]
    if paging == "cursor" and conventions.get("cursor_path"):
        paginator["pagination_strategy"]["token_path"] = conventions["cursor_path"]


def _records(definitions: Manifest, conventions: Mapping[str, Any]) -> None:
    extractor = definitions["record_selector"]["extractor"]
    extractor["records_path"] = conventions.get("records_path", "data")
    transformations = []
    id_field = conventions.get("id_field") or "id"
    if id_field != "id":
        extractor["id_field"] = id_field
        transformations.append(
            {"type": "CustomTransformation", "class_name": "source_syfter.components.RenameId", "id_field": id_field}
        )
    if conventions.get("timestamp_format") == "epoch_ms":
        transformations.append(
            {"type": "CustomTransformation", "class_name": "source_syfter.components.EpochToIso", "fields": TIMESTAMPS}
        )
    if transformations:
        definitions["base_stream"]["transformations"] = transformations


def _additional_collections(manifest: Manifest, collections: list[Mapping[str, Any]]) -> None:
    taken = {stream["$parameters"]["name"] for stream in manifest["streams"]}
    for collection in collections:
        name = collection["name"]
        if name in taken:
            raise config_error(
                f'Additional collections: there already is a stream "{name}". Choose another name. [invalid-config]'
            )
        taken.add(name)
        manifest["streams"].append(_stream(manifest["definitions"], collection))


def _stream(definitions: Manifest, collection: Mapping[str, Any]) -> Manifest:
    key, cursor_field = collection["primary_key"], collection.get("cursor_field")
    stream: Manifest = deepcopy(definitions["base_stream"])
    stream["$parameters"] = {"name": collection["name"], "collection": quote(collection["path"].strip("/"), safe="/%~")}
    stream["primary_key"] = [key]
    properties: Manifest = {key: {"description": "Key of the record.", "type": ["integer", "string"]}}
    selector: Manifest = deepcopy(definitions["record_selector"])
    stream["retriever"]["record_selector"] = selector
    if selector["extractor"]["id_field"] == "id":
        selector["extractor"]["id_field"] = key
    if key == selector["extractor"]["id_field"]:
        # The key is named as the records name it, so it keeps that name.
        stream["transformations"] = [
            each for each in stream.get("transformations", []) if not each["class_name"].endswith(".RenameId")
        ]
    if cursor_field:
        selector["record_filter"]["cursor_field"] = cursor_field
        cursor = {**deepcopy(definitions["cursor"]), "cursor_field": cursor_field}
        # `timestamp_format` is about the known fields; this one may be a number, too.
        cursor["cursor_datetime_formats"].append("%ms")
        stream["incremental_sync"] = cursor
        properties[cursor_field] = {
            "description": "When the record last changed. The cursor of the incremental sync.",
            "type": ["string", "integer", "null"],
        }
    else:
        _drop_cursor(definitions, stream)
    stream["schema_loader"] = {
        "type": "InlineSchemaLoader",
        "schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "additionalProperties": True,
            "properties": properties,
        },
    }
    return stream
