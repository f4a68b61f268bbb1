"""The connector in its own process, hundreds of times: forked from a process that has imported it already.

What runs is `source_syfter.run` with a real command line, real files and a real exit status; only the imports are not repeated.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syfter_dlt.connector import message_in
from testing.processes import read_arguments

ROOT = Path(__file__).resolve().parents[1]
Json = dict[str, Any]


@dataclass
class Output:
    """The whole lines that a process wrote, as a platform reads them: without what follows the last line break."""

    messages: list[Json]
    noise: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Output:
        output = cls([])
        for line in data[: data.rfind(b"\n") + 1].decode().splitlines():
            if message := message_in(line):
                output.messages.append(message)
            else:
                output.noise.append(line)
        return output

    def states(self) -> dict[str, Json]:
        """The last state of each stream."""
        found = [message["state"]["stream"] for message in self.messages if message["type"] == "STATE"]
        return {each["stream_descriptor"]["name"]: each.get("stream_state") or {} for each in found}

    def records(self, stream: str, committed: bool = False) -> list[Json]:
        """The records of `stream`; `committed`: only those before a state, which a destination must keep."""
        found: list[Json] = []
        waiting: list[Json] = []
        for message in self.messages:
            if message["type"] == "RECORD" and message["record"]["stream"] == stream:
                waiting.append(message["record"]["data"])
            elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
                found, waiting = found + waiting, []
        return found if committed else found + waiting

    def errors(self) -> list[Json]:
        """The errors that end streams or the sync."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        return [trace["error"] for trace in traces if trace.get("error")]


class Process:
    """One process of the connector."""

    def __init__(self, fork_server: ForkServer, pid: int, out: Path) -> None:
        self._fork_server, self.pid, self._out = fork_server, pid, out

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Sends a signal."""
        os.kill(self.pid, signal_number)

    def wait(self, seconds: float = 60) -> int:
        """The exit status, negative for a signal. After `seconds` the process is killed."""
        timer = threading.Timer(seconds, self.kill)
        timer.start()
        try:
            return self._fork_server.ask({"wait": self.pid})
        finally:
            timer.cancel()

    @property
    def output(self) -> Output:
        """What it has written to standard output."""
        return Output.of(self._out.read_bytes())

    @property
    def text(self) -> str:
        """All that it has written, to standard error too."""
        return self._out.read_text(errors="replace") + self._out.with_suffix(".err").read_text(errors="replace")


class ForkServer:
    """A process that has imported the connector, and forks for each run."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self._lock = folder, 0, threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "testing.fork_server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdin
        assert self._server.stdout
        self._requests, self._answers = self._server.stdin, self._server.stdout

    def ask(self, request: Json) -> int:
        """Sends a request; returns the number in the answer."""
        with self._lock:
            print(json.dumps(request), file=self._requests, flush=True)
            return int(self._answers.readline())

    def start(self, argv: Sequence[str], out: Path | None = None, file_size: int | None = None) -> Process:
        """Starts the connector. `out`: where its output goes; `file_size`: the largest file that it can write."""
        self._count += 1
        log = self._folder / f"{self._count}.out"
        log.touch()
        pid = self.ask({"argv": list(argv), "out": str(out or log), "err": str(log.with_suffix(".err")), "file_size": file_size})
        return Process(self, pid, log)

    def read(
        self, config: Mapping[str, Any], streams: Sequence[str], state: Mapping[str, Json] | None = None, **options: Any
    ) -> Process:
        """Starts an incremental read."""
        return self.start(read_arguments(self._folder, config, streams, state), **options)

    def close(self) -> None:
        """Ends the process, after its children."""
        self._requests.close()
        self._server.wait(10)
        self._answers.close()


@contextmanager
def fork_server(folder: Path) -> Iterator[ForkServer]:
    """A fork server for the length of the block; files go into `folder`."""
    found = ForkServer(folder)
    try:
        yield found
    finally:
        found.close()


def _serve() -> None:
    from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk

    from source_syfter.source import SourceSyfter

    schema = cdk.get_declarative_component_schema()
    cdk.get_declarative_component_schema = lambda: schema
    # Warms what is imported or compiled on first use.
    SourceSyfter(config={"credentials": {"auth_type": "api_key", "api_key": "x"}}).streams({})
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        else:
            pid = os.fork()
            if not pid:
                _run_connector(request)
            print(pid, flush=True)


def _run_connector(request: Json) -> None:
    from source_syfter.run import _run_process

    for number, name in ((1, request["out"]), (2, request["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if request["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"],) * 2)
    _run_process(request["argv"])
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _serve()
