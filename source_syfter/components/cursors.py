"""Streams around those of the CDK: a cheaper way through their cursors, and a bound for what waits to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from time import sleep
from typing import Any, Optional

from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import LocationValueError

from source_syfter.components.errors import explain
from source_syfter.components.pages import RECORDS, SIZE
from source_syfter.timestamps import are_usual, is_usual

# What waits to be written: so many records, or bytes of JSON, pause the reading, and so few resume it. Text in Python takes up to
# four times the bytes that it has as JSON. The CDK's own bound, 10,000 records, is one of pages here.
_HIGH_WATER, _LOW_WATER = 1000, 500
_HIGH_BYTES, _LOW_BYTES = 16 << 20, 8 << 20
# Seconds between two looks of a reader that waits.
_LOOK = 0.002


class Backpressure:
    """Records and bytes that were read, by stream, and written. Each count has one thread that changes it."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[int, int]] = {}
        self._written = (0, 0)
        # Nobody writes any more.
        self.is_over = False

    def read(self, stream: str, page: Mapping[str, Any]) -> None:
        """Counts a page that is about to be emitted. Blocks while too much waits to be written."""
        records, size = self.waiting()
        if records > _HIGH_WATER or size > _HIGH_BYTES:
            while (records > _LOW_WATER or size > _LOW_BYTES) and not self.is_over:
                sleep(_LOOK)
                records, size = self.waiting()
        self._read[stream] = _and(self._read.get(stream, (0, 0)), page)

    def wrote(self, page: Mapping[str, Any]) -> None:
        """Counts a page that was written."""
        self._written = _and(self._written, page)

    def waiting(self) -> tuple[int, int]:
        """Records and bytes that wait to be written."""
        read = list(self._read.values())
        return sum(each[0] for each in read) - self._written[0], sum(each[1] for each in read) - self._written[1]


def _and(counts: tuple[int, int], page: Mapping[str, Any]) -> tuple[int, int]:
    return counts[0] + len(page[RECORDS]), counts[1] + page[SIZE]


class Delegating:
    """Leaves to `delegate` whatever a subclass does not do itself; so it also has what a newer CDK adds."""

    def __init__(self, delegate: Any) -> None:
        self._delegate = delegate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delegate, name)


class NewestRecordCursor(Delegating):
    """Has the delegate observe the newest record of each slice only.

    The state comes from that record alone (test_the_newest_record_makes_the_state). For each record that it observes,
    the CDK's cursor parses a date, and serialises and hashes the slice: half of an incremental read (docs/upstream.md).
    """

    def __init__(self, cursor: Any, cursor_field: str) -> None:
        super().__init__(cursor)
        self._field = cursor_field
        # By slice, which one thread reads: its newest record and the date of that.
        self._newest: dict[int, tuple[str, Record]] = {}

    def observe(self, record: Record) -> None:
        key = id(record.associated_slice)
        known = self._newest.get(key)
        best, newest = known[0] if known else "", None
        page = record.data[RECORDS]
        values = [data.get(self._field) for data in page]
        if are_usual(values) and values and _is_date(latest := max(values)):
            # The others are older, or no dates.
            page, values = ([page[values.index(latest)]], [latest]) if latest > best else ([], [])
        for data, value in zip(page, values, strict=True):
            if not is_usual(value):
                # The CDK's cursor skips text that it cannot read, but fails on what is no text and on what its calendar lacks.
                with suppress(TypeError, ValueError, ArithmeticError):
                    self._delegate.observe(_alone(data, record))
            elif value > best:
                if _is_date(value):
                    best, newest = value, data
                else:
                    # For example the 31st of June, and yet newer than all others as text.
                    self._delegate.observe(_alone(data, record))
        if newest is not None:
            self._newest[key] = best, _alone(newest, record)

    @property
    def newest(self) -> str:
        """The newest cursor value of what is being read; empty if there is none."""
        return max((value for value, _ in list(self._newest.values())), default="")

    def close_partition(self, partition: Partition) -> None:
        newest = self._newest.pop(id(partition.to_slice()), None)
        if newest:
            self._delegate.observe(newest[1])
        self._delegate.close_partition(partition)


def _is_date(usual: str) -> bool:
    try:
        datetime.fromisoformat(usual[:23])
    except ValueError:
        return False
    # A year, a week and its day, too, would be read, but not by the CDK.
    return usual[5] != "W"


def _alone(data: Mapping[str, Any], page: Record) -> Record:
    return Record(data=data, stream_name=page.stream_name, associated_slice=page.associated_slice)


class TunedPartition(Partition):
    """A partition of the CDK that pauses while too much waits to be written, and says in words what the machine, the libraries
    or a record do to its reading."""

    def __init__(self, partition: Partition, backpressure: Backpressure) -> None:
        self._partition = partition
        self._backpressure = backpressure

    def read(self) -> Iterator[Record]:
        stream = self.stream_name()
        try:
            for page in self._partition.read():
                self._backpressure.read(stream, page.data)
                if self._backpressure.is_over:
                    return
                yield page
        except AirbyteTracedException:
            raise
        except (OSError, MemoryError, UnicodeError, RecursionError, LocationValueError) as error:
            # The CDK's client retries and asks the error handler only where a request was under way.
            raise explain(stream, error) from error

    def to_slice(self) -> Optional[Mapping[str, Any]]:
        return self._partition.to_slice()

    def stream_name(self) -> str:
        return self._partition.stream_name()

    def __hash__(self) -> int:
        return hash(self._partition)


class TunedStream(Delegating):
    """A stream of the CDK with this cursor around its own, and such partitions."""

    def __init__(self, stream: AbstractStream, backpressure: Backpressure) -> None:
        super().__init__(stream)
        self._newest = NewestRecordCursor(stream.cursor, stream.cursor_field) if stream.cursor_field else None
        self.cursor = self._newest or stream.cursor
        self._backpressure = backpressure

    @property
    def newest(self) -> str:
        """The newest cursor value of what is being read; empty if there is none."""
        return self._newest.newest if self._newest else ""

    def generate_partitions(self) -> Iterator[Partition]:
        return (TunedPartition(each, self._backpressure) for each in self._delegate.generate_partitions())
