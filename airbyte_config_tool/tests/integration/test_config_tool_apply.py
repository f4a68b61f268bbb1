"""`plan` and `apply` against the stand-in: what is sent, what comes back, and what is never shown or stored."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from config_tool_support import connector
from config_tool_support.harness import API_KEY, PASSWORD, SECRETS, Run, edit, write_octavia
from config_tool_support.standin import POSTGRES, WORKSPACE, Standin

SOURCE = "sources/syfter/configuration.yaml"
DESTINATION = "destinations/warehouse/configuration.yaml"
CONNECTION = "connections/syfter_to_warehouse/configuration.yaml"
DEFINITION = "source_definitions/syfter/configuration.yaml"


@pytest.fixture
def project(offline_project: Path, secrets: Path, standin: Standin) -> Path:
    return offline_project


@pytest.fixture
def applied(run: Run, project: Path, standin: Standin) -> Path:
    """A project that was applied once; the stand-in's log begins after that."""
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    standin.log.clear()
    return project


def state(project: Path, folder: str) -> str:
    return (project / folder / f"state_{WORKSPACE}.yaml").read_text()


def test_a_second_apply_changes_nothing(run: Run, applied: Path, standin: Standin) -> None:
    before = {path: path.read_bytes() for path in applied.rglob("*") if path.is_file()}
    assert run("apply", applied, "--yes").code == 0
    assert standin.writes() == []
    assert {path: path.read_bytes() for path in applied.rglob("*") if path.is_file()} == before


def test_plan_writes_nothing_anywhere(run: Run, project: Path, standin: Standin) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert run("plan", project).code == 2
    assert standin.writes() == []
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_plan_as_json(run: Run, applied: Path) -> None:
    edit(applied / SOURCE, "host: https://app.syfter.ai", "page_size: 500\n  host: https://acme.syfter.ai")
    result = run("plan", applied, "--json")
    document = result.json()
    assert (result.code, document["changed"], document["summary"]) == (2, True, {"create": 0, "update": 1, "unchanged": 3})
    change = next(c for c in document["changes"] if c["action"] == "update")
    assert (change["kind"], change["file"]) == ("source", SOURCE)
    assert {f["field"]: (f["before"], f["after"]) for f in change["fields"]} == {
        "configuration.page_size": (None, 500),
        "configuration.host": ("https://app.syfter.ai", "https://acme.syfter.ai"),
    }
    assert run("apply", applied, "--yes", "--json").json()["applied"] == document["summary"]
    assert run("plan", applied, "--json").json()["changed"] is False


def test_a_long_change_is_shown_below_each_other(run: Run, applied: Path) -> None:
    host = "https://eu-west-1.instances.syfter.ai.example.com/gateway"
    edit(applied / SOURCE, "host: https://app.syfter.ai", f"host: {host}")
    out = run("plan", applied).out
    assert f'    configuration.host:\n        "https://app.syfter.ai"\n     -> "{host}"\n' in out


def test_a_rotated_secret_is_a_change_that_is_not_shown(run: Run, applied: Path, home: Path, standin: Standin) -> None:
    rotated = "sk-live-rotated-88"
    write_octavia(home, SYFTER_API_KEY=rotated)
    result = run("plan", applied)
    assert result.code == 2
    assert "configuration.credentials.api_key: ******** -> ********" in result.out
    assert rotated not in result.text
    assert run("apply", applied, "--yes").code == 0
    assert next(iter(standin.sources.values()))["configuration"]["credentials"]["api_key"] == rotated
    assert run("plan", applied).code == 0


def test_a_rotated_secret_is_seen_with_a_state_key_too(run: Run, project: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_STATE_KEY="k" * 40)
    assert run("apply", project, "--yes").code == 0
    assert "hmac$" in state(project, "sources/syfter")
    assert run("plan", project).code == 0
    write_octavia(home, SYFTER_API_KEY="sk-live-rotated-88")
    assert run("plan", project).code == 2


def test_no_secret_is_written_to_any_file(run: Run, applied: Path) -> None:
    for path in applied.rglob("*"):
        if path.is_file():
            assert not [secret for secret in SECRETS if secret in path.read_text()], path
    assert "scrypt$" in state(applied, "sources/syfter")
    assert not list(applied.rglob("*.tmp"))


def test_a_variable_may_carry_a_number_or_a_plain_value(run: Run, project: Path, home: Path, standin: Standin) -> None:
    write_octavia(home, PG_PORT="6543", PG_HOST="pg.internal.example.com")
    edit(project / DESTINATION, "port: 5432", "port: ${PG_PORT}")
    edit(project / DESTINATION, "host: postgres.example.com", "host: ${PG_HOST}")
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    assert "pg.internal.example.com" not in result.text
    configuration = next(iter(standin.destinations.values()))["configuration"]
    assert (configuration["port"], configuration["host"]) == (6543, "pg.internal.example.com")
    assert run("plan", project).code == 0


def test_a_change_made_in_airbyte_shows_and_is_put_right(run: Run, applied: Path, standin: Standin) -> None:
    source, connection = next(iter(standin.sources.values())), next(iter(standin.connections.values()))
    source["configuration"] |= {"page_size": 7}
    connection["schedule"] = {"scheduleType": "basic", "cronExpression": None, "basicTiming": "Every 3 HOURS"}
    connection["configurations"]["streams"].pop()
    connection["configurations"]["streams"][0]["selectedFields"] = [{"fieldPath": ["name"]}]
    result = run("plan", applied)
    assert "configuration.page_size: 7 -> (none)" in result.out
    assert 'schedule: "basic Every 3 HOURS" -> "cron 0 0 6 * * ?"' in result.out
    assert 'streams.datasource_preferences: (none) -> "incremental_deduped_history"' in result.out
    assert 'streams.companies.selectedFields: ["name"] -> "all"' in result.out
    assert run("apply", applied, "--yes").code == 0
    assert run("plan", applied).code == 0
    assert "page_size" not in next(iter(standin.sources.values()))["configuration"]


def test_what_airbytes_form_saves_without_saying_anything_is_no_change(run: Run, applied: Path, standin: Standin) -> None:
    file = applied / "source_definitions/syfter/spec.json"
    spec = json.loads(file.read_text())
    spec["connectionSpecification"]["properties"]["page_size"]["default"] = 100
    file.write_text(json.dumps(spec))
    configuration = next(iter(standin.sources.values()))["configuration"]
    configuration |= {"page_size": 100, "conventions": {}, "additional_collections": []}
    assert run("plan", applied).code == 0
    configuration["page_size"] = 99
    assert "configuration.page_size: 99 -> (none)" in run("plan", applied).out


def test_a_removed_stream_and_a_manual_schedule_reach_airbyte(run: Run, applied: Path, standin: Standin) -> None:
    file = applied / CONNECTION
    text = file.read_text().replace("schedule_type: cron", "schedule_type: manual").replace('prefix: ""', "prefix: raw_")
    file.write_text(text[: text.index("      - stream: { name: articles }")])
    assert run("apply", applied, "--yes").code == 0
    connection = next(iter(standin.connections.values()))
    assert [s["name"] for s in connection["configurations"]["streams"]] == list(connector.NAMES[:4])
    assert (connection["schedule"]["scheduleType"], connection["prefix"]) == ("manual", "raw_")
    assert run("plan", applied).code == 0


def test_a_namespace_template_reaches_airbyte_as_written(run: Run, project: Path, home: Path, standin: Standin) -> None:
    write_octavia(home, SOURCE_NAMESPACE="spoilt")
    edit(project / CONNECTION, "namespace_definition: destination", "namespace_definition: customformat")
    edit(project / CONNECTION, 'prefix: ""', 'prefix: ""\n  namespace_format: "raw_${SOURCE_NAMESPACE}"')
    assert run("apply", project, "--yes").code == 0
    connection = next(iter(standin.connections.values()))
    assert (connection["namespaceDefinition"], connection["namespaceFormat"]) == ("custom_format", "raw_${SOURCE_NAMESPACE}")
    assert run("plan", project).code == 0


def test_a_namespace_format_without_a_custom_format_is_left_out(run: Run, project: Path, standin: Standin) -> None:
    """Octavia wrote one into every connection."""
    edit(project / CONNECTION, 'prefix: ""', 'prefix: ""\n  namespace_format: "${SOURCE_NAMESPACE}"')
    assert run("apply", project, "--yes").code == 0
    assert next(iter(standin.connections.values()))["namespaceFormat"] is None


def test_what_octavia_called_otherwise_reaches_airbyte(run: Run, project: Path, standin: Standin) -> None:
    octavia = 'prefix: ""\n  geography: eu\n  non_breaking_changes_preference: disable\n  notify_schema_changes: true'
    edit(project / CONNECTION, 'prefix: ""', octavia)
    edit(project / SOURCE, "host:", "page_size:\n  host:")
    assert run("apply", project, "--yes").code == 0
    assert next(iter(standin.connections.values()))["nonBreakingSchemaUpdatesBehavior"] == "disable_connection"
    assert [body["dataResidency"] for body in standin.bodies if "dataResidency" in body] == ["eu"]
    assert "page_size" not in next(iter(standin.sources.values()))["configuration"]
    assert run("plan", project).code == 0


def test_a_primary_key_of_the_project_reaches_airbyte(run: Run, project: Path, standin: Standin) -> None:
    file = project / "source_definitions/syfter/catalog.json"
    catalog = json.loads(file.read_text())
    for stream in (catalog["streams"][0], standin.catalog[0]):
        del stream["source_defined_primary_key"]
    file.write_text(json.dumps(catalog))
    head, _, tail = (project / CONNECTION).read_text().partition("append_dedup }")
    (project / CONNECTION).write_text(f"{head}append_dedup, primary_key: [[name]] }}{tail}")
    assert run("apply", project, "--yes").code == 0
    assert next(iter(standin.connections.values()))["configurations"]["streams"][0]["primaryKey"] == [["name"]]
    assert run("plan", project).code == 0


def test_the_manifest_keeps_its_documentation_and_sign_in(run: Run, applied: Path, standin: Standin) -> None:
    definition = next(iter(standin.declarative.values()))
    assert definition.platform_spec["documentationUrl"] == "https://docs.example.com/syfter"
    assert definition.platform_spec["advancedAuth"]["oauthConfigSpecification"]["completeOAuthOutputSpecification"]
    assert next(iter(standin.sources.values()))["definitionId"] == definition.id


def test_a_new_manifest_becomes_the_next_version(run: Run, applied: Path, standin: Standin) -> None:
    file = applied / "source_definitions/syfter/manifest.json"
    file.write_text(json.dumps(connector.manifest(bump=True)))
    result = run("plan", applied)
    assert (result.code, "9 streams" in result.out, "8 streams" in result.out) == (2, True, True)
    assert run("apply", applied, "--yes").code == 0
    assert [len(d.manifests) for d in standin.declarative.values()] == [2]
    assert set(standin.discovered.values()) == {2}, "the source of a new definition is started once more"
    assert run("plan", applied).code == 0


def test_a_server_that_stores_the_manifest_in_another_form_is_still_unchanged(run: Run, applied: Path, standin: Standin) -> None:
    definition = next(iter(standin.declarative.values()))
    definition.manifests[-1] = {**definition.manifests[-1], "metadata": {"added": "by the server"}}
    assert run("plan", applied).code == 0


def test_a_manifest_of_an_unknown_major_is_explained(run: Run, project: Path, standin: Standin) -> None:
    standin.majors = {0, 1, 2, 3}
    result = run("apply", project, "--yes")
    assert result.code == 1
    assert DEFINITION in result.err
    assert "may not know CDK major 4" in result.err


def test_a_manifest_with_custom_python_is_refused_offline(run: Run, project: Path, standin: Standin) -> None:
    manifest = connector.manifest()
    manifest["streams"][0]["retriever"] = {"type": "CustomRetriever", "class_name": "source_syfter.components.Reader"}
    (project / "source_definitions/syfter/manifest.json").write_text(json.dumps(manifest))
    result = run("apply", project, "--yes")
    assert (result.code, "source_syfter.components.Reader" in result.text, standin.log) == (1, True, [])


def test_an_image_instead_of_a_manifest(run: Run, project: Path, standin: Standin) -> None:
    image = ("registry.example.com/source-syfter", "1.0.0")
    standin.images = {image: connector.spec(), (image[0], "1.1.0"): connector.spec()}
    file = project / DEFINITION
    block = f'{{ docker_repository: {image[0]}, docker_image_tag: "1.0.0", documentation_url: "https://docs.example.com" }}'
    edit(file, "configuration: {}", f"configuration: {block}")
    assert run("apply", project, "--yes").code == 0
    assert run("plan", project).code == 0
    assert [d.image for d in standin.docker.values()] == [image]
    edit(file, '"1.0.0"', '"1.1.0"')
    assert 'dockerImageTag: "1.0.0" -> "1.1.0"' in run("plan", project).out
    assert run("apply", project, "--yes").code == 0
    assert run("plan", project).code == 0
    edit(file, "source-syfter,", "other,")
    result = run("plan", project)
    assert (result.code, "cannot change the image" in result.err) == (1, True)


def test_cloud_refuses_images_in_words(run: Run, project: Path, standin: Standin) -> None:
    standin.is_cloud = True
    file = project / DEFINITION
    file.write_text(
        file.read_text().replace("configuration: {}", "configuration: { docker_repository: a/b, docker_image_tag: '1' }")
    )
    result = run("apply", project, "--yes")
    assert (result.code, "Non-declarative definitions cannot be created" in result.err) == (1, True)


def test_a_resource_made_by_hand_is_found_by_its_name(run: Run, applied: Path, standin: Standin) -> None:
    for path in applied.glob("*/*/state_*.yaml"):
        path.unlink()
    result = run("plan", applied)
    assert "found by its name" in result.out
    assert "not applied from here before" in result.out, "what the server masks cannot be compared without a state"
    assert run("apply", applied, "--yes").code == 0
    assert len(list(applied.glob("*/*/state_*.yaml"))) == 4, "also of what needed no change"
    assert run("plan", applied).code == 0
    assert (len(standin.sources), len(standin.destinations), len(standin.connections)) == (1, 1, 1)


def test_two_resources_of_one_name_are_not_guessed_between(run: Run, applied: Path, standin: Standin) -> None:
    twin = {**next(iter(standin.destinations.values())), "destinationId": "00000000-0000-4000-8000-000000000001"}
    standin.destinations[twin["destinationId"]] = twin
    assert run("plan", applied).code == 0, "with a state there is nothing to guess"
    (applied / "destinations/warehouse" / f"state_{WORKSPACE}.yaml").unlink()
    result = run("plan", applied)
    assert (result.code, "2 destinations named 'Warehouse'" in result.err, f"{DESTINATION}:1" in result.err) == (1, True, True)


def test_a_namesake_of_another_connector_is_not_ours(run: Run, project: Path, standin: Standin) -> None:
    """Without a state, a source is found by its name among those of its own definition only."""
    assert run("apply", project, "--yes").code == 0
    (project / "sources/syfter" / f"state_{WORKSPACE}.yaml").unlink()
    (definition,) = standin.declarative.values()
    other = type(definition)("00000000-0000-4000-8000-00000000000d", "Other", definition.spec, definition.catalog)
    standin.declarative[other.id] = other
    other.manifests = definition.manifests
    namesake = {
        **next(iter(standin.sources.values())),
        "sourceId": "00000000-0000-4000-8000-00000000000e",
        "definitionId": other.id,
    }
    standin.sources = {namesake["sourceId"]: namesake, **standin.sources}
    assert run("apply", project, "--yes").code == 0
    assert run("plan", project).code == 0
    assert len(standin.sources) == 2


def test_a_secret_that_the_server_shows_is_not_passed_on(run: Run, applied: Path, standin: Standin) -> None:
    """A server that does not mask, and a secret inside another field's value: both reach the diff from outside."""
    source = next(iter(standin.sources.values()))
    source["configuration"]["host"] = f"https://acme.syfter.ai/{API_KEY}/x"
    next(iter(standin.declarative.values())).spec = {"properties": {}}
    for arguments in ([], ["--json"]):
        result = run("plan", applied, *arguments)
        assert (result.code, "https://acme.syfter.ai/********/x" in result.out) == (2, True)


def test_what_was_deleted_in_airbyte_is_made_again(run: Run, applied: Path, standin: Standin) -> None:
    standin.connections.clear()
    result = run("plan", applied)
    assert (result.code, "1 to create" in result.out, "no longer on the server" in result.out) == (2, True, True)
    assert run("apply", applied, "--yes").code == 0
    assert run("plan", applied).code == 0


def test_nothing_that_left_the_project_is_deleted(run: Run, applied: Path, standin: Standin) -> None:
    (applied / CONNECTION).unlink()
    assert run("apply", applied, "--yes").code == 0
    assert len(standin.connections) == 1


def test_a_connection_cannot_be_moved_in_silence(run: Run, applied: Path, standin: Standin) -> None:
    connection = next(iter(standin.connections.values()))
    connection["sourceId"] = "00000000-0000-4000-8000-000000000002"
    result = run("plan", applied)
    assert (result.code, "belongs to another source" in result.err) == (1, True)


def test_each_workspace_has_a_state_of_its_own(run: Run, applied: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_WORKSPACE_ID="11111111-2222-4333-8444-555555555555")
    result = run("plan", applied)
    assert (result.code, "403" in result.err, "AIRBYTE_WORKSPACE_ID" in result.err) == (1, True, True)


def test_apply_asks_and_takes_no_for_an_answer(
    run: Run, project: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("apply", project)
    assert (result.code, "nobody to ask" in result.err) == (1, True)
    monkeypatch.setattr("airbyte_config_tool.cli._confirmed", lambda output: False)
    assert run("apply", project).code == 2
    assert standin.writes() == []


def test_who_is_asked_sees_the_plan_with_json_too(run: Run, project: Path) -> None:
    result = run("apply", project, "--json")
    assert (result.code, result.out, "+ source Syfter" in result.err) == (1, "", True)


def test_faults_of_the_project_stop_plan_and_apply_before_any_call(run: Run, project: Path, standin: Standin) -> None:
    line = edit(project / SOURCE, "${SYFTER_API_KEY}", API_KEY)
    for command in (["plan"], ["apply", "--yes"]):
        result = run(*command, project)
        assert result.code == 1
        assert f"{SOURCE}:{line}" in result.out
    assert standin.log == []


def test_many_pages_are_read_to_the_end(run: Run, applied: Path, standin: Standin) -> None:
    """Also when the server caps the page lower than it was asked."""
    standin.page_cap = 3
    template = next(iter(standin.sources.values()))
    ours = standin.sources.popitem()
    for number in range(10):
        ident = f"00000000-0000-4000-8000-0000000001{number:02}"
        standin.sources[ident] = {**template, "sourceId": ident, "name": f"other {number}"}
    standin.sources[ours[0]] = ours[1]
    assert run("plan", applied).code == 0
    assert len(standin.calls("GET", "/sources")) == 5


def test_a_destination_may_be_named_by_its_type(run: Run, project: Path, standin: Standin) -> None:
    text = (project / DESTINATION).read_text()
    text = text.replace(f"definition_id: {POSTGRES} # Airbyte's Postgres destination\n", "")
    (project / DESTINATION).write_text(text.replace("configuration:\n", "configuration:\n  destinationType: postgres\n"))
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    assert run("plan", project).code == 0


def test_a_first_sync_is_started_and_awaited(run: Run, project: Path, standin: Standin) -> None:
    result = run("apply", project, "--yes", "--sync", "--poll", "0.01")
    assert result.code == 0, result.text
    assert "succeeded: 42 rows" in result.out
    assert "running" in result.err, "progress is shown"
    assert len(standin.jobs) == 1


def test_an_inactive_connection_is_not_synced(run: Run, project: Path, standin: Standin) -> None:
    edit(project / CONNECTION, "status: active", "status: inactive")
    assert run("apply", project, "--yes", "--sync", "--poll", "0.01").code == 0
    assert standin.jobs == {}


def test_a_running_sync_is_joined(run: Run, applied: Path, standin: Standin) -> None:
    connection = next(iter(standin.connections))
    standin.create_job({}, {"connectionId": connection, "jobType": "sync"})
    assert run("apply", applied, "--yes", "--sync", "--poll", "0.01").code == 0
    assert len(standin.jobs) == 1


@pytest.mark.parametrize(
    ("statuses", "message"),
    [(["pending", "incomplete", "running", "failed"], "ended as failed"), (["pending", "running"], "still runs after 0 seconds")],
)
def test_a_sync_that_fails_or_hangs_is_an_error(
    run: Run, applied: Path, standin: Standin, statuses: list[str], message: str
) -> None:
    standin.job_statuses = statuses
    timeout = "0" if "still" in message else "60"
    result = run("apply", applied, "--yes", "--sync", "--poll", "0.01", "--timeout", timeout)
    assert (result.code, message in result.err) == (1, True)


def test_the_connector_never_sees_a_real_secret(run: Run, project: Path, tmp_path: Path) -> None:
    program = tmp_path / "spy.py"
    program.write_text(
        "import shutil, sys\n"
        f"sys.path.insert(0, {str(Path(connector.__file__).parent)!r})\n"
        f"if '--config' in sys.argv: shutil.copy(sys.argv[-1], {str(tmp_path)!r} + '/' + sys.argv[1])\n"
        "import connector\nconnector.main(sys.argv[1:])\n"
    )
    (project / DEFINITION).write_text(
        "resource_name: Syfter\ndefinition_type: source_definition\nconfiguration: {}\n"
        f"connector: {{ command: [{sys.executable}, {program}] }}\n"
    )
    assert run("check", project).code == 0
    for command in ("discover", "bundle"):
        seen = (tmp_path / command).read_text()
        assert json.loads(seen)["credentials"] == {"auth_type": "api_key", "api_key": "placeholder"}
        assert PASSWORD not in seen
