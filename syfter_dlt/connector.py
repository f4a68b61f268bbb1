"""The connector as its users run it: a program that is given files and prints one JSON message a line.

A client of the Airbyte protocol for the bridge and for the demo; it does not need dlt.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Message = dict[str, Any]
EXECUTABLE = Path(sys.executable).with_name("source-syfter")
"""Where the connector is if it is installed in this environment."""


class ConnectorError(Exception):
    """The connector cannot be run, or it says that something is wrong; the text says what."""


def say(text: str) -> None:
    """Prints what may hold names that others chose: without characters that a terminal would obey."""
    print("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text), file=sys.stderr)


def message_in(line: str | bytes) -> Message | None:
    """The message of a line, or None if it is something else, such as what a library prints."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and "type" in message else None


def exact_message_in(line: str | bytes) -> Message | None:
    """The message of a line, its numbers as `int` and `Decimal`, with all the digits that were sent."""
    try:
        message = json.loads(line, parse_float=_decimal, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and "type" in message else None


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 1000 else Decimal(digits)  # Python refuses integers of more than 4,300 digits


def _decimal(digits: str) -> Decimal | str:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond all bounds
        return digits


def error_in(message: Message) -> str | None:
    """The text of a message that is an error, or that says that a check has failed."""
    if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
        return str(message["trace"]["error"]["message"])
    if message["type"] == "CONNECTION_STATUS" and message["connectionStatus"]["status"] != "SUCCEEDED":
        return str(message["connectionStatus"].get("message"))
    return None


def arguments(folder: Path, command: str, *options: str, **files: Any) -> list[str]:
    """The command line behind the program; the content of each of `files` (config, catalog, state) is put into `folder`."""
    line = [command, *options]
    for name, content in files.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        line += [f"--{name}", str(file)]
    return line


class Connector:
    """`source-syfter`, or any other Airbyte source that is a program."""

    def __init__(self, config: Path, program: str | None = None) -> None:
        found = program or (str(EXECUTABLE) if EXECUTABLE.exists() else shutil.which(EXECUTABLE.name))
        if not found:
            raise ConnectorError(
                "source-syfter is not installed in this environment. Install it, or name the program by --connector."
            )
        if not config.is_file():
            raise ConnectorError(f"There is no configuration file {config}.")
        self._program = found
        self._config = config

    def check(self) -> None:
        """Raises an error with the connector's own words if the instance cannot be read."""
        if not any(message["type"] == "CONNECTION_STATUS" for message in self._all("check")):
            raise ConnectorError("The connector said nothing about the connection.")

    def streams(self) -> dict[str, dict[str, Any]]:
        """What `discover` says, by the name of the stream."""
        catalogs = [message["catalog"] for message in self._all("discover") if message["type"] == "CATALOG"]
        return {stream["name"]: stream for catalog in catalogs for stream in catalog["streams"]}

    @contextmanager
    def read(self, streams: list[dict[str, Any]], state: list[dict[str, Any]]) -> Iterator[Iterator[tuple[Message, bytes]]]:
        """The messages of one read, exact, and their lines. Errors of single streams are messages too; see `error_in`."""
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
        with self._running("read", catalog=catalog, state=state) as process:
            yield self._messages(process, exact_message_in)

    def _all(self, command: str) -> list[Message]:
        """All that a command says; raises its errors."""
        with self._running(command) as process:
            said = [message for message, _ in self._messages(process, message_in)]
        if errors := [text for message in said if (text := error_in(message))]:
            raise ConnectorError(" ".join(errors))
        return said

    @contextmanager
    def _running(self, command: str, **files: Any) -> Iterator[subprocess.Popen[bytes]]:
        with TemporaryDirectory(prefix="source-syfter-") as folder:
            line = [self._program, *arguments(Path(folder), command, "--config", str(self._config), **files)]
            try:
                process = subprocess.Popen(line, stdout=subprocess.PIPE)  # noqa: S603
            except OSError as error:
                raise ConnectorError(f"{self._program} cannot be run: {error.strerror}.") from error
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def _save(self, config: dict[str, Any]) -> None:
        """Keeps what the connector changed in its configuration: a refresh token that was replaced. Complete or not at all."""
        written = self._config.with_name(f"{self._config.name}.new")
        try:
            written.touch(mode=0o600)
            written.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            os.replace(written, self._config)
        except OSError as error:
            text = f"{self._config} cannot be written, so a refresh token that was replaced is lost: {error.strerror}."
            raise ConnectorError(f"{text} Make its folder writable, and enter a new token.") from error

    def _messages(
        self, process: subprocess.Popen[bytes], read: Callable[[bytes], Message | None]
    ) -> Iterator[tuple[Message, bytes]]:
        """Every message and its line, its warnings also printed; at the end an error, if the program failed without one."""
        failed = False
        for line in process.stdout or ():
            message = read(line)
            if message is None:
                print(line.decode("utf-8", "replace"), end="", file=sys.stderr)
                continue
            if message["type"] == "CONTROL" and "connectorConfig" in message["control"]:
                self._save(json.loads(line)["control"]["connectorConfig"]["config"])
            if message["type"] == "LOG" and message["log"]["level"] == "WARN":
                say(message["log"]["message"])
            failed = failed or error_in(message) is not None
            yield message, line
        code = process.wait()
        if code != 0 and not failed:
            raise ConnectorError(f"{self._program} ended with exit code {code} and without a word.")
