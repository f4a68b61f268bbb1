"""What a sync may cost, in requests and in calls: the same on every machine. docs/benchmarks.md has the seconds."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter
from typing import Any

import pytest

from source_syfter.entrypoint import Entrypoint
from source_syfter.source import SourceSyfter
from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import LOGGER, STREAMS, check, configured_catalog, declared, read, state_messages

STATE = {name: {"updated_at": moment(0)} for name in STREAMS}


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "page_size", "first", "changes"),
    [
        (0, 100, 1, 1),
        # One changed record is known to be all by `total`; else a list ends where a page holds nothing but its anchor.
        (1, 100, 2, 1),
        (99, 100, 2, 2),
        (100, 100, 2, 2),
        (250, 100, 4, 4),
        (250, 1000, 2, 2),
    ],
)
def test_a_sync_asks_no_more_than_it_must(instance: Instance, records: int, page_size: int, first: int, changes: int) -> None:
    instance.records = {name: some(records) for name in STREAMS}

    asked = []
    for state, mode in ((None, "full_refresh"), (None, "incremental"), (STATE, "incremental")):
        instance.asked.clear()
        outcome = read(config(page_size=page_size), state=state, mode=mode)
        assert [len(outcome.records[name]) for name in STREAMS] == [records] * len(STREAMS)
        asked.append(Counter(each.stream for each in instance.asked))

    assert asked == [dict.fromkeys(STREAMS, first), dict.fromkeys(STREAMS, first), dict.fromkeys(STREAMS, changes)]


def paged(paging: str, asked: Asked, count: int, size: int) -> Answer:
    """A page of a list of `count` records in this way, with a total."""
    query = asked.query
    start = {
        "offset": int(query.get("offset", 0)),
        "page": (int(query.get("page", 1)) - 1) * size,
        "last_record": int(query.get("cursor", 0)),
    }.get(paging, int(query.get("cursor", 0)))
    rows = some(count)[start : start + (count if paging == "none" else size)]
    following = str(start + size) if start + size < count else None
    address = f"/api/{asked.stream}?cursor={following}" if following else None
    return Answer({"data": rows, "total": count, "next_cursor": following, "next": address})


@pytest.mark.parametrize(
    ("paging", "needed"), [("offset", 6), ("page", 5), ("cursor", 5), ("next_url", 5), ("last_record", 5), ("none", 1)]
)
def test_every_way_of_paging_costs_its_pages_and_one_request(instance: Instance, paging: str, needed: int) -> None:
    """500 records by pages of 100; by offset, each page but the first begins with its anchor."""
    instance.always_answers(None, lambda asked: paged(paging, asked, 500, 100))

    for mode in ("full_refresh", "incremental"):
        instance.asked.clear()
        outcome = read(config(conventions={"paging": paging}), "companies", "articles", mode=mode)
        assert outcome.ids("companies") == outcome.ids("articles") == list(range(1, 501))
        counts = Counter(each.stream for each in instance.asked)
        assert max(counts.values()) <= needed + (paging in ("offset", "page", "last_record"))


def test_a_check_asks_once(instance: Instance) -> None:
    assert check(config()) == (True, "")
    assert len(instance.asked) == 1


def test_spec_and_discover_without_a_look_at_fields_ask_nothing(instance: Instance) -> None:
    SourceSyfter(config=config()).spec(LOGGER)
    assert declared(config()).keys() == set(STREAMS)
    assert not instance.asked


# --- calls ------------------------------------------------------------------------------------------------------------


def calls(instance: Instance, records: int, mode: str) -> int:
    """Calls of functions, Python's and C's, that it takes to read and to write `records` records of one page."""
    instance.records = {"articles": some(records)}
    settings, catalog = config(page_size=1000), configured_catalog(["articles"], mode)
    source = SourceSyfter(config=settings, catalog=catalog, state=state_messages(STATE))
    entrypoint = Entrypoint(source)
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        size = sum(len(block) for block in entrypoint._blocks(source.messages(logging.getLogger("quiet"), catalog)))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    assert size > records * 80
    return count


@pytest.mark.parametrize(("mode", "budget"), [("full_refresh", 20), ("incremental", 30)])
def test_a_record_takes_few_calls(instance: Instance, mode: str, budget: int) -> None:
    # 16 and 26 when this was written; how the threads meet adds some. If each record went through the CDK, they were 106 and 121,
    # and its cursor, if it were shown every record, would add 54, and its stock extractor several hundred. The first warms up.
    _, few, many = (calls(instance, records, mode) for records in (200, 200, 800))

    assert 5 < (many - few) / 600 <= budget
