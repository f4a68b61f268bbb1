"""What the streams of one read tell each other. The CDK hands each component the config, so the notes travel in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Optional

from source_syfter.timestamps import http_date

KEY = "__notes"


@dataclass
class Notes:
    """Shared by all threads of a read; each field is written whole, so only the token needs the lock."""

    # The server's clock when a stream was first asked for, by stream: see `SourceSyfter.read`.
    server_clock: dict[str, Optional[datetime]] = field(default_factory=dict)
    # A stream has used up its tries on a server that does not answer.
    silent: bool = False
    # The OAuth access token, and the moment (monotonic seconds) from which it is renewed.
    access_token: Optional[str] = None
    renew_at: float = 0.0
    # Why there is no token.
    token_problem: Optional[Exception] = None
    token_lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, stream: str, date: Optional[str], took: timedelta) -> None:
        """Notes an answer to `stream`; `date`: its Date header; `took`: how long it took.

        An answer is dated when it is ready, and may hold what was there when it was asked for.
        """
        self.silent = False
        if stream not in self.server_clock:
            dated = http_date(date)
            self.server_clock[stream] = dated - took if dated else None


def notes_of(config: Mapping[str, Any]) -> Notes:
    """The notes that travel in `config`; fresh ones for a config that did not come through `SourceSyfter`."""
    notes = config.get(KEY)
    return notes if isinstance(notes, Notes) else Notes()
