"""The probe's report for people: tables on standard output, the count of requests on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from source_syfter.probe import Report

_MARKS = {
    "matches": ("ok", "green"),
    "readable": ("ok", "green"),
    "differs": ("differs", "yellow"),
    "fault": ("fault", "red"),
    "failed": ("fault", "red"),
    "denied": ("denied", "yellow"),
    "missing": ("missing", "yellow"),
}
_VERDICTS = {
    0: "The connector reads this instance with this configuration.",
    1: "The connector cannot read this instance yet: mend what is marked as a fault.",
    2: "The connector reads this instance once this is merged into the configuration:",
}


@contextmanager
def running_count(bound: int) -> Iterator[Callable[[int, str], None]]:
    """Shows how many of at most `bound` requests were sent; yields what is to be told each of them."""
    columns = (TextColumn("requests"), MofNCompleteColumn(), TextColumn("at most"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=bound)
        yield lambda count, path: progress.update(task, completed=count, description=path)


def show(report: Report) -> None:
    """Prints what matches, what differs, and the settings that mend it."""
    console = Console()
    table = Table(
        "", "what", "on this instance", Column("setting", no_wrap=True), title=report.address, title_justify="left", box=None
    )
    for finding in report.findings:
        table.add_row(_mark(finding.status), finding.topic, Text(finding.text), finding.setting)
    console.print(table)
    if report.collections:
        table = Table("", "collection", "", box=None)
        for name, collection in report.collections.items():
            fields = f"fields beyond the schema: {', '.join(collection.unknown_fields)}" if collection.unknown_fields else ""
            table.add_row(_mark(collection.status), name, Text("; ".join(filter(None, [collection.text, fields]))))
        console.print()
        console.print(table)
    console.print()
    console.print(f"{_VERDICTS[report.exit_code]} (requests: {report.requests})", soft_wrap=True)
    if report.suggested_config:
        console.print(Text(json.dumps(report.suggested_config, indent=2)), soft_wrap=True)


def failure(message: str) -> None:
    """Prints why there is no report."""
    Console(stderr=True).print(Text(message), soft_wrap=True)


def _mark(status: str) -> Text:
    return Text(*_MARKS.get(status, (status, "")))
