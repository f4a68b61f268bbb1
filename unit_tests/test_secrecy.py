"""What is printed beside records holds no secret, in no encoding, and no record."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests

from source_syfter import problems
from source_syfter.secrecy import forms, hide_secrets, presentable
from testing.clocks import Clock
from testing.instance import Answer, Asked, Instance, config, oauth
from testing.reading import check, read

SECRET = 'sk/"ünit"+7f 3a=9c'
SCHEMES = {
    "api_key": {"auth_type": "api_key", "api_key": "sk/unit+7f3a=9c"},
    "bearer": {"auth_type": "bearer", "access_token": "tk/unit+7f3a=9c"},
    "basic": {"auth_type": "basic", "username": "airbyte", "password": SECRET},
    "oauth": oauth(client_secret=SECRET),
}


def secret_of(credentials: dict[str, Any]) -> str:
    return next(credentials[name] for name in ("api_key", "access_token", "password", "client_secret") if name in credentials)


def secret_forms(credentials: dict[str, Any]) -> set[str]:
    """The secret in every form that a log may hold: plain, encoded, in a header."""
    secret = secret_of(credentials)
    user = credentials.get("username") or credentials.get("client_id")
    pairs = [secret, *([f"{user}:{secret}"] if user else [])]
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return found | {base64.b64encode(text.encode()).decode().rstrip("=") for text in pairs}


def echo(asked: Asked) -> Answer:
    """Repeats what it was sent, as a careless server does, and in more ways."""
    header = asked.headers.get("Authorization", "") + "".join(asked.form.values())
    told = f"bad request: {header} {quote(header)} {quote_plus(header)} {base64.b64encode(header.encode()).decode()}"
    return Answer({"message": told, "errors": [{"message": header}]}, 400, {"X-Echo": quote(header)})


@pytest.mark.parametrize("where", ["instance", "token"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_server_that_repeats_the_secret_does_not_give_it_away(
    instance: Instance, scheme: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    credentials = SCHEMES[scheme]
    instance.always_answers("token" if where == "token" else "articles", echo)

    outcome = read(config(credentials=credentials), "articles", log_level=logging.DEBUG)
    _, said = check(config(credentials=credentials), "articles")

    printed = capsys.readouterr()
    for form in secret_forms(credentials):
        assert form not in outcome.text + said + printed.out + printed.err
    assert "token-1-secret" not in outcome.text + said


@pytest.mark.parametrize("scheme", SCHEMES)
def test_exceptions_do_not_give_the_secret_away(instance: Instance, clock: Clock, scheme: str) -> None:
    credentials = SCHEMES[scheme]
    instance.always_answers("articles", requests.ConnectionError(f"Cannot send {secret_of(credentials)} to syfter.test"))

    outcome = read(config(credentials=credentials), "articles", log_level=logging.DEBUG)

    for form in secret_forms(credentials):
        assert form not in outcome.text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_form_of_the_secret_is_known(scheme: str) -> None:
    known = forms({"credentials": SCHEMES[scheme]})

    for form in secret_forms(SCHEMES[scheme]):
        assert any(each in form for each in known), form


@pytest.mark.parametrize("config", [{}, {"credentials": None}, {"credentials": "x"}, {"credentials": {"api_key": None}}])
def test_a_config_without_secrets_hides_nothing(config: dict[str, Any]) -> None:
    assert forms(config) == []


@pytest.mark.parametrize(
    "answer", [Answer({"data": [{"name": "Ada Lovelace"}]}, 400), Answer({"data": [{"name": "Ada Lovelace"}]}, 500)]
)
def test_records_in_an_error_body_are_not_logged(instance: Instance, clock: Clock, answer: Answer) -> None:
    instance.always_answers("articles", answer)

    outcome = read(config(), "articles", log_level=logging.DEBUG)

    assert "Lovelace" not in outcome.text


@pytest.mark.parametrize("secret", ["p", "type", "error", '"', "{", "00", "7"])
def test_a_secret_that_every_message_holds_leaves_it_whole(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be masked in the keys of the protocol as well."""
    hide_secrets({"credentials": {"auth_type": "basic", "username": "u", "password": secret}})

    problems.OUT_OF_RANGE(field="Page size", range="1 to 1000").emit_message()

    error = json.loads(capsys.readouterr().out)["trace"]["error"]
    assert error["failure_type"] == "config_error"
    assert error["message"] == "Page size is out of range. Enter 1 to 1000. [invalid-config]"


def test_a_message_keeps_its_words() -> None:
    assert (
        presentable("articles: the instance refused the credentials (401).")
        == "articles: the instance refused the credentials (401)."
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "ftp://x"},
        {"page_size": 0},
        {"start_date": "soon"},
        {"credentials": {"auth_type": "api_key", "api_key": "sk-hidden-77\n77"}},
        {"credentials": {"auth_type": "basic", "username": "a:b", "password": "sk-hidden-77"}},
        {"credentials": {"auth_type": "api_key", "api_key": ["sk-hidden-77"]}},
        {"credentials": {"auth_type": "sk-hidden-77"}},
        {"credentials": "sk-hidden-77"},
        {"credentials": {"auth_type": "oauth2_client_credentials", "client_secret": "sk-hidden-77", "token_url": "nowhere"}},
        {"host": "https://airbyte:sk-hidden-77@syfter.test"},
    ],
)
def test_what_is_said_about_a_wrong_config_does_not_hold_a_secret(wrong: dict[str, Any]) -> None:
    succeeded, message = check({"credentials": {"auth_type": "api_key", "api_key": "sk-hidden-77"}, **wrong}, "articles")

    assert not succeeded
    assert "sk-hidden" not in message
