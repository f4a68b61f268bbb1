"""Each of the nine known failures of Octavia is caught offline, with its file and line, in words that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from config_tool_support.harness import API_KEY, Run, edit, write_octavia

SOURCE = "sources/syfter/configuration.yaml"
DESTINATION = "destinations/warehouse/configuration.yaml"
CONNECTION = "connections/syfter_to_warehouse/configuration.yaml"


def findings(run: Run, project: Path, code: int = 1) -> list[dict[str, Any]]:
    """The findings of `check --json`, and its exit code."""
    result = run("check", project, "--json")
    assert result.code == code, result.text
    found: list[dict[str, Any]] = result.json()["findings"]
    return found


def one(found: list[dict[str, Any]], code: str, file: str, line: int, field: str) -> dict[str, Any]:
    """The single finding, at its place."""
    assert [(f["code"], f["file"], f["line"], f["field"]) for f in found] == [(code, file, line, field)]
    return found[0]


def without_spec(project: Path) -> None:
    """Takes the destination's spec away, so that nothing is known about its fields."""
    head, _, tail = (project / DESTINATION).read_text().partition("connector:\n")
    (project / DESTINATION).write_text(head + tail.partition("\n")[2])


@pytest.fixture
def project(offline_project: Path, secrets: Path) -> Path:
    return offline_project


def test_a_project_without_faults_has_no_findings(run: Run, project: Path) -> None:
    assert findings(run, project, code=0) == []


def test_1_an_unset_variable_is_not_sent_as_literal_text(run: Run, project: Path) -> None:
    line = edit(project / SOURCE, "${SYFTER_API_KEY}", "${SYFTER_API_KYE}")
    found = one(findings(run, project), "unset-variable", SOURCE, line, "configuration.credentials.api_key")
    assert found["message"] == "${SYFTER_API_KYE} has no value"
    assert "did you mean SYFTER_API_KEY?" in found["fix"]


def test_1_a_variable_set_to_nothing_counts_as_unset(run: Run, project: Path, home: Path) -> None:
    write_octavia(home, SYFTER_API_KEY="")
    found = findings(run, project)
    assert [(f["code"], f["field"]) for f in found] == [("unset-variable", "configuration.credentials.api_key")]


@pytest.mark.parametrize("form", ["${SYFTER_API_KEY:-none}", "${ SYFTER_API_KEY }"])
def test_1_a_form_of_variables_that_does_not_exist_is_explained(run: Run, project: Path, form: str) -> None:
    line = edit(project / SOURCE, "${SYFTER_API_KEY}", form)
    found = one(findings(run, project), "unset-variable", SOURCE, line, "configuration.credentials.api_key")
    assert "no defaults and no spaces" in found["message"]


@pytest.mark.parametrize("value", ["", " ''", " null", " ~"])
def test_2_an_empty_required_field_is_not_sent_as_null(run: Run, project: Path, value: str) -> None:
    line = edit(project / SOURCE, "api_key: ${SYFTER_API_KEY}", f"api_key:{value}")
    found = one(findings(run, project), "empty-field", SOURCE, line, "configuration.credentials.api_key")
    assert "api_key is required but empty" in found["message"]


def test_2_a_missing_required_field_is_reported_where_it_belongs(run: Run, project: Path) -> None:
    edit(project / SOURCE, "    api_key: ${SYFTER_API_KEY} # from ~/.octavia or the environment\n", "")
    parent = next(n for n, text in enumerate((project / SOURCE).read_text().splitlines(), 1) if "credentials:" in text)
    one(findings(run, project), "empty-field", SOURCE, parent, "configuration.credentials.api_key")


def test_2_an_empty_field_of_a_connector_without_a_spec_is_caught_too(run: Run, project: Path) -> None:
    without_spec(project)
    line = edit(project / DESTINATION, "database: warehouse", "database:")
    errors = [f for f in findings(run, project) if f["severity"] == "error"]
    one(errors, "empty-field", DESTINATION, line, "configuration.database")


def test_2_an_empty_field_in_a_block_that_the_spec_does_not_describe_is_caught_too(run: Run, project: Path) -> None:
    line = edit(project / DESTINATION, "  database:", "  tunnel_method: { tunnel_host: }\n  database:")
    one(findings(run, project), "empty-field", DESTINATION, line, "configuration.tunnel_method.tunnel_host")


@pytest.mark.parametrize("quote", ['"', "'"])
def test_3_quotes_in_the_octavia_file_do_not_reach_the_secret(run: Run, project: Path, secrets: Path, quote: str) -> None:
    lines = secrets.read_text().splitlines()
    secrets.write_text("\n".join(f"SYFTER_API_KEY={quote}{API_KEY}{quote}" if "API_KEY" in line else line for line in lines))
    found = one(findings(run, project, code=0), "quoted-secret", str(secrets), 1, "SYFTER_API_KEY")
    assert found["severity"] == "warning"
    assert "Octavia sent them" in found["message"]


def test_3_quotes_that_the_environment_brings_are_pointed_out(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYFTER_API_KEY", '"quoted-by-an-env-file"')
    line = next(n for n, text in enumerate((project / SOURCE).read_text().splitlines(), 1) if "api_key: $" in text)
    found = one(findings(run, project, code=0), "quoted-secret", SOURCE, line, "configuration.credentials.api_key")
    assert "quoted-by-an-env-file" not in json.dumps(found)


def test_4_a_template_that_airbyte_fills_in_is_not_expanded(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_NAMESPACE", "spoilt")
    edit(project / CONNECTION, "namespace_definition: destination", "namespace_definition: custom_format")
    line = edit(project / CONNECTION, '  prefix: ""\n', '  namespace_format: "raw_${SOURCE_NAMESPACE}"\n  prefix: ""\n')
    found = one(findings(run, project, code=0), "runtime-template", CONNECTION, line, "configuration.namespace_format")
    assert "Octavia did" in found["message"]


def test_4_a_template_under_its_old_name_is_not_asked_for(run: Run, project: Path) -> None:
    edit(project / CONNECTION, '  prefix: ""\n', '  namespaceFormat: "${SOURCE_NAMESPACE}"\n  prefix: ""\n')
    assert [f["code"] for f in findings(run, project)] == ["dead-feature"]


def test_4_a_misspelt_template_is_not_passed_on(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, '  prefix: ""\n', '  namespace_format: "${SOURCE_NAMESPCE}"\n  prefix: ""\n')
    one(findings(run, project), "unset-variable", CONNECTION, line, "configuration.namespace_format")


def test_5_a_configuration_is_held_against_the_spec(run: Run, project: Path) -> None:
    line = edit(project / SOURCE, "host: https://app.syfter.ai", "page_size: 5000\n  host: https://app.syfter.ai")
    found = one(findings(run, project), "spec", SOURCE, line, "configuration.page_size")
    assert (found["message"], found["fix"]) == ("page_size is out of range", "maximum is 1000")


def test_5_an_unknown_one_of_constant_gives_one_readable_error(run: Run, project: Path) -> None:
    line = edit(project / SOURCE, "auth_type: api_key", "auth_type: apikey")
    found = one(findings(run, project), "spec", SOURCE, line, "configuration.credentials.auth_type")
    assert found["fix"] == "did you mean api_key? one of: api_key, bearer, basic, oauth2_client_credentials"


def test_5_only_the_chosen_one_of_branch_is_reported(run: Run, project: Path) -> None:
    edit(project / SOURCE, "auth_type: api_key", "auth_type: basic\n    username: me")
    found = findings(run, project)
    assert [(f["field"], f["severity"]) for f in found] == [
        ("configuration.credentials.password", "error"),
        ("configuration.credentials.api_key", "warning"),
    ]


def test_6_a_literal_secret_is_refused_and_not_repeated(run: Run, project: Path) -> None:
    line = edit(project / SOURCE, "${SYFTER_API_KEY}", API_KEY)
    found = one(findings(run, project), "literal-secret", SOURCE, line, "configuration.credentials.api_key")
    assert "${SYFTER_API_KEY}" in found["fix"]


@pytest.mark.parametrize(("old", "field"), [("${SYFTER_API_KEY}", "credentials.api_key"), ("https://app.syfter.ai", "host")])
def test_6_the_mask_that_airbyte_shows_is_no_value(run: Run, project: Path, old: str, field: str) -> None:
    line = edit(project / SOURCE, old, "'**********'")
    found = one(findings(run, project), "literal-secret", SOURCE, line, f"configuration.{field}")
    assert found["message"] == "this is Airbyte's mask, not the secret"


def test_6_a_literal_secret_of_a_connector_without_a_spec_is_known_by_its_name(run: Run, project: Path) -> None:
    without_spec(project)
    line = edit(project / DESTINATION, "${WAREHOUSE_PASSWORD}", "hunter2")
    errors = [f for f in findings(run, project) if f["severity"] == "error"]
    one(errors, "literal-secret", DESTINATION, line, "configuration.password")


def test_6_a_literal_secret_in_a_block_that_the_spec_does_not_describe_is_known_by_its_name(run: Run, project: Path) -> None:
    line = edit(project / DESTINATION, "  database:", "  tunnel_method: { tunnel_user_password: hunter2 }\n  database:")
    one(findings(run, project), "literal-secret", DESTINATION, line, "configuration.tunnel_method.tunnel_user_password")


def test_6_a_literal_authorization_header_is_refused(run: Run, project: Path) -> None:
    (project / "api_http_headers.yaml").write_text(f"headers:\n  X-Team: data\n  Authorization: Bearer {API_KEY}\n")
    one(findings(run, project), "literal-secret", "api_http_headers.yaml", 3, "headers.Authorization")


@pytest.mark.parametrize(
    ("old", "new", "field", "message", "fix"),
    [
        ("name: companies }", "name: company }", "stream.name", "the source has no stream company", "did you mean"),
        ("name: articles }", "name: companies }", "stream.name", "stream companies is listed twice", "keep one"),
    ],
)
def test_7_streams_are_compared_with_discover(
    run: Run, project: Path, old: str, new: str, field: str, message: str, fix: str
) -> None:
    line = edit(project / CONNECTION, old, new)
    found = [f for f in findings(run, project) if f["code"] == "catalog"]
    assert found[0]["line"] == line
    assert found[0]["field"].endswith(field)
    assert found[0]["message"] == message
    assert fix in found[0]["fix"]


BAD_STREAMS = {
    "incremental, destination_sync_mode: overwrite": ("sync_mode", "does not exist"),
    "incremental, destination_sync_mode: soft_delete": ("destination_sync_mode", "the destination does not support soft_delete"),
    "incremental, destination_sync_mode: append, cursor_field: [name]": ("cursor_field", "sets the cursor itself, updated_at"),
    "incremental, destination_sync_mode: append_dedup, primary_key: [[name]]": ("primary_key", "sets the primary key itself, id"),
    "incremental, destination_sync_mode: append_dedup, selected_fields: [{field_path: [id]}]": (
        "selected_fields",
        "selected_fields leaves out updated_at",
    ),
    "incremental, destination_sync_mode: append_dedup, selected_fields: [{field_path: [updated_at]}]": (
        "selected_fields",
        "selected_fields leaves out id",
    ),
    "full_refresh, destination_sync_mode: append, selected_fields: [{field_path: [nmae]}]": (
        "selected_fields[0]",
        "not a top-level field",
    ),
}


@pytest.mark.parametrize(("config", "expected"), BAD_STREAMS.items())
def test_7_modes_cursors_and_keys_are_compared_with_discover(
    run: Run, project: Path, config: str, expected: tuple[str, str]
) -> None:
    file = project / CONNECTION
    head, _, tail = file.read_text().partition("config: { sync_mode: incremental, destination_sync_mode: append_dedup }")
    file.write_text(f"{head}config: {{ sync_mode: {config} }}{tail}")
    field, message = expected
    place = f"configuration.sync_catalog.streams[0].config.{field}"
    found = one(findings(run, project), "catalog", CONNECTION, head.count("\n") + 1, place)
    assert message in found["message"]


@pytest.mark.parametrize(
    ("config", "field", "fix"),
    [("primary_key: [id]", "primary_key[0]", "[id]"), ("cursor_field: updated_at", "cursor_field", "[id]")],
)
def test_7_a_key_or_cursor_of_another_form_is_explained(run: Run, project: Path, config: str, field: str, fix: str) -> None:
    file = project / CONNECTION
    head, _, tail = file.read_text().partition("append_dedup }")
    file.write_text(f"{head}append_dedup, {config} }}{tail}")
    place = f"configuration.sync_catalog.streams[0].config.{field}"
    found = one(findings(run, project), "layout", CONNECTION, head.count("\n") + 1, place)
    assert (f"{field} must be of type array, not string" in found["message"], fix in found["fix"]) == (True, True)


def test_7_cursor_and_key_must_be_given_where_the_source_defines_none(run: Run, project: Path) -> None:
    file = project / "source_definitions/syfter/catalog.json"
    catalog = json.loads(file.read_text())
    for key in ("source_defined_cursor", "default_cursor_field", "source_defined_primary_key"):
        catalog["streams"][0].pop(key)
    file.write_text(json.dumps(catalog))
    messages = [f["message"] for f in findings(run, project)]
    assert messages == [
        "stream companies needs a cursor_field to sync incrementally",
        "stream companies needs a primary_key to deduplicate",
    ]


def test_8_normalization_and_dbt_operations_are_explained(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, '  prefix: ""\n', '  operations:\n    - name: Normalization\n  prefix: ""\n')
    found = one(findings(run, project), "dead-feature", CONNECTION, line, "configuration.operations")
    assert "removed from Airbyte" in found["message"]
    assert "dbt/" in found["fix"]


def test_8_a_basic_schedule_is_explained_and_translated(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, "schedule_type: cron", "schedule_type: basic")
    head, _, tail = (project / CONNECTION).read_text().partition("    cron:\n")
    basic = "    basic_schedule: { time_unit: hours, units: 6 }\n"
    (project / CONNECTION).write_text(head + basic + "".join(tail.splitlines(keepends=True)[2:]))
    found = one(findings(run, project, code=0), "dead-feature", CONNECTION, line, "configuration.schedule_type")
    assert "sent as cron 0 0 0/6 * * ? (UTC)" in found["message"]


def test_8_the_oldest_form_of_a_schedule_does_not_become_manual_in_silence(run: Run, project: Path) -> None:
    text = (project / CONNECTION).read_text()
    head, tail = text[: text.index("  schedule_type:")], text[text.index("  sync_catalog:") :]
    (project / CONNECTION).write_text(f"{head}  schedule: {{ time_unit: hours, units: 6 }}\n{tail}")
    found = one(findings(run, project), "dead-feature", CONNECTION, head.count("\n") + 1, "configuration.schedule")
    assert (found["severity"], "would become manual" in found["message"]) == ("error", True)


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 6 * * *", "this is a Unix cron of five fields"),
        ("'* * * * * ?'", "must be plain numbers"),
        ("0 0 6 * * *", "exactly one of day-of-month and day-of-week must be `?`"),
        ("0 0 6", "has 6 or 7 fields"),
        ("0 0 6 * * ? !", "is not a Quartz field"),
    ],
)
def test_8_a_cron_that_airbyte_refuses_is_caught(run: Run, project: Path, cron: str, message: str) -> None:
    line = edit(project / CONNECTION, "cron_expression: 0 0 6 * * ? #", f"cron_expression: {cron} #")
    found = one(findings(run, project), "dead-feature", CONNECTION, line, "configuration.schedule_data.cron.cron_expression")
    assert message in found["message"]


def test_8_a_time_zone_that_the_public_api_would_drop_is_caught(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, "cron_time_zone: UTC", "cron_time_zone: Europe/Berlin")
    found = one(findings(run, project), "dead-feature", CONNECTION, line, "configuration.schedule_data.cron.cron_time_zone")
    assert "would shift this one" in found["message"]


def test_8_old_camel_case_is_explained(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, "namespace_definition: destination", "namespaceDefinition: destination")
    found = one(findings(run, project), "dead-feature", CONNECTION, line, "configuration.namespaceDefinition")
    assert "import-octavia" in found["fix"]


def test_8_a_misspelt_field_of_a_connection_is_pointed_out(run: Run, project: Path) -> None:
    line = edit(project / CONNECTION, "namespace_definition: destination", "namespace_defintion: source")
    found = one(findings(run, project, code=0), "layout", CONNECTION, line, "configuration.namespace_defintion")
    assert found["fix"] == "did you mean namespace_definition?"


def test_9_a_state_without_a_workspace_is_not_trusted(run: Run, project: Path) -> None:
    (project / "sources/syfter/state.yaml").write_text("configuration_path: x\nresource_id: 1b8c\n")
    one(findings(run, project), "state", "sources/syfter/state.yaml", 2, "resource_id")


def test_9_a_state_of_another_workspace_is_not_trusted(run: Run, project: Path) -> None:
    (project / "sources/syfter/state_aaa.yaml").write_text("resource_id: 1b8c\nworkspace_id: bbb\n")
    one(findings(run, project), "state", "sources/syfter/state_aaa.yaml", 2, "workspace_id")


def test_9_a_hash_from_which_secrets_can_be_guessed_is_reported(run: Run, project: Path) -> None:
    (project / "sources/syfter/state_aaa.yaml").write_text("resource_id: 1b8c\nworkspace_id: aaa\nconfiguration_hash: 0ff1ce\n")
    found = one(findings(run, project), "state", "sources/syfter/state_aaa.yaml", 3, "configuration_hash")
    assert "can be guessed" in found["message"]
