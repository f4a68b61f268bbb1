"""`import-octavia` on projects of three generations: what is changed, said, kept and left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from config_tool_support.harness import Run, write_octavia
from config_tool_support.standin import WORKSPACE

from airbyte_config_tool.octavia import upgrade

SOURCE = """\
# Configuration for airbyte/source-syfter
resource_name: "crm"
definition_type: source
definition_id: 6371b14b-bc68-4236-bfbd-468e8df8e968
definition_image: acme/source-syfter
definition_version: 0.1.4

# EDIT THE CONFIGURATION BELOW!
configuration:
  baseUrl: https://acme.syfter.ai # the connector's own camelCase
  apiKey: ${SYFTER_API_KEY} # SECRET (please store in environment variables)
"""
DESTINATION = SOURCE.replace("crm", "dwh").replace("definition_type: source", "definition_type: destination")
CONNECTION = """\
# Configuration for connection crm_to_dwh
definition_type: connection
resource_name: crm_to_dwh
source_id: 11111111-1111-4111-8111-111111111111 # the CRM
destination_id: 22222222-2222-4222-8222-222222222222

# EDIT THE CONFIGURATION BELOW!
configuration:
  status: active # REQUIRED | string
  skipReset: false
  namespaceDefinition: customformat # how tables are placed
  namespaceFormat: "${SOURCE_NAMESPACE}"
  prefix: ""
  resourceRequirements:
    cpuLimit: ""
    memoryLimit: ""
  # The schedule. Ask Kim before changing it.
  scheduleType: basic
  scheduleData:
    basicSchedule:
      timeUnit: hours
      units: 12
  operations:
    - name: Normalization
      operatorConfiguration:
        operatorType: normalization

  # Streams below.
  syncCatalog:
    streams:
      - config:
          aliasName: companies
          cursorField: []
          destinationSyncMode: append
          primaryKey: []
          selected: true
          syncMode: full_refresh
        stream:
          name: companies
          jsonSchema:
            type: object
            properties:
              createdAt: { type: string }
          supportedSyncModes: [full_refresh]
"""
UPGRADED = """\
# Configuration for connection crm_to_dwh
definition_type: connection
resource_name: crm_to_dwh
source_configuration_path: sources/crm/configuration.yaml
destination_configuration_path: destinations/dwh/configuration.yaml

# EDIT THE CONFIGURATION BELOW!
configuration:
  status: active # REQUIRED | string
  namespace_definition: custom_format # how tables are placed
  namespace_format: "${SOURCE_NAMESPACE}"
  prefix: ""
  # The schedule. Ask Kim before changing it.
  schedule_type: cron
  schedule_data:
    cron:
      cron_expression: 0 0 0/12 * * ?
      cron_time_zone: UTC
  # operations:
  #   - name: Normalization
  #     operatorConfiguration:
  #       operatorType: normalization

  # Streams below.
  sync_catalog:
    streams:
      - config:
          alias_name: companies
          cursor_field: []
          destination_sync_mode: append
          primary_key: []
          selected: true
          sync_mode: full_refresh
        stream:
          name: companies
          json_schema:
            type: object
            properties:
              createdAt: { type: string }
          supported_sync_modes: [full_refresh]
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An Octavia project of before 0.36.10."""
    root = tmp_path / "old"
    for folder, text, ident in (
        ("sources/crm", SOURCE, "1"),
        ("destinations/dwh", DESTINATION, "2"),
        ("connections/c", CONNECTION, "3"),
    ):
        (root / folder).mkdir(parents=True)
        (root / folder / "configuration.yaml").write_text(text)
        uuid = "-".join(ident * n for n in (8, 4)) + f"-4{ident * 3}-8{ident * 3}-{ident * 12}"
        state = {"configuration_hash": "0ff1ce", "configuration_path": f"{folder}/configuration.yaml", "resource_id": uuid}
        (root / folder / "state.yaml").write_text(yaml.safe_dump(state))
    return root


def test_an_old_connection_is_upgraded_and_its_comments_are_kept(run: Run, old: Path) -> None:
    result = run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    assert result.code == 0, result.text
    assert (old / "connections/c/configuration.yaml").read_text() == UPGRADED


def test_a_connectors_own_configuration_is_left_alone(run: Run, old: Path) -> None:
    run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    assert (old / "sources/crm/configuration.yaml").read_text() == SOURCE


def test_each_change_is_said_with_its_line(run: Run, old: Path) -> None:
    out = run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes").out
    for text in (
        "connections/c/configuration.yaml:4: source_id became source_configuration_path: sources/crm/configuration.yaml",
        "connections/c/configuration.yaml:10: skip_reset removed: the public API never resets a connection on update",
        "connections/c/configuration.yaml:19: basic schedule, every 12 hours, became cron 0 0 0/12 * * ?",
        "connections/c/configuration.yaml:23: operations became a comment: Airbyte has no normalization",
        "sources/crm/state.yaml:1: configuration_hash removed: secrets can be guessed from it",
    ):
        assert text in out


def test_states_keep_their_ids_get_a_workspace_and_lose_the_hash(run: Run, old: Path) -> None:
    run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    assert not list(old.rglob("state.yaml"))
    state = yaml.safe_load((old / f"sources/crm/state_{WORKSPACE}.yaml").read_text())
    assert (state["resource_id"], state["workspace_id"]) == ("11111111-1111-4111-8111-111111111111", WORKSPACE)
    assert "configuration_hash" not in state


def test_the_workspace_is_taken_from_the_octavia_file(run: Run, old: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_WORKSPACE_ID=WORKSPACE)
    assert run("import-octavia", old, "--yes").code == 0
    assert (old / f"sources/crm/state_{WORKSPACE}.yaml").is_file()


def test_a_newer_state_is_not_overwritten_by_an_old_one(run: Run, old: Path) -> None:
    newer = old / f"sources/crm/state_{WORKSPACE}.yaml"
    newer.write_text(f"resource_id: new\nworkspace_id: {WORKSPACE}\n")
    out = run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes").out
    assert f"sources/crm/state.yaml:1: to do: state_{WORKSPACE}.yaml exists already" in out
    assert "resource_id: new" in newer.read_text()
    assert (old / "sources/crm/state.yaml").is_file()


def test_the_upgraded_project_passes_the_check(run: Run, old: Path, home: Path) -> None:
    write_octavia(home, SYFTER_API_KEY="key-of-crm-1")
    assert run("check", old).code == 1
    run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    result = run("check", old)
    assert (result.code, "0 errors" in result.out) == (0, True), result.text


def test_a_second_import_finds_nothing(run: Run, old: Path) -> None:
    run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    assert "Nothing to upgrade." in run("import-octavia", old).out


def test_a_dry_run_writes_nothing(run: Run, old: Path) -> None:
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    assert "would change" in run("import-octavia", old, "--workspace-id", WORKSPACE, "--dry-run").out
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before


def test_nothing_is_written_without_a_yes(run: Run, old: Path) -> None:
    result = run("import-octavia", old)
    assert (result.code, "--yes" in result.err) == (1, True)
    assert (old / "connections/c/configuration.yaml").read_text() == CONNECTION


def test_what_cannot_be_known_is_left_with_a_word(run: Run, old: Path) -> None:
    shutil.rmtree(old / "sources/crm")
    text = (old / "connections/c/configuration.yaml").read_text().replace("units: 12", "units: twelve")
    (old / "connections/c/configuration.yaml").write_text(text)
    out = run("import-octavia", old, "--yes").out
    assert "to do: source_id 11111111-1111-4111-8111-111111111111 belongs to no state file here" in out
    assert "to do: the basic schedule was left: units is 'twelve'" in out
    assert "to do: this state names no workspace: run again with --workspace-id" in out
    assert "scheduleType: basic" not in (old / "connections/c/configuration.yaml").read_text()
    assert "schedule_type: basic" in (old / "connections/c/configuration.yaml").read_text()


@pytest.mark.parametrize(
    ("old_schedule", "expected"),
    [
        ("schedule:\n    timeUnit: days\n    units: 1\n", {"schedule_type": "cron", "cron": "0 0 0 * * ?"}),
        ("schedule: null\n", {"schedule_type": "manual"}),
    ],
)
def test_the_oldest_form_of_a_schedule(old: Path, old_schedule: str, expected: dict[str, str]) -> None:
    file = old / "connections/c/configuration.yaml"
    head, _, tail = CONNECTION.partition("scheduleType: basic\n")
    file.write_text(head + old_schedule + tail[tail.index("  operations:") :])
    upgrade(old, WORKSPACE).write()
    configuration = yaml.safe_load(file.read_text())["configuration"]
    assert configuration["schedule_type"] == expected["schedule_type"]
    assert configuration.get("schedule_data", {}).get("cron", {}).get("cron_expression") == expected.get("cron")


def test_flow_style_is_not_guessed_at(run: Run, old: Path) -> None:
    file = old / "connections/c/configuration.yaml"
    file.write_text("definition_type: connection\nresource_name: c\nconfiguration: { skip_reset: false, prefix: '' }\n")
    result = run("import-octavia", old, "--workspace-id", WORKSPACE, "--yes")
    place = "configuration.yaml:3: to do: configuration.skip_reset stands inside {...}: change it by hand"
    assert (result.code, place in result.out) == (0, True)


def test_a_folder_without_a_project(run: Run, tmp_path: Path) -> None:
    result = run("import-octavia", tmp_path)
    assert (result.code, "no Octavia project" in result.err) == (1, True)
