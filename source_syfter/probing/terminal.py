"""A probe for people: tables on standard output, the count of requests on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from source_syfter.probing.report import Report

_OK, _FAULT = Text("ok", "green"), Text("fault", "red")
_MARKS = {"matches": _OK, "readable": _OK, "fault": _FAULT, "failed": _FAULT}
_MARKS |= {status: Text(status, "yellow") for status in ("differs", "denied", "missing")}
# By exit code.
_VERDICTS = [
    "The connector reads this instance with this configuration.",
    "The connector cannot read this instance yet: fix what is marked as a fault.",
    "The connector reads this instance once this is merged into the configuration:",
]


@contextmanager
def running_count(bound: int) -> Iterator[Callable[[int, str], None]]:
    """Shows how many of at most `bound` requests were sent; yields what is to be told each of them."""
    columns = (TextColumn("requests"), MofNCompleteColumn(), TextColumn("at most"), BarColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count, path: None
        return
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=bound)
        yield lambda count, path: progress.update(task, completed=count, description=path)


def show(report: Report) -> None:
    """Prints what matches, what differs, and the settings that fix it."""
    console = Console()
    # Folded, never cut: what is shown may have to be typed.
    found, setting = Column("on this instance", overflow="fold"), Column("setting", no_wrap=True)
    table = Table("", "what", found, setting, title=report.address, title_justify="left", box=None)
    for finding in report.findings:
        table.add_row(_MARKS.get(finding.status, finding.status), finding.topic, Text(finding.text), finding.setting)
    console.print(table)
    if report.collections:
        table = Table("", Column("collection", no_wrap=True), Column(overflow="fold"), box=None)
        for name, each in report.collections.items():
            fields = f"fields beyond the schema: {', '.join(each.unknown_fields)}" if each.unknown_fields else ""
            table.add_row(_MARKS.get(each.status, each.status), name, Text("; ".join(filter(None, [each.text, fields]))))
        console.print("", table, sep="\n")
    if report.proposals:
        table = Table("", "proposed", Column(overflow="fold"), box=None)
        for proposal in report.proposals:
            text = f"is likely what the connector calls {proposal.name}"
            table.add_row("", Text(f"{proposal.collection}.{proposal.field}"), Text(text))
        console.print("", table, sep="\n")
        console.print("Take one over by --write FILE --accept NAME.")
    console.print(f"\n{_VERDICTS[report.exit_code]} (requests: {report.requests})", soft_wrap=True)
    if report.suggested_config:
        console.print(Text(json.dumps(report.suggested_config, indent=2)), soft_wrap=True)
