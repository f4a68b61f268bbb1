"""Faults of the connection: real resets, cuts and stalls, written to the socket past the web server.

`FaultMiddleware` is the outermost layer of the app. It records each request, finds its faults, and for a fault of the connection
takes the finished response from the web server and sends its own bytes, or none.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.auth import TOKEN_PATH
from sandbox.fault_registry import TOKENS, kind
from sandbox.state import Call, State, Wires

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LONGEST = 600.0
"""Seconds after which a stall ends by itself."""


def protocol(wires: Wires) -> type[H11Protocol]:
    """The web server's protocol, made to keep the transport of each connection in `wires` by the client's address."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            wires[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if wires.get(self.client) is self.transport:  # the port may have a new owner already
                del wires[self.client]
            super().connection_lost(exc)

    return Protocol


async def pause(wire: asyncio.Transport, seconds: float) -> None:
    """Sleep, but wake up when the connection ends, by the client or because the server stops."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while (left := end - clock()) > 0 and not wire.is_closing():
        await asyncio.sleep(min(left, 0.05))


class FaultMiddleware:
    """ASGI middleware that records requests, adds latency and injects faults."""

    def __init__(self, app: Any, state: State) -> None:
        self.app, self.state = app, state

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = self.state.record(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers)
        wire = self.state.wires.get(scope["client"])
        if wire is None:  # the client has gone
            return
        collection = request.collection or (TOKENS if scope["path"] == TOKEN_PATH else None)
        calls = []
        if collection:
            calls = [Call(self.state, request, collection, fault) for fault in self.state.faults.striking(collection)]
            await pause(wire, self.state.latency)
            for hook in list(self.state.hooks) if request.collection else ():
                hook(request)
        scope["sandbox.request"], scope["sandbox.calls"] = request, calls
        app = self.app
        for call in calls:
            if call.fault.kind.place == "before":
                call.fault.kind.act(call)
            elif call.fault.kind.place == "answer":
                app = call.fault.kind.act(call)

        async def record_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        for call in calls:
            if call.fault.kind.place == "wire":
                response = await _catch(app, scope, receive)
                await call.fault.kind.act(call, wire, response)
                wire.close()
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        await app(scope, receive, record_status)


async def _catch(app: Any, scope: MutableMapping[str, Any], receive: Receive) -> Response:
    """The response that the app would have sent."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    response = Response(b"".join(message.get("body", b"") for message in messages[1:]), messages[0]["status"])
    response.raw_headers = list(messages[0]["headers"])
    return response


def _head(response: Response, **changes: str | None) -> bytes:
    """Status line and headers. `changes` sets headers (underscores for hyphens), None takes one out."""
    headers = {name.decode(): value.decode() for name, value in response.raw_headers}
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value or ""
        if value is None:
            del headers[name.replace("_", "-")]
    lines = [f"HTTP/1.1 {response.status_code} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _reset(wire: asyncio.Transport) -> None:
    """Close with RST instead of FIN: that is what lingering for no time means."""
    wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.abort()


async def _flush(wire: asyncio.Transport, data: bytes) -> None:
    """Write, and wait until the kernel has it all (or the client has gone)."""
    wire.write(data)
    while wire.get_write_buffer_size() and not wire.is_closing():
        await asyncio.sleep(0.001)


def _seconds(call: Call, default: float) -> float:
    return default if call.fault.seconds is None else call.fault.seconds


# -- wire: (call, transport, response) -> None; the connection is closed afterwards -----------------------------------------


@kind("stall", "the request is taken and nothing comes back (600 seconds, then the connection closes)", "wire")
async def _stall(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await pause(wire, _seconds(call, _LONGEST))


@kind("stall-in-body", "half of the body, then nothing (600 seconds)", "wire")
async def _stall_in_body(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response) + response.body[: len(response.body) // 2])
    await pause(wire, _seconds(call, _LONGEST))


@kind("slow-body", "the whole body, in twenty pieces over 2 seconds", "wire")
async def _slow_body(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response, connection="close"))
    step = -(-len(response.body) // 20)
    for start in range(0, len(response.body), step):
        await pause(wire, _seconds(call, 2) / 20)
        await _flush(wire, bytes(response.body[start : start + step]))


@kind("close", "the connection closes before a byte comes back", "wire")
async def _close(call: Call, wire: asyncio.Transport, response: Response) -> None:
    wire.close()


@kind("reset", "the connection is reset before a byte comes back", "wire")
async def _reset_before(call: Call, wire: asyncio.Transport, response: Response) -> None:
    _reset(wire)


@kind("reset-in-body", "the connection is reset in the middle of the body", "wire")
async def _reset_in_body(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response) + response.body[: len(response.body) // 2])
    await pause(wire, 0.05)  # a reset takes back what the client has not read yet: let it read
    _reset(wire)


@kind("truncated", "the connection closes in the middle of the body", "wire")
async def _truncated(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response) + response.body[: len(response.body) // 2])


@kind("truncated-chunked", "a body in chunks that ends without the last one", "wire")
async def _truncated_chunked(call: Call, wire: asyncio.Transport, response: Response) -> None:
    half = response.body[: len(response.body) // 2]
    head = _head(response, content_length=None, transfer_encoding="chunked")
    await _flush(wire, head + b"%x\r\n" % len(half) + half + b"\r\n")


@kind("content-length-long", "Content-Length promises 100 bytes more than there are", "wire")
async def _content_length_long(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response, content_length=str(len(response.body) + 100)) + response.body)


@kind("content-length-short", "Content-Length promises 100 bytes less than there are", "wire")
async def _content_length_short(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response, content_length=str(max(0, len(response.body) - 100))) + response.body)


@kind("not-http", "something answers that does not speak HTTP", "wire")
async def _not_http(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, b"SSH-2.0-OpenSSH_9.6\r\n")


@kind("huge-header", "a header of 1 MiB", "wire")
async def _huge_header(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response, x_padding="x" * (call.fault.size or 2**20)) + response.body)


@kind("endless-body", "a body that goes on for 1 GiB", "wire")
async def _endless_body(call: Call, wire: asyncio.Transport, response: Response) -> None:
    await _flush(wire, _head(response, content_length=None, content_encoding=None, connection="close") + b'{"data":[')
    block = b'{"id":1,"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z"},' * 1000
    for _ in range((call.fault.size or 2**30) // len(block)):
        if wire.is_closing():
            return
        await _flush(wire, block)
