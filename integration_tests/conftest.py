"""Fixtures for tests that make many sources, and processes that behave the same however the tests are started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.processes import default_signals
from testing.reading import read_schema_once


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> Iterator[None]:
    with default_signals():
        yield


@pytest.fixture(scope="module")
def schema_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_schema_once(patch)
        yield
