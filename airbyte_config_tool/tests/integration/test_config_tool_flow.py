"""The whole way against the stand-in: init, check, plan, apply, plan."""

from __future__ import annotations

from pathlib import Path

from config_tool_support.harness import CONNECTOR, SECRETS, Run
from config_tool_support.standin import Standin


def test_a_new_project_goes_all_the_way(run: Run, tmp_path: Path, standin: Standin, secrets: Path) -> None:
    folder = tmp_path / "airbyte"
    assert run("init", folder, "--connector", CONNECTOR).code == 0
    assert run("check", folder).code == 0
    first = run("plan", folder)
    assert first.code == 2
    assert "4 to create" in first.out
    assert run("apply", folder, "--yes").code == 0
    again = run("plan", folder)
    assert (again.code, "4 unchanged" in again.out) == (0, True)

    source = next(iter(standin.sources.values()))
    assert source["configuration"]["credentials"]["api_key"] == SECRETS[0]
    written = "".join(p.read_text() for p in folder.rglob("*") if p.is_file())
    assert not any(secret in written for secret in SECRETS)
