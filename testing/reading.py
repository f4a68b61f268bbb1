"""Runs the connector in this process and sorts its messages."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from typing import Any

import orjson
import pytest
from airbyte_cdk.exception_handler import assemble_uncaught_exception
from airbyte_cdk.logger import AirbyteLogFormatter
from airbyte_cdk.models import (
    AirbyteErrorTraceMessage,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.declarative import concurrent_declarative_source as cdk
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from jsonschema import Draft7Validator

from source_syfter import source
from source_syfter.source import SourceSyfter
from testing.processes import saved_states

Json = dict[str, Any]

# The nine collections of the contract: stream name and path.
PATHS = {
    "companies": "companies",
    "company_overviews": "company-overviews",
    "company_financials": "company-financials",
    "company_employees": "company-employees",
    "articles": "articles",
    "custom_property_definitions": "custom-property-definitions",
    "custom_property_values": "custom-property-values",
    "datasource_priorities": "datasource-priorities",
    "datasource_preferences": "datasource-preferences",
}
STREAMS = list(PATHS)
LOGGER = logging.getLogger("airbyte")

# The streams that the read under way names; none: all.
WANTED: ContextVar[tuple[str, ...]] = ContextVar("WANTED", default=())


@dataclass
class Outcome:
    """What one read gave."""

    messages: list[AirbyteMessage]
    failure: BaseException | None = None
    log: str = ""
    records: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    states: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, AirbyteErrorTraceMessage] = field(default_factory=dict)
    statuses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for message in self.messages:
            self._sort(message)

    def _sort(self, message: AirbyteMessage) -> None:
        if message.record:
            self.records[message.record.stream].append(dict(message.record.data))
        elif message.state and (stream := message.state.stream):
            self.states[stream.stream_descriptor.name].append(dict(vars(stream.stream_state or object.__new__(type("", (), {})))))
        elif message.trace and message.trace.error:
            self.errors[getattr(message.trace.error.stream_descriptor, "name", "")] = message.trace.error
        elif message.trace and (status := message.trace.stream_status):
            self.statuses[status.stream_descriptor.name].append(status.status.value)

    def ids(self, stream: str) -> list[Any]:
        """The ids that were emitted for `stream`, in order."""
        return [record.get("id") for record in self.records[stream]]

    def cursor(self, stream: str, field: str = "updated_at") -> Any:
        """The cursor value of the last state of `stream`."""
        return self.states[stream][-1].get(field)

    def message_of(self, stream: str) -> str:
        """The text that the user reads for a stream that failed."""
        return str(self.errors[stream].message)

    def kind_of(self, stream: str) -> str:
        """The failure type of a stream that failed."""
        return str(self.errors[stream].failure_type.value)

    def completed(self, stream: str) -> bool:
        """Whether `stream` was read to its end."""
        return self.statuses[stream][-1:] == ["COMPLETE"] and stream not in self.errors

    @cached_property
    def text(self) -> str:
        """All output but records."""
        others = [message for message in self.messages if message.type is not Type.RECORD]
        lines = [orjson.dumps(AirbyteMessageSerializer.dump(message)).decode() for message in others]
        if self.failure:
            message: Any = assemble_uncaught_exception(type(self.failure), self.failure).as_airbyte_message()
            lines.append(message.trace.error.message)
        return "\n".join([*lines, self.log])


def with_streams(manifest: Json, streams: Sequence[str]) -> Json:
    """`manifest` with `streams` only: a source of it is built in a fraction of the time."""
    return {**manifest, "streams": [each for each in manifest["streams"] if each["$parameters"]["name"] in streams]}


def read_schema_once(patch: pytest.MonkeyPatch) -> None:
    """Caches the CDK's own schema, which it parses for each source: that takes longer than a small read."""
    schema = cdk.get_declarative_component_schema()
    patch.setattr(cdk, "get_declarative_component_schema", lambda: schema)


def build_sources_quickly(patch: pytest.MonkeyPatch, whole: Json) -> None:
    """Builds sources of the manifest `whole` in a fraction of the time: a read builds only its streams."""
    read_schema_once(patch)
    patch.setattr(source, "manifest", lambda: deepcopy(with_streams(whole, WANTED.get() or STREAMS)))


def configured_catalog(streams: Sequence[str] | Mapping[str, str], mode: str = "incremental") -> ConfiguredAirbyteCatalog:
    """A configured catalog of `streams`."""
    both = [SyncMode.full_refresh, SyncMode.incremental]
    return ConfiguredAirbyteCatalog(
        streams=[
            ConfiguredAirbyteStream(
                stream=AirbyteStream(name=name, json_schema={}, supported_sync_modes=both),
                sync_mode=SyncMode(mode),
                destination_sync_mode=DestinationSyncMode.append,
            )
            for name in streams
        ]
    )


def state_messages(state: Mapping[str, Json]) -> list[AirbyteStateMessage]:
    """State messages, by stream name, in the form in which the platform hands them back."""
    return [AirbyteStateMessageSerializer.load(each) for each in saved_states(state)]


def read(
    config: Mapping[str, Any],
    *streams: str,
    state: Mapping[str, Json] | None = None,
    mode: str = "incremental",
    log_level: int = logging.INFO,
) -> Outcome:
    """Reads `streams` (none named: all nine); `state`: the last states, by stream."""
    catalog = configured_catalog(streams or STREAMS, mode)
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(AirbyteLogFormatter())
    handler.setLevel(log_level)
    logging.getLogger().addHandler(handler)
    messages: list[AirbyteMessage] = []
    failure: BaseException | None = None
    wanted = WANTED.set(streams)
    try:
        states = state_messages(state) if state else None
        reader = SourceSyfter(config=config, catalog=catalog, state=states)
        try:
            for message in reader.read(LOGGER, config, catalog, states):
                messages.append(message)
        finally:
            land(reader)
    except AirbyteTracedException as error:
        failure = error
    finally:
        WANTED.reset(wanted)
        logging.getLogger().removeHandler(handler)
    return Outcome(messages, failure, written.getvalue())


def land(reader: SourceSyfter) -> None:
    """Waits for requests beyond a list's end, which nobody else waits for: a later test would answer them."""
    lane, latest = reader._context.lane, time.monotonic() + 5
    while lane and (lane._waiting or lane._flying) and time.monotonic() < latest:
        time.sleep(0.001)


def discover(config: Any, *streams: str) -> dict[str, AirbyteStream]:
    """The streams that are discovered, by name. `streams`: those that the source has; none named: all nine."""
    wanted = WANTED.set(streams)
    try:
        return {stream.name: stream for stream in SourceSyfter(config=config).discover(LOGGER, config).streams}
    finally:
        WANTED.reset(wanted)


def declared(config: Any, *streams: str) -> dict[str, AirbyteStream]:
    """The same without a look at the instance."""
    return discover({**config, "discover_fields": False} if isinstance(config, dict) else config, *streams)


def misfits(stream: AirbyteStream, records: Sequence[Json]) -> set[str]:
    """The fields of `records` that `stream` does not declare, or not with a type that holds their values."""
    properties = stream.json_schema["properties"]
    validators = {name: Draft7Validator(schema) for name, schema in properties.items()}
    return {
        name
        for record in records
        for name, value in record.items()
        if name not in validators or not (value is None or validators[name].is_valid(value))
    }


def check(config: Mapping[str, Any], *streams: str) -> tuple[bool, str]:
    """Whether a check of `config` succeeds, and what it says. `streams`: those that the source has; none named: all nine."""
    wanted = WANTED.set(streams)
    try:
        status = SourceSyfter(config=config).check(LOGGER, config)
    finally:
        WANTED.reset(wanted)
    return status.status.value == "SUCCEEDED", status.message or ""
