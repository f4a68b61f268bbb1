"""What the connector's tests share: an instance without a socket, and a clock that does not wait."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk

from source_syfter import source
from unit_tests.clocks import Clock, SharedClock
from unit_tests.instance import Instance
from unit_tests.reading import WANTED


@pytest.fixture(scope="session", autouse=True)
def _quick_sources() -> Iterator[None]:
    """Makes sources in a fraction of the time: files are parsed once, and a read of some streams builds no others.

    `test_manifest.py` and the integration tests take the real way.
    """
    whole, schema = source.manifest(), cdk.get_declarative_component_schema()

    def manifest() -> dict[str, Any]:
        wanted = WANTED.get()
        streams = [each for each in whole["streams"] if not wanted or each["$parameters"]["name"] in wanted]
        return deepcopy({**whole, "streams": streams})

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


def connect(monkeypatch: pytest.MonkeyPatch, found: Instance) -> None:
    """Sends every request of this process to `found`."""
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: found.adapter)


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


def wind_up(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Clock:
    """Puts `clock` where the connector and the CDK look for the time."""
    for module in ("airbyte_cdk.sources.streams.http.rate_limiting", "backoff._sync", "source_syfter.transport"):
        monkeypatch.setattr(f"{module}.time", clock)
    # The CDK gives up after a time as well as after a number of tries.
    monkeypatch.setattr(
        "backoff._sync.datetime", SimpleNamespace(datetime=SimpleNamespace(now=clock.local_now), timedelta=timedelta)
    )
    for module in ("source_syfter.components", "source_syfter.source"):
        monkeypatch.setattr(f"{module}.now", clock.now)
    return clock
