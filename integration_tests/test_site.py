"""`make site`: the documentation as a site that needs no network, without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testing.clones import ROOT

PROGRAM = Path(sys.prefix, "site/bin/mkdocs")
PAGES = [
    *(page for pattern in ("*.md", "docs/*.*", "dbt/*.md", "examples/*/README.md") for page in sorted(ROOT.glob(pattern))),
    ROOT / "airbyte_config_tool" / "README.md",
]

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="`make test` makes the environment for these tests")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `make site` builds from."""
    for name in ["mkdocs.yml", "tools/site_hooks.py", *(f"build/pages/{page.relative_to(ROOT)}" for page in PAGES)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name.removeprefix("build/pages/"), tmp_path / name)
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "build", "--strict"]
    return subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )


def test_it_is_built_without_a_warning_and_asks_nobody_else(folder: Path) -> None:
    done = build(folder)
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stderr.splitlines()} == {"INFO"}
    built = {
        path.relative_to(folder / "build/site").as_posix(): path.read_text() for path in (folder / "build/site").rglob("*.html")
    }
    assert len(built) == 1 + len([page for page in PAGES if page.suffix == ".md"]), "a 404 page, too"
    for name, text in built.items():
        # Links that a person may follow lead elsewhere; what a browser fetches by itself does not.
        assert not re.findall(r'<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)="?(?:https?:)?//', text), name
    assert "<table>" in built["docs/syfter.html"].partition("<details")[2], "Markdown within <details>"
    assert "Authorization" in (folder / "build/site/search/search_index.json").read_text()


def test_a_link_that_leads_nowhere_or_a_page_that_the_menu_lacks_fails_it(folder: Path) -> None:
    page, links = folder / "build" / "pages" / "docs" / "install.md", ["nowhere.md", "errors.md#nowhere", "../setup.cfg"]
    page.write_text(page.read_text() + "".join(f"\n[see]({link})\n" for link in links))
    (page.parent / "another.md").write_text("# Another\n")
    done = build(folder)
    assert done.returncode == 1
    assert all(name in done.stderr for name in [*links, "another.md"])
