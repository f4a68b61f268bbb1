"""The manifest, run by the CDK with config, catalog and state, and the promises that a manifest cannot express."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Optional

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteErrorTraceMessage,
    AirbyteMessage,
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

from source_syfter import config as user_config
from source_syfter.conventions import tailored, without_cursor
from source_syfter.cursors import Flow, QuickStream
from source_syfter.diagnosis import config_error
from source_syfter.notes import KEY, Notes
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.spec import manifest
from source_syfter.timestamps import now, parse, to_iso

# What stands behind an error of one collection: the connection as a whole may still be good.
_OF_ONE_COLLECTION = ("[collection-missing]", "[not-permitted]")


class SourceSyfter(ConcurrentDeclarativeSource):
    """Syfter as an Airbyte source.

    The CDK uses the config, catalog and state of the constructor only. A config that is not valid is kept as a problem, so
    that `spec` works and `check` can say what it is.
    """

    def __init__(
        self,
        catalog: Optional[ConfiguredAirbyteCatalog] = None,
        config: Optional[Mapping[str, Any]] = None,
        state: Optional[list[AirbyteStateMessage]] = None,
        **kwargs: Any,
    ) -> None:
        definition = manifest()
        self._problem: Optional[AirbyteTracedException] = None
        self.raw_config = config or {}
        self._notes = Notes()
        self._flow = Flow()
        usable: dict[str, Any] = {}
        try:
            spec = definition["spec"]["connection_specification"]
            usable = {**user_config.checked(self.raw_config, spec), KEY: self._notes}
            definition = tailored(definition, usable)
            streams = catalog.streams if catalog else []
            in_full = {each.stream.name for each in streams if each.sync_mode is SyncMode.full_refresh}
            if "start_date" not in usable:
                definition = without_cursor(definition, in_full)
            # The CDK would go on from the state of a stream that is synced in full, too.
            state = [each for each in state or [] if not each.stream or each.stream.stream_descriptor.name not in in_full]
            self._cursors = _cursor_fields(definition)
            self._previous = _previous(state, self._cursors)
        except AirbyteTracedException as problem:
            self._problem, usable, state = problem, {}, None
        super().__init__(catalog=catalog, config=usable, state=state, source_config=definition, **kwargs)

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        # Not the base's: it would write the notes of the read, which are no JSON, beside the config.
        return config

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether one collection can be read: the first that is neither missing nor refused."""
        hide_secrets(self.raw_config)
        if self._problem:
            return _failed(str(self._problem))
        self._warn_of_http(logger)
        # A check gives up early: see `components.Backoff`.
        source = SourceSyfter(config={**self.raw_config, "impatient": True})
        refused: list[str] = []
        for stream in source.streams({}):
            availability = stream.check_availability()
            if availability.is_available:
                for reason in refused:
                    logger.warning(presentable(reason))
                return AirbyteConnectionStatus(status=Status.SUCCEEDED)
            reason = availability.reason or ""
            if not any(mark in reason for mark in _OF_ONE_COLLECTION):
                return _failed(reason)
            refused.append(reason)
        return _failed(_nothing_readable(refused, source.address))

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        self._raise_problem()
        return super().discover(logger, config)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: Optional[list[AirbyteStateMessage]] = None,
    ) -> Iterator[AirbyteMessage]:
        """Reads the streams of `catalog`.

        The state that is written never passes the moment at which the read of its stream began, by this machine's clock and by
        the server's: the order is by id, so a record that was passed may change while later ones are read.
        """
        self._raise_problem()
        hide_secrets(self.raw_config)
        self._warn_of_http(logger)
        began = now()
        for name, value in self._previous.items():
            if value > began:
                logger.warning(
                    f"{name}: its saved state, {to_iso(value)}, lies in the future, so nothing is newer. Clear its data in the "
                    "connection to read it again."
                )
        failures: dict[str, FailureType] = {}
        unknown = [each.stream.name for each in catalog.streams if each.stream.name not in self._cursors]
        try:
            for message in super().read(logger, self._config, catalog, state):
                if message.type is Type.RECORD:
                    self._flow.written += 1
                elif message.type is Type.STATE:
                    self._hold_back(message, began)
                elif message.type is Type.TRACE and message.trace and message.trace.error:
                    self._clean(message.trace.error, failures)
                yield message
        except AirbyteTracedException as error:
            if error.internal_message != "Concurrent read failure":
                raise
        if failures or unknown:
            raise _summary(failures, unknown)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [QuickStream(stream, self._flow) for stream in super().streams(config)]

    @property
    def address(self) -> str:
        """Host and path prefix of the instance."""
        url = self._source_config["definitions"]["requester"]["url"]
        return str(url.replace("{{ config['host'] }}", self._config["host"]).split("/{{")[0])

    def _raise_problem(self) -> None:
        if self._problem:
            raise self._problem

    def _warn_of_http(self, logger: logging.Logger) -> None:
        address = user_config.unencrypted(self._config)
        if address:
            logger.warning(f"{address} is reached without encryption: credentials and data can be read on the way.")

    def _hold_back(self, message: AirbyteMessage, began: datetime) -> None:
        """Lowers the cursor of a state message to the moment at which the read of its stream began, and writes it in UTC."""
        stream = message.state.stream if message.state else None
        cursor_field = self._cursors.get(stream.stream_descriptor.name) if stream else None
        if not stream or not cursor_field or not stream.stream_state:
            return
        name = stream.stream_descriptor.name
        value = parse(getattr(stream.stream_state, cursor_field, None))
        # Without the server's clock, a clock that is behind this one would let the state pass what changed during the read.
        server = self._notes.server_clock.get(name)
        previous = self._previous.get(name)
        bound = began
        if server is not None:
            bound = min(began, max(server, previous) if previous else server)
        if value is not None:
            stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(min(value, bound))})

    @staticmethod
    def _clean(error: AirbyteErrorTraceMessage, failures: dict[str, FailureType]) -> None:
        error.message = presentable(error.message)
        error.internal_message = presentable(error.internal_message or "") or None
        error.stack_trace = presentable(error.stack_trace or "") or None
        if error.stream_descriptor:
            failures[error.stream_descriptor.name] = error.failure_type or FailureType.system_error


def _failed(message: str) -> AirbyteConnectionStatus:
    return AirbyteConnectionStatus(status=Status.FAILED, message=presentable(message))


def _nothing_readable(reasons: list[str], address: str) -> str:
    if all("[collection-missing]" in reason for reason in reasons):
        return (
            f"{address} has none of the collections: all {len(reasons)} answer 404, so the path prefix or the host is wrong. Set "
            'the path prefix under "API conventions" (conventions.path_prefix) to what stands between host and collection. '
            "[wrong-prefix]"
        )
    if all("[not-permitted]" in reason for reason in reasons):
        return (
            f"The credentials are good, but may not read any of the {len(reasons)} collections of {address} (403). Ask an "
            "administrator of the instance for the right to read them. [not-permitted]"
        )
    return " ".join(reasons)


def _cursor_fields(definition: Mapping[str, Any]) -> dict[str, Optional[str]]:
    """Each stream's cursor field; None for a stream that is read whole."""
    default = definition["definitions"]["cursor"]["cursor_field"]
    fields: dict[str, Optional[str]] = {}
    for stream in definition["streams"]:
        own = stream.get("incremental_sync", {}).get("cursor_field") if "$ref" not in stream else default
        fields[stream["$parameters"]["name"]] = own
    return fields


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
        if value is None:
            stream.stream_state = AirbyteStateBlob()
            continue
        moment = parse(value)
        if moment is None:
            raise config_error(
                f"{name}: the saved state cannot be read: {cursor_field} is not a moment. Clear the data of this stream in the "
                "connection, so that it is read from the start. [unreadable-state]"
            )
        stream.stream_state = AirbyteStateBlob({cursor_field: to_iso(moment)})
        values[name] = moment
    return values


def _summary(failures: Mapping[str, FailureType], unknown: list[str]) -> AirbyteTracedException:
    """The error that ends a read in which streams failed; each has said why before."""
    parts = []
    if failures:
        parts.append(f"These streams did not sync completely, each for the reason given above: {', '.join(sorted(failures))}.")
    if unknown:
        parts.append(f"These streams do not exist (any more): {', '.join(unknown)}. Refresh the source schema of the connection.")
    kinds = set(failures.values())
    kind = FailureType.transient_error if kinds == {FailureType.transient_error} and not unknown else FailureType.config_error
    if FailureType.system_error in kinds:
        kind = FailureType.system_error
    return AirbyteTracedException(message=" ".join(parts), internal_message=" ".join(parts), failure_type=kind)
