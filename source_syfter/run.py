"""The entrypoint: argv in, Airbyte messages out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sequence, TypeVar

import orjson
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER, init_logger
from airbyte_cdk.models import ConnectorSpecification

from source_syfter.diagnosis import config_error
from source_syfter.source import SourceSyfter

T = TypeVar("T")


class Entrypoint(AirbyteEntrypoint):
    """The CDK's entrypoint, without its validation of the config: the source's own names the field that is wrong."""

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        """Nothing to do: `SourceSyfter` has checked the config."""


def run(args: Optional[Sequence[str]] = None) -> None:
    """Runs one command of the Airbyte protocol; `args`: the command line without the program, by default that of the process.

    Errors end the process with status 1 and a TRACE message.
    """
    # Before the first file is read: a bad catalog is an error message, not a traceback.
    init_uncaught_exception_handler(init_logger("airbyte"))
    parsed = AirbyteEntrypoint.parse_args(list(sys.argv[1:] if args is None else args))
    source = SourceSyfter(
        config=_load(_config, getattr(parsed, "config", None), "--config", "a configuration"),
        catalog=_load(SourceSyfter.read_catalog, getattr(parsed, "catalog", None), "--catalog", "a configured catalog"),
        state=_load(SourceSyfter.read_state, getattr(parsed, "state", None), "--state", "a list of state messages"),
    )
    # As the CDK's `launch`: one write per line, in blocks.
    with PRINT_BUFFER:
        for message in Entrypoint(source).run(parsed):
            print(f"{message}\n", end="")


def _config(path: str) -> Mapping[str, Any]:
    config = orjson.loads(Path(path).read_bytes())
    if not isinstance(config, dict):
        raise ValueError("not an object")
    return config


def _load(read: Callable[[str], T], path: Optional[str], option: str, what: str) -> Optional[T]:
    if path is None:
        return None
    try:
        return read(path)
    except OSError as error:
        raise config_error(f"{option}: {path} cannot be read: {error.strerror}. [unreadable-file]") from None
    except Exception:
        # The serializers raise errors of many kinds, which may quote the file; it may hold secrets.
        raise config_error(f"{option}: {path} does not hold {what} as JSON. [unreadable-file]") from None
