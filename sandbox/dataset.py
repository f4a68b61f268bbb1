"""The instance's data as it stands: the computed base, and a small overlay of what was changed since."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice
from random import Random
from threading import RLock
from typing import Any

from sandbox.data import BASE_END, FIRST_ID, BaseData, Json
from sandbox.models import COLLECTIONS, MODELS
from sandbox.timestamps import DAY, iso, parse

_CHANGES = {
    "companies": ("description", "trading_status", "has_ever_been_recommended", "recommendation_is_active"),
    "company_overviews": ("trading_status", "company_type", "headquarters"),
    "company_financials": ("revenue", "profit"),
    "company_employees": ("job_title",),
    "articles": ("body", "publisher"),
    "custom_property_definitions": (),
    "custom_property_values": ("value", "metadata"),
    "datasource_priorities": (),
    "datasource_preferences": (),
}
"""What an update of the day may change. Where nothing is named, only `updated_at` does."""


class View:
    """One collection as of now, in ascending id, cut to what was updated at or after `since`."""

    def __init__(self, base: BaseData, collection: str, overlay: dict[int, Json | None], since: int | None) -> None:
        self._base, self._collection, self._overlay = base, collection, overlay
        self._matches = base.matches(collection, since)
        self._first = FIRST_ID[collection]
        schedule, end = base.schedules[collection], self._first + self._matches.count
        self._hidden = sorted(
            key for key in overlay if self._first <= key < end and (since is None or schedule.at(key - self._first) >= since)
        )
        self._shown = sorted(
            key for key, record in overlay.items() if record is not None and (since is None or _updated(record) >= since)
        )
        self._low = min([self._first, *self._shown[:1]])
        self._high = max([end, *[key + 1 for key in self._shown[-1:]]])
        self.total = self.before(self._high)

    def before(self, key: int) -> int:
        """How many records have an id below this one."""
        base = self._matches.before(key - self._first)
        return base - bisect_left(self._hidden, key) + bisect_left(self._shown, key)

    def through(self, key: int) -> int:
        """How many records have this id or a lower one."""
        return self.before(key + 1)

    def page(self, offset: int, limit: int) -> list[Json]:
        """Up to `limit` records from `offset` on."""
        if offset >= self.total:
            return []
        low, high = self._low, self._high
        while low < high:  # the smallest id that has more than `offset` records up to itself
            middle = (low + high) // 2
            if self.through(middle) > offset:
                high = middle
            else:
                low = middle + 1
        return list(islice(self.records(low), limit))

    def records(self, start: int | None = None) -> Iterator[Json]:
        """The records from an id on."""
        start = self._low if start is None else start
        positions = self._matches.starting(start - self._first)
        untouched = (self._first + p for p in positions if self._first + p not in self._overlay)
        for key in heapq.merge(untouched, self._shown[bisect_left(self._shown, start) :]):
            changed = self._overlay.get(key)
            yield self._base.record(self._collection, key - self._first) if changed is None else dict(changed)


class FixedView:
    """A collection beyond the contract's nine: records given by a test, in the order of their key."""

    def __init__(self, records: list[Json], primary_key: str, cursor_field: str, since: int | None) -> None:
        dated = [record for record in records if since is None or _updated(record, cursor_field) >= since]
        self._records = sorted(dated, key=lambda record: record[primary_key])
        self._keys = [record[primary_key] for record in self._records]
        self.total = len(dated)

    def through(self, key: Any) -> int:
        """How many records have this key or one before it."""
        return bisect_right(self._keys, key)

    def before(self, key: Any) -> int:
        """How many records have a key before this one."""
        return bisect_left(self._keys, key)

    def page(self, offset: int, limit: int) -> list[Json]:
        """Up to `limit` records from `offset` on."""
        return [dict(record) for record in self._records[offset : offset + limit]]

    def records(self) -> Iterator[Json]:
        """All of them."""
        return iter(self.page(0, self.total))


class Dataset:
    """Nine collections that can be read and changed. Safe to use from several threads."""

    def __init__(self, companies: int = 60, seed: int = 1, tidy: bool = False) -> None:
        self.companies, self.seed = companies, seed
        self.lock = RLock()
        self._base = BaseData(companies, seed, tidy)
        self._fixed: dict[str, tuple[list[Json], str, str]] = {}
        self.reset()

    def reset(self) -> None:
        """Back to the fresh instance."""
        with self.lock:
            self.day = 0
            self._ticks = 0
            self._overlay: dict[str, dict[int, Json | None]] = {collection: {} for collection in COLLECTIONS}
            self._last = {name: FIRST_ID[name] + self._base.count(name) - 1 for name in COLLECTIONS}
            self._views: dict[tuple[str, int | None], View] = {}

    def add_collection(self, name: str, records: list[Json], primary_key: str = "id", cursor_field: str = "updated_at") -> None:
        """Have one more collection, with fixed records. Another call replaces them."""
        if name in COLLECTIONS:
            raise ValueError(f"{name} is one of the nine")
        with self.lock:
            self._fixed[name] = ([dict(record) for record in records], primary_key, cursor_field)

    def view(self, collection: str, since: int | None = None) -> View | FixedView:
        """The collection as of now. Hold `lock` while it is used if others may write."""
        with self.lock:
            if collection in self._fixed:
                return FixedView(*self._fixed[collection], since)
            key = (collection, since)
            if key not in self._views:
                if len(self._views) >= 64:  # every `since` is a new key: keep the cache small
                    self._views.clear()
                self._views[key] = View(self._base, collection, self._overlay[collection], since)
            return self._views[key]

    def page(self, collection: str, offset: int, limit: int, since: int | None = None) -> tuple[list[Json], int]:
        """A page of records and the size of the whole list."""
        with self.lock:
            view = self.view(collection, since)
            return view.page(offset, limit), view.total

    def records(self, collection: str, since: int | None = None) -> list[Json]:
        """All records, or those updated at or after `since`."""
        with self.lock:
            return list(self.view(collection, since).records())

    def get(self, collection: str, key: int) -> Json | None:
        """One record by id, or None."""
        with self.lock:
            overlay = self._overlay[collection]
            if key in overlay:
                return dict(overlay[key] or {}) or None
            position = key - FIRST_ID[collection]
            return self._base.record(collection, position) if 0 <= position < self._base.count(collection) else None

    def now(self) -> int:
        """The instance's own clock: the end of its last day, a millisecond further with each change made by hand."""
        with self.lock:
            self._ticks += 1
            return BASE_END + self.day * DAY + self._ticks

    def upsert(self, collection: str, record: Json) -> Json:
        """Create or change a record; returns it as it stands.

        The fields given are laid over the record there is, or over an empty one; without `id` it is a new record with the
        next id. Without `updated_at` the record is dated by the instance's clock, so it is the latest change.
        """
        with self.lock:
            key = record["id"] if "id" in record else self._last[collection] + 1
            if type(key) is not int:
                raise TypeError(f"the id of a record must be an integer, not {key!r}")
            stamp = {} if "updated_at" in record else {"updated_at": iso(self.now())}
            blank = dict.fromkeys(MODELS[collection].model_fields, None)
            old = self.get(collection, key) or {**blank, **stamp, "created_at": stamp.get("updated_at", record.get("updated_at"))}
            return self._put(collection, {**old, **record, **stamp, "id": key})

    def delete(self, collection: str, key: int) -> None:
        """Remove a record, without a trace. KeyError if there is none."""
        with self.lock:
            if self.get(collection, key) is None:
                raise KeyError(f"{collection} has no record {key}")
            self._overlay[collection][key] = None
            self._changed(collection)

    def apply_day(self) -> dict[str, dict[str, int]]:
        """A day's worth of changes: updates and new rows in every collection, dated on the next day. Returns the counts."""
        with self.lock:
            random = Random(f"{self.seed}:day:{self.day}")
            midnight = BASE_END + self.day * DAY
            counts = {collection: self._change(collection, random, midnight) for collection in COLLECTIONS}
            self.day += 1
            self._ticks = 0
            return counts

    def _change(self, collection: str, random: Random, midnight: int) -> dict[str, int]:
        total = self.view(collection).total
        updated, created = min(total, 50, 1 + total // 20), min(20, 1 + total // 50)
        times = [midnight + moment for moment in random.sample(range(1, DAY), updated + created)]
        changed = [self.page(collection, offset, 1)[0][0] for offset in random.sample(range(total), updated)]
        for record in changed:
            fresh = self._fresh(collection, record["id"], record.get("company_id"))
            self._put(
                collection,
                {**record, **{name: fresh[name] for name in _CHANGES[collection]}, "updated_at": iso(times.pop())},
            )
        for _ in range(created):
            record = self._fresh(collection, self._last[collection] + 1)
            if record.get("company_id") is not None:
                company = self._any_id("companies", random)
                record = {**self._fresh(collection, record["id"], company), "company_id": company}
            if record.get("article_id") is not None:
                record["article_id"] = self._any_id("articles", random)
            if record.get("company_ids"):
                company = self._any_id("companies", random)
                record = {**self._fresh(collection, record["id"], company), "company_ids": [company]}
            stamp = iso(times.pop())
            if record.get("published_at"):
                record["published_at"] = iso(parse(stamp) - 3_600_000)
            self._put(collection, {**record, "created_at": stamp, "updated_at": stamp})
        return {"updated": updated, "created": created}

    def _fresh(self, collection: str, key: int, company: Any = None) -> Json:
        """Today's version of a record, by the rules that made the base; `company`, an id, if it is about another one."""
        position = company - FIRST_ID["companies"] if isinstance(company, int) else None
        return self._base.record(collection, abs(key - FIRST_ID[collection]), self.day + 1, position)

    def _any_id(self, collection: str, random: Random) -> int | None:
        """The id of a record there is."""
        total = self.view(collection).total
        return self.page(collection, random.randrange(total), 1)[0][0]["id"] if total else None

    def _put(self, collection: str, record: dict[str, Any]) -> Json:
        self._overlay[collection][record["id"]] = record
        self._last[collection] = max(self._last[collection], record["id"])
        self._changed(collection)
        return dict(record)

    def _changed(self, collection: str) -> None:
        self._views = {key: view for key, view in self._views.items() if key[0] != collection}


def _updated(record: Json, field: str = "updated_at") -> float:
    """When a record was updated; one without a readable time matches no `updated_since`, as in a database."""
    try:
        return parse(record[field])
    except (KeyError, TypeError, ValueError):
        return float("-inf")
