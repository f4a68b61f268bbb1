"""A configuration against a connector's spec (JSON Schema, draft 7): one readable fault at a time.

Every function takes plain data; nothing here knows files or variables.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema
from referencing import Registry
from referencing.exceptions import Unresolvable

from airbyte_config_tool.findings import FieldPath, dotted

Json = dict[str, Any]

# A field that no spec describes is taken for a secret by its name.
_SECRET_NAME = re.compile(
    r"(password|passphrase|secret|token|api_?key|private_?key|access_?key|credentials_json)$", re.IGNORECASE
)
_NOT_SECRET = re.compile(r"(token_url|token_uri|token_endpoint|api_key_header|api_key_prefix|access_key_id)$", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """One fault in a configuration. `empty` marks a field with nothing in it, `severe` is False for a mere suspicion."""

    path: FieldPath
    message: str
    fix: str
    empty: bool = False
    severe: bool = True


def branch_for(schema: Json, value: object) -> Json:
    """The schema with its `oneOf` replaced by the branch whose constant the value carries; unchanged when none matches."""
    branches = schema.get("oneOf")
    if not isinstance(branches, list) or not isinstance(value, dict):
        return schema
    for branch in branches:
        consts = _constants(branch)
        if consts and all(value.get(key) == const for key, const in consts.items()):
            merged = {k: v for k, v in schema.items() if k != "oneOf"}
            merged.update({k: v for k, v in branch.items() if k not in ("title", "description")})
            merged["properties"] = {**schema.get("properties", {}), **branch.get("properties", {})}
            merged["required"] = sorted({*schema.get("required", []), *branch.get("required", [])})
            return merged
    return schema


def _constants(branch: Json) -> dict[str, Any]:
    properties = branch.get("properties", {})
    found = {}
    for key, definition in properties.items():
        if "const" in definition:
            found[key] = definition["const"]
        elif isinstance(definition.get("enum"), list) and len(definition["enum"]) == 1:
            found[key] = definition["enum"][0]
    return found


def leaves(schema: Json | None, value: object, path: FieldPath = ()) -> Iterator[tuple[FieldPath, object, Json]]:
    """Every scalar of a configuration with its path and its own schema (empty when the spec does not know it)."""
    schema = branch_for(schema or {}, value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, inner in value.items():
            yield from leaves(properties.get(key, {}), inner, (*path, key))
    elif isinstance(value, list):
        items = schema.get("items", {})
        for number, inner in enumerate(value):
            yield from leaves(items if isinstance(items, dict) else {}, inner, (*path, number))
    else:
        yield path, value, schema


def is_secret(path: FieldPath, schema: Json) -> bool:
    """True for a field marked `airbyte_secret`; for one that no spec describes (an empty schema), when its name says so."""
    if schema:
        return bool(schema.get("airbyte_secret"))
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    return bool(_SECRET_NAME.search(name)) and not _NOT_SECRET.search(name)


def coerce(value: str, schema: Json) -> object:
    """A variable's text as the type that the spec asks for: `port: ${PORT}` must be sent as a number."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if "string" in types or not types:
        return value
    if "integer" in types and re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    if "number" in types and re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        return float(value)
    if "boolean" in types and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def validate(spec: Json, configuration: Json) -> list[Fault]:
    """Every fault of a configuration, in the order of the file's fields as far as the spec knows them."""
    return list(_validate(spec, configuration, ()))


def _validate(schema: Json, value: object, path: FieldPath) -> Iterator[Fault]:
    here = _name(path)
    branches = schema.get("oneOf")
    picked = branch_for(schema, value)
    if isinstance(branches, list) and picked is schema and isinstance(value, dict):
        yield from _no_branch(branches, value, path)
        return
    schema = picked
    if value is None:
        return  # an optional field left empty is not sent
    if value == "":
        if schema.get("minLength") or schema.get("pattern") or schema.get("format"):
            yield Fault(path, f"{here} is empty", "give a value, or delete the line if it is optional", empty=True)
        return
    if isinstance(value, dict) and "properties" in schema:
        yield from _validate_object(schema, value, path)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        yield from _own(schema, value, path, here, skip={"items"})
        for number, inner in enumerate(value):
            yield from _validate(schema["items"], inner, (*path, number))
    else:
        yield from _own(schema, value, path, here)


def _validate_object(schema: Json, value: dict[str, Any], path: FieldPath) -> Iterator[Fault]:
    properties: dict[str, Json] = schema["properties"]
    required: list[str] = schema.get("required", [])
    for key in required:
        if key not in value:
            yield Fault(
                (*path, key), f"{key} is required but missing", _about(properties.get(key, {}), f"add `{key}:`"), empty=True
            )
        elif value[key] in (None, "", {}):
            yield Fault((*path, key), f"{key} is required but empty", _about(properties.get(key, {}), "give a value"), empty=True)
    for key, inner in value.items():
        if key in required and inner in (None, "", {}):
            continue
        if key in properties:
            yield from _validate(properties[key], inner, (*path, key))
        else:
            near = difflib.get_close_matches(key, properties, n=1)
            yield Fault(
                (*path, key),
                f"{key} is no known field",
                f"did you mean {near[0]}?" if near else "remove it",
                severe=schema.get("additionalProperties") is False,
            )
    rest = {k: v for k, v in schema.items() if k not in ("properties", "required", "additionalProperties")}
    yield from _own(rest, value, path, _name(path))


def _name(path: FieldPath) -> str:
    """How a message calls a field: its last name, with the position in a list behind it."""
    start = next((n for n in range(len(path) - 1, -1, -1) if isinstance(path[n], str)), 0)
    return dotted(path[start:]) or "the configuration"


def _no_branch(branches: list[Json], value: dict[str, Any], path: FieldPath) -> Iterator[Fault]:
    """The configuration fits no `oneOf` branch: says which constants there are instead of showing the whole schema."""
    offers: dict[str, list[Any]] = {}
    for branch in branches:
        for name, const in _constants(branch).items():
            offers.setdefault(name, []).append(const)
    key = next((k for k, consts in offers.items() if len(consts) == len(branches)), None)
    if key is None:
        return  # a spec without constants gives no way to tell which branch was meant
    choices = ", ".join(map(str, offers[key]))
    if value.get(key) in (None, ""):
        yield Fault(
            (*path, key), f"{key} is required but {'empty' if key in value else 'missing'}", f"one of: {choices}", empty=True
        )
    else:
        near = difflib.get_close_matches(str(value[key]), [str(o) for o in offers[key]], n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        yield Fault((*path, key), f"{key} is none of the known values", f"{hint}one of: {choices}")


def _own(
    schema: Json, value: object, path: FieldPath, here: str, skip: frozenset[str] | set[str] = frozenset()
) -> Iterator[Fault]:
    """The faults of a value itself. The value is never quoted: it may be a secret."""
    plain = {k: v for k, v in schema.items() if k not in {"examples", "default", *skip}}
    # The registry is empty: without one, a reference to an address would be fetched.
    validator = jsonschema.Draft7Validator(plain, format_checker=jsonschema.FormatChecker(), registry=Registry())
    try:
        errors = list(validator.iter_errors(value))
    except Unresolvable:
        return  # nothing is known about such a value
    for error in errors:
        rule: Any = error.validator_value
        inner = (*path, *error.absolute_path)
        name = here if inner == path else _name(inner)
        match error.validator:
            case "type":
                kinds = rule if isinstance(rule, str) else " or ".join(rule)
                message, fix = f"{name} must be of type {kinds}, not {_kind(error.instance)}", _about(schema, "fix the value")
                if "string" in kinds and not isinstance(error.instance, (dict, list)):
                    fix = "put the value in quotes"
            case "enum":
                message, fix = f"{name} is none of the known values", "one of: " + ", ".join(map(str, rule))
            case "const":
                message, fix = f"{name} must be {rule}", f"write {rule}"
            case "pattern":
                form = schema.get("pattern_descriptor") or rule
                message, fix = f"{name} does not have the form that is asked for", f"the form is {form}"
            case "format":
                message, fix = f"{name} is not a valid {rule}", _about(schema, "fix the value")
            case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "minLength" | "maxLength":
                message, fix = f"{name} is out of range", f"{error.validator} is {rule}"
            case _:
                message, fix = (
                    f"{name} breaks the rule `{error.validator}` of the connector's spec",
                    _about(schema, "fix the value"),
                )
        yield Fault(inner, message, fix)


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    return {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}.get(
        type(value), "unknown"
    )


def _about(schema: Json, fallback: str) -> str:
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return f"{fallback}, for example {examples[0]}"
    return f"{fallback} ({schema['title']})" if schema.get("title") else fallback


def with_value(configuration: Json, path: FieldPath, value: object) -> None:
    """Sets a field inside nested dicts and lists, in place."""
    target: Any = configuration
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value


def get_value(configuration: object, path: FieldPath) -> object:
    """The value at a path; None when any part of the path is absent."""
    for part in path:
        if isinstance(configuration, dict):
            configuration = configuration.get(part)
        elif isinstance(configuration, list) and isinstance(part, int) and part < len(configuration):
            configuration = configuration[part]
        else:
            return None
    return configuration


def deep_copy(configuration: Json) -> Json:
    """A copy that may be changed freely."""
    return copy.deepcopy(configuration)


def without_nulls(value: Any) -> Any:
    """A copy without empty fields: Octavia wrote out every optional field, and they are not sent."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
