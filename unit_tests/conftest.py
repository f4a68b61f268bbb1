"""What the connector's tests share: an instance without a socket, and a clock that does not wait."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk
from hypothesis import settings

from source_syfter import source
from testing.clocks import Clock, SharedClock, wind_up
from testing.instance import Instance, connect
from testing.reading import STREAMS, WANTED, trimmed

# The same examples in each run of `make test`; others, and many, with `--hypothesis-profile soak`.
settings.register_profile("steady", derandomize=True)
settings.register_profile("soak", max_examples=3000)
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _quick_sources() -> Iterator[None]:
    """Makes sources in a fraction of the time: files are parsed once, and a read of some streams builds no others.

    `test_manifest.py` and the integration tests take the real way.
    """
    whole, schema = source.manifest(), cdk.get_declarative_component_schema()

    def manifest() -> dict[str, Any]:
        return deepcopy(trimmed(whole, WANTED.get() or STREAMS))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "manifest", manifest)
        patch.setattr(cdk, "get_declarative_component_schema", lambda: schema)
        yield


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance with three records in each collection; no request of this process goes anywhere else."""
    found = Instance()
    connect(monkeypatch, found)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Waits take no time and are noted."""
    return wind_up(monkeypatch, Clock())


@pytest.fixture
def shared_clock(monkeypatch: pytest.MonkeyPatch) -> SharedClock:
    """Waits take hardly any time, and those of several threads overlap as they would."""
    clock = SharedClock()
    wind_up(monkeypatch, clock)
    return clock
