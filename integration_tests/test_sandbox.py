"""The sandbox over real HTTP: it is what the contract says, and it can be bent as the other tests need it."""

from __future__ import annotations

import base64
import gzip
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

import sandbox
from sandbox import COLLECTIONS, RecordedRequest, Sandbox, canonical, running
from sandbox.__main__ import app as command
from sandbox.timestamps import iso, parse

ROOT = Path(__file__).parents[1]
KEY = {"Authorization": f"Api-Key {sandbox.API_KEY}"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """An instance that no test changes."""
    with running() as box:
        yield box


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with running() as box:
        yield box


def get(box: Sandbox, collection: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
    return requests.get(
        box.url + box.variant.path(collection), params=query, headers=KEY if headers is None else headers, timeout=30
    )


def token(box: Sandbox, **form: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": sandbox.CLIENT_ID,
        "client_secret": sandbox.CLIENT_SECRET,
        **form,
    }
    return requests.post(box.url + sandbox.TOKEN_PATH, data=form, timeout=30)


# -- lists ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_pages_add_up_to_the_truth(shared: Sandbox, collection: str) -> None:
    records: list[Any] = []
    while True:
        response = get(shared, collection, offset=len(records), limit=70)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        page = response.json()
        assert list(page) == ["data", "total"]
        assert page["total"] == len(shared.truth(collection))
        if not page["data"]:
            break
        assert len(page["data"]) <= 70
        records += page["data"]
    assert records == shared.truth(collection)


def test_limit_is_100_unless_asked_for_and_at_most_1000(shared: Sandbox) -> None:
    truth = shared.truth("company_financials")
    assert len(truth) > 300
    assert get(shared, "company_financials").json()["data"] == truth[:100]
    assert get(shared, "company_financials", limit=1000).json()["data"] == truth
    refused = get(shared, "company_financials", limit=1001)
    assert refused.status_code == 400
    assert "1000" in refused.json()["message"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": "ten"},
        {"limit": "1e2"},
        {"limit": "--5"},
        {"offset": -1},
        {"offset": ""},
        {"updated_since": "yesterday"},
        {"updated_since": ""},
    ],
)
def test_nonsense_is_refused_with_a_message(shared: Sandbox, query: dict[str, Any]) -> None:
    response = get(shared, "articles", **query)
    assert response.status_code == 400
    assert next(iter(query)) in response.json()["message"]


def test_updated_since_is_inclusive(shared: Sandbox) -> None:
    truth = shared.truth("company_employees")
    moment = sorted(record["updated_at"] for record in truth)[100]
    page = get(shared, "company_employees", updated_since=moment, limit=1000).json()
    assert (
        page["data"]
        == [record for record in truth if record["updated_at"] >= moment]
        == shared.truth("company_employees", moment)
    )
    assert page["total"] == len(truth) - 100
    assert get(shared, "company_employees", updated_since="2030-01-01T00:00:00.000Z").json() == {"data": [], "total": 0}


def test_a_page_cap_cuts_in_silence() -> None:
    with running(page_cap=30) as box:
        assert get(box, "articles", limit=5000).json()["data"] == box.truth("articles")[:30]
        assert len(get(box, "articles").json()["data"]) == 30
        assert len(get(box, "articles", limit=7).json()["data"]) == 7


def test_pages_are_compressed_when_asked_for(shared: Sandbox) -> None:
    plain = get(shared, "companies", headers={**KEY, "Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    with requests.get(
        shared.url + "/api/companies", headers={**KEY, "Accept-Encoding": "gzip"}, stream=True, timeout=30
    ) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        raw = packed.raw.read()
    assert len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content


def test_errors_are_json_with_a_message(shared: Sandbox) -> None:
    for response, status in (
        (requests.get(shared.url + "/api/nothing", headers=KEY, timeout=30), 404),
        (requests.get(shared.url + "/v1/companies", headers=KEY, timeout=30), 404),
        (requests.post(shared.url + "/api/companies", headers=KEY, timeout=30), 405),
        (requests.get(shared.url + "/api/companies", timeout=30), 401),
    ):
        assert response.status_code == status
        assert list(response.json()) == ["message"]
    assert requests.post(shared.url + "/api/companies", headers=KEY, timeout=30).headers["Allow"] == "GET"
    assert get(shared, "companies", offset=2**64).json()["data"] == []


# -- who may read ---------------------------------------------------------------------------------------------------------


def authorisation(box: Sandbox, credentials: dict[str, Any]) -> dict[str, str]:
    """The header that a client makes of a config's credentials."""
    kind = credentials["auth_type"]
    if kind == "api_key":
        return {"Authorization": f"Api-Key {credentials['api_key']}"}
    if kind == "bearer":
        return {"Authorization": f"Bearer {credentials['access_token']}"}
    request = requests.Request("GET", box.url)
    if kind == "basic":
        request.auth = (credentials["username"], credentials["password"])
        return {"Authorization": request.prepare().headers["Authorization"]}
    form = {"grant_type": "client_credentials", **{name: credentials[name] for name in ("client_id", "client_secret")}}
    return {"Authorization": "Bearer " + requests.post(credentials["token_url"], data=form, timeout=30).json()["access_token"]}


@pytest.mark.parametrize("auth", sandbox.AUTH_TYPES)
def test_every_scheme_authenticates_and_wrong_secrets_do_not(shared: Sandbox, auth: str) -> None:
    config = shared.config(auth)
    header = authorisation(shared, config["credentials"])
    assert config["host"] == shared.url
    assert "conventions" not in config
    assert get(shared, "articles", headers=header).status_code == 200
    wrong = header["Authorization"][:-3] + "xyz"
    assert get(shared, "articles", headers={"Authorization": wrong}).status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Api-Key", "Api-Key ", sandbox.API_KEY, f"Token {sandbox.API_KEY}", "Basic !!!", "Bearer "]
)
def test_malformed_headers_are_refused(shared: Sandbox, header: str) -> None:
    assert get(shared, "articles", headers={"Authorization": header}).status_code == 401


def test_config_takes_overrides(shared: Sandbox) -> None:
    assert shared.config(page_size=7, credentials=None) == {"host": shared.url, "page_size": 7}


def test_tokens_expire_and_can_be_revoked(box: Sandbox) -> None:
    answer = token(box, scope="read").json()
    assert answer == {"access_token": answer["access_token"], "token_type": "Bearer", "expires_in": 3600, "scope": "read"}
    header = {"Authorization": f"Bearer {answer['access_token']}"}
    assert get(box, "articles", headers=header).status_code == 200
    box.expire_tokens()
    assert get(box, "articles", headers=header).status_code == 401
    box.auth.expires_in = 1.5
    header = {"Authorization": f"Bearer {token(box).json()['access_token']}"}
    assert get(box, "articles", headers=header).status_code == 200
    time.sleep(1.6)
    assert get(box, "articles", headers=header).status_code == 401
    box.auth.expires_in = None
    assert list(token(box).json()) == ["access_token", "token_type"]
    assert box.auth.tokens_issued == 3


def test_a_token_is_given_for_secrets_in_the_form_body_only(box: Sandbox) -> None:
    assert token(box, client_secret="wrong").status_code == 401
    assert token(box, grant_type="password").status_code == 400
    url, form = box.url + sandbox.TOKEN_PATH, {"grant_type": "client_credentials"}
    secrets = {"client_id": sandbox.CLIENT_ID, "client_secret": sandbox.CLIENT_SECRET}
    assert requests.post(url, data=form, auth=(sandbox.CLIENT_ID, sandbox.CLIENT_SECRET), timeout=30).status_code == 401
    assert requests.post(url, params={**form, **secrets}, timeout=30).status_code == 400
    assert requests.post(url, json={**form, **secrets}, timeout=30).status_code == 400
    assert box.auth.tokens_issued == 0


def test_collections_can_be_denied_and_removed(box: Sandbox) -> None:
    box.deny("articles")
    box.remove("companies")
    denied, removed = get(box, "articles"), get(box, "companies")
    assert (denied.status_code, removed.status_code) == (403, 404)
    assert "articles" in denied.json()["message"]
    assert get(box, "company_overviews").status_code == 200
    box.restore()
    assert get(box, "articles").status_code == get(box, "companies").status_code == 200
    with pytest.raises(ValueError, match="article"):
        box.deny("article")


# -- what tests build on --------------------------------------------------------------------------------------------------


def test_requests_are_recorded(box: Sandbox) -> None:
    get(box, "articles", limit=3, other="")
    get(box, "articles", headers={})
    token(box)
    first, second, third = box.requests
    assert (first.method, first.path, first.collection, first.number, first.status) == (
        "GET",
        "/api/articles",
        "articles",
        1,
        200,
    )
    assert first.query == {"limit": "3", "other": ""}
    assert first.headers["authorization"] == KEY["Authorization"]
    assert (second.number, second.status) == (2, 401)
    assert (third.method, third.path, third.collection, third.status) == ("POST", "/oauth/token", None, 200)
    assert first.time < second.time < third.time < time.monotonic()
    assert requests.get(box.url + "/sandbox/status", timeout=30).json()["requests"] == {"articles": 2, "oauth": 1, "other": 1}
    box.clear_requests()
    assert box.requests == []


def test_data_can_change_between_two_pages(box: Sandbox) -> None:
    def change(request: RecordedRequest) -> None:
        if request.number == 2:
            box.upsert("articles", {"id": 5001, "title": "changed"})

    with box.on_request(change):
        assert get(box, "articles", limit=1).json()["data"][0]["title"] != "changed"
        assert get(box, "articles", limit=1).json()["data"][0]["title"] == "changed"
    box.reset()
    get(box, "articles", limit=1)
    assert box.truth("articles")[0]["title"] != "changed"


def test_changes_show_at_once(box: Sandbox) -> None:
    new = box.upsert("companies", {"name": "New & naïve 🚀", "website": "x" * 1_000_000})
    box.delete("companies", 1001)
    data = get(box, "companies", limit=1000).json()["data"]
    assert data[0]["id"] == 1002
    assert data[-1] == new
    assert data == box.truth("companies")


@pytest.mark.parametrize("name", ["default", "pages", "cursor", "behind-a-gateway", "epoch"])
def test_more_collections_can_be_served(name: str) -> None:
    deals = [{"deal_no": f"D{n:03d}", "closed_at": f"2026-03-{n % 28 + 1:02d}T00:00:00.000Z", "stage": None} for n in range(205)]
    with running(conventions=name) as box:
        box.add_collection("crm_deals", deals, "crm/deals", "deal_no", "closed_at")
        records = flat(read(box, "crm/deals", box.variant.config))
        assert [record["deal_no"] for record in records] == [deal["deal_no"] for deal in deals]
        assert {request.collection for request in box.requests} == {"crm_deals"}
        if name == "default":
            since = "2026-03-20T00:00:00.000Z"
            changed = [deal for deal in deals if str(deal["closed_at"]) >= since]
            assert get(box, "crm/deals", updated_since=since, limit=1000).json() == {"data": changed, "total": len(changed)}
            assert box.truth("crm_deals") == deals
        with pytest.raises(ValueError, match="nine"):
            box.add_collection("articles", [])


def test_the_controls_over_http(box: Sandbox) -> None:
    before = requests.get(box.url + "/sandbox/status", timeout=30).json()
    assert before["day"] == 0
    assert before["rows"] == {c: len(box.truth(c)) for c in COLLECTIONS}
    day = requests.post(box.url + "/sandbox/day", timeout=30).json()
    assert day["day"] == 1
    assert set(day["changes"]) == set(COLLECTIONS)
    after = requests.get(box.url + "/sandbox/status", timeout=30).json()
    assert after["rows"] == {c: before["rows"][c] + day["changes"][c]["created"] for c in COLLECTIONS}
    requests.post(box.url + "/sandbox/reset", timeout=30)
    assert requests.get(box.url + "/sandbox/status", timeout=30).json()["rows"] == before["rows"]


def test_many_instances_at_once() -> None:
    seen: list[int] = []

    def use(seed: int) -> None:
        with running(companies=seed, seed=seed) as box:
            assert get(box, "companies").json() == {"data": box.truth("companies"), "total": seed}
            seen.append(seed)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 9))


def test_small_responses_do_not_wait_for_a_timer(shared: Sandbox) -> None:
    with requests.Session() as session:
        times = []
        for _ in range(30):
            start = time.monotonic()
            session.get(shared.url + "/api/articles", params={"limit": 1}, headers=KEY, timeout=30)
            times.append(time.monotonic() - start)
    assert min(times[1:]) < 0.035  # Nagle's algorithm against delayed acknowledgement costs 0.04 every time


def test_latency_holds_a_response_back() -> None:
    with running(latency=0.2) as box:
        start = time.monotonic()
        assert get(box, "articles").status_code == 200
        assert time.monotonic() - start >= 0.2


# -- conventions ----------------------------------------------------------------------------------------------------------

DEFAULTS = {
    "path_prefix": "api",
    "api_key_header": "Authorization",
    "api_key_prefix": "Api-Key ",
    "api_key_parameter": None,
    "records_path": "data",
    "paging": "offset",
    "limit_parameter": "limit",
    "offset_parameter": "offset",
    "page_parameter": "page",
    "cursor_parameter": "cursor",
    "first_page": 1,
    "cursor_path": "next_cursor",
    "updated_since_parameter": "updated_since",
    "id_field": "id",
    "timestamp_format": "iso8601",
}


def is_told_all(variant: sandbox.Variant) -> bool:
    """Whether the reader below understands all that this variant needs; the connector reads the others, in test_variants.py."""
    return not (set(variant.config) - set(DEFAULTS) or variant.collections or variant.headers or variant.text_ids)


PLAIN = [
    name
    for name, variant in sandbox.VARIANTS.items()
    if is_told_all(variant)
    and variant.paging in ("offset", "page", "cursor", "none")
    and variant.timestamp_format != "epoch_s"
    and not variant.cursor_path.startswith("X-")
]


class ReadError(Exception):
    """What the server says is not what the reader expects."""


def dig(body: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def read(box: Sandbox, collection: str, config: dict[str, Any], since: str | None = None) -> Iterator[list[Any]]:
    """The pages of a collection for a reader that knows the contract and a `conventions` object, and nothing else."""
    conventions = {**DEFAULTS, **config}
    assert set(conventions) == set(DEFAULTS)
    url = "/".join(filter(None, [box.url, conventions["path_prefix"], collection.replace("_", "-")]))
    session = requests.Session()
    query: dict[str, Any] = {} if conventions["paging"] == "none" else {conventions["limit_parameter"]: 90}
    if conventions["api_key_parameter"]:
        query[conventions["api_key_parameter"]] = sandbox.API_KEY
    else:
        session.headers[conventions["api_key_header"]] = conventions["api_key_prefix"] + sandbox.API_KEY
    if since and conventions["updated_since_parameter"]:
        epoch = conventions["timestamp_format"] == "epoch_ms"
        query[conventions["updated_since_parameter"]] = parse(since) if epoch else since
    page, offset = conventions["first_page"], 0
    while True:
        if conventions["paging"] == "page":
            query[conventions["page_parameter"]] = page
        elif conventions["paging"] == "offset":
            query[conventions["offset_parameter"]] = offset
        response = session.get(url, params=query, timeout=30)
        if response.status_code == 429:
            time.sleep(int(response.headers["Retry-After"]))
            continue
        if response.status_code != 200:
            raise ReadError(response.text)
        records = dig(response.json(), conventions["records_path"])
        if not isinstance(records, list):
            raise ReadError("no records")
        if not records:
            return
        for record in records:
            if conventions["id_field"] in record:
                record["id"] = record.pop(conventions["id_field"])
            for name in ("created_at", "updated_at", "published_at"):
                if conventions["timestamp_format"] == "epoch_ms" and name in record:
                    record[name] = iso(record[name]) if record[name] is not None else None
        yield [canonical(record) for record in records if since is None or canonical(record)["updated_at"] >= since]
        offset, page = offset + len(records), page + 1
        if conventions["paging"] == "none":
            return
        if conventions["paging"] == "cursor":
            if (cursor := dig(response.json(), conventions["cursor_path"])) is None:
                return
            query[conventions["cursor_parameter"]] = cursor


def flat(pages: Iterable[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(pages))


@pytest.mark.parametrize("name", [name for name in PLAIN if not sandbox.VARIANTS[name].broken])
def test_a_reader_that_is_told_the_conventions_gets_everything(name: str) -> None:
    with running(companies=25, conventions=name) as box:
        box.apply_day()
        since = "2026-06-01T00:00:00.000Z"
        for collection in ("articles", "company_financials", "datasource_priorities"):  # three times, several pages, one page
            order = -1 if box.variant.newest_first else 1
            truth = [canonical(record) for record in box.truth(collection)][::order]
            assert flat(read(box, collection, box.variant.config)) == truth
            changed = [record for record in truth if record["updated_at"] >= since]
            assert flat(read(box, collection, box.variant.config, since)) == changed


_NEEDED = [
    name
    for name in PLAIN
    # a filter of another name costs an untold reader time, but loses nothing
    if set(sandbox.VARIANTS[name].config) - {"updated_since_parameter"} and not sandbox.VARIANTS[name].broken
]


@pytest.mark.parametrize("name", _NEEDED)
def test_a_reader_that_is_not_told_fails_or_differs(name: str) -> None:
    with running(companies=25, conventions=name) as box:
        truth = [canonical(record) for record in box.truth("company_financials")]
        try:
            records = flat(itertools.islice(read(box, "company_financials", {}), 12))
        except ReadError:
            return
        assert records != truth


@pytest.mark.parametrize("name", [name for name, variant in sandbox.VARIANTS.items() if variant.broken])
def test_a_broken_server_gives_a_page_again(name: str) -> None:
    with running(companies=25, conventions=name) as box:
        pages = list(itertools.islice(read(box, "company_financials", box.variant.config), 12))
        assert len(pages) == 12
        assert pages[-1]
        assert pages[-1] == pages[-2]


def test_a_strict_server_refuses_what_it_does_not_know() -> None:
    known: dict[str, Any] = {"limit": 5, "offset": 0, "updated_since": "2026-01-01"}
    with running(conventions="strict") as box:
        assert get(box, "articles", **known).status_code == 200
        refused = get(box, "articles", page=1, **known)
        assert refused.status_code == 400
        assert refused.json()["message"] == "Unknown query parameter: page"
    with running(conventions="strict-no-filter") as box:
        assert get(box, "articles", **known).json()["message"] == "Unknown query parameter: updated_since"
    with running() as box:
        assert get(box, "articles", page=1, **known).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", "!", base64.b64encode(b'"x"').decode(), base64.b64encode(b"[1]").decode()])
def test_a_strange_cursor_is_refused(token: str) -> None:
    with running(conventions="cursor") as box:
        refused = get(box, "articles", cursor=token)
        assert refused.status_code == 400
        assert "cursor" in refused.json()["message"]


def test_a_rate_limit_is_announced_and_kept() -> None:
    with running(conventions=replace(sandbox.VARIANTS["rate-limited"], requests_per_second=3)) as box:
        first = get(box, "articles", limit=1)
        assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("3", "2")
        refused = next(
            response for response in (get(box, "articles", limit=1) for _ in range(100)) if response.status_code != 200
        )
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        time.sleep(1)
        assert get(box, "articles", limit=1).status_code == 200


# -- the OpenAPI document -------------------------------------------------------------------------------------------------


def test_the_openapi_document_is_the_contract(shared: Sandbox) -> None:
    document = requests.get(shared.url + "/openapi.json", timeout=30).json()
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer", "Basic", "OAuth2"}
    for collection in COLLECTIONS:
        operation = document["paths"][shared.variant.path(collection)]["get"]
        assert operation["operationId"] == f"list_{collection}"
        assert {p["name"] for p in operation["parameters"]} == {"limit", "offset", "updated_since"}
        assert set(operation["responses"]) == {"200", "400", "401", "403", "404", "429"}
        page = resolve(document, operation["responses"]["200"]["content"]["application/json"]["schema"])
        record = resolve(document, page["properties"]["data"]["items"])
        assert record["required"] == ["id", "created_at", "updated_at"]
        for name, schema in record["properties"].items():
            assert schema["x-evidence"] in {"E", "I", "A"}
            assert schema["description"]
            nullable = {"type": "null"} in schema.get("anyOf", [])
            assert nullable == (name not in record["required"])
        assert set(record["properties"]) == set(shared.truth(collection)[0])


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


# -- the command ----------------------------------------------------------------------------------------------------------


PLAIN = {"NO_COLOR": "1", "TERM": "dumb"}


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **PLAIN}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_says_how_to_log_in_and_ends_cleanly(ending: signal.Signals) -> None:
    with start("--port", "0", "--companies", "5", "--page-cap", "2") as process:
        assert process.stdout
        out = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
        url = out.split()[3]
        page = requests.get(url + "/api/companies", headers=KEY, timeout=30).json()
        assert page["total"] == 5
        assert len(page["data"]) == 2
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    for secret in (sandbox.API_KEY, sandbox.ACCESS_TOKEN, sandbox.PASSWORD, sandbox.CLIENT_SECRET):
        assert secret in out


def test_the_command_listens_on_other_loopback_addresses() -> None:
    with start("--port", "0", "--host", "::1") as process:
        assert process.stdout
        url = process.stdout.readline().split()[3]
        assert url.startswith("http://[::1]:")
        assert requests.get(url + "/api/companies", headers=KEY, timeout=30).status_code == 200
        process.terminate()


def test_a_taken_port_is_said(shared: Sandbox) -> None:
    with start("--port", shared.url.rsplit(":", 1)[1]) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("Cannot listen on 127.0.0.1:")
    assert "--port" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "0.0.0.0"),
        ("--host", "192.0.2.1"),
        ("--host", "example.com"),
        ("--port", "65536"),
        ("--conventions", "none-such"),
        ("--fault", "none-such"),
        ("--fault", "reset:articles:4-2"),
    ],
)
def test_wrong_options_are_refused(arguments: tuple[str, str]) -> None:
    result = CliRunner().invoke(command, arguments, env=PLAIN)
    assert result.exit_code == 2
    assert arguments[0] in result.output


def test_the_command_ends_at_once_while_a_response_stalls() -> None:
    with start("--port", "0", "--fault", "stall:articles:1") as process:
        assert process.stdout
        url = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n")).split()[3]
        with pytest.raises(requests.ReadTimeout):
            requests.get(url + "/api/articles", headers=KEY, timeout=2)
        assert requests.get(url + "/api/articles", headers=KEY, timeout=30).status_code == 200
        requests.post(url + "/sandbox/faults", json={"name": "stall"}, timeout=30)
        line = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        line.sendall(b"GET /api/articles HTTP/1.1\r\nHost: x\r\n\r\n")
        while requests.get(url + "/sandbox/status", timeout=30).json()["requests"]["articles"] < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        line.close()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(("option", "names"), [("--list-conventions", sandbox.VARIANTS), ("--list-faults", sandbox.FAULTS)])
def test_the_command_lists_conventions_and_faults(option: str, names: dict[str, Any]) -> None:
    result = CliRunner().invoke(command, [option], env=PLAIN)
    assert [line.split()[0] for line in result.output.splitlines()] == list(names)


def test_the_help_names_the_conventions() -> None:
    words = CliRunner().invoke(command, ["--help"], env=PLAIN).output.replace(".", ",").split()
    assert {f"{name}," for name in sandbox.VARIANTS} <= set(words)
