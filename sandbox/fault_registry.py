"""The active faults, and the registry of all kinds. The kinds themselves: `faults.py` and `wire.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from sandbox.models import COLLECTIONS

TOKENS = "oauth"
"""Stands for the token endpoint where a fault names a collection."""


@dataclass
class Fault:
    """A fault switched on: requests `first` to `last` (None: no end) of a collection (None: any list), counted from now."""

    name: str
    collection: str | None = None
    first: int = 1
    last: int | None = None
    seconds: float | None = None
    """How long a stall, a slow body or a wait asked for by a header lasts; each kind has its own default."""
    size: int | None = None
    """Bytes or levels, for faults that send too much; another seed, for `churn`."""
    location: str | None = None
    """Where a redirect leads."""
    seen: int = 0
    """Requests of the collection so far."""
    hits: int = 0
    """Requests struck so far."""

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no such fault: {self.name}")
        if self.collection not in (None, TOKENS, *COLLECTIONS):
            raise ValueError(f"no such collection: {self.collection}")
        if self.first < 1 or (self.last is not None and self.last < self.first):
            raise ValueError(f"requests are counted from 1, and the last is not before the first: {self.first}-{self.last}")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """A fault from `NAME[:collection[:from[-to]]]`. No collection: all of them; `3`: the third request; `3-`: all from it."""
        name, _, rest = text.partition(":")
        collection, _, requests = rest.partition(":")
        first, dash, last = requests.partition("-")
        end = int(last) if last else None if dash or not first else int(first)
        return cls(name, collection.replace("-", "_") or None, int(first or 1), end)

    @property
    def kind(self) -> Kind:
        """What it does."""
        return FAULTS[self.name]

    def strikes(self, collection: str) -> bool:
        """Count a request, and say whether this fault strikes it."""
        if self.collection != collection and (self.collection is not None or collection == TOKENS):
            return False
        self.seen += 1
        if self.seen < self.first or (self.last is not None and self.seen > self.last):
            return False
        self.hits += 1
        return True


@dataclass
class ActiveFaults:
    """The faults that are switched on."""

    faults: list[Fault] = field(default_factory=list)
    _lock: RLock = field(default_factory=RLock)

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on."""
        with self._lock:
            self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self.faults.clear()

    def striking(self, collection: str) -> list[Fault]:
        """The faults that strike this request of a collection."""
        with self._lock:
            return [fault for fault in self.faults if fault.strikes(collection)]


@dataclass(frozen=True)
class Kind:
    """A kind of fault: what it does (one line), where in a request's life, and how."""

    name: str
    summary: str
    place: str
    act: Callable[..., Any]


FAULTS: dict[str, Kind] = {}
"""All kinds by name."""


def kind(name: str, summary: str, place: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as what a fault of this name does."""

    def register(act: Callable[..., Any]) -> Callable[..., Any]:
        FAULTS[name] = Kind(name, summary, place, act)
        return act

    return register
