"""The state comes from the newest record, whatever the records hold."""

from __future__ import annotations

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

from source_syfter.components.cursors import Backpressure, BackpressureCursor, NewestRecordCursor
from source_syfter.spec import manifest
from source_syfter.timestamps import parse, to_iso

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
    st.sampled_from(["2026-06-31T00:00:00.000Z", "9999-99-99T99:99:99.999Z", "xxxx-xx-xxTxx:xx:xx.xxxZ", "soon", "", None, 5]),
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
    for place, value in observed:
        cursor.observe(Record(data={"id": 1, "updated_at": value}, stream_name="articles", associated_slice=SLICES[place]))
    for place in range(len(SLICES)):
        cursor.close_partition(OneSlice(place))
        found.append({name: parse(value) for name, value in cursor.state.items()})
    return found


@settings(deadline=None)
@given(observed=st.lists(st.tuples(st.integers(0, 1), VALUES), max_size=12))
def test_the_newest_record_makes_the_state(observed: list[tuple[int, Any]]) -> None:
    assert states(NewestRecordCursor(stock(), "updated_at"), observed) == states(stock(), observed)


def test_a_reader_waits_until_what_it_read_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    backpressure = Backpressure()
    cursor = BackpressureCursor(NewestRecordCursor(stock(), "updated_at"), "articles", backpressure)
    slept = []

    def write(seconds: float) -> None:
        slept.append(seconds)
        backpressure.written += 500

    monkeypatch.setattr("source_syfter.components.cursors.sleep", write)
    record = Record(data={"updated_at": "2021-01-01T00:00:00.000Z"}, stream_name="articles", associated_slice=SLICES[0])
    for _ in range(2000):
        cursor.observe(record)
    assert not slept

    for _ in range(64):
        cursor.observe(record)
    assert len(slept) == 3
    assert backpressure.read["articles"] - backpressure.written <= 1000


def test_a_reader_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    backpressure = Backpressure(read={"articles": 5000})
    seconds = iter(range(0, 10_000, 10))
    monkeypatch.setattr("source_syfter.components.cursors.monotonic", lambda: next(seconds))
    monkeypatch.setattr("source_syfter.components.cursors.sleep", lambda seconds: None)

    backpressure.wait()

    assert 60 <= next(seconds) < 100
