"""What can go wrong on demand: each fault by name, for one collection or all, for a range of requests.

A fault works at one of five places, in the order of a request's life:

- `before`: something else happens first (tokens expire, data changes)
- `answer`: another response instead of the list
- `window`: the server misunderstands limit, offset or `updated_since`
- `records`: the records are not what they should be
- `body`: the body is not what it should be

The sixth place, the connection itself, has a module of its own: `wire.py`.
"""

from __future__ import annotations

import base64
import gzip
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from starlette.responses import HTMLResponse, JSONResponse, Response

from sandbox.data import BASE_END, Json
from sandbox.fault_registry import kind
from sandbox.state import Call, Window
from sandbox.timestamps import SECOND, iso, parse

_ONE_TIME = "2026-06-15T12:00:00.000Z"
_LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in to Syfter</form></body></html>"


# -- before: (call) -> None ---------------------------------------------------------------------------------------------


@kind("expired-token", "all OAuth tokens issued so far expire just before the request", "before")
def _expired_token(call: Call) -> None:
    call.state.auth.expire_tokens()


def _now() -> str:
    """Wall clock, unlike everything else in the sandbox: a change during a read has to be dated after the read began."""
    return iso(int(time.time() * SECOND))


@kind("create-between-pages", "a record is created, dated now, just before the request", "before")
def _create(call: Call) -> None:
    call.state.dataset.upsert(call.collection, {"updated_at": _now(), "created_at": _now()})


@kind("update-between-pages", "a record already given and one still to come change, dated now, just before the request", "before")
def _update(call: Call) -> None:
    with call.state.dataset.lock:
        view = call.state.dataset.view(call.collection)
        rows = [*view.page(0, 1), *view.page(max(0, view.total - 1), 1)]
        for row in rows:
            call.state.dataset.upsert(call.collection, {"id": row["id"], "updated_at": _now()})


@kind("delete-between-pages", "the first record is deleted just before the request, so the rest moves up", "before")
def _delete(call: Call) -> None:
    with call.state.dataset.lock:
        for row in call.state.dataset.view(call.collection).page(0, 1):
            call.state.dataset.delete(call.collection, row["id"])


@kind("churn", "a few random records change and one is created, dated now, before each request", "before")
def _churn(call: Call) -> None:
    rng = random.Random(f"{call.state.dataset.seed}:{call.fault.size}:{call.request.number}")
    with call.state.dataset.lock:
        view = call.state.dataset.view(call.collection)
        rows = [view.page(rng.randrange(view.total), 1)[0] for _ in range(rng.randrange(4)) if view.total]
        for row in rows:
            call.state.dataset.upsert(call.collection, {"id": row["id"], "updated_at": _now()})
        call.state.dataset.upsert(call.collection, {"updated_at": _now(), "created_at": _now()})


# -- answer: (call) -> Response -----------------------------------------------------------------------------------------

_STATUSES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    408: "Request timeout",
    410: "Gone",
    422: "Unprocessable",
    500: "Internal server error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


def _status_kind(status: int, words: str) -> None:
    @kind(f"http-{status}", f"{status} {words.lower()}" + (", as a proxy's HTML page" if status in (502, 504) else ""), "answer")
    def act(call: Call) -> Response:
        if status in (502, 504):
            return HTMLResponse(f"<html><body><h1>{status} {words}</h1></body></html>", status)
        return JSONResponse({"message": f"{words} (on demand)"}, status)


for _status, _text in _STATUSES.items():
    _status_kind(_status, _text)


@kind("http-204", "204 without a body", "answer")
def _no_content(call: Call) -> Response:
    return Response(status_code=204)


_WAITS: dict[str, tuple[int, str, float, Callable[[float], dict[str, str]]]] = {
    # name: status, what it says, default seconds, headers
    "429-seconds": (429, "Retry-After in seconds", 1, lambda s: {"Retry-After": f"{s:.0f}"}),
    "429-date": (429, "Retry-After as an HTTP date", 2, lambda s: {"Retry-After": _http_date(s)}),
    "429-past-date": (429, "Retry-After as a date gone by", -3600, lambda s: {"Retry-After": _http_date(s)}),
    "429-reset-seconds": (429, "X-RateLimit-Reset in seconds", 1, lambda s: {"X-RateLimit-Reset": f"{s:.0f}"}),
    "429-reset-epoch": (429, "X-RateLimit-Reset as epoch seconds", 2, lambda s: {"X-RateLimit-Reset": f"{time.time() + s:.0f}"}),
    "429-reset-standard": (429, "RateLimit-Reset in seconds", 1, lambda s: {"RateLimit-Reset": f"{s:.0f}"}),
    "429-bare": (429, "no header that says how long", 0, lambda s: {}),
    "429-zero": (429, "Retry-After: 0", 0, lambda s: {"Retry-After": "0"}),
    "429-negative": (429, "Retry-After: -5", 0, lambda s: {"Retry-After": "-5"}),
    "429-unreadable": (429, "Retry-After: soon", 0, lambda s: {"Retry-After": "soon"}),
    "429-hour": (429, "Retry-After: 3600", 3600, lambda s: {"Retry-After": f"{s:.0f}"}),
    "503-retry-after": (503, "Retry-After in seconds", 1, lambda s: {"Retry-After": f"{s:.0f}"}),
}


def _http_date(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


def _wait_kind(name: str, status: int, says: str, default: float, headers: Callable[[float], dict[str, str]]) -> None:
    @kind(name, f"{status} with {says}", "answer")
    def act(call: Call) -> Response:
        seconds = default if call.fault.seconds is None else call.fault.seconds
        return JSONResponse({"message": "Too many requests (on demand)"}, status, headers(seconds))


for _name, _row in _WAITS.items():
    _wait_kind(_name, *_row)


@kind("redirect", "302 to the same address: once is followed, for ever is a loop", "answer")
def _redirect(call: Call) -> Response:
    query = "&".join(f"{quote(name)}={quote(value)}" for name, value in call.request.query.items())
    return Response(status_code=302, headers={"Location": call.fault.location or f"{call.request.path}?{query}"})


@kind("redirect-host", "302 to another host", "answer")
def _redirect_host(call: Call) -> Response:
    return Response(status_code=302, headers={"Location": call.fault.location or f"http://127.0.0.2:9{call.request.path}"})


@kind("html-200", "200 with a login page", "answer")
def _html(call: Call) -> Response:
    return HTMLResponse(_LOGIN_PAGE)


@kind("text-200", "200 with plain text", "answer")
def _text_200(call: Call) -> Response:
    return Response("OK", media_type="text/plain")


@kind("empty-body", "200 with nothing in it", "answer")
def _empty(call: Call) -> Response:
    return Response(media_type="application/json")


def _json_kind(name: str, summary: str, body: Any, status: int = 200) -> None:
    @kind(name, summary, "answer")
    def act(call: Call) -> Response:
        return JSONResponse(body, status)


_json_kind("error-200", "200 with an error message for a body", {"message": "Something went wrong (on demand)"})
_json_kind("null-200", "200 with the JSON value null", None)
_json_kind("null-records", "`data` is null", {"data": None, "total": 1})
_json_kind("object-records", "`data` is one object, not an array", {"data": {"id": 1}, "total": 1})
_json_kind("other-envelope", "the records are under another key", {"rows": [{"id": 1}], "count": 1})
_json_kind("scalar-records", "the records are numbers, not objects", {"data": [1, 2, 3], "total": 3})
_json_kind("message-in-error", "400 with its reason in `error`", {"error": "Reason in error"}, 400)
_json_kind("message-in-detail", "400 with its reason in `detail`", {"detail": "Reason in detail"}, 400)
_json_kind("message-in-errors", "400 with its reason in `errors[].message`", {"errors": [{"message": "Reason in errors"}]}, 400)


@kind("message-in-text", "400 with its reason as plain text", "answer")
def _message_in_text(call: Call) -> Response:
    return Response("Reason in text", 400, media_type="text/plain")


@kind("echo-secrets", "400 whose message repeats the request's headers, plain, URL-encoded and in base64", "answer")
def _echo(call: Call) -> Response:
    secrets = list(call.request.headers.values())
    forms = [form for text in secrets for form in (text, quote(text, safe=""), base64.b64encode(text.encode("latin-1")).decode())]
    return JSONResponse({"message": f"Bad request: {forms}"}, 400)


# -- window: (call, window) -> None -------------------------------------------------------------------------------------


@kind("ignore-offset", "gives the first page, whatever was asked for", "window")
def _ignore_offset(call: Call, window: Window) -> None:
    window.offset, window.after = 0, None


@kind("ignore-limit", "gives everything from the offset on", "window")
def _ignore_limit(call: Call, window: Window) -> None:
    window.limit = 2**62


@kind("ignore-updated-since", "filters nothing", "window")
def _ignore_since(call: Call, window: Window) -> None:
    window.since = None


@kind("duplicate-page", "gives the page before again", "window")
def _duplicate(call: Call, window: Window) -> None:
    window.offset = max(0, window.offset - window.limit)


@kind("overlapping-pages", "a page begins with the last five records of the page before", "window")
def _overlap(call: Call, window: Window) -> None:
    window.offset = max(0, window.offset - 5)


@kind("short-page", "gives half a page, though there is more", "window")
def _short(call: Call, window: Window) -> None:
    window.limit = max(1, window.limit // 2)


# -- records: (call, records) -> records --------------------------------------------------------------------------------


@kind("unordered", "the records of a page are shuffled", "records")
def _unordered(call: Call, records: list[Json]) -> list[Json]:
    return random.Random(call.request.number).sample(records, len(records))


def _third(records: list[Json], change: Callable[[Json], Json]) -> list[Json]:
    # By its key, so that a record is the same on each page.
    return [change(record) if record["id"] % 3 == 1 else record for record in records]


@kind("null-cursor", "`updated_at` is null on every third record", "records")
def _null_cursor(call: Call, records: list[Json]) -> list[Json]:
    return _third(records, lambda record: {**record, "updated_at": None})


@kind("missing-cursor", "`updated_at` is missing on every third record", "records")
def _missing_cursor(call: Call, records: list[Json]) -> list[Json]:
    return _third(records, lambda record: {name: value for name, value in record.items() if name != "updated_at"})


@kind("malformed-cursor", "`updated_at` is no timestamp on every third record", "records")
def _malformed_cursor(call: Call, records: list[Json]) -> list[Json]:
    return _third(records, lambda record: {**record, "updated_at": "last Tuesday"})


@kind("future-cursor", "`updated_at` lies in the year 2999 on every third record", "records")
def _future_cursor(call: Call, records: list[Json]) -> list[Json]:
    return _third(records, lambda record: {**record, "updated_at": "2999-01-01T00:00:00.000Z"})


@kind("missing-id", "`id` is missing on every third record", "records")
def _missing_id(call: Call, records: list[Json]) -> list[Json]:
    return _third(records, lambda record: {name: value for name, value in record.items() if name != "id"})


# These faults change what the times are. They act on the question (`updated_since`) and on the answer, so they have two halves.


def _shift(call: Call) -> int:
    """By how much the clock of the server is wrong: its newest base record lies this far ahead of, or behind, now."""
    hour = SECOND * (3600 if call.fault.seconds is None else call.fault.seconds)
    return int(time.time() * SECOND + (hour if call.fault.name == "clock-ahead" else -hour)) - BASE_END


@kind("clock-ahead", "the server's clock is an hour fast: its newest records are dated in the future", "records")
@kind("clock-behind", "the server's clock is an hour slow: its newest records are dated an hour ago", "records")
def _clock(call: Call, records: list[Json]) -> list[Json]:
    shift = _shift(call)
    moved = ("created_at", "updated_at", "published_at")
    return [
        {name: iso(parse(value) + shift) if name in moved and value else value for name, value in record.items()}
        for record in records
    ]


@kind("one-timestamp", "all records were updated in the same millisecond", "records")
def _one_timestamp(call: Call, records: list[Json]) -> list[Json]:
    return [{**record, "updated_at": _ONE_TIME} for record in records]


def retime(call: Call, window: Window) -> None:
    """The half that translates `updated_since` for the faults that change times."""
    if window.since is None:
        return
    if call.fault.name in ("clock-ahead", "clock-behind"):
        window.since -= _shift(call)
    elif call.fault.name == "one-timestamp":
        window.since = None if window.since <= parse(_ONE_TIME) else 2**62


# -- body: (call, bytes) -> Response ------------------------------------------------------------------------------------


def _response(content: bytes, **headers: str) -> Response:
    return Response(content, headers=headers, media_type="application/json")


@kind("truncated-json", "a complete response whose JSON stops in the middle", "body")
def _truncated_json(call: Call, content: bytes) -> Response:
    return _response(content[: len(content) // 2])


@kind("invalid-json", "JSON with a syntax error", "body")
def _invalid_json(call: Call, content: bytes) -> Response:
    return _response(content.replace(b'"id":', b'"id":,', 1))


@kind("nan", "JSON with NaN for a value", "body")
def _nan(call: Call, content: bytes) -> Response:
    return _response(content.replace(b"[{", b'[{"extra":NaN,', 1))


@kind("invalid-utf8", "JSON with a byte that is not UTF-8", "body")
def _invalid_utf8(call: Call, content: bytes) -> Response:
    return _response(content.replace(b"[{", b'[{"extra":"\xff",', 1))


@kind("byte-order-mark", "a byte order mark before the JSON", "body")
def _bom(call: Call, content: bytes) -> Response:
    return _response(b"\xef\xbb\xbf" + content)


@kind("deep-nesting", "a record with 100,000 nested arrays", "body")
def _deep(call: Call, content: bytes) -> Response:
    depth = call.fault.size or 100_000
    return _response(b'{"data":[{"id":1,"extra":' + b"[" * depth + b"]" * depth + b'}],"total":1}')


@kind("gzip", "compressed though nobody asked", "body")
def _gzip(call: Call, content: bytes) -> Response:
    return _response(gzip.compress(content, 1, mtime=0), **{"Content-Encoding": "gzip"})


@kind("not-gzip", "says that it is compressed, and is not", "body")
def _not_gzip(call: Call, content: bytes) -> Response:
    return _response(content, **{"Content-Encoding": "gzip"})


@kind("gzip-bomb", "a small compressed body that unpacks to 256 MiB", "body")
def _gzip_bomb(call: Call, content: bytes) -> Response:
    # gzip members may follow one another: so the filling is compressed once only
    filling = gzip.compress(b" " * 2**20) * ((call.fault.size or 2**28) // 2**20)
    return _response(gzip.compress(b'{"data":[') + filling + gzip.compress(b"]}"), **{"Content-Encoding": "gzip"})
