"""An instance that runs: the app on a socket of its own, in a thread of this process, with controls for tests."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any

import uvicorn

from sandbox.app import add_collection, create_app
from sandbox.auth import Auth, credentials
from sandbox.data import Json
from sandbox.dataset import Dataset
from sandbox.fault_registry import Fault
from sandbox.models import COLLECTIONS
from sandbox.state import RecordedRequest, State
from sandbox.timestamps import parse
from sandbox.variants import SHAPED, VARIANTS, Variant
from sandbox.wire import protocol

DEFAULT_COMPANIES = 60
DEFAULT_SEED = 1


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket. Bound before the server starts, so a free port is known at once and a taken one is an OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio sets TCP_NODELAY; without it every small response waits 40 ms for Nagle's algorithm
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


class WebServer(uvicorn.Server):
    """uvicorn, stopped at once: what is under way is cut off, since a stalled response would never end."""

    def __init__(self, state: State) -> None:
        self.app = create_app(state)
        # always the same HTTP implementation, whatever else is installed, so that a test sees the same behaviour everywhere
        config = uvicorn.Config(
            self.app,
            http=protocol(state.wires),
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=300,  # an idle connection of a client is not closed under it
        )
        super().__init__(config)
        self._ended: asyncio.Event | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Ask the server to stop, from any thread or signal handler."""
        self.should_exit = True
        if self._own_loop and self._ended:
            self._own_loop.call_soon_threadsafe(self._ended.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal ends the server."""
        super().handle_exit(sig, frame)
        self.end()

    async def main_loop(self) -> None:
        """Wait for the end; the tick keeps the Date header right."""
        self._ended = asyncio.Event()
        self._own_loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=2)


class Sandbox:
    """A Syfter instance on 127.0.0.1, in a thread of this process. Use `running()` to get one."""

    def __init__(self, state: State, listener: socket.socket) -> None:
        self._state = state
        self._listener = listener
        self._server = WebServer(state)
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        """Address of the instance, without a slash at the end."""

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listener]))

    def start(self) -> None:
        """Begin to answer. The socket listens already, so there is nothing to wait for: a first request is queued."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering; ends stalled responses too."""
        self._server.end()
        self._thread.join(10)
        self._listener.close()

    # -- what a reader needs --------------------------------------------------------------------------------------------

    @property
    def variant(self) -> Variant:
        """The conventions in force; `variant.config` is the `conventions` object for the connector."""
        return self._state.variant

    def config(self, auth: str = "api_key", **overrides: Any) -> Json:
        """A connector config for this instance. `overrides` replace top-level keys; None takes a key out."""
        config: Json = {"host": self.url, "credentials": credentials(auth, self.url)}
        if self.variant.config:
            config["conventions"] = self.variant.config
        if self.variant.collections:
            config["collections"] = self.variant.collections
        if self.variant.headers:
            config["additional_headers"] = [{"name": name, "value": value} for name, value in self.variant.headers]
        return {key: value for key, value in {**config, **overrides}.items() if value is not None}

    def truth(self, collection: str, updated_since: str | None = None) -> list[Json]:
        """The records as a connector should emit them (nulls included), by ascending id."""
        since = parse(updated_since) if updated_since else None
        return [self.variant.truth(record, collection) for record in self._state.dataset.records(collection, since)]

    # -- what was asked -------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests received so far, oldest first."""
        with self._state.lock:
            return list(self._state.requests)

    def clear_requests(self) -> None:
        """Forget the requests received so far; numbers start at 1 again."""
        with self._state.lock:
            self._state.requests.clear()
            self._state.served.clear()

    @contextmanager
    def on_request(self, hook: Callable[[RecordedRequest], None]) -> Iterator[None]:
        """Within the block, call `hook` before each list request is answered. It may change the data."""
        self._state.hooks.append(hook)
        try:
            yield
        finally:
            self._state.hooks.remove(hook)

    # -- changes --------------------------------------------------------------------------------------------------------

    def upsert(self, collection: str, record: Json) -> Json:
        """Create or change a record: the fields given are laid over the one there is. See `Dataset.upsert`."""
        return self._state.dataset.upsert(collection, record)

    def delete(self, collection: str, key: int) -> None:
        """Remove a record, without a trace."""
        self._state.dataset.delete(collection, key)

    def add_collection(
        self, name: str, records: list[Json], path: str = "", primary_key: str = "id", cursor_field: str = "updated_at"
    ) -> None:
        """Serve one more collection, with fixed records, under `path` (it may hold slashes; default: the name with hyphens)."""
        self._state.dataset.add_collection(name, records, primary_key, cursor_field)
        add_collection(self._server.app, self._state, name, path or name, primary_key)

    def apply_day(self) -> dict[str, dict[str, int]]:
        """A day's worth of changes in every collection; returns the counts."""
        return self._state.dataset.apply_day()

    def reset(self) -> None:
        """Take all changes of the data back."""
        self._state.dataset.reset()

    # -- faults ---------------------------------------------------------------------------------------------------------

    def fault(self, name: str, collection: str | None = None, first: int = 1, last: int | None = None, **options: Any) -> Fault:
        """Switch a fault on for the requests `first` to `last` of a collection, counted from now; see `FAULTS` and `Fault`.

        No collection means all lists; `oauth` is the token endpoint. Options: seconds, size, location. Returns the fault, whose
        `hits` counts. Several faults can be on at once.
        """
        return self._state.faults.add(Fault(name, collection, first, last, **options))

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._state.faults.clear()

    # -- permissions ----------------------------------------------------------------------------------------------------

    def deny(self, *collections: str) -> None:
        """These collections answer 403."""
        self._state.denied.update(_known(collections))

    def remove(self, *collections: str) -> None:
        """These collections answer 404."""
        self._state.removed.update(_known(collections))

    def restore(self, *collections: str) -> None:
        """These collections answer again; none named: all of them."""
        for closed in (self._state.denied, self._state.removed):
            closed.difference_update(_known(collections) or set(closed))

    @property
    def auth(self) -> Auth:
        """The door: `auth.expires_in` can be set, `auth.tokens_issued` counts."""
        return self._state.auth

    def expire_tokens(self) -> None:
        """Every OAuth token issued so far is refused from now on."""
        self._state.auth.expire_tokens()


def _known(collections: Iterable[str]) -> set[str]:
    if unknown := set(collections) - set(COLLECTIONS):
        raise ValueError(f"no such collection: {', '.join(sorted(unknown))}")
    return set(collections)


def make_state(
    companies: int = DEFAULT_COMPANIES,
    seed: int = DEFAULT_SEED,
    conventions: str | Variant = "default",
    page_cap: int | None = None,
    latency: float = 0.0,
    expires_in: float | None = 3600,
    keep_requests: int | None = None,
    tidy: bool = False,
) -> State:
    """The state of an instance by its options; see `running`."""
    variant = {**VARIANTS, **SHAPED}[conventions] if isinstance(conventions, str) else conventions
    if page_cap is not None:
        variant = replace(variant, page_cap=page_cap)
    auth = Auth(variant.api_key_header, variant.api_key_prefix, variant.api_key_parameter, expires_in)
    return State(Dataset(companies, seed, tidy), variant, auth, latency=latency, keep_requests=keep_requests)


@contextmanager
def running(
    companies: int = DEFAULT_COMPANIES,
    seed: int = DEFAULT_SEED,
    conventions: str | Variant = "default",
    page_cap: int | None = None,
    latency: float = 0.0,
    expires_in: float | None = 3600,
    port: int = 0,
    tidy: bool = False,
) -> Iterator[Sandbox]:
    """Run an instance for the length of the block.

    companies: size of the data; the other collections grow with it.
    seed: another seed, other data.
    conventions: name of a variant in `VARIANTS` or `SHAPED`, or a Variant of one's own.
    page_cap: largest page; more is cut in silence.
    latency: seconds that every response waits.
    expires_in: life of OAuth tokens in seconds; None leaves it out of the token response.
    port: 0 takes a free one.
    tidy: leave out of the data what only tests need.
    """
    box = Sandbox(make_state(companies, seed, conventions, page_cap, latency, expires_in, tidy=tidy), listen(port=port))
    box.start()
    try:
        yield box
    finally:
        box.stop()
