"""When Airbyte, the network or this tool fails: words that help, bounded tries, nothing made twice, a resume that works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from config_tool_support.harness import API_KEY, SECRETS, Run, edit, write_octavia
from config_tool_support.standin import BASE, Fault, Standin

from airbyte_config_tool import api

SRC = Path(api.__file__).parents[1]


@pytest.fixture
def project(offline_project: Path, secrets: Path, standin: Standin) -> Path:
    return offline_project


def test_wrong_credentials(run: Run, project: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_CLIENT_SECRET="not-the-right-secret")
    result = run("plan", project)
    assert (result.code, "refused AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET" in result.err) == (1, True)
    assert "not-the-right-secret" not in result.text


def test_an_expired_token_is_renewed_in_the_middle(run: Run, project: Path, standin: Standin) -> None:
    standin.token_seconds = 1  # shorter than the margin, so the tool fetches one for each call
    assert run("apply", project, "--yes").code == 0
    standin.token_seconds = 900
    standin.log.clear()
    assert run("plan", project).code == 0
    assert len(standin.calls("POST", "/applications/token")) == 1
    standin.faults.append(Fault("GET", "/sources", 401))
    standin.log.clear()
    assert run("plan", project).code == 0
    assert len(standin.calls("POST", "/applications/token")) == 2


def test_a_token_that_is_refused_again_and_again_ends(run: Run, project: Path, standin: Standin) -> None:
    standin.faults.append(Fault("GET", "/sources", 401, times=99))
    result = run("plan", project)
    assert (result.code, "AIRBYTE_CLIENT_ID" in result.err) == (1, True)
    assert len(standin.calls("GET", "/sources")) == 2


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (403, "AIRBYTE_WORKSPACE_ID and the role"),
        (404, "not found: check AIRBYTE_URL"),
        (302, "set AIRBYTE_URL to the final one"),
    ],
)
def test_refusals_are_explained_and_not_retried(run: Run, project: Path, standin: Standin, status: int, hint: str) -> None:
    standin.faults.append(Fault("GET", "/sources", status, times=99, headers={"Location": "http://127.0.0.1:9/elsewhere"}))
    result = run("plan", project)
    assert (result.code, hint in result.err) == (1, True), result.err
    assert len(standin.calls("GET", "/sources")) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_transient_faults_are_retried(run: Run, project: Path, standin: Standin, status: int) -> None:
    standin.faults += [Fault(m, p, status, times=2) for m, p in (("GET", "/sources"), ("POST", "/sources"), ("GET", "/streams"))]
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    assert len(standin.sources) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retries_are_bounded(run: Run, project: Path, standin: Standin, status: int) -> None:
    standin.faults.append(Fault("GET", "/destinations", status, times=99))
    assert run("plan", project).code == 1
    assert len(standin.calls("GET", "/destinations")) == api.TRIES


def test_retry_after_is_obeyed_but_not_without_bounds(
    monkeypatch: pytest.MonkeyPatch, run: Run, project: Path, standin: Standin
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(api.Api.__init__, "__defaults__", (waits.append,))
    standin.faults += [Fault("GET", "/sources", 429, headers={"Retry-After": seconds}) for seconds in ("7", "86400")]
    assert run("plan", project).code == 2
    assert waits == [7.0, 30.0]


def test_a_conflict_names_the_file(run: Run, project: Path, standin: Standin) -> None:
    standin.faults.append(Fault("POST", "/connections", 409, message="A sync is running"))
    result = run("apply", project, "--yes")
    assert result.code == 1
    assert (
        "connections/syfter_to_warehouse/configuration.yaml: connection Syfter to Warehouse: POST /connections answered 409"
        in result.err
    )
    assert "It said:" in result.err


def test_a_refused_configuration_names_the_file_and_hides_the_value(run: Run, project: Path, standin: Standin) -> None:
    """The server quotes the value that it refuses, in an error text that this tool did not write."""
    standin.faults.append(Fault("POST", "/sources", 422, message=f"'{API_KEY}' does not match the pattern"))
    result = run("apply", project, "--yes")
    assert result.code == 1
    assert "sources/syfter/configuration.yaml: source Syfter:" in result.err
    assert "'********' does not match the pattern" in result.err


def test_a_secret_that_is_cut_off_in_a_long_answer_is_not_shown_in_part(run: Run, project: Path, standin: Standin) -> None:
    said = len("The request could not be carried out ")
    for cut in (3, 8, 12):
        standin.faults.append(Fault("POST", "/sources", 422, message="x" * (600 - said - cut) + API_KEY))
        result = run("apply", project, "--yes")
        assert (result.code, "xxx" in result.err, API_KEY[:3] in result.err) == (1, True, False)


@pytest.mark.parametrize("value", ['"two\\nlines"', "ключ"])
def test_a_header_that_http_does_not_allow_is_named(run: Run, project: Path, value: str) -> None:
    (project / "api_http_headers.yaml").write_text(f"headers:\n  X-Team: {value}\n", encoding="utf-8")
    result = run("plan", project)
    assert (result.code, "a header in api_http_headers.yaml" in result.err) == (1, True)


def test_no_server_at_all(run: Run, project: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_URL="http://127.0.0.1:9")
    result = run("plan", project)
    assert (result.code, "check AIRBYTE_URL and that Airbyte runs" in result.err) == (1, True)


def test_a_server_that_never_answers(run: Run, project: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(api, "READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        write_octavia(home, AIRBYTE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(api, "TRIES", 1)
        result = run("plan", project)
    assert (result.code, "did not answer" in result.err) == (1, True)


def test_the_address_of_a_web_page(run: Run, project: Path, home: Path, standin: Standin) -> None:
    write_octavia(home, AIRBYTE_URL=f"{standin.url}/workspaces")
    result = run("plan", project)
    assert (result.code, "seems to name a web page" in result.err) == (1, True)


def test_the_base_may_be_given_whole(run: Run, project: Path, home: Path, standin: Standin) -> None:
    write_octavia(home, AIRBYTE_URL=f"{standin.url}{BASE}/")
    assert run("plan", project).code == 2


@pytest.mark.parametrize("path", [r"/workspaces/.*", "/sources", "/destinations", "/connections"])
@pytest.mark.parametrize("drop", [True, False])
def test_a_lost_answer_creates_nothing_twice(run: Run, project: Path, standin: Standin, path: str, drop: bool) -> None:
    standin.faults.append(Fault("POST", path, 500, after=True, drop=drop))
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    assert [len(s) for s in (standin.declarative, standin.sources, standin.destinations, standin.connections)] == [1, 1, 1, 1]
    assert run("plan", project).code == 0


@pytest.mark.parametrize("path", [r"/workspaces/.*", "/sources", "/destinations", "/connections"])
def test_a_crash_between_two_calls_and_a_resume(run: Run, project: Path, standin: Standin, path: str) -> None:
    """The tool is killed when the server has made a resource and before it hears of it: the worst moment."""
    process: list[subprocess.Popen[bytes]] = []
    standin.faults.append(Fault("POST", path, after=True, kill=lambda: process[0].send_signal(signal.SIGKILL)))
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    command = [sys.executable, "-m", "airbyte_config_tool", "apply", str(project), "--yes"]
    process.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert process[0].wait(60) == -signal.SIGKILL
    assert not any(path.endswith(".tmp") for path in map(str, project.rglob("*")))
    result = run("apply", project, "--yes")
    assert result.code == 0, result.text
    assert [len(s) for s in (standin.declarative, standin.sources, standin.destinations, standin.connections)] == [1, 1, 1, 1]
    assert run("plan", project).code == 0


def test_a_failure_half_way_keeps_what_was_done(run: Run, project: Path, standin: Standin) -> None:
    standin.faults.append(Fault("POST", "/connections", 400, message="no"))
    result = run("apply", project, "--yes")
    assert (result.code, "To go on: airbyte-config-tool apply" in result.out) == (1, True)
    standin.log.clear()
    assert run("apply", project, "--yes").code == 0
    assert [path for _, path, _ in standin.writes()] == ["/connections"]


def test_a_source_that_airbyte_cannot_start_stops_before_its_connection(run: Run, project: Path, standin: Standin) -> None:
    standin.faults.append(Fault("GET", "/streams", 500, times=99, message="Something went wrong in the connector."))
    result = run("apply", project, "--yes")
    assert (result.code, "Something went wrong in the connector." in result.err) == (1, True)
    assert standin.connections == {}


def test_a_fault_of_the_tool_itself_shows_no_secret(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(f"unexpected: {SECRETS}")

    monkeypatch.setattr("airbyte_config_tool.plan.Planner.plan", broken)
    result = run("plan", project)
    assert (result.code, "a fault of this tool" in result.err, "********" in result.err) == (1, True, True)


def test_a_wrong_option_is_an_error_and_not_a_plan_with_changes(run: Run, project: Path) -> None:
    assert run("plan", project, "--no-such-option").code == 1


def test_a_netrc_entry_does_not_replace_the_token(run: Run, project: Path, home: Path, standin: Standin) -> None:
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    assert run("plan", project).code == 2


def test_an_authorization_header_of_the_project_replaces_the_application(
    run: Run, project: Path, home: Path, standin: Standin
) -> None:
    standin.tokens["own-token-4711"] = time.monotonic() + 60
    lines = [line for line in (home / ".octavia").read_text().splitlines() if "CLIENT" not in line]
    (home / ".octavia").write_text("\n".join([*lines, "PROXY_TOKEN=own-token-4711\n"]))
    (project / "api_http_headers.yaml").write_text("headers:\n  Authorization: Bearer ${PROXY_TOKEN}\n")
    result = run("plan", project)
    assert result.code == 2, result.text
    assert "own-token-4711" not in result.text


@pytest.mark.parametrize("name", ["AIRBYTE_URL", "AIRBYTE_WORKSPACE_ID", "AIRBYTE_CLIENT_ID"])
def test_a_missing_setting_is_named(run: Run, project: Path, home: Path, name: str) -> None:
    write_octavia(home, **{name: ""})
    result = run("plan", project)
    assert (result.code, f"{name}" in result.err) == (1, True)


def test_octavias_basic_auth_is_explained(run: Run, project: Path, home: Path) -> None:
    write_octavia(home, AIRBYTE_CLIENT_ID="", AIRBYTE_USERNAME="airbyte", AIRBYTE_PASSWORD="password")
    result = run("plan", project)
    assert "does not take AIRBYTE_USERNAME" in result.err


def test_a_state_key_that_could_be_guessed_is_refused(run: Run, project: Path, home: Path, standin: Standin) -> None:
    write_octavia(home, AIRBYTE_STATE_KEY="short")
    result = run("apply", project, "--yes")
    assert (result.code, "must have 32 characters" in result.err) == (1, True)


def test_a_literal_in_a_comment_of_the_file_does_not_disturb(run: Run, project: Path) -> None:
    edit(project / "sources/syfter/configuration.yaml", "# EDIT: your Syfter instance", "# ${NOT_A_VARIABLE}")
    assert run("check", project).code == 0
