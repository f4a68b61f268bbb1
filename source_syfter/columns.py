"""The columns of one stream in a connection: which fields have none, and whose values do not fit theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from source_syfter.fieldtypes import Schema, fits
from source_syfter.secrecy import masked_foreign
from source_syfter.timestamps import is_usual

# The values of so many records are all looked at, and then those of one in so many: a read has to cost what it did before
# (docs/benchmarks.md). Names are looked at in each record.
_FIRST, _ONE_IN = 1000, 16
_MOST_NAMES, _LONGEST_NAME = 20, 60
# Names that are kept: records may be maps, with other names in each.
_MOST_KEPT = 10_000
_REFRESH = "Refresh the source's schema in the connection"

_KINDS = {"null": type(None), "number": float, "boolean": bool, "array": list, "object": dict}
_SURE: dict[str, frozenset[type]] = {name: frozenset({type(None), kind}) for name, kind in _KINDS.items()}


class Columns:
    """Looks at the records of one stream. `schema`: that of the configured catalog, which holds the fields that were chosen."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        properties = schema.get("properties")
        columns = {name: _column(each) for name, each in properties.items()} if isinstance(properties, Mapping) else {}
        self._known = frozenset(columns)
        # By name, the kinds of values that fit beyond doubt, and what the column is declared as. A text column holds everything.
        self._typed: dict[str, tuple[frozenset[type], Schema, bool]] = {
            name: (_SURE.get(_type(column), _SURE["null"]), column, "format" in column)
            for name, column in columns.items()
            if _type(column) != "string" or "format" in column
        }
        self._seen = 0
        self.without: set[str] = set()
        self.misfits: set[str] = set()

    def look_at(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Takes note of a page of records. A catalog without fields, as some tools make it, says nothing."""
        if not self._known:
            return
        if len(self.without) < _MOST_KEPT:
            self.without |= set().union(*records) - self._known
        for record in records if self._seen < _FIRST else records[::_ONE_IN]:
            for name, (sure, column, is_dated) in self._typed.items():
                value = record.get(name)
                if type(value) not in sure and not (is_dated and is_usual(value)) and not fits(value, column):
                    self.misfits.add(name)
        self._seen += len(records)

    def notes(self, stream: str) -> Iterator[tuple[int, str]]:
        """What there is to say, with the level of the log."""
        if self.without:
            text = f"no column in this connection for {_listed(self.without)}: deselected, or new since the schema was loaded."
            yield logging.INFO, f"{stream}: {text} {_REFRESH} to get what is new."
        if self.misfits:
            text = f"values that do not fit the type of their column in {_listed(self.misfits)}."
            more = "so that it fits, or set a type (collections[].fields[].type); until then a destination may leave them empty."
            yield logging.WARNING, f"{stream}: {text} {_REFRESH}, {more}"


def _column(declared: Any) -> Schema:
    """The types and the format of a column. A catalog may hold any JSON in place of its schema."""
    declared = declared if isinstance(declared, Mapping) else {}
    types, form = declared.get("type", "string"), declared.get("format")
    types = [types] if isinstance(types, str) else types if isinstance(types, (list, tuple)) else []
    return {"type": [each for each in types if isinstance(each, str)], **({"format": form} if isinstance(form, str) else {})}


def _type(column: Schema) -> str:
    """The one type of a column; a text for several, which become text."""
    found = {*column["type"]} - {"null"} or {*column["type"]}
    return str(found.pop()) if len(found) == 1 else "string"


def _listed(names: set[str]) -> str:
    first = map(masked_foreign, sorted(names)[:_MOST_NAMES])
    shown = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..." for name in first]
    return ", ".join(shown) + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")
