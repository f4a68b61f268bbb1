"""Each condition ends as the contract says: action, kind of failure, and words that name the stream and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import requests
import urllib3.exceptions as urllib3_errors

from testing.clocks import Clock, use_clock
from testing.instance import Answer, Instance, config, connect, some
from testing.reading import STREAMS, Outcome, check, read

CONFIG_ERROR, TRANSIENT = "config_error", "transient_error"


def one_each(answers: dict[str, Any], first: Any = None) -> Iterator[tuple[str, tuple[Instance, str, Outcome]]]:
    """Reads with `answers`, nine at a time, each from a stream of its own; yields instance, stream and outcome by name.

    `first`: what the first request of each stream is answered with.
    """
    names = iter(answers)
    while batch := list(islice(names, len(STREAMS))):
        with pytest.MonkeyPatch.context() as patch:
            instance = Instance()
            connect(patch, instance)
            use_clock(patch, Clock())
            for stream, name in zip(STREAMS, batch, strict=False):
                if first:
                    instance.answers(stream, first)
                instance.always_answers(stream, answers[name])
            outcome = read(config(), *STREAMS[: len(batch)])
        yield from ((name, (instance, stream, outcome)) for stream, name in zip(STREAMS, batch, strict=False))


# --- the collection as a whole ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, ["(401)", "Authentication", "administrator"]),
        (403, ["(403)", "Ask an administrator", "deselect"]),
        (404, ["(404)", "Deselect", "conventions.path_prefix"]),
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_collection_that_is_closed_fails_its_stream_by_name(
    instance: Instance, status: int, words: list[str], page: int
) -> None:
    for stream in STREAMS:
        instance.answers(stream, *[None] * (page - 1), Answer(status=status))

    outcome = read(config(page_size=2))

    for stream in STREAMS:
        assert outcome.kind_of(stream) == CONFIG_ERROR
        assert stream in outcome.message_of(stream)
        assert all(word in outcome.message_of(stream) for word in words)
        assert len(instance.queries(stream)) == page, "not tried again"
        assert outcome.statuses[stream][-1] == "INCOMPLETE"
    assert outcome.failure.failure_type.value == CONFIG_ERROR


@pytest.mark.parametrize("closed", ["companies", "datasource_preferences"])
def test_the_other_streams_complete_where_one_is_closed(instance: Instance, closed: str) -> None:
    instance.always_answers(closed, Answer(status=403))

    outcome = read(config())

    assert [stream for stream in STREAMS if not outcome.completed(stream)] == [closed]
    assert all(outcome.ids(stream) == [1, 2, 3] for stream in STREAMS if stream != closed)
    assert closed in outcome.failure.message
    assert outcome.failure.code == "streams-failed"


# --- statuses -----------------------------------------------------------------------------------------------------------

REFUSED = [400, 402, 405, 406, 409, 410, 411, 413, 414, 415, 418, 422, 423, 426, 431, 451, 499]
FAILING = [500, 501, 502, 503, 504, 507, 511, 520, 524, 599]
BUSY = [408, 425]


@pytest.fixture(scope="module")
def by_status() -> dict[str, tuple[Instance, str, Outcome]]:
    return dict(one_each({str(status): Answer(status=status) for status in [*REFUSED, *FAILING, *BUSY, 429]}))


@pytest.mark.parametrize("status", REFUSED)
def test_other_4xx_fail_at_once_as_config_errors(by_status: dict[str, Any], status: int) -> None:
    instance, stream, outcome = by_status[str(status)]

    assert outcome.kind_of(stream) == CONFIG_ERROR
    assert stream in outcome.message_of(stream)
    assert len(instance.queries(stream)) == 1


@pytest.mark.parametrize("status", [*FAILING, *BUSY])
def test_server_errors_are_tried_six_times_and_are_transient(by_status: dict[str, Any], status: int) -> None:
    instance, stream, outcome = by_status[str(status)]

    assert outcome.kind_of(stream) == TRANSIENT
    assert stream in outcome.message_of(stream)
    assert "Try again later" in outcome.message_of(stream)
    assert len(instance.queries(stream)) == 6


def test_a_rate_limit_is_waited_for_nine_times(by_status: dict[str, Any]) -> None:
    instance, stream, outcome = by_status["429"]

    assert outcome.kind_of(stream) == TRANSIENT
    assert "Requests per minute" in outcome.message_of(stream)
    assert len(instance.queries(stream)) == 10


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 504, 408, requests.ConnectTimeout(), requests.ConnectionError()])
def test_trouble_that_passes_costs_no_record(instance: Instance, clock: Clock, trouble: Any) -> None:
    for stream in STREAMS:
        instance.answers(stream, None, *[trouble if isinstance(trouble, Exception) else Answer(status=trouble)] * 2)

    outcome = read(config(page_size=2))

    for stream in STREAMS:
        assert outcome.ids(stream) == [1, 2, 3]
        assert outcome.completed(stream)
    assert outcome.failure is None


def test_the_tries_of_one_page_do_not_count_for_the_next(instance: Instance, clock: Clock) -> None:
    instance.records["articles"] = some(4)
    bad = [Answer(status=500)] * 5
    instance.answers("articles", *bad, None, *bad, None, *bad)

    assert read(config(page_size=2), "articles").ids("articles") == [1, 2, 3, 4]


# --- no answer at all -----------------------------------------------------------------------------------------------------

CAUSES = {
    "unknown host": (
        requests.ConnectionError(urllib3_errors.NameResolutionError("syfter.test", None, OSError())),
        CONFIG_ERROR,
        ["syfter.test", "not known", '"Host"', "[unknown-host]"],
    ),
    "tls": (requests.exceptions.SSLError("certificate verify failed"), CONFIG_ERROR, ["syfter.test", "certificate", "[tls]"]),
    "refused": (
        requests.ConnectionError(urllib3_errors.NewConnectionError(None, "x"), ConnectionRefusedError()),
        TRANSIENT,
        ["syfter.test", "refuses connections", "[refused]"],
    ),
    "connect time-out": (requests.ConnectTimeout(), TRANSIENT, ["syfter.test", "cannot be reached", "[no-answer]"]),
    "read time-out": (requests.ReadTimeout(), TRANSIENT, ["syfter.test", "did not answer in time"]),
    "time-out in the body": (
        requests.ConnectionError(urllib3_errors.ReadTimeoutError(None, None, "Read timed out.")),
        TRANSIENT,
        ["syfter.test", "did not answer in time"],
    ),
    "reset": (requests.ConnectionError(ConnectionResetError(104, "x")), TRANSIENT, ["syfter.test", "closed the connection"]),
    "cut off": (
        requests.exceptions.ChunkedEncodingError("IncompleteRead"),
        TRANSIENT,
        ["syfter.test", "before the answer was complete"],
    ),
    "circles": (requests.TooManyRedirects(), CONFIG_ERROR, ["syfter.test", "redirects", "[redirected]"]),
    "proxy": (requests.exceptions.ProxyError(), TRANSIENT, ["syfter.test", "HTTPS_PROXY", "[proxy]"]),
    "no address": (requests.exceptions.InvalidURL(), CONFIG_ERROR, ["syfter.test", '"Host"', "[invalid-address]"]),
    "key with a line break": (requests.exceptions.InvalidHeader(), CONFIG_ERROR, ["line breaks", "[invalid-credentials]"]),
}


@pytest.fixture(scope="module")
def by_cause() -> dict[str, tuple[Instance, str, Outcome]]:
    return dict(one_each({name: cause for name, (cause, _, _) in CAUSES.items()}))


@pytest.mark.parametrize("name", CAUSES)
def test_a_request_without_an_answer_ends_in_words(by_cause: dict[str, Any], name: str) -> None:
    _, stream, outcome = by_cause[name]
    _, kind, words = CAUSES[name]

    assert outcome.kind_of(stream) == kind
    assert all(word in outcome.message_of(stream) for word in [stream, *words])


@pytest.mark.parametrize("name", CAUSES)
def test_a_check_without_an_answer_ends_in_words(instance: Instance, clock: Clock, name: str) -> None:
    cause, _, words = CAUSES[name]
    instance.always_answers(None, cause)

    succeeded, message = check(config(), "companies")

    assert not succeeded
    assert all(word in message for word in words)
    assert "Traceback" not in message


# --- bodies -------------------------------------------------------------------------------------------------------------

ROW = {"id": 1, "updated_at": "2026-01-01T00:00:00.000Z", "name": "Ada Lovelace"}
BODIES = {
    "other key": Answer({"items": [ROW]}),
    "bare array": Answer([ROW]),
    "null": Answer(b"null"),
    "null records": Answer({"data": None}),
    "one object": Answer({"data": ROW}),
    "text for records": Answer({"data": "none"}),
    "number for records": Answer({"data": 0}),
    "array of numbers": Answer({"data": [1, 2]}),
    "array with a null": Answer({"data": [ROW, None]}),
    "array of arrays": Answer({"data": [[ROW]]}),
    "empty object": Answer({}),
    "a total of some": Answer({"total": 1}),
    "one object and a total": Answer({"data": ROW, "total": 0}),
    "error with 200": Answer({"message": "Ada Lovelace is not here"}),
    "number": Answer(b"1"),
    "string": Answer(b'"Ada Lovelace"'),
    "web page": Answer("<!DOCTYPE html><html>Sign in, Ada Lovelace</html>", headers={"Content-Type": "text/html"}),
    "web page as JSON": Answer("  <html>Ada Lovelace</html>"),
    "text": Answer("OK, Ada Lovelace"),
    "nothing": Answer(b""),
    "blanks": Answer(b" \n"),
    "nothing, 204": Answer(b"", status=204),
    "cut off": Answer(b'{"data": [{"id": 1, "name": "Ada Lovelace"}, {"id"'),
    "not a number": Answer(b'{"data": [{"id": NaN}]}'),
    "not utf-8": Answer(b'{"data": [{"id": 1, "name": "Ada Lovelace\xff"}]}'),
}


@pytest.fixture(scope="module")
def by_body() -> dict[str, tuple[Instance, str, Outcome]]:
    return dict(one_each(BODIES))


@pytest.fixture(scope="module")
def by_later_body() -> dict[str, tuple[Instance, str, Outcome]]:
    return dict(one_each(BODIES, first=Answer({"data": some(2)})))


@pytest.mark.parametrize("page", ["by_body", "by_later_body"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_not_the_envelope_is_a_config_error(request: pytest.FixtureRequest, name: str, page: str) -> None:
    _, stream, outcome = request.getfixturevalue(page)[name]

    assert outcome.kind_of(stream) == CONFIG_ERROR
    assert stream in outcome.message_of(stream)
    assert "conventions.records_path" in outcome.message_of(stream)
    assert "Lovelace" not in outcome.text, "no record in a message or in the log"
    assert not outcome.completed(stream)


@pytest.mark.parametrize(
    "body", [{"data": []}, {"data": [], "next": None, "more": {"data": 1}}, {"total": 0}, {"data": None, "total": "0"}]
)
def test_an_empty_array_is_an_empty_page_and_so_is_none_at_a_total_of_0(instance: Instance, body: Any) -> None:
    instance.always_answers(None, Answer(body))

    outcome = read(config())

    assert all(outcome.completed(stream) and outcome.ids(stream) == [] for stream in STREAMS)


# --- what the API says itself --------------------------------------------------------------------------------------------

SAID = {
    "message": Answer({"message": "no such filter"}, 400),
    "error": Answer({"error": "no such filter"}, 400),
    "detail": Answer({"detail": "no such filter"}, 400),
    "errors": Answer({"errors": [{"message": "no such filter"}]}, 400),
    "error.message": Answer({"error": {"message": "no such filter"}}, 400),
    "text": Answer("no such filter\n", 400),
    "message of a 403": Answer({"message": "no such filter"}, 403),
    "message of a 404": Answer({"message": "no such filter"}, 404),
    "message of a 500": Answer({"message": "no such filter"}, 500),
    "message before detail": Answer({"detail": "Ada Lovelace", "message": "no such filter"}, 400),
}
NOT_SAID = {
    "web page": Answer("<html>Ada Lovelace</html>", 400),
    "record": Answer({**ROW, "id": 1}, 400),
    "records": Answer({"data": [ROW]}, 400),
    "input of a validation": Answer({"detail": [{"loc": ["id"], "msg": "bad", "input": ROW}]}, 400),
    "nothing": Answer(b"", 400),
    "text without end": Answer("Ada Lovelace " * 1000, 400),
    "arrays without end": Answer("[" * 100_000, 400),
    "an object within an object, too deep": Answer('{"error":' * 900 + '"Ada Lovelace"' + "}" * 900, 400),
}


@pytest.fixture(scope="module")
def by_words() -> dict[str, tuple[Instance, str, Outcome]]:
    return dict(one_each({**SAID, **NOT_SAID, "long": Answer({"message": "x" * 5000}, 400)}))


@pytest.mark.parametrize("name", SAID)
def test_the_api_s_own_message_is_passed_on(by_words: dict[str, Any], name: str) -> None:
    _, stream, outcome = by_words[name]

    assert 'The instance said: "no such filter"' in outcome.message_of(stream)


@pytest.mark.parametrize("name", NOT_SAID)
def test_what_is_no_message_is_not_passed_on(by_words: dict[str, Any], name: str) -> None:
    _, stream, outcome = by_words[name]

    assert "Lovelace" not in outcome.text
    assert "The instance said" not in outcome.message_of(stream)
    assert outcome.kind_of(stream) == "config_error"


def test_a_long_message_is_cut(by_words: dict[str, Any]) -> None:
    _, stream, outcome = by_words["long"]

    assert "x" * 300 in outcome.message_of(stream)
    assert "x" * 301 not in outcome.message_of(stream)


# --- as a whole -----------------------------------------------------------------------------------------------------------


def test_a_read_with_transient_failures_only_is_transient(instance: Instance, clock: Clock) -> None:
    instance.always_answers("articles", Answer(status=500))

    assert read(config(), "articles", "companies").failure.failure_type.value == TRANSIENT


def test_a_stream_that_does_not_exist_is_named(instance: Instance) -> None:
    outcome = read(config(), "articles", "recommendations")

    assert outcome.completed("articles")
    assert "recommendations" in outcome.failure.message
    assert outcome.failure.code == "unknown-streams"
    assert outcome.failure.failure_type.value == CONFIG_ERROR


def test_bodies_are_bounded(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("source_syfter.components.http.LARGEST_BODY", 1 << 20)
    instance.always_answers("articles", Answer({"data": [{"id": 1, "body": "x" * (1 << 20)}]}))

    outcome = read(config(), "articles")

    assert outcome.kind_of("articles") == CONFIG_ERROR
    assert "articles" in outcome.message_of("articles")
    assert "1 MiB" in outcome.message_of("articles")
