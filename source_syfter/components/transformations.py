"""The filter of records that a server sends in spite of `updated_since`."""

# No `from __future__ import annotations`: see `part.py`.

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter

from source_syfter.components.pages import RECORDS
from source_syfter.components.part import Part
from source_syfter.timestamps import EPOCH, are_usual, is_plausible, is_usual, parse, to_iso


@dataclass
class UpdatedSince(Part, RecordFilter):
    """Lets through what of a page has its `cursor_field` at or after the start of the slice; what has no readable one, always.

    Zero dates and the like have none, and what lies before 1990 stands for no moment of a change: the zero date of a language,
    the epoch, or a number that counts something else.
    """

    condition: str = ""
    cursor_field: str = ""

    def filter_records(self, records: Iterable[Mapping[str, Any]], *args: Any, **kwargs: Any) -> Iterable[Mapping[str, Any]]:
        bound = parse((kwargs["stream_slice"] or {}).get("start_time"))
        start = to_iso(bound) if bound else EPOCH
        if bound is None or start <= EPOCH:
            yield from records
            return
        for page in records:
            values = [record.get(self.cursor_field) for record in page[RECORDS]]
            if are_usual(values) and min(values) >= start:
                yield page
                continue
            kept = [record for record, value in zip(page[RECORDS], values, strict=True) if _is_new(value, start, bound)]
            if kept:
                yield {**page, RECORDS: kept}


def _is_new(value: Any, start: str, bound: datetime) -> bool:
    if is_usual(value) and value >= start:
        return True
    # What is older as text may be no date.
    moment = parse(value)
    return moment is None or not is_plausible(moment) or moment >= bound
