"""Runs in an environment with the adapters of cloud warehouses: `dbt compile` with the real adapter, and no connection.

Four methods of the adapter are replaced. Which raw tables there are, and with which columns, is told from the schemas of the
connector's streams, typed as Airbyte's destination types them there; a query that a macro asks while compiling is answered by a
DuckDB file in which the same project was built.

    python compile_as.py ADAPTER CHECKOUT DUCKDB_FILE dbt-arguments...
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

# Airbyte's type -> the name that the warehouse's own catalogue shows for the column.
TYPES = {
    "snowflake": {
        "integer": "NUMBER(38,0)", "number": "FLOAT", "boolean": "BOOLEAN", "string": "VARCHAR(16777216)",
        "timestamp": "TIMESTAMP_TZ(9)", "array": "ARRAY", "object": "OBJECT", "union": "VARIANT",
    },
    "bigquery": {
        "integer": "INT64", "number": "NUMERIC", "boolean": "BOOL", "string": "STRING",
        "timestamp": "TIMESTAMP", "array": "JSON", "object": "JSON", "union": "JSON",
    },
    "redshift": {
        "integer": "bigint", "number": "numeric(38,9)", "boolean": "boolean", "string": "character varying(65535)",
        "timestamp": "timestamp with time zone", "array": "super", "object": "super", "union": "super",
    },
    "databricks": {
        "integer": "bigint", "number": "decimal(38,10)", "boolean": "boolean", "string": "string",
        "timestamp": "timestamp", "array": "string", "object": "string", "union": "string",
    },
}  # fmt: skip
LOADER = {
    "_airbyte_raw_id": "string",
    "_airbyte_extracted_at": "timestamp",
    "_airbyte_meta": "object",
    "_airbyte_generation_id": "integer",
}


def kind_of(schema: dict[str, Any]) -> str:
    types = schema.get("type", ["string"])
    types = [name for name in ([types] if isinstance(types, str) else types) if name != "null"]
    if len(types) > 1:
        return "union"
    return "timestamp" if schema.get("format") == "date-time" else str(types[0])


def raw_columns(checkout: Path) -> dict[str, dict[str, str]]:
    """Raw table -> column -> Airbyte's type, with what the loader adds."""
    tables = {}
    for path in sorted((checkout / "source_syfter/schemas").glob("*.json")):
        properties = json.loads(path.read_text())["properties"]
        tables[f"raw_{path.stem}"] = {name: kind_of(schema) for name, schema in properties.items()} | LOADER
    return tables


def main(name: str, checkout: str, answers: str, *arguments: str) -> int:
    import agate
    import duckdb
    import sqlglot
    from dbt.adapters.contracts.connection import AdapterResponse
    from dbt.cli.main import dbtRunner

    adapter = importlib.import_module(f"dbt.adapters.{name}").Plugin.adapter
    tables = raw_columns(Path(checkout))

    def get_relation(self: Any, database: str, schema: str, identifier: str) -> Any:
        return self.Relation.create(database=database, schema=schema, identifier=identifier) if identifier in tables else None

    def get_columns_in_relation(self: Any, relation: Any) -> list[Any]:
        upper = name == "snowflake"  # its destination writes names in upper case
        column = self.Column.create if name == "bigquery" else self.Column.from_description
        columns = tables.get(relation.identifier.lower()) or built_columns(relation.identifier.lower())
        return [column(key.upper() if upper else key, TYPES[name][kind]) for key, kind in columns.items()]

    def built_columns(table: str) -> dict[str, str]:
        """Of a model: only what is JSON counts."""
        with duckdb.connect(answers, read_only=True) as connection:
            found = connection.execute(
                "select column_name, data_type from duckdb_columns() where table_name = ?", [table]
            ).fetchall()
        return {column: "object" if kind == "JSON" else "string" for column, kind in found}

    def execute(self: Any, sql: str, *_: Any, **__: Any) -> Any:
        tree = sqlglot.parse_one(sql, read=name)
        for table in tree.find_all(sqlglot.exp.Table):
            table.set("catalog", None)
        for identifier in tree.find_all(sqlglot.exp.Identifier):
            identifier.set("quoted", False)
        with duckdb.connect(answers, read_only=True) as connection:
            result = connection.execute(tree.sql("duckdb"))
            names = [column[0] for column in result.description]
            rows = [[str(value) for value in row] for row in result.fetchall()]
            return AdapterResponse("OK"), agate.Table(rows, names, [agate.Text()] * len(names))

    adapter.get_relation = get_relation
    adapter.get_columns_in_relation = get_columns_in_relation
    adapter.execute = execute
    return 0 if dbtRunner().invoke(list(arguments)).success else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
