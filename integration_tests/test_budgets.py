"""What the commands cost as processes: ratios, which depend little on the machine. docs/benchmarks.md has the seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.measure import Server, Usage, reading, run, serving
from benchmarks.tools import FULL, INCREMENTAL, Tool, Workload
from testing.rotation import rotating


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.mark.parametrize(
    ("does", "without"),
    [
        ("from source_syfter.run import run; run(['spec'])", {"airbyte_cdk", "requests", "jsonschema", "pydantic", "pandas"}),
        # What the probe shows itself with, and what no command needs.
        ("import source_syfter.entrypoint", {"rich", "pandas", "numpy"}),
    ],
    ids=["spec", "read"],
)
def test_nothing_is_imported_that_is_not_needed(does: str, without: set[str]) -> None:
    program = f"import sys; {does}; sys.exit(', '.join({without!r} & {{name.split('.')[0] for name in sys.modules}}) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr


def test_importing_the_cdk_reads_no_source(tmp_path: Path) -> None:
    """And what a traceback shows of them is there again."""
    (tmp_path / "config.json").write_text("{}")
    program = f"""
import ast, contextlib, enum, linecache
parsed, parse = [], ast.parse
ast.parse = lambda *arguments, **options: (parsed.append(arguments), parse(*arguments, **options))[1]
from source_syfter.run import run
with contextlib.suppress(BaseException):
    run(["check", "--config", {str(tmp_path / "config.json")!r}])
import airbyte_cdk.models as models
print(len([each for each in parsed if "class Airbyte" in str(each) or "class Enum" in str(each)]), end=" ")
print(bool(linecache.getline(enum.__file__, 1)), bool(linecache.getline(models.airbyte_protocol.__file__, 1)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split("\n")[-2] == "0 True True", done


def test_spec_costs_an_eighth_of_importing_the_cdk(tmp_path: Path) -> None:
    spec, cdk = [], []
    # In turn, and the least of each: what else the machine does only ever adds.
    for _ in range(3):
        for costs, command in (
            (spec, [sys.executable, "-c", "from source_syfter.run import run; run(['spec'])"]),
            (cdk, [sys.executable, "-c", "import airbyte_cdk.entrypoint"]),
        ):
            costs.append(run(command, tmp_path / "out", tmp_path / "log").cpu)
    assert min(spec) <= min(cdk) / 8


def used(server: Server, tool: Tool, workload: Workload, folder: Path) -> Usage:
    server.holds(workload.records, workload.latency)
    usage = reading(tool.command(server.host, workload, folder), server, tool.mark, folder / "out")
    assert usage.records == workload.records * workload.streams
    return usage


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tool", rotating([FULL, INCREMENTAL], 1), ids=["full refresh", "incremental"])
@pytest.mark.parametrize("records", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_memory_is_flat(server: Server, tool: Tool, records: int, tmp_path: Path) -> None:
    small, large = (used(server, tool, Workload(count), tmp_path).memory for count in (10_000, records))
    assert large <= small * 1.1


def test_connections_are_kept(server: Server, tmp_path: Path) -> None:
    """Also behind the guard that reads bodies in pieces: a stream has one for pages in their turn, and a few for others."""
    one = used(server, INCREMENTAL, Workload(1_000, page_size=100), tmp_path)
    nine = used(server, INCREMENTAL, Workload(500, streams=9, page_size=100), tmp_path)

    # Four places for requests under way.
    assert (one.requests, one.connections <= 1 + 4) == (12, True)
    assert (nine.requests, nine.connections <= 9 * (1 + 4)) == (63, True)
