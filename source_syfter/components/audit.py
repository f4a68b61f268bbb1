"""Whether a list was read whole: its distinct keys, counted in little memory, against what the instance says that there are."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from operator import lt
from tempfile import SpooledTemporaryFile
from typing import Any, Optional

# Kilobytes of hashes in memory; SQLite keeps what is more in a temporary file, which it deletes itself.
_MEMORY_KB = 65_536
# Records after which an instance that said no total is not expected to say one.
_UNTOLD = 10_000
# Bytes of the log in memory, a file beyond, and what is read of it at once.
_LOG_BYTES, _CHUNK = 1 << 20, 1 << 18


class DistinctKeys:
    """Counts distinct keys by hashes of 8 bytes. Ascending ones are only logged; once one is not, each is looked up."""

    def __init__(self) -> None:
        self._count = 0
        self._last: Sequence[Any] = ()
        self._log = SpooledTemporaryFile(_LOG_BYTES)  # noqa: SIM115  # open as long as the list is read
        self._hashes: Optional[sqlite3.Connection] = None

    def add(self, keys: Sequence[Any]) -> None:
        """Counts the `keys` of one page, in their order: numbers, texts, or bytes."""
        if not keys:
            return
        # Not of the keys themselves: those of -1 and -2 are one, and so are those of a text and its bytes.
        hashes = array("q", map(hash, map(repr, keys)))
        if self._hashes is None and _ascends([*self._last, *keys]):
            self._count += len(keys)
            self._last = keys[-1:]
            self._log.write(hashes.tobytes())
            return
        if self._hashes is None:
            # A private database: in memory, and beyond the size of its cache in a file.
            self._hashes = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._hashes.execute(f"pragma cache_size = -{_MEMORY_KB}")
            self._hashes.execute("pragma journal_mode = off")
            self._hashes.execute("create table keys (hash integer primary key)")
            self._log.seek(0)
            self._count = 0
            while logged := self._log.read(_CHUNK):
                self._insert(self._hashes, array("q", logged))
            self._log.close()
        self._insert(self._hashes, hashes)

    def _insert(self, database: sqlite3.Connection, hashes: Sequence[int]) -> None:
        before = database.total_changes
        database.execute("begin")
        database.executemany("insert or ignore into keys values (?)", ((each,) for each in hashes))
        database.execute("commit")
        self._count += database.total_changes - before

    def __len__(self) -> int:
        return self._count

    @property
    def ascend(self) -> bool:
        """Whether all keys so far came in ascending order."""
        return self._hashes is None


def _ascends(keys: Sequence[Any]) -> bool:
    try:
        return all(map(lt, keys, keys[1:]))
    except TypeError:
        # Numbers and texts.
        return False


class Audit:
    """Distinct keys of a list, or rows where there are no keys, against the smallest total of all answers."""

    def __init__(self, found: int = 0, least: Optional[int] = None) -> None:
        """`found` and `least`: of an earlier attempt, which this one continues."""
        # All records that are new, repeated ones included.
        self.rows = 0
        self._uncounted = found
        self._keys = DistinctKeys()
        self.least = least
        self._most = least or 0

    def add(self, keys: Sequence[Any], total: Optional[int]) -> int:
        """Counts the new records of an answer by their `keys` (None: no key). `total`: of the complete list, if it says so.

        Returns how many were counted before.
        """
        self.rows += len(keys)
        if total is not None:
            self.least = total if self.least is None else min(total, self.least)
            self._most = max(total, self._most)
        if self.least is None and self.rows > _UNTOLD:
            # Nothing to compare with, and hardly anything to come.
            self._uncounted += len(keys)
            return 0
        if None in keys:
            with_key = [key for key in keys if key is not None]
            self._uncounted += len(keys) - len(with_key)
            keys = with_key
        before = len(self._keys)
        self._keys.add(keys)
        return len(keys) - (len(self._keys) - before)

    @property
    def found(self) -> int:
        """How many records were found."""
        return self._uncounted + len(self._keys)

    @property
    def is_short(self) -> bool:
        """Whether fewer records were found than there are at least."""
        return self.least is not None and self.found < self.least

    @property
    def is_disturbed(self) -> bool:
        """Whether others may explain what is missing: they changed the list, and not only at its end."""
        return self.least != self._most and not self._keys.ascend
