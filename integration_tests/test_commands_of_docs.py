"""Every command in the fenced blocks of README and docs runs: in `make soak` page by page, or where its page says.

Before a block, `<!-- run by: NAMES -->` names the tests (or scripts of CI) that run it, and `<!-- not run: REASON -->` says why
nothing does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox, running
from testing.clones import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "dbt/README.md", "airbyte_config_tool/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
BLOCK = re.compile(r"(?:^<!-- (run by|not run): (.+?) -->\n)?^ *```(\S*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str, str]]:
    """What is said of each block, its kind, and its text."""
    return [match.groups(default="") for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]  # type: ignore[misc]


HERE = [page for page in PAGES if any(kind == "sh" and not said for said, _, kind, _ in blocks(page))]


def test_each_block_says_what_it_is() -> None:
    known = {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir()}
    for folder in ("unit_tests", "integration_tests", "airbyte_config_tool/tests"):
        for file in (ROOT / folder).rglob("test_*.py"):
            known |= {file.stem, *re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}
    for page in PAGES:
        assert page.read_text().count("```") == 2 * len(blocks(page)), page
        for said, what, kind, text in blocks(page):
            assert kind in ("sh", "text", "json", "yaml", "sql", "python", "diff", "dockerfile"), (page, text)
            assert not said or kind == "sh", (page, text)
            if said == "run by":
                assert set(what.split(", ")) <= known, (page, what)
    assert len(HERE) > 3


def test_each_target_of_make_that_is_named_exists() -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^|&& |: )make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert named <= there, page


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running(companies=5) as box:
        yield box


@pytest.mark.soak
@pytest.mark.parametrize("page", HERE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(page: Path, box: Sandbox, tmp_path: Path) -> None:
    """With the files that the page speaks of: `config.json`, and the catalog of docs/install.md."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "secrets").mkdir()
    [catalog] = [text for _, _, kind, text in blocks(ROOT / "docs" / "install.md") if kind == "json"]
    for name, content in {
        "config.json": box.config(),
        "secrets/config.json": box.config(),
        "catalog.json": json.loads(catalog),
    }.items():
        (tmp_path / name).write_text(json.dumps(content))
    environment = {**os.environ, "PATH": f"{tmp_path}/.venv/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    for said, _, kind, text in blocks(page):
        if kind == "sh" and not said:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert done.returncode == 0, text + done.stdout[-2000:] + done.stderr[-2000:]
