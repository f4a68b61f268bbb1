"""Pages that are asked for before their turn, over all streams of a read."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Optional

import requests

from source_syfter.components.errors import retry_after
from source_syfter.components.http import is_cut
from source_syfter.context import READ

# Bytes of pages that are under way or wait for their turn, reckoned by the page before.
_MOST_BYTES = 16 * 1024 * 1024
# Pages that are read one at a time after anything but a page that fits; doubled each time.
_SOBER = 8
# Seconds after which a thread without work ends.
_IDLE = 2.0


class Ticket:
    """A page that is asked for ahead of its turn, once and in silence. `size`: bytes, reckoned."""

    def __init__(self, ask: Callable[[], Optional[requests.Response]], size: int) -> None:
        self.ask = ask
        self.size = size
        self.done = threading.Event()
        self.response: Optional[requests.Response] = None


class Lane:
    """At most `width` requests of a read are under way, over all streams. Pages whose turn has come go first."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._free = threading.Condition()
        self._flying = self._urgent = self._threads = self._bytes = 0
        self._waiting: deque[Ticket] = deque()
        # Until then (monotonic seconds) the instance wants to be left alone.
        self._quiet_until = 0.0

    def now(self, ask: Callable[[], Any]) -> Any:
        """The answer to `ask`, which waits for a place only."""
        with self._free:
            self._urgent += 1
            while self._flying >= self.width:
                self._free.wait()
            self._urgent -= 1
            self._flying += 1
        try:
            return ask()
        finally:
            self._land()

    def later(self, ask: Callable[[], Optional[requests.Response]], size: int) -> Optional[Ticket]:
        """A ticket for what `ask` brings when there is a place; None if too much is under way."""
        with self._free:
            if self._bytes + size > _MOST_BYTES or time.monotonic() < self._quiet_until:
                return None
            if self._threads < self.width and not self._begin_thread():
                return None
            ticket = Ticket(ask, size)
            self._bytes += size
            self._waiting.append(ticket)
            self._free.notify_all()
        return ticket

    def _begin_thread(self) -> bool:
        try:
            # Nobody waits for these when the process ends.
            threading.Thread(target=self._fly, name="look-ahead", daemon=True).start()
        except RuntimeError:
            # The machine has no room for more. Without any, each page is asked for in its turn.
            return self._threads > 0
        self._threads += 1
        return True

    def take(self, ticket: Ticket) -> Optional[requests.Response]:
        """What came for `ticket`, or None: it is then asked for in its turn."""
        with self._free:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._bytes -= ticket.size
                return None
        ticket.done.wait()
        self.drop([ticket])
        return ticket.response

    def drop(self, tickets: Sequence[Ticket]) -> None:
        """These are not wanted any more."""
        with self._free:
            for ticket in tickets:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                self._bytes -= ticket.size

    def wait(self) -> None:
        """Waits as long as the instance asked for in an answer to a page that was asked for ahead."""
        time.sleep(max(0.0, self._quiet_until - time.monotonic()))

    def _fly(self) -> None:
        while True:
            with self._free:
                while not self._waiting or self._flying >= self.width or self._urgent:
                    if not self._free.wait(_IDLE) and not self._waiting:
                        self._threads -= 1
                        return
                ticket = self._waiting.popleft()
                self._flying += 1
            try:
                ticket.response = self._answer(ticket)
            finally:
                ticket.done.set()
                self._land()
                # A thread that waits must not hold a page.
                del ticket

    def _answer(self, ticket: Ticket) -> Optional[requests.Response]:
        """The answer, if it may be a page. Whatever else it is: in its turn the page is asked for again, with words and waits."""
        try:
            response = ticket.ask()
        except Exception:
            return None
        if response is None or response.history or response.status_code != 200 or is_cut(response):
            told = (retry_after(response) if response is not None else None) or 0.0
            # A longer wait is refused in words, in its turn.
            if told <= READ.longest_wait:
                self._quiet_until = max(self._quiet_until, time.monotonic() + told)
            return None
        return response

    def _land(self) -> None:
        with self._free:
            self._flying -= 1
            self._free.notify_all()


class Ahead:
    """The pages of one list that are asked for before their turn, by their place."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._tickets: dict[int, Ticket] = {}
        self._sober, self._next_sober = 0, _SOBER

    def page(self, place: int, ask: Callable[[], Any], ask_more: Callable[[], None]) -> tuple[Any, bool]:
        """The page at `place`, and whether it was asked for ahead.

        `ask` asks for it in its turn, `ask_more` for those behind it, while it is on its way.
        """
        self._sober -= self._sober > 0
        ticket = self._tickets.pop(place, None)
        if ticket is None and self._tickets:
            # Others moved the list.
            self.give_up()
        ask_more()
        if ticket is None:
            return self._lane.now(ask), False
        waiting = not ticket.done.is_set()
        response = self._lane.take(ticket)
        if response is not None:
            return response, True
        if not waiting or ticket.done.is_set():
            self.give_up()
            self._lane.wait()
        return self._lane.now(ask), False

    def ask(self, places: Sequence[int], once: Callable[[int], Any], size: int) -> None:
        """Asks for the pages at `places`, of about `size` bytes each."""
        if self._sober:
            return
        for place in places:
            if place not in self._tickets:
                ticket = self._lane.later(lambda place=place: once(place), size)  # type: ignore[misc]
                if ticket is None:
                    return
                self._tickets[place] = ticket

    def give_up(self) -> None:
        """One page at a time, for a while."""
        self._lane.drop(list(self._tickets.values()))
        self._tickets.clear()
        self._sober, self._next_sober = self._next_sober, 2 * self._next_sober
