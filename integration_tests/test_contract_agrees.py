"""Manifest, schema files and the sandbox's OpenAPI document say the same about the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

import source_syfter
from sandbox import COLLECTIONS, running
from source_syfter.spec import manifest

Json = dict[str, Any]
MANIFEST = manifest()
PATHS = {stream["$parameters"]["name"]: f"/api/{stream['$parameters']['collection']}" for stream in MANIFEST["streams"]}
ASSUMED = MANIFEST["spec"]["connection_specification"]["properties"]["conventions"]["properties"]
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (Path(source_syfter.__file__).parent / "schemas").glob("*.json")}


@pytest.fixture(scope="module")
def document() -> Json:
    with running(companies=1) as box:
        found: Json = requests.get(f"{box.url}/openapi.json", timeout=10).json()
    return found


def operation(document: Json, stream: str) -> Json:
    found: Json = document["paths"][PATHS[stream]]["get"]
    return found


def resolved(document: Json, node: Json) -> Json:
    while "$ref" in node:
        node = document["components"]["schemas"][node["$ref"].rpartition("/")[2]]
    return node


def model(document: Json, stream: str) -> Json:
    """The record's schema in the OpenAPI document."""
    answer = operation(document, stream)["responses"]["200"]["content"]["application/json"]["schema"]
    return resolved(document, resolved(document, answer)["properties"]["data"]["items"])


def shape(document: Json, field: Json) -> Any:
    """Types (null aside), format and what is inside, of a field in either notation."""
    branches = [resolved(document, branch) for branch in field.get("anyOf", [field])]
    types = {kind for branch in branches for kind in ([branch["type"]] if isinstance(branch["type"], str) else branch["type"])}
    inside = next((branch["properties"] for branch in branches if "properties" in branch), {})
    items = next((branch["items"] for branch in branches if "items" in branch), None)
    return (
        types - {"null"},
        next((branch["format"] for branch in branches if "format" in branch), None),
        {name: shape(document, part) for name, part in inside.items()},
        shape(document, items) if items else None,
    )


def evidence(field: Json) -> tuple[str, str | None]:
    """How well a field is known, and its key, where that is less."""
    return field["x-evidence"], field.get("x-evidence-key")


def test_all_three_know_the_same_collections(document: Json) -> None:
    listed = {
        path for path, methods in document["paths"].items() if methods.get("get", {}).get("operationId", "").startswith("list_")
    }

    assert set(PATHS) == set(SCHEMAS) == set(COLLECTIONS)
    assert listed == set(PATHS.values())


@pytest.mark.parametrize("stream", COLLECTIONS)
def test_fields_agree(document: Json, stream: str) -> None:
    theirs, ours = model(document, stream)["properties"], SCHEMAS[stream]["properties"]

    assert set(ours) == set(theirs)
    for name, field in ours.items():
        assert shape(document, field) == shape(document, theirs[name]), name


@pytest.mark.parametrize("stream", COLLECTIONS)
def test_evidence_agrees(document: Json, stream: str) -> None:
    theirs, ours = model(document, stream)["properties"], SCHEMAS[stream]["properties"]

    assert {name: evidence(field) for name, field in ours.items()} == {name: evidence(field) for name, field in theirs.items()}


@pytest.mark.parametrize("stream", COLLECTIONS)
def test_what_the_connector_sends_is_known(document: Json, stream: str) -> None:
    known = {
        parameter["name"]: parameter for parameter in operation(document, stream)["parameters"] if parameter["in"] == "query"
    }
    sent = {ASSUMED[name]["default"] for name in ("limit_parameter", "offset_parameter", "updated_since_parameter")}

    assert sent == set(known) == {"limit", "offset", "updated_since"}
    spec = MANIFEST["spec"]["connection_specification"]["properties"]["page_size"]
    limit = known["limit"]["schema"]
    limit = next((branch for branch in limit.get("anyOf", []) if branch.get("type") == "integer"), limit)
    assert (spec["minimum"], spec["maximum"]) == (limit["minimum"], limit["maximum"])


@pytest.mark.parametrize("stream", COLLECTIONS)
def test_the_envelope_agrees(document: Json, stream: str) -> None:
    answer = operation(document, stream)["responses"]["200"]["content"]["application/json"]["schema"]

    assert ASSUMED["records_path"]["default"] in resolved(document, answer)["properties"]


def test_the_schemes_agree(document: Json) -> None:
    schemes = document["components"]["securitySchemes"]
    kinds = {(scheme["type"], scheme.get("scheme") or scheme.get("name")) for scheme in schemes.values()}

    assert ("apiKey", "Authorization") in kinds
    assert ("http", "bearer") in kinds
    assert ("http", "basic") in kinds
    assert any(scheme["type"] == "oauth2" and "clientCredentials" in scheme["flows"] for scheme in schemes.values())
