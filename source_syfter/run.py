"""The entrypoint: argv in, Airbyte messages out."""

from __future__ import annotations

import contextlib
import enum
import gc
import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Optional, cast

_USAGE = """usage: source-syfter spec
       source-syfter check --config FILE
       source-syfter discover --config FILE
       source-syfter read --config FILE --catalog FILE [--state FILE]
       source-syfter probe --config FILE [--set KEY=VALUE] [--write FILE] [--json]
       source-syfter bundle [--config FILE] [-o FILE]
       source-syfter --version

The first four are the Airbyte protocol (add --debug for detailed logs). `probe` finds out what differs on your instance and
which setting changes it; `bundle` prints the connector as one manifest for the Connector Builder.

`check` answers in words on a terminal and in messages of the protocol elsewhere. Exit code: 0 the command did what it is for
(`check` also when its answer is that it fails), 1 it did not, 2 the command line is wrong; `probe` has its own (probe --help).
"""


def run(args: Optional[Sequence[str]] = None) -> None:
    """Runs one command; `args`: the command line without the program, by default that of the process.

    Errors end the process with status 1 and, in the commands of the protocol, a TRACE message.
    """
    if args is None:
        _run_process(sys.argv[1:])
    else:
        _run(list(args))


def _run_process(argv: list[str]) -> None:
    """Runs a command as the whole of this process.

    An error ends it at once: the CDK's threads may wait for a reader that is gone, and would keep the process alive for ever
    (test_a_closed_pipe_ends_the_read).
    """
    status, failure = 1, None
    for stream in (sys.stdout, sys.stderr):
        # Messages are in UTF-8, whatever the locale says (test_a_locale_that_cannot_print).
        cast(TextIOWrapper, stream).reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        _run(argv)
        return
    except SystemExit as stop:
        if not isinstance(stop.code, str):
            status = stop.code or 0
    except BrokenPipeError:
        # The reader has gone: nobody is left to tell, and the interpreter's own flush would fail as well.
        os._exit(status)
    except BaseException as error:
        failure = error
    if isinstance(failure, MemoryError):
        from source_syfter.problems import OUT_OF_MEMORY

        failure = OUT_OF_MEMORY(stream="The read")
    try:
        if failure:
            sys.excepthook(type(failure), failure, failure.__traceback__)
        sys.stdout.flush()
    except OSError as unwritable:
        # The message goes to standard output, too: a disk may be full (test_a_full_disk_under_the_output_fails_the_read).
        with contextlib.suppress(OSError):
            from source_syfter.problems import UNWRITABLE_OUTPUT

            # Not `sys.stderr`: where the CDK's buffer could not be written, it still stands in its place.
            print(UNWRITABLE_OUTPUT(reason=unwritable.strerror), file=sys.__stderr__, flush=True)
    os._exit(status)


def _run(argv: list[str]) -> None:
    command = argv[0] if argv else "--help"
    # Each command imports what it needs: the CDK alone takes seconds (docs/benchmarks.md).
    if command in ("-h", "--help"):
        print(_USAGE, end="")
    elif command in ("-V", "--version"):
        from importlib.metadata import version

        print(f"source-syfter {version('airbyte-source-syfter')}")
    elif command == "spec":
        from source_syfter.spec import print_spec

        print_spec()
    elif command == "probe":
        with _quick_import():
            from source_syfter.probe import main as probe

        sys.exit(probe(argv[1:]))
    elif command == "bundle":
        from source_syfter.bundle import main as bundle

        sys.exit(bundle(argv[1:]))
    elif command in ("check", "discover", "read"):
        with _quick_import():
            from source_syfter.entrypoint import run_protocol

        run_protocol(argv)
    else:
        print(f"source-syfter: there is no command {command!r}\n\n{_USAGE}", end="", file=sys.stderr)
        sys.exit(2)


@contextlib.contextmanager
def _quick_import() -> Iterator[None]:
    """Takes a third off the import of the CDK (test_importing_the_cdk_reads_no_source).

    Its serializers look for descriptions of fields in the sources of their classes, which nobody uses, and parse whole modules
    for it. Where there is no source to be had, they do without.
    """
    hidden = [enum.__file__]
    for package in ("airbyte_protocol_dataclasses", "airbyte_cdk"):
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            hidden += map(str, Path(folder, "models").glob("*.py"))
    linecache.cache.update({path: (0, None, [], path) for path in hidden})
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        for path in hidden:
            linecache.cache.pop(path, None)
