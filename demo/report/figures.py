"""What the report shows, read from the warehouse: the models of the dbt package and, for its date, the raw table."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from demo.answers import MARTS
from demo.duckdb_sync import SCHEMA

TABLE = "company_financials"

# One row per figure that a source gives. `state`: the rules choose it; they do not; a later row of the same source replaces it.
# What is chosen comes from the mart, so the report cannot say otherwise than the table that people query.
FIGURES = """
    CREATE TEMP TABLE figures AS
    WITH rows AS (
        SELECT * REPLACE (CAST(company_id AS VARCHAR) AS company_id), row_number() OVER (
            PARTITION BY company_id, year, source
            ORDER BY updated_at DESC NULLS LAST, length(company_financial_id::VARCHAR) DESC, company_financial_id DESC
        ) = 1 AS standing
        FROM {marts}.stg_syfter__company_financials
        WHERE company_id IS NOT NULL AND year IS NOT NULL AND source IS NOT NULL
    ), said AS ({said}), chosen AS ({chosen})
    SELECT
        company_id, column_name, year, source,
        coalesce(chosen.value, said.value) AS value,
        CASE WHEN chosen.value IS NULL THEN said.currency ELSE chosen.currency END AS currency,
        CASE WHEN chosen.value IS NOT NULL THEN 'chosen' WHEN said.standing THEN 'said' ELSE 'replaced' END AS state,
        said.record_id
    FROM said
    FULL JOIN chosen USING (company_id, column_name, year, source, standing)
"""
SAID = """
    SELECT company_id, '{0}' AS column_name, year, source, standing, "{0}" AS value, currency, company_financial_id AS record_id
    FROM rows WHERE "{0}" IS NOT NULL
"""
CHOSEN = """
    SELECT CAST(company_id AS VARCHAR) AS company_id, '{0}' AS column_name, year, "{0}_source" AS source, true AS standing,
        "{0}" AS value, "{0}_currency" AS currency
    FROM {marts}.syfter__company_financials WHERE "{0}_source" IS NOT NULL
"""
# By which rule each source is asked, first to last.
RULES = """
    SELECT CAST(asked.company_id AS VARCHAR), asked.column_name, asked.source, rules.rule_scope, rules.column_name, rules.priority
    FROM {marts}.int_syfter__candidate_sources AS asked
    JOIN {marts}.int_syfter__source_rules AS rules USING (rule_id)
    WHERE asked.table_name = '{table}'
    ORDER BY asked.company_id, asked.column_name, asked.candidate_rank
"""
UNRESOLVED = """
    SELECT CAST(company_id AS VARCHAR), column_name, CAST(row_key AS INTEGER), reason FROM {marts}.syfter__unresolved
    WHERE table_name = '{table}' ORDER BY ALL
"""
# What companies are sorted and filtered by. Only figures in one currency are compared, none is converted.
SIZES = """
    WITH chosen AS (
        SELECT
            *,
            lag(value) OVER years AS before,
            lag(year) OVER years AS year_before,
            lag(currency) OVER years AS currency_before
        FROM figures WHERE state = 'chosen' AND column_name = ?
        WINDOW years AS (PARTITION BY company_id ORDER BY year)
    )
    SELECT
        company_id, year, value, currency,
        CASE WHEN year = year_before + 1 AND currency IS NOT DISTINCT FROM currency_before AND before > 0
            THEN CAST(value AS DOUBLE) / before - 1 END
    FROM chosen
    QUALIFY row_number() OVER (PARTITION BY company_id ORDER BY year DESC) = 1
"""
GAPS = """
    WITH compared AS (
        SELECT company_id, column_name, year, CAST(max(value) AS DOUBLE) AS high, CAST(min(value) AS DOUBLE) AS low
        FROM figures WHERE state <> 'replaced' GROUP BY 1, 2, 3, currency HAVING count(*) > 1
    ), gaps AS (
        SELECT *, CASE WHEN high = low THEN 0 ELSE (high - low) / greatest(abs(high), abs(low)) END AS gap FROM compared
    )
    SELECT company_id, max(gap), arg_max(column_name, gap), arg_max(year, gap), count(*) FILTER (WHERE gap > 0.01), count(*)
    FROM gaps GROUP BY company_id
"""
COMPANIES = "SELECT CAST(company_id AS VARCHAR), name FROM {marts}.stg_syfter__companies WHERE company_id IS NOT NULL"
# How often each source speaks, and is chosen.
SOURCES = """
    SELECT source, count(*), count(*) FILTER (WHERE state = 'chosen') FROM figures WHERE state <> 'replaced' GROUP BY 1 ORDER BY 1
"""


def read(database: Path) -> dict[str, Any]:
    """All that the page shows, as JSON can hold it; amounts are texts, with all their digits."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return _read(connection)


def _read(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return connection.execute(sql.format(marts=MARTS, table=TABLE), parameters).fetchall()

    columns = resolved_columns(connection)
    said, chosen = (" UNION ALL ".join(sql.format(column, marts=MARTS) for column in columns) for sql in (SAID, CHOSEN))
    connection.execute(FIGURES.format(marts=MARTS, said=said, chosen=chosen))
    companies: dict[str, dict[str, Any]] = {
        company: {"id": company, "name": name or f"Company {company}", "figures": {}} for company, name in rows(COMPANIES)
    }
    parts: dict[tuple[str, str], dict[str, list[Any]]] = defaultdict(lambda: {"rows": [], "rules": [], "unresolved": []})
    for company, column, year, source, value, *rest in rows("FROM figures ORDER BY company_id, year, source, state, record_id"):
        parts[company, column]["rows"].append([year, source, exact(value), *rest])
    for company, column, *rule in rows(RULES):
        parts[company, column]["rules"].append(rule)
    for company, column, *unresolved in rows(UNRESOLVED):
        parts[company, column]["unresolved"].append(unresolved)
    for (company, column), part in parts.items():
        if part["rows"]:
            known = companies.setdefault(company, {"id": company, "name": f"Company {company}", "figures": {}})
            known["figures"][column] = part
    for company, year, value, currency, growth in rows(SIZES, columns[0]):
        companies[company]["latest"] = {"year": year, "value": exact(value), "currency": currency, "growth": growth}
    for company, *gap in rows(GAPS):
        companies[company]["gap"] = dict(zip(("widest", "column", "year", "differing", "compared"), gap, strict=True))
    counts = {source: [said, chosen] for source, said, chosen in rows(SOURCES)}
    return {
        "mart": f"{MARTS}.syfter__{TABLE}",
        "columns": columns,
        "sources": list(counts),
        "counts": list(counts.values()),
        "ignored": rows("SELECT count(*) FROM {marts}.syfter__ignored_records WHERE table_name = '{table}'")[0][0],
        "dates": dates(connection),
        "companies": list(companies.values()),
    }


def resolved_columns(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The figures that the rules decide, as the mart has them: the package can be told to resolve more than two."""
    described = connection.execute(f"DESCRIBE {MARTS}.syfter__{TABLE}").fetchall()
    names = [name for name, *_ in described]
    return [name for name in names if f"{name}_source" in names and f"{name}_currency" in names]


def dates(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """When the figures were last read, and when the newest of them changed on the instance; ISO 8601, UTC."""
    sql = f"SELECT max(_airbyte_extracted_at), max(updated_at) FROM {SCHEMA}.{TABLE}"  # noqa: S608 -- our own names
    read, changed = connection.execute(sql).fetchone() or (None, None)
    return {"read": read and f"{read:%Y-%m-%dT%H:%MZ}", "changed": changed and f"{changed:%Y-%m-%dT%H:%MZ}"}


def exact(value: Decimal | float) -> str:
    """The amount with all its digits and no zeros behind them."""
    return f"{Decimal(repr(value) if isinstance(value, float) else value).normalize():f}"
