"""The connector as its users run it: a program that is given files and prints one JSON message a line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Message = dict[str, Any]


class BridgeError(Exception):
    """Something that its reader can mend; the text says what."""


def error_in(message: Message) -> str | None:
    """The text of a message that is an error."""
    if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
        return str(message["trace"]["error"]["message"])
    return None


class Connector:
    """`source-syfter`, or any other Airbyte source that is a program."""

    def __init__(self, config: Path, program: str | None = None) -> None:
        beside_python = Path(sys.executable).parent / "source-syfter"
        found = program or (str(beside_python) if beside_python.exists() else shutil.which("source-syfter"))
        if not found:
            raise BridgeError(
                "source-syfter is not installed in this environment. Install it, or name the program by --connector."
            )
        if not config.is_file():
            raise BridgeError(f"There is no configuration file {config}.")
        self._program = found
        self._config = config

    def streams(self) -> dict[str, dict[str, Any]]:
        """What `discover` says, by the name of the stream."""
        with self._running("discover") as messages:
            said = list(messages)
        if errors := [text for message in said if (text := error_in(message))]:
            raise BridgeError(" ".join(errors))
        return {
            stream["name"]: stream for message in said if message["type"] == "CATALOG" for stream in message["catalog"]["streams"]
        }

    @contextmanager
    def read(self, streams: list[dict[str, Any]], state: list[dict[str, Any]]) -> Iterator[Iterator[Message]]:
        """The messages of one read. Errors of single streams are messages too; see `error_in`."""
        catalog = {
            "streams": [
                {
                    "stream": stream,
                    "sync_mode": "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh",
                    "destination_sync_mode": "append_dedup" if stream.get("source_defined_primary_key") else "append",
                    "cursor_field": stream.get("default_cursor_field") or [],
                    "primary_key": stream.get("source_defined_primary_key") or [],
                }
                for stream in streams
            ]
        }
        with self._running("read", catalog=catalog, state=state) as messages:
            yield messages

    @contextmanager
    def _running(self, command: str, **files: Any) -> Iterator[Iterator[Message]]:
        with TemporaryDirectory(prefix="syfter-dlt-") as folder:
            line = [self._program, command, "--config", str(self._config)]
            for name, content in files.items():
                file = Path(folder) / f"{name}.json"
                file.write_text(json.dumps(content))
                line += [f"--{name}", str(file)]
            try:
                process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, encoding="utf-8")  # noqa: S603
            except OSError as error:
                raise BridgeError(f"{self._program} cannot be run: {error.strerror}.") from error
            try:
                yield self._messages(process)
            finally:
                process.kill()
                process.wait()

    def _messages(self, process: subprocess.Popen[str]) -> Iterator[Message]:
        """Every message, its warnings also printed; at the end an error, if the program failed without one."""
        failed = False
        for line in process.stdout or ():
            try:
                message = json.loads(line)
            except ValueError:
                print(line, end="", file=sys.stderr)
                continue
            if message["type"] == "LOG" and message["log"]["level"] == "WARN":
                print(message["log"]["message"], file=sys.stderr)
            failed = failed or error_in(message) is not None
            yield message
        code = process.wait()
        if code != 0 and not failed:
            raise BridgeError(f"{self._program} ended with exit code {code} and without a word.")
