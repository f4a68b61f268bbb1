"""Instants as integers (milliseconds since 1970) and as the contract's text, `2026-01-31T09:30:00.123Z`."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

SECOND = 1_000
DAY = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FORM = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?")


def iso(ms: int) -> str:
    """The contract's form of an instant. Written by hand: this runs twice a record and strftime is five times slower."""
    days, rest = divmod(ms, DAY)
    minutes, rest = divmod(rest, 60_000)
    seconds, milliseconds = divmod(rest, SECOND)
    return f"{_day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{milliseconds:03d}Z"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=days)).isoformat()


def parse(text: str) -> int:
    """Milliseconds of an ISO 8601 date or date-time (no offset means UTC; a finer fraction is cut). ValueError otherwise."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"not an ISO 8601 date-time: {text!r}")
    day, time, fraction, offset = match.groups()
    moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}").replace(tzinfo=timezone.utc)
    ms = (moment - _EPOCH) // timedelta(milliseconds=1) + int((fraction or "0").ljust(3, "0")[:3])
    if offset and offset != "Z":
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        ms -= (minutes if offset[0] == "+" else -minutes) * 60_000
    return ms
