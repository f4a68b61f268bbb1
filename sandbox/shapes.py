"""Records of other shapes than the contract assumes: kinds of values, and names, that a column has to be found for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.data import Json
from sandbox.models import COLLECTIONS
from sandbox.timestamps import iso, parse


@dataclass(frozen=True)
class Shape:
    """One way records may differ. `change`: a record in the contract's form, as this instance sends it.

    `renamed`: what the connector has to be told of names, as sent and as they are to be called, by collection.
    """

    summary: str
    change: Callable[[Json], Json]
    renamed: dict[str, dict[str, str]] | None = None

    def truth(self, collection: str, record: Json) -> Json:
        """The record as a reader should emit it."""
        names = (self.renamed or {}).get(collection, {})
        return {names.get(name, name): value for name, value in self.change(record).items()}


def _text_keys(record: Json) -> Json:
    keys = {name: value for name, value in record.items() if name == "id" or name.endswith("_id")}
    lists = {name: [f"key-{each}" for each in value] for name, value in record.items() if name.endswith("_ids") and value}
    return {**record, **{name: None if value is None else f"key-{value}" for name, value in keys.items()}, **lists}


def _text_numbers(record: Json) -> Json:
    numbers = {name: str(value) for name, value in record.items() if type(value) in (int, float) and not name.endswith("id")}
    return {**record, **numbers, "rating": f"{record['id'] % 50 / 10:.2f}"}


def _mixed(record: Json) -> Json:
    place = record["id"] % 4
    return {**record, "size": [place, "large", place / 2, None][place], "flag": [True, 1, "yes", False][place]}


def _nested(record: Json) -> Json:
    hq = {"city": "London", "geo": {"lat": 51.5, "lng": -0.1}, "lines": ["1 High Street", None]}
    return {**record, "hq": hq, "tags": ["a", "b"] if record["id"] % 2 else [], "people": [{"name": "x", "age": record["id"]}]}


def _empty_dates(record: Json) -> Json:
    odd = {0: "", 1: "0000-00-00", 2: "2026-06-31T00:00:00.000Z"}.get(record["id"] % 5)
    dates = [name for name in ("created_at", "published_at") if name in record]
    return record if odd is None else {**record, **dict.fromkeys(dates, odd)}


def _offsets(record: Json) -> Json:
    def shifted(name: str, hours: int) -> str:
        return f"{iso(parse(record[name]) + hours * 3_600_000)[:-1]}{hours:+03d}:00"

    return {**record, "founded": shifted("created_at", -5)} if record["created_at"] else record


def _numbers_for_booleans(record: Json) -> Json:
    return {
        **record,
        **{name: int(value) for name, value in record.items() if isinstance(value, bool)},
        "is_public": record["id"] % 2,
    }


def _epochs(record: Json) -> Json:
    seen = parse(record["updated_at"]) if record["updated_at"] else None
    return {**record, "seen_ms": seen, "seen_s": None if seen is None else seen / 1000}


def _odd_names(record: Json) -> Json:
    key = record["id"]
    return {**record, "Net Revenue (m)": key / 4, "address.city": "London", "größe": key, "2nd-line": "x", "Größe €": "groß"}


def _long_names(record: Json) -> Json:
    return {**record, "a" * 130: record["id"], f"{'a' * 129}b": "other"}


def _sql_words(record: Json) -> Json:
    return {**record, "order": record["id"], "select": "x", "group": True, "user": {"id": 1}, "table": ["y"]}


def _case_only(record: Json) -> Json:
    return {**record, "Source_Name": f"A{record['id']}", "source_name": f"b{record['id']}"}


_OTHER_NAMES = {"name": "company_name", "website": "domain", "headquarters": "hq", "revenue": "turnover", "profit": "net_income"}


def _other_names(record: Json) -> Json:
    return {_OTHER_NAMES.get(name, name): value for name, value in record.items()} | {"employee_count": record["id"] % 90}


_SHORTER = {"a" * 130: "long_one", f"{'a' * 129}b": "long_two"}
_BACK: dict[str, dict[str, str]] = {
    "companies": {_OTHER_NAMES[name]: name for name in ("name", "website", "headquarters")},
    "company_financials": {_OTHER_NAMES[name]: name for name in ("revenue", "profit")},
}

SHAPES: dict[str, Shape] = {
    "text-keys": Shape("keys are text, and so is what refers to them", _text_keys),
    "text-numbers": Shape("numbers are text", _text_numbers),
    "mixed-kinds": Shape("numbers, texts and booleans in one field", _mixed),
    "nested-values": Shape("objects and arrays within records", _nested),
    "empty-dates": Shape("empty texts and days that do not exist for dates", _empty_dates),
    "offsets": Shape("a date-time with an offset", _offsets),
    "numbers-for-booleans": Shape("0 and 1 for booleans", _numbers_for_booleans),
    "epochs": Shape("moments as numbers", _epochs),
    "odd-names": Shape("names with blanks, dots and letters beyond ASCII", _odd_names),
    "long-names": Shape("names of 130 letters", _long_names, dict.fromkeys(COLLECTIONS, _SHORTER)),
    "sql-words": Shape("names that are words of SQL", _sql_words),
    "case-only": Shape(
        "names that differ in case only", _case_only, {name: {"Source_Name": "other_source_name"} for name in COLLECTIONS}
    ),
    "other-names": Shape("names that mean what others are called by the contract", _other_names, _BACK),
}
"""All shapes by name."""
