"""What is installed, in the image and by pip: the wheel alone, on requirements/runtime.txt alone, run from an empty folder.

`make test` puts both into an environment beside the tests' own.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sandbox import COLLECTIONS, Sandbox, running
from testing import processes

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = Path(sys.prefix) / "runtime"
WHEELS = Path(sys.prefix) / "wheel"

pytestmark = pytest.mark.skipif(not RUNTIME.exists(), reason="`make test` makes the environment for these tests")


def run(folder: Path, *command: str) -> list[dict[str, Any]]:
    environment = {"PATH": os.defpath, "HOME": str(folder)}
    done = processes.run(folder, *command, env=environment, program=[str(RUNTIME / "bin" / "source-syfter")])
    assert done.status == 0, done.out[-2000:] + done.err
    return done.messages


@pytest.fixture(scope="module")
def box() -> Any:
    with running(companies=10) as box:
        yield box


def test_the_wheel_holds_connector_and_bridge_and_nothing_else() -> None:
    [wheel] = WHEELS.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"source_syfter", "syfter_dlt"}
    data = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "source_syfter").rglob("*") if path.suffix in (".yaml", ".json")
    }
    assert len(data) >= 1 + len(COLLECTIONS)
    assert data <= names


def test_spec(tmp_path: Path) -> None:
    [spec] = [message["spec"] for message in run(tmp_path, "spec") if message["type"] == "SPEC"]
    assert "credentials" in spec["connectionSpecification"]["properties"]


def test_it_reads_everything_from_an_empty_folder(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(box.config()))
    [status] = [
        m["connectionStatus"] for m in run(tmp_path, "check", "--config", "config.json") if m["type"] == "CONNECTION_STATUS"
    ]
    assert status["status"] == "SUCCEEDED"
    [catalog] = [m["catalog"] for m in run(tmp_path, "discover", "--config", "config.json") if m["type"] == "CATALOG"]
    streams = [{"stream": s, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"} for s in catalog["streams"]]
    (tmp_path / "catalog.json").write_text(json.dumps({"streams": streams}))
    read = run(tmp_path, "read", "--config", "config.json", "--catalog", "catalog.json")
    for name in COLLECTIONS:
        ids = [m["record"]["data"]["id"] for m in read if m["type"] == "RECORD" and m["record"]["stream"] == name]
        assert sorted(ids) == [record["id"] for record in box.truth(name)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.json", "config.json"]


def test_the_bridge_says_what_it_lacks(tmp_path: Path) -> None:
    command = [RUNTIME / "bin/syfter-dlt", "--config", "config.json"]
    done = subprocess.run(command, cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "syfter-dlt needs dlt. Install it in a checkout of source-syfter: pip install '.[dlt]'\n"


def test_the_bridge_loads_where_dlt_is(box: Sandbox, tmp_path: Path) -> None:
    """As with the extra `dlt`: the wheel's own command and connector, and dlt from the environment of the tests."""
    (tmp_path / "config.json").write_text(json.dumps(box.config()))
    command = [RUNTIME / "bin/syfter-dlt", "--config", "config.json", "--destination", "duckdb", "--streams", "companies"]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": sysconfig.get_path("purelib"), **processes.QUIET}
    environment["DESTINATION__DUCKDB__CREDENTIALS"] = str(tmp_path / "warehouse.duckdb")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "companies: 10 records\n"
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as database:
        assert database.execute("select count(*) from syfter.companies").fetchone() == (10,)


def test_what_the_image_leaves_out_is_not_there() -> None:
    left_out = re.findall(r"^([a-z][a-z-]+)$", (ROOT / "requirements" / "not-in-image.in").read_text(), flags=re.MULTILINE)
    assert len(left_out) > 10
    [site] = (RUNTIME / "lib").glob("python*/site-packages")
    installed = {re.split(r"-\d", path.name)[0].replace("_", "-").lower() for path in site.glob("*.dist-info")}
    assert "airbyte-cdk" in installed
    assert installed.isdisjoint(left_out)
