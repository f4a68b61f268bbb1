"""Fixtures for tests that make many sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testing.reading import read_schema_once


@pytest.fixture(scope="module")
def schema_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_schema_once(patch)
        yield
