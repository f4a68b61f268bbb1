"""Long lists of cases: some of them today, others tomorrow, all of them in `make soak`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest


def rotating(names: Sequence[Any], count: int) -> list[Any]:
    """`names` as parameters of a test, all but `count` of them for the long runs; which, depends on the day."""
    first = date.today().toordinal() * count % max(1, len(names))
    today = {(first + place) % len(names) for place in range(min(count, len(names)))}
    return [name if place in today else _in_soak(name) for place, name in enumerate(names)]


def every_other_day(is_first: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """For a test that takes long: on the first or the second of two days, and in `make soak`."""
    is_today = date.today().toordinal() % 2 == 1 - is_first
    return (lambda test: test) if is_today else pytest.mark.soak


def _in_soak(name: Any) -> Any:
    return pytest.param(*(name if isinstance(name, tuple) else (name,)), marks=pytest.mark.soak)
