"""Pagination strategies, where the stock ones would end a list early or never."""

# No `from __future__ import annotations`: see `part.py`.

import json
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy

from source_syfter import problems
from source_syfter.components.http import origin, same_origin
from source_syfter.components.pages import at, body_of, last_record_of, steps, total_of
from source_syfter.components.part import Part

# How many empty pages in a row may carry a token: an instance that filters after paging may have some.
_EMPTY_PAGES = 1000


@dataclass
class _UntilEmpty(Part, PaginationStrategy):
    """A page of `page_size` records is asked for, but only an empty one ends the list: a server may give fewer.

    With the `end_of_list` "short", a page with fewer records than the first ends it, too.
    """

    page_size: str
    end_of_list: str
    _first_count: int = field(init=False, repr=False, default=0)

    @property
    def initial_token(self) -> Optional[Any]:
        return None

    def get_page_size(self) -> Optional[int]:
        return int(self.page_size)

    def next_page_token(self, response: requests.Response, last_page_size: int, *args: Any, **kwargs: Any) -> Optional[Any]:
        count = extracted_record_count(response, default=last_page_size)
        token = kwargs["last_page_token_value"]
        if token == self.initial_token:
            self._first_count = count
        if self.end_of_list == "short" and count < self._first_count:
            return None
        return self._next(response, count, token)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        """The token of the next page, after one of `count` records at `token`; None ends the list."""
        raise NotImplementedError


@dataclass
class OffsetIncrement(_UntilEmpty):
    """The offset is the number of records so far.

    A read of changes (`since_parameter` sent) that fits on its first page ends there if the total says that this is all: a run
    without changes then costs one request. Everywhere else the total is not trusted to end a list.
    """

    since_parameter: str = ""
    total_path: str = ""

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        if count == 0 or (token is None and self._is_all(response, count)):
            return None
        return (token or 0) + count

    def _is_all(self, response: requests.Response, count: int) -> bool:
        # Also in the body of a POST.
        sent = parse_qs(urlsplit(response.request.url or "").query) or _json_object(response.request.body)
        asked_for_changes = bool(self.since_parameter) and self.since_parameter in sent
        return asked_for_changes and total_of(response, self.total_path) == count < int(self.page_size)


@dataclass
class PageIncrement(_UntilEmpty):
    """Numbers pages from `start_from_page`, which is sent with the first request, too."""

    start_from_page: str = "1"

    @property
    def initial_token(self) -> Optional[Any]:
        return int(self.start_from_page)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        return token + 1 if count else None


@dataclass
class NextToken(_UntilEmpty):
    """Follows the token at `token_path` of the body, or in the header of that name, until it is absent, null or empty.

    Tokens stay as sent. Raises a config error for a token that leads nowhere: the same again, none that can be sent, or to
    empty pages only.
    """

    token_path: str = ""
    _empty: int = field(init=False, repr=False, default=0)

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        self._empty = 0 if count else self._empty + 1
        found = self._found(response)
        if found is None or found == "" or found is False:
            return None
        if found == token or isinstance(found, (dict, list)) or self._empty > _EMPTY_PAGES:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self.token_path)
        return str(found)

    def _found(self, response: requests.Response) -> Any:
        found = at(body_of(response), steps(self.token_path))
        return response.headers.get(self.token_path) if found is None else found


@dataclass
class NextUrl(NextToken):
    """Follows the address at `token_path` of the body, or in the header `Link`: complete, from the root, or the query alone.

    Raises a config error for an address of another origin, and as `NextToken` does.
    """

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        found = super()._next(response, count, None)
        if found is None:
            return None
        try:
            address = urljoin(response.url, found)
            is_here = same_origin(response.url, address)
        except ValueError:
            address, is_here = "invalid://address", False
        if not is_here:
            raise problems.NEXT_ELSEWHERE(stream=self._stream, address=origin(address))
        if address == token:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self.token_path)
        return address

    def _found(self, response: requests.Response) -> Any:
        if self.token_path.lower() == "link":
            return response.links.get("next", {}).get("url")
        return at(body_of(response), steps(self.token_path))


@dataclass
class LastRecord(_UntilEmpty):
    """The token is the value of `last_record_field` in the last record, as sent; without one, its `key`."""

    last_record_field: str = ""
    key: str = ""

    def _next(self, response: requests.Response, count: int, token: Any) -> Optional[Any]:
        if not count:
            return None
        last, name = last_record_of(response), self.last_record_field or self.key
        found = last.get(name)
        if not isinstance(found, (str, int, float)) or isinstance(found, bool):
            raise problems.NO_LAST_FIELD(stream=self._stream, field=name)
        if str(found) == token:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=name)
        return str(found)


def _json_object(body: Any) -> Any:
    try:
        found = json.loads(body or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
