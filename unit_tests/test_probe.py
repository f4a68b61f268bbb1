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
from testing.reading import STREAMS

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
    assert report.requests == len(instance.asked) == 15


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

    assert probe(config()).exit_code == 1


def test_an_instance_without_records_is_no_fault(instance: Instance) -> None:
    instance.records = {}

    report = probe(config())

    assert report.exit_code == 0
    assert status(report, "records") == "unknown"


def test_an_empty_array_shows_where_records_will_be(instance: Instance) -> None:
    instance.always_answers(None, Answer({"items": [], "total": 0}))

    assert conventions(probe(config())) == {"records_path": "items"}


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


def test_a_record_without_a_key_is_a_fault(instance: Instance) -> None:
    for rows in instance.records.values():
        for row in rows:
            row["reference"] = row.pop("id")

    report = probe(config())

    assert report.exit_code == 1
    assert "conventions.id_field" in text(report, "key of a record")


def test_a_key_that_is_text_is_noted(instance: Instance) -> None:
    """The records arrive as they are; the schema has integers."""
    for rows in instance.records.values():
        for row in rows:
            row["id"] = f"5f{row['id']:022x}"

    report = probe(config())

    assert report.exit_code == 0
    assert [each.status for each in report.findings if each.topic == "key of a record"] == ["matches", "note"]


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
    """Nothing moves and nothing says how many there are: equal counts give the page away."""
    instance.records = {name: some(100) for name in STREAMS}
    instance.always_answers(None, lambda asked: Answer({"data": instance.records[asked.stream][:20]}))

    report = probe(config())

    assert report.exit_code == 1
    assert "exactly 20 records" in text(report, "paging")
    assert probe(config(conventions={"paging": "none"})).exit_code == 0, "whoever knows better is believed"


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


def test_an_offset_that_counts_pages_is_a_page_number(instance: Instance) -> None:
    """By pages of one record it looks like an offset, and a read by it would miss most of the list."""

    def answer(asked: Asked) -> Answer:
        offset = int(asked.query.get("offset", 0)) * int(asked.query.get("limit", 1000))
        return instance.page(replace(asked, query={**asked.query, "offset": str(offset)}))

    instance.always_answers(None, answer)

    assert conventions(probe(config())) == {"paging": "page", "page_parameter": "offset", "first_page": 0}


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


@pytest.mark.parametrize(
    ("document", "prefixes"),
    [
        ({"paths": {"/gw/x/companies": {}, "/gw/x/articles": {}, "/other/companies": {}}}, ["gw/x", "other"]),
        ({"basePath": "/v3", "paths": {"/companies": {}}}, ["v3"]),
        ({"servers": [{"url": "https://acme.test/gw/v3"}], "paths": {"/companies": {}}}, ["gw/v3"]),
        ({"servers": ["/v3"], "paths": {"/companies": {}}}, [""]),
        ({"paths": {"/companies/{id}": {}}}, []),
        ({"paths": []}, []),
        (None, []),
    ],
)
def test_prefixes_that_a_description_gives(document: Any, prefixes: list[str]) -> None:
    assert bodies.described(document, ["companies", "articles"]) == prefixes


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


def test_a_refresh_token_that_is_replaced_is_kept(instance: Instance, tmp_path: Path) -> None:
    """The probe uses the one in the file up, so the next one has to be there before anything else happens."""
    given = config(credentials=oauth(auth_type="oauth2_refresh_token", refresh_token="rt-unit-first-4711"))
    rotated = {"access_token": "at-unit-0815", "refresh_token": "rt-unit-second-4711"}
    instance.always_answers("token", Answer(rotated))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given), encoding="utf-8")

    assert main(["--config", str(path)]) == 0

    assert json.loads(path.read_text())["credentials"]["refresh_token"] == "rt-unit-second-4711"


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
