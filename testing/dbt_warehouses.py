"""Real warehouses for the tests of the dbt package and of the dlt bridge, and a way to run dbt on a copy of its test project.

Every server is a fresh one on a free loopback port, run by a user without rights and gone with the test. Time zones and
collations are set to what breaks careless SQL: zones far from UTC, and case-insensitive order.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import psycopg2  # type: ignore[import-untyped]
import pymysql  # type: ignore[import-untyped]
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dbt"
FAR_FROM_UTC = "Australia/Sydney"


# --- servers --------------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    port: int
    user: str = "syfter"
    password: str = ""
    database: str = "syfter"
    environment: dict[str, str] = field(default_factory=dict)


def missing(what: str, package: str) -> NoReturn:
    """On a developer's machine a test may be skipped; in CI never."""
    message = f"{what} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def program(name: str, package: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or missing(name, package)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_rights() -> dict[str, Any]:
    """Database servers refuse to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def server_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="syfter-test-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(command: Sequence[str | Path], folder: Path, ready: Sequence[str | Path]) -> Iterator[None]:
    """Runs a server until the block ends; the block starts when the command `ready` succeeds."""
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **without_rights())
        try:
            deadline = time.monotonic() + 60
            while subprocess.run(ready, capture_output=True, check=False).returncode != 0:
                assert process.poll() is None, (folder / "server.log").read_text()
                assert time.monotonic() < deadline, (folder / "server.log").read_text()
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextmanager
def postgres() -> Iterator[Server]:
    # Debian keeps the server's programs off the path.
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: int(home.parent.name))
    programs = homes[-1] if homes else Path(program("initdb", "postgresql")).parent
    with server_folder() as folder:
        data = folder / "data"
        # An ICU locale sorts alpha before Zeta, as a user's database may; "C" would hide a forgotten collation.
        create: list[str | Path] = [programs / "initdb", "-D", data, "-U", "syfter", "-A", "trust", "-E", "UTF8", "--no-sync"]
        create += ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        subprocess.run(create, cwd=folder, check=True, capture_output=True, **without_rights())
        server = Server(free_port())
        settings = {"listen_addresses": "127.0.0.1", "fsync": "off", "timezone": FAR_FROM_UTC}
        command: list[str | Path] = [programs / "postgres", "-D", data, "-p", str(server.port), "-k", folder]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        login = ["-h", "127.0.0.1", "-p", str(server.port), "-U", "syfter"]
        with serving(command, folder, ready=[programs / "pg_isready", *login]):
            subprocess.run([programs / "createdb", *login, "syfter"], check=True)
            yield server


@contextmanager
def mariadb() -> Iterator[Server]:
    daemon, installer, client = (program(name, "mariadb-server") for name in ("mariadbd", "mariadb-install-db", "mariadb"))
    with server_folder() as folder:
        create = [installer, "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal"]
        subprocess.run([*create, "--skip-test-db"], cwd=folder, check=True, capture_output=True, **without_rights())
        server = Server(free_port(), password="only-for-this-test")
        files = [f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--tmpdir={folder}"]
        settings = ["--bind-address=127.0.0.1", f"--port={server.port}", "--default-time-zone=+10:00"]
        settings += [
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_general_ci",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        as_root = [client, "--no-defaults", f"--socket={folder}/socket", "--user=root", "--execute"]
        with serving([daemon, "--no-defaults", *files, *settings], folder, ready=[*as_root, "select 1"]):
            create_user = (
                "create database syfter;"
                f"create user syfter@'127.0.0.1' identified by '{server.password}'; grant all on *.* to syfter@'127.0.0.1';"
                f"create user syfter@localhost identified by '{server.password}'; grant all on *.* to syfter@localhost;"
            )
            subprocess.run([*as_root, create_user], check=True)
            yield server


# --- dbt ------------------------------------------------------------------------------------------------------------------

EVERYTHING = ("seed --full-refresh", "run", "test")

# Several commands in one process: importing dbt takes longer than most of them.
RUNNER = """
import json, sys
from dbt.cli.main import dbtRunner
runner = dbtRunner()
ended = 0
for command in json.load(sys.stdin):
    print("$ dbt", " ".join(command), flush=True)
    result = runner.invoke(command)
    if result.exception is not None:
        print(result.exception, flush=True)
    if not result.success:
        ended = 1
        if "--keep-going" not in sys.argv:
            break
sys.exit(ended)
"""


def python_with_dbt(adapter: str) -> Path:
    if adapter != "mariadb":
        return Path(sys.executable)
    dbt = Path(os.environ.get("SYFTER_DBT_MYSQL", ROOT / ".venv-mysql/bin/dbt"))
    if not dbt.exists():
        missing("dbt-mysql, in the environment that `make test-mysql` makes,", "mariadb-server")
    return dbt.parent / "python"


@dataclass
class Outcome:
    ok: bool
    output: str
    results: dict[str, str]
    """Name of the node -> status, of the last command."""

    def failed(self) -> list[str]:
        return sorted(name for name, status in self.results.items() if status not in ("success", "pass", "no-op"))


@dataclass
class Project:
    """A copy of the dbt package with its test project, on one adapter."""

    folder: Path
    adapter: str
    server: Server | None = None

    @classmethod
    def copy(cls, folder: Path, adapter: str, server: Server | None = None) -> Project:
        leave_out = shutil.ignore_patterns("target", "logs", "dbt_packages", "*.duckdb*", "package-lock.yml", ".user.yml")
        shutil.copytree(PACKAGE, folder / "dbt", ignore=leave_out)
        project = cls(folder / "dbt/integration_tests", adapter, server)
        # What `dbt deps` makes of a local package, without the seconds that it takes; test_demo.py runs it for real.
        (project.folder / "dbt_packages").mkdir()
        (project.folder / "dbt_packages/syfter").symlink_to("../..")
        return project

    @property
    def package(self) -> Path:
        return self.folder.parent

    @property
    def duckdb(self) -> Path:
        return self.folder / "integration_tests.duckdb"

    def environment(self) -> dict[str, str]:
        values = {
            **os.environ,
            "TZ": FAR_FROM_UTC,
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_USE_COLORS": "false",
            "DBT_PROFILES_DIR": ".",
            "DBT_TARGET": self.adapter,
            "PYTHONWARNINGS": "ignore",
            # The same in each copy: with another one dbt parses the project anew.
            "SYFTER_DUCKDB_PATH": self.duckdb.name,
        }
        values.pop("PYTHONPATH", None)
        if self.server is not None:
            values |= {"SYFTER_DB_PORT": str(self.server.port), "DBT_ENV_SECRET_SYFTER_DB_PASSWORD": self.server.password}
        return values

    def dbt(self, *commands: str | list[str], variables: dict[str, Any] | None = None, keep_going: bool = False) -> Outcome:
        """Runs commands in one process, until one fails or, with `keep_going`, all of them. Variables count for each."""
        options = ["--vars", json.dumps(variables)] if variables else []
        targeted = ("seed", "run", "test", "build", "source", "docs", "compile", "run-operation")
        words = [command.split() if isinstance(command, str) else command for command in commands]
        lines = [
            line + options + (["--target", self.adapter] if line[0] in targeted and "--target" not in line else [])
            for line in words
        ]
        done = subprocess.run(
            [python_with_dbt(self.adapter), "-c", RUNNER, *(["--keep-going"] if keep_going else [])],
            input=json.dumps(lines), cwd=self.folder, env=self.environment(), text=True, capture_output=True, check=False,
        )  # fmt: skip
        file = self.folder / "target/run_results.json"
        results = json.loads(file.read_text())["results"] if file.exists() else []
        statuses = {result["unique_id"].split(".")[2]: result["status"] for result in results}
        return Outcome(done.returncode == 0, done.stdout + done.stderr, statuses)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement on the warehouse, by its own client, and gives the rows that it has."""
        if self.server is None:
            with duckdb.connect(str(self.duckdb)) as database:
                return database.execute(statement).fetchall()
        login: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": self.server.user,
            "password": self.server.password,
        }
        client = psycopg2 if self.adapter == "postgres" else pymysql
        connection = client.connect(**login, database=self.server.database)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
        return rows

    def everything(self) -> Outcome:
        return self.dbt(*EVERYTHING)

    def seed_file(self, name: str) -> Path:
        return next(self.folder.glob(f"seeds/*/{name}.csv"))

    def rows(self, seed: str) -> list[dict[str, str]]:
        with open(self.seed_file(seed), newline="") as file:
            return list(csv.DictReader(file))

    def write_seed(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Replaces the rows of a seed; columns that a row lacks are null."""
        file = self.seed_file(name)
        with open(file, newline="") as old:
            columns = next(csv.reader(old))
        with open(file, "w", newline="") as new:
            writer = csv.DictWriter(new, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.package / file
        text = path.read_text()
        assert old in text, f"{file} no longer has: {old}"
        path.write_text(text.replace(old, new))


def manifest(project: Project) -> dict[str, Any]:
    return dict(json.loads((project.folder / "target/manifest.json").read_text()))


def found_counts(output: str) -> dict[str, int]:
    """`Found 22 models, 91 data tests, ...` as a mapping."""
    line = re.findall(r"Found (.*)", output)[-1]
    return {name.replace("data ", ""): int(number) for number, name in re.findall(r"(\d+) ([a-z ]+)", line)}
