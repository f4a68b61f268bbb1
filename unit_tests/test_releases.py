"""What a release left behind (config, configured catalog, state) works on: each folder of releases/ is replayed.

`python -m unit_tests.releases.record` adds the folder of the next one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer

from source_syfter.source import SourceSyfter
from testing.instance import Instance, moment, some
from testing.reading import LOGGER, STREAMS, Outcome, declared

RELEASES = sorted(path.parent for path in (Path(__file__).parent / "releases").glob("*/state.json"))


def content(release: Path, name: str) -> Any:
    return json.loads((release / f"{name}.json").read_text())


def replay(release: Path, state: list[Any]) -> Outcome:
    config, catalog = content(release, "config"), ConfiguredAirbyteCatalogSerializer.load(content(release, "catalog"))
    states = [AirbyteStateMessageSerializer.load(each) for each in state]
    return Outcome(list(SourceSyfter(config=config, catalog=catalog, state=states).read(LOGGER, config, catalog, states)))


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_connection_of_an_earlier_release_goes_on_where_it_was(instance: Instance, release: Path) -> None:
    """The saved states stand at second 5 of 2026, without a look-back."""
    for stream in STREAMS:
        instance.records[stream] = some(9)

    outcome = replay(release, content(release, "state"))

    for stream in STREAMS:
        assert outcome.ids(stream) == [5, 6, 7, 8, 9]
        assert outcome.states[stream][-1] == {"updated_at": moment(9)}
        cursors = [state["updated_at"] for state in outcome.states[stream]]
        assert cursors == sorted(cursors)
        assert cursors[0] >= moment(5)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_the_state_that_a_replay_writes_is_written_again_when_nothing_changed(instance: Instance, release: Path) -> None:
    first = replay(release, content(release, "state"))
    written = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": states[-1]}}
        for name, states in first.states.items()
    ]

    assert {name: states[-1] for name, states in replay(release, written).states.items()} == {
        name: states[-1] for name, states in first.states.items()
    }


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_the_streams_of_an_earlier_release_are_still_there(release: Path) -> None:
    config = content(release, "config")
    now = declared(config)
    for configured in content(release, "catalog")["streams"]:
        before, after = configured["stream"], now[configured["stream"]["name"]]
        assert after.source_defined_primary_key == before["source_defined_primary_key"]
        assert after.default_cursor_field == before["default_cursor_field"]
        kept = after.json_schema["properties"]
        for field, kind in before["json_schema"]["properties"].items():
            assert kept.get(field, {}).get("type") == kind["type"], f"{before['name']}.{field}"
