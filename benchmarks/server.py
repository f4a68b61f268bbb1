"""A Syfter instance that costs little: pages are rendered before; a request only writes in the ids.

Run as a process of its own: `python -m benchmarks.server`. It prints its port.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

# Ids of one length, so that a page is patched in place.
FIRST_ID = 100_000_000


def record(place: int, filler: int = 0) -> dict[str, object]:
    """A record of about 1.27 kB, nested as the API's records are, and `filler` bytes more; `place`: its place on the page."""
    stamp = f"2026-01-{1 + place % 28:02d}T{place % 24:02d}:{place * 7 % 60:02d}:{place % 60:02d}.{place * 37 % 1000:03d}Z"
    return {
        "id": FIRST_ID,
        "created_at": "2025-06-01T08:00:00.000Z",
        "updated_at": stamp,
        "title": f"Quarterly figures of company {place} exceed what was expected",
        "url": f"https://news.example.com/2026/01/{place:06d}/quarterly-figures",
        "body": f"Figures, sentence by sentence, for company {place}. " * 13 + "x" * filler,
        "publisher": "Example News",
        "published_at": stamp,
        "company_ids": [place % 97, place % 89, place % 83],
        "metadata": {
            "ml_file_id": place,
            "page_number": 3,
            "confidence": 0.97,
            "sections": [{"name": "summary", "tags": ["growth", "profit"]}, {"name": "outlook", "tags": ["stable", None]}],
            "source": {"name": "registry", "country": "GB", "reference": "x" * 60},
        },
    }


@lru_cache(maxsize=8)
def _template(count: int, filler: int) -> tuple[bytes, tuple[int, ...]]:
    """A page of `count` records as JSON, and where their ids stand."""
    text = json.dumps({"data": [record(place, filler) for place in range(count)]}, separators=(",", ":")).encode()[:-1]
    mark = b'"id":%d' % FIRST_ID
    return text, tuple(match.start() + 5 for match in re.finditer(re.escape(mark), text))


def page(offset: int, count: int, total: int, filler: int) -> bytes:
    """What the server answers to `offset`."""
    text, places = _template(count, filler)
    body = bytearray(text)
    for number, place in enumerate(places, FIRST_ID + offset):
        body[place : place + 9] = b"%d" % number
    return bytes(body) + b',"total":%d}' % total


class Instance(asyncio.Protocol):
    """One connection. What a connection asks for is answered in turn, `latency` seconds later."""

    # Shared by all connections; `POST /set?records=..&others=..&latency=..&filler=..` changes the first four, clears the counts.
    records = others = 1000
    filler = 0
    latency = 0.0
    requests = 0
    connections = 0
    # When the first request came and the last answer went, in seconds.
    first = last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""
        self._counted = False

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode()
            _, target, _ = line.split(" ")
            parts = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/set":
                self._set(query)
            elif parts.path == "/counts":
                busy = max(Instance.last - Instance.first, 1e-9)
                in_flight = Instance.requests * Instance.latency / busy
                counts = {"requests": Instance.requests, "connections": Instance.connections, "in_flight": in_flight}
                self._send(json.dumps(counts).encode())
            else:
                self._list(query, Instance.records if parts.path.endswith("/articles") else Instance.others)

    def _set(self, query: dict[str, str]) -> None:
        Instance.records, Instance.latency = int(query["records"]), float(query["latency"])
        Instance.others, Instance.filler = int(query["others"]), int(query["filler"])
        Instance.first = 0.0
        Instance.requests = Instance.connections = 0
        self._send(b"{}")

    def _list(self, query: dict[str, str], total: int) -> None:
        now = asyncio.get_running_loop().time()
        Instance.first, Instance.last = Instance.first or now, now + Instance.latency
        Instance.requests += 1
        Instance.connections += not self._counted
        self._counted = True
        offset = int(query.get("offset", 0))
        count = max(0, min(int(query.get("limit", 100)), total - offset))
        body = page(offset, count, total, Instance.filler)
        if Instance.latency:
            asyncio.get_running_loop().call_later(Instance.latency, self._send, body)
        else:
            self._send(body)

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.writelines([head, body])  # type: ignore[attr-defined]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Instance, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
