"""Makes a release: `python tools/release.py 1.2.3`, or `make release VERSION=1.2.3`.

The version stands in `pyproject.toml`; every other place is written from there, and `test_one_version_everywhere` holds them
together. What stands under `Unreleased` in CHANGELOG.md becomes the new version's entry. The last step is a commit and a tag; a
pipeline of the tag runs the tests, `.ci/image` and `.ci/release`.
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NUMBER = r"\d+\.\d+\.\d+"
# Every file that says the version, and what stands around it there.
PLACES = [
    ("pyproject.toml", rf'^version = "({NUMBER})"$'),
    ("metadata.yaml", rf"^  dockerImageTag: ({NUMBER})$"),
    ("Dockerfile", rf'(?:airbyte|image)\.version="({NUMBER})"'),
    ("README.md", rf"`({NUMBER})`"),
    ("docs/install.md", rf"(?:source-syfter:|`)({NUMBER})"),
    ("docs/operations.md", rf"source-syfter:({NUMBER})"),
    ("integration_tests/cat/acceptance-test-config.yml", rf"source-syfter:({NUMBER})$"),
    ("airbyte_config_tool/src/airbyte_config_tool/__init__.py", rf'^__version__ = "({NUMBER})"$'),
    ("dbt/dbt_project.yml", rf'^version: "({NUMBER})"$'),
    ("dbt/integration_tests/dbt_project.yml", rf'^version: "({NUMBER})"$'),
]


class Refused(Exception):  # noqa: N818  it says what happened, not that something broke
    """Why no release is made."""


def main(arguments: list[str]) -> int:
    """Sets the version, commits and tags. 0: done; 1: refused, and nothing was changed."""
    try:
        version = _wanted(arguments)
        texts = _texts(version, datetime.datetime.now(datetime.timezone.utc).date())
        if _git("status", "--porcelain"):
            raise Refused("there are uncommitted changes: commit them first")
        if _git("tag", "--list", f"v{version}"):
            raise Refused(f"the tag v{version} is there already")
    except Refused as reason:
        print(f"No release: {reason}.", file=sys.stderr)
        return 1
    for name, text in texts.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    _git("commit", "--quiet", "--all", "--message", f"Release {version}")
    _git("tag", "--annotate", f"v{version}", "--message", f"source-syfter {version}")
    print(f"Tagged v{version}. To publish it: git push --follow-tags")
    return 0


def current() -> str:
    """The version that pyproject.toml says."""
    name, pattern = PLACES[0]
    return str(re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)[0])


def _wanted(arguments: list[str]) -> str:
    version = arguments[0] if arguments else ""
    if not re.fullmatch(NUMBER, version):
        raise Refused("say which: make release VERSION=1.2.3")
    if [int(part) for part in version.split(".")] <= [int(part) for part in current().split(".")]:
        raise Refused(f"{version} is not after {current()}")
    return version


def _texts(version: str, day: datetime.date) -> dict[str, str]:
    """What the files will say."""
    texts = {}
    for name, pattern in PLACES:
        text = (ROOT / name).read_text(encoding="utf-8")
        texts[name], count = re.subn(pattern, lambda m: str(m[0]).replace(str(m[1]), version), text, flags=re.MULTILINE)
        if not count:
            raise Refused(f"{name} says no version where it should: {pattern}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## \[)", changelog, re.MULTILINE | re.DOTALL)
    if entry is None or "- " not in entry[1]:
        raise Refused("CHANGELOG.md has nothing under Unreleased: say what changes")
    texts["CHANGELOG.md"] = changelog.replace(entry[0], f"## [Unreleased]\n\n## [{version}] - {day}\n{entry[1]}")
    page = (ROOT / "docs/syfter.md").read_text(encoding="utf-8")
    head = "| Version | Date | Pull Request | Subject |\n| --- | --- | --- | --- |\n"
    if head not in page:
        raise Refused("docs/syfter.md has no changelog table")
    texts["docs/syfter.md"] = page.replace(head, f"{head}| {version} | {day} | | See [CHANGELOG.md](../CHANGELOG.md) |\n")
    return texts


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
