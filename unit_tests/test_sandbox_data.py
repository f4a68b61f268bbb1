"""The sandbox's data without its server: deterministic, complete, true to itself, and the same by every way of asking."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import defaultdict
from itertools import groupby

import pytest

from sandbox.data import AWKWARD, BASE_END, BASE_START, FIRST_ID, Schedule
from sandbox.dataset import Dataset
from sandbox.models import COLLECTIONS, MODELS
from sandbox.timestamps import DAY, iso, parse


@pytest.fixture(scope="module")
def fresh() -> Dataset:
    return Dataset()


@pytest.fixture
def dataset() -> Dataset:
    return Dataset()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def text(seed: int) -> str:
        dataset = Dataset(seed=seed)
        for _ in range(2):
            dataset.apply_day()
        return json.dumps([dataset.records(collection) for collection in COLLECTIONS])

    assert text(1) == text(1)
    assert text(1) != text(2)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_records_fit_their_models_and_every_field_is_filled_somewhere(fresh: Dataset, collection: str) -> None:
    records = fresh.records(collection)
    assert len(records) >= 3
    for record in records:
        MODELS[collection].model_validate(record, strict=False)
        assert list(record) == ["id", *[f for f in MODELS[collection].model_fields if f not in _COMMON], *_COMMON[1:]]
    for field in MODELS[collection].model_fields:
        assert any(record[field] not in (None, [], "") for record in records), field


_COMMON = ("id", "created_at", "updated_at")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_times_are_distinct_ordered_and_inside_the_base_period(fresh: Dataset, collection: str) -> None:
    records = fresh.records(collection)
    updated = [parse(record["updated_at"]) for record in records]
    assert len(set(updated)) == len(updated)
    assert min(updated) >= BASE_START
    assert max(updated) < BASE_END
    for record in records:
        assert record["created_at"] <= record["updated_at"]
        assert (record.get("published_at") or "") <= record["created_at"]
        assert all(iso(parse(record[field])) == record[field] for field in _COMMON[1:])


def test_references_point_to_records(fresh: Dataset) -> None:
    ids = {collection: {record["id"] for record in fresh.records(collection)} for collection in COLLECTIONS}
    for collection in COLLECTIONS:
        for record in fresh.records(collection):
            assert record.get("company_id") in ids["companies"] | {None}
            assert record.get("article_id") in ids["articles"] | {None}
            assert record.get("custom_property_definition_id") in ids["custom_property_definitions"] | {None}
            assert set(record.get("company_ids") or []) <= ids["companies"]


def test_values_have_the_type_and_the_owner_of_their_definition(fresh: Dataset) -> None:
    definitions = {record["id"]: record for record in fresh.records("custom_property_definitions")}
    kinds = {(d["type"], d["document_type"]) for d in definitions.values()}
    assert len(kinds) == 8  # four types for either kind of document
    seen = defaultdict(set)
    for record in fresh.records("custom_property_values"):
        definition = definitions[record["custom_property_definition_id"]]
        owner = "company_id" if definition["document_type"] == "companies" else "article_id"
        assert record[owner] is not None
        assert (record["company_id"] is None) != (record["article_id"] is None)
        value = record["value"]
        seen[definition["type"]].add(type(value))
        if definition["type"] == "datetime" and value is not None:
            assert parse("2020-01-01") < value < parse("2030-01-01")
        metadata = record["metadata"]
        assert (metadata is None) or (record["source"] == "ml" and 0 <= (metadata["confidence"] or 0) <= 1)
    none = type(None)
    assert seen == {"string": {str, none}, "number": {int, float, none}, "datetime": {int, none}, "boolean": {bool, none}}


def test_awkward_strings_are_there(fresh: Dataset) -> None:
    assert {record["value"] for record in fresh.records("custom_property_values")} >= set(AWKWARD)
    assert {record["legal_name"] for record in fresh.records("companies")} >= set(AWKWARD)


def test_tidy_data_is_the_same_without_what_only_tests_need(fresh: Dataset) -> None:
    tidy = Dataset(tidy=True)
    for collection in COLLECTIONS:
        records = tidy.records(collection)
        assert [(r["id"], r["updated_at"], list(r)) for r in records] == [
            (r["id"], r["updated_at"], list(r)) for r in fresh.records(collection)
        ]
        assert not {value for record in records for value in record.values() if isinstance(value, str)} & set(AWKWARD)
    financials = tidy.records("company_financials")
    assert not [row for row in financials if 0 in (row["revenue"], row["profit"])]
    currencies = defaultdict(set)
    for row in financials:
        currencies[row["company_id"], row["source"]].add(row["currency"])
    assert {len(found) for found in currencies.values()} == {1}
    assert {currency for found in currencies.values() for currency in found} == {"GBP", "EUR", "USD", None}


def test_a_new_row_is_about_its_company() -> None:
    dataset = Dataset(tidy=True)
    before = {collection: {record["id"] for record in dataset.records(collection)} for collection in COLLECTIONS}
    for _ in range(3):
        dataset.apply_day()
    known = dataset.records("company_financials")
    revenues: dict[int, list[float]] = defaultdict(list)
    for row in known:
        if row["id"] in before["company_financials"] and row["revenue"] is not None:
            revenues[row["company_id"]].append(row["revenue"])
    new = [row for row in known if row["id"] not in before["company_financials"] and row["revenue"] is not None]
    assert len(new) > 20
    for row in new:
        if seen := revenues[row["company_id"]]:
            assert min(seen) / 10 < row["revenue"] < max(seen) * 10  # sizes differ by a factor of up to 1,000
    names = {company["id"]: company["name"] for company in dataset.records("companies")}
    titles = [
        article for article in dataset.records("articles") if article["id"] not in before["articles"] and article["company_ids"]
    ]
    assert titles
    assert all(names[article["company_ids"][0]] in article["title"] for article in titles)


def test_sources_disagree_and_the_rules_have_something_to_decide(fresh: Dataset) -> None:
    financials = sorted(fresh.records("company_financials"), key=lambda r: (r["company_id"], r["year"]))
    several = [list(rows) for _, rows in groupby(financials, key=lambda r: (r["company_id"], r["year"]))]
    assert sum(len({row["revenue"] for row in rows} - {None}) > 1 for rows in several) > 50
    assert any(row["revenue"] == 0 for row in financials)
    priorities = fresh.records("datasource_priorities")
    assert {rule["column_name"] for rule in priorities} >= {"*", "revenue"}
    assert {rule["table_name"] for rule in priorities} == {"company_financials", "company_overviews", "company_employees"}
    ranked = {rule["source"] for rule in priorities if rule["table_name"] == "company_financials"}
    assert {row["source"] for row in financials} > ranked  # a source that no rule names
    assert {rule["column_name"] for rule in fresh.records("datasource_preferences")} == {"*", "revenue", "profit"}


@pytest.mark.parametrize("companies", [0, 1, 3, 70])
@pytest.mark.parametrize("seed", [1, 7])
def test_every_page_and_every_filter_agree_with_a_plain_scan(companies: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schedule, "SIZE", 64)  # so that a small instance runs over many blocks
    dataset = Dataset(companies, seed)
    chance = random.Random(seed)
    for changes in range(3):
        for collection in ("companies", "company_financials", "custom_property_values", "datasource_priorities"):
            records = dataset.records(collection)
            assert [r["id"] for r in records] == sorted(r["id"] for r in records)
            times = [parse(record["updated_at"]) for record in records]
            moments = [None, BASE_START, BASE_END, BASE_END + DAY, BASE_START + 1]
            moments += [time + shift for time in chance.sample(times, min(len(times), 5)) for shift in (-1, 0, 1)]
            for since in moments:
                expected = [r for r, time in zip(records, times, strict=True) if since is None or time >= since]
                assert dataset.records(collection, since) == expected
                offset, limit = chance.randrange(len(expected) + 2), chance.choice([1, 7, 100])
                assert dataset.page(collection, offset, limit, since) == (expected[offset : offset + limit], len(expected))
        _change(dataset, chance)
        if changes:
            dataset.apply_day()


def test_millions_of_companies_take_no_memory() -> None:
    tracemalloc.start()
    try:
        dataset = Dataset(companies=5_000_000)
        total = dataset.page("company_financials", 0, 1)[1]
        assert total > 40_000_000
        last, _ = dataset.page("company_financials", total - 100, 1000)
        assert len(last) == 100
        assert last[-1]["company_id"] == dataset.page("companies", 4_999_999, 1)[0][0]["id"]
        recent = dataset.page("company_financials", 1_000, 100, BASE_END - DAY)
        assert recent[1] > 100_000
        assert all(parse(record["updated_at"]) >= BASE_END - DAY for record in recent[0])
        dataset.apply_day()
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def _change(dataset: Dataset, chance: random.Random) -> None:
    """Updates, deletes and new rows, also with ids far below and above the base."""
    for collection in COLLECTIONS:
        records = dataset.records(collection)
        for record in chance.sample(records, len(records) // 10):
            dataset.delete(collection, record["id"])
        for record in chance.sample(dataset.records(collection), len(records) // 10):
            dataset.upsert(collection, {"id": record["id"]})
        dataset.upsert(
            collection, {"id": chance.choice([-5, 0, 2**53 + 1]), "updated_at": iso(BASE_START + chance.randrange(DAY))}
        )
        dataset.upsert(collection, {})


def test_a_day_changes_something_everywhere_on_the_next_day(dataset: Dataset) -> None:
    for day in (1, 2):
        before = {collection: {r["id"]: r for r in dataset.records(collection)} for collection in COLLECTIONS}
        counts = dataset.apply_day()
        midnight = BASE_END + (day - 1) * DAY
        for collection in COLLECTIONS:
            changed = dataset.records(collection, midnight)
            created = [record for record in changed if record["id"] not in before[collection]]
            assert counts[collection] == {"updated": len(changed) - len(created), "created": len(created)}
            assert counts[collection]["updated"]
            assert counts[collection]["created"]
            assert max(parse(record["updated_at"]) for record in changed) < midnight + DAY
            assert len({record["updated_at"] for record in changed}) == len(changed)
            assert dataset.page(collection, 0, 1)[1] == len(before[collection]) + len(created)
        test_references_point_to_records(dataset)
        test_values_have_the_type_and_the_owner_of_their_definition(dataset)
    dataset.reset()
    assert {r["id"]: r for r in dataset.records("articles")} == {r["id"]: r for r in Dataset().records("articles")}


def test_upsert_lays_fields_over_the_record_and_dates_it_last(dataset: Dataset) -> None:
    first = dataset.page("companies", 0, 1)[0][0]
    changed = dataset.upsert("companies", {"id": first["id"], "name": "New"})
    assert changed == {**first, "name": "New", "updated_at": changed["updated_at"]}
    assert parse(changed["updated_at"]) >= BASE_END
    created = dataset.upsert("companies", {"name": "Born", "extra": 1})
    assert created["id"] == FIRST_ID["companies"] + 60
    assert created["extra"] == 1
    assert created["website"] is None
    assert dataset.records("companies", BASE_END) == [changed, created]
    dataset.delete("companies", created["id"])
    with pytest.raises(KeyError):
        dataset.delete("companies", created["id"])
    assert dataset.upsert("companies", {})["id"] == created["id"] + 1  # an id is not given twice
    with pytest.raises(TypeError):
        dataset.upsert("companies", {"id": "1e5"})


def test_a_record_without_a_readable_time_matches_no_updated_since(dataset: Dataset) -> None:
    dataset.upsert("articles", {"id": 1, "updated_at": None})
    dataset.upsert("articles", {"id": 2, "updated_at": "yesterday"})
    assert [record["id"] for record in dataset.page("articles", 0, 2)[0]] == [1, 2]
    assert not {1, 2} & {record["id"] for record in dataset.records("articles", BASE_START)}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.123Z"),
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31T09:30:00.1Z", "2026-01-31T09:30:00.100Z"),
        ("2026-01-31T09:30:00.123999+00:00", "2026-01-31T09:30:00.123Z"),
        ("2026-01-31T09:30:00.123+0530", "2026-01-31T04:00:00.123Z"),
        ("2026-01-31T00:30:00-01:00", "2026-01-31T01:30:00.000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_timestamps_are_read_in_every_usual_form(text: str, same: str) -> None:
    assert iso(parse(text)) == same


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "1768000000000", "2026-01-31T25:00:00Z", "2026-01-31 09:30:00 00:00"]
)
def test_other_text_is_no_timestamp(text: str) -> None:
    with pytest.raises(ValueError, match=r"ISO 8601|must be in|out of range"):
        parse(text)
