"""The habits of other APIs that settings can say: other paging, POST, headers, ends of lists, names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from source_syfter.bundle import bundle
from source_syfter.problems import SyfterError
from testing.instance import HOST, Answer, Asked, Instance, config, moment, oauth, some
from testing.reading import Json, check, declared, read

BY_PAGE = {"paging": "page"}
STATE = {"articles": {"updated_at": moment(2)}}


def pages(*answers: Any) -> Any:
    """Answers one request each; beyond them an empty page."""
    return lambda asked: answers[asked.number - 1] if asked.number <= len(answers) else Answer({"data": []})


def links(*targets: str | None) -> list[Answer]:
    return [Answer({"data": [some(3)[place]], "next": target}) for place, target in enumerate(targets)]


@pytest.mark.parametrize("target", [f"{HOST}/api/articles?p=2&x=a%26b", "/api/articles?p=2&x=a%26b", "?p=2&x=a%26b"])
def test_next_url(instance: Instance, target: str) -> None:
    """The address of the next page has all parameters; nothing is added to it, and nothing sent twice."""
    instance.always_answers("articles", pages(*links(target, None)))

    outcome = read(config(conventions={"paging": "next_url"}, lookback_window_minutes=0), "articles", state=STATE)

    assert instance.asked[0].query == {"updated_since": moment(2), "limit": "100"}
    assert instance.asked[1].url == f"{HOST}/api/articles?p=2&x=a%26b"
    assert outcome.completed("articles")


def test_next_url_in_the_link_header(instance: Instance) -> None:
    header = {"Link": f'<{HOST}/api/articles?page=1>; rel="prev", <{HOST}/api/articles?page=2>; rel="next"'}
    instance.always_answers("articles", pages(Answer({"data": some(1)}, headers=header), Answer({"data": some(1, 2)})))

    outcome = read(config(conventions={"paging": "next_url", "next_url_path": "Link"}), "articles")

    assert outcome.ids("articles") == [1, 2]
    assert instance.queries("articles")[1] == {"page": "2"}


LINK = f"<{HOST}/api/articles?page=2>"


@pytest.mark.parametrize(
    "header",
    [
        f'{LINK}; rel="Next"',
        f"{LINK};REL=next",
        f'{LINK}; rel="next last"',
        f'{LINK} ; title="a=b, c; rel=prev" ; rel = "next"',
        f"<{HOST}/api/articles?page=1>;rel=prev,{LINK};rel=next",
        f'</x>; rel="nextcloud", {LINK}; rel=next, <{HOST}/api/articles?page=9>; rel=last',
        '</api/articles?page=2#top>; rel="next"',
        f"{'<' * 60_000} {LINK}; rel=next",
    ],
)
def test_a_link_header_of_any_form_leads_on(instance: Instance, header: str) -> None:
    """RFC 8288: names and relations in any case, several in one text; what is quoted parts nothing."""
    answers = pages(Answer({"data": some(1)}, headers={"Link": header}), Answer({"data": some(1, 2)}))
    instance.always_answers("articles", answers)

    outcome = read(config(conventions={"paging": "next_url", "next_url_path": "Link"}), "articles")

    assert outcome.ids("articles") == [1, 2]
    assert instance.queries("articles")[1] == {"page": "2"}


ELSEWHERE = ["https://evil.test/api/articles?p=2", "//evil.test/x", "http://syfter.test/api/articles?p=2"]
ELSEWHERE += ["https://syfter.test:abc/x", "http://[oops"]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_url_of_another_origin_is_refused(instance: Instance, target: str) -> None:
    instance.always_answers("articles", pages(*links(target)))

    outcome = read(config(conventions={"paging": "next_url"}), "articles")

    assert outcome.kind_of("articles") == "config_error"
    assert "[redirected]" in outcome.message_of("articles")
    assert len(instance.asked) == 1


def test_next_url_that_leads_nowhere_ends_in_words(instance: Instance) -> None:
    same = f"{HOST}/api/articles?p=2"
    instance.always_answers("articles", lambda asked: Answer({"data": some(1, asked.number), "next": same}))

    assert "[repeated-page]" in read(config(conventions={"paging": "next_url"}), "articles").message_of("articles")


@pytest.mark.parametrize(("field", "sent"), [(None, ["a/1", "b&2"]), ("mark", ["m-a/1", "m-b&2"])])
def test_last_record(instance: Instance, field: str | None, sent: list[str]) -> None:
    rows = [{"id": key, "mark": f"m-{key}"} for key in ("a/1", "b&2")]
    instance.always_answers("articles", pages(*(Answer({"data": [row]}) for row in rows)))
    conventions = {"paging": "last_record", "cursor_parameter": "after", "last_record_field": field}

    outcome = read(config(conventions=conventions), "articles")

    assert [query.get("after") for query in instance.queries("articles")] == [None, *sent]
    assert outcome.ids("articles") == ["a/1", "b&2"]


@pytest.mark.parametrize("rank", [0, 0.0, -0.0])
def test_a_last_record_whose_field_is_zero_leads_on(instance: Instance, rank: float) -> None:
    """Code takes zero for nothing."""
    instance.always_answers(
        "articles", pages(Answer({"data": [{"id": 1, "rank": rank}]}), Answer({"data": [{"id": 2, "rank": 1}]}))
    )

    outcome = read(config(conventions={"paging": "last_record", "last_record_field": "rank"}), "articles")

    assert outcome.ids("articles") == [1, 2]
    assert float(instance.queries("articles")[1]["cursor"]) == 0


def test_a_last_record_without_the_field_is_a_config_error(instance: Instance) -> None:
    conventions = {"paging": "last_record", "last_record_field": "mark"}

    assert "[no-token]" in read(config(conventions=conventions), "articles").message_of("articles")


def test_post(instance: Instance) -> None:
    """The parameters travel in a JSON body, numbers as numbers; a key in the query stays there."""
    sent: list[Any] = []
    instance.always_answers(
        "articles",
        lambda asked: sent.append(json.loads(asked.body)) or Answer({"data": some(3)[json.loads(asked.body).get("offset", 0) :]}),
    )
    conventions = {"method": "POST", "updated_since_format": "epoch_s", "api_key_parameter": "key"}

    outcome = read(config(conventions=conventions, lookback_window_minutes=0), "articles", state=STATE)

    assert sent == [
        {"limit": 100, "updated_since": 1767225602},
        {"limit": 100, "updated_since": 1767225602, "offset": 2},
    ]
    assert [set(query) for query in instance.queries("articles")] == [{"key"}, {"key"}]
    assert outcome.ids("articles") == [2, 3]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("token", ["1769851800.1234567890123456", "12345678901234567890123", "0.5"])
def test_a_token_goes_back_with_all_its_digits(instance: Instance, method: str, token: str) -> None:
    sent: list[str] = []

    def answer(asked: Asked) -> Answer:
        asked_for = json.loads(asked.body, parse_float=str) if method == "POST" else asked.query
        sent.append(str(asked_for.get("cursor")))
        return Answer(f'{{"data":[{{"id":{len(sent)}}}],"next_cursor":{token if len(sent) == 1 else "null"}}}'.encode())

    instance.always_answers("articles", answer)

    outcome = read(config(conventions={"paging": "cursor", "method": method}), "articles")

    assert sent == ["None", token]
    assert outcome.ids("articles") == [1, 2]


def test_additional_headers_are_sent_and_hidden(instance: Instance) -> None:
    header = {"name": "X-Account", "value": '4711-"secret"'}
    instance.always_answers("articles", Answer({"message": "no such account: " + header["value"]}, 400))

    outcome = read(config(additional_headers=[header]), "articles")

    assert instance.asked[0].headers["X-Account"] == header["value"]
    assert "4711" not in outcome.text


@pytest.mark.parametrize("end", [Answer(status=404), Answer(b"", status=204), Answer({"total": 3})])
def test_a_list_that_ends_where_nothing_is_found(instance: Instance, end: Answer) -> None:
    instance.always_answers("articles", pages(Answer({"data": some(3)}), end))

    assert read(config(conventions={"end_of_list": "not_found"}), "articles").ids("articles") == [1, 2, 3]
    instance.asked.clear()
    instance._count.clear()
    outcome = read(config(), "articles")
    assert not outcome.completed("articles"), "unless the settings say so"
    assert "conventions.end_of_list to not_found" in outcome.message_of("articles")


def test_what_is_no_answer_of_a_list_is_no_end(instance: Instance) -> None:
    instance.always_answers("articles", pages(Answer({"data": some(2)}), Answer({"errors": ["the database is down"]})))

    assert not read(config(conventions={"end_of_list": "not_found"}), "articles").completed("articles")


def test_only_the_page_before_ends_a_list_that_repeats_its_last(instance: Instance) -> None:
    rows = [[{"id": 1}, {"id": 2}], [{"id": 3}, {"id": 4}], [{"id": 2}, {"id": 1}]]
    instance.always_answers("articles", pages(*(Answer({"data": page}) for page in rows)))

    assert "[repeated-page]" in read(config(conventions=BY_PAGE | {"end_of_list": "repeated"}), "articles").message_of("articles")


def test_an_empty_inner_object_does_not_end_the_read(instance: Instance) -> None:
    instance.always_answers("articles", pages(Answer({"data": [{"node": {"id": 1}}, {"node": {}}, {"node": {"id": 3}}]})))

    outcome = read(config(conventions={"fields_path": "node"}), "articles", "companies")

    assert outcome.records["articles"] == [{"id": 1}, {"node": {}}, {"id": 3}]
    assert outcome.completed("articles")


@pytest.mark.parametrize(("key", "cursor"), [({"ArticleId": 7, "id": 99}, "7"), ({"ArticleId": "a"}, "a")])
def test_the_key_of_a_stream_of_its_own_leads_on(instance: Instance, key: Json, cursor: str) -> None:
    instance.always_answers("articles", pages(Answer({"data": [key]})))
    own = [{"name": "articles", "primary_key": "ArticleId"}]

    read(config(collections=own, conventions={"paging": "last_record"}), "articles")

    assert instance.queries("articles")[1]["cursor"] == cursor


@pytest.mark.parametrize("end", [Answer(status=404), Answer(b"", status=204), Answer({"total": 3})])
def test_nothing_on_the_first_page_is_no_end(instance: Instance, end: Answer) -> None:
    instance.always_answers("articles", end)

    assert not read(config(conventions={"end_of_list": "not_found"}), "articles").completed("articles")


def test_a_collection_that_is_missing_is_no_end_of_a_list(instance: Instance) -> None:
    instance.always_answers("articles", Answer(status=404))

    assert "end_of_list" not in read(config(), "articles").message_of("articles")


def test_a_repeated_page_and_a_short_page_can_end_a_list(instance: Instance) -> None:
    instance.always_answers("articles", lambda asked: Answer({"data": some(2) if asked.number == 1 else some(1, 3)}))
    for end, requests in (("repeated", 3), ("short", 2)):
        instance.asked.clear()
        instance._count.clear()
        assert read(config(conventions=BY_PAGE | {"end_of_list": end}), "articles").ids("articles") == [1, 2, 3]
        assert len(instance.asked) == requests


@pytest.mark.parametrize("count", [0, 2, 3])
@pytest.mark.parametrize(
    ("end", "beyond"),
    [("short", "[]"), ("repeated", "last"), ("not_found", Answer(status=404)), ("not_found", Answer(b"", status=204))],
)
def test_a_list_ends_though_its_last_page_has_a_token(instance: Instance, end: str, beyond: Any, count: int) -> None:
    """Each page has another one, the empty ones, too."""

    def answer(asked: Asked) -> Answer:
        rows, first = some(count), int(asked.query.get("cursor", 0))
        page = rows[first : first + 2] or (rows[-2:] if beyond == "last" else [])
        if first > 0 and first >= count and isinstance(beyond, Answer):
            return beyond
        return Answer({"data": page, "next_cursor": first + 2})

    instance.always_answers("articles", answer)

    outcome = read(config(conventions={"paging": "cursor", "end_of_list": end}), "articles")

    assert outcome.completed("articles")
    assert sorted({*outcome.ids("articles")}) == [row["id"] for row in some(count)]
    assert len(instance.asked) <= 4


@pytest.mark.parametrize("last", [4, 1000])
def test_tokens_without_end_name_the_setting_that_ends_them(instance: Instance, last: int) -> None:
    """The token of the last page comes again, or there is always another one."""

    def answer(asked: Asked) -> Answer:
        first = int(asked.query.get("cursor", 0))
        return Answer({"data": some(3)[first : first + 2], "next_cursor": min(first + 2, last)})

    instance.always_answers("articles", answer)

    message = read(config(conventions={"paging": "cursor"}), "articles").message_of("articles")

    assert "[repeated-page]" in message
    assert "conventions.end_of_list to repeated" in message
    ended = read(config(conventions={"paging": "cursor", "end_of_list": "repeated"}), "articles")
    assert ended.completed("articles")
    assert ended.ids("articles") == [1, 2, 3]


@pytest.mark.parametrize(("path", "total"), [("meta.count", {"meta": {"count": "1"}}), ("X-Total-Count", {})])
def test_total_path(instance: Instance, path: str, total: Json) -> None:
    """It saves the last request of a read of changes, as text and in a header, too."""
    instance.always_answers("articles", Answer({"data": some(1, 3), **total}, headers={"X-Total-Count": "1"}))

    read(config(conventions={"total_path": path}), "articles", state=STATE)

    assert len(instance.asked) == 1


def test_a_page_without_keys_is_a_config_error(instance: Instance) -> None:
    instance.records["articles"] = [{"key": 1, "updated_at": moment(1)}]

    message = read(config(), "articles").message_of("articles")

    assert "[no-key]" in message
    assert "conventions.id_field" in message


def test_a_stream_may_differ(instance: Instance) -> None:
    row = {"ArticleId": "a", "turnover": 5, "Changed": moment(3), "metaData": {"innerKey": 1}}
    own = {
        **{"name": "articles", "path": "news", "records_path": "list", "primary_key": "ArticleId", "cursor_field": "Changed"},
        "fields": [{"name": "turnover", "as": "revenue"}],
    }

    given = config(collections=[own], conventions={"field_names": "snake_case"})
    instance.always_answers("news", lambda asked: Answer({"list": [row] if asked.number == 1 else []}))
    outcome = read(given, "articles", "companies")

    assert {asked.url.partition("?")[0] for asked in instance.asked} == {f"{HOST}/api/news", f"{HOST}/api/companies"}
    assert outcome.records["articles"] == [{"id": "a", "revenue": 5, "updated_at": moment(3), "meta_data": {"innerKey": 1}}]
    assert outcome.cursor("articles") == moment(3)
    assert outcome.completed("companies")


def test_a_slash_at_the_end_of_a_path_is_kept(instance: Instance) -> None:
    read(config(collections=[{"name": "articles", "path": "/news/"}]), "articles")

    assert instance.asked[0].url.startswith(f"{HOST}/api/news/?")


def test_a_stream_without_a_key_and_streams_without_a_date(instance: Instance) -> None:
    instance.records["articles"] = [{"name": "x"}]
    given = config(collections=[{"name": "articles", "primary_key": "none"}], conventions={"updated_at_field": "none"})

    described = declared(given)
    outcome = read(given, "articles", mode="full_refresh")

    assert not described["articles"].source_defined_primary_key
    assert described["companies"].source_defined_primary_key == [["id"]]
    assert [mode.value for mode in described["companies"].supported_sync_modes] == ["full_refresh"]
    assert outcome.records["articles"] == [{"name": "x"}]


@pytest.mark.parametrize(
    ("overrides", "word"),
    [
        ({"collections": [{"name": "links", "path": "links"}]}, "primary_key"),
        ({"collections": [{"name": "Articles", "path": "a", "primary_key": "id"}]}, "Articles"),
        ({"collections": [{"name": "articles"}, {"name": "articles"}]}, "twice"),
        (
            {
                "collections": [{"name": "links", "path": "a", "primary_key": "id"}],
                "additional_collections": [{"name": "LINKS", "path": "b", "primary_key": "id"}],
            },
            "LINKS",
        ),
        ({"conventions": {"limit_parameter": "n", "offset_parameter": "n"}}, '"n"'),
        ({"conventions": {"api_key_parameter": "limit"}}, '"limit"'),
        ({"additional_headers": [{"name": "authorization", "value": "x"}]}, "authorization"),
        ({"additional_headers": [{"name": "X-A", "value": "x"}, {"name": "x-a", "value": "y"}]}, "X-A"),
        ({"additional_headers": [{"name": "X-A", "value": "a\nb"}]}, "X-A"),
    ],
)
def test_names_that_clash_are_config_errors(overrides: Json, word: str) -> None:
    succeeded, message = check(config(**overrides))

    assert not succeeded
    assert word in message
    assert "[invalid-config]" in message


BEYOND_STOCK = [{"fields_path": "node"}, {"field_names": "snake_case"}, {"end_of_list": "short"}, {"paging": "next_url"}]
BEYOND_STOCK.append({"records_path": ".", "paging": "cursor"})


@pytest.mark.parametrize("setting", BEYOND_STOCK)
def test_the_bundle_refuses_what_stock_parts_cannot_say(setting: Json) -> None:
    with pytest.raises(SyfterError, match=next(iter(setting))) as caught:
        bundle(config(conventions=setting))

    assert caught.value.code == "not-in-bundle"


# --- OAuth with a refresh token -------------------------------------------------------------------------------------------

REFRESH = oauth(auth_type="oauth2_refresh_token", refresh_token="rt-unit-first-4711")


def token_of(asked: Asked, **more: Any) -> Answer:
    return Answer({"access_token": f"at-unit-{asked.number}-0815", "expires_in": 3600, **more})


def test_a_refresh_token_is_exchanged(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    instance.always_answers("token", token_of)

    outcome = read(config(credentials=REFRESH), "articles", "companies")

    assert [asked.form for asked in instance.asked if asked.form] == [
        {
            "grant_type": "refresh_token",
            "client_id": REFRESH["client_id"],
            "client_secret": REFRESH["client_secret"],
            "refresh_token": "rt-unit-first-4711",
        }
    ]
    assert outcome.completed("articles")
    assert "CONTROL" not in capsys.readouterr().out


def test_a_rotated_refresh_token_goes_to_the_platform(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """At once, with nothing else of the config changed, and the next token is asked for with it."""
    instance.always_answers("token", lambda asked: token_of(asked, refresh_token=f"rt-unit-{asked.number}-rotated"))
    instance.answers("articles", Answer(status=401))
    given = config(credentials=REFRESH, future="kept")

    outcome = read(given, "articles")

    saved = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"CONTROL"' in line]
    assert [each["control"]["connectorConfig"]["config"] for each in saved] == [
        {**given, "credentials": {**REFRESH, "refresh_token": f"rt-unit-{number}-rotated"}} for number in (1, 2)
    ]
    assert [asked.form["refresh_token"] for asked in instance.asked if asked.form] == ["rt-unit-first-4711", "rt-unit-1-rotated"]
    assert outcome.completed("articles")
    assert "rotated" not in outcome.text


def test_the_older_name_of_collections_says_the_same(instance: Instance) -> None:
    own = [{"name": "articles", "path": "my posts", "records_path": "items", "fields": [{"name": "headline", "as": "title"}]}]
    instance.always_answers("my%20posts", pages(Answer({"items": [{"id": 1, "headline": "x"}]}), Answer({"items": []})))

    for name in ("collections", "additional_collections"):
        instance._count.clear()
        assert read(config(**{name: own}), "articles").records["articles"] == [{"id": 1, "title": "x"}]
