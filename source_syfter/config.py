"""What the user typed, checked and normalised."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit, urlunsplit

import jsonschema
import requests

from source_syfter.diagnosis import config_error
from source_syfter.timestamps import parse, to_iso

DEFAULT_HOST = "https://app.syfter.ai"

# Fields in which an empty text says something, as opposed to a form field that was left empty.
_EMPTY_MEANS_SOMETHING = {
    "conventions.path_prefix",
    "conventions.records_path",
    "conventions.api_key_prefix",
    "conventions.limit_parameter",
    "conventions.updated_since_parameter",
}
# How a form, which drops empty texts, can say "empty".
_EMPTY_WORDS = {
    "conventions.path_prefix": "/",
    "conventions.records_path": ".",
    "conventions.api_key_prefix": "none",
    "conventions.updated_since_parameter": "none",
    "conventions.limit_parameter": "none",
}

# The types of the spec's fields, in words.
_TYPES = {"string": "a text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "an object"}


def from_file(path: Path) -> Mapping[str, Any]:
    """The configuration in a JSON file. Raises a config error that names the file and quotes nothing of it."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise config_error(f"--config: {path} cannot be read: {error.strerror}. Check the path. [unreadable-file]") from None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise config_error(
            f"--config: {path} does not hold a configuration as JSON. Check that it is the right file. [unreadable-file]"
        )
    return config


def checked(config: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The config with empty fields left out, addresses and dates in one form; `spec`: the connection specification.

    Raises a config error that names the field, and never shows the value of a secret.
    """
    if not isinstance(config, Mapping):
        raise config_error('The configuration is not a JSON object. Write it as {"credentials": ...}. [invalid-config]')
    clean: dict[str, Any] = _without_empty(config)
    for problem in _schema_problems(clean, spec):
        raise config_error(problem)
    insecure = bool(clean.get("allow_insecure_http"))
    clean["host"] = _address("Host (host)", clean.get("host", DEFAULT_HOST), insecure).rstrip("/")
    clean["credentials"] = _credentials(clean["credentials"], spec, insecure)
    if "start_date" in clean:
        start = parse(clean["start_date"])
        if start is None:
            raise config_error(
                f'Start date (start_date): "{clean["start_date"]}" is not a date. Write it as 2024-01-31. [invalid-config]'
            )
        clean["start_date"] = to_iso(start)
    return clean


def is_loopback(hostname: str) -> bool:
    """Whether `hostname` is this machine itself, to which plain http does no harm."""
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost"


def _without_empty(value: Any, path: str = "") -> Any:
    if isinstance(value, Mapping):
        cleaned = {key: _without_empty(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        return {
            key: item
            for key, item in cleaned.items()
            if item is not None and (item != "" or f"{path}.{key}".lstrip(".") in _EMPTY_MEANS_SOMETHING or path == "credentials")
        }
    if isinstance(value, list):
        return [_without_empty(item, f"{path}[]") for item in value]
    if isinstance(value, float) and value.is_integer():
        # An integer in JSON Schema, and how some tools write one.
        return int(value)
    if isinstance(value, str) and path.startswith(("conventions.", "additional_collections")):
        text = value if path == "conventions.api_key_prefix" else value.strip()
        return "" if text == _EMPTY_WORDS.get(path) else text
    return value.strip() if isinstance(value, str) and path in ("host", "start_date") else value


def _schema_problems(config: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[str]:
    """One message per fault, most outward first. A `oneOf` is judged by the branch that its constant selects."""
    for error in jsonschema.Draft7Validator(spec).iter_errors(config):
        if error.validator == "oneOf":
            yield from _branch_problems(error)
        else:
            yield _message(error, spec)


def _branch_problems(error: jsonschema.ValidationError) -> Iterator[str]:
    variants: Any = error.validator_value
    branches = _by_scheme(variants)
    chosen = error.instance.get("auth_type") if isinstance(error.instance, dict) else None
    if not isinstance(chosen, str) or chosen not in branches:
        yield f"Authentication (credentials.auth_type) names no scheme. Choose one of {', '.join(branches)}. [invalid-config]"
        return
    for fault in jsonschema.Draft7Validator(branches[chosen]).iter_errors(error.instance):
        yield _message(fault, branches[chosen], within="credentials")


def _message(error: jsonschema.ValidationError, schema: Mapping[str, Any], within: str = "") -> str:
    path = list(error.absolute_path)
    expected: Any = error.validator_value
    if error.validator == "required":
        instance: Any = error.instance
        path.append(next(name for name in expected if name not in instance))
    field = _schema_at(schema, path)
    key = ".".join(filter(None, [within, *map(str, path)]))
    title = f"{field.get('title', 'The configuration')} ({key})"
    # Never a value from the credentials, nor a password in an address.
    value = str(error.instance)[:60]
    if isinstance(error.instance, (str, int, float)) and not key.startswith("credentials") and "@" not in value:
        title += f': "{value}"'
    if error.validator == "required":
        return f"{title} is missing. Enter it. [invalid-config]"
    if error.validator == "pattern":
        expected = field.get("pattern_descriptor", field["pattern"])
        return f"{title} is not valid. It should look like {expected}. [invalid-config]"
    if error.validator in ("minLength", "minItems"):
        return f"{title} is empty. Enter it. [invalid-config]"
    if error.validator == "enum":
        return f"{title} is not among the choices. Choose one of {', '.join(map(str, expected))}. [invalid-config]"
    if error.validator in ("minimum", "maximum"):
        least, most = field.get("minimum"), field.get("maximum")
        return f"{title} is out of range. Enter {f'{least} to {most}' if most else f'{least} or more'}. [invalid-config]"
    # All that is left in the spec is the type.
    return f"{title} is of the wrong type. Enter {_TYPES[expected]}. [invalid-config]"


def _schema_at(schema: Mapping[str, Any], path: list[Any]) -> Mapping[str, Any]:
    for step in path:
        schema = schema.get("items", {}) if isinstance(step, int) else schema.get("properties", {}).get(step, {})
    return schema


def _address(title: str, value: str, insecure: bool) -> str:
    """`value` as scheme, host, port and path."""
    text = value.strip() if "://" in value else f"https://{value.strip()}"
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if not parts.hostname or port == 0 or not _can_be_asked(text):
        raise config_error(
            f'{title}: "{value}" is no address. It should look like https://instance.example.com. [invalid-config]'
        )
    if parts.scheme.lower() == "http" and not insecure and not is_loopback(parts.hostname):
        raise config_error(
            f"{title}: http sends credentials and data unencrypted. Use https://, or set allow_insecure_http in a "
            "closed network. [invalid-config]"
        )
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path, parts.query, ""))


def _can_be_asked(address: str) -> bool:
    try:
        requests.Request("GET", address).prepare()
    except (requests.RequestException, UnicodeError):
        return False
    return True


def _by_scheme(variants: list[Any]) -> dict[str, Any]:
    return {variant["properties"]["auth_type"]["const"]: variant for variant in variants}


def _credentials(credentials: Mapping[str, Any], spec: Mapping[str, Any], insecure: bool) -> dict[str, Any]:
    """Without what another scheme left behind, which nobody has checked."""
    scheme = _by_scheme(spec["properties"]["credentials"]["oneOf"])[credentials["auth_type"]]
    cleaned = {name: value for name, value in credentials.items() if name in scheme["properties"]}
    for name, title in (("api_key", "API key"), ("access_token", "Access token")):
        if name in cleaned:
            cleaned[name] = _header_value(f"{title} (credentials.{name})", cleaned[name].strip())
    for name in ("username", "password", "client_id", "client_secret"):
        if name in cleaned and not cleaned[name].strip():
            raise config_error(f"Authentication (credentials.{name}) is empty. Enter it. [invalid-config]")
    if ":" in cleaned.get("username", ""):
        raise config_error("User name (credentials.username) cannot hold a colon. Check what was entered. [invalid-config]")
    if "token_url" in cleaned:
        cleaned["token_url"] = _address("Token URL (credentials.token_url)", cleaned["token_url"], insecure)
    return cleaned


def _header_value(title: str, value: str) -> str:
    if not value:
        raise config_error(f"{title} is empty. Enter it. [invalid-config]")
    if not value.isascii() or not value.isprintable():
        raise config_error(
            f"{title} holds a character that cannot be sent, such as a line break. Copy it again. [invalid-config]"
        )
    return value


def unencrypted(config: Mapping[str, Any]) -> Optional[str]:
    """The address beyond this machine that a checked config reaches over plain http, if there is one."""
    for address in (config["host"], config["credentials"].get("token_url", "")):
        parts = urlsplit(address)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            return str(address)
    return None
