"""dbt_project_evaluator, the rules of dbt's makers for a well-built project, finds nothing to say about the package.

It comes from GitHub, not from a package index, so it runs only where somebody has put it:
`DBT_PROJECT_EVALUATOR=... DBT_UTILS=... make test TEST_ARGS=integration_tests/test_dbt_evaluator.py`, each a checkout's folder.
The rules that matter most (tested keys, descriptions, names, layers) are checked in test_dbt_package.py in every run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from testing.dbt_warehouses import Project

# dbt and dlt take seconds to start, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(900)

CHECKOUTS = {"dbt_project_evaluator": "DBT_PROJECT_EVALUATOR", "dbt_utils": "DBT_UTILS"}
SETTINGS = {
    # All marts of a source package carry the source's name, not fct_ or dim_.
    "marts_prefixes": ["syfter_"],
    # A raw table feeds its resolved table, its unresolved values and its ignored records: three, where two are allowed.
    "models_fanout_threshold": 4,
}


@pytest.mark.skipif(
    not all(os.environ.get(name) for name in CHECKOUTS.values()),
    reason="is on GitHub alone; name checkouts of it and of dbt-utils in DBT_PROJECT_EVALUATOR and DBT_UTILS",
)
def test_the_evaluator_has_no_complaint(tmp_path: Path) -> None:
    project = Project.copy(tmp_path, "duckdb")
    package = project.package
    shutil.rmtree(package / "integration_tests")
    for name, variable in CHECKOUTS.items():
        shutil.copytree(
            os.environ[variable], package / "dbt_packages" / name, ignore=shutil.ignore_patterns("integration_tests*")
        )
    (package / "dbt_packages/dbt_project_evaluator/packages.yml").unlink()
    (package / "packages.yml").write_text(
        "packages: [{local: dbt_packages/dbt_project_evaluator}, {local: dbt_packages/dbt_utils}]"
    )
    settings = yaml.safe_load((package / "dbt_project.yml").read_text())
    settings["vars"]["dbt_project_evaluator"] = SETTINGS
    settings["dispatch"] = [{"macro_namespace": "dbt", "search_order": ["dbt_project_evaluator", "dbt"]}]
    (package / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    outcome = Project(package, "duckdb").dbt("build --select package:dbt_project_evaluator")
    assert outcome.ok, outcome.output
    assert outcome.failed() == []
    assert len(outcome.results) > 70
