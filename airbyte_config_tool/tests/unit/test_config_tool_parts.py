"""The small parts: YAML with line numbers, variables, masking, fingerprints, schedules, addresses, specs, the connector."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from config_tool_support import connector as recorded
from config_tool_support.harness import CONNECTOR, Run, edit, write_octavia

from airbyte_config_tool import cache, differ, fingerprint, schedule, streams
from airbyte_config_tool.api import base_url
from airbyte_config_tool.connector import Connector
from airbyte_config_tool.findings import ToolError
from airbyte_config_tool.manifests import for_upload, manifest_faults
from airbyte_config_tool.masking import MASK, Masker
from airbyte_config_tool.schedule import ScheduleError
from airbyte_config_tool.specs import coerce, validate
from airbyte_config_tool.variables import Variables
from airbyte_config_tool.yamlfile import YamlFile, load_yaml

# -- YAML --------------------------------------------------------------------------------------------------------------


def test_yaml_knows_the_line_of_each_field_and_of_the_place_of_a_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("# comment\na:\n  b:\n    - c: 1\n    - c: 2\n  d: x\n")
    yaml = YamlFile(file)
    assert [yaml.line(p) for p in (("a",), ("a", "b", 1, "c"), ("a", "d"), ("a", "b", "missing"))] == [2, 5, 6, 3]


def test_a_date_stays_the_text_that_was_written(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("start_date: 2024-01-31\n")
    assert YamlFile(file).data == {"start_date": "2024-01-31"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [\n", ":3: not valid YAML"),
        ("a:\n  b: 1\n  b: 2\n", ":3: a.b is given twice"),
        ("- a\n", ":1: expected `key: value`"),
    ],
)
def test_broken_yaml_is_reported_with_its_line(run: Run, offline_project: Path, secrets: Path, text: str, message: str) -> None:
    file = offline_project / "sources/syfter/configuration.yaml"
    file.write_text(text)
    with pytest.raises(ToolError, match=message):
        YamlFile(file)
    result = run("check", offline_project)
    assert result.code == 1
    assert f"sources/syfter/configuration.yaml{message[:2]}" in result.out


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2 x", "!!int hunter2", '"hunter2\\q"', "hunter2: x", "[hunter2"])
def test_a_password_that_yaml_takes_for_something_else_is_not_repeated(
    run: Run, offline_project: Path, secrets: Path, value: str
) -> None:
    edit(offline_project / "destinations/warehouse/configuration.yaml", "${WAREHOUSE_PASSWORD}", value)
    result = run("check", offline_project, "--json")
    found = result.json()["findings"]
    assert (result.code, [(f["code"], f["file"]) for f in found]) == (
        1,
        [("layout", "destinations/warehouse/configuration.yaml")],
    )
    assert "not valid YAML" in found[0]["message"]
    assert "hunter2" not in result.text


def test_an_alias_of_what_it_stands_in_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: &a [*a]\n")
    with pytest.raises(ToolError, match="stands inside what it names"):
        YamlFile(file)


BOMBS = {
    "lists": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
    "maps": "a0: &a0 {x: 1, y: 2}\n" + "".join(f"a{i}: &a{i} {{ l: *a{i - 1}, r: *a{i - 1} }}\n" for i in range(1, 40)),
    "merges": "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{ <<: [*a{i - 1}, *a{i - 1}] }}\n" for i in range(1, 40)),
    "depth": "a: " + "[" * 5000 + "]" * 5000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
@pytest.mark.parametrize("file", ["configuration.yaml", "spec.json", "catalog.json", "manifest.json"])
def test_a_few_lines_cannot_take_the_memory(run: Run, offline_project: Path, secrets: Path, text: str, file: str) -> None:
    folder = offline_project / "source_definitions/syfter"
    (folder / file).write_text(text)
    found = run("check", offline_project, "--json").json()["findings"]
    assert [f["severity"] for f in found if "YAML" in f["message"]], found


@pytest.mark.parametrize("link", ["source_definitions/syfter/spec.json", "sources/syfter/state_x.yaml"])
def test_a_device_is_no_file_of_a_project(run: Run, offline_project: Path, secrets: Path, link: str) -> None:
    (offline_project / link).unlink(missing_ok=True)
    (offline_project / link).symlink_to("/dev/zero")
    result = run("check", offline_project)
    assert (result.code, "it is no file of at most" in result.out) == (1, True)


def test_a_large_file_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airbyte_config_tool.yamlfile._MAX_FIELDS", 100)
    file = tmp_path / "a.yaml"
    file.write_text("a: &a [" + "x," * 200 + "]\nb: *a\n")
    assert len(YamlFile(file).data["b"]) == 200


@pytest.mark.parametrize(
    "value",
    [".nan", "-.INF", "!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!timestamp 2026-01-01", "!!python/name:os.system"],
)
@pytest.mark.parametrize("file", ["configuration.yaml", "spec.json", "manifest.json"])
def test_a_value_that_json_lacks_is_refused(run: Run, offline_project: Path, secrets: Path, value: str, file: str) -> None:
    """All of it travels as JSON."""
    path = offline_project / "source_definitions/syfter" / file
    path.write_text(path.read_text() + f"\nodd: {value}\n" if file == "configuration.yaml" else f"odd: {value}\n")
    result = run("check", offline_project, "--json")
    assert (result.code, "YAML" in result.out) == (1, True)


def test_a_date_of_a_manifest_stays_text() -> None:
    assert load_yaml("a: 2026-01-01\nb: 2026-01-01T00:00:00Z\n", "x") == {"a": "2026-01-01", "b": "2026-01-01T00:00:00Z"}


def test_names_of_fields_are_text_as_in_json(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("base: &base { x: 1 }\n1: a\non: b\nmore: { <<: *base, ~: 2 }\n")
    yaml = YamlFile(file)
    assert yaml.data == {"base": {"x": 1}, "1": "a", "on": "b", "more": {"x": 1, "~": 2}}
    assert yaml.line(("on",)) == 3


# -- variables ---------------------------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".octavia"
    file.write_text("# comment\n\nA=from file\nB=x=y\nexport C=3\n")
    file.chmod(0o600)
    variables = Variables.load(file, {"A": "from environment"})
    assert (variables.get("A"), variables.get("B"), variables.get("C")) == ("from environment", "x=y", "3")
    assert variables.findings == []


def test_a_file_that_others_may_read_is_pointed_out(tmp_path: Path) -> None:
    file = tmp_path / ".octavia"
    file.write_text("A=1\n")
    file.chmod(0o644)
    assert "chmod 600" in Variables.load(file, {}).findings[0].fix


def test_a_line_that_is_no_variable_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / ".octavia"
    file.write_text("KEY=-----BEGIN\nMIIEvQIBADANBgkq\n")
    with pytest.raises(ToolError, match=r"\.octavia:2: not a KEY=VALUE line") as error:
        Variables.load(file, {})
    assert "MIIE" not in str(error.value)


def test_a_file_that_is_not_text_is_an_error_in_words(tmp_path: Path) -> None:
    file = tmp_path / ".octavia"
    file.write_bytes("PASSWORD=é".encode("latin-1"))
    with pytest.raises(ToolError, match=r"\.octavia: cannot be read"):
        Variables.load(file, {})


def test_expanding() -> None:
    variables = Variables({"X": "1", "KEPT": "no", "HOME": "no"})
    result = variables.expand("a${X}b$${X}c${GONE}d${KEPT}$HOME", keep=("KEPT",))
    assert (result.text, result.used, [m.name for m in result.missing], result.kept) == (
        "a1b${X}c${GONE}d${KEPT}$HOME",
        ("1",),
        ["GONE"],
        ("KEPT",),
    )


def missing(variables: Variables, text: str) -> str:
    """Why a text's only variable has no value, and the remedy."""
    (reason,) = variables.expand(text).missing
    return f"{reason.message}. {reason.fix}"


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    variables = Variables(root=tmp_path)
    assert variables.expand("${file:key}").text == variables.expand(f"${{file:{tmp_path}/key}}").text == "from a file"
    assert "is no file of at most" in missing(variables, "${file:/dev/zero}")
    assert "is no file of at most" in missing(variables, "${file:large}")
    assert "is no file of at most" in missing(variables, "${file:gone}")


def test_a_secret_from_a_command_only_where_the_user_allows_it(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.argv[1], 'AIRBYTE_CLIENT_SECRET' in os.environ); sys.exit(len(sys.argv) - 2)"
    (tmp_path / "vault.py").write_text(script)
    command = f"{sys.executable} {tmp_path}/vault.py"
    values = {"AIRBYTE_CLIENT_SECRET": "s", "AIRBYTE_ALLOWED_COMMANDS": f"other, {command} kv"}
    variables = Variables(values)
    assert variables.expand(f"<${{cmd:{command} kv}}>").text == "<kv False>"
    assert "failed with exit code 1" in missing(variables, f"${{cmd:{command} kv x}}")
    assert "was not run" in missing(variables, f"${{cmd:{command} delete}}")
    assert f"add AIRBYTE_ALLOWED_COMMANDS={sys.executable}" in missing(Variables(), f"${{cmd:{command} kv}}")
    assert "without its second half" in missing(variables, "${cmd:'}")


@pytest.mark.parametrize("name", ["AIRBYTE_CLIENT_SECRET", "AIRBYTE_STATE_KEY"])
def test_the_tools_own_secrets_cannot_be_named(name: str) -> None:
    assert "own secret" in missing(Variables({name: "s"}), f"${{{name}}}")


def test_the_tools_own_secrets_cannot_be_taken_from_files(tmp_path: Path) -> None:
    """A repository says which file is meant, and where its content goes."""
    own = tmp_path / ".octavia"
    for name in (".octavia", ".octavia.prod"):
        (tmp_path / name).write_text("AIRBYTE_CLIENT_SECRET=s\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/link").symlink_to(own)
    variables = Variables(file=own, root=tmp_path / "project")
    for path in ("link", "../.octavia", own, f"{own}.prod", "/proc/self/environ", f"/proc/{os.getppid()}/environ"):
        assert "own secrets" in missing(variables, f"${{file:{path}}}"), path


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["sk-live-1234", 'pa"ss\\w/o rd', "ключ-от-дома", "a+b/c=d&e", "1234"])
def test_a_secret_is_masked_in_every_form(secret: str) -> None:
    masker = Masker()
    masker.add(secret)
    in_json = [json.dumps(secret), json.dumps(secret, ensure_ascii=False)]
    forms = [secret, *in_json, *map(json.dumps, in_json), repr(secret), html.escape(secret)]
    forms += [quote(secret, safe=""), quote_plus(secret), base64.b64encode(secret.encode()).decode()]
    for form in forms:
        assert re.fullmatch(r"""before [\\"']*\*{8}[\\"'=]* after""", masker.scrub(f"before {form} after")), form


def test_a_private_key_is_masked_line_by_line() -> None:
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----")
    assert masker.scrub("error near MIIEvQIBADANBgkqhkiG9w0B") == f"error near {MASK}"


def test_everyday_words_survive() -> None:
    masker = Masker()
    masker.add("5432", certain=False)
    masker.add("abc")
    masker.add(True)
    assert masker.scrub("port 5432, abcd, True") == "port 5432, abcd, True"
    assert masker.scrub("key abc.") == f"key {MASK}."


def test_a_fingerprint_tells_a_secret_from_another_and_looks_different_each_time() -> None:
    for key in (None, "k" * 32):
        made = fingerprint.make("1234", "source/a/pin", key)
        assert "1234" not in made
        assert fingerprint.matches(made, "1234", "source/a/pin", key)
        assert not fingerprint.matches(made, "1235", "source/a/pin", key)
        assert not fingerprint.matches(made, "1234", "source/b/pin", key)
    assert fingerprint.make("1234", "x", None) != fingerprint.make("1234", "x", None)


def test_a_fingerprint_cannot_be_tried_without_its_key_and_costs_time_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = fingerprint.make("1234", "x", "k" * 32)
    assert not fingerprint.matches(keyed, "1234", "x", None)
    assert not fingerprint.matches(keyed, "1234", "x", "K" * 32)
    monkeypatch.undo()
    began = time.process_time()
    fingerprint.make("1234", "x", None)
    assert time.process_time() - began > 0.02


@pytest.mark.parametrize("broken", ["", "md5$123", "scrypt$", "scrypt$99$8$1$aa$bb", "scrypt$x$8$1$aa$bb", "hmac$"])
def test_a_broken_fingerprint_is_as_good_as_none(broken: str) -> None:
    assert not fingerprint.matches(broken, "secret", "x", "k" * 32)


# -- differences -------------------------------------------------------------------------------------------------------


def test_streams_of_one_name_in_two_namespaces_are_told_apart() -> None:
    def body(*streams: tuple[str | None, str]) -> dict[str, Any]:
        named = [{"name": "users", "syncMode": mode, **({"namespace": space} if space else {})} for space, mode in streams]
        return {"schedule": {}, "configurations": {"streams": named}}

    both = (("a", "incremental_append"), ("b", "full_refresh_append"))
    assert list(differ.connections(body(*both), body(*reversed(both)))) == []
    changed = list(differ.connections(body(both[0]), body(*both)))
    assert [(c.field, c.before, c.after) for c in changed] == [("streams.b.users", "full_refresh_append", None)]
    assert list(differ.connections(body((None, "incremental_append")), body(both[0]))) == []


def test_a_cursor_is_sent_with_incremental_only() -> None:
    """Octavia wrote one into every stream; the server answers none for a full refresh, and the plan would never end."""
    modes = {"destination_sync_mode": "append", "cursor_field": ["updated_at"]}
    entries = [{"stream": {"name": mode}, "config": {**modes, "sync_mode": mode}} for mode in ("full_refresh", "incremental")]
    sent = streams.to_api({"sync_catalog": {"streams": entries}})
    assert [stream.get("cursorField") for stream in sent] == [None, ["updated_at"]]


def test_a_secret_that_left_the_project_is_not_shown_by_a_server_without_masks() -> None:
    theirs = {"tunnel": {"password": "hunter2", "port": 22}}
    changed = differ.configurations({}, theirs, {"properties": {}}, lambda path: False, lambda path, value: None)
    assert {c.field: c.before for c in changed} == {"configuration.tunnel.password": MASK, "configuration.tunnel.port": 22}


# -- schedules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "unit", "cron", "exact"),
    [
        (60, "minutes", "0 0 * * * ?", True),
        (90, "minutes", "0 0 0/2 * * ?", False),
        (1, "hours", "0 0 * * * ?", True),
        (6, "hours", "0 0 0/6 * * ?", True),
        (5, "hours", "0 0 0/5 * * ?", False),
        (24, "hours", "0 0 0 * * ?", True),
        (36, "hours", "0 0 0 1/2 * ?", False),
        (3, "days", "0 0 0 1/3 * ?", False),
        (45, "days", "0 0 0 1 1/2 ?", False),
        (1, "weeks", "0 0 0 ? * SUN", True),
        (2, "weeks", "0 0 0 1/14 * ?", False),
        (1, "months", "0 0 0 1 * ?", True),
        (3, "months", "0 0 0 1 1/3 ?", True),
    ],
)
def test_basic_schedules_as_cron(units: int, unit: str, cron: str, exact: bool) -> None:
    assert schedule.basic_to_cron(units, unit) == (cron, exact)
    assert schedule.cron_fault(cron) is None


@pytest.mark.parametrize(("units", "unit"), [(30, "minutes"), (0, "hours"), (13, "months"), (1, "fortnights")])
def test_schedules_that_cannot_be_said(units: int, unit: str) -> None:
    with pytest.raises(ScheduleError):
        schedule.basic_to_cron(units, unit)


def test_a_connection_without_a_schedule_is_manual() -> None:
    assert schedule.to_api({}) == {"scheduleType": "manual"}


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://localhost:8000", "http://localhost:8000/api/public/v1"),
        ("http://localhost:8000/", "http://localhost:8000/api/public/v1"),
        ("airbyte.example.com", "https://airbyte.example.com/api/public/v1"),
        ("https://api.airbyte.com", "https://api.airbyte.com/v1"),
        ("https://gateway.example.com/airbyte/api/public/v1/", "https://gateway.example.com/airbyte/api/public/v1"),
    ],
)
def test_base_urls(given: str, base: str) -> None:
    assert base_url(given) == base


@pytest.mark.parametrize("given", ["ftp://x", "http://user:pw@host", "http://host/?a=1", "http://"])
def test_bad_addresses(given: str) -> None:
    with pytest.raises(ToolError, match="AIRBYTE_URL"):
        base_url(given)


# -- specs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "types", "expected"),
    [
        ("5", "integer", 5),
        ("5", "string", "5"),
        ("0.5", ["null", "number"], 0.5),
        ("TRUE", "boolean", True),
        ("x", "integer", "x"),
    ],
)
def test_a_variable_takes_the_type_of_its_field(value: str, types: Any, expected: object) -> None:
    assert coerce(value, {"type": types}) == expected


def faults(**configuration: object) -> list[tuple[str, str]]:
    whole = {"credentials": {"auth_type": "api_key", "api_key": "k"}, **configuration}
    return [(f.message, f.fix) for f in validate(recorded.spec(), whole)]


@pytest.mark.parametrize(
    ("configuration", "message", "fix"),
    [
        ({"page_size": "many"}, "page_size must be of type integer, not string", "fix the value"),
        ({"host": 5}, "host must be of type string, not integer", "put the value in quotes"),
        ({"host": "a b"}, "host does not have the form that is asked for", "the form is https://host.example"),
        ({"host": ""}, "host is empty", "give a value, or delete the line if it is optional"),
        ({"pagesize": 5}, "pagesize is no known field", "did you mean page_size?"),
        (
            {"conventions": {"paging": "pages"}},
            "paging is none of the known values",
            "one of: offset, page, cursor, none",
        ),
        ({"credentials": {}}, "credentials is required but empty", "give a value (Authentication)"),
        ({"credentials": {"api_key": "k"}}, "auth_type is required but missing", "one of: api_key, bearer, basic"),
        ({"additional_collections": [{"name": "deals"}]}, "path is required but missing", "add `path:` (Path)"),
    ],
)
def test_each_fault_is_one_readable_line(configuration: dict[str, object], message: str, fix: str) -> None:
    found = faults(**configuration)
    assert len(found) == 1
    assert found[0][0] == message
    assert found[0][1].startswith(fix)


def test_a_valid_configuration_has_no_faults() -> None:
    assert faults(host="https://acme.syfter.ai", start_date="2024-01-31T00:00:00Z", page_size=1000, num_workers=None) == []


def test_one_of_without_constants_is_not_guessed_at() -> None:
    branches = [{"type": "object", "required": ["a"], "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]
    assert validate({"properties": {"x": {"type": "object", "oneOf": branches}}}, {"x": {"b": 1}}) == []


def test_a_fault_never_quotes_the_value() -> None:
    secret = {"auth_type": "basic", "username": ["not-a-text-value"], "password": {"nested": "hidden-thing"}}
    text = json.dumps(faults(credentials=secret))
    assert "hidden-thing" not in text
    assert "not-a-text-value" not in text


# -- manifests and connectors ------------------------------------------------------------------------------------------


def test_uploads_carry_camel_case_copies_and_change_nothing_else() -> None:
    manifest = recorded.manifest()
    upload = for_upload(manifest)
    assert upload["spec"].pop("documentationUrl") == manifest["spec"]["documentation_url"]
    assert upload["spec"].pop("advancedAuth")["authFlowType"] == "oauth2.0"
    assert upload == manifest


@pytest.mark.parametrize(
    ("manifest", "text"),
    [
        ({**recorded.manifest(), "version": None}, "no version"),
        ({"version": "4.0.0"}, "no spec.connection_specification.properties"),
        ({**recorded.manifest(), "x": {"class_name": "mine.Thing"}}, "mine.Thing"),
        ({**recorded.manifest(), "x": "y" * 11_000_000}, "bytes long"),
    ],
)
def test_manifests_that_the_server_cannot_take(manifest: dict[str, Any], text: str) -> None:
    assert [text in fault for fault in manifest_faults(manifest)] == [True]


def test_a_connector_that_fails_says_why(tmp_path: Path) -> None:
    program = tmp_path / "broken.py"
    program.write_text(
        "import json, sys\nprint(json.dumps({'type': 'TRACE', 'trace': {'error': {'message': 'host is wrong'}}}))\nsys.exit(1)\n"
    )
    connector = Connector(tmp_path, [sys.executable, str(program)])
    with pytest.raises(ToolError, match="exit code 1: host is wrong"):
        connector.spec()


def test_a_connector_that_is_not_installed_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not installed here"):
        Connector(tmp_path, ["no-such-connector"]).spec()


def test_a_projects_command_does_not_run_unless_it_is_allowed(
    run: Run, project: Path, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merge request decides what stands in the project, so it must not decide what runs."""
    program, seen = tmp_path / "program.py", tmp_path / "seen.json"
    program.write_text(f"import json, os\njson.dump([dict(os.environ), os.listdir()], open({str(seen)!r}, 'w'))\n")
    edit(project / "source_definitions/syfter/configuration.yaml", CONNECTOR, f"{sys.executable} {program}")
    monkeypatch.setenv("AIRBYTE_CLIENT_SECRET", "topsecret123")
    monkeypatch.setenv("AIRBYTE_ALLOWED_COMMANDS", "source-syfter, python")
    (found,) = run("check", project, "--json").json()["findings"]
    assert ("was not run" in found["message"], f"AIRBYTE_ALLOWED_COMMANDS={sys.executable}" in found["fix"]) == (True, True)
    assert not seen.exists()
    monkeypatch.setenv("AIRBYTE_ALLOWED_COMMANDS", sys.executable)
    assert run("check", project).code == 1
    environment, folder = json.loads(seen.read_text())
    assert (set(environment) <= {*cache._PASSED}, environment["PATH"], folder) == (True, os.environ["PATH"], [])


def test_a_spec_cannot_make_the_tool_fetch_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("fetched"))
    assert validate({"properties": {"x": {"$ref": "http://127.0.0.1:9/schema"}}}, {"x": 1}) == []


def test_a_connector_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airbyte_config_tool.connector.TIMEOUT_SECONDS", 0.2)
    with pytest.raises(ToolError, match="did not answer within"):
        Connector(tmp_path, [sys.executable, "-c", "import time; time.sleep(30)"]).spec()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A console script with its package and metadata, as an installer lays them out, and the file that counts its runs."""
    site, count = tmp_path / "site", tmp_path / "count"
    (site / "tiny").mkdir(parents=True)
    (site / "tiny" / "__init__.py").write_text(
        f"import json\ndef run():\n    open({str(count)!r}, 'a').write('x')\n"
        "    print(json.dumps({'type': 'SPEC', 'spec': {'connectionSpecification': {'properties': {}}}}))\n"
    )
    (site / "tiny-1.0.dist-info").mkdir()
    (site / "tiny-1.0.dist-info" / "entry_points.txt").write_text("[console_scripts]\ntiny-source = tiny:run\n")
    (site / "tiny-1.0.dist-info" / "METADATA").write_text("Name: tiny\nVersion: 1.0\n")
    script = tmp_path / "tiny-source"
    script.write_text(f"#!{sys.executable}\nfrom tiny import run\nrun()\n")
    script.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(site))
    return script, count


def test_a_connectors_answer_is_cached_until_its_installation_changes(installed: tuple[Path, Path], tmp_path: Path) -> None:
    script, count = installed

    def ask(fresh: bool = False) -> int:
        Connector(tmp_path, [str(script)], fresh=fresh).spec()
        return len(count.read_text())

    assert [ask(), ask(), ask(fresh=True), ask()] == [1, 1, 2, 2]
    edit(tmp_path / "site/tiny/__init__.py", "import json", "import json  # a new release")
    assert ask() == 3


def test_a_cached_answer_expires(installed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, count = installed
    Connector(tmp_path, [str(script)]).spec()
    monkeypatch.setattr(cache, "SECONDS", -1)
    Connector(tmp_path, [str(script)]).spec()
    assert len(count.read_text()) == 2


# -- layout ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "message"),
    [
        ("sources/syfter", "definition_type: source", "definition_type: destination", "definition_type", "lies in sources/"),
        ("sources/syfter", "resource_name: Syfter", "resource_name:", "resource_name", "missing or empty"),
        ("sources/syfter", "definitions/syfter", "definitions/sifter", "definition_path", "there is no source_definition at"),
        ("destinations/warehouse", "definition_id: 2", "definition_Id: 2", "definition_id", "no connector definition is named"),
        ("source_definitions/syfter", "spec: spec.json", "spec: [spec.json]", "connector", "names of files for spec"),
        (
            "connections/syfter_to_warehouse",
            "schedule_data:\n    cron:",
            "schedule_data:\n    - cron:",
            "configuration.schedule_data",
            "schedule_data must be of type object, not array",
        ),
        (
            "connections/syfter_to_warehouse",
            "source_configuration_path:",
            "source_path:",
            "source_configuration_path",
            "is missing",
        ),
    ],
)
def test_faults_of_the_layout(
    run: Run, offline_project: Path, secrets: Path, file: str, old: str, new: str, field: str, message: str
) -> None:
    edit(offline_project / file / "configuration.yaml", old, new)
    result = run("check", offline_project, "--json")
    errors = [f for f in result.json()["findings"] if f["severity"] == "error"]
    assert result.code == 1
    assert (errors[0]["file"], errors[0]["field"]) == (f"{file}/configuration.yaml", field)
    assert message in errors[0]["message"]


def test_sources_that_need_different_manifests_are_told_apart(run: Run, project: Path, secrets: Path, tmp_path: Path) -> None:
    program = tmp_path / "tailoring.py"
    program.write_text(
        f"import json, sys\nsys.path.insert(0, {str(Path(recorded.__file__).parent)!r})\nimport connector\n"
        "if 'bundle' in sys.argv:\n"
        "    config = json.load(open(sys.argv[-1]))\n"
        "    print(json.dumps({**connector.manifest(), 'tailored': config.get('conventions')}))\n"
        "else:\n    connector.main(sys.argv[1:])\n"
    )
    definition = project / "source_definitions/syfter/configuration.yaml"
    definition.write_text(
        "resource_name: Syfter\ndefinition_type: source_definition\nconfiguration: {}\n"
        f"connector: {{ command: [{sys.executable}, {program}] }}\n"
    )
    second = project / "sources/other/configuration.yaml"
    second.parent.mkdir()
    second.write_text(
        (project / "sources/syfter/configuration.yaml").read_text().replace("resource_name: Syfter", "resource_name: Other")
    )
    assert run("check", project).code == 0
    edit(second, "  host:", "  conventions: { paging: page }\n  host:")
    result = run("check", project)
    assert (result.code, "need different manifests" in result.out) == (1, True)


def test_a_fault_is_told_once_and_the_connector_is_not_asked_about_it(run: Run, project: Path, secrets: Path) -> None:
    edit(project / "sources/syfter/configuration.yaml", "  host:", "  page_size: 5000\n  host:")
    edit(project / "source_definitions/syfter/configuration.yaml", "# asked for", "--refuse # asked for")
    found = run("check", project, "--json").json()["findings"]
    assert [(f["code"], f["field"]) for f in found] == [("spec", "configuration.page_size")]


def test_a_variable_without_a_value_is_told_once_and_the_connector_is_not_asked_about_it(
    run: Run, project: Path, secrets: Path
) -> None:
    edit(project / "sources/syfter/configuration.yaml", "https://app.syfter.ai", "${HOST_OF_SYFTER}")
    edit(project / "source_definitions/syfter/configuration.yaml", "# asked for", "--refuse # asked for")
    found = run("check", project, "--json").json()["findings"]
    assert [(f["code"], f["field"]) for f in found] == [("unset-variable", "configuration.host")]


def test_a_fault_that_only_the_connector_knows_is_told_at_the_source(run: Run, project: Path, secrets: Path) -> None:
    edit(project / "source_definitions/syfter/configuration.yaml", "# asked for", "--refuse # asked for")
    found = run("check", project, "--json").json()["findings"]
    assert [(f["code"], f["file"], f["message"]) for f in found] == [
        ("spec", "sources/syfter/configuration.yaml", "host: no instance answers there.")
    ]


def test_a_variable_in_a_name_is_put_in(run: Run, offline_project: Path, secrets: Path, home: Path) -> None:
    edit(offline_project / "sources/syfter/configuration.yaml", "resource_name: Syfter", "resource_name: Syfter ${STAGE}")
    assert run("check", offline_project).code == 1
    write_octavia(home, STAGE="test")
    assert run("check", offline_project).code == 0


def test_init_does_not_overwrite(run: Run, project: Path) -> None:
    result = run("init", project)
    assert (result.code, "nothing was written" in result.err) == (1, True)


def test_init_says_at_once_that_the_connector_is_missing(run: Run, tmp_path: Path) -> None:
    assert (
        "0. Install the connector: no-such-source is not here"
        in run("init", tmp_path / "p", "--connector", "no-such-source x").out
    )
    assert "0. Install" not in run("init", tmp_path / "q", "--connector", sys.executable).out


def test_the_shell_completes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRBYTE_CONFIG_TOOL_COMPLETE", "zsh_source")
    assert run().out.startswith("#compdef airbyte-config-tool")
    monkeypatch.setenv("_AIRBYTE_CONFIG_TOOL_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", "airbyte-config-tool im")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert {"import", "import-octavia"} <= set(run().out.split())


def test_init_for_an_image(run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "p", "--image", "registry.example.com:5000/source-syfter:1.0.0").code == 0
    data = YamlFile(tmp_path / "p/source_definitions/syfter/configuration.yaml").data
    assert data["configuration"] == {"docker_repository": "registry.example.com:5000/source-syfter", "docker_image_tag": "1.0.0"}


def test_a_folder_without_a_project_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    result = run("check", tmp_path)
    assert (result.code, "airbyte-config-tool init" in result.err) == (1, True)


def test_init_lists_the_streams_of_the_connector() -> None:
    """The template's list and the connector's manifest say the same, where the tool lies in the connector's repository."""
    manifest = Path(__file__).parents[3] / "source_syfter" / "manifest.yaml"
    if not manifest.is_file():
        pytest.skip("the connector's repository is not around this folder")
    template = Path(fingerprint.__file__).parent / "templates" / "connection.yaml"
    listed = [entry["stream"]["name"] for entry in YamlFile(template).data["configuration"]["sync_catalog"]["streams"]]
    declared = [(stream.get("$parameters") or stream)["name"] for stream in YamlFile(manifest).data["streams"]]
    assert sorted(listed) == sorted(declared)
