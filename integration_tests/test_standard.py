"""The standard tests of Airbyte's CDK, by `acceptance-test-config.yml`, against a sandbox."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.test.models import ConnectorTestScenario
from airbyte_cdk.test.standard_tests import SourceTestSuiteBase

from sandbox import running
from source_syfter import SourceSyfter
from testing.clones import clone

ROOT = Path(__file__).resolve().parents[1]
# Where the configs expect the sandbox: its own default.
ADDRESS = "http://127.0.0.1:8899"

pytestmark = pytest.mark.filterwarnings("error::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning")

# The command that each test runs, as in the suite itself: a scenario is for those of its sections.
COMMANDS = {
    "test_check": "check",
    "test_config_matches_spec": "spec",
    "test_discover": "discover",
    "test_basic_read": "read",
    "test_fail_read_with_bad_catalog": "read",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As the suite's own hook, without scenarios that a test would skip."""
    if "scenario" in metafunc.fixturenames:
        command = COMMANDS[metafunc.function.__name__]
        scenarios = [scenario for scenario in TestSyfter.get_scenarios() if scenario.runs(command)]
        metafunc.parametrize("scenario", scenarios, ids=[scenario.id for scenario in scenarios])


@pytest.fixture(scope="session", autouse=True)
def _instance() -> Iterator[None]:
    """A sandbox on a free port; its address takes the place of the one in the configs."""
    with running(companies=20) as box, pytest.MonkeyPatch.context() as patch:
        original = ConnectorTestScenario.get_config_dict

        def with_address(self: ConnectorTestScenario, **options: Any) -> dict[str, Any]:
            config: dict[str, Any] = json.loads(json.dumps(original(self, **options)).replace(ADDRESS, box.url))
            return config

        patch.setattr(ConnectorTestScenario, "get_config_dict", with_address)
        yield


class TestSyfter(SourceTestSuiteBase):
    """What every Airbyte source has to do."""

    # These build an image by Airbyte's own template; `test_image.py` tests ours.
    test_docker_image_build_and_check = test_docker_image_build_and_discover = None
    test_docker_image_build_and_read = test_docker_image_build_and_spec = None
    test_docker_image_build_and_config_matches_spec = test_docker_image_spec_backward_compatibility = None

    @classmethod
    def get_connector_root_dir(cls) -> Path:
        return ROOT

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceSyfter:
        scenario = scenario or ConnectorTestScenario()
        return SourceSyfter(config=scenario.get_config_dict(empty_if_missing=True, connector_root=ROOT))


def test_the_config_of_the_standard_tests_is_strict() -> None:
    scenarios = TestSyfter.get_scenarios()

    assert all(scenario.test_strictness_level == "high" for scenario in scenarios)
    assert all(not scenario.empty_streams and scenario.validate_schema for scenario in scenarios)
    assert {scenario.status for scenario in scenarios} >= {"succeed", "failed"}
    assert {scenario.config_path.stem for scenario in scenarios} == {
        path.stem for path in (ROOT / "integration_tests" / "configs").glob("*.json")
    }


@pytest.mark.soak
def test_the_frameworks_own_command_runs_them(tmp_path: Path) -> None:
    """`airbyte-cdk connector test .` in a fresh clone, whose configs name a sandbox that runs; the image has its own test."""
    here = clone(tmp_path / "source-syfter")
    command = [
        Path(sys.executable).parent / "airbyte-cdk",
        "connector",
        "test",
        ".",
        "--pytest-arg=-m",
        "--pytest-arg=not image_tests",
    ]
    with running(companies=20) as box:
        for config in (here / "integration_tests" / "configs").iterdir():
            config.write_text(config.read_text().replace(ADDRESS, box.url))
        done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    outcomes = dict(reversed(each.split()) for each in re.findall(r"\d+ (?:passed|failed|error)", done.stdout.splitlines()[-1]))
    assert set(outcomes) == {"passed"}
    assert int(outcomes["passed"]) > 15
