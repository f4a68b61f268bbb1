"""The process from outside: a signal, a reader that goes away, a disk that is full. It ends, says so, and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox, running
from testing.disturbed import STREAMS, by_key, code_in, missing, secret_forms
from testing.fork_server import ForkServer, Output, fork_server
from testing.processes import read_arguments


@pytest.fixture(scope="module")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("signals")) as found:
        yield found


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(companies=20) as box:
        yield box


def pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_read_at_once(connector: ForkServer, box: Sandbox, number: signal.Signals) -> None:
    """As a platform stops a sync. What was written is whole, and the next read goes on from it."""
    asked = threading.Semaphore(0)
    box.fault("stall", "custom_property_values", 3)  # it would take half a minute to give up
    with box.on_request(lambda request: asked.release()):
        process = connector.read(box.config(page_size=20, num_workers=2), STREAMS)
        for _ in range(12):
            assert asked.acquire(timeout=20)
    began = time.monotonic()
    process.kill(number)
    status = process.wait()

    assert status != 0
    assert time.monotonic() - began < 10
    output = process.output
    assert not output.noise
    assert not [form for form in secret_forms(box.config()) if form in process.text]
    box.clear_faults()
    following = connector.read(box.config(), STREAMS, output.states())
    assert following.wait() == 0
    for stream in STREAMS:
        held = {**by_key(output.records(stream, committed=True)), **by_key(following.output.records(stream))}
        assert not missing(box.truth(stream), held)


def test_a_closed_pipe_ends_the_read(connector: ForkServer, tmp_path: Path) -> None:
    """As when the platform's reader dies: nobody is left to tell, so the process must not stay."""
    with running(companies=400) as box:
        out = pipe(tmp_path)
        process = connector.read(box.config(page_size=1000), STREAMS, out=out)
        with out.open("rb") as reader:
            assert reader.readline()
        assert process.wait(30) == 1


def test_a_slow_reader_gets_everything(connector: ForkServer, tmp_path: Path) -> None:
    with running(companies=100) as box:
        out = pipe(tmp_path)
        process = connector.read(box.config(page_size=1000), STREAMS, out=out)
        data = b""
        with out.open("rb", buffering=0) as reader:
            while piece := reader.read(1 << 15):
                data += piece
                time.sleep(0.005)
        assert process.wait() == 0
        output = Output.of(data)
        assert not any(missing(box.truth(stream), by_key(output.records(stream))) for stream in STREAMS)


def test_a_full_disk_under_the_output_fails_the_read(connector: ForkServer, box: Sandbox) -> None:
    process = connector.read(box.config(), STREAMS, out=Path("/dev/full"))

    assert process.wait(30) == 1
    assert "[unwritable-output]" in process.text
    assert not [form for form in secret_forms(box.config()) if form in process.text]


def test_a_disk_that_fills_up_in_mid_read_fails_it_and_the_next_goes_on(connector: ForkServer, box: Sandbox) -> None:
    process = connector.read(box.config(page_size=20), STREAMS, file_size=60_000)

    assert process.wait(30) == 1
    output = process.output
    following = connector.read(box.config(), STREAMS, output.states())
    assert following.wait() == 0
    for stream in STREAMS:
        held = {**by_key(output.records(stream, committed=True)), **by_key(following.output.records(stream))}
        assert not missing(box.truth(stream), held)


def test_nothing_is_written_to_any_disk(connector: ForkServer, box: Sandbox, tmp_path: Path) -> None:
    """No file can be written, in /tmp or elsewhere, and the read is as complete."""
    out = pipe(tmp_path)
    process = connector.read(box.config(), STREAMS, out=out, file_size=0)
    output = Output.of(out.read_bytes())

    assert process.wait() == 0
    assert not any(missing(box.truth(stream), by_key(output.records(stream))) for stream in STREAMS)


# --- the program itself, imports and all: one case of each class of fault, with the real waits ------------------------------


def program(folder: Path, box: Sandbox) -> tuple[int, Output, str]:
    command = [sys.executable, "-c", "from source_syfter.run import run; run()"]
    done = subprocess.run(
        [*command, *read_arguments(folder, box.config(page_size=6, num_workers=9), STREAMS), "--debug"],
        capture_output=True,
        timeout=120,
        cwd=Path(__file__).resolve().parents[1],
    )
    return done.returncode, Output.of(done.stdout), (done.stdout + done.stderr).decode()


PASSING = ["http-503", "429-date", "reset", "truncated", "close", "gzip", "slow-body", "redirect", "short-page"]
LASTING = {
    "http-401": "wrong-credentials",
    "http-403": "not-permitted",
    "http-404": "collection-missing",
    "429-hour": "long-wait",
    "html-200": "not-json",
    "null-records": "unknown-envelope",
    "redirect-host": "redirected",
    "ignore-offset": "repeated-page",
    "echo-secrets": "request-refused",
}


def test_the_program_reads_through_what_passes(tmp_path: Path) -> None:
    with running(companies=8) as box:
        faults = [box.fault(name, stream, 1, 1) for stream, name in zip(STREAMS, PASSING, strict=True)]
        status, output, text = program(tmp_path, box)

        assert all(fault.hits == 1 for fault in faults)
        assert status == 0, text[-3000:]
        assert not any(missing(box.truth(stream), by_key(output.records(stream))) for stream in STREAMS)


def test_the_program_says_what_lasts(tmp_path: Path) -> None:
    with running(companies=8) as box:
        expected = dict(zip(STREAMS, LASTING.values(), strict=True))
        for stream, name in zip(STREAMS, LASTING, strict=True):
            box.fault(name, stream)
        status, output, text = program(tmp_path, box)

    assert status == 1
    said = {error["stream_descriptor"]["name"]: error for error in output.errors() if error.get("stream_descriptor")}
    assert {stream: code_in(error["message"]) for stream, error in said.items()} == expected
    assert {error["failure_type"] for error in output.errors()} == {"config_error", "transient_error"}
    assert not [form for form in secret_forms(box.config()) if form in text]
    assert {content["updated_at"] for content in output.states().values()} <= {"1970-01-01T00:00:00.000Z"}, "nothing is whole"
