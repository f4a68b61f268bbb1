"""Runs in an environment with PySpark and fakesnow: compiled models on them, written beside the raw tables and seeds.

    python second_witness.py spark|fakesnow FOLDER

The folder holds `models.json`, names and SQL in order, and a Parquet file for each table; it gets `made/`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Far from UTC, and with summer time: what a warehouse's session may be set to.
ZONE = "Australia/Sydney"


def on_spark(folder: Path, models: list[tuple[str, str]]) -> None:
    from pyspark.sql import SparkSession

    settings = {"spark.sql.session.timeZone": ZONE, "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1"}
    # Small data: what compiles and adapts plans takes longer than it saves.
    settings |= {"spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false"}
    # As Databricks' SQL warehouses are set.
    settings |= {"spark.sql.ansi.enabled": "true", "spark.sql.warehouse.dir": str(folder / "warehouse")}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    for file in folder.glob("*.parquet"):
        spark.read.parquet(str(file)).createOrReplaceTempView(file.stem)
    for name, sql in models:
        made = str(folder / "made" / f"{name}.parquet")
        spark.sql(sql.replace("`raw`.`syfter_it`.", "")).coalesce(1).write.parquet(made)
        spark.read.parquet(made).createOrReplaceTempView(name)


def on_fakesnow(folder: Path, models: list[tuple[str, str]]) -> None:
    import fakesnow
    import snowflake.connector

    (folder / "made").mkdir()
    with fakesnow.patch():
        connection = snowflake.connector.connect(database="RAW", schema="SYFTER_IT")
        inside = connection._duck_conn  # type: ignore[attr-defined]
        inside.execute(f"set timezone = '{ZONE}'")
        for file in folder.glob("*.parquet"):
            inside.execute(f"create table raw.syfter_it.{file.stem} as from read_parquet('{file}')")
        for name, sql in models:
            connection.cursor().execute(f"create or replace table raw.syfter_it.{name} as {sql}")
            inside.execute(f"copy raw.syfter_it.{name} to '{folder}/made/{name}.parquet'")


if __name__ == "__main__":
    witness, folder = sys.argv[1], Path(sys.argv[2])
    models = json.loads((folder / "models.json").read_text())
    {"spark": on_spark, "fakesnow": on_fakesnow}[witness](folder, models)
