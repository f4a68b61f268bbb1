"""What asks for the pages of a list."""

# No `from __future__ import annotations`: see `part.py`.

from collections.abc import Mapping, MutableMapping
from dataclasses import InitVar, dataclass
from typing import Any, Optional, Union

import requests
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.requesters.requester import HttpMethod, Requester
from airbyte_cdk.sources.streams.http.error_handlers import ErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from airbyte_cdk.sources.streams.http.pagination_reset_exception import PaginationResetRequiredException
from airbyte_cdk.sources.types import Config

from source_syfter.components.http import bounded
from source_syfter.components.lists import BEGINNING, ListRead, OffsetRead
from source_syfter.components.lookahead import Ahead, Lane
from source_syfter.components.pages import AHEAD
from source_syfter.components.part import Part
from source_syfter.problems import SyfterError
from source_syfter.spec import code_of

_MISSING, _REFUSED = code_of("collection_missing"), code_of("request_refused")


@dataclass
class Once(ErrorHandler):
    """Takes every answer as it is: no retries, no waits, no words in the log."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    @property
    def max_retries(self) -> Optional[int]:
        return 0

    @property
    def max_time(self) -> Optional[int]:
        return None

    def interpret_response(self, response_or_exception: Any) -> ErrorResolution:
        return ErrorResolution(ResponseAction.SUCCESS)


@dataclass(frozen=True)
class Since:
    """In place of a token, what changed since a moment: `text` is sent as `parameter`, beside what is sent for a first page."""

    parameter: str
    text: str


@dataclass
class PageRequester(Part, Requester):
    """Asks for pages as `requester` does, and for those whose turn has not come by `once`, a single time and in silence.

    `position_parameter`: that of the offset or of the page; empty: there is none.
    """

    requester: Requester
    once: Requester
    position_parameter: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._ahead: Optional[Ahead] = None
        # Bytes of the page before.
        self._size = 0

    def send_request(
        self,
        stream_state: Any = None,
        stream_slice: Any = None,
        next_page_token: Optional[Mapping[str, Any]] = None,
        path: Optional[str] = None,
        request_headers: Optional[Mapping[str, Any]] = None,
        request_params: Optional[Mapping[str, Any]] = None,
        request_body_data: Optional[Union[Mapping[str, Any], str]] = None,
        request_body_json: Optional[Mapping[str, Any]] = None,
        log_formatter: Any = None,
    ) -> Optional[requests.Response]:
        if next_page_token and next_page_token["next_page_token"] == BEGINNING:
            raise PaginationResetRequiredException
        self._note_position()
        call: dict[str, Any] = {
            "stream_state": stream_state,
            "stream_slice": stream_slice,
            "next_page_token": next_page_token,
            "path": path,
            "request_headers": request_headers,
            "request_params": request_params,
            "request_body_data": request_body_data,
            "request_body_json": request_body_json,
            "log_formatter": log_formatter,
        }
        try:
            return self._page(call, next_page_token)
        except SyfterError as error:
            read = self._context.lists[self._stream]
            if read.is_resumed and (read.pages == 0 or read.is_searching) and error.code in (_MISSING, _REFUSED):
                read.read_anew()
                raise PaginationResetRequiredException from error
            instead = read.refused() if isinstance(read, OffsetRead) and error.code == _REFUSED else None
            if instead is None:
                raise
        return self._sent(self._at(call, instead))

    def _page(self, call: dict[str, Any], token: Optional[Mapping[str, Any]]) -> Optional[requests.Response]:
        """The page that `call` asks for; while it is on its way or used, so are those behind it."""
        if token and isinstance(token["next_page_token"], Since):
            return self._sent(self._first_since(call, token["next_page_token"]))
        lane = self._context.lane
        place = token["next_page_token"] if token and self.position_parameter else None
        if lane is None or place is None:
            # The first page, or one of a list of which only the page before knows it.
            self._ahead = Ahead(lane) if lane else None
            response = self._asked(lane, call)
        else:
            self._ahead = self._ahead or Ahead(lane)
            response, is_ahead = self._ahead.page(
                place, lambda: self._sent(call), lambda: self._ask_ahead(call, place, lane.width - 1)
            )
            if is_ahead:
                setattr(response, AHEAD, True)
                self._ask_ahead(call, place, lane.width)
        if response is not None:
            self._size = len(response.content)
        return response

    def _asked(self, lane: Optional[Lane], call: dict[str, Any]) -> Optional[requests.Response]:
        if lane is None:
            return self._sent(call)
        response: Optional[requests.Response] = lane.now(lambda: self._sent(call))
        return response

    def _sent(self, call: dict[str, Any]) -> Optional[requests.Response]:
        with bounded():
            return self.requester.send_request(**call)

    def _sent_once(self, call: dict[str, Any]) -> Optional[requests.Response]:
        with bounded():
            return self.once.send_request(**call)

    def _ask_ahead(self, call: dict[str, Any], place: int, count: int) -> None:
        read: ListRead = self._context.lists[self._stream]
        if self._ahead and count:
            places = read.upcoming(place, count)
            self._ahead.ask(places, lambda place: self._sent_once(self._at(call, place)), self._size)

    def _note_position(self) -> None:
        """Writes the position, if it is time: in the thread that has queued the records up to it, so it comes after them."""
        read: ListRead = self._context.lists[self._stream]
        position = read.position if read.is_position_due() else None
        message = self._context.state_at(self._stream, position) if position else None
        if message:
            self.requester.message_repository.emit_message(message)  # type: ignore[attr-defined]

    def _first_since(self, call: dict[str, Any], since: Since) -> dict[str, Any]:
        """`call` for the first page of what changed. In a body, an epoch is a number."""
        is_body = self.get_method() is HttpMethod.POST
        place = "request_body_json" if is_body else "request_params"
        text = int(since.text) if is_body and since.text.isdigit() else since.text
        # The CDK has put it where tokens go, and makes texts of parameters.
        sent = {name: value for name, value in (call[place] or {}).items() if str(value) != str(since)}
        return {**call, "next_page_token": None, place: {**sent, since.parameter: text}}

    def _at(self, call: dict[str, Any], position: int) -> dict[str, Any]:
        """`call` for the page at `position`."""
        there = {**call, "next_page_token": {"next_page_token": position}}
        for place in ("request_params", "request_body_json"):
            if call[place] and self.position_parameter in call[place]:
                there[place] = {**call[place], self.position_parameter: position}
        return there

    # As `requester` has it.

    def get_authenticator(self) -> DeclarativeAuthenticator:
        return self.requester.get_authenticator()

    def get_url(self, **context: Any) -> str:
        return self.requester.get_url(**context)

    def get_url_base(self, **context: Any) -> str:
        return self.requester.get_url_base(**context)

    def get_path(self, **context: Any) -> str:
        return self.requester.get_path(**context)

    def get_method(self) -> HttpMethod:
        return self.requester.get_method()

    def get_request_params(self, **context: Any) -> MutableMapping[str, Any]:
        return self.requester.get_request_params(**context)

    def get_request_headers(self, **context: Any) -> Mapping[str, Any]:
        return self.requester.get_request_headers(**context)

    def get_request_body_data(self, **context: Any) -> Union[Mapping[str, Any], str]:
        return self.requester.get_request_body_data(**context)

    def get_request_body_json(self, **context: Any) -> Mapping[str, Any]:
        return self.requester.get_request_body_json(**context)
