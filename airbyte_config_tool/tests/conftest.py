"""Fixtures for all tests: a project from `init`, a home of its own, the stand-in, and the tool as a function."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# The tests run from the sources, installed or not.
sys.path[:0] = [str(HERE.parent / "src"), str(HERE)]

from config_tool_support import connector  # noqa: E402
from config_tool_support.harness import API_KEY, CONNECTOR, PASSWORD, SECRETS, Result, Run, write_octavia  # noqa: E402
from config_tool_support.standin import CLIENT_ID, CLIENT_SECRET, WORKSPACE, Standin  # noqa: E402

from airbyte_config_tool import api, cli, fingerprint, scaffold  # noqa: E402


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything in it, and an environment without the variables that the tool reads."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("AIRBYTE_ALLOWED_COMMANDS", f"{sys.executable}, source-syfter")
    monkeypatch.setattr(fingerprint, "_COST", (4, 8, 1))  # the real one is slow on purpose
    for name in ("AIRBYTE_URL", "AIRBYTE_WORKSPACE_ID", "AIRBYTE_CLIENT_ID", "AIRBYTE_CLIENT_SECRET", "AIRBYTE_STATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the tool in this process, as the console script does, and proves that no secret was printed."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        result = Result(int(stop.value.code or 0), captured.out, captured.err)
        for secret in SECRETS:
            assert secret not in result.text, f"a secret was printed by {arguments}"
        return result

    return call


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as `init` makes it, for the recorded connector."""
    folder = tmp_path / "project"
    scaffold.write(folder, CONNECTOR, None)
    return folder


@pytest.fixture
def offline_project(project: Path) -> Path:
    """The same with recorded files instead of a connector's command, which is faster."""
    folder = project / "source_definitions" / "syfter"
    (folder / "spec.json").write_text(json.dumps({"connectionSpecification": connector.spec()}))
    (folder / "catalog.json").write_text(json.dumps({"streams": connector.catalog()}))
    (folder / "manifest.json").write_text(json.dumps(connector.manifest()))
    (folder / "configuration.yaml").write_text(
        "resource_name: Syfter\ndefinition_type: source_definition\n"
        "connector: { spec: spec.json, catalog: catalog.json, manifest: manifest.json }\nconfiguration: {}\n"
    )
    return project


@pytest.fixture
def secrets(home: Path) -> Path:
    """`~/.octavia` with the secrets of the project, readable by its owner only."""
    return write_octavia(home, SYFTER_API_KEY=API_KEY, WAREHOUSE_PASSWORD=PASSWORD)


@pytest.fixture
def standin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    """A running stand-in that `~/.octavia` points at. Its answers, and the requests to it, must keep the contract."""
    postgres = json.loads((HERE.parent / "src/airbyte_config_tool/templates/destination_spec.json").read_text())
    monkeypatch.setattr(api, "_backoff", lambda attempt: 0.01)
    with Standin(connector.catalog(), postgres["connectionSpecification"]) as server:
        write_octavia(
            home,
            AIRBYTE_URL=server.url,
            AIRBYTE_WORKSPACE_ID=WORKSPACE,
            AIRBYTE_CLIENT_ID=CLIENT_ID,
            AIRBYTE_CLIENT_SECRET=CLIENT_SECRET,
        )
        yield server
        assert server.contract_faults == []
        assert not [call for call in server.log if call[0] == "DELETE"]
