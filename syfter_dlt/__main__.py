"""The bridge's command line: `syfter-dlt --config config.json`, or `python -m syfter_dlt`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    from dlt.common.exceptions import DltException

    from syfter_dlt.bridge import BridgeError, load
    from syfter_dlt.connector import ConnectorError
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
    parser.add_argument("--config", type=Path, required=True, help="the connector's configuration, as for source-syfter")
    parser.add_argument("--destination", default="sqlalchemy", help="dlt's name of it (default sqlalchemy: MySQL, MariaDB)")
    parser.add_argument("--dataset", default="syfter", help="schema, in MySQL the database, of the tables (default syfter)")
    parser.add_argument("--streams", help="only these, separated by commas")
    parser.add_argument("--full-refresh", action="store_true", help="read everything again and replace the tables")
    parser.add_argument("--pipeline", default="syfter", help="name that dlt keeps the state under (default syfter)")
    parser.add_argument("--pipelines-dir", help="folder for dlt's working files (default: dlt's own, in the home folder)")
    parser.add_argument("--connector", help="the source-syfter program, if it is not in this environment")
    options = parser.parse_args(arguments)
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
        )
    except (BridgeError, ConnectorError, DltException) as error:
        print(error, file=sys.stderr)
        return 1
    for stream, count in sorted(loaded.records.items()):
        print(f"{stream}: {count} records")
    if not loaded.records and not loaded.errors:
        print("Nothing has changed.")
    for message in loaded.errors:
        print(message, file=sys.stderr)
    return 1 if loaded.errors else 0


if __name__ == "__main__":
    sys.exit(main())
