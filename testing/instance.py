"""A Syfter instance without a socket, for requests-mock: it follows the contract unless told otherwise."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
import requests
import requests_mock

from testing.reading import STREAMS, Json

HOST = "https://syfter.test"
KEY = "sk-unit-7f3a9c"
TOKEN_URL = "https://login.test/oauth2/token"


@dataclass(frozen=True)
class Asked:
    """One request: the `number`th for its `stream`."""

    stream: str
    number: int
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Answer:
    """What to answer: `body` is bytes, text, or anything else as JSON."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)


Reaction = Answer | Exception | Callable[[Asked], "Answer | Exception | None"] | None


class _Adapter(requests_mock.Adapter):
    """Hands the request itself back with the response, as a real adapter does, not requests-mock's proxy of it."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        response: requests.Response = super().send(request, **options)
        response.request = request
        return response


class Instance:
    """Holds `records` by stream and answers list requests; counts what it is asked."""

    def __init__(self, records: Mapping[str, Iterable[Json]] | None = None) -> None:
        given = records or {name: some(3) for name in STREAMS}
        self.records: dict[str, list[Json]] = {name: list(rows) for name, rows in given.items()}
        self.asked: list[Asked] = []
        self.date: str | None = None
        self.cap = 1000
        self._turns: dict[str, list[Reaction]] = defaultdict(list)
        self._always: dict[str, Reaction] = {}
        self._count: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.adapter = _Adapter()
        self.adapter.register_uri(requests_mock.ANY, requests_mock.ANY, content=self._respond)

    def answers(self, stream: str, *reactions: Reaction) -> None:
        """Answers the next requests for `stream` with `reactions`, one each; None: as usual."""
        self._turns[stream] += reactions

    def always_answers(self, stream: str | None, reaction: Reaction) -> None:
        """Answers each request for `stream` (None: for every stream) with `reaction`; a function may return None: as usual."""
        self._always[stream or "*"] = reaction

    def forget(self) -> None:
        """Takes back what `answers` and `always_answers` said."""
        self._turns.clear()
        self._always.clear()

    def queries(self, stream: str) -> list[Mapping[str, str]]:
        """The query parameters of each request for `stream`."""
        return [asked.query for asked in self.asked if asked.stream == stream]

    def page(self, asked: Asked) -> Answer:
        """What a server that follows the contract answers."""
        since, offset = asked.query.get("updated_since", ""), int(asked.query.get("offset", 0))
        # A record without a date is left out by a filter, as in SQL.
        found = [row for row in self.records.get(asked.stream, []) if not since or str(row.get("updated_at") or "") >= since]
        size = min(int(asked.query.get("limit", 1000)), self.cap)
        return Answer({"data": found[offset : offset + size], "total": len(found)})

    def _respond(self, proxy: Any, context: Any) -> bytes:
        request: requests.PreparedRequest = proxy._request
        asked = self._note(request)
        reaction = self._reaction(asked)
        if isinstance(reaction, Exception):
            if isinstance(reaction, requests.RequestException):
                reaction.request = request
            raise reaction
        context.status_code = reaction.status
        dated = {"Date": self.date} if self.date else {}
        length = {"Content-Length": str(len(reaction.content))}
        context.headers.update({"Content-Type": "application/json", **length, **dated, **reaction.headers})
        return reaction.content

    def _note(self, request: requests.PreparedRequest) -> Asked:
        parts = urlsplit(request.url or "")
        stream = parts.path.rpartition("/")[2].replace("-", "_")
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        form = dict(parse_qsl(request.body)) if isinstance(request.body, str) else {}
        with self._lock:
            self._count[stream] += 1
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked = Asked(stream, self._count[stream], request.url or "", query, dict(request.headers), form, body)
            self.asked.append(asked)
        return asked

    def _reaction(self, asked: Asked) -> Answer | Exception:
        with self._lock:
            turns = self._turns[asked.stream]
            reaction = turns.pop(0) if turns else self._always.get(asked.stream, self._always.get("*"))
        if callable(reaction):
            reaction = reaction(asked)
        if reaction is None:
            return self.token(asked) if asked.stream == "token" else self.page(asked)
        return reaction

    def token(self, asked: Asked) -> Answer:
        """What a token endpoint answers: another token each time."""
        return Answer({"access_token": f"token-{asked.number}-secret", "token_type": "Bearer", "expires_in": 3600})


def connect(monkeypatch: pytest.MonkeyPatch, found: Instance) -> None:
    """Sends every request of this process to `found`."""
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: found.adapter)


def config(**overrides: Any) -> Json:
    """A config for the instance; `overrides` replace top-level keys."""
    return {"host": HOST, "credentials": {"auth_type": "api_key", "api_key": KEY}, **overrides}


def oauth(**credentials: Any) -> Json:
    """OAuth credentials for the instance."""
    return {
        "auth_type": "oauth2_client_credentials",
        "token_url": TOKEN_URL,
        "client_id": "client-4711",
        "client_secret": "cs-unit-55d1e0",
        **credentials,
    }


def moment(second: float) -> str:
    """An instant in the API's form, `second` seconds into 2026."""
    instant = datetime.fromtimestamp(1767225600 + second, timezone.utc)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def some(count: int, start: int = 1) -> list[Json]:
    """Records with ids from `start`, each updated as many seconds into 2026 as its id says."""
    return [{"id": key, "updated_at": moment(key), "name": f"row {key}"} for key in range(start, start + count)]
