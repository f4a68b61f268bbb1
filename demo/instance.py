"""A local Syfter instance: the sandbox, in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.screen import PhaseError

ROOT = Path(__file__).resolve().parents[1]
# The sandbox's fixed key. It opens nothing but that.
API_KEY = "syfter-sandbox-key-0001"


class Instance:
    """A running sandbox."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._url = ""

    @property
    def url(self) -> str:
        """The address; waits until the sandbox has said it."""
        if not self._url:
            first = self._process.stdout.readline() if self._process.stdout else ""
            found = re.search(r"http://[\w.:\[\]]+", first)
            if not found:
                raise PhaseError(f"The sandbox did not start: {first.strip() or f'it ended with status {self._process.wait()}'}")
            self._url = found.group()
        return self._url

    @property
    def config(self) -> dict[str, Any]:
        """The connector's configuration for this instance."""
        return {"host": self.url, "credentials": {"auth_type": "api_key", "api_key": API_KEY}}

    def apply_day(self) -> tuple[int, int]:
        """Lets a day pass on the instance: returns how many records it changed and how many it made."""
        request = urllib.request.Request(f"{self.url}/sandbox/day", method="POST")  # noqa: S310 -- http on loopback, by us
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            changes: list[dict[str, int]] = list(json.load(response)["changes"].values())
        return sum(change["updated"] for change in changes), sum(change["created"] for change in changes)


@contextmanager
def started(companies: int) -> Iterator[Instance]:
    """Starts a sandbox on a free port, without waiting for it, and stops it at the end."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--tidy", "--companies", str(companies)]
    # Its records have fields that no schema knows, as those of a real instance may.
    command += ["--conventions", "extra-fields"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield Instance(process)
    finally:
        process.terminate()
        process.wait(timeout=10)
