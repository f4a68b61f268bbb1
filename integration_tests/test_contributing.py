"""The recipes of CONTRIBUTING.md, each followed in a fresh clone by somebody who does what is written and nothing else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from testing.clones import clone
from testing.rotation import every_other_day

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^###? |\Z)", TEXT.partition("## Recipes")[2], re.MULTILINE | re.DOTALL))


def block(recipe: str, kind: str) -> str:
    """The only block of a kind in a recipe."""
    (text,) = re.findall(rf"```{kind}\n(.*?)```", RECIPES[recipe], re.DOTALL)
    return str(text)


@every_other_day(False)
def test_the_recipes_of_contributing(tmp_path: Path) -> None:
    """One after the other, each patch on top of those before; then the commands of all, the tests in one run."""
    here = clone(tmp_path)
    files, words = set(), []
    for recipe in RECIPES:
        done = subprocess.run(["git", "apply", "-"], cwd=here, input=block(recipe, "diff"), capture_output=True, text=True)
        assert done.returncode == 0, f"{recipe}: the code has moved on, and the patch in CONTRIBUTING.md has not: {done.stderr}"
        docs, tests = block(recipe, "sh").splitlines()
        assert docs == "make docs"
        start, _, chosen = tests.partition(" -k ")
        program, *module, quiet = start.split()[:4]
        assert (program, module, quiet) == (".venv/bin/python", ["-m", "pytest"], "-q")
        files |= set(start.split()[4:])
        words.append(f"({shlex.split(chosen)[0]})")
    environment = {**os.environ, "PYTHONPATH": str(here), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    run = ["-m", "pytest", "-q", *sorted(files), "-k", " or ".join(words)]
    for command in (["tools/docs.py"], run):
        done = subprocess.run([sys.executable, *command], cwd=here, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def test_there_are_four() -> None:
    assert list(RECIPES) == ["Add a stream", "Add an override", "Add an error", "Add a fault"]
