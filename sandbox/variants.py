"""The instance under other conventions: what the contract assumes and another Syfter may do otherwise.

A variant says how the server behaves. Fields named as in the connector's `conventions` object are the part that a user can
tell the connector about; `config` is that object. The rest a connector has to cope with unaided.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from sandbox.data import Json
from sandbox.timestamps import SECOND, iso, parse

TIMESTAMP_FIELDS = ("created_at", "updated_at", "published_at")


@dataclass(frozen=True)
class Variant:
    """One way an instance may behave."""

    name: str
    summary: str

    # what the connector's `conventions` can express, by the same names and defaults
    path_prefix: str = "api"
    api_key_header: str = "Authorization"
    api_key_prefix: str = "Api-Key "
    api_key_parameter: str | None = None
    records_path: str = "data"
    paging: str = "offset"
    limit_parameter: str = "limit"
    offset_parameter: str = "offset"
    page_parameter: str = "page"
    cursor_parameter: str = "cursor"
    first_page: int = 1
    cursor_path: str = "next_cursor"
    updated_since_parameter: str = "updated_since"
    id_field: str = "id"
    timestamp_format: str = "iso8601"

    # what it cannot
    page_cap: int | None = None
    """Largest page; more is cut in silence. None: 1000, and more is refused."""
    fixed_page: int | None = None
    """Size of every page, whatever `limit` says."""
    ignores_limit: bool = False
    """Always gives everything from the offset on."""
    ignores_offset: bool = False
    """Gives the first page for ever."""
    clamps_offset: bool = False
    """Gives the last page again beyond the end."""
    ignores_updated_since: bool = False
    strict: bool = False
    """Refuses query parameters that it does not know with 400."""
    newest_first: bool = False
    """Lists by descending id."""
    clock: str = "milliseconds"
    """Written form of ISO 8601 timestamps: milliseconds, seconds, microseconds, utc_offset, summer_offset."""
    has_total: bool = True
    omits_nulls: bool = False
    """Leaves fields without a value out of a record."""
    extra_fields: bool = False
    """Adds fields that the contract does not know."""
    requests_per_second: int | None = None
    """More are refused with 429 and a second's Retry-After."""
    broken: bool = False
    """No connector can read this completely; a good one says so."""

    @property
    def config(self) -> Json:
        """The `conventions` object that makes the connector read this instance; empty if the defaults do."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name in CONVENTIONS and getattr(self, field.name) != field.default
        }

    def path(self, collection: str) -> str:
        """Path of a collection."""
        return "/".join(["", *filter(None, [self.path_prefix]), collection.replace("_", "-")])

    def parameters(self) -> set[str]:
        """The query parameters this server knows."""
        paging = {
            "offset": {self.limit_parameter, self.offset_parameter},
            "page": {self.limit_parameter, self.page_parameter},
            "cursor": {self.limit_parameter, self.cursor_parameter},
            "none": set(),
        }[self.paging]
        return (paging | {self.updated_since_parameter, self.api_key_parameter or ""}) - {""}

    def writer(self) -> Callable[[Json], Json] | None:
        """Puts a record into this variant's form; None if that is the contract's form."""
        stamp = _CLOCKS["epoch" if self.timestamp_format == "epoch_ms" else self.clock]
        if stamp is None and self.id_field == "id" and not self.omits_nulls and not self.extra_fields:
            return None

        def write(record: Json) -> Json:
            record = {
                self.id_field if name == "id" else name: value
                for name, value in self._with_extras(record).items()
                if not (self.omits_nulls and value is None)
            }
            for name in TIMESTAMP_FIELDS:
                text = record.get(name)
                if stamp and isinstance(text, str):
                    with suppress(ValueError):  # a value malformed on purpose stays as it is
                        record[name] = stamp(parse(text))
            return record

        return write

    def _with_extras(self, record: Json) -> Json:
        return {**record, "tenant": "demo", "links": {"self": f"/records/{record.get('id')}"}} if self.extra_fields else record

    def truth(self, record: Json) -> Json:
        """A record as a reader of this variant should emit it: in the contract's form, less what its timestamps cut off."""
        record = self._with_extras(record)
        if self.clock != "seconds":
            return record
        return {
            name: f"{value[:-4]}000Z" if name in TIMESTAMP_FIELDS and isinstance(value, str) and value.endswith("Z") else value
            for name, value in record.items()
        }

    def since(self, text: str) -> int:
        """Milliseconds of an `updated_since` value; ValueError if it is not in this variant's form."""
        if self.timestamp_format == "epoch_ms":
            return int(text)
        return parse(text)

    def envelope(self, records: list[Json], total: int, cursor: str | None) -> Any:
        """The body of a list response."""
        if not self.records_path:
            return records
        *path, last = self.records_path.split(".")
        inner: Json = {last: records, "total": total} if self.has_total else {last: records}
        body = inner
        for name in reversed(path):
            body = {name: body}
        if self.paging == "cursor" and cursor is not None:
            *path, last = self.cursor_path.split(".")
            place = body
            for name in path:
                place = place.setdefault(name, {})
            place[last] = cursor
        return body


CONVENTIONS = frozenset(field.name for field in fields(Variant)) & {
    "path_prefix",
    "api_key_header",
    "api_key_prefix",
    "api_key_parameter",
    "records_path",
    "paging",
    "limit_parameter",
    "offset_parameter",
    "page_parameter",
    "cursor_parameter",
    "first_page",
    "cursor_path",
    "updated_since_parameter",
    "id_field",
    "timestamp_format",
}
"""The fields of a variant that the connector's `conventions` object has too."""

_CLOCKS: dict[str, Callable[[int], str | int] | None] = {
    "milliseconds": None,
    "epoch": lambda ms: ms,
    "seconds": lambda ms: iso(ms)[:-5] + "Z",
    # digits beyond the millisecond that are not zero, so that a reader that rounds shows
    "microseconds": lambda ms: f"{iso(ms)[:-1]}{ms % 899 + 100}Z",
    "utc_offset": lambda ms: iso(ms)[:-1] + "+00:00",
    "summer_offset": lambda ms: iso(ms + 3600 * SECOND)[:-1] + "+01:00",
}

_PER_PAGE: Json = {"paging": "page", "limit_parameter": "per_page", "page_parameter": "page_number"}
_AFTER: Json = {"paging": "cursor", "cursor_path": "paging.next", "cursor_parameter": "after"}
_DOCUMENT_STORE: Json = {
    "id_field": "_id",
    "timestamp_format": "epoch_ms",
    "paging": "page",
    "first_page": 0,
    "records_path": "docs",
    "updated_since_parameter": "",
}
_GATEWAY: Json = {
    "path_prefix": "company-data/v2",
    "api_key_header": "X-API-Key",
    "api_key_prefix": "",
    "records_path": "",
    "strict": True,
    "page_cap": 60,
}
_MODERN: Json = {
    "paging": "cursor",
    "records_path": "result.records",
    "cursor_path": "result.next",
    "updated_since_parameter": "modified_since",
    "timestamp_format": "epoch_ms",
    "limit_parameter": "first",
}

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("default", "the contract as it is"),
        # envelopes
        Variant("items", "records under `items`", records_path="items"),
        Variant("nested", "records under `result.items`", records_path="result.items"),
        Variant("bare-array", "the body is the array of records", records_path=""),
        Variant("no-total", "the envelope holds nothing but the records", has_total=False),
        # paging
        Variant("pages", "page numbers from 1", paging="page"),
        Variant("pages-from-zero", "page numbers from 0", paging="page", first_page=0),
        Variant("per-page", "page numbers, with `per_page` and `page_number`", **_PER_PAGE),
        Variant("skip-take", "`take` and `skip` for limit and offset", limit_parameter="take", offset_parameter="skip"),
        Variant("cursor", "a `next_cursor` that leads to the next page", paging="cursor"),
        Variant("cursor-nested", "`paging.next`, sent back as `after`", **_AFTER),
        Variant("no-paging", "everything in one response", paging="none"),
        Variant("capped", "never more than 50 records a page, without saying so", page_cap=50),
        Variant("fixed-pages", "always 40 records a page, whatever `limit` says", fixed_page=40),
        Variant("ignores-limit", "everything from the offset on, whatever `limit` says", ignores_limit=True),
        Variant("newest-first", "lists by descending id", newest_first=True),
        # filter
        Variant("ignores-updated-since", "takes `updated_since` and filters nothing", ignores_updated_since=True),
        Variant("modified-after", "the filter is called `modified_after`", updated_since_parameter="modified_after"),
        Variant("strict", "refuses query parameters outside the contract with 400", strict=True),
        Variant("strict-no-filter", "refuses `updated_since` too", strict=True, updated_since_parameter=""),
        # records
        Variant("mongo-id", "the key of a record is `_id`", id_field="_id"),
        Variant("epoch", "timestamps are epoch milliseconds", timestamp_format="epoch_ms"),
        Variant("seconds", "timestamps without a fraction", clock="seconds"),
        Variant("microseconds", "timestamps with six digits of fraction", clock="microseconds"),
        Variant("utc-offset", "timestamps end in +00:00", clock="utc_offset"),
        Variant("summer-offset", "timestamps in British summer time, +01:00", clock="summer_offset"),
        Variant("sparse", "fields without a value are left out", omits_nulls=True),
        Variant("extra-fields", "records hold fields that the contract does not know", extra_fields=True),
        # address and key
        Variant("v1", "paths begin with /v1", path_prefix="v1"),
        Variant("no-prefix", "paths begin with the collection", path_prefix=""),
        Variant("gateway", "paths begin with /gateway/syfter/api", path_prefix="gateway/syfter/api"),
        Variant("x-api-key", "the key is the whole of the header X-API-Key", api_key_header="X-API-Key", api_key_prefix=""),
        Variant("token-key", "the key follows the word Token", api_key_prefix="Token "),
        Variant("key-in-query", "the key is the query parameter `api_key`", api_key_parameter="api_key"),
        Variant("rate-limited", "20 requests a second; beyond that 429 with Retry-After", requests_per_second=20),
        # several at once
        Variant("document-store", "_id, epoch timestamps, page numbers from 0, `docs`, no filter", **_DOCUMENT_STORE),
        Variant("behind-a-gateway", "own prefix and key header, bare array, strict, 60 a page", **_GATEWAY),
        Variant("cursor-modern", "cursor, `result.records`, `modified_since` in epoch milliseconds", **_MODERN),
        # not readable
        Variant("ignores-offset", "gives the first page for ever (broken)", ignores_offset=True, broken=True),
        Variant("ignores-page", "gives page 1 for ever (broken)", paging="page", ignores_offset=True, broken=True),
        Variant("ignores-cursor", "gives the first page for ever (broken)", paging="cursor", ignores_offset=True, broken=True),
        Variant("clamps-offset", "gives the last page again beyond the end (broken)", clamps_offset=True, broken=True),
    )
}
"""All variants by name."""


def canonical(record: Json) -> Json:
    """A record for comparison: without top-level nulls (null and absent are the same), timestamps in the contract's form."""
    return {
        name: iso(parse(value)) if name in TIMESTAMP_FIELDS and isinstance(value, str) and _is_time(value) else value
        for name, value in record.items()
        if value is not None
    }


def _is_time(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
