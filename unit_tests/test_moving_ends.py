"""Lists that others change while their end is near, under each of the ways in which a list may end, and odd ends."""

from __future__ import annotations

import json
import threading
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


def cut_off_and_read_again(
    instance: Instance, page: Any, settings: Json, meanwhile: Callable[[], None], pages: int = 12
) -> tuple[Outcome, Outcome]:
    """A read of changes that fails behind so many `pages`, and the one that goes on where it was, after `meanwhile`."""
    failing = [True]

    def react(asked: Asked) -> Answer:
        return Answer({"message": "down"}, 500) if failing and asked.number > pages else page(asked)

    instance.always_answers("articles", react)
    first = read(settings, "articles", state={"articles": {"updated_at": moment(0)}})
    state = json.loads(json.dumps(first.states["articles"][-1], default=vars))
    assert state["position"]["place"], "it was cut off"
    failing.clear()
    meanwhile()
    return first, read(settings, "articles", state={"articles": state})


def by_place(rows: list[Json], with_total: bool = False) -> Callable[[Asked], Answer]:
    """Answers by page or by offset."""

    def page(asked: Asked) -> Answer:
        size, number = int(asked.query["limit"]), asked.query.get("page")
        start = (int(number) - 1) * size if number else int(asked.query.get("offset", 0))
        return Answer({"data": rows[start : start + size], **({"total": len(rows)} if with_total else {})})

    return page


def touch(rows: list[Json], ids: range) -> None:
    """Others change the records `ids`, which go to the end of a list in the order of changes, and add one."""
    moved = [{**row, "updated_at": moment(9000 + row["id"])} for row in rows if row["id"] in ids]
    rows[:] = [*(row for row in rows if row["id"] not in ids), *moved, {"id": 9999, "updated_at": moment(20_000)}]


@pytest.mark.parametrize("paging", ["offset", "page"])
def test_a_place_that_is_gone_is_no_short_page(instance: Instance, clock: Any, paging: str) -> None:
    """Pages were smaller when the read was cut off: its place is not found, and the page that was looked at last is empty."""
    rows = some(2500)
    conventions = {"paging": paging, "end_of_list": "short"}

    def larger() -> None:
        settings["page_size"] = 100

    settings = config(page_size=5, conventions=conventions)
    first, again = cut_off_and_read_again(instance, by_place(rows), settings, larger, pages=24)

    assert again.completed("articles")
    assert {row["id"] for row in rows} <= {*first.ids("articles"), *again.ids("articles")}


@pytest.mark.parametrize("with_total", [False, True])
@pytest.mark.parametrize("touched", [30, 60, 100])
def test_records_that_others_change_in_their_order_have_moved(instance: Instance, touched: int, with_total: bool) -> None:
    rows = some(250)
    page = by_place(rows, with_total)

    def react(asked: Asked) -> Answer:
        if int(asked.query.get("offset", 0)) >= 198 and rows[-1]["id"] != 9999:
            touch(rows, range(200 - touched, 200))
        return page(asked)

    instance.always_answers("articles", react)
    settings = config(num_workers=2, lookback_window_minutes=0)

    outcome = read(settings, "articles", state={"articles": {"updated_at": moment(1)}})

    assert outcome.completed("articles")
    assert {row["id"] for row in rows} <= {*outcome.ids("articles")} | set(range(200 - touched, 200))


@pytest.mark.parametrize("paging", ["offset", "page"])
@pytest.mark.parametrize("touched", [3, 16, 60])
def test_a_place_is_not_where_others_moved_its_records(instance: Instance, clock: Any, paging: str, touched: int) -> None:
    rows = some(200)
    settings = config(page_size=10, num_workers=2, conventions={"paging": paging})

    first, again = cut_off_and_read_again(
        instance,
        by_place(rows),
        settings,
        lambda: touch(rows, range(121 - touched, 121) if paging == "page" else range(109 - touched, 110)),
    )

    assert again.completed("articles")
    assert {row["id"] for row in rows} <= {*first.ids("articles"), *again.ids("articles")}


@pytest.mark.parametrize("paging", ["offset", "page"])
@pytest.mark.parametrize("stamp", [{"t": 1}, [1], 1.5, True])
def test_a_cursor_of_any_kind_tells_what_moved(instance: Instance, paging: str, stamp: Any) -> None:
    rows = [{"id": number, "updated_at": stamp} for number in range(1, 60)]

    def page(asked: Asked) -> Answer:
        if asked.number == 3:
            del rows[:3]
        return by_place(rows, with_total=True)(asked)

    instance.always_answers("articles", page)

    outcome = read(config(page_size=10, num_workers=2, conventions={"paging": paging}), "articles")

    assert outcome.completed("articles")
    assert not lost(outcome, rows)


@pytest.mark.parametrize("totals", ["each", "first"])
@pytest.mark.parametrize("end", ["empty", "short", "repeated"])
def test_by_page_a_list_of_changes(instance: Instance, totals: str, end: str) -> None:
    """One record changes, or goes, while others are read: one that nobody touched moves up to a page that was read."""
    rows = some(250)

    def page(asked: Asked) -> Answer:
        if asked.query["page"] == "2" and len(rows) == 250 and rows[-1]["id"] == 250:
            if totals == "each":
                rows.append({**rows.pop(10), "updated_at": moment(2000)})
            else:
                del rows[10]
        start = (int(asked.query["page"]) - 1) * 100
        found = rows[start : start + 100] or (rows[len(rows) // 100 * 100 :] if end == "repeated" else [])
        return Answer({"data": found, **({"total": len(rows)} if totals == "each" or asked.query["page"] == "1" else {})})

    instance.always_answers("articles", page)
    settings = config(num_workers=2, lookback_window_minutes=0, conventions={"paging": "page", "end_of_list": end})

    assert not lost(outcome := read(settings, "articles", state={"articles": {"updated_at": moment(0)}}), rows)
    assert outcome.completed("articles")
    assert len(instance.asked) <= 20


def test_by_page_a_complete_list_in_the_order_of_changes(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for ahead, its end may be from before; then the total fails the read."""
    monkeypatch.setattr("source_syfter.components.lists.PageRead.upcoming", lambda self, place, count: [])
    rows = some(250)

    def page(asked: Asked) -> Answer:
        if asked.query["page"] == "2" and rows[-1]["id"] == 250:
            rows.append({**rows.pop(10), "updated_at": moment(2000)})
        return by_place(rows, with_total=True)(asked)

    instance.always_answers("articles", page)

    outcome = read(config(num_workers=2, conventions={"paging": "page"}), "articles")

    assert outcome.completed("articles")
    assert not lost(outcome, rows)


def test_by_page_without_a_total_what_comes_again_has_moved(instance: Instance) -> None:
    rows = some(250)

    def page(asked: Asked) -> Answer:
        if asked.query["page"] == "2" and rows[-1]["id"] == 250:
            rows.append({**rows.pop(10), "updated_at": moment(2000)})
        return by_place(rows)(asked)

    instance.always_answers("articles", page)

    outcome = read(config(conventions={"paging": "page"}), "articles")

    assert outcome.completed("articles")
    assert not lost(outcome, rows)


@pytest.mark.parametrize("is_gone", [False, True])
def test_behind_a_last_record_that_is_gone_a_list_is_read_anew(instance: Instance, clock: Any, is_gone: bool) -> None:
    """The instance looks the key up and gives an empty page."""
    rows = some(160)

    def page(asked: Asked) -> Answer:
        token = asked.query.get("cursor")
        places = [place for place, row in enumerate(rows) if str(row["id"]) == token]
        if token and not places:
            return Answer({"data": []})
        start = places[0] + 1 if token else 0
        return Answer({"data": rows[start : start + 10]})

    settings = config(page_size=10, conventions={"paging": "last_record"})
    first, again = cut_off_and_read_again(instance, page, settings, lambda: rows.__delitem__(slice(80, 120)) if is_gone else None)

    assert again.completed("articles")
    assert {row["id"] for row in rows} <= {*first.ids("articles"), *again.ids("articles")}
    assert (len(again.ids("articles")) == len(rows)) == is_gone


@pytest.mark.parametrize("paging", ["offset", "page", "last_record"])
def test_nothing_at_all_is_no_end_of_a_read_that_goes_on(instance: Instance, clock: Any, paging: str) -> None:
    rows, is_down = some(200), list[bool]()

    def page(asked: Asked) -> Answer:
        if is_down:
            return Answer(b"", status=204)
        last = asked.query.get("cursor")
        return Answer({"data": rows[int(last) : int(last) + 10]}) if last else by_place(rows)(asked)

    settings = config(page_size=10, conventions={"paging": paging, "end_of_list": "not_found"})
    _, again = cut_off_and_read_again(instance, page, settings, lambda: is_down.append(True))

    assert not again.completed("articles")


@pytest.mark.parametrize(("first", "second"), [("incremental", "full_refresh"), ("full_refresh", "incremental")])
def test_a_full_refresh_and_a_read_of_changes_do_not_continue_each_other(instance: Instance, first: str, second: str) -> None:
    rows = some(45)
    settings = config(page_size=3, num_workers=2)
    instance.always_answers("articles", lambda asked: Answer(status=400) if asked.number > 12 else by_place(rows)(asked))
    state = json.loads(json.dumps(read(settings, "articles", mode=first).states["articles"][-1], default=vars))
    assert state["position"]["place"]
    instance.always_answers("articles", by_place(rows))

    assert len(read(settings, "articles", mode=second, state={"articles": state}).ids("articles")) == len(rows)


KEYLESS = {"collections": [{"name": "articles", "primary_key": "none"}]}


@pytest.mark.parametrize("with_total", [False, True])
@pytest.mark.parametrize(
    ("values", "size"), [([1, 2, 1, 2, 1], 3), ([7] * 199, 100), ([each % 33 for each in range(180)], 100), ([1] * 7, 4)]
)
def test_equal_rows_without_a_key_all_come_once(instance: Instance, values: list[int], size: int, with_total: bool) -> None:
    instance.always_answers("articles", by_place([{"v": each} for each in values], with_total))

    outcome = read(config(page_size=size, **KEYLESS), "articles", mode="full_refresh")

    assert outcome.completed("articles")
    assert [record["v"] for record in outcome.records["articles"]] == values


@pytest.mark.parametrize("paging", ["cursor", "next_url", "page", "offset"])
def test_pages_without_keys_that_go_in_a_circle_end(instance: Instance, paging: str) -> None:
    def page(asked: Asked) -> Answer:
        name = "b" if asked.number % 2 else "a"
        rows = [{"v": f"{name}{each}"} for each in range(10)]
        return Answer({"data": rows, "next_cursor": name, "next": f"?cursor={name}"})

    instance.always_answers("articles", page)

    assert not read(config(conventions={"paging": paging}, **KEYLESS), "articles", mode="full_refresh").completed("articles")
    assert len(instance.asked) < 80


def test_a_last_record_without_a_key_is_an_anchor(instance: Instance) -> None:
    rows: list[Json] = [*some(5), {"title": "no key"}]
    instance.always_answers("articles", by_place(rows))

    outcome = read(config(), "articles")

    assert outcome.completed("articles")
    assert outcome.records["articles"] == rows


def test_by_post_with_the_key_in_the_address_changes_are_not_audited(instance: Instance) -> None:
    instance.always_answers("articles", lambda asked: Answer({"data": some(2) if asked.number == 1 else [], "total": 50}))
    settings = config(conventions={"method": "POST", "api_key_parameter": "key", "paging": "page"})

    assert read(settings, "articles", state=STATE).completed("articles")


def test_without_room_for_threads_each_page_is_asked_for_in_its_turn(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "look-ahead":
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    instance.records["articles"] = some(950)

    assert len(read(config(), "articles").ids("articles")) == 950
