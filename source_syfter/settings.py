"""What the user typed, checked once and made whole: afterwards every field of the spec is there, and nothing else.

A field without a default that was left out is None. Nobody below needs to know a default or a word for "empty".
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import jsonschema
import requests

from source_syfter import problems
from source_syfter.problems import SyfterError
from source_syfter.timestamps import UNIX, parse, to_iso

T = TypeVar("T")
Settings = dict[str, Any]
Schema = Mapping[str, Any]

# Fields in which an empty text says something, and the word for it in a form, which drops empty texts.
EMPTY_WORDS = {"conventions.path_prefix": "/", "conventions.records_path": ".", "conventions.api_key_prefix": "none"}
EMPTY_WORDS |= {"conventions.limit_parameter": "none", "conventions.updated_since_parameter": "none"}
EMPTY_WORDS |= {"conventions.updated_at_field": "none", "conventions.total_path": "none", "collections[].records_path": "."}

# The types of the spec's fields, in words.
_TYPES = {"string": "a text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "an object"}


def load(read: Callable[[str], T], path: str, option: str, what: str) -> T:
    """What `read` makes of the file at `path`. `what`: what it should hold, in words.

    Raises a config error that names `option` and the file, and quotes nothing of it.
    """
    try:
        return read(path)
    except OSError as error:
        raise problems.UNREADABLE_FILE(option=option, path=path, reason=error.strerror) from None
    except Exception:
        # Readers raise errors of many kinds, which may quote the file; it may hold secrets.
        raise problems.WRONG_FILE(option=option, path=path, what=what) from None


def from_file(path: str) -> dict[str, Any]:
    """The configuration in a JSON file, as typed. Raises as `load` does."""
    return load(_object, path, "--config", "a configuration")


def as_file(config: Mapping[str, Any]) -> str:
    """A configuration as it stands in a file."""
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def keep(path: Path, content: bytes) -> None:
    """Makes a file for its owner alone, whole or not at all. Raises a config error if that cannot be done."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(content)
        new.replace(path)
    except OSError as error:
        raise problems.UNWRITABLE_FILE(path=path, reason=error.strerror) from None


def json_file(path: str) -> Any:
    """The JSON document in the file at `path`: UTF-8 whatever the locale says, or UTF-16, as some editors and shells write."""
    return json.loads(Path(path).read_bytes())


def saved_states(path: str) -> list[Any]:
    """The last state of each stream in the file at `path`: an array of states or of messages, or the lines that a read wrote."""
    found = {}
    with Path(path).open("rb") as file:
        # What a read wrote may be long: one line of it at a time.
        is_lines = file.read(1) == b"{"
        file.seek(0)
        for each in map(json.loads, filter(bytes.strip, file)) if is_lines else json_file(path) or ():
            if each.get("type") not in ("RECORD", "LOG", "TRACE", "CONTROL"):
                state = each["state"] if each.get("type") == "STATE" else each
                found[json.dumps(state.get("stream", {}).get("stream_descriptor"), sort_keys=True)] = state
    return list(found.values())


def _object(path: str) -> dict[str, Any]:
    found = json_file(path)
    if not isinstance(found, dict):
        raise TypeError
    return found


def complete(config: Mapping[str, Any], spec: Schema) -> Settings:
    """The settings that `config` stands for: every field of `spec` (the connection specification), in one form.

    Raises a config error that names the field, and never shows the value of a secret.
    """
    if not isinstance(config, Mapping):
        raise problems.NO_OBJECT()
    known = _known(config, spec)
    _check(known, spec)
    settings: Settings = _with_defaults(known, spec)
    insecure = settings["allow_insecure_http"]
    settings["host"] = _address("Host (host)", settings["host"], insecure).rstrip("/")
    settings["credentials"] = _credentials(known["credentials"], spec, insecure)
    if start := settings["start_date"]:
        moment = parse(start)
        if moment is None:
            raise problems.NO_DATE(field="Start date (start_date)", value=start)
        # The framework subtracts from it, and knows no year before the first. The epoch already means all records.
        settings["start_date"] = to_iso(max(moment, UNIX))
    _check_headers(settings)
    conventions = settings["conventions"]
    conventions["path_prefix"] = _path(conventions["path_prefix"])
    prefix = conventions["api_key_prefix"]
    # A form trims its values, and no scheme writes a word and a key without a blank.
    conventions["api_key_prefix"] = f"{prefix} " if prefix[-1:].isalnum() else prefix
    if not (prefix.isascii() and prefix.isprintable()):
        raise problems.UNSENDABLE(field="API key prefix (conventions.api_key_prefix)")
    conventions["updated_since_format"] = conventions["updated_since_format"] or conventions["timestamp_format"]
    for collection in [*settings["collections"], *settings["additional_collections"]]:
        # What follows a path may be a slash that a server insists on.
        path = collection["path"] or ""
        collection["path"] = _path(path) + ("/" if path.endswith("/") else "") if path else None
    return settings


def as_typed(field: str, value: Any, group: str = "conventions") -> Any:
    """How a user types `value` into a `field` of the conventions or of a collection: a form drops empty texts."""
    return EMPTY_WORDS[f"{group}.{field}"] if value == "" else value


def is_loopback(hostname: str) -> bool:
    """Whether `hostname` is this machine itself, to which plain http does no harm."""
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"


def unencrypted(settings: Settings) -> Optional[str]:
    """The address beyond this machine that is reached over plain http, if there is one."""
    for address in (settings["host"], settings["credentials"].get("token_url") or ""):
        parts = urlsplit(address)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            return str(address)
    return None


def _properties(schema: Schema) -> dict[str, Schema]:
    """The fields of an object; those of all its alternatives, if it has some."""
    branches = [schema, *schema.get("oneOf", [])]
    return {name: field for branch in branches for name, field in branch.get("properties", {}).items()}


def _known(value: Any, schema: Schema, path: str = "") -> Any:
    """`value` without the fields that `schema` does not name and without empty ones; words for "empty" become empty texts."""
    fields = _properties(schema)
    if isinstance(value, Mapping) and fields:
        cleaned = {name: _known(value.get(name), field, f"{path}.{name}".lstrip(".")) for name, field in fields.items()}
        # An empty credential is an error of its own.
        kept = {name for name in cleaned if path == "credentials" or f"{path}.{name}" in EMPTY_WORDS}
        return {name: item for name, item in cleaned.items() if item is not None and (item != "" or name in kept)}
    if isinstance(value, list):
        return [_known(item, schema.get("items", {}), f"{path}[]") for item in value]
    if isinstance(value, float) and value.is_integer():
        # An integer in JSON Schema, and how some tools write one.
        return int(value)
    if isinstance(value, str) and not path.startswith("credentials"):
        text = value if path == "conventions.api_key_prefix" else value.strip()
        return "" if text == EMPTY_WORDS.get(path) else text
    return value


def _with_defaults(value: Any, schema: Schema) -> Any:
    """`value`, checked, with every field of `schema`: as given, else its default, else None."""
    if schema["type"] == "array":
        return [_with_defaults(item, schema["items"]) for item in value or []]
    if schema["type"] == "object":
        given = value or {}
        return {name: _with_defaults(given.get(name), field) for name, field in _properties(schema).items()}
    return schema.get("default") if value is None else value


def _check(value: Any, schema: Schema, within: str = "") -> None:
    """Raises the error of the most outward fault. A `oneOf` is judged by the branch that its constant selects."""
    for fault in jsonschema.Draft7Validator(schema).iter_errors(value):
        if fault.validator != "oneOf":
            raise _error(fault, schema, within)
        variants: Any = fault.validator_value
        branches = _by_scheme(variants)
        chosen = fault.instance.get("auth_type") if isinstance(fault.instance, dict) else None
        if not isinstance(chosen, str) or chosen not in branches:
            raise problems.NO_SCHEME(field="Authentication (credentials.auth_type)", choices=", ".join(branches))
        _check(fault.instance, branches[chosen], within="credentials")


def _error(error: jsonschema.ValidationError, schema: Schema, within: str) -> SyfterError:
    path = list(error.absolute_path)
    expected: Any = error.validator_value
    if error.validator == "required":
        instance: Any = error.instance
        path.append(next(name for name in expected if name not in instance))
    field = schema_at(schema, path)
    key = ".".join(filter(None, [within, *map(str, path)]))
    title = f"{field.get('title', 'The configuration')} ({key})"
    # Never a value from the credentials, nor a password in an address. A cut could hide a secret from what masks it.
    value = str(error.instance)
    if (
        isinstance(error.instance, (str, int, float))
        and not key.startswith(("credentials", "additional_headers"))
        and "@" not in value
        and len(value) <= 60
    ):
        title += f': "{value}"'
    return _PROBLEMS[error.validator](title, field, expected)


def _range(title: str, field: Schema, expected: Any) -> SyfterError:
    least, most = field.get("minimum"), field.get("maximum")
    return problems.OUT_OF_RANGE(field=title, range=f"{least} to {most}" if most else f"{least} or more")


# By keyword of the spec: what is wrong with a field.
_PROBLEMS: dict[Any, Callable[[str, Schema, Any], SyfterError]] = {
    "required": lambda title, field, expected: problems.MISSING(field=title),
    "pattern": lambda title, field, expected: problems.NO_MATCH(field=title, example=field["pattern_descriptor"]),
    "minLength": lambda title, field, expected: problems.EMPTY(field=title),
    "enum": lambda title, field, expected: problems.NO_CHOICE(field=title, choices=", ".join(map(str, expected))),
    "minimum": _range,
    "maximum": _range,
    "type": lambda title, field, expected: problems.WRONG_TYPE(field=title, type=_TYPES[expected]),
}


def schema_at(schema: Schema, path: Sequence[Any]) -> Schema:
    """What `schema` says of the field at `path`; nothing of one that it does not name."""
    for step in path:
        schema = schema.get("items", {}) if isinstance(step, int) else _properties(schema).get(step, {})
    return schema


def _address(title: str, value: str, insecure: bool) -> str:
    """`value` as scheme, host, port and path."""
    text = value.strip() if "://" in value else f"https://{value.strip()}"
    parts = urlsplit(text)
    try:
        sent = urlsplit(requests.Request("GET", text).prepare().url or "")
        # As a look-up takes it: no part of a name is empty, or longer than 63 letters.
        can_be_asked = bool((sent.hostname or "").encode("idna")) and parts.port != 0
    except (requests.RequestException, ValueError):
        can_be_asked = False
    if not can_be_asked:
        raise problems.NO_ADDRESS(field=title, value=value)
    if parts.scheme.lower() == "http" and not insecure and not is_loopback(parts.hostname or ""):
        raise problems.PLAIN_HTTP(field=title)
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path, parts.query, ""))


def _path(value: str) -> str:
    """`value` as it stands in an address, without slashes around it."""
    return quote(value.strip("/"), safe="/%~")


def _by_scheme(variants: list[Any]) -> dict[str, Any]:
    return {variant["properties"]["auth_type"]["const"]: variant for variant in variants}


def _credentials(credentials: Mapping[str, Any], spec: Schema, insecure: bool) -> Settings:
    """Without what another scheme left behind, which nobody has checked."""
    scheme = _by_scheme(spec["properties"]["credentials"]["oneOf"])[credentials["auth_type"]]
    cleaned = _with_defaults(credentials, scheme)
    for name, title in (("api_key", "API key"), ("access_token", "Access token")):
        if name in cleaned:
            cleaned[name] = secret = cleaned[name].strip()
            if not (secret and secret.isascii() and secret.isprintable()):
                raise (problems.UNSENDABLE if secret else problems.EMPTY)(field=f"{title} (credentials.{name})")
    for name in ("username", "password", "client_id", "client_secret", "refresh_token"):
        if name in cleaned and not cleaned[name].strip():
            raise problems.EMPTY(field=f"Authentication (credentials.{name})")
    if ":" in cleaned.get("username", ""):
        raise problems.COLON(field="User name (credentials.username)")
    if "token_url" in cleaned:
        cleaned["token_url"] = _address("Token URL (credentials.token_url)", cleaned["token_url"], insecure)
    return dict(cleaned)


def _check_headers(settings: Settings) -> None:
    names = [each["name"].lower() for each in settings["additional_headers"]]
    conventions = settings["conventions"]
    taken = {"accept", "authorization"}
    if settings["credentials"]["auth_type"] == "api_key":
        taken = {"accept"} | ({conventions["api_key_header"].lower()} if not conventions["api_key_parameter"] else set())
    for header, name in zip(settings["additional_headers"], names, strict=True):
        if names.count(name) > 1 or name in taken:
            raise problems.HEADER_TWICE(name=header["name"])
        if not (header["value"].isprintable() and header["value"].isascii()):
            raise problems.UNSENDABLE(field=f"Value of the header {header['name']} (additional_headers[].value)")
