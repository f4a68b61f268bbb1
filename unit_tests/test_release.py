"""`make release`: one source of the version, a changelog that says something, a commit and a tag; or nothing at all."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import release

FILES = [*(name for name, _ in release.PLACES), "CHANGELOG.md", "docs/syfter.md"]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of the files that a release touches."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(release.ROOT / name, tmp_path / name)
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n### Fixed\n\n- A thing.\n", 1))
    monkeypatch.setattr(release, "ROOT", tmp_path)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "before"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_a_release_sets_the_version_everywhere_and_tags_it(copy: Path) -> None:
    before = release.current()
    assert release.main(["7.8.9"]) == 0
    for name, pattern in release.PLACES:
        assert set(re.findall(pattern, (copy / name).read_text(), re.MULTILINE)) == {"7.8.9"}, name
    changelog = (copy / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[:3] == ["Unreleased", "7.8.9", before]
    assert changelog.index("## [7.8.9]") < changelog.index("- A thing.") < changelog.index(f"## [{before}]")
    assert "| 7.8.9 | " in (copy / "docs/syfter.md").read_text()
    assert release._git("tag", "--points-at", "HEAD") == "v7.8.9"
    assert release._git("status", "--porcelain") == ""


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.3", "0.0.1", release.current()])
def test_a_version_that_is_none_or_not_later_is_refused(copy: Path, version: str) -> None:
    assert release.main([version]) == 1
    assert release._git("log", "--oneline").count("\n") == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("CHANGELOG.md", "- ", "* ", "nothing under Unreleased"),
        ("metadata.yaml", "  dockerImageTag: ", "  dockerImageTag: v", "metadata.yaml says no version"),
        ("README.md", "# source", "# Source", "uncommitted changes"),
    ],
)
def test_what_is_in_the_way_is_said_and_nothing_is_changed(
    copy: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, reason: str
) -> None:
    text = (copy / file).read_text().replace(old, new)
    (copy / file).write_text(text)
    if "uncommitted" not in reason:
        release._git("commit", "-qam", "in the way")
    assert release.main(["7.8.9"]) == 1
    assert reason in capsys.readouterr().err
    assert (copy / file).read_text() == text


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("source-syfter", [Path(sys.executable).parent / "source-syfter"]),
        ("syfter-dlt", [Path(sys.executable).parent / "syfter-dlt"]),
        ("sandbox", [sys.executable, "-m", "sandbox"]),
    ],
)
def test_each_command_says_its_version(name: str, command: list[str | Path]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", done.stdout)
