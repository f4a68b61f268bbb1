"""Every fault times every way of reading: complete data, or an error that names stream, cause and remedy. Never less, never more.

`make test` strikes with each fault once and, from day to day in another place, for ever, on one of the nine streams; `make soak`
on every one, read in each way.
How each ends is in fault_cases.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest

from sandbox import FAULTS, Sandbox, running
from testing.disturbed import (
    FIRST,
    FULL,
    LATER,
    STREAMS,
    WAYS,
    by_key,
    code_of,
    fill_collections,
    known_before,
    missing,
    read_by,
    record_texts,
    resume,
    secret_forms,
    without_waiting,
)
from testing.fault_cases import CASES, COMPLETE, TRANSIENT, Case, batches, same
from testing.reading import Outcome, check
from testing.rotation import rotating

# Words of which each message holds one: what to do about it.
REMEDIES = ("Check", "Ask", "Set ", "set ", "Try again", "rename")

# What is tested elsewhere, since a cell of its own kind: tokens and a record without its key below, changes in
# test_changes_during_the_read.py.
ELSEWHERE = {
    "expired-token",
    "missing-id",
    "unordered",
    "create-between-pages",
    "update-between-pages",
    "delete-between-pages",
    "churn",
}

# Where a fault strikes: requests of the stream, counted from 1.
AHEAD = "once, on a page that is asked for ahead"
PLACES: dict[str, tuple[int, int | None]] = {
    "once": (2, 2),
    AHEAD: (4, 4),
    "for ever": (1, None),
    "for ever, from the second page": (2, None),
}


def test_every_fault_of_the_sandbox_is_in_the_matrix() -> None:
    assert {case.fault or name for name, case in CASES.items()} | ELSEWHERE == set(FAULTS)


def judge(box: Sandbox, way: str, place: str, batch: dict[str, str]) -> list[str]:
    """Reads with the faults of `batch`, then once more without; what is wrong with either, in words."""
    before = {stream: known_before(box.truth(stream), way) for stream in STREAMS}
    first, last = PLACES[place]
    faults = {}
    for stream, name in batch.items():
        case = CASES[name]
        faults[stream] = box.fault(case.fault or name, stream, first, last, **case.options)
    outcome = read_by(way, box, num_workers=20)
    box.clear_faults()
    following = resume(box, outcome, way) if way != FULL else None
    wrong = []
    for stream in STREAMS:
        name = batch.get(stream, "no fault")
        case = CASES.get(name, same(COMPLETE))
        expected = {case.once if place in ("once", AHEAD) else case.ever}
        if place == AHEAD:
            # What is no page is asked for again in its turn; where it was its turn already, no offset is refused any more.
            expected |= {COMPLETE, *({case.ever} & {"request-refused"})}
        # Nothing tells that a page too small to be compressed was cut.
        expected |= {"not-json"} if name == "content-length-short" else set()
        found = list(_faulty(box, outcome, stream, case, expected))
        if stream in faults and not faults[stream].hits:
            found.append("the fault did not strike")
        held = {**before[stream], **by_key(outcome.records[stream])}
        if outcome.completed(stream) and (lost := missing(box.truth(stream), held, case.exact)):
            found.append(f"complete, but without {lost}")
        if following is not None:
            held |= by_key(following.records[stream])
            if lost := missing(box.truth(stream), held, case.exact):
                found.append(f"after the next read, {lost} are missing: the state was ahead")
        wrong += [f"{name} on {stream}: {fault}" for fault in found]
    failed = [stream for stream in STREAMS if not outcome.completed(stream)]
    if bool(failed) != bool(outcome.failure):
        wrong.append(f"{failed} failed, and the read as a whole says {outcome.failure}")
    said = outcome.text
    wrong += [
        f"a secret or a record is in the log: {text}" for text in secret_forms(box.config()) | record_texts(box) if text in said
    ]
    return wrong


def _faulty(box: Sandbox, outcome: Outcome, stream: str, case: Case, expected: set[str | None]) -> Iterator[str]:
    """What is wrong with how `stream` ended."""
    code = code_of(outcome, stream)
    if code not in expected:
        yield f"ended with {code}, not {expected}"
    if stream in outcome.errors:
        message, kind = outcome.message_of(stream), outcome.kind_of(stream)
        if kind != ("transient_error" if code in TRANSIENT else "config_error"):
            yield f"is a {kind}"
        if not message.startswith(f"{stream}: ") or not any(word in message for word in REMEDIES):
            yield f"stream or remedy is missing: {message}"
    known = by_key(box.truth(stream))
    for row in outcome.records[stream]:
        if row["id"] not in known or (case.exact and by_key([row])[row["id"]] != known[row["id"]]):
            yield f"gave a record that there is not: {row}"


@pytest.fixture(scope="module", autouse=True)
def _without_waiting() -> Iterator[None]:
    with without_waiting():
        yield


def run(way: str, place: str, turn: int) -> None:
    wrong = []
    for batch in batches(place, turn):
        with running(companies=8) as box:
            fill_collections(box)
            began = time.monotonic()
            wrong += judge(box, way, place, batch)
            assert time.monotonic() - began < 60, f"{batch}: not in bounded time"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("way", "place", "turn"),
    [
        (FIRST, "once", 1),
        *rotating([(FULL, AHEAD, 2), (FULL, "for ever", 3), (LATER, "for ever, from the second page", 5)], 1),
    ],
)
def test_every_fault_ends_complete_or_in_words(way: str, place: str, turn: int) -> None:
    run(way, place, turn)


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(len(STREAMS)))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_every_fault_on_every_stream(way: str, place: str, turn: int) -> None:
    run(way, place, turn)


# --- the whole instance at once ---------------------------------------------------------------------------------------------

EVERYWHERE = ["http-503", "429-bare", "html-200", "reset-in-body", "ignore-offset", "http-404", "truncated", "stall"]


@pytest.mark.parametrize("name", EVERYWHERE)
def test_a_fault_of_the_whole_instance_fails_every_stream_by_name(name: str) -> None:
    with running(companies=4) as box:
        fill_collections(box)
        box.fault(name)
        outcome = read_by(FIRST, box)

    for stream in STREAMS:
        assert code_of(outcome, stream) == CASES[name].ever
        assert outcome.message_of(stream).startswith(f"{stream}: ")
    assert outcome.failure.failure_type.value == ("transient_error" if CASES[name].ever in TRANSIENT else "config_error")


# --- check ----------------------------------------------------------------------------------------------------------------

# A check asks for one page; the data's own oddities do not show.
CHECKED = [name for name, case in CASES.items() if case.ever not in (COMPLETE, "repeated-page")]


def check_all(names: list[str]) -> None:
    wrong = []
    for name in names:
        case = CASES[name]
        with running(companies=2) as box:
            box.fault(case.fault or name, **case.options)
            began = time.monotonic()
            succeeded, message = check(box.config())
            took = time.monotonic() - began
            secrets = [form for form in secret_forms(box.config()) if form in message]
        if succeeded or took > 30 or secrets or not any(word in message for word in REMEDIES):
            wrong.append(f"{name}: {succeeded} after {took:.0f} s, {secrets} {message}")
    assert not wrong, "\n".join(wrong)


def test_a_check_says_what_is_wrong() -> None:
    check_all(CHECKED[date.today().toordinal() % 8 :: 8])


@pytest.mark.soak
def test_a_check_says_what_is_wrong_with_every_fault() -> None:
    check_all(CHECKED)


# --- OAuth: the token endpoint has faults of its own -------------------------------------------------------------------------

# What becomes of a read whose token request is struck once, and always.
TOKEN_CASES = {
    **dict.fromkeys(("http-400", "http-401", "http-403", "html-200", "error-200", "empty-body"), ("token-refused",) * 2),
    "redirect-host": ("redirected", "redirected"),
    **dict.fromkeys(("http-500", "http-503", "429-seconds"), (COMPLETE, "token-unavailable")),
    "stall": (COMPLETE, "no-answer"),
    **dict.fromkeys(("reset", "truncated"), (COMPLETE, "connection-lost")),
    "echo-secrets": ("token-refused", "token-refused"),
}
OAUTH = "oauth2_client_credentials"


@pytest.mark.parametrize("last", [1, None], ids=["once", "for ever"])
@pytest.mark.parametrize("name", TOKEN_CASES)
def test_a_fault_of_the_token_endpoint(name: str, last: int | None) -> None:
    expected = TOKEN_CASES[name][0 if last else 1]
    with running(companies=2) as box:
        box.fault(name, "oauth", 1, last)
        outcome = read_by(FIRST, box, "articles", "companies", auth=OAUTH)
        truth = {stream: box.truth(stream) for stream in ("articles", "companies")}
        secrets = secret_forms(box.config(auth=OAUTH))

    for stream, rows in truth.items():
        assert code_of(outcome, stream) == expected
        assert expected != COMPLETE or not missing(rows, by_key(outcome.records[stream]))
        assert stream not in outcome.errors or any(word in outcome.message_of(stream) for word in REMEDIES)
    assert not [form for form in secrets if form in outcome.text]


@contextmanager
def filled(way: str) -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    """An instance with records in each collection, and by stream what a read of this way knows already."""
    with running(companies=8) as box:
        fill_collections(box)
        yield box, {stream: known_before(box.truth(stream), way) for stream in STREAMS}


@pytest.mark.parametrize("way", rotating(WAYS, 1))
def test_a_token_that_expires_between_pages_is_renewed(way: str) -> None:
    with filled(way) as (box, before):
        fault = box.fault("expired-token", "articles", 2, 2)
        outcome = read_by(way, box, auth=OAUTH)

        assert outcome.failure is None
        assert fault.hits
        for stream in STREAMS:
            assert not missing(box.truth(stream), {**before[stream], **by_key(outcome.records[stream])})


@pytest.mark.parametrize("expires_in", [1, None])
def test_tokens_of_any_life(expires_in: int | None) -> None:
    with running(companies=8, expires_in=expires_in) as box:
        outcome = read_by(FIRST, box, "articles", "companies", auth=OAUTH)

        assert outcome.failure is None
        assert not any(missing(box.truth(stream), by_key(outcome.records[stream])) for stream in ("articles", "companies"))


def test_a_token_that_is_never_accepted_ends_in_words() -> None:
    with running(companies=8) as box:
        box.fault("expired-token", "articles")
        outcome = read_by(FIRST, box, "articles", auth=OAUTH)

    assert code_of(outcome, "articles") == "wrong-credentials"
    assert outcome.kind_of("articles") == "config_error"


# --- pages without an order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", rotating(WAYS, 1))
def test_pages_without_an_order_end_whole_or_in_words(way: str) -> None:
    with filled(way) as (box, before):
        box.fault("unordered")
        outcome = read_by(way, box)

        assert {code_of(outcome, stream) for stream in outcome.errors} <= {"unstable-order"}
        for stream in set(STREAMS) - set(outcome.errors):
            assert not missing(box.truth(stream), {**before[stream], **by_key(outcome.records[stream])})


# --- a record without its key -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", rotating(WAYS, 1))
def test_a_record_without_its_key_is_passed_on(way: str) -> None:
    with filled(way) as (box, before):
        box.fault("missing-id")
        outcome = read_by(way, box)

        # A page of which no record has it is another matter.
        refused = [stream for stream in STREAMS if stream in outcome.errors]
        assert {code_of(outcome, stream) for stream in refused} <= {"no-key"}
        assert len(refused) < len(STREAMS)
        for stream in set(STREAMS) - set(refused):
            truth = {str(by_key([{**row, "id": None}])) for row in box.truth(stream) if row["id"] not in before[stream]}
            assert truth <= {str(by_key([{"id": None, **row, "id": None}])) for row in outcome.records[stream]}  # noqa: F601
