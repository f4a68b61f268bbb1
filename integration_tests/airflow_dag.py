"""Run by test_airflow_example.py in Airflow's own environment: loads the example and prints what Airflow makes of it.

With an address as argument the sync task is run as well, against an Airbyte API there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dag = bag.dags.get("syfter")
print(
    "RESULT "
    + json.dumps(
        {
            "errors": {Path(name).name: text for name, text in bag.import_errors.items()},
            "tasks": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} if dag else {},
            "kinds": sorted({type(task).__name__ for task in dag.tasks}) if dag else [],
        }
    )
)
if len(sys.argv) > 2 and dag:
    dag.get_task("sync").execute({})
    print("SYNCED")
