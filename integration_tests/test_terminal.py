"""`check` for a person: words on a terminal, and messages of the protocol in a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sandbox
from testing.rotation import rotating

PROGRAM = Path(sys.executable).parent / "source-syfter"


def check(folder: Path, config: Any, terminal: bool) -> tuple[int, str]:
    """Exit code and output of `check`."""
    file = folder / "config.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    ours, theirs = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen([PROGRAM, "check", "--config", file], stdout=theirs, stderr=subprocess.STDOUT)
    os.close(theirs)
    said = b""
    try:
        while block := os.read(ours, 65536):
            said += block
    except OSError:  # a terminal whose other end is closed
        pass
    os.close(ours)
    return process.wait(), said.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def host() -> Any:
    with sandbox.running(companies=3) as box:
        yield box.url


def config(host: str, key: str = sandbox.API_KEY) -> dict[str, Any]:
    return {"host": host, "allow_insecure_http": True, "credentials": {"auth_type": "api_key", "api_key": key}}


def test_a_check_that_succeeds(tmp_path: Path, host: str) -> None:
    assert check(tmp_path, config(host), terminal=True) == (0, "The connection works.\n")
    code, said = check(tmp_path, config(host), terminal=False)
    assert (code, json.loads(said.splitlines()[-1])["connectionStatus"]["status"]) == (0, "SUCCEEDED")


def test_a_refresh_token_that_is_replaced_is_kept_and_not_shown(tmp_path: Path) -> None:
    """No platform is there to save it."""
    with sandbox.running(companies=3) as box:
        box.auth.rotates = True
        given = box.config(auth="oauth2_refresh_token", kept=1)
        assert check(tmp_path, given, terminal=True) == (0, "The connection works.\n")
        replaced = box.auth.refresh_token

    given["credentials"]["refresh_token"] = replaced
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8")) == given
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("given", "words"),
    rotating([({"key": "not-the-key"}, "(401)"), ("{", "--config"), ({"config": {"credentials": {}}}, "credentials")], 1),
)
def test_a_check_that_fails_says_why_in_words(tmp_path: Path, host: str, given: Any, words: str) -> None:
    chosen = given if isinstance(given, str) else given.get("config") or config(host, given["key"])
    _, said = check(tmp_path, chosen, terminal=True)
    assert said.startswith("The connection does not work. ")
    assert words in said
    assert '{"type"' not in said
    assert "Traceback" not in said
    _, piped = check(tmp_path, chosen, terminal=False)
    assert all(json.loads(line)["type"] for line in piped.splitlines())
