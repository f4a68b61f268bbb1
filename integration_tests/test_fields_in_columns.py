"""Each field that an instance sends is a column with its value in every row: DuckDB and Postgres, PyAirbyte and the bridge.

And the dbt package builds on top of them.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from sqlalchemy import create_engine, text

from demo.answers import build
from demo.duckdb_sync import SCHEMA, load
from sandbox import COLLECTIONS, SHAPED, Sandbox, running
from source_syfter.fieldtypes import SEEN
from source_syfter.timestamps import parse
from syfter_dlt.columns import named
from syfter_dlt.connector import EXECUTABLE
from testing.dbt_warehouses import FAR_FROM_UTC, Server, postgres
from testing.processes import QUIET
from testing.rotation import every_other_day, rotating

STREAMS = ["companies", "company_financials", "articles"]
KINDS = [*SHAPED, "text-ids", "attributes", "spaced"]


@pytest.fixture(scope="session")
def pyairbyte(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("airbyte"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as found:
        yield found


def columns(cache: Any, stream: str) -> list[dict[str, Any]]:
    """The rows of a table, by ascending key."""
    engine = cache.get_sql_engine()
    try:
        with engine.connect() as connection:
            found = connection.execute(text(f"SELECT * FROM {cache.schema_name}.{stream}")).mappings().all()
    finally:
        engine.dispose()
    return sorted((dict(row) for row in found), key=lambda row: str(row["id"]))


def sync(pyairbyte: Any, box: Sandbox, cache: Any, streams: Sequence[str] = STREAMS) -> dict[str, list[str]]:
    """As a user would: discover, choose, read. Returns the fields that the schema does not know, by stream."""
    airbyte, _ = pyairbyte
    source = airbyte.get_source("source-syfter", local_executable=EXECUTABLE, config=box.config(), install_if_missing=False)
    source.select_streams(list(streams))
    source.read(cache, skip_validation=True)
    fields = {stream.name: stream.json_schema["properties"] for stream in source.discovered_catalog.streams}
    return {stream: [name for name, field in own.items() if field["description"] == SEEN] for stream, own in fields.items()}


def column(name: str) -> str:
    """What PyAirbyte calls the column of a field."""
    plain = re.sub(r"[^A-Za-z0-9]", "_", name.lower())
    return f"_{plain}" if plain[0].isdigit() else plain


def same(sent: Any, stored: Any) -> bool:
    """Whether a column holds the value that was sent."""
    if sent is None or stored is None:
        return sent is stored
    if isinstance(stored, datetime):
        # PyAirbyte's columns have no zone: Postgres puts moments into that of the server.
        zones = (timezone.utc, ZoneInfo(FAR_FROM_UTC))
        return parse(sent) in [stored] if stored.tzinfo else parse(sent) in [stored.replace(tzinfo=zone) for zone in zones]
    if isinstance(sent, (dict, list)):
        return bool(sent == (json.loads(stored) if isinstance(stored, str) else stored))
    if isinstance(stored, Decimal):
        # DuckDB makes decimals of JSON by way of doubles (docs/upstream.md).
        return math.isclose(float(sent), float(stored), rel_tol=1e-12)
    if isinstance(stored, str) and not isinstance(sent, str):
        return json.dumps(sent) == stored.lower() or str(sent) == stored
    return bool(sent == stored)


def wrong(
    truth: list[dict[str, Any]], rows: Sequence[Mapping[str, Any]], column: Callable[[str], str] = column
) -> list[tuple[str, Any, Any]]:
    """Fields whose value is not in its column. `column`: what is made of their names."""
    assert len(truth) == len(rows) > 0
    pairs = zip(sorted(truth, key=lambda record: str(record["id"])), rows, strict=True)
    return [
        (name, value, row.get(column(name), "no column"))
        for record, row in pairs
        for name, value in record.items()
        if not same(value, row.get(column(name)))
    ]


# As long as both of the next two: dbt takes seconds to start.
@every_other_day(is_first=True)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", rotating(KINDS, 1))
def test_in_duckdb_with_the_dbt_package_on_top(pyairbyte: Any, kind: str, tmp_path: Path) -> None:
    database = tmp_path / "warehouse.duckdb"
    cache = pyairbyte[1].DuckDBCache(db_path=database, schema_name=SCHEMA)
    with running(companies=12, conventions=kind) as box:
        own = sync(pyairbyte, box, cache, COLLECTIONS)

        assert {stream: wrong(box.truth(stream), columns(cache, stream)) for stream in COLLECTIONS} == {
            stream: [] for stream in COLLECTIONS
        }
    # Models and tests, with what the instance has of its own in the marts.
    build(database, tmp_path / "work", own, lambda text: None)


@every_other_day(is_first=False)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", rotating(KINDS, 1))
def test_in_postgres(pyairbyte: Any, server: Server, kind: str) -> None:
    schema = kind.replace("-", "_")
    cache = pyairbyte[1].PostgresCache(
        host="127.0.0.1", port=server.port, username="syfter", password="", database="syfter", schema_name=schema
    )
    with running(companies=12, conventions=kind) as box:
        sync(pyairbyte, box, cache)
        # PyAirbyte reads its own files with pandas here, which takes text that looks like a number for one (docs/upstream.md).
        found = {
            stream: [each for each in wrong(box.truth(stream), columns(cache, stream)) if not _like_a_number(*each)]
            for stream in STREAMS
        }

    assert found == {stream: [] for stream in STREAMS}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "where"), rotating([(kind, where) for kind in KINDS for where in ("duckdb", "postgres")], 1))
def test_by_the_bridge(request: pytest.FixtureRequest, kind: str, where: str, tmp_path: Path) -> None:
    if where == "postgres":
        found = request.getfixturevalue("server")
        address = f"postgresql://syfter:any@127.0.0.1:{found.port}/syfter"
    else:
        address = f"duckdb:///{tmp_path / 'warehouse.duckdb'}"
    schema, config = f"bridge_{kind.replace('-', '_')}", tmp_path / "config.json"
    naming = NamingConvention(63 if where == "postgres" else None)
    with running(companies=12, conventions=kind) as box:
        config.write_text(json.dumps(box.config()))
        command = [Path(sys.executable).with_name("syfter-dlt"), "--config", config, "--destination", where, "--dataset", schema]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **QUIET}
        environment[f"DESTINATION__{where.upper()}__CREDENTIALS"] = address
        done = subprocess.run(
            [*command, "--streams", ",".join(STREAMS)], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        engine, missing = create_engine(address), {}
        with engine.connect() as connection:
            for stream in STREAMS:
                rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {schema}.{stream}")).mappings()]
                truth = box.truth(stream)
                columns_of = named({field for record in truth for field in record}, {}, naming.normalize_identifier)
                rows.sort(key=lambda row: str(row["id"]))
                missing[stream] = wrong(truth, rows, columns_of.__getitem__)
        engine.dispose()

    assert missing == {stream: [] for stream in STREAMS}


def _like_a_number(name: str, sent: Any, stored: Any) -> bool:
    try:
        return isinstance(sent, str) and float(sent) == float(stored)
    except (TypeError, ValueError):
        return False


@pytest.mark.timeout(300)
@pytest.mark.soak
@pytest.mark.parametrize("where", ["duckdb", "postgres"])
def test_fields_that_appear_later_become_columns_of_the_same_table(
    pyairbyte: Any, server: Server, where: str, tmp_path: Path
) -> None:
    caches = {
        "duckdb": lambda: pyairbyte[1].DuckDBCache(db_path=tmp_path / "warehouse.duckdb", schema_name="raw"),
        "postgres": lambda: pyairbyte[1].PostgresCache(
            host="127.0.0.1", port=server.port, username="syfter", password="", database="syfter", schema_name="later"
        ),
    }
    with running(companies=12) as box:
        sync(pyairbyte, box, caches[where]())
        box.upsert("companies", {"id": 1001, "updated_at": "2026-06-30T00:00:00.000Z", "domain": "a", "hq": {"b": 1}})
        cache = caches[where]()
        sync(pyairbyte, box, cache)

        assert wrong(box.truth("companies"), columns(cache, "companies")) == []
