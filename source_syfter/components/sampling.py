"""The part of a list that `discover` looks at."""

# No `from __future__ import annotations`: see `part.py`.

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

import requests
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy

from source_syfter.components.pages import page_of
from source_syfter.components.paginators import UntilEmpty
from source_syfter.components.part import Part
from source_syfter.components.requesters import Since
from source_syfter.timestamps import is_plausible, parse, written

# Pages for the newest records: the last one of a list may hold a single record.
_LAST_PAGES = 2


@dataclass
class Sampling(Part, PaginationStrategy):
    """Goes through a list as `strategy` does, for at most `pages` of them: the first ones, and two with the newest records.

    Where the list can be entered elsewhere and says how long it is, those are its last two. Else they are asked for by
    `since_parameter`, in the form `since_format`, as what changed since the newest `cursor_field` seen so far.
    `records`: how many are wanted in all.
    """

    strategy: UntilEmpty
    pages: int
    records: int
    since_parameter: str
    since_format: str
    cursor_field: str
    _asked: int = field(init=False, repr=False, default=0)
    _seen: int = field(init=False, repr=False, default=0)
    _largest: int = field(init=False, repr=False, default=0)
    # The newest moment seen, the one asked by, and what leads on from the page before that.
    _newest: Optional[datetime] = field(init=False, repr=False, default=None)
    _asked_by: Optional[datetime] = field(init=False, repr=False, default=None)
    _on: Optional[Any] = field(init=False, repr=False, default=None)

    @property
    def initial_token(self) -> Optional[Any]:
        return self.strategy.initial_token

    def get_page_size(self) -> Optional[int]:
        return self.strategy.get_page_size()

    def next_page_token(self, response: requests.Response, last_page_size: int, *args: Any, **kwargs: Any) -> Optional[Any]:
        page, token = page_of(response), kwargs["last_page_token_value"]
        self._asked, self._seen, self._largest = self._asked + 1, self._seen + page.fresh, max(self._largest, page.fresh)
        moments = (parse(record.get(self.cursor_field)) for record in page.records)
        self._newest = max((moment for moment in (self._newest, *moments) if moment and is_plausible(moment)), default=None)
        if not isinstance(token, Since):
            self._on = self.strategy.following(response, token)
        # What is left to be asked for, in pages.
        left = min(self.pages - self._asked, (self.records - self._seen) // max(1, self._largest))
        if self._on is None or left < 1 or page.total == self._seen:
            return None
        return self._on if left > _LAST_PAGES else self._toward_newest(page.total, left)

    def _toward_newest(self, total: Optional[int], left: int) -> Any:
        """What leads to newer records, for `left` more pages; else to the next page."""
        read, entered = self._context.lists[self._stream], self._context.entered_elsewhere
        if self._stream in entered and self._asked_by is None:
            return self._on
        near_end = None
        if total is not None and self._asked_by is None:
            near_end = self.strategy.token_near_end(total, left, self._largest)
        if near_end is not None and self._on is not None and near_end <= self._on:
            return self._on
        if near_end is None and self.since_parameter and self._newest and self._newest != self._asked_by:
            self._asked_by = self._newest
            entered.add(self._stream)
            read.begin()
            return Since(self.since_parameter, written(self._newest, self.since_format))
        if near_end is not None:
            entered.add(self._stream)
            self._on = near_end
        if self._stream in entered:
            read.enter(self._on)
        return self._on
