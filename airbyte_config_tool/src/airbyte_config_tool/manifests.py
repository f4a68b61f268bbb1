"""A manifest for the public API's upload: what the server needs, and what it would lose."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
MAX_BYTES = 10 * 1024 * 1024

# The upload copies only `connection_specification` to camelCase and then reads these two in camelCase.
_ADVANCED_AUTH_KEYS = {
    "auth_flow_type": "authFlowType",
    "predicate_key": "predicateKey",
    "predicate_value": "predicateValue",
    "oauth_config_specification": "oauthConfigSpecification",
    "oauth_user_input_from_connector_config_specification": "oauthUserInputFromConnectorConfigSpecification",
    "oauth_connector_input_specification": "oauthConnectorInputSpecification",
    "complete_oauth_output_specification": "completeOAuthOutputSpecification",
    "complete_oauth_server_input_specification": "completeOAuthServerInputSpecification",
    "complete_oauth_server_output_specification": "completeOAuthServerOutputSpecification",
}


def for_upload(manifest: Json) -> Json:
    """The manifest with camelCase copies of `documentation_url` and `advanced_auth`, so that the server keeps them."""
    result = copy.deepcopy(manifest)
    spec = result.get("spec")
    if isinstance(spec, dict):
        if spec.get("documentation_url"):
            spec.setdefault("documentationUrl", spec["documentation_url"])
        if isinstance(spec.get("advanced_auth"), dict):
            spec.setdefault("advancedAuth", _camel(spec["advanced_auth"]))
    return result


def _camel(auth: Json) -> Json:
    """Renames the protocol's own keys only; below them lie JSON Schemas, whose keys belong to the connector."""
    return {
        _ADVANCED_AUTH_KEYS.get(key, key): _camel(value)
        if key == "oauth_config_specification" and isinstance(value, dict)
        else value
        for key, value in auth.items()
    }


def major(manifest: Json) -> str:
    """The CDK major that the server looks up for this manifest."""
    return str(manifest.get("version", "")).split(".")[0]


def manifest_faults(manifest: Json) -> Iterator[str]:
    """What would make the upload fail, or succeed and then not work. The server itself checks none of it."""
    if not manifest.get("version"):
        yield "the manifest has no version"
    spec = manifest.get("spec")
    schema = spec.get("connection_specification") if isinstance(spec, dict) else None
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        yield "the manifest has no spec.connection_specification.properties"
    custom = sorted(set(_custom_classes(manifest)))
    if custom:
        yield f"the manifest needs Python code that the public API cannot carry: {', '.join(custom)}"
    size = len(json.dumps(manifest).encode())
    if size > MAX_BYTES:
        yield f"the manifest is {size} bytes long and the server takes {MAX_BYTES} at most"


def _custom_classes(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        name = node.get("class_name")
        if isinstance(name, str) and not name.startswith("airbyte_cdk."):
            yield name
        for value in node.values():
            yield from _custom_classes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _custom_classes(value)
