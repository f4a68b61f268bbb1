"""The manifest, run by the CDK with config, catalog and state, and the promises that a manifest cannot express."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Optional, cast

import orjson
from airbyte_cdk.config_observation import create_connector_config_control_message
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteErrorTraceMessage,
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateBlob,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    FailureType,
    Status,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter import context as run_context
from source_syfter import problems, timestamps
from source_syfter.components.cursors import Backpressure, TunedStream
from source_syfter.context import Context
from source_syfter.conventions import tailored
from source_syfter.problems import SyfterError
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.settings import Settings, complete, unencrypted
from source_syfter.spec import code_of, manifest, name_of
from source_syfter.timestamps import parse, to_iso

# Errors of one collection: the connection as a whole may still be good.
_MISSING, _NOT_PERMITTED = code_of("collection_missing"), code_of("not_permitted")


class SourceSyfter(ConcurrentDeclarativeSource):
    """Syfter as an Airbyte source.

    The CDK uses the config, catalog and state of the constructor only. A config that is not valid is kept as an error, so
    that `spec` works and `check` can say what it is.
    """

    def __init__(
        self,
        catalog: Optional[ConfiguredAirbyteCatalog] = None,
        config: Optional[Mapping[str, Any]] = None,
        state: Optional[list[AirbyteStateMessage]] = None,
        context: Optional[Context] = None,
        **kwargs: Any,
    ) -> None:
        definition = manifest()
        self._error: Optional[SyfterError] = None
        self.raw_config = config or {}
        self._context = context or Context()
        self._context.save_refresh_token = self._tell_refresh_token
        self._backpressure = Backpressure()
        self._settings: Settings = {}
        try:
            settings = complete(self.raw_config, definition["spec"]["connection_specification"])
            streams = catalog.streams if catalog else []
            in_full = {each.stream.name for each in streams if each.sync_mode is SyncMode.full_refresh}
            definition = tailored(definition, settings, in_full if settings["start_date"] is None else ())
            # The CDK would resume a full refresh from its state, too.
            state = [each for each in state or [] if not each.stream or each.stream.stream_descriptor.name not in in_full]
            self._cursors = _cursor_fields(definition)
            self._previous = _previous(state, self._cursors)
            self._settings = {**settings, run_context.KEY: self._context}
        except SyfterError as error:
            self._error, state = error, None
            # Its template needs settings.
            definition.pop("concurrency_level")
        super().__init__(catalog=catalog, config=self._settings, state=state, source_config=definition, **kwargs)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        # Not the base's: it would write the context of the run, which is no JSON, beside the config.
        return config

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether one collection can be read: the first that is neither missing nor refused."""
        hide_secrets(self.raw_config)
        if self._error:
            return _failed(self._error)
        self._warn_of_http(logger)
        refused: list[SyfterError] = []
        for stream in SourceSyfter(config=self.raw_config, context=Context(run_context.CHECK)).streams({}):
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
        if self._error:
            raise self._error
        return super().discover(logger, config)

    def read(
        self, logger: logging.Logger, config: Mapping[str, Any], catalog: ConfiguredAirbyteCatalog, state: Any = None
    ) -> Iterator[AirbyteMessage]:
        """Reads the streams of `catalog`.

        The state that is written never passes the moment at which the read of its stream began, by this machine's clock and by
        the server's: the order is by id, so a record that was passed may change while later ones are read.
        """
        if self._error:
            raise self._error
        hide_secrets(self.raw_config)
        self._warn_of_http(logger)
        began = timestamps.now()
        for name, value in self._previous.items():
            if value > began:
                text = "lies in the future, so nothing is newer. Clear its data in the connection to read it again."
                logger.warning(f"{name}: its saved state, {to_iso(value)}, {text}")
        failures: dict[str, FailureType] = {}
        unknown = [each.stream.name for each in catalog.streams if each.stream.name not in self._cursors]
        try:
            for message in super().read(logger, self._settings, catalog, state):
                if message.type is Type.RECORD:
                    self._backpressure.written += 1
                elif message.type is Type.STATE:
                    self._cap_cursor(message, began)
                elif message.type is Type.TRACE and message.trace and message.trace.error:
                    self._clean(message.trace.error, failures)
                yield message
        except AirbyteTracedException as error:
            # The CDK's own summary of the streams that failed says less than the one below.
            if isinstance(error, SyfterError) or not failures:
                raise
        if failures or unknown:
            raise _summary(failures, unknown)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [cast(AbstractStream, TunedStream(stream, self._backpressure)) for stream in super().streams(config)]

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

    def _cap_cursor(self, message: AirbyteMessage, began: datetime) -> None:
        """Lowers the cursor of a state message to the moment at which the read of its stream began, and writes it in UTC."""
        stream = message.state.stream if message.state else None
        name = stream.stream_descriptor.name if stream else ""
        cursor_field = self._cursors.get(name)
        value = parse(getattr(stream.stream_state, cursor_field, None)) if stream and cursor_field else None
        if not stream or not cursor_field or value is None:
            return
        # Without the server's clock, a clock that is behind this one would let the state pass what changed during the read.
        server = self._context.server_clock.get(name)
        if server is not None:
            began = min(began, max(server, self._previous.get(name, server)))
        stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(min(value, began))})

    @staticmethod
    def _clean(error: AirbyteErrorTraceMessage, failures: dict[str, FailureType]) -> None:
        error.message = presentable(error.message)
        error.internal_message = presentable(error.internal_message or "") or None
        error.stack_trace = presentable(error.stack_trace or "") or None
        if error.stream_descriptor:
            failures[error.stream_descriptor.name] = error.failure_type or FailureType.system_error


def _failed(*errors: AirbyteTracedException) -> AirbyteConnectionStatus:
    return AirbyteConnectionStatus(status=Status.FAILED, message=presentable(" ".join(map(str, errors))))


def _cursor_fields(definition: Mapping[str, Any]) -> dict[str, Optional[str]]:
    """Each stream's cursor field; None for a stream that is read whole."""
    default = definition["definitions"]["cursor"]["cursor_field"]
    return {
        name_of(stream): default if "$ref" in stream else stream.get("incremental_sync", {}).get("cursor_field")
        for stream in definition["streams"]
    }


def _previous(state: list[AirbyteStateMessage], cursors: Mapping[str, Optional[str]]) -> dict[str, datetime]:
    """The cursor values that the read starts from, by stream; puts them into one form, which the CDK can read.

    Raises a config error for a value that is no moment.
    """
    values: dict[str, datetime] = {}
    for message in state:
        stream = message.stream
        name = stream.stream_descriptor.name if stream else ""
        cursor_field = cursors.get(name)
        if not stream or not stream.stream_state or not cursor_field or not hasattr(stream.stream_state, cursor_field):
            continue
        value = getattr(stream.stream_state, cursor_field)
        moment = parse(value)
        if moment is None and value is not None:
            raise problems.UNREADABLE_STATE(stream=name, cursor_field=cursor_field)
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
