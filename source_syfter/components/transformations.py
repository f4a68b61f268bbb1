"""What conventions do to a record. Nothing here is in the way of an instance that is as assumed."""

# No `from __future__ import annotations`: see `part.py`.

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.transformations import RecordTransformation

from source_syfter.components.part import Part
from source_syfter.timestamps import EPOCH, epoch_to_iso, is_usual, parse, to_iso


@dataclass
class UpdatedSince(Part, RecordFilter):
    """Lets through records whose `cursor_field` is at or after the start of the slice; those without a readable one, always."""

    condition: str = ""
    cursor_field: str = ""

    def filter_records(self, records: Iterable[Mapping[str, Any]], *args: Any, **kwargs: Any) -> Iterable[Mapping[str, Any]]:
        bound = parse((kwargs["stream_slice"] or {}).get("start_time"))
        start = to_iso(bound) if bound else EPOCH
        if bound is None or start <= EPOCH:
            yield from records
            return
        for record in records:
            value = record.get(self.cursor_field)
            if value >= start if is_usual(value) else (parse(value) or bound) >= bound:
                yield record


@dataclass
class EpochToIso(Part, RecordTransformation):
    """Turns epoch numbers in `fields` into ISO 8601 with milliseconds; other values stay. `form`: epoch_ms or epoch_s."""

    fields: list[str]
    form: str

    def transform(self, record: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        unit = 1000 if self.form == "epoch_s" else 1
        for name in self.fields:
            if name in record:
                record[name] = epoch_to_iso(record[name], unit)
