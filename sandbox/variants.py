"""The instance under other conventions: what the contract assumes and another Syfter may do otherwise.

A variant says how the server behaves. Fields named as in the connector's `conventions` object are the part that a user can
tell the connector about; `config` is that object. The rest a connector has to cope with unaided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from sandbox import naming
from sandbox.data import Json
from sandbox.models import COLLECTIONS
from sandbox.shapes import SHAPES, Shape
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
    next_url_path: str = "next"
    last_record_field: str | None = None
    end_of_list: str = "empty"
    """What comes beyond the end. "short": an error behind a page that is shorter than the first."""
    total_path: str = "total"
    """A dotted path, or a header's name."""
    method: str = "GET"
    updated_since_parameter: str = "updated_since"
    updated_since_format: str | None = None
    id_field: str = "id"
    created_at_field: str = "created_at"
    updated_at_field: str = "updated_at"
    timestamp_format: str = "iso8601"
    fields_path: str | None = None
    field_names: str = "as_sent"

    # what its `collections` and `additional_headers` can express
    path_case: str = "kebab"
    path_singular: bool = False
    path_suffix: str = ""
    own_records_path: bool = False
    """Records lie under the collection's own name, in `field_case`, within `records_path`."""
    records_paths: Mapping[str, str] | None = None
    """Where the records of each collection lie, in place of `records_path`."""
    own_keys: bool = False
    """The key of a record is called after its collection: `company_id`, ..."""
    keyless: bool = False
    """Records have no key."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that each request must have beside the credentials."""

    # what they cannot
    field_case: str = "snake"
    """How fields are named: see `naming.CASES`; other than snake, `field_names` is to be snake_case."""
    text_ids: bool = False
    """Keys are text, with zeros in front."""
    missing_as: str = "404"
    """What `end_of_list: not_found` means: 404, 204, or a body without the array."""
    next_url_form: str = "whole"
    """The next address: whole, from the root, or the query alone."""
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
    shape: str = ""
    """What else differs in records: see `SHAPES`."""
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

    @property
    def collections(self) -> list[Json]:
        """The `collections` that make the connector read this instance."""
        found: list[Json] = []
        for name in COLLECTIONS:
            own: Json = {}
            if self.own_path(name) != name.replace("_", "-"):
                own["path"] = self.own_path(name)
            if self.own_records_path or (self.records_paths and self.path_of_records(name) != self.records_path):
                own["records_path"] = self.path_of_records(name)
            if self.own_keys:
                own["primary_key"] = self.key(name)
            if self.keyless:
                own["primary_key"] = "none"
            if self._shape and (renamed := (self._shape.renamed or {}).get(name)):
                own["fields"] = [{"name": sent, "as": emitted} for sent, emitted in renamed.items()]
            if own:
                found.append({"name": name, **own})
        return found

    @property
    def is_a_habit(self) -> bool:
        """Whether this is how other APIs do it, as opposed to what is likely of Syfter."""
        return bool(set(self.config) & _HABITS or self.collections or self.headers or self.text_ids)

    def own_path(self, collection: str) -> str:
        """What stands behind the prefix for a collection."""
        name = naming.singular(collection) if self.path_singular else collection
        return naming.written(name, self.path_case) + self.path_suffix

    def path(self, collection: str) -> str:
        """Path of a collection, or of a path of one's own."""
        own = self.own_path(collection) if collection in COLLECTIONS else collection.replace("_", "-")
        return "/".join(["", *filter(None, [self.path_prefix]), own])

    def path_of_records(self, collection: str) -> str:
        """Dotted path of the records of a collection."""
        if self.records_paths and collection in self.records_paths:
            return self.records_paths[collection]
        own = [naming.written(collection, self.field_case)] if self.own_records_path else []
        return ".".join([*filter(None, [self.records_path]), *own])

    def key(self, collection: str) -> str:
        """What the key of a record is called."""
        return naming.written(f"{naming.singular(collection)}_id", self.field_case) if self.own_keys else self.id_field

    def parameters(self) -> set[str]:
        """The query parameters this server knows."""
        paging = {
            "offset": {self.limit_parameter, self.offset_parameter},
            "page": {self.limit_parameter, self.page_parameter},
            "cursor": {self.limit_parameter, self.cursor_parameter},
            "next_url": {self.limit_parameter, self.cursor_parameter},
            "last_record": {self.limit_parameter, self.cursor_parameter},
            "none": set(),
        }[self.paging]
        return (paging | {self.updated_since_parameter, self.api_key_parameter or ""}) - {""}

    def writer(self, collection: str) -> Callable[[Json], Json] | None:
        """Puts a record of `collection` into this variant's form; None if that is the contract's form."""
        stamp = _CLOCKS[self.timestamp_format if self.timestamp_format in _CLOCKS else self.clock]
        known = {"id": self.key(collection), "created_at": self.created_at_field, "updated_at": self.updated_at_field}
        as_it_is = all(name == own for name, own in known.items()) and self.field_case == "snake"
        changed = self.omits_nulls or self.extra_fields or self.shape or self.fields_path or self.keyless or self.text_ids
        if stamp is None and as_it_is and not changed:
            return None

        def name_of(name: str) -> str:
            own = known.get(name, name)
            return naming.written(name, self.field_case) if own == name else own

        def write(record: Json) -> Json:
            written: Json = {}
            record = self._shape.change(record) if self._shape else record
            for name, value in self._with_extras(record).items():
                if (self.omits_nulls and value is None) or (name == "updated_at" and not self.updated_at_field):
                    continue
                if stamp and name in TIMESTAMP_FIELDS and isinstance(value, str):
                    with suppress(ValueError):  # a value malformed on purpose stays as it is
                        value = stamp(parse(value))
                if name == "id":
                    if self.keyless:
                        continue
                    value = self.sent_key(value)
                written[name_of(name)] = value
            if not self.fields_path:
                return written
            key = name_of("id")
            outer = {key: written.pop(key)} if key in written else {}
            return {**outer, **nested(self.fields_path, written)}

        return write

    def sent_key(self, key: Any) -> Any:
        """A key as it is sent."""
        return f"{key:012d}" if self.text_ids else key

    @property
    def _shape(self) -> Shape | None:
        return SHAPES[self.shape] if self.shape else None

    def _with_extras(self, record: Json) -> Json:
        return {**record, "tenant": "demo", "links": {"self": f"/records/{record.get('id')}"}} if self.extra_fields else record

    def truth(self, record: Json, collection: str = "") -> Json:
        """A record as a reader of this variant should emit it: in the contract's form, less what its timestamps cut off."""
        record = dict(self._with_extras(record))
        if self._shape:
            record = self._shape.truth(collection, record)
        if self.keyless:
            record.pop("id", None)
        elif self.text_ids:
            record["id"] = self.sent_key(record["id"])
        if not self.updated_at_field:
            record.pop("updated_at", None)
        if self.clock not in ("seconds", "sql") and self.timestamp_format != "epoch_s":
            return record
        return {
            name: f"{value[:-4]}000Z" if name in TIMESTAMP_FIELDS and isinstance(value, str) and value.endswith("Z") else value
            for name, value in record.items()
        }

    def since(self, text: str) -> int:
        """Milliseconds of an `updated_since` value; ValueError if it is not in this variant's form."""
        form = self.updated_since_format or self.timestamp_format
        if form.startswith("epoch"):
            return int(text) * (SECOND if form == "epoch_s" else 1)
        if self.updated_since_format and len(text) != {"iso8601": 24, "iso8601_seconds": 20, "date": 10}[form]:
            raise ValueError(f"not {form}: {text!r}")
        return parse(text)

    def envelope(self, records: list[Json] | None, total: int, following: str | None, collection: str) -> Any:
        """The body of a list response. `following`: the next token or address; `records` None: no array."""
        path = self.path_of_records(collection)
        if not path:
            return {} if records is None else records
        body: Json = {} if records is None else nested(path, records)
        if self.has_total and not self.total_in_header:
            put(body, self.total_path if self.total_path != "total" else ".".join([*path.split(".")[:-1], "total"]), total)
        leads_on = {"cursor": self.cursor_path, "next_url": self.next_url_path}.get(self.paging)
        if following is not None and leads_on and not leads_on.startswith(("Link", "X-")):
            put(body, leads_on, following)
        return body

    @property
    def total_in_header(self) -> bool:
        """Whether `total_path` is a header's name."""
        return self.total_path.startswith("X-")


def nested(path: str, value: Any) -> Json:
    """`value` under a dotted path."""
    for name in reversed(_steps(path)):
        value = {name: value}
    return dict(value)


def _steps(path: str) -> list[str]:
    r"""The keys of a dotted path; a dot within a key is written `\.`."""
    return [step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", path)]


def put(body: Json, path: str, value: Any) -> None:
    """Sets what is under a dotted path of `body`."""
    *first, last = _steps(path)
    for name in first:
        body = body.setdefault(name, {})
    body[last] = value


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
    "next_url_path",
    "last_record_field",
    "end_of_list",
    "total_path",
    "method",
    "updated_since_parameter",
    "updated_since_format",
    "id_field",
    "created_at_field",
    "updated_at_field",
    "timestamp_format",
    "fields_path",
    "field_names",
}
"""The fields of a variant that the connector's `conventions` object has too."""

_HABITS = {
    *("method", "fields_path", "field_names", "next_url_path", "last_record_field", "end_of_list", "total_path"),
    *("created_at_field", "updated_at_field", "updated_since_format"),
}

_CLOCKS: dict[str, Callable[[int], str | int] | None] = {
    "milliseconds": None,
    "epoch_ms": lambda ms: ms,
    "epoch_s": lambda ms: ms // SECOND,
    "sql": lambda ms: iso(ms)[:19].replace("T", " "),
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
_LAST_FIELD: Json = {"paging": "last_record", "cursor_parameter": "after", "last_record_field": "id", "text_ids": True}
_PASCAL: Json = {"field_case": "pascal", "field_names": "snake_case", "own_records_path": True, "records_path": "Response"}
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
        Variant(
            "second-header", "a gateway wants a header of its own as well", headers=(("X-Business-Unit", "unit-4711-secret"),)
        ),
        # the habits of other APIs
        Variant(
            "next-url", "the whole address of the next page, under `links.next`", paging="next_url", next_url_path="links.next"
        ),
        Variant("next-query", "the query of the next page alone", paging="next_url", next_url_form="query"),
        Variant("next-root", "the address of the next page from the root", paging="next_url", next_url_form="root"),
        Variant("link-header", "the next page in the header Link", paging="next_url", next_url_path="Link", records_path=""),
        Variant("last-record", "`starting_after` the last record's key", paging="last_record", cursor_parameter="starting_after"),
        Variant("last-field", "`after` a field of the last record", **_LAST_FIELD),
        Variant("token-in-header", "the next token in the header X-Next", paging="cursor", cursor_path="X-Next"),
        Variant("post", "POST with the parameters in a JSON body", method="POST"),
        Variant("post-cursor", "POST with a token", method="POST", paging="cursor"),
        Variant("ends-404", "404 beyond the end", end_of_list="not_found"),
        Variant("ends-204", "204 beyond the end", end_of_list="not_found", missing_as="204", paging="page"),
        Variant("ends-without-array", "no array beyond the end", end_of_list="not_found", missing_as="body"),
        Variant("ends-repeated", "the last page again beyond the end", end_of_list="repeated"),
        Variant("ends-short", "an error behind a short page", end_of_list="short", paging="page"),
        Variant("total-in-header", "the number of records in X-Total-Count", total_path="X-Total-Count", records_path=""),
        Variant("total-nested", "the number of records under `meta.count`", total_path="meta.count"),
        Variant("own-records", "records under the collection's own name", own_records_path=True, records_path=""),
        Variant("own-keys", "keys are called `company_id` and the like", own_keys=True),
        Variant("keyless", "records have no key", keyless=True),
        Variant("text-ids", "keys are text", text_ids=True),
        Variant("attributes", "the fields lie within `attributes`", fields_path="attributes"),
        Variant("camel", "fields in camel case", field_case="camel", field_names="snake_case"),
        Variant("pascal", "fields and records path in Pascal case", **_PASCAL),
        Variant("spaced", "fields with blanks in their names", field_case="space", field_names="snake_case"),
        Variant("epoch-seconds", "timestamps are epoch seconds", timestamp_format="epoch_s"),
        Variant("since-date", "asks for changes by date", updated_since_format="date", updated_since_parameter="changed_from"),
        Variant("since-seconds", "asks for changes without a fraction", updated_since_format="iso8601_seconds"),
        Variant("since-epoch", "asks for changes in epoch seconds, answers in ISO", updated_since_format="epoch_s"),
        Variant("sql-times", "timestamps as SQL writes them", clock="sql", created_at_field="made", updated_at_field="modified"),
        Variant("undated", "records do not say when they changed", updated_at_field="", updated_since_parameter=""),
        Variant("snake-paths", "collections in snake case", path_case="snake"),
        Variant("singular-search", "/company/search and the like", path_singular=True, path_suffix="/search", path_case="camel"),
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

SHAPED = {name: Variant(name, shape.summary, shape=name) for name, shape in SHAPES.items()}
"""The contract's conventions with records of other shapes, by name."""


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
