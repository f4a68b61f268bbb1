"""What one load takes: the records of a while, on disk, and the states that follow them."""

from __future__ import annotations

import hashlib
import math
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from tempfile import SpooledTemporaryFile

from syfter_dlt.columns import TIMESTAMP, UNFIT, Json, Limits, as_text, stored
from syfter_dlt.connector import ConnectorError, Message, error_in, exact_message_in

RECORDS, BYTES, SECONDS = 20_000, 64 * 2**20, 60
"""A package is closed at the next state once it has so much. A bridge that is killed reads at most that much again."""
IN_MEMORY = 2**20
_LONGEST_KEY = 1000


class Keys:
    """Names each record of a stream, for all of a run: by its key; without one by what it holds and how often that was seen."""

    def __init__(self, stream: str, key: list[str]) -> None:
        self._stream, self._key = stream, key
        self._seen: Counter[bytes] = Counter()

    def of(self, data: dict[str, Json]) -> uuid.UUID:
        """The same for the same record in each run: rows are merged by it, so types and collations of keys do not matter."""
        values = [data.get(name) for name in self._key]
        if values and all(value is not None for value in values):
            return self._uuid("key", as_text([_plain(value) for value in values]))
        content = as_text(dict(sorted(data.items())))
        digest = self._uuid("content", content).bytes
        self._seen[digest] += 1
        return self._uuid("content", f"{self._seen[digest]} {content}")

    def _uuid(self, by: str, text: str) -> uuid.UUID:
        name = f"{self._stream}\0{by}\0{text}".encode("utf-8", "surrogatepass")
        return uuid.UUID(bytes=hashlib.blake2b(name, digest_size=16).digest())


def _plain(value: Json) -> Json:
    """1.0 is the key 1. What would have more digits than any key stays as it is: 1e999999999 fills the memory."""
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() > _LONGEST_KEY:
        return value
    return int(value) if value == value.to_integral_value() else value


class Spool:
    """The records of one stream in a package, the newest version of each key only."""

    def __init__(self, keys: Keys, cursor: str | None) -> None:
        self._keys, self._cursor = keys, cursor
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed with the package
        self._newest: dict[bytes, int] = {}
        self._moments = array("d")
        self._old: set[int] = set()

    def add(self, line: bytes, data: dict[str, Json]) -> None:
        """Takes a message; of two versions of a record the later one counts, by its cursor and else by its place."""
        place = len(self._moments)
        self._moments.append(self._moment(data))
        key = self._keys.of(data).bytes
        before = self._newest.get(key)
        if before is not None and self._moments[before] > self._moments[place]:
            self._old.add(place)
        else:
            if before is not None:
                self._old.add(before)
            self._newest[key] = place
        self._file.write(line)

    def _moment(self, data: dict[str, Json]) -> float:
        """The cursor as a number; nan compares with nothing."""
        value = data.get(self._cursor) if self._cursor else None
        if isinstance(value, (int, Decimal)):
            return float(Decimal(value))  # of an integer without end it is infinite
        moment = stored(TIMESTAMP, value, _ANY)
        return math.nan if moment is UNFIT else float(moment.timestamp())

    def records(self) -> Iterator[tuple[uuid.UUID, Message]]:
        """Key and message of each record, in the order in which they came."""
        places = {place: key for key, place in self._newest.items()}
        self._file.seek(0)
        for place, line in enumerate(self._file):
            if place not in self._old and (message := exact_message_in(line)):
                yield uuid.UUID(bytes=places[place]), message

    def close(self) -> None:
        """Gives the disk back."""
        self._file.close()


_ANY = Limits()


@dataclass
class Package:
    """The records and states of a while, by stream."""

    spools: dict[str, Spool] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """The last state of each stream, as JSON in the form in which the connector wants it back."""
    records: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    bytes: int = 0
    is_last: bool = False

    def close(self) -> None:
        """Gives the disk back."""
        for spool in self.spools.values():
            spool.close()


def packages(
    messages: Iterable[tuple[Message, bytes]],
    spool_of: Callable[[str], Spool],
    see: Callable[[str, dict[str, Json]], None],
    whole: bool,
) -> Iterator[Package]:
    """Cuts what the connector says into packages; all of it into one if `whole`.

    spool_of: makes the spool of a stream. see: is shown the stream and the data of each record.
    """
    package, begun = Package(), time.monotonic()
    try:
        for message, line in messages:
            if message["type"] == "RECORD":
                stream, data = message["record"]["stream"], message["record"]["data"]
                if stream not in package.spools:
                    package.spools[stream] = spool_of(stream)
                see(stream, data)
                package.spools[stream].add(line, data)
                package.records[stream] += 1
                package.bytes += len(line)
            elif message["type"] == "STATE":
                package.states[_name(message)] = as_text({name: message["state"][name] for name in ("type", "stream")})
                many = package.records.total() >= RECORDS or package.bytes >= BYTES or time.monotonic() - begun >= SECONDS
                if many and not whole:
                    yield package
                    package, begun = Package(), time.monotonic()
            elif error := error_in(message):
                package.errors.append(error)
    except ConnectorError as error:  # what came before it ended is whole
        package.errors.append(str(error))
    package.is_last = True
    yield package


def _name(message: Message) -> str:
    return str(message["state"]["stream"]["stream_descriptor"]["name"])
