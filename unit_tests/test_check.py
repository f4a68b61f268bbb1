"""`check` says whether the connection works, and if not, why, in words."""

from __future__ import annotations

from typing import Any

import pytest

from testing.clocks import Clock, SharedClock
from testing.instance import Answer, Asked, Instance, config, oauth
from testing.reading import STREAMS, check


def test_a_check_needs_one_request(instance: Instance) -> None:
    assert check(config()) == (True, "")
    assert [asked.stream for asked in instance.asked] == ["companies"]


def test_a_check_succeeds_where_there_are_no_records(instance: Instance) -> None:
    instance.records = {}

    assert check(config())[0]


def test_a_start_date_in_the_future_is_refused(instance: Instance) -> None:
    """Nothing would be asked for, so the credentials would not be tried either."""
    succeeded, message = check(config(start_date="2999-01-01"))

    assert not succeeded
    assert "start_date" in message
    assert "lies in the future" in message
    assert check(config(start_date="2026-01-01"))[0]


@pytest.mark.parametrize("status", [403, 404])
def test_a_check_needs_only_one_collection(instance: Instance, status: int) -> None:
    for stream in STREAMS[:-1]:
        instance.always_answers(stream, Answer(status=status))

    assert check(config())[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=401), ["(401)", "Authentication"]),
        (Answer(status=403), ["(403)", "9 collections", "https://syfter.test/api"]),
        (Answer(status=404), ["[wrong-prefix]", "404", "path prefix", "conventions.path_prefix", "https://syfter.test/api"]),
        (Answer(status=500), ["server error"]),
        (Answer(status=429), ["limits the rate"]),
        (Answer(status=503, headers={"Retry-After": "300"}), ["300 seconds"]),
        (Answer({"message": "bad limit"}, 400), ["bad limit"]),
        (Answer("<html></html>"), ["web page", "host"]),
        (Answer({"items": []}), ["conventions.records_path", "items"]),
        (Answer(""), ["empty body"]),
    ],
)
def test_a_check_fails_in_words(instance: Instance, clock: Clock, answer: Answer, words: list[str]) -> None:
    instance.always_answers(None, answer)

    succeeded, message = check(config())

    assert not succeeded
    assert all(word in message for word in words), message
    assert "Traceback" not in message
    assert sum(clock.waits) < 20


def test_a_check_reports_missing_and_refused_collections_together(instance: Instance) -> None:
    instance.always_answers(None, lambda asked: Answer(status=404 if asked.stream == "articles" else 403))

    succeeded, message = check(config())

    assert not succeeded
    assert "articles" in message
    assert "companies" in message


@pytest.mark.parametrize("wrong", [None, {}, {"credentials": {}}, {"credentials": {"auth_type": "api_key", "api_key": ""}}])
def test_a_check_of_an_incomplete_config_names_what_is_missing(wrong: Any) -> None:
    succeeded, message = check(wrong)

    assert not succeeded
    assert "missing" in message or "empty" in message or "names no scheme" in message


def test_trouble_that_passes_does_not_fail_a_check(instance: Instance, clock: Clock) -> None:
    instance.answers("companies", Answer(status=503))

    assert check(config())[0]


def test_a_check_does_not_change_what_the_next_read_does(instance: Instance, shared_clock: SharedClock) -> None:
    given = config()
    check(given)

    assert given == config()


def test_a_check_of_an_oauth_config_asks_for_one_token(instance: Instance) -> None:
    assert check(config(credentials=oauth()))[0]
    assert [asked.stream for asked in instance.asked] == ["token", "companies"]


def test_a_check_with_additional_collections_only_needs_one_that_answers(instance: Instance) -> None:
    def only_extra(asked: Asked) -> Answer:
        return Answer({"data": []}) if asked.stream == "links" else Answer(status=404)

    instance.always_answers(None, only_extra)

    assert check(config(additional_collections=[{"name": "links", "path": "crm/links", "primary_key": "id"}]))[0]
