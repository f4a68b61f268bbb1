"""What a probe found out, as JSON and for people: tables on standard output, the count of requests on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

_OK, _FAULT = Text("ok", "green"), Text("fault", "red")
_MARKS = {"matches": _OK, "readable": _OK, "fault": _FAULT, "failed": _FAULT}
_MARKS |= {status: Text(status, "yellow") for status in ("differs", "denied", "missing")}
# By exit code.
_VERDICTS = [
    "The connector reads this instance with this configuration.",
    "The connector cannot read this instance yet: fix what is marked as a fault.",
    "The connector reads this instance once this is merged into the configuration:",
]

Status = Literal["matches", "differs", "fault", "unknown", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing about the instance.

    `status`: "matches" what the configuration says; "differs", and `setting` fixes it; "fault": nothing fixes it; "unknown":
    could not be found out; "note": good to know.
    """

    topic: str
    status: Status
    text: str
    setting: str = ""


@dataclass
class Collection:
    """What one collection answered. `unknown_fields`: of its records, beyond the connector's schema."""

    status: Literal["readable", "empty", "denied", "missing", "failed"]
    text: str = ""
    unknown_fields: list[str] = field(default_factory=list)


@dataclass
class Report:
    """What a probe found out. Holds names of fields, parameters and headers, never a secret or a value of a record."""

    address: str
    requests: int = 0
    most_requests: int = 0
    findings: list[Finding] = field(default_factory=list)
    collections: dict[str, Collection] = field(default_factory=dict)
    suggested_config: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0: the connector reads with this configuration; 2: with the suggestion; 1: with neither."""
        failed = any(collection.status == "failed" for collection in self.collections.values())
        if failed or any(finding.status == "fault" for finding in self.findings):
            return 1
        return 2 if self.suggested_config else 0

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"address": self.address, "result": ("matches", "fault", "differs")[self.exit_code], **asdict(self)}


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
    console.print(f"\n{_VERDICTS[report.exit_code]} (requests: {report.requests})", soft_wrap=True)
    if report.suggested_config:
        console.print(Text(json.dumps(report.suggested_config, indent=2)), soft_wrap=True)
