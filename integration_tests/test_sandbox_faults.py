"""The sandbox's faults, looked at from the other end of the wire: each is what its name says, and strikes where it is told to."""

from __future__ import annotations

import base64
import gzip
import io
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest
import requests

import sandbox
from sandbox import FAULTS, Fault, Sandbox, running
from sandbox.timestamps import parse

KEY = {"Authorization": f"Api-Key {sandbox.API_KEY}"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running() as box:
        yield box


@dataclass
class Heard:
    """What came back over a plain socket."""

    data: bytes
    end: str
    """closed, reset or silent"""
    seconds: float

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        assert len(self.body) == int(self.headers["content-length"])
        return json.loads(self.body)

    @property
    def records(self) -> list[Any]:
        assert self.status == 200
        records: list[Any] = self.json["data"]
        return records


def hear(box: Sandbox, target: str = "/api/articles?limit=20", patience: float = 30, most: int = 2**24) -> Heard:
    """Ask by hand, and listen until the other side ends it, or says nothing for `patience` seconds, or has said enough."""
    start, data, end = time.monotonic(), b"", "silent"
    with socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1]))) as line:
        line.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\n{'Authorization'}: {KEY['Authorization']}\r\nConnection: close\r\n\r\n".encode()
        )
        while len(data) < most and select.select([line], [], [], patience)[0]:
            try:
                part = line.recv(2**20)
            except ConnectionResetError:
                end = "reset"
                break
            if not part:
                end = "closed"
                break
            data += part
    return Heard(data, end, time.monotonic() - start)


def page(box: Sandbox) -> list[Any]:
    return box.truth("articles")[:20]


def complete(heard: Heard) -> bool:
    return heard.end == "closed" and len(heard.body) == int(heard.headers["content-length"])


def cut(heard: Heard) -> bool:
    """Half of the body came, and the header promised more."""
    return (
        heard.status == 200 and 0 < len(heard.body) < int(heard.headers["content-length"]) and heard.body.startswith(b'{"data":[')
    )


def in_seconds(header: str, seconds: float) -> Callable[[Sandbox, Heard], bool]:
    return lambda box, heard: heard.status == 429 and heard.headers[header] == f"{seconds}"


def thirds(check: Callable[[dict[str, Any]], bool]) -> Callable[[Sandbox, Heard], bool]:
    """Every third record is odd, by its key, and the others are as they were."""
    return lambda box, heard: all(
        check(found) if record["id"] % 3 == 1 else found == record for found, record in zip(heard.records, page(box), strict=True)
    )


def not_json(box: Sandbox, heard: Heard) -> bool:
    assert complete(heard)
    with pytest.raises(ValueError, match=r"Expecting|decode|BOM|Unterminated|control"):
        json.loads(heard.body)
    return True


def unpacked(packed: bytes) -> int:
    with gzip.open(io.BytesIO(packed)) as stream:
        return sum(len(part) for part in iter(lambda: stream.read(2**20), b""))


def date_in(heard: Heard, low: float, high: float) -> bool:
    return low < parsedate_to_datetime(heard.headers["retry-after"]).timestamp() - time.time() < high


LOOKS: dict[str, Callable[[Sandbox, Heard], bool]] = {
    "http-204": lambda box, heard: heard.status == 204 and heard.body == b"",
    "429-seconds": in_seconds("retry-after", 1),
    "429-date": lambda box, heard: heard.status == 429 and date_in(heard, 0, 3),
    "429-past-date": lambda box, heard: heard.status == 429 and date_in(heard, -3700, -3500),
    "429-reset-seconds": in_seconds("x-ratelimit-reset", 1),
    "429-reset-epoch": lambda box, heard: 0 < int(heard.headers["x-ratelimit-reset"]) - time.time() < 3,
    "429-reset-standard": in_seconds("ratelimit-reset", 1),
    "429-bare": lambda box, heard: heard.status == 429 and not {h for h in heard.headers if "retry" in h or "reset" in h},
    "429-zero": in_seconds("retry-after", 0),
    "429-negative": in_seconds("retry-after", -5),
    "429-unreadable": lambda box, heard: heard.headers["retry-after"] == "soon",
    "429-hour": in_seconds("retry-after", 3600),
    "503-retry-after": lambda box, heard: heard.status == 503 and heard.headers["retry-after"] == "1",
    "redirect": lambda box, heard: heard.status == 302 and heard.headers["location"] == "/api/articles?limit=20",
    "redirect-host": lambda box, heard: heard.status == 302 and heard.headers["location"].startswith("http://127.0.0.2:9/"),
    "html-200": lambda box, heard: heard.status == 200 and heard.headers["content-type"].startswith("text/html"),
    "text-200": lambda box, heard: heard.status == 200 and heard.body == b"OK",
    "empty-body": lambda box, heard: heard.status == 200 and complete(heard) and heard.body == b"",
    "error-200": lambda box, heard: heard.status == 200 and list(heard.json) == ["message"],
    "null-200": lambda box, heard: heard.status == 200 and heard.json is None,
    "null-records": lambda box, heard: heard.records is None,
    "object-records": lambda box, heard: isinstance(heard.records, dict),
    "other-envelope": lambda box, heard: heard.status == 200 and "data" not in heard.json,
    "scalar-records": lambda box, heard: heard.records == [1, 2, 3],
    "message-in-error": lambda box, heard: heard.status == 400 and "error" in heard.json,
    "message-in-detail": lambda box, heard: heard.status == 400 and "detail" in heard.json,
    "message-in-errors": lambda box, heard: heard.status == 400 and "message" in heard.json["errors"][0],
    "message-in-text": lambda box, heard: heard.status == 400 and heard.body == b"Reason in text",
    "echo-secrets": lambda box, heard: all(
        form in heard.json["message"]
        for form in (sandbox.API_KEY, quote(KEY["Authorization"]), base64.b64encode(KEY["Authorization"].encode()).decode())
    ),
    "short-page": lambda box, heard: heard.records == page(box)[:10],
    "ignore-limit": lambda box, heard: heard.records == box.truth("articles"),
    "unordered": lambda box, heard: heard.records != page(box) and sorted(heard.records, key=lambda r: r["id"]) == page(box),
    "null-cursor": thirds(lambda record: record["updated_at"] is None),
    "missing-cursor": thirds(lambda record: "updated_at" not in record),
    "malformed-cursor": thirds(lambda record: record["updated_at"] == "last Tuesday"),
    "future-cursor": thirds(lambda record: record["updated_at"].startswith("2999")),
    "missing-id": thirds(lambda record: "id" not in record),
    "one-timestamp": lambda box, heard: {record["updated_at"] for record in heard.records} == {"2026-06-15T12:00:00.000Z"},
    "truncated-json": not_json,
    "invalid-json": not_json,
    "invalid-utf8": not_json,
    "nan": lambda box, heard: b"NaN" in heard.body and complete(heard),
    "byte-order-mark": lambda box, heard: heard.body.startswith(b"\xef\xbb\xbf{") and complete(heard),
    "deep-nesting": lambda box, heard: b"[" * 100_000 in heard.body and complete(heard),
    "gzip": lambda box, heard: json.loads(gzip.decompress(heard.body))["data"] == page(box),
    "not-gzip": lambda box, heard: heard.headers["content-encoding"] == "gzip" and heard.records == page(box),
    "gzip-bomb": lambda box, heard: complete(heard) and len(heard.body) < 2**20 and unpacked(heard.body) > 2**28,
    "stall": lambda box, heard: heard.end == "silent" and heard.data == b"",
    "stall-in-body": lambda box, heard: heard.end == "silent" and cut(heard),
    "slow-body": lambda box, heard: heard.records == page(box) and 1.8 < heard.seconds < 60 and heard.end == "closed",
    "close": lambda box, heard: heard.end == "closed" and heard.data == b"",
    "reset": lambda box, heard: heard.end == "reset" and heard.data == b"",
    "reset-in-body": lambda box, heard: heard.end == "reset" and cut(heard),
    "truncated": lambda box, heard: heard.end == "closed" and cut(heard),
    "truncated-chunked": lambda box, heard: (
        heard.end == "closed" and heard.headers["transfer-encoding"] == "chunked" and b"\r\n0\r\n" not in heard.data
    ),
    "content-length-long": lambda box, heard: (
        heard.end == "closed" and int(heard.headers["content-length"]) == len(heard.body) + 100 and bool(json.loads(heard.body))
    ),
    "content-length-short": lambda box, heard: (
        int(heard.headers["content-length"]) == len(heard.body) - 100 and bool(json.loads(heard.body))
    ),
    "not-http": lambda box, heard: heard.data.startswith(b"SSH-"),
    "huge-header": lambda box, heard: len(heard.headers["x-padding"]) == 2**20 and heard.records == page(box),
    "endless-body": lambda box, heard: len(heard.data) >= 2**24 and "content-length" not in heard.headers,
    **{
        f"http-{status}": lambda box, heard, status=status: (  # type: ignore[misc]
            heard.status == status and (b"<html>" in heard.body if status in (502, 504) else list(heard.json) == ["message"])
        )
        for status in (400, 401, 403, 404, 408, 410, 422, 500, 502, 503, 504)
    },
}

ELSEWHERE = {
    # those that need more than one look have a test of their own below
    "expired-token",
    "create-between-pages",
    "update-between-pages",
    "delete-between-pages",
    "ignore-offset",
    "ignore-updated-since",
    "churn",
    "duplicate-page",
    "overlapping-pages",
    "clock-ahead",
    "clock-behind",
}


def test_every_fault_is_looked_at() -> None:
    assert set(LOOKS) | ELSEWHERE == set(FAULTS)
    assert len(FAULTS) > 60


@pytest.mark.parametrize("name", LOOKS)
def test_a_fault_is_what_its_name_says_and_goes_when_it_is_over(box: Sandbox, name: str) -> None:
    fault = box.fault(name, "articles", 1, 1)
    heard = hear(box, patience=1 if name.startswith("stall") else 30)
    assert LOOKS[name](box, heard)
    assert fault.hits == 1
    assert box.requests[0].status == (None if fault.kind.place == "wire" else heard.status)
    assert hear(box).records == page(box)


def test_faults_strike_only_the_collection_and_the_requests_they_are_told_to(box: Sandbox) -> None:
    fault = box.fault("http-500", "articles", 2, 3)
    assert hear(box, "/api/companies").status == 200
    assert [hear(box).status for _ in range(4)] == [200, 500, 500, 200]
    assert (fault.seen, fault.hits) == (4, 2)
    box.fault("http-503")
    assert hear(box, "/api/companies").status == 503
    assert requests.post(box.url + sandbox.TOKEN_PATH, timeout=30).status_code == 400  # a fault on all lists spares the tokens
    box.clear_faults()
    assert hear(box).status == 200


def test_the_token_endpoint_can_fail_too(box: Sandbox) -> None:
    box.fault("http-500", "oauth", 1, 1)
    box.fault("reset", "oauth", 2, 2)
    assert requests.post(box.url + sandbox.TOKEN_PATH, timeout=30).status_code == 500
    with pytest.raises(requests.ConnectionError):
        requests.post(box.url + sandbox.TOKEN_PATH, timeout=30)
    assert requests.post(box.url + sandbox.TOKEN_PATH, timeout=30).status_code == 400
    assert hear(box).status == 200


def test_several_faults_can_be_on_at_once(box: Sandbox) -> None:
    box.fault("unordered", "articles")
    box.fault("short-page", "articles")
    box.fault("slow-body", "articles", seconds=0.2)
    records = hear(box).records
    assert len(records) == 10
    assert records != page(box)[:10]


def test_a_token_expires_in_the_middle(box: Sandbox) -> None:
    secrets = {"client_id": sandbox.CLIENT_ID, "client_secret": sandbox.CLIENT_SECRET, "grant_type": "client_credentials"}
    token = requests.post(box.url + sandbox.TOKEN_PATH, data=secrets, timeout=30).json()["access_token"]
    box.fault("expired-token", "articles", 2, 2)
    header = {"Authorization": f"Bearer {token}"}
    statuses = [requests.get(box.url + "/api/articles", headers=header, timeout=30).status_code for _ in range(3)]
    assert statuses == [200, 401, 401]
    assert requests.get(box.url + "/api/articles", headers=KEY, timeout=30).status_code == 200


def test_pages_can_repeat_overlap_and_stand_still(box: Sandbox) -> None:
    truth = box.truth("articles")

    def second(name: str, query: str = "") -> list[Any]:
        box.fault(name, "articles", 1, 1)
        return hear(box, f"/api/articles?limit=10&offset=10{query}").records

    assert second("duplicate-page") == second("ignore-offset") == truth[:10]
    assert second("overlapping-pages") == truth[5:15]
    assert second("ignore-updated-since", "&updated_since=2030-01-01") == truth[10:20]


def test_data_changes_between_pages(box: Sandbox) -> None:
    before = box.truth("articles")
    start = time.time() * 1000 - 1
    box.fault("create-between-pages", "articles", 2, 2)
    box.fault("update-between-pages", "articles", 3, 3)
    box.fault("delete-between-pages", "articles", 4, 4)
    assert hear(box).records == before[:20]
    hear(box)
    created = box.truth("articles")[-1]
    assert created["id"] == before[-1]["id"] + 1
    assert parse(created["updated_at"]) >= start
    assert hear(box).records[0]["updated_at"] > before[0]["updated_at"]
    assert box.truth("articles")[-1]["updated_at"] >= created["updated_at"]
    assert hear(box).records == [before[n] for n in range(1, 21)]
    assert len(box.truth("articles")) == len(before)


def test_churn_is_random_and_repeatable(box: Sandbox) -> None:
    def changed(seed: int) -> list[int]:
        box.reset()
        box.clear_requests()
        box.clear_faults()
        box.fault("churn", "articles", size=seed)
        for _ in range(5):
            hear(box)
        return [record["id"] for record in box.truth("articles", "2026-07-01")]

    first = changed(1)
    assert len(first) > 7
    assert changed(1) == first
    assert changed(2) != first


@pytest.mark.parametrize(("name", "low", "high"), [("clock-ahead", -12, 1), ("clock-behind", -14, -1)])
def test_a_wrong_clock_moves_question_and_answer(box: Sandbox, name: str, low: int, high: int) -> None:
    truth = box.truth("company_financials")
    box.fault(name)
    moved = hear(box, "/api/company-financials?limit=1000").records
    ages = [(parse(record["updated_at"]) - time.time() * 1000) / 3_600_000 for record in moved]
    assert low < max(ages) < high
    pairs = list(zip(moved, truth, strict=True))
    shifts = {parse(new["updated_at"]) - parse(old["updated_at"]) for new, old in pairs}
    assert max(shifts) - min(shifts) == 0
    moment = sorted(record["updated_at"] for record in moved)[300]
    later = hear(box, f"/api/company-financials?limit=1000&updated_since={moment}").records
    # the clock went on between the two requests, by the time that they took
    assert abs(len(later) - (len(truth) - 300)) <= 1


def test_one_timestamp_filters_all_or_nothing(box: Sandbox) -> None:
    box.fault("one-timestamp")
    everything = len(box.truth("articles"))
    for since, count in (("12:00:00.000", everything), ("12:00:00.001", 0), ("11:59:59.999", everything)):
        assert len(hear(box, f"/api/articles?limit=1000&updated_since=2026-06-15T{since}Z").records) == count


def test_a_redirect_can_lead_anywhere(box: Sandbox) -> None:
    box.fault("redirect-host", location="http://elsewhere.example/x")
    assert hear(box).headers["location"] == "http://elsewhere.example/x"


def test_waits_and_stalls_last_as_long_as_they_are_told(box: Sandbox) -> None:
    box.fault("429-seconds", "articles", 1, 1, seconds=7)
    box.fault("stall", "articles", 2, 2, seconds=0.3)
    assert hear(box).headers["retry-after"] == "7"
    heard = hear(box)
    assert heard.end == "closed"
    assert 0.3 <= heard.seconds < 20


def test_stopping_does_not_wait_for_a_stall() -> None:
    with running() as box:
        box.fault("stall")
        box.fault("stall-in-body", "articles", 1, 1)
        lines = [socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1]))) for _ in range(2)]
        for line, path in zip(lines, ("articles", "companies"), strict=True):
            line.sendall(f"GET /api/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while len(box.requests) < 2:
            time.sleep(0.01)
        start = time.monotonic()
    assert time.monotonic() - start < 20
    for line in lines:
        line.close()


def test_requests_client_sees_what_it_should(box: Sandbox) -> None:
    for name, error in (
        ("stall", requests.ReadTimeout),
        ("reset", requests.ConnectionError),
        ("reset-in-body", (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)),
        ("truncated-chunked", requests.exceptions.ChunkedEncodingError),
        ("not-gzip", requests.exceptions.ContentDecodingError),
        ("not-http", requests.ConnectionError),
        ("content-length-short", requests.JSONDecodeError),
    ):
        box.fault(name, "articles", 1, 1)
        with pytest.raises(error):
            requests.get(box.url + "/api/articles", headers=KEY, timeout=2 if name == "stall" else 30).json()
        box.clear_faults()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("reset", ("reset", None, 1, None)),
        ("reset:articles", ("reset", "articles", 1, None)),
        ("reset::3", ("reset", None, 3, 3)),
        ("reset:company-financials:2-4", ("reset", "company_financials", 2, 4)),
        ("reset:company_financials:2-", ("reset", "company_financials", 2, None)),
        ("http-500:oauth:1", ("http-500", "oauth", 1, 1)),
    ],
)
def test_faults_can_be_written_in_one_word(text: str, fault: tuple[Any, ...]) -> None:
    parsed = Fault.parse(text)
    assert (parsed.name, parsed.collection, parsed.first, parsed.last) == fault


@pytest.mark.parametrize("text", ["", "none-such", "reset:article", "reset:articles:0", "reset:articles:4-2", "reset:articles:x"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such|counted|invalid literal"):
        Fault.parse(text)


def test_faults_over_http(box: Sandbox) -> None:
    url = box.url + "/sandbox/faults"
    added = requests.post(url, json={"name": "http-500", "collection": "articles", "last": 1}, timeout=30).json()
    assert (added["name"], added["first"], added["last"]) == ("http-500", 1, 1)
    assert hear(box).status == 500
    assert requests.get(url, timeout=30).json()[0]["hits"] == 1
    wrongs: list[Any] = [{"name": "none-such"}, {"colection": "articles"}, {"name": "reset", "first": "x"}, [], "reset"]
    for wrong in wrongs:
        refused = requests.post(url, json=wrong, timeout=30)
        assert refused.status_code == 400
        assert refused.json()["message"]
    assert requests.delete(url, timeout=30).json() == []
    assert requests.get(url, timeout=30).json() == []
