"""The settings of the machine: they are obeyed, or told as what they are."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from sandbox import running
from source_syfter.probe import main as probe
from testing.disturbed import without_waiting
from testing.instance import config, oauth
from testing.processes import COMMAND, catalog_of, run
from testing.raw_server import Request, Said, answer, raw_server
from testing.reading import check, read

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"}


def test_a_locale_that_cannot_print(tmp_path: Path) -> None:
    """Messages are in UTF-8 all the same, and so are the files that a platform writes."""
    with running(companies=2) as box:
        box.upsert("companies", {"name": "Übermaß 👩‍👩‍👧"})
        catalog = catalog_of(["companies", "größe"])
        found = run(tmp_path, "read", config=box.config(), catalog=catalog, env={**os.environ, **ASCII})

    assert found.completed == {"companies"}
    assert "Übermaß 👩‍👩‍👧" in [record.get("name") for record in found.records["companies"]]
    assert "größe" in found.errors[""]["message"]
    assert {error["failure_type"] for error in found.errors.values()} == {"config_error"}


# --- certificates and proxies -------------------------------------------------------------------------------------------------


@pytest.fixture
def nowhere() -> Iterator[None]:
    """A port of this machine on which nothing listens; nothing waits."""
    with without_waiting():
        yield


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_file_of_certificates_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], variable: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, "/nonexistent/company-ca.pem")
    given = config(host="https://127.0.0.1:9")
    by_token = config(host="http://127.0.0.1:9", credentials=oauth(token_url="https://127.0.0.1:9/token"))
    (tmp_path / "config.json").write_text(json.dumps(given))

    for each in (given, by_token):
        outcome = read(each, "articles")
        assert outcome.kind_of("articles") == "config_error"
        assert "[tls]" in outcome.message_of("articles")
        succeeded, message = check(each)
        assert not succeeded
        assert "REQUESTS_CA_BUNDLE" in message
    assert probe(["--config", str(tmp_path / "config.json")]) == 1
    printed = capsys.readouterr()
    assert "REQUESTS_CA_BUNDLE" in printed.out + printed.err
    assert "Traceback" not in printed.err


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("variable", "file", "code"),
    [
        ("REQUESTS_CA_BUNDLE", "/etc/passwd", "[tls]"),
        ("REQUESTS_CA_BUNDLE", "/proc/self/mem", "[tls]"),
        ("SSLKEYLOGFILE", "/nonexistent/keys", "[machine]"),
        ("SSLKEYLOGFILE", "/tmp", "[machine]"),
    ],
)
def test_a_file_for_tls_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, variable: str, file: str, code: str) -> None:
    monkeypatch.setenv(variable, file)
    with raw_server(lambda request: None) as server:
        given = config(host=server.url.replace("http:", "https:"))
        outcome = read(given, "articles")
        _, message = check(given)

    assert outcome.kind_of("articles") == "config_error"
    for text in (outcome.message_of("articles"), message):
        assert variable in text
        assert code in text


PROXIES = ["http://127.0.0.1:9", "http://proxy.invalid:3128", "http://[", "http://", "socks5://127.0.0.1:9", "http://a b", "x"]
PROXIES += ["http://user:password@", "user@"]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("host", ["https://instance.invalid", "http://instance.invalid"])
def test_what_a_proxy_does_is_not_told_of_the_host(monkeypatch: pytest.MonkeyPatch, proxy: str, host: str) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, proxy)
    given = config(host=host, allow_insecure_http=True)

    outcome = read(given, "articles")

    assert "[proxy]" in outcome.message_of("articles"), outcome.message_of("articles")
    assert outcome.kind_of("articles") in ("config_error", "transient_error")
    assert "[proxy]" in check(given)[1]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("status", ["407 Proxy Authentication Required"])
def test_a_proxy_that_wants_credentials_is_named(monkeypatch: pytest.MonkeyPatch, scheme: str, status: str) -> None:
    with raw_server(lambda request: answer(b"no", status, "Proxy-Authenticate: Basic")) as server:
        for variable in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(variable, server.url)
        outcome = read(config(host=f"{scheme}://instance.invalid", allow_insecure_http=True), "articles")

    assert "[proxy]" in outcome.message_of("articles"), outcome.message_of("articles")


# --- memory and files ---------------------------------------------------------------------------------------------------------


def test_too_little_memory_is_told_as_that(tmp_path: Path) -> None:
    """Under a limit of the address space, the page does not fit."""
    page = orjson.dumps({"data": [{"id": key, "body": "x" * 600_000} for key in range(400)]})
    with raw_server(lambda request: answer(page)) as server:
        limited = ["sh", "-c", 'ulimit -v 500000; exec "$@"', "sh", *COMMAND]
        found = run(tmp_path, "read", program=limited, config=config(host=server.url), catalog=catalog_of(["companies"]))

    assert found.status == 1
    assert "[not-json]" not in found.text
    assert {error["failure_type"] for error in found.errors.values()} == {"config_error"}
    assert "more memory" in found.text


# --- damaged answers: tried again, and transient --------------------------------------------------------------------------------

WHOLE = orjson.dumps({"data": [{"id": key, "name": "x" * 50} for key in range(1, 101)]})


def cut_gzip() -> bytes:
    packed = gzip.compress(WHOLE)
    return answer(packed[: len(packed) // 2], "200 OK", "Content-Encoding: gzip")


def wrong_sum() -> bytes:
    packed = bytearray(gzip.compress(WHOLE))
    packed[-6] ^= 255
    return answer(bytes(packed), "200 OK", "Content-Encoding: gzip")


DAMAGED: dict[str, Said] = {
    "gzip cut off": cut_gzip(),
    "gzip cut off behind a record": answer(
        gzip.compress(WHOLE[: WHOLE.index(b"},{") + 1])[:-8], "200 OK", "Content-Encoding: gzip"
    ),
    "gzip with a wrong sum": wrong_sum(),
    "no length, and cut off": [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + WHOLE[:1000], None],
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: %d\r\n\r\n%s" % (len(WHOLE), WHOLE),
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + WHOLE[:1000],
    "a chunk's length that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + WHOLE,
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "a status beyond": b"HTTP/1.1 1000 OK\r\n\r\n",
    "no header": b"\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "nothing": None,
}


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_answer_is_tried_again(kind: str) -> None:
    """Once damaged, the read is whole; always damaged, it fails as transient."""

    def once(request: Request) -> Said:
        if request.number == 1:
            said = DAMAGED[kind]
            return list(said) if isinstance(said, list) else said
        return answer(WHOLE if request.query.get("page", "1") == "1" else {"data": []})

    with raw_server(once) as server:
        outcome = read(config(host=server.url, conventions={"paging": "page"}), "articles")
        assert outcome.ids("articles")[:100] == list(range(1, 101)), outcome.message_of("articles")
    with raw_server(lambda request: list(said) if isinstance(said := DAMAGED[kind], list) else said) as server:
        outcome = read(config(host=server.url), "articles")
        assert outcome.kind_of("articles") == "transient_error", outcome.message_of("articles")
