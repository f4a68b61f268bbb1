"""The dlt bridge: the real connector against the sandbox, into a real MariaDB and into DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pymysql
import pytest

from sandbox import COLLECTIONS, Sandbox, running
from syfter_dlt.connector import Connector
from testing.dbt_warehouses import ROOT, Server, mariadb

# dlt takes seconds to start, and minutes on a machine that is busy.
# On MariaDB all of it runs in `make test-mysql`; on DuckDB the longer half only in `make soak`.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(companies=20) as box:
        yield box


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with mariadb() as server:
        yield server


class Warehouse:
    """One destination, asked in SQL."""

    def __init__(self, name: str, credentials: str, dataset: str, folder: Path) -> None:
        self.name, self.credentials, self.dataset, self.folder = name, credentials, dataset, folder

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def bridge(self, box: Sandbox, *options: str, pipelines: str = "pipelines") -> subprocess.CompletedProcess[str]:
        config = self.folder / "config.json"
        config.write_text(json.dumps(box.config()))
        command = [Path(sys.executable).with_name("syfter-dlt"), "--config", str(config), "--destination", self.name]
        command += ["--dataset", self.dataset, "--pipelines-dir", str(self.folder / pipelines), *options]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "TZ": "Australia/Sydney",
            f"DESTINATION__{self.name.upper()}__CREDENTIALS": self.credentials,
        }
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


class MariaDB(Warehouse):
    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        address = f"mysql+pymysql://{server.user}:{server.password}@127.0.0.1:{server.port}/syfter"
        super().__init__("sqlalchemy", address, f"raw_{folder.name}".replace("-", "_")[:60], folder)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        login = {"host": "127.0.0.1", "port": self.server.port, "user": self.server.user, "password": self.server.password}
        with pymysql.connect(**login, database=self.dataset) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


class DuckDB(Warehouse):
    def __init__(self, folder: Path) -> None:
        super().__init__("duckdb", str(folder / "file.duckdb"), "syfter", folder)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.credentials, read_only=True) as connection:
            connection.execute("set timezone = 'UTC'; set schema = 'syfter'")
            return connection.execute(sql).fetchall()


@pytest.fixture
def small(tmp_path: Path) -> Warehouse:
    return DuckDB(tmp_path)


@pytest.fixture(params=["duckdb", pytest.param("mariadb", marks=pytest.mark.mysql)])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return DuckDB(tmp_path)
    return MariaDB(request.getfixturevalue("server"), tmp_path)


def plain(field: str, value: Any) -> Any:
    """A value as JSON has it, whatever type the database gave it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (Decimal, float)):
        return float(value)
    if hasattr(value, "isoformat"):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if field in ("metadata", "company_ids"):
        return json.loads(value)
    return value


def expected(stream: str, field: str, value: Any) -> Any:
    if (stream, field) == ("custom_property_values", "value") and value is not None and not isinstance(value, str):
        return json.dumps(value)
    return value


def assert_same_as_the_instance(warehouse: Warehouse, box: Sandbox) -> None:
    for stream in COLLECTIONS:
        truth = box.truth(stream)
        fields = list(truth[0])
        rows = warehouse.ask(f"select {', '.join(fields)} from {stream} order by id")
        got = [{field: plain(field, value) for field, value in zip(fields, row, strict=True)} for row in rows]
        want = [{field: expected(stream, field, value) for field, value in record.items()} for record in truth]
        assert got == want, stream


def test_two_loads_and_the_second_reads_only_what_has_changed(warehouse: Warehouse, box: Sandbox) -> None:
    first = warehouse.bridge(box)
    assert first.returncode == 0, first.stderr
    assert_same_as_the_instance(warehouse, box)
    box.apply_day()
    box.clear_requests()
    second = warehouse.bridge(box)
    assert second.returncode == 0, second.stderr
    assert_same_as_the_instance(warehouse, box)
    lists = [request for request in box.requests if request.collection]
    assert all("updated_since" in request.query for request in lists)
    counts = dict(line.replace(" records", "").split(": ") for line in second.stdout.splitlines())
    assert 0 < sum(map(int, counts.values())) < 0.2 * sum(len(box.truth(stream)) for stream in COLLECTIONS)


@pytest.mark.soak
def test_the_state_is_in_the_destination_and_not_on_the_machine(warehouse: Warehouse, box: Sandbox) -> None:
    assert warehouse.bridge(box).returncode == 0
    box.clear_requests()
    elsewhere = warehouse.bridge(box, pipelines="a-new-machine")
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert all("updated_since" in request.query for request in box.requests if request.collection)
    assert_same_as_the_instance(warehouse, box)


def test_a_stream_that_fails_does_not_hold_up_the_others(small: Warehouse, box: Sandbox) -> None:
    box.deny("articles")
    failed = small.bridge(box)
    assert failed.returncode == 1
    assert "articles" in failed.stderr
    assert small.ask("select count(*) from companies") == [(20,)]
    assert small.ask("select count(*) from articles") == [(0,)]
    box.restore()
    assert small.bridge(box).returncode == 0
    assert_same_as_the_instance(small, box)


@pytest.mark.soak
def test_a_full_refresh_removes_what_is_gone(warehouse: Warehouse, box: Sandbox) -> None:
    assert warehouse.bridge(box).returncode == 0
    gone = box.truth("articles")[3]["id"]
    box.delete("articles", gone)
    assert warehouse.bridge(box).returncode == 0
    assert warehouse.ask(f"select count(*) from articles where id = {gone}") == [(1,)]
    others = warehouse.ask("select count(*) from companies")
    assert warehouse.bridge(box, "--full-refresh", "--streams", "articles").returncode == 0
    assert warehouse.ask(f"select count(*) from articles where id = {gone}") == [(0,)]
    assert warehouse.ask("select count(*) from companies") == others
    assert warehouse.bridge(box).returncode == 0
    assert_same_as_the_instance(warehouse, box)


@pytest.mark.soak
def test_a_full_refresh_that_fails_leaves_the_tables_alone(small: Warehouse, box: Sandbox) -> None:
    assert small.bridge(box).returncode == 0
    box.deny("articles")
    failed = small.bridge(box, "--full-refresh")
    assert failed.returncode == 1
    assert "Nothing was loaded" in failed.stderr
    assert_same_as_the_instance(small, box)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--streams", "nonsense"], "No such stream: nonsense. There are: "),
        (["--connector", "/nowhere/source-syfter"], "/nowhere/source-syfter"),
        (["--config", "/nowhere/config.json"], "There is no configuration file /nowhere/config.json."),
    ],
)
def test_mistakes_are_named(tmp_path: Path, box: Sandbox, options: list[str], message: str) -> None:
    failed = DuckDB(tmp_path).bridge(box, *options)
    assert failed.returncode == 1
    assert message in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_configuration_that_is_refused_is_named_and_nothing_else(tmp_path: Path, box: Sandbox) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"host": box.url}))
    failed = DuckDB(tmp_path).bridge(box, "--config", str(broken), "--streams", "companies")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Authentication (credentials) is missing.")
    assert failed.stdout == ""


@pytest.mark.soak
def test_a_stream_that_is_named_twice_is_read_once(small: Warehouse, box: Sandbox) -> None:
    done = small.bridge(box, "--streams", "companies, articles,companies")
    assert (done.returncode, done.stderr) == (0, "")
    assert small.ask("select count(*) from companies") == [(20,)]


def test_the_connectors_warnings_are_shown(small: Warehouse, box: Sandbox, tmp_path: Path) -> None:
    connector = tmp_path / "connector"
    warning = {"type": "LOG", "log": {"level": "WARN", "message": "companies: its saved state lies in the future"}}
    connector.write_text(
        f"#!/bin/sh\n[ $1 = read ] && echo '{json.dumps(warning)}'\nexec {Path(sys.executable).parent}/source-syfter \"$@\"\n"
    )
    connector.chmod(0o755)
    done = small.bridge(box, "--streams", "companies", "--connector", str(connector))
    assert (done.returncode, done.stderr) == (0, "companies: its saved state lies in the future\n")


def test_secrets_are_in_no_file_and_no_message(warehouse: Warehouse, box: Sandbox, tmp_path: Path) -> None:
    done = warehouse.bridge(box)
    assert done.returncode == 0, done.stderr
    secrets = [box.config()["credentials"]["api_key"], "only-for-this-test"]
    assert not [secret for secret in secrets if secret in done.stdout + done.stderr]
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "config.json"]
    assert len(files) > 3
    assert not [file for file in files if any(secret.encode() in file.read_bytes() for secret in secrets)]


def test_a_replaced_refresh_token_is_kept(box: Sandbox, tmp_path: Path) -> None:
    """A provider takes each of them once: what the connector says of it goes into the configuration file at once."""
    box.auth.rotates = True
    path = tmp_path / "config.json"
    path.write_text(json.dumps(box.config(auth="oauth2_refresh_token", kept=1)), encoding="utf-8")

    for _ in range(2):
        Connector(path).check()

    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved["credentials"]["refresh_token"] == box.auth.refresh_token == "sandbox-refresh-rotated-0002"
    assert saved["kept"] == 1
