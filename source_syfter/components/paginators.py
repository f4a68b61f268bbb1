"""Pagination strategies, where the stock ones would end a list early or never."""

# No `from __future__ import annotations`: see `part.py`.

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy

from source_syfter import problems
from source_syfter.components.http import origin, same_origin
from source_syfter.components.lists import BEGINNING, KeysetRead, ListRead, OffsetRead, Page, PageRead, Place
from source_syfter.components.pages import at, page_of, steps
from source_syfter.components.part import Part
from source_syfter.exact import Sent

# An address of a Link header with its parameters, and each of those: a quoted text may hold what parts them.
_LINK = re.compile(r'<([^<>]*)>((?:"[^"]*"|[^"<])*)')
_LINK_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*(?:=\s*("[^"]*"|[^\s;,"]*))?')
# How many empty pages in a row may carry a token: an instance that filters after paging may have some.
_EMPTY_PAGES = 1000
# What servers give where nobody says how much.
_USUAL_PAGES = {10, 15, 20, 25, 30, 40, 50, 100, 200, 250, 300, 500, 1000}


def is_like_a_header(token_path: str) -> bool:
    """Whether a token lies in a header by its looks: a header may have any name, but most have a hyphen."""
    return "-" in token_path


def looks_like_a_page(count: int, asked: Optional[int], others: Collection[int]) -> bool:
    """Whether a list of `count` records that nothing leads on from may be the first page of a longer one.

    It has as many records as were `asked` for (None: nobody said), as servers give by themselves, or as pages of `others`.
    """
    return count in _USUAL_PAGES or count in others or (asked is not None and count >= asked)


@dataclass
class UntilEmpty(Part, PaginationStrategy):
    """A page of `page_size` records is asked for, but only an empty one ends the list: a server may give fewer.

    With the `end_of_list` "short", a page with fewer records than the first ends it, too. A list of which the complete number is
    known is audited at its end, unless `since_parameter` asks for changes only. A read of changes whose only record is the one
    on the boundary ends with its first page: a run without changes then costs one request. Nowhere else is the total trusted to
    end a list.
    """

    page_size: str
    end_of_list: str
    since_parameter: str

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._list = self._new_list()

    def _new_list(self) -> Any:
        return ListRead(self._stream, self.end_of_list)

    @property
    def initial_token(self) -> Optional[Any]:
        """The CDK asks for it where a read of the list begins."""
        self._context.lists[self._stream], self._list.is_of_changes = self._list, False
        self._list.begin()
        chain = None if self._list.is_anew else self._context.chains.get(self._stream)
        resumed = self._list.resume(chain.position) if chain else None
        self._list.is_resumed = resumed is not None
        return resumed if self._list.is_resumed else self._first()

    def _first(self) -> Optional[Any]:
        return None

    def get_page_size(self) -> Optional[int]:
        return int(self.page_size)

    def next_page_token(self, response: requests.Response, last_page_size: int, *args: Any, **kwargs: Any) -> Optional[Any]:
        token = kwargs["last_page_token_value"]
        # An address of a next page may not say it any more.
        self._list.is_of_changes = self._list.is_of_changes or self._asks_for_changes(response)
        found = self.following(response, token)
        return self._list.rest(token) if found is None else found

    def following(self, response: requests.Response, token: Any) -> Optional[Any]:
        """The token of the page after the one in `response`, which is at `token`; None where the list ends, whole or not."""
        page = page_of(response)
        if self.end_of_list == "short" and len(page) < self._list.first_count and self._list.is_settled:
            return None
        if self._list.is_of_changes and self._list.pages == 1 and not self._list.is_searching and page.total == len(page) <= 1:
            return None
        return self._next(response, page, token)

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        """The token of the next page, after `page` at `token`; None ends the list."""
        raise NotImplementedError

    def token_near_end(self, total: int, pages: int, size: int) -> Optional[int]:
        """The token of the first of the last `pages` of `size` records in a list of `total`; None where it cannot be known."""
        return None

    def _asks_for_changes(self, response: requests.Response) -> bool:
        # Also in the body of a POST.
        sent = {**parse_qs(urlsplit(response.request.url or "").query), **_json_object(response.request.body)}
        return bool(self.since_parameter) and self.since_parameter in sent


@dataclass
class OnePage(UntilEmpty):
    """The complete list comes at once."""

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        return None


@dataclass
class _Increment(UntilEmpty):
    """Goes on at the place that the read of the list asks for next."""

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        if self._list.following is None:
            return None
        self._list.place = self._list.following
        return Place(self._list.following)


@dataclass
class OffsetIncrement(_Increment):
    """The offset is that of the last record so far: see `OffsetRead`."""

    def _new_list(self) -> OffsetRead:
        return OffsetRead(self._stream, self.end_of_list)

    def token_near_end(self, total: int, pages: int, size: int) -> Optional[int]:
        # Each page but the first begins with a record of the one before it.
        return total - pages * (size - 1) - 1


@dataclass
class PageIncrement(_Increment):
    """Numbers pages from `start_from_page`, which is sent with the first request, too: see `PageRead`."""

    start_from_page: str = "1"

    def _new_list(self) -> PageRead:
        return PageRead(self._stream, int(self.start_from_page), self.end_of_list)

    def _first(self) -> Optional[Any]:
        return Place(self.start_from_page)

    def token_near_end(self, total: int, pages: int, size: int) -> Optional[int]:
        return int(self.start_from_page) + -(-total // size) - pages


@dataclass
class NextToken(UntilEmpty):
    """Follows the token at `token_path` of the body, or in the header of that name, until it is absent, null or empty.

    Tokens stay as sent. Raises a config error for a token that leads nowhere: the same again, none that can be sent, or to
    empty pages only.
    """

    token_path: str = ""
    _empty: int = field(init=False, repr=False, default=0)

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        if self._list.may_be_beginning and not page.fresh:
            return None
        if self.end_of_list in ("repeated", "short") and not page.fresh:
            # Where the last page has a token, the next one may have, too.
            return None
        self._empty = 0 if len(page) else self._empty + 1
        found = _exact(self._found(response))
        if found is None and self._list.pages == 1 and self._may_be_cut(page):
            raise problems.NO_PLACE_FOR_TOKEN(stream=self._stream, count=len(page), path=self.token_path)
        if found is None or found == "" or found is False:
            return None
        if found == token or isinstance(found, (dict, list)) or self._empty > _EMPTY_PAGES:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self.token_path)
        # Some write zero where there is no next page: then it leads to the first one. The CDK takes it for no token.
        self._list.may_be_beginning = found == 0
        # As sent: in the body of a POST, a number has to be one.
        return found or Place(0)

    def _may_be_cut(self, page: Page) -> bool:
        """Whether a plain array, which has no place for a token, looks like a page of a longer list."""
        if not isinstance(page.body, list) or self._is_header() or page.total == len(page):
            return False
        pages = {read.first_count for read in self._context.lists.values() if read.pages > 1}
        return looks_like_a_page(len(page), int(self.page_size), pages)

    def _is_header(self) -> bool:
        return is_like_a_header(self.token_path)

    def _found(self, response: requests.Response) -> Any:
        found = at(page_of(response).body, steps(self.token_path))
        return response.headers.get(self.token_path) if found is None else found


@dataclass
class NextUrl(NextToken):
    """Follows the address at `token_path` of the body, or in the header `Link`: complete, from the root, or the query alone.

    Raises a config error for an address of another origin, and as `NextToken` does.
    """

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        found = super()._next(response, page, None)
        if found is None:
            return None
        try:
            address = urljoin(response.url, str(found))
            is_here = same_origin(response.url, address)
        except ValueError:
            address, is_here = "invalid://address", False
        if not is_here:
            raise problems.NEXT_ELSEWHERE(stream=self._stream, address=origin(address))
        if address == token:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=self.token_path)
        return address

    def _is_header(self) -> bool:
        return self.token_path.lower() == "link"

    def _found(self, response: requests.Response) -> Any:
        if self._is_header():
            return next_link(response.headers.get("Link", ""))
        return at(page_of(response).body, steps(self.token_path))


@dataclass
class LastRecord(UntilEmpty):
    """The token is the value of `last_record_field` in the last record, as sent; without one, its `key`."""

    last_record_field: str = ""
    key: str = ""

    def _new_list(self) -> KeysetRead:
        return KeysetRead(self._stream, self.end_of_list)

    def _next(self, response: requests.Response, page: Page, token: Any) -> Optional[Any]:
        if self._list.pages == 0:
            # It does not go on where an earlier attempt ended.
            return BEGINNING
        if not len(page):
            return None
        last, name = page.last, self.last_record_field or self.key
        found = _exact(last.get(name))
        if not isinstance(found, (str, int, float)) or isinstance(found, bool) or found == "":
            raise problems.NO_LAST_FIELD(stream=self._stream, field=name)
        if found == token:
            raise problems.REPEATED_TOKEN(stream=self._stream, path=name)
        self._list.token = token
        # The CDK takes zero for no token.
        return found or Place(found)


def _exact(token: Any) -> Any:
    """A number that a float does not hold goes back as text: as a number, the body of a POST would round it."""
    return str(token) if isinstance(token, Sent) else token


def next_link(header: str) -> Optional[str]:
    """The address of a Link header that leads on, by RFC 8288: names and relations in any case, several in one text."""
    for address, parameters in _LINK.findall(header):
        relations = next((value for name, value in _LINK_PARAMETER.findall(parameters) if name.lower() == "rel"), "")
        if "next" in relations.strip('"').lower().split():
            return str(address).strip()
    return None


def _json_object(body: Any) -> Any:
    try:
        found = json.loads(body or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
