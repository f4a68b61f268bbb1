"""Keeps the files of integration_tests/cat/ true. They are for Airbyte's original acceptance test suite, which runs elsewhere."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from sandbox import API_KEY, COLLECTIONS, running
from sandbox.__main__ import main as sandbox_command

ROOT = Path(__file__).resolve().parents[1]
CAT = ROOT / "integration_tests" / "cat"
SECTIONS = yaml.safe_load((CAT / "acceptance-test-config.yml").read_text())
CONFIG = json.loads((CAT / "config.json").read_text())


def load_make_files() -> ModuleType:
    found = importlib.util.spec_from_file_location("make_files", CAT / "make_files.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


make_files = load_make_files()


@pytest.fixture(scope="module")
def box() -> Any:
    with running() as box:
        yield box


@pytest.fixture(scope="module")
def read(box: Any) -> Any:
    return make_files.run(box, "read", CONFIG)


def test_all_sections_at_high_strictness_on_files_that_exist() -> None:
    assert SECTIONS["test_strictness_level"] == "high"
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    assert SECTIONS["connector_image"] == f"{metadata['dockerRepository']}:{metadata['dockerImageTag']}"
    tests = SECTIONS["acceptance_tests"]
    assert set(tests) == {"spec", "connection", "discovery", "basic_read", "incremental", "full_refresh"}
    assert {test["status"] for test in tests["connection"]["tests"]} == {"succeed", "failed"}

    def paths(found: Any) -> list[str]:
        if isinstance(found, dict):
            return [
                p
                for key, value in found.items()
                for p in ([value] if key.endswith("path") and isinstance(value, str) else paths(value))
            ]
        return [p for value in found for p in paths(value)] if isinstance(found, list) else []

    found = paths(tests)
    assert len(found) > 8
    assert [path for path in found if not (ROOT / path).exists()] == []


def test_the_config_is_that_of_the_sandbox_as_it_starts() -> None:
    port = sandbox_command.__defaults__[1]  # type: ignore[index]
    assert {"host": f"http://127.0.0.1:{port}", "credentials": {"auth_type": "api_key", "api_key": API_KEY}} == CONFIG


def test_expected_records_and_future_state_are_what_the_connector_reads(read: Any) -> None:
    hint = "run integration_tests/cat/make_files.py"
    assert (CAT / "expected_records.jsonl").read_text() == make_files.expected_records(make_files.records(read)), hint
    assert (CAT / "future_state.json").read_text() == make_files.future_state(make_files.states(read)), hint


def test_every_declared_field_has_a_value_somewhere() -> None:
    lines = [json.loads(line) for line in (CAT / "expected_records.jsonl").read_text().splitlines()]
    for name in COLLECTIONS:
        schema = json.loads((ROOT / "source_syfter" / "schemas" / f"{name}.json").read_text())
        seen = {field for line in lines if line["stream"] == name for field in make_files.fields(line["data"])}
        assert {field.split(".")[0] for field in seen} == set(schema["properties"]), name
        nested = {f"{key}.{inner}" for key, value in schema["properties"].items() for inner in value.get("properties", {})}
        assert nested <= seen, name


def test_expected_records_hold_no_null_at_the_top() -> None:
    # The CDK drops those; the suite compares literally.
    for line in (CAT / "expected_records.jsonl").read_text().splitlines():
        assert None not in json.loads(line)["data"].values()


def test_a_future_state_gives_states_and_no_record(box: Any, read: Any) -> None:
    future = json.loads((CAT / "future_state.json").read_text())
    messages = make_files.run(box, "read", CONFIG, future)
    assert make_files.records(messages) == {name: [] for name in COLLECTIONS}
    before = {s["stream"]["stream_descriptor"]["name"]: s["stream"]["stream_state"] for s in make_files.states(read)}
    after = {s["stream"]["stream_descriptor"]["name"]: s["stream"]["stream_state"] for s in make_files.states(messages)}
    assert set(after) == set(before) == set(COLLECTIONS)
    for name in COLLECTIONS:
        [(field, value)] = after[name].items()
        assert len(value) == len(before[name][field]) == len(make_files.FUTURE)


def test_a_second_read_differs_from_the_first(box: Any, read: Any) -> None:
    first = make_files.records(read)
    second = make_files.records(make_files.run(box, "read", CONFIG, make_files.states(read)))
    for name in COLLECTIONS:
        assert len(second[name]) < len(first[name])
        assert all(row in first[name] for row in second[name])


def test_the_invalid_config_is_refused(box: Any) -> None:
    messages = make_files.run(box, "check", json.loads((CAT / "invalid_config.json").read_text()))
    [status] = [m["connectionStatus"] for m in messages if m["type"] == "CONNECTION_STATUS"]
    assert status["status"] == "FAILED"


def test_records_count_as_many_states_as_streams_with_counts(read: Any) -> None:
    states = [m["state"] for m in read if m["type"] == "STATE"]
    assert len(states) >= len(COLLECTIONS)
    assert all(state["type"] == "STREAM" and state["sourceStats"]["recordCount"] >= 0 for state in states)
    by_stream = make_files.records(read)
    statuses = [m["trace"]["stream_status"] for m in read if m["type"] == "TRACE" and m["trace"]["type"] == "STREAM_STATUS"]
    for name in by_stream:
        assert [s["status"] for s in statuses if s["stream_descriptor"]["name"] == name] == ["STARTED", "RUNNING", "COMPLETE"]
