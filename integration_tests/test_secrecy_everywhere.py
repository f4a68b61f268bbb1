"""No secret leaves the connector but to the instance, no record but as a record; a hostile instance gains nothing."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import AUTH_TYPES, Sandbox, running
from testing.disturbed import (
    FIRST,
    STREAMS,
    code_of,
    debug_logging,
    fill_collections,
    read_by,
    record_texts,
    secret_forms,
    without_waiting,
)
from testing.fault_cases import CASES, batches
from testing.fork_server import ForkServer, fork_server
from testing.instance import Answer, Instance, connect
from testing.instance import config as unit_config
from testing.processes import read_arguments
from testing.reading import Outcome, check, read

KINDS = {"config_error", "transient_error"}


@pytest.fixture(autouse=True)
def _without_waiting() -> Iterator[None]:
    with without_waiting():
        yield


@pytest.fixture(scope="module")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with fork_server(tmp_path_factory.mktemp("secrets")) as found:
        yield found


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance without a socket, for what no sandbox would say."""
    found = Instance()
    connect(monkeypatch, found)
    return found


# --- every scheme, every command, in all that fails ---------------------------------------------------------------------------

# Faults that need no waiting, one for each stream.
AT_ONCE = [
    "echo-secrets",
    "http-401",
    "http-403",
    "html-200",
    "other-envelope",
    "redirect-host",
    "ignore-offset",
    "invalid-json",
    "429-hour",
]


def beside_records(text: str) -> str:
    """What was printed, records aside."""
    return "\n".join(line for line in text.splitlines() if '"RECORD"' not in line[:40])


@pytest.mark.parametrize("auth", AUTH_TYPES)
def test_a_process_at_debug_tells_no_secret_and_no_record(connector: ForkServer, tmp_path: Path, auth: str) -> None:
    with running(companies=6) as box:
        fill_collections(box)
        secrets, texts = secret_forms(box.config(auth=auth)), record_texts(box)
        for stream, name in zip(STREAMS, AT_ONCE, strict=True):
            # The second page: the first has been read, and could be quoted.
            box.fault(name, stream, 2)
        argv = read_arguments(tmp_path, box.config(auth=auth, page_size=6, num_workers=9), STREAMS)
        read_it = connector.start([*argv, "--debug"])
        assert read_it.wait() == 1, read_it.text
        said = beside_records(read_it.text)
        box.clear_faults()
        box.fault("echo-secrets")
        for command in ("check", "discover"):
            process = connector.start([command, argv[1], "--debug"])
            process.wait()
            said += process.text

    assert '"type":"DEBUG"' in said.replace(" ", "")
    assert not [form for form in secrets if form in said]
    assert not [text for text in texts if text in said]


@pytest.mark.soak
@pytest.mark.parametrize("place", ["once", "for ever"])
@pytest.mark.parametrize("auth", AUTH_TYPES)
def test_no_cell_of_the_matrix_tells_a_secret_of_any_scheme(auth: str, place: str, capfd: pytest.CaptureFixture[str]) -> None:
    for turn, batch in enumerate(batches(place, 0)):
        with running(companies=4, seed=turn + 1) as box:
            fill_collections(box)
            for stream, name in batch.items():
                box.fault(CASES[name].fault or name, stream, 2, 2 if place == "once" else None, **CASES[name].options)
            outcome = read_by(FIRST, box, auth=auth)
            printed = capfd.readouterr()
            said = outcome.text + beside_records(printed.out) + printed.err
            assert not [form for form in secret_forms(box.config(auth=auth)) if form in said], batch
            assert not [text for text in record_texts(box) if text in said], batch


@pytest.mark.parametrize("secret", ["k7Q", "x+/=", 'q"\\z', "ä€", "1e5x"])
def test_short_and_odd_secrets_are_hidden_too(instance: Instance, secret: str) -> None:
    credentials = {"auth_type": "basic", "username": "u", "password": secret}
    instance.always_answers(
        "articles", lambda asked: Answer({"message": f"no: {secret} {asked.headers['Authorization']} {json.dumps(secret)}"}, 400)
    )
    config = unit_config(credentials=credentials)
    with debug_logging():
        outcome = read(config, "articles", log_level=logging.DEBUG)
    _, said = check(config)

    assert not [form for form in secret_forms(config) if form in outcome.text + said]
    assert "no: ****" in outcome.message_of("articles")


# --- redirects: the key goes nowhere else, and no file is read ----------------------------------------------------------------


@pytest.mark.parametrize("auth", AUTH_TYPES)
def test_another_host_never_sees_a_request(auth: str) -> None:
    with running(companies=2) as box, running(companies=2) as other:
        box.fault("redirect-host", location=f"{other.url}/api/articles")
        outcome = read_by(FIRST, box, "articles", "companies", auth=auth)

        assert not other.requests
        assert {code_of(outcome, stream) for stream in ("articles", "companies")} == {"redirected"}


def test_another_host_does_not_see_a_key_in_a_header_of_ones_own() -> None:
    with running(companies=2) as box, running(companies=2) as other:
        box.fault("redirect-host", location=f"{other.url}/api/articles")
        conventions = {"api_key_header": "X-Gateway-Key", "api_key_prefix": "none"}
        outcome = read_by(FIRST, box, "articles", conventions=conventions)

        assert not other.requests
        assert not outcome.completed("articles")


def test_a_key_in_the_address_is_masked_wherever_the_address_is_logged() -> None:
    with running(companies=8, conventions="key-in-query") as box:
        box.fault("http-500", collection="articles", first=2, last=2)
        box.fault("http-400", collection="companies")
        with without_waiting():
            outcome = read_by(FIRST, box, "articles", "companies")

        assert outcome.completed("articles")
        assert "/api/articles?" in outcome.log, "addresses are logged"
        assert not [form for form in secret_forms(box.config()) if form in outcome.text]


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "//127.0.0.2:9/x",
        "javascript:alert(1)",
        "http://[",
        "http://127.0.0.1:99999/",
        "https://syfter.test@evil.test/",
        "http://syfter.test/api/articles",
        "gopher://x",
        "",
    ],
)
def test_odd_redirects_end_in_words(instance: Instance, location: str) -> None:
    instance.always_answers("articles", Answer("", 302, {"Location": location}))
    outcome = read(unit_config(), "articles")

    assert not outcome.completed("articles")
    assert outcome.kind_of("articles") in KINDS, outcome.message_of("articles")
    assert "root:" not in outcome.text
    assert all(asked.url.startswith("https://syfter.test/") for asked in instance.asked)


# --- templates are text -------------------------------------------------------------------------------------------------------

TEMPLATE = "{{ config['credentials']['api_key'] }}{{ 7 * 191 }}{% for x in range(9) %}x{% endfor %}"


def test_templates_in_records_are_text(instance: Instance) -> None:
    row = {"id": TEMPLATE, "updated_at": "2026-01-01T00:00:00.000Z", "name": TEMPLATE, "more": {TEMPLATE: [TEMPLATE]}}
    instance.records["articles"] = [row, {**row, "id": "1e5"}, {**row, "id": "00", "updated_at": TEMPLATE}]
    outcome = read(unit_config(page_size=1), "articles")

    assert outcome.records["articles"] == instance.records["articles"]
    assert "1337" not in outcome.text


@pytest.mark.parametrize(
    "overrides",
    [
        {"credentials": {"auth_type": "api_key", "api_key": "{{ 7 * 191 }}"}},
        {"credentials": {"auth_type": "bearer", "access_token": "{{ 7 * 191 }}"}},
        {"credentials": {"auth_type": "basic", "username": "{{ 7 * 191 }}", "password": "{{ 7 * 191 }}"}},
        {"conventions": {"path_prefix": "{{ 7 * 191 }}"}},
        {"conventions": {"records_path": "{{ 7 * 191 }}"}},
        {"conventions": {"limit_parameter": "{{ 7 * 191 }}"}},
        {"conventions": {"offset_parameter": "{{ 7 * 191 }}"}},
        {"conventions": {"updated_since_parameter": "{{ 7 * 191 }}"}, "start_date": "2026-01-01"},
        {"conventions": {"api_key_header": "{{ 7 * 191 }}"}},
        {"conventions": {"api_key_prefix": "{{ 7 * 191 }}"}},
        {"additional_collections": [{"name": "{{ 7 * 191 }}", "path": "{{ 7 * 191 }}", "primary_key": "id"}]},
    ],
    ids=lambda overrides: str(overrides)[:60],
)
def test_templates_in_the_config_are_text(instance: Instance, overrides: dict[str, Any]) -> None:
    name = (overrides.get("additional_collections") or [{"name": "articles"}])[0]["name"]
    outcome = read(unit_config(page_size=2, **overrides), name)

    assert "1337" not in outcome.text
    for asked in instance.asked:
        assert "1337" not in f"{asked.url}{asked.headers}"


# --- bodies and headers without measure -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "inf",
        "nan",
        "1e309",
        "-1e309",
        "9" * 400,
        "0x10",
        "٣",
        "Wed, 99 Foo 2026",
        "-0",
        " ",
        "1;2",
    ],
)
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_nonsense_for_a_wait_is_no_wait(instance: Instance, header: str, value: str) -> None:
    instance.answers("articles", Answer("", 429, {header: value.encode("utf-8").decode("latin-1")}))
    outcome = read(unit_config(), "articles")

    assert outcome.completed("articles") or code_of(outcome, "articles") == "long-wait"
    assert outcome.completed("articles") or value == "9" * 400 or float(value) > 600


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":' + b"[" * 200_000,
        b'{"data":[' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"]}",
        b'{"data":[{"id":' + b"9" * 5000 + b"}]}",
        b'{"data":[{"id":1e999}]}',
        b'{"data":[{"id":1,"' + b"k" * 100_000 + b'":1}]}',
        b"\x00" * 1000,
        b"\xef\xbb\xbf",
        b'{"data":[{}]}',
        b'{"data":[{"":{"":null}}]}',
    ],
    ids=["open", "deep", "long number", "infinite", "long key", "zeros", "mark only", "empty record", "empty names"],
)
def test_odd_bodies_are_read_or_refused(instance: Instance, body: bytes) -> None:
    instance.answers("articles", Answer(body), Answer({"data": []}))
    outcome: Outcome = read(unit_config(), "articles")

    assert outcome.completed("articles") or outcome.kind_of("articles") in KINDS
    assert len(outcome.text) < 50_000


@pytest.mark.parametrize("stream", STREAMS)
def test_an_empty_record_does_not_end_the_read(instance: Instance, stream: str) -> None:
    """The CDK's queue ends at the first falsy item: all streams would stop there, with success."""
    instance.answers(stream, Answer({"data": [{}]}))
    outcome = read(unit_config())

    assert [each for each in STREAMS if not outcome.completed(each)] == [stream]
    assert code_of(outcome, stream) == "unknown-envelope"


def test_the_memory_of_a_read_is_bounded_by_the_bound_of_a_body(instance: Instance) -> None:
    instance.always_answers("articles", Answer(b'{"data":[' + b" " * (4 << 20) + b"]}"))

    assert re.search(r"larger than \d+ MiB", read(unit_config(), "articles").message_of("articles"))


def test_the_sandbox_accepts_each_scheme() -> None:
    """Else the tests above would see refusals only."""
    for auth in AUTH_TYPES:
        with running(companies=2) as box:
            assert _reads(box, auth)


def _reads(box: Sandbox, auth: str) -> bool:
    return read_by(FIRST, box, "articles", auth=auth).completed("articles")
