"""Runs `source-syfter` as a process, as a platform does."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from syfter_dlt.connector import EXECUTABLE, arguments

Json = dict[str, Any]
COMMAND = [str(EXECUTABLE)]
# dlt would tell its makers of each run, and wait for an answer.
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false"}
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


@dataclass
class Run:
    """What a process left behind."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All output but records."""
        lines = [line for line in self.out.split("\n") if not line.startswith('{"type":"RECORD"')]
        return "\n".join([*lines, self.err])

    @cached_property
    def messages(self) -> list[Json]:
        """Each line of the output; one that is not a message fails the test."""
        return [json.loads(line) for line in self.out.split("\n") if line]

    def of(self, kind: str) -> list[Any]:
        """The messages of one type, without their envelope."""
        return [message[inner] for message in self.messages if message["type"] == kind for inner in message if inner != "type"]

    @property
    def connection_status(self) -> Json:
        (status,) = self.of("CONNECTION_STATUS")
        return dict(status)

    @cached_property
    def records(self) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = defaultdict(list)
        for record in self.of("RECORD"):
            found[record["stream"]].append(record["data"])
        return found

    @property
    def last_states(self) -> list[Json]:
        """The last state of each stream, as a platform hands them back."""
        found = {state["stream"]["stream_descriptor"]["name"]: state for state in self.of("STATE")}
        return list(found.values())

    @property
    def errors(self) -> dict[str, Json]:
        """The errors, by stream; that of the whole under an empty name."""
        traces = [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]
        return {(error.get("stream_descriptor") or {}).get("name", ""): error for error in traces}

    @property
    def completed(self) -> set[str]:
        statuses = [trace["stream_status"] for trace in self.of("TRACE") if trace["type"] == "STREAM_STATUS"]
        return {status["stream_descriptor"]["name"] for status in statuses if status["status"] == "COMPLETE"}


@contextmanager
def default_signals() -> Iterator[None]:
    """Within the block, processes start with the default signal handlers, as under a platform.

    Under `nohup`, or in the background of a script, some are ignored, and children inherit that. Here they get a handler that
    does nothing: this process still ignores them, but children do not inherit a handler.
    """
    ignored = [number for number in ENDING if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def run(
    folder: Path,
    command: str,
    *options: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = COMMAND,
    **files: Any,
) -> Run:
    """Runs `command`; `files`: content of --config, --catalog, --state."""
    line = [*program, *arguments(folder, command, *options, **files)]
    done = subprocess.run(line, capture_output=True, cwd=cwd or folder, env=env, timeout=120)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def catalog_of(streams: Iterable[str], mode: str = "incremental") -> Json:
    """A configured catalog of streams that have not been discovered."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": mode,
                "destination_sync_mode": "append_dedup",
                "cursor_field": ["updated_at"],
                "primary_key": [["id"]],
            }
            for name in streams
        ]
    }


def saved_states(states: Mapping[str, Json]) -> list[Json]:
    """The states of streams, by name, in the form in which a platform hands them back."""
    return [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": content}}
        for name, content in states.items()
    ]


def read_arguments(
    folder: Path,
    config: Mapping[str, Any],
    streams: Iterable[str],
    state: Mapping[str, Json] | None = None,
    mode: str = "incremental",
) -> list[str]:
    """The command line of a read, whose files are put into `folder`."""
    files = {"state": saved_states(state)} if state else {}
    return arguments(folder, "read", config=config, catalog=catalog_of(streams, mode), **files)


def configured(discovered: Run, *streams: str) -> Json:
    """An incremental catalog of what was discovered, or of the `streams` of it."""
    (catalog,) = discovered.of("CATALOG")
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
                "cursor_field": ["updated_at"],
            }
            for stream in catalog["streams"]
            if not streams or stream["name"] in streams
        ]
    }
