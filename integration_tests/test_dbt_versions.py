"""The dbt package on every version of dbt that its README names, on DuckDB. Runs in `make test-dbt-versions`."""

from __future__ import annotations

from pathlib import Path

import pytest

from testing import dbt_warehouses
from testing.dbt_warehouses import PACKAGE, ROOT, Project, missing

pytestmark = [pytest.mark.dbt_versions, pytest.mark.timeout(900)]

VERSIONS = sorted(
    file.stem.removeprefix("requirements-dbt-") for file in (PACKAGE / "integration_tests").glob("requirements-dbt-*.in")
)


@pytest.mark.parametrize("version", VERSIONS)
def test_models_and_tests_run(tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = ROOT / f".venv-dbt-{version}/bin/python"
    if not python.exists():
        missing("the environment that `make test-dbt-versions` makes", "python3-venv")
    monkeypatch.setattr(dbt_warehouses, "python_with_dbt", lambda adapter: python)
    outcome = Project.copy(tmp_path, "duckdb").everything()
    assert f"Running with dbt={version}." in outcome.output
    assert outcome.ok, outcome.output
    assert outcome.failed() == []
    assert len(outcome.results) >= 90
