"""The bridge's command line: `syfter-dlt --config config.json`, or `python -m syfter_dlt`."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from importlib.metadata import version
from pathlib import Path

try:
    from dlt.common.exceptions import DltException

    from syfter_dlt.bridge import load
    from syfter_dlt.connector import ConnectorError, say
    from syfter_dlt.warehouses import BridgeError, said
except ModuleNotFoundError as error:  # the connector's image and a plain installation have the command and not the extra
    if error.name != "dlt":
        raise
    sys.exit("syfter-dlt needs dlt. Install it in a checkout of source-syfter: pip install '.[dlt]'")


def main(arguments: list[str] | None = None) -> int:
    """0: everything is loaded. 1: something could not be read or written; what could is loaded."""
    parser = argparse.ArgumentParser(
        prog="syfter-dlt",
        description="Loads a Syfter instance into MySQL, MariaDB or another dlt destination; the next run loads the changes.",
        epilog="Credentials are dlt's own settings: export DESTINATION__SQLALCHEMY__CREDENTIALS=mysql+pymysql://user@host:3306/syfter",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('airbyte-source-syfter')}")
    parser.add_argument("--config", type=Path, required=True, help="the connector's configuration, as for source-syfter")
    parser.add_argument("--destination", default="sqlalchemy", help="dlt's name of it (default sqlalchemy: MySQL, MariaDB)")
    parser.add_argument("--dataset", default="syfter", help="schema, in MySQL the database, of the tables (default syfter)")
    parser.add_argument("--streams", help="only these, separated by commas")
    parser.add_argument("--full-refresh", action="store_true", help="read everything again and make the tables anew")
    parser.add_argument("--pipeline", help="name that the state is kept under (default syfter, or syfter_ and the destination)")
    parser.add_argument("--pipelines-dir", help="folder for working files, which end with the run (default: that of the system)")
    parser.add_argument("--connector", help="the source-syfter program, if it is not in this environment")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the connector and the working files, too
    sys.setrecursionlimit(10_000)  # records may be nested deeply
    try:
        loaded = load(
            options.config,
            options.destination,
            dataset=options.dataset,
            streams=[name.strip() for name in options.streams.split(",")] if options.streams else None,
            pipeline_name=options.pipeline,
            pipelines_dir=options.pipelines_dir,
            full_refresh=options.full_refresh,
            program=options.connector,
            command=_command(options),
        )
    except (BridgeError, ConnectorError) as error:
        say(str(error))
        return 1
    except DltException as error:
        say(f"The destination {options.destination} cannot be loaded: {said(error)}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    for stream, count in sorted(loaded.records.items()):
        print(f"{stream}: {count} records")
    if not loaded.records and not loaded.errors:
        print("Nothing has changed.")
    for message in [*loaded.warnings, *loaded.errors]:
        say(message)
    return 1 if loaded.errors else 0


def _command(options: argparse.Namespace) -> str:
    """This command again, without what a message adds."""
    given = [("--config", str(options.config)), ("--destination", options.destination), ("--dataset", options.dataset)]
    given += [(name, value) for name, value in (("--pipeline", options.pipeline), ("--connector", options.connector)) if value]
    return shlex.join(["syfter-dlt", *(part for pair in given for part in pair)])


if __name__ == "__main__":
    sys.exit(main())
