"""The whole way with the real connector's command line, where it is installed: spec, discover and bundle as they are."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from config_tool_support.harness import Run, edit
from config_tool_support.standin import Standin

COMMAND = shutil.which("source-syfter", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(COMMAND is None, reason="source-syfter is not installed beside this Python")


def test_a_new_project_with_the_real_connector(run: Run, tmp_path: Path, standin: Standin, secrets: Path) -> None:
    folder = tmp_path / "airbyte"
    assert run("init", folder).code == 0
    result = run("check", folder)
    assert result.code == 0, result.text
    assert run("apply", folder, "--yes").code == 0
    assert run("plan", folder).code == 0
    definition = next(iter(standin.declarative.values()))
    assert definition.platform_spec["documentationUrl"]
    assert len(definition.manifests[0]["streams"]) == 9


def test_the_weekly_connection_is_one_rename_away(run: Run, tmp_path: Path, standin: Standin, secrets: Path) -> None:
    folder = tmp_path / "airbyte"
    assert run("init", folder).code == 0
    weekly = folder / "connections/syfter_to_warehouse_weekly"
    (weekly / "configuration.yaml.example").rename(weekly / "configuration.yaml")
    result = run("check", folder)
    assert result.code == 0, result.text
    assert run("apply", folder, "--yes").code == 0
    assert run("plan", folder).code == 0
    assert sorted(connection["prefix"] for connection in standin.connections.values()) == ["", "weekly_"]


def test_conventions_of_the_source_reach_the_manifest(run: Run, tmp_path: Path, standin: Standin, secrets: Path) -> None:
    folder = tmp_path / "airbyte"
    run("init", folder)
    assert run("apply", folder, "--yes").code == 0
    edit(folder / "sources/syfter/configuration.yaml", "  credentials:", "  conventions: { path_prefix: v9 }\n  credentials:")
    assert run("apply", folder, "--yes").code == 0
    first, second = next(iter(standin.declarative.values())).manifests
    assert "v9" in str(second)
    assert "v9" not in str(first)
