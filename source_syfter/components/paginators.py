"""How a list goes on, where the stock strategies would end it early or never."""

# No `from __future__ import annotations`: see `pages.py`.

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any, Optional
from urllib.parse import urlsplit

import requests
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_syfter import problems
from source_syfter.components.pages import at, page_of, steps
from source_syfter.components.templates import evaluated

# How many empty pages in a row may hand on a token: an instance that filters after paging may have some.
_EMPTY_PAGES = 1000


@dataclass
class _UntilEmpty(PaginationStrategy):
    """A page of `page_size` records is asked for, but only an empty one ends the list: a server may give fewer."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    page_size: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))
        self._page_size = int(evaluated(self.page_size, self.config, parameters))

    @property
    def initial_token(self) -> Optional[Any]:
        return None

    def get_page_size(self) -> Optional[int]:
        return self._page_size

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Optional[Record],
        last_page_token_value: Optional[Any] = None,
        page_size_override: Optional[int] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> Optional[Any]:
        return self._next(response, extracted_record_count(response, default=last_page_size), last_page_token_value)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        """What leads to the next page after one of `count` records that `token` led to; None ends the list."""
        raise NotImplementedError


@dataclass
class OffsetIncrement(_UntilEmpty):
    """The offset is the number of records so far.

    A read of changes (`since_parameter` sent) that fits on its first page ends there if `total` says that this is all: a run
    without changes then costs one request. Everywhere else `total` is not trusted to end a list.
    """

    since_parameter: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._since = evaluated(self.since_parameter, self.config, parameters)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        if count == 0 or (token is None and self._is_all(response, count)):
            return None
        return (token or 0) + count

    def _is_all(self, response: requests.Response, count: int) -> bool:
        page = page_of(response)
        total = at(page.body, ["total"]) if page else None
        query = urlsplit(response.request.url or "").query
        asked_for_changes = bool(self._since) and f"{self._since}=" in query
        return asked_for_changes and type(total) is int and total == count < self._page_size


@dataclass
class PageIncrement(_UntilEmpty):
    """Numbers pages from `start_from_page`, which is sent with the first request, too."""

    start_from_page: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._first = int(evaluated(self.start_from_page, self.config, parameters))

    @property
    def initial_token(self) -> Optional[Any]:
        return self._first

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        return token + 1 if count else None


@dataclass
class NextToken(_UntilEmpty):
    """Follows the token at `token_path` (dotted) of the body until it is absent, null or empty. Tokens stay as sent.

    Raises a config error for a token that leads nowhere: the same again, none that can be sent, or to empty pages only.
    """

    token_path: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._path = evaluated(self.token_path, self.config, parameters)
        self._empty = 0

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        page = page_of(response)
        self._empty = 0 if page and page.count else self._empty + 1
        found = at(page.body, steps(self._path)) if page else None
        if found is None or found == "" or found is False:
            return None
        if found == token or isinstance(found, (dict, list)) or self._empty > _EMPTY_PAGES:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self._path)
        return str(found)
