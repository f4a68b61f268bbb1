"""The Terraform example parses and describes the same project as `init`. It is not run: that needs Terraform and a server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airbyte_config_tool import schedule, streams
from airbyte_config_tool.yamlfile import YamlFile

hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed")
EXAMPLE = Path(__file__).parents[3] / "examples" / "terraform"
if not EXAMPLE.is_dir():
    pytest.skip("the repository is not around this folder", allow_module_level=True)


def plain(value: Any) -> Any:
    """Parsed HCL without quotes around texts and with single blocks as mappings."""
    if isinstance(value, str):
        return value.strip('"')
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    return value


@pytest.fixture(scope="module")
def main() -> dict[str, Any]:
    with (EXAMPLE / "main.tf").open() as file:
        parsed: dict[str, Any] = plain(hcl2.load(file))
    return parsed


def resource(main: dict[str, Any], kind: str) -> dict[str, Any]:
    found = [next(iter(block[kind].values())) for block in main["resource"] if kind in block]
    assert len(found) == 1
    body: dict[str, Any] = found[0]
    return body


def test_it_describes_the_same_project_as_init(main: dict[str, Any], project: Path) -> None:
    connection = YamlFile(project / "connections/syfter_to_warehouse/configuration.yaml").data
    example = resource(main, "airbyte_connection")
    assert example["name"] == connection["resource_name"]
    assert example["schedule"]["cron_expression"] == schedule.to_api(connection["configuration"])["cronExpression"]
    wanted = streams.to_api(connection["configuration"])
    assert main["locals"][0]["streams"] == [stream["name"] for stream in wanted]
    assert {stream["syncMode"] for stream in wanted} == {"incremental_deduped_history"}
    for kind, folder in (("airbyte_source", "sources/syfter"), ("airbyte_destination", "destinations/warehouse")):
        assert resource(main, kind)["name"] == YamlFile(project / folder / "configuration.yaml").data["resource_name"]
    destination = YamlFile(project / "destinations/warehouse/configuration.yaml").data
    assert resource(main, "airbyte_destination")["definition_id"] == destination["definition_id"]


def test_each_variable_is_declared_and_secrets_are_marked(main: dict[str, Any]) -> None:
    with (EXAMPLE / "variables.tf").open() as file:
        declared = {name: body for block in plain(hcl2.load(file))["variable"] for name, body in block.items() if name[0] != "_"}
    used = set(re.findall(r"var\.(\w+)", (EXAMPLE / "main.tf").read_text()))
    assert used == set(declared)
    secret = {name for name in declared if re.search("secret|password|key", name)}
    assert {name for name, body in declared.items() if body.get("sensitive")} == secret
