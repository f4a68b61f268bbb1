"""From the connector into a DuckDB file, through PyAirbyte.

PyAirbyte runs our own executable (`local_executable`). Its other way, `source_manifest`, forgets the saved state in this
version, and every run would read everything again.
"""

from __future__ import annotations

import json
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from demo.screen import PhaseError
from source_syfter.fieldtypes import SEEN
from syfter_dlt.connector import EXECUTABLE

SCHEMA = "syfter"


@dataclass(frozen=True)
class StreamRead:
    """What one read did for one stream."""

    records: int
    seconds: float


class Sync:
    """Reads an instance into a DuckDB file, as often as asked; each read goes on where the last one ended."""

    def __init__(self, config: dict[str, Any], database: Path, work: Path) -> None:
        if database.stem == SCHEMA:
            raise PhaseError(f'DuckDB cannot keep a schema "{SCHEMA}" in a file of that name. Name the file otherwise.')
        self._config = config
        self._database = database
        self._work = work
        self._logs = work / "logs"
        self._source: Any = None

    def streams(self) -> list[str]:
        """Runs the connector's `discover`: the names of the streams."""
        with self._captured():
            self._source = load(self._work)[0].get_source(
                "source-syfter", local_executable=EXECUTABLE, config=self._config, install_if_missing=False
            )
            return list(self._source.get_available_streams())

    def own_fields(self) -> dict[str, list[str]]:
        """By stream, the fields that the connector found in the records and that its schema does not know."""
        found = {stream.name: stream.json_schema["properties"] for stream in self._source.discovered_catalog.streams}
        return {
            stream: [name for name, field in fields.items() if field.get("description") == SEEN]
            for stream, fields in found.items()
        }

    def read(self, streams: list[str], progress: Callable[[str], None]) -> dict[str, StreamRead]:
        """Reads the streams; `progress` is told what has arrived meanwhile."""
        cache = None
        with self._captured(), self._watched(progress):
            try:
                cache = load(self._work)[1].DuckDBCache(db_path=self._database, schema_name=SCHEMA)
                self._source.select_streams(streams)
                self._source.read(cache, skip_validation=True)  # `check` has seen this config
            finally:
                if cache:
                    cache.get_sql_engine().dispose()  # DuckDB lets one process write at a time, and dbt comes next
        return self._last_stats(streams)

    @contextmanager
    def _captured(self) -> Iterator[None]:
        """What PyAirbyte prints goes to a file: it is long and says little that is not shown here. Its errors become ours."""
        self._work.mkdir(parents=True, exist_ok=True)
        with open(self._work / "pyairbyte.log", "a") as log, redirect_stdout(log), redirect_stderr(log):
            try:
                yield
            except Exception as error:
                raise PhaseError(self._reason(error)) from error

    @contextmanager
    def _watched(self, progress: Callable[[str], None]) -> Iterator[None]:
        """Tells `progress` what the connector's log says, as it is written."""
        done = threading.Event()
        known = sum(file.stat().st_size for file in self._logs.glob("source-syfter/*.log"))

        def follow() -> None:
            while not done.wait(0.2):
                text = "".join(file.read_text(errors="replace") for file in sorted(self._logs.glob("source-syfter/*.log")))[
                    known:
                ]
                read = re.findall(r"Read (\d+) records from (\w+) stream", text)
                if "Finished syncing\n" in text:
                    progress(f"{sum(int(count) for count, _ in read):,} records read, writing them to DuckDB")
                elif read:
                    progress(f"{len(read)} streams read, last {read[-1][1]}: {int(read[-1][0]):,} records")

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            done.set()
            follower.join()

    def _last_stats(self, streams: list[str]) -> dict[str, StreamRead]:
        """PyAirbyte's own count of the read that has just ended."""
        last = json.loads((self._logs / "airbyte-stats.log").read_text().splitlines()[-1])["performance_metrics"][
            "stream_metrics"
        ]
        return {
            name: StreamRead(last.get(name, {}).get("records_read", 0), last.get(name, {}).get("read_time_seconds", 0.0))
            for name in streams
        }

    def _reason(self, error: Exception) -> str:
        """The connector's own words, if it gave any, else PyAirbyte's."""
        logs = sorted(self._logs.glob("source-syfter/*.log"))
        said = re.findall(r" - (?:ERROR|FATAL) - (.+)", logs[-1].read_text(errors="replace")) if logs else []
        reason = str(getattr(error, "connector_name", "") and getattr(error, "message", "")) or str(error).strip().splitlines()[0]
        if said:
            reason = f"{reason}\n{said[-1]}"
        return f"{reason}\nAll details: {logs[-1] if logs else self._work / 'pyairbyte.log'}"


_loading = threading.Lock()


def load(work: Path) -> tuple[Any, Any]:
    """Imports PyAirbyte, which takes seconds. All that it writes is kept inside `work`, and it sends nothing anywhere."""
    with _loading:
        folders = {
            "AIRBYTE_PROJECT_DIR": work,
            "AIRBYTE_INSTALL_DIR": work,
            "AIRBYTE_CACHE_ROOT": work / "cache",
            "AIRBYTE_TEMP_DIR": work / "tmp",
            "AIRBYTE_LOGGING_ROOT": work / "logs",
        }
        for name, folder in folders.items():
            folder.mkdir(parents=True, exist_ok=True)
            os.environ[name] = str(folder)
        os.environ["AIRBYTE_OFFLINE_MODE"] = "1"  # no look-up in a registry, and no usage report
        os.environ["DO_NOT_TRACK"] = "1"
        os.environ["NO_LIVE_PROGRESS"] = "1"  # ours is shown instead
        warnings.simplefilter("ignore", FutureWarning)  # Google's libraries on the age of the Python version
        import airbyte
        from airbyte import caches

        return airbyte, caches


def tables(database: Path) -> set[str]:
    """Names of the tables that hold what was read."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [SCHEMA]).fetchall()
    return {name for (name,) in found}


def row_counts(database: Path, streams: list[str]) -> dict[str, int]:
    """Rows in each stream's table."""
    there = tables(database)
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name: connection.table(f'"{SCHEMA}"."{name}"').shape[0] if name in there else 0 for name in streams}
