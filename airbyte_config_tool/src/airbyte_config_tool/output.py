"""Everything that is printed goes through here, and through the masker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from airbyte_config_tool.findings import WARNING, Finding, relative
from airbyte_config_tool.masking import MASK, Masker
from airbyte_config_tool.plan import CREATE, SAME, UPDATE, Change, Unmanaged

_WIDTH = 80
_SIGNS = {CREATE: ("+", "green"), UPDATE: ("~", "yellow"), SAME: ("=", "dim")}


class Output:
    """Standard output for results, standard error for progress and errors. With `as_json`, results are JSON only."""

    def __init__(self, masker: Masker, as_json: bool = False) -> None:
        self.masker = masker
        self.as_json = as_json
        self._out = Console(soft_wrap=True, highlight=False, markup=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
        self._status: Status | None = None
        self._last = ""

    def say(self, text: str, style: str = "") -> None:
        """A line for the user; with `--json` on standard error, so that standard output stays JSON."""
        self.done()
        (self._err if self.as_json else self._out).print(Text(self.masker.scrub(text), style=style))

    def error(self, text: str) -> None:
        """What went wrong, on standard error."""
        self.done()
        self._err.print(Text("error: " + self.masker.scrub(text), style="red"))

    def data(self, document: object) -> None:
        """A JSON document on standard output. Scrubbed value by value: a mask in the finished text could break its syntax."""
        print(json.dumps(_scrubbed(document, self.masker), indent=2, ensure_ascii=False))

    def waiting(self, text: str) -> None:
        """What is awaited: a spinner on a terminal, else a line whenever the text changes in more than its numbers."""
        text = self.masker.scrub(text)
        if self._err.is_terminal:
            if self._status is None:
                self._status = self._err.status(Text(text))
                self._status.start()
            self._status.update(Text(text))
            return
        shape = "".join(c for c in text if not c.isdigit())
        if shape != self._last:
            self._last = shape
            self._err.print(Text(f"... {text}", style="dim"))

    def done(self) -> None:
        """Ends the spinner."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _scrubbed(value: object, masker: Masker) -> object:
    if isinstance(value, str):
        return masker.scrub(value)
    if isinstance(value, dict):
        return {key: _scrubbed(inner, masker) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrubbed(inner, masker) for inner in value]
    return value


def show_findings(output: Output, findings: Sequence[Finding], root: Path) -> None:
    """One finding a paragraph: where, what, and how to fix it."""
    for finding in findings:
        where = f"{relative(finding.file, root)}:{finding.line}"
        about = f" {finding.field}" if finding.field else ""
        output.say(f"{where}:{about}", style="bold")
        output.say(
            f"  {finding.severity} [{finding.code}] {finding.message}", style="yellow" if finding.severity == WARNING else "red"
        )
        output.say(f"  fix: {finding.fix}")


def show_plan(output: Output, changes: Sequence[Change], root: Path) -> None:
    """The plan as a diff: `+` create, `~` update, `=` unchanged."""
    for change in changes:
        sign, style = _SIGNS[change.action]
        output.say(f"{sign} {change.resource.kind} {change.resource.name}  ({relative(change.resource.path, root)})", style=style)
        for note in change.notes:
            output.say(f"    note: {note}")
        for field in change.fields:
            before, after = _shown(field.before), _shown(field.after)
            line = f"    {field.field}: {after if change.action == CREATE else f'{before} -> {after}'}"
            if change.action != CREATE and len(line) > _WIDTH:
                line = f"    {field.field}:\n        {before}\n     -> {after}"
            output.say(line)
            if field.note:
                output.say(f"        ({field.note})")
    output.say(summary(changes))


def show_unmanaged(output: Output, found: Sequence[Unmanaged], paused: Sequence[Unmanaged]) -> None:
    """What is there and not in the project: `!` runs, `-` does not; and what is about to be paused."""
    for one in found:
        sign, style = ("!", "yellow") if one.runs else ("-", "dim")
        output.say(f"{sign} {one.kind} {one.name}  (not in this project{', and it runs' if one.runs else ''})", style=style)
    for one in paused:
        output.say(f"~ connection {one.name}  (will be paused: status active -> inactive)", style="yellow")


def counts(changes: Sequence[Change]) -> dict[str, int]:
    """How many resources each action concerns."""
    return {action: sum(change.action == action for change in changes) for action in (CREATE, UPDATE, SAME)}


def summary(changes: Sequence[Change]) -> str:
    """The plan in one line."""
    number = counts(changes)
    return f"{number[CREATE]} to create, {number[UPDATE]} to update, {number[SAME]} unchanged."


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    if value == MASK:
        return MASK
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:197] + "..."
