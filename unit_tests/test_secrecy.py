"""What is printed beside records holds no secret, in no encoding, and no record."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import tracemalloc
from collections.abc import Callable
from functools import reduce
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests

from source_syfter import problems
from source_syfter.columns import Columns
from source_syfter.secrecy import forms, hide, hide_secrets, masked, masked_foreign, presentable
from testing.clocks import Clock
from testing.instance import KEY as KEY_OF_CONFIG
from testing.instance import Answer, Asked, Instance, config, oauth
from testing.reading import check, configured_catalog, read

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


def test_two_configurations_in_one_process_do_not_show_each_other() -> None:
    for number in range(2):
        hide_secrets(config(credentials={"auth_type": "api_key", "api_key": f"sk-unit-of-{number}"}))

    assert masked("sk-unit-of-0 sk-unit-of-1") == "**** ****"


def test_tokens_that_are_renewed_without_end_fill_no_memory() -> None:
    hide_secrets(config())
    for number in range(200):
        hide(f"token-{number:032}")
    tracemalloc.start()
    try:
        for number in range(200, 400):
            hide(f"token-{number:032}")
        shown = masked_foreign(f"{KEY_OF_CONFIG} token-{399:032} {399:030}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert shown == "**** **** ****"
    assert grown < 1 << 20


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


# --- what servers make of a secret that they repeat ---------------------------------------------------------------------------

KEY = "S3cr3t+Key/abc=def~ghi.JKL-mno_pqr012345"
MADE: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": lambda text: quote(text, safe="").lower().replace("~", "%7e"),
    "percent, tilde too": lambda text: quote(text, safe="").replace("~", "%7E"),
    "percent, every letter": lambda text: "".join(f"%{ord(letter):02x}" for letter in text),
    "percent, twice": lambda text: quote(quote(text, safe="")),
    "percent, mixed": lambda text: text.replace("+", "%2b").replace("/", "%2F"),
    "HTML": html.escape,
    "HTML, by number": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML, by hexadecimal number": lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
    "JSON": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON, by number": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "JSON within JSON": lambda text: json.dumps(json.dumps(text)),
    "repr": repr,
    "upper case": str.upper,
    "folded": lambda text: "\n ".join(text[at : at + 10] for at in range(0, len(text), 10)),
    "hexadecimal": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a header's value": lambda text: base64.b64encode(f"Api-Key {text}".encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(f"a: {text}\r\n".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"k={text}&".encode()).decode(),
    "base64, twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "base64, folded": lambda text: "\n".join(re.findall(".{1,20}", base64.b64encode(text.encode()).decode())),
    "base64, percent": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
    "percent, five times": lambda text: reduce(lambda made, _: quote(made, safe=""), range(5), text),
    "percent, as a code unit": lambda text: "".join(f"%u{ord(letter):04x}" for letter in text),
    "HTML, unfinished": lambda text: "".join(f"&#{ord(letter)}" for letter in text),
    "HTML, with zeros": lambda text: "".join(f"&#x{ord(letter):08x};" for letter in text),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(letter):x}}}" for letter in text),
    "octal": lambda text: "".join(f"\\{ord(letter):03o}" for letter in text),
    "quoted-printable": lambda text: "".join(f"={ord(letter):02X}" for letter in text),
    "quoted-printable, as much as has to be": lambda text: text.replace("=", "=3D"),
    "hexadecimal, by colons": lambda text: text.encode().hex(":"),
    "hexadecimal, by hyphens": lambda text: text.encode().hex("-").upper(),
    "hexadecimal, each with a mark": lambda text: ", ".join(f"0x{ord(letter):02x}" for letter in text),
    "a buffer of Node": lambda text: json.dumps(list(text.encode()))[1:-1],
    "zeros between": "\0".join,
    "hyphens that nobody sees between": "\u00ad".join,
    "nothing between": "\u200b".join,
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base32 of an address's end": lambda text: base64.b32encode(f"k={text}".encode()).decode(),
    "UTF-16, hexadecimal": lambda text: text.encode("utf-16-le").hex(),
    "UTF-16, base64": lambda text: base64.b64encode(text.encode("utf-16-be")).decode(),
    "its first half": lambda text: text[: len(text) // 2],
    "its second half": lambda text: text[len(text) // 2 :],
}


@pytest.mark.parametrize("made", MADE)
def test_a_secret_is_masked_in_whatever_form_it_is_repeated(instance: Instance, made: str) -> None:
    form = MADE[made](KEY)
    instance.always_answers("articles", Answer({"message": f"(a) {form} (b)"}, 400))
    instance.always_answers("companies", Answer({"message": f"(a) {form} (b)"}, 400))
    given = config(credentials={"auth_type": "api_key", "api_key": KEY})

    texts = [read(given, "articles").text, check(given, "companies")[1]]

    for text in texts:
        assert re.search(r"\(a\).*\*{4}.*\(b\)", text), "what stands around it is told"
        assert not _shared(form, text, 12)


def _shared(form: str, text: str, length: int) -> list[str]:
    """The parts of `form` of some length that stand in `text`."""
    parts = (form[at : at + length] for at in range(max(1, len(form) - length + 1)))
    return [part for part in parts if part in text]


WITH_COLON = "account-4711:9f8e7d6c5b4a3210ffee"


@pytest.mark.parametrize(
    "given",
    [
        {"credentials": {"auth_type": "api_key", "api_key": WITH_COLON}},
        {"credentials": {"auth_type": "basic", "username": "airbyte", "password": WITH_COLON}},
        {"additional_headers": [{"name": "X-Account", "value": WITH_COLON}]},
    ],
)
def test_a_secret_with_a_colon_is_masked_in_parts_as_well(instance: Instance, given: dict[str, Any]) -> None:
    instance.always_answers("articles", Answer({"message": f"{WITH_COLON[:-4]}... {WITH_COLON[13:-4]}... airbyte: no"}, 400))

    assert 'The instance said: "****... ****... airbyte: no"' in read(config(**given), "articles").message_of("articles")


def test_a_name_is_shown_without_its_password() -> None:
    hide_secrets(config(credentials={"auth_type": "basic", "username": "airbyte-user", "password": "pw-unit-0815"}))

    assert masked_foreign("airbyte-user is locked, not airbyte-user:pw-unit-0815") == "airbyte-user is locked, not ****"


@pytest.mark.parametrize("before", [*range(255, 302, 5), 400, 3990])
def test_a_secret_is_masked_before_a_message_is_cut(instance: Instance, before: int) -> None:
    instance.always_answers(None, Answer({"message": "x" * before + KEY}, 400))
    instance.always_answers("token", Answer({"error": "x" * before + KEY}, 400))

    for credentials in ({"auth_type": "api_key", "api_key": KEY}, oauth(client_secret=KEY)):
        given = config(credentials=credentials)
        for text in (read(given, "articles").text, check(given, "articles")[1]):
            assert not _shared(KEY, text, 8)


def test_a_secret_is_masked_before_a_key_of_an_unknown_body_is_cut(instance: Instance) -> None:
    instance.always_answers("articles", Answer({"x" * 30 + KEY: 1}))

    assert not _shared(KEY, read(config(credentials={"auth_type": "api_key", "api_key": KEY}), "articles").text, 8)


def test_a_secret_is_masked_before_the_name_of_a_field_is_cut() -> None:
    hide_secrets(config(credentials={"auth_type": "api_key", "api_key": KEY}))
    columns = Columns({"properties": {"id": {"type": "integer"}}})
    columns.look_at([{"x" * 30 + KEY: 1}])

    ((_, text),) = columns.notes("articles")

    assert not _shared(KEY, text, 8)


@pytest.mark.parametrize("made", MADE)
def test_an_access_token_is_masked_in_whatever_form_it_is_repeated(instance: Instance, clock: Clock, made: str) -> None:
    instance.always_answers("token", Answer({"access_token": KEY}))
    instance.always_answers("articles", Answer({"message": f"(a) {MADE[made](KEY)} (b)"}, 400))

    text = read(config(credentials=oauth()), "articles").text

    assert re.search(r"\(a\).*\*{4}.*\(b\)", text)
    assert not _shared(MADE[made](KEY), text, 12)


def test_a_long_message_of_an_instance_takes_no_time(instance: Instance) -> None:
    """Masking looks at each of its letters."""
    instance.always_answers("articles", Answer({"message": "%2541" * 20_000_000}, 400))

    assert "request-refused" in read(config(), "articles").message_of("articles")


@pytest.mark.parametrize("odd", ["\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "\x7f\x08", "\u202etxt", "\u2066a\u2069", "\x00"])
def test_what_a_terminal_obeys_is_not_printed(instance: Instance, odd: str) -> None:
    """A name of a field, a message, an address."""
    for answer in (
        Answer({"message": f"a {odd} b"}, 400),
        Answer({f"a {odd} b": []}),
        Answer({"data": [{"id": 1, f"a {odd} b": 1}]}, headers={}),
    ):
        instance.always_answers(
            "articles", lambda asked, answer=answer: Answer({"data": []}) if "offset" in asked.query else answer
        )
        catalog = configured_catalog(["articles"])
        catalog.streams[0].stream.json_schema = {"properties": {"id": {"type": "integer"}}}
        text = read(config(), "articles").text

        assert not [letter for letter in text if not (letter.isprintable() or letter == "\n")], text


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


@pytest.mark.parametrize("secret", ["hdr-SECRET\\value/9+a", "sk-Lz9/qP+7&x=~\"Q'w%41"])
def test_what_goes_along_with_a_line_of_debug_holds_no_secret(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    """The framework logs headers as a field, as text of a dict of Python within JSON."""
    hide_secrets(config(additional_headers=[{"name": "X-Account", "value": secret}]))

    with caplog.at_level(logging.DEBUG, logger="airbyte"):
        logging.getLogger("airbyte").debug(
            "asked", extra={"headers": str({"X-Account": secret}), "url": f"https://x/?k={quote(secret)}"}
        )

    shown = json.dumps({name: str(getattr(caplog.records[-1], name)) for name in ("headers", "url")})
    assert "SECRET" not in shown
    assert "Lz9" not in shown
    assert "X-Account" in shown
