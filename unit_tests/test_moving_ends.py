"""Lists that others change while their end is near, under each of the ways in which a list may end, and odd ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import Json, Outcome, read

ENDS = ["empty", "short", "not_found", "repeated"]
STATE = {"articles": {"updated_at": moment(2)}}
SIZE = 3


class Moving:
    """A list of `count` records, of which `gone` go when request `at` comes; `totals`: whether an answer tells the total."""

    def __init__(self, count: int, at: int, gone: int, end: str, totals: Callable[[int], bool] = lambda number: True) -> None:
        self.rows, self._at, self._gone, self._end, self._totals = some(count), at, gone, end, totals

    def __call__(self, asked: Asked) -> Answer:
        if asked.number == self._at:
            del self.rows[: self._gone]
        page = asked.query.get("page")
        start = (int(page) - 1) * SIZE if page else int(asked.query.get("offset", 0))
        rows = self.rows[start : start + SIZE]
        if not rows and self._end == "not_found":
            return Answer({"message": "no such page"}, 404)
        if not rows and self._end == "repeated":
            rows = self.rows[-((len(self.rows) % SIZE) or SIZE) :]
        return Answer({"data": rows, **({"total": len(self.rows)} if self._totals(asked.number) else {})})


def lost(outcome: Outcome, rows: list[Json]) -> set[int]:
    """The records that were there throughout, and did not come from a read that said that it was complete."""
    return {row["id"] for row in rows} - {*outcome.ids("articles")} if outcome.completed("articles") else set()


@pytest.mark.parametrize("end", ["empty", "short", "not_found"])
@pytest.mark.parametrize("gone", [1, 2, 3])
@pytest.mark.parametrize("at", [2, 3])
@pytest.mark.parametrize("with_total", [False, True])
@pytest.mark.parametrize("state", [None, {"articles": {"updated_at": moment(1)}}])
def test_by_offset(instance: Instance, clock: Any, end: str, gone: int, at: int, with_total: bool, state: Any) -> None:
    moving = Moving(8, at, gone, end, lambda number: with_total)
    instance.always_answers("articles", moving)

    outcome = read(config(page_size=SIZE, conventions={"end_of_list": end}), "articles", state=state)

    assert not lost(outcome, moving.rows)
    assert outcome.completed("articles")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("gone", [1, 2, 4])
@pytest.mark.parametrize("at", [2, 3])
def test_by_page(instance: Instance, clock: Any, end: str, gone: int, at: int) -> None:
    moving = Moving(8, at, gone, end)
    instance.always_answers("articles", moving)

    outcome = read(config(page_size=SIZE, num_workers=2, conventions={"paging": "page", "end_of_list": end}), "articles")

    assert not lost(outcome, moving.rows)
    assert outcome.completed("articles")


@pytest.mark.parametrize("silent", [2, 3])
def test_by_page_where_an_answer_tells_no_total(instance: Instance, clock: Any, silent: int) -> None:
    moving = Moving(9, 3, 1, "empty", lambda number: number != silent)
    instance.always_answers("articles", moving)

    assert not lost(read(config(page_size=SIZE, conventions={"paging": "page"}), "articles"), moving.rows)


@pytest.mark.parametrize("answer", [Answer(b"", status=204), Answer({"message": "none"}, 404)])
def test_by_page_where_the_end_tells_no_total(instance: Instance, clock: Any, answer: Answer) -> None:
    rows = some(6)

    def page(asked: Asked) -> Answer:
        if asked.number == 2:
            del rows[:3]
        start = (int(asked.query["page"]) - 1) * SIZE
        return Answer({"data": rows[start : start + SIZE], "total": len(rows)}) if rows[start:] else answer

    instance.always_answers("articles", page)
    by_page = config(page_size=SIZE, conventions={"paging": "page", "end_of_list": "not_found"})

    assert not lost(read(by_page, "articles", state={"articles": {"updated_at": moment(0)}}), rows)


def test_an_end_without_a_total_is_checked_once(instance: Instance) -> None:
    """The total may be that of the whole list, in a read of changes."""
    answers = [Answer({"data": some(3)[1:], "total": 50})]
    instance.always_answers("articles", lambda asked: answers[0] if asked.query["page"] == "1" else Answer(b"", status=204))

    outcome = read(config(conventions={"paging": "page", "end_of_list": "not_found"}), "articles", state=STATE)

    assert outcome.completed("articles")
    # Four in their turn; the total has others asked for ahead.
    assert len(instance.asked) <= 8


def test_by_page_while_an_earlier_one_is_read_again(instance: Instance, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that was read last may be farther back by then."""
    monkeypatch.setattr("source_syfter.components.lists.PageRead.upcoming", lambda self, place, count: [])
    rows, asked_for = some(60), list[str]()

    def page(asked: Asked) -> Answer:
        number = asked.query["page"]
        if number == "3" and "3" not in asked_for:
            del rows[:4]
        elif asked_for[-1:] == ["3"] and number == "2":
            del rows[:7]
        asked_for.append(number)
        return Answer({"data": rows[(int(number) - 1) * 5 :][:5], "total": len(rows)})

    instance.always_answers("articles", page)

    assert not lost(read(config(page_size=5, conventions={"paging": "page"}), "articles"), rows)


@pytest.mark.parametrize("paging", ["offset", "page"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("beyond", [None, 204, 404, 400])
def test_a_read_goes_on_behind_what_is_gone(instance: Instance, clock: Any, paging: str, end: str, beyond: int | None) -> None:
    """Where an instance has nothing, or refuses, is no end before the place is found where the earlier attempt ended."""
    rows, cut = some(45), True

    def page(asked: Asked) -> Answer:
        number = asked.query.get("page")
        start = (int(number) - 1) * SIZE if number else int(asked.query.get("offset", 0))
        if cut and start >= 30:
            return Answer({"message": "down"}, 500)
        if start >= len(rows) and beyond:
            return Answer(b"" if beyond == 204 else {"message": "nothing here"}, beyond)
        return Answer({"data": rows[start : start + SIZE]})

    instance.always_answers("articles", page)
    settings = config(page_size=SIZE, num_workers=2, conventions={"paging": paging, "end_of_list": end})
    first = read(settings, "articles")
    state = json.loads(json.dumps(first.states["articles"][-1], default=vars))
    assert state["position"]["place"], "it was cut off"
    del rows[:14]
    cut = False

    again = read(settings, "articles", state={"articles": state})

    come = {*first.ids("articles"), *again.ids("articles")}
    if again.completed("articles"):
        assert {row["id"] for row in rows} <= come
    else:
        # The end itself is refused, and no setting says that it is one.
        assert beyond in (204, 400, 404)
        assert beyond == 400 or end != "not_found"


@pytest.mark.parametrize(
    ("page", "end"), [([1, 2, 1], "empty"), ([1, 2, 3], "empty"), ([1, 2, 1], "repeated"), ([1, 2, 3], "repeated")]
)
def test_a_server_that_looks_at_no_offset(instance: Instance, page: list[int], end: str) -> None:
    instance.always_answers("articles", Answer({"data": [{"id": each} for each in page]}))

    outcome = read(config(conventions={"end_of_list": end}), "articles")

    assert outcome.completed("articles") == (end == "repeated")
    assert len(instance.asked) <= 4
    if end == "empty":
        assert "[repeated-page]" in outcome.message_of("articles")


@pytest.mark.parametrize("end", ["empty", "repeated"])
def test_a_server_that_goes_no_further_than_its_last_page(instance: Instance, end: str) -> None:
    rows = some(160)

    def page(asked: Asked) -> Answer:
        start = min(int(asked.query.get("offset", 0)), len(rows) - 50)
        return Answer({"data": rows[start : start + 50]})

    instance.always_answers("articles", page)

    outcome = read(config(page_size=50, conventions={"end_of_list": end}), "articles")

    assert {*outcome.ids("articles")} == {row["id"] for row in rows}
    assert outcome.completed("articles") == (end == "repeated")
    assert len(instance.asked) <= 7
    if end == "empty":
        assert "[repeated-page]" in outcome.message_of("articles")


def test_equal_rows_without_a_key_are_no_page_that_comes_again(instance: Instance) -> None:
    rows = [{"v": each} for each in (1, 2, 2, 1, 1, 1, 2, 1, 2, 2)]
    settings = config(
        conventions={"paging": "page", "updated_at_field": ""}, collections=[{"name": "articles", "primary_key": "none"}]
    )
    instance.always_answers("articles", lambda asked: Answer({"data": rows[(int(asked.query["page"]) - 1) * 2 :][:2]}))

    assert read(settings, "articles").completed("articles")


def test_changes_by_address_are_not_audited(instance: Instance) -> None:
    """Also where the address of the next page does not say any more that it is one of changes."""

    def page(asked: Asked) -> Answer:
        is_first = "token" not in asked.query
        return Answer({"data": some(3)[1:2] if is_first else some(3)[2:], "total": 50, "next": "?token=a" if is_first else None})

    instance.always_answers("articles", page)

    assert read(config(conventions={"paging": "next_url"}), "articles", state=STATE).completed("articles")


@pytest.mark.parametrize("paging", ["offset", "page", "last_record", "none"])
def test_a_run_without_changes_costs_one_request(instance: Instance, paging: str) -> None:
    instance.always_answers("articles", Answer({"data": some(3)[2:], "total": 1}))

    read(config(conventions={"paging": paging}), "articles", state=STATE)

    assert len(instance.asked) == 1


@pytest.mark.parametrize(("tokens", "ids"), [([-1, 0, 1, None], [1, 2, 3, 4]), ([5, 0], [1, 2]), ([5, 0.0], [1, 2])])
def test_a_token_of_zero_leads_on_or_is_none(instance: Instance, tokens: list[Any], ids: list[int]) -> None:
    """Some begin behind it, others write it where there is no next page: then it leads to the first page, which was read."""

    def page(asked: Asked) -> Answer:
        sent = asked.query.get("cursor")
        place = 0 if sent is None else next((at + 1 for at, each in enumerate(tokens) if float(sent) == each), 0)
        place = place if place < len(tokens) else 0
        return Answer({"data": [some(9)[2 * place], some(9)[2 * place + 1]], "next_cursor": tokens[place]})

    instance.always_answers("articles", page)

    outcome = read(config(conventions={"paging": "cursor"}), "articles")

    assert outcome.completed("articles")
    assert sorted(outcome.ids("articles")) == list(range(1, 2 * len(ids) + 1))


def test_what_the_framework_writes_as_a_state_reads_one_list(instance: Instance) -> None:
    slices = [{"start": moment(1), "end": moment(2)}, {"start": moment(3), "end": moment(4)}]

    outcome = read(config(), "articles", state={"articles": {"slices": slices, "state_type": "date-range"}})

    assert outcome.ids("articles") == [1, 2, 3]
    assert outcome.completed("articles")


@pytest.mark.parametrize("position", [None, 5, {}])
def test_a_position_of_another_kind_leaves_the_state(instance: Instance, position: Any) -> None:
    outcome = read(config(), "articles", state={"articles": {"position": position}})

    assert set(outcome.states["articles"][-1]) == {"updated_at"}


def test_a_long_token_stands_in_no_state(instance: Instance) -> None:
    rows = [{"id": number, "mark": f"{number:03}" + "x" * 1500} for number in range(40)]
    instance.always_answers("articles", lambda asked: Answer({"data": rows[int(asked.query.get("cursor", "-1")[:3]) + 1 :][:1]}))

    outcome = read(config(page_size=1, conventions={"paging": "last_record", "last_record_field": "mark"}), "articles")

    assert outcome.completed("articles")
    assert all(len(json.dumps(state, default=vars)) < 1000 for state in outcome.states["articles"])


def test_a_total_that_counts_something_else_moves_nothing(instance: Instance) -> None:
    """What is left, for example."""
    rows = some(55)

    def page(asked: Asked) -> Answer:
        start = int(asked.query.get("offset", 0))
        return Answer({"data": rows[start : start + 10], "total": len(rows) - start})

    instance.always_answers("articles", page)

    outcome = read(config(page_size=10), "articles")

    assert outcome.ids("articles") == [row["id"] for row in rows]
    assert outcome.completed("articles")


def test_a_total_that_comes_late_is_compared_with_keys(instance: Instance) -> None:
    pages = [[1, 2], [2, 4], []]
    instance.always_answers(
        "articles",
        lambda asked: Answer(
            {
                "data": [{"id": each} for each in pages[min(int(asked.query["page"]), 3) - 1]],
                **({"total": 4} if asked.query["page"] != "1" else {}),
            }
        ),
    )

    assert not read(config(page_size=2, conventions={"paging": "page"}), "articles").completed("articles")


def test_no_array_on_a_later_page_where_nothing_is_left(instance: Instance) -> None:
    instance.always_answers("articles", lambda asked: Answer({"data": some(2)} if asked.number == 1 else {"total": 0}))

    assert read(config(conventions={"paging": "page"}), "articles").completed("articles")


def test_a_header_of_a_token_may_have_any_name(instance: Instance) -> None:
    rows = some(200)

    def page(asked: Asked) -> Answer:
        start = int(asked.query.get("cursor", 0))
        return Answer(rows[start : start + 100], headers={"NextToken": str(start + 100)} if start + 100 < len(rows) else {})

    instance.always_answers("articles", page)
    settings = config(conventions={"paging": "cursor", "cursor_path": "NextToken", "records_path": ""})

    assert read(settings, "articles").completed("articles")


def test_the_newest_records_come_behind_no_record(instance: Instance) -> None:
    """A server that gives the newest records after the key, newest first."""
    rows = some(60)

    def page(asked: Asked) -> Answer:
        behind = [row for row in rows if row["id"] > int(asked.query.get("cursor", 0))]
        return Answer({"data": behind[::-1][:10]})

    instance.always_answers("articles", page)

    outcome = read(config(page_size=10, conventions={"paging": "last_record"}), "articles")

    assert not lost(outcome, rows)
