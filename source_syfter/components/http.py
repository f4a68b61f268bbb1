"""Bounds of a call: where a redirect may lead, and how large and how slow a body may be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Optional
from urllib.parse import SplitResult, urljoin, urlsplit

import requests

from source_syfter import problems

# Far above a page of 1000 records, far below what would fill a container.
LARGEST_BODY = 512 * 1024 * 1024

_DEFAULT_PORTS = {"http": 80, "https": 443}


class BoundedBody:
    """The raw body of an answer, read in pieces as they come, so that bounds of size and time hold for every kind of body."""

    def __init__(self, stream: str, raw: Any, seconds: float) -> None:
        self._stream = stream
        self._raw = raw
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = 65536, decode_content: Optional[bool] = None) -> Iterator[bytes]:
        """Yields the body, decompressed if `decode_content`. Raises a config or transient error beyond the bounds."""
        size, end = 0, time.monotonic() + self._seconds
        # One read of the socket each, unlike `stream` and `read`, which wait until a piece is full.
        while piece := self._raw.read1(65536, decode_content=decode_content):
            size += len(piece)
            if size > LARGEST_BODY:
                raise problems.TOO_LARGE(stream=self._stream, mebibytes=LARGEST_BODY >> 20)
            if time.monotonic() > end:
                raise problems.SLOW_BODY(stream=self._stream, seconds=self._seconds)
            yield piece


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
    """Scheme, host and port of `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _port(parts: SplitResult) -> Optional[int]:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
