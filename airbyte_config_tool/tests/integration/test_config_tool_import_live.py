"""A workspace made by hand becomes a project: imported, planned without change, pruned, restored; several workspaces in one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_tool_support import connector
from config_tool_support.harness import API_KEY, PASSWORD, Run, edit, write_octavia
from config_tool_support.standin import POSTGRES, WORKSPACE, Definition, Standin

Json = dict[str, Any]
OTHER = "00000000-0000-4000-8000-0000000000aa"
CRM = "orders: [${NAME}]"  # a text that looks like a variable


def make(standin: Standin) -> None:
    """Nine resources, as people make them in Airbyte's pages: one definition, two sources, three destinations and connections."""
    where = {"workspaceId": WORKSPACE}
    definition = standin.create_declarative({}, {"name": "Syfter", "manifest": connector.manifest()}, WORKSPACE)["id"]

    def actor(kind: str, name: str, ident: str, configuration: Json) -> str:
        body = {"name": name, "definitionId": ident, "configuration": configuration, **where}
        return str(standin.create_actor({}, body, f"{kind}s")[f"{kind}Id"])

    key = {"host": "https://app.syfter.ai", "credentials": {"auth_type": "api_key", "api_key": API_KEY}}
    token = {"credentials": {"auth_type": "bearer", "access_token": API_KEY}, "conventions": {"path_prefix": CRM}}
    sources = [actor("source", "Syfter", definition, key), actor("source", "Syfter EU", definition, token)]
    settings = {"port": 5432, "schema": "syfter", "username": "airbyte", "password": PASSWORD, "database": "w"}
    destinations = [actor("destination", n, POSTGRES, {**settings, "host": f"{n}.example.com"}) for n in ("dwh", "lake", "idle")]
    streams = [{"name": "companies", "syncMode": "incremental_deduped_history", "mappers": [{"type": "hashing"}]}]
    more = [*streams, {"name": "articles", "syncMode": "full_refresh_append", "selectedFields": [{"fieldPath": ["id"]}]}]
    bodies: list[Json] = [
        {"name": "one", "schedule": {"scheduleType": "cron", "cronExpression": "0 0 6 * * ?"}, "prefix": "raw_"},
        {"name": "two", "namespaceDefinition": "custom_format", "namespaceFormat": "x_${SOURCE_NAMESPACE}", "status": "inactive"},
        {"name": "three", "nonBreakingSchemaUpdatesBehavior": "propagate_columns"},
    ]
    for number, body in enumerate(bodies):
        link = {"sourceId": sources[number % 2], "destinationId": destinations[number % 2]}
        standin.create_connection({}, {**body, **link, "configurations": {"streams": more if number else streams}})
    three = list(standin.connections.values())[2]
    three["schedule"] = {"scheduleType": "basic", "cronExpression": None, "basicTiming": "Every 5 HOURS"}
    standin.log.clear()
    standin.bodies.clear()


@pytest.fixture
def imported(run: Run, tmp_path: Path, standin: Standin) -> Path:
    """A project imported from the workspace made by hand, nobody knowing a secret."""
    make(standin)
    result = run("import", tmp_path / "live")
    assert (result.code, standin.writes()) == (0, []), result.text
    return tmp_path / "live"


def without_times(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_a_workspace_is_imported_planned_without_change_pruned_and_restored(run: Run, imported: Path, standin: Standin) -> None:
    assert len(list(imported.glob("*/*/configuration.yaml"))) == 9
    plan = run("plan", imported, "--json")
    document = plan.json()
    assert (plan.code, document["summary"]["unchanged"], document["unmanaged"]) == (0, 10, []), plan.text
    before = json.dumps(list(standin.connections.values()))
    removed = imported / "connections" / "one"
    kept = shutil.move(removed, imported.parent / "kept")
    plan = run("plan", imported)
    assert (plan.code, "! connection one  (not in this project, and it runs)" in plan.out) == (0, True)
    assert "Airbyte has, and more" in plan.out
    result = run("apply", imported, "--prune", "one", "--yes")
    assert (result.code, "paused connection one" in result.out) == (0, True), result.text
    assert [c["status"] for c in standin.connections.values()] == ["inactive", "inactive", "active"]
    assert [body for body in standin.bodies if "client_id" not in body] == [{"status": "inactive"}]
    assert "- connection one  (not in this project)" in run("plan", imported).out
    shutil.move(kept, removed)
    assert 'status: "inactive" -> "active"' in run("plan", imported).out
    assert run("apply", imported, "--yes").code == 0
    assert json.dumps(list(standin.connections.values())) == before, "also what a project cannot say, such as mappers"
    assert run("plan", imported).code == 0


def test_no_secret_is_written_and_each_has_a_variable(run: Run, imported: Path) -> None:
    texts = without_times(imported)
    assert not [name for name, text in texts.items() if API_KEY in text or PASSWORD in text or "****" in text]
    source = yaml.safe_load(texts["sources/syfter/configuration.yaml"])
    assert source["definition_path"] == "source_definitions/syfter/configuration.yaml"
    assert source["configuration"]["credentials"]["api_key"] == "${SOURCE_SYFTER_CREDENTIALS_API_KEY}"
    destination = yaml.safe_load(texts["destinations/dwh/configuration.yaml"])
    assert (destination["definition_id"], destination["configuration"]["password"]) == (POSTGRES, "${DESTINATION_DWH_PASSWORD}")


def test_an_imported_secret_stays_until_its_variable_is_set_and_is_then_followed(
    run: Run, imported: Path, standin: Standin, home: Path
) -> None:
    edit(imported / "destinations/dwh/configuration.yaml", "port: 5432", "port: 6543")
    assert "1 to update" in run("plan", imported).out
    assert run("apply", imported, "--yes").code == 0
    changed = next(d for d in standin.destinations.values() if d["name"] == "dwh")["configuration"]
    assert (changed["port"], changed["password"]) == (6543, PASSWORD)
    write_octavia(home, DESTINATION_DWH_PASSWORD=PASSWORD)
    assert run("plan", imported).code == 0
    assert run("apply", imported, "--yes").code == 0
    write_octavia(home, DESTINATION_DWH_PASSWORD="rotated-password-9")
    assert run("plan", imported).code == 2
    assert run("apply", imported, "--yes").code == 0
    assert (
        next(d for d in standin.destinations.values() if d["name"] == "dwh")["configuration"]["password"] == "rotated-password-9"
    )
    assert run("plan", imported).code == 0


def test_an_imported_secret_cannot_be_made_up(run: Run, imported: Path, standin: Standin) -> None:
    standin.destinations.popitem()
    result = run("plan", imported)
    assert (result.code, "configuration.password was never seen here" in result.err) == (1, True)


def test_a_second_import_adds_only_what_is_new(run: Run, imported: Path, standin: Standin) -> None:
    before = without_times(imported)
    body = {"name": "new", "definitionId": POSTGRES, "workspaceId": WORKSPACE}
    settings = {"host": "h", "port": 1, "database": "d", "schema": "s", "username": "u"}
    standin.create_actor({}, {**body, "configuration": settings}, "destinations")
    result = run("import", imported, "--json")
    assert result.json()["written"] == ["destinations/new/configuration.yaml"]
    after = without_times(imported)
    assert {name: after[name] for name in before} == before
    assert run("plan", imported).code == 0


def test_two_of_one_name_are_not_imported_in_part(run: Run, tmp_path: Path, standin: Standin) -> None:
    make(standin)
    for source in standin.sources.values():
        source["name"] = "same"
    result = run("import", tmp_path / "live")
    assert (result.code, "two sources named 'same'" in result.err) == (1, True)
    assert without_times(tmp_path / "live") == {}


def test_a_connector_with_code_of_its_own_is_named_by_its_id(run: Run, tmp_path: Path, standin: Standin) -> None:
    make(standin)
    (definition,) = standin.declarative.values()
    definition.manifests.append({**connector.manifest(), "x": {"class_name": "components.Mine"}})
    assert run("import", tmp_path / "live").code == 0
    assert not (tmp_path / "live/source_definitions").exists()
    assert run("plan", tmp_path / "live").code == 0


def test_an_image_is_imported_with_its_tag(run: Run, tmp_path: Path, standin: Standin) -> None:
    image = ("registry.example.com/source", "1.0.0")
    made = Definition("00000000-0000-4000-8000-00000000000d", "Image", connector.spec(), connector.catalog(), image=image)
    standin.docker[made.id] = made
    body = {"name": "i", "definitionId": made.id, "workspaceId": WORKSPACE}
    standin.create_actor({}, {**body, "configuration": {"credentials": {"auth_type": "api_key", "api_key": API_KEY}}}, "sources")
    assert run("import", tmp_path / "live").code == 0
    assert run("plan", tmp_path / "live").code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two", "no connection 'two'"),
        ("nothing", "outside this project run: one"),
        ("three", "is in this project: to pause it, write"),
    ],
)
def test_only_what_runs_outside_the_project_is_pruned(
    run: Run, imported: Path, standin: Standin, name: str, message: str
) -> None:
    for folder in ("one", "two"):
        shutil.rmtree(imported / "connections" / folder)
    result = run("apply", imported, "--prune", name, "--yes")
    assert (result.code, message in result.err, standin.writes()) == (1, True, [])


def test_of_two_with_one_name_the_id_says_which_is_pruned(run: Run, imported: Path, standin: Standin) -> None:
    shutil.rmtree(imported / "connections" / "one")
    (first, *_) = standin.connections.values()
    standin.connections[OTHER] = {**first, "connectionId": OTHER}
    result = run("apply", imported, "--prune", "one", "--yes")
    assert (result.code, "2 connections are named 'one'" in result.err, OTHER in result.err) == (1, True, True)
    assert run("apply", imported, "--prune", OTHER, "--yes").code == 0
    assert [c["status"] for c in (standin.connections[OTHER], first)] == ["inactive", "active"]


def test_notifications_are_imported_and_applied(run: Run, imported: Path, standin: Standin, home: Path) -> None:
    file = imported / "workspace.yaml"
    assert yaml.safe_load(file.read_text()) == {
        "workspace_id": WORKSPACE,
        "configuration": {"notifications": {"failure": {"email": {"enabled": True}, "webhook": {"enabled": False}}}},
    }
    hook = "https://hooks.example.com/T000/secret-part-of-it"
    write_octavia(home, HOOK=hook)
    notifications = {
        "failure": {"webhook": {"enabled": True, "url": "${HOOK}"}},
        "connection_update": {"email": {"enabled": True}},
    }
    file.write_text(yaml.safe_dump({"configuration": {"notifications": notifications}}))
    result = run("plan", imported)
    assert (result.code, "notifications.failure.webhook.enabled: false -> true" in result.out) == (2, True)
    assert "secret-part-of-it" not in result.text
    assert run("apply", imported, "--yes").code == 0
    assert standin.notifications == {
        "failure": {"email": {"enabled": True}, "webhook": {"enabled": True, "url": hook}},
        "connectionUpdate": {"email": {"enabled": True}},
    }
    assert run("plan", imported).code == 0
    edit(file, "connection_update", "connection_updates")
    assert "did you mean connection_update?" in run("check", imported).out


def test_a_zone_that_airbyte_has_stays_and_cannot_be_set(run: Run, tmp_path: Path, standin: Standin) -> None:
    make(standin)
    connection = next(iter(standin.connections.values()))
    connection["schedule"]["cronExpression"] = "0 0 6 * * ? Europe/Berlin"
    assert run("import", tmp_path / "live").code == 0
    file = tmp_path / "live/connections/one/configuration.yaml"
    assert "cron_time_zone: Europe/Berlin" in file.read_text()
    edit(file, "prefix: raw_", "prefix: new_")
    assert run("apply", tmp_path / "live", "--yes").code == 0
    assert (connection["prefix"], connection["schedule"]["cronExpression"]) == ("new_", "0 0 6 * * ? Europe/Berlin")
    edit(file, "0 0 6", "0 0 7")
    result = run("plan", tmp_path / "live")
    assert (result.code, "would shift this one from Europe/Berlin" in result.err) == (1, True)


# -- several workspaces ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(run: Run, offline_project: Path, secrets: Path, standin: Standin) -> Path:
    """A project with a workspace `prod` that is the stand-in's, and `test` that is none."""
    for name, ident, host in (("prod", WORKSPACE, "https://prod.syfter.ai"), ("test", OTHER, "https://test.syfter.ai")):
        folder = offline_project / "workspaces" / name / "sources/syfter"
        folder.mkdir(parents=True)
        (folder / "configuration.yaml").write_text(f"configuration:\n  host: {host}\n")
        (offline_project / "workspaces" / name / "workspace.yaml").write_text(f"workspace_id: {ident}\n")
    return offline_project


def test_a_workspace_is_named_and_lays_its_files_over_the_project(run: Run, two: Path, standin: Standin) -> None:
    result = run("apply", two, "--workspace", "prod", "--yes")
    assert result.code == 0, result.text
    assert next(iter(standin.sources.values()))["configuration"]["host"] == "https://prod.syfter.ai"
    assert (two / "sources/syfter" / f"state_{WORKSPACE}.yaml").is_file()
    assert run("plan", two, "--workspace", "prod").code == 0
    result = run("plan", two, "--workspace", "test")
    assert (result.code, f"no access to workspace {OTHER}" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"), [([], "say which workspace"), (["--workspace", "pord"], "no workspace pord: ")]
)
def test_the_workspace_is_not_guessed(run: Run, two: Path, arguments: list[str], message: str) -> None:
    result = run("check", two, *arguments)
    assert (result.code, message in result.err, "prod, test" in result.err) == (1, True, True)


def test_a_fault_in_an_overlay_is_told_at_its_place(run: Run, two: Path) -> None:
    place = "workspaces/prod/sources/syfter/configuration.yaml"
    edit(two / place, "  host:", "  page_size: 5000\n  host:")
    (found,) = run("check", two, "--workspace", "prod", "--json").json()["findings"]
    assert (found["file"], found["line"], found["field"]) == (place, 2, "configuration.page_size")
    assert run("check", two, "--workspace", "test").code == 0


def test_a_workspace_may_have_what_the_others_have_not(run: Run, two: Path, standin: Standin) -> None:
    only = two / "workspaces/prod/connections/nightly/configuration.yaml"
    only.parent.mkdir(parents=True)
    only.write_text((two / "connections/syfter_to_warehouse/configuration.yaml").read_text().replace("Syfter to Warehouse", "n"))
    assert "5 to create" in run("plan", two, "--workspace", "prod").out
    assert run("apply", two, "--workspace", "prod", "--yes").code == 0
    assert (only.parent / f"state_{WORKSPACE}.yaml").is_file()
    assert run("plan", two, "--workspace", "prod").code == 0


def test_a_workspace_has_an_octavia_file_of_its_own(run: Run, two: Path, home: Path, standin: Standin) -> None:
    edit(two / "sources/syfter/configuration.yaml", "${SYFTER_API_KEY}", "${KEY_OF_THIS_WORKSPACE}")
    (home / ".octavia.prod").write_text("KEY_OF_THIS_WORKSPACE=sk-live-of-prod-1\n")
    assert run("check", two, "--workspace", "test").code == 1
    assert run("apply", two, "--workspace", "prod", "--yes").code == 0
    assert next(iter(standin.sources.values()))["configuration"]["credentials"]["api_key"] == "sk-live-of-prod-1"
