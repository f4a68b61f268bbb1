"""docs/gitlab.md, against a local git server over http that asks for a user and a token, as a private GitLab does.

The token is in the environment and nowhere else: after the installation no file has it.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from testing.clones import clone
from testing.dbt_warehouses import PACKAGE, ROOT
from testing.rotation import every_other_day, rotating

# dbt takes seconds to start, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(900)

TOKEN = "glpat-not-a-real-token-0123"
USER = "token"


class GitOverHttp(BaseHTTPRequestHandler):
    """Git's own http server program, behind basic auth."""

    protocol_version = "HTTP/1.1"
    root: Path
    refused = 0

    def do_GET(self) -> None:
        self.serve(b"")

    def do_POST(self) -> None:
        self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self, body: bytes) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            type(self).refused += 1
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="GitLab"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": USER,
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        answer = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class GitLab:
    address: str
    """Host and port."""


def git(*arguments: str | Path, cwd: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def gitlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitLab]:
    """A private project `data/airbyte-source-syfter` with what this folder holds under version control, tagged v1."""
    root = tmp_path_factory.mktemp("gitlab")
    work = root / "work"
    clone(work, "dbt", "source_syfter", "syfter_dlt", "pyproject.toml", "README.md", "LICENSE")
    git("add", ".", cwd=work)
    git("commit", "-m", "release", cwd=work)
    git("tag", "v1", cwd=work)
    git("clone", "--bare", str(work), str(root / "data/airbyte-source-syfter.git"), cwd=root)
    GitOverHttp.root, GitOverHttp.refused = root, 0
    with ThreadingHTTPServer(("127.0.0.1", 0), GitOverHttp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield GitLab(f"127.0.0.1:{server.server_port}")
        server.shutdown()


def environment(home: Path, **more: str) -> dict[str, str]:
    # No helper of the machine may answer for the user, and none may ask.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "HOME": str(home), "PATH": path, "DO_NOT_TRACK": "1", **quiet, **more}


def files_with_the_token(folder: Path) -> list[Path]:
    secrets = [TOKEN.encode(), base64.b64encode(f"{USER}:{TOKEN}".encode())]
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    return [file for file in files if any(secret in file.read_bytes() for secret in secrets)]


@pytest.fixture
def dbt_project(tmp_path: Path, gitlab: GitLab) -> Path:
    """A project of the user's own, as docs/gitlab.md says."""
    project = tmp_path / "analytics"
    project.mkdir()
    (project / "dbt_project.yml").write_text("name: analytics\nversion: '1.0'\nconfig-version: 2\nprofile: analytics\n")
    (project / "profiles.yml").write_text(
        "analytics: {target: dev, outputs: {dev: {type: duckdb, path: analytics.duckdb, schema: marts}}}\n"
    )
    recipe = (ROOT / "docs/gitlab.md").read_text().split("```yaml\n")[1].split("```")[0]
    assert "https://" in recipe
    recipe = recipe.replace("https://", "http://").replace("gitlab.example.com", gitlab.address)
    (project / "packages.yml").write_text(recipe)
    return project


@every_other_day(True)
def test_the_dbt_package_installs_and_the_token_stays_in_memory(dbt_project: Path, tmp_path: Path) -> None:
    settings = environment(tmp_path, DBT_ENV_SECRET_GIT_TOKEN=TOKEN, TMPDIR=str(tmp_path))
    command = ["dbt", "--debug", "deps", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=dbt_project, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (dbt_project / "dbt_packages/syfter/models/marts/syfter__company_financials.sql").exists()
    assert TOKEN not in done.stdout + done.stderr
    assert "*****" in done.stdout
    assert files_with_the_token(tmp_path) == []
    listed = subprocess.run(
        ["dbt", "ls", "--profiles-dir", ".", "--quiet", "--resource-type", "model", "--select", "package:syfter",
         "--vars", "syfter_incremental: true"],
        cwd=dbt_project, env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert len(listed.stdout.split()) == len(list(PACKAGE.glob("models/**/*.sql"))), listed.stdout + listed.stderr


@pytest.mark.parametrize("token", rotating(["", "wrong"], 1))
def test_without_the_right_token_nothing_is_installed(dbt_project: Path, tmp_path: Path, token: str) -> None:
    settings = environment(tmp_path, DBT_ENV_SECRET_GIT_TOKEN=token)
    command = ["dbt", "deps", "--profiles-dir", "."]
    done = subprocess.run(command, cwd=dbt_project, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert not (dbt_project / "dbt_packages/syfter").exists()


def test_the_connector_installs_and_the_token_stays_in_memory(gitlab: GitLab, tmp_path: Path) -> None:
    recipe = (ROOT / "docs/gitlab.md").read_text().split("```text\n")[1].split("```")[0]
    recipe = recipe.replace("https://", "http://").replace("gitlab.example.com", gitlab.address)
    (tmp_path / "requirements.txt").write_text(recipe)
    commands = (ROOT / "docs/gitlab.md").read_text().split("```sh\n")[2].split("```")[0]
    commands = commands.replace("https://", "http://").replace("gitlab.example.com", gitlab.address)
    # What it builds with and depends on is installed already: the test needs no package index.
    commands = commands.replace(
        "pip install", f"{sys.executable} -m pip install --no-deps --no-build-isolation --target installed"
    )
    settings = environment(tmp_path, GIT_TOKEN=TOKEN, TMPDIR=str(tmp_path), PIP_NO_CACHE_DIR="1")
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "installed/source_syfter/manifest.yaml").exists()
    assert TOKEN not in done.stdout + done.stderr
    assert files_with_the_token(tmp_path) == []
