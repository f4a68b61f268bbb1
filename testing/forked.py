"""The connector as a process of its own, by the hundred: started by fork from a process that has imported it already.

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
class Printed:
    """The whole lines that a process wrote, as a platform reads them: what stands behind the last line break is not there."""

    messages: list[Json]
    noise: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Printed:
        printed = cls([])
        for line in data[: data.rfind(b"\n") + 1].decode().splitlines():
            if message := message_in(line):
                printed.messages.append(message)
            else:
                printed.noise.append(line)
        return printed

    def states(self) -> dict[str, Json]:
        """The last state of each stream."""
        found = [message["state"]["stream"] for message in self.messages if message["type"] == "STATE"]
        return {each["stream_descriptor"]["name"]: each.get("stream_state") or {} for each in found}

    def records(self, stream: str, committed: bool = False) -> list[Json]:
        """The records of `stream`; `committed`: only those that a state follows, which is all that a destination must keep."""
        found: list[Json] = []
        waiting: list[Json] = []
        for message in self.messages:
            if message["type"] == "RECORD" and message["record"]["stream"] == stream:
                waiting.append(message["record"]["data"])
            elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == stream:
                found, waiting = found + waiting, []
        return found if committed else found + waiting

    def errors(self) -> list[Json]:
        """The errors that end streams or the whole."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        return [trace["error"] for trace in traces if trace.get("error")]


class Process:
    """One process of the connector."""

    def __init__(self, nursery: Nursery, pid: int, out: Path) -> None:
        self._nursery, self.pid, self._out = nursery, pid, out

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Sends a signal."""
        os.kill(self.pid, signal_number)

    def wait(self, seconds: float = 60) -> int:
        """The exit status, negative for a signal. After `seconds` the process is killed."""
        timer = threading.Timer(seconds, self.kill)
        timer.start()
        try:
            return self._nursery.ask({"wait": self.pid})
        finally:
            timer.cancel()

    @property
    def printed(self) -> Printed:
        """What it has written to standard output."""
        return Printed.of(self._out.read_bytes())

    @property
    def text(self) -> str:
        """All that it has written, to standard error too."""
        return self._out.read_text(errors="replace") + self._out.with_suffix(".err").read_text(errors="replace")


class Nursery:
    """A process that has imported the connector, and forks."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self._lock = folder, 0, threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, "-m", "testing.forked"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdin
        assert self._server.stdout
        self._orders, self._answers = self._server.stdin, self._server.stdout

    def ask(self, order: Json) -> int:
        """Gives an order and returns the number that is the answer."""
        with self._lock:
            print(json.dumps(order), file=self._orders, flush=True)
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
        """Ends the process; its children have been waited for."""
        self._orders.close()
        self._server.wait(10)
        self._answers.close()


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    """A nursery for the length of the block; files go into `folder`."""
    found = Nursery(folder)
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
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        else:
            pid = os.fork()
            if not pid:
                _be_the_connector(order)
            print(pid, flush=True)


def _be_the_connector(order: Json) -> None:
    from source_syfter.run import _run_process

    for number, name in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if order["file_size"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size"],) * 2)
    _run_process(order["argv"])
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _serve()
