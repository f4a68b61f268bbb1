"""Pagination strategies, where the stock ones would end a list early or never."""

# No `from __future__ import annotations`: see `part.py`.

from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import urlsplit

import requests
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy

from source_syfter import problems
from source_syfter.components.pages import at, body_of, steps
from source_syfter.components.part import Part

# How many empty pages in a row may carry a token: an instance that filters after paging may have some.
_EMPTY_PAGES = 1000


@dataclass
class _UntilEmpty(Part, PaginationStrategy):
    """A page of `page_size` records is asked for, but only an empty one ends the list: a server may give fewer."""

    page_size: str

    @property
    def initial_token(self) -> Optional[Any]:
        return None

    def get_page_size(self) -> Optional[int]:
        return int(self.page_size)

    def next_page_token(self, response: requests.Response, last_page_size: int, *args: Any, **kwargs: Any) -> Optional[Any]:
        count = extracted_record_count(response, default=last_page_size)
        return self._next(response, count, kwargs["last_page_token_value"])

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        """The token of the next page, after one of `count` records at `token`; None ends the list."""
        raise NotImplementedError


@dataclass
class OffsetIncrement(_UntilEmpty):
    """The offset is the number of records so far.

    A read of changes (`since_parameter` sent) that fits on its first page ends there if `total` says that this is all: a run
    without changes then costs one request. Everywhere else `total` is not trusted to end a list.
    """

    since_parameter: str

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        if count == 0 or (token is None and self._is_all(response, count)):
            return None
        return (token or 0) + count

    def _is_all(self, response: requests.Response, count: int) -> bool:
        total = at(body_of(response), ["total"])
        query = urlsplit(response.request.url or "").query
        asked_for_changes = bool(self.since_parameter) and f"{self.since_parameter}=" in query
        return asked_for_changes and type(total) is int and total == count < int(self.page_size)


@dataclass
class PageIncrement(_UntilEmpty):
    """Numbers pages from `start_from_page`, which is sent with the first request, too."""

    start_from_page: str

    @property
    def initial_token(self) -> Optional[Any]:
        return int(self.start_from_page)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        return token + 1 if count else None


@dataclass
class NextToken(_UntilEmpty):
    """Follows the token at `token_path` (dotted) of the body until it is absent, null or empty. Tokens stay as sent.

    Raises a config error for a token that leads nowhere: the same again, none that can be sent, or to empty pages only.
    """

    token_path: str
    _empty: int = field(init=False, repr=False, default=0)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        self._empty = 0 if count else self._empty + 1
        found = at(body_of(response), steps(self.token_path))
        if found is None or found == "" or found is False:
            return None
        if found == token or isinstance(found, (dict, list)) or self._empty > _EMPTY_PAGES:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self.token_path)
        return str(found)
