"""The types of fields: which one holds a value, and which one holds all of them. No CDK.

A type is a piece of JSON Schema, as a catalog has it: one type and `null`. Destinations make columns of them, and a value that
does not fit its column is lost, or ends the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from source_syfter.timestamps import parse

Schema = dict[str, Any]

# Describes a field that no schema knows. The same words for ever: a platform takes each changed word for a change of the schema.
SEEN = "Seen in the records of this instance. The connector does not know what it means."

# What a person may say of a field, and how a catalog says it: Airbyte's types.
PINNED: dict[str, Schema] = {
    **{name: {"type": [name, "null"]} for name in ("string", "boolean", "integer", "number", "array")},
    "object": {"type": ["object", "null"], "additionalProperties": True},
    "date": {"type": ["string", "null"], "format": "date"},
    **{
        f"{name}_{zone}_timezone": {"type": ["string", "null"], "format": form, "airbyte_type": f"{name}_{zone}_timezone"}
        for name, form in (("timestamp", "date-time"), ("time", "time"))
        for zone in ("with", "without")
    },
}

# Whole numbers beyond 64 bits fit no integer column, and most number columns cut their digits; DECIMAL(38, 9), which many
# destinations use for numbers, ends here.
_LARGEST_INTEGER, _LARGEST_NUMBER = 2**63, 1e29
_TOO_LARGE = "a number beyond columns"


def kind(value: Any) -> str:
    """The kind of a value that is not null: boolean, integer, number, string, array, object, or a number that no column holds."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_LARGEST_INTEGER <= value < _LARGEST_INTEGER else _TOO_LARGE
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, (list, tuple)):
        return "array"
    return "number" if abs(value) < _LARGEST_NUMBER else _TOO_LARGE


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a column of the type `schema` holds `value` as it is. Null fits; text holds every kind of scalar in the end, but
    not as it is."""
    if value is None:
        return True
    found, types = kind(value), schema.get("type", ())
    types = (types,) if isinstance(types, str) else types
    if found == "integer" and "integer" not in types:
        found = "number"
    if found not in types:
        return False
    if found == "object":
        return all(fits(value.get(name), inner) for name, inner in schema.get("properties", {}).items())
    if found == "array" and schema.get("items"):
        return all(fits(item, schema["items"]) for item in value)
    return found != "string" or schema.get("format") not in ("date-time", "date") or parse(value) is not None


def common(kinds: Iterable[str], is_key: bool = False) -> Schema:
    """The type that holds values of all these `kinds`: string where they do not mix, and where nothing is known.

    Numbers are `number`, because a whole one today may have a fraction tomorrow; only keys stay integers.
    """
    known = set(kinds)
    if known == {"integer"} and is_key:
        return PINNED["integer"]
    if known and known <= {"integer", "number"}:
        return PINNED["number"]
    return PINNED[known.pop()] if len(known) == 1 and known <= PINNED.keys() else PINNED["string"]
