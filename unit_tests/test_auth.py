"""Credentials reach the instance as they are, and nobody else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from urllib3.exceptions import NameResolutionError

from source_syfter.exact import Sent, dumps
from testing.clocks import Clock
from testing.instance import KEY, TOKEN_URL, Answer, Asked, Instance, config, oauth, some
from testing.reading import STREAMS, check, read

# Secrets that a template engine, a number parser or a URL would damage.
ODD = ["1e5", "007", "2.10", '"quoted"', "'single'", "{{ x }}", "{% if %}", "True", "None", "[1]", "a:b", "a=b&c+d%20", "ends=="]
ODD_ANYWHERE = [*ODD, " blanks ", "pässwörd ✓"]


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def sent(instance: Instance, header: str = "Authorization") -> set[str]:
    return {asked.headers[header] for asked in instance.asked if asked.stream != "token"}


def as_api_key(secret: str) -> tuple[dict[str, Any], str]:
    return config(credentials={"auth_type": "api_key", "api_key": secret}), f"Api-Key {secret}"


def as_bare_api_key(secret: str) -> tuple[dict[str, Any], str]:
    return config(credentials={"auth_type": "api_key", "api_key": secret}, conventions={"api_key_prefix": "none"}), secret


def as_bearer(secret: str) -> tuple[dict[str, Any], str]:
    return config(credentials={"auth_type": "bearer", "access_token": secret}), f"Bearer {secret}"


def as_password(secret: str) -> tuple[dict[str, Any], str]:
    return config(credentials={"auth_type": "basic", "username": "airbyte", "password": secret}), basic("airbyte", secret)


def as_username(secret: str) -> tuple[dict[str, Any], str]:
    name = secret.replace(":", ";")
    return config(credentials={"auth_type": "basic", "username": name, "password": "p"}), basic(name, "p")


@pytest.mark.parametrize(
    ("scheme", "secret"),
    [(scheme, secret) for scheme in (as_api_key, as_bare_api_key, as_bearer) for secret in ODD]
    + [(scheme, secret) for scheme in (as_password, as_username) for secret in ODD_ANYWHERE],
)
def test_secrets_arrive_undamaged(instance: Instance, scheme: Any, secret: str) -> None:
    given, expected = scheme(secret)

    outcome = read(given, "articles")

    assert outcome.completed("articles")
    assert sent(instance) == {expected}


@pytest.mark.parametrize("secret", ODD_ANYWHERE)
def test_client_secrets_arrive_undamaged(instance: Instance, secret: str) -> None:
    read(config(credentials=oauth(client_id=f"id {secret}", client_secret=secret)), "articles")

    (asked,) = [asked for asked in instance.asked if asked.stream == "token"]
    assert asked.form["client_id"] == f"id {secret}"
    assert asked.form["client_secret"] == secret


@pytest.mark.parametrize("token", ["1e5", "007", "{{ x }}", "a.b-c_d"])
def test_access_tokens_arrive_undamaged(instance: Instance, token: str) -> None:
    instance.always_answers("token", Answer({"access_token": token}))

    read(config(credentials=oauth()), "articles")

    assert sent(instance) == {f"Bearer {token}"}


@pytest.mark.parametrize("scheme", [as_api_key, as_bearer])
def test_blanks_around_a_pasted_key_are_dropped(instance: Instance, scheme: Any) -> None:
    given, _ = scheme("  key\n")
    _, expected = scheme("key")

    read(given, "articles")

    assert sent(instance) == {expected}


def test_all_nine_streams_sign_their_requests(instance: Instance) -> None:
    read(config())

    for asked in instance.asked:
        assert asked.headers["Authorization"] == f"Api-Key {KEY}"
        assert asked.headers["Accept"] == "application/json"
        assert KEY not in asked.url


# --- OAuth ----------------------------------------------------------------------------------------------------------------


def tokens(instance: Instance) -> list[Asked]:
    return [asked for asked in instance.asked if asked.stream == "token"]


def test_oauth(instance: Instance) -> None:
    """Client id and secret go in the body; one token serves all streams."""
    outcome = read(config(credentials=oauth(scopes="read write")))

    (asked,) = tokens(instance)
    assert asked.url == TOKEN_URL
    assert asked.form == {
        "grant_type": "client_credentials",
        "client_id": "client-4711",
        "client_secret": "cs-unit-55d1e0",
        "scope": "read write",
    }
    assert "Authorization" not in asked.headers
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent(instance) == {"Bearer token-1-secret"}
    assert all(outcome.completed(stream) for stream in STREAMS)


@pytest.mark.parametrize("scopes", [None, ""])
def test_without_scopes_none_are_asked_for(instance: Instance, scopes: str | None) -> None:
    read(config(credentials=oauth(scopes=scopes)), "articles")

    assert "scope" not in tokens(instance)[0].form


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [
        *((said, 3600) for said in (None, "", "soon", 0, -1, [], "nan", Sent("-1e400"), 10**400, "9" * 500)),
        *((said, 600) for said in ("600", 600.5, Sent("6e2"))),
        (3600, 3600),
        (60, 60),
    ],
)
def test_the_token_is_renewed_before_it_expires(instance: Instance, clock: Clock, expires_in: Any, renewed_after: float) -> None:
    """A missing `expires_in` counts as an hour."""
    answer = {"access_token": "t", **({} if expires_in is None else {"expires_in": expires_in})}
    instance.always_answers("token", Answer(dumps(answer)))
    instance.records["articles"] = some(3)
    seconds = iter([renewed_after * 0.8, renewed_after * 0.2 - min(20, renewed_after / 20), 0])
    counts: list[int] = []

    def time_passes(asked: Asked) -> None:
        counts.append(len(tokens(instance)))
        clock.sleep(next(seconds))

    instance.always_answers("articles", time_passes)
    read(config(credentials=oauth(), page_size=2), "articles")

    assert counts == [1, 1, 2], "still valid after four fifths of its life, renewed before its end"


def test_oauth_token_revoked_in_mid_read(instance: Instance, clock: Clock) -> None:
    """A 401 renews the token once and the page is asked for again."""
    valid = {"token-1-secret"}

    def only_valid(asked: Asked) -> Answer | None:
        if asked.query.get("offset") == "2" and len(tokens(instance)) == 1:
            valid.clear()
            valid.add("token-2-secret")
        return None if asked.headers["Authorization"].removeprefix("Bearer ") in valid else Answer(status=401)

    instance.always_answers(None, lambda asked: None if asked.stream == "token" else only_valid(asked))

    outcome = read(config(credentials=oauth(), page_size=2))

    for stream in STREAMS:
        assert outcome.ids(stream) == [1, 2, 3]
        assert outcome.completed(stream)
    assert len(tokens(instance)) == 2


def test_a_fresh_token_that_is_refused_ends_the_stream(instance: Instance, clock: Clock) -> None:
    instance.always_answers("articles", Answer(status=401))

    outcome = read(config(credentials=oauth()), "articles", "companies")

    assert outcome.kind_of("articles") == "config_error"
    assert "token URL" in outcome.message_of("articles")
    assert len(instance.queries("articles")) == 2
    assert outcome.completed("companies")
    assert sum(clock.waits) < 10


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer({"error": "invalid_client"}, 401), ["refused the client", "(401)", "invalid_client", "client secret"]),
        (Answer({"error": "invalid_scope"}, 400), ["refused the client", "scopes", "invalid_scope"]),
        (Answer(status=404), ["refused the client", "(404)", "token URL"]),
        (Answer("<html>"), ["JSON", "token endpoint"]),
        (Answer({"token": "x"}), ["without an access token"]),
        (Answer({"access_token": None}), ["without an access token"]),
        (Answer({"access_token": "a\nb"}), ["without an access token that can be sent"]),
        (Answer([]), ["JSON"]),
        (Answer("[" * 100_000), ["JSON"]),
        (Answer("", 307, {"Location": "https://elsewhere.test/token"}), ["redirects", "https://elsewhere.test"]),
        (Answer("", 302, {"Location": "/login"}), ["redirects", "https://login.test"]),
        (Answer("", 302, {"Location": "http://[nowhere"}), ["redirects"]),
    ],
)
def test_a_token_url_that_refuses_is_a_config_error(instance: Instance, answer: Answer, words: list[str]) -> None:
    instance.always_answers("token", answer)
    streams = ["companies", "articles"]

    outcome = read(config(credentials=oauth()), *streams)

    for stream in streams:
        assert outcome.kind_of(stream) == "config_error"
        assert all(word in outcome.message_of(stream) for word in words), outcome.message_of(stream)
    assert {asked.url for asked in instance.asked} == {TOKEN_URL}, "the secret goes nowhere else"
    assert len(instance.asked) == 1, "what is refused is not asked for each stream"


@pytest.mark.parametrize("path", ["/o/token/", "/token?tenant=Acme", "/"])
def test_a_token_url_is_asked_as_it_was_entered(instance: Instance, path: str) -> None:
    """Also with a slash at its end, without which some providers answer 404."""
    instance.always_answers(None, lambda asked: instance.token(asked) if asked.form else None)

    assert read(config(credentials=oauth(token_url=f"https://login.test{path}")), "articles").completed("articles")
    assert instance.asked[0].url == f"https://login.test{path}"


@pytest.mark.parametrize("answer", [Answer(status=500), Answer(status=429), requests.ConnectionError(), requests.ReadTimeout()])
def test_a_token_url_that_fails_is_tried_again_and_transient(instance: Instance, clock: Clock, answer: Any) -> None:
    instance.always_answers("token", answer)

    outcome = read(config(credentials=oauth()), "articles", "companies")

    assert outcome.kind_of("articles") == "transient_error"
    assert "token URL" in outcome.message_of("articles")
    assert len(tokens(instance)) == 3


def test_a_token_url_on_an_unknown_host_is_the_field_to_fix(instance: Instance, clock: Clock) -> None:
    instance.always_answers("token", requests.ConnectionError(NameResolutionError("login.test", None, OSError())))

    message = read(config(credentials=oauth()), "articles").message_of("articles")

    assert 'Check "Token URL"' in message
    assert '"Host"' not in message


def test_a_token_url_that_recovers_costs_nothing(instance: Instance, clock: Clock) -> None:
    instance.answers("token", Answer(status=503), requests.ConnectionError())

    assert read(config(credentials=oauth()), "articles").ids("articles") == [1, 2, 3]


# --- redirects ------------------------------------------------------------------------------------------------------------

CUSTOM_HEADER = {"conventions": {"api_key_header": "X-API-Key", "api_key_prefix": "none"}}


@pytest.mark.parametrize("conventions", [{}, CUSTOM_HEADER])
@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.test/api/articles",
        "//elsewhere.test/api/articles",
        "https://syfter.test.elsewhere.test/api/articles",
        "https://syfter.test:8443/api/articles",
        "http://syfter.test/api/articles",
        "https://syfter.test@elsewhere.test/",
    ],
)
def test_redirects(instance: Instance, conventions: dict[str, Any], location: str) -> None:
    """A redirect to another origin ends the stream before anything is sent there."""
    instance.always_answers("articles", lambda asked: Answer("", 302, {"Location": location}))

    outcome = read(config(**conventions), "articles", "companies")

    assert {asked.url.partition("/api/")[0] for asked in instance.asked} == {"https://syfter.test"}
    assert len(instance.queries("articles")) == 1
    assert outcome.kind_of("articles") == "config_error"
    assert "articles" in outcome.message_of("articles")
    assert '"Host"' in outcome.message_of("articles")
    assert outcome.completed("companies")
    assert KEY not in outcome.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_instance_is_followed(instance: Instance, status: int) -> None:
    def moved(asked: Asked) -> Answer:
        return Answer("", status, {"Location": asked.url.replace("/api/articles", "/v2/companies")})

    instance.always_answers("articles", moved)

    outcome = read(config(**CUSTOM_HEADER), "articles")

    assert outcome.ids("articles") == [1, 2, 3]
    assert sent(instance, "X-API-Key") == {KEY}


def test_a_redirect_from_http_to_https_is_followed(instance: Instance) -> None:
    def secured(asked: Asked) -> Answer | None:
        return Answer("", 301, {"Location": asked.url.replace("http:", "https:")}) if asked.url.startswith("http:") else None

    instance.always_answers("articles", secured)

    assert read(config(host="http://syfter.test", allow_insecure_http=True), "articles").ids("articles") == [1, 2, 3]


def test_a_redirect_that_loses_the_query_does_not_lose_records(instance: Instance) -> None:
    instance.always_answers("articles", lambda asked: Answer("", 302, {"Location": "/api/companies"}))
    instance.records["companies"] = some(3)

    outcome = read(config(page_size=2), "articles")

    assert not outcome.completed("articles") or outcome.ids("articles") == [1, 2, 3]


def test_a_redirect_in_circles_is_a_config_error(instance: Instance, clock: Clock) -> None:
    instance.always_answers("articles", lambda asked: Answer("", 302, {"Location": asked.url}))

    outcome = read(config(), "articles")

    assert outcome.kind_of("articles") == "config_error"
    assert "redirects" in outcome.message_of("articles")


def test_a_check_names_the_other_address(instance: Instance) -> None:
    instance.always_answers(None, Answer("", 302, {"Location": "https://sso.test/login?next=/api"}))

    succeeded, message = check(config())

    assert not succeeded
    assert "https://sso.test" in message
