"""What the parts of one run share, out of the user's reach. The CDK hands each part the settings, so the context is in them.

`settings.py` drops every key that the spec does not name, so nothing that a user types gets here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from source_syfter.timestamps import http_date

KEY = "__context"


@dataclass(frozen=True)
class RetryPolicy:
    """How long a run waits, in seconds, and how often it retries.

    `longest_wait`: that an instance may ask for; `longest_body`: for one body to arrive. Retries by condition: a rate limit
    passes by waiting, a time-out costs half a minute each time.
    """

    longest_wait: float = 600.0
    longest_body: float = 180.0
    if_limited: int = 9
    if_failing: int = 5
    if_disconnected: int = 2
    if_unanswered: int = 2
    token_attempts: int = 3


READ = RetryPolicy()
# A check ends within a minute.
CHECK = RetryPolicy(5.0, 25.0, if_limited=1, if_failing=1, if_disconnected=1, if_unanswered=0, token_attempts=1)


@dataclass
class Context:
    """Shared by all threads of a run; each field is written whole, so only the token needs its lock."""

    retry_policy: RetryPolicy = field(default_factory=lambda: READ)
    # The server's clock when a stream was first asked for, by stream: see `SourceSyfter.read`.
    server_clock: dict[str, Optional[datetime]] = field(default_factory=dict)
    # How many pages with records were read, by stream.
    pages: dict[str, int] = field(default_factory=dict)
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
