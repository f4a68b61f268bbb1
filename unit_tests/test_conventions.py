"""Each override of the contract, alone and with others, and additional collections."""

from __future__ import annotations

import logging
import re
from copy import deepcopy
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from source_syfter.conventions import tailored
from source_syfter.settings import complete
from source_syfter.source import manifest
from testing.instance import HOST, KEY, Answer, Asked, Instance, config, moment, some
from testing.reading import STREAMS, Json, read

LOOKED_BACK = {"lookback_window_minutes": 0}


def asked_with(instance: Instance, conventions: Json, **overrides: Any) -> Asked:
    """The first request for articles under `conventions`, with a state."""
    read(config(conventions=conventions, **LOOKED_BACK, **overrides), "articles", state={"articles": {"updated_at": moment(2)}})
    return instance.asked[0]


@pytest.mark.parametrize(
    ("prefix", "path"),
    [
        ("api", "/api/articles"),
        ("v1", "/v1/articles"),
        ("/api/v2/", "/api/v2/articles"),
        ("", "/articles"),
        ("/", "/articles"),
        (None, "/api/articles"),
        ("{{x}}", "/%7B%7Bx%7D%7D/articles"),
    ],
)
def test_path_prefix(instance: Instance, prefix: str | None, path: str) -> None:
    assert asked_with(instance, {"path_prefix": prefix}).url.startswith(f"{HOST}{path}?")


@pytest.mark.parametrize(
    ("conventions", "header", "value"),
    [
        ({}, "Authorization", f"Api-Key {KEY}"),
        ({"api_key_header": "X-API-Key"}, "X-API-Key", f"Api-Key {KEY}"),
        ({"api_key_header": "X-API-Key", "api_key_prefix": ""}, "X-API-Key", KEY),
        ({"api_key_header": "X-API-Key", "api_key_prefix": "none"}, "X-API-Key", KEY),
        ({"api_key_prefix": "Token"}, "Authorization", f"Token {KEY}"),
        ({"api_key_prefix": "Token "}, "Authorization", f"Token {KEY}"),
        ({"api_key_prefix": "Api-Key "}, "Authorization", f"Api-Key {KEY}"),
        ({"api_key_prefix": "key="}, "Authorization", f"key={KEY}"),
    ],
)
def test_api_key_header_and_prefix(instance: Instance, conventions: Json, header: str, value: str) -> None:
    headers = asked_with(instance, conventions).headers

    assert headers[header] == value
    assert header == "Authorization" or "Authorization" not in headers


@pytest.mark.parametrize("key", [KEY, "1e5", "00", "None", "'quoted'", '"quoted"', "{{ 1 }}", "a&b=c d+e"])
def test_api_key_parameter(instance: Instance, key: str) -> None:
    """The key stands in each address, in no header, and in no log."""
    conventions = {"api_key_parameter": "api_key", "api_key_header": "X-API-Key"}
    given = config(page_size=2, conventions=conventions, credentials={"auth_type": "api_key", "api_key": key})

    outcome = read(given, "articles", log_level=logging.DEBUG)

    assert [query["api_key"] for query in instance.queries("articles")] == [key, key, key]
    assert not {"Authorization", "X-API-Key"} & {name for asked in instance.asked for name in asked.headers}
    assert outcome.ids("articles") == [1, 2, 3]
    assert key in ("00", "None") or not {key, quote(key), quote_plus(key)} & set(re.split(r"[=&?\s]", outcome.log))


def test_other_schemes_put_nothing_into_the_address(instance: Instance) -> None:
    scheme = {"auth_type": "bearer", "access_token": "t"}

    asked = asked_with(instance, {"api_key_parameter": "api_key"}, credentials=scheme)

    assert "api_key" not in asked.query
    assert asked.headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    "scheme", [{"auth_type": "bearer", "access_token": "t"}, {"auth_type": "basic", "username": "u", "password": "p"}]
)
def test_other_schemes_keep_to_the_authorization_header(instance: Instance, scheme: Json) -> None:
    headers = asked_with(instance, {"api_key_header": "X-API-Key", "api_key_prefix": "none"}, credentials=scheme).headers

    assert headers["Authorization"].startswith(("Bearer t", "Basic "))
    assert "X-API-Key" not in headers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("data", {"data": some(3)}),
        ("items", {"items": some(3), "data": None}),
        ("result.items", {"result": {"items": some(3)}}),
        ("", some(3)),
        (".", some(3)),
        ("a.b.c", {"a": {"b": {"c": some(3)}}}),
    ],
)
def test_records_path(instance: Instance, path: str, body: Any) -> None:
    instance.always_answers("articles", Answer(body))

    assert read(config(conventions={"records_path": path, "paging": "none"}), "articles").ids("articles") == [1, 2, 3]


@pytest.mark.parametrize(
    ("conventions", "queries"),
    [
        ({}, [{"limit": "2"}, *({"limit": "2", "offset": str(offset)} for offset in (1, 2, 3))]),
        (
            {"limit_parameter": "take", "offset_parameter": "skip"},
            [{"take": "2"}, *({"take": "2", "skip": str(offset)} for offset in (1, 2, 3))],
        ),
        ({"limit_parameter": "none"}, [{}, {"offset": "1"}, {"offset": "2"}, {"offset": "3"}]),
        ({"paging": "page"}, [{"limit": "2", "page": str(number)} for number in (1, 2, 3)]),
        (
            {"paging": "page", "first_page": 0, "page_parameter": "page[number]", "limit_parameter": "page[size]"},
            [{"page[size]": "2", "page[number]": str(number)} for number in (0, 1, 2)],
        ),
        ({"paging": "cursor"}, [{"limit": "2"}, {"limit": "2", "cursor": "t1"}, {"limit": "2", "cursor": "t2"}]),
        (
            {"paging": "cursor", "cursor_parameter": "after"},
            [{"limit": "2"}, {"limit": "2", "after": "t1"}, {"limit": "2", "after": "t2"}],
        ),
        (
            {"paging": "cursor", "cursor_path": "paging.next"},
            [{"limit": "2"}, {"limit": "2", "cursor": "n1"}, {"limit": "2", "cursor": "n2"}],
        ),
        ({"paging": "none"}, [{}]),
    ],
)
def test_paging_and_its_parameters(instance: Instance, conventions: Json, queries: list[Json]) -> None:
    def pages(asked: Asked) -> Answer:
        offset = asked.query.get("offset", asked.query.get("skip"))
        first = 2 * asked.number - 2 if offset is None else int(offset)
        rows = some(4)[first : first + 2]
        tokens = {"next_cursor": f"t{asked.number}", "paging": {"next": f"n{asked.number}"}}
        return Answer({"data": rows, **(tokens if asked.number < 3 else {})})

    instance.always_answers("articles", pages)

    outcome = read(config(page_size=2, conventions=conventions), "articles")

    asked = instance.queries("articles")
    assert [query for query in queries if query not in asked] == []
    assert len(asked) <= len(queries) + 2, "pages may be asked for ahead, beyond the end, too"
    assert outcome.completed("articles")


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("updated_since", {"updated_since": moment(2)}),
        ("modified_after", {"modified_after": moment(2)}),
        ("filter[updated]", {"filter[updated]": moment(2)}),
        ("", {}),
        ("none", {}),
    ],
)
def test_updated_since_parameter(instance: Instance, name: str, sent: Json) -> None:
    """Where it is not sent, everything is read and what is old is left out here."""
    conventions = {"updated_since_parameter": name}

    outcome = read(config(conventions=conventions, **LOOKED_BACK), "articles", state={"articles": {"updated_at": moment(2)}})

    assert instance.queries("articles")[0] == {"limit": "100", **sent}
    assert outcome.ids("articles") == [2, 3]
    assert outcome.cursor("articles") == moment(3)


@pytest.mark.parametrize("key", [1, "a-1", "1e5", "007"])
def test_id_field(instance: Instance, key: Any) -> None:
    instance.records["articles"] = [{"_id": key, "updated_at": moment(1), "name": "x"}]

    outcome = read(config(conventions={"id_field": "_id"}), "articles")

    assert outcome.records["articles"] == [{"id": key, "updated_at": moment(1), "name": "x"}]


def test_timestamp_format(instance: Instance) -> None:
    """Three fields change their form; a custom property's value, which looks the same, does not."""
    row = {"id": 1, "created_at": 1767225600000, "updated_at": 1767225601123, "published_at": None, "value": 1767225600000}
    instance.always_answers("articles", lambda asked: Answer({"data": [] if asked.query.get("offset") else [row]}))

    outcome = read(
        config(conventions={"timestamp_format": "epoch_ms"}, **LOOKED_BACK),
        "articles",
        state={"articles": {"updated_at": moment(1)}},
    )

    assert instance.queries("articles")[0]["updated_since"] == "1767225601000"
    assert outcome.records["articles"] == [{**row, "created_at": moment(0), "updated_at": moment(1.123)}]
    assert outcome.cursor("articles") == moment(1.123)


@pytest.mark.parametrize("stamp", [1767225601123, 1767225601123.0, "1767225601123"])
def test_epoch_timestamps_of_each_form_are_read(instance: Instance, stamp: Any) -> None:
    instance.records["articles"] = [{"id": 1, "updated_at": stamp}]

    assert read(config(conventions={"timestamp_format": "epoch_ms"}), "articles").records["articles"][0]["updated_at"] == moment(
        1.123
    )


@pytest.mark.parametrize("stamp", [None, "", "soon", True, [], 10**18, -(10**18)])
def test_what_is_no_epoch_stays_as_it_is(instance: Instance, stamp: Any) -> None:
    instance.records["articles"] = [{"id": 1, "created_at": stamp, "updated_at": 1767225601123}]

    outcome = read(config(conventions={"timestamp_format": "epoch_ms"}), "articles")

    assert outcome.records["articles"][0].get("created_at") == stamp
    assert outcome.completed("articles")


def test_all_overrides_at_once(instance: Instance) -> None:
    """An instance in which nothing is as assumed."""
    conventions = {
        "path_prefix": "v3/crm",
        "api_key_header": "X-Key",
        "api_key_prefix": "none",
        "records_path": "result.docs",
        "paging": "cursor",
        "limit_parameter": "first",
        "cursor_parameter": "after",
        "cursor_path": "result.page.next",
        "updated_since_parameter": "since",
        "id_field": "_id",
        "timestamp_format": "epoch_ms",
    }
    stamps = [1767225601000, 1767225602000, 1767225603000]

    def serve(asked: Asked) -> Answer:
        place = 0 if "after" not in asked.query else int(asked.query["after"])
        rows = [{"_id": f"k{place}", "updated_at": stamps[place]}]
        return Answer({"result": {"docs": rows, "page": {"next": place + 1 if place < 2 else None}}})

    instance.always_answers(None, serve)

    outcome = read(
        config(page_size=1, conventions=conventions, **LOOKED_BACK), state={name: {"updated_at": moment(2)} for name in STREAMS}
    )

    for stream in STREAMS:
        assert outcome.records[stream] == [{"id": "k1", "updated_at": moment(2)}, {"id": "k2", "updated_at": moment(3)}]
        assert outcome.cursor(stream) == moment(3)
        assert instance.queries(stream) == [
            {"first": "1", "since": "1767225602000", **({"after": str(place)} if place else {})} for place in range(3)
        ]
    assert {asked.url.partition("?")[0].rpartition("/")[0] for asked in instance.asked} == {f"{HOST}/v3/crm"}
    assert {asked.headers["X-Key"] for asked in instance.asked} == {KEY}


# --- additional collections -------------------------------------------------------------------------------------------------

LINKS = {"name": "links", "path": "crm/links", "primary_key": "key"}


def with_links(**collection: Any) -> Json:
    return config(additional_collections=[{**LINKS, **collection}], **LOOKED_BACK)


def test_an_additional_collection_is_read_whole_without_a_cursor(instance: Instance) -> None:
    rows = [{"key": number, "any": {"thing": [None]}} for number in (3, 1, 2)]
    instance.records["links"] = rows

    outcome = read(with_links(), "links", "articles")

    assert instance.asked[0].url or True
    assert {asked.url.partition("?")[0] for asked in instance.asked if asked.stream == "links"} == {f"{HOST}/api/crm/links"}
    assert outcome.records["links"] == rows
    assert all("updated_since" not in query for query in instance.queries("links"))
    assert outcome.completed("articles")


def test_an_additional_collection_with_a_cursor_is_incremental(instance: Instance) -> None:
    instance.always_answers(
        "links",
        lambda asked: Answer(
            {"data": [] if "offset" in asked.query else [{"key": number, "changed_at": moment(number)} for number in (1, 2, 3)]}
        ),
    )

    outcome = read(with_links(cursor_field="changed_at"), "links", state={"links": {"changed_at": moment(2)}})

    assert [row["key"] for row in outcome.records["links"]] == [2, 3]
    assert outcome.cursor("links", "changed_at") == moment(3)
    assert instance.queries("links")[0]["updated_since"] == moment(2)


@pytest.mark.parametrize("stamps", [["2026-01-01 09:30:00", "2026-01-02 10:00:00.5"], ["2026-01-01", "2026-01-02"]])
def test_a_cursor_of_another_form_of_an_additional_collection(instance: Instance, stamps: list[str]) -> None:
    rows = [{"key": key, "changed": stamp} for key, stamp in enumerate(stamps, 1)]
    instance.always_answers("links", lambda asked: Answer({"data": [] if "offset" in asked.query else rows}))

    first = read(with_links(cursor_field="changed"), "links")
    second = read(with_links(cursor_field="changed"), "links", state={"links": first.states["links"][-1]})

    assert first.records["links"] == rows, "passed on as they are"
    assert second.records["links"] == rows[1:]


def test_a_numeric_cursor_of_an_additional_collection(instance: Instance) -> None:
    rows = [{"key": 1, "changed": 1767225601000}, {"key": 2, "changed": 1767225603000}]
    instance.always_answers("links", lambda asked: Answer({"data": [] if "offset" in asked.query else rows}))

    first = read(with_links(cursor_field="changed"), "links")
    second = read(with_links(cursor_field="changed"), "links", state={"links": first.states["links"][-1]})

    assert first.records["links"] == rows, "passed on as they are"
    assert second.records["links"] == rows[1:]


@pytest.mark.parametrize("cursor_field", [None, ""])
def test_an_empty_cursor_field_is_none(instance: Instance, cursor_field: str | None) -> None:
    instance.records["links"] = [{"key": 1}]

    assert read(with_links(cursor_field=cursor_field), "links").records["links"] == [{"key": 1}]


@pytest.mark.parametrize(("primary_key", "emitted"), [("_id", "_id"), ("id", "id")])
def test_the_id_convention_and_an_additional_collection(instance: Instance, primary_key: str, emitted: str) -> None:
    instance.records["links"] = [{"_id": 7}]
    given = {**with_links(primary_key=primary_key), "conventions": {"id_field": "_id"}}

    assert read(given, "links").records["links"] == [{emitted: 7}]


def test_conventions_apply_to_additional_collections(instance: Instance) -> None:
    given = {**with_links(), "conventions": {"path_prefix": "v1", "records_path": "items", "paging": "page"}}
    instance.always_answers("links", lambda asked: Answer({"items": [{"key": asked.number}] if asked.number < 3 else []}))

    outcome = read(given, "links")

    assert [row["key"] for row in outcome.records["links"]] == [1, 2]
    assert instance.asked[0].url.startswith(f"{HOST}/v1/crm/links?")
    assert instance.asked[0].query == {"limit": "100", "page": "1"}


def test_a_repeated_page_of_an_additional_collection_is_found_by_its_own_key(instance: Instance) -> None:
    instance.always_answers("links", Answer({"data": [{"key": 1, "at": "now"}, {"key": 2, "at": "now"}]}))

    assert "conventions.paging" in read(with_links(), "links").message_of("links")


# --- as a function ------------------------------------------------------------------------------------------------------------


def whole(**overrides: Any) -> Json:
    return complete(config(**overrides), manifest()["spec"]["connection_specification"])


def test_tailoring_changes_neither_argument() -> None:
    given = whole(conventions={"paging": "page", "id_field": "_id", "records_path": "x"}, additional_collections=[LINKS])
    before, kept = manifest(), deepcopy(given)

    tailored(before, given)

    assert before == manifest()
    assert given == kept


def test_without_overrides_the_manifest_stays_as_it_is_but_for_the_budget_and_the_codes() -> None:
    """And for the parameter that asks for changes, which is put where the method wants it, and for what asks for pages ahead."""
    package, result = manifest(), tailored(manifest(), whole())
    del package["api_budget"], result["definitions"]["error_handler"]["codes"]
    for each in (package, result):
        del each["definitions"]["base_stream"]["retriever"]["requester"]
    requester = package["definitions"]["requester"]
    requester["request_parameters"] = package["definitions"]["updated_since_parameters"]

    assert result == package
