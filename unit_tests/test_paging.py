"""A list is read to its end, whatever the pages look like, and a read ends."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from source_syfter.exact import Sent, dumps
from testing.clocks import Clock
from testing.instance import Answer, Asked, Instance, config, some
from testing.reading import STREAMS, read


def ids(count: int) -> list[int]:
    return list(range(1, count + 1))


@pytest.mark.parametrize(
    ("rows", "page_size", "cap", "requests"),
    [
        pytest.param(0, 5, 1000, 1, id="empty"),
        pytest.param(3, 5, 1000, 2, id="short"),
        pytest.param(5, 5, 1000, 2, id="exactly one page"),
        pytest.param(10, 5, 1000, 4, id="full pages"),
        pytest.param(11, 5, 1000, 4, id="full pages and a short one"),
        pytest.param(7, 100, 2, 7, id="capped without saying so"),
    ],
)
def test_every_page_is_read_until_one_is_empty(instance: Instance, rows: int, page_size: int, cap: int, requests: int) -> None:
    instance.records, instance.cap = {name: some(rows) for name in STREAMS}, cap

    outcome = read(config(page_size=page_size))

    for stream in STREAMS:
        assert outcome.ids(stream) == ids(rows)
        assert outcome.completed(stream)
        assert len(instance.queries(stream)) == requests


@pytest.mark.parametrize("total", ["5", 5.0, "005"])
def test_a_total_counts_in_whatever_form(instance: Instance, clock: Clock, total: Any) -> None:
    instance.always_answers(
        "articles", lambda asked: Answer({"data": [] if "offset" in asked.query else some(3), "total": total})
    )

    assert "[incomplete-list]" in read(config(), "articles").message_of("articles")


@pytest.mark.parametrize("total", [-1, "-1", True, [5], {"value": 5}, "5,000", "many", 5.5, "9" * 5000, 10**30, Sent("1e400")])
def test_what_is_no_number_of_records_says_nothing(instance: Instance, total: Any) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(dumps({"data": [] if "offset" in asked.query else some(3), "total": total}))

    instance.always_answers("articles", answer)
    outcome = read(config(), "articles")

    assert outcome.completed("articles"), outcome.text
    assert outcome.ids("articles") == ids(3)


def test_each_page_begins_with_the_last_record_of_the_one_before(instance: Instance) -> None:
    instance.records["articles"] = some(7)

    outcome = read(config(page_size=3), "articles")

    assert sorted(instance.queries("articles"), key=lambda query: query.get("offset", "0")) == [
        {"limit": "3"},
        {"limit": "3", "offset": "2"},
        {"limit": "3", "offset": "4"},
        {"limit": "3", "offset": "6"},
    ]
    assert outcome.ids("articles") == ids(7)


def test_the_page_size_is_100_unless_set(instance: Instance) -> None:
    read(config(), "articles")

    assert instance.queries("articles")[0] == {"limit": "100"}


@pytest.mark.parametrize("total", [0, 1, 2, -1, None, "2", "many", 10**9])
def test_a_wrong_total_does_not_end_a_list(instance: Instance, total: Any) -> None:
    def with_total(asked: Asked) -> Answer:
        body = instance.page(asked).body
        return Answer({**body, "total": total})

    instance.records["articles"] = some(6)
    instance.always_answers("articles", with_total)

    assert read(config(page_size=2), "articles").ids("articles") == ids(6)


def test_a_server_that_gives_everything_at_once_is_read_once(instance: Instance) -> None:
    instance.records["articles"] = some(7)
    instance.always_answers("articles", lambda asked: Answer({"data": some(7)[int(asked.query.get("offset", 0)) :]}))

    outcome = read(config(page_size=2), "articles")

    assert outcome.ids("articles") == ids(7)
    assert outcome.completed("articles")


def ignores_offset(asked: Asked) -> Answer:
    return Answer({"data": some(2)})


def ignores_offset_and_order(asked: Asked) -> Answer:
    return Answer({"data": random.Random(asked.number).sample(some(9), 9)})


def clamps_to_the_last_page(asked: Asked) -> Answer:
    number = min(int(asked.query["page"]), 3)
    return Answer({"data": some(6)[number * 2 - 2 : number * 2]})


def repeats_one_token(asked: Asked) -> Answer:
    return Answer({"data": some(2), "next_cursor": "again"})


def circles(asked: Asked) -> Answer:
    return Answer({"data": some(2, start=1 + 2 * (asked.number % 3)), "next_cursor": f"token {asked.number}"})


@pytest.mark.parametrize(
    ("paging", "server"),
    [
        ("offset", ignores_offset),
        ("offset", ignores_offset_and_order),
        ("page", clamps_to_the_last_page),
        ("page", ignores_offset),
        ("cursor", repeats_one_token),
        ("cursor", circles),
    ],
)
def test_a_repeated_page_ends_the_stream_with_a_config_error(instance: Instance, paging: str, server: Any) -> None:
    instance.always_answers("articles", lambda asked: server(asked) if asked.number < 30 else Answer({"data": []}))

    outcome = read(config(page_size=2, conventions={"paging": paging}), "articles", "companies")

    assert outcome.kind_of("articles") == "config_error"
    assert "articles" in outcome.message_of("articles")
    assert "conventions.paging" in outcome.message_of("articles")
    assert len(instance.queries("articles")) < 10
    assert outcome.failure


def test_the_other_streams_complete_where_one_repeats_its_page(instance: Instance) -> None:
    instance.always_answers("articles", ignores_offset)

    outcome = read(config(page_size=2))

    assert [stream for stream in STREAMS if not outcome.completed(stream)] == ["articles"]


def test_equal_records_on_different_pages_are_no_repeated_page(instance: Instance) -> None:
    """Records differ by id alone."""
    instance.records["articles"] = [{"id": key, "updated_at": "2026-01-01T00:00:00.000Z"} for key in ids(6)]

    outcome = read(config(page_size=2), "articles")

    assert outcome.ids("articles") == ids(6)


def test_cursor_tokens(instance: Instance) -> None:
    """Tokens go back as they came: no number, date or template is made of them."""
    tokens = ["00", "1e5", "2.10", "{{ config }}", "a=b&c=d", "MTA=", " x ", "true", "None", "[1]"]
    instance.always_answers(
        "articles",
        lambda asked: Answer(
            {
                "data": some(1, start=asked.number),
                **({"next_cursor": tokens[asked.number - 1]} if asked.number <= len(tokens) else {}),
            }
        ),
    )

    outcome = read(config(conventions={"paging": "cursor"}), "articles")

    assert [query.get("cursor") for query in instance.queries("articles")] == [None, *tokens]
    assert outcome.ids("articles") == ids(len(tokens) + 1)


BARE = {"collections": [{"name": "articles", "records_path": ""}]}
BY_ADDRESS = {"paging": "next_url", "next_url_path": "links.next"}


@pytest.mark.parametrize("way", [{"paging": "cursor"}, {"paging": "cursor", "cursor_path": "page.next"}, BY_ADDRESS])
@pytest.mark.parametrize(("count", "is_whole"), [(100, False), (120, False), (20, False), (7, True), (0, True)])
def test_a_plain_array_has_no_place_for_a_token(instance: Instance, way: dict[str, Any], count: int, is_whole: bool) -> None:
    """One that looks like a first page is no complete list."""
    instance.answers("articles", Answer(some(count)))
    outcome = read(config(conventions=way, **BARE), "articles")

    assert outcome.ids("articles") == ids(count)
    assert outcome.completed("articles") is is_whole
    assert is_whole or "[first-page-only]" in outcome.message_of("articles")


def test_a_plain_array_of_the_size_of_other_pages_is_a_first_page(instance: Instance) -> None:
    is_known = threading.Event()

    def company_page(asked: Asked) -> Answer:
        if asked.number == 3:
            is_known.set()
        return Answer(
            {"data": some(7, start=7 * asked.number), **({"next_cursor": f"t{asked.number}"} if asked.number < 3 else {})}
        )

    def articles(asked: Asked) -> Answer:
        is_known.wait(10)
        return Answer(some(7))

    instance.always_answers("companies", company_page)
    instance.always_answers("articles", articles)
    outcome = read(config(conventions={"paging": "cursor"}, **BARE), "articles", "companies")

    assert outcome.completed("companies")
    assert "[first-page-only]" in outcome.message_of("articles")


@pytest.mark.parametrize("way", [{"cursor_path": "X-Next"}, {"paging": "next_url", "next_url_path": "Link"}])
def test_a_token_in_a_header_needs_no_place(instance: Instance, way: dict[str, Any]) -> None:
    instance.answers("articles", Answer(some(20)))

    assert read(config(conventions={"paging": "cursor", **way}, **BARE), "articles").completed("articles")


@pytest.mark.parametrize("last", [{}, {"next_cursor": None}])
def test_an_absent_or_null_token_ends_the_list(instance: Instance, last: Any) -> None:
    instance.answers(
        "articles", Answer({"data": some(2), "next_cursor": 17}), Answer({"data": some(1, start=3), **last}), Answer(status=500)
    )

    outcome = read(config(conventions={"paging": "cursor"}), "articles")

    assert outcome.ids("articles") == ids(3)
    assert [query.get("cursor") for query in instance.queries("articles")] == [None, "17"]


def test_an_empty_page_with_a_token_does_not_end_a_list_by_cursor(instance: Instance) -> None:
    """Servers that filter after they have cut a page give empty pages in the middle."""
    instance.answers(
        "articles",
        Answer({"data": some(1), "next_cursor": "a"}),
        Answer({"data": [], "next_cursor": "b"}),
        Answer({"data": some(1, start=2)}),
    )

    assert read(config(conventions={"paging": "cursor"}), "articles").ids("articles") == ids(2)


def test_tokens_that_lead_to_empty_pages_for_ever_end_the_stream(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("source_syfter.components.paginators._EMPTY_PAGES", 20)
    instance.always_answers(
        "articles", lambda asked: Answer({"data": [], **({"next_cursor": f"t{asked.number}"} if asked.number < 50 else {})})
    )

    outcome = read(config(conventions={"paging": "cursor"}), "articles")

    assert outcome.kind_of("articles") == "config_error"
    assert "conventions.cursor_path" in outcome.message_of("articles")
    assert len(instance.queries("articles")) == 21


@pytest.mark.parametrize("first", [0, 1])
def test_pages_are_counted_from_the_first(instance: Instance, first: int) -> None:
    def numbered(asked: Asked) -> Answer:
        offset = (int(asked.query["page"]) - first) * 2
        return Answer({"data": some(5)[offset : offset + 2]})

    instance.always_answers("articles", numbered)

    outcome = read(config(page_size=2, conventions={"paging": "page", "first_page": first}), "articles")

    assert outcome.ids("articles") == ids(5)
    assert [query["page"] for query in instance.queries("articles")] == [str(first + turn) for turn in range(4)]


def test_without_paging_one_request_is_made(instance: Instance) -> None:
    instance.always_answers("articles", Answer({"data": some(7)}))

    outcome = read(config(page_size=2, conventions={"paging": "none"}), "articles")

    assert outcome.ids("articles") == ids(7)
    assert instance.queries("articles") == [{}]


# --- offsets within a page --------------------------------------------------------------------------------------------------


def refuses_offsets_within_a_page(asked: Asked) -> Answer | None:
    if int(asked.query.get("offset", 0)) % 3:
        return Answer({"message": "offset must be a multiple of limit"}, 400)
    return None


def rounds_offsets_down(instance: Instance) -> Any:
    def react(asked: Asked) -> Answer:
        offset = int(asked.query.get("offset", 0)) // 3 * 3
        return instance.page(Asked(asked.stream, asked.number, asked.url, {**asked.query, "offset": str(offset)}, asked.headers))

    return react


@pytest.mark.parametrize("rows", [3, 7, 9])
@pytest.mark.parametrize("rounds", [True, False])
def test_offsets_within_a_page_are_refused(instance: Instance, rows: int, rounds: bool) -> None:
    """Or rounded down: then the list is read without anchors, and the log says so."""
    instance.records["articles"] = some(rows)
    instance.always_answers("articles", rounds_offsets_down(instance) if rounds else refuses_offsets_within_a_page)

    outcome = read(config(page_size=3), "articles")

    assert outcome.ids("articles") == ids(rows)
    assert outcome.completed("articles")
    assert ("may be missed" in outcome.log) == (rows > 3)


def test_a_request_that_is_refused_for_another_reason_is_an_error(instance: Instance) -> None:
    instance.records["articles"] = some(7)
    instance.always_answers("articles", lambda asked: Answer({"message": "no"}, 400) if "offset" in asked.query else None)

    assert "[request-refused]" in read(config(page_size=3), "articles").message_of("articles")


def test_pages_of_one_record_are_read_without_anchors(instance: Instance) -> None:
    instance.records["articles"], instance.cap = some(3), 1

    outcome = read(config(), "articles")

    assert [query.get("offset") for query in instance.queries("articles")] == [None, "1", "2", "3"]
    assert outcome.ids("articles") == ids(3)
    assert "may be missed" in outcome.log


def test_a_list_of_records_without_keys_has_anchors_too(instance: Instance) -> None:
    instance.records["articles"] = [{"name": f"row {number}", "updated_at": "2026-01-01T00:00:00.000Z"} for number in range(7)]

    outcome = read(config(page_size=3, collections=[{"name": "articles", "primary_key": "none"}]), "articles")

    assert [record["name"] for record in outcome.records["articles"]] == [f"row {number}" for number in range(7)]


# --- what is no page ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 202, 206])
@pytest.mark.usefixtures("clock")
def test_only_a_page_is_a_page(instance: Instance, status: int) -> None:
    """An empty list that is not the list is no end of it."""
    instance.records["articles"] = some(5)
    empty = Answer({"data": []}, status)
    instance.answers("articles", None, empty)

    assert read(config(page_size=3), "articles").ids("articles") == ids(5)

    instance.always_answers("articles", lambda asked: empty if "offset" in asked.query else None)
    outcome = read(config(page_size=3), "articles")
    assert "[not-a-page]" in outcome.message_of("articles")
    assert outcome.kind_of("articles") == "transient_error"


@pytest.mark.parametrize("status", [300, 302, 304])
def test_a_redirect_that_leads_nowhere_is_a_config_error(instance: Instance, status: int) -> None:
    instance.always_answers("articles", Answer({"data": []}, status))

    outcome = read(config(), "articles")

    assert "[redirected]" in outcome.message_of("articles")
    assert outcome.kind_of("articles") == "config_error"


@pytest.mark.parametrize("beside", [{"error": "search timed out"}, {"errors": [{"message": "search timed out"}]}])
def test_an_empty_list_beside_an_error_is_a_config_error(instance: Instance, beside: dict[str, Any]) -> None:
    instance.always_answers("articles", Answer({"data": [], **beside}))

    outcome = read(config(), "articles")

    assert "[error-beside-list]" in outcome.message_of("articles")
    assert "search timed out" in outcome.message_of("articles")
    assert outcome.kind_of("articles") == "config_error"


@pytest.mark.parametrize(
    "body",
    [b'{"data":[{"id":1}],"data":[]}', b'{"data":[],"total":0,"total":5}', b'\xef\xbb\xbf{"data":[],"page":{"n":1,"n":2}}'],
)
def test_an_empty_list_in_an_object_that_gives_a_key_twice_is_no_end(instance: Instance, body: bytes) -> None:
    """Of two arrays of one name only the last is seen."""
    instance.always_answers("articles", Answer(body))

    outcome = read(config(), "articles")

    assert "gives a key twice" in outcome.message_of("articles")
    assert outcome.kind_of("articles") == "config_error"


def test_a_list_that_is_all_there_is_whatever_the_offset_counts(instance: Instance) -> None:
    """Nothing comes where the last record of the first page should come again, and nothing at the offset 1."""
    instance.always_answers("articles", lambda asked: Answer({"data": [] if "offset" in asked.query else some(50)}))

    outcome = read(config(), "articles")

    assert outcome.completed("articles"), outcome.text
    assert outcome.ids("articles") == ids(50)
    assert [query.get("offset") for query in instance.queries("articles")] == [None, "49", "1"]


@pytest.mark.parametrize("cap", [50, 100])
def test_an_offset_in_pages_is_told_without_a_total(instance: Instance, cap: int) -> None:
    rows = some(500)

    def answer(asked: Asked) -> Answer:
        start = int(asked.query.get("offset", 0)) * cap
        return Answer({"data": rows[start : start + cap]})

    instance.always_answers("articles", answer)

    assert "[unstable-order]" in read(config(), "articles").message_of("articles")


@pytest.mark.parametrize("beside", [{"error": None}, {"errors": []}, {"error": ""}])
def test_an_empty_list_beside_no_error_is_an_end(instance: Instance, beside: dict[str, Any]) -> None:
    instance.always_answers("articles", Answer({"data": [], **beside}))

    assert read(config(), "articles").completed("articles")


# --- the audit ----------------------------------------------------------------------------------------------------------------


def by_number(asked: Asked) -> Answer:
    number = int(asked.query["page"])
    return Answer({"data": some(9)[number * 3 : number * 3 + 3], "total": 9})


def by_token(asked: Asked) -> Answer:
    start = int(asked.query.get("cursor", 0))
    return Answer({"data": some(9)[start : start + 3], "total": 9, **({"next_cursor": start + 3} if start < 3 else {})})


def by_last_key(asked: Asked) -> Answer:
    start = int(asked.query.get("cursor", 0))
    return Answer({"data": some(9)[start : start + 3] if start < 6 else [], "total": 9})


@pytest.mark.parametrize(
    ("paging", "server", "count"),
    [
        # Numbered from 0, not from 1 as the settings say.
        ("page", by_number, 6),
        ("cursor", by_token, 6),
        ("last_record", by_last_key, 6),
        ("none", lambda asked: Answer({"data": some(3), "total": 9}), 3),
        ("offset", lambda asked: Answer({"data": some(4 if "offset" not in asked.query else 0), "total": 9}), 4),
    ],
)
def test_an_incomplete_list_is_an_error(instance: Instance, paging: str, server: Any, count: int) -> None:
    instance.always_answers("articles", server)

    outcome = read(config(page_size=3, conventions={"paging": paging}), "articles")

    assert outcome.kind_of("articles") == "transient_error"
    assert "[incomplete-list]" in outcome.message_of("articles")
    assert f" {count} records" in outcome.message_of("articles")
    assert "holds 9" in outcome.message_of("articles")


@pytest.mark.parametrize("paging", ["page", "cursor", "last_record", "none", "offset"])
def test_the_end_is_asked_for_once_more(instance: Instance, paging: str) -> None:
    """An instance that is behind for a moment shows it by its own number."""

    def server(asked: Asked) -> Answer:
        query = asked.query
        start = int(query.get("offset", query.get("cursor", 0))) if "page" not in query else 3 * int(query["page"]) - 3
        if paging == "none":
            return Answer({"data": some(9)[: 4 if asked.number == 1 else 9], "total": 9})
        rows = some(9)[start : start + 3]
        if asked.number == 3:
            return Answer({"data": rows if paging == "cursor" else [], "total": 9})
        return Answer({"data": rows, "total": 9, **({"next_cursor": start + 3} if start < 6 else {})})

    instance.always_answers("articles", server)

    outcome = read(config(page_size=3, conventions={"paging": paging}), "articles")

    assert outcome.ids("articles") == ids(9)
    assert outcome.completed("articles")


def test_a_list_of_changes_is_not_audited(instance: Instance) -> None:
    """Some instances count the complete list whatever they filter."""
    instance.records["articles"] = some(5)
    instance.always_answers("articles", lambda asked: Answer({**instance.page(asked).body, "total": 500}))

    outcome = read(config(lookback_window_minutes=0), "articles", state={"articles": {"updated_at": "2026-01-01T00:00:03.000Z"}})

    assert outcome.ids("articles") == [3, 4, 5]
    assert outcome.completed("articles")
