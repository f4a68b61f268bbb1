"""Every value that the spec permits builds and reads; every other one is refused with the name of its field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter.settings import complete, is_loopback, unencrypted
from source_syfter.source import manifest
from testing.instance import HOST, KEY, Answer, Asked, Instance, config, oauth, some
from testing.reading import Json, check, read

SPEC = manifest()["spec"]["connection_specification"]
LINKS = {"name": "links", "path": "crm/links", "primary_key": "id"}


def normalised(**overrides: Any) -> Json:
    return complete(config(**overrides), SPEC)


def put(given: Json, path: tuple[Any, ...], value: Any) -> Json:
    """A copy of `given` with `value` at `path`."""
    result = deepcopy(given)
    place: Any = result
    for step in path[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[path[-1]] = value
    return result


def fields(schema: Mapping[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    """Each field of the spec that is no object, with its path in a config; those of all schemes but `auth_type`."""
    for name, field in schema["properties"].items():
        if field.get("type") == "array":
            yield from fields(field["items"], (*path, name, 0))
        elif "oneOf" in field:
            for branch in field["oneOf"]:
                yield from fields(branch, (name,))
        elif "properties" in field:
            yield from fields(field, (*path, name))
        elif name != "auth_type":
            yield (*path, name), field


def permitted(field: Mapping[str, Any]) -> list[Any]:
    """Values that the spec names as good."""
    ranges = [field[bound] for bound in ("minimum", "maximum") if bound in field]
    listed = [*field.get("examples", []), *field.get("enum", []), *ranges]
    values = [*listed, *([field["default"]] if "default" in field else []), *([True] if field["type"] == "boolean" else [])]
    return list({repr(value): value for value in values}.values()) or ["text"]


def base(path: tuple[Any, ...]) -> Json:
    """A config in which the field at `path` has a place."""
    schemes = {
        "access_token": {"auth_type": "bearer", "access_token": "t"},
        "username": {"auth_type": "basic", "username": "u", "password": "p"},
        **{name: oauth() for name in ("token_url", "client_id", "client_secret", "scopes")},
        "refresh_token": oauth(auth_type="oauth2_refresh_token", refresh_token="rt-unit-4711"),
    }
    schemes["password"] = schemes["username"]
    if path[0] == "credentials" and path[1] in schemes:
        return config(credentials=schemes[path[1]])
    if path[0] == "requests_per_minute":
        return config(conventions={"paging": "none"})  # one request, or one a minute would take one
    if path[0] in ("collections", "additional_collections"):
        return config(**{path[0]: [{**LINKS, **({"fields": [{"name": "sent"}]} if "fields" in path else {})}]})
    if path[0] == "additional_headers":
        return config(additional_headers=[{"name": "X-Account", "value": "4711"}])
    return config(conventions={"paging": "last_record"}) if path[-1] == "last_record_field" else config()


def oblige(instance: Instance, given: Json) -> None:
    """Makes `instance` answer as `given` says that it does, whatever it is asked."""
    conventions = given.get("conventions") or {}
    found = conventions.get("records_path")
    key = conventions.get("id_field") or "id"
    rows = [{key: row["id"], "updated_at": row["updated_at"], "name": row["name"], "sent": 1} for row in some(3)]

    def answer(asked: Asked) -> Answer:
        body: Any = rows if asked.number == 1 else []
        for step in reversed([] if found in ("", ".") else (found or "data").split(".")):
            body = {step: body}
        return Answer(body)

    instance.always_answers("articles", answer)


def reads(instance: Instance, given: Json) -> None:
    instance.always_answers(None, lambda asked: instance.token(asked) if asked.form else None)
    oblige(instance, given)
    outcome = read(given, "articles")

    assert outcome.failure is None, outcome.failure
    assert outcome.ids("articles") == [1, 2, 3]


PERMITTED = [(path, value) for path, field in fields(SPEC) for value in permitted(field)]


def named(value: Any) -> str:
    return ".".join(map(str, value)) if isinstance(value, tuple) else repr(value)


@pytest.mark.parametrize(("path", "value"), PERMITTED, ids=named)
def test_every_value_that_the_spec_names_builds_and_reads(instance: Instance, path: tuple[Any, ...], value: Any) -> None:
    reads(instance, put(base(path), path, value))


def optional(path: tuple[Any, ...]) -> bool:
    required = {"refresh_token", "api_key", "access_token", "username", "password", "token_url", "client_id", "client_secret"}
    return path[-1] not in (required if path[0] == "credentials" else {"name", "path", "primary_key", "value"})


OPTIONAL = [path for path, _ in fields(SPEC) if optional(path)]


@pytest.mark.parametrize("empty", [None, ""])
@pytest.mark.parametrize("path", OPTIONAL, ids=named)
def test_every_field_that_a_form_left_empty_builds_and_reads(instance: Instance, path: tuple[Any, ...], empty: Any) -> None:
    reads(instance, put(base(path), path, empty))


@pytest.mark.parametrize("empty", [None, {}])
def test_empty_groups_build_and_read(instance: Instance, empty: Any) -> None:
    reads(instance, config(conventions=empty, additional_collections=None if empty is None else []))


def test_a_form_with_every_optional_field_null_reads_as_by_default() -> None:
    nulls: Json = config()
    for path in OPTIONAL:
        if path[0] not in ("credentials", "collections", "additional_collections", "additional_headers"):
            nulls = put(nulls, path, None)

    assert complete({**nulls, "host": HOST}, SPEC) == normalised()


@pytest.mark.parametrize("path", [path for path, field in fields(SPEC) if not optional(path)], ids=named)
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_required_field_that_is_empty_is_named(path: tuple[Any, ...], empty: Any) -> None:
    succeeded, message = check(put(base(path), path, empty), "articles")

    assert not succeeded
    assert path[-1] in message


# --- host -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        (None, "https://app.syfter.ai"),
        ("", "https://app.syfter.ai"),
        ("acme.syfter.ai", "https://acme.syfter.ai"),
        ("https://acme.syfter.ai/", "https://acme.syfter.ai"),
        ("https://acme.syfter.ai//", "https://acme.syfter.ai"),
        ("  https://acme.syfter.ai \n", "https://acme.syfter.ai"),
        ("HTTPS://Acme.Syfter.AI", "https://acme.syfter.ai"),
        ("acme.syfter.ai:8443", "https://acme.syfter.ai:8443"),
        ("https://gateway.acme.com/syfter/", "https://gateway.acme.com/syfter"),
        ("gateway.acme.com/Syfter/V2", "https://gateway.acme.com/Syfter/V2"),
        ("http://localhost:8899", "http://localhost:8899"),
        ("http://127.0.0.1:8899", "http://127.0.0.1:8899"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8899", "http://[::1]:8899"),
        ("http://LOCALHOST", "http://localhost"),
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
    ],
)
def test_a_host_is_brought_into_one_form(typed: str | None, used: str) -> None:
    assert normalised(host=typed)["host"] == used


@pytest.mark.parametrize(
    "host",
    [
        "ftp://acme.syfter.ai",
        "file:///etc/passwd",
        "https://",
        "https:///api",
        "..",
        "\x80",
        "https://acme\x1b.ai",
        "https://user@acme.syfter.ai",
        "https://user:pass@acme.syfter.ai",
        "user:pass@acme.syfter.ai",
        "https://acme.syfter.ai?x=1",
        "https://acme.syfter.ai/#top",
        "https://acme.syfter.ai:port",
        "https://acme.syfter.ai:99999",
        "https://acme.syfter.ai:0",
        "https://acme .syfter.ai",
        "https://acme.syfter.ai\\x",
        "https:acme.syfter.ai",
        "javascript:alert(1)",
        f"https://{'a' * 64}.syfter.ai",
        "https://acme..syfter.ai",
        "https://.syfter.ai",
        7,
        ["https://acme.syfter.ai"],
    ],
)
def test_a_host_of_another_form_is_refused(host: Any) -> None:
    with pytest.raises(AirbyteTracedException, match="(?i)host") as caught:
        normalised(host=host)

    assert caught.value.failure_type.value == "config_error"


@pytest.mark.parametrize(
    "host", ["http://acme.syfter.ai", "http://10.0.0.7", "http://localhost.acme.com", "http://[2001:db8::1]"]
)
def test_plain_http_beyond_this_machine_has_to_be_allowed(host: str) -> None:
    with pytest.raises(AirbyteTracedException, match="allow_insecure_http"):
        normalised(host=host)
    with pytest.raises(AirbyteTracedException, match="allow_insecure_http"):
        normalised(host=host, allow_insecure_http=False)
    with pytest.raises(AirbyteTracedException, match=r"(?i)token.url"):
        normalised(credentials=oauth(token_url=f"{host}/token"))

    assert normalised(host=host, allow_insecure_http=True)["host"] == host
    assert normalised(credentials=oauth(token_url=f"{host}/token"), allow_insecure_http=True)


@pytest.mark.parametrize(
    "overrides", [{"host": "http://acme.test"}, {"credentials": oauth(token_url="http://login.test/oauth2/token")}]
)
def test_plain_http_is_warned_of(instance: Instance, overrides: Json) -> None:
    outcome = read(config(**overrides, allow_insecure_http=True), "articles")

    assert "without encryption" in outcome.log
    assert outcome.completed("articles")


def test_loopback_is_not_warned_of() -> None:
    assert unencrypted(normalised(host="http://127.0.0.1:8899")) is None
    assert is_loopback("::1")
    assert not is_loopback("localhost.acme.com")


@pytest.mark.parametrize("host", ["https://gw.test/syfter", "gw.test/syfter/"])
def test_a_base_path_stands_before_the_prefix(instance: Instance, host: str) -> None:
    read(config(host=host), "articles")

    assert instance.asked[0].url.startswith("https://gw.test/syfter/api/articles?")


def test_braces_in_an_address_are_no_template(instance: Instance) -> None:
    read(config(host="https://gw.test/{{config['credentials']['api_key']}}"), "articles")

    assert all(KEY not in asked.url for asked in instance.asked)


@pytest.mark.parametrize("left", [{"access_token": 5}, {"username": "a:b"}, {"token_url": "ftp://x"}, {"password": None}])
def test_what_another_scheme_left_behind_does_not_matter(left: dict[str, Any]) -> None:
    typed = {"auth_type": "api_key", "api_key": KEY}

    assert normalised(credentials={**typed, **left})["credentials"] == typed


# --- what is refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"start_date": "yesterday"}, ["Start date"]),
        ({"start_date": "2026-02-30"}, ["Start date", "2026-02-30"]),
        ({"start_date": "2026-13-01T00:00:00Z"}, ["Start date"]),
        ({"start_date": "01.02.2026"}, ["Start date"]),
        ({"start_date": "2026-01-01T25:00:00Z"}, ["Start date"]),
        ({"start_date": 20260101}, ["Start date"]),
        ({"page_size": 0}, ["Page size", "1", "1000"]),
        ({"page_size": 1001}, ["Page size"]),
        ({"page_size": "100"}, ["Page size"]),
        ({"page_size": 1.5}, ["Page size"]),
        ({"num_workers": 1}, ["Concurrent requests", "2", "20"]),
        ({"num_workers": 21}, ["Concurrent requests"]),
        ({"lookback_window_minutes": -1}, ["Look-back"]),
        ({"requests_per_minute": 0}, ["Requests per minute"]),
        ({"allow_insecure_http": "yes"}, ["Allow unencrypted HTTP"]),
        ({"credentials": {"auth_type": "magic"}}, ["Authentication", "api_key", "bearer", "basic", "oauth2_client_credentials"]),
        ({"credentials": {"api_key": "k"}}, ["Authentication", "auth_type"]),
        ({"credentials": None}, ["Authentication"]),
        ({"credentials": []}, ["Authentication"]),
        ({"credentials": {"auth_type": "api_key", "api_key": "a\nb"}}, ["api_key", "line break"]),
        ({"credentials": {"auth_type": "api_key", "api_key": "schlüssel"}}, ["api_key"]),
        ({"credentials": {"auth_type": "basic", "username": "a:b", "password": "p"}}, ["username", "colon"]),
        ({"credentials": oauth(token_url="login.test/token")}, ["Token URL"]),
        ({"credentials": oauth(token_url="https://u:p@login.test/token")}, ["Token URL"]),
        ({"conventions": {"paging": "scroll"}}, ["Paging", "offset, page, cursor, next_url, last_record, none"]),
        ({"conventions": {"timestamp_format": "rfc822"}}, ["Timestamp format"]),
        ({"conventions": {"first_page": -1}}, ["First page"]),
        ({"conventions": {"api_key_header": "X Key"}}, ["API key header"]),
        ({"conventions": {"path_prefix": "api?x"}}, ["Path prefix"]),
        ({"conventions": {"limit_parameter": "{{ x }}"}}, ["Page size parameter"]),
        ({"conventions": []}, ["API conventions"]),
        ({"additional_collections": [{"name": "links", "path": "links"}]}, ["primary_key"]),
        ({"collections": [{"name": "articles"}], "additional_collections": [{**LINKS, "name": "articles"}]}, ["articles"]),
        ({"additional_collections": [LINKS, LINKS]}, ["links"]),
        ({"additional_collections": [{**LINKS, "name": "my links"}]}, ["Name"]),
        ({"additional_collections": [{**LINKS, "path": "links?all=1"}]}, ["Path"]),
        ({"additional_collections": [{**LINKS, "path": "//"}]}, ["Path"]),
        ({"additional_collections": {}}, ["Additional collections"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_field(overrides: Json, words: list[str]) -> None:
    given = {key: value for key, value in config(**overrides).items() if value is not None}

    succeeded, message = check(given, "articles")
    failure = read(given, "articles").failure

    assert not succeeded
    assert failure.failure_type.value == "config_error"
    for text in (message, failure.message):
        assert all(word in text for word in words), text
        assert "Traceback" not in text


@pytest.mark.parametrize("given", [[], None])
def test_a_config_that_is_no_object_is_refused(given: Any) -> None:
    assert check(given, "articles")[0] is False


def test_a_whole_number_may_be_written_with_a_point(instance: Instance) -> None:
    """To JSON Schema 2.0 is an integer; a server need not read it as one."""
    reads(instance, config(page_size=2.0, lookback_window_minutes=10.0, num_workers=2.0, requests_per_minute=600.0))

    assert {query["limit"] for query in instance.queries("articles")} == {"2"}


def test_unknown_keys_do_no_harm(instance: Instance) -> None:
    given = config(future=1, conventions={"future": 2})
    given["credentials"]["future"] = 3

    assert read(given, "articles").completed("articles")


def test_a_header_that_nothing_else_sends_may_be_added(instance: Instance) -> None:
    header = {"name": "Authorization", "value": "Basic Z2F0ZQ=="}
    given = config(additional_headers=[header], conventions={"api_key_header": "X-API-Key"})

    assert read(given, "articles").completed("articles")
    assert instance.asked[0].headers["Authorization"] == header["value"]
    assert not check(config(additional_headers=[header]), "articles")[0]
