"""The state comes from the newest record, whatever the records hold."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import ConcurrentCursor, Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.state_converters.datetime_stream_state_converter import (
    CustomFormatConcurrentStreamStateConverter,
)
from airbyte_cdk.sources.types import Record, StreamSlice
from hypothesis import given, settings
from hypothesis import strategies as st

from source_syfter.components.cursors import Backpressure, NewestRecordCursor, TunedPartition
from source_syfter.components.pages import RECORDS, SIZE
from source_syfter.source import SourceSyfter
from source_syfter.spec import manifest
from source_syfter.timestamps import parse, to_iso
from testing.instance import Instance, config, some
from testing.reading import LOGGER, configured_catalog

SLICES = [
    StreamSlice(
        partition={}, cursor_slice={"start_time": f"202{year}-01-01T00:00:00.000Z", "end_time": f"202{year}-12-31T23:59:59.999Z"}
    )
    for year in (1, 2)
]
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2022, 1, 1), timezones=st.just(timezone.utc))
ZONES = [timezone.utc, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]
VALUES = st.one_of(
    MOMENTS.map(to_iso),
    st.builds(lambda moment, zone: moment.astimezone(zone).isoformat(), MOMENTS, st.sampled_from(ZONES)),
    # Text in the usual form that is no date, other text, nothing, and what is no text.
    st.sampled_from(
        [
            "2026-06-31T00:00:00.000Z",
            "2021-W05-1T00:00:00.000Z",
            "9999-99-99T99:99:99.999Z",
            "xxxx-xx-xxTxx:xx:xx.xxxZ",
            "soon",
            "",
            None,
            5,
        ]
    ),
)


class OneSlice(Partition):
    def __init__(self, place: int) -> None:
        self._place = place

    def read(self) -> list[Record]:
        return []

    def to_slice(self) -> StreamSlice:
        return SLICES[self._place]

    def stream_name(self) -> str:
        return "articles"

    def __hash__(self) -> int:
        return self._place


def stock() -> ConcurrentCursor:
    """The cursor that the CDK makes of the manifest, but with two slices."""
    definition = manifest()["definitions"]["cursor"]
    converter = CustomFormatConcurrentStreamStateConverter(definition["datetime_format"], definition["cursor_datetime_formats"])
    return ConcurrentCursor(
        "articles",
        None,
        {},
        InMemoryMessageRepository(),
        ConnectorStateManager(),
        converter,
        CursorField("updated_at"),
        ("start_time", "end_time"),
        datetime(2021, 1, 1, tzinfo=timezone.utc),
        lambda: datetime(2026, 1, 1, tzinfo=timezone.utc),
    )


def states(cursor: Cursor, observed: list[tuple[int, Any]]) -> list[dict[str, Any]]:
    """The state after each slice, as moments: of two records of one moment either may lend its zone, and it is written in UTC."""
    found = []
    for place, data in observed:
        cursor.observe(Record(data=data, stream_name="articles", associated_slice=SLICES[place]))
    for place in range(len(SLICES)):
        cursor.close_partition(OneSlice(place))
        found.append({name: parse(value) for name, value in cursor.state.items()})
    return found


@settings(deadline=None)
@given(observed=st.lists(st.tuples(st.integers(0, 1), st.lists(VALUES, min_size=1, max_size=4)), max_size=6))
def test_the_newest_record_makes_the_state(observed: list[tuple[int, list[Any]]]) -> None:
    """Pages for this cursor, their records one by one for the CDK's."""
    pages = [(place, [{"id": 1, "updated_at": value} for value in values]) for place, values in observed]
    ours = states(NewestRecordCursor(stock(), "updated_at"), [(place, {RECORDS: records}) for place, records in pages])
    assert ours == states(stock(), [(place, record) for place, records in pages for record in records])


class Pages(OneSlice):
    """A partition of pages, each of `count` records and `size` bytes."""

    def __init__(self, *pages: tuple[int, int]) -> None:
        super().__init__(0)
        self._pages = pages

    def read(self) -> Iterator[Record]:  # type: ignore[override]
        for count, size in self._pages:
            page = {RECORDS: [{"id": key} for key in range(count)], SIZE: size}
            yield Record(data=page, stream_name="articles", associated_slice=SLICES[0])


@pytest.mark.parametrize(
    "pages",
    [
        [(1000, 1_300_000)] * 20,
        [(100, 130_000)] * 100,
        [(100, 20_000_000)] * 30,
        [(1, 100_000_000)] * 3,
        [(1000, 10_000), (50, 25_000_000), (1000, 10_000), (10, 30_000_000)] * 5,
    ],
)
def test_pages_wait_within_their_bound(monkeypatch: pytest.MonkeyPatch, pages: list[tuple[int, int]]) -> None:
    """No more waits than the bound and the page that is handed over. The writer takes a page whenever the reader waits."""
    backpressure = Backpressure()
    waiting: deque[Any] = deque()
    monkeypatch.setattr("source_syfter.components.cursors.sleep", lambda seconds: backpressure.wrote(waiting.popleft()))
    for page in TunedPartition(Pages(*pages), backpressure).read():
        waiting.append(page.data)
        records, size = backpressure.waiting()
        assert (records, size) == (sum(len(each[RECORDS]) for each in waiting), sum(each[SIZE] for each in waiting))
        assert records <= 1000 + len(page.data[RECORDS])
        assert size <= (16 << 20) + page.data[SIZE]

    while waiting:
        backpressure.wrote(waiting.popleft())
    assert backpressure.waiting() == (0, 0)


def test_a_reader_ends_when_nobody_writes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    backpressure = Backpressure()
    monkeypatch.setattr("source_syfter.components.cursors.sleep", lambda seconds: setattr(backpressure, "is_over", True))

    assert len(list(TunedPartition(Pages(*[(1000, 10)] * 9), backpressure).read())) == 2


def test_a_read_that_is_left_early_ends_its_readers(instance: Instance) -> None:
    """They would wait for ever, and keep a process that is not this program from ending."""
    instance.records = {"articles": some(9000)}
    catalog = configured_catalog(["articles"])
    source = SourceSyfter(catalog=catalog, config=config(page_size=500))
    before = set(threading.enumerate())
    messages = source.read(LOGGER, {}, catalog)
    next(message for message in messages if message.record)

    messages.close()  # type: ignore[attr-defined]

    assert source._backpressure.is_over
    until = time.monotonic() + 20
    while any(thread.name == "look-ahead" for thread in set(threading.enumerate()) - before):
        assert time.monotonic() < until
        time.sleep(0.01)
