"""From a response to records: the extractor, and what it leaves on the response for the paginator."""

# No `from __future__ import annotations`: see `part.py`.

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

import orjson
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor as BaseRecordExtractor

from source_syfter import problems
from source_syfter.components.naming import FieldNames, lifted
from source_syfter.components.part import Part

# What the extractor leaves on a response, which one thread handles from end to end: the body, and its last record as sent.
_BODY, _LAST = "_syfter_body", "_syfter_last"

# How often the rest of a list may come again: a record that changes enters the list of changes, and what follows moves on by one.
_REPEATS = 2


def body_of(response: requests.Response) -> Any:
    """The JSON document that the extractor found in `response`; None before that."""
    return getattr(response, _BODY, None)


def last_record_of(response: requests.Response) -> Mapping[str, Any]:
    """The last record in `response` as the instance sent it, with the fields of an inner object beside its own."""
    found: Mapping[str, Any] = getattr(response, _LAST, {})
    return found


def total_of(response: requests.Response, path: str) -> Optional[int]:
    """How many records the complete list has, by what stands at `path` of the body or in the header of that name."""
    total = at(body_of(response), steps(path)) if path else None
    total = response.headers.get(path) if total is None and path else total
    if isinstance(total, str) and total.isdecimal():
        return int(total)
    return total if type(total) is int else None


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
    """Takes the records out of a response, and refuses what is not the known envelope.

    `records_path`: dotted path to the array of records; empty: the body is the array. `fields_path`: within a record, to the
    object that holds its fields. `known_fields`: the records' own names, by the connector's; `renames`: other names, as sent.
    `primary_key`: by the connector's name; empty: there is none. Raises a config error for a body that is not JSON, a path that
    does not lead to an array of objects, a page without keys, and for pages that came before, where `end_of_list` does not say
    that this ends a list: a server that ignores the paging parameter would be read for ever. The rest of a list, shorter than a
    page, may come again when others write to the collection, so only the third in a row counts there.
    """

    records_path: str
    fields_path: str
    field_names: str
    known_fields: Mapping[str, str]
    primary_key: str
    end_of_list: str
    renames: Mapping[str, str] = field(default_factory=dict)
    _seen: set[bytes] = field(init=False, repr=False, default_factory=set)
    _repeated: int = field(init=False, repr=False, default=0)
    _largest: int = field(init=False, repr=False, default=0)
    _previous: bytes = field(init=False, repr=False, default=b"")

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        own = {sent: name for name, sent in self.known_fields.items() if sent and sent != name}
        self._names = FieldNames({**own, **self.renames}, self.field_names == "snake_case")

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        self._context.answered(self._stream, response.headers.get("Date"), response.elapsed)
        may_end = self.end_of_list == "not_found" and self._context.pages.get(self._stream, 0) > 0
        if may_end and response.status_code in (204, 404):
            return []
        try:
            body = _json(response.content)
        except (ValueError, RecursionError):
            raise problems.NOT_JSON(stream=self._stream, what=_kind_of_text(response)) from None
        records = at(body, steps(self.records_path))
        if may_end and not isinstance(records, list) and response.status_code == 200 and not _says_error(body):
            return []
        # The CDK takes an empty record for the end of the whole read (test_an_empty_record_does_not_end_the_read).
        if not isinstance(records, list) or not all(record and isinstance(record, dict) for record in records):
            shape = f", which is {_shape(body)}"
            raise problems.UNKNOWN_ENVELOPE(stream=self._stream, where=place(self.records_path), shape=shape)
        setattr(response, _BODY, body)
        if not records:
            return []
        if self.fields_path:
            path = steps(self.fields_path)
            records = [lifted(record, path) for record in records]
        setattr(response, _LAST, records[-1])
        if self._names:
            records = [self._names.applied(record) for record in records]
        if self.primary_key and not any(record.get(self.primary_key) is not None for record in records):
            sent = self.known_fields.get(self.primary_key) or self.primary_key
            raise problems.NO_KEY(stream=self._stream, field=sent)
        if self.end_of_list == "repeated":
            # The page before again, in its order; any other that came before is no end.
            digest, self._previous = self._previous, self._digest(records, in_order=True)
            if digest == self._previous:
                return []
        if self._is_repeated(records):
            raise problems.REPEATED_PAGE(stream=self._stream, count=len(records))
        self._context.pages[self._stream] = self._context.pages.get(self._stream, 0) + 1
        return records

    def _digest(self, records: Sequence[Mapping[str, Any]], in_order: bool = False) -> bytes:
        ids: list[Any] = [record.get(self.primary_key) for record in records]
        # Records without a key are compared as a whole.
        shown: Sequence[Any] = records if None in ids else ids if in_order else sorted(ids, key=str)
        return hashlib.blake2b(orjson.dumps(shown), digest_size=16).digest()

    def _is_repeated(self, records: Sequence[Mapping[str, Any]]) -> bool:
        # In any order: a server that does not sort may shuffle the page that it repeats.
        digest = self._digest(records)
        self._repeated = self._repeated + 1 if digest in self._seen else 0
        self._largest = max(self._largest, len(records))
        self._seen.add(digest)
        # In place of a whole page it hides another one, which would be lost.
        return self._repeated > (_REPEATS if len(records) < self._largest else 0)


def _says_error(body: Any) -> bool:
    return isinstance(body, dict) and any(body.get(name) for name in ("error", "errors"))


def _json(content: bytes) -> Any:
    """The JSON document in `content`. Raises ValueError or RecursionError if there is none.

    Halves of surrogate pairs, which JavaScript makes when it cuts a text within an emoji, become U+FFFD: neither UTF-8 nor a
    warehouse can hold them.
    """
    try:
        return orjson.loads(content)
    except ValueError:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        text = json.dumps(document, ensure_ascii=False)
        return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _kind_of_text(response: requests.Response) -> str:
    if not response.content.strip():
        return f"an empty body ({response.status_code})"
    if "html" in response.headers.get("Content-Type", "") or response.content.lstrip()[:1] == b"<":
        return "a web page"
    return "damaged or other text"


def _shape(body: Any) -> str:
    """Names the shape of a body without its values: keys come from the API, values are licensed data."""
    if isinstance(body, dict):
        keys = [key[:40] for key in list(body)[:8]]
        return f"an object with the keys {', '.join(keys)}" if keys else "an empty object"
    if isinstance(body, list):
        return "an array"
    return {str: "a string", bool: "a boolean", type(None): "null"}.get(type(body), "a number")
