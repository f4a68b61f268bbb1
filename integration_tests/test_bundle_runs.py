"""The bundle gives what the package gives: by the framework's own runner today, and by the framework that its version names.

The second part makes an environment of its own for each framework, from the package index, and so is left out of `make test`:
`make test TEST_ARGS="-m old_cdk integration_tests/test_bundle_runs.py"`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import AUTH_TYPES, COLLECTIONS, VARIANTS, Sandbox, canonical, running
from source_syfter.bundle import VERSION, VERSION_FOR_ARRAYS, as_yaml, bundle
from syfter_dlt.connector import arguments, message_in
from testing.manifests import read_manifest
from testing.processes import catalog_of
from testing.reading import Outcome, read

pytestmark = pytest.mark.usefixtures("schema_read_once")

Json = dict[str, Any]

# One for each stock part that stands in for a custom one.
KINDS = ["default", "pages-from-zero", "cursor-nested", "no-paging", "bare-array", "token-key", "document-store", "summer-offset"]
KINDS += ["strict-no-filter", "cursor-modern", "epoch", "x-api-key"]


def sorted_records(records: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    return {name: sorted(map(canonical, records.get(name, [])), key=lambda record: record["id"]) for name in COLLECTIONS}


def truth(box: Sandbox) -> dict[str, list[Json]]:
    return sorted_records({name: box.truth(name) for name in COLLECTIONS})


def states(outcome: Outcome) -> dict[str, Json]:
    return {name: states[-1] for name, states in outcome.states.items()}


def asks_for_changes(box: Sandbox) -> bool:
    """Whether the instance filters; if not, the package leaves out what is old, and the bundle repeats it."""
    return bool(box.variant.updated_since_parameter)


@pytest.mark.parametrize(
    "name", ["default", "bare-array", "cursor-modern", "document-store", "epoch", "summer-offset", "key-in-query"]
)
def test_the_second_run_gives_the_same(name: str) -> None:
    with running(companies=8, conventions=name) as box:
        config = box.config(page_size=9)
        made = bundle(config)
        by_package, by_bundle = read(config), read_manifest(made, config)
        first = truth(box)
        assert sorted_records(by_package.records) == sorted_records(by_bundle.records) == first

        box.apply_day()
        again_by_package = read(config, state=states(by_package))
        again_by_bundle = read_manifest(made, config, state=states(by_bundle))
        second = truth(box)

    assert again_by_package.failure is None
    assert again_by_bundle.failure is None
    if asks_for_changes(box):
        assert sorted_records(again_by_bundle.records) == sorted_records(again_by_package.records)
    else:
        assert sorted_records(again_by_bundle.records) == second
    changed = sorted_records(again_by_package.records)
    assert all(record in second[stream] for stream in COLLECTIONS for record in changed[stream])
    assert sum(map(len, changed.values())) < sum(map(len, second.values()))


def test_the_state_of_one_serves_the_other() -> None:
    """A connection can be moved from the manifest to the image and back without a new first sync."""
    with running(companies=8) as box:
        config = box.config()
        made = bundle(config)
        by_package, by_bundle = states(read(config)), states(read_manifest(made, config))
        box.apply_day()
        package_goes_on = read(config, state=by_bundle)
        bundle_goes_on = read_manifest(made, config, state=by_package)

    assert package_goes_on.failure is None
    assert bundle_goes_on.failure is None
    assert sorted_records(package_goes_on.records) == sorted_records(bundle_goes_on.records)


@pytest.mark.parametrize("auth", AUTH_TYPES)
def test_every_scheme_is_there(auth: str) -> None:
    with running(companies=3) as box:
        config = box.config(auth)
        outcome = read_manifest(bundle(config), config, "companies")

    assert outcome.failure is None
    assert len(outcome.records["companies"]) == 3


def command_line(program: list[str], folder: Path, **files: Any) -> list[Json]:
    """The messages of a run of `program`; each of `files` is written as JSON and handed over by its name."""
    run = subprocess.run(arguments(folder, *program, **files), capture_output=True, text=True, timeout=200, check=False)
    messages = [message for line in run.stdout.splitlines() if (message := message_in(line))]
    assert messages, run.stderr[-2000:]
    return messages


def records_of(messages: list[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for message in messages:
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(message["record"]["data"])
    return sorted_records(found)


def states_of(messages: list[Json]) -> list[Json]:
    last = {m["state"]["stream"]["stream_descriptor"]["name"]: m["state"] for m in messages if m["type"] == "STATE"}
    return [{"type": "STREAM", "stream": state["stream"]} for state in last.values()]


def test_the_generic_runner_runs_it(tmp_path: Path) -> None:
    """`source-declarative-manifest`, which is what the server runs for a manifest that was uploaded."""
    runner = [sys.executable, "-c", _RUNNER_TODAY]
    with running(companies=4) as box:
        config = box.config()
        manifest = tmp_path / "syfter.yaml"
        manifest.write_text(as_yaml(bundle(config)), encoding="utf-8")
        place = ["--manifest-path", str(manifest)]
        check = command_line([*runner, "check", *place], tmp_path, config=config)
        messages = command_line([*runner, "read", *place], tmp_path, config=config, catalog=catalog_of(COLLECTIONS))
        assert records_of(messages) == truth(box)

    assert [m["connectionStatus"]["status"] for m in check if m["type"] == "CONNECTION_STATUS"] == ["SUCCEEDED"]


_RUNNER_TODAY = """
import sys
from airbyte_cdk.cli.source_declarative_manifest._run import handle_command
handle_command(sys.argv[1:])
"""

# --- the frameworks that servers without internet have ------------------------------------------------------------------------

_RUNNER_THEN = """
import sys, yaml
from airbyte_cdk.entrypoint import launch
from airbyte_cdk.sources.declarative.manifest_declarative_source import ManifestDeclarativeSource
manifest = yaml.safe_load(open(sys.argv[1], encoding="utf-8"))
launch(ManifestDeclarativeSource(source_config=manifest), sys.argv[2:])
"""


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The interpreter of an environment for each framework, by version."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is needed to make an environment")
    found = {}
    for version in dict.fromkeys([VERSION, VERSION_FOR_ARRAYS]):
        folder = tmp_path_factory.mktemp("framework") / version
        python = str(folder / "bin" / "python")
        # Neither of these frameworks installs on a later Python.
        subprocess.run([uv, "venv", "--quiet", "--python", ">=3.10,<3.12", str(folder)], check=True, timeout=300)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, f"airbyte-cdk=={version}"], check=True, timeout=600)
        found[version] = python
    return found


def old(frameworks: Mapping[str, str], manifest: Json, folder: Path) -> list[str]:
    """The command that runs `manifest` by the framework that it names."""
    path = folder / "syfter.yaml"
    path.write_text(as_yaml(manifest), encoding="utf-8")
    return [frameworks[manifest["version"]], "-W", "ignore", "-c", _RUNNER_THEN, str(path)]


@pytest.mark.old_cdk
@pytest.mark.timeout(900)  # the first of them makes the environments
@pytest.mark.parametrize("name", KINDS)
def test_runs_on_the_framework_that_it_names(name: str, frameworks: dict[str, str], tmp_path: Path) -> None:
    with running(companies=8, conventions=VARIANTS[name]) as box:
        config = box.config(page_size=9)
        made = bundle(config)
        program = [*old(frameworks, made, tmp_path), "read"]
        by_package = read(config)
        messages = command_line(program, tmp_path, config=config, catalog=catalog_of(COLLECTIONS))
        assert records_of(messages) == truth(box)

        box.apply_day()
        again_by_package = read(config, state=states(by_package))
        again = command_line(program, tmp_path, config=config, catalog=catalog_of(COLLECTIONS), state=states_of(messages))
        second = truth(box)

    expected = sorted_records(again_by_package.records) if asks_for_changes(box) else second
    assert records_of(again) == expected


@pytest.mark.old_cdk
@pytest.mark.timeout(900)  # the first of them makes the environments
def test_spec_check_and_catalog_on_the_framework_that_it_names(frameworks: dict[str, str], tmp_path: Path) -> None:
    with running(companies=4) as box:
        config = box.config()
        program = old(frameworks, bundle(config), tmp_path)
        spec = command_line([*program, "spec"], tmp_path)
        check = command_line([*program, "check"], tmp_path, config=config)
        catalog = command_line([*program, "discover"], tmp_path, config=config)
        today = read_manifest(bundle(config), config)

    assert [m["spec"]["connectionSpecification"] for m in spec if m["type"] == "SPEC"] == [
        bundle()["spec"]["connection_specification"]
    ]
    assert [m["connectionStatus"]["status"] for m in check if m["type"] == "CONNECTION_STATUS"] == ["SUCCEEDED"]
    streams = next(m["catalog"]["streams"] for m in catalog if m["type"] == "CATALOG")
    schemas = {stream["schema_loader"]["schema"]["description"] for stream in bundle()["streams"]}
    assert {stream["json_schema"]["description"] for stream in streams} == schemas
    assert {stream["name"] for stream in streams} == set(today.records)
    assert all(stream["source_defined_primary_key"] == [["id"]] for stream in streams)
    assert all(stream["default_cursor_field"] == ["updated_at"] for stream in streams)


@pytest.mark.old_cdk
@pytest.mark.timeout(900)  # the first of them makes the environments
@pytest.mark.parametrize("auth", [auth for auth in AUTH_TYPES if auth != "api_key"])
def test_every_scheme_on_the_framework_that_it_names(auth: str, frameworks: dict[str, str], tmp_path: Path) -> None:
    with running(companies=3) as box:
        config = box.config(auth)
        program = [*old(frameworks, bundle(config), tmp_path), "read"]
        messages = command_line(program, tmp_path, config=config, catalog=catalog_of(COLLECTIONS))
        assert records_of(messages) == truth(box)


@pytest.mark.old_cdk
@pytest.mark.timeout(900)  # the first of them makes the environments
def test_refusals_on_the_framework_that_it_names(frameworks: dict[str, str], tmp_path: Path) -> None:
    with running(companies=3) as box:
        box.deny("articles")
        box.remove("company_overviews")
        config = box.config(conventions={"records_path": "items"})
        box.fault("http-400", "company_financials")
        program = [*old(frameworks, bundle(config), tmp_path), "read"]
        messages = command_line(program, tmp_path, config=config, catalog=catalog_of(COLLECTIONS))

    errors = {
        m["trace"]["error"]["stream_descriptor"]["name"]: m["trace"]["error"]
        for m in messages
        if m["type"] == "TRACE" and m["trace"]["type"] == "ERROR" and m["trace"]["error"].get("stream_descriptor")
    }
    marks = {"articles": "[not-permitted]", "company_overviews": "[collection-missing]", "companies": "[unknown-envelope]"}
    for stream, mark in marks.items():
        assert mark in errors[stream]["message"]
        assert errors[stream]["failure_type"] == "config_error"
