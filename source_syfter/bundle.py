"""One manifest that needs nothing of this package: for the Connector Builder, the public API, PyAirbyte and Terraform."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import yaml

from source_syfter import problems
from source_syfter.components.paginators import is_like_a_header
from source_syfter.conventions import address, changes, credentials, fields, paging, records, streams
from source_syfter.conventions.edits import Component, expanded, reference
from source_syfter.problems import SyfterError
from source_syfter.settings import Settings, complete, from_file
from source_syfter.spec import code_of, manifest

# The oldest framework that the bundle is made for: what an Airbyte without internet runs for manifests of this major. Only the
# major counts for the server. Nothing newer may be used below (test_runs_on_the_framework_that_it_names).
VERSION = "4.3.0"
# Where the body itself is the array: before this, an empty array, which ends every list, crashes the framework.
VERSION_FOR_ARRAYS = "4.6.2"

_HEADER = """\
# Syfter in one self-contained manifest, made by "source-syfter bundle". Do not edit: change the configuration, make it again.
# It promises less than the package and the image do; docs/connecting.md says what.
"""
# What to do about a condition reads otherwise here: the conventions are fixed, and there is no budget of requests.
_FIXED = 'In this manifest the API conventions are fixed: set it in the configuration and run "source-syfter bundle" again.'

# What of a config is read, and the only value of the conventions that stock parts cannot say.
_READ = ("conventions", "collections", "additional_collections", "additional_headers")
_STOCK_ONLY = {"fields_path": None, "field_names": "as_sent", "end_of_list": "empty"}


def bundle(config: Optional[Mapping[str, Any]] = None) -> Component:
    """The manifest of stock parts for the conventions and additional collections of `config`; nothing else of it is read.

    Raises a config error that names the field.
    """
    package = manifest()
    chosen = {name: (config or {}).get(name) for name in _READ}
    # The user chooses the scheme when the manifest runs; this one only makes the config whole.
    chosen["credentials"] = {"auth_type": "bearer", "access_token": "none"}
    settings = complete(chosen, package["spec"]["connection_specification"])
    if settings["conventions"]["paging"] == "next_url":
        # Stock parts send the credentials wherever the address leads.
        raise problems.NOT_IN_BUNDLE(setting="conventions.paging: next_url")
    for name, stock in _STOCK_ONLY.items():
        if settings["conventions"][name] != stock:
            raise problems.NOT_IN_BUNDLE(setting=f"conventions.{name}")
    own_paths = {each.records_path for each in streams.listings(package, settings)}
    conventions = settings["conventions"]
    if "" in own_paths and conventions["paging"] == "cursor" and not is_like_a_header(conventions["cursor_path"]):
        # A plain array has no place for the token, and stock parts would take its first page for all.
        raise problems.NOT_IN_BUNDLE(setting="records_path: none with conventions.cursor_path")
    # Stock parts do not ask for it.
    del package["spec"]["connection_specification"]["properties"]["discover_fields"]
    definitions = package["definitions"]
    kept = ("type", "http_method", "authenticator", "error_handler", "request_headers")
    definitions["requester"] = {**{name: definitions["requester"][name] for name in kept}, "request_parameters": {}}
    definitions["error_handler"] = _error_handler(definitions["error_handler"])
    for room in (address, credentials, records, paging, changes):
        room.bundle(definitions, settings)
    address.bundle_method(definitions, settings)
    _word_errors(definitions)
    base = definitions["base_stream"]
    del base["schema_loader"]
    made = list(_streams(package, settings))
    needed = _needed(made, definitions)
    return {
        "version": VERSION_FOR_ARRAYS if "" in own_paths else VERSION,
        "type": "DeclarativeSource",
        "check": package["check"],
        "definitions": {name: definition for name, definition in definitions.items() if name in needed},
        "streams": made,
        "spec": package["spec"],
    }


def as_yaml(definition: Mapping[str, Any]) -> str:
    """`definition` as text without anchors, which the Connector Builder does not keep."""
    unshared = json.loads(json.dumps(definition))
    return _HEADER + yaml.safe_dump(unshared, sort_keys=False, allow_unicode=True, width=120)


def main(args: Sequence[str]) -> int:
    """The command `source-syfter bundle`; `args`: its options. Returns the exit code: 1 if there is no bundle."""
    parser = argparse.ArgumentParser(prog="source-syfter bundle", description=__doc__)
    parser.add_argument("--config", help="a configuration; only its conventions and additional collections are used")
    parser.add_argument("-o", "--output", type=Path, help="the file to write; default: standard output")
    options = parser.parse_args(args)
    try:
        text = as_yaml(bundle(from_file(options.config) if options.config else None))
    except SyfterError as error:
        print(error.text, file=sys.stderr)
        return 1
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"--output: {options.output} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _error_handler(handler: Component) -> Component:
    return {
        "type": "DefaultErrorHandler",
        "max_retries": 5,
        "response_filters": handler["response_filters"],
        "backoff_strategies": [
            {"type": "WaitTimeFromHeader", "header": "Retry-After", "max_waiting_time_in_seconds": 600},
            {"type": "ExponentialBackoffStrategy", "factor": 2},
        ],
    }


def _word_errors(definitions: Component) -> None:
    """Ends each message in its code, which the package's own handler does, and says what helps here."""
    definitions["rate_limited"]["$parameters"]["remedy"] = "Run fewer syncs at a time."
    for name in ("collection_missing", "request_refused", "unknown_envelope"):
        definitions[name]["$parameters"]["remedy"] += f" {_FIXED}"
    for name, definition in definitions.items():
        if definition.get("type") == "HttpResponseFilter":
            definition["error_message"] += f" [{code_of(name)}]"


def _streams(package: Component, settings: Settings) -> Iterator[Component]:
    """The streams of the package, each with its schema in it, and those that the user adds."""
    definitions = package["definitions"]
    if any(each["as"] for collection in streams.collections(package, settings) for each in collection["fields"]):
        raise problems.NOT_IN_BUNDLE(setting="collections[].fields[].as")
    for place, listing in enumerate(streams.listings(package, settings)):
        if listing.is_new:
            stream = streams.new_stream(definitions, listing)
            known = definitions["known_timestamps"]["fields"]
        else:
            stream = {**package["streams"][place], "schema_loader": streams.inline_schema(listing.name)}
            known = stream["schema_loader"]["schema"]["properties"]
            if listing.differs or not listing.cursor:
                stream = streams.own_stream(definitions, stream, listing)
        streams.pin(stream["schema_loader"]["schema"], listing)
        if transformations := fields.transformations(definitions, settings, known, listing.names.renames):
            stream["transformations"] = transformations
        if listing.records_path != settings["conventions"]["records_path"]:
            records.bundle_own(definitions, stream, listing.records_path, settings["conventions"]["total_path"])
        if not listing.cursor:
            # Nothing to ask changes by.
            requester = expanded(definitions, stream["retriever"], "requester")
            address.parameters_of(requester).pop(settings["conventions"]["updated_since_parameter"], None)
        yield stream


def _needed(made: list[Component], definitions: Component) -> set[str]:
    """The names of the definitions that the streams `made` lead to."""
    needed: set[str] = set()
    waiting = set(_references(made))
    while waiting:
        needed |= waiting
        waiting = {name for parent in waiting for name in _references(definitions[parent])} - needed
    return needed


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, (dict, list)):
        for item in node.values() if isinstance(node, dict) else node:
            yield from _references(item)
    elif isinstance(node, str) and node.startswith(reference("")):
        yield node.removeprefix(reference(""))
