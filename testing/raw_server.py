"""A server of raw bytes on a socket: it can say what no library for servers would."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Optional, Union
from urllib.parse import parse_qsl, urlsplit

import orjson

# What goes out: all at once, or piece by piece. After None the connection closes.
Said = Union[bytes, Iterable[Optional[bytes]], None]


@dataclass(frozen=True)
class Request:
    """One request, the `number`th to its path."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    number: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def stream(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2].replace("-", "_")


@dataclass
class RawServer:
    """What a running server was asked, and where it is."""

    url: str
    requests: list[Request] = field(default_factory=list)


def answer(content: object, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer: `content` is bytes, or anything else as JSON."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


@contextlib.contextmanager
def raw_server(handler: Callable[[Request], Said]) -> Iterator[RawServer]:
    """Within the block, a server on a free port of this machine answers each request with what `handler` says."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    server = RawServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
    lock = threading.Lock()
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError), connection.makefile("rb") as incoming:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while line := incoming.readline():
                method, target, _ = line.decode("latin-1").split(" ", 2)
                headers: dict[str, str] = {}
                while header := incoming.readline().strip().decode("latin-1"):
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = incoming.read(int(headers.get("content-length", 0)))
                with lock:
                    number = 1 + sum(urlsplit(each.target).path == urlsplit(target).path for each in server.requests)
                    request = Request(method, target, headers, body, number)
                    server.requests.append(request)
                said = handler(request)
                for piece in [said] if said is None or isinstance(said, bytes) else said:
                    if piece is None:
                        return
                    connection.sendall(piece)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
