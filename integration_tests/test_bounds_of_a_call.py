"""A call ends, in time and in bytes, whatever part of its answer a server makes slow or endless; and what goes with a call."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from source_syfter import context, source
from source_syfter.components.http import Call
from testing.disturbed import code_of, without_waiting
from testing.instance import config, oauth
from testing.raw_server import Request, Said, answer, raw_server
from testing.reading import STREAMS, Outcome, check, read
from testing.rotation import rotating

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED, LAST = HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b'c\r\n{"data": []}\r\n0\r\n'
PAUSE, SECONDS = 0.07, 0.3


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A call has a third of a second."""
    with without_waiting():
        for policy in ("READ", "CHECK"):
            monkeypatch.setattr(context, policy, replace(getattr(context, policy), longest_call=SECONDS))
        yield


def dripping(first: bytes, piece: bytes) -> Iterator[bytes]:
    """`first`, then `piece` for ever, each before the reader loses patience."""
    yield first
    while True:
        time.sleep(PAUSE)
        yield piece


def endless(first: bytes, piece: bytes) -> Iterator[bytes]:
    yield first
    while True:
        yield piece


def gzipped() -> Iterator[bytes]:
    yield HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = gzip.compress(b" " * (1 << 20))
    while True:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


ENDLESS: dict[str, Callable[[], Iterator[bytes]]] = {
    "a header that drips": lambda: dripping(HEAD + b"X-Pad: ", b"a"),
    "headers that drip": lambda: dripping(HEAD, b"A: b\r\n"),
    "a status line that drips": lambda: dripping(b"HTTP/1.1 200 ", b"O"),
    "100 Continue, slowly": lambda: dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue, fast": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "103 Early Hints, slowly": lambda: dripping(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "102 Processing, fast": lambda: endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
    "a body that drips": lambda: dripping(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "a body without end": lambda: endless(HEAD + b"\r\n", b" " * 65536),
    "a body without end, in chunks": lambda: endless(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"),
    "a chunk's length that drips": lambda: dripping(CHUNKED, b"0"),
    "trailers that drip": lambda: dripping(CHUNKED + LAST, b"A: b\r\n"),
    "trailers without end": lambda: endless(CHUNKED + LAST, b"A: b\r\n" * 1000),
    "a small body that grows": gzipped,
    "an error's body that drips": lambda: dripping(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9000\r\n\r\n", b" "),
    "an error's body without end": lambda: endless(b"HTTP/1.1 500 Oh\r\n\r\n", b" " * 65536),
}  # fmt: skip
BOUNDS = {"no-answer", "too-large", "connection-lost", "token-refused"}


def token_or(request: Request, said: Callable[[], Said]) -> Said:
    """The token endpoint says `said`; the instance has nothing."""
    return said() if request.path == "/token" else answer({"data": []})


def with_oauth(url: str, **overrides: Any) -> dict[str, Any]:
    return config(host=url, credentials=oauth(token_url=f"{url}/token"), **overrides)


def ended(outcome: Outcome) -> bool:
    return code_of(outcome, "articles") in BOUNDS and outcome.kind_of("articles") in ("config_error", "transient_error")


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_without_end_ends(kind: str) -> None:
    with raw_server(lambda request: ENDLESS[kind]()) as server:
        assert ended(read(config(host=server.url), "articles"))


@pytest.mark.parametrize("kind", rotating(list(ENDLESS), 5))
def test_an_answer_of_the_token_url_without_end_ends(kind: str) -> None:
    with raw_server(lambda request: token_or(request, ENDLESS[kind])) as server:
        outcome = read(with_oauth(server.url), "articles")
        assert ended(outcome)
        assert "Authentication" in outcome.message_of("articles")


@pytest.mark.parametrize("kind", ["a header that drips", "a body that drips"])
def test_a_check_of_an_answer_without_end_ends(kind: str) -> None:
    with raw_server(lambda request: token_or(request, ENDLESS[kind])) as server:
        assert check(with_oauth(server.url), "articles")[0] is False
    with raw_server(lambda request: ENDLESS[kind]()) as server:
        assert check(config(host=server.url), "articles")[0] is False


def test_slow_redirects_end() -> None:
    def handler(request: Request) -> Said:
        time.sleep(0.12)
        return answer(b"", "302 Found", f"Location: {request.path}?hop={int(request.query.get('hop', 0)) + 1}")

    with raw_server(handler) as server:
        assert code_of(read(config(host=server.url), "articles"), "articles") == "no-answer"
        assert len(server.requests) < 8


def test_many_redirects_end() -> None:
    with raw_server(lambda request: answer(b"", "302 Found", f"Location: /api/articles?hop={request.number}")) as server:
        assert code_of(read(config(host=server.url), "articles"), "articles") == "redirected"
        assert len(server.requests) == 11


def test_a_server_that_stalls_all_streams_is_left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first stream, the others are not given as long."""
    monkeypatch.setattr("source_syfter.components.authenticators._ONCE_SILENT", 0.1)
    seconds: list[float] = []
    under_way = Call.under_way
    monkeypatch.setattr(Call, "under_way", lambda call: [seconds.append(call.seconds), under_way(call)][1])
    with raw_server(lambda request: ENDLESS["a header that drips"]()) as server:
        outcome = read(config(host=server.url, num_workers=2))

    assert {outcome.kind_of(stream) for stream in STREAMS} == {"transient_error"}
    assert seconds.count(SECONDS) == 2
    assert seconds.count(0.1) == 7


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden"])
def test_a_check_with_slow_refusals_ends(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    monkeypatch.setattr(source, "_LONGEST_CHECK", 1.0)

    def handler(request: Request) -> Said:
        time.sleep(0.4)
        return answer({"message": "no"}, status)

    with raw_server(handler) as server:
        succeeded, message = check(config(host=server.url))

    assert not succeeded
    assert "[no-answer]" in message
    assert len(server.requests) <= 4


def test_a_check_has_less_than_a_minute() -> None:
    assert source._LONGEST_CHECK + context.CHECK.longest_wait < 55


def test_what_comes_before_an_answer_is_passed_over() -> None:
    """Early hints and the like are no answers."""
    before = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    def handler(request: Request) -> Said:
        rows = [] if "offset" in request.query else [{"id": 1, "updated_at": "2026-01-01T00:00:00.000Z"}]
        return before + answer({"data": rows})

    with raw_server(handler) as server:
        outcome = read(config(host=server.url), "articles")

    assert outcome.ids("articles") == [1]
    assert outcome.completed("articles")


# --- what others put on this machine ------------------------------------------------------------------------------------------


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A password for this machine in ~/.netrc."""
    path = tmp_path / ".netrc"
    path.write_text("machine 127.0.0.1 login eve password otherpass\ndefault login eve password otherpass\n")
    os.chmod(path, 0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(path))


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "credentials",
    [
        {"auth_type": "api_key", "api_key": "k3y-for-test"},
        {"auth_type": "bearer", "access_token": "t0ken-for-test"},
        {"auth_type": "basic", "username": "u", "password": "p4ss-for-test"},
    ],
)
def test_a_netrc_never_takes_the_place_of_the_credentials(status: int, credentials: dict[str, str]) -> None:
    def handler(request: Request) -> Said:
        if request.path.endswith("/"):
            return answer({"data": [] if "offset" in request.query else [{"id": 1}]})
        return answer(b"", f"{status} Moved", f"Location: {request.target.replace('/articles', '/articles/')}")

    with raw_server(handler) as server:
        outcome = read(config(host=server.url, credentials=credentials), "articles")

    assert outcome.ids("articles") == [1]
    assert len(server.requests) == 4
    assert len({request.headers["authorization"] for request in server.requests}) == 1
    assert "ZXZlOm90aGVycGFzcw" not in server.requests[-1].headers["authorization"]


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("name", ["X-Key", "Authorization"])
def test_a_netrc_never_goes_beside_a_key_in_a_header_of_ones_own(name: str) -> None:
    def handler(request: Request) -> Said:
        if "hop" in request.query:
            return answer({"data": []})
        return answer(b"", "302 Found", "Location: /api/articles?hop=1")

    with raw_server(handler) as server:
        read(config(host=server.url, conventions={"api_key_header": name, "api_key_prefix": "none"}), "articles")

    keys = {request.headers.get("authorization") for request in server.requests}
    assert len(server.requests) >= 2
    assert keys == ({None} if name == "X-Key" else keys - {None})
    assert not any("Basic" in (key or "") for key in keys)


@pytest.mark.usefixtures("netrc")
def test_a_netrc_never_goes_to_the_token_url() -> None:
    with raw_server(lambda request: token_or(request, lambda: answer({"access_token": "t0ken-for-test"}))) as server:
        assert read(with_oauth(server.url), "articles").completed("articles")

    assert "authorization" not in server.requests[0].headers


def test_a_redirect_keeps_query_and_key_and_counts_once() -> None:
    """A POST stays one where the status says so."""

    def handler(request: Request) -> Said:
        if not request.path.endswith("/"):
            return answer(b"", "308 Permanent Redirect", f"Location: {request.path}/")
        return answer({"data": [] if b"offset" in request.body else [{"id": 1}]})

    with raw_server(handler) as server:
        outcome = read(config(host=server.url, conventions={"method": "POST"}), "articles")

    assert outcome.ids("articles") == [1]
    assert {request.method for request in server.requests} == {"POST"}
    assert {request.body for request in server.requests[:2]} == {b'{"limit": 100}'}


def test_cookies_of_the_token_url_do_not_go_to_the_instance() -> None:
    def handler(request: Request) -> Said:
        return token_or(request, lambda: answer({"access_token": "t0ken-for-test"}, "200 OK", "Set-Cookie: session=eve; Path=/"))

    with raw_server(handler) as server:
        read(with_oauth(server.url), "articles")

    assert [request.headers.get("cookie") for request in server.requests] == [None] * len(server.requests)


def test_a_server_that_sets_a_cookie_with_each_answer() -> None:
    """It gets some of them back, as a session on one of its machines needs; not all, for ever."""

    def handler(request: Request) -> Said:
        page = int(request.query.get("offset", 0))
        cookies = [f"Set-Cookie: c{page}x{number}=v; Path=/" for number in range(9)]
        return answer({"data": [{"id": number} for number in range(page, min(page + 2, 60))]}, "200 OK", *cookies)

    with raw_server(handler) as server:
        outcome = read(config(host=server.url, page_size=2), "articles")

    sent = [request.headers.get("cookie", "").count("=") for request in server.requests]
    assert outcome.completed("articles"), outcome.text
    assert sent[1] == 9
    assert max(sent) < 100
