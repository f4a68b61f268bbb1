"""Pages are asked for before their turn: the same records in the same order, sooner, and as politely as without."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from testing.clocks import Clock
from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import STREAMS, read

ROWS = 200


class Busy:
    """Answers after a while, and counts how many requests are under way."""

    def __init__(self, instance: Instance, seconds: float = 0.003) -> None:
        self.instance, self.seconds, self.most, self._now = instance, seconds, 0, 0
        self._lock = threading.Lock()
        self.paging = "offset"

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1

    def __call__(self, asked: Asked) -> Answer | None:
        with self._counted():
            time.sleep(self.seconds)
            if self.paging == "page":
                start = 10 * int(asked.query["page"]) - 10
                rows = self.instance.records[asked.stream]
                return Answer({"data": rows[start : start + 10], "total": len(rows)})
            return None


@pytest.fixture
def busy(instance: Instance) -> Busy:
    for name in STREAMS:
        instance.records[name] = some(ROWS)
    found = Busy(instance)
    instance.always_answers(None, found)
    return found


def given(paging: str = "offset", workers: int = 4, **more: Any) -> dict[str, Any]:
    return config(page_size=10, num_workers=workers, conventions={"paging": paging}, **more)


@pytest.mark.parametrize("paging", ["offset", "page"])
@pytest.mark.parametrize("workers", [2, 4, 10])
def test_look_ahead_reads_the_same(instance: Instance, busy: Busy, paging: str, workers: int) -> None:
    busy.paging = paging
    outcome = read(given(paging, workers), "articles")

    assert outcome.ids("articles") == list(range(1, ROWS + 1))
    assert busy.most <= workers
    assert busy.most > 1
    # As many as one after the other.
    assert len(instance.asked) == (24 if paging == "offset" else 21)


def test_places_are_shared_by_all_streams(busy: Busy) -> None:
    outcome = read(given())

    assert all(outcome.ids(stream) == list(range(1, ROWS + 1)) for stream in STREAMS)
    assert 1 < busy.most <= 4


@pytest.mark.parametrize("total", [None, 10**9, 1, 100])
def test_at_most_two_requests_go_beyond_the_end(instance: Instance, busy: Busy, total: int | None) -> None:
    def react(asked: Asked) -> Answer:
        busy(asked)
        body = instance.page(asked).body
        return Answer({"data": body["data"], **({} if total is None else {"total": total})})

    instance.always_answers("articles", react)
    outcome = read(given(), "articles", mode="full_refresh")

    assert outcome.ids("articles") == list(range(1, ROWS + 1))
    if total is None or total < ROWS:
        assert len(instance.asked) <= 24 + 2


@pytest.mark.parametrize(
    "odd",
    [
        Answer({"message": "down"}, 503),
        Answer({"data": []}, 202),
        Answer({"message": "slow down"}, 429, {"Retry-After": "1"}),
        requests.ConnectionError("reset"),
        requests.ReadTimeout("slow"),
    ],
    ids=str,
)
@pytest.mark.parametrize("paging", ["offset", "page"])
def test_what_goes_wrong_ahead_is_asked_for_again(instance: Instance, busy: Busy, paging: str, odd: Any, clock: Clock) -> None:
    busy.paging = paging
    struck = [6, 9]

    def react(asked: Asked) -> Any:
        return odd if asked.number in struck else busy(asked)

    instance.always_answers("articles", react)
    outcome = read(given(paging), "articles")

    assert outcome.ids("articles") == list(range(1, ROWS + 1))
    assert outcome.completed("articles")
    assert len(instance.asked) < 45


def test_a_wait_that_is_too_long_is_not_waited_for(instance: Instance, busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again in its turn, the page is there."""
    waits: list[float] = []
    monkeypatch.setattr(
        "source_syfter.components.lookahead.Lane.wait", lambda lane: waits.append(lane._quiet_until - time.monotonic())
    )
    hour = Answer({"message": "slow down"}, 429, {"Retry-After": "3600"})
    struck: list[int] = []

    def react(asked: Asked) -> Answer:
        if threading.current_thread().name == "look-ahead" and not struck:
            struck.append(asked.number)
            return hour
        return busy(asked)

    instance.always_answers("articles", react)
    outcome = read(given(), "articles")

    assert struck
    assert max(waits) <= 0
    assert outcome.ids("articles") == list(range(1, ROWS + 1))


def test_an_error_that_stays_is_told(instance: Instance, busy: Busy) -> None:
    instance.always_answers("articles", lambda asked: Answer({"message": "no"}, 403) if asked.number > 8 else busy(asked))
    outcome = read(given(), "articles")

    assert "[not-permitted]" in outcome.message_of("articles")


@pytest.mark.parametrize("kind", ["delete", "insert", "append", "move", "all"])
def test_nothing_is_lost_while_others_write(instance: Instance, kind: str) -> None:
    """Requests that are under way together meet the list in any order.

    What is deleted behind what is inserted can look like a record that is missing; then the read says so.
    """
    lock, whole = threading.Lock(), 0
    for seed in range(4):
        rng = random.Random(seed)
        rows = instance.records["articles"] = some(ROWS)
        throughout = {row["id"] for row in rows}
        fresh = iter(range(10**6, 10**9))

        def change(rows: Any = rows, throughout: Any = throughout, rng: Any = rng, fresh: Any = fresh) -> None:
            what = rng.choice(["delete", "insert", "append", "move"]) if kind == "all" else kind
            place = rng.randrange(len(rows))
            if what in ("delete", "move"):
                row = rows.pop(place)
                throughout.discard(row["id"])
                if what == "move":
                    rows.append(row)
            else:
                row = {"id": next(fresh), "updated_at": moment(1)}
                rows.insert(place if what == "insert" else len(rows), row)

        def react(asked: Asked, change: Any = change, rng: Any = rng) -> Answer:
            time.sleep(rng.uniform(0, 0.004))
            with lock:
                if rng.random() < 0.3:
                    change()
                answer = instance.page(asked)
                answer = Answer({"data": list(answer.body["data"]), "total": answer.body["total"]})
            time.sleep(rng.uniform(0, 0.004))
            return answer

        instance.always_answers("articles", react)
        outcome = read(given(), "articles", mode="full_refresh")

        assert outcome.completed("articles") or "[incomplete-list]" in outcome.message_of("articles"), outcome.text[-300:]
        assert throughout <= set(outcome.ids("articles")), seed
        whole += outcome.completed("articles")
    assert whole >= 3
