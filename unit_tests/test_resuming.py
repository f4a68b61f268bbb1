"""A read that is cut off goes on near where it was, and nothing is missing afterwards."""

from __future__ import annotations

import json
import random
import re
import threading
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from source_syfter import timestamps
from source_syfter.components import positions
from source_syfter.timestamps import parse
from testing.fuzzing import costly
from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import Json, Outcome, read

ROWS = 95


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A position after each second page."""
    monkeypatch.setattr(positions, "_PAGES", 2)


def by_token(instance: Instance, asked: Asked) -> Answer:
    """Pages by number or by the last record's key."""
    rows, size, query = instance.records["articles"], 10, asked.query
    if "page" in query:
        start = max(0, int(query["page"]) * size - size)
    else:
        # What is no key is passed over, as some servers do.
        token = query.get("cursor", "")
        last = int(token) if re.fullmatch(r"-?\d+", token) else 0
        start = next((place for place, row in enumerate(rows) if row["id"] > last), len(rows))
    return Answer({"data": rows[start : start + size], "total": len(rows)})


def attempt(
    instance: Instance,
    fails_at: int | None,
    state: Any = None,
    paging: str = "offset",
    mode: str = "incremental",
    refuses: int | None = None,
) -> Outcome:
    """A read that is cut off by its `fails_at`th request, or of which the first page is refused with the status `refuses`."""
    instance._count.clear()
    refused: list[int] = []

    def react(asked: Asked) -> Answer | None:
        # A page that is asked for ahead would be asked for again.
        if refuses and not refused and threading.current_thread().name != "look-ahead":
            refused.append(asked.number)
            return Answer({"message": "no such place"}, refuses)
        if fails_at and asked.number >= fails_at:
            return Answer({"message": "no"}, 403)
        return None if paging == "offset" else by_token(instance, asked)

    instance.always_answers("articles", react)
    given = config(page_size=10, conventions={"paging": paging}, lookback_window_minutes=0)
    return read(given, "articles", state={"articles": state} if state else None, mode=mode)


def state_of(outcome: Outcome) -> Json:
    return outcome.states["articles"][-1]


@pytest.fixture
def listing(instance: Instance) -> Instance:
    instance.records["articles"] = some(ROWS)
    return instance


@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
def test_a_read_that_is_cut_off_goes_on_near_where_it_was(listing: Instance, paging: str) -> None:
    first = attempt(listing, 8, paging=paging)
    second = attempt(listing, None, state_of(first), paging=paging)

    assert set(first.ids("articles")) | set(second.ids("articles")) == set(range(1, ROWS + 1))
    # Two pages are read twice at most, and the two that came after the last position.
    assert len(first.ids("articles")) + len(second.ids("articles")) <= ROWS + 20
    assert second.completed("articles")
    assert state_of(second) == {"updated_at": moment(ROWS)}


def test_the_last_state_of_a_stream_that_failed_holds_the_position(listing: Instance) -> None:
    before = {"updated_at": moment(5)}
    outcome = attempt(listing, 8, before)

    assert state_of(outcome)["updated_at"] == moment(5)
    assert state_of(outcome)["position"]["cursor"] == moment(5)
    assert "updated_at" not in state_of(attempt(listing, 8)), "a first read has none"
    for state in outcome.states["articles"]:
        assert len(json.dumps(state)) < 1000
        assert "row" not in json.dumps(state)


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
def test_several_attempts_in_a_row(listing: Instance, paging: str, mode: str) -> None:
    state, found, emitted = None, set[int](), 0
    for fails_at in (4, 5, 3, 3, None):
        outcome = attempt(listing, fails_at, state, paging, mode)
        found |= set(outcome.ids("articles"))
        emitted += len(outcome.ids("articles"))
        state = state_of(outcome)

    assert found == set(range(1, ROWS + 1))
    assert emitted < 2 * ROWS
    assert outcome.completed("articles")
    assert "position" not in state_of(outcome)


def change(rows: list[Json], kind: str, seed: int) -> None:
    """What others do to a list between two attempts."""
    rng = random.Random(seed)
    for _ in range(rng.randrange(1, 40)):
        if kind == "delete":
            rows.pop(rng.randrange(len(rows)))
        elif kind == "insert":
            # Keys between the others.
            rows.insert(rng.randrange(len(rows)), {"id": rng.randrange(10**6, 10**9), "updated_at": moment(1)})
        else:
            rows.append({"id": len(rows) + 10**6, "updated_at": moment(1)})


@pytest.mark.parametrize("kind", ["delete", "insert", "append"])
@pytest.mark.parametrize("paging", ["offset", "page"])
def test_changes_between_two_attempts_hide_nothing(listing: Instance, paging: str, kind: str) -> None:
    for seed in range(12):
        listing.records["articles"] = some(ROWS)
        first = attempt(listing, 3 + seed % 6, paging=paging)
        change(listing.records["articles"], kind, seed)
        second = attempt(listing, None, state_of(first), paging=paging)

        there = {row["id"] for row in listing.records["articles"] if row["id"] <= ROWS}
        assert second.completed("articles"), (seed, second.text[-400:])
        assert there <= set(first.ids("articles")) | set(second.ids("articles")), seed


def test_a_list_that_was_replaced_is_read_from_its_beginning(listing: Instance) -> None:
    first = attempt(listing, 8)
    listing.records["articles"] = some(60, start=1000)
    second = attempt(listing, None, state_of(first))

    assert set(second.ids("articles")) == set(range(1000, 1060))
    assert "read from its beginning" in second.log


def test_the_state_does_not_pass_the_beginning_of_the_first_attempt(listing: Instance) -> None:
    """What was read before it was cut off may have changed since."""
    began = parse("2026-01-01T00:00:30.000Z")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timestamps, "now", lambda: began)
        first = attempt(listing, 8)
    second = attempt(listing, None, state_of(first))

    assert state_of(second) == {"updated_at": "2026-01-01T00:00:30.000Z"}


def test_the_newest_record_of_an_earlier_attempt_counts(listing: Instance) -> None:
    listing.records["articles"][3]["updated_at"] = moment(1000)
    second = attempt(listing, None, state_of(attempt(listing, 8)))

    assert state_of(second) == {"updated_at": moment(1000)}


@pytest.mark.parametrize(
    "other",
    [
        {"conventions": {"records_path": "data", "total_path": "meta.total"}},
        {"start_date": "2020-01-01"},
        {"host": "https://other.test"},
    ],
)
def test_a_position_under_other_settings_is_dropped(listing: Instance, other: Json) -> None:
    state = state_of(attempt(listing, 8))
    listing.always_answers("articles", None)
    outcome = read(config(**{"page_size": 10, "lookback_window_minutes": 0, **other}), "articles", state={"articles": state})

    assert set(outcome.ids("articles")) == set(range(1, ROWS + 1))
    assert "not continued" in outcome.log


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {}, {"place": 40}, {"place": -1}, {"known": [1]}, {"began": "soon"}, {"found": "x"}]
)
def test_an_odd_position_is_dropped(listing: Instance, odd: Any) -> None:
    state = state_of(attempt(listing, 8))
    position = {**state["position"], **odd} if isinstance(odd, dict) and odd else odd
    if odd == {"place": 40}:
        position["cursor"] = moment(3)
    outcome = attempt(listing, None, {"position": position})

    assert set(outcome.ids("articles")) == set(range(1, ROWS + 1))


@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_position_that_the_instance_refuses_is_dropped(listing: Instance, paging: str, status: int) -> None:
    state = state_of(attempt(listing, 8, paging=paging))
    outcome = attempt(listing, None, state, paging, refuses=status)

    assert outcome.ids("articles") == [*range(1, ROWS + 1)]
    assert "read from its beginning" in outcome.log
    assert state_of(outcome) == {"updated_at": moment(ROWS)}


@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
def test_a_count_that_is_wrong_costs_a_read_from_the_beginning(listing: Instance, paging: str) -> None:
    state = state_of(attempt(listing, 8, paging=paging))
    state["position"]["found"] -= 3
    outcome = attempt(listing, None, state, paging)

    assert outcome.ids("articles")[-ROWS:] == [*range(1, ROWS + 1)]
    assert state_of(outcome) == {"updated_at": moment(ROWS)}


_PLACES = st.integers(-(10**25), 10**25) | st.floats() | st.text(max_size=5) | st.none() | st.booleans()
_ODD = st.fixed_dictionaries(
    {},
    optional={
        "place": _PLACES,
        "known": st.lists(st.text(max_size=5), max_size=3) | st.lists(_PLACES, max_size=2) | _PLACES,
        "found": _PLACES,
        "total": _PLACES,
        "plain": _PLACES,
        "began": st.sampled_from(["", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "2026-02-30", None, 5]),
        "newest": st.sampled_from(["", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "x", None, 5]),
    },
)


@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
@costly(steadily=8, part=4)
@given(odd=_ODD)
def test_whatever_a_position_holds_nothing_is_lost(listing: Instance, paging: str, odd: Json) -> None:
    first = attempt(listing, 8, paging=paging)
    state = state_of(first)
    assume("position" in state)  # pages that were asked for ahead may end the first attempt early
    outcome = attempt(listing, None, {**state, "position": {**state["position"], **odd}}, paging=paging)

    assert not outcome.failure
    assert set(first.ids("articles")) | set(outcome.ids("articles")) == set(range(1, ROWS + 1))


def test_a_position_beside_another_cursor_is_dropped(listing: Instance) -> None:
    """As the framework alone writes it, which carries on what it does not know."""
    state = {**state_of(attempt(listing, 8)), "updated_at": moment(50)}
    outcome = attempt(listing, None, state)

    assert outcome.ids("articles") == list(range(50, ROWS + 1))
    assert state_of(outcome) == {"updated_at": moment(ROWS)}


def test_a_list_by_token_begins_anew(instance: Instance) -> None:
    """Tokens expire, and may be secrets."""
    instance.always_answers(
        "articles", lambda asked: Answer({"data": some(2, 2 * asked.number), "next_cursor": f"t{asked.number}"})
    )
    instance.answers("articles", *[None] * 6, Answer(status=403))

    outcome = read(config(conventions={"paging": "cursor"}), "articles")

    assert all("position" not in state for state in outcome.states["articles"])
