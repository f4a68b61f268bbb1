"""Fixtures for tests that make many sources."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk


@pytest.fixture(scope="module")
def schema_read_once() -> Iterator[None]:
    """The framework parses its own schema for each source, which takes longer than a small read."""
    schema = cdk.get_declarative_component_schema()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cdk, "get_declarative_component_schema", lambda: schema)
        yield
