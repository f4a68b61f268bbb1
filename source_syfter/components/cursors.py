"""Cursors around those of the CDK: a cheaper way through them, and a bound for what waits to be written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from airbyte_cdk.models import AirbyteStream
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.availability_strategy import StreamAvailability
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Record

from source_syfter.timestamps import is_usual

# Records that may wait to be written, and how many are left of them when reading goes on. The CDK's own bound, 10,000, cannot be
# set and costs 25 MB with records of a kilobyte (test_memory_is_flat).
_AHEAD, _GOES_ON = 2000, 1000
# Seconds after which reading goes on anyway: up to the CDK's bound nothing is lost by it.
_PATIENCE = 60.0


@dataclass
class Backpressure:
    """How many records were `read`, by stream, and `written`. Each count has one thread that changes it."""

    read: dict[str, int] = field(default_factory=dict)
    written: int = 0

    def wait(self) -> None:
        """Returns when little waits to be written."""
        if self._waiting() > _AHEAD:
            end = monotonic() + _PATIENCE
            while self._waiting() > _GOES_ON and monotonic() < end:
                sleep(0.002)

    def _waiting(self) -> int:
        return sum(self.read.values()) - self.written


class DelegatingCursor(Cursor):
    """Delegates to `cursor`."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def observe(self, record: Record) -> None:
        self._cursor.observe(record)

    def close_partition(self, partition: Partition) -> None:
        self._cursor.close_partition(partition)

    @property
    def state(self) -> MutableMapping[str, Any]:
        return self._cursor.state

    def ensure_at_least_one_state_emitted(self) -> None:
        self._cursor.ensure_at_least_one_state_emitted()

    def should_be_synced(self, record: Record) -> bool:
        return self._cursor.should_be_synced(record)


class BackpressureCursor(DelegatingCursor):
    """Holds the thread that reads `stream` back while much waits to be written: it hands on each record, then shows it here."""

    def __init__(self, cursor: Cursor, stream: str, backpressure: Backpressure) -> None:
        super().__init__(cursor)
        self._stream = stream
        self._backpressure = backpressure
        backpressure.read[stream] = 0

    def observe(self, record: Record) -> None:
        self._cursor.observe(record)
        count = self._backpressure.read[self._stream] = self._backpressure.read[self._stream] + 1
        if not count % 64:
            self._backpressure.wait()


class NewestRecordCursor(DelegatingCursor):
    """Shows `cursor` the newest record of each slice, in place of every record.

    The state comes from that record alone (test_the_newest_record_makes_the_state). For each record that it is shown, the CDK's
    cursor parses a date, and serialises and hashes the slice: half of an incremental read (docs/upstream.md).
    """

    def __init__(self, cursor: Cursor, cursor_field: str) -> None:
        super().__init__(cursor)
        self._field = cursor_field
        # By slice, which one thread reads: its newest record and the date of that.
        self._newest: dict[int, tuple[str, Record]] = {}

    def observe(self, record: Record) -> None:
        value = record.data.get(self._field)
        if not is_usual(value):
            # The CDK's cursor passes over what it cannot read, but fails on an array or an object.
            if not isinstance(value, (list, dict)):
                self._cursor.observe(record)
            return
        key = id(record.associated_slice)
        newest = self._newest.get(key)
        if newest is None or value > newest[0]:
            try:
                datetime.fromisoformat(value[:23])
            except ValueError:
                # No date, for example the 31st of June, and yet newer than all others as text.
                self._cursor.observe(record)
            else:
                self._newest[key] = value, record

    def close_partition(self, partition: Partition) -> None:
        newest = self._newest.pop(id(partition.to_slice()), None)
        if newest:
            self._cursor.observe(newest[1])
        self._cursor.close_partition(partition)


class TunedStream(AbstractStream):
    """Delegates to `stream`, but for its cursor."""

    def __init__(self, stream: AbstractStream, backpressure: Backpressure) -> None:
        self._stream = stream
        cursor = NewestRecordCursor(stream.cursor, stream.cursor_field) if stream.cursor_field else stream.cursor
        self._cursor = BackpressureCursor(cursor, stream.name, backpressure)

    @property
    def cursor(self) -> Cursor:
        return self._cursor

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def cursor_field(self) -> str | None:
        return self._stream.cursor_field

    @property
    def block_simultaneous_read(self) -> str:
        return self._stream.block_simultaneous_read

    def generate_partitions(self) -> Iterable[Partition]:
        return self._stream.generate_partitions()

    def get_json_schema(self) -> Mapping[str, Any]:
        return self._stream.get_json_schema()

    def as_airbyte_stream(self) -> AirbyteStream:
        return self._stream.as_airbyte_stream()

    def log_stream_sync_configuration(self) -> None:
        self._stream.log_stream_sync_configuration()

    def check_availability(self) -> StreamAvailability:
        return self._stream.check_availability()
