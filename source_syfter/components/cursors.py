"""Cursors around those of the CDK: a cheaper way through them, and a bound for what waits to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record

from source_syfter.timestamps import is_usual

# Records that wait to be written: as many pause the reading, as few resume it. The CDK's own bound, 10,000, cannot be set and
# costs 25 MB with records of a kilobyte (test_memory_is_flat).
_HIGH_WATER, _LOW_WATER = 2000, 1000
# Seconds after which reading resumes anyway: the CDK's own bound still holds.
_LONGEST_PAUSE = 60.0


@dataclass
class Backpressure:
    """How many records were `read`, by stream, and `written`. Each count has one thread that changes it."""

    read: dict[str, int] = field(default_factory=dict)
    written: int = 0

    def wait(self) -> None:
        """Blocks while too much waits to be written."""
        if self._waiting() > _HIGH_WATER:
            end = monotonic() + _LONGEST_PAUSE
            while self._waiting() > _LOW_WATER and monotonic() < end:
                sleep(0.002)

    def _waiting(self) -> int:
        return sum(self.read.values()) - self.written


class Delegating:
    """Leaves to `delegate` whatever a subclass does not do itself; so it also has what a newer CDK adds."""

    def __init__(self, delegate: Any) -> None:
        self._delegate = delegate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delegate, name)


class BackpressureCursor(Delegating):
    """Pauses the thread that reads `stream` while too much waits to be written. A record is emitted before it is observed."""

    def __init__(self, cursor: Any, stream: str, backpressure: Backpressure) -> None:
        super().__init__(cursor)
        self._stream = stream
        self._backpressure = backpressure
        backpressure.read[stream] = 0

    def observe(self, record: Record) -> None:
        self._delegate.observe(record)
        count = self._backpressure.read[self._stream] = self._backpressure.read[self._stream] + 1
        if not count % 64:
            self._backpressure.wait()


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
        value = record.data.get(self._field)
        if not is_usual(value):
            # The CDK's cursor skips what it cannot read, but fails on an array or an object.
            if not isinstance(value, (list, dict)):
                self._delegate.observe(record)
            return
        key = id(record.associated_slice)
        newest = self._newest.get(key)
        if newest is None or value > newest[0]:
            try:
                datetime.fromisoformat(value[:23])
            except ValueError:
                # No date, for example the 31st of June, and yet newer than all others as text.
                self._delegate.observe(record)
            else:
                self._newest[key] = value, record

    def close_partition(self, partition: Partition) -> None:
        newest = self._newest.pop(id(partition.to_slice()), None)
        if newest:
            self._delegate.observe(newest[1])
        self._delegate.close_partition(partition)


class TunedStream(Delegating):
    """A stream of the CDK with these cursors around its own."""

    def __init__(self, stream: AbstractStream, backpressure: Backpressure) -> None:
        super().__init__(stream)
        # The CDK asks for it twice a record, and delegating costs a microsecond each time.
        self.name = stream.name
        cursor = NewestRecordCursor(stream.cursor, stream.cursor_field) if stream.cursor_field else stream.cursor
        self.cursor = BackpressureCursor(cursor, stream.name, backpressure)
