"""`make demo` as a person runs it, once for all tests that look at what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPANIES = 200
"""The demo's own default."""


@dataclass(frozen=True)
class Finished:
    """A demo that has ended."""

    folder: str
    returncode: int
    stdout: str
    stderr: str

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return Path(self.folder, "output", "warehouse.duckdb")

    @property
    def report(self) -> Path:
        """The page."""
        return self.database.with_suffix(".report.html")

    @property
    def home(self) -> Path:
        """The home directory that the demo saw."""
        return Path(self.folder, "home")


def run(folder: Path, *options: str) -> Finished:
    """Runs the demo with all that it writes below `folder`, and with an empty home there."""
    (folder / "home").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(folder / "home"), "COLUMNS": "120"}
    command = [sys.executable, "-m", "demo", "--output", str(folder / "output"), *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    return Finished(str(folder), done.returncode, done.stdout, done.stderr)


def run_once(folder: Path) -> Finished:
    """Runs the demo as `make demo` does, unless another test has done so in this folder."""
    kept = folder / "finished.json"
    if not kept.exists():
        finished = run(folder)
        kept.write_text(json.dumps(asdict(finished)))
    return Finished(**json.loads(kept.read_text()))
