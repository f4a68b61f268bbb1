"""Runs one program and measures its usage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
# As few variables as an image has: requests looks through all of them twice for each request.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Usage:
    """What a run took: seconds by the clock, seconds of CPU (user and system), peak memory in MB; and what it gave."""

    wall: float
    cpu: float
    memory: float
    records: int = 0
    requests: int = 0
    connections: int = 0
    in_flight: float = 0.0
    """Requests under way, on the average from the first request to the last answer."""


@dataclass(frozen=True)
class Server:
    """The server, in its own process."""

    host: str

    def holds(self, records: int, latency: float, others: int | None = None, filler: int = 0) -> None:
        """Sets how many records a stream has (`others`: each but `articles`), the seconds an answer takes and the bytes that a
        record has beyond the usual; clears counts."""
        rest = records if others is None else others
        self._get(f"/set?records={records}&others={rest}&latency={latency}&filler={filler}")

    def counts(self) -> dict[str, float]:
        """How many requests and connections there were, and how many requests were under way on the average."""
        found: dict[str, float] = self._get("/counts")
        return found

    def _get(self, path: str) -> dict[str, float]:
        with urllib.request.urlopen(self.host + path) as response:
            return dict(json.load(response))


@contextmanager
def serving() -> Iterator[Server]:
    """The server, until the block ends."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.server"], cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait()


def run(command: Sequence[str], output: Path, log: Path) -> Usage:
    """Runs `command`, its standard output in the file `output`. Raises RuntimeError if it fails."""
    began = time.monotonic()
    with output.open("wb") as out, log.open("wb") as errors:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        # The usage of this process and of those that it has waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = log.read_text(errors="replace").splitlines()[-5:] + output.read_text(errors="replace")[-500:].splitlines()
        raise RuntimeError(f"{command[:3]} failed with {process.returncode}: {' / '.join(last)}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def reading(command: Sequence[str], server: Server, mark: bytes, folder: Path) -> Usage:
    """Runs a reader that writes to standard output or below `folder`; counts the lines with `mark`, and its requests."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tempfile.TemporaryDirectory() as logs:
        usage = run(command, folder / "stdout", Path(logs) / "stderr")
    counts = server.counts()
    records = sum(_lines(path, mark) for path in folder.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    requests, connections = int(counts["requests"]), int(counts["connections"])
    return Usage(usage.wall, usage.cpu, usage.memory, records, requests, connections, counts["in_flight"])


def _lines(path: Path, mark: bytes) -> int:
    with path.open("rb") as lines:
        return sum(mark in line for line in lines)
