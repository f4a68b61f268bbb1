"""The connector as Airbyte starts it: a program with a command line that writes one JSON message a line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.screen import PhaseError

EXECUTABLE = Path(sys.executable).with_name("source-syfter")


def check(config: Path) -> None:
    """Runs `source-syfter check`; raises with the connector's own words if the instance cannot be read."""
    for message in _messages("check", "--config", str(config)):
        if message["type"] == "CONNECTION_STATUS":
            status = message["connectionStatus"]
            if status["status"] != "SUCCEEDED":
                raise PhaseError(str(status.get("message")))
            return
    raise PhaseError("The connector said nothing about the connection.")


def _messages(*command: str) -> Iterator[dict[str, Any]]:
    done = subprocess.run([str(EXECUTABLE), *command], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "TRACE" and message["trace"]["type"] == "ERROR":
            raise PhaseError(message["trace"]["error"]["message"])
        yield message
    if done.returncode:
        raise PhaseError(f"`source-syfter {command[0]}` ended with status {done.returncode}: {done.stderr.strip()[-500:]}")
