"""metadata.yaml is what Airbyte's tools read before they read anything else."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

from tools import release

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
METADATA: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MANIFEST: dict[str, Any] = yaml.safe_load((ROOT / "source_syfter" / "manifest.yaml").read_text())


def test_it_follows_airbytes_model() -> None:
    ConnectorMetadataDefinitionV0.model_validate_json(json.dumps(METADATA, default=str))


def test_the_tags_that_airbytes_tools_choose_by() -> None:
    assert {"language:python", "cdk:low-code"} <= set(METADATA["data"]["tags"])


def test_suggested_streams_are_the_manifests() -> None:
    assert METADATA["data"]["suggestedStreams"]["streams"] == [stream["$parameters"]["name"] for stream in MANIFEST["streams"]]


def test_one_version_everywhere() -> None:
    changelog = (ROOT / "docs" / "syfter.md").read_text().split("## Changelog")[1]
    latest = re.findall(r"^\| (\d+\.\d+\.\d+) +\|", changelog, flags=re.MULTILINE)[0]
    assert METADATA["data"]["dockerImageTag"] == PROJECT["version"] == latest
    for name, pattern in release.PLACES:
        assert set(re.findall(pattern, (ROOT / name).read_text(), flags=re.MULTILINE)) == {latest}, name
    assert re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[0] == latest


def test_one_name_and_one_stage_everywhere() -> None:
    assert METADATA["data"]["remoteRegistries"]["pypi"]["packageName"] == PROJECT["name"]
    [stage] = [each.rsplit(" - ", 1)[1] for each in PROJECT["classifiers"] if each.startswith("Development Status")]
    assert METADATA["data"]["releaseStage"] == stage.lower()


def test_one_licence_everywhere() -> None:
    assert METADATA["data"]["license"] == PROJECT["license"] == (ROOT / "LICENSE").read_text().split()[0]


def test_the_cdk_is_the_one_the_manifest_is_written_for() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", (ROOT / "requirements" / "runtime.txt").read_text(), flags=re.MULTILINE))
    assert MANIFEST["version"] == locked["airbyte-cdk"]


def test_a_repository_name_of_two_parts() -> None:
    # Airbyte's own build command tags a wrong name when there are three (a registry host in front).
    assert METADATA["data"]["dockerRepository"].count("/") == 1


def test_the_icon_is_square() -> None:
    icon = ElementTree.parse(ROOT / METADATA["data"]["icon"]).getroot()
    left, top, width, height = map(float, icon.attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    assert width == height


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_locked_package_has_a_hash(lock: Path) -> None:
    text = lock.read_text()
    packages = re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, flags=re.MULTILINE)
    assert packages
    assert len(re.findall(r"^[a-z0-9][^\n]*\\\n    --hash=sha256:", text, flags=re.MULTILINE)) == len(packages)


def test_the_demo_shares_the_tests_environment() -> None:
    """`make demo` and `make test` install into one environment: the first must be part of the second."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9][^\\\n]*", (ROOT / "requirements" / name).read_text(), flags=re.MULTILINE))

    assert {pin for pin in pins("demo.txt") - pins("dev.txt") if " ; " not in pin} == set()


# What a lock file or a script picks up from the machine that it was made on: an index address, a home, a temporary folder.
PRIVATE = re.compile(
    r"--(extra-)?index-url|--find-links|files\.pythonhosted|pypi\.org|/root/|/home/[a-z]|/Users/|/tmp/[a-z]+/|/work/",
    re.IGNORECASE,
)


def test_no_committed_file_names_an_index_or_a_machine() -> None:
    try:
        listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = []
    for name in listing.stdout.splitlines():
        if Path(ROOT / name) == Path(__file__):
            continue
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        found += [f"{name}: {match.group()}" for match in PRIVATE.finditer(text)]
    assert found == []
