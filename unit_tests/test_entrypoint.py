"""The command line, in this process: what it prints, and how it refuses files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter.entrypoint import Entrypoint, run_protocol
from source_syfter.run import run
from source_syfter.source import SourceSyfter
from source_syfter.spec import print_spec
from testing.instance import Answer, Instance, config, some
from testing.reading import LOGGER, STREAMS, configured_catalog, read


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {
        "config": config(page_size=2),
        "catalog": ConfiguredAirbyteCatalogSerializer.dump(configured_catalog(STREAMS)),
        "state": [],
    }
    paths = {name: tmp_path / f"{name}.json" for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(orjson.dumps(content))
    return paths


def lines(text: str) -> list[str]:
    """Messages, without what differs from run to run; logs aside, whose order is that of threads."""
    messages = (re.sub(r'"emitted_at":\s?[\d.]+', '"emitted_at":0', line) for line in text.split("\n"))
    return sorted(message for message in messages if message and '"type":"LOG"' not in message)


@pytest.mark.parametrize("broken", [False, True])
def test_read_writes_what_the_cdk_writes(instance: Instance, files: dict[str, Path], broken: bool) -> None:
    instance.records = {
        stream: [{**row, "none": None, "odd": {"none": None, "text": '"é\u2028😀'}} for row in some(5)] for stream in STREAMS
    }
    if broken:
        instance.always_answers("articles", Answer(status=403))
    arguments = ["read", "--config", str(files["config"]), "--catalog", str(files["catalog"])]

    def source() -> SourceSyfter:
        return SourceSyfter(config=config(page_size=2), catalog=configured_catalog(STREAMS))

    ours, theirs = Entrypoint(source()), AirbyteEntrypoint(source())
    written: list[bytes] = []
    try:
        for block in ours._blocks(ours.source.messages(LOGGER, configured_catalog(STREAMS))):
            written.append(block)
    except AirbyteTracedException:
        assert broken
    expected: list[str] = []
    try:
        for message in theirs.run(AirbyteEntrypoint.parse_args(arguments)):
            expected.append(message)
    except AirbyteTracedException:
        assert broken

    records = [line for line in lines(b"".join(written).decode()) if '"RECORD"' in line]
    assert [json.loads(line) for line in lines(b"".join(written).decode())] == [
        json.loads(line) for line in lines("\n".join(expected))
    ]
    assert len(records) == 5 * (8 if broken else 9)


def test_the_log_counts_records(instance: Instance) -> None:
    """Not pages, which are records to the CDK. PyAirbyte and the demo show the figure."""
    instance.records = {"articles": some(7), "companies": some(1)}
    outcome = read(config(page_size=3), "articles", "companies")

    assert sorted(re.findall(r"Read .* stream", outcome.log)) == [
        "Read 1 records from companies stream",
        "Read 7 records from articles stream",
    ]


@pytest.mark.parametrize("ended", [False, True])
def test_a_write_that_a_signal_ends_asks_for_no_more_blocks(instance: Instance, ended: bool) -> None:
    """A generator that yields when it is closed raises RuntimeError, which would stand among the messages."""
    instance.records = {"articles": some(5)}
    catalog = configured_catalog(["articles"])
    entrypoint = Entrypoint(SourceSyfter(config=config(), catalog=catalog))
    blocks = entrypoint._blocks(entrypoint.source.messages(LOGGER, catalog))

    assert next(blocks)
    if ended:
        assert list(blocks)
    blocks.close()

    assert list(blocks) == []


def test_spec_is_what_the_cdk_says(capsys: pytest.CaptureFixture[str]) -> None:
    print_spec()
    ours = json.loads(capsys.readouterr().out)
    messages = map(json.loads, AirbyteEntrypoint(SourceSyfter()).run(AirbyteEntrypoint.parse_args(["spec"])))
    (theirs,) = [message["spec"] for message in messages if message["type"] == "SPEC"]

    assert ours["type"] == "SPEC"
    assert {**theirs, **ours["spec"]} == theirs
    assert {name for name in theirs if name not in ours["spec"]} <= {"supportsDBT", "supportsNormalization"}, "both false"


def test_a_source_without_a_config_takes_that_of_the_call(instance: Instance) -> None:
    """`airbyte-cdk connector test` makes one so."""
    instance.records = {"companies": some(2)}
    catalog = configured_catalog(["companies"])
    state: list[Any] = []

    assert SourceSyfter().check(LOGGER, config()).status is Status.SUCCEEDED
    assert {stream.name for stream in SourceSyfter().discover(LOGGER, config()).streams} == set(STREAMS)
    assert sum(bool(message.record) for message in SourceSyfter().read(LOGGER, config(), catalog, state)) == 2


@pytest.mark.parametrize("form", ["states", "messages", "lines"])
def test_a_state_may_be_what_a_read_wrote(files: dict[str, Path], form: str) -> None:
    def state(stream: str, moment: str) -> dict[str, Any]:
        return {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"updated_at": moment}}}

    states = [state("companies", "2026-01-01T00:00:00Z"), state("articles", "2026-01-02T00:00:00Z")]
    states += [state("companies", "2026-01-03T00:00:00Z")]
    messages = [{"type": "STATE", "state": each} for each in states]
    record = {"type": "RECORD", "record": {"stream": "companies", "data": {"text": "\u2028", "state": "Ohio"}, "emitted_at": 1}}
    others = [{"type": "LOG", "log": {"level": "INFO", "message": "STATE"}}, record]
    lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in [*others, *messages, *others])
    files["state"].write_text({"states": json.dumps(states), "messages": json.dumps(messages), "lines": lines + "\n\n"}[form])

    found = SourceSyfter.read_state(str(files["state"]))

    assert {each.stream.stream_descriptor.name: vars(each.stream.stream_state) for each in found if each.stream} == {
        "companies": {"updated_at": "2026-01-03T00:00:00Z"},
        "articles": {"updated_at": "2026-01-02T00:00:00Z"},
    }
    assert len(found) == 2


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[1", b'"text"', b"7", b"\xff"])
def test_a_file_that_cannot_be_read_is_named_without_its_content(
    files: dict[str, Path], option: str, content: bytes | None
) -> None:
    files[option].unlink()
    if content is not None:
        files[option].write_bytes(content)
    arguments = [part for name, path in files.items() for part in (f"--{name}", str(path))]

    with pytest.raises(AirbyteTracedException) as caught:
        run_protocol(["read", *arguments])

    assert caught.value.failure_type.value == "config_error"
    assert f"--{option}" in caught.value.message
    assert str(files[option]) in caught.value.message


def test_a_broken_config_file_does_not_show_its_secret(files: dict[str, Path]) -> None:
    files["config"].write_text('{"credentials": {"api_key": "sk-hidden-1"')

    with pytest.raises(AirbyteTracedException) as caught:
        run_protocol(["check", "--config", str(files["config"])])

    assert "sk-hidden" not in repr(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_a_secret_of_a_few_letters_leaves_the_protocol_whole(
    instance: Instance, files: dict[str, Path], command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Masked, it would be taken out of the keys of each message as well."""
    basic = {"auth_type": "basic", "username": "u", "password": "p"}
    files["config"].write_bytes(orjson.dumps(config(credentials=basic, page_size=0)))
    arguments = ["--config", str(files["config"])]
    if command == "read":
        arguments += ["--catalog", str(files["catalog"])]

    try:
        run_protocol([command, *arguments])
    except AirbyteTracedException as error:
        error.emit_message()

    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    if command == "check":
        assert "Page size" in next(line["connectionStatus"]["message"] for line in said if line["type"] == "CONNECTION_STATUS")
    else:
        assert next(line["trace"]["error"]["failure_type"] for line in said if line["type"] == "TRACE") == "config_error"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    run(arguments)

    printed: Any = capsys.readouterr().out
    assert all(command in printed for command in ("spec", "check", "discover", "read"))


def test_a_command_that_there_is_not_ends_with_the_list_of_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(["prob"])

    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "'prob'" in said
    assert "source-syfter probe" in said


def test_the_package_runs_as_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    ran = subprocess.run([sys.executable, "-m", "source_syfter", "spec"], capture_output=True, text=True, check=True)
    print_spec()
    assert ran.stdout == capsys.readouterr().out
