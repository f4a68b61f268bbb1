"""The HTTP face of the instance: FastAPI routes over a dataset, plus the sandbox's own controls."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from sandbox.auth import TOKEN_PATH
from sandbox.data import Json
from sandbox.dataset import FixedView, View
from sandbox.fault_registry import Fault
from sandbox.faults import retime
from sandbox.models import COLLECTIONS
from sandbox.openapi import describe, list_operation
from sandbox.state import Call, RecordedRequest, State, Window
from sandbox.variants import Variant
from sandbox.wire import FaultMiddleware

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_GZIP_FROM = 1000  # bytes; below that it costs more than it saves


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


def create_app(state: State) -> FastAPI:
    """The app for one instance."""
    # no pages for people: they load their scripts from elsewhere
    app = FastAPI(title="Syfter sandbox", docs_url=None, redoc_url=None)
    app.add_middleware(FaultMiddleware, state=state)
    app.add_exception_handler(RefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    for collection in COLLECTIONS:
        operation = list_operation(collection, state.variant)
        app.add_api_route(
            state.variant.path(collection), _list_route(state, collection), methods=[state.variant.method], **operation
        )
    _add_token_route(app, state)
    _add_controls(app, state)
    describe(app, state.variant)
    return app


def add_collection(app: FastAPI, state: State, name: str, path: str, primary_key: str) -> None:
    """Serve one more collection of the dataset, by the same conventions. It is not in the OpenAPI document."""
    address = state.variant.path(path)
    state.collections[address] = name
    app.add_api_route(address, _list_route(state, name, primary_key), methods=[state.variant.method], include_in_schema=False)


def _list_route(state: State, collection: str, key: str = "id") -> Callable[[Request], Any]:
    variant, dataset, write = state.variant, state.dataset, state.variant.writer(collection)

    async def list_records(request: Request) -> Response:
        entry: RecordedRequest = request.scope["sandbox.request"]
        calls: list[Call] = request.scope["sandbox.calls"]
        limits = state.limiter.headers() if state.limiter else {}
        if variant.method == "POST":
            entry.query |= _parameters_in(await request.body())
        _admit(state, collection, entry, limits)
        window = _window(variant, entry.query)
        for call in calls:
            retime(call, window)
            if call.fault.kind.place == "window":
                call.fault.kind.act(call, window)
        with dataset.lock:
            view = dataset.view(collection, window.since)
            records, more = _cut(variant, view, window)
        if not records and window.offset and (end := _beyond(variant, collection, window, view.total)):
            return end
        token = base64.urlsafe_b64encode(orjson.dumps(records[-1][key])).decode() if more else None
        following = _address(variant, request, entry.query, token) if variant.paging == "next_url" else token
        limits |= _told_in_headers(variant, view.total, following)
        for call in calls:
            if call.fault.kind.place == "records":
                records = call.fault.kind.act(call, records)
        if write:
            records = [write(record) for record in records]
        content = orjson.dumps(variant.envelope(records, view.total, following, collection))
        for call in calls:
            if call.fault.kind.place == "body":
                response: Response = call.fault.kind.act(call, content)
                return response
        return _json(content, headers=limits, accept=entry.headers.get("accept-encoding", ""))

    return list_records


def _admit(state: State, collection: str, request: RecordedRequest, limits: dict[str, str]) -> None:
    """Refuse a list request that may not be answered."""
    variant = state.variant
    if limits.get("X-RateLimit-Remaining") == "-1":
        raise RefusedError(429, "Too many requests.", {**limits, "X-RateLimit-Remaining": "0", "Retry-After": "1"})
    for name, value in variant.headers:
        if request.headers.get(name.lower()) != value:
            raise RefusedError(401, f"The header {name} is missing or wrong.")
    if not state.auth.allows(request.headers, request.query):
        raise RefusedError(401, "The API key, token or password is wrong or has expired.")
    if collection in state.removed:
        raise RefusedError(404, f"Not found: {request.path}")
    if collection in state.denied:
        raise RefusedError(403, f"You have no permission to read {collection}.")
    if variant.strict and (unknown := sorted(set(request.query) - variant.parameters())):
        raise RefusedError(400, f"Unknown query parameter: {', '.join(unknown)}")


def _cut(variant: Variant, view: View | FixedView, window: Window) -> tuple[list[Json], bool]:
    """The records of a window, and whether a cursor leads on from there."""
    total = view.total
    try:
        if window.after is None:
            offset = window.offset
        else:
            offset = total - view.before(window.after) if variant.newest_first else view.through(window.after)
    except TypeError:  # a token that holds another kind of key
        raise RefusedError(400, f"{variant.cursor_parameter} is not a cursor of this collection") from None
    if (variant.clamps_offset or variant.end_of_list == "repeated") and offset >= total:
        offset = max(0, (total - 1) // window.limit * window.limit)
    if variant.newest_first:
        end = max(0, total - offset)
        records = view.page(max(0, end - window.limit), min(window.limit, end))[::-1]
    else:
        records = view.page(offset, window.limit)
    return records, variant.paging in ("cursor", "next_url") and 0 < offset + len(records) < total


def _beyond(variant: Variant, collection: str, window: Window, total: int) -> Response | None:
    """What an instance answers beyond the end that does not give an empty page there."""
    if variant.end_of_list == "short" and total > window.limit and total % window.limit:
        raise RefusedError(400, "The page before was the last.")
    if variant.end_of_list != "not_found":
        return None
    if variant.missing_as == "body":
        return _json(variant.envelope(None, 0, None, collection))
    if variant.missing_as == "204":
        return Response(status_code=204)
    raise RefusedError(404, "There is no such page.")


def _parameters_in(body: bytes) -> dict[str, str]:
    """The parameters in a JSON body; numbers have to be numbers."""
    try:
        found = orjson.loads(body or b"{}")
    except ValueError:
        raise RefusedError(400, "The body is not JSON.") from None
    for name, value in found.items():
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            raise RefusedError(422, f"{name} must be a number, not a text")
    return {name: str(value) for name, value in found.items()}


def _address(variant: Variant, request: Request, query: dict[str, str], token: str | None) -> str | None:
    """The address of the next page."""
    if token is None:
        return None
    # A key in the address is not repeated: that would be careless.
    kept = {name: value for name, value in query.items() if name != variant.api_key_parameter}
    following = urlencode({**kept, variant.cursor_parameter: token})
    start = {"whole": str(request.url).partition("?")[0], "root": request.url.path, "query": ""}[variant.next_url_form]
    return f"{start}?{following}"


def _told_in_headers(variant: Variant, total: int, following: str | None) -> dict[str, str]:
    told = {variant.total_path: str(total)} if variant.total_in_header else {}
    if following and variant.paging == "next_url" and variant.next_url_path == "Link":
        told["Link"] = f'<{following}>; rel="next", <{following}>; rel="other"'
    if following and variant.paging == "cursor" and variant.cursor_path.startswith("X-"):
        told[variant.cursor_path] = following
    return told


def _window(variant: Variant, query: dict[str, str]) -> Window:
    """What a list request asks for."""
    limit = _limit(variant, query)
    after = None
    offset = 0
    if variant.paging == "offset":
        offset = _integer(query, variant.offset_parameter, 0)
    elif variant.paging == "page":
        offset = (_integer(query, variant.page_parameter, variant.first_page) - variant.first_page) * limit
    elif variant.paging in ("cursor", "next_url") and (token := query.get(variant.cursor_parameter)):
        try:
            after = orjson.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise RefusedError(400, f"{variant.cursor_parameter} is not a cursor of this server") from None
    elif variant.paging == "last_record" and (token := query.get(variant.cursor_parameter)):
        after = int(token) if token.isdecimal() else token
    if offset < 0:
        raise RefusedError(
            400, f"{variant.offset_parameter if variant.paging == 'offset' else variant.page_parameter} is too small"
        )
    if variant.ignores_offset:
        offset, after = 0, None
    since = None
    text = query.get(variant.updated_since_parameter) if variant.updated_since_parameter else None
    if text is not None and not variant.ignores_updated_since:
        try:
            since = variant.since(text)
        except ValueError:
            raise RefusedError(400, f"{variant.updated_since_parameter} is not a timestamp: {text}") from None
    return Window(limit, offset, after, since)


def _limit(variant: Variant, query: dict[str, str]) -> int:
    if variant.paging == "none" or variant.ignores_limit:
        return 2**62
    if variant.fixed_page:
        return variant.fixed_page
    largest = variant.page_cap or MAX_LIMIT
    limit = _integer(query, variant.limit_parameter, DEFAULT_LIMIT)
    if limit < 1 or (limit > largest and not variant.page_cap):
        raise RefusedError(400, f"{variant.limit_parameter} must be between 1 and {largest}, not {limit}")
    return min(limit, largest)


def _integer(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,100}", text):
        raise RefusedError(400, f"{name} must be a whole number, not {text!r}")
    return int(text)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None, accept: str = "") -> Response:
    """A JSON response (of an object, or of bytes that are JSON), compressed at the cheapest level if that is accepted."""
    if not isinstance(content, bytes):
        content = orjson.dumps(content)
    headers = dict(headers or {})
    if "gzip" in accept and len(content) >= _GZIP_FROM:
        # no time in the gzip header: the same request gets the same bytes
        content = gzip.compress(content, 1, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, status, headers, "application/json")


async def _refuse(request: Request, error: Any) -> Response:
    if isinstance(error, HTTPException):  # of the framework: unknown path, wrong method
        message = f"Not found: {request.url.path}" if error.status_code == 404 else error.detail
        return _json({"message": message}, error.status_code, dict(error.headers or {}))
    return _json({"message": str(error)}, error.status, error.headers)


def _add_token_route(app: FastAPI, state: State) -> None:
    @app.post(TOKEN_PATH, tags=["oauth"], operation_id="create_token", include_in_schema=False)
    async def token(request: Request) -> Response:
        """Issue an access token for client credentials."""
        status, answer = state.auth.issue(await request.body())
        return _json(answer, status)


def _add_controls(app: FastAPI, state: State) -> None:
    @app.post("/sandbox/day", include_in_schema=False)
    async def day() -> Any:
        """Apply a day's worth of changes."""
        counts = state.dataset.apply_day()
        return {"day": state.dataset.day, "changes": counts}

    @app.post("/sandbox/reset", include_in_schema=False)
    async def reset() -> Any:
        """Take all changes back and forget requests."""
        state.dataset.reset()
        state.requests.clear()
        state.served.clear()
        return {"day": 0}

    @app.get("/sandbox/faults", include_in_schema=False)
    async def faults() -> Any:
        """The faults that are switched on, and how often they struck."""
        return [dataclasses.asdict(fault) for fault in state.faults.faults]

    @app.post("/sandbox/faults", include_in_schema=False)
    async def add_fault(request: Request) -> Any:
        """Switch a fault on: a JSON object with `name`, perhaps `collection`, `first`, `last`, `seconds`, `size`, `location`."""
        try:
            return dataclasses.asdict(state.faults.add(Fault(**orjson.loads(await request.body()))))
        except (TypeError, ValueError) as error:
            raise RefusedError(400, str(error)) from None

    @app.delete("/sandbox/faults", include_in_schema=False)
    async def clear_faults() -> Any:
        """Switch all faults off."""
        state.faults.clear()
        return []

    @app.get("/sandbox/status", include_in_schema=False)
    async def status() -> Any:
        """Rows per collection, requests served, day."""
        dataset = state.dataset
        return {
            "conventions": state.variant.name,
            "day": dataset.day,
            "rows": {collection: dataset.view(collection).total for collection in COLLECTIONS},
            "requests": dict(state.served),
            "tokens_issued": state.auth.tokens_issued,
        }
