"""What changed since the last read, all of it, and little else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from source_syfter import timestamps
from source_syfter.timestamps import parse, to_iso
from testing.clocks import Clock
from testing.instance import Answer, Asked, Instance, config, moment, some
from testing.reading import STREAMS, Outcome, read

NO_LOOKBACK = {"lookback_window_minutes": 0}
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=timezone.utc)


def since(instance: Instance, stream: str = "articles") -> list[str | None]:
    """What each request for `stream` asked for."""
    return [query.get("updated_since") for query in instance.queries(stream)]


def state(value: Any, stream: str = "articles") -> dict[str, dict[str, Any]]:
    return {stream: {"updated_at": value}}


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read begins at `BEGAN`, by this machine's clock."""
    monkeypatch.setattr(timestamps, "now", lambda: BEGAN)


def in_milliseconds(value: str) -> datetime | None:
    moment = parse(value)
    return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def dated(*moments: Any) -> list[dict[str, Any]]:
    return [{"id": key, "updated_at": value} for key, value in enumerate(moments, 1)]


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_first_read_asks_for_everything(instance: Instance) -> None:
    outcome = read(config())

    for stream in STREAMS:
        assert since(instance, stream) == [None, None]
        assert outcome.ids(stream) == [1, 2, 3]
        assert outcome.cursor(stream) == moment(3)


def test_second_run_makes_one_request_per_stream(instance: Instance) -> None:
    first = read(config(**NO_LOOKBACK))
    instance.asked.clear()

    second = read(config(**NO_LOOKBACK), state={name: first.states[name][-1] for name in STREAMS})

    for stream in STREAMS:
        assert instance.queries(stream) == [{"limit": "100", "updated_since": moment(3)}]
        assert second.ids(stream) == [3], "the record on the boundary, and no other"
        assert second.cursor(stream) == moment(3)


def test_full_refresh_needs_no_cursor(instance: Instance) -> None:
    """Whatever the state: a stream that is synced in full is read whole."""
    outcome = read(config(), "articles", state=state(moment(3)), mode="full_refresh")

    assert outcome.ids("articles") == [1, 2, 3]
    assert since(instance) == [None, None]
    assert outcome.completed("articles")


@pytest.mark.parametrize("previous", [None, state(moment(3))])
def test_a_full_refresh_keeps_to_the_start_date(instance: Instance, previous: dict[str, Any] | None) -> None:
    """Whatever the state, too."""
    outcome = read(config(start_date=moment(2)), "articles", state=previous, mode="full_refresh")

    assert outcome.ids("articles") == [2, 3]
    assert set(since(instance)) == {moment(2)}


@pytest.mark.parametrize(
    ("minutes", "asked"),
    [
        (None, "2026-01-01T01:50:00.000Z"),
        (0, "2026-01-01T02:00:00.000Z"),
        (10, "2026-01-01T01:50:00.000Z"),
        (90, "2026-01-01T00:30:00.000Z"),
        (525600, "2025-01-01T02:00:00.000Z"),
    ],
)
def test_the_look_back_is_taken_off_the_state(instance: Instance, minutes: int | None, asked: str) -> None:
    read(config(lookback_window_minutes=minutes), "articles", state=state("2026-01-01T02:00:00.000Z"))

    assert since(instance)[0] == asked


@pytest.mark.parametrize(
    ("start_date", "asked", "emitted"),
    [
        ("2026-01-02", "2026-01-02T00:00:00.000Z", [2, 3]),
        ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000Z", [2, 3]),
        ("2026-01-02T00:00:00.001Z", "2026-01-02T00:00:00.001Z", [3]),
        ("2026-01-02T02:00:00+02:00", "2026-01-02T00:00:00.000Z", [2, 3]),
    ],
)
def test_a_start_date_leaves_out_what_was_updated_before_it(
    instance: Instance, start_date: str, asked: str, emitted: list[int]
) -> None:
    instance.records["articles"] = dated("2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.000Z", "2026-01-02T00:00:00.001Z")

    outcome = read(config(start_date=start_date), "articles")

    assert set(since(instance)) == {asked}
    assert outcome.ids("articles") == emitted
    assert outcome.completed("articles")


@pytest.mark.parametrize(
    ("start_date", "asked"), [("2026-01-01", "2026-01-02T23:50:00.000Z"), ("2026-01-03", "2026-01-03T00:00:00.000Z")]
)
def test_a_look_back_does_not_reach_before_the_start_date(instance: Instance, start_date: str, asked: str) -> None:
    read(config(start_date=start_date), "articles", state=state("2026-01-03T00:00:00.000Z"))

    assert since(instance)[0] == asked


def test_a_start_date_in_the_future_reads_nothing(instance: Instance) -> None:
    outcome = read(config(start_date="2999-01-01"), "articles")

    assert outcome.ids("articles") == []
    assert outcome.completed("articles")


def test_a_start_date_put_back_reads_from_the_state(instance: Instance) -> None:
    read(config(start_date="2020-01-01", **NO_LOOKBACK), "articles", state=state(moment(2)))

    assert since(instance)[0] == moment(2)


# --- what is emitted --------------------------------------------------------------------------------------------------


def test_state_is_exact_to_the_millisecond(instance: Instance) -> None:
    instance.records["articles"] = dated("2026-01-01T00:00:00.122Z", "2026-01-01T00:00:00.123Z", "2026-01-01T00:00:00.124Z")

    first = read(config(), "articles")
    second = read(config(**NO_LOOKBACK), "articles", state=state("2026-01-01T00:00:00.123Z"))

    assert first.cursor("articles") == "2026-01-01T00:00:00.124Z"
    assert since(instance)[-1] == "2026-01-01T00:00:00.123Z"
    assert second.ids("articles") == [2, 3]


@pytest.mark.parametrize("cap", [1, 2, 3, 4, 1000])
def test_changes_beyond_a_capped_page_are_read(instance: Instance, cap: int) -> None:
    """`total` counts all of them, whatever a page holds."""
    instance.records["articles"], instance.cap = some(6), cap

    outcome = read(config(page_size=5, **NO_LOOKBACK), "articles", state=state(moment(3)))

    assert outcome.ids("articles") == [3, 4, 5, 6]


def test_a_server_that_ignores_updated_since_is_filtered_here(instance: Instance) -> None:
    def ignores(asked: Asked) -> Answer:
        offset = int(asked.query.get("offset", 0))
        return Answer({"data": some(6)[offset : offset + 2], "total": 6})

    instance.always_answers("articles", ignores)

    outcome = read(config(page_size=2, **NO_LOOKBACK), "articles", state=state(moment(3)))

    assert outcome.ids("articles") == [3, 4, 5, 6]
    assert outcome.cursor("articles") == moment(6)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-02T03:04:05.678Z",
        "2026-01-02T03:04:05.678900Z",
        "2026-01-02T03:04:06Z",
        "2026-01-02T04:04:06+01:00",
        "2026-01-01T22:04:06.678-05:00",
        "2026-01-02T03:04:06+0000",
        "2026-01-02T03:04:06",
        "2026-01-02 03:04:05.900Z",
        "2026-01-02T03:04:05.6Z",
    ],
)
def test_timestamps_of_every_form_pass_the_filter_and_move_the_state(instance: Instance, value: str) -> None:
    at = "2026-01-02T03:04:05.600Z"
    instance.always_answers(
        "articles", lambda asked: Answer({"data": [] if "offset" in asked.query else dated(moment(0), value)})
    )

    outcome = read(config(**NO_LOOKBACK), "articles", state=state(at))

    assert [parse(record["updated_at"]) for record in outcome.records["articles"]] == [in_milliseconds(value)]
    assert outcome.completed("articles")
    assert at <= outcome.cursor("articles") <= "2026-01-02T03:04:06.678Z"


@pytest.mark.parametrize("earlier", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05.599999+01:00", "2026-01-02T03:04:05.5Z"])
def test_timestamps_of_every_form_are_filtered(instance: Instance, earlier: str) -> None:
    instance.always_answers("articles", lambda asked: Answer({"data": [] if "offset" in asked.query else dated(earlier)}))

    assert read(config(**NO_LOOKBACK), "articles", state=state("2026-01-02T03:04:05.600Z")).ids("articles") == []


def test_offsets_do_not_shift_the_state(instance: Instance) -> None:
    instance.records["articles"] = dated("2026-01-02T01:00:00.000Z", "2026-01-02T04:04:06.789+01:00")

    assert read(config(), "articles").cursor("articles") == "2026-01-02T03:04:06.789Z"


def test_the_state_moves_to_the_newest_in_mixed_forms(instance: Instance) -> None:
    instance.records["articles"] = dated("2026-01-02T03:04:05Z", "2026-01-02T05:00:00+02:00", "2026-01-02T03:04:05.123456Z")

    assert read(config(), "articles").cursor("articles") == "2026-01-02T03:04:05.123Z"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "0000-00-00",
        "0000-00-00T00:00:00.000Z",
        "0000-00-00T00:00:00Z",
        "2026-02-30T00:00:00.000Z",
        0,
        True,
        "-",
        "20260102T030405Z",
        [],
        {"at": 1},
    ],
)
def test_a_record_without_a_readable_cursor_is_emitted_each_time_and_moves_no_state(instance: Instance, value: Any) -> None:
    rows = [{"id": 1, "updated_at": value}, {"id": 2}, {"id": 3, "updated_at": moment(3)}]
    instance.always_answers("articles", lambda asked: Answer({"data": [] if "offset" in asked.query else rows}))

    first = read(config(**NO_LOOKBACK), "articles")
    second = read(config(**NO_LOOKBACK), "articles", state=state(moment(3)))

    for outcome in (first, second):
        assert outcome.ids("articles") == [1, 2, 3]
        assert outcome.completed("articles")
        assert outcome.cursor("articles") == moment(3)


# --- the state never passes the moment the read began -------------------------------------------------------------------


@pytest.mark.usefixtures("at_noon")
def test_records_of_a_clock_that_runs_ahead(instance: Instance) -> None:
    """Records dated after the start are emitted; the state is held back, so that they are read again."""
    instance.records = {name: dated(to_iso(BEGAN - timedelta(hours=1)), to_iso(BEGAN + timedelta(hours=1))) for name in STREAMS}
    instance.date = format_datetime(BEGAN + timedelta(hours=1), usegmt=True)

    outcome = read(config())

    for stream in STREAMS:
        assert outcome.ids(stream) == [1, 2]
        assert outcome.cursor(stream) == "2026-03-01T12:00:00.123Z"


@pytest.mark.usefixtures("at_noon")
def test_a_change_during_the_read_is_read_next_time(instance: Instance) -> None:
    """A record already passed changes, then a later one does: the state must not pass the first of them."""
    instance.records["articles"] = some(4)

    def changes(asked: Asked) -> Answer | None:
        if asked.query.get("offset") == "2":
            instance.records["articles"][0]["updated_at"] = to_iso(BEGAN + timedelta(seconds=5))
            instance.records["articles"][3]["updated_at"] = to_iso(BEGAN + timedelta(seconds=9))
        return None

    instance.always_answers("articles", changes)
    first = read(config(page_size=2), "articles")
    second = read(config(page_size=2, **NO_LOOKBACK), "articles", state=state(first.cursor("articles")))

    assert first.cursor("articles") == to_iso(BEGAN)
    assert second.ids("articles") == [1, 4]


@pytest.mark.usefixtures("at_noon")
def test_a_server_clock_that_is_behind_holds_the_state_to_its_own_time(instance: Instance) -> None:
    behind = BEGAN - timedelta(hours=1)
    instance.records["articles"] = dated(to_iso(behind - timedelta(minutes=1)), to_iso(behind + timedelta(minutes=1)))
    instance.date = format_datetime(behind, usegmt=True)

    outcome = read(config(), "articles")

    assert outcome.ids("articles") == [1, 2]
    assert to_iso(behind - timedelta(seconds=10)) <= outcome.cursor("articles") <= to_iso(behind)


@pytest.mark.usefixtures("at_noon")
def test_the_first_answer_counts_from_when_it_was_asked_for(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow answer is dated when it is ready, and holds what was there when it began."""
    behind = BEGAN - timedelta(hours=1)
    instance.records["articles"] = dated(to_iso(behind), to_iso(behind + timedelta(seconds=20)))
    instance.date = format_datetime(behind + timedelta(seconds=30), usegmt=True)
    monkeypatch.setattr("requests.sessions.preferred_clock", iter(range(0, 10**6, 30)).__next__)

    assert read(config(), "articles").cursor("articles") <= to_iso(behind)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize("date", [None, "", "yesterday", "Sun, 99 Feb 2026 25:00:00 GMT", "0"])
def test_without_a_readable_date_header_this_machine_s_clock_counts(instance: Instance, date: str | None) -> None:
    instance.records["articles"] = dated(to_iso(BEGAN + timedelta(days=300)))
    instance.date = date

    assert read(config(), "articles").cursor("articles") == to_iso(BEGAN)


@pytest.mark.usefixtures("at_noon")
def test_a_state_does_not_go_back_because_of_the_server_s_clock(instance: Instance) -> None:
    before = to_iso(BEGAN - timedelta(minutes=1))
    instance.records["articles"] = dated(before)
    instance.date = format_datetime(BEGAN - timedelta(hours=1), usegmt=True)

    assert read(config(), "articles", state=state(before)).cursor("articles") == before


FUTURE = "2999-01-01T00:00:00.000Z"


def test_a_state_in_the_future_reads_nothing_and_stays_so_that_each_sync_warns(instance: Instance) -> None:
    states = {name: {"updated_at": FUTURE} for name in STREAMS}
    for _ in range(3):
        outcome = read(config(), state=states)

        for stream in STREAMS:
            assert outcome.ids(stream) == []
            assert outcome.completed(stream)
            assert outcome.cursor(stream) == FUTURE
            assert f"{stream}: its saved state, {FUTURE}, lies in the future" in outcome.log
        states = {name: outcome.states[name][-1] for name in STREAMS}


@pytest.mark.usefixtures("at_noon")
def test_a_state_a_little_ahead_of_this_clock_is_lowered_to_it(instance: Instance) -> None:
    """The machine that made it had another clock."""
    instance.records["articles"] = dated(to_iso(BEGAN - timedelta(minutes=1)), to_iso(BEGAN))

    outcome = read(config(**NO_LOOKBACK), "articles", state=state(to_iso(BEGAN + timedelta(minutes=59))))

    assert since(instance) == [to_iso(BEGAN)]
    assert outcome.ids("articles") == [2]
    assert outcome.cursor("articles") == to_iso(BEGAN)
    assert "lies in the future" not in outcome.log


# --- states -----------------------------------------------------------------------------------------------------------


def test_each_stream_has_its_own_state(instance: Instance) -> None:
    read(config(**NO_LOOKBACK), "articles", "companies", state={"articles": {"updated_at": moment(2)}})

    assert since(instance, "articles")[0] == moment(2)
    assert since(instance, "companies")[0] is None


@pytest.mark.parametrize(
    "value", ["soon", "", "2026-13-01T00:00:00.000Z", [], {}, True, "{{ config }}"], ids=lambda value: repr(value)
)
def test_an_unreadable_state_is_an_error_that_names_the_stream(instance: Instance, value: Any) -> None:
    outcome = read(config(), "articles", state=state(value))

    assert outcome.failure.failure_type.value == "config_error"
    assert "articles" in outcome.failure.message
    assert "[unreadable-state]" in outcome.failure.message


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.678900Z", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02T05:04:05.678+02:00", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02", "2026-01-02T00:00:00.000Z"),
        ("2026-01-02 03:04:05", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.678901234Z", "2026-01-02T03:04:05.678Z"),
        (1767323045678, "2026-01-02T03:04:05.678Z"),
    ],
)
def test_a_state_in_another_form_is_read(instance: Instance, value: Any, asked: str) -> None:
    outcome = read(config(**NO_LOOKBACK), "articles", state=state(value))

    assert outcome.completed("articles"), outcome.errors or outcome.failure
    assert since(instance)[0] == asked


@pytest.mark.parametrize("content", [{}, {"updated_at": None}, {"other": 1}])
def test_a_state_without_a_cursor_reads_everything(instance: Instance, content: dict[str, Any]) -> None:
    outcome = read(config(), "articles", state={"articles": content})

    assert outcome.ids("articles") == [1, 2, 3]
    assert outcome.completed("articles")


def test_a_stream_that_fails_keeps_the_state_it_had(instance: Instance) -> None:
    instance.records["articles"] = some(6)
    instance.answers("articles", None, Answer(status=403))

    outcome: Outcome = read(config(page_size=2, **NO_LOOKBACK), "articles", "companies", state=state(moment(1)))

    assert all(each.get("updated_at") == moment(1) for each in outcome.states["articles"])
    assert not outcome.completed("articles")
    assert outcome.completed("companies")


def test_a_stream_that_fails_on_its_first_read_writes_no_cursor(instance: Instance) -> None:
    instance.records["articles"] = some(6)
    instance.answers("articles", None, Answer(status=403))

    outcome = read(config(page_size=2), "articles")

    assert all(each.get("updated_at", "") <= "1970-01-01T00:00:00.000Z" for each in outcome.states["articles"])


def test_one_change_among_unchanged_records_is_read(instance: Instance, clock: Clock) -> None:
    instance.records["articles"] = some(5)
    first = read(config(), "articles")
    instance.records["articles"][1]["updated_at"] = moment(60)
    instance.records["articles"].append({"id": 6, "updated_at": moment(61)})

    second = read(config(**NO_LOOKBACK), "articles", state=state(first.cursor("articles")))

    assert second.ids("articles") == [2, 5, 6]
    assert second.cursor("articles") == moment(61)
