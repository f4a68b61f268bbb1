"""Runs a manifest by the framework alone, as the Connector Builder and PyAirbyte do, for tests of the bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

from source_syfter.bundle import bundle
from source_syfter.problems import SyfterError
from testing.reading import LOGGER, STREAMS, Json, Outcome, configured_catalog, state_messages


def read_manifest(
    manifest: Mapping[str, Any], config: Mapping[str, Any], *streams: str, state: Mapping[str, Json] | None = None
) -> Outcome:
    """Reads `streams` (none named: all nine) of `manifest`; `state`: the last states, by stream."""
    catalog = configured_catalog(streams or STREAMS)
    states = state_messages(state) if state else None
    source = ConcurrentDeclarativeSource(source_config=dict(manifest), config=config, catalog=catalog, state=states)
    messages: list[AirbyteMessage] = []
    failure: BaseException | None = None
    try:
        for message in source.read(LOGGER, config, catalog, states):
            messages.append(message)
    except Exception as error:
        failure = error
    return Outcome(messages, failure)


def read_by_bundle(config: dict[str, Any]) -> Outcome | None:
    """None where the bundle refuses a setting by name."""
    conventions = config.get("conventions", {})
    beyond = {"fields_path", "field_names", "end_of_list"} & set(conventions)
    beyond |= {"paging"} if conventions.get("paging") == "next_url" else set()
    if not beyond:
        return read_manifest(bundle(config), config)
    with pytest.raises(SyfterError, match=rf"conventions\.({'|'.join(beyond)}).*\[not-in-bundle\]"):
        bundle(config)
    return None
