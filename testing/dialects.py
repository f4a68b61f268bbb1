"""SQL of warehouses that nobody here has an account of: is it theirs, and what does it give?

`faults` holds compiled SQL against what the warehouse has: sqlglot reads it in that dialect, it calls no function and names no
type that is not in the warehouse's manual, and it has none of the constructs that other databases have. Translation launders
faults, so only SQL without any is translated to DuckDB and run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

from testing.compile_as import raw_columns
from testing.dbt_warehouses import FAR_FROM_UTC, ROOT

# What the package's models need of every database.
COMMON = [
    "row_number",
    "first_value",
    "max",
    "min",
    "count",
    "sum",
    "coalesce",
    "nullif",
    "lower",
    "left",
    "length",
    "cast",
    "abs",
]
FUNCTIONS = {
    "snowflake": [
        "convert_timezone", "get_path", "to_timestamp_ntz", "regexp_like", "try_parse_json", "parse_json", "flatten", "hash",
    ],
    "bigquery": [
        "datetime", "timestamp_millis", "json_value", "json_value_array", "to_json_string", "safe.parse_json", "parse_json",
        "regexp_contains", "unnest", "farm_fingerprint", "struct",
    ],
    "redshift": [
        "json_serialize", "is_object", "is_array", "json_extract_path_text", "json_parse", "can_json_parse", "dateadd",
        "farmfingerprint64",
    ],
    "databricks": [
        "unix_micros", "make_dt_interval", "get_json_object", "from_json", "explode", "xxhash64", "to_json", "struct",
    ],
}  # fmt: skip
TYPES = {
    "snowflake": [
        "varchar", "bigint", "decimal(38, 9)", "double precision", "boolean", "timestamp_ntz", "timestamp_tz", "variant",
    ],
    "bigquery": ["string", "int64", "numeric(38, 9)", "float64", "bool", "datetime", "timestamp", "json"],
    "redshift": [
        "varchar(65535)", "bigint", "integer", "decimal(38, 9)", "double precision", "boolean", "timestamp",
        "timestamp with time zone", "super",
    ],
    "databricks": [
        "string", "bigint", "decimal(38, 9)", "decimal(20, 0)", "decimal(18, 6)", "double", "boolean", "timestamp",
        "timestamp_ntz",
    ],
}  # fmt: skip
# Constructs of other databases. (`timestamp 'text'` is a literal everywhere; `at time zone` and `~` are Redshift's too.)
WITHOUT_FRAME = r"first_value\((?:(?!\) over ).)*\) over \((?:(?!rows ).)*?\) as"
FOREIGN = {
    "snowflake": r"->|::|#>|\sat time zone\s|\s~\s|\scollate\s|\bunnest\b|\* interval|\br'",
    "bigquery": r"->|::|#>|\sat time zone\s|\s~\s|\scollate\s|\blateral\b|\binterval\s*'|\bsimilar to\b",
    "redshift": rf"->|::|#>|\scollate\s|\blateral\b|\bunnest\b|\bqualify\b|\br'|{WITHOUT_FRAME}",
    "databricks": r"->|#>|\sat time zone\s|\s~\s|\scollate\s|\bunnest\b|\* interval|\bsimilar to\b",
}
# Words before a bracket that call nothing.
KEYWORDS = {
    "in", "as", "over", "by", "and", "or", "on", "from", "when", "then", "else", "not", "select", "union", "all", "between",
    "where", "join", "exists", "distinct", "having", "values", "with", "case", "decimal", "numeric", "varchar", "using",
}  # fmt: skip


def faults(sql: str, dialect: str) -> list[str]:
    """What the warehouse would refuse, or read otherwise; none if the SQL is its own."""
    text = re.sub(r"(?s)/\*.*?\*/|--[^\n]*", "", sql)
    found = []
    try:
        if len(trees := sqlglot.parse(text, read=dialect)) != 1 or isinstance(trees[0], exp.Command):
            found.append("is not one statement")
    except sqlglot.errors.SqlglotError as error:
        found.append(f"cannot be read: {error}")
    without_texts = re.sub(r"'(?:[^']|'')*'", "''", text)
    called = {name.lower() for name in re.findall(r"([A-Za-z_][\w.]*)\s*\(", without_texts)} - KEYWORDS
    ctes = {name.lower() for name in re.findall(r"(\w+)\s+as\s*\(", without_texts)}
    found += [f"function {name}" for name in sorted(called - ctes - set(COMMON + FUNCTIONS[dialect]))]
    named = set(re.findall(r"\bas ((?:[a-z_0-9]+)(?:\(\d+(?:, \d+)?\))?(?: precision| with time zone)?)\)", without_texts))
    found += [f"type {name}" for name in sorted(named - set(TYPES[dialect]))]
    return found + [f"construct {match.group().strip()}" for match in re.finditer(FOREIGN[dialect], without_texts)]


# --- translation to DuckDB ------------------------------------------------------------------------------------------------

# How DuckDB holds what Airbyte's destination loads, where that differs by warehouse.
HELD = {
    "snowflake": {"integer": "decimal(38, 0)", "number": "double"},
    "bigquery": {"integer": "bigint", "number": "decimal(38, 9)"},
    "redshift": {"integer": "bigint", "number": "decimal(38, 9)"},
    "databricks": {"integer": "bigint", "number": "decimal(38, 10)", "array": "varchar", "object": "varchar", "union": "varchar"},
}
HELD_ALIKE = {
    "string": "varchar",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "array": "json",
    "object": "json",
    "union": "json",
}
# BigQuery knows no zone of a session.
ZONES = {"bigquery": "UTC"}
# Columns of JSON, by their names in raw tables and models.
JSON = {"value", "metadata", "company_ids", "mentioned"}
# What sqlglot passes on as it stands.
SHIMS = {
    "snowflake": [],
    "bigquery": [
        "macro json_value_array(j, path) as from_json(case when json_type(j, path) = 'ARRAY' then j end, '[\"VARCHAR\"]')",
        "macro farm_fingerprint(t) as hash(t)",
    ],
    "redshift": [
        "macro json_serialize(j) as cast(j as varchar)",
        "macro is_object(j) as json_type(j) = 'OBJECT'",
        "macro is_array(j) as json_type(j) = 'ARRAY'",
        "macro can_json_parse(t) as json_valid(t)",
        "macro json_parse(t) as cast(t as json)",
        "macro farm_fingerprint(t) as hash(t)",
    ],
    "databricks": [
        "macro make_dt_interval(d, h, m, s) as to_microseconds(cast(cast(s as decimal(38, 6)) * 1000000 as bigint))",
        "macro unix_micros(t) as epoch_us(t)",
        "macro get_json_object(t, path) as try(json_extract_string(t, path))",
        "macro xxhash64(t) as hash(t)",
    ],
}  # fmt: skip


def compiled(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and SQL of each model of a compiled project's target folder, each after those that it reads."""
    manifest = json.loads((folder / "manifest.json").read_text())
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    done: set[str] = set()
    while waiting := [key for key in models if key not in done]:
        for key in waiting:
            if all(parent in done or parent not in models for parent in models[key]["depends_on"]["nodes"]):
                done.add(key)
                file = folder / "compiled" / models[key]["package_name"] / models[key]["original_file_path"]
                yield models[key]["name"], file.read_text()


def translated(sql: str, dialect: str) -> str:
    """DuckDB's SQL for the same."""
    tree = sqlglot.parse_one(sql, read=dialect)
    for table in tree.find_all(exp.Table):
        table.set("catalog", None)
    return tree.transform(_corrected, dialect).sql("duckdb")


def _corrected(node: exp.Expression, dialect: str) -> exp.Expression:
    """Where sqlglot's translation is not the same."""
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.VARIANT:
        return exp.cast(node.this, "json")
    # The elements of an array of JSON, each JSON itself.
    if isinstance(node, exp.Lateral) and dialect == "snowflake":
        unnested = exp.Unnest(expressions=[exp.cast(next(node.find_all(exp.Column)), "json[]", dialect="duckdb")])
        unnested.set("alias", exp.TableAlias(this=exp.to_identifier(node.alias), columns=[exp.to_identifier("value")]))
        return unnested
    if isinstance(node, exp.Unnest) and dialect == "redshift":
        node.set("expressions", [exp.cast(array, "json[]", dialect="duckdb") for array in node.expressions])
        return node
    if isinstance(node, exp.JSONExtractScalar) and dialect == "databricks":  # null for text that is no JSON
        return exp.Anonymous(this="get_json_object", expressions=[node.this, node.expression])
    if isinstance(node, exp.Literal) and node.name == "array<string>":
        return exp.Literal.string('["VARCHAR"]')
    if isinstance(node, exp.SafeFunc) and isinstance(node.this, exp.ParseJSON):
        return exp.TryCast(this=node.this.this, to=exp.DataType.build("json"))
    # Text of a JSON value has no quotes in Snowflake and Redshift, and JSON's null is null.
    if isinstance(node, exp.Cast) and node.to.this in exp.DataType.TEXT_TYPES and _is_json(node.this) and dialect != "databricks":
        return exp.JSONExtractScalar(this=node.this, expression=exp.Literal.string("$"))
    return node


def _is_json(node: exp.Expression) -> bool:
    if isinstance(node, exp.Column):
        # Text already in these rows, and where columns are listed by their quoted names.
        return node.name.lower() in JSON and node.table != "property_values" and not node.this.quoted
    named = isinstance(node, exp.Anonymous) and node.name.lower() in ("get_path", "try_parse_json", "json_parse")
    return named or isinstance(node, (exp.JSONExtract, exp.ParseJSON))


class Replica:
    """The raw tables and seeds of a project that was built on DuckDB, as one warehouse would hold them, to run SQL on."""

    def __init__(self, built: Path, dialect: str) -> None:
        self.dialect = dialect
        self.connection = duckdb.connect()
        run = self.connection.execute
        # Under the file's own name, for the views in it.
        run(f"attach '{built}' as {built.stem} (read_only)")
        self.native = f"{built.stem}.syfter_it"
        run("create schema syfter_it")
        run("set timezone = 'UTC'")
        held = HELD_ALIKE | HELD[dialect]
        raw = raw_columns(ROOT)
        for table, columns in raw.items():
            there = {name for name, _ in self.columns(table, native=True)}
            selected = []
            for name, kind in columns.items():
                # As JSON of one form: DuckDB writes numbers anew where it takes them out of JSON, and keeps them as text.
                value = f"json_extract({name}, '$')" if kind == "union" and held[kind] == "varchar" else name
                selected.append(f"cast({value if name in there else 'null'} as {held[kind]}) as {name}")
            run(f"create table syfter_it.{table} as select {', '.join(selected)} from {self.native}.{table}")
        seeds = (
            "select table_name from duckdb_tables() where database_name = ? and table_name ~ '(case_expected_|case_rows|prior).*'"
        )
        for (table,) in run(seeds, [built.stem]).fetchall():
            run(f"create table syfter_it.{table} as from {self.native}.{table}")
        run(f"set timezone = '{ZONES.get(dialect, FAR_FROM_UTC)}'")
        for shim in SHIMS[dialect]:
            run(f"create {shim}")

    def columns(self, table: str, native: bool = False) -> list[tuple[str, str]]:
        query = "select lower(column_name), data_type from duckdb_columns() where database_name = ? and table_name = ?"
        database = self.native.split(".")[0] if native else "memory"
        return self.connection.execute(f"{query} order by column_index", [database, table]).fetchall()

    def build(self, model: str, sql: str) -> None:
        self.connection.execute(f"create or replace table syfter_it.{model} as {translated(sql, self.dialect)}")

    def differences(self, model: str) -> list[Any]:
        """Columns or rows of a model that are not as DuckDB's own SQL makes them."""
        types = [
            (name, "VARCHAR" if kind == "JSON" and self.dialect == "databricks" else kind)
            for name, kind in self.columns(model, native=True)
        ]
        mine = self.columns(model)
        if self.dialect == "databricks":  # whose row_number gives integers
            mine = [(name, "BIGINT" if kind == "INTEGER" else kind) for name, kind in mine]
        if mine != types:
            return [pair for pair in zip(mine, types, strict=False) if pair[0] != pair[1]] or [len(mine), len(types)]
        # Each warehouse has a hash of its own.
        compared = "* exclude (fingerprint)" if "fingerprint" in dict(types) else "*"
        pair = [f"select {compared} from syfter_it.{model}", f"select {compared} from {self.native}.{model}"]
        each_way = [f"({one} except all {other})" for one, other in (pair, pair[::-1])]
        return self.connection.execute(" union all ".join(each_way)).fetchall()
