"""What the tests share: the secrets they plant, the result of a run, and small edits of files."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config_tool_support.standin import CLIENT_SECRET

API_KEY, PASSWORD = "sk-live-7Q2hRz!/+x9", "pw-warehouse-55~"
SECRETS = (API_KEY, PASSWORD, CLIENT_SECRET)
CONNECTOR = shlex.join([sys.executable, str(Path(__file__).with_name("connector.py"))])


@dataclass
class Result:
    """What one run of the tool did."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


def write_octavia(home: Path, **values: str) -> Path:
    """Adds lines to `~/.octavia`; a later line wins."""
    file = home / ".octavia"
    before = file.read_text() if file.exists() else ""
    file.write_text(before + "".join(f"{name}={value}\n" for name, value in values.items()))
    file.chmod(0o600)
    return file


def edit(file: Path, old: str, new: str) -> int:
    """Replaces a text that stands once in a file; the line number of the new text."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1
