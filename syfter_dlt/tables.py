"""The table of a stream: its columns, as they are or as they will be, and the rows that are made of records."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from syfter_dlt.columns import (
    EXTRACTED_AT,
    FIELD,
    JSON,
    META,
    RAW_ID,
    REPLACEMENT,
    RESERVED,
    UNFIT,
    Json,
    Kind,
    Limits,
    as_text,
    candidates,
    candidates_for,
    hints,
    holds,
    kind_of,
    named,
    stored,
    without_nul,
)
from syfter_dlt.connector import Message

# dlt marks numbers and dates on their way through its files by a first character; see __init__.py.
MARKS = tuple(map(chr, range(0xFDD0, 0xFDD9)))
_LONGEST_SHOWN = 100


@dataclass
class Column:
    """One column: its name and type, None while new and open."""

    kinds: tuple[Kind, ...]
    """What it may be, the best first."""
    name: str = ""

    @property
    def kind(self) -> Kind:
        return self.kinds[0]


@dataclass
class Trouble:
    """What one field, or every field without a column, could not be loaded as; the first one, its record, and how many."""

    name: str
    text: str
    key: str
    lost: bool
    """The column is empty; else it holds another character."""
    count: int = 1


class Table:
    """The table of a stream."""

    def __init__(
        self,
        stream: Mapping[str, Any],
        name: str,
        known: Mapping[str, Any] | None,
        limits: Limits,
        normalize: Callable[[str], str],
    ) -> None:
        """A table.

        stream: of the catalog. name: of the table. known: the table as dlt knows it, None if there is none. normalize: makes a
        name what the destination takes.
        """
        self.stream: str = stream["name"]
        self.name = name
        self.key = [path[0] for path in stream.get("source_defined_primary_key") or []]
        self.cursor: str | None = (stream.get("default_cursor_field") or [None])[0]
        self.incremental = "incremental" in stream["supported_sync_modes"]
        self.trouble: dict[tuple[str, bool], Trouble] = {}
        self._limits, self._normalize = limits, normalize
        self._schemas: Mapping[str, Any] = stream["json_schema"]["properties"]
        self.is_new = known is None
        self.empty = known is None
        """No row was ever loaded."""
        columns = known["columns"] if known is not None else {}
        self.is_older = known is not None and not columns.get(RAW_ID, {}).get("primary_key")
        """It was made by a version that merged by the key itself."""
        self._columns = {each[FIELD]: Column((kind_of(each),), each["name"]) for each in columns.values() if FIELD in each}
        self._open = self._new_columns()

    def _new_columns(self) -> dict[str, Column]:
        return {
            name: Column(candidates(schema, self._limits)) for name, schema in self._schemas.items() if name not in self._columns
        }

    def anew(self, exists: bool) -> None:
        """Forgets the columns: the table will be dropped and made again. `exists`: it is there until then, and empty."""
        self.is_new = not exists
        self.empty = True
        self._columns = {}
        self._open = self._new_columns()

    @property
    def is_open(self) -> bool:
        """It has no columns yet."""
        return not self._columns

    def misfits(self) -> list[str]:
        """Columns that cannot hold what the catalog says of their field now."""
        found = []
        for name, schema in self._schemas.items():
            if name in self._columns:
                have, want = self._columns[name], candidates(schema, self._limits)[0]
                if not holds(have.kind, want):
                    found.append(f"the column {have.name} is {have.kind} and cannot hold {name}, which is {want} now")
        return found

    def see(self, data: Mapping[str, Json]) -> None:
        """Learns from a record what new columns have to hold."""
        for name, value in data.items():
            if value is None or name in self._columns:
                continue
            column = self._open.get(name)
            if column is None:
                column = self._open[name] = Column(candidates_for(value, self._limits))
            if len(column.kinds) > 1:
                fitting = tuple(kind for kind in column.kinds if stored(kind, value, self._limits) is not UNFIT)
                column.kinds = fitting or column.kinds[-1:]

    def settle(self) -> None:
        """Makes new columns what they have to be: from here on they are as they are."""
        names = named(self._open, {field: column.name for field, column in self._columns.items()}, self._normalize)
        # The catalog's come first, in its order, for a table has room for so many only.
        for field in [*(name for name in self._schemas if name in names), *(name for name in names if name not in self._schemas)]:
            if len(self._columns) + len(RESERVED) < self._limits.columns:
                self._columns[field] = Column(self._open[field].kinds[:1], names[field])
        self._open = {}

    def hints(self) -> dict[str, Any]:
        """The columns as dlt wants them."""
        json = hints(JSON, "", self._limits)
        del json[FIELD]
        return {
            **{column.name: hints(column.kind, field, self._limits) for field, column in self._columns.items()},
            RAW_ID: {"data_type": "text", "precision": 36, "primary_key": True, "unique": True, "nullable": False},
            EXTRACTED_AT: {"data_type": "timestamp", "nullable": True},
            META: json,
        }

    def row(self, raw_id: uuid.UUID, message: Message) -> dict[str, Any]:
        """The row of a record. What does not fit is kept in `_airbyte_meta` and told in `trouble`."""
        record = message["record"]
        changes: list[dict[str, str]] = []
        row: dict[str, Any] = {
            RAW_ID: str(raw_id),
            EXTRACTED_AT: datetime.fromtimestamp(float(record["emitted_at"]) / 1000, timezone.utc),
        }
        for name, value in record["data"].items():
            if value is None:
                continue
            column = self._columns.get(name)
            found = UNFIT if column is None else stored(column.kind, value, self._limits)
            if column is None or found is UNFIT:
                changes.append(self._change(name, value, record["data"], "NULLED", column))
                continue
            if isinstance(found, str):
                holdable = self._holdable(column.kind, value, found)
                if holdable != found:
                    changes.append(self._change(name, value, record["data"], "TRUNCATED", column))
                found = holdable
            row[column.name] = found
        meta = {"changes": changes}
        row[META] = as_text(meta if self._limits.nul_in_json else without_nul(meta)) if changes else "{}"
        return row

    def _holdable(self, kind: Kind, value: Json, text: str) -> str:
        """The text without characters that the destination or dlt's files cannot hold."""
        if kind == JSON:
            return text if self._limits.nul_in_json or "\\u0000" not in text else as_text(without_nul(value))
        if text.startswith(MARKS):
            text = REPLACEMENT + text[1:]
        return text if self._limits.nul or "\0" not in text else str(without_nul(text))

    def _change(self, name: str, value: Json, data: Mapping[str, Json], change: str, column: Column | None) -> dict[str, str]:
        lost = change == "NULLED"
        # A table that is full is told of once: records may be maps, with other fields in each.
        place = ("" if column is None else name, lost)
        if known := self.trouble.get(place):
            known.count += 1
        else:
            key = ", ".join(f"{part} {as_text(data.get(part))[:_LONGEST_SHOWN]}" for part in self.key) or "no key"
            if column is None:
                text = "has no column, as the table is full"
            elif lost:
                text = f"does not fit the column {column.name}, {column.kind}, which stays empty"
            else:
                text = f"has a character that the column {column.name} cannot hold and that is U+FFFD there"
            self.trouble[place] = Trouble(name[:_LONGEST_SHOWN], text, key, lost)
        return {
            "field": name,
            "change": change,
            "reason": "DESTINATION_FIELD_SIZE_LIMITATION" if column is None else "DESTINATION_SERIALIZATION_ERROR",
            "value": as_text(value),
        }
