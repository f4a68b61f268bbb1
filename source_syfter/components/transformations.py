"""What conventions do to a record. Nothing here is in the way of an instance that is as assumed."""

# No `from __future__ import annotations`: see `pages.py`.

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass
from typing import Any, Optional

from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState

from source_syfter.components.templates import evaluated
from source_syfter.timestamps import EPOCH, epoch_ms_to_iso, is_usual, parse, to_iso


@dataclass
class UpdatedSince(RecordFilter):
    """Lets through records whose `cursor_field` is at or after the start of the slice; those without a readable one, always."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    condition: str = ""
    cursor_field: str = ""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: Optional[StreamSlice] = None,
        next_page_token: Optional[Mapping[str, Any]] = None,
    ) -> Iterable[Mapping[str, Any]]:
        bound = parse(stream_slice.get("start_time")) if stream_slice else None
        start = to_iso(bound) if bound else EPOCH
        if bound is None or start <= EPOCH:
            yield from records
            return
        for record in records:
            value = record.get(self.cursor_field)
            if is_usual(value):
                if value >= start:
                    yield record
            else:
                moment = parse(value)
                if moment is None or moment >= bound:
                    yield record


@dataclass
class RenameId(RecordTransformation):
    """Moves the record's own key, `id_field`, to `id`."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    id_field: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._field = evaluated(self.id_field, self.config, parameters)

    def transform(
        self,
        record: dict[str, Any],
        config: Optional[Config] = None,
        stream_state: Optional[StreamState] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> None:
        if self._field in record:
            record["id"] = record.pop(self._field)


@dataclass
class EpochToIso(RecordTransformation):
    """Turns the epoch milliseconds of `fields` into ISO 8601 with milliseconds. What is not a number of that kind stays."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    fields: list[str]

    def transform(
        self,
        record: dict[str, Any],
        config: Optional[Config] = None,
        stream_state: Optional[StreamState] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> None:
        for name in self.fields:
            if name in record:
                record[name] = epoch_ms_to_iso(record[name])
