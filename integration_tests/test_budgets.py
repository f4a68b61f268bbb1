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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def test_spec_does_without_the_cdk() -> None:
    program = (
        "import sys; from source_syfter.run import run; run(['spec']); "
        "heavy = {'airbyte_cdk', 'requests', 'jsonschema', 'pydantic', 'pandas'} & {name.split('.')[0] for name in sys.modules}; "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr


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
@pytest.mark.parametrize("tool", [FULL, INCREMENTAL], ids=["full refresh", "incremental"])
@pytest.mark.parametrize("records", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_memory_is_flat(server: Server, tool: Tool, records: int, tmp_path: Path) -> None:
    small, large = (used(server, tool, Workload(count), tmp_path).memory for count in (10_000, records))
    assert large <= small * 1.1


def test_connections_are_kept(server: Server, tmp_path: Path) -> None:
    """Also behind the guard that reads bodies in pieces: a stream reads all its pages through one connection."""
    one = used(server, INCREMENTAL, Workload(1_000, page_size=100), tmp_path)
    nine = used(server, INCREMENTAL, Workload(500, streams=9, page_size=100), tmp_path)

    assert (one.requests, one.connections) == (11, 1)
    assert (nine.requests, nine.connections) == (54, 9)
