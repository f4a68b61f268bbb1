"""The manifest as a whole: plain, valid, and true to what its comments say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from airbyte_cdk.sources.declarative.parsers.custom_exceptions import CircularReferenceException
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver

import source_syfter
from source_syfter.source import SourceSyfter
from testing.instance import Instance, config
from testing.reading import LOGGER, PATHS, STREAMS, Json, declared, read

ROOT = Path(__file__).parents[1]
PACKAGE = Path(source_syfter.__file__).parent
MANIFEST: Json = yaml.safe_load((PACKAGE / "manifest.yaml").read_text())
SPEC = MANIFEST["spec"]["connection_specification"]


def parts(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every node of a document, with its path."""
    yield path, node
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from parts(child, (*path, key))


def test_every_test_that_the_package_names_exists() -> None:
    named = {
        name
        for file in PACKAGE.rglob("*.*")
        if file.suffix in (".py", ".yaml")
        for name in re.findall(r"\btest_\w+", file.read_text())
    }
    tests = "\n".join(
        file.read_text() for folder in ("unit_tests", "integration_tests") for file in (ROOT / folder).glob("test_*.py")
    )

    assert {name for name in named if not re.search(rf"def {name}\b", tests)} == set()


def test_streams_differ_by_name_and_path_only() -> None:
    assert {stream["$parameters"]["name"]: stream["$parameters"]["collection"] for stream in MANIFEST["streams"]} == PATHS
    assert {tuple(stream) for stream in MANIFEST["streams"]} == {("$ref", "$parameters")}
    assert {stream["$ref"] for stream in MANIFEST["streams"]} == {"#/definitions/base_stream"}


def test_references_lead_somewhere() -> None:
    try:
        ManifestReferenceResolver().preprocess_manifest(MANIFEST)
    except CircularReferenceException as error:
        pytest.fail(str(error))


def test_definitions_are_used_or_put_in_by_the_conventions() -> None:
    files = [PACKAGE / "manifest.yaml", *(PACKAGE / "conventions").glob("*.py")]
    text = "\n".join(file.read_text() for file in files)
    unused = [
        name for name in MANIFEST["definitions"] if len(re.findall(rf"\b{name}\b", text)) < 2 and not name.endswith("_paginator")
    ]

    assert unused == []


def test_the_version_is_that_of_the_framework_s_line() -> None:
    assert MANIFEST["version"] == "7.39.1"


def test_requests_have_time_limits_and_keepalive() -> None:
    requester = MANIFEST["definitions"]["requester"]

    assert 0 < requester["connect_timeout_in_seconds"] <= 10
    assert 0 < requester["read_timeout_in_seconds"] <= 30
    assert requester["use_tcp_keepalive"] is True


def test_every_error_filter_names_the_stream_and_the_remedy() -> None:
    filters = {name: part for name, part in MANIFEST["definitions"].items() if part.get("type") == "HttpResponseFilter"}

    assert len(filters) == 10
    for name, part in filters.items():
        assert part["error_message"].startswith("{{ parameters['name'] }}: "), name
        assert part["error_message"].strip().endswith(". {{ parameters['remedy'] }}"), name
        assert part["$parameters"]["remedy"].endswith("."), name
        assert part.get("failure_type") == ("config_error" if part["action"] in ("FAIL", "REFRESH_TOKEN_THEN_RETRY") else None), (
            name
        )


def test_each_status_has_one_filter() -> None:
    handler = MANIFEST["definitions"]["error_handler"]["response_filters"]
    listed = [code for name in handler for code in MANIFEST["definitions"][name.rpartition("/")[2]]["http_codes"]]

    assert [code for code, count in Counter(listed).items() if count > 1] == []
    assert {400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504} <= set(listed)


# --- the spec, as Airbyte's form wants it --------------------------------------------------------------------------------


def test_the_spec_is_a_valid_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SPEC)


@pytest.mark.parametrize("keyword", ["$ref", "anyOf", "allOf", "not", "if", "patternProperties"])
def test_the_spec_uses_no_keyword_that_the_form_cannot_show(keyword: str) -> None:
    assert [path for path, node in parts(SPEC) if path[-1:] == (keyword,) and "properties" not in path[-2:-1]] == []


def fields_of(schema: Json) -> Iterator[tuple[tuple[Any, ...], Json]]:
    for path, node in parts(schema):
        if len(path) >= 2 and path[-2] == "properties" and isinstance(node, dict):
            yield path, node


def test_every_field_has_title_description_and_order() -> None:
    for path, field in fields_of(SPEC):
        if path[-1] != "auth_type":
            assert field.get("title"), path
            assert field.get("description"), path
        assert "order" in field, path


def test_orders_are_unique_in_each_group() -> None:
    for path, node in parts(SPEC):
        if path[-1:] == ("properties",):
            orders = [field["order"] for field in node.values()]
            assert len(set(orders)) == len(orders), path


def test_groups_exist_and_stand_at_the_top_only() -> None:
    groups = {group["id"] for group in SPEC["groups"]}

    assert {field["group"] for field in SPEC["properties"].values()} == groups
    assert all(len(path) == 2 for path, field in fields_of(SPEC) if "group" in field)


def test_patterns_have_descriptors_and_match_their_examples_and_defaults() -> None:
    for path, field in fields_of(SPEC):
        assert ("pattern" in field) == ("pattern_descriptor" in field), path
        for example in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
            jsonschema.validate(
                example, {key: value for key, value in field.items() if key in ("type", "pattern", "enum", "minimum")}
            )


def test_an_optional_text_may_be_cleared() -> None:
    """Airbyte's form checks the pattern before it drops an empty text."""
    for path, field in fields_of(SPEC):
        owner: Any = SPEC
        for step in path[:-2]:
            owner = owner[step]
        if "pattern" in field and path[-1] not in owner.get("required", []):
            assert re.search(field["pattern"], ""), path


def test_what_the_spec_shows_passes_a_server_that_checks_formats() -> None:
    """Airbyte's server refuses a configuration in which a value is not of the `format` of its field."""
    checker = jsonschema.FormatChecker()
    assert not checker.conforms("2024-01-01", "date-time"), "this checker knows the format"
    for path, field in fields_of(SPEC):
        for example in field.get("examples", []):
            assert checker.conforms(example, field.get("format", "")), (path, example)


def test_secrets_are_marked_and_nothing_else() -> None:
    marked = {path[-1] for path, field in fields_of(SPEC) if field.get("airbyte_secret")}

    assert marked == {"api_key", "access_token", "password", "client_secret", "refresh_token", "value"}


def test_schemes_are_told_apart_by_one_constant_and_the_key_comes_first() -> None:
    branches = SPEC["properties"]["credentials"]["oneOf"]

    assert [branch["properties"]["auth_type"]["const"] for branch in branches] == [
        *("api_key", "bearer", "basic", "oauth2_client_credentials", "oauth2_refresh_token")
    ]
    for branch in branches:
        assert "auth_type" in branch["required"]
        assert set(branch["required"]) - {"auth_type"} == set(branch["properties"]) - {"auth_type", "scopes"}


DEFAULTS = {
    "host": "https://app.syfter.ai",
    "lookback_window_minutes": 10,
    "page_size": 100,
    "num_workers": 4,
    "discover_fields": True,
    "allow_insecure_http": False,
    "conventions.path_prefix": "api",
    "conventions.api_key_header": "Authorization",
    "conventions.api_key_prefix": "Api-Key",
    "conventions.records_path": "data",
    "conventions.paging": "offset",
    "conventions.limit_parameter": "limit",
    "conventions.offset_parameter": "offset",
    "conventions.page_parameter": "page",
    "conventions.cursor_parameter": "cursor",
    "conventions.first_page": 1,
    "conventions.cursor_path": "next_cursor",
    "conventions.next_url_path": "next",
    "conventions.end_of_list": "empty",
    "conventions.total_path": "total",
    "conventions.method": "GET",
    "conventions.created_at_field": "created_at",
    "conventions.updated_at_field": "updated_at",
    "conventions.field_names": "as_sent",
    "conventions.updated_since_parameter": "updated_since",
    "conventions.id_field": "id",
    "conventions.timestamp_format": "iso8601",
}


def test_defaults_are_those_of_the_contract() -> None:
    found = {
        ".".join(step for step in path if step != "properties"): field["default"]
        for path, field in fields_of(SPEC)
        if "default" in field and path[-1] != "auth_type"
    }

    assert found == DEFAULTS


def test_the_defaults_that_the_spec_shows_are_those_in_force(instance: Instance) -> None:
    """A form that sends every default asks for the same as one that sends none."""
    shown: Json = config()
    for name, value in DEFAULTS.items():
        group, _, field = name.rpartition(".")
        if name != "host":
            (shown.setdefault(group, {}) if group else shown)[field] = value

    read(shown, "articles")
    asked_with_defaults = [(asked.url, asked.headers["Authorization"]) for asked in instance.asked]
    instance.asked.clear()
    read(config(), "articles")

    assert [(asked.url, asked.headers["Authorization"]) for asked in instance.asked] == asked_with_defaults


# --- as a package ---------------------------------------------------------------------------------------------------------


def test_the_source_works_from_any_folder(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from one that holds files of the same names."""
    (tmp_path / "manifest.yaml").write_text("version: 0.0.0")
    decoys = tmp_path / "source_syfter" / "schemas"
    decoys.mkdir(parents=True)
    for stream in STREAMS:
        (decoys / f"{stream}.json").write_text("{}")
    monkeypatch.chdir(tmp_path)

    assert all(len(stream.json_schema["properties"]) > 4 for stream in declared(config()).values())
    assert read(config(), "articles").ids("articles") == [1, 2, 3]


@pytest.mark.parametrize("given", [None, {}, {"credentials": {"auth_type": "api_key", "api_key": ""}}])
def test_spec_works_without_a_valid_config(given: Any) -> None:
    assert SourceSyfter(config=given).spec(LOGGER).connectionSpecification["properties"].keys() == SPEC["properties"].keys()


def test_streams_without_a_config_are_discovered_or_refused_in_words() -> None:
    with pytest.raises(Exception, match="credentials"):
        SourceSyfter(config={}).discover(LOGGER, {})
