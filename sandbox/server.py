"""An instance that runs: the app on a socket of its own, in a thread of this process, with handles for tests."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn

from sandbox.app import Recorded, State, create_app
from sandbox.auth import Auth, credentials
from sandbox.data import Json
from sandbox.dataset import Dataset
from sandbox.models import COLLECTIONS
from sandbox.timestamps import parse
from sandbox.variants import VARIANTS, Variant

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


def uvicorn_server(state: State) -> uvicorn.Server:
    """The web server for an app, quiet and patient: a client's idle connection is not closed under it.

    Always the same HTTP implementation, whatever else is installed, so that a test sees the same behaviour everywhere.
    """
    return uvicorn.Server(
        uvicorn.Config(
            create_app(state),
            http="h11",
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            timeout_keep_alive=300,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
    )


class Sandbox:
    """A Syfter instance on 127.0.0.1, in a thread of this process. Use `running()` to get one."""

    def __init__(self, state: State, listener: socket.socket) -> None:
        self._state = state
        self._listener = listener
        self._server = uvicorn_server(state)
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
        self._state.stopping.set()
        self._server.should_exit = True
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
        return {key: value for key, value in {**config, **overrides}.items() if value is not None}

    def truth(self, collection: str, updated_since: str | None = None) -> list[Json]:
        """The records as a connector should emit them (nulls included), by ascending id."""
        since = parse(updated_since) if updated_since else None
        return [self.variant.truth(record) for record in self._state.dataset.records(collection, since)]

    # -- what was asked -------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Recorded]:
        """The requests received so far, oldest first."""
        with self._state.lock:
            return list(self._state.requests)

    def clear_requests(self) -> None:
        """Forget the requests received so far; numbers start at 1 again."""
        with self._state.lock:
            self._state.requests.clear()
            self._state.served.clear()

    @contextmanager
    def on_request(self, hook: Callable[[Recorded], None]) -> Iterator[None]:
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

    def apply_day(self) -> dict[str, dict[str, int]]:
        """A day's worth of changes in every collection; returns the counts."""
        return self._state.dataset.apply_day()

    def reset(self) -> None:
        """Take all changes of the data back."""
        self._state.dataset.reset()

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
) -> State:
    """The state of an instance by its options; see `running`."""
    variant = VARIANTS[conventions] if isinstance(conventions, str) else conventions
    if page_cap is not None:
        variant = replace(variant, page_cap=page_cap)
    auth = Auth(variant.api_key_header, variant.api_key_prefix, expires_in)
    return State(Dataset(companies, seed), variant, auth, latency=latency, keep_requests=keep_requests)


@contextmanager
def running(
    companies: int = DEFAULT_COMPANIES,
    seed: int = DEFAULT_SEED,
    conventions: str | Variant = "default",
    page_cap: int | None = None,
    latency: float = 0.0,
    expires_in: float | None = 3600,
    port: int = 0,
) -> Iterator[Sandbox]:
    """Run an instance for the length of the block.

    companies: size of the data; the other collections grow with it.
    seed: another seed, other data.
    conventions: name of a variant in `VARIANTS`, or a Variant of one's own.
    page_cap: largest page; more is cut in silence.
    latency: seconds that every response waits.
    expires_in: life of OAuth tokens in seconds; None leaves it out of the token response.
    port: 0 takes a free one.
    """
    box = Sandbox(make_state(companies, seed, conventions, page_cap, latency, expires_in), listen(port=port))
    box.start()
    try:
        yield box
    finally:
        box.stop()
