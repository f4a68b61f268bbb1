"""The dlt bridge into real DuckDB, PostgreSQL and MariaDB: with the real connector on the sandbox, and with what it might say.

The second kind runs the bridge in this process, and a program that prints messages in the place of the connector.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import psycopg2
import pymysql
import pytest

from sandbox import COLLECTIONS, Sandbox, running
from syfter_dlt import packages
from syfter_dlt.__main__ import main
from syfter_dlt.connector import Connector
from testing.dbt_warehouses import ROOT, Server, mariadb, postgres
from testing.processes import QUIET

Json = dict[str, Any]
pytestmark = pytest.mark.timeout(900)  # on a busy machine a process of the connector takes long to start
KEY = "api-key-only-for-this-test"


# --- warehouses -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[Server]:
    with mariadb() as server:
        yield server


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Server]:
    with postgres() as server:
        yield server


class Warehouse:
    """One destination, asked in SQL."""

    def __init__(self, name: str, credentials: str, folder: Path, connect: Callable[[], Any]) -> None:
        self.name, self.credentials, self.folder, self._connect = name, credentials, folder, connect
        self.dataset = f"raw_{folder.name}".replace("-", "_")[:50]
        self.config = folder / "config.json"
        self.config.write_text(json.dumps({"credentials": {"api_key": KEY}}))

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"use {self.dataset}" if self.name == "sqlalchemy" else f"set search_path = '{self.dataset}'")
            if self.name != "sqlalchemy":
                cursor.execute("set timezone = 'UTC'")
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def rows(self, table: str, *fields: str, order: str = "id") -> list[Json]:
        found = self.ask(f"select {', '.join(fields)} from {table} order by {order}")
        return [dict(zip(fields, row, strict=True)) for row in found]

    @property
    def environment(self) -> dict[str, str]:
        return {f"DESTINATION__{self.name.upper()}__CREDENTIALS": self.credentials, "TZ": "Australia/Sydney", **QUIET}

    def options(self, *options: str) -> list[str]:
        return ["--config", str(self.config), "--destination", self.name, "--dataset", self.dataset, *options]

    def started(self, *options: str) -> subprocess.Popen[str]:
        """The bridge as a process."""
        command = [str(Path(sys.executable).with_name("syfter-dlt")), *self.options(*options)]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.environment}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )


def _duckdb(folder: Path) -> Warehouse:
    file = str(folder / "file.duckdb")
    return Warehouse("duckdb", file, folder, lambda: duckdb.connect(file))


def _postgres(server: Server, folder: Path) -> Warehouse:
    address = f"postgresql://{server.user}:only-for-this-test@127.0.0.1:{server.port}/syfter"
    return Warehouse("postgres", address, folder, lambda: psycopg2.connect(address))


def _mariadb(server: Server, folder: Path) -> Warehouse:
    login = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password}
    address = f"mysql+pymysql://{server.user}:{server.password}@127.0.0.1:{server.port}/syfter"
    return Warehouse("sqlalchemy", address, folder, lambda: pymysql.connect(**login, charset="utf8mb4"))


@pytest.fixture
def small(tmp_path: Path) -> Warehouse:
    return _duckdb(tmp_path)


def _any(request: pytest.FixtureRequest, folder: Path) -> Warehouse:
    if request.param == "duckdb":
        return _duckdb(folder)
    server = request.getfixturevalue(f"{request.param}_server")
    return _postgres(server, folder) if request.param == "postgres" else _mariadb(server, folder)


ON_MARIADB = pytest.param("mariadb", marks=pytest.mark.mysql)


@pytest.fixture(params=["duckdb", "postgres", ON_MARIADB])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """For what databases do differently."""
    return _any(request, tmp_path)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.soak), ON_MARIADB])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """For what they do alike: on DuckDB in `make test`, on PostgreSQL in `make soak`."""
    return _any(request, tmp_path)


@pytest.fixture(params=["postgres", pytest.param("duckdb", marks=pytest.mark.soak), ON_MARIADB])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """For what several processes do: DuckDB lets in one at a time."""
    return _any(request, tmp_path)


# --- the real connector ---------------------------------------------------------------------------------------------------


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(companies=20) as box:
        yield box


def plain(field: str, value: Any) -> Any:
    """A value as JSON has it, whatever type the database gave it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (Decimal, float)):
        return float(value)
    if hasattr(value, "isoformat"):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if field in ("metadata", "company_ids") and isinstance(value, str):
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
        rows = warehouse.rows(stream, *fields)
        got = [{field: plain(field, value) for field, value in row.items()} for row in rows]
        want = [{field: expected(stream, field, value) for field, value in record.items()} for record in truth]
        assert got == want, stream


def run(warehouse: Warehouse, *options: str) -> tuple[int, str, str]:
    process = warehouse.started(*options)
    out, err = process.communicate()
    return process.returncode, out, err


def test_day_by_day(either: Warehouse, box: Sandbox) -> None:
    """A stream that is refused does not hold up the others; later runs read what has changed, and from any machine."""
    either.config.write_text(json.dumps(box.config()))
    box.deny("articles")
    code, _, err = run(either)
    assert code == 1
    assert "articles" in err
    assert either.ask("select count(*) from companies") == [(20,)]
    assert either.ask("select count(*) from articles") == [(0,)]
    box.restore()
    box.apply_day()
    code, out, err = run(either)
    assert (code, err) == (0, "")
    assert_same_as_the_instance(either, box)
    counts = dict(line.replace(" records", "").split(": ") for line in out.splitlines())
    del counts["articles"]
    assert 0 < sum(map(int, counts.values())) < 0.2 * sum(len(box.truth(stream)) for stream in COLLECTIONS)


@pytest.mark.soak
def test_a_configuration_that_is_refused_is_named_and_nothing_else(small: Warehouse, box: Sandbox) -> None:
    small.config.write_text(json.dumps({"host": box.url}))
    code, out, err = run(small, "--streams", "companies")
    assert (code, out) == (1, "")
    assert err.startswith("Authentication (credentials) is missing.")


@pytest.mark.soak
def test_a_refresh_token_that_a_provider_replaces_is_kept(box: Sandbox, tmp_path: Path) -> None:
    """A provider takes each of them once: what the connector says of it goes into the configuration file at once."""
    box.auth.rotates = True
    path = tmp_path / "config.json"
    path.write_text(json.dumps(box.config(auth="oauth2_refresh_token", kept=1)), encoding="utf-8")

    for _ in range(2):
        Connector(path).check()

    saved = json.loads(path.read_text(encoding="utf-8"))
    assert saved["credentials"]["refresh_token"] == box.auth.refresh_token == "sandbox-refresh-rotated-0002"
    assert saved["kept"] == 1


# --- what a connector might say -------------------------------------------------------------------------------------------

SCRIPT = """#!/bin/sh
here={folder}
for word; do
    [ "$before" = --state ] && cp "$word" $here/state.json
    before=$word
done
case $1 in
discover) cat $here/catalog.jsonl ;;
read) cat $here/read.jsonl; . $here/end.sh ;;
esac
"""


class Script:
    """A program in the place of the connector: what it says is in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.program = folder / "connector"
        self.program.write_text(SCRIPT.format(folder=folder))
        self.program.chmod(0o755)
        self._lines: list[str] = []
        self.ends()

    def discovers(self, *, key: str | None = "id", cursor: str | None = "updated_at", **streams: Json) -> Script:
        """The catalog: the fields of each stream, by name a type or a JSON schema."""
        catalog = []
        for name, fields in streams.items():
            properties = {field: {"type": ["null", kind]} if isinstance(kind, str) else kind for field, kind in fields.items()}
            stream = {"name": name, "json_schema": {"type": "object", "properties": properties}}
            stream["supported_sync_modes"] = ["full_refresh", *(["incremental"] if cursor else [])]
            stream |= {"default_cursor_field": [cursor]} if cursor else {}
            stream |= {"source_defined_primary_key": [[key]]} if key else {}
            catalog.append(stream)
        self._write("catalog.jsonl", [json.dumps({"type": "CATALOG", "catalog": {"streams": catalog}})])
        return self

    def reads(self, *messages: str) -> Script:
        """What the next read says."""
        self._write("read.jsonl", list(messages))
        (self._folder / "state.json").unlink(missing_ok=True)
        return self

    def ends(self, *, by: str = "exit 0") -> Script:
        """The shell command after the last message."""
        (self._folder / "end.sh").write_text(by + "\n")
        return self

    @property
    def given_state(self) -> dict[str, Json]:
        """The state of each stream that the last read was given."""
        states = json.loads((self._folder / "state.json").read_text())
        return {each["stream"]["stream_descriptor"]["name"]: each["stream"]["stream_state"] for each in states}

    def _write(self, name: str, lines: list[str]) -> None:
        (self._folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def record(stream: str, data: str | Json) -> str:
    """A message; text is JSON as it is."""
    written = data if isinstance(data, str) else json.dumps(data)
    return f'{{"type":"RECORD","record":{{"stream":"{stream}","emitted_at":1767225600000,"data":{written}}}}}'


def state(stream: str, **content: Any) -> str:
    inner = {"stream_descriptor": {"name": stream}, "stream_state": content}
    return json.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": inner, "sourceStats": {"recordCount": 1.0}}})


def error(stream: str, text: str) -> str:
    content = {"message": text, "failure_type": "config_error", "stream_descriptor": {"name": stream}}
    return json.dumps({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1.0, "error": content}})


def control(config: Json) -> str:
    inner = {"type": "CONNECTOR_CONFIG", "emitted_at": 1.5, "connectorConfig": {"config": config}}
    return json.dumps({"type": "CONTROL", "control": inner})


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


@pytest.fixture
def bridge(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs the bridge in this process: exit code, output, errors."""

    def load(warehouse: Warehouse, *options: str) -> tuple[int, str, str]:
        for name, value in warehouse.environment.items():
            monkeypatch.setenv(name, value)
        before = signal.getsignal(signal.SIGTERM)
        try:
            code = main(warehouse.options("--connector", str(script.program), *options))
        finally:
            signal.signal(signal.SIGTERM, before)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return load


Bridge = Callable[..., tuple[int, str, str]]
COMPANY = {
    "id": "integer",
    "updated_at": {"type": ["null", "string"], "format": "date-time"},
    "name": "string",
    "revenue": "number",
}


def company(number: Any, at: int = 0, **fields: Any) -> str:
    return record("companies", {"id": number, "updated_at": f"2026-01-01T00:00:{at:02d}.000Z", **fields})


def test_numbers_arrive_with_their_digits(warehouse: Warehouse, script: Script, bridge: Bridge) -> None:
    sent = ["0.123456789012", "12345678901234567.1234", "-1e-12", "0", "-0.0", "100", "1E+2"]
    script.discovers(companies=COMPANY)
    rows = [f'{{"id":{number},"updated_at":"2026-01-01T00:00:00Z","revenue":{value}}}' for number, value in enumerate(sent)]
    script.reads(*[record("companies", row) for row in rows])
    assert bridge(warehouse) == (0, f"companies: {len(sent)} records\n", "")
    got = [row["revenue"] for row in warehouse.rows("companies", "revenue")]
    assert [type(value) for value in got] == [Decimal] * len(sent)
    assert got == list(map(Decimal, sent))


DATE_TIME = {"type": ["null", "string"], "format": "date-time"}
FIRST: dict[str, tuple[Any, list[str]]] = {
    "near_and_far": ("number", ["0.123456789012", "1e28", "1e-12"]),
    "large": ("number", ["1.5", "1e30"]),
    "endless": ("number", ["1.5", "1e400"]),
    "long_integer": ("integer", ["1", "9223372036854775808", "-9223372036854775809"]),
    "longer_integer": ("integer", ["1", "-1606938044258990275541962092341162602522202993782792835301376"]),
    "text_key_id": ("integer", ['"5f0c1"', '"5f0C1"', '"5f0c1 "', "17"]),
    "half": ("integer", ["1", "1.5"]),
    "flag": ("boolean", ["true", "0", "1"]),
    "opened": (DATE_TIME, ['"2026-01-01T10:00:00+02:00"', '""', '"0000-00-00"']),
    "nanoseconds": (DATE_TIME, ['"2026-01-01T10:00:00.123456789Z"']),
    "tags": ("array", ["[1]", '"none"', "{}"]),
    "unknown": (None, ["1", '"one"', "null", "[1]"]),
}


def test_a_new_column_holds_all_that_comes_first(warehouse: Warehouse, script: Script, bridge: Bridge) -> None:
    """The column has the declared type, or the next that holds everything: nothing is changed, nothing refused."""
    script.discovers(companies={"id": "integer", **{field: kind for field, (kind, _) in FIRST.items() if kind}})
    values = {number: {field: sent[number] for field, (_, sent) in FIRST.items() if number < len(sent)} for number in range(4)}
    rows = [
        f'{{"id":{number},{",".join(f"{json.dumps(field)}:{value}" for field, value in row.items())}}}'
        for number, row in values.items()
    ]
    script.reads(*[record("companies", row) for row in rows])
    assert bridge(warehouse) == (0, "companies: 4 records\n", "")
    for number, row in enumerate(warehouse.rows("companies", *FIRST)):
        for field, sent in values[number].items():
            want, got = json.loads(sent, parse_float=Decimal), row[field]
            if isinstance(got, str) and not isinstance(want, str):
                got = json.loads(got, parse_float=Decimal)
            assert got == want, (field, sent)


THEN: dict[str, tuple[Any, str, str]] = {
    "revenue": ("number", "1.5", "1e99999999"),
    "owner_id": ("integer", "1", "9223372036854775808"),
    "other_id": ("integer", "1", '"x"'),
    "flag": ("boolean", "true", "2"),
    "opened": (DATE_TIME, '"2026-01-01T00:00:00Z"', '"soon"'),
    "tags": ("array", "[]", '"a"'),
    "unknown": (None, "true", '"a"'),
}


def test_a_value_that_an_existing_column_cannot_hold_is_named_and_kept(
    warehouse: Warehouse, script: Script, bridge: Bridge
) -> None:
    script.discovers(companies={**COMPANY, **{field: kind for field, (kind, _, _) in THEN.items() if kind}})

    def row(number: int, which: int) -> str:
        values = ",".join(f'"{field}":{each[which]}' for field, each in THEN.items())
        return record("companies", f'{{"id":{number},"updated_at":"2026-01-01T00:00:00Z","name":"n",{values}}}')

    script.reads(row(1, 1), state("companies", updated_at="2026-01-01"))
    assert bridge(warehouse) == (0, "companies: 1 records\n", "")
    script.reads(row(2, 2), row(4, 2), row(3, 1), state("companies", updated_at="2026-01-02"))
    code, out, err = bridge(warehouse)
    assert (code, out) == (1, "companies: 3 records\n")
    assert f"syfter-dlt --config {warehouse.config} " in err
    assert err.count("--full-refresh --streams companies") == len(THEN)
    rows = warehouse.rows("companies", "id", "name", "_airbyte_meta", *THEN)
    assert [(each["id"], each["name"]) for each in rows] == [(1, "n"), (2, "n"), (3, "n"), (4, "n")]
    for field, (_, _, sent) in THEN.items():
        assert f"companies: {field} of the record with id 2, and of 1 more does not fit the column {field}, " in err
        assert [each[field] is None for each in rows] == [False, True, False, True]
        meta = rows[1]["_airbyte_meta"]
        changes = {each["field"]: each for each in (json.loads(meta) if isinstance(meta, str) else meta)["changes"]}
        assert changes[field]["change"] == "NULLED"
        assert json.loads(changes[field]["value"], parse_float=Decimal) == json.loads(sent, parse_float=Decimal)
    # And no later run is held up by it.
    script.reads(row(2, 1), state("companies", updated_at="2026-01-03"))
    assert bridge(warehouse) == (0, "companies: 1 records\n", "")
    assert script.given_state == {"companies": {"updated_at": "2026-01-02"}}


def test_a_full_refresh_makes_the_columns_anew(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies={"id": "integer", "updated_at": "string"}, others={"id": "integer", "updated_at": "string"})
    script.reads(company(1), record("others", {"id": 7}), state("others", updated_at="t"), state("companies", updated_at="a"))
    assert bridge(either)[0] == 0
    script.discovers(companies={"id": "string", "updated_at": "string"}, others={"id": "integer", "updated_at": "string"})
    script.reads(record("others", {"id": 8}))
    code, _, err = bridge(either)
    assert code == 1
    assert err.startswith("companies was not read: the column id is bigint and cannot hold id, which is text now. ")
    assert either.rows("others", "id") == [{"id": 7}, {"id": 8}]
    script.reads(company("a", name="new"), company("A"), state("companies", updated_at="b"))
    command = err.rpartition("syfter-dlt ")[2].split()
    assert bridge(either, *command[command.index("--full-refresh") :]) == (0, "companies: 2 records\n", "")
    assert sorted(either.ask("select id from companies")) == [("A",), ("a",)]
    assert either.rows("others", "id") == [{"id": 7}, {"id": 8}]
    script.reads(company("b"))
    assert bridge(either)[0] == 0
    assert script.given_state == {"others": {"updated_at": "t"}, "companies": {"updated_at": "b"}}
    assert len(either.ask("select id from companies")) == 3


def test_a_full_refresh_removes_what_is_gone_or_nothing(small: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies=COMPANY, others={"id": "integer"})
    script.reads(company(1), company(2), state("companies", updated_at="a"), record("others", {"id": 7}))
    assert bridge(small)[0] == 0
    script.reads(company(1), error("others", "others: the key lacks the right."))
    code, out, err = bridge(small, "--full-refresh")
    assert (code, out) == (1, "")
    assert err.startswith("Nothing was loaded")
    assert "others: the key lacks the right." in err
    assert small.rows("companies", "id") == [{"id": 1}, {"id": 2}]
    script.reads(company(1))
    assert bridge(small, "--full-refresh", "--streams", "companies")[0] == 0
    assert small.rows("companies", "id") == [{"id": 1}]
    assert small.rows("others", "id") == [{"id": 7}]


def test_the_newest_version_stays(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies=COMPANY)
    script.reads(
        *[company(1, name="old"), company(2, at=9, name="new"), company(1, name="new"), company(2, at=3, name="old")],
        *[company(3, name="other case"), company("3", name="text")],
    )
    assert bridge(either)[0] == 0
    script.reads(company(1, name="newer"))
    assert bridge(either)[0] == 0
    assert sorted(row["name"] for row in either.rows("companies", "name", order="name")) == [
        "new",
        "newer",
        "other case",
        "text",
    ]


def test_records_without_a_key_are_all_kept_and_once(either: Warehouse, script: Script, bridge: Bridge) -> None:
    """A record that lacks its key is known by what it holds; two that are alike are two."""
    script.discovers(companies=COMPANY)
    records = [company(None, name=name) for name in ("x", "y", "x")]
    for _ in range(2):
        script.reads(*records, company(5, name="z"))
        assert bridge(either)[0] == 0
        assert [row["name"] for row in either.rows("companies", "name", order="name")] == ["x", "x", "y", "z"]


def test_a_stream_without_key_and_cursor_is_what_was_read_last(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies={"name": "string"}, key=None, cursor=None)
    for names in (["a", "b", "b"], ["b", "c"]):
        script.reads(*[record("companies", {"name": name}) for name in names])
        assert bridge(either)[0] == 0
        assert [row["name"] for row in either.rows("companies", "name", order="name")] == names


def test_names_that_a_database_cannot_tell_apart(either: Warehouse, script: Script, bridge: Bridge) -> None:
    fields = [
        "foo",
        "Foo",
        "FOO",
        "a.b",
        "a b",
        "größe",
        "名前",
        "select",
        "",
        " ",
        "\u200b",
        "x" * 130,
        "_dlt_id",
        "_airbyte_meta",
        "1st",
    ]
    script.discovers(companies={"id": "integer", **dict.fromkeys(fields[:5], "string")})
    for number in (1, 2):  # they keep their columns
        script.reads(record("companies", {"id": number, **{field: f"{place}" for place, field in enumerate(fields)}}))
        assert bridge(either) == (0, "companies: 1 records\n", "")
    where = f"table_schema = '{either.dataset}' and table_name = 'companies'"
    names = [row[0] for row in either.ask(f"select column_name from information_schema.columns where {where}")]
    assert len({name.lower() for name in names}) == len(names) == len(fields) + 6
    columns = [
        name
        for name in names
        if (name not in ("id", "_dlt_id", "_dlt_load_id") and not name.startswith("_airbyte_")) or "meta_" in name
    ]
    columns += [name for name in names if name.startswith("_dlt_id_")]
    quote = "`" if either.name == "sqlalchemy" else '"'
    for row in either.rows("companies", *[f"{quote}{name}{quote}" for name in columns]):
        assert sorted(row.values(), key=int) == [f"{place}" for place in range(len(fields))]
    assert either.rows("companies", "foo") == [{"foo": "0"}, {"foo": "0"}]


def test_inner_values_keep_their_digits(warehouse: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies={"id": "integer", "data": "object"})
    sent = '{"big":1180591620717411303424,"long":12345678901234567890.12,"none":null,"text":"\\uf02612 \\\\u0000 \\"q\\" %s :x"}'
    script.reads(record("companies", f'{{"id":1,"data":{sent}}}'))
    assert bridge(warehouse) == (0, "companies: 1 records\n", "")
    cast = "data" if warehouse.name != "postgres" else "data::text"
    ((got,),) = warehouse.ask(f"select {cast} from companies")
    assert json.loads(got, parse_float=Decimal) == json.loads(sent, parse_float=Decimal)


def test_characters_that_a_destination_cannot_hold(warehouse: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies={"id": "integer", "name": "string", "data": "object"})
    script.reads(record("companies", {"id": 1, "name": "a\0b \ue000 \U0001f600", "data": {"k\0": ["\0"]}}))
    code, _, err = bridge(warehouse)
    assert code == 0
    ((name, data, meta),) = warehouse.ask("select name, data, _airbyte_meta from companies")
    data, meta = (json.loads(each) if isinstance(each, str) else each for each in (data, meta))
    lost = {"duckdb": ["name"], "postgres": ["name", "data"], "sqlalchemy": []}[warehouse.name]
    assert name == ("a\ufffdb \ue000 \U0001f600" if "name" in lost else "a\0b \ue000 \U0001f600")
    assert data == ({"k\ufffd": ["\ufffd"]} if "data" in lost else {"k\0": ["\0"]})
    assert [change["field"] for change in meta.get("changes", [])] == lost
    assert [field for field in ("name", "data") if f"companies: {field} of the record with id 1 has a character" in err] == lost


def test_json_that_a_destination_cannot_hold(warehouse: Warehouse, script: Script, bridge: Bridge) -> None:
    """Numbers of more digits than its JSON has room for, and the name of a field that stands in `_airbyte_meta`."""
    script.discovers(companies={"id": "integer", "data": "object", "a\0b": "integer"})
    script.reads(record("companies", {"id": 1, "data": {}, "a\0b": 1}))
    assert bridge(warehouse)[0] == 0
    script.reads(record("companies", '{"id":2,"data":{"a":[1e200000]},"a\\u0000b":"x"}'), record("companies", '{"id":3}'))
    code, _, err = bridge(warehouse)
    assert (code, "was not loaded" in err) == (1, False)
    assert [row["id"] for row in warehouse.rows("companies", "id")] == [1, 2, 3]
    ((meta,),) = warehouse.ask("select _airbyte_meta from companies where id = 2")
    lost = [
        change["field"].replace("\0", "\ufffd") for change in (json.loads(meta) if isinstance(meta, str) else meta)["changes"]
    ]
    assert lost == ["data", "a\ufffdb"] if warehouse.name == "postgres" else ["a\ufffdb"]


def test_numbers_without_end_take_no_time(small: Warehouse, script: Script, bridge: Bridge) -> None:
    """As an integer, such a key would have a thousand million digits."""
    script.discovers(companies=COMPANY)
    for _ in range(2):
        rows = [
            f'{{"id":{key},"updated_at":{"9" * 500}}}' for key in ("1e999999999", "-1e999999999", "0e999999999", "1e-999999999")
        ]
        script.reads(*[record("companies", row) for row in rows])
        assert bridge(small) == (0, "companies: 4 records\n", "")
    assert small.ask("select count(*) from companies") == [(4,)]


@pytest.mark.parametrize("value", ["x" * 23, "x" * 300, 12345.678])
def test_a_row_of_very_many_fields_is_loaded(warehouse: Warehouse, script: Script, bridge: Bridge, value: Any) -> None:
    """A row has room for so many bytes only, which is no reason to refuse it."""
    script.discovers(companies={"id": "integer"})
    script.reads(record("companies", {"id": 1, **{f"f{number}": value for number in range(1500)}}))
    code, _, err = bridge(warehouse)
    assert code == 1
    assert "was not loaded" not in err
    assert warehouse.rows("companies", "id", "f1")[0]["f1"] is not None


def test_a_table_that_is_full_is_told_of_once(small: Warehouse, script: Script, bridge: Bridge) -> None:
    """Records may be maps, with other fields in each."""
    script.discovers(companies={"id": "integer"})
    script.reads(*[record("companies", {"id": row, **{f"f{row}_{number}": 1 for number in range(500)}}) for row in range(4)])
    code, _, err = bridge(small)
    assert code == 1
    assert "has no column, as the table is full" in err
    assert len(err.splitlines()) == 1
    assert small.ask("select count(*) from companies") == [(4,)]


def test_a_stream_that_is_called_as_a_table_of_dlt(small: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(**{name: {"id": "integer"} for name in ("_dlt_loads", "_dlt_version", "_DLT_Pipeline_State", "others")})
    for number in (1, 2):
        script.reads(record("others", {"id": number}), state("others", at=number))
        code, out, err = bridge(small)
        assert (code, out) == (1, "others: 1 records\n")
        assert err.count("was not read: dlt keeps tables of its own under such names") == 3
    assert script.given_state == {"others": {"at": 1}}
    assert small.rows("others", "id") == [{"id": 1}, {"id": 2}]


@pytest.mark.mysql
def test_mysql_holds_every_character_whatever_its_default(
    mariadb_server: Server, tmp_path: Path, script: Script, bridge: Bridge
) -> None:
    warehouse = _mariadb(mariadb_server, tmp_path)
    with warehouse._connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create database {warehouse.dataset} character set latin1")
    script.discovers(companies=COMPANY).reads(company(1, name="\U0001f600 名"))
    assert bridge(warehouse) == (0, "companies: 1 records\n", "")
    assert warehouse.rows("companies", "name") == [{"name": "\U0001f600 名"}]


def test_long_texts_deep_objects_and_many_fields(either: Warehouse, script: Script, bridge: Bridge) -> None:
    """Each database has its bounds; what is beyond them is in `_airbyte_meta`."""
    deep: Any = "bottom"
    for _ in range(300):
        deep = {"d": deep}
    many = {f"f{number}": number for number in range(400)}
    script.discovers(companies={"id": "integer", "name": "string"})
    script.reads(record("companies", {"id": 1, "name": "é" * 500_000, "deep": deep, **many}))
    code, _, _ = bridge(either)
    ((name, stored),) = either.ask("select name, deep from companies")
    assert name == "é" * 500_000
    assert (json.loads(stored) if isinstance(stored, str) else stored) == deep
    ((meta,),) = either.ask("select _airbyte_meta from companies")
    left = {change["field"] for change in (json.loads(meta) if isinstance(meta, str) else meta).get("changes", [])}
    assert code == (1 if left else 0)
    fields = sorted(set(many) - left)
    assert either.ask(f"select {', '.join(fields)} from companies") == [tuple(many[field] for field in fields)]
    assert (either.name != "duckdb") == bool(left)


def test_new_fields_become_columns(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies={"id": "integer"})
    script.reads(record("companies", {"id": 1}))
    assert bridge(either)[0] == 0
    script.discovers(companies={"id": "integer", "sector": "string"})
    script.reads(record("companies", {"id": 2, "sector": "x", "unseen": {"a": 1}}))
    assert bridge(either)[0] == 0
    assert either.rows("companies", "id", "sector") == [{"id": 1, "sector": None}, {"id": 2, "sector": "x"}]
    assert either.ask("select unseen from companies where id = 2")[0][0] in ('{"a":1}', {"a": 1})


def test_a_table_that_was_empty_takes_what_comes(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies=COMPANY)
    script.reads(state("companies", updated_at="a"))
    assert bridge(either) == (0, "Nothing has changed.\n", "")
    assert either.rows("companies", "id", "revenue") == []
    script.reads(company("text", revenue=5))
    assert bridge(either)[0] == 0
    assert script.given_state == {"companies": {"updated_at": "a"}}
    assert either.rows("companies", "id", "revenue") == [{"id": "text", "revenue": 5}]


# --- kills, refusals, company -----------------------------------------------------------------------------------------------


def test_a_run_is_cut_into_packages(either: Warehouse, script: Script, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "RECORDS", 3)
    script.discovers(companies=COMPANY)
    position = {"after": 12345678901234567890, "ratio": 0.1}
    messages = [
        company(1),
        company(2),
        state("companies", position=position),
        company(3),
        state("companies", position=4),
        company(4),
    ]
    script.reads(*messages).ends(by="kill -9 $$")
    code, out, err = bridge(either)
    assert (code, out) == (1, "companies: 4 records\n")
    assert "ended with exit code -9" in err
    assert either.rows("companies", "id") == [{"id": number} for number in (1, 2, 3, 4)]
    script.reads(company(5), state("companies", updated_at="b", position=position)).ends()
    assert bridge(either)[0] == 0
    assert script.given_state == {"companies": {"position": 4}}
    script.reads(company(5))
    assert bridge(either)[0] == 0
    assert script.given_state == {"companies": {"updated_at": "b", "position": position}}


def test_a_killed_bridge_goes_on(shared: Warehouse, script: Script, bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any moment, it leaves rows and the state that belongs to them, and nothing on the machine."""
    messages = []
    for number in range(0, 3 * packages.RECORDS, 1000):
        messages += [company(each) for each in range(number, number + 1000)]
        messages.append(state("companies", updated_at="a", position=number + 1000))
    script.discovers(companies=COMPANY).reads(*messages).ends(by="sleep 60")
    home = script.program.parent / "work"
    process = shared.started("--connector", str(script.program), "--pipelines-dir", str(home))
    loads = "select count(*) from _dlt_loads"
    deadline = time.monotonic() + 300
    ended = 0
    while not ended and time.monotonic() < deadline:
        time.sleep(0.3)
        with suppress(Exception):  # there is no table yet, or DuckDB is busy
            ended = shared.ask(loads)[0][0]
        if shared.name == "duckdb" and (time.monotonic() > deadline - 290 or process.poll() is not None):
            break  # nobody can look in; it is somewhere
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    with suppress(Exception):  # DuckDB: killed before the first table
        ended = shared.ask(loads)[0][0]
    script.reads(company(-1), state("companies", updated_at="b")).ends()
    assert bridge(shared, "--pipelines-dir", str(home))[0] == 0
    went_on_at = script.given_state.get("companies", {}).get("position", 0)
    # Rows are there a moment before the load that they came with has ended, and its state counts.
    assert (went_on_at > 0) == (ended > 0)
    assert ended or shared.name == "duckdb"
    assert shared.ask(f"select count(*) from companies where id between 0 and {went_on_at - 1}") == [(went_on_at,)]
    assert list(home.iterdir()) == []


def test_a_kill_while_a_table_is_made_anew(
    small: Warehouse, script: Script, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old state must not outlive the old rows."""
    script.discovers(companies=COMPANY).reads(company(1), company(2), state("companies", updated_at="b"))
    assert bridge(small)[0] == 0
    from syfter_dlt.bridge import _Run

    with monkeypatch.context() as broken:
        broken.setattr(_Run, "_deliver", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert bridge(small, "--full-refresh")[0] == 130
    script.reads(company(1), company(2), company(3), state("companies", updated_at="c"))
    assert bridge(small)[0] == 0
    assert script.given_state == {}
    assert small.rows("companies", "id") == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_two_bridges_at_once(shared: Warehouse, script: Script) -> None:
    """The second waits: each would empty the other's staging tables."""
    script.discovers(companies=COMPANY)
    script.reads(*[company(number) for number in range(2000)], state("companies", updated_at="a"))
    both = [shared.started("--connector", str(script.program)) for _ in range(2)]
    outcomes = [(*process.communicate(), process.returncode) for process in both]
    assert [code for _, _, code in outcomes] == [0, 0], outcomes
    assert len([err for _, err, _ in outcomes if "Another load into" in err]) <= 1
    assert shared.ask("select count(*) from companies") == [(2000,)]


def test_what_the_destination_refuses_holds_up_one_stream(
    small: Warehouse, script: Script, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that a destination cannot take: the next run goes on with all streams, and says which it is."""
    script.discovers(companies=COMPANY, others={"id": "integer", "name": "string"})
    from syfter_dlt.tables import Table

    row = Table.row

    def poisoned(table: Table, *record: Any) -> Json:
        found = row(table, *record)
        return {**found, "id": "poison"} if table.stream == "companies" else found

    for number in (1, 2):
        script.reads(
            company(number), state("companies", updated_at="a"), record("others", {"id": number}), state("others", t="b")
        )
        with monkeypatch.context() as broken:
            broken.setattr(Table, "row", poisoned)
            code, _, err = bridge(small)
        assert code == 1
        assert "companies was not loaded: " in err
        assert [each["id"] for each in small.rows("others", "id")] == list(range(1, number + 1))
    script.reads(company(3))
    assert bridge(small)[0] == 0
    assert script.given_state == {"others": {"t": "b"}}
    assert small.rows("companies", "id") == [{"id": 3}]


def test_a_table_of_somebody_else_is_left_alone(either: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(others={"id": "integer"}).reads(record("others", {"id": 1}))
    assert bridge(either)[0] == 0
    with either._connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create table {either.dataset}.companies (id integer)")
        connection.commit()
    script.discovers(companies=COMPANY, others={"id": "integer"}).reads(record("others", {"id": 2}))
    code, _, err = bridge(either)
    assert code == 1
    assert f"companies was not read: {either.dataset} has a table companies that syfter-dlt did not make." in err
    assert either.rows("others", "id") == [{"id": 1}, {"id": 2}]
    assert either.rows("companies", "id") == []


def test_tables_of_an_older_version_are_made_anew(
    either: Warehouse, script: Script, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It merged by the key itself and knew no fields; its state counts no more."""

    @dlt.resource(name="airbyte")
    def airbyte() -> Iterator[Any]:
        dlt.current.resource_state()["airbyte_state"] = {"companies": json.loads(state("companies", updated_at="x"))["state"]}
        hints = dlt.mark.make_hints(table_name="companies", write_disposition="merge", primary_key="id")
        yield dlt.mark.with_hints({"id": 1, "_airbyte_raw_id": "a"}, hints, create_table_variant=True)

    for name, value in either.environment.items():
        monkeypatch.setenv(name, value)
    older = dlt.pipeline("syfter", pipelines_dir=str(either.folder / "old"), destination=either.name, dataset_name=either.dataset)
    older.run(dlt.source(lambda: airbyte, name="syfter", max_table_nesting=0)())
    assert either.rows("companies", "id") == [{"id": 1}]
    script.discovers(companies=COMPANY).reads(company(1), company(2))
    code, _, err = bridge(either)
    assert (code, err) == (0, "companies: an older version made its table, which is read and made anew.\n")
    assert script.given_state == {}
    assert either.rows("companies", "id") == [{"id": 1}, {"id": 2}]
    assert bridge(either) == (0, "companies: 2 records\n", "")


def test_a_duckdb_file_that_is_called_as_its_dataset(tmp_path: Path, script: Script, bridge: Bridge) -> None:
    file = str(tmp_path / "Syfter.duckdb")
    warehouse = Warehouse("duckdb", file, tmp_path, lambda: duckdb.connect(file))
    warehouse.dataset = "syfter"
    script.discovers(companies=COMPANY).reads(company(1))
    code, _, err = bridge(warehouse)
    assert code == 1
    assert err.startswith("The DuckDB file and the dataset are both called")


def test_the_documented_commands_one_after_the_other(
    tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """DuckDB by its defaults, then another destination: neither is in the way of the other."""
    monkeypatch.chdir(tmp_path)
    script.discovers(companies=COMPANY).reads(company(1), state("companies", updated_at="a"))
    (tmp_path / "config.json").write_text("{}")
    for command in (["--destination", "duckdb"], []):
        monkeypatch.setenv("DESTINATION__SQLALCHEMY__CREDENTIALS", f"sqlite:///{tmp_path}/file.sqlite")
        assert main(["--config", "config.json", "--connector", str(script.program), *command]) == 0, capsys.readouterr().err
        assert script.given_state == {}
    with duckdb.connect(str(tmp_path / "syfter_duckdb.duckdb")) as connection:
        assert connection.execute("select id from syfter.companies").fetchall() == [(1,)]


@pytest.mark.parametrize(("before", "after"), [("id", "name"), ("id", None), (None, "id")])
def test_rows_are_not_merged_by_another_key(
    small: Warehouse, script: Script, bridge: Bridge, before: str | None, after: str | None
) -> None:
    """Each record would stand twice."""
    script.discovers(key=before, companies=COMPANY)
    script.reads(company(1, name="a"), company(2, name="b"), state("companies", updated_at="a"))
    assert bridge(small) == (0, "companies: 2 records\n", "")
    script.discovers(key=after, companies=COMPANY).reads(company(2, 1, name="b"), state("companies", updated_at="b"))
    code, out, err = bridge(small)
    assert (code, out) == (1, "")
    assert f"companies was not read: its key was {before or 'none'} and is {after or 'none'} now. " in err
    assert "--full-refresh --streams companies" in err
    assert small.ask("select id from companies order by id") == [(1,), (2,)]
    assert bridge(small, "--full-refresh", "--streams", "companies") == (0, "companies: 1 records\n", "")
    assert bridge(small)[0] == 0
    assert small.ask("select id from companies") == [(2,)]


# --- words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--streams", "nonsense"], "No such stream: nonsense. There are: companies."),
        (["--connector", "/nowhere/source-syfter"], "/nowhere/source-syfter cannot be run: "),
        (["--config", "/nowhere/config.json"], "There is no configuration file /nowhere/config.json."),
        (["--destination", "nonsense"], "nonsense"),
        (
            ["--pipelines-dir", "/etc/passwd"],
            "/etc/passwd cannot take working files: File exists. Choose another --pipelines-dir.",
        ),
        (["--pipelines-dir", "/proc/nowhere"], "/proc/nowhere cannot take working files: "),
    ],
)
def test_mistakes_are_named(small: Warehouse, script: Script, bridge: Bridge, options: list[str], message: str) -> None:
    script.discovers(companies=COMPANY)
    code, _, err = bridge(small, *options)
    assert code == 1
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("destination", "address"),
    [
        ("postgres", "postgresql://user:a-password@127.0.0.1:1/none"),
        ("postgres", "postgresql://user:a-password@127.0.0.1:port/none"),
        ("postgres", "mysql+pymysql://user:a-password/@127.0.0.1:1/none"),
        ("postgres", "postgresql://user:my@a-password@127.0.0.1:1/none"),
        ("sqlalchemy", "mysql+nothing://user:a-password@127.0.0.1:1/none"),
        ("sqlalchemy", "mysql+pymysql://user:my@a-password@127.0.0.1:1/none"),
        ("sqlalchemy", "://user:a-password@127.0.0.1"),
    ],
)
def test_a_destination_that_cannot_be_reached_is_named(
    tmp_path: Path, script: Script, bridge: Bridge, destination: str, address: str
) -> None:
    """Without the password, which drivers repeat with an address that they cannot read."""
    script.discovers(companies=COMPANY)
    code, _, err = bridge(Warehouse(destination, address, tmp_path, lambda: None))
    assert code == 1
    assert destination in err
    assert "a-password" not in err
    assert "Traceback" not in err


def test_the_connectors_warnings_are_shown(small: Warehouse, script: Script, bridge: Bridge) -> None:
    warning = {"type": "LOG", "log": {"level": "WARN", "message": "companies: its saved state lies in the future"}}
    script.discovers(companies=COMPANY).reads(json.dumps(warning))
    assert bridge(small) == (0, "Nothing has changed.\n", "companies: its saved state lies in the future\n")


def test_a_configuration_that_the_connector_changes_is_kept(small: Warehouse, script: Script, bridge: Bridge) -> None:
    """A refresh token that was replaced can be used once: it goes into the file at once, with all else that is there."""
    changed = {"credentials": {"refresh_token": "new", "client_id": "ü"}, "number": 1.5, "kept": [None]}
    script.discovers(companies=COMPANY).reads(control(changed)).ends(by="kill -9 $$")
    assert bridge(small)[0] == 1
    assert json.loads(small.config.read_text(encoding="utf-8")) == changed
    assert small.config.stat().st_mode & 0o077 == 0


def test_a_configuration_that_cannot_be_kept_is_named(small: Warehouse, script: Script, bridge: Bridge) -> None:
    small.config = small.config.rename(small.folder / ("c" * 255))  # no longer name is possible
    script.discovers(companies=COMPANY).reads(control({"credentials": {"refresh_token": "new-token"}}), company(1))
    code, _, err = bridge(small)
    assert code == 1
    assert f"{small.config} cannot be written, so a refresh token that was replaced is lost: File name too long." in err
    assert "new-token" not in err


def test_what_discover_says_is_shown_and_nothing_else(small: Warehouse, script: Script, bridge: Bridge) -> None:
    script._write("catalog.jsonl", [error("companies", "Authentication (credentials) is missing.")])
    assert bridge(small) == (1, "", "Authentication (credentials) is missing.\n")


def test_a_stream_that_is_named_twice_is_read_once(small: Warehouse, script: Script, bridge: Bridge) -> None:
    script.discovers(companies=COMPANY, others={"id": "integer"}).reads(company(1))
    assert bridge(small, "--streams", "companies, others,companies") == (0, "companies: 1 records\n", "")


def test_secrets_are_in_no_file_and_no_message(either: Warehouse, script: Script, bridge: Bridge, tmp_path: Path) -> None:
    script.discovers(companies=COMPANY).reads(company(1)).ends(by=f"cp -r {tmp_path}/work {tmp_path}/kept")
    code, out, err = bridge(either, "--pipelines-dir", str(tmp_path / "work"))
    assert code == 0
    secrets = [KEY, "only-for-this-test"]
    assert not [secret for secret in secrets if secret in out + err]
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file != either.config]
    assert [file for file in files if "kept" in file.parts]
    assert not [file for file in files if any(secret.encode() in file.read_bytes() for secret in secrets)]


def test_sigterm_ends_bridge_and_connector(small: Warehouse, script: Script) -> None:
    script.discovers(companies=COMPANY).reads(company(1)).ends(by=f"echo $$ > {script.program}.pid; exec sleep 600")
    process = small.started("--connector", str(script.program), "--pipelines-dir", str(small.folder / "work"))
    running = Path(f"{script.program}.pid")
    while not running.exists() or not running.read_text():
        assert process.poll() is None
        time.sleep(0.1)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(running.read_text()), 0)
    assert list((small.folder / "work").iterdir()) == []
