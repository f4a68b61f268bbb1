"""The machine-readable contract: what `/openapi.json` says about the collections."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from sandbox.auth import TOKEN_PATH
from sandbox.models import MODELS, Error, Page, Token
from sandbox.variants import Variant


def _api_key(variant: Variant) -> dict[str, str]:
    if variant.api_key_parameter:
        return {"type": "apiKey", "in": "query", "name": variant.api_key_parameter, "x-evidence": "A"}
    return {
        "type": "apiKey",
        "in": "header",
        "name": variant.api_key_header,
        "description": f"The value is `{variant.api_key_prefix}<key>`.",
        "x-evidence": "E",
    }


_SECURITY: list[dict[str, list[str]]] = [{"ApiKey": []}, {"Bearer": []}, {"Basic": []}, {"OAuth2": []}]
# by reference: a model here would be compiled for every response of every route, and starting would take twice as long
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_ERRORS = {
    400: "A parameter is not understood.",
    401: "The credentials are missing, wrong or expired.",
    403: "The credentials lack the right to read this collection.",
    404: "This instance does not have the collection.",
    429: "Too many requests.",
}


def list_operation(collection: str, variant: Variant) -> dict[str, Any]:
    """The OpenAPI side of one list route, as keyword arguments of FastAPI's `add_api_route`."""
    model = MODELS[collection]
    words = collection.replace("_", " ")
    return {
        "operation_id": f"list_{collection}",
        "summary": f"List {words}",
        "description": model.__doc__,
        "tags": [collection],
        "response_model": Page[model],  # type: ignore[valid-type]
        "responses": {status: {"description": text, "content": _ERROR} for status, text in _ERRORS.items()},
        "openapi_extra": {"parameters": _parameters(variant), "security": _SECURITY},
    }


def _parameters(variant: Variant) -> list[dict[str, Any]]:
    whole = {"type": "integer"}
    known = {
        variant.limit_parameter: (
            {**whole, "minimum": 1, "maximum": 1000, "default": 100},
            "Records per page. A server may give fewer without saying so.",
        ),
        variant.updated_since_parameter: (
            whole if variant.timestamp_format == "epoch_ms" else {"type": "string", "format": "date-time"},
            "Only records updated at or after this instant.",
        ),
    }
    if variant.paging == "offset":
        known[variant.offset_parameter] = ({**whole, "minimum": 0, "default": 0}, "How many records to skip.")
    if variant.paging == "page":
        known[variant.page_parameter] = (
            {**whole, "minimum": variant.first_page, "default": variant.first_page},
            "Number of the page.",
        )
    if variant.paging == "cursor":
        known[variant.cursor_parameter] = ({"type": "string"}, "Where to go on: the token that the page before gave.")
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": text, "x-evidence": "A"}
        for name, (schema, text) in known.items()
        if name in variant.parameters()
    ]


def describe(app: FastAPI, variant: Variant) -> None:
    """Complete the app's OpenAPI document: security schemes, the token endpoint, what the document is."""
    app.description = (
        "A local Syfter instance. Syfter publishes no API reference: each field carries its evidence mark, `x-evidence`, "
        "E (named by a public source), I (implied by one) or A (assumed by convention).\n\n"
        f"Conventions: {variant.name} ({variant.summary}). The response schemas are the contract's."
    )
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generated()
            components = document.setdefault("components", {})
            components["securitySchemes"] = {
                "ApiKey": _api_key(variant),
                "Bearer": {"type": "http", "scheme": "bearer", "x-evidence": "A"},
                "Basic": {"type": "http", "scheme": "basic", "x-evidence": "A"},
                "OAuth2": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": TOKEN_PATH, "scopes": {}}},
                    "x-evidence": "A",
                },
            }
            components["schemas"] |= {"Error": Error.model_json_schema(), "Token": Token.model_json_schema()}
            document["paths"][TOKEN_PATH] = _token_path()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _token_path() -> dict[str, Any]:
    form = {
        "type": "object",
        "required": ["grant_type", "client_id", "client_secret"],
        "properties": {
            "grant_type": {"type": "string", "enum": ["client_credentials"]},
            "client_id": {"type": "string"},
            "client_secret": {"type": "string", "format": "password"},
            "scope": {"type": "string"},
        },
    }
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    }
    answer = {"description": "The request is refused.", "content": {"application/json": {"schema": error}}}
    return {
        "post": {
            "operationId": "create_token",
            "summary": "Issue an access token for client credentials",
            "tags": ["oauth"],
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
            "responses": {
                "200": {
                    "description": "A token.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Token"}}},
                },
                "400": answer,
                "401": answer,
            },
        }
    }
