"""How far the list of a stream was read, as it stands in a state: a read that is cut off goes on from there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from source_syfter.timestamps import parse

# The field of a state, beside the cursor.
FIELD = "position"
# A position is written after that many pages or records, or seconds, whichever comes first.
_PAGES, _RECORDS, _SECONDS = 10, 1000, 30.0
# Marks of the last page that are kept.
_MARKS = 16


def hashed(mark: Any) -> str:
    """A mark of a record, for a state: it is no data."""
    text = mark if isinstance(mark, bytes) else json.dumps(mark, default=repr).encode()
    return hashlib.blake2b(text, digest_size=6).hexdigest()


@dataclass(frozen=True)
class Position:
    """Where a list is read on. `place`: an offset, a page or a token; `known`: what was read last, hashed; `found`: how many."""

    place: Any
    known: Sequence[str] = ()
    found: int = 0
    total: Optional[int] = None
    is_plain: bool = False
    """Whether the list is read without anchors."""


@dataclass(frozen=True)
class Chain:
    """Reads of one list that continue one another. `cursor`: the state that the first of them began with, empty if it had none;
    `began`: when, at most; `newest`: cursor value so far, empty if there is none; `listing`: what decides which list it is."""

    cursor: str
    began: str
    newest: str
    listing: str
    position: Position

    def as_json(self) -> dict[str, Any]:
        """What stands in a state."""
        return {
            **{"cursor": self.cursor, "began": self.began, "newest": self.newest, "list": self.listing},
            **{"place": self.position.place, "known": list(self.position.known), "found": self.position.found},
            **{"total": self.position.total, "plain": self.position.is_plain},
        }


def chain_in(state: Any, cursor: str, listing: str) -> Optional[Chain]:
    """The chain that `state`, a position as it was written, stands for; None for one of another list, or another beginning."""
    if not isinstance(state, Mapping) or (state.get("cursor"), state.get("list")) != (cursor, listing):
        return None
    place, known, found, total = (state.get(name) for name in ("place", "known", "found", "total"))
    began, newest = state.get("began"), state.get("newest")
    are_marks = isinstance(known, list) and all(isinstance(each, str) for each in known)
    is_place = type(place) in (str, int, float)
    if not (is_place and are_marks and parse(began) and (newest == "" or parse(newest)) and type(found) is int):
        return None
    total = total if type(total) is int else None
    position = Position(place, tuple(known or ()), max(found, 0), total, bool(state.get("plain")))
    return Chain(cursor, str(began), str(newest), listing, position)


def known_of(marks: Sequence[Any]) -> tuple[str, ...]:
    """What is kept of the marks of the page that was read last."""
    return tuple(hashed(mark) for mark in marks[-_MARKS:])


def continues(hashes: Sequence[str], known: Sequence[str], are_dated: bool) -> bool:
    """Whether a page continues what was read: it begins with the last record that is `known`, or holds two in their order.

    One of them alone may have moved, but not where `hashes` tell that nobody changed it (`are_dated`).
    """
    if hashes[:1] == list(known[-1:]) and known:
        return True
    there = [(known.index(each), place) for place, each in enumerate(hashes) if each in known]
    return len(there) >= min(1 if are_dated else 2, len(known)) > 0 and there == sorted(there)


@dataclass
class Pace:
    """When the next position of a stream is due."""

    pages: int = 0
    records: int = 0
    since: float = field(default_factory=time.monotonic)

    def is_due(self, pages: int, records: int) -> bool:
        """Whether enough has come since the last one, by the `pages` and `records` of the stream so far."""
        now = time.monotonic()
        if pages - self.pages < _PAGES and records - self.records < _RECORDS and now - self.since < _SECONDS:
            return False
        self.pages, self.records, self.since = pages, records, now
        return True
