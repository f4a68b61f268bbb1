"""Long lists of cases: some of them today, others tomorrow, all of them in `make soak`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest


def rotating(names: Sequence[str], count: int) -> list[Any]:
    """`names` as parameters of a test, all but `count` of them for the long runs; which, depends on the day."""
    first = date.today().toordinal() * count % max(1, len(names))
    today = {names[(first + place) % len(names)] for place in range(min(count, len(names)))}
    return [name if name in today else pytest.param(name, marks=pytest.mark.soak) for name in names]
