"""How the dbt package scales: seconds to build the resolved figures over 250,000 and over 1,000,000 financial rows, on DuckDB
or Postgres. Linear in rows means a ratio of about 4.

    python -m benchmarks.dbt_scale [duckdb] [postgres]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration_tests.dbt_warehouses import PACKAGE, Server, postgres

# SYFTER_SCALE divides both, for a quick look.
SIZES = tuple(rows // int(os.environ.get("SYFTER_SCALE", "1")) for rows in (250_000, 1_000_000))
MODELS = "+syfter__company_financials +syfter__unresolved"
# Ten years of four sources for each company: 40 rows; every fifth company has a preference, one source has no rule.
RULES = [("*", "s1", 1), ("*", "s2", 2), ("revenue", "s2", 1), ("profit", "s0", 1)]
ROWS = """
create table syfter.company_financials as
select
    n as id, timestamp '2026-01-01' as created_at, timestamp '2026-01-01' + n * interval '1 second' as updated_at,
    n / 40 + 1 as company_id, 's' || cast(n % 4 as varchar) as source, 2016 + (n / 4) % 10 as year,
    case when n % 7 > 0 then n end as revenue, case when n % 5 > 0 then n % 1000 end as profit, 'GBP' as currency,
    'raw' || cast(n as varchar) as _airbyte_raw_id, timestamp '2026-02-01' as _airbyte_extracted_at, '{{}}' as _airbyte_meta
from {series}
"""


def statements(rows: int, series: str) -> Iterator[str]:
    stamps = "timestamp '2026-01-01' as created_at, timestamp '2026-01-01' as updated_at"
    loader = "'raw' as _airbyte_raw_id, timestamp '2026-02-01' as _airbyte_extracted_at, '{}' as _airbyte_meta"
    yield "drop schema if exists syfter cascade"
    yield "create schema syfter"
    yield (
        ROWS.format(series=series.format(rows=rows - 1))
        .replace("n / 40", "floor(n / 40)::bigint")
        .replace("(n / 4) % 10", "floor(n / 4)::bigint % 10")
    )
    priorities = " union all ".join(
        f"select {number} as id, {stamps}, 'company_financials' as table_name, '{column}' as column_name, '{source}' as source,"
        f" {priority} as priority, {loader}"
        for number, (column, source, priority) in enumerate(RULES)
    )
    yield f"create table syfter.datasource_priorities as {priorities}"
    yield (
        f"create table syfter.datasource_preferences as select company_id as id, {stamps}, company_id,"
        " 'company_financials' as table_name, 'revenue' as column_name,"
        f" 's' || cast(company_id % 3 as varchar) as source, {loader}"
        " from (select distinct company_id from syfter.company_financials where company_id % 5 = 0) as companies"
    )


def build(adapter: str, settings: dict[str, str], folder: Path) -> dict[str, float]:
    off = ["companies", "company_overviews", "company_employees", "articles"]
    off += ["custom_property_definitions", "custom_property_values"]
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "run", "--select", *MODELS.split()]
    command += ["--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", adapter]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--threads", "1"]
    command += ["--vars", json.dumps({f"syfter_using_{stream}": False for stream in off})]
    environment = {**os.environ, "DO_NOT_TRACK": "1", "SYFTER_DBT_SCHEMA": "marts", **settings}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((folder / "target/run_results.json").read_text())["results"]
    return {result["unique_id"].split(".")[-1]: result["execution_time"] for result in results}


@contextmanager
def duckdb_at(folder: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    import duckdb

    file = folder / "scale.duckdb"

    def run(sql: str) -> None:
        with duckdb.connect(str(file)) as connection:
            connection.execute(sql)

    yield run, {"SYFTER_DUCKDB_PATH": str(file)}


@contextmanager
def postgres_at(_: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    import psycopg2

    with postgres() as server:
        assert isinstance(server, Server)

        def run(sql: str) -> None:
            connection = psycopg2.connect(host="127.0.0.1", port=server.port, user=server.user, dbname=server.database)
            with connection, connection.cursor() as cursor:
                cursor.execute(sql)
            connection.close()

        yield run, {"SYFTER_DB_PORT": str(server.port)}


def main(adapters: list[str]) -> None:
    places = {
        "duckdb": (duckdb_at, "range(0, {rows} + 1) as t(n)"),
        "postgres": (postgres_at, "generate_series(0, {rows}) as t(n)"),
    }
    for adapter in adapters or list(places):
        at, series = places[adapter]
        seconds: dict[int, dict[str, float]] = {}
        with tempfile.TemporaryDirectory() as name, at(Path(name)) as (run, settings):
            for rows in SIZES:
                for statement in statements(rows, series):
                    run(statement)
                started = time.monotonic()
                seconds[rows] = build(adapter, settings, Path(name))
                total = sum(seconds[rows].values())
                print(f"{adapter}: {rows:,} rows, models {total:.1f} s, with dbt's own start {time.monotonic() - started:.1f} s")
        for model in ("int_syfter__candidate_sources", "syfter__company_financials", "syfter__unresolved"):
            small, large = (seconds[rows][model] for rows in SIZES)
            print(f"  {model}: {small:.2f} s and {large:.2f} s, ratio {large / small:.1f}")
        small, large = (sum(seconds[rows].values()) for rows in SIZES)
        print(f"  all models: ratio {large / small:.1f} for four times the rows")


if __name__ == "__main__":
    main(sys.argv[1:])
