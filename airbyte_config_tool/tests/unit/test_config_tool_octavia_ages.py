"""Ten projects as Octavia wrote them, from its first release to its last: no false alarm, and nothing is lost.

Each age is written from what that release's templates and its `import` are known to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_tool_support.harness import Run, edit, write_octavia
from config_tool_support.standin import WORKSPACE

IDS = {"sources/crm": "1" * 8 + "-1111-4111-8111-" + "1" * 12, "destinations/dwh": "2" * 8 + "-2222-4222-8222-" + "2" * 12}

# `octavia generate source`: every optional field is written out, empty; alternatives are comments.
GENERATED = """\
# Configuration for acme/source-crm
# Documentation about this connector can be found at https://docs.example.com
resource_name: "crm"
definition_type: source
definition_id: 6371b14b-bc68-4236-bfbd-468e8df8e968
definition_image: acme/source-crm
definition_version: 0.1.4

# EDIT THE CONFIGURATION BELOW!
configuration:
  host: https://crm.example.com # REQUIRED | string | The instance
  ssl: # OPTIONAL | boolean | Encrypt communications
  port: 5432 # REQUIRED | integer | Port | Example: 5432
  schemas: ["public"] # OPTIONAL | array | What to sync
  api_key: ${CRM_KEY} # SECRET (please store in environment variables) | REQUIRED | string | The key
  tunnel:
    ## -------- Pick one valid structure among the examples below: --------
    tunnel_method: "NO_TUNNEL" # REQUIRED | string | No tunnel
    tunnel_port: # OPTIONAL | integer | Port of the jump server
    ## -------- Another valid structure for tunnel: --------
    # tunnel_method: "SSH_KEY_AUTH" # REQUIRED | string
  jdbc_url_params: # OPTIONAL | string | Additional properties
"""
# `octavia import`: sorted as the server answered, without comments.
IMPORTED = """\
resource_name: crm
definition_type: source
definition_id: 6371b14b-bc68-4236-bfbd-468e8df8e968
definition_image: acme/source-crm
definition_version: 0.1.4
configuration:
  host: https://crm.example.com
  api_key: ${CRM_KEY}
"""
HEAD = {
    "ids": f"source_id: {IDS['sources/crm']}\ndestination_id: {IDS['destinations/dwh']}\n",
    "paths": "source_configuration_path: sources/crm/configuration.yaml\n"
    "destination_configuration_path: destinations/dwh/configuration.yaml\n",
}
COMMON = """\
  status: active # REQUIRED | string | Allowed values: active, inactive, deprecated
  skip_reset: false # OPTIONAL | boolean | Flag to check if the connection should be reset after a connection update
  namespace_definition: source # OPTIONAL | string | Allowed values: source, destination, customformat
  namespace_format: "${SOURCE_NAMESPACE}" # OPTIONAL | string | Used when namespace_definition is 'customformat'
  prefix: "" # REQUIRED | Prefix that will be prepended to the name of each stream when it is written to the destination
  resource_requirements: # OPTIONAL | object | Resource requirements to run workers (blank for unbounded allocations)
    cpu_limit: "" # OPTIONAL
    cpu_request: "" # OPTIONAL
    memory_limit: "" # OPTIONAL
    memory_request: "" # OPTIONAL
"""
OLD_SCHEDULE = "  schedule: # OPTIONAL | object\n    time_unit: hours # REQUIRED\n    units: 1 # REQUIRED | integer\n"
BASIC = (
    "  schedule_type: basic # OPTIONAL | string | Allowed values: basic, cron, manual\n"
    "  schedule_data: # OPTIONAL | object\n    basic_schedule:\n      time_unit: hours\n      units: 6 # REQUIRED | integer\n"
    '    # cron:\n    #   cron_expression: "* * * * *" # REQUIRED | string\n    #   cron_time_zone: "UTC" # REQUIRED | string\n'
)
CRON = '  schedule_type: cron\n  schedule_data:\n    cron:\n      cron_expression: "0 0 12 * * ?"\n      cron_time_zone: UTC\n'
OPERATIONS = """\
  operations:
    - name: "Normalization"
      operator_configuration: # REQUIRED | object
        operator_type: "normalization" # REQUIRED | string | Allowed values: dbt, normalization
        normalization:
          option: "basic" # REQUIRED | string | Allowed values: basic
    - name: "My transformations"
      operator_configuration:
        operator_type: "dbt"
        dbt: { git_repo_url: "https://git.example.com/dbt.git", git_repo_branch: main, dbt_arguments: build }
"""
CATALOG = """\
  sync_catalog: # OPTIONAL | object | ONLY edit streams.config, streams.stream should not be edited as schema cannot be changed.
    streams:
      - config:
          alias_name: Sales_Orders
          cursor_field: []
          destination_sync_mode: append
          primary_key: []
          selected: true
          sync_mode: full_refresh
        stream:
          default_cursor_field: []
          json_schema: { type: object, properties: { createdAt: { type: string } } }
          name: Sales Orders
          namespace: null
          source_defined_cursor: null
          source_defined_primary_key: []
          supported_sync_modes: [full_refresh]
"""
SUGGESTED = CATALOG.replace("selected: true\n", "selected: true\n          suggested: true\n").replace(
    "          sync_mode", "          field_selection_enabled: false\n          selected_fields: []\n          sync_mode"
)
SERVER = """\
  namespace_definition: destination
  namespace_format: ${SOURCE_NAMESPACE}
  prefix: raw_
  status: active
  resource_requirements: {}
  schedule: { time_unit: hours, units: 6 }
  schedule_type: basic
  schedule_data: { basic_schedule: { time_unit: hours, units: 6 } }
  geography: eu
  notify_schema_changes: true
  notify_schema_changes_by_email: false
  non_breaking_changes_preference: disable
  breaking_change: false
  schema_change: no_change
  created_at: 1687000000
"""


def camel(text: str) -> str:
    """Octavia's keys of before 0.36.10; what follows a colon keeps its form."""
    return re.sub(
        r"^( *(?:- )?)(\w+)(:)", lambda m: m[1] + re.sub("_(.)", lambda n: n[1].upper(), m[2]) + m[3], text, flags=re.MULTILINE
    )


@dataclass
class Age:
    """One release's project: the body of its connection, how it links, its states and its source."""

    body: str
    head: str = "paths"
    state: str = f"state_{WORKSPACE}.yaml"
    source: str = GENERATED
    camel: bool = False

    def write(self, root: Path) -> Path:
        destination = self.source.replace("crm", "dwh").replace("definition_type: source", "definition_type: destination")
        body = camel(self.body) if self.camel else self.body
        head = f"definition_type: connection\nresource_name: crm_to_dwh\n{HEAD[self.head]}\n# EDIT THE CONFIGURATION BELOW!\n"
        files = {"sources/crm": self.source, "destinations/dwh": destination, "connections/c": f"{head}configuration:\n{body}"}
        for folder, text in files.items():
            (root / folder).mkdir(parents=True)
            (root / folder / "configuration.yaml").write_text(text)
            ident = IDS.get(folder, "3" * 8 + "-3333-4333-8333-" + "3" * 12)
            state: dict[str, object] = {
                "configuration_hash": "0ff1ce",
                "configuration_path": f"{folder}/configuration.yaml",
                "resource_id": ident,
            }
            state |= {"generation_timestamp": 1687000000} | ({"workspace_id": WORKSPACE} if "_" in self.state else {})
            (root / folder / self.state).write_text(yaml.safe_dump(state))
        (root / "api_http_headers.yaml").write_text("# Headers for each request\nheaders:\n#  X-Team: data\n")
        return root


AGES = {
    "0.35.61 the first": Age(COMMON + OLD_SCHEDULE + CATALOG, "ids", "state.yaml", camel=True),
    "0.36.2 with operations": Age(COMMON + OLD_SCHEDULE + OPERATIONS + CATALOG, "ids", "state.yaml", camel=True),
    "0.36.10 snake case": Age(COMMON + OLD_SCHEDULE + CATALOG, "ids", "state.yaml"),
    "0.38 manual": Age(COMMON + "  schedule: null\n" + CATALOG, "ids", "state.yaml"),
    "0.39.18 state per workspace": Age(COMMON + OLD_SCHEDULE + CATALOG, "ids"),
    "0.39.33 paths and import": Age(COMMON + OLD_SCHEDULE + OPERATIONS + CATALOG, source=IMPORTED),
    "0.40 schedule types": Age(COMMON + BASIC + OPERATIONS + CATALOG),
    "0.40.30 cron": Age(COMMON + CRON + "  operations: []\n" + CATALOG),
    "0.50 generated": Age(COMMON.replace('memory_limit: ""', 'memory_limit: "2Gi"') + BASIC + SUGGESTED),
    "0.50 imported": Age(SERVER + OPERATIONS + SUGGESTED, source=IMPORTED),
}
# What a check may still say: that nobody gave it the connectors' specs and streams.
TRUE = {
    "no spec is known for this connector, so its fields are not checked",
    "the source's streams are not known, so these are not checked",
}


@pytest.fixture(params=AGES)
def age(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Path:
    write_octavia(home, CRM_KEY="key-of-the-crm", AIRBYTE_WORKSPACE_ID=WORKSPACE)
    return AGES[request.param].write(tmp_path / "p")


def leaves(value: Any) -> set[str]:
    """Every value that says something."""
    if isinstance(value, dict):
        return set().union(*map(leaves, value.values()))
    if isinstance(value, list):
        return set().union(*map(leaves, value))
    return set() if value in (None, "", False) else {str(value)}


def test_no_false_alarm_and_nothing_lost(run: Run, age: Path) -> None:
    before = {path: yaml.safe_load(path.read_text()) for path in age.glob("*/*/configuration.yaml")}
    assert run("import-octavia", age, "--yes").code == 0
    found = run("check", age, "--json").json()["findings"]
    assert {f["message"] for f in found} <= TRUE
    for path, data in before.items():
        text = path.read_text()
        # The schedule is said as cron, links as paths, and what Airbyte notes for itself is no setting.
        configuration = {k: v for k, v in data["configuration"].items() if not re.match("schedule|schema_change|created_at", k)}
        lost = {value for value in leaves(configuration) if value not in text}
        assert lost <= {"customformat", "disable", "True"}, lost
    assert "Nothing to upgrade." in run("import-octavia", age).out


def test_before_the_upgrade_each_advice_leads_on(run: Run, age: Path) -> None:
    """What `check` advises is done by what it names, or said by hand: whoever follows it does not come back to it."""
    for finding in run("check", age, "--json").json()["findings"]:
        if "import-octavia" in finding["fix"]:
            notes = run("import-octavia", age, "--dry-run").out
            assert re.search(rf"^{re.escape(finding['file'])}:{finding['line']}: (?!to do)", notes, re.MULTILINE), finding


@pytest.fixture
def last(tmp_path: Path, home: Path) -> Path:
    """A project of the last release, upgraded."""
    write_octavia(home, CRM_KEY="key-of-the-crm", AIRBYTE_WORKSPACE_ID=WORKSPACE)
    return AGES["0.50 imported"].write(tmp_path / "p")


@pytest.mark.parametrize(
    ("file", "old", "new", "advice"),
    [
        ("connections/c", "source_configuration_path: sources/crm/configuration.yaml", "source_id: gone", "write `source_conf"),
        ("connections/c", "  schedule_type: basic\n", "", "write schedule_type and schedule_data"),
        ("connections/c", "resource_requirements: {}", "resource_requirements: { cpu_limit: '1' }", "import-octavia"),
        ("sources/crm", "definition_version: 0.1.4", "definition_version: 0.1.4\ndockerImage: x", "import-octavia"),
    ],
)
def test_no_advice_is_circular(run: Run, last: Path, file: str, old: str, new: str, advice: str) -> None:
    """Where `import-octavia` leaves something to the user, the check says what."""
    path = last / file / "configuration.yaml"
    edit(path, old, new)
    if "schedule_type" in old:
        edit(path, "  schedule: { time_unit: hours, units: 6 }", "  schedule: { time_unit: hours, units: six }")
    first = run("check", last, "--json").json()["findings"]
    assert any(advice in f["fix"] for f in first), first
    run("import-octavia", last, "--yes")
    assert not [f for f in run("check", last, "--json").json()["findings"] if "import-octavia" in f["fix"]]


@pytest.mark.parametrize(
    "place",
    ["sources/configuration.yaml", "sources/crm/config.yaml", "source/crm/configuration.yaml", "sources/crm/configuration.yml"],
)
def test_a_file_that_is_not_read_where_it_lies_is_named(run: Run, last: Path, place: str) -> None:
    (last / place).parent.mkdir(parents=True, exist_ok=True)
    (last / place).write_text(IMPORTED.replace("resource_name: crm", "resource_name: other"))
    found = [f for f in run("check", last, "--json").json()["findings"] if "not read" in f["message"]]
    assert [(f["file"], f["fix"]) for f in found] == [(place, "move it to sources/NAME/configuration.yaml")]


def test_a_source_may_name_its_definition_as_octavia_did(run: Run, offline_project: Path, secrets: Path) -> None:
    source = offline_project / "sources/syfter/configuration.yaml"
    edit(source, "definition_path:", "source_definition_configuration_path:")
    assert run("check", offline_project, "--json").json()["findings"] == []
    edit(source, "source_definitions/syfter/", "source_definitions/sifter/")
    assert run("check", offline_project).code == 1


def test_the_masks_that_octavias_import_wrote_become_variables(run: Run, last: Path) -> None:
    """Nobody knows those secrets but Airbyte, which keeps them."""
    edit(last / "sources/crm/configuration.yaml", "${CRM_KEY}", "'**********'")
    assert run("check", last).code == 1
    assert "the mask became ${SOURCE_CRM_API_KEY}" in run("import-octavia", last, "--yes").out
    assert "api_key: ${SOURCE_CRM_API_KEY}" in (last / "sources/crm/configuration.yaml").read_text()
    assert {f["message"] for f in run("check", last, "--json").json()["findings"]} <= TRUE


def test_an_empty_required_field_is_still_found(run: Run, last: Path) -> None:
    (last / "sources/crm/configuration.yaml").write_text(GENERATED.replace("host: https://crm.example.com", "host:"))
    (found,) = [f for f in run("check", last, "--json").json()["findings"] if f["code"] == "empty-field"]
    assert found["field"] == "configuration.host"
