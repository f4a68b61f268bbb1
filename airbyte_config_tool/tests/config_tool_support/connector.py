"""A connector's command line with recorded answers: `python connector.py spec | discover --config FILE | bundle`.

The answers are written by hand from the connector's contract. `bundle --bump` gives a newer manifest; `--refuse` in front finds
fault with every configuration.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Json = dict[str, Any]
NAMES = (
    "companies",
    "company_overviews",
    "company_financials",
    "company_employees",
    "articles",
    "custom_property_definitions",
    "custom_property_values",
    "datasource_priorities",
    "datasource_preferences",
)


def _branch(title: str, kind: str, **fields: Json) -> Json:
    return {
        "title": title,
        "type": "object",
        "required": ["auth_type", *(name for name, field in fields.items() if not field.pop("optional", False))],
        "properties": {"auth_type": {"type": "string", "const": kind}, **fields},
    }


def _text(title: str, secret: bool = False, **more: Any) -> Json:
    return {"type": "string", "title": title, **({"airbyte_secret": True} if secret else {}), **more}


def spec() -> Json:
    """The spec, as the contract describes the configuration."""
    return {
        "type": "object",
        "title": "Syfter Source Spec",
        "required": ["credentials"],
        "additionalProperties": True,
        "properties": {
            "host": _text(
                "Host", default="https://app.syfter.ai", pattern=r"^[^\s?#@]+$", pattern_descriptor="https://host.example"
            ),
            "credentials": {
                "type": "object",
                "title": "Authentication",
                "oneOf": [
                    _branch("API key", "api_key", api_key=_text("API key", True, minLength=1)),
                    _branch("Bearer token", "bearer", access_token=_text("Access token", True)),
                    _branch("User and password", "basic", username=_text("User"), password=_text("Password", True)),
                    _branch(
                        "OAuth 2.0",
                        "oauth2_client_credentials",
                        token_url=_text("Token URL", examples=["https://sso.example.com/token"]),
                        client_id=_text("Client id"),
                        client_secret=_text("Client secret", True),
                        scopes=_text("Scopes", optional=True),
                    ),
                ],
            },
            "start_date": _text("Start date", format="date-time"),
            "lookback_window_minutes": {"type": "integer", "minimum": 0},
            "page_size": {"type": "integer", "minimum": 1, "maximum": 1000, "title": "Page size"},
            "num_workers": {"type": "integer", "minimum": 2, "maximum": 20},
            "allow_insecure_http": {"type": "boolean"},
            "conventions": {
                "type": "object",
                "properties": {
                    "path_prefix": _text("Prefix"),
                    "paging": _text("Paging", enum=["offset", "page", "cursor", "none"]),
                },
            },
            "additional_collections": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "path"],
                    "properties": {"name": _text("Name"), "path": _text("Path")},
                },
            },
        },
    }


def catalog() -> list[Json]:
    """The nine streams."""
    fields = {
        "id": {"type": "integer"},
        "created_at": {"type": "string"},
        "updated_at": {"type": "string"},
        "name": {"type": "string"},
    }
    return [
        {
            "name": name,
            "json_schema": {"type": "object", "properties": fields},
            "supported_sync_modes": ["full_refresh", "incremental"],
            "source_defined_cursor": True,
            "default_cursor_field": ["updated_at"],
            "source_defined_primary_key": [["id"]],
        }
        for name in NAMES
    ]


def manifest(version: str = "4.6.2", bump: bool = False) -> Json:
    """A manifest in the form of `bundle`: one file, nothing custom."""
    streams = [{"type": "DeclarativeStream", "name": name, "primary_key": "id"} for name in NAMES]
    return {
        "version": version,
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["companies"]},
        "streams": streams[:-1] if bump else streams,
        "spec": {
            "type": "Spec",
            "documentation_url": "https://docs.example.com/syfter",
            "advanced_auth": {
                "auth_flow_type": "oauth2.0",
                "oauth_config_specification": {"complete_oauth_output_specification": {"properties": {"access_token": {}}}},
            },
            "connection_specification": spec(),
        },
    }


def main(arguments: list[str]) -> None:
    """Answers as a connector does: log lines, then one message."""
    if arguments[0] == "--refuse":
        arguments = arguments[1:]
        if "--config" in arguments:
            error = {"message": "host: no instance answers there.", "failure_type": "config_error"}
            print(json.dumps({"type": "TRACE", "trace": {"type": "ERROR", "error": error}}))
            sys.exit(1)
    if arguments[0] == "bundle":
        print(json.dumps(manifest(bump="--bump" in arguments)))
        return
    print(json.dumps({"type": "LOG", "log": {"level": "INFO", "message": "starting"}}))
    if arguments[0] == "spec":
        print(json.dumps({"type": "SPEC", "spec": {"connectionSpecification": spec()}}))
    elif arguments[0] == "discover":
        with open(arguments[arguments.index("--config") + 1], encoding="utf-8") as file:
            config = json.load(file)
        extra = [{**catalog()[0], "name": c["name"]} for c in config.get("additional_collections", [])]
        print(json.dumps({"type": "CATALOG", "catalog": {"streams": catalog() + extra}}))


if __name__ == "__main__":
    main(sys.argv[1:])
