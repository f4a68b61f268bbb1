"""The HTTP face of the instance: FastAPI routes over a dataset, plus the sandbox's own controls."""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
from collections import Counter, deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from threading import Event, RLock
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from sandbox.auth import TOKEN_PATH, Auth
from sandbox.dataset import Dataset
from sandbox.models import COLLECTIONS
from sandbox.openapi import describe, list_operation
from sandbox.variants import Variant

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_GZIP_FROM = 1000  # bytes; below that it costs more than it saves


@dataclass
class Recorded:
    """A request that the instance received."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    collection: str | None
    """The collection asked for, or None (token requests, unknown paths, the sandbox's controls)."""
    number: int
    """Which request for this collection it is, from 1."""
    status: int | None = None
    """Status answered; None while it runs, and if the connection was cut before one was sent."""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class State:
    """Everything the app knows: shared by the routes and by whoever runs the instance."""

    dataset: Dataset
    variant: Variant
    auth: Auth
    latency: float = 0.0
    keep_requests: int | None = None
    denied: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    hooks: list[Callable[[Recorded], None]] = field(default_factory=list)
    stopping: Event = field(default_factory=Event)
    lock: RLock = field(default_factory=RLock)
    requests: deque[Recorded] = field(init=False)
    served: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.requests = deque(maxlen=self.keep_requests)
        self.collections = {self.variant.path(collection): collection for collection in COLLECTIONS}

    def record(self, method: str, path: str, query: str, headers: dict[str, str]) -> Recorded:
        """Note a request."""
        collection = self.collections.get(path)
        with self.lock:
            self.served[collection or path] += 1
            entry = Recorded(
                method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, collection, self.served[collection or path]
            )
            self.requests.append(entry)
        return entry


def create_app(state: State) -> FastAPI:
    """The app for one instance."""
    # no pages for people: they load their scripts from elsewhere
    app = FastAPI(title="Syfter sandbox", docs_url=None, redoc_url=None)
    app.add_middleware(_Recorder, state=state)
    app.add_exception_handler(RefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    for collection in COLLECTIONS:
        operation = list_operation(collection, state.variant)
        app.add_api_route(state.variant.path(collection), _lister(state, collection), methods=["GET"], **operation)
    _add_token_route(app, state)
    _add_controls(app, state)
    describe(app, state.variant)
    return app


def _lister(state: State, collection: str) -> Callable[[Request], Any]:
    variant, dataset, write = state.variant, state.dataset, state.variant.writer()

    async def list_records(request: Request) -> Response:
        entry: Recorded = request.scope["sandbox.request"]
        for hook in list(state.hooks):
            hook(entry)
        if not state.auth.allows(entry.headers):
            raise RefusedError(401, "The API key, token or password is wrong or has expired.")
        if collection in state.removed:
            raise RefusedError(404, f"Not found: {entry.path}")
        if collection in state.denied:
            raise RefusedError(403, f"You have no permission to read {collection}.")
        if variant.strict and (unknown := sorted(set(entry.query) - variant.parameters())):
            raise RefusedError(400, f"Unknown query parameter: {', '.join(unknown)}")
        limit, offset, after, since = _window(variant, entry.query)
        with dataset.lock:
            view = dataset.view(collection, since)
            if after is not None:
                offset = view.before(after + 1)
            if variant.clamps_offset and offset >= view.total:
                offset = max(0, (view.total - 1) // limit * limit)
            total = view.total
            if variant.newest_first:
                end = max(0, total - offset)
                records = view.page(max(0, end - limit), min(limit, end))[::-1]
            else:
                records = view.page(offset, limit)
        cursor = None
        if variant.paging == "cursor" and offset + len(records) < total:
            cursor = base64.urlsafe_b64encode(b"after:%d" % records[-1]["id"]).decode()
        if write:
            records = [write(record) for record in records]
        return _json(variant.envelope(records, total, cursor), headers=entry.headers)

    return list_records


def _window(variant: Variant, query: dict[str, str]) -> tuple[int, int, int | None, int | None]:
    """What a list request asks for: limit, offset, the id to go on after, milliseconds to go back to."""
    limit = _limit(variant, query)
    after = None
    offset = 0
    if variant.paging == "offset":
        offset = _integer(query, variant.offset_parameter, 0)
    elif variant.paging == "page":
        offset = (_integer(query, variant.page_parameter, variant.first_page) - variant.first_page) * limit
    elif variant.paging == "cursor" and (token := query.get(variant.cursor_parameter)):
        try:
            after = int(base64.urlsafe_b64decode(token).removeprefix(b"after:"))
        except (ValueError, binascii.Error):
            raise RefusedError(400, f"{variant.cursor_parameter} is not a cursor of this server") from None
    if offset < 0:
        raise RefusedError(
            400, f"{variant.offset_parameter if variant.paging == 'offset' else variant.page_parameter} is too small"
        )
    if variant.ignores_offset:
        offset, after = 0, None
    since = None
    text = query.get(variant.updated_since_parameter) if variant.updated_since_parameter else None
    if text and not variant.ignores_updated_since:
        try:
            since = variant.since(text)
        except ValueError:
            raise RefusedError(400, f"{variant.updated_since_parameter} is not a timestamp: {text}") from None
    return limit, offset, after, since


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
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 18:
        raise RefusedError(400, f"{name} must be a whole number, not {text!r}")
    return int(text)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, compressed at the cheapest level if the request's headers ask for it."""
    content = orjson.dumps(body)
    if headers and len(content) >= _GZIP_FROM and "gzip" in headers.get("accept-encoding", ""):
        # no time in the gzip header: the same request gets the same bytes
        content = gzip.compress(content, 1, mtime=0)
        return Response(content, status, {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}, "application/json")
    return Response(content, status, media_type="application/json")


async def _refuse(request: Request, error: Any) -> Response:
    if isinstance(error, HTTPException):  # of the framework: unknown path, wrong method
        message = f"Not found: {request.url.path}" if error.status_code == 404 else error.detail
        return _json({"message": message}, error.status_code)
    return _json({"message": str(error)}, error.status)


def _add_token_route(app: FastAPI, state: State) -> None:
    @app.post(TOKEN_PATH, tags=["oauth"], operation_id="create_token", include_in_schema=False)
    async def token(request: Request) -> Response:
        """Issue an access token for client credentials."""
        status, answer = state.auth.issue(await request.body())
        return _json(answer, status)


def _add_controls(app: FastAPI, state: State) -> None:
    @app.post("/sandbox/day", tags=["sandbox"])
    async def day() -> Any:
        """Apply a day's worth of changes."""
        counts = state.dataset.apply_day()
        return {"day": state.dataset.day, "changes": counts}

    @app.post("/sandbox/reset", tags=["sandbox"])
    async def reset() -> Any:
        """Take all changes back and forget requests."""
        state.dataset.reset()
        state.requests.clear()
        state.served.clear()
        return {"day": 0}

    @app.get("/sandbox/status", tags=["sandbox"])
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


Scope = MutableMapping[str, Any]


class _Recorder:
    """Notes each request with the status it got, and makes it wait for the latency asked for."""

    def __init__(self, app: Any, state: State) -> None:
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        entry = self.state.record(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)
        scope["sandbox.request"] = entry
        if self.state.latency:
            await asyncio.sleep(self.state.latency)

        async def noting(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
            await send(message)

        await self.app(scope, receive, noting)
