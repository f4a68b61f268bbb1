"""Instances that serve Syfter's data in the style of public APIs are read by the probe's suggestion, never wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from sandbox import COLLECTIONS, canonical, running
from source_syfter.probe import merged, probe, told
from source_syfter.settings import as_typed
from testing.clocks import Clock, use_clock
from testing.reading import Outcome, read
from testing.rotation import rotating
from testing.styles import STYLES, auth_of, inexpressible, variant_of

EXPRESSIBLE = [name for name, style in STYLES.items() if inexpressible(style) is None]
# What no probe can guess is told by a person who has the vendor's page at hand: `probe --set`.
_PREFIX, _HEADER = "conventions.path_prefix", ["conventions.api_key_header", "conventions.api_key_prefix"]
BY_HAND: dict[str, list[str]] = {
    **{name: [_PREFIX] for name in ("style-006", "style-017", "style-026", "style-032")},
    **{name: [_PREFIX, *_HEADER] for name in ("style-004", "style-015")},
    **{name: [_PREFIX, "collections"] for name in ("style-005", "style-010")},
    **dict.fromkeys(("style-016", "style-029"), _HEADER),
    "style-038": [_PREFIX, "conventions.paging"],
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_clock(monkeypatch, Clock())


def in_order(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(canonical(row), sort_keys=True) for row in rows)


def wrong(outcome: Outcome, box: Any) -> list[str]:
    """The streams that ended as complete with other records than the instance holds."""
    return [
        name for name in COLLECTIONS if outcome.completed(name) and in_order(outcome.records[name]) != in_order(box.truth(name))
    ]


@pytest.mark.parametrize("name", rotating(EXPRESSIBLE, 12))
def test_the_suggestion_reads_the_style(name: str) -> None:
    style = STYLES[name]
    with running(companies=12, conventions=variant_of(style)) as box:
        typed = box.config(auth=auth_of(style), conventions=None, collections=None)
        by_hand = BY_HAND.get(name, [])
        names = [each.removeprefix("conventions.") for each in by_hand if each != "collections"]
        typed = merged(typed, told([f"conventions.{each}={as_typed(each, getattr(box.variant, each))}" for each in names]))
        typed |= {"collections": box.variant.collections} if "collections" in by_hand else {}
        report = probe(typed)
        outcome = read(merged(typed, report.suggested_config), mode="full_refresh")

        assert outcome.failure is None, [(each.topic, each.text) for each in report.findings if each.status == "fault"]
        assert wrong(outcome, box) == []
        assert report.requests <= 120


@pytest.mark.parametrize("name", rotating(EXPRESSIBLE, 12))
def test_the_settings_can_say_the_style(name: str) -> None:
    style = STYLES[name]
    with running(companies=12, conventions=variant_of(style)) as box:
        outcome = read(box.config(auth=auth_of(style)), mode="full_refresh")

        assert outcome.failure is None
        assert wrong(outcome, box) == []
