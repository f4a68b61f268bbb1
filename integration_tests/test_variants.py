"""Instances under every convention that the sandbox knows are read completely, or refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox import VARIANTS, Sandbox, canonical, running
from source_syfter import source
from testing.clocks import Clock, use_clock
from testing.reading import Outcome, read, with_streams
from testing.rotation import rotating

# Pages that begin with their anchor never ask beyond the end, where this one gives its last page again.
CLAMPS = "clamps-offset"
BROKEN = [name for name, variant in VARIANTS.items() if variant.broken and name != CLAMPS]
WHOLE = [name for name, variant in VARIANTS.items() if not variant.broken]


# Those in which conventions show: every timestamp, numbers that look like one, empty and nested values.
STREAMS = ["companies", "company_financials", "articles", "custom_property_values"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_clock(monkeypatch, Clock())
    some = with_streams(source.manifest(), STREAMS)
    monkeypatch.setattr(source, "manifest", lambda: some)


def by_id(records: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """By key, where there is one."""
    found = [canonical(record) for record in records]
    return {record.get("id") or json.dumps(record, sort_keys=True): record for record in found}


def assert_holds(outcome: Outcome, box: Sandbox, since: dict[str, Any] | None = None) -> None:
    """Everything that the box holds, or that changed since `since`, was read, field by field."""
    assert outcome.failure is None, outcome.failure
    for stream in STREAMS:
        expected = by_id(box.truth(stream, updated_since=since[stream]["updated_at"] if since else None))
        emitted = by_id(outcome.records[stream])
        assert emitted == expected, stream
        assert len(outcome.records[stream]) == len(expected), f"{stream}: twice"


@pytest.mark.parametrize("name", rotating(WHOLE, 30))
def test_conventions_of_each_kind(name: str) -> None:
    """The first read gives everything, the second what a day changed."""
    with running(companies=8, conventions=name) as box:
        # The streams of the manifest are cut, and so must be what differs there.
        own = [each for each in box.variant.collections if each["name"] in STREAMS]
        config = box.config(lookback_window_minutes=0, page_size=40, collections=own or None)
        first = read(config, *STREAMS)
        assert_holds(first, box)
        if not box.variant.updated_at_field:
            return

        box.apply_day()
        state = {stream: first.states[stream][-1] for stream in STREAMS}
        assert_holds(read(config, *STREAMS, state=state), box, state)


def test_a_last_page_for_ever_is_never_asked_for() -> None:
    with running(companies=40, conventions=CLAMPS) as box:
        assert_holds(read(box.config(page_size=20), *STREAMS), box)


@pytest.mark.parametrize("name", BROKEN)
def test_an_instance_that_cannot_be_read_says_so(name: str) -> None:
    with running(companies=40, conventions=name) as box:
        outcome = read(box.config(page_size=20), "companies", "articles")

    for stream in ("companies", "articles"):
        assert outcome.kind_of(stream) == "config_error"
        assert "conventions.paging" in outcome.message_of(stream)


@pytest.mark.parametrize("name", ["x-api-key", "items", "v1"])
def test_an_instance_whose_conventions_are_not_set_says_so(name: str) -> None:
    with running(companies=3, conventions=name) as box:
        outcome = read(box.config(conventions=None), "companies")

    assert outcome.kind_of("companies") == "config_error"
    assert (
        "API conventions" in outcome.message_of("companies")
        or "conventions." in outcome.message_of("companies")
        or name == "x-api-key"
    )
