"""Time that passes at once, so that tests of waits take none."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

# Where the connector and the CDK wait.
WAITING = (
    "airbyte_cdk.sources.streams.http.rate_limiting",
    "backoff._sync",
    "source_syfter.components.authenticators",
    "source_syfter.components.http",
)


class Clock:
    """A fake `time` module where the connector and the CDK wait: records each wait, and lets it pass at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.passed = 0.0
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        """Lets `seconds` pass."""
        with self._lock:
            self.waits.append(seconds)
            self.passed += seconds

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return time.monotonic() + self.passed

    def time(self) -> float:
        """As `time.time`."""
        return time.time() + self.passed

    def local_now(self) -> datetime:
        """As `datetime.now`."""
        return datetime.now() + timedelta(seconds=self.passed)

    def now(self) -> datetime:
        """As `source_syfter.timestamps.now`."""
        return datetime.now(timezone.utc) + timedelta(seconds=self.passed)


class SharedClock(Clock):
    """A clock for threads that wait side by side: it moves to the next moment at which one wakes up, once all of them wait."""

    # Real seconds without news after which all threads are taken to wait.
    QUIET = 0.05

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._wake_ups: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Lets `seconds` pass for this thread."""
        with self._changed:
            self.waits.append(seconds)
            wake_up = self.passed + seconds
            self._wake_ups.append(wake_up)
            self._changed.notify_all()
            while self.passed < wake_up:
                if not self._changed.wait(self.QUIET) and self.passed < wake_up:
                    self.passed = min(self._wake_ups)
                    self._changed.notify_all()
            self._wake_ups.remove(wake_up)


def use_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Clock:
    """Puts `clock` where the connector and the CDK look for the time."""
    for module in WAITING:
        monkeypatch.setattr(f"{module}.time", clock)
    # The CDK gives up after a time as well as after a number of tries.
    monkeypatch.setattr(
        "backoff._sync.datetime", SimpleNamespace(datetime=SimpleNamespace(now=clock.local_now), timedelta=timedelta)
    )
    monkeypatch.setattr("source_syfter.timestamps.now", clock.now)
    return clock
