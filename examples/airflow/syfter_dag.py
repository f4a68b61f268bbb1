"""Every morning: let Airbyte sync Syfter, then build the dbt package, one Airflow task per model.

Needs two connections in Airflow: `airbyte_syfter` (type Airbyte, host https://your-airbyte/api/public/v1, login: client id,
password: client secret), and `warehouse` (Postgres), through which dbt writes. README.md says how to install the rest.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.airbyte.operators.airbyte import AirbyteTriggerSyncOperator
from airflow.sdk import DAG
from cosmos import DbtTaskGroup, ExecutionConfig, LoadMode, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.profiles import PostgresUserPasswordProfileMapping

# The dbt project, and the dbt of its own environment: Airflow and dbt do not share one.
PROJECT = Path(os.environ.get("SYFTER_DBT_PROJECT", "/opt/airflow/dbt/syfter"))
DBT = os.environ.get("SYFTER_DBT_EXECUTABLE", "/opt/dbt-venv/bin/dbt")
# The id of the connection in Airbyte: the last part of its page's address.
AIRBYTE_CONNECTION = os.environ.get("SYFTER_AIRBYTE_CONNECTION_ID", "00000000-0000-0000-0000-000000000000")

with DAG(
    dag_id="syfter",
    description="Syfter into the warehouse, and the figures that the datasource rules choose",
    schedule="0 5 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["syfter"],
):
    sync = AirbyteTriggerSyncOperator(
        task_id="sync",
        airbyte_conn_id="airbyte_syfter",
        connection_id=AIRBYTE_CONNECTION,
        asynchronous=False,
        timeout=2 * 60 * 60,
        wait_seconds=30,
    )

    transform = DbtTaskGroup(
        group_id="transform",
        project_config=ProjectConfig(
            PROJECT, manifest_path=PROJECT / "target/manifest.json", dbt_vars={"syfter_schema": "syfter"}
        ),
        profile_config=ProfileConfig(
            profile_name="syfter",
            target_name="airflow",
            profile_mapping=PostgresUserPasswordProfileMapping(conn_id="warehouse", profile_args={"schema": "syfter_marts"}),
        ),
        execution_config=ExecutionConfig(dbt_executable_path=DBT),
        # From the manifest that `dbt parse` writes when the project is deployed: Airflow reads this file every few seconds, and
        # starting dbt each time would take longer than that.
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, select=["package:syfter"]),
        operator_args={"install_deps": False},
    )

    sync >> transform
