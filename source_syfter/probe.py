"""What a live instance does, found out by a bounded number of GET requests, and the settings that make the connector fit it."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomAuthenticator, CustomErrorHandler
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import ManifestComponentTransformer
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory

from source_syfter import context, problems
from source_syfter.components.pages import place
from source_syfter.conventions import address, changes, fields, paging, records, renames, tailored
from source_syfter.conventions.streams import inline_schema
from source_syfter.probing.client import BOUND, Answer, Client, Connection
from source_syfter.probing.instance import Instance
from source_syfter.probing.report import Collection, Proposal, Report
from source_syfter.probing.terminal import running_count, show
from source_syfter.problems import SyfterError
from source_syfter.secrecy import hide_secrets, masked_foreign, presentable
from source_syfter.settings import Settings, as_file, as_typed, complete, from_file, keep, schema_at
from source_syfter.spec import manifest, name_of


def probe(
    config: Mapping[str, Any],
    on_request: Callable[[int, str], None] = lambda count, path: None,
    save_refresh_token: Callable[[str], None] = lambda token: None,
) -> Report:
    """Probes the instance of `config`, a configuration as the user typed it.

    `on_request` is told the number and the path of each request, `save_refresh_token` each refresh token that replaces the one
    in the config, which is then worth nothing. Raises a config error for a configuration that is not valid.
    """
    hide_secrets(config)
    package = manifest()
    settings = complete(config, package["spec"]["connection_specification"])
    # The probe gives up early, as a check does.
    settings[context.KEY] = context.Context(context.CHECK, save_refresh_token=save_refresh_token)
    client = Client(settings, lambda chosen: _connection(package, chosen), on_request)
    known = {name_of(stream) for stream in package["streams"]}
    schemas = {name: set(inline_schema(name)["schema"]["properties"]) for name in known}
    instance = Instance(settings, package, client, schemas)
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
    if any(finding.setting == "collections" and finding.status == "differs" for finding in report.findings):
        # A list replaces what was there, so it begins with that.
        given = {str(each["name"]): dict(each) for each in config.get("collections") or []}
        for name, own in instance.own.items():
            found = {key: as_typed(key, value, "collections[]") for key, value in own.items()}
            if found and name in instance.schemas:
                given[name] = {"name": name, **given.get(name, {}), **found}
        report.suggested_config["collections"] = list(given.values())
    return report


def main(args: Sequence[str]) -> int:
    """The command `source-syfter probe`; `args`: its options. Returns the exit code: see `Report.exit_code`."""
    parser = argparse.ArgumentParser(
        prog="source-syfter probe",
        description=f"Finds out what differs on your instance, with at most {BOUND} GET requests and without changing anything.",
        epilog="Exit code: 0 the connector reads with this configuration; 2 it reads with the suggested one; 1 neither.",
    )
    parser.add_argument("--config", required=True, help="a configuration as JSON: host and credentials are enough")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as conventions.path_prefix=v3")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the suggestion into FILE, and keep a copy")
    parser.add_argument("--accept", action="append", default=[], metavar="NAME", help="with --write: a proposed field's new name")
    parser.add_argument("--json", action="store_true", help="print the report as JSON; suggested_config is to be merged as it is")
    try:
        options = parser.parse_args(args)
    except SystemExit as stop:
        # The parser's 2 means something else here.
        return 1 if stop.code else 0
    try:
        typed = from_file(options.config)
        config = merged(typed, told(options.set))

        def save(token: str) -> None:
            nonlocal config
            replaced = {"credentials": {"refresh_token": token}}
            config = merged(config, replaced)
            write(Path(options.config), merged(typed, replaced))

        with running_count(BOUND) as on_request:
            report = probe(config, on_request, save)
        taken, unknown = renames.accepted(report.proposals, options.accept)
        if unknown:
            raise problems.NO_PROPOSAL(name=unknown[0], names=", ".join(each.field for each in report.proposals) or "none")
        for each in taken:
            accept(report, config, each)
        if options.write:
            write(options.write, merged(config, report.suggested_config))
    except SyfterError as error:
        print(presentable(error.text), file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report)
    return report.exit_code


def accept(report: Report, config: Mapping[str, Any], proposal: Proposal) -> None:
    """Takes a proposal over into the suggestion of `report`. `config`: as the user typed it."""
    collections = report.suggested_config.setdefault("collections", [dict(each) for each in config.get("collections") or []])
    own = next((each for each in collections if each["name"] == proposal.collection), None)
    if own is None:
        own = {"name": proposal.collection}
        collections.append(own)
    own["fields"] = [*(own.get("fields") or []), {"name": proposal.field, "as": proposal.name}]
    report.proposals.remove(proposal)


def told(settings: Sequence[str]) -> dict[str, Any]:
    """The settings of `--set`, as `conventions.path_prefix=v3`, as a part of a config; a value is JSON, or else a text."""
    found: dict[str, Any] = {}
    spec = manifest()["spec"]["connection_specification"]
    for setting in settings:
        path, _, text = setting.partition("=")
        steps = path.split(".")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if schema_at(spec, steps).get("type") == "string" and not isinstance(value, (str, type(None))):
            # Of digits, such as a version in a path.
            value = text
        for step in reversed(steps):
            value = {step: value}
        found = merged(found, value)
    return found


def merged(config: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`config` with `more` laid over it; lists are replaced."""
    result = dict(config)
    for name, value in more.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Writes `config` to `path`, keeps what was there beside it, and prints the difference without secrets to standard error.

    Both files are for their owner alone. Raises a config error for one that cannot be written or holds something else.
    """
    before, after = "", as_file(config)
    hide_secrets(config)
    if path.exists():
        there = from_file(str(path))
        hide_secrets(there)
        before = as_file(there)
        keep(path.with_name(f"{path.name}.bak"), path.read_bytes())
    keep(path, after.encode())
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", str(path), n=1, lineterm="")
    print(presentable("\n".join(lines)) or f"{path} has all of it already.", file=sys.stderr)


def _connection(package: Mapping[str, Any], settings: Settings) -> Connection:
    """The connector's own authenticator and error handler under `settings`."""
    resolved = ManifestReferenceResolver().preprocess_manifest({"definitions": tailored(package, settings)["definitions"]})
    named, factory = {"name": "probe", "collection": ""}, ModelToComponentFactory()
    requester = ManifestComponentTransformer().propagate_types_and_parameters("", resolved["definitions"]["requester"], named)
    return Connection(
        factory.create_component(CustomAuthenticator, requester["authenticator"], settings),
        factory.create_component(CustomErrorHandler, requester["error_handler"], settings),
        {"Accept": "application/json", **{each["name"]: each["value"] for each in settings["additional_headers"]}},
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
    renames.probe(instance)
    visited = instance.report.collections
    for name in instance.paths:
        visited[name] = _visit(instance, instance.first(name), instance.schemas.get(name))
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
        where = place(instance.records_path(answer.collection))
        return Collection("failed", f"{answer.status}: no array of records {where}; deselect the stream")
    if not found or schema is None:
        return Collection("readable" if found else "empty")
    key, rename = instance.key_field(answer.collection), instance.names(answer.collection)
    names = {name for record in found for name in rename.applied(record)}
    text = ""
    if key and any(rename.applied(record).get("id") is None for record in found):
        text = "a record has no key"
    elif names & schema <= {"id"}:
        text = "its records have none of the schema's fields but the key; an object in them may"
    return Collection("readable", text, sorted(masked_foreign(name)[:60] for name in names - schema))
