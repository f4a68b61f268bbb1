"""The image. What can be read off the files is checked always; it is built and run only where a container engine answers."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import COLLECTIONS, running

ROOT = Path(__file__).resolve().parents[1]
METADATA: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
IMAGE = f"{METADATA['dockerRepository']}:{METADATA['dockerImageTag']}"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as pairs of instruction and argument, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def arguments(name: str) -> list[str]:
    return [argument for instruction, argument in instructions() if instruction == name]


def pairs(name: str) -> dict[str, str]:
    return dict(part.split("=", 1) for argument in arguments(name) for part in shlex.split(argument))


def test_the_base_is_the_one_in_the_metadata_pinned_by_digest() -> None:
    [base] = [argument.removeprefix("BASE_IMAGE=") for argument in arguments("ARG")]
    assert base == METADATA["connectorBuildOptions"]["baseImage"]
    assert re.fullmatch(r"docker\.io/airbyte/python-connector-base:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", base)
    assert json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())["image"] == base


def test_every_stage_stands_on_it() -> None:
    assert {argument.split()[0] for argument in arguments("FROM")} == {"${BASE_IMAGE}"}


def test_both_entrypoints_say_the_same() -> None:
    # Airbyte's platform evaluates the variable in a shell of its own and ignores ENTRYPOINT; everything else uses ENTRYPOINT.
    [entrypoint] = map(json.loads, arguments("ENTRYPOINT"))
    assert shlex.split(pairs("ENV")["AIRBYTE_ENTRYPOINT"]) == entrypoint
    assert entrypoint[0].startswith("/"), "the working directory is not ours to choose"
    assert not arguments("CMD")


def test_labels_are_the_metadatas() -> None:
    labels = pairs("LABEL")
    assert labels["io.airbyte.name"] == METADATA["dockerRepository"]
    assert labels["io.airbyte.version"] == labels["org.opencontainers.image.version"] == METADATA["dockerImageTag"]
    assert labels["org.opencontainers.image.licenses"] == METADATA["license"]


def test_it_does_not_run_as_root() -> None:
    last = [name for name, _ in instructions() if name in ("USER", "RUN", "COPY")][-1]
    assert last == "USER"
    assert arguments("USER") == ["airbyte"]


def test_no_secret_or_index_address_gets_in() -> None:
    for name in [*pairs("ENV"), *(argument.split("=")[0] for argument in arguments("ARG"))]:
        assert not re.search("TOKEN|SECRET|PASSWORD|KEY|PROXY|INDEX|CERT", name), name


def test_all_installs_are_pinned_by_hash() -> None:
    for command in re.findall(r"pip\b[^&]*\binstall\b[^&]*", " ".join(arguments("RUN"))):
        assert "--no-deps" in command
        assert "--require-hashes" in command or "dist/*.whl" in command, command


def test_the_build_context_is_what_is_copied() -> None:
    copied = {part for argument in arguments("COPY") if "--from" not in argument for part in argument.split()[:-1]}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)


def engine_answers() -> bool:
    try:
        return (
            bool(shutil.which("docker"))
            and subprocess.run(["docker", "version"], capture_output=True, timeout=30).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


@pytest.mark.image
@pytest.mark.timeout(1200)
def test_it_is_built_and_passes_the_four_commands_locked_down(tmp_path: Path) -> None:
    if not engine_answers():
        pytest.skip("no container engine answers")
    base = ["--build-arg", f"BASE_IMAGE={os.environ['BASE_IMAGE']}"] if "BASE_IMAGE" in os.environ else []
    subprocess.run(["docker", "build", "--platform", "linux/amd64", *base, "-t", IMAGE, "."], cwd=ROOT, check=True)
    with running(companies=10) as box:
        (tmp_path / "config.json").write_text(json.dumps(box.config()))
        done = subprocess.run(
            ["sh", "tools/image_check.sh", IMAGE, str(tmp_path / "config.json")],
            cwd=ROOT,
            env={**os.environ, "NETWORK": "host"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"records: {sum(len(box.truth(name)) for name in COLLECTIONS)}\n" in done.stdout
    [info] = json.loads(subprocess.run(["docker", "image", "inspect", IMAGE], check=True, capture_output=True).stdout)
    assert info["Size"] < 400e6
    assert info["Config"]["User"] == "airbyte"
