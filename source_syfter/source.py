"""The manifest, run by the CDK with config, catalog and state, and the promises that a manifest cannot express."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Optional, cast

import orjson
from airbyte_cdk.config_observation import create_connector_config_control_message
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteErrorTraceMessage,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteRecordMessage,
    AirbyteStateBlob,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStateType,
    AirbyteStreamState,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    FailureType,
    Status,
    StreamDescriptor,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter import context as run_context
from source_syfter import discovery, problems, timestamps
from source_syfter.columns import Columns
from source_syfter.components import positions
from source_syfter.components.cursors import Backpressure, TunedStream
from source_syfter.components.lookahead import Lane
from source_syfter.components.pages import RECORDS
from source_syfter.components.positions import Chain, Position
from source_syfter.context import Context
from source_syfter.conventions import tailored
from source_syfter.conventions.streams import cursor_fields, listings, pin
from source_syfter.exact import plain
from source_syfter.problems import SyfterError
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.settings import Settings, complete, from_file, json_file, saved_states, unencrypted
from source_syfter.spec import code_of, manifest
from source_syfter.timestamps import parse, to_iso

LOGGER = logging.getLogger("airbyte")

# Seconds of a check after its start, which takes some.
_LONGEST_CHECK = 45.0
# A state may lie this far in the future, for the clock that made it was not this one.
_CLOCKS_DIFFER = timedelta(hours=1)

_COUNT = re.compile(r"Read \d+ records from (.+) stream")

# Errors of one collection: the connection as a whole may still be good.
_MISSING, _NOT_PERMITTED = code_of("collection_missing"), code_of("not_permitted")


class SourceSyfter(ConcurrentDeclarativeSource):
    """Syfter as an Airbyte source.

    The CDK uses the config, catalog and state of the constructor only. A source without a config, as `airbyte-cdk connector test`
    makes it, makes another with those of the call. A config that is not valid is kept as an error, so that `spec` works and
    `check` can say what it is.
    """

    def __init__(
        self,
        catalog: Optional[ConfiguredAirbyteCatalog] = None,
        config: Optional[Mapping[str, Any]] = None,
        state: Optional[list[AirbyteStateMessage]] = None,
        context: Optional[Context] = None,
        sample_by: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        """`sample_by`: the size of pages by which the streams read a part of their lists only, for `discover`."""
        definition = manifest()
        self._error: Optional[SyfterError] = None
        self.raw_config = config or {}
        self._context = context or Context()
        self._context.save_refresh_token = self._tell_refresh_token
        self._backpressure = Backpressure()
        self._is_sample = sample_by is not None
        self._settings: Settings = {}
        self._began = timestamps.now()
        try:
            settings = complete(self.raw_config, definition["spec"]["connection_specification"])
            streams = catalog.streams if catalog else []
            names = [each.stream.name for each in streams]
            for name in names:
                if names.count(name) > 1:
                    raise problems.STREAM_TWICE(stream=name)
            self._in_full = {each.stream.name for each in streams if each.sync_mode is SyncMode.full_refresh}
            self._context.columns = {each.stream.name: Columns(each.stream.json_schema) for each in streams}
            self._listing = _listing(settings)
            self._listings = listings(definition, settings)
            if sample_by is not None:
                settings["page_size"] = sample_by
                definition = discovery.sampled(definition, settings)
            else:
                definition = tailored(definition, settings, self._in_full if settings["start_date"] is None else ())
            self._cursors = cursor_fields(definition)
            chains = self._chains_in(state or [])
            # The CDK would resume a full refresh from its state, too.
            state = [each for each in state or [] if not each.stream or each.stream.stream_descriptor.name not in self._in_full]
            self._previous = _previous(state, self._cursors)
            self._chains = {name: chain for name, chain in chains.items() if not self._is_ahead(name)}
            if sample_by is None:
                self._context.chains, self._context.state_at = self._chains, self._state_at
            # Whatever fails before anything is read leaves a position as it is.
            self._written = {name: self._state(name, chain) for name, chain in self._chains.items()}
            self._settings = {**settings, run_context.KEY: self._context}
        except SyfterError as error:
            self._error, state = error, None
            # Its template needs settings.
            definition.pop("concurrency_level")
        super().__init__(catalog=catalog, config=self._settings, state=state, source_config=definition, **kwargs)

    @staticmethod
    def read_config(config_path: str) -> dict[str, Any]:
        return from_file(config_path)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        # Not the base's, which reads files as the locale says.
        return ConfiguredAirbyteCatalogSerializer.load(json_file(catalog_path))

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return [AirbyteStateMessageSerializer.load(each) for each in saved_states(state_path)] if state_path else []

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        # Not the base's: it would write the context of the run, which is no JSON, beside the config.
        return config

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether one collection can be read: the first that is neither missing nor refused."""
        if config and not self.raw_config:
            return SourceSyfter(config=config).check(logger, config)
        hide_secrets(self.raw_config)
        if self._error:
            return _failed(self._error)
        self._warn_of_http(logger)
        if self._starts_ahead:
            return _failed(problems.FUTURE_START(date=self._settings["start_date"]))
        refused: list[SyfterError] = []
        context = Context(run_context.CHECK, deadline=time.monotonic() + _LONGEST_CHECK)
        for stream in SourceSyfter(config=self.raw_config, context=context).streams({}):
            try:
                # The first record, if there is one, raises what a sync would.
                for partition in stream.generate_partitions():
                    next(iter(partition.read()), None)
                    break
            except SyfterError as error:
                if error.code not in (_MISSING, _NOT_PERMITTED):
                    return _failed(error)
                refused.append(error)
            except AirbyteTracedException as error:
                return _failed(error)
            else:
                for each in refused:
                    logger.warning(presentable(each.text))
                return AirbyteConnectionStatus(status=Status.SUCCEEDED)
        return self._nothing_readable(refused)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        if config and not self.raw_config:
            return SourceSyfter(config=config).discover(logger, config)
        if self._error:
            raise self._error
        catalog = super().discover(logger, config)
        if self._settings["discover_fields"]:
            hide_secrets(self.raw_config)
            self._warn_of_http(logger)
            context = Context(run_context.DISCOVERY)
            discovery.complete(catalog, partial(self._samples, context), self._settings, context, logger)
        for stream, listing in zip(catalog.streams, self._listings, strict=True):
            pin(stream.json_schema, listing)
        return catalog

    def _samples(self, context: Context, page_size: int) -> list[AbstractStream]:
        """The streams, each of which reads a part of its list, by pages of that size."""
        return SourceSyfter(config=self.raw_config, context=context, sample_by=page_size).streams({})

    def read(
        self, logger: logging.Logger, config: Mapping[str, Any], catalog: ConfiguredAirbyteCatalog, state: Any = None
    ) -> Iterator[AirbyteMessage]:
        """Reads the streams of `catalog`. Numbers are those of Python; `messages` has them as sent."""
        source = self if self.raw_config else SourceSyfter(catalog, config, state)
        for message in source.messages(logger, catalog, state):
            page = message.record
            if page is None:
                yield message
                continue
            for data in page.data[RECORDS]:
                record = AirbyteRecordMessage(stream=page.stream, data=plain(data), emitted_at=page.emitted_at)
                yield AirbyteMessage(type=Type.RECORD, record=record)

    def messages(self, logger: logging.Logger, catalog: ConfiguredAirbyteCatalog, state: Any = None) -> Iterator[AirbyteMessage]:
        """Reads the streams of `catalog`. Each record message holds a page of them (`components.pages`), of which `exact.dumps`
        writes the numbers with the digits that were sent.

        The state that is written never passes the moment at which the read of its stream began, by this machine's clock and by
        the server's: the order is by id, so a record that was passed may change while later ones are read.
        """
        if self._error:
            raise self._error
        hide_secrets(self.raw_config)
        self._warn_of_http(logger)
        self._began = timestamps.now()
        self._context.lane = Lane(self._settings["num_workers"])
        if self._starts_ahead:
            logger.warning(problems.FUTURE_START(date=self._settings["start_date"]).text)
        for name, value in self._previous.items():
            if self._is_ahead(name):
                text = "lies in the future, so nothing is newer. Clear its data in the connection to read it again."
                logger.warning(f"{name}: its saved state, {to_iso(value)}, {text}")
        failures: dict[str, FailureType] = {}
        counts: dict[str, int] = defaultdict(int)

        def counted(entry: logging.LogRecord) -> bool:
            # The CDK counted pages.
            if (found := _COUNT.fullmatch(entry.getMessage())) and found[1] in counts:
                entry.msg = f"Read {counts[found[1]]} records from {found[1]} stream"
            return True

        self.logger.addFilter(counted)
        self._backpressure = Backpressure()
        unknown = [each.stream.name for each in catalog.streams if each.stream.name not in self._cursors]
        try:
            for message in super().read(logger, self._settings, catalog, state):
                if message.record:
                    counts[message.record.stream] += len(message.record.data[RECORDS])
                elif message.type is Type.STATE:
                    self._cap_cursor(message, failures)
                elif message.type is Type.TRACE and message.trace and message.trace.error:
                    self._clean(message.trace.error, failures)
                elif message.log:
                    message.log.message = presentable(message.log.message)
                yield message
                if message.record:
                    self._backpressure.wrote(message.record.data)
        except AirbyteTracedException as error:
            # The CDK's own summary of the streams that failed says less than the one below.
            if isinstance(error, SyfterError) or not failures:
                raise
        finally:
            self._backpressure.is_over = True
            self.logger.removeFilter(counted)
        for name, columns in self._context.columns.items():
            for level, text in columns.notes(name):
                logger.log(level, presentable(text))
        if failures or unknown:
            raise _summary(failures, unknown)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        found = super().streams(config)
        if self._is_sample:
            # What `discover` looks at is not written, so nothing may wait for that.
            return found
        streams = [TunedStream(stream, self._backpressure) for stream in found]
        self._tuned = {stream.name: stream for stream in streams}
        return [cast(AbstractStream, stream) for stream in streams]

    def _nothing_readable(self, refused: list[SyfterError]) -> AirbyteConnectionStatus:
        prefix = self._settings["conventions"]["path_prefix"]
        facts = {"address": "/".join(filter(None, [self._settings["host"], prefix])), "count": len(refused)}
        codes = {error.code for error in refused}
        if codes == {_MISSING}:
            return _failed(problems.WRONG_PREFIX(**facts))
        if codes == {_NOT_PERMITTED}:
            return _failed(problems.NOTHING_PERMITTED(**facts))
        return _failed(*refused)

    def _tell_refresh_token(self, token: str) -> None:
        """Writes a CONTROL message, which has the platform save the user's config with the new token."""
        self.raw_config = {**self.raw_config, "credentials": {**self.raw_config["credentials"], "refresh_token": token}}
        message = create_connector_config_control_message(dict(self.raw_config))
        # At once, as the CDK does: no message of the read may come for minutes.
        print(orjson.dumps(AirbyteMessageSerializer.dump(message)).decode(), flush=True)

    def _warn_of_http(self, logger: logging.Logger) -> None:
        address = unencrypted(self._settings)
        if address:
            logger.warning(f"{address} is reached without encryption: credentials and data can be read on the way.")

    def _listing_of(self, name: str) -> str:
        """What a position belongs to: a full refresh and an incremental read do not continue each other."""
        return f"{self._listing}-{'full' if name in self._in_full else 'changes'}"

    def _chains_in(self, state: list[AirbyteStateMessage]) -> dict[str, Chain]:
        """Where the reads that were cut off go on, by stream; takes the positions out of `state`."""
        found: dict[str, Chain] = {}
        for message in state:
            stream = message.stream
            values = dict(vars(stream.stream_state)) if stream and stream.stream_state else {}
            if not stream or positions.FIELD not in values:
                continue
            position = values.pop(positions.FIELD)
            name = stream.stream_descriptor.name
            stream.stream_state = AirbyteStateBlob(values)
            cursor = parse(values.get(self._cursors.get(name) or "")) if name not in self._in_full else None
            chain = positions.chain_in(position, to_iso(cursor) if cursor else "", self._listing_of(name))
            if chain:
                found[name] = chain
            else:
                LOGGER.info(f"{name}: an earlier attempt was made with other settings or another state, so it is not continued.")
        return found

    @property
    def _starts_ahead(self) -> bool:
        """Whether nothing can be read, for the start date lies in the future."""
        start = parse(self._settings["start_date"])
        # A day ahead: it may be today's where the user is.
        return start is not None and start - self._began > timedelta(days=1)

    def _is_ahead(self, name: str) -> bool:
        """Whether the state of a stream is further in the future than clocks differ."""
        previous = self._previous.get(name)
        return previous is not None and previous - self._began > _CLOCKS_DIFFER

    def _state(self, name: str, chain: Chain) -> AirbyteStateBlob:
        """The state with a position: beside the cursor that the read began with, if it had one."""
        field = self._cursors.get(name)
        return AirbyteStateBlob({**({field: chain.cursor} if field and chain.cursor else {}), positions.FIELD: chain.as_json()})

    def _state_at(self, name: str, position: Position) -> AirbyteMessage:
        """The message that has a read of the stream go on at `position`."""
        chain, previous = self._chains.get(name), self._previous.get(name)
        cursor, newest = to_iso(previous) if previous else "", max(self._tuned[name].newest, chain.newest if chain else "")
        self._written[name] = self._state(name, Chain(cursor, to_iso(self._cap(name)), newest, self._listing_of(name), position))
        state = AirbyteStreamState(stream_descriptor=StreamDescriptor(name=name), stream_state=self._written[name])
        return AirbyteMessage(type=Type.STATE, state=AirbyteStateMessage(type=AirbyteStateType.STREAM, stream=state))

    def _cap(self, name: str) -> datetime:
        """What the state of a stream may not pass: the moment at which its read began, or that of the first that it continues."""
        began, server, chain = self._began, self._context.server_clock.get(name), self._chains.get(name)
        # Without the server's clock, a clock that is behind this one would let the state pass what changed during the read.
        if server is not None:
            began = min(began, max(server, self._previous.get(name, server)))
        first = parse(chain.began) if chain else None
        return min(began, first) if first else began

    def _cap_cursor(self, message: AirbyteMessage, failures: Mapping[str, FailureType]) -> None:
        """Lowers the cursor of a state message to the moment at which the read of its stream began, and writes it in UTC.

        A stream that failed keeps its position, for the CDK writes the state that its read began with.
        """
        stream = message.state.stream if message.state else None
        name = stream.stream_descriptor.name if stream else ""
        if not stream or hasattr(stream.stream_state, positions.FIELD):
            return
        if name in failures and name in self._written:
            stream.stream_state = self._written[name]
            return
        cursor_field = self._cursors.get(name)
        value = parse(getattr(stream.stream_state, cursor_field, None)) if cursor_field else None
        if not cursor_field or value is None:
            return
        if self._is_ahead(name):
            # It stays, so that each sync warns until somebody clears it.
            stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(self._previous[name])})
            return
        newest = parse(self._chains[name].newest) if name in self._chains else None
        stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(min(max(value, newest or value), self._cap(name)))})

    @staticmethod
    def _clean(error: AirbyteErrorTraceMessage, failures: dict[str, FailureType]) -> None:
        error.message = presentable(error.message)
        error.internal_message = presentable(error.internal_message or "") or None
        error.stack_trace = presentable(error.stack_trace or "") or None
        if error.stream_descriptor:
            failures[error.stream_descriptor.name] = error.failure_type or FailureType.system_error


def _failed(*errors: AirbyteTracedException) -> AirbyteConnectionStatus:
    return AirbyteConnectionStatus(status=Status.FAILED, message=presentable(" ".join(map(str, errors))))


def _listing(settings: Settings) -> str:
    """What decides which lists are read, and how: a position in others says nothing."""
    names = ("host", "conventions", "start_date", "lookback_window_minutes", "collections", "additional_collections")
    text = json.dumps([settings[name] for name in names], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _previous(state: list[AirbyteStateMessage], cursors: Mapping[str, Optional[str]]) -> dict[str, datetime]:
    """The cursor values that the read starts from, by stream; puts them into one form, which the CDK can read.

    One that is a little ahead of this machine's clock is lowered to it. Raises a config error for a value that is no moment, and
    for a state that is not that of a stream.
    """
    values: dict[str, datetime] = {}
    now = timestamps.now()
    for message in state:
        if message.stream is None:
            raise problems.UNKNOWN_STATE(kind=getattr(message.type, "value", "LEGACY"))
        stream = message.stream
        name = stream.stream_descriptor.name if stream else ""
        cursor_field = cursors.get(name)
        if not stream or not stream.stream_state or not cursor_field:
            continue
        if not hasattr(stream.stream_state, cursor_field):
            # The CDK knows states of other forms, and would read several parts of one list side by side.
            stream.stream_state = AirbyteStateBlob({})
            continue
        value = getattr(stream.stream_state, cursor_field)
        moment = parse(value)
        if moment is None and value is not None:
            raise problems.UNREADABLE_STATE(stream=name, cursor_field=cursor_field)
        if moment is not None and moment - now <= _CLOCKS_DIFFER:
            moment = max(min(moment, now), timestamps.UNIX)
        stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(moment)} if moment else {})
        if moment:
            values[name] = moment
    return values


def _summary(failures: Mapping[str, FailureType], unknown: list[str]) -> SyfterError:
    """The error that ends a read in which streams failed; each has said why before."""
    if not failures:
        return problems.UNKNOWN_STREAMS(streams=", ".join(unknown))
    kinds = {*failures.values(), *([FailureType.config_error] if unknown else [])}
    gravest_first = (FailureType.system_error, FailureType.config_error, FailureType.transient_error)
    kind = next(kind for kind in gravest_first if kind in kinds)
    also = problems.UNKNOWN_STREAMS.text(streams=", ".join(unknown)) if unknown else ""
    return replace(problems.STREAMS_FAILED, kind=kind)(also, streams=", ".join(sorted(failures)))
