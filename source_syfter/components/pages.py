"""From a response to records: the extractor, and what it leaves on the response for the paginator."""

# No `from __future__ import annotations`: see `part.py`.

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor as BaseRecordExtractor

from source_syfter import exact, problems
from source_syfter.components.errors import own_words
from source_syfter.components.http import document_of
from source_syfter.components.instants import Instants
from source_syfter.components.lists import ListRead, Page, keys_of
from source_syfter.components.naming import FieldNames, lifted
from source_syfter.components.part import Part
from source_syfter.secrecy import masked_foreign

# A page goes through the CDK as one record, which costs half of what its records would (docs/upstream.md): what it holds, and its
# bytes. `SourceSyfter` takes it apart behind the CDK.
RECORDS, SIZE = "records", "size"

# What the extractor leaves on a response, which one thread handles from end to end.
_PAGE = "_syfter_page"
# What stands on a response that was asked for before its turn.
AHEAD = "_syfter_ahead"

# Digits of a number of records.
_LONGEST_COUNT = 18

# Characters of a key of an unknown body that are shown.
_LONGEST_KEY = 40


def page_of(response: requests.Response) -> Page:
    """What the extractor found in `response`; an empty page if there was nothing in it."""
    found: Page = getattr(response, _PAGE, Page([], []))
    return found


def total_of(response: requests.Response, body: Any, path: str) -> Optional[int]:
    """How many records the complete list has, by what stands at `path` of the body or in the header of that name."""
    total = at(body, steps(path)) if path else None
    return count(response.headers.get(path) if total is None and path else total)


def count(value: Any) -> Optional[int]:
    """The number of records that `value` is, also as digits or with a fraction of zero; None if it is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= _LONGEST_COUNT:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 10**_LONGEST_COUNT else None


def at(body: Any, path: Sequence[str]) -> Any:
    """What is in `body` under the keys of `path`; None if they lead nowhere."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def steps(path: str) -> list[str]:
    r"""The keys of a dotted path; none for an empty one. A dot within a key is written `\.`."""
    return [step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", path)] if path else []


def place(path: str) -> str:
    """A dotted path in words."""
    return f'under "{path}"' if path else "as the body itself"


@dataclass
class RecordExtractor(Part, BaseRecordExtractor):
    """Takes the records out of a response, as one page, and refuses what is not the known envelope.

    `records_path`: dotted path to the array of records; empty: the body is the array. `fields_path`: within a record, to the
    object that holds its fields. `known_fields`: the records' own names, by the connector's; `renames`: other names, as sent.
    `primary_key`: by the connector's name; empty: there is none. `total_path`: to the number of records in the list.
    `timestamps`, `timestamp_format` and `cursor_field`: see `Instants`. What of a page is new is the matter of `lists.ListRead`.
    Raises a config error for a body that is not JSON, a path that does not lead to an array of objects, an empty list beside an
    error, and a page without keys.
    """

    records_path: str
    fields_path: str
    field_names: str
    known_fields: Mapping[str, str]
    primary_key: str
    end_of_list: str
    total_path: str
    timestamps: Sequence[str]
    timestamp_format: str
    cursor_field: str
    renames: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        own = {sent: name for name, sent in self.known_fields.items() if sent and sent != name}
        self._names = FieldNames({**own, **self.renames}, self.field_names == "snake_case")
        self._instants = Instants(self._stream, self.timestamps, self.timestamp_format, self.cursor_field)
        self._columns = self._context.columns.get(self._stream)

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        self._context.answered(self._stream, response.headers.get("Date"), response.elapsed)
        page = self._page(response)
        page.is_ahead = hasattr(response, AHEAD)
        setattr(response, _PAGE, page)
        read: ListRead = self._context.lists[self._stream]
        fresh = read.take(page)
        return [{RECORDS: fresh, SIZE: len(response.content)}] if fresh else []

    def _page(self, response: requests.Response) -> Page:
        read: ListRead = self._context.lists[self._stream]
        # The first page of a read that goes on is none of the list.
        may_end = self.end_of_list == "not_found" and (read.pages > 0 or read.is_searching)
        if may_end and response.status_code == 204:
            return Page([], [])
        try:
            body = document_of(response)
        except (ValueError, RecursionError):
            raise problems.NOT_JSON(stream=self._stream, what=_kind_of_text(response)) from None
        records, total = at(body, steps(self.records_path)), total_of(response, body, self.total_path)
        # No array is an empty page beyond the end, and where the instance says that it has no records.
        has_none = total == 0 and not records
        may_lack = response.status_code == 200 and (may_end or has_none) and not _says_error(body)
        if may_lack and not isinstance(records, list):
            return Page([], [], total)
        # The CDK takes an empty record for the end of the whole read (test_an_empty_record_does_not_end_the_read).
        if not isinstance(records, list) or not set(map(type, records)) <= {dict} or not all(records):
            shape = f", which is {_shape(body)}"
            raise problems.UNKNOWN_ENVELOPE(stream=self._stream, where=place(self.records_path), shape=shape)
        if not records and _says_error(body):
            raise problems.ERROR_BESIDE_LIST(own_words(response), stream=self._stream)
        if not records and exact.has_twice(response.content or b""):
            # The array that is empty may stand behind one that is not.
            raise problems.UNKNOWN_ENVELOPE(
                stream=self._stream, where=place(self.records_path), shape=", which gives a key twice"
            )
        if self.fields_path:
            path = steps(self.fields_path)
            records = [lifted(record, path) for record in records]
        last = records[-1] if records else {}
        if self._names:
            records = [self._names.applied(record) for record in records]
        records = self._instants.applied(records)
        if self._columns:
            self._columns.look_at(records)
        keys = keys_of(records, self.primary_key)
        page = Page(records, keys, total, body, last, keys_of(records, self.cursor_field) if self.cursor_field else ())
        lacks_key = self.primary_key and keys and not any(key is not None for key in keys)
        # A page may begin, and end, with the last record of the page before, which may have no key.
        if lacks_key and not read.holds_anchor_only(page):
            sent = self.known_fields.get(self.primary_key) or self.primary_key
            raise problems.NO_KEY(stream=self._stream, field=sent)
        return page


def _says_error(body: Any) -> bool:
    return isinstance(body, dict) and any(body.get(name) for name in ("error", "errors"))


def _kind_of_text(response: requests.Response) -> str:
    if not response.content.strip():
        return f"an empty body ({response.status_code})"
    if "html" in response.headers.get("Content-Type", "") or response.content.lstrip()[:1] == b"<":
        return "a web page"
    return "damaged or other text"


def _shape(body: Any) -> str:
    """Names the shape of a body without its values: keys come from the API, values are licensed data."""
    if isinstance(body, dict):
        keys = [masked_foreign(key[: _LONGEST_KEY * 10])[:_LONGEST_KEY] for key in list(body)[:8]]
        return f"an object with the keys {', '.join(keys)}" if keys else "an empty object"
    if isinstance(body, list):
        return "an array"
    return {str: "a string", bool: "a boolean", type(None): "null"}.get(type(body), "a number")
