"""The state of an instance and of a request: shared by the routes, the faults and whoever runs the instance."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl

from sandbox.auth import TOKEN_PATH, Auth
from sandbox.dataset import Dataset
from sandbox.fault_registry import TOKENS, ActiveFaults, Fault
from sandbox.models import COLLECTIONS
from sandbox.variants import Variant

Wires = dict[Any, asyncio.Transport]


@dataclass
class RecordedRequest:
    """A request that the instance received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    collection: str | None
    """The collection asked for, or None (token requests, unknown paths, the sandbox's controls)."""
    number: int
    """Which request for this collection it is, from 1."""
    time: float
    """When it came, by `time.monotonic`."""
    status: int | None = None
    """Status answered; None while it runs, and if the connection was cut before one was sent."""


class Limiter:
    """So many requests in a second, counted from the first one of that second."""

    def __init__(self, requests_per_second: int) -> None:
        self.allowed = requests_per_second
        self._started, self._used = 0.0, 0

    def headers(self) -> dict[str, str]:
        """Count a request and say where the client stands; -1 remaining means that it is one too many."""
        now = time.monotonic()
        if now - self._started >= 1:
            self._started, self._used = now, 0
        self._used += 1
        remaining = max(-1, self.allowed - self._used)
        return {"X-RateLimit-Limit": str(self.allowed), "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": "1"}


@dataclass
class State:
    """The state of an instance."""

    dataset: Dataset
    variant: Variant
    auth: Auth
    latency: float = 0.0
    keep_requests: int | None = None
    denied: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    hooks: list[Callable[[RecordedRequest], None]] = field(default_factory=list)
    faults: ActiveFaults = field(default_factory=ActiveFaults)
    wires: Wires = field(default_factory=dict)
    """The open connections by client address, for faults that need them."""
    lock: RLock = field(default_factory=RLock)
    requests: deque[RecordedRequest] = field(init=False)
    served: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.requests = deque(maxlen=self.keep_requests)
        self.limiter = Limiter(self.variant.requests_per_second) if self.variant.requests_per_second else None
        self.collections = {self.variant.path(collection): collection for collection in COLLECTIONS}

    def record(self, method: str, path: str, query: str, headers: dict[str, str]) -> RecordedRequest:
        """Record a request."""
        collection = self.collections.get(path)
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        target = collection or (TOKENS if path == TOKEN_PATH else "other")
        with self.lock:
            self.served[target] += 1
            entry = RecordedRequest(method, path, parameters, headers, collection, self.served[target], time.monotonic())
            self.requests.append(entry)
        return entry


@dataclass
class Window:
    """The part of a list that a request gets."""

    limit: int
    offset: int = 0
    after: Any = None
    """A key: go on behind it, whatever `offset` says."""
    since: int | None = None


@dataclass(frozen=True)
class Call:
    """A request and the fault that strikes it."""

    state: State
    request: RecordedRequest
    collection: str
    fault: Fault
