"""Instances that serve Syfter's data in the style of public APIs are read by the probe's suggestion, never wrongly."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sandbox import COLLECTIONS, Sandbox, canonical, running
from source_syfter.probe import merged, probe, told
from source_syfter.settings import as_typed
from testing.clocks import Clock, use_clock
from testing.manifests import read_by_bundle
from testing.reading import Outcome, discover, misfits, read
from testing.rotation import rotating
from testing.styles import EXPRESSIBLE, NAMED_AFTER_A_VENDOR, STYLES, auth_of, mixed, variant_of

# What no probe can guess is told by a person who has the vendor's page at hand: `probe --set`.
BY_HAND = {
    name: ("api_key_header", "api_key_prefix")
    for name, style in STYLES.items()
    if style["auth"].get("header") in NAMED_AFTER_A_VENDOR
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_clock(monkeypatch, Clock())


def in_order(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(canonical(row), sort_keys=True) for row in rows)


def wrong(outcome: Outcome, box: Sandbox, since: Mapping[str, Any] | None = None) -> list[str]:
    """The streams that ended as complete with other records than the instance holds, or than changed `since`."""
    return [
        name
        for name in COLLECTIONS
        if outcome.completed(name)
        and in_order(outcome.records[name])
        != in_order(box.truth(name, updated_since=since[name]["updated_at"] if since else None))
    ]


def assert_read(box: Sandbox, config: dict[str, Any]) -> None:
    """Everything is read, in full and, where records have a date of the last change, what a day changed; the bundle, too.

    What is discovered has each field, with a type that holds its values.
    """
    outcome = read(config, mode="full_refresh")
    assert outcome.failure is None
    assert wrong(outcome, box) == []
    described = discover(config)
    assert {name: misfits(described[name], outcome.records[name]) for name in COLLECTIONS} == {
        name: set() for name in COLLECTIONS
    }
    by_bundle = read_by_bundle(config)
    if by_bundle:
        assert by_bundle.failure is None
        assert wrong(by_bundle, box) == []
    if box.variant.updated_at_field:
        state = {name: states[-1] for name, states in read(config).states.items()}
        box.apply_day()
        changed = read({**config, "lookback_window_minutes": 0}, state=state)
        assert changed.failure is None
        assert wrong(changed, box, state) == []


@pytest.mark.parametrize("name", rotating(EXPRESSIBLE, 3))
def test_the_suggestion_reads_the_style(name: str) -> None:
    style = STYLES[name]
    with running(companies=12, conventions=variant_of(style)) as box:
        typed = box.config(auth=auth_of(style), conventions=None, collections=None)
        by_hand = [f"conventions.{each}={as_typed(each, getattr(box.variant, each))}" for each in BY_HAND.get(name, ())]
        typed = merged(typed, told(by_hand))
        report = probe(typed)

        assert [(each.topic, each.text) for each in report.findings if each.status == "fault"] == []
        assert report.requests <= 120
        assert_read(box, merged(typed, report.suggested_config))


@pytest.mark.parametrize("seed", rotating(range(200), 1))
def test_the_suggestion_reads_styles_put_together(seed: int) -> None:
    style, variant = mixed(random.Random(seed))
    with running(companies=12, conventions=variant) as box:
        typed = box.config(auth=auth_of(style), conventions=None, collections=None)
        report = probe(typed)

        assert [(each.topic, each.text) for each in report.findings if each.status == "fault"] == []
        assert report.requests <= 120
        assert_read(box, merged(typed, report.suggested_config))


@pytest.mark.parametrize("name", rotating(EXPRESSIBLE, 3))
def test_the_settings_can_say_the_style(name: str) -> None:
    style = STYLES[name]
    with running(companies=12, conventions=variant_of(style)) as box:
        outcome = read(box.config(auth=auth_of(style)), mode="full_refresh")

        assert outcome.failure is None
        assert wrong(outcome, box) == []
