"""How the dbt package scales: seconds to build the resolved figures over 100,000 and over 1,000,000 financial rows, on real
servers. Linear in rows means a ratio of about 10. Then the night after: 0.1 % of the larger table change, each row of another
company, and what incremental models make of it is compared with a full build.

    python -m benchmarks.dbt_scale [duckdb] [postgres] [mariadb]     MariaDB needs the environment of `make test-mysql`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testing.dbt_warehouses import PACKAGE, mariadb, postgres, python_with_dbt

# SYFTER_SCALE divides both, for a quick look.
SIZES = tuple(rows // int(os.environ.get("SYFTER_SCALE", "1")) for rows in (100_000, 1_000_000))
COMPARED = ["syfter__company_financials", "syfter__unresolved"]
DIFFERENT = """
select count(*) from (
    (select * from syfter.{0} except select * from marts.{0}) union all (select * from marts.{0} except select * from syfter.{0})
) as different
"""
MODELS = "+syfter__company_financials +syfter__unresolved"
# Ten years of four sources for each company: 40 rows; every fifth company has a preference, one source has no rule.
CHANGE = """
update syfter.company_financials set
    revenue = coalesce(revenue, 0) + 1, updated_at = timestamp '2026-03-01 00:00:00',
    _airbyte_extracted_at = timestamp '2026-03-01 06:00:00'
where id % 1000 = 1
"""
RULES = [("*", "s1", 1), ("*", "s2", 2), ("revenue", "s2", 1), ("profit", "s0", 1)]
ROWS = """
create table syfter.company_financials as
select
    n as id, timestamp '2026-01-01 00:00:00' as created_at, timestamp '2026-01-01 00:00:00' + {seconds} as updated_at,
    {company} + 1 as company_id, concat('s', n % 4) as source, 2016 + {year} % 10 as year,
    case when n % 7 > 0 then n end as revenue, case when n % 5 > 0 then n % 1000 end as profit, 'GBP' as currency,
    concat('raw', n) as _airbyte_raw_id, timestamp '2026-02-01 00:00:00' as _airbyte_extracted_at, '{{}}' as _airbyte_meta
from {series}
"""
MEASURED = ["stg_syfter__company_financials", "int_syfter__company_versions", "int_syfter__candidate_sources", *COMPARED]
Run = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Dialect:
    """What the databases write differently."""

    series: str
    seconds: str
    quotient: str
    drop: str = "drop schema if exists syfter cascade"


STANDARD_SECONDS = "n * interval '1 second'"
DIALECTS = {
    "duckdb": Dialect("range(0, {rows}) as t(n)", STANDARD_SECONDS, "n // {}"),
    "postgres": Dialect("generate_series(0, {rows} - 1) as t(n)", STANDARD_SECONDS, "n / {}"),
    "mariadb": Dialect(
        "(select seq as n from seq_1_to_{rows}) as t", "interval n second", "n div {}", "drop database if exists syfter"
    ),
}


def statements(rows: int, dialect: Dialect) -> Iterator[str]:
    stamps = "timestamp '2026-01-01 00:00:00' as created_at, timestamp '2026-01-01 00:00:00' as updated_at"
    loader = "'raw' as _airbyte_raw_id, timestamp '2026-02-01 00:00:00' as _airbyte_extracted_at, '{}' as _airbyte_meta"
    yield dialect.drop
    yield "create schema syfter"
    yield ROWS.format(
        series=dialect.series.format(rows=rows),
        seconds=dialect.seconds,
        company=dialect.quotient.format(40),
        year=f"({dialect.quotient.format(4)})",
    )
    priorities = " union all ".join(
        f"select {number} as id, {stamps}, 'company_financials' as table_name, '{column}' as column_name, '{source}' as source,"
        f" {priority} as priority, {loader}"
        for number, (column, source, priority) in enumerate(RULES)
    )
    yield f"create table syfter.datasource_priorities as {priorities}"
    yield (
        f"create table syfter.datasource_preferences as select company_id as id, {stamps}, company_id,"
        f" 'company_financials' as table_name, 'revenue' as column_name, concat('s', company_id % 3) as source, {loader}"
        " from (select distinct company_id from syfter.company_financials where company_id % 5 = 0) as companies"
    )


def build(adapter: str, settings: dict[str, str], folder: Path, incremental: bool = False) -> dict[str, float]:
    """Seconds by model, in dbt's own measurement."""
    off = ["companies", "company_overviews", "company_employees", "articles"]
    off += ["custom_property_definitions", "custom_property_values"]
    command = [str(python_with_dbt(adapter).with_name("dbt")), "--no-use-colors", "run", "--select", *MODELS.split()]
    command += ["--project-dir", str(PACKAGE), "--profiles-dir", str(PACKAGE), "--target", adapter]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--threads", "1"]
    command += ["--vars", json.dumps({"syfter_incremental": incremental} | {f"syfter_using_{stream}": False for stream in off})]
    environment = {**os.environ, "DO_NOT_TRACK": "1", "SYFTER_DBT_SCHEMA": "marts", **settings}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((folder / "target/run_results.json").read_text())["results"]
    return {result["unique_id"].split(".")[-1]: result["execution_time"] for result in results}


@contextmanager
def duckdb_at(folder: Path) -> Iterator[tuple[Run, dict[str, str]]]:
    import duckdb

    file = folder / "scale.duckdb"

    def run(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(file)) as connection:
            return connection.execute(sql).fetchall()

    yield run, {"SYFTER_DUCKDB_PATH": str(file)}


@contextmanager
def postgres_at(_: Path) -> Iterator[tuple[Run, dict[str, str]]]:
    import psycopg2

    with postgres() as server:

        def run(sql: str) -> list[tuple[Any, ...]]:
            connection = psycopg2.connect(host="127.0.0.1", port=server.port, user=server.user, dbname=server.database)
            with closing(connection), connection, connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []

        yield run, {"SYFTER_DB_PORT": str(server.port)}


@contextmanager
def mariadb_at(_: Path) -> Iterator[tuple[Run, dict[str, str]]]:
    import pymysql

    with mariadb() as server:

        def run(sql: str) -> list[tuple[Any, ...]]:
            login = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password}
            with pymysql.connect(**login, database="mysql") as connection, connection.cursor() as cursor:
                cursor.execute(sql)
                connection.commit()
                return list(cursor.fetchall())

        yield run, {"SYFTER_DB_PORT": str(server.port), "DBT_ENV_SECRET_SYFTER_DB_PASSWORD": server.password}


PLACES: dict[str, Callable[[Path], AbstractContextManager[tuple[Run, dict[str, str]]]]] = {
    "duckdb": duckdb_at,
    "postgres": postgres_at,
    "mariadb": mariadb_at,
}


def main(adapters: list[str]) -> None:
    for adapter in adapters or PLACES:
        seconds: dict[int, dict[str, float]] = {}
        with tempfile.TemporaryDirectory() as name, PLACES[adapter](Path(name)) as (run, settings):
            for rows in SIZES:
                for statement in statements(rows, DIALECTS[adapter]):
                    run(statement)
                seconds[rows] = build(adapter, settings, Path(name))
            build(adapter, settings, Path(name), incremental=True)
            run(CHANGE)
            night = build(adapter, settings, Path(name), incremental=True)
            for model in COMPARED:
                run(f"create table syfter.{model} as select * from marts.{model}")
            full = build(adapter, settings, Path(name))
            for model in COMPARED:
                assert run(DIFFERENT.format(model))[0][0] == 0, model
        print(f"{adapter}: seconds for {SIZES[0]:,} and {SIZES[1]:,} rows, and their ratio; for 0.1 % changed, and a full build")
        for model in [*MEASURED, "all models"]:
            small, large, changed, whole = (
                sum(taken.values()) if model == "all models" else taken.get(model, 0)
                for taken in (*seconds.values(), night, full)
            )
            print(f"  {model}: {small:.2f} {large:.2f} {large / (small or 1):.1f}; {changed:.2f} {whole:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
