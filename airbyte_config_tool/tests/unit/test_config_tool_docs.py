"""The manual names what the tool has: every finding's code, every command, and the files that `init` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airbyte_config_tool import checks
from airbyte_config_tool.cli import cli

DOCS = Path(__file__).parents[3] / "docs" / "airbyte-as-code.md"
if not DOCS.is_file():
    pytest.skip("the repository is not around this folder", allow_module_level=True)
TEXT = DOCS.read_text(encoding="utf-8")


def test_every_code_is_in_the_manual() -> None:
    folder = Path(checks.__file__).parent
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    codes = set(re.findall(r"(?:finding|Finding|report)\(\s*\"([a-z]+(?:-[a-z]+)*)\"", sources)) - {"error"}
    assert codes >= {"unset-variable", "literal-secret", "dead-feature", "layout"}
    assert not {code for code in codes if f"`{code}`" not in TEXT}


def test_every_command_is_in_the_manual_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z-]+) ", TEXT, re.MULTILINE)) == set(cli.commands)


def test_the_examples_of_messages_are_the_tools_own_words() -> None:
    folder = Path(checks.__file__).parent
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    rows = re.findall(r"^\| `[a-z-]+` \| [^|]+ \| `([^|]+?)`", TEXT, re.MULTILINE)
    assert len(rows) == 9
    for message in rows:
        fixed = re.sub(r"^(\$\{\w+\}|\w+) ", "", message).replace("SYFTER_API_KEY", "{name}")
        fixed = fixed.replace("stream company", "stream {name}")
        assert fixed in sources, f"no such message any more: {message}"
