"""A list is read to its end, whatever the pages look like, and a read ends."""

from __future__ import annotations

import random
from typing import Any

import pytest

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
        pytest.param(10, 5, 1000, 3, id="full pages"),
        pytest.param(11, 5, 1000, 4, id="full pages and a short one"),
        pytest.param(7, 100, 2, 5, id="capped without saying so"),
    ],
)
def test_every_page_is_read_until_one_is_empty(instance: Instance, rows: int, page_size: int, cap: int, requests: int) -> None:
    instance.records, instance.cap = {name: some(rows) for name in STREAMS}, cap

    outcome = read(config(page_size=page_size))

    for stream in STREAMS:
        assert outcome.ids(stream) == ids(rows)
        assert outcome.completed(stream)
        assert len(instance.queries(stream)) == requests


def test_the_page_size_is_asked_for_and_the_offset_counts_records(instance: Instance) -> None:
    instance.records["articles"] = some(5)

    read(config(page_size=2), "articles")

    assert instance.queries("articles") == [
        {"limit": "2"},
        {"limit": "2", "offset": "2"},
        {"limit": "2", "offset": "4"},
        {"limit": "2", "offset": "5"},
    ]


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
    offset = min(int(asked.query.get("offset", 0)), 4)
    return Answer({"data": some(5)[offset : offset + 2]})


def repeats_one_token(asked: Asked) -> Answer:
    return Answer({"data": some(2), "next_cursor": "again"})


def circles(asked: Asked) -> Answer:
    return Answer({"data": some(2, start=1 + 2 * (asked.number % 3)), "next_cursor": f"token {asked.number}"})


@pytest.mark.parametrize(
    ("paging", "server"),
    [
        ("offset", ignores_offset),
        ("offset", ignores_offset_and_order),
        ("offset", clamps_to_the_last_page),
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
