"""The demo's command line. `make demo` runs it without options."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from demo import answers, instance, report
from demo.duckdb_sync import SCHEMA, StreamRead, Sync, load, row_counts, tables
from demo.screen import PhaseError, Screen
from syfter_dlt.connector import EXECUTABLE, Connector, ConnectorError

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "demo" / "output"
DATABASE = OUTPUT / "warehouse.duckdb"


def main(arguments: list[str] | None = None) -> int:
    """Runs the demo, a sync of a real instance (`--config`), or a query (`--sql`)."""
    options = parse(arguments)
    screen = Screen()
    try:
        if options.sql:
            show_query(screen, options.database, options.sql)
        elif options.config:
            sync_real_instance(screen, options)
        else:
            show_everything(screen, options)
    except (ConnectorError, PhaseError) as failure:
        screen.say(f"\n[red]{escape(str(failure))}[/red]")
        return 1
    except KeyboardInterrupt:
        screen.say("\nStopped.")
        return 130
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the options."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="From a Syfter instance to rows in a DuckDB file.")
    parser.add_argument("--version", action="version", version=f"demo {metadata.version('airbyte-source-syfter')}")
    parser.add_argument("--companies", type=int, default=200, help="size of the local instance (default 200)")
    parser.add_argument("--config", type=Path, help="read a real instance with this configuration, in place of the local one")
    parser.add_argument("--streams", help="with --config: only these, separated by commas")
    parser.add_argument(
        "--database", type=Path, help="the DuckDB file, and the report beside it (default warehouse.duckdb in --output)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for all else that is written (default demo/output)")
    parser.add_argument("--raw", action="store_true", help="leave out the transformation")
    parser.add_argument("--sql", help="run a query on the database and show the result")
    options = parser.parse_args(arguments)
    options.output = options.output.resolve()
    options.database = (options.database or options.output / DATABASE.name).resolve()
    return options


def show_everything(screen: Screen, options: argparse.Namespace) -> None:
    """The demo proper: a local instance, two reads with a day of changes between them, and the answers."""
    work = fresh(options)
    with ExitStack() as stack:
        with screen.phase("local instance") as phase:
            here = stack.enter_context(instance.started(options.companies))
            threading.Thread(target=load, args=[work], daemon=True).start()  # its seconds pass while the next phases run
            config = options.output / "config.json"
            config.write_text(json.dumps(here.config, indent=2) + "\n")
            phase.result = f"{here.url}, {options.companies} companies"
        sync = Sync(here.config, options.database, work)
        streams = check_and_discover(screen, config, sync)
        first = read(screen, "first read", sync, streams)
        rows = row_counts(options.database, streams)
        with screen.phase("a day passes") as phase:
            updated, created = here.apply_day()
            phase.result = f"on the instance: {updated} records changed, {created} new"
        second = read(screen, "second read", sync, streams)
    screen.say()
    screen.console.print(overview(streams, rows, first, second))
    next_steps(screen, options, answers_from(screen, options, sync.own_fields()))


def sync_real_instance(screen: Screen, options: argparse.Namespace) -> None:
    """One sync of the instance that a configuration names. The next one reads only what has changed since."""
    try:
        config: dict[str, Any] = json.loads(options.config.read_text())
    except (OSError, ValueError) as error:
        raise PhaseError(f"{options.config} cannot be read as JSON: {error}") from error
    options.output.mkdir(parents=True, exist_ok=True)
    sync = Sync(config, options.database, options.output / "airbyte")
    known = check_and_discover(screen, options.config, sync)
    streams = options.streams.split(",") if options.streams else known
    if unknown := set(streams) - set(known):
        raise PhaseError(f"--streams: {', '.join(sorted(unknown))} not known; there are {', '.join(known)}")
    result = read(screen, "read", sync, streams)
    screen.say()
    screen.console.print(overview(streams, row_counts(options.database, streams), result))
    company = answers_from(screen, options, sync.own_fields())
    screen.say("\nThe same command again reads only what has changed.")
    where_it_is(screen, options, company)


def fresh(options: argparse.Namespace) -> Path:
    """Removes what an earlier demo left, and nothing else. Returns the folder for the tools' own files."""
    options.output.mkdir(parents=True, exist_ok=True)
    work: Path = options.output / "airbyte"
    for folder in (work, options.output / "dbt"):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        if options.database.exists():
            duckdb.connect(str(options.database)).close()
        for suffix in ("", ".wal"):
            options.database.with_name(options.database.name + suffix).unlink(missing_ok=True)
    except duckdb.IOException as error:
        raise PhaseError(
            f"{shown(options.database)} is open in another program, and DuckDB lets one write at a time. "
            f"Close it and try again.\n({error})"
        ) from error
    return work


def check_and_discover(screen: Screen, config: Path, sync: Sync) -> list[str]:
    """The two commands that Airbyte runs before it reads anything."""
    with screen.phase("check") as phase:
        Connector(config, str(EXECUTABLE)).check()
        phase.result = "the instance answers and the key is good"
    with screen.phase("discover") as phase:
        phase.show("loading PyAirbyte")
        streams = sync.streams()
        own = sorted({name for names in sync.own_fields().values() for name in names})
        phase.result = f"{len(streams)} streams" + (f", and fields of this instance's own: {', '.join(own)}" if own else "")
    return streams


def read(screen: Screen, name: str, sync: Sync, streams: list[str]) -> dict[str, StreamRead]:
    """One read into the database."""
    with screen.phase(name) as phase:
        phase.show("starting the connector")
        result = sync.read(streams, phase.show)
        phase.result = f"{sum(stream.records for stream in result.values()):,} records, through PyAirbyte into DuckDB"
    return result


def overview(
    streams: list[str], rows: dict[str, int], first: dict[str, StreamRead], second: dict[str, StreamRead] | None = None
) -> Table:
    """What arrived."""
    headings = (
        ["rows after\nfirst read", "seconds", "read by\nsecond", "seconds"]
        if second
        else ["rows in\ntable", "read now", "seconds"]
    )
    result = Table("stream", box=SIMPLE)
    for heading in headings:
        result.add_column(heading, justify="right", no_wrap=True)
    result.columns[0].no_wrap = True
    for name in streams:
        figures = [f"{rows[name]:,}", f"{first[name].seconds:.2f}"]
        if second:
            figures += [f"{second[name].records:,}", f"{second[name].seconds:.2f}"]
        else:
            figures.insert(1, f"{first[name].records:,}")
        result.add_row(name, *figures)
    return result


def answers_from(screen: Screen, options: argparse.Namespace, own: Mapping[str, list[str]]) -> str | None:
    """The transformation step: which source to believe, for every figure; one company as an example, all in a report.

    `own`: the fields of this instance's own, by stream, which go along. Returns the number of that company, if there is one.
    """
    if options.raw:
        return None
    with screen.phase("dbt build") as phase:
        threading.Thread(target=report.vega, daemon=True).start()  # its seconds pass meanwhile
        phase.result = answers.build(options.database, options.output / "dbt", own, phase.show)
    if "company_financials" not in tables(options.database):
        return None
    with screen.phase("report") as phase:
        file = options.database.with_suffix(".report.html")
        phase.result = f"{report.write(options.database, file):,} companies: {shown(file)}"
    if found := answers.example(options.database):
        show_example(screen, found)
        return found.id
    return None


def show_example(screen: Screen, company: answers.Company) -> None:
    """One company: the rows that disagree, and the figures that the rules choose."""

    def amount(value: Any, currency: Any) -> str:
        return "" if value is None else f"{value:,.0f} {currency or ''}".strip()

    result = Table("year", "source", box=SIMPLE)
    result.add_column("revenue", justify="right")
    result.add_column("profit", justify="right")
    resolved = {row["year"]: row for row in company.resolved}
    for year in sorted({row["year"] for row in company.said})[-3:]:
        for row in company.said:
            if row["year"] == year:
                figures = (amount(row[column], row["currency"]) for column in ("revenue", "profit"))
                result.add_row(str(year), escape(row["source"] or "(none)"), *figures)
        chosen = resolved.get(year)
        if chosen:
            figures = (
                amount(chosen[column], chosen[f"{column}_currency"])
                + (f"\n({escape(chosen[f'{column}_source'])})" if chosen[f"{column}_source"] else "")
                for column in ("revenue", "profit")
            )
            result.add_row("", "believe", *figures, style="bold green", end_section=True)
    screen.say(f"\n[bold]{escape(company.name)}[/bold]: what the sources say, and what is to be believed")
    screen.console.print(result)


def next_steps(screen: Screen, options: argparse.Namespace, company: str | None) -> None:
    """What to do next, and where the answers are."""
    python = shown(Path(sys.executable), resolve=False)
    screen.say(f"Done in {screen.elapsed:.0f} s.")
    screen.say(
        "\n[bold]Read your own instance[/bold]: put its address and an API key (its administrators can make one) into a file:"
    )
    screen.say("  mkdir -p secrets && cp demo/config.example.json secrets/config.json     # then edit it")
    screen.say(f"  {python} -m demo --config secrets/config.json --database warehouse.duckdb")
    screen.say("\n[bold]Or in Airbyte[/bold]: `make image`, then add it as a custom connector; README.md shows how.")
    where_it_is(screen, options, company)


def where_it_is(screen: Screen, options: argparse.Namespace, company: str | None) -> None:
    """Where the data is, and a query that shows an answer."""
    database = escape(shown(options.database))
    if company is None:
        screen.say(f"\nThe data is in [bold]{database}[/bold], as it was read in the schema {SCHEMA}.")
        return
    screen.say(
        f"\n[bold]Ask for yourself[/bold], here or with any DuckDB client: {database} has the answers in the schema "
        f"[bold]{answers.MARTS}[/bold], and what was read in {SCHEMA}:"
    )
    elsewhere = "" if options.database == DATABASE else f" --database {shlex.quote(shown(options.database))}"
    query = (
        "SELECT year, round(revenue) AS revenue, revenue_currency, revenue_source, round(profit) AS profit, profit_source "  # noqa: S608
        f"FROM {answers.MARTS}.syfter__company_financials WHERE company_id = '{company}' ORDER BY year"
    )
    screen.say(f'  {shown(Path(sys.executable), resolve=False)} -m demo{escape(elsewhere)} --sql "{query}"')


def show_query(screen: Screen, database: Path, sql: str) -> None:
    """Runs a query on the database and shows the result as DuckDB does."""
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            screen.say(escape(str(connection.sql(sql))))
    except duckdb.Error as error:
        raise PhaseError(str(error)) from error


def shown(path: Path, resolve: bool = True) -> str:
    """The path as a person would type it here."""
    absolute = os.path.realpath(path) if resolve else os.path.abspath(path)
    relative = os.path.relpath(absolute)
    return absolute if relative.startswith("..") else relative


if __name__ == "__main__":
    sys.exit(main())
