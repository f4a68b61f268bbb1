"""`source-syfter` as a process: the four commands, exactness, and what each trouble ends in."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

import sandbox
from sandbox import COLLECTIONS, Sandbox, running
from syfter_dlt.connector import arguments
from testing.processes import COMMAND, Json, Run, configured, run

ODD: Json = {
    "id": 2**53 + 1,
    "name": "1e5",
    "legal_name": "00",
    "description": "{{ x }} {% y %} {{ config['credentials']['api_key'] }}",
    "website": " \t\u2028\u0000 ",
    "headquarters": "👩‍👩‍👧 Ünïcødé",
    "trading_status": "x" * 1_000_000,
    "unknown": {"null": None, "list": [None, {"null": None}], "empty": {}, "number": 2**53, "text": "007"},
    "updated_at": "2026-06-30T23:59:59.999Z",
}
SCHEMES = {
    "api_key": sandbox.API_KEY,
    "bearer": sandbox.ACCESS_TOKEN,
    "basic": sandbox.PASSWORD,
    "oauth2_client_credentials": sandbox.CLIENT_SECRET,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("process")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running(companies=10) as box:
        box.upsert("companies", ODD)
        box.upsert(
            "custom_property_values", {"value": "1e5", "metadata": {"ml_file_id": None, "page_number": 1, "confidence": None}}
        )
        box.upsert("custom_property_values", {"value": 1767225600000})
        box.upsert("custom_property_values", {"value": False})
        yield box


@pytest.fixture(scope="module")
def discovered(folder: Path, box: Sandbox) -> Run:
    return run(folder, "discover", config=box.config())


@pytest.fixture(scope="module")
def catalog(discovered: Run) -> Json:
    return configured(discovered)


@pytest.fixture(scope="module")
def first(folder: Path, box: Sandbox, catalog: Json) -> Run:
    return run(folder, "read", config=box.config(lookback_window_minutes=0), catalog=catalog)


def without_nulls(records: list[Json]) -> list[Json]:
    return [{name: value for name, value in record.items() if value is not None} for record in records]


def forms(secret: str) -> set[str]:
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, f"{sandbox.USERNAME}:{secret}")}
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]} | encoded


def assert_secret_kept(found: Run, secret: str = sandbox.API_KEY) -> None:
    for form in forms(secret):
        assert form not in found.text


def assert_in_words(error: Json, *words: str) -> None:
    assert "Traceback" not in error["message"]
    for word in words:
        assert word in error["message"]


# --- the four commands ------------------------------------------------------------------------------------------------------


def test_spec(folder: Path) -> None:
    found = run(folder, "spec")

    assert found.status == 0
    assert found.err == ""
    (spec,) = found.of("SPEC")
    assert spec["connectionSpecification"]["properties"].keys() >= {"host", "credentials", "start_date"}


def test_check(folder: Path, box: Sandbox) -> None:
    found = run(folder, "check", config=box.config())

    assert found.status == 0
    assert found.connection_status["status"] == "SUCCEEDED"


def test_discover(discovered: Run) -> None:
    assert discovered.status == 0
    (catalog,) = discovered.of("CATALOG")
    assert [stream["name"] for stream in catalog["streams"]] == list(COLLECTIONS)


@pytest.mark.parametrize("stream", COLLECTIONS)
def test_a_full_read_equals_the_data_exactly(box: Sandbox, first: Run, stream: str) -> None:
    assert first.status == 0, first.text[-2000:]
    expected = without_nulls(box.truth(stream))

    assert first.records[stream] == expected
    assert json.dumps(first.records[stream]) == json.dumps(expected), "types and order as well"


def test_each_stream_ends_with_a_state_that_counts_its_records(first: Run) -> None:
    assert first.completed == set(COLLECTIONS)
    assert {state["stream"]["stream_descriptor"]["name"] for state in first.last_states} == set(COLLECTIONS)
    counts: dict[str, float] = dict.fromkeys(COLLECTIONS, 0)
    for state in first.of("STATE"):
        counts[state["stream"]["stream_descriptor"]["name"]] += state["sourceStats"]["recordCount"]
    assert counts == {stream: len(first.records[stream]) for stream in COLLECTIONS}


def test_the_log_of_a_read_keeps_the_secret(first: Run) -> None:
    assert_secret_kept(first)


def test_second_run_reads_only_what_changed(folder: Path, box: Sandbox, catalog: Json, first: Run) -> None:
    """Unchanged data first: one request a stream, and the record on the boundary."""
    config, states = box.config(lookback_window_minutes=0), [{"type": "STREAM", **state} for state in first.last_states]
    box.clear_requests()
    unchanged = run(folder, "read", config=config, catalog=catalog, state=states)

    assert unchanged.status == 0
    assert sorted(request.collection for request in box.requests) == sorted(COLLECTIONS)
    assert {stream: len(unchanged.records[stream]) for stream in COLLECTIONS} == dict.fromkeys(COLLECTIONS, 1)

    since = {state["stream"]["stream_descriptor"]["name"]: state["stream"]["stream_state"]["updated_at"] for state in states}
    box.apply_day()
    changed = run(
        folder, "read", config=config, catalog=catalog, state=[{"type": "STREAM", **state} for state in unchanged.last_states]
    )

    for stream in COLLECTIONS:
        assert changed.records[stream] == without_nulls(box.truth(stream, updated_since=since[stream]))
    assert any(len(changed.records[stream]) > 1 for stream in COLLECTIONS)


# --- trouble, a different one for each stream ----------------------------------------------------------------------------------

TROUBLES = {
    "company_overviews": ("http-403", {}, ["company_overviews", "(403)", "deselect"]),
    "company_financials": ("http-404", {"first": 2}, ["company_financials", "(404)", "conventions.path_prefix"]),
    "company_employees": ("object-records", {}, ["company_employees", "conventions.records_path"]),
    "articles": ("html-200", {}, ["articles", "web page", "conventions.records_path"]),
    "custom_property_definitions": ("other-envelope", {}, ["custom_property_definitions", "conventions.records_path"]),
    "custom_property_values": ("text-200", {}, ["custom_property_values", "conventions.records_path"]),
    "datasource_priorities": ("empty-body", {}, ["datasource_priorities", "empty body", "conventions.records_path"]),
    "datasource_preferences": ("echo-secrets", {}, ["datasource_preferences", "Bad request"]),
}


@pytest.fixture(scope="module")
def troubled(folder: Path, catalog: Json) -> Run:
    with running(companies=10) as box:
        for stream, (fault, when, _) in TROUBLES.items():
            box.fault(fault, stream, **when)
        return run(folder, "read", config=box.config(page_size=10), catalog=catalog)


@pytest.mark.parametrize("stream", TROUBLES)
def test_each_trouble_fails_its_stream_in_words(troubled: Run, stream: str) -> None:
    assert troubled.status == 1
    assert troubled.errors[stream]["failure_type"] == "config_error"
    assert_in_words(troubled.errors[stream], *TROUBLES[stream][2])


def test_the_stream_without_trouble_is_complete(troubled: Run) -> None:
    assert troubled.completed == {"companies"}
    assert len(troubled.records["companies"]) == 10
    assert len(troubled.records["company_financials"]) == 10, "what was read before the trouble"
    assert_secret_kept(troubled)


# --- trouble with the connection ------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a certificate that nobody trusts."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_an_untrusted_certificate(folder: Path, box: Sandbox, tls: str) -> None:
    found = run(folder, "check", config=box.config(host=tls))

    assert found.connection_status["status"] == "FAILED"
    assert_in_words(found.connection_status, tls.removeprefix("https://"), "certificate")
    assert_secret_kept(found)


def test_an_unknown_host(folder: Path, box: Sandbox) -> None:
    found = run(folder, "check", config=box.config(host="https://no-such-instance.invalid"))

    assert found.connection_status["status"] == "FAILED"
    assert_in_words(found.connection_status, "no-such-instance.invalid", "Host")
    assert_secret_kept(found)


def test_a_wrong_key(folder: Path, box: Sandbox, catalog: Json) -> None:
    wrong = {"auth_type": "api_key", "api_key": "not/the+key=of this"}
    found = run(folder, "read", config=box.config(credentials=wrong), catalog=catalog)

    assert found.status == 1
    assert found.completed == set()
    for stream in COLLECTIONS:
        assert found.errors[stream]["failure_type"] == "config_error"
        assert_in_words(found.errors[stream], stream, "(401)", "Authentication")
    assert_secret_kept(found, "not/the+key=of this")


def test_a_config_that_is_wrong_and_a_catalog_that_is_broken(folder: Path, box: Sandbox) -> None:
    found = run(folder, "read", config=box.config(), catalog={"streams": 7})

    assert found.status == 1
    assert found.errors[""]["failure_type"] == "config_error"
    assert_in_words(found.errors[""], "--catalog")


# --- the process itself ---------------------------------------------------------------------------------------------------------


def test_a_closed_pipe_ends_the_read(folder: Path, box: Sandbox, catalog: Json) -> None:
    """A reader that goes away leaves no process behind."""
    line = [*COMMAND, *arguments(folder, "read", config=box.config(page_size=1), catalog=catalog)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()

        assert process.wait(60) != 0


def test_the_wheel_works_from_any_folder(tmp_path: Path) -> None:
    """With nothing of the project on the path, and files of the same names where it is run."""
    root = Path(__file__).resolve().parents[1]
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True)
    wheel = tmp_path / built.stdout.split()[-1]
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "source_syfter" / "schemas").mkdir(parents=True)
    (elsewhere / "manifest.yaml").write_text("version: 0.0.0")
    (elsewhere / "source_syfter" / "manifest.yaml").write_text("version: 0.0.0")
    (elsewhere / "config.json").write_text(
        '{"credentials": {"auth_type": "api_key", "api_key": "k-e-y"}, "discover_fields": false}'
    )
    (elsewhere / "launch.py").write_text("from source_syfter.run import run; run()")
    (tmp_path / "launch.py").write_text("import sys; sys.path[0] = sys.argv.pop(1); from source_syfter.run import run; run()")

    done = subprocess.run(
        [sys.executable, str(tmp_path / "launch.py"), str(wheel), "discover", "--config", "config.json"],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )

    found = Run(done.returncode, done.stdout, done.stderr)
    assert found.status == 0, found.text[-2000:]
    (catalog,) = found.of("CATALOG")
    fields: list[Any] = [len(stream["json_schema"]["properties"]) for stream in catalog["streams"]]
    assert min(fields) > 4
    assert len(fields) == 9
