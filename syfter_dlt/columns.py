"""What a column holds: a value is stored as it was sent, or it is known that it does not fit before anything is loaded.

A new column has the type that the catalog gives it, or the next that holds every value of the first load: text at the last. An
existing column stays as it is; a value that does not fit is left out of it and kept in `_airbyte_meta`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import simplejson

Json = Any
RAW_ID, EXTRACTED_AT, META = "_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta"
# What the bridge and dlt add themselves; a field of such a name gets another column.
RESERVED = frozenset({RAW_ID, EXTRACTED_AT, META, "_dlt_id", "_dlt_load_id"})
FIELD = "x-field"
"""Hint of a column: the field that it was made for."""
AS_JSON = "x-json"
"""Hint of a text column: its type is the destination's own JSON, and the text is JSON as it was sent, with every digit."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_BIGGEST = 2**63
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)? ?(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII | re.IGNORECASE,
)


class Unfit:
    """Stands for a value that a column cannot hold."""


UNFIT = Unfit()


@dataclass(frozen=True)
class Kind:
    """The type of a column: dlt's name of it, and digits in all and behind the point of a `decimal`, None for any number."""

    name: str
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        return f"{self.name}({self.precision},{self.scale})" if self.precision else self.name


BOOL, BIGINT, DOUBLE, TIMESTAMP, JSON, TEXT = (Kind(name) for name in ("bool", "bigint", "double", "timestamp", "json", "text"))
DECIMAL, LONG_DECIMAL = Kind("decimal", 38, 9), Kind("decimal", 38, 18)
"""The first is what Airbyte's own destinations have."""


@dataclass(frozen=True)
class Limits:
    """What the columns of a destination can hold."""

    numbers: tuple[Kind, ...] = (DECIMAL,)
    """Types for numbers, the usual one first."""
    nul: bool = False
    """Text may hold U+0000."""
    nul_in_json: bool = False
    """JSON may hold it, escaped."""
    first_year: int = 1
    json_depth: int = 500
    columns: int = 1000
    """Columns of one table."""
    text_bytes: int = 2**30
    numbers_in_json: Kind | None = None
    """What a number in JSON has to fit; None: it may be any."""
    raw_json: bool = False
    """JSON is handed over as text, with the digits that were sent; else by way of dlt's own JSON."""


# --- types ----------------------------------------------------------------------------------------------------------------


def candidates(schema: Mapping[str, Any], limits: Limits) -> tuple[Kind, ...]:
    """The types that a new column for a field of the catalog may have, the declared one first, text last."""
    declared = schema.get("type", [])
    types = [name for name in ([declared] if isinstance(declared, str) else declared) if name != "null"]
    return _candidates(types[0] if len(types) == 1 else "string", schema.get("format") == "date-time", limits)


def candidates_for(value: Json, limits: Limits) -> tuple[Kind, ...]:
    """The types for a field that the catalog does not know."""
    if isinstance(value, bool):
        return _candidates("boolean", False, limits)
    if isinstance(value, (int, Decimal)):
        return _candidates("number", False, limits)
    return _candidates("object" if isinstance(value, (dict, list)) else "string", False, limits)


def _candidates(declared: str, date_time: bool, limits: Limits) -> tuple[Kind, ...]:
    if declared == "integer":
        whole = tuple(Kind("decimal", kind.precision, 0) for kind in limits.numbers[-1:] if kind.precision)
        return (BIGINT, *whole, *limits.numbers, TEXT)
    if declared == "number":
        return (*limits.numbers, TEXT)
    if declared == "boolean":
        return (BOOL, TEXT)
    if declared in ("array", "object"):
        return (JSON, TEXT)
    return (TIMESTAMP, TEXT) if date_time else (TEXT,)


def holds(kind: Kind, wanted: Kind) -> bool:
    """Whether a column can hold what one of the type `wanted` is made for."""
    if kind.name in ("text", wanted.name):
        return True
    return kind.name in ("decimal", "double") and wanted.name in ("bigint", "decimal")


def stored(kind: Kind, value: Json, limits: Limits) -> Any:
    """`value` as dlt takes it for a column, or UNFIT if the column would refuse or change it. Text may hold U+0000 still."""
    return _STORED[kind.name](kind, value, limits)


def _bool(_kind: Kind, value: Json, _limits: Limits) -> Any:
    return value if isinstance(value, bool) else UNFIT


def _bigint(_kind: Kind, value: Json, _limits: Limits) -> Any:
    if isinstance(value, Decimal) and value.is_finite() and -_BIGGEST <= value < _BIGGEST and value == int(value):
        value = int(value)
    return value if type(value) is int and -_BIGGEST <= value < _BIGGEST else UNFIT


def _decimal(kind: Kind, value: Json, _limits: Limits) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return UNFIT
    number = Decimal(value)
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return UNFIT
    if not any(digits):
        return Decimal(0)
    trailing = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    whole, behind = number.adjusted() + 1, -(exponent + trailing)
    most_whole, most_behind = (_NUMERIC_WHOLE, _NUMERIC_BEHIND) if kind.precision is None else _digits(kind)
    if whole > most_whole or behind > most_behind:
        return UNFIT
    # Written without an exponent: some databases read 1E+28 as a floating-point number.
    return Decimal(format(number, "f")) if exponent > 0 else number


_NUMERIC_WHOLE, _NUMERIC_BEHIND = 131072, 16383  # of PostgreSQL's numeric


def _digits(kind: Kind) -> tuple[int, int]:
    """The most digits before and behind the point."""
    return (kind.precision or 0) - (kind.scale or 0), kind.scale or 0


def _double(_kind: Kind, value: Json, _limits: Limits) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return UNFIT
    try:
        number = float(value)
    except OverflowError:
        return UNFIT
    return number if number - number == 0 and Decimal(repr(number)) == value else UNFIT


def _timestamp(_kind: Kind, value: Json, limits: Limits) -> Any:
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return UNFIT
    *numbers, fraction, zone = found.groups()
    if fraction and fraction[6:].strip("0"):
        return UNFIT
    offset = timedelta()
    if zone and zone not in "Zz":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
        moment = datetime(year, month, day, hour, minute, second, int(f"{fraction or 0:0<6}"[:6])) - offset
    except (ValueError, OverflowError):
        return UNFIT
    return moment.replace(tzinfo=timezone.utc) if moment.year >= limits.first_year else UNFIT


def _json(_kind: Kind, value: Json, limits: Limits) -> Any:
    if not isinstance(value, (dict, list)) or _depth(value) > limits.json_depth:
        return UNFIT
    number = limits.numbers_in_json
    return UNFIT if number and any(_decimal(number, each, limits) is UNFIT for each in _decimals(value)) else as_text(value)


def _text(_kind: Kind, value: Json, limits: Limits) -> Any:
    text = value if isinstance(value, str) else as_text(value)
    return text if 4 * len(text) <= limits.text_bytes or len(text.encode()) <= limits.text_bytes else UNFIT


_STORED: dict[str, Callable[[Kind, Json, Limits], Any]] = {
    "bool": _bool,
    "bigint": _bigint,
    "decimal": _decimal,
    "double": _double,
    "timestamp": _timestamp,
    "json": _json,
    "text": _text,
}


def as_text(value: Json) -> str:
    """A value as JSON, with the digits that were sent."""
    return str(simplejson.dumps(value, ensure_ascii=False, use_decimal=True, separators=(",", ":")))


def _depth(value: Json) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _decimals(value: Json) -> Iterator[Decimal]:
    """The numbers in a value that are no integers of Python."""
    if isinstance(value, Decimal):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _decimals(each)


def without_nul(value: Json) -> Json:
    """A value with U+FFFD for every U+0000, in its keys too."""
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT)
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    return value


# --- columns and dlt's hints ----------------------------------------------------------------------------------------------


def hints(kind: Kind, field: str, limits: Limits) -> dict[str, Any]:
    """The column as dlt wants it."""
    if kind.name == "json" and limits.raw_json:
        return {"data_type": "text", AS_JSON: True, FIELD: field, "nullable": True}
    numbers = {"precision": kind.precision, "scale": kind.scale} if kind.precision is not None else {}
    return {"data_type": kind.name, **numbers, FIELD: field, "nullable": True}


def kind_of(column: Mapping[str, Any]) -> Kind:
    """The type of a column that dlt knows."""
    if column.get(AS_JSON):
        return JSON
    return (
        Kind(column["data_type"], column.get("precision"), column.get("scale"))
        if column["data_type"] == "decimal"
        else Kind(column["data_type"])
    )


def named(fields: Iterable[str], taken: Mapping[str, str], normalize: Callable[[str], str]) -> dict[str, str]:
    """Field -> column, for fields that have none yet. `taken`: those that have.

    Names that a destination cannot tell apart, such as `Foo` and `foo`, get an ending made from the field; the field that is
    called as its column keeps the name.
    """
    # A name of blanks is none to dlt.
    usual = {field: normalize(field.strip() or "_") for field in set(fields) - set(taken)}
    new = sorted(usual, key=lambda field: (usual[field] != field, field))
    columns = {*taken.values(), *RESERVED}
    found: dict[str, str] = {}
    for field in new:
        column = usual[field]
        if column in columns:
            ending = hashlib.sha256(field.encode()).hexdigest()[:8]
            column = normalize(f"{column[:40]}_{ending}")
        columns.add(column)
        found[field] = column
    return found
