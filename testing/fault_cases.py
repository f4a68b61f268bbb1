"""How a stream ends that a fault strikes: what test_fault_matrix.py enforces, and docs/reliability.md shows as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox import COLLECTIONS, FAULTS

STREAMS = list(COLLECTIONS)
COMPLETE = "complete"
TRANSIENT = {"server-error", "rate-limited", "long-wait", "no-answer", "connection-lost"}


@dataclass(frozen=True)
class Case:
    """A fault, and how a stream ends that it strikes once (on its second request), and for ever.

    `once` is None for what a server is, as opposed to what happens to it. `exact`: whether the records come unchanged.
    """

    once: str | None
    ever: str
    options: dict[str, Any] = field(default_factory=dict)
    exact: bool = True
    fault: str = ""


def same(outcome: str, **more: Any) -> Case:
    return Case(outcome, outcome, **more)


def passing(code: str, **more: Any) -> Case:
    return Case(COMPLETE, code, **more)


def trait(outcome: str, **more: Any) -> Case:
    return Case(None, outcome, **more)


CASES: dict[str, Case] = {
    # Once, it may be the offset within a page that is refused: then the list is read without anchors.
    **{name: passing("request-refused") for name in ("http-400", "http-410", "http-422")},
    "http-401": same("wrong-credentials"),
    "http-403": same("not-permitted"),
    "http-404": same("collection-missing"),
    **{f"http-{status}": passing("server-error") for status in (408, 500, 502, 503, 504)},
    "503-retry-after": passing("server-error"),
    **{name: passing("rate-limited") for name in FAULTS if name.startswith("429-") and name != "429-hour"},
    "429-hour": same("long-wait"),
    "http-204": same("not-json"),
    "redirect": passing("redirected"),
    "redirect-host": same("redirected"),
    **{name: same("not-json") for name in ("html-200", "text-200", "empty-body")},
    **{
        name: same("unknown-envelope")
        for name in ("error-200", "null-200", "null-records", "object-records", "other-envelope", "scalar-records")
    },
    **{f"message-in-{place}": passing("request-refused") for place in ("error", "detail", "errors", "text")},
    "echo-secrets": passing("request-refused"),
    "ignore-offset": passing("repeated-page"),
    "duplicate-page": passing("repeated-page"),
    "ignore-limit": same(COMPLETE),
    "ignore-updated-since": trait(COMPLETE),
    "overlapping-pages": trait(COMPLETE),
    "short-page": same(COMPLETE),
    **{name: same(COMPLETE, exact=False) for name in ("null-cursor", "missing-cursor", "malformed-cursor", "future-cursor")},
    "one-timestamp": trait(COMPLETE, exact=False),
    "clock-behind": trait(COMPLETE, exact=False),
    "clock-ahead": trait(COMPLETE, exact=False),
    **{name: same("not-json") for name in ("truncated-json", "invalid-json", "nan", "invalid-utf8", "deep-nesting")},
    "byte-order-mark": same(COMPLETE),
    "gzip": same(COMPLETE),
    "not-gzip": passing("connection-lost"),
    "gzip-bomb": same("too-large", options={"size": 1 << 24}),
    "endless-body": same("too-large", options={"size": 1 << 28}),
    "stall": passing("no-answer"),
    "stall-in-body": passing("no-answer"),
    "slow-body": same(COMPLETE, options={"seconds": 0.3}),
    "trickling-body": same("no-answer", fault="slow-body", options={"seconds": 12}),
    **{
        name: passing("connection-lost")
        for name in (
            "close",
            "reset",
            "reset-in-body",
            "truncated",
            "truncated-chunked",
            "content-length-long",
            "not-http",
            "huge-header",
        )
    },
    "content-length-short": passing("connection-lost"),
}


def batches(place: str, turn: int) -> Iterator[dict[str, str]]:
    """The faults in batches of nine, one for each stream; another `turn` puts each on another stream."""
    names = [name for name, case in CASES.items() if not place.startswith("once") or case.once]
    for start in range(0, len(names), len(STREAMS)):
        batch = names[start : start + len(STREAMS)]
        yield {STREAMS[(number + turn) % len(STREAMS)]: name for number, name in enumerate(batch)}
