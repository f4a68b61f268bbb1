"""What a pipeline does with the tag of `make release`, by its own scripts: on a copy, with a key made for the test.

Where a container engine and Debian's `docker-registry` are, `pytest -m image` takes in both. PROCESSORS may name more than the
engine's own, where QEMU runs their programs; BASE_IMAGE may name another base, in which `{processor}` is each.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testing import clones
from testing.dbt_warehouses import free_port

ROOT = Path(__file__).resolve().parents[1]
VERSION = "7.8.9"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
MAKE_KEY = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"]


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working tree as it is now, under git, after `make release VERSION=7.8.9`."""
    folder = clones.clone(tmp_path_factory.mktemp("clone"))
    changelog = folder / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n- A thing.\n", 1))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "somebody")
            patch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
        patch.setenv("PYTHON", sys.executable)
        for forge in ("CI_PROJECT_URL", "CI_JOB_URL", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
            patch.delenv(forge, raising=False)
        for command in (["git", "add", "-A"], ["git", "commit", "-q", "-m", "before"]):
            subprocess.run(command, cwd=folder, check=True)
        assert run(folder, sys.executable, "tools/release.py", VERSION)[0] == 0
        yield folder


@pytest.fixture
def clone(tagged: Path) -> Path:
    """That, as the tag has it."""
    subprocess.run(["git", "reset", "-q", "--hard", f"v{VERSION}"], cwd=tagged, check=True)
    subprocess.run(["git", "clean", "-qdfx"], cwd=tagged, check=True)
    return tagged


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A private key as PEM, and the file of its public half."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = folder / "key.pem", folder / "key.pub"
    subprocess.run([*MAKE_KEY, "-out", private], check=True)
    subprocess.run(["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private.read_text(), public


def run(clone: Path, *command: str | Path, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=clone, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def predicate(clone: Path) -> tuple[list[str], dict[str, Any]]:
    signed = json.loads(base64.b64decode(json.loads((clone / "dist/provenance.json").read_text())["payload"]))
    return [each["name"] for each in signed["subject"]], signed["predicate"]


def test_wheels_are_built_twice_signed_and_verified(clone: Path, keys: tuple[str, Path]) -> None:
    private, public = keys
    status, output = run(clone, ".ci/wheels")
    assert status == 0, output
    (clone / "dist/image.txt").write_text(f"registry.example/source-syfter@sha256:{'0' * 64}\n")
    status, output = run(clone, ".ci/sign", SIGNING_KEY=private, GITHUB_SERVER_URL="https://forge", GITHUB_REPOSITORY="a/b")
    assert status == 0, output
    wheels = [f"airbyte_config_tool-{VERSION}-py3-none-any.whl", f"airbyte_source_syfter-{VERSION}-py3-none-any.whl"]
    rest = ["SHA256SUMS", "SHA256SUMS.sig", "image.txt", "provenance.json"]
    assert sorted(path.name for path in (clone / "dist").iterdir()) == sorted([*wheels, *rest])
    assert "PRIVATE KEY" not in output + "".join(path.read_text(errors="replace") for path in (clone / "dist").iterdir())

    subjects, said = predicate(clone)
    assert subjects == ["registry.example/source-syfter", *wheels]
    source, base = said["buildDefinition"]["resolvedDependencies"]
    head = run(clone, "git", "rev-parse", "HEAD")[1].strip()
    assert source == {"uri": f"git+https://forge/a/b@refs/tags/v{VERSION}", "digest": {"gitCommit": head}}
    metadata = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    assert f"{base['uri']}@sha256:{base['digest']['sha256']}" == f"oci://{metadata['connectorBuildOptions']['baseImage']}"

    status, output = run(clone, ".ci/verify", "dist", public)
    assert status == 0, output
    assert f"Built from {source['uri']}" in output


@pytest.fixture(scope="module")
def signed(tagged: Path, keys: tuple[str, Path]) -> Path:
    """A release of one file."""
    dist = tagged / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    (dist / "a.whl").write_text("a wheel\n")
    (dist / "image.txt").write_text(f"registry.example/source-syfter@sha256:{'0' * 64}\n")
    assert run(tagged, ".ci/sign", SIGNING_KEY=keys[0])[0] == 0
    return Path(shutil.copytree(dist, tagged.parent / "signed"))


@pytest.mark.parametrize("what", ["nothing", "a file", "its checksum", "the image", "the provenance", "the key"])
def test_what_was_changed_does_not_verify(signed: Path, keys: tuple[str, Path], tmp_path: Path, what: str) -> None:
    dist = Path(shutil.copytree(signed, tmp_path / "dist"))
    public = keys[1]
    if what in ("a file", "its checksum"):
        (dist / "a.whl").write_text("another\n")
    if what == "the image":
        (dist / "image.txt").write_text(f"registry.example/source-syfter@sha256:{'1' * 64}\n")
    if what == "the provenance":
        envelope = json.loads((dist / "provenance.json").read_text())
        forged = base64.b64decode(envelope["payload"]).replace(b"by-hand", b"by-head")
        (dist / "provenance.json").write_text(json.dumps({**envelope, "payload": base64.b64encode(forged).decode()}))
    if what in ("its checksum", "the image", "the provenance"):
        (dist / "SHA256SUMS").write_text(run(dist, "sha256sum", "a.whl", "image.txt", "provenance.json")[1])
    if what in ("the image", "the provenance"):  # not even by somebody who has the key of the checksums
        run(dist, "openssl", "dgst", "-sha256", "-sign", public.with_suffix(".pem"), "-out", "SHA256SUMS.sig", "SHA256SUMS")
    if what == "the key":
        run(tmp_path, *MAKE_KEY, "-out", "another.pem")
        public = tmp_path / "another.pub"
        run(tmp_path, "openssl", "ec", "-in", "another.pem", "-pubout", "-out", public)
    status, output = run(ROOT, ".ci/verify", dist, public)
    assert (status == 0) == (what == "nothing"), output


@pytest.mark.parametrize("change", ["commit", "edit"])
def test_only_the_tag_is_released(clone: Path, keys: tuple[str, Path], change: str) -> None:
    (clone / "README.md").write_text("another\n")
    if change == "commit":
        run(clone, "git", "commit", "-qam", "after the tag")
    status, output = run(clone, ".ci/release", SIGNING_KEY=keys[0], IMAGE_REPOSITORY="registry.example/source-syfter")
    assert status == 1
    assert ("HEAD is not v7.8.9" if change == "commit" else "uncommitted") in output


@pytest.mark.soak
@pytest.mark.skipif(not Path(sys.prefix, "site").exists(), reason="`make test` makes the environment for this test")
def test_the_site_keeps_its_versions(clone: Path, tmp_path: Path) -> None:
    run(clone, "git", "clone", "--quiet", "--bare", clone, tmp_path / "origin")
    run(clone, "git", "remote", "add", "origin", tmp_path / "origin")
    (clone / ".venv").symlink_to(sys.prefix)
    for file in [*(clone / "requirements").iterdir(), clone / "pyproject.toml"]:
        os.utime(file, (0, 0))  # or make would install anew what is there
    for version in (VERSION, "7.9.0"):
        metadata = clone / "metadata.yaml"
        metadata.write_text(metadata.read_text().replace(f"dockerImageTag: {VERSION}", f"dockerImageTag: {version}"))
        status, output = run(clone, ".ci/site")
        assert status == 0, output
    versions = json.loads(run(tmp_path / "origin", "git", "show", "gh-pages:versions.json")[1])
    assert [(each["version"], each["aliases"]) for each in versions] == [("7.9.0", ["latest"]), (VERSION, [])]
    assert "source-syfter" in run(tmp_path / "origin", "git", "show", f"gh-pages:{VERSION}/docs/install.html")[1]


def test_both_forges_run_the_same_scripts() -> None:
    """Each script that a pipeline names is there, and each of the release's is named by both."""
    github = "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir())
    named = {
        forge: set(re.findall(r"\.ci/\w+", text))
        for forge, text in [("github", github), ("gitlab", (ROOT / ".gitlab-ci.yml").read_text())]
    }
    scripts = {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir()}
    for of_forge in named.values():
        assert of_forge <= scripts
        assert {".ci/prepare", ".ci/image", ".ci/release"} <= of_forge


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The registry of Debian, on a free port."""
    program = shutil.which("docker-registry")
    if not program or subprocess.run(["docker", "version"], capture_output=True).returncode:
        pytest.skip("no container engine answers, or docker-registry is not installed")
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\nhttp: {{addr: '{address}'}}\n"
    )
    with subprocess.Popen([program, "serve", tmp_path / "registry.yml"], stderr=subprocess.DEVNULL) as process:
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                    break
            time.sleep(0.1)
        yield address
        process.terminate()


@pytest.mark.image
@pytest.mark.timeout(1800)
def test_a_tag_becomes_an_image_in_a_registry_with_all_that_tells_of_it(
    clone: Path, keys: tuple[str, Path], registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = keys
    processors = os.environ.get("PROCESSORS") or run(clone, "docker", "version", "--format", "{{.Server.Arch}}")[1].strip()
    repository = f"{registry}/syfter/source-syfter"
    monkeypatch.setenv("IMAGE_REPOSITORY", repository)
    monkeypatch.setenv("PROCESSORS", processors)
    for processor in processors.split():
        if base := os.environ.get("BASE_IMAGE"):
            monkeypatch.setenv("IMAGE_ARGS", f"--build-arg BASE_IMAGE={base.format(processor=processor)}")
        status, output = run(clone, ".ci/image", PROCESSOR=processor)
        assert status == 0, output
    for command in ([".ci/release"], [".ci/verify", "dist", public]):
        status, output = run(clone, *command, SIGNING_KEY=private)
        assert status == 0, output

    # From the registry alone, by the digest that is signed: for each processor its own.
    image = (clone / "dist/image.txt").read_text().strip()
    assert re.fullmatch(rf"{repository}@sha256:[0-9a-f]{{64}}", image)
    for processor in processors.split():
        run(clone, "docker", "image", "rm", "-f", image, f"{repository}:{VERSION}-{processor}")
        inside = ["docker", "run", "--rm", "--platform", f"linux/{processor}", "--entrypoint"]
        assert run(clone, "docker", "pull", "-q", "--platform", f"linux/{processor}", image)[0] == 0
        said = run(clone, *inside, "/opt/source-syfter/bin/source-syfter", image, "--version")
        assert said == (0, f"source-syfter {VERSION}\n")
        assert run(clone, *inside, "uname", image, "-m")[1].strip() == MACHINES[processor]
        components = json.loads((clone / f"dist/sbom-{processor}.json").read_text())["components"]
        listed = {(each["name"].lower().replace("_", "-"), each["version"]) for each in components}
        there = packages(clone, inside, image)
        assert len(there) > 150
        assert there - listed == set()
        python = run(clone, *inside, "/usr/local/bin/python3", image, "--version")[1].split()[1]
        assert any(name.startswith("python") and version.startswith(python) for name, version in listed)


def packages(clone: Path, inside: list[str], image: str) -> set[tuple[str, ...]]:
    """Name and version of every package in an image, as its own tools say them."""
    debian = run(clone, *inside, "dpkg-query", image, "-W", "-f", "${Package} ${Version}\n")[1]
    ask = "import importlib.metadata as m; print(*(f'{d.name} {d.version}' for d in m.distributions()), sep='\\n')"
    python = [run(clone, *inside, f"{where}/bin/python3", image, "-c", ask)[1] for where in ("/opt/source-syfter", "/usr/local")]
    return {tuple(line.lower().replace("_", "-").split(" ")) for line in (debian + "".join(python)).splitlines()}
