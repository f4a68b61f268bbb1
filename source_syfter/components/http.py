"""Bounds of a call as a whole: its seconds and bytes, from the connection to the last byte, and where a redirect may lead."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional, cast
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies

import requests
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from source_syfter import exact, problems
from source_syfter.context import Context
from source_syfter.problems import Problem
from source_syfter.secrecy import masked_foreign

# Far above a page of 1000 records, far below what would fill a container.
LARGEST_BODY = 512 * 1024 * 1024

# Left on a response, which one thread handles from end to end.
_DOCUMENT = "_syfter_document"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNDER_WAY = threading.local()


@dataclass
class Call:
    """A call that the thread which makes it has under way: what it may take, all its redirects together.

    `slow` and `large` are the errors of one that takes more. The time begins with the first connection: a limit of requests a
    minute may hold it back before that.
    """

    stream: str
    context: Context
    seconds: float
    largest: int = field(default_factory=lambda: LARGEST_BODY)
    slow: Problem = problems.SLOW_BODY
    large: Problem = problems.TOO_LARGE
    _end: Optional[float] = field(init=False, repr=False, default=None)
    _received: int = field(init=False, repr=False, default=0)

    def under_way(self) -> None:
        """From now on the connections of this thread keep to the bounds of this call: until `bounded` ends, or the next one."""
        _UNDER_WAY.call = self

    def left(self) -> float:
        """Seconds that are left. Raises the error of a slow call if there are none."""
        if self._end is None:
            self._end = time.monotonic() + self.seconds
        left = self._end - time.monotonic()
        if left <= 0:
            self.context.silent = True
            raise self.slow(stream=self.stream, seconds=self.seconds)
        return left

    def received(self, count: int) -> None:
        """Counts bytes from the socket: also those of headers, and of answers that are none yet. Raises beyond the bound."""
        self._received += count
        self.check_size(self._received)

    def check_size(self, size: int) -> None:
        """Raises the error of a large call for a body of more than the bound."""
        if size > self.largest:
            raise self.large(stream=self.stream, mebibytes=self.largest >> 20)


def call_under_way() -> Optional[Call]:
    """The call that this thread makes."""
    return getattr(_UNDER_WAY, "call", None)


@contextmanager
def bounded() -> Iterator[None]:
    """Within the block the connections of this thread keep to the bounds of the call that is under way; then as before.

    Other connections of the thread, which it makes for others, have no bounds of ours. Raises a transient error for a proxy
    without a host, of which requests has no error of its own.
    """
    before = call_under_way()
    try:
        yield
    except TypeError:
        call = call_under_way()
        if call is None or not any(address.endswith("@") for address in getproxies().values()):
            raise
        raise problems.PROXY(stream=call.stream, host="the instance") from None
    finally:
        _UNDER_WAY.call = before


class BoundedBody:
    """The raw body of an answer, read in pieces as they come, so that the bounds of its call hold for every kind of body."""

    def __init__(self, raw: Any, call: Call, takes_cookies: bool = True) -> None:
        self._raw = raw
        self._call = call
        if not takes_cookies:
            # There requests would look for them.
            self._original_response = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = 65536, decode_content: Optional[bool] = None) -> Iterator[bytes]:
        """Yields the body, decompressed if `decode_content`. Raises a config or transient error beyond the bounds."""
        size = 0
        # One read of the socket each, unlike `stream` and `read`, which wait until a piece is full.
        while piece := self._raw.read1(65536, decode_content=decode_content):
            size += len(piece)
            self._call.check_size(size)
            self._call.left()
            yield piece


class _Socket(io.RawIOBase):
    """What comes from a socket, within the bounds of a call."""

    def __init__(self, connected: socket.socket, call: Call) -> None:
        self._socket = connected
        self._file = connected.makefile("rb", buffering=0)
        self._call = call

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        left, usual = self._call.left(), self._socket.gettimeout()
        if usual is not None and usual <= left:
            count = self._file.readinto(buffer)
        else:
            self._socket.settimeout(left)
            try:
                count = self._file.readinto(buffer)
            except TimeoutError:
                self._call.left()
                raise
            finally:
                self._socket.settimeout(usual)
        self._call.received(count or 0)
        return count

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass
class _Source:
    """A socket as far as `http.client` reads from it."""

    connected: socket.socket
    call: Call

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Socket(self.connected, self.call), 65536)


class BoundedResponse(http.client.HTTPResponse):
    """An answer of which the status line and the headers keep to the bounds of the call as well."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        call = call_under_way()
        super().__init__(cast(socket.socket, _Source(sock, call)) if call else sock, *args, **kwargs)

    def begin(self) -> None:
        super().begin()
        # The base passes over 100 only; others, such as early hints, would be taken for the answer. 101 ends HTTP.
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = None  # type: ignore[assignment]
            super().begin()


class _Bounded(HTTPConnection):
    response_class = BoundedResponse

    def connect(self) -> None:
        call = call_under_way()
        if call and isinstance(self.timeout, (int, float)):
            self.timeout = min(self.timeout, call.left())
        super().connect()


class BoundedConnection(_Bounded):
    """A connection whose answers keep to the bounds of the call under way; without one, like any other."""


class BoundedSecureConnection(_Bounded, HTTPSConnection):
    """The same with TLS."""


# The CDK makes its own sessions and takes none, so it is told where urllib3 looks (docs/upstream.md).
HTTPConnectionPool.ConnectionCls = BoundedConnection
HTTPSConnectionPool.ConnectionCls = BoundedSecureConnection


def document_of(response: requests.Response) -> Any:
    """The JSON document in the body of `response`, decoded once. Raises ValueError or RecursionError if there is none."""
    if not hasattr(response, _DOCUMENT):
        setattr(response, _DOCUMENT, exact.loads(response.content or b""))
    return getattr(response, _DOCUMENT)


def is_cut(response: requests.Response) -> bool:
    """Whether the body may be a part of what was sent: empty, or it begins as JSON and is none, and no length says it is whole.

    The length of a compressed body is that before it was unpacked, and a stream that ends too early unpacks without an error.
    """
    headers = response.headers
    if "Content-Encoding" not in headers and ("Content-Length" in headers or "Transfer-Encoding" in headers):
        return False
    try:
        document_of(response)
    except (ValueError, RecursionError):
        return (response.content or b"").lstrip()[:1] in (b"{", b"[", b"")
    return False


def redirect_target(response: requests.Response) -> str:
    """Where a redirect leads; what is no address at all leads away (test_odd_redirects_end_in_words)."""
    try:
        there = urljoin(response.url, response.headers["Location"])
        _port(urlsplit(there))
    except ValueError:
        return "invalid://address"
    return there


def same_origin(here: str, there: str) -> bool:
    """Whether credentials meant for `here` may go to `there`: the same host and port, or the same host from http to https."""
    a, b = ((parts.hostname, parts.scheme, _port(parts)) for parts in map(urlsplit, (here, there)))
    return a == b or (a, b) == ((b[0], "http", 80), (b[0], "https", 443))


def origin(url: str) -> str:
    """Scheme, host and port of `url`, for a message: without secrets."""
    parts = urlsplit(url)
    return masked_foreign(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _port(parts: SplitResult) -> Optional[int]:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
