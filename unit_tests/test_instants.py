"""The timestamps of records: one form, the unit that is set, and no record lost to what is no date."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testing.instance import Answer, Instance, config, moment
from testing.reading import Outcome, read

AT = 1767225601.123


def emitted(instance: Instance, field: str, value: Any, **overrides: Any) -> Outcome:
    """A read of one article with `value` in `field`."""
    row = {"id": 1, "updated_at": moment(5), field: value}
    instance.always_answers("articles", lambda asked: Answer({"data": [] if "offset" in asked.query else [row]}))
    return read(config(**overrides), "articles")


@pytest.mark.parametrize("field", ["created_at", "updated_at", "published_at"])
@pytest.mark.parametrize(
    "value",
    [
        moment(1.123),
        "2026-01-01T00:00:01.123456Z",
        "2026-01-01T00:00:01.1239Z",
        "2026-01-01T02:00:01.123+02:00",
        "2025-12-31T16:00:01.123-0800",
        "2026-01-01 00:00:01.123",
        1767225601123,
        1767225601123.0,
    ],
)
def test_known_timestamps_are_emitted_in_one_form(instance: Instance, field: str, value: Any) -> None:
    """PyAirbyte and others store a text without its offset: hours off."""
    assert emitted(instance, field, value).records["articles"][0][field] == moment(1.123)


@pytest.mark.parametrize("field", ["created_at", "updated_at", "published_at"])
@pytest.mark.parametrize(
    "value", ["0000-00-00T00:00:00.000Z", "0000-00-00 00:00:00", "", "soon", "2026-06-31", "2026", True, [1], {"a": 1}]
)
@pytest.mark.parametrize("form", ["iso8601", "epoch_ms", "epoch_s"])
def test_what_is_no_instant_stays_as_sent(instance: Instance, field: str, value: Any, form: str) -> None:
    outcome = emitted(instance, field, value, conventions={"timestamp_format": form})

    if form == "iso8601" or not str(value).isdigit():
        assert outcome.records["articles"][0][field] == value


def test_other_fields_stay_as_they_are(instance: Instance) -> None:
    outcome = emitted(instance, "value", "2026-01-01T02:00:01+02:00")

    assert outcome.records["articles"][0]["value"] == "2026-01-01T02:00:01+02:00"


OTHER_UNITS = [
    (form, field, value, other)
    for form, number, other in [
        ("iso8601", int(AT), "epoch_s"),
        ("epoch_ms", int(AT), "epoch_s"),
        ("epoch_s", int(AT * 1000), "epoch_ms"),
    ]
    for field in ("created_at", "updated_at", "published_at")
    for value in ([number, float(number)] if form == "iso8601" else [number, float(number), str(number)])
]


@pytest.mark.parametrize(("form", "field", "value", "other"), OTHER_UNITS)
@pytest.mark.parametrize("start", [{}, {"start_date": "2025-01-01"}])
def test_a_number_in_the_other_unit_of_an_epoch_is_an_error(
    instance: Instance, form: str, field: str, value: Any, other: str, start: dict[str, str]
) -> None:
    """Seconds read as milliseconds lie in 1970: a filter by date would drop them all, with success."""
    outcome = emitted(instance, field, value, conventions={"timestamp_format": form}, **start)

    assert not outcome.records["articles"]
    assert outcome.kind_of("articles") == "config_error"
    assert "[timestamp-format]" in outcome.message_of("articles")
    assert f"Set conventions.timestamp_format to {other}" in outcome.message_of("articles")


@pytest.mark.parametrize("value", [int(AT), int(AT * 1000)])
def test_the_cursor_of_a_collection_of_ones_own_is_checked_too(instance: Instance, value: int) -> None:
    own = {"name": "deals", "path": "deals", "primary_key": "id", "cursor_field": "changed"}
    instance.records["deals"] = [{"id": 1, "changed": value}]

    outcome = read(config(collections=[own]), "deals")

    assert outcome.completed("deals") == (value > 10**11)
    assert outcome.records["deals"] == ([{"id": 1, "changed": value}] if outcome.completed("deals") else [])


@pytest.mark.parametrize(
    "value", [10**18, -(10**18), 10**30, 1e300, "9" * 17, "9" * 5000, {}, [], True, "0001-01-01T00:00:00+14:00"]
)
def test_a_cursor_beyond_dates_is_no_error(instance: Instance, value: Any) -> None:
    own = {"name": "deals", "path": "deals", "primary_key": "id", "cursor_field": "changed"}
    rows = [{"id": 1, "changed": 1767225600001}, {"id": 2, "changed": value}, {"id": 3, "changed": 1767225600003}]
    instance.always_answers("deals", lambda asked: Answer(json.dumps({"data": [] if "offset" in asked.query else rows})))

    outcome = read(config(collections=[own]), "deals")

    assert outcome.ids("deals") == [1, 2, 3]
    assert outcome.completed("deals"), outcome.text
    assert outcome.cursor("deals", "changed") == moment(0.003)


@pytest.mark.parametrize(
    "value",
    [
        *("0000-00-00T00:00:00.000Z", "0000-00-00 00:00:00", "1970-01-01T00:00:00.000Z", "", None, 0, "1969"),
        # The zero dates of languages and spreadsheets, and numbers that count something else than time.
        *("0001-01-01T00:00:00Z", "1899-12-30", "1900-01-01T00:00:00.000Z", -62135596800000, -1, 1, 20260131, 46053.4, 29453760),
    ],
)
def test_zero_dates_are_not_filtered(instance: Instance, value: Any) -> None:
    """A server that ignores `updated_since` sends them; this connector's filter keeps what has no moment."""
    rows = [{"id": 1, "updated_at": value}, {"id": 2, "updated_at": moment(1)}, {"id": 3, "updated_at": moment(9)}]
    instance.always_answers("articles", lambda asked: Answer({"data": [] if "offset" in asked.query else rows}))

    outcome = read(config(lookback_window_minutes=0), "articles", state={"articles": {"updated_at": moment(5)}})

    assert outcome.ids("articles") == [1, 3]
    assert outcome.cursor("articles") == moment(9)


@pytest.mark.parametrize("form", ["iso8601", "epoch_ms", "epoch_s"])
@pytest.mark.parametrize("value", [20260131, 2026, -1, 46053.5, -62135596800000])
def test_a_number_that_counts_something_else_stays_as_sent(instance: Instance, form: str, value: float) -> None:
    outcome = emitted(instance, "published_at", value, conventions={"timestamp_format": form})

    assert [record["published_at"] for record in outcome.records["articles"]] == [value]


@pytest.mark.parametrize(("form", "value"), [("epoch_ms", 157_766_400_000), ("epoch_s", 157_766_400)])
def test_what_was_published_before_1990_is_a_moment(instance: Instance, form: str, value: int) -> None:
    outcome = emitted(instance, "published_at", value, conventions={"timestamp_format": form})

    assert [record["published_at"] for record in outcome.records["articles"]] == ["1975-01-01T00:00:00.000Z"]
