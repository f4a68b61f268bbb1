"""From a response to records: the extractor, and what it leaves on the response for the paginator."""

# No `from __future__ import annotations`: see `part.py`.

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import requests
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor as BaseRecordExtractor

from source_syfter import problems
from source_syfter.components.part import Part

# Where a body is left on its response, which one thread handles from end to end.
_BODY = "_syfter_body"

# How often the rest of a list may come again: a record that changes enters the list of changes, and what follows moves on by one.
_REPEATS = 2


def body_of(response: requests.Response) -> Any:
    """The JSON document that the extractor found in `response`; None before that."""
    return getattr(response, _BODY, None)


def at(body: Any, path: Sequence[str]) -> Any:
    """What is in `body` under the keys of `path`; None if they lead nowhere."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def steps(path: str) -> list[str]:
    """The keys of a dotted path; none for an empty one."""
    return path.split(".") if path else []


def place(path: str) -> str:
    """A dotted path in words."""
    return f'under "{path}"' if path else "as the body itself"


@dataclass
class RecordExtractor(Part, BaseRecordExtractor):
    """Takes the records out of a response, and refuses what is not the known envelope.

    `records_path`: dotted path to the array of records; empty: the body is the array. `id_field`: the record's key.
    Raises a config error for a body that is not JSON, a path that does not lead to an array of objects, and for pages that
    came before: a server that ignores the paging parameter would be read for ever. The rest of a list, shorter than a page,
    may come again when others write to the collection, so only the third in a row counts there.
    """

    records_path: str
    id_field: str
    _seen: set[bytes] = field(init=False, repr=False, default_factory=set)
    _repeated: int = field(init=False, repr=False, default=0)
    _largest: int = field(init=False, repr=False, default=0)

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        self._context.answered(self._stream, response.headers.get("Date"), response.elapsed)
        try:
            body = _json(response.content)
        except (ValueError, RecursionError):
            raise problems.NOT_JSON(stream=self._stream, what=_kind_of_text(response)) from None
        records = at(body, steps(self.records_path))
        # The CDK takes an empty record for the end of the whole read (test_an_empty_record_does_not_end_the_read).
        if not isinstance(records, list) or not all(record and isinstance(record, dict) for record in records):
            shape = f", which is {_shape(body)}"
            raise problems.UNKNOWN_ENVELOPE(stream=self._stream, where=place(self.records_path), shape=shape)
        if records:
            self._refuse_repeated(records)
        setattr(response, _BODY, body)
        return records

    def _refuse_repeated(self, records: Sequence[Mapping[str, Any]]) -> None:
        # In any order: a server that does not sort may shuffle the page that it repeats.
        ids = sorted((record.get(self.id_field) for record in records), key=str)
        # Records without the key are compared as a whole: a wrong `id_field` must not look like a repeated page.
        digest = hashlib.blake2b(orjson.dumps(records if None in ids else ids), digest_size=16).digest()
        self._repeated = self._repeated + 1 if digest in self._seen else 0
        self._largest = max(self._largest, len(records))
        # In place of a whole page it hides another one, which would be lost.
        if self._repeated > (_REPEATS if len(records) < self._largest else 0):
            raise problems.REPEATED_PAGE(stream=self._stream, count=len(records))
        self._seen.add(digest)


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
