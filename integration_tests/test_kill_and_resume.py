"""A read that is killed at any page loses nothing: the next goes on from the last state written, and the union is the truth."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure import serving
from benchmarks.tools import configuration
from sandbox import RecordedRequest, Sandbox, running
from testing.disturbed import STREAMS, by_key, missing
from testing.fork_server import ForkServer, Json, Process, fork_server

PAGE_SIZE = 2


@pytest.fixture(scope="module")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("killed")) as found:
        yield found


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def killed_at(
    connector: ForkServer, box: Sandbox, request: int, config: Json, state: dict[str, Json], delay: float = 0.0
) -> Process:
    """A read that SIGKILL ends when it asks for the `request`th page in all, or `delay` seconds after that."""
    started: dict[str, Process] = {}
    ready = threading.Event()
    asked = 0

    def hook(recorded: RecordedRequest) -> None:
        nonlocal asked
        asked += 1
        if asked == request:
            ready.wait(10)
            if delay:
                threading.Timer(delay, started["it"].kill).start()
            else:
                started["it"].kill()

    with box.on_request(hook):
        started["it"] = connector.read(config, STREAMS, state)
        ready.set()
        status = started["it"].wait()
    # With a delay, or with fewer pages than that, it may have been through already.
    assert status == -signal.SIGKILL or (status == 0 and (delay or asked < request)), started["it"].text
    return started["it"]


def survives(connector: ForkServer, box: Sandbox, kills: list[tuple[int, float]], rng: random.Random) -> list[str]:
    """Kills one read after the other, each going on from the last state, changes data between them, and reads to the end.

    Returns what is missing. Held is the least that a destination keeps: what a state follows.
    """
    config = box.config(page_size=PAGE_SIZE, num_workers=2)
    held: dict[str, dict[Any, Json]] = {stream: {} for stream in STREAMS}
    state: dict[str, Json] = {}

    def take(process: Process) -> None:
        output = process.output
        assert not output.noise
        for stream in STREAMS:
            if "position" in state.get(stream, {}):
                # Beside what was changed in between.
                again = held[stream].keys() & by_key(output.records(stream)).keys()
                assert len(again) <= 2 * PAGE_SIZE + 2, f"{stream}: {sorted(again)} were read again"
            held[stream] |= by_key(output.records(stream, committed=True))
        for stream, content in output.states().items():
            before = state.get(stream, {}).get("updated_at", "")
            assert content.get("updated_at", "") >= before, f"{stream}: the state went back"
            assert len(str(content)) < 1000, "the state is small"
        state.update(output.states())

    for request, delay in kills:
        take(killed_at(connector, box, request, config, state, delay))
        for stream in STREAMS:
            row = rng.choice(box.truth(stream))
            box.upsert(stream, {"id": row["id"], "updated_at": now()})
            box.upsert(stream, {"updated_at": now(), "created_at": now()})
    # The first goes on where the last one ended; what changed behind it comes with the second.
    for _ in range(2):
        final = connector.read(config, STREAMS, state)
        assert final.wait() == 0, final.text
        take(final)
    return [f"{stream}: {lost}" for stream in STREAMS if (lost := missing(box.truth(stream), held[stream]))]


def test_a_long_read_is_not_begun_anew(connector: ForkServer) -> None:
    """Killed at nine tenths: what a state follows is not read again, but for two pages, and nothing is lost."""
    stream, size = "custom_property_values", 10
    with running(companies=60) as box:
        truth = box.truth(stream)
        pages = -(-len(truth) // (size - 1))
        assert pages > 30
        started: list[Process] = []
        asked = 0

        def hook(recorded: RecordedRequest) -> None:
            nonlocal asked
            asked += 1
            if asked == pages * 9 // 10:
                started[0].kill()

        config = box.config(page_size=size)
        with box.on_request(hook):
            started.append(connector.read(config, [stream], {}))
            assert started[0].wait() == -signal.SIGKILL
        first = started[0].output
        kept = by_key(first.records(stream, committed=True))
        second = connector.read(config, [stream], first.states())
        assert second.wait() == 0, second.text

    rest = by_key(second.output.records(stream))
    assert "position" in first.states()[stream]
    assert len(kept) > len(truth) * 0.6
    assert len(kept.keys() & rest.keys()) <= 2 * size
    assert not missing(truth, {**kept, **rest})
    assert "position" not in second.output.states()[stream]


def pages_of_a_read(connector: ForkServer) -> int:
    with running(companies=2) as box:
        whole = connector.read(box.config(page_size=PAGE_SIZE, num_workers=2), STREAMS)
        assert whole.wait() == 0, whole.text
        return len(box.requests)


def test_killed_at_pages_spread_over_a_read(connector: ForkServer) -> None:
    pages = pages_of_a_read(connector)
    assert pages > 3 * len(STREAMS)
    for request in range(2, pages + 1, pages // 4):
        with running(companies=2) as box:
            assert not survives(connector, box, [(request, 0.0)], random.Random(request)), f"killed at request {request}"


def test_killed_again_and_again(connector: ForkServer) -> None:
    rng = random.Random(4)
    with running(companies=2) as box:
        assert not survives(connector, box, [(rng.randrange(3, 30), rng.choice([0.0, 0.003, 0.01])) for _ in range(8)], rng)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(6))
def test_killed_at_every_page(connector: ForkServer, seed: int, record_property: Any) -> None:
    """With `seed` 0 at the request itself, else up to 20 ms later: in the middle of an answer, of a line, of a state."""
    rng = random.Random(seed)
    pages = pages_of_a_read(connector)
    began, wrong, kills = time.monotonic(), [], 0
    for request in range(1, pages + 1):
        with running(companies=2, seed=seed + 1) as box:
            first = (request, rng.random() / 50 if seed else 0.0)
            second = (rng.randrange(1, pages + 1), rng.random() / 50)
            kills += 2
            wrong += [f"killed at {first} and {second}: {lost}" for lost in survives(connector, box, [first, second], rng)]
    record_property("kills", kills)
    print(f"seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, {len(wrong)} with losses")
    assert not wrong, "\n".join(wrong)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", [100, 1000])
def test_a_hundred_kills_at_random_moments(connector: ForkServer, size: int) -> None:
    """With pages asked ahead: what a state follows is read again for two pages at most, or 2 %, and nothing is lost."""
    records, kills, again = 200 * size, 0, list[int]()
    rng = random.Random(size)
    with serving() as server:
        server.holds(records, 0.005)
        config = configuration(server.host, page_size=size)
        while kills < 100:
            held, state = set[int](), dict[str, Json]()
            status = 1
            while status:
                process = connector.read(config, ["articles"], state)
                timer = threading.Timer(rng.uniform(0.1, 4 * size / 1000 + 0.6), process.kill)
                timer.start()
                status = process.wait()
                timer.cancel()
                assert status in (0, -signal.SIGKILL), process.text
                output = process.output
                again.append(len(held & {row["id"] for row in output.records("articles")}))
                held |= {row["id"] for row in output.records("articles", committed=True)}
                state |= output.states()
                assert len(str(state)) < 1000
                kills += status != 0
            assert len(held) == records
    print(
        f"{size} a page: {kills} kills, {max(again)} of {records} records read twice at most, {sum(again) / kills:.0f} on average"
    )
    assert max(again) <= max(2 * size, records // 50)


def test_what_stands_behind_the_last_line_break_does_not_count(tmp_path: Path) -> None:
    from testing.fork_server import Output

    assert Output.of(b'{"type":"LOG"}\n{"type":"STA').messages == [{"type": "LOG"}]
