"""What a live instance does, found out by a bounded number of GET requests, and the settings that make the connector fit it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomAuthenticator, CustomErrorHandler
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import ManifestComponentTransformer
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory

from source_syfter import context
from source_syfter.components.pages import place
from source_syfter.conventions import address, changes, fields, paging, records, tailored
from source_syfter.conventions.streams import inline_schema
from source_syfter.probing.client import BOUND, Answer, Client, Connection
from source_syfter.probing.instance import Instance
from source_syfter.probing.report import Collection, Report, running_count, show
from source_syfter.problems import SyfterError
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.settings import Settings, as_typed, complete, from_file
from source_syfter.spec import manifest, name_of


def probe(config: Mapping[str, Any], on_request: Callable[[int, str], None] = lambda count, path: None) -> Report:
    """Probes the instance of `config`, a configuration as the user typed it.

    `on_request` is told the number and the path of each request. Raises a config error for a configuration that is not valid.
    """
    hide_secrets(config)
    package = manifest()
    settings = complete(config, package["spec"]["connection_specification"])
    # The probe gives up early, as a check does.
    settings[context.KEY] = context.Context(context.CHECK)
    client = Client(settings, lambda chosen: _connection(package, chosen), on_request)
    instance = Instance(settings, package, client)
    try:
        _find_out(instance)
    except SyfterError as error:
        instance.note("connection", "fault", error.text)
    if client.limits:
        text = f"the instance tells it in {', '.join(sorted(client.limits))}; the connector waits when it is asked to"
        instance.note("rate limit", "note", text)
    report = instance.report
    report.requests = client.count
    changed = {finding.setting.partition(".")[2] for finding in report.findings if finding.status == "differs"}
    conventions = {name: as_typed(name, value) for name, value in instance.conventions.items() if name in changed}
    if conventions:
        report.suggested_config["conventions"] = conventions
    return report


def main(args: Sequence[str]) -> int:
    """The command `source-syfter probe`; `args`: its options. Returns the exit code: see `Report.exit_code`."""
    parser = argparse.ArgumentParser(
        prog="source-syfter probe",
        description=f"Finds out what differs on your instance, with at most {BOUND} GET requests and without changing anything.",
        epilog="Exit code: 0 the connector reads with this configuration; 2 it reads with the suggested one; 1 neither.",
    )
    parser.add_argument("--config", required=True, help="a configuration as JSON: host and credentials are enough")
    parser.add_argument("--json", action="store_true", help="print the report as JSON; suggested_config is to be merged as it is")
    try:
        options = parser.parse_args(args)
    except SystemExit as stop:
        # The parser's 2 means something else here.
        return 1 if stop.code else 0
    try:
        with running_count(BOUND) as on_request:
            report = probe(from_file(options.config), on_request)
    except SyfterError as error:
        print(presentable(error.text), file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report)
    return report.exit_code


def _connection(package: Mapping[str, Any], settings: Settings) -> Connection:
    """The connector's own authenticator and error handler under `settings`."""
    resolved = ManifestReferenceResolver().preprocess_manifest({"definitions": tailored(package, settings)["definitions"]})
    named, factory = {"name": "probe", "collection": ""}, ModelToComponentFactory()
    requester = ManifestComponentTransformer().propagate_types_and_parameters("", resolved["definitions"]["requester"], named)
    return Connection(
        factory.create_component(CustomAuthenticator, requester["authenticator"], settings),
        factory.create_component(CustomErrorHandler, requester["error_handler"], settings),
        (requester["connect_timeout_in_seconds"], requester["read_timeout_in_seconds"]),
    )


def _find_out(instance: Instance) -> None:
    """The order of questions: each needs what those before it found."""
    address.probe(instance)
    records.probe(instance)
    if instance.sample:
        fields.probe(instance)
        paging.probe(instance)
        changes.probe(instance)
    visited, known = instance.report.collections, {name_of(stream) for stream in instance.manifest["streams"]}
    for name in instance.paths:
        schema = set(inline_schema(name)["schema"]["properties"]) if name in known else None
        visited[name] = _visit(instance, instance.first(name), schema)
    if not any(collection.status in ("readable", "empty") for collection in visited.values()):
        instance.note("collections", "fault", "not one of them can be read")


def _visit(instance: Instance, answer: Answer, schema: Optional[set[str]]) -> Collection:
    found = instance.records(answer)
    if found is None:
        if answer.status in (401, 403):
            return Collection("denied", f"{answer.status}: ask for the right to read it, or deselect the stream")
        if answer.status == 404:
            return Collection("missing", "404: deselect the stream; at another address it is an additional collection")
        if answer.status >= 500 or answer.status == 429:
            return Collection("failed", f"{answer.status}: the instance fails; try again later, or deselect the stream")
        where = place(instance.conventions["records_path"])
        return Collection("failed", f"{answer.status}: no array of records {where}; deselect the stream")
    if not found or schema is None:
        return Collection("readable" if found else "empty")
    id_field = instance.conventions["id_field"]
    names = {"id" if name == id_field else name for record in found for name in record}
    text = ""
    if any(record.get(id_field) is None for record in found):
        text = "a record has no key"
    elif names & schema <= {"id"}:
        text = "its records have none of the schema's fields but the key; an object in them may"
    return Collection("readable", text, sorted(name[:60] for name in names - schema))
