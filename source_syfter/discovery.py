"""The fields and types that an instance really has: a bounded sample of each stream, merged with what its schema declares."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLongError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airbyte_cdk.models import AirbyteCatalog, AirbyteStream, FailureType
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream

from source_syfter import problems
from source_syfter.components import pages
from source_syfter.components.naming import own_columns, snake_case
from source_syfter.context import Context
from source_syfter.conventions import streams, tailored
from source_syfter.conventions.edits import Component, expanded
from source_syfter.fieldtypes import SEEN, Schema, common, fits, kind
from source_syfter.problems import SyfterError
from source_syfter.secrecy import presentable
from source_syfter.settings import Settings
from source_syfter.spec import code_of, name_of

T = TypeVar("T")

# What is asked for in each stream, at most; three pages of this size show its first records and its newest.
RECORDS, REQUESTS, PAGE = 1000, 5, 333
# Seconds for all streams together.
LONGEST = 240.0

_LEFT_AS_DECLARED = {code_of("collection_missing"), code_of("not_permitted")}
_REFUSED = code_of("request_refused")


def sampled(manifest: Mapping[str, Any], settings: Settings) -> Component:
    """A copy of `manifest` for `settings` whose streams read a part of their lists only, whatever the dates of the records."""
    found, conventions = tailored(manifest, settings), settings["conventions"]
    cursors = streams.cursor_fields(found)
    streams.read_in_full(found, {name_of(stream) for stream in found["streams"]})
    allowed = _allowed(settings, len(found["streams"]))
    # A page of the first size was refused before.
    most = REQUESTS - (settings["page_size"] != PAGE)
    for stream in found["streams"]:
        paginator = expanded(found["definitions"], stream["retriever"], "paginator")
        if "pagination_strategy" in paginator:
            paginator["pagination_strategy"] = {
                "type": "CustomPaginationStrategy",
                "class_name": "source_syfter.components.sampling.Sampling",
                "strategy": paginator["pagination_strategy"],
                "pages": max(1, min(most, allowed)),
                "records": RECORDS,
                "since_parameter": conventions["updated_since_parameter"],
                "since_format": conventions["updated_since_format"],
                "cursor_field": cursors[name_of(stream)] or "",
            }
    return found


def _allowed(settings: Settings, count: int) -> int:
    """The requests that a limit of requests a minute leaves for each of `count` streams within the time for all."""
    return int((settings["requests_per_minute"] or REQUESTS * 1000) * (LONGEST / 60 - 1) / count)


@dataclass
class Field:
    """What the values of one field were like. `declared`: its schema, empty if it has none."""

    declared: Mapping[str, Any]
    fits: bool = True
    kinds: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """Takes note of a value."""
        if value is not None:
            self.kinds.add(kind(value))
            self.fits = self.fits and fits(value, self.declared)

    def schema(self, is_key: bool) -> Schema:
        """The declared schema where it holds all values seen, else one that does."""
        types = self.declared.get("type")
        # What is declared of a new stream's key is that it may be this or that.
        is_open = not types or (is_key and isinstance(types, list) and len({*types} - {"null"}) > 1 and bool(self.kinds))
        if self.fits and not is_open:
            return dict(self.declared)
        described = {name: value for name, value in self.declared.items() if name not in _OF_THE_TYPE}
        return {"description": SEEN, **described, **common(self.kinds, is_key)}


_OF_THE_TYPE = {"type", "format", "airbyte_type", "items", "properties", "additionalProperties"}


class Sample:
    """The fields of a stream, as declared and as seen."""

    def __init__(self, stream: AirbyteStream) -> None:
        self.stream = stream
        declared = stream.json_schema["properties"]
        self.fields = {name: Field(schema) for name, schema in declared.items()}
        self._seen: set[str] = set()

    def add(self, record: Mapping[str, Any]) -> None:
        """Takes note of a record."""
        self._seen.update(record)
        for name, value in record.items():
            found = self.fields.get(name)
            if found is None:
                found = self.fields[name] = Field({})
            found.add(value)

    def warnings(self) -> Iterator[str]:
        """What there is to say of fields that some destinations have no column for."""
        for name, new in own_columns(self._seen).items():
            text = f'"{name}" shares its column with another field in many destinations, or is too long or odd a name for one.'
            yield f'{self.stream.name}: {text} Call it "{new}", for example, under collections[].fields[].'

    def schema(self) -> Schema:
        """The schema of the stream: first what is declared, in its order, then what was seen besides, by name."""
        declared: Mapping[str, Any] = self.stream.json_schema["properties"]
        keys = {path[0] for path in self.stream.source_defined_primary_key or []} | {*(self.stream.default_cursor_field or [])}
        names = [*declared, *sorted(self.fields.keys() - declared.keys())]
        properties = {name: self.fields[name].schema(name in keys or _is_key(name)) for name in names}
        return {**self.stream.json_schema, "properties": properties}


def complete(
    catalog: AirbyteCatalog,
    samples: Callable[[int], Sequence[AbstractStream]],
    settings: Settings,
    context: Context,
    logger: logging.Logger,
) -> None:
    """Puts into `catalog` what the instance has in its streams.

    `samples`: the streams, each of which reads a part of its list, by pages of that size. A stream that is missing or refused
    to these credentials stays as declared, with a warning, as do all where so many requests may not be sent.

    Raises the error of the first other one that cannot be read, and a transient one if all together take longer than `LONGEST`.
    """
    if _allowed(settings, len(catalog.streams)) == 0:
        text = "requests_per_minute leaves no time to look at the records of each stream, so fields are those that are declared."
        logger.warning(f"{text} Raise it to find the instance's own fields.")
        return
    end = time.monotonic() + LONGEST
    waiting = {stream.name: stream for stream in catalog.streams}
    # An instance may refuse pages that are larger than those it is read by.
    for size in dict.fromkeys([PAGE, settings["page_size"]]):
        looks = _side_by_side(
            lambda stream: _look(stream, waiting[stream.name], context),
            [stream for stream in samples(size) if stream.name in waiting],
            settings["num_workers"],
            end,
        )
        last = size == settings["page_size"]
        for name, found in looks.items():
            if isinstance(found, Sample):
                waiting.pop(name).json_schema = found.schema()
                for text in found.warnings():
                    logger.warning(presentable(text))
            elif found.code in _LEFT_AS_DECLARED:
                waiting.pop(name)
                logger.warning(presentable(found.text))
            elif found.code != _REFUSED or last:
                raise found
        if not waiting:
            break


def _side_by_side(
    look: Callable[[AbstractStream], T], streams: Sequence[AbstractStream], workers: int, end: float
) -> dict[str, T]:
    """What `look` finds in each of `streams`, in their order. Raises a transient error at `end` (monotonic seconds)."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="discover")
    try:
        found = pool.map(look, streams, timeout=max(0.0, end - time.monotonic()))
        return {stream.name: each for stream, each in zip(streams, found, strict=True)}
    except TooLongError:
        raise problems.SLOW_DISCOVERY(seconds=LONGEST) from None
    finally:
        # What a thread waits for is not waited for.
        pool.shutdown(wait=False, cancel_futures=True)


def _look(stream: AbstractStream, described: AirbyteStream, context: Context) -> Sample | SyfterError:
    sample = Sample(described)
    try:
        for partition in stream.generate_partitions():
            for page in partition.read():
                for record in page.data[pages.RECORDS]:
                    sample.add(record)
    except SyfterError as error:
        # A total may be an estimate, and what lies there refused: a read does not ask for it.
        if stream.name in context.entered_elsewhere and error.failure_type is FailureType.config_error:
            return sample
        if error.code in _LEFT_AS_DECLARED or error.code == _REFUSED:
            return error
        raise
    return sample


def _is_key(name: str) -> bool:
    words = snake_case(name)
    return words == "id" or words.endswith("_id")
