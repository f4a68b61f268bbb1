"""A read tells which fields have no column, and whose values do not fit theirs."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalog

from source_syfter.columns import Columns
from source_syfter.fieldtypes import PINNED
from source_syfter.source import SourceSyfter
from testing.instance import Answer, Instance, config, moment, some
from testing.reading import LOGGER, Json, configured_catalog, declared


def catalog(*streams: str, without: tuple[str, ...] = (), **pinned: str) -> ConfiguredAirbyteCatalog:
    """A catalog of streams as declared, without the fields that were deselected, and with others."""
    chosen = configured_catalog(streams)
    for each in chosen.streams:
        each.stream = declared(config(), each.stream.name)[each.stream.name]
        fields = each.stream.json_schema["properties"]
        kept = {name: schema for name, schema in fields.items() if name not in without}
        each.stream.json_schema = {"properties": {**kept, **{name: PINNED[kind] for name, kind in pinned.items()}}}
    return chosen


def notes(caplog: pytest.LogCaptureFixture, chosen: ConfiguredAirbyteCatalog) -> list[tuple[int, str]]:
    """What a read of `chosen` says of columns."""
    with caplog.at_level(logging.INFO):
        for _ in SourceSyfter(config=config(), catalog=chosen).read(LOGGER, config(), chosen):
            pass
    return [(record.levelno, record.getMessage()) for record in caplog.records if "column" in record.getMessage()]


def columns_of(records: list[Json], **pinned: str) -> Columns:
    found = Columns({"properties": {name: PINNED[kind] for name, kind in pinned.items()}})
    found.look_at(records)
    return found


def test_a_record_as_declared_is_no_news(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    instance.records = {"companies": some(5)}

    assert notes(caplog, catalog("companies")) == []


def test_fields_without_a_column_are_named_once_a_stream(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    """Deselected, or new since the schema was loaded: also one that a single record has, on a late page."""
    rows = [{**record, "domain": "a"} for record in some(350)]
    rows[-1]["rare"] = True
    instance.records = {"companies": rows, "articles": [{"id": 1, "updated_at": moment(1), "title": "x"}]}

    found = notes(caplog, catalog("companies", "articles", without=("name",)))

    assert [level for level, _ in found] == [logging.INFO]
    assert found[0][1].startswith("companies: no column in this connection for domain, name, rare:")
    assert "Refresh the source's schema" in found[0][1]


def test_fields_whose_values_do_not_fit_are_warned_of(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{**record, "year": 2024, "revenue": 1.5, "company_id": 1} for record in some(3)]
    rows[1] |= {"year": "secret value", "company_id": "c-1"}
    instance.records = {"company_financials": rows}

    ((level, text),) = notes(caplog, catalog("company_financials", name="string"))

    assert level == logging.WARNING
    assert text.startswith("company_financials: values that do not fit the type of their column in company_id, year.")
    assert "secret value" not in text


def test_a_read_that_fails_tells_it_too(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    instance.records = {"companies": [{**record, "domain": "a"} for record in some(100)]}
    instance.answers("companies", None, Answer({}, 403))

    with caplog.at_level(logging.INFO), pytest.raises(Exception, match="companies"):
        list(SourceSyfter(config=config(), catalog=catalog("companies")).read(LOGGER, config(), catalog("companies")))

    assert "no column in this connection for domain" in caplog.text


def test_a_catalog_without_fields_says_nothing(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    assert notes(caplog, configured_catalog(["companies"])) == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", 1.5),
        ("integer", "1"),
        ("integer", True),
        ("integer", 2**63),
        ("number", "1.5"),
        ("number", False),
        ("boolean", 0),
        ("boolean", "true"),
        ("array", {}),
        ("object", [1]),
        ("object", "x"),
        ("timestamp_with_timezone", ""),
        ("timestamp_with_timezone", "0000-00-00"),
        ("timestamp_with_timezone", 1767225600),
        ("date", "soon"),
    ],
)
def test_what_does_not_fit(kind: str, value: Any) -> None:
    assert columns_of([{"field": None}, {}, {"field": value}], field=kind).misfits == {"field"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("string", value) for value in ("x", 1, 1.5, True, {"a": 1}, [1])],
        ("integer", -(2**63)),
        ("number", 1),
        ("number", 1.5),
        ("boolean", True),
        ("array", [1, "x"]),
        ("object", {"a": None}),
        ("timestamp_with_timezone", "2026-01-31T09:30:00.123Z"),
        ("timestamp_with_timezone", "2026-01-31 09:30:00+02:00"),
        ("date", "2026-01-31"),
    ],
)
def test_what_fits(kind: str, value: Any) -> None:
    assert not columns_of([{"field": value}], field=kind).misfits


def test_long_lists_are_looked_at_in_part() -> None:
    """Names in each record, values in all of the first thousand and then in one of sixteen."""
    found = columns_of([{"field": 1}] * 1000, field="integer")
    found.look_at([{"field": "x"} if place % 16 == 0 else {"field": 1, "more": 1} for place in range(160)])

    assert (found.misfits, found.without) == ({"field"}, {"more"})


ODD = [True, False, None, [], ["string"], "string", 5, {"type": None}, {"type": 5}, {"type": []}, {"type": [["string"]]}]
ODD += [{"type": {"a": 1}}, {"format": 5}, {"format": ["date"]}, {"$ref": "#/definitions/x"}, {"oneOf": [{"type": "integer"}]}]


@pytest.mark.parametrize("odd", [*ODD, {"type": ["null", 5]}, {"type": "never"}, {"type": ["string", "integer"]}])
def test_a_column_may_be_described_by_any_json(odd: Any) -> None:
    """A platform hands the catalog over as it was stored, by whatever release or tool."""
    found = Columns({"properties": {"odd": odd, "id": {"type": "integer"}}})
    found.look_at([{"odd": value, "id": "x", "more": 1} for value in (1, "x", [1], {"a": 1}, None)])

    assert found.misfits - {"odd"} == {"id"}
    assert found.without == {"more"}


@pytest.mark.parametrize("odd", [None, [], ["id"], "id", 5, True])
def test_a_catalog_may_have_any_json_for_its_fields(odd: Any) -> None:
    found = Columns({"properties": odd})
    found.look_at([{"id": 1}])

    assert not found.without | found.misfits


def test_names_without_a_column_are_kept_within_a_bound() -> None:
    """Records may be maps, with other names in each."""
    found = columns_of([], field="integer")
    for page in range(300):
        found.look_at([{f"{page}_{record}_{name}": 1 for name in range(10)} for record in range(10)])

    assert 10_000 <= len(found.without) <= 10_100


def test_many_and_long_names_are_cut() -> None:
    records = [{f"{place:02d}{'x' * 100}": 1 for place in range(30)}]

    ((_, text),) = columns_of(records, field="integer").notes("companies")

    assert "and 10 more" in text
    assert len(text) < 1600
