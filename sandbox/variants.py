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
    clock: str = "milliseconds"
    """Written form of ISO 8601 timestamps: milliseconds, seconds, microseconds, offset."""
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
        return (paging | {self.updated_since_parameter}) - {""}

    def writer(self) -> Callable[[Json], Json] | None:
        """Puts a record into this variant's form; None if that is the contract's form."""
        stamp = _CLOCKS["epoch" if self.timestamp_format == "epoch_ms" else self.clock]
        if stamp is None and self.id_field == "id":
            return None

        def write(record: Json) -> Json:
            record = {self.id_field if name == "id" else name: value for name, value in record.items()}
            for name in TIMESTAMP_FIELDS:
                text = record.get(name)
                if stamp and isinstance(text, str):
                    with suppress(ValueError):  # a value malformed on purpose stays as it is
                        record[name] = stamp(parse(text))
            return record

        return write

    def truth(self, record: Json) -> Json:
        """What a reader can know of a record: the record, less what this variant's timestamps cut off."""
        if self.timestamp_format != "iso8601" or self.clock != "seconds":
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
        inner: Json = {last: records, "total": total}
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
    "offset": lambda ms: iso(ms + 3600 * SECOND)[:-1] + "+01:00",
}

VARIANTS = {variant.name: variant for variant in (Variant("default", "the contract as it is"),)}
