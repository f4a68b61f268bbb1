"""Keeps what this release leaves behind, for test_releases.py to replay with every later one: run once before a release.

python -m unit_tests.releases.record
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer, Type

from testing.instance import Instance, config, connect, some
from testing.reading import STREAMS, configured_catalog, declared, read


def main() -> None:
    """Writes config, configured catalog, and the last state of a read of five records in each stream."""
    folder = Path(__file__).parent / version("airbyte-source-syfter")
    folder.mkdir()
    settings = config(start_date="2025-01-01", lookback_window_minutes=0, page_size=4, num_workers=4)
    discovered = declared(settings)
    catalog = configured_catalog(STREAMS)
    for chosen in catalog.streams:
        chosen.stream = discovered[chosen.stream.name]
    with pytest.MonkeyPatch.context() as patch:
        connect(patch, Instance({name: some(5) for name in STREAMS}))
        outcome = read(settings)
    states = {
        message.state.stream.stream_descriptor.name: AirbyteMessageSerializer.dump(message)["state"]
        for message in outcome.messages
        if message.type is Type.STATE
    }
    contents: dict[str, Any] = {
        "config": settings,
        "catalog": ConfiguredAirbyteCatalogSerializer.dump(catalog),
        "state": list(states.values()),
    }
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
