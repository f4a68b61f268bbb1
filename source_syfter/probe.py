"""What a live instance does, found out by a bounded number of GET requests, and the settings that make the connector fit it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Optional

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter import config as user_config
from source_syfter.probing.address import find_address
from source_syfter.probing.asking import BOUND, Answer, Client, StopError
from source_syfter.probing.known import Known
from source_syfter.probing.paging import find_paging
from source_syfter.probing.records import find_id, find_records, find_since, find_timestamps
from source_syfter.probing.report import Collection, Report, failure, running_count, show
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.spec import manifest

# How a form, which drops empty texts, says "empty".
_EMPTY = {
    "path_prefix": "/",
    "records_path": ".",
    "api_key_prefix": "none",
    "limit_parameter": "none",
    "updated_since_parameter": "none",
}


def probe(config: Mapping[str, Any], on_request: Callable[[int, str], None] = lambda count, path: None) -> Report:
    """Probes the instance of `config`, a configuration as the user typed it.

    `on_request` is told the number and the path of each request. Raises a config error for a configuration that is not valid.
    """
    hide_secrets(config)
    clean = user_config.checked(config, manifest()["spec"]["connection_specification"])
    known = Known(clean, Client(clean, on_request))
    try:
        _find_out(known)
    except StopError as stop:
        known.add("connection", "fault", str(stop))
    _note_limits(known)
    _suggest(known)
    return known.report


def main(args: Sequence[str]) -> int:
    """The command `source-syfter probe`; `args`: its options. Returns the exit code: see `Report.exit_code`."""
    parser = argparse.ArgumentParser(
        prog="source-syfter probe",
        description=f"Finds out what differs on your instance, with at most {BOUND} GET requests and without changing anything.",
        epilog="Exit code: 0 the connector reads with this configuration; 2 it reads with the suggested one; 1 neither.",
    )
    parser.add_argument("--config", type=Path, required=True, help="a configuration as JSON: host and credentials are enough")
    parser.add_argument("--json", action="store_true", help="print the report as JSON; suggested_config is to be merged as it is")
    try:
        options = parser.parse_args(args)
    except SystemExit as stop:
        # The parser's 2 means something else here.
        return 1 if stop.code else 0
    try:
        with running_count(BOUND) as on_request:
            report = probe(user_config.from_file(options.config), on_request)
    except AirbyteTracedException as error:
        failure(presentable(error.message or ""))
        return 1
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report)
    return report.exit_code


def _find_out(known: Known) -> None:
    find_address(known)
    find_records(known)
    if known.base:
        find_id(known)
        find_timestamps(known)
        find_paging(known)
        find_since(known)
    _visit_collections(known)


def _visit_collections(known: Known) -> None:
    schemas = _schema_fields()
    for name in known.paths:
        known.report.collections[name] = _visit(known, known.first(name), schemas.get(name))
    if not any(collection.status in ("readable", "empty") for collection in known.report.collections.values()):
        known.add("collections", "fault", "not one of them can be read")


def _visit(known: Known, answer: Answer, schema: Optional[set[str]]) -> Collection:
    records = known.records(answer)
    if records is None:
        if answer.status in (401, 403):
            return Collection("denied", f"{answer.status}: ask for the right to read it, or deselect the stream")
        if answer.status == 404:
            return Collection("missing", "404: deselect the stream; at another address it is an additional collection")
        if answer.status >= 500 or answer.status == 429:
            return Collection("failed", f"{answer.status}: the instance fails; try again later, or deselect the stream")
        where = f'under "{known.now["records_path"]}"' if known.now["records_path"] else "as the body itself"
        return Collection("failed", f"{answer.status}: no array of records {where}; deselect the stream")
    if not records:
        return Collection("empty")
    if schema is None:
        return Collection("readable")
    fields = {"id" if name == known.now["id_field"] else name for record in records for name in record}
    text = ""
    if any(record.get(known.now["id_field"]) is None for record in records):
        text = "a record has no key"
    elif fields & schema <= {"id"}:
        text = "its records have none of the schema's fields but the key; an object in them may"
    return Collection("readable", text, sorted(name[:60] for name in fields - schema))


def _note_limits(known: Known) -> None:
    if known.client.limits:
        text = f"the instance tells it in {', '.join(sorted(known.client.limits))}; the connector waits when it is asked to"
        known.add("rate limit", "note", text)


def _suggest(known: Known) -> None:
    known.report.requests = known.client.count
    changed = {finding.setting.partition(".")[2] for finding in known.report.findings if finding.status == "differs"}
    conventions = {name: known.now[name] for name in known.now if name in changed}
    if conventions:
        shown = {name: _EMPTY.get(name, value) if value == "" else value for name, value in conventions.items()}
        known.report.suggested_config["conventions"] = shown


def _schema_fields() -> dict[str, set[str]]:
    """The fields that the schema of each stream knows."""
    folder = files("source_syfter").joinpath("schemas")
    return {
        entry.name.removesuffix(".json"): set(json.loads(entry.read_bytes())["properties"])
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }
