"""Reads of an instance with faults: complete data, or an error that says what to do. For the reliability tests."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from sandbox import COLLECTIONS, Sandbox, canonical
from source_syfter import context, spec
from testing.clocks import WAITING
from testing.reading import Json, Outcome, build_sources_quickly, read

STREAMS = list(COLLECTIONS)
FULL, FIRST, LATER = "full refresh", "first incremental", "incremental with state"
WAYS = [FULL, FIRST, LATER]
# Of the sandbox's base data, about half is older.
MIDDLE = "2026-04-01T00:00:00.000Z"
# Small enough for several pages of each stream; the pages of `overlapping-pages` need more than five.
PAGE_SIZE = 6

# What a stalled answer costs here, in seconds, in place of half a minute.
ANSWER_SECONDS, BODY_SECONDS, LARGEST_BODY = 1.0, 2.0, 1 << 20


class NoWait(SimpleNamespace):
    """A fake `time` module where the connector and the CDK wait: waits last no time, clocks are real."""

    def __init__(self) -> None:
        super().__init__(monotonic=time.monotonic, time=time.time, perf_counter=time.perf_counter)
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Records the wait, and lets other threads run."""
        self.waits.append(seconds)
        time.sleep(0.001)


@contextmanager
def without_waiting(answer_seconds: float = ANSWER_SECONDS) -> Iterator[NoWait]:
    """Within the block, the connector hardly waits: short time-outs, small bounds, no back-off."""
    no_wait, whole = NoWait(), spec.manifest()
    whole["definitions"]["requester"]["read_timeout_in_seconds"] = answer_seconds
    with pytest.MonkeyPatch.context() as patch:
        build_sources_quickly(patch, whole)
        for module in WAITING:
            patch.setattr(f"{module}.time", no_wait)
        patch.setattr("source_syfter.components.http.LARGEST_BODY", LARGEST_BODY)
        for patience in ("READ", "CHECK"):
            patch.setattr(context, patience, replace(getattr(context, patience), longest_call=BODY_SECONDS))
        patch.setattr("source_syfter.components.authenticators.TOKEN_TIMEOUT", (answer_seconds, answer_seconds))
        yield no_wait


@contextmanager
def debug_logging() -> Iterator[None]:
    """Within the block, everything logs at DEBUG, as with `--debug`."""
    loggers = [logging.getLogger(name) for name in ("", "airbyte", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def fill_collections(box: Sandbox) -> None:
    """Gives small collections enough records for several pages of each half."""
    for collection in STREAMS:
        rows = box.truth(collection)
        month = 0
        while sum(row["updated_at"] >= MIDDLE for row in rows) <= 2 * PAGE_SIZE:
            month = month % 5 + 1
            pattern = {name: value for name, value in rows[0].items() if name != "id"}
            date = f"2026-{month:02d}-11T07:00:00.{len(rows):03d}Z"
            rows.append(box.upsert(collection, {**pattern, "created_at": date, "updated_at": date}))


def read_by(way: str, box: Sandbox, *streams: str, auth: str = "api_key", **overrides: Any) -> Outcome:
    """One read of `streams` (none named: all nine) of the instance, the `way` given, with everything logged."""
    config = box.config(auth=auth, **{"page_size": PAGE_SIZE, "num_workers": 9, **overrides})
    state = {name: {"updated_at": MIDDLE} for name in streams or STREAMS} if way == LATER else None
    mode = "full_refresh" if way == FULL else "incremental"
    with debug_logging():
        return read(config, *(streams or STREAMS), state=state, mode=mode, log_level=logging.DEBUG)


def resume(box: Sandbox, outcome: Outcome, way: str, **overrides: Any) -> Outcome:
    """The next incremental read, from the last states that `outcome` wrote (before them: those that it began with)."""
    state: dict[str, Json] = {name: {"updated_at": MIDDLE} for name in STREAMS} if way == LATER else {}
    state |= {name: states[-1] for name, states in outcome.states.items() if states[-1:] and states[-1]}
    config = box.config(**{"page_size": 1000, "num_workers": 9, **overrides})
    return read(config, *STREAMS, state=state)


def known_before(truth: Iterable[Json], way: str) -> dict[Any, Json]:
    """What a destination holds before a read of this `way`: with a state, all that is older than it."""
    return {row["id"]: canonical(row) for row in truth if way == LATER and row["updated_at"] < MIDDLE}


def by_key(*batches: Iterable[Json]) -> dict[Any, Json]:
    """What a deduplicating destination holds after `batches`: the latest of each key."""
    return {row.get("id"): canonical(row) for batch in batches for row in batch}


def missing(truth: Iterable[Json], held: Mapping[Any, Json], exact: bool = True) -> list[Any]:
    """The keys of `truth` that are not held, or, if `exact`, not as they are."""
    return [row["id"] for row in truth if row["id"] not in held or (exact and held[row["id"]] != canonical(row))]


def code_of(outcome: Outcome, stream: str) -> str:
    """`complete`, or the code of the error of `stream`."""
    if outcome.completed(stream):
        return "complete"
    if stream not in outcome.errors:
        return "no message"
    return code_in(outcome.message_of(stream))


def code_in(message: str) -> str:
    """The code of a message: it stands before what the instance itself says."""
    found = re.search(r"\[([a-z-]+)\]", message)
    return found[1] if found else "no code"


def secret_forms(config: Mapping[str, Any]) -> set[str]:
    """The secrets of a config in every form that a log may hold: plain, encoded, in a header."""
    credentials = config["credentials"]
    secrets = [credentials[name] for name in ("api_key", "access_token", "password", "client_secret") if name in credentials]
    user = credentials.get("username") or credentials.get("client_id")
    texts = secrets + [f"{user}:{secret}" for secret in secrets if user]
    found = {form for text in texts for form in (text, quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])}
    return found | {base64.b64encode(text.encode()).decode().rstrip("=") for text in texts}


def record_texts(box: Sandbox) -> set[str]:
    """Texts of records that no log may hold: names of people and companies, titles, bodies, descriptions."""
    fields = ("name", "legal_name", "title", "body", "description", "job_title", "publisher")
    values = {row.get(name) for collection in STREAMS for row in box.truth(collection) for name in fields}
    return {value for value in values if isinstance(value, str) and len(value) >= 8}
