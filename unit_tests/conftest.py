"""What the connector's tests share: an instance without a socket, and a clock that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from source_syfter import secrecy, source
from testing.clocks import Clock, SharedClock, use_clock
from testing.fuzzing import register_profiles
from testing.instance import Instance, connect
from testing.reading import build_sources_quickly

register_profiles()


@pytest.fixture(scope="session", autouse=True)
def _quick_sources() -> Iterator[None]:
    """`test_manifest.py` and integration tests build whole sources."""
    with pytest.MonkeyPatch.context() as patch:
        build_sources_quickly(patch, source.manifest())
        yield


@pytest.fixture(autouse=True)
def _secrets_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_hidden", secrecy._Hidden())


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance with three records in each collection; no request of this process goes anywhere else."""
    found = Instance()
    connect(monkeypatch, found)
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Records waits; none takes time."""
    return use_clock(monkeypatch, Clock())


@pytest.fixture
def shared_clock(monkeypatch: pytest.MonkeyPatch) -> SharedClock:
    """Waits take hardly any time, and those of several threads overlap as they would."""
    clock = SharedClock()
    use_clock(monkeypatch, clock)
    return clock
