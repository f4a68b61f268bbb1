"""The Airflow example in an environment of its own: it is parsed, and its sync is run against a stand-in for Airbyte's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from testing.dbt_warehouses import ROOT, Project

# dbt and dlt take seconds to start, and minutes on a machine that is busy.
pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

AIRFLOW = Path(os.environ.get("SYFTER_AIRFLOW_PYTHON", ROOT / ".venv-airflow/bin/python"))

CONNECTION = "6a1ab1be-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def python() -> Path:
    if not AIRFLOW.exists():
        pytest.skip(
            "needs Airflow in an environment of its own: `make test-airflow`, or another one's Python as SYFTER_AIRFLOW_PYTHON"
        )
    return AIRFLOW


class Airbyte(BaseHTTPRequestHandler):
    """As much of the public API as a sync needs. The first look at the job finds it running."""

    calls: list[tuple[str, str, object]]

    def answer(self, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        sent = json.loads(raw) if raw[:1] == b"{" else raw.decode()
        self.calls.append(("POST", self.path, sent))
        if self.path.endswith("/applications/token"):
            self.answer({"access_token": "t", "token_type": "Bearer", "expires_in": 900})
        else:
            self.answer(self.job("running"))

    def do_GET(self) -> None:
        self.calls.append(("GET", self.path, None))
        looks = sum(method == "GET" for method, *_ in self.calls)
        self.answer(self.job("running" if looks == 1 else "succeeded"))

    @staticmethod
    def job(status: str) -> dict[str, object]:
        return {"jobId": 7, "status": status, "jobType": "sync", "startTime": "2026-01-01T00:00:00Z", "connectionId": CONNECTION}

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def airbyte() -> Iterator[ThreadingHTTPServer]:
    Airbyte.calls = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Airbyte) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(python: Path, tmp_path: Path, project: Path, *arguments: str, api: str = "http://127.0.0.1:9") -> str:
    environment = {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW_CONN_AIRBYTE_SYFTER": json.dumps({"conn_type": "airbyte", "host": api, "login": "id", "password": "secret"}),
        "AIRFLOW_CONN_WAREHOUSE": "postgres://syfter:secret@127.0.0.1:5432/syfter",
        "SYFTER_DBT_PROJECT": str(project),
        "SYFTER_DBT_EXECUTABLE": str(Path(sys.executable).parent / "dbt"),
        "SYFTER_AIRBYTE_CONNECTION_ID": CONNECTION,
        "DO_NOT_TRACK": "1",
    }
    subprocess.run([python, "-m", "airflow", "db", "migrate"], env=environment, capture_output=True, check=True)
    command = [python, ROOT / "integration_tests/airflow_dag.py", ROOT / "examples/airflow", *arguments]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_dag_parses_and_its_sync_runs(python: Path, tmp_path: Path, airbyte: ThreadingHTTPServer) -> None:
    project = Project.copy(tmp_path, "duckdb")
    parsed = Project(project.package, "duckdb").dbt("parse")
    assert parsed.ok, parsed.output
    output = run(
        python, tmp_path, project.package, "and sync", api=f"http://127.0.0.1:{airbyte.server_port}/api/public/v1"
    )  # fmt: skip
    result = json.loads(output.split("RESULT ")[1].splitlines()[0])
    assert result["errors"] == {}
    tasks = result["tasks"]
    assert tasks["sync"] == []
    assert len([name for name in tasks if name.endswith("_run") or name.endswith(".run")]) == 21
    assert "sync" in str([upstream for name, upstream in tasks.items() if "stg_syfter__company_financials" in name])
    assert "SYNCED" in output
    methods = [(method, path.removeprefix("/api/public/v1")) for method, path, _ in Airbyte.calls]
    assert ("POST", "/jobs") in methods
    assert methods[-1] == ("GET", "/jobs/7")
    body = next(sent for _, path, sent in Airbyte.calls if path.endswith("/jobs"))
    assert isinstance(body, dict)
    assert body["connectionId"] == CONNECTION
