"""check, discover and read, through the CDK's entrypoint."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, TextIO, TypeVar, cast

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER, init_logger, is_platform_debug_log_enabled
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, AirbyteStateStats, ConnectorSpecification
from airbyte_cdk.utils.memory_monitor import MemoryMonitor

from source_syfter import exact, settings
from source_syfter.components.pages import RECORDS
from source_syfter.secrecy import hide_secrets
from source_syfter.source import SourceSyfter

T = TypeVar("T")

# Bytes and seconds after which records are written, whichever comes first.
_BLOCK = 65536
_BLOCK_SECONDS = 0.5
# Messages, of up to a page each, after which the CDK looks at the memory that is left.
_LOOK_AT_MEMORY = 50


def run_protocol(argv: list[str]) -> None:
    """Runs check, discover or read; `argv`: the command line without the program."""
    # Before the first file is read: a bad catalog is an error message, not a traceback.
    init_uncaught_exception_handler(init_logger("airbyte"))
    parsed = AirbyteEntrypoint.parse_args(argv)
    in_words = parsed.command == "check" and sys.stdout.isatty()
    if in_words:
        sys.excepthook = _say
        logging.disable()

    def loaded(name: str, read: Callable[[str], T], what: str) -> Optional[T]:
        path = getattr(parsed, name, None)
        return None if path is None else settings.load(read, path, f"--{name}", what)

    source = SourceSyfter(
        config=settings.from_file(parsed.config),
        catalog=loaded("catalog", SourceSyfter.read_catalog, "a configured catalog"),
        state=loaded("state", SourceSyfter.read_state, "a list of state messages"),
    )
    entrypoint = Entrypoint(source)
    # What is alive now stays until the end: the collector need not look at it again for every few records.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    # As the CDK's `launch`, which keeps lines of several threads whole.
    with contextlib.redirect_stdout(_Words(Path(parsed.config))) if in_words else PRINT_BUFFER:
        if parsed.command == "read":
            entrypoint.write(parsed.catalog, parsed.state, parsed.debug)
        else:
            for message in entrypoint.run(parsed):
                print(f"{message}\n", end="")


class _Words(io.TextIOBase):
    """Standard output for a person at a terminal: of the messages of the protocol, the answer of `check` in words.

    There is no platform that would save the config with a refresh token that was replaced, so that goes into its file at once.
    """

    def __init__(self, config: Path) -> None:
        self._config = config
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = f"{self._begun}{text}".split("\n")
        for line in lines:
            message = orjson.loads(line) if line.startswith('{"') else {}
            if control := message.get("control"):
                settings.keep(self._config, settings.as_file(control["connectorConfig"]["config"]).encode())
            if status := message.get("connectionStatus"):
                words = "works." if status["status"] == "SUCCEEDED" else f"does not work. {status.get('message') or ''}"
                print(f"The connection {words}".rstrip(), file=sys.__stdout__)
        return len(text)


def _say(kind: type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
    """An error for a person at a terminal: its words, or the traceback of a fault that has none."""
    words = getattr(error, "message", None)
    if words is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"The connection does not work. {words}", file=sys.__stdout__)


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint with three differences: the source itself has checked the config, all forms of secrets are
    masked, and records are written in blocks."""

    source: SourceSyfter

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Nothing to do: `SourceSyfter` names the field that is wrong."""

    @staticmethod
    def set_up_secret_filter(config: Mapping[str, Any], connection_specification: Mapping[str, Any]) -> None:
        """From now on secrets are masked in whatever is printed, in every form in which they travel."""
        hide_secrets(config)

    def write(self, catalog_path: str, state_path: Optional[str], debug: bool) -> None:
        """Reads and writes the messages to standard output.

        The same lines as the CDK writes (test_read_writes_what_the_cdk_writes), at less than half of the cost of a record.
        """
        level = logging.DEBUG if debug or is_platform_debug_log_enabled() else logging.INFO
        for logger in (self.logger, logging.getLogger("airbyte")):
            logger.setLevel(level)
        # The real one: inside PRINT_BUFFER, `sys.stdout` is the CDK's.
        out = cast(TextIO, sys.__stdout__).buffer
        messages = self.source.messages(self.logger, self.source.read_catalog(catalog_path))
        for block in self._blocks(messages):
            out.write(block)
            out.flush()

    def _blocks(self, messages: Iterator[AirbyteMessage]) -> Iterator[bytes]:
        """Lines of JSON, in blocks; what stands before a message that is no record is written before it."""
        counts: dict[str, int] = defaultdict(int)
        lines: list[bytes] = []
        size, due = 0, time.monotonic() + _BLOCK_SECONDS
        memory = MemoryMonitor(_LOOK_AT_MEMORY)
        try:
            for message in messages:
                page = message.record
                if page is None:
                    if message.state is not None and message.state.stream is not None:
                        name = message.state.stream.stream_descriptor.name
                        message.state.sourceStats = AirbyteStateStats(recordCount=float(counts.pop(name, 0)))
                    lines.append(self.airbyte_message_to_string(message).encode() + b"\n")
                    size += _BLOCK
                else:
                    counts[page.stream] += len(page.data[RECORDS])
                    for line in _record_lines(page):
                        lines.append(line)
                        size += len(line)
                        if size >= _BLOCK:
                            yield b"".join(lines)
                            lines, size = [], 0
                if size >= _BLOCK or time.monotonic() > due:
                    yield b"".join(lines)
                    lines, size, due = [], 0, time.monotonic() + _BLOCK_SECONDS
                memory.check_memory_usage()
        except GeneratorExit:
            # Nobody takes another block: a signal ended `write`.
            return
        except BaseException:
            # What was read before the failure is delivered.
            yield b"".join(lines)
            raise
        yield b"".join(lines)


def _record_lines(page: AirbyteRecordMessage) -> Iterator[bytes]:
    head = b'{"type":"RECORD","record":{"stream":%s,"data":' % orjson.dumps(page.stream)
    tail = b',"emitted_at":%s}}\n' % orjson.dumps(page.emitted_at)
    for data in page.data[RECORDS]:
        # The CDK leaves out null fields at the top of a record, too.
        yield head + exact.dumps({name: value for name, value in data.items() if value is not None}) + tail
