"""What the configuration, the catalog, the state or the machine does is told as what it is, never as this connector's failure."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import requests
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import LocationParseError

from source_syfter import settings
from source_syfter.entrypoint import run_protocol
from source_syfter.problems import UNREADABLE_FILE
from source_syfter.source import SourceSyfter
from testing.clocks import Clock
from testing.instance import Instance, config
from testing.reading import LOGGER, check, configured_catalog, read

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_files_that_windows_tools_wrote_are_read(
    instance: Instance, tmp_path: Path, encoding: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a byte order mark, or in UTF-16."""
    contents = {
        "config": config(),
        "catalog": ConfiguredAirbyteCatalogSerializer.dump(configured_catalog(["articles"])),
        "state": [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "articles"}, "stream_state": {}}}],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(json.dumps(content).encode(encoding))
    options = [part for name in contents for part in (f"--{name}", str(tmp_path / name))]

    run_protocol(["check", *options[:2]])
    run_protocol(["read", *options])

    printed = capfd.readouterr().out
    assert "SUCCEEDED" in printed
    assert printed.count('"RECORD"') == 3


@pytest.mark.parametrize("content", [b"", b"\xff", b"{", b"[]", b"7", b"null", b'"x"', b"[" * 100_000, b"{}" * 2])
@pytest.mark.parametrize("name", ["config", "catalog", "state"])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    contents: dict[str, Any] = {"config": config(), "catalog": {"streams": []}, "state": []}
    for each, given in contents.items():
        (tmp_path / each).write_bytes(json.dumps(given).encode())
    (tmp_path / name).write_bytes(content)

    if name == "state" and content in (b"[]", b"null"):
        return
    with pytest.raises(AirbyteTracedException) as caught:
        run_protocol(["read", *[part for each in contents for part in (f"--{each}", str(tmp_path / each))]])

    assert f"--{name}" in str(caught.value)
    assert "[unreadable-file]" in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        {
            "type": "GLOBAL",
            "global": {"shared_state": {}, "stream_states": [{"stream_descriptor": {"name": "articles"}, "stream_state": {}}]},
        },
        {"type": "LEGACY", "data": {"articles": {"updated_at": "2026-01-01T00:00:00.000Z"}}},
        {"data": {"articles": {"updated_at": "2026-01-01T00:00:00.000Z"}}},
    ],
)
def test_a_state_of_another_kind_is_a_config_error(instance: Instance, message: dict[str, Any]) -> None:
    catalog, state = configured_catalog(["articles"]), [AirbyteStateMessageSerializer.load(message)]

    with pytest.raises(AirbyteTracedException) as caught:
        list(SourceSyfter(config=config(), catalog=catalog, state=state).read(LOGGER, config(), catalog, state))

    assert caught.value.failure_type is not None
    assert caught.value.failure_type.value == "config_error"
    assert "[unreadable-state]" in str(caught.value)


def test_a_stream_that_stands_twice_in_the_catalog_is_named(instance: Instance) -> None:
    catalog = configured_catalog(["articles", "companies", "articles"])

    with pytest.raises(AirbyteTracedException) as caught:
        list(SourceSyfter(config=config(), catalog=catalog).read(LOGGER, config(), catalog))

    assert "[invalid-catalog]" in str(caught.value)
    assert '"articles"' in str(caught.value)
    assert not instance.asked


def test_a_text_with_half_of_a_pair_can_be_printed() -> None:
    """The name of a file in another encoding; what an instance says may hold one, too."""
    error = UNREADABLE_FILE(option="--config", path="caf\udce9.json", reason="no such file")

    assert "caf\\udce9.json" in str(error)
    error.emit_message()


def test_a_file_is_read_as_json_only_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"\xef\xbb\xbf")

    with pytest.raises(AirbyteTracedException, match="unreadable-file"):
        settings.from_file(str(path))


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (MemoryError(), "machine", "more memory"),
        (OSError(errno.EMFILE, "Too many open files"), "machine", "Too many open files"),
        (OSError(errno.ENOSPC, "No space left on device"), "machine", "No space left on device"),
        (OSError("Could not find a suitable TLS CA certificate bundle, invalid path: /x"), "tls", "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.InvalidProxyURL(), "proxy", "HTTPS_PROXY"),
        (requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."), "proxy", "HTTPS_PROXY"),
        (LocationParseError("["), "proxy", "HTTPS_PROXY"),
    ],
)
def test_what_the_machine_does_is_told_as_that(
    instance: Instance, clock: Clock, trouble: Exception, code: str, words: str
) -> None:
    instance.always_answers("articles", trouble)

    outcome = read(config(), "articles", "companies")

    assert f"[{code}]" in outcome.message_of("articles")
    assert words in outcome.message_of("articles")
    assert outcome.kind_of("articles") in ("config_error", "transient_error")
    assert outcome.completed("companies")
    assert f"[{code}]" in check(config(), "articles")[1]


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 2026 00:00:00 +9999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 0100 00:00:00 +2359",
        "9" * 5000,
        "soon",
    ],
)
def test_a_date_header_of_any_form_is_no_trouble(instance: Instance, date: str) -> None:
    instance.date = date

    outcome = read(config(), "articles")

    assert outcome.completed("articles"), outcome.text


@pytest.mark.parametrize("prefix", ["X\r\nEvil: 1", "Tökén", "a\tb", "\x00"])
def test_a_prefix_that_no_header_can_hold_is_named(prefix: str) -> None:
    succeeded, message = check(config(conventions={"api_key_prefix": prefix}))

    assert not succeeded
    assert "conventions.api_key_prefix" in message


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00.000Z", "0001-01-01", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"])
@pytest.mark.parametrize("minutes", [0, 10, 525600])
def test_the_first_and_the_last_moment_are_no_trouble(instance: Instance, value: str, minutes: int) -> None:
    for outcome in (
        read(config(start_date=value, lookback_window_minutes=minutes), "articles"),
        read(config(lookback_window_minutes=minutes), "articles", state={"articles": {"updated_at": value}}),
    ):
        assert outcome.completed("articles"), outcome.text
        assert outcome.ids("articles") == ([] if value.startswith("9999") else [1, 2, 3])
