"""What the parts of one run share, out of the user's reach. The CDK hands each part the settings, so the context is in them.

`settings.py` drops every key that the spec does not name, so nothing that a user types gets here.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from source_syfter import problems
from source_syfter.columns import Columns
from source_syfter.timestamps import http_date

KEY = "__context"


@dataclass(frozen=True)
class RetryPolicy:
    """How long a run waits, in seconds, and how often it retries.

    `longest_wait`: that an instance may ask for; `longest_call`: from the connection to the last byte of an answer. Retries by
    condition: a rate limit
    passes by waiting, a time-out costs half a minute each time.
    """

    longest_wait: float = 600.0
    longest_call: float = 180.0
    if_limited: int = 9
    if_failing: int = 5
    if_disconnected: int = 2
    if_unanswered: int = 2
    token_attempts: int = 3


READ = RetryPolicy()
# A check ends within a minute.
CHECK = RetryPolicy(5.0, 25.0, if_limited=1, if_failing=1, if_disconnected=1, if_unanswered=0, token_attempts=1)
# A discovery ends within four minutes (`discovery.LONGEST`).
DISCOVERY = RetryPolicy(60.0, 60.0, if_limited=5, if_failing=3, if_disconnected=2, if_unanswered=1, token_attempts=2)


@dataclass
class Context:
    """Shared by all threads of a run; each field is written whole, so only the token needs its lock."""

    retry_policy: RetryPolicy = field(default_factory=lambda: READ)
    # The moment (monotonic seconds) at which the run ends, if it has to.
    deadline: Optional[float] = None
    # The server's clock when a stream was first asked for, by stream: see `SourceSyfter.read`.
    server_clock: dict[str, Optional[datetime]] = field(default_factory=dict)
    # How far the list of each stream is read (`components.lists.ListRead`).
    lists: dict[str, Any] = field(default_factory=dict)
    # What is known of the columns of each stream that is read.
    columns: dict[str, Columns] = field(default_factory=dict)
    # Where earlier attempts at a list ended, by stream (`components.positions.Chain`), and the state message for a position.
    chains: dict[str, Any] = field(default_factory=dict)
    state_at: Callable[[str, Any], Any] = lambda stream, position: None
    # The requests of a read that are under way (`components.lookahead.Lane`); None: one at a time a stream.
    lane: Any = None
    # The streams whose list was entered elsewhere than at its beginning.
    entered_elsewhere: set[str] = field(default_factory=set)
    # A stream has used up its retries on a server that does not answer.
    silent: bool = False
    # The OAuth access token, and the moment (monotonic seconds) from which it is renewed.
    access_token: Optional[str] = None
    renew_at: float = 0.0
    # The refresh token that replaced the user's, and what saves it: a provider takes each of them only once.
    refresh_token: Optional[str] = None
    save_refresh_token: Callable[[str], None] = lambda token: None
    # Why there is no token.
    token_error: Optional[Exception] = None
    token_lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds_left(self) -> float:
        """Seconds until the deadline. Raises a transient error if there are none."""
        left = math.inf if self.deadline is None else self.deadline - time.monotonic()
        if left <= 0:
            raise problems.OUT_OF_TIME()
        return left

    def answered(self, stream: str, date: Optional[str], took: timedelta) -> None:
        """Notes an answer to `stream`; `date`: its Date header; `took`: how long it took.

        An answer is dated when it is ready, and may hold what was there when it was asked for.
        """
        self.silent = False
        if stream not in self.server_clock:
            dated = http_date(date)
            self.server_clock[stream] = dated - took if dated else None


def context_of(settings: Mapping[str, Any]) -> Context:
    """The context of the run that `settings` belong to; a fresh one for settings that did not come through `SourceSyfter`."""
    context = settings.get(KEY)
    return context if isinstance(context, Context) else Context()
