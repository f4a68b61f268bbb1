"""The transformation step: the dbt package in dbt/ decides, figure by figure, which source to believe."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from demo.duckdb_sync import SCHEMA, tables
from demo.screen import PhaseError

ROOT = Path(__file__).resolve().parents[1]
MARTS = f"{SCHEMA}_marts"
Row = dict[str, Any]


def build(database: Path, work: Path, progress: Callable[[str], None]) -> str:
    """Runs `dbt build` on the database; returns what it made, in words."""
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "build"]
    command += ["--project-dir", str(ROOT / "dbt"), "--profiles-dir", str(ROOT / "dbt")]
    command += ["--target", "duckdb", "--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    # A stream that was left out, or had no record yet, has no table: the package can be told.
    staged = {
        file.name.removeprefix("stg_syfter__").removesuffix(".sql") for file in (ROOT / "dbt").glob("models/**/stg_syfter__*.sql")
    }
    command += ["--vars", json.dumps({f"syfter_using_{stream}": False for stream in sorted(staged - tables(database))})]
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

    id: int
    name: str
    said: list[Row]
    resolved: list[Row]


def companies(database: Path) -> list[Company]:
    """All companies with figures. Those whose sources disagree in most figures, and that have rules of their own, come first."""
    with duckdb.connect(str(database), read_only=True) as connection:
        said = _by_company(connection, f"FROM {SCHEMA}.company_financials ORDER BY company_id, year, source, id")
        resolved = _by_company(connection, f"FROM {MARTS}.syfter__company_financials ORDER BY company_id, year")
        names = dict(connection.execute(f"SELECT id, name FROM {SCHEMA}.companies").fetchall())  # noqa: S608
        own = "SELECT DISTINCT company_id FROM {}.datasource_preferences WHERE table_name = 'company_financials'"
        with_preference = {company for (company,) in connection.execute(own.format(SCHEMA)).fetchall()}

    def rank(company: Company) -> tuple[bool, int, int]:
        figures = {(row["year"], row["revenue"]) for row in company.said if row["revenue"] is not None}
        disagreeing = len(figures) - len({year for year, _ in figures})
        return company.id not in with_preference or not company.resolved, -disagreeing, company.id

    found = [Company(key, names.get(key) or f"company {key}", rows, resolved.get(key, [])) for key, rows in said.items()]
    return sorted(found, key=rank)


def _by_company(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[int, list[Row]]:
    result = connection.execute(sql)
    columns = [column[0] for column in result.description or ()]
    found: dict[int, list[Row]] = {}
    for values in result.fetchall():
        row = dict(zip(columns, values, strict=True))
        if row["company_id"] is not None and row["year"] is not None:
            found.setdefault(row["company_id"], []).append(row)
    return found
