"""Whatever comes over the wire, a read ends as it should: whole, or with an error that is not this connector's; no secret told.

HTTP is made by grammar: statuses, headers, encodings, lengths, answers before the answer, trailers.

`make soak` tries thousands of examples; a finding becomes a test of its own where its subject is tested.
"""

from __future__ import annotations

import base64
import gzip
import logging
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_syfter import context
from testing.disturbed import without_waiting
from testing.fuzzing import costly
from testing.instance import config, oauth
from testing.raw_server import Request, Said, answer, raw_server
from testing.reading import Outcome, check, read

fuzz = costly(steadily=10, part=4)

SECRET = "S3cr3t+Key/abc=def~ghi.JKL-mno_pqr012345"
ROWS = [{"id": key, "updated_at": f"2026-01-01T00:00:{key:02d}.000Z", "name": f"row {key}"} for key in range(1, 6)]
PAGE = orjson.dumps({"data": ROWS, "total": len(ROWS)})


@pytest.fixture(scope="module", autouse=True)
def _soon() -> Iterator[None]:
    """Nothing waits, and a call has a second."""
    logging.disable(logging.CRITICAL)
    with without_waiting(), pytest.MonkeyPatch.context() as patch:
        for policy in ("READ", "CHECK"):
            patch.setattr(context, policy, replace(getattr(context, policy), longest_call=1.0))
        yield
    logging.disable(logging.NOTSET)


# --- the grammar --------------------------------------------------------------------------------------------------------------

TOKENS = st.text(alphabet="abcXYZ-019", min_size=1, max_size=12)
VALUES = st.sampled_from(
    ["", "0", "-1", "a", "gzip", "chunked", "\xff\xfe", "x" * 5000, "text/html", SECRET, "1;2", "utf-16", "/api/articles"]
)
NAMES = st.sampled_from(
    ["Content-Type", "Location", "Retry-After", "X-RateLimit-Reset", "Date", "Link", "Set-Cookie", "Connection"]
)
HEADERS = st.lists(st.tuples(NAMES | TOKENS, VALUES), max_size=4)
STATUSES = st.sampled_from(
    [100, 101, 102, 103, 200, 200, 200, 201, 204, 206, 301, 302, 304, 307, 308, 400, 401, 403, 404, 407, 408]
)
STATUSES |= st.sampled_from([410, 413, 421, 425, 429, 431, 451, 499, 500, 502, 503, 504, 507, 520, 599]) | st.integers(0, 1100)
BODIES = st.one_of(
    st.just(PAGE),
    st.just(PAGE),
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b'{"data":[]}', b'{"data":[{}]}', b'{"data":{}}', b"<html></html>", b'{"data":[[[]]]}']
    ),
    st.sampled_from(
        [b'{"data":[' + b"[" * 3000, b'{"message":"%s"}' % SECRET.encode(), b'{"error":"%s"}' % base64.b64encode(SECRET.encode())]
    ),
    st.integers(0, len(PAGE)).map(lambda size: PAGE[:size]),
    st.tuples(st.integers(0, len(PAGE) - 1), st.integers(0, 255)).map(
        lambda at: PAGE[: at[0]] + bytes([at[1]]) + PAGE[at[0] + 1 :]
    ),
)
ENCODINGS = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
    "gzip, deflate": lambda data: zlib.compress(gzip.compress(data)),
    "x-odd": bytes,
}


@st.composite
def answers(draw: st.DrawFn) -> list[bytes | None]:
    """One answer, in pieces; whole or not."""
    before = b"".join(
        draw(
            st.lists(
                st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]), max_size=2
            )
        )
    )
    status, body = draw(STATUSES), draw(BODIES)
    encoding = draw(st.sampled_from(list(ENCODINGS)))
    sent = ENCODINGS[encoding](body) if draw(st.integers(0, 9)) else body
    lines = [f"HTTP/{draw(st.sampled_from(['1.1', '1.1', '1.1', '1.0', '2', '0.9']))} {status} {draw(TOKENS)}"]
    if encoding:
        lines.append(f"Content-Encoding: {encoding}")
    kind = draw(st.sampled_from(["length", "length", "chunked", "none", "wrong length", "two lengths", "both"]))
    if kind in ("length", "two lengths", "both"):
        lines.append(f"Content-Length: {len(sent)}")
    if kind == "wrong length":
        lines.append(f"Content-Length: {draw(st.integers(-2, 2 * len(sent) + 1))}")
    if kind == "two lengths":
        lines.append(f"Content-Length: {len(sent) + 1}")
    if kind in ("chunked", "both"):
        lines.append("Transfer-Encoding: chunked")
        size = draw(st.integers(1, 400))
        chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
        trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"bad\r\n"]))
        sent = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), draw(st.sampled_from([b"", b";a=b"])), chunk) for chunk in chunks)
        sent += b"0\r\n" + trailers + b"\r\n"
    lines += [f"{name}: {value}" for name, value in draw(HEADERS)]
    whole = before + "\r\n".join([*lines, "", ""]).encode("latin-1") + sent
    cut = draw(st.just(len(whole)) | st.integers(0, len(whole)))
    places = sorted(draw(st.lists(st.integers(0, cut), max_size=3)))
    pieces: list[bytes | None] = [whole[a:b] for a, b in zip([0, *places], [*places, cut], strict=True)]
    # A server that says nothing about the end closes.
    return (
        [*pieces, None]
        if kind in ("none", "wrong length", "two lengths", "both") or cut < len(whole) or draw(st.booleans())
        else pieces
    )


def assert_ended_well(outcome: Outcome) -> None:
    """Whole, or an error in words; no secret."""
    kinds = {error.failure_type.value for error in outcome.errors.values() if error.failure_type}
    assert kinds <= {"config_error", "transient_error"}, outcome.text
    assert outcome.completed("articles") or outcome.errors, outcome.text
    for form in (SECRET, SECRET[:20], base64.b64encode(SECRET.encode()).decode().rstrip("=")):
        assert form not in outcome.text


@fuzz
@given(said=answers(), later=st.booleans(), is_always=st.booleans())
def test_whatever_an_instance_says_a_read_ends(said: list[bytes | None], later: bool, is_always: bool) -> None:
    """`later`: the second page; `is_always`: each time it is asked for."""
    turns = iter([said])

    def handler(request: Request) -> Said:
        if ("offset" in request.query) is later:
            odd = said if is_always else next(turns, None)
            if odd is not None:
                return iter(odd)
        return answer({"data": [] if "offset" in request.query else ROWS, "total": len(ROWS)})

    given_config = config(credentials={"auth_type": "api_key", "api_key": SECRET})
    with raw_server(handler) as server:
        outcome = read({**given_config, "host": server.url}, "articles")

    assert_ended_well(outcome)
    if outcome.completed("articles") and not is_always:
        assert {row["id"] for row in ROWS} <= {*outcome.ids("articles")} or not later, "no record is lost in silence"


@fuzz
@given(said=answers())
def test_whatever_an_instance_says_a_check_answers(said: list[bytes | None]) -> None:
    with raw_server(lambda request: iter(said)) as server:
        _, message = check(config(host=server.url, credentials={"auth_type": "api_key", "api_key": SECRET}), "articles")

    assert SECRET not in message
    assert "Traceback" not in message


@fuzz
@given(said=answers(), token=st.sampled_from([SECRET, "t", "a b", "ä", "x\ny", "1e5", None, 5, [SECRET]]), is_odd=st.booleans())
def test_whatever_a_token_url_says_a_read_ends(said: list[bytes | None], token: Any, is_odd: bool) -> None:
    def handler(request: Request) -> Said:
        if request.path == "/token":
            return iter(said) if is_odd else answer({"access_token": token, "expires_in": 60})
        return answer({"data": [] if "offset" in request.query else ROWS, "total": len(ROWS)})

    with raw_server(handler) as server:
        given_config = config(host=server.url, credentials=oauth(token_url=f"{server.url}/token", client_secret=SECRET))
        assert_ended_well(read(given_config, "articles"))
