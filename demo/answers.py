"""The transformation step: the dbt package in dbt/ decides, figure by figure, which source to believe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from demo.duckdb_sync import SCHEMA, tables
from demo.screen import PhaseError

ROOT = Path(__file__).resolve().parents[1]
MARTS = f"{SCHEMA}_marts"
Row = dict[str, Any]


def build(database: Path, work: Path, own: Mapping[str, list[str]], progress: Callable[[str], None]) -> str:
    """Runs `dbt build` on the database; returns what it made, in words. `own`: fields that go along to the marts, by stream."""
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", str(ROOT / "dbt"), "--profiles-dir", str(ROOT / "dbt")]
    command += ["--target", "duckdb", "--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    # A stream that was left out, or had no record yet, has no table: the package can be told.
    staged = {
        file.name.removeprefix("stg_syfter__").removesuffix(".sql") for file in (ROOT / "dbt").glob("models/**/stg_syfter__*.sql")
    }
    variables: dict[str, Any] = {f"syfter_using_{stream}": False for stream in sorted(staged - tables(database))}
    # The rules decide the columns of the other two from what the sources say: what these have of their own is not of that kind.
    variables["syfter_passthrough_columns"] = {
        stream: [name for name in names if re.fullmatch(r"[a-z_][a-z0-9_]*", name)]
        for stream, names in own.items()
        if stream not in ("company_financials", "company_overviews")
    }
    command += ["--vars", json.dumps(variables)]
    settings = {"SYFTER_DUCKDB_PATH": str(database), "SYFTER_DBT_SCHEMA": MARTS, "DO_NOT_TRACK": "1"}
    said = []
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as dbt:
        for line in dbt.stdout or ():
            said.append(line)
            if found := re.search(r"(\d+ of \d+) START (?:sql )?(.+?) \.*", line):
                progress(f"{found[1]}: {found[2]}")
    if dbt.returncode:
        problems = [line for line in said if "Error" in line or "FAIL" in line] or said
        raise PhaseError(f"dbt build failed: {''.join(problems[-3:]).strip()}\nAll details: {work / 'logs' / 'dbt.log'}")
    passed = re.search(r"PASS=(\d+)", "".join(said))
    made = re.search(r"Finished running (.*?) in ", "".join(said))
    return f"{made[1] if made else 'done'}, {passed[1] if passed else 'all'} passed"


@dataclass(frozen=True)
class Company:
    """One company's figures: what each source says, and what is to be believed."""

    id: str
    name: str
    said: list[Row]
    resolved: list[Row]


# Of the companies with figures: first those with rules of their own, then those whose sources disagree in most years.
TELLING = f"""
    WITH years AS (
        SELECT company_id, greatest(count(DISTINCT revenue) - 1, 0) AS differing
        FROM {MARTS}.stg_syfter__company_financials GROUP BY company_id, year
    ), rules AS (
        SELECT company_id FROM {MARTS}.int_syfter__source_rules
        WHERE rule_scope = 'company' AND table_name = 'company_financials'
    )
    SELECT company_id FROM years
    WHERE company_id IN (SELECT company_id FROM {MARTS}.syfter__company_financials)
    GROUP BY company_id
    ORDER BY company_id IN (FROM rules) DESC, sum(differing) DESC, company_id
    LIMIT 1
"""  # noqa: S608 -- our own names


def example(database: Path) -> Company | None:
    """A company that shows why there are rules; none where no figure resolves."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(TELLING).fetchone()
        if not found:
            return None

        def rows(table: str, order: str) -> list[Row]:
            result = connection.execute(f"FROM {MARTS}.{table} WHERE company_id = ? ORDER BY {order}", found)
            columns = [column[0] for column in result.description or ()]
            return [dict(zip(columns, values, strict=True)) for values in result.fetchall()]

        [company] = rows("stg_syfter__companies", "company_id") or [{"name": None}]
        said = [
            row for row in rows("stg_syfter__company_financials", "year, source, company_financial_id") if row["year"] is not None
        ]
        return Company(str(found[0]), company["name"] or f"company {found[0]}", said, rows("syfter__company_financials", "year"))
