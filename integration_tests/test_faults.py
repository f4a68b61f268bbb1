"""Whatever goes wrong on demand: complete, or an error in words; never a system error, a loss or a hang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import API_KEY, FAULTS, Sandbox, canonical, running
from source_syfter import source, transport
from unit_tests.clocks import Clock, wind_up
from unit_tests.reading import Outcome, read, trimmed

OPTIONS: dict[str, dict[str, Any]] = {
    "slow-body": {"seconds": 0.2},
    "stall": {"seconds": 5},
    "stall-in-body": {"seconds": 5},
    "endless-body": {"size": 4 << 20},
    "gzip-bomb": {"size": 4 << 20},
}
CONFIG_ERROR, TRANSIENT, COMPLETE = "config_error", "transient_error", "complete"
# What each fault ends in when it does not pass. A fault that is not named here may end in any of the three.
ENDS: dict[str, str] = {
    **dict.fromkeys(["http-400", "http-401", "http-403", "http-404", "http-410", "http-422", "http-204"], CONFIG_ERROR),
    **dict.fromkeys(["http-408", "http-500", "http-502", "http-503", "http-504", "503-retry-after"], TRANSIENT),
    **dict.fromkeys([name for name in FAULTS if name.startswith("429-")], TRANSIENT),
    **dict.fromkeys(["redirect", "redirect-host", "html-200", "text-200", "empty-body", "error-200", "null-200"], CONFIG_ERROR),
    **dict.fromkeys(["null-records", "object-records", "other-envelope", "scalar-records"], CONFIG_ERROR),
    **dict.fromkeys([name for name in FAULTS if name.startswith("message-in-")], CONFIG_ERROR),
    **dict.fromkeys(["echo-secrets", "ignore-offset"], CONFIG_ERROR),
    **dict.fromkeys(["ignore-limit", "ignore-updated-since", "overlapping-pages", "short-page", "unordered"], COMPLETE),
    **dict.fromkeys(["null-cursor", "missing-cursor", "malformed-cursor", "future-cursor", "clock-behind"], COMPLETE),
    **dict.fromkeys(["clock-ahead", "one-timestamp", "gzip", "slow-body", "create-between-pages"], COMPLETE),
    **dict.fromkeys(["truncated-json", "invalid-json", "nan", "invalid-utf8", "deep-nesting"], CONFIG_ERROR),
    **dict.fromkeys(["stall", "stall-in-body", "close", "reset", "reset-in-body", "truncated", "truncated-chunked"], TRANSIENT),
    **dict.fromkeys(["content-length-long", "not-http", "not-gzip"], TRANSIENT),
    "endless-body": CONFIG_ERROR,
}
# What changes the records that are sent, while the truth stays as it was.
ALTERED = {"null-cursor", "missing-cursor", "malformed-cursor", "future-cursor", "missing-id", "clock-behind", "clock-ahead"} | {
    *("one-timestamp", "create-between-pages", "update-between-pages", "delete-between-pages", "churn")
}


# A list that grows by a record with each request has no end.
GROWING = {"create-between-pages", "churn"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits take no time, a silent server is given up after a moment, and a large body is one of a megabyte."""
    wind_up(monkeypatch, Clock())
    whole = trimmed(source.manifest(), ["articles", "companies"])
    whole["definitions"]["requester"]["read_timeout_in_seconds"] = 0.5
    monkeypatch.setattr(source, "manifest", lambda: whole)
    monkeypatch.setattr(transport, "LARGEST_BODY", 1 << 20)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running(companies=10) as box:
        yield box


def read_with(box: Sandbox, name: str, **when: Any) -> Outcome:
    if name in GROWING:
        when = {"first": 1, "last": 5}
    fault = box.fault(name, "articles", **when, **OPTIONS.get(name, {}))
    outcome = read(box.config(page_size=10), "articles", "companies")
    assert fault.hits
    return outcome


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays(box: Sandbox, name: str) -> None:
    outcome = read_with(box, name)

    assert outcome.completed("companies"), "the other stream"
    end = COMPLETE if outcome.completed("articles") else outcome.kind_of("articles")
    assert end == ENDS.get(name, end)
    assert end in (COMPLETE, CONFIG_ERROR, TRANSIENT)
    if end == COMPLETE and name not in ALTERED:
        truth = {record["id"]: canonical(record) for record in box.truth("articles")}
        assert {record["id"]: canonical(record) for record in outcome.records["articles"]} == truth
    if end != COMPLETE:
        assert "articles" in outcome.message_of("articles")
        assert "Traceback" not in outcome.message_of("articles")
    assert API_KEY not in outcome.text


PASSING = [name for name, end in ENDS.items() if end == TRANSIENT and name != "429-hour"]


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_costs_no_record(box: Sandbox, name: str) -> None:
    outcome = read_with(box, name, first=2, last=3)

    assert outcome.failure is None, outcome.failure
    assert [canonical(record) for record in outcome.records["articles"]] == [
        canonical(record) for record in box.truth("articles")
    ]


@pytest.mark.parametrize(
    "name", ["update-between-pages", "create-between-pages", "churn", "clock-behind", "clock-ahead", "one-timestamp"]
)
def test_what_changes_while_it_is_read_is_read_the_next_time(box: Sandbox, name: str) -> None:
    config = box.config(page_size=10, lookback_window_minutes=0)
    box.fault(name, "articles", last=5)
    first = read(config, "articles")
    second = read(config, "articles", state={"articles": first.states["articles"][-1]})

    if name in ("clock-behind", "clock-ahead", "one-timestamp"):
        assert {record["id"] for record in first.records["articles"]} == {record["id"] for record in box.truth("articles")}
        return
    latest = {record["id"]: canonical(record) for record in [*first.records["articles"], *second.records["articles"]]}
    box.clear_faults()
    third = read(config, "articles", state={"articles": second.states["articles"][-1]})
    latest |= {record["id"]: canonical(record) for record in third.records["articles"]}
    assert latest == {record["id"]: canonical(record) for record in box.truth("articles")}


def test_a_token_that_expires_in_mid_read(box: Sandbox) -> None:
    box.fault("expired-token", "articles", first=2, last=2)

    outcome = read(box.config("oauth2_client_credentials", page_size=10), "articles")

    assert outcome.failure is None
    assert len(outcome.records["articles"]) == len(box.truth("articles"))
    assert box.auth.tokens_issued == 2


@pytest.mark.parametrize("expires_in", [1, None])
def test_tokens_of_any_life(expires_in: int | None) -> None:
    with running(companies=10, expires_in=expires_in) as box:
        outcome = read(box.config("oauth2_client_credentials", page_size=10), "articles", "companies")

        assert outcome.failure is None
        assert all(len(outcome.records[stream]) == len(box.truth(stream)) for stream in ("articles", "companies"))


@pytest.mark.parametrize("api_key_header", ["Authorization", "X-API-Key"])
def test_a_redirect_to_another_instance_takes_no_secret_there(box: Sandbox, api_key_header: str) -> None:
    with running(companies=1) as other:
        box.fault("redirect-host", "articles", location=f"{other.url}/api/articles")
        conventions = {} if api_key_header == "Authorization" else {"api_key_header": api_key_header}
        read(box.config(conventions=conventions), "articles", "companies")

        assert other.requests == []
