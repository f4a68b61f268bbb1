"""What `discover` finds out about an instance, and what it asks for that."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import requests
from airbyte_cdk.models import AirbyteCatalog, AirbyteMessage, AirbyteMessageSerializer, Type

from source_syfter import discovery
from source_syfter.bundle import bundle
from source_syfter.fieldtypes import PINNED, SEEN
from source_syfter.problems import SyfterError
from source_syfter.settings import complete
from source_syfter.spec import manifest
from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import STREAMS, Json, declared, discover

pytestmark = pytest.mark.usefixtures("clock")


def properties(stream: str = "companies", **settings: Any) -> dict[str, Json]:
    """The fields of one stream, as discovered."""
    return dict(discover(config(**settings), stream)[stream].json_schema["properties"])


@cache
def before(stream: str = "companies") -> dict[str, Json]:
    """The fields of one stream, as declared."""
    return dict(declared(config(), stream)[stream].json_schema["properties"])


def type_of(schema: Json) -> Any:
    """The one type beside null."""
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    (found,) = [each for each in types if each != "null"]
    return found


def with_values(*values: Any, name: str = "field") -> list[Json]:
    """Records that have these values in one field."""
    return [{**record, name: value} for record, value in zip(some(len(values)), values, strict=True)]


# --- the schema -----------------------------------------------------------------------------------------------------------


def test_an_instance_as_assumed_has_the_schema_as_declared(instance: Instance) -> None:
    instance.records = {name: [{"id": 1, "updated_at": moment(1)}] for name in STREAMS}

    assert discover(config()) == declared(config())


def test_fields_that_were_seen_come_after_the_declared_ones_by_name(instance: Instance) -> None:
    instance.records["companies"] = [{**record, "zip": "1", "domain": "a", "hq": {"city": "x"}} for record in some(2)]

    found = properties()

    assert list(found) == [*before(), "domain", "hq", "zip"]
    assert {name: found[name] for name in before()} == before()
    assert found["domain"] == {"description": SEEN, "type": ["string", "null"]}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b"], "string"),
        (["1", "2.5"], "string"),
        (["2026-01-31T09:30:00.123Z"], "string"),
        ([1, 2], "number"),
        ([1, 2.5], "number"),
        ([True, False], "boolean"),
        ([0, 1], "number"),
        ([True, 0], "string"),
        ([1, "n/a"], "string"),
        ([{"a": 1}, {"b": 2}], "object"),
        ([[1], []], "array"),
        ([{"a": 1}, "none"], "string"),
        ([[1], {"a": 1}], "string"),
        ([None, None], "string"),
        ([None, 7], "number"),
        ([1e29, 1], "string"),
        ([2**63], "string"),
        ([-(2**63)], "number"),
    ],
)
def test_one_type_holds_all_values_of_a_field_that_is_not_declared(instance: Instance, values: list[Any], expected: str) -> None:
    instance.records["companies"] = with_values(*values)

    found = properties()["field"]

    assert found["type"] == [expected, "null"]
    assert "format" not in found


@pytest.mark.parametrize(
    ("stream", "name", "values", "expected"),
    [
        ("companies", "id", ["c-1", "c-2"], "string"),
        ("companies", "id", [1, "2"], "string"),
        ("companies", "id", [1, 2**63], "string"),
        ("company_financials", "company_id", ["1e5", None], "string"),
        ("company_financials", "revenue", ["10.50"], "string"),
        ("company_financials", "revenue", [3, 4], "number"),
        ("company_financials", "year", [2024.5], "number"),
        ("companies", "has_ever_been_recommended", [0, 1], "number"),
        ("companies", "has_ever_been_recommended", ["yes"], "string"),
        ("companies", "headquarters", [{"city": "London"}], "object"),
        ("companies", "name", [4711], "number"),
        ("articles", "company_ids", [["a", "b"]], "array"),
        ("articles", "published_at", ["", "2026-01-31T09:30:00Z"], "string"),
        ("articles", "published_at", ["0000-00-00"], "string"),
    ],
)
def test_a_declared_type_that_does_not_hold_all_values_gives_way(
    instance: Instance, stream: str, name: str, values: list[Any], expected: str
) -> None:
    instance.records[stream] = with_values(*values, name=name)

    found = properties(stream)[name]

    assert type_of(found) == expected
    assert found["description"] == before(stream)[name]["description"]
    assert "format" not in found
    assert "items" not in found


@pytest.mark.parametrize(
    ("stream", "name", "values"),
    [
        ("articles", "published_at", ["2026-01-31 09:30:00", "2026-01-31T09:30:00.5+02:00", "2026-01-31", None]),
        ("articles", "company_ids", [[1, 2], [], None]),
        ("custom_property_values", "value", ["a", 1.5, True, None]),
        ("custom_property_values", "metadata", [{"ml_file_id": 1, "confidence": 1}, {"more": "x"}]),
        ("companies", "id", [1, -5, 2**63 - 1]),
    ],
)
def test_a_declared_type_that_holds_all_values_stays(instance: Instance, stream: str, name: str, values: list[Any]) -> None:
    instance.records[stream] = with_values(*values, name=name)

    assert properties(stream)[name] == before(stream)[name]


@pytest.mark.parametrize(
    ("name", "expected"), [("group_id", "integer"), ("groupId", "integer"), ("paid", "number"), ("grid", "number")]
)
def test_whole_numbers_are_integers_in_keys_only(instance: Instance, name: str, expected: str) -> None:
    instance.records["companies"] = with_values(1, 2, name=name)

    assert properties()[name]["type"] == [expected, "null"]


@pytest.mark.parametrize(("keys", "expected"), [([1, 2], "integer"), (["a", "b"], "string"), ([1, "b"], "string")])
def test_a_new_stream_has_the_key_that_was_seen(instance: Instance, keys: list[Any], expected: str) -> None:
    instance.records["groups"] = [{"code": key, "changed": moment(1), "size": 5} for key in keys]
    new = [{"name": "groups", "path": "groups", "primary_key": "code", "cursor_field": "changed"}]

    found = discover(config(collections=new), "companies")["groups"]

    assert {name: schema["type"] for name, schema in found.json_schema["properties"].items()} == {
        "code": [expected, "null"],
        "changed": ["string", "null"],
        "size": ["number", "null"],
    }
    assert found.default_cursor_field == ["changed"]


def test_fields_are_called_as_in_a_read(instance: Instance) -> None:
    instance.records["companies"] = [{"_key": "a", "changedOn": 1767225600, "attributes": {"companyName": "x", "turnOver": 1.5}}]
    conventions = {
        "id_field": "_key",
        "updated_at_field": "changedOn",
        "timestamp_format": "epoch_s",
        "fields_path": "attributes",
    }
    renamed = [{"name": "companies", "fields": [{"name": "turnOver", "as": "revenue"}]}]

    found = properties(conventions={**conventions, "field_names": "snake_case"}, collections=renamed)

    assert type_of(found["id"]) == "string"
    assert found["updated_at"]["format"] == "date-time"
    assert {name: schema["type"][0] for name, schema in found.items() if schema["description"] == SEEN} == {
        "company_name": "string",
        "revenue": "number",
    }


def test_two_discovers_give_the_same_bytes(instance: Instance) -> None:
    """Also where few records have a field, and each has its fields in another order."""
    rows = [{**record, **({f"rare_{record['id'] % 3}": 1} if record["id"] % 500 == 0 else {})} for record in some(1600)]
    instance.records = {name: [dict(reversed(row.items())) if row["id"] % 2 else row for row in rows] for name in STREAMS}

    def printed() -> bytes:
        catalog = AirbyteCatalog(list(discover(config(), "companies", "articles").values()))
        return orjson.dumps(AirbyteMessageSerializer.dump(AirbyteMessage(Type.CATALOG, catalog=catalog)))

    first, second = printed(), printed()

    assert first == second
    assert b"rare_" in first


# --- what is asked --------------------------------------------------------------------------------------------------------


def windows(instance: Instance, stream: str) -> list[tuple[int, int]]:
    return [(int(query.get("offset", 0)), int(query["limit"])) for query in instance.queries(stream)]


@pytest.mark.parametrize(
    ("count", "cap", "expected"),
    [
        (0, 1000, [0]),
        (200, 1000, [0]),
        (600, 1000, [0, 332]),
        (5000, 1000, [0, 4335, 4667]),
        (5000, 100, [0, 99, 198, 4801, 4900]),
        (450, 100, [0, 99, 198, 297, 396]),
    ],
)
def test_the_first_records_and_the_newest_are_looked_at(instance: Instance, count: int, cap: int, expected: list[int]) -> None:
    instance.records = {"companies": some(count)}
    instance.cap = cap

    properties()

    assert [offset for offset, _ in windows(instance, "companies")] == expected
    assert max(Counter(asked.stream for asked in instance.asked).values()) <= 5
    assert sum(min(cap, limit, max(0, count - offset)) for offset, limit in windows(instance, "companies")) <= 1000


def test_a_field_of_the_newest_records_is_found(instance: Instance) -> None:
    instance.records["companies"] = [*some(4000), {"id": 4001, "updated_at": moment(1), "brand_new": True}]

    assert properties()["brand_new"]["type"] == ["boolean", "null"]


@pytest.mark.parametrize("first_page", [0, 1])
def test_the_newest_records_by_page_number(instance: Instance, first_page: int) -> None:
    rows = [*some(2000), {"id": 2001, "updated_at": moment(1), "brand_new": True}]

    def page(asked: Asked) -> Answer:
        size = int(asked.query["limit"])
        start = (int(asked.query["page"]) - first_page) * size
        return Answer({"data": rows[start : start + size], "total": len(rows)})

    instance.always_answers("companies", page)

    found = properties(conventions={"paging": "page", "first_page": first_page})

    assert "brand_new" in found
    assert [int(query["page"]) - first_page for query in instance.queries("companies")] == [0, 5, 6]


def by_token(rows: list[Json], paging: str, place: str = "query") -> Callable[[Asked], Answer]:
    """Answers that show no other way than from page to page, and to what changed."""

    def page(asked: Asked) -> Answer:
        sent = orjson.loads(asked.body) if place == "body" else asked.query
        found = [row for row in rows if row["updated_at"] >= sent.get("changed", "")]
        start = int(sent.get("mark", 0))
        mark, more = start + 333, start + 333 < len(found)
        target = f"/api/{asked.stream}?{urlencode({**asked.query, 'mark': mark})}" if paging == "next_url" else str(mark)
        return Answer({"data": found[start : start + 333], **({"next": target} if more else {})})

    return page


TOKENS = {"cursor_parameter": "mark", "cursor_path": "next", "updated_since_parameter": "changed"}


@pytest.mark.parametrize(("paging", "method"), [("cursor", "GET"), ("cursor", "POST"), ("next_url", "GET")])
def test_the_newest_records_of_a_list_that_has_tokens_are_asked_for_by_their_date(
    instance: Instance, paging: str, method: str
) -> None:
    """Among the oldest records are some that changed late: each shows the way to newer ones."""
    changed = [key * 7919 % 100_003 for key in range(1, 100_001)]
    rows = [{"id": key, "updated_at": moment(second)} for key, second in enumerate(changed)]
    rows.append({"id": 100_001, "updated_at": moment(200_000), "brand_new": True})
    instance.always_answers("companies", by_token(rows, paging, "body" if method == "POST" else "query"))

    assert "brand_new" in properties(conventions={**TOKENS, "paging": paging, "method": method})
    assert len(instance.asked) == 4
    if method == "GET":
        assert [(query.get("mark"), query.get("changed")) for query in instance.queries("companies")] == [
            (None, None),
            (None, moment(max(changed[:333]))),
            (None, moment(200_000)),
            # With what is left, on from where it was.
            ("333", None),
        ]


@pytest.mark.parametrize("refused", [False, True])
def test_an_instance_that_knows_no_changes_is_looked_at_from_its_beginning(instance: Instance, refused: bool) -> None:
    answer = by_token(with_values(*range(2000)), "cursor")

    def deaf(asked: Asked) -> Answer:
        if refused and "unknown" in asked.query:
            return Answer({"message": "unknown"}, 400)
        return answer(asked)

    instance.always_answers("companies", deaf)

    assert "field" in properties(conventions={**TOKENS, "paging": "cursor", "updated_since_parameter": "unknown"})
    assert [query.get("mark") for query in instance.queries("companies")] == ([None, None] if refused else [None, None, "333"])


@pytest.mark.parametrize("paging", ["offset", "page"])
def test_a_list_without_a_total_is_looked_at_from_its_beginning(instance: Instance, paging: str) -> None:
    rows = some(5000)

    def page(asked: Asked) -> Answer:
        start = int(asked.query.get("offset", 0)) + 333 * (int(asked.query.get("page", 1)) - 1)
        return Answer({"data": rows[start : start + 333]})

    instance.always_answers("companies", page)

    properties(conventions={"paging": paging, "updated_since_parameter": "none"})

    assert [query.get(paging) for query in instance.queries("companies")] == {
        "offset": [None, "332", "664"],
        "page": ["1", "2", "3"],
    }[paging]


def test_a_total_that_is_wrong_does_no_harm(instance: Instance) -> None:
    """A read does not ask there."""
    rows = some(500)

    def page(asked: Asked) -> Answer:
        start = int(asked.query.get("offset", 0))
        return Answer({"message": "too far"}, 400) if start > 500 else Answer({"data": rows[start:][:333], "total": 10_000})

    instance.always_answers("companies", page)

    assert properties() == before()
    assert [offset for offset, _ in windows(instance, "companies")][1] > 500


def test_an_instance_that_refuses_such_pages_is_asked_for_those_of_a_read(instance: Instance) -> None:
    instance.records["companies"] = with_values(*range(300))

    def small(asked: Asked) -> Answer | None:
        return Answer({"message": "at most 50"}, 400) if int(asked.query["limit"]) > 50 else None

    instance.always_answers(None, small)

    assert properties(page_size=50)["field"]["type"] == ["number", "null"]
    assert [limit for _, limit in windows(instance, "companies")] == [333, 50, 50, 50, 50]


def test_nine_streams_take_few_requests_and_wait_for_nothing(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a sample is written, so backpressure would hold it for ever."""
    monkeypatch.setattr("source_syfter.components.cursors._HIGH_WATER", 0)
    monkeypatch.setattr("source_syfter.components.cursors.sleep", lambda seconds: pytest.fail("backpressure"))
    instance.records = {name: some(10_000) for name in STREAMS}
    instance.cap = 100

    discover(config())

    assert len(instance.asked) <= 45


@pytest.mark.parametrize(("per_minute", "expected"), [(1, 1), (6, 2), (60, 5), (None, 5)])
def test_a_limit_of_requests_a_minute_leaves_fewer(per_minute: int | None, expected: int) -> None:
    settings = complete(
        config(requests_per_minute=per_minute, page_size=discovery.PAGE), manifest()["spec"]["connection_specification"]
    )

    made = discovery.sampled(manifest(), settings)

    strategies = [stream["retriever"]["paginator"]["pagination_strategy"] for stream in made["streams"]]
    assert [strategy["pages"] for strategy in strategies] == [expected] * len(STREAMS)


def test_a_limit_that_leaves_no_time_leaves_the_declared_fields(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    found = discover(config(requests_per_minute=2))

    assert found["companies"].json_schema["properties"] == before()
    assert not instance.asked
    assert "requests_per_minute" in caplog.text


def test_neither_a_start_date_nor_the_dates_of_records_matter(instance: Instance) -> None:
    instance.records["companies"] = with_values("x")

    assert "field" in properties(start_date="2099-01-01")
    assert all("updated_since" not in query for query in instance.queries("companies"))


# --- an instance that does not answer as it should ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404])
def test_a_stream_that_may_not_be_read_stays_as_declared(
    instance: Instance, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    instance.always_answers("articles", Answer({"message": "no"}, status))
    instance.records["companies"] = with_values("x")

    with caplog.at_level(logging.WARNING):
        found = discover(config(), "companies", "articles")

    assert found["articles"] == declared(config(), "articles")["articles"]
    assert "field" in found["companies"].json_schema["properties"]
    assert any("articles" in record.message and str(status) in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("reaction", "code"),
    [
        (Answer({}, 401), "wrong-credentials"),
        (Answer({}, 500), "server-error"),
        (Answer({"message": "what?"}, 400), "request-refused"),
        (Answer({"items": []}), "unknown-envelope"),
        (Answer("<html>"), "not-json"),
        (Answer({"data": [{"name": "x"}]}), "no-key"),
        (requests.ConnectionError("gone"), "connection-lost"),
    ],
)
@pytest.mark.parametrize("stream", ["companies", "articles"])
def test_anything_else_ends_discover_with_its_error(instance: Instance, stream: str, reaction: Any, code: str) -> None:
    instance.always_answers(stream, reaction)

    with pytest.raises(SyfterError) as error:
        discover(config(), "companies", "articles")

    assert error.value.code == code
    assert error.value.text.startswith(f"{stream}:")


def test_a_failure_among_the_newest_records_ends_it_too(instance: Instance) -> None:
    """Otherwise the catalog would be smaller because the instance had a bad moment."""
    instance.records["companies"] = some(5000)
    instance.answers("companies", None, *[Answer({}, 503)] * 9)

    with pytest.raises(SyfterError, match=r"\[server-error\]"):
        properties()


def test_it_ends_in_time(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its threads wait for."""
    monkeypatch.setattr(discovery, "LONGEST", 0.0)
    goes_on = threading.Event()
    instance.always_answers("companies", lambda asked: goes_on.wait(30) and None)

    with pytest.raises(SyfterError, match="discovery-ended"):
        properties()

    goes_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("discover"):
            thread.join(30)


def test_it_can_be_switched_off(instance: Instance) -> None:
    instance.records["companies"] = with_values("x")

    assert "field" not in properties(discover_fields=False)
    assert not instance.asked


# --- pinned types ---------------------------------------------------------------------------------------------------------


def pinned(name: str, kind: str, new_name: str | None = None) -> list[Json]:
    return [{"name": "companies", "fields": [{"name": name, "as": new_name, "type": kind}]}]


@pytest.mark.parametrize("kind", PINNED)
def test_a_pinned_type_wins(instance: Instance, kind: str) -> None:
    instance.records["companies"] = with_values(5)

    found = properties(collections=pinned("field", kind))["field"]

    assert {name: found.get(name) for name in PINNED[kind]} == PINNED[kind]


@pytest.mark.parametrize("asks", [True, False])
def test_a_type_may_be_pinned_to_a_field_that_is_renamed_known_or_never_seen(instance: Instance, asks: bool) -> None:
    instance.records["companies"] = with_values("5", name="turnOver")
    fields = [{"name": "turnOver", "as": "revenue", "type": "number"}, {"name": "name", "type": "integer"}]
    fields += [{"name": "rare", "type": "boolean"}]

    found = properties(collections=[{"name": "companies", "fields": fields}], discover_fields=asks)

    assert {name: type_of(found[name]) for name in ("revenue", "name", "rare")} == {
        "revenue": "number",
        "name": "integer",
        "rare": "boolean",
    }
    assert found["name"]["description"] == before()["name"]["description"]
    assert "turnOver" not in found


def test_a_bundle_has_pinned_types() -> None:
    made = bundle(config(collections=pinned("name", "object")))

    (schema,) = [each["schema_loader"]["schema"] for each in made["streams"] if each["$parameters"]["name"] == "companies"]
    assert schema["properties"]["name"]["type"] == ["object", "null"]


def test_the_types_to_choose_from_are_those_that_can_be_pinned() -> None:
    collections = manifest()["spec"]["connection_specification"]["properties"]["collections"]

    assert set(collections["items"]["properties"]["fields"]["items"]["properties"]["type"]["enum"]) == PINNED.keys()


# --- names ----------------------------------------------------------------------------------------------------------------


def test_fields_that_share_a_column_are_warned_of(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    instance.records["companies"] = [{**record, "Source": 1, "source": 2} for record in some(2)]

    with caplog.at_level(logging.WARNING):
        found = properties()

    assert {"Source", "source"} < found.keys()
    (said,) = [record.message for record in caplog.records if "column" in record.message]
    assert said.startswith('companies: "Source"')
    assert '"source_2"' in said
