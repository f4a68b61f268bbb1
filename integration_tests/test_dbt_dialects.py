"""The dbt package on warehouses that nobody here has an account of: Snowflake, BigQuery, Redshift and Databricks.

The real adapters compile it, without a connection (compile_as.py). What they compile has to be the warehouse's own SQL
(dialects.py); then it runs, translated to DuckDB, and gives the rows and types of the native build, whose cases are tested
in test_dbt_package.py. Runs in `make test-warehouses`.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from testing.dbt_warehouses import ROOT, Project, missing
from testing.dialects import FUNCTIONS, Replica, compiled, faults

pytestmark = [pytest.mark.warehouses, pytest.mark.timeout(900)]

PYTHON = Path(os.environ.get("SYFTER_WAREHOUSES_PYTHON", ROOT / ".venv-warehouses/bin/python"))
# Nobody's: no connection is made.
NOBODY = {"schema": "syfter_it", "threads": 1, "user": "nobody", "password": "none"}
PROFILES: dict[str, dict[str, Any]] = {
    "snowflake": {"account": "nowhere", "database": "raw", "warehouse": "none", **NOBODY},
    "bigquery": {"method": "oauth-secrets", "token": "none", "project": "raw", "schema": "syfter_it"},
    "redshift": {"host": "nowhere", "port": 5439, "dbname": "raw", **NOBODY},
    "databricks": {"host": "nowhere", "http_path": "none", "token": "none", "catalog": "raw", "schema": "syfter_it"},
}

# Off by default there, for want of a figure; as SQL it is theirs.
INCREMENTAL = {"syfter_incremental": True}
# What stands there is of the builds, not of the SQL.
LOGS = {"int_syfter__builds"}
# fakesnow keeps the quotes of a JSON string that is cast to text, where Snowflake takes them off (and the translation does).
QUOTED = {"readings", "stg_syfter__custom_property_values", "syfter__custom_properties"}


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.copy(tmp_path_factory.mktemp("native"), "duckdb")
    outcome = project.dbt("seed", "run", variables=INCREMENTAL)
    assert outcome.ok, outcome.output
    return project


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory, native: Project) -> dict[str, Path]:
    """The package and its cases, compiled for each warehouse."""
    if not PYTHON.exists():
        missing("the environment that `make test-warehouses` makes", "python3-venv")
    profiles = tmp_path_factory.mktemp("profiles")
    outputs = {dialect: {"type": dialect, **profile} for dialect, profile in PROFILES.items()}
    (profiles / "profiles.yml").write_text(yaml.safe_dump({"syfter_integration_tests": {"outputs": outputs}}))

    def compile_as(dialect: str) -> Path:
        target = tmp_path_factory.mktemp(dialect)
        # -I: else the folder of the script, with its own modules, would come first on the path.
        command: list[str | Path] = [PYTHON, "-I", ROOT / "testing/compile_as.py", dialect, ROOT, native.duckdb, "compile"]
        command += ["--no-introspect", "--no-populate-cache", "--profiles-dir", profiles, "--target", dialect]
        command += ["--target-path", target, "--log-path", target, "--vars", json.dumps(INCREMENTAL)]
        done = subprocess.run(command, cwd=native.folder, env=native.environment(), text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return target

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(FUNCTIONS, pool.map(compile_as, FUNCTIONS), strict=True))


@pytest.mark.parametrize("dialect", FUNCTIONS)
def test_models_are_the_warehouses_own_sql(targets: dict[str, Path], dialect: str) -> None:
    deletes = [(file.name, file.read_text()) for file in targets[dialect].glob("compiled/*/analyses/*.sql")]
    assert deletes
    found = {name: wrong for name, sql in [*compiled(targets[dialect]), *deletes] if (wrong := faults(sql, dialect))}
    assert found == {}


@pytest.mark.parametrize("dialect", FUNCTIONS)
def test_models_give_the_rows_and_types_of_the_native_build(targets: dict[str, Path], native: Project, dialect: str) -> None:
    """With the prioritisation cases, whose rows are specified."""
    replica = Replica(native.duckdb, dialect)
    names = []
    for name, sql in compiled(targets[dialect]):
        replica.build(name, sql)
        assert name in LOGS or replica.differences(name) == [], name
        names.append(name)
    assert {"case_resolved_rows", "case_resolved_lists", "case_unresolved", "readings"} <= set(names)
    assert len(names) >= 25


@pytest.mark.parametrize("dialect", FUNCTIONS)
def test_sql_of_another_database_is_refused(native: Project, dialect: str) -> None:
    """Else every model could be clean for nothing."""
    foreign = dict(compiled(native.folder / "target"))
    assert all(faults(foreign[model], dialect) for model in ("syfter__custom_properties", "syfter__article_companies"))
    for construct in ("a ->> 'b'", "cast(a as jsonb)", 'a collate "C"', "strftime(a)", "1 * interval '1 day' + unnest(a)"):
        assert faults(f"select {construct} from t", dialect), construct


@pytest.mark.parametrize("witness", ["spark", "fakesnow"])
def test_a_second_witness_gives_the_same(targets: dict[str, Path], native: Project, witness: str, tmp_path: Path) -> None:
    """PySpark runs the SQL of Databricks as it is, fakesnow that of Snowflake."""
    dialect = {"spark": "databricks", "fakesnow": "snowflake"}[witness]
    replica = Replica(native.duckdb, dialect)
    run = replica.connection.execute
    seeds = [name for (name,) in run("select table_name from duckdb_tables() where database_name = 'memory'").fetchall()]
    for name in seeds:
        run(f"copy syfter_it.{name} to '{tmp_path}/{name}.parquet'")
    # Spark takes minutes to plan the unions of all cases, which run on DuckDB above.
    models = {name: sql for name, sql in compiled(targets[dialect]) if not (witness == "spark" and name.startswith("case_"))}
    (tmp_path / "models.json").write_text(json.dumps(list(models.items())))
    command: list[str | Path] = [PYTHON, "-I", ROOT / "testing/second_witness.py", witness, tmp_path]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    files = "/*.parquet" if witness == "spark" else ""
    for name in models:
        run(f"create or replace table syfter_it.{name} as from read_parquet('{tmp_path}/made/{name}.parquet{files}')")
    known = LOGS | (QUOTED if witness == "fakesnow" else set())
    differing = {name: found for name in models if name not in known and (found := replica.differences(name))}
    assert differing == {}
