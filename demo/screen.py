"""What the user sees: one line per phase, with its time, and progress while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


class PhaseError(Exception):
    """A phase failed. The text says why and what to do, for the user."""


class Phase:
    """A running phase."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.show = show
        """Shows a text while the phase runs; nothing where the output is no terminal."""
        self.result = ""
        """What the finished line says."""


class Screen:
    """The terminal. Keeps the real standard output, because a phase may redirect it to a file."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False)
        self._started = time.monotonic()

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Runs one phase: a spinner first, then a line with its result and its seconds."""
        started = time.monotonic()
        title = f"[bold]{name:<16}[/bold]"
        with self.console.status(title) as status:
            phase = Phase(lambda text: status.update(f"{title} {escape(text)}"))
            try:
                yield phase
            except BaseException:
                status.stop()
                self.console.print(f"[red]✗[/red] {title} failed after {time.monotonic() - started:.1f} s")
                raise
        self.console.print(
            f"[green]✓[/green] {title} {escape(phase.result):<70} {time.monotonic() - started:>6.1f} s", soft_wrap=True
        )

    def say(self, text: str = "") -> None:
        """Prints a text with rich's markup, without line wrapping: paths and commands can be copied."""
        self.console.print(text, soft_wrap=True)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started
