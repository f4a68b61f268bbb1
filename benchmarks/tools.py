"""The programs that are compared, each as a command line."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testing.processes import read_arguments

HERE = Path(__file__).resolve().parent
STREAMS = [
    "companies",
    "company-overviews",
    "company-financials",
    "company-employees",
    "articles",
    "custom-property-definitions",
    "custom-property-values",
    "datasource-priorities",
    "datasource-preferences",
]


@dataclass(frozen=True)
class Workload:
    """`records` in each of `streams` streams, `page_size` a page, each answer `latency` seconds late."""

    records: int
    latency: float = 0.0
    streams: int = 1
    page_size: int = 1000
    others: int | None = None
    """Records in each stream but `articles`; None: as many."""
    filler: int = 0
    """Bytes of a record beyond the usual 1.27 kB."""

    @property
    def total(self) -> int:
        """Records in all streams."""
        return self.records + (self.streams - 1) * (self.records if self.others is None else self.others)

    @property
    def names(self) -> list[str]:
        return STREAMS[: self.streams] if self.streams > 1 else ["articles"]


@dataclass(frozen=True)
class Tool:
    """A program, and the text that stands in each line of its output that holds a record."""

    name: str
    command: Callable[[str, Workload, Path], Sequence[str]]
    mark: bytes


def contenders() -> str:
    """The interpreter that runs what is compared with the connector; made once, from the locked requirements."""
    folder = Path(sys.prefix) / "benchmarks"
    requirements = HERE / "requirements.txt"
    stamp, wanted = folder / "made-from", hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = str(folder / "bin" / "python")
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(folder, clear=True)
        beside = str(Path(sys.executable).parent)
        uv = shutil.which("uv", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
        if uv is None:
            raise RuntimeError("uv is missing; `make venv` installs it")
        options = ["--quiet", "--python", python, "--no-deps", "--require-hashes", "-r", str(requirements)]
        certificates = {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}
        subprocess.run([uv, "pip", "install", *options], check=True, env={**os.environ, **certificates})
        stamp.write_text(wanted)
    return python


def connector(mode: str, workers: int | None = None) -> Callable[[str, Workload, Path], Sequence[str]]:
    """This connector, installed as users have it; `mode`: of the sync."""

    def command(host: str, workload: Workload, folder: Path) -> Sequence[str]:
        names = [name.replace("-", "_") for name in workload.names]
        config = configuration(host, page_size=workload.page_size, **({"num_workers": workers} if workers else {}))
        # Older than every record: each passes the filter and the cursor.
        state = {name: {"updated_at": "2025-01-01T00:00:00.000Z"} for name in names}
        return [executable("source-syfter"), *read_arguments(folder, config, names, state, mode)]

    return command


def contender(program: str, *options: str) -> Callable[[str, Workload, Path], Sequence[str]]:
    """A program of `contenders/`; its output goes below `folder / "out"`."""

    def command(host: str, workload: Workload, folder: Path) -> Sequence[str]:
        place = [] if program == "with_singer" else [str(folder / "out" / "rows")]
        return [
            contenders(),
            str(HERE / "contenders" / f"{program}.py"),
            *(host, str(workload.page_size)),
            *place,
            *options,
            *workload.names,
        ]

    return command


FLOOR = Tool("requests and orjson, a loop (floor)", contender("floor"), b'"id":')
FULL = Tool("this connector, full refresh", connector("full_refresh"), b'"RECORD"')
INCREMENTAL = Tool("this connector, incremental", connector("incremental"), b'"RECORD"')
INCREMENTAL_10 = Tool("this connector, incremental, 10 workers", connector("incremental", 10), b'"RECORD"')
DLT = Tool("dlt, whole run", contender("with_dlt", "full"), b'"id":')
DLT_INCREMENTAL = Tool("dlt, whole run, incremental", contender("with_dlt", "incremental"), b'"id":')
SINGER = Tool("singer-sdk tap, incremental", contender("with_singer"), b'"type":"RECORD"')


def release(program: str, mode: str, workers: int | None = None) -> Tool:
    """An earlier release of this connector, by the path of its program."""
    own = connector(mode, workers)

    def command(host: str, workload: Workload, folder: Path) -> Sequence[str]:
        return [program, *own(host, workload, folder)[1:]]

    return Tool(earlier(mode, workers), command, b'"RECORD"')


def earlier(mode: str, workers: int | None = None) -> str:
    """What a run of the earlier release is called."""
    return f"the earlier release, {mode.replace('_', ' ')}" + (f", {workers} workers" if workers else "")


def executable(name: str) -> str:
    """A program of the environment that holds what the image does (Makefile): tools of development cost imports of their own."""
    return str(Path(sys.prefix) / "runtime" / "bin" / name)


def configuration(host: str, **options: object) -> dict[str, object]:
    return {"host": host, "credentials": {"auth_type": "api_key", "api_key": "benchmark"}, **options}
