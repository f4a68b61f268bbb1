"""The distribution stands alone: its wheel, in a folder without this repository, goes the whole way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from config_tool_support.harness import CONNECTOR, SECRETS
from config_tool_support.standin import Standin

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the build backend is not installed, and nothing is fetched in a test")
    folder = tmp_path_factory.mktemp("wheel")
    # As `pip wheel` calls the backend, without pip's fetching of what is installed already.
    code = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("airbyte_config_tool-*.whl"))


def test_the_wheel_holds_the_tool_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"airbyte_config_tool"}
    sources = {
        p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    assert sources <= set(names)
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "airbyte-config-tool = airbyte_config_tool.cli:main" in zipfile.ZipFile(wheel).read(entry_points).decode()


def test_the_wheel_works_without_the_repository(wheel: Path, tmp_path: Path, standin: Standin, secrets: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONPATH": str(site)}

    def tool(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "airbyte_config_tool", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
        return done

    code = "import airbyte_config_tool; print(airbyte_config_tool.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert str(site) in where.stdout
    assert tool("init", "p", "--connector", CONNECTOR).returncode == 0
    codes = [tool(*command).returncode for command in (("check", "p"), ("plan", "p"), ("apply", "p", "--yes"), ("plan", "p"))]
    assert codes == [0, 2, 0, 0]


def test_what_the_sources_import_is_required() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    imported = set(re.findall(r"^(?:import|from) (\w+)", texts, re.MULTILINE)) - sys.stdlib_module_names - {"airbyte_config_tool"}
    required = re.search(r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert required
    named = {name.lower().replace("pyyaml", "yaml") for name in re.findall(r'"(\w+)', required[1])}
    assert imported == named


def test_the_tool_imports_no_cdk_and_nothing_of_the_connector() -> None:
    code = "import sys, airbyte_config_tool.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not {"airbyte_cdk", "airbyte", "source_syfter", "airbyte_api"} & set(eval(done.stdout))
