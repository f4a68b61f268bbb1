"""Holds every request to and answer of the stand-in against `openapi.yaml`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry
from referencing.jsonschema import DRAFT202012

_DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "openapi.yaml").read_text(encoding="utf-8"))


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", template) + "$"), template) for template in _DOCUMENT["paths"]]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, template in _templates():
        if pattern.match(path):
            operation: dict[str, Any] | None = _DOCUMENT["paths"][template].get(method.lower())
            return operation
    return None


# One registry for all validators: resolving the document anew for each answer would cost more than the request itself.
_REGISTRY: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(_DOCUMENT))


@cache
def _validator(reference: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({"$ref": f"urn:api{reference}"}, registry=_REGISTRY)


def _faults(schema: dict[str, Any], value: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in _validator(schema["$ref"]).iter_errors(value)]


def request_faults(method: str, path: str, body: object) -> list[str]:
    """What the contract has against a request; unknown operations are a fault too."""
    operation = _operation(method, path)
    if operation is None:
        return [f"{method} {path} is not in the contract"]
    schema = operation.get("requestBody")
    return _faults(schema, body) if schema else []


def response_faults(method: str, path: str, status: int, body: object) -> list[str]:
    """What the contract has against an answer."""
    if status >= 400:
        return _faults({"$ref": "#/components/schemas/Problem"}, body)
    operation = _operation(method, path)
    schema = (operation or {}).get("responses", {}).get(str(status))
    return _faults(schema, body) if schema else [f"{method} {path} may not answer {status}"]
