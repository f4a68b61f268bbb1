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
from testing.instance import Instance, config, moment, some
from testing.reading import LOGGER, STREAMS, check, configured_catalog, read, state_messages

STATE = {name: {"updated_at": moment(0)} for name in STREAMS}


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "page_size", "first", "changes"),
    [
        (0, 100, 1, 1),
        # Changes that fit on a page are known to be all by `total`; a first read ends at an empty page only.
        (99, 100, 2, 1),
        (100, 100, 2, 2),
        (250, 100, 4, 4),
        (250, 1000, 2, 1),
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


def test_a_check_asks_once(instance: Instance) -> None:
    assert check(config()) == (True, "")
    assert len(instance.asked) == 1


def test_discover_and_spec_ask_nothing(instance: Instance) -> None:
    source = SourceSyfter(config=config())
    source.spec(LOGGER)
    source.discover(LOGGER, config())
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
        size = sum(len(block) for block in entrypoint._blocks(source.read(logging.getLogger("quiet"), settings, catalog)))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    assert size > records * 80
    return count


@pytest.mark.parametrize(("mode", "budget"), [("full_refresh", 130), ("incremental", 145)])
def test_a_record_takes_few_calls(instance: Instance, mode: str, budget: int) -> None:
    # 106 and 121 when this was written, most of them in the CDK; how the threads meet adds some. Its cursor, if it were
    # shown every record, would add 54, and its stock extractor several hundred.
    few, many = (calls(instance, records, mode) for records in (200, 800))

    assert (many - few) / 600 <= budget
