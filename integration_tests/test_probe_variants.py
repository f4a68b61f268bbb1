"""Whoever knows host and key alone gets every record: the probe's suggestion is enough, for the package and for the bundle.

Each variant of the sandbox stands for an instance that differs from what the connector assumes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import COLLECTIONS, VARIANTS, Sandbox, Variant, canonical, running
from source_syfter.bundle import bundle
from source_syfter.probe import main, merged, probe
from source_syfter.probing.report import Report
from testing.clocks import Clock, use_clock
from testing.manifests import read_by_bundle, read_manifest
from testing.reading import Outcome, read
from testing.rotation import rotating

pytestmark = pytest.mark.usefixtures("schema_read_once")

# What gives its last page again for ever can be read once the settings say so.
BROKEN = [name for name, variant in VARIANTS.items() if variant.broken and not variant.clamps_offset]
# What no number of requests shows: an error that only a request behind a short page meets.
UNSEEN = {"ends-short"}
WHOLE = [name for name, variant in VARIANTS.items() if not variant.broken and name not in UNSEEN]
# Conventions that no variant has together, to see that what is found does not depend on the rest being as assumed.
MIXED = [
    Variant("mixed-offset", "", records_path="", limit_parameter="$top", offset_parameter="start", id_field="uuid", strict=True),
    Variant("mixed-page", "", records_path="data.rows", paging="page", page_parameter="p", first_page=0, fixed_page=5),
    Variant("mixed-brackets", "", paging="page", page_parameter="page[number]", limit_parameter="page[size]", strict=True),
    Variant(
        "mixed-cursor",
        "",
        paging="cursor",
        cursor_path="links.after",
        cursor_parameter="page_token",
        fixed_page=9,
        strict=True,
        newest_first=True,
    ),
    Variant(
        "mixed-whole", "", paging="none", has_total=False, strict=True, updated_since_parameter="", timestamp_format="epoch_ms"
    ),
]


@pytest.fixture(autouse=True)
def _no_waits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    # The one instance that counts by the clock on the wall.
    if "rate-limited" not in request.node.name:
        use_clock(monkeypatch, Clock())


def records(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    return {name: in_order(map(canonical, outcome.records[name])) for name in COLLECTIONS}


def truth(box: Sandbox) -> dict[str, list[dict[str, Any]]]:
    return {stream: in_order(canonical(each) for each in box.truth(stream)) for stream in COLLECTIONS}


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By key, where there is one."""
    return sorted(rows, key=lambda row: (str(row.get("id")), json.dumps(row, sort_keys=True)))


@contextmanager
def probed(variant: str | Variant, companies: int = 12, page_size: int = 8) -> Iterator[tuple[Sandbox, Report, dict[str, Any]]]:
    """An instance, what the probe finds out from host and credentials, and the configuration with its suggestion."""
    with running(companies=companies, conventions=variant) as box:
        typed = box.config(conventions=None, collections=None, page_size=page_size)
        report = probe(typed)
        yield box, report, merged(typed, report.suggested_config)


# The habits of other APIs are many; the others are tried each time.
HABITS = [name for name in WHOLE if VARIANTS[name].is_a_habit]
PLAIN = [name for name in WHOLE if name not in HABITS]


@pytest.mark.parametrize(
    "variant", [*rotating(PLAIN, 16), *rotating(HABITS, 5), *MIXED], ids=lambda each: getattr(each, "name", each)
)
def test_the_suggestion_is_enough(variant: str | Variant) -> None:
    # Whoever waits for the clock on the wall asks for less.
    with probed(variant, page_size=100 if variant == "rate-limited" else 8) as (box, report, config):
        expected = truth(box)
        by_package = read(config)
        by_bundle = read_by_bundle(config)

    assert report.exit_code == (2 if report.suggested_config else 0)
    assert report.requests <= 80
    assert by_package.failure is None
    assert records(by_package) == expected
    if by_bundle:
        assert by_bundle.failure is None
        assert records(by_bundle) == expected


def combined(rng: random.Random) -> Variant:
    """Conventions put together at random. None with faults: the tests below have what nobody can read."""
    paging = rng.choice(["offset", "page", "cursor", "none"])
    in_form = rng.choice(["iso8601", "iso8601", "epoch_ms"])
    header, prefix = rng.choice([("Authorization", "Api-Key "), ("X-API-Key", ""), ("Authorization", "Token ")])
    return Variant(
        "combined",
        "",
        path_prefix=rng.choice(["api", "v1", "", "company-data/v2"]) if rng.random() < 0.9 else "api/v1",
        api_key_header=header,
        api_key_prefix=prefix,
        # An array has no place for a token.
        records_path=rng.choice(["data", "items", "result.items", "payload.deep.rows", "data" if paging == "cursor" else ""]),
        paging=paging,
        limit_parameter=rng.choice(["limit", "per_page", "take", "pageSize", "$top", "first"]),
        offset_parameter=rng.choice(["offset", "skip", "start", "from"]),
        page_parameter=rng.choice(["page", "p", "page_number", "pageIndex"]),
        first_page=rng.choice([0, 1]),
        cursor_parameter=rng.choice(["cursor", "after", "page_token", "starting_after"]),
        cursor_path=rng.choice(["next_cursor", "meta.next", "paging.cursors.after", "nextPageToken"]),
        updated_since_parameter=rng.choice(["updated_since", "", "modified_since", "since", "updated_at[gte]"]),
        id_field=rng.choice(["id", "_id", "uuid"]),
        timestamp_format=in_form,
        clock=rng.choice(["milliseconds", "seconds", "microseconds", "summer_offset"])
        if in_form == "iso8601"
        else "milliseconds",
        page_cap=rng.choice([None, 5, 60]),
        fixed_page=rng.choice([None, None, None, 7]),
        ignores_limit=rng.random() < 0.1,
        ignores_updated_since=rng.random() < 0.15,
        strict=rng.random() < 0.4,
        newest_first=rng.random() < 0.3,
        has_total=rng.random() < 0.6,
        omits_nulls=rng.random() < 0.2,
        extra_fields=rng.random() < 0.2,
    )


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 300))])
def test_the_suggestion_is_enough_for_any_combination(seed: int) -> None:
    rng = random.Random(seed)
    with probed(combined(rng), companies=rng.choice([3, 12, 30]), page_size=rng.choice([8, 100])) as (box, report, config):
        expected = truth(box)
        outcome = read_manifest(bundle(config), config) if seed % 4 == 0 else read(config)

    assert report.exit_code in (0, 2)
    assert outcome.failure is None
    assert records(outcome) == expected


@pytest.mark.parametrize("name", ["default", "extra-fields", "rate-limited", "newest-first", "sparse"])
def test_an_instance_that_the_connector_reads_anyway_needs_no_suggestion(name: str) -> None:
    with probed(name) as (_, report, _):
        assert report.suggested_config == {}
        assert report.exit_code == 0


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_instance_is_named_and_not_read(name: str) -> None:
    with probed(name) as (box, report, config):
        config = merged(config, {"conventions": box.variant.config})
        outcome = read(config, "companies", "articles")

    assert report.exit_code == 1
    assert [finding.topic for finding in report.findings if finding.status == "fault"] in (["paging"], ["end of a list"])
    for stream in ("companies", "articles"):
        assert outcome.kind_of(stream) == "config_error"
        assert "conventions.paging" in outcome.message_of(stream)


def test_fields_beyond_the_schema_are_named() -> None:
    with probed("extra-fields") as (_, report, _):
        assert report.collections["articles"].unknown_fields == ["links", "tenant"]


@pytest.mark.parametrize("closed", [["companies"], ["companies", "articles", "company_overviews"]])
@pytest.mark.parametrize("name", ["per-page", "cursor-modern", "behind-a-gateway"])
def test_collections_that_are_closed_do_not_matter(name: str, closed: list[str]) -> None:
    with running(companies=12, conventions=name) as box:
        typed = box.config(conventions=None)
        whole = probe(typed)
        box.deny(*closed)
        partly = probe(typed)

    assert partly.suggested_config == whole.suggested_config
    assert {stream for stream, each in partly.collections.items() if each.status == "denied"} == set(closed)


def test_a_cap_is_seen() -> None:
    variant = replace(VARIANTS["capped"], page_cap=10)
    with probed(variant) as (_, report, _):
        assert "10 records; more are cut off" in next(each.text for each in report.findings if each.topic == "largest page")


def test_the_page_shows_what_the_probe_prints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/connecting.md, step 2."""
    monkeypatch.setenv("COLUMNS", "104")
    with running(conventions="document-store") as box:
        box.deny("custom_property_values")
        path = tmp_path / "config.json"
        path.write_text(json.dumps(box.config(conventions=None)), encoding="utf-8")
        assert main(["--config", str(path)]) == 2
        printed = capsys.readouterr().out.replace(box.url, "http://127.0.0.1:8899")

    page = (Path(__file__).parents[1] / "docs" / "connecting.md").read_text(encoding="utf-8")
    assert "\n".join(line.rstrip() for line in printed.splitlines()).strip() in page
