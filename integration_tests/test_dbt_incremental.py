"""Incremental models of the dbt package: after days of change they hold what a build from nothing does, and what is specified.

A day brings new records and late ones, new versions in place and beside the old, records that move to another company or go,
rules that come, change and go, and a refresh that keeps the rows. Some builds leave models out, as one that fails does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from testing.dbt_oracle import Oracle, random_tables
from testing.dbt_warehouses import Project, Server, mariadb, postgres

pytestmark = pytest.mark.timeout(900)

SERVERS = {"duckdb": lambda: nullcontext(None), "postgres": postgres, "mariadb": mariadb}
# Adapter, seed, days: one short run in `make test` and `make test-mysql`, the others in `make soak`.
RUNS = [
    pytest.param("postgres", 0, 2),
    pytest.param("mariadb", 0, 2, marks=pytest.mark.mysql),
    *(pytest.param(adapter, seed, 8, marks=pytest.mark.soak) for adapter in ("duckdb", "postgres") for seed in range(1, 6)),
]
TABLES = ["company_financials", "company_overviews", "company_employees"]
EXPECTED = [*TABLES, "unresolved", "ignored_records"]
MODELS = ["int_syfter__candidate_sources"] + [
    f"syfter__{name}"
    for name in (
        "company_financials",
        "company_overviews",
        "company_employees",
        "custom_properties",
        "unresolved",
        "disagreements",
    )
]
Row = dict[str, Any]


def literal(value: Any) -> str:
    return "null" if value is None else "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


class Raw:
    """The raw tables, in Python and as the statements that make them what they are."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.versions = {name: [{**row} for row in rows] for name, rows in random_tables(seed, companies=12).items()}
        self.statements: list[str] = []
        self.refreshed: set[str] = set()
        self.loads = 0
        for rows in self.versions.values():
            for row in rows:
                self.stamp(row)

    def stamp(self, row: Row) -> Row:
        """As a loader does: each row of its own, later than all before."""
        self.loads += 1
        extracted = f"2026-03-01 {self.loads // 3600 % 24:02}:{self.loads // 60 % 60:02}:{self.loads % 60:02}"
        row |= {"_airbyte_raw_id": f"r{self.loads:06}", "_airbyte_extracted_at": extracted, "_airbyte_meta": "{}"}
        return row

    def standing(self) -> dict[str, list[Row]]:
        """The latest version of every record."""
        found: dict[str, list[Row]] = {}
        for name, rows in self.versions.items():
            records: dict[Any, Row] = {}
            for row in sorted(rows, key=lambda row: (row.get("updated_at") or "", row["_airbyte_extracted_at"])):
                records[row["id"]] = row
            found[name] = list(records.values())
        return found

    def insert(self, table: str, row: Row) -> None:
        self.versions[table].append(self.stamp(row))
        values = row | ({"_airbyte_generation_id": 2} if table in self.refreshed else {})
        columns = ", ".join(values)
        self.statements.append(
            f"insert into syfter_it.raw_{table} ({columns}) values ({', '.join(map(literal, values.values()))})"
        )

    def delete(self, table: str, column: str, value: Any) -> None:
        self.versions[table] = [row for row in self.versions[table] if row[column] != value]
        self.statements.append(f"delete from syfter_it.raw_{table} where {column} = {literal(value)}")

    def day(self, number: int) -> list[str]:
        """Statements of a day of changes. Each third concerns all companies, which would hide what else is wrong."""
        self.statements = []
        dice = self.dice
        tables = [*TABLES * 2, "datasource_preferences", *(["datasource_priorities"] if number % 3 == 0 else [])]
        for table in filter(self.versions.get, [*tables, *dice.choices(tables, k=3)]):
            like, other = dice.choice(self.versions[table]), dice.choice(self.versions[table])
            kind = dice.choice(["new", "late", "beside", "in place", "gone"])
            new = {column: value for column, value in like.items() if not column.startswith("_")}
            if kind in ("new", "late"):
                new["id"] = 2000 + self.loads
            for column in dice.sample([column for column in new if column not in ("id", "updated_at")], 2):
                new[column] = other[column]
            if "updated_at" in new:
                new["updated_at"] = f"2026-0{1 if kind == 'late' else 3}-01 00:00:00"
            if kind in ("in place", "gone"):
                self.delete(table, "id", like["id"])
            if kind != "gone":
                self.insert(table, new)
        for table in TABLES:  # a company's wish that comes before all others of that company, and the end of another
            asked = dice.choice([row for row in self.versions[table] if row["company_id"] and row["source"]])
            first = {"id": 100 + self.loads, "table_name": table, "column_name": "*"}
            self.insert("datasource_preferences", first | {key: asked[key] for key in ("company_id", "source")})
        self.delete("datasource_preferences", "company_id", dice.randint(1, 12))
        for table in TABLES if dice.random() < 0.5 else []:  # all that is known of one
            self.delete(table, "company_id", 1 + number % 12)
        key = 1 + number % 8  # custom properties are a seed's, which the oracle does not look at
        self.statements += [
            f"update syfter_it.raw_custom_property_values set company_id = 2, article_id = null where id = {key}",
            f"delete from syfter_it.raw_custom_property_values where id = {17 - key}",
        ]
        if number % 3 == 0:
            self.statements.append("update syfter_it.raw_custom_property_definitions set name = concat(name, 'x') where id < 4")
        table = dice.choice(TABLES)
        if dice.random() < 0.3 and table not in self.refreshed:
            self.refresh(table)
        return self.statements

    def refresh(self, table: str) -> None:
        """Reads the whole list again and keeps the old rows; what is not in the list is gone."""
        self.refreshed.add(table)
        self.statements.append(f"alter table syfter_it.raw_{table} add column _airbyte_generation_id bigint default 1")
        there = [row for row in self.standing()[table] if self.dice.random() < 0.8]
        self.versions[table] = []
        for row in there:
            self.insert(table, {column: value for column, value in row.items() if not column.startswith("_")})


@pytest.fixture
def project(tmp_path: Path, adapter: str) -> Iterator[Project]:
    with SERVERS[adapter]() as server:
        assert server is None or isinstance(server, Server)
        yield Project.copy(tmp_path, adapter, server)


@pytest.mark.parametrize(("adapter", "seed", "days"), RUNS)
def test_days_of_change_give_what_a_build_from_nothing_gives(project: Project, seed: int, days: int) -> None:
    raw = Raw(seed)
    for name, rows in raw.versions.items():
        project.write_seed(f"raw_{name}", rows)
    build = f"run --select {' '.join(f'+{model}' for model in [*MODELS, 'syfter__ignored_records'])}"
    commands: list[str | list[str]] = [build]
    for number in range(days):
        commands.append(["run-operation", "change", "--args", json.dumps({"statements": raw.day(number)})])
        commands.append(build + raw.dice.choice(["", *(f" --exclude {model}" for model in MODELS)]))
    commands.append(build)
    oracle = Oracle(raw.standing())
    for name, rows in {
        "company_financials": oracle.resolved("company_financials", carried=("currency",)),
        "company_overviews": oracle.resolved("company_overviews"),
        "company_employees": oracle.listed("company_employees"),
        "unresolved": oracle.unresolved(),
        "ignored_records": oracle.ignored(),
    }.items():
        project.write_seed(f"expected_{name}", rows)
    kept = [f"create table syfter_it.kept_{model} as select * from syfter_it.{model}" for model in MODELS]
    tests = [f"{name}_as_expected" for name in EXPECTED]
    outcome = project.dbt(
        f"seed --full-refresh --select path:seeds/raw {' '.join(f'expected_{name}' for name in EXPECTED)}",
        *commands,
        ["run-operation", "change", "--args", json.dumps({"statements": kept})],
        f"{build} --full-refresh",
        f"test --select {' '.join(tests)}",
        variables={"syfter_incremental": True},
    )
    assert outcome.results == dict.fromkeys(tests, "pass"), outcome.output
    compared = 0
    for model in MODELS:
        incremental, whole = (
            sorted(map(str, project.sql(f"select * from syfter_it.{table}"))) for table in (f"kept_{model}", model)
        )
        assert incremental == whole, model
        compared += len(whole)
    assert compared > 50  # where a table has no rules its mart is empty
