"""The bundle: self-contained, made of stock parts, and as tight as those allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from airbyte_cdk.models import AirbyteStream
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation

from source_syfter.bundle import VERSION, VERSION_FOR_ARRAYS, as_yaml, bundle, main
from source_syfter.source import SourceSyfter
from source_syfter.spec import manifest
from testing.instance import HOST, KEY, Answer, Asked, Instance, config, oauth
from testing.manifests import read_manifest
from testing.reading import LOGGER

CONVENTIONS: list[dict[str, Any]] = [
    {},
    {"paging": "page", "first_page": 0, "page_parameter": "p"},
    {"paging": "cursor", "cursor_path": "paging.next", "cursor_parameter": "after"},
    {"paging": "none"},
    {"records_path": ".", "path_prefix": "/", "api_key_header": "X-API-Key", "api_key_prefix": "none"},
    {"records_path": "result.items", "id_field": "_id", "timestamp_format": "epoch_ms", "limit_parameter": "none"},
    {"updated_since_parameter": "none", "api_key_prefix": "Token"},
]
EXTRA = [
    {"name": "links", "path": "crm/links", "primary_key": "key"},
    {"name": "notes", "path": "notes", "primary_key": "id", "cursor_field": "changed"},
]


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        node = [*node, *node.values()]
    if isinstance(node, list):
        for item in node:
            yield from strings(item)
    elif isinstance(node, str):
        yield node


def parts(node: Any) -> Iterator[dict[str, Any]]:
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from parts(value)
    if isinstance(node, dict) and isinstance(node.get("type"), str):
        yield node


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=lambda each: next(iter(each), "default"))
def test_nothing_outside_the_manifest_is_needed(conventions: dict[str, Any]) -> None:
    made = bundle(config(conventions=conventions, additional_collections=EXTRA))

    kinds = {part["type"] for part in parts({**made, "spec": {}})}
    assert not [kind for kind in kinds if kind.startswith("Custom")]
    assert "JsonFileSchemaLoader" not in kinds
    assert not [text for text in strings(made) if "source_syfter" in text or text.endswith(".json")]
    # Each definition is used, and each that is used is there.
    references = {text.rpartition("/")[2] for text in strings(made) if text.startswith("#/definitions/")}
    assert references == set(made["definitions"])


@pytest.mark.parametrize("conventions", CONVENTIONS, ids=lambda each: next(iter(each), "default"))
def test_only_what_the_named_framework_knows_is_used(conventions: dict[str, Any]) -> None:
    """Keys that came later would be ignored there in silence, or refused."""
    made = bundle(config(conventions=conventions))

    assert set(made) <= {"version", "type", "check", "definitions", "streams", "spec"}
    later = {"url", "connect_timeout_in_seconds", "read_timeout_in_seconds", "use_tcp_keepalive", "jitter", "max_time"}
    later |= {"transform_before_filtering", "concurrency_level", "api_budget", "condition", "is_client_side_incremental"}
    used = {key for part in parts({**made, "spec": {}}) if part["type"][0].isupper() for key in part}
    assert not used & later
    assert "%_ms" not in as_yaml(made)


def test_the_version_is_the_lowest_that_runs_it() -> None:
    assert bundle()["version"] == VERSION
    assert bundle({"conventions": {"records_path": "."}})["version"] == VERSION_FOR_ARRAYS
    assert VERSION.split(".")[0] == VERSION_FOR_ARRAYS.split(".")[0] == "4"


def test_credentials_and_host_stay_out() -> None:
    for credentials in (config()["credentials"], oauth(), {"auth_type": "basic", "username": "u-4711", "password": "pw-4711"}):
        text = as_yaml(bundle({"host": "https://host.of.acme", "credentials": credentials}))
        for value in [*credentials.values(), "host.of.acme"]:
            assert value in ("api_key", "basic", "oauth2_client_credentials") or value not in text


def test_a_config_without_credentials_will_do() -> None:
    assert bundle({"conventions": {"records_path": "items"}}) == bundle(config(conventions={"records_path": "items"}))


def test_the_text_is_plain_yaml() -> None:
    made = bundle(config(conventions=CONVENTIONS[-1], additional_collections=EXTRA))
    text = as_yaml(made)

    assert yaml.safe_load(text) == made
    assert not [event for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)]
    assert not [event for event in yaml.parse(text) if getattr(event, "anchor", None)]
    assert len(text.encode()) < 2**20


def test_spec_is_the_packages() -> None:
    alone = ConcurrentDeclarativeSource(source_config=bundle(), config={}, catalog=None, state=None)

    spec = manifest()["spec"]
    del spec["connection_specification"]["properties"]["discover_fields"]
    assert bundle()["spec"] == spec
    assert alone.spec(LOGGER).connectionSpecification == spec["connection_specification"]


def test_catalog_is_the_packages() -> None:
    """The same streams, schemas, keys and cursors, of additional collections too."""

    def described(source: ConcurrentDeclarativeSource) -> list[AirbyteStream]:
        return sorted(source.discover(LOGGER, settings).streams, key=lambda stream: stream.name)

    settings = config(additional_collections=EXTRA, discover_fields=False)
    package, made = SourceSyfter(config=settings), bundle(settings)
    alone = ConcurrentDeclarativeSource(source_config=made, config=settings, catalog=None, state=None)
    assert described(alone) == described(package)


@pytest.mark.parametrize("key", ["1e5", "00", "None", "[1]", "'quoted'", '"quoted"', "{{ 1 }}", "a\\n<&>'b", "sk-1 2"])
@pytest.mark.parametrize("prefix", ["none", "Api-Key ", "Token"])
def test_keys_arrive_undamaged(instance: Instance, key: str, prefix: str) -> None:
    settings = config(credentials={"auth_type": "api_key", "api_key": key}, conventions={"api_key_prefix": prefix})

    read_manifest(bundle(settings), settings, "companies")

    start = {"none": "", "Token": "Token "}.get(prefix, prefix)
    assert instance.asked[0].headers["Authorization"] == start + key


@pytest.mark.parametrize("secret", ["1e5", "None", "'q'", "ä{{x}}\\", '{"a": 1}'])
def test_oauth_secrets_arrive_undamaged(instance: Instance, secret: str) -> None:
    settings = config(credentials=oauth(client_id="00", client_secret=secret, scopes="a b"))

    read_manifest(bundle(settings), settings, "companies")

    asked = instance.asked[0]
    assert asked.form == {"grant_type": "client_credentials", "client_id": "00", "client_secret": secret, "scope": "a b"}
    assert instance.asked[1].headers["Authorization"].startswith("Bearer token-")


@pytest.mark.parametrize(
    ("host", "insecure", "address"),
    [
        (None, False, "https://app.syfter.ai"),
        ("acme.syfter.ai/", False, "https://acme.syfter.ai"),
        (" https://gw.acme.com/syfter// ", False, "https://gw.acme.com/syfter"),
        ("http://acme.syfter.ai:8080", False, "https://acme.syfter.ai:8080"),
        ("HTTP://acme.syfter.ai", False, "https://acme.syfter.ai"),
        ("http://127.0.0.1.evil.test", False, "https://127.0.0.1.evil.test"),
        ("http://localhost.evil.test/x", False, "https://localhost.evil.test/x"),
        ("http://acme.syfter.ai", True, "http://acme.syfter.ai"),
        ("http://localhost:8899", False, "http://localhost:8899"),
        ("http://127.0.0.1:8899/", False, "http://127.0.0.1:8899"),
        ("http://[::1]:8899", False, "http://[::1]:8899"),
    ],
)
def test_addresses_are_normalised_and_not_asked_in_the_open(host: str | None, insecure: bool, address: str) -> None:
    template = bundle()["definitions"]["requester"]["url_base"]

    settings = {"allow_insecure_http": insecure, **({"host": host} if host else {})}
    assert JinjaInterpolation().eval(template, settings) == address


@pytest.mark.parametrize("start", ["2026-01-01T00:00:02Z", "2026-01-01T01:00:02.000+01:00", "2026-01-01 00:00:02"])
def test_start_dates_of_each_form(instance: Instance, start: str) -> None:
    settings = config(start_date=start, lookback_window_minutes=0)

    outcome = read_manifest(bundle(settings), settings, "companies")

    assert instance.queries("companies")[0]["updated_since"] == "2026-01-01T00:00:02.000Z"
    assert outcome.ids("companies") == [2, 3]


@pytest.mark.parametrize(
    "body",
    [
        *({"items": []}, {"data": None}, {"data": {}}, {"data": "x"}, [], "text", 1, None, {"data": 3}, "<html>"),
        *({"total": 1}, {"data": {"id": 1}, "total": 0}),
    ],
)
def test_an_unknown_envelope_is_refused(instance: Instance, body: Any) -> None:
    content = body if body == "<html>" else json.dumps(body)
    instance.always_answers("companies", Answer(content))

    outcome = read_manifest(bundle(), config(), "companies")

    assert outcome.kind_of("companies") == "config_error"
    assert "[unknown-envelope]" in outcome.message_of("companies")
    assert "run " in outcome.message_of("companies")


@pytest.mark.parametrize("body", [{"total": 0}, {"data": None, "total": "0"}, {"data": {}, "total": 0}])
def test_no_array_is_an_empty_page_at_a_total_of_0(instance: Instance, body: Any) -> None:
    instance.always_answers("companies", Answer(body))

    outcome = read_manifest(bundle(), config(), "companies")

    assert outcome.completed("companies")
    assert outcome.ids("companies") == []


@pytest.mark.parametrize("body", [{"result": []}, {"result": None}, {}, [], {"result": {"items": {}}}, {"result": {"other": []}}])
def test_an_unknown_nested_envelope_is_refused(instance: Instance, body: Any) -> None:
    settings = config(conventions={"records_path": "result.items"})
    instance.always_answers("companies", Answer(body))

    assert "[unknown-envelope]" in read_manifest(bundle(settings), settings, "companies").message_of("companies")


@pytest.mark.parametrize("token", ["00", "1e5", "None", "a'b", '"q"', "é", 7])
def test_cursor_tokens_stay_as_sent(instance: Instance, token: Any) -> None:
    def answer(asked: Asked) -> Answer:
        if "after" in asked.query:
            return Answer({"data": [{"id": 2}], "paging": {"next": None}})
        return Answer({"data": [{"id": 1}], "paging": {"next": token}})

    instance.always_answers("companies", answer)
    settings = config(conventions=CONVENTIONS[2])

    outcome = read_manifest(bundle(settings), settings, "companies")

    assert outcome.ids("companies") == [1, 2]
    assert [query.get("after") for query in instance.queries("companies")] == [None, str(token)]


@pytest.mark.parametrize(
    "last", [{"data": []}, {"data": [], "paging": None}, {"data": [], "paging": {}}, {"data": [], "paging": "x"}]
)
def test_a_list_ends_where_no_token_is(instance: Instance, last: Any) -> None:
    instance.always_answers("companies", Answer(last))
    settings = config(conventions=CONVENTIONS[2])

    outcome = read_manifest(bundle(settings), settings, "companies")

    assert outcome.completed("companies")
    assert len(instance.asked) == 1


def test_a_refusal_is_the_users_to_fix(instance: Instance) -> None:
    for stream, code in {"companies": 401, "articles": 403, "company_overviews": 404, "company_financials": 400}.items():
        instance.always_answers(stream, Answer("", code))

    outcome = read_manifest(bundle(), config())

    for stream in ("companies", "articles", "company_overviews", "company_financials"):
        assert outcome.kind_of(stream) == "config_error"
        assert outcome.message_of(stream).startswith(f"{stream}: ")
    assert outcome.completed("custom_property_values")


def test_no_message_names_a_setting_without_effect() -> None:
    parts = [part for part in bundle()["definitions"].values() if "error_message" in part]
    messages = [part["error_message"] + part["$parameters"]["remedy"] for part in parts]

    assert len(messages) == 10
    for message in messages:
        assert "Requests per minute" not in message
        assert ("onventions" in message) == ("source-syfter bundle" in message)


def test_every_template_is_whole() -> None:
    environment = jinja2.Environment(autoescape=True)
    for conventions in CONVENTIONS:
        for text in strings({**bundle(config(conventions=conventions)), "spec": {}}):
            environment.parse(text)


def test_the_command_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, target = tmp_path / "config.json", tmp_path / "syfter.yaml"
    given.write_text(json.dumps(config(conventions={"records_path": "items"})), encoding="utf-8")

    assert main(["--config", str(given), "-o", str(target)]) == 0
    assert main(["--config", str(given)]) == 0

    assert target.read_text(encoding="utf-8") == capsys.readouterr().out
    assert yaml.safe_load(target.read_text(encoding="utf-8"))["version"] == VERSION
    assert KEY not in target.read_text(encoding="utf-8")
    assert HOST not in target.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["[]", "{", '{"conventions": {"paging": "magic"}}', '{"conventions": 7}'])
def test_the_command_refuses_a_configuration_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    given = tmp_path / "config.json"
    given.write_text(content, encoding="utf-8")

    assert main(["--config", str(given)]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "[invalid-config]" in captured.err or "[unreadable-file]" in captured.err
