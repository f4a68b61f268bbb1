"""Sends the probe's requests: signed, bounded and judged as the connector's, counted, and limited in number and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import parse_qs, quote, urlsplit

import requests

from source_syfter import problems
from source_syfter.components.authenticators import SameOriginAuthenticator
from source_syfter.components.errors import ErrorHandler, explain, own_words, retry_after
from source_syfter.components.http import bounded
from source_syfter.problems import SyfterError
from source_syfter.settings import Settings

# No probe sends more requests than this; most need fewer than forty.
BOUND = 120
# Seconds that a probe waits where the instance asks it to, and that it takes in all.
_LONGEST_WAIT = 30.0
_LONGEST_PROBE = 300.0


@dataclass(frozen=True)
class Connection:
    """The connector's own parts for requests under some settings. `timeouts`: to connect and to read, in seconds."""

    authenticator: SameOriginAuthenticator
    error_handler: ErrorHandler
    headers: Mapping[str, str]
    timeouts: tuple[float, float]


@dataclass(frozen=True)
class Keys:
    """Where else a request carries the API key: names of headers and of parameters, with the key."""

    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """What came back for one request. `body`: the JSON document, or None with `is_json` false. `error`: what a read would say."""

    status: int
    is_json: bool = False
    body: Any = None
    error: Optional[SyfterError] = None
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    collection: str = ""
    # The instance's own words for a refusal.
    said: str = ""

    @property
    def ok(self) -> bool:
        return self.status == 200 and self.is_json

    @property
    def missing(self) -> bool:
        """Nothing of the API is here: not found, or a page for people."""
        return self.status in (404, 410) or (self.status == 200 and not self.is_json)

    @property
    def is_no_page(self) -> bool:
        """What some give beyond the end of a list, if there is no array in it."""
        return self.ok or self.status in (204, 404)


class Client:
    """Asks one instance. `count` is how many requests were sent, `limits` the rate-limit headers that came back."""

    def __init__(
        self, settings: Settings, connect: Callable[[Settings], Connection], on_request: Callable[[int, str], None]
    ) -> None:
        """`connect` makes the parts for settings. `on_request` is told the number and the path of each request."""
        self._settings = settings
        self._connect = connect
        self._on_request = on_request
        self._session = requests.Session()
        self._end = time.monotonic() + _LONGEST_PROBE
        self.count = 0
        self.limits: set[str] = set()
        self.use({})

    def use(self, conventions: Mapping[str, Any]) -> None:
        """From now on requests are signed and judged as the connector does under `conventions`."""
        self._connection = self._connect({**self._settings, "conventions": {**self._settings["conventions"], **conventions}})
        self._session.auth = self._connection.authenticator

    @property
    def left(self) -> int:
        """How many requests may be sent yet."""
        return BOUND - self.count

    def get(self, path: str, parameters: Mapping[str, Any], method: str = "GET", more: Optional[Keys] = None) -> Answer:
        """The answer to a call of `path`, below the host, or of an address of its origin. `more`: keys sent beside.

        Retries a transient failure once. Raises the error if nothing comes back.
        """
        for last in (False, True):
            try:
                response = self._send(path, parameters, method, more or Keys())
            except (OSError, MemoryError, UnicodeError) as reason:
                if last or isinstance(reason, requests.Timeout) or not isinstance(reason, requests.RequestException):
                    raise explain("probe", reason) from None
                continue
            self.limits |= {name.lower() for name in response.headers if "ratelimit" in name.lower().replace("-", "")}
            if last or (response.status_code != 429 and response.status_code < 500):
                return self._answer(response)
            seconds = retry_after(response)
            time.sleep(1.0 if seconds is None or seconds > _LONGEST_WAIT else seconds)
        raise AssertionError("the last try returns or raises")  # pragma: no cover

    def _send(self, path: str, parameters: Mapping[str, Any], method: str, more: Keys) -> requests.Response:
        if self.count >= BOUND:
            raise problems.TOO_MANY_REQUESTS(count=BOUND)
        if time.monotonic() > self._end:
            raise problems.TOO_SLOW(seconds=_LONGEST_PROBE)
        self.count += 1
        self._on_request(self.count, path)
        url = path if "://" in path else f"{self._settings['host']}/{quote(path, safe='/%~')}"
        query = {
            **self._connection.authenticator.get_request_params(),
            **more.parameters,
            **({} if method == "POST" else parameters),
        }
        body = parameters if method == "POST" else None
        # A parameter that the address has already is not sent twice.
        query = {name: value for name, value in query.items() if name not in parse_qs(urlsplit(url).query)}
        headers, timeouts = {**self._connection.headers, **more.headers}, self._connection.timeouts
        with bounded():
            return self._session.request(method, url, params=query, json=body, headers=headers, timeout=timeouts)

    def _answer(self, response: requests.Response) -> Answer:
        error = None if response.ok else self._connection.error_handler.refusal(response)[1]
        answer = Answer(response.status_code, error=error, headers=response.headers, url=response.url)
        answer.said = "" if response.ok else own_words(response)
        with suppress(ValueError, RecursionError):
            answer.body, answer.is_json = json.loads(response.content), True
        return answer
