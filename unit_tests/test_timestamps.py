"""Instants in all the forms in which they come."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_syfter.timestamps import epoch_to_iso, http_date, parse, to_iso

AT = datetime(2026, 1, 31, 9, 30, 0, 123000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T09:30:00.123Z", AT),
        ("2026-01-31T09:30:00.123456Z", AT.replace(microsecond=123456)),
        ("2026-01-31T09:30:00.1239Z", AT.replace(microsecond=123900)),
        ("2026-01-31T09:30:00Z", AT.replace(microsecond=0)),
        ("2026-01-31T09:30Z", AT.replace(microsecond=0)),
        ("2026-01-31T10:30:00.123+01:00", AT),
        ("2026-01-31T10:30:00.123+0100", AT),
        ("2026-01-31T04:00:00.123-05:30", AT),
        ("2026-01-31T09:30:00.123+00:00", AT),
        ("2026-01-31T09:30:00.123", AT),
        ("2026-01-31 09:30:00.123", AT),
        ("2026-01-31", AT.replace(hour=0, minute=0, microsecond=0)),
        (1769851800123, AT),
        (1769851800123.0, AT),
        (0, datetime(1970, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_instants_are_read(text: Any, moment: datetime) -> None:
    assert parse(text) == moment


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "soon",
        "2026",
        "2026-02-30",
        "2026-01-31T25:00:00Z",
        "2026-01-31T09:30:00.123Zjunk",
        "31.01.2026",
        [],
        {},
        b"2026-01-31",
        10**30,
        float("nan"),
        float("inf"),
        "0001-01-01T00:00:00+14:00",
        "2026-01-31T09:30:00+24:00",
        "2026-01-31T09:30:00-99:99",
        "2026-01-31T09:30:60Z",
        "2026-W05-6T09:30:00.000Z",
        "2026-031",
        "９９９９-01-01",
    ],
)
def test_what_is_no_instant_is_none(value: Any) -> None:
    assert parse(value) is None


MOMENTS = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9998, 12, 30), timezones=st.just(timezone.utc))


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_every_instant_survives_the_way_out_and_back(moment: datetime, minutes: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert parse(to_iso(elsewhere)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse(elsewhere.isoformat()) == moment
    assert len(to_iso(elsewhere)) == 24


@given(st.lists(MOMENTS, min_size=2, max_size=2))
def test_the_written_form_sorts_as_the_instants_do(moments: list[datetime]) -> None:
    first, second = sorted(moments)

    assert to_iso(first) <= to_iso(second)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.binary()))
def test_nothing_makes_the_parser_fail(value: Any) -> None:
    parse(value)
    epoch_to_iso(value)
    http_date(value if isinstance(value, str) else None)


def test_epochs_are_written_as_iso() -> None:
    assert epoch_to_iso(1769851800123) == epoch_to_iso("1769851800123") == "2026-01-31T09:30:00.123Z"
    assert epoch_to_iso(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize("value", [None, "soon", True, "", "2026-01-31", [], 10**30])
def test_what_is_no_epoch_stays(value: Any) -> None:
    assert epoch_to_iso(value) is value


def test_http_dates_are_read() -> None:
    assert http_date("Sat, 31 Jan 2026 09:30:00 GMT") == AT.replace(microsecond=0)
    assert http_date("Sat, 31 Jan 2026 09:30:00 -0000") == AT.replace(microsecond=0)
    assert http_date("tomorrow") is http_date("") is http_date(None) is None
