"""The probe: what it finds out, what it suggests, and what it never does."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter.probe import main, probe
from source_syfter.probing import bodies, client
from source_syfter.probing.client import BOUND
from source_syfter.probing.report import Report
from testing.clocks import Clock
from testing.instance import HOST, KEY, Answer, Asked, Instance, config, moment, oauth, some
from testing.reading import STREAMS, Json, read

SECRET_VALUE = "a-value-of-a-record"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records waits; none takes time."""
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)
    return clock.waits


def status(report: Report, topic: str) -> str:
    return next(finding.status for finding in report.findings if finding.topic == topic)


def text(report: Report, topic: str) -> str:
    return next(finding.text for finding in report.findings if finding.topic == topic)


def conventions(report: Report) -> dict[str, Any]:
    suggested: dict[str, Any] = report.suggested_config.get("conventions", {})
    return suggested


def test_an_instance_as_assumed_needs_no_setting(instance: Instance) -> None:
    report = probe(config())

    assert report.exit_code == 0
    assert report.suggested_config == {}
    assert {finding.status for finding in report.findings} == {"matches"}
    assert {name: each.status for name, each in report.collections.items()} == dict.fromkeys(STREAMS, "readable")
    assert report.requests == len(instance.asked) == 16


def test_only_get_requests_are_sent_and_signed_as_the_connector_signs(
    monkeypatch: pytest.MonkeyPatch, instance: Instance
) -> None:
    methods = []
    send = requests.Session.send
    monkeypatch.setattr(
        requests.Session,
        "send",
        lambda self, request, **options: methods.append(request.method) or send(self, request, **options),
    )

    probe(config())

    assert set(methods) == {"GET"}
    assert {asked.headers["Authorization"] for asked in instance.asked} == {f"Api-Key {KEY}"}


def test_requests_have_the_connectors_time_limits(monkeypatch: pytest.MonkeyPatch, instance: Instance) -> None:
    limits = []
    send = requests.Session.send
    monkeypatch.setattr(
        requests.Session,
        "send",
        lambda self, request, **options: limits.append(options["timeout"]) or send(self, request, **options),
    )

    probe(config())

    assert set(limits) == {(10, 30)}


def test_oauth_is_signed_as_the_connector_signs(instance: Instance) -> None:
    probe(config(credentials=oauth()))

    lists = [asked for asked in instance.asked if asked.stream != "token"]
    assert {asked.headers["Authorization"] for asked in lists} == {"Bearer token-1-secret"}


def test_requests_are_counted_aloud_and_bounded(instance: Instance) -> None:
    instance.always_answers(None, Answer({"message": "what?"}, 400))
    counted: list[int] = []

    probe(config(conventions={"paging": "cursor"}), lambda count, path: counted.append(count))

    assert counted == list(range(1, len(instance.asked) + 1))
    assert len(counted) <= BOUND


def test_the_bound_ends_the_probe_with_what_it_has(monkeypatch: pytest.MonkeyPatch, instance: Instance) -> None:
    monkeypatch.setattr(client, "BOUND", 12)

    report = probe(config())

    assert len(instance.asked) == 12
    assert report.exit_code == 1
    assert "stopped after 12 requests" in report.findings[-1].text
    assert report.findings[-1].text.endswith("[probe-ended]")
    assert status(report, "records") == "matches"


def test_neither_secrets_nor_values_are_told(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            row |= {"name": SECRET_VALUE, SECRET_VALUE[::-1]: 1}
    instance.answers("articles", Answer({"message": f"your key {KEY} may not"}, 403))

    told = json.dumps(probe(config()).as_json())

    assert KEY not in told
    assert SECRET_VALUE not in told
    assert SECRET_VALUE[::-1] in told  # a field that the schema does not know is named


@pytest.mark.parametrize("kind", ["wrong", "moved", "silent", "reset", "failing"])
def test_an_instance_that_cannot_be_asked(instance: Instance, kind: str) -> None:
    reactions: dict[str, tuple[Any, str]] = {
        "wrong": (Answer({"message": f"no: {KEY}"}, 401), "[wrong-credentials]"),
        "moved": (Answer("", 302, {"Location": "https://sign-in.test/"}), "[redirected]"),
        "silent": (requests.ReadTimeout("x"), "[no-answer]"),
        "reset": (requests.ConnectionError("x"), "[connection-lost]"),
        "failing": (Answer("", 503), "[server-error]"),
    }
    instance.always_answers(None, reactions[kind][0])

    report = probe(config())

    assert report.exit_code == 1
    assert report.suggested_config == {}
    assert reactions[kind][1] in text(report, "connection")
    assert KEY not in json.dumps(report.as_json())


def test_a_key_goes_to_no_other_host(instance: Instance) -> None:
    instance.always_answers(None, Answer("", 307, {"Location": "https://elsewhere.test/api/companies"}))

    probe(config())

    assert {asked.url.split("/")[2] for asked in instance.asked} == {"syfter.test"}


def test_waits_as_told_and_tries_again(instance: Instance, waits: list[float]) -> None:
    instance.answers("companies", Answer("", 429, {"Retry-After": "7", "X-RateLimit-Limit": "5"}))

    report = probe(config())

    assert report.exit_code == 0
    assert waits == [7.0]
    assert "x-ratelimit-limit" in text(report, "rate limit")


def test_long_waits_are_not_waited_for(instance: Instance, waits: list[float]) -> None:
    instance.always_answers(None, Answer({"message": "later"}, 429, {"Retry-After": "3600"}))

    report = probe(config())

    assert sum(waits) <= 1
    assert "[rate-limited]" in text(report, "connection")


def test_a_slow_instance_ends_the_probe(instance: Instance) -> None:
    def slowly(asked: Asked) -> None:
        client.time.sleep(40)

    instance.always_answers(None, slowly)

    report = probe(config())

    assert len(instance.asked) == 8
    assert "is slow" in report.findings[-1].text
    assert report.exit_code == 1


# --- collections ------------------------------------------------------------------------------------------------------------


def test_collections_that_are_denied_missing_or_empty(instance: Instance) -> None:
    instance.records["companies"] = []
    instance.always_answers("articles", Answer("", 403))
    instance.always_answers("company_overviews", Answer("", 404))

    report = probe(config())

    states = {name: each.status for name, each in report.collections.items()}
    assert states["companies"] == "empty"
    assert states["articles"] == "denied"
    assert states["company_overviews"] == "missing"
    assert states["company_financials"] == "readable"
    assert status(report, "paging") == "matches"
    assert report.exit_code == 0


@pytest.mark.parametrize("code", [403, 404])
def test_no_collection_at_all_is_a_fault(instance: Instance, code: int) -> None:
    instance.always_answers(None, Answer("", code))

    report = probe(config())

    assert report.exit_code == 1
    assert ("--set conventions.path_prefix=" in text(report, "connection")) is (code == 404)


def test_an_instance_without_records_is_no_fault(instance: Instance) -> None:
    instance.records = {}

    report = probe(config())

    assert report.exit_code == 0
    assert status(report, "records") == "unknown"


def test_an_empty_array_shows_where_records_will_be(instance: Instance) -> None:
    instance.always_answers(None, Answer({"items": [], "total": 0}))

    assert conventions(probe(config())) == {"records_path": "items"}


@pytest.mark.parametrize("bare", [["articles"], STREAMS[3:]])
def test_some_lists_in_an_object_and_others_without(instance: Instance, bare: list[str]) -> None:
    """Where most are bare, what is as assumed of the rest has to be said of them."""
    answer = shaped(lambda asked, page: page["data"] if asked.stream in bare else page, instance)
    instance.always_answers(None, answer)
    report = probe(config())

    own = {each["name"]: each["records_path"] for each in report.suggested_config["collections"]}
    assert {name: own.get(name, conventions(report).get("records_path", "data")) for name in STREAMS} == {
        name: "." if name in bare else "data" for name in STREAMS
    }


@pytest.mark.parametrize("is_named", [False, True])
def test_what_stands_beside_an_empty_array_is_no_list_of_records(instance: Instance, is_named: bool) -> None:
    """By its one known field it would be read, and as a record."""
    instance.records["companies"] = []

    def body(asked: Asked, page: Any) -> Any:
        return {asked.stream if is_named else "rows": page["data"], "facets": [{"name": "a", "hits": 3}]}

    instance.always_answers(None, shaped(body, instance))
    report = probe(config())

    own = {each["name"]: each["records_path"] for each in report.suggested_config.get("collections", [])}
    assert "facets" not in {conventions(report)["records_path"], *own.values()}
    assert report.collections["companies"].status == "empty"


def test_an_empty_array_that_is_called_after_its_collection_is_the_one(instance: Instance) -> None:
    instance.always_answers(None, lambda asked: Answer({"warnings": [], "included": [], asked.stream: []}))

    report = probe(config())

    own = {each["name"]: each["records_path"] for each in report.suggested_config["collections"]}
    assert {"companies": conventions(report)["records_path"]} | own == {name: name for name in STREAMS}


@pytest.mark.parametrize("broken", [Answer("", 500), Answer({"articles": {}}), Answer("", 204)])
def test_a_collection_that_cannot_be_read_is_a_fault(instance: Instance, broken: Answer) -> None:
    instance.always_answers("articles", broken)

    report = probe(config())

    assert report.collections["articles"].status == "failed"
    assert report.exit_code == 1


def test_fields_that_lie_deeper_are_found(instance: Instance) -> None:
    for rows in instance.records.values():
        rows[:] = [{"id": row.pop("id"), "attributes": row} for row in rows]
    # The instance without a socket filters by what lies outside.
    instance.always_answers(None, lambda asked: instance.page(replace(asked, query={**asked.query, "updated_since": ""})))

    report = probe(config())

    assert conventions(report)["fields_path"] == "attributes"
    assert report.collections["companies"].status == "readable"
    assert report.collections["companies"].unknown_fields == []


def test_additional_collections_are_visited(instance: Instance) -> None:
    instance.records["links"] = some(2)
    extra = [{"name": "crm_links", "path": "crm/links", "primary_key": "id"}]

    assert probe(config(additional_collections=extra)).collections["crm_links"].status == "readable"


# --- conventions, one at a time; whole instances are in integration_tests/test_probe_variants.py -----------------------------


def shaped(shape: Callable[[Asked, Any], Any], instance: Instance) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(shape(asked, instance.page(asked).body))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (lambda rows: rows, "."),
        (lambda rows: {"items": rows, "errors": []}, "items"),
        (lambda rows: {"result": {"rows": rows, "links": [{"rel": "self"}]}}, "result.rows"),
        (lambda rows: {"warnings": [{"code": 1}], "records": rows}, "records"),
        (lambda rows: {"a": {"b": {"c": {"d": rows}}}}, "a.b.c.d"),
        (lambda rows: {"acme": rows}, "acme"),
        (lambda rows: {"a.b": rows}, "a\\.b"),
    ],
)
def test_records_are_found(instance: Instance, body: Callable[[Any], Any], path: str) -> None:
    instance.always_answers(None, shaped(lambda asked, page: body(page["data"]), instance))

    assert conventions(probe(config())) == {"records_path": path}


def test_records_that_no_setting_can_name_are_a_fault(instance: Instance) -> None:
    instance.always_answers(None, shaped(lambda asked, page: {"{a}": page["data"]}, instance))

    report = probe(config())

    assert report.exit_code == 1
    assert status(report, "records") == "fault"


@pytest.mark.parametrize(
    "body",
    [
        lambda rows: {"data": [{"label": row["name"], "items": [row]} for row in rows]},
        lambda rows: [{"day": "Monday", "entries": rows}, {"day": "Tuesday", "entries": []}],
        lambda rows: {"data": {row["name"]: {**row, "tags": [{"code": "x"}]} for row in rows}},
        lambda rows: {"data": {"of_1": {"row": {**rows[0], "links": []}}}},
    ],
)
def test_groups_of_records_and_lists_within_records_are_no_records(instance: Instance, body: Callable[[Any], Any]) -> None:
    """Read as such they would be copied without a word."""
    for rows in instance.records.values():
        for row in rows:
            row["created_at"] = row["updated_at"]
    instance.always_answers(None, shaped(lambda asked, page: body(page["data"]), instance))

    report = probe(config())

    assert report.exit_code == 1
    assert {each.status for each in report.collections.values()} == {"failed"}
    assert report.suggested_config == {}


@pytest.mark.parametrize("elsewhere", ["/api/", "/api/v1/"])
def test_a_prefix_that_leads_to_a_page_for_people_elsewhere_is_passed_over(instance: Instance, elsewhere: str) -> None:
    """The second time: the assumed prefix is not found, and the next one is led away."""
    away, missing = Answer("", 302, {"Location": "https://sign-in.test/"}), Answer("", 404)
    instance.always_answers(
        None,
        lambda asked: None if "/v1/" in asked.url and "/api/" not in asked.url else (away if elsewhere in asked.url else missing),
    )

    report = probe(config())

    assert report.exit_code == 2
    assert conventions(report) == {"path_prefix": "v1"}
    assert {asked.url.split("/")[2] for asked in instance.asked} == {"syfter.test"}


def test_a_list_of_one_page_is_asked_for_less_to_show_its_token(instance: Instance) -> None:
    """A token comes only where the list goes on, which that of three records does not."""

    def by_token(asked: Asked) -> Answer:
        rows = instance.records[asked.stream]
        first, size = int(asked.query.get("after", 0)), int(asked.query.get("limit", 10))
        rest = {"next": first + size} if first + size < len(rows) else {}
        return Answer({"data": rows[first : first + size], **rest})

    for stream in STREAMS:
        instance.records[stream] = some(3)
    instance.always_answers(None, by_token)

    assert conventions(probe(config())) == {"paging": "cursor", "cursor_parameter": "after", "cursor_path": "next"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2026-01-01", 0), (1767225600000, 2), ("1767225600000", 2), (1767225600, 2), ("yesterday", 1), (None, 0)],
)
def test_timestamps_of_each_form(instance: Instance, value: Any, expected: int) -> None:
    for rows in instance.records.values():
        for row in rows:
            row["updated_at"] = value

    def answer(asked: Asked) -> Answer:
        future = asked.query.get("updated_since", "").startswith(("2100", "41024"))
        query = {name: value for name, value in asked.query.items() if name != "updated_since"}
        return Answer({"data": []}) if future else instance.page(replace(asked, query=query))

    instance.always_answers(None, answer)

    assert probe(config()).exit_code == expected


@pytest.mark.parametrize("nothing", ["", "0000-00-00 00:00:00", 0])
def test_dates_that_are_none_say_nothing_of_the_form(instance: Instance, nothing: Any) -> None:
    for rows in instance.records.values():
        rows[0]["published_at"] = rows[1]["updated_at"] = nothing

    report = probe(config())

    assert report.exit_code == 0
    assert text(report, "timestamps") == "ISO 8601"


def test_records_without_a_key_that_is_sure_are_read_without_one(instance: Instance) -> None:
    """A key that is guessed wrongly would lose rows in the destination."""
    for rows in instance.records.values():
        for row in rows:
            row["reference"] = row.pop("id")

    report = probe(config())

    assert report.exit_code == 2
    assert {each["primary_key"] for each in report.suggested_config["collections"]} == {"none"}
    assert 'perhaps "reference"' in text(report, "key of a record")


def test_what_has_no_known_field_is_not_read_without_a_key(instance: Instance) -> None:
    """As records in an object that is called after each collection, which no setting can say."""
    rows = instance.records["articles"]
    rows[:] = [{"article": {"number": row["id"]}} for row in rows]

    assert "collections" not in probe(config()).suggested_config


def test_one_collection_that_calls_its_key_otherwise(instance: Instance) -> None:
    for row in instance.records["articles"]:
        row["article_id"] = row.pop("id")

    assert probe(config()).suggested_config == {"collections": [{"name": "articles", "primary_key": "article_id"}]}


def test_a_date_of_change_that_the_first_collection_lacks(instance: Instance) -> None:
    for name, rows in instance.records.items():
        for row in rows:
            changed = row.pop("updated_at")
            if name != "companies":
                row["last_changed"] = changed

    assert conventions(probe(config()))["updated_at_field"] == "last_changed"


@pytest.mark.parametrize(
    ("others", "expected"), [([], "last_activity_at"), (["last_modified_date_time"], "last_modified_date_time")]
)
def test_the_last_activity_is_a_change_where_nothing_else_is(instance: Instance, others: list[str], expected: str) -> None:
    for rows in instance.records.values():
        for row in rows:
            changed = row.pop("updated_at")
            row |= dict.fromkeys(["last_activity_at", *others], changed)

    assert conventions(probe(config()))["updated_at_field"] == expected


def test_without_a_date_of_change_streams_are_read_in_full(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            del row["updated_at"]

    assert conventions(probe(config()))["updated_at_field"] == "none"


def test_a_key_that_is_text_needs_no_setting(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            row["id"] = f"5f{row['id']:022x}"

    report = probe(config())

    assert report.exit_code == 0
    assert text(report, "key of a record") == '"id", text'


def test_a_small_largest_page_is_suggested(instance: Instance) -> None:
    refuse = lambda asked: Answer("", 400) if int(asked.query.get("limit", 1)) > 30 else None  # noqa: E731
    instance.always_answers(None, refuse)

    assert probe(config()).suggested_config == {"page_size": 25}


def test_a_list_that_comes_whole_without_saying_so_is_doubted(instance: Instance) -> None:
    instance.records = {name: some(20 + number) for number, name in enumerate(STREAMS)}
    instance.always_answers(None, lambda asked: Answer({"data": instance.records[asked.stream]}))

    report = probe(config())

    assert conventions(report)["paging"] == "none"


def test_first_pages_of_one_size_are_not_taken_for_whole_lists(instance: Instance) -> None:
    """Nothing moves and nothing says how many there are: equal counts that pages may have give the page away."""
    instance.records = {name: some(100) for name in STREAMS}
    instance.always_answers(None, lambda asked: Answer({"data": instance.records[asked.stream][:35]}))

    report = probe(config())

    assert report.exit_code == 1
    assert "exactly 35 records" in text(report, "paging")
    assert probe(config(conventions={"paging": "none"})).exit_code == 0, "whoever knows better is believed"
    instance.always_answers(None, lambda asked: Answer({"data": instance.records[asked.stream][:83]}))
    assert conventions(probe(config()))["paging"] == "none"


@pytest.mark.parametrize("more", [{"has_more": True}, {"meta": {"moreItems": False, "hasNextPage": True}}, None])
def test_what_looks_like_a_first_page_is_not_taken_for_a_whole_list(instance: Instance, more: Any) -> None:
    """By a flag that says so, or by a count that is usual for pages."""
    instance.records = {name: some(137 if name == "companies" else 5) for name in STREAMS}
    size = 99 if more else 100
    instance.always_answers(None, lambda asked: Answer({"data": instance.records[asked.stream][:size], **(more or {})}))

    report = probe(config())

    assert report.exit_code == 1
    assert "paging" not in conventions(report)


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("beyond", [Answer("", 404), Answer("", 204), Answer({"data": None})])
def test_a_page_beyond_the_end_that_is_none_ends_a_list(instance: Instance, beyond: Answer, has_total: bool) -> None:
    def answer(asked: Asked) -> Answer:
        page = instance.page(asked)
        if int(asked.query.get("offset", 0)) >= 3:
            return beyond
        return page if has_total else Answer({"data": page.body["data"]})

    instance.always_answers(None, answer)

    report = probe(config())

    assert conventions(report) == {"end_of_list": "not_found"}
    assert report.exit_code == 2


def test_a_deep_page_that_is_refused_says_nothing_about_the_end(instance: Instance) -> None:
    def answer(asked: Asked) -> Answer:
        deep = int(asked.query.get("offset", 0)) > 10_000
        return Answer("", 400) if deep else Answer({"data": instance.page(asked).body["data"]})

    instance.always_answers(None, answer)

    report = probe(config())

    assert status(report, "end of a list") == "unknown"
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("rows", "last", "end", "found", "code"),
    [(8, 0, "short", "differs", 2), (3, 0, "empty", "fault", 1), (3, 10, "empty", "matches", 2)],
)
def test_a_page_that_is_refused_is_asked_for_nearby(
    instance: Instance, rows: int, last: int, end: str, found: str, code: int
) -> None:
    """Pages of five at most; behind those with records, and behind the `last`, all are refused."""
    instance.records = {name: some(rows) for name in STREAMS}

    def answer(asked: Asked) -> Answer:
        page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("limit", 5)), 5)
        shown = instance.records[asked.stream][(page - 1) * size : page * size]
        return Answer({"data": shown}) if shown or page <= last else Answer({"message": "no such page"}, 400)

    instance.always_answers(None, answer)

    report = probe(config())

    assert conventions(report) == {"paging": "page", **({} if end == "empty" else {"end_of_list": end})}
    assert status(report, "end of a list") == found
    assert report.exit_code == code
    assert read(config(**report.suggested_config), "articles").completed("articles") == (code == 2)


@pytest.mark.parametrize("first_is_bare", [True, False])
def test_lists_in_another_envelope_may_end_otherwise(instance: Instance, first_is_bare: bool) -> None:
    def answer(asked: Asked) -> Answer:
        rows = instance.page(asked).body["data"]
        is_bare = (asked.stream == "companies") == first_is_bare
        ends_otherwise = not rows and asked.stream != "companies"
        return Answer({"message": "no more"} if ends_otherwise else rows if is_bare else {"data": rows})

    instance.always_answers(None, answer)

    assert conventions(probe(config()))["end_of_list"] == "not_found"


def test_an_offset_that_counts_pages_is_a_page_number(instance: Instance) -> None:
    """By pages of one record it looks like an offset, and a read by it would miss most of the list."""

    def answer(asked: Asked) -> Answer:
        offset = int(asked.query.get("offset", 0)) * int(asked.query.get("limit", 1000))
        return instance.page(replace(asked, query={**asked.query, "offset": str(offset)}))

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"paging": "page", "page_parameter": "offset", "first_page": 0}


@pytest.mark.parametrize("by_address", [True, False])
@pytest.mark.parametrize("least", [1, 5])
@pytest.mark.parametrize(
    ("beyond", "end"),
    [([], "short"), (None, "not_found"), (Answer("", 404), "not_found"), (Answer("", 204), "not_found"), ("last", "repeated")],
)
def test_a_token_on_the_last_page_tells_what_ends_a_list(
    instance: Instance, beyond: Any, end: str, least: int, by_address: bool
) -> None:
    def answer(asked: Asked) -> Answer:
        first, size = int(asked.query.get("after", 0)), int(asked.query.get("limit", 10))
        page = instance.records[asked.stream][first : first + size]
        if not page and isinstance(beyond, Answer):
            return beyond
        if not page and beyond == "last":
            page, first = instance.records[asked.stream], 0
        following = f"{HOST}/api/{asked.stream}?after={first + len(page)}&limit={size}" if by_address else first + len(page)
        return Answer({"data": page or beyond, "next": following})

    instance.records = {name: some(least if name == "articles" else 7) for name in STREAMS}
    instance.always_answers(None, answer)

    assert conventions(probe(config()))["end_of_list"] == end


@pytest.mark.parametrize(("held", "is_fault"), [(3, False), (7, False), (25, True), (250, True)])
def test_a_plain_array_among_lists_with_tokens_may_be_a_first_page(instance: Instance, held: int, is_fault: bool) -> None:
    """It has no place for the token."""

    def page(asked: Asked) -> Answer:
        start, size = int(asked.query.get("cursor", 0)), int(asked.query.get("limit", 100))
        rows = some(9)[start : start + size]
        return Answer({"data": rows, **({"next_cursor": start + size} if start + size < 9 else {})})

    for name in STREAMS:
        instance.always_answers(name, page)
    instance.always_answers("articles", lambda asked: Answer(some(min(held, int(asked.query.get("limit", 100))))))
    report = probe(config())

    assert conventions(report)["paging"] == "cursor"
    assert [finding.topic for finding in report.findings if finding.status == "fault"] == ["articles: paging"] * is_fault


@pytest.mark.parametrize(
    ("key", "count", "repeated", "is_found"),
    [("gid", 3, 0, True), ("recordId", 3, 0, True), ("code", 12, 0, True), ("code", 3, 0, False), ("code", 12, 1, False)],
)
def test_a_key_of_any_name_that_all_collections_have_is_found(
    instance: Instance, key: str, count: int, repeated: int, is_found: bool
) -> None:
    """What need not be one has to hold for many records."""

    def page(asked: Asked) -> Answer:
        rows = [{key: f"k{row['id'] - repeated * (row['id'] == count)}", "updated_at": row["updated_at"]} for row in some(count)]
        start, size = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 100))
        return Answer({"data": rows[start : start + size]})

    for name in STREAMS:
        instance.always_answers(name, page)

    assert conventions(probe(config())).get("id_field") == (key if is_found else None)


@pytest.mark.parametrize("name", ["startFrom", "recordsOffset", "skip-count"])
def test_names_are_found_in_every_spelling(instance: Instance, name: str) -> None:
    for stream in STREAMS:
        instance.always_answers(stream, lambda asked: Answer({"data": some(9)[int(asked.query.get(name, 0)) :]}))

    assert conventions(probe(config()))["offset_parameter"] == name


@pytest.mark.parametrize("named", ["all", "one", "none"])
@pytest.mark.parametrize("name", ["startFrom", "recordsOffset", "skip"])
def test_a_server_that_refuses_what_it_does_not_know_is_asked_for_the_rest(instance: Instance, name: str, named: str) -> None:
    """What a refusal names is not known there. A server that does not say is asked for the likeliest only."""

    def page(asked: Asked) -> Answer:
        unknown = sorted(set(asked.query) - {name})
        if unknown:
            words = {"all": ", ".join(unknown), "one": unknown[0], "none": "what you sent"}[named]
            return Answer({"message": f"Unknown parameter: {words}"}, 400)
        return Answer({"data": some(9)[int(asked.query.get(name, 0)) :][:5]})

    for stream in STREAMS:
        instance.always_answers(stream, page)
    report = probe(config())

    found = conventions(report).get("offset_parameter")
    assert found == name if named == "all" or name == "skip" else found is None
    assert report.collections["datasource_preferences"].status == "readable"


def test_a_list_of_a_few_records_does_not_hide_that_pages_are_longer(instance: Instance) -> None:
    """Three companies came where three were asked for: they are all that there are."""
    instance.records["companies"] = some(3)

    def page(asked: Asked) -> Answer:
        start, size = int(asked.query.get("after", 0)), int(asked.query.get("rows", 10))
        rows = (some(3) if asked.stream == "companies" else some(30))[start : start + size]
        return Answer({"data": rows})

    for stream in STREAMS:
        instance.always_answers(stream, page)
    found = conventions(probe(config()))

    assert (found["paging"], found["cursor_parameter"], found["limit_parameter"]) == ("last_record", "after", "rows")


@pytest.mark.parametrize("name", ["cursor", "after"])
def test_the_last_key_may_go_where_tokens_would(instance: Instance, name: str) -> None:
    for stream in STREAMS:
        instance.always_answers(stream, lambda asked: Answer({"data": some(9)[int(asked.query.get(name, 0)) :][:5]}))
    found = conventions(probe(config()))

    assert (found["paging"], found.get("cursor_parameter", "cursor")) == ("last_record", name)


@pytest.mark.parametrize("told", [{}, {"total": 73}])
def test_a_list_that_ends_where_others_go_on_is_not_looked_at(instance: Instance, told: Json) -> None:
    """All have the first page's 30 records, and one has no more."""

    def page(asked: Asked) -> Answer:
        start = int(asked.query.get("after", 0))
        if asked.stream == "companies":
            return Answer({"data": some(30)[start:], **({"total": 30} if told else {})})
        return Answer({"data": some(73)[start : start + 30], **told})

    for stream in STREAMS:
        instance.always_answers(stream, page)
    found = conventions(probe(config()))

    assert (found["paging"], found["cursor_parameter"]) == ("last_record", "after")


@pytest.mark.parametrize("name", ["updatedFrom", "since_timestamp"])
def test_a_parameter_that_refuses_other_forms_of_a_moment_is_asked_in_its_own(instance: Instance, name: str) -> None:
    def page(asked: Asked) -> Answer | None:
        since = asked.query.get(name, "2000-01-01")
        if len(since) != 10 or "-" not in since:
            return Answer({"message": "YYYY-MM-DD"}, 400)
        return instance.page(replace(asked, query={**asked.query, "updated_since": since}))

    instance.always_answers(None, page)
    report = probe(config())

    assert conventions(report) == {"updated_since_parameter": name, "updated_since_format": "date"}
    assert report.requests <= 40


@pytest.mark.parametrize("bound", range(17, 41, 4))
def test_names_are_not_tried_at_the_cost_of_what_was_found(
    monkeypatch: pytest.MonkeyPatch, instance: Instance, bound: int
) -> None:
    """Each is refused in one form of a moment or another, so each may be the one that is looked for."""
    monkeypatch.setattr(client, "BOUND", bound)

    def page(asked: Asked) -> Answer | None:
        is_date = any("updated" in name.lower() or "modified" in name.lower() for name in asked.query)
        return Answer({"message": "no date"}, 400) if is_date else None

    instance.always_answers(None, page)
    report = probe(config())

    assert conventions(report) == {"updated_since_parameter": "none"}
    assert report.exit_code == 2


def test_a_parameter_that_wants_another_value_hides_no_other(instance: Instance) -> None:
    """`from` is a date here, and one of sixty names that are sent together."""

    def page(asked: Asked) -> Answer:
        if not asked.query.get("from", "2026").startswith("2026"):
            return Answer({"message": "this is no date"}, 400)
        return Answer({"data": some(9)[int(asked.query.get("recordsOffset", 0)) :][:5]})

    for stream in STREAMS:
        instance.always_answers(stream, page)

    assert conventions(probe(config()))["offset_parameter"] == "recordsOffset"


@pytest.mark.parametrize("beyond", [Answer({"data": []}), Answer({}), Answer("", 404)])
def test_pages_that_are_counted_from_zero_may_be_two(instance: Instance, beyond: Answer) -> None:
    def page(asked: Asked) -> Answer:
        rows = some(8)[5 * int(asked.query.get("pageIndex", 0)) :][:5]
        return Answer({"data": rows}) if rows else beyond

    for stream in STREAMS:
        instance.always_answers(stream, page)
    found = conventions(probe(config()))

    assert (found["paging"], found["page_parameter"], found["first_page"]) == ("page", "pageIndex", 0)


@pytest.mark.parametrize("name", ["bookmark", "offset", "lastEvaluatedKey", "marker"])
def test_a_token_need_not_be_called_one(instance: Instance, name: str) -> None:
    def page(asked: Asked) -> Answer:
        token = asked.query.get(name, "t0")
        if not token.startswith("t"):
            return Answer({"message": "unknown token"}, 422)
        start = int(token[1:])
        return Answer({"data": some(9)[start : start + 3], **({name: f"t{start + 3}"} if start < 6 else {})})

    for stream in STREAMS:
        instance.always_answers(stream, page)
    found = conventions(probe(config()))

    assert (found["paging"], found["cursor_path"], found["cursor_parameter"]) == ("cursor", name, name)


@pytest.mark.parametrize("prefix", ["apikey ", "API_KEY "])
def test_a_rare_scheme_is_found(instance: Instance, prefix: str) -> None:
    for name in STREAMS:
        instance.always_answers(
            name, lambda asked: None if asked.headers.get("Authorization") == prefix + KEY else Answer("", 401)
        )
    assert conventions(probe(config()))["api_key_prefix"] == prefix


def test_a_token_that_stays_the_same_does_not_lead_on(instance: Instance) -> None:
    place = {"s1": 0}

    def scroll(asked: Asked) -> Answer:
        place["s1"] = place["s1"] + 2 if asked.query.get("scroll_id") == "s1" else 0
        return Answer({"data": instance.records[asked.stream][place["s1"] :][:2], "scroll_id": "s1", "total": 3})

    instance.always_answers(None, scroll)

    report = probe(config())

    assert report.exit_code == 1
    assert '"scroll_id" does not lead on' in text(report, "paging")


@pytest.mark.parametrize(
    ("parameter", "suggested"), [("updated_since", {"updated_since_parameter": "none"}), ("modified_since", {})]
)
def test_a_filter_of_the_creation_is_not_used(instance: Instance, parameter: str, suggested: dict[str, Any]) -> None:
    """What changes later would be missed: nothing else would tell."""
    for rows in instance.records.values():
        for row in rows:
            row["created_at"] = moment(-3600)

    def answer(asked: Asked) -> Answer:
        late = asked.query.get(parameter, "") > moment(-3600)
        query = {name: value for name, value in asked.query.items() if name != "updated_since"}
        return Answer({"data": [], "total": 0}) if late else instance.page(replace(asked, query=query))

    instance.always_answers(None, answer)

    report = probe(config())

    assert conventions(report) == suggested
    assert f'"{parameter}" leaves out records that changed' in text(report, "changed since")


@pytest.mark.parametrize(("parameter", "is_used"), [("since", False), ("modified_since", True)])
def test_a_filter_of_which_nothing_shows_what_it_compares(instance: Instance, parameter: str, is_used: bool) -> None:
    """No record has changed since its creation: then the name alone tells."""
    for rows in instance.records.values():
        for row in rows:
            row["created_at"] = row["updated_at"]

    def answer(asked: Asked) -> Answer:
        query = {name: value for name, value in asked.query.items() if name != "updated_since"}
        query |= {"updated_since": asked.query[parameter]} if parameter in asked.query else {}
        return instance.page(replace(asked, query=query))

    instance.always_answers(None, answer)

    assert (conventions(probe(config())).get("updated_since_parameter") == parameter) == is_used


def test_an_empty_page_with_a_token_is_no_end_where_records_lie_behind(instance: Instance) -> None:
    """The instance filters after paging."""

    def answer(asked: Asked) -> Answer:
        first = int(asked.query.get("cursor", 0))
        rows = instance.records[asked.stream]
        page = rows[first : first + 3] if first != 3 else []
        return Answer({"data": page, "next_cursor": first + 3 if first + 3 < len(rows) + 3 else None})

    instance.records = {name: some(12) for name in STREAMS}
    instance.always_answers(None, answer)

    assert conventions(probe(config())).get("end_of_list", "empty") == "empty"


def test_a_filter_of_the_creation_is_not_used_where_nothing_tells_the_creation(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            row["updated_at"] = moment(row["id"] * 1000)

    def answer(asked: Asked) -> Answer:
        late = asked.query.get("updated_since", "") > moment(0)
        return Answer({"data": []}) if late else instance.page(replace(asked, query={**asked.query, "updated_since": ""}))

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"updated_since_parameter": "none"}


def test_a_filter_that_keeps_what_changed_is_used(instance: Instance) -> None:
    """Exclusive, and by whole seconds: that still gives what changed after the moment asked for."""
    for rows in instance.records.values():
        for row in rows:
            row |= {"created_at": moment(-3600), "updated_at": moment(row["id"] + 0.25)}

    def answer(asked: Asked) -> Answer:
        since = asked.query.get("updated_since", "")
        rows = [row for row in instance.records[asked.stream] if f"{row['updated_at'][:19]}.000Z" > since]
        first, size = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 1000))
        return Answer({"data": rows[first : first + size], "total": len(rows)})

    instance.always_answers(None, answer)

    assert status(probe(config()), "changed since") == "matches"


def test_a_filter_that_gives_nothing_at_all_is_not_used(instance: Instance) -> None:
    """As where an unknown parameter is taken for a field to compare."""
    instance.always_answers(None, lambda asked: Answer({"data": []}) if "updated_since" in asked.query else None)

    assert conventions(probe(config())) == {"updated_since_parameter": "none"}


def test_a_gateway_that_says_403_to_a_key_that_it_does_not_find(instance: Instance) -> None:
    def answer(asked: Asked) -> Answer | None:
        if "/v1/" not in asked.url or "/api/" in asked.url:
            return Answer("", 404)
        return None if asked.headers.get("X-API-Key") == KEY else Answer("", 403)

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"path_prefix": "v1", "api_key_header": "X-API-Key", "api_key_prefix": "none"}


def test_a_key_is_asked_for_before_the_address_is_looked_at(instance: Instance) -> None:
    """Whoever has none hears nothing else: neither that the address is wrong nor how collections are written."""

    def answer(asked: Asked) -> Answer | None:
        if asked.headers.get("X-API-Key") != KEY:
            return Answer("", 403)
        return None if asked.url.startswith(f"{HOST}/v1/") and "-" not in asked.url.partition("?")[0] else Answer("", 404)

    instance.always_answers(None, answer)

    report = probe(config())

    assert conventions(report) == {"path_prefix": "v1", "api_key_header": "X-API-Key", "api_key_prefix": "none"}
    assert report.collections["custom_property_values"].status == "readable"


@pytest.mark.parametrize("code", [403, 400])
def test_a_key_is_asked_for_where_some_addresses_are_wrong(instance: Instance, code: int) -> None:
    def answer(asked: Asked) -> Answer | None:
        if "-" in asked.url.partition("?")[0]:
            return Answer("", 404)
        return None if asked.query.get("token") == KEY else Answer("", code)

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"api_key_parameter": "token"}


@pytest.mark.parametrize("code", [400, 404])
def test_a_refusal_that_says_nothing_of_the_method_brings_no_post(
    monkeypatch: pytest.MonkeyPatch, instance: Instance, code: int
) -> None:
    """It might create a record."""
    methods = set()
    send = requests.Session.send
    monkeypatch.setattr(
        requests.Session,
        "send",
        lambda self, request, **options: methods.add(request.method) or send(self, request, **options),
    )
    instance.always_answers(None, Answer("", code))

    probe(config())

    assert methods == {"GET"}


def test_where_the_key_is_found_first_a_post_is_tried(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    send, methods = requests.Session.send, []

    def sent(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        methods.append(request.method)
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", sent)

    def answer(asked: Asked) -> Answer | None:
        if asked.headers.get("X-Token") != KEY:
            return Answer("", 401)
        sent = json.loads(asked.body or "{}")
        return instance.page(replace(asked, query=sent)) if methods[-1] == "POST" else Answer("", 405)

    instance.always_answers(None, answer)

    report = probe(config())

    assert conventions(report) == {"method": "POST", "api_key_header": "X-Token", "api_key_prefix": "none"}
    assert report.exit_code == 2


@pytest.mark.parametrize(("header", "parameter"), [("X-Client-Access-Token", ""), ("X-Api-Key-Id", ""), ("", "shopSecret")])
def test_a_key_in_a_place_of_an_unusual_name_is_found(instance: Instance, header: str, parameter: str) -> None:
    def answer(asked: Asked) -> Answer | None:
        return None if KEY in (asked.headers.get(header), asked.query.get(parameter)) else Answer("", 401)

    instance.always_answers(None, answer)
    expected = {"api_key_header": header, "api_key_prefix": "none"} if header else {"api_key_parameter": parameter}

    assert conventions(probe(config())) == expected


@pytest.mark.parametrize("key", [KEY, "k" * 900])
def test_a_long_key_is_not_sent_too_often_at_once(instance: Instance, key: str) -> None:
    def answer(asked: Asked) -> Answer | None:
        if len(asked.url) + sum(map(len, asked.headers.values())) > 8000:
            return Answer("", 431)
        return None if asked.headers.get("X-User-Token") == key else Answer("", 401)

    instance.always_answers(None, answer)

    assert conventions(probe(config(credentials={"auth_type": "api_key", "api_key": key})))["api_key_header"] == "X-User-Token"


def test_a_configuration_that_does_not_fit_is_corrected(instance: Instance) -> None:
    wrong = {"records_path": "items", "paging": "page", "path_prefix": "v9", "id_field": "_id", "limit_parameter": "none"}
    instance.always_answers(
        None, lambda asked: None if "/api/" in asked.url else Answer("<html>", 200, {"Content-Type": "text/html"})
    )

    report = probe(config(conventions=wrong))

    assert report.exit_code == 2
    assert conventions(report) == {
        "path_prefix": "api",
        "records_path": "data",
        "id_field": "id",
        "paging": "offset",
        "limit_parameter": "limit",
    }


BOTH = {"companies": "companies", "articles": "articles"}
ONE = {"companies": "companies"}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"paths": {"/gw/x/companies": {}, "/gw/x/articles": {}, "/other/companies": {}}}, [("gw/x", BOTH), ("other", ONE)]),
        ({"basePath": "/v3", "paths": {"/companies": {}}}, [("v3", ONE)]),
        ({"servers": [{"url": "https://acme.test/gw/v3"}], "paths": {"/companies": {}}}, [("gw/v3", ONE)]),
        ({"servers": ["/v3"], "paths": {"/companies": {}}}, [("", ONE)]),
        ({"paths": {"/v7/Company/search": {}}}, [("v7", {"companies": "Company/search"})]),
        ({"links": {"companies": "https://acme.test/gw/companies/"}}, [("gw", {"companies": "companies/"})]),
        ({"paths": {"/companies/{id}": {}}}, []),
        ({"paths": []}, []),
        ({"paths": {"/": {}}}, []),
        (["/companies"], []),
        (None, []),
    ],
)
def test_addresses_that_a_description_gives(document: Any, found: list[tuple[str, dict[str, str]]]) -> None:
    assert bodies.described(document, ["companies", "articles"]) == found


def test_a_header_that_no_list_holds_is_found_by_the_words_of_the_refusal(instance: Instance) -> None:
    def answer(asked: Asked) -> Answer | None:
        key = next((value for name, value in asked.headers.items() if name.lower() == "x-house-pass"), "")
        return None if key == KEY else Answer({"message": "X-House-Pass is missing"}, 401)

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"api_key_header": "X-House-Pass", "api_key_prefix": "none"}


def test_a_second_header_is_told_by_the_words_of_the_refusal_and_not_overwritten(instance: Instance) -> None:
    def answer(asked: Asked) -> Answer | None:
        if asked.headers.get("X-Access-Token") != "given":
            return Answer({"message": "no"}, 401)
        return None if asked.headers.get("X-Account") == "4711" else Answer({"message": "X-Account: unknown"}, 401)

    instance.always_answers(None, answer)
    given = {"name": "X-Access-Token", "value": "given"}

    report = probe(config(additional_headers=[given]))

    assert status(report, "second header") == "unknown"
    assert "X-Account" in text(report, "second header")
    assert probe(config(additional_headers=[given, {"name": "X-Account", "value": "4711"}])).exit_code == 0


def test_a_server_that_refuses_what_it_does_not_know_is_asked_name_by_name(instance: Instance) -> None:
    def answer(asked: Asked) -> Answer | None:
        keys = [name for name, value in {**asked.headers, **asked.query}.items() if value == KEY]
        if len(keys) > 1:
            return Answer("", 400)
        return None if keys == ["token"] and "token" in asked.query else Answer("", 401)

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"api_key_parameter": "token"}


# --- command ----------------------------------------------------------------------------------------------------------------


def written(folder: Path, content: Mapping[str, Any] | str) -> str:
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def test_the_command_prints_tables(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance.always_answers(None, shaped(lambda asked, page: page["data"], instance))

    assert main(["--config", written(tmp_path, config())]) == 2

    out = capsys.readouterr().out
    assert "conventions.records_path" in out
    assert '"records_path": "."' in out
    assert "company_financials" in out
    assert KEY not in out


def test_a_narrow_terminal_cuts_nothing(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    instance.always_answers(None, shaped(lambda asked, page: {"payload": {"collection": {"records": page["data"]}}}, instance))

    main(["--config", written(tmp_path, config())])

    assert "\u2026" not in capsys.readouterr().out


def test_the_command_prints_json(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", written(tmp_path, config()), "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["result"] == "matches"
    assert told["suggested_config"] == {}
    assert told["requests"] <= told["most_requests"] == BOUND


@pytest.mark.parametrize("content", ["", "[]", '{"credentials": {"auth_type": "api_key"}}', f'{{"credentials": "{KEY}"}}'])
def test_a_configuration_that_is_none(
    instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    assert main(["--config", written(tmp_path, content)]) == 1

    captured = capsys.readouterr()
    assert "[invalid-config]" in captured.err or "[unreadable-file]" in captured.err
    assert KEY not in captured.err
    assert not instance.asked


def test_a_configuration_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "code"), [(["--jsn"], 1), ([], 1), (["--help"], 0)])
def test_a_wrong_option_does_not_look_like_a_suggestion(options: list[str], code: int) -> None:
    assert main(options) == code


def test_nothing_is_counted_where_nobody_looks(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--config", written(tmp_path, config()), "--json"])

    assert capsys.readouterr().err == ""


def test_secrets_stay_out_of_the_log(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    instance.always_answers(None, requests.ConnectionError(f"failed with {KEY}"))

    probe(config())

    assert KEY not in caplog.text


def test_the_host_rule_of_the_connector_holds() -> None:
    with pytest.raises(AirbyteTracedException, match="unencrypted"):
        probe(config(host=HOST.replace("https", "http")))


def test_moments_are_asked_for_in_the_form_that_the_records_have(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            row["updated_at"] = 1767225600000 + row["id"]

    probe(config())

    asked = [query["updated_since"] for query in instance.queries("companies") if "updated_since" in query]
    assert asked
    assert all(value.isdecimal() for value in asked)
    assert moment(0) not in asked


# --- what a person tells, and what is written ---------------------------------------------------------------------------------


def test_what_a_person_knows_is_set(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()), encoding="utf-8")

    main(["--config", str(path), "--set", "conventions.path_prefix=team/@me", "--set", "page_size=7", "--json"])

    assert instance.asked[0].url.startswith(f"{HOST}/team/%40me/companies?")
    assert json.loads(capsys.readouterr().out)["suggested_config"] == {}


def test_a_text_of_digits_is_a_text(instance: Instance, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()), encoding="utf-8")

    main(["--config", str(path), "--set", "conventions.path_prefix=2.0", "--set", "credentials.api_key=123456789012"])

    assert instance.asked[0].url.startswith(f"{HOST}/2.0/companies?")
    assert instance.asked[0].headers["Authorization"] == "Api-Key 123456789012"


def test_a_suggestion_is_written_with_a_copy_and_a_difference(
    instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instance.always_answers(None, shaped(lambda asked, page: {"items": page["data"], "total": page["total"]}, instance))
    path, before = tmp_path / "config.json", json.dumps(config(conventions={"paging": "offset"}, future=1))
    path.write_text(before, encoding="utf-8")

    assert main(["--config", str(path), "--write", str(path)]) == 2

    assert json.loads(path.read_text()) == config(conventions={"paging": "offset", "records_path": "items"}, future=1)
    assert (tmp_path / "config.json.bak").read_text() == before
    printed = capsys.readouterr().err
    assert '+    "records_path": "items"' in printed
    assert KEY not in printed
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}
    assert main(["--config", str(path), "--write", str(path)]) == 0
    assert "already" in capsys.readouterr().err


def test_the_difference_to_a_file_with_other_secrets_shows_neither(
    instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = {"name": "X-Account", "value": "header-unit-5566"}
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    new.write_text(json.dumps(config(additional_headers=[header])), encoding="utf-8")
    old.write_text(json.dumps(config(credentials={"auth_type": "api_key", "api_key": "sk-unit-old-0815"})), encoding="utf-8")

    assert main(["--config", str(new), "--write", str(old)]) == 0

    printed = capsys.readouterr().err
    assert '+    "api_key": "****"' in printed
    assert not [secret for secret in (KEY, header["value"], "sk-unit-old-0815") if secret in printed]


def test_a_refresh_token_that_is_replaced_is_kept_and_not_shown(
    instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probe uses the one in the file up, so the next one has to be there before anything else happens."""
    given = config(credentials=oauth(auth_type="oauth2_refresh_token", refresh_token="rt-unit-first-4711"))
    rotated = {"access_token": "at-unit-0815", "refresh_token": "rt-unit-second-4711"}
    instance.always_answers("token", Answer(rotated))
    instance.always_answers(None, Answer({"message": f"no {rotated}"}, 400))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given), encoding="utf-8")

    assert main(["--config", str(path)]) == 1

    assert json.loads(path.read_text())["credentials"]["refresh_token"] == "rt-unit-second-4711"
    printed = capsys.readouterr()
    assert '+    "refresh_token": "****"' in printed.err
    assert not [token for token in rotated.values() if token in printed.out + printed.err]


def test_a_file_that_cannot_be_written_is_named(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()), encoding="utf-8")

    assert main(["--config", str(path), "--write", str(tmp_path / "no" / "config.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_an_offset_that_is_called_a_page_is_an_offset(instance: Instance) -> None:
    """As pages it would give each record many times."""

    def answer(asked: Asked) -> Answer:
        return instance.page(replace(asked, query={**asked.query, "offset": asked.query.get("page", "0")}))

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"offset_parameter": "page"}
