"""One load: read what has changed since the last one, merge it into the destination, keep the connector's state with it.

A run is cut into packages. dlt commits the state in the same package as the rows, so the state is never ahead of the data, and a
run that is killed goes on at its last package. What was read after the last state message is read again next time, and merged
over itself. Nothing is kept on this machine.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.schema import Schema
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from syfter_dlt import warehouses
from syfter_dlt.columns import META, RAW_ID
from syfter_dlt.connector import Connector, Message
from syfter_dlt.packages import Keys, Package, Spool, packages
from syfter_dlt.tables import Table, Trouble
from syfter_dlt.warehouses import BridgeError, causes, said

SOURCE = "syfter"
STATE = "airbyte_state"
"""What the connector wants back, as JSON."""
KEY = "key"
"""The fields by which the rows are merged."""
TABLE = "table"
"""What has to be known of the table beside its columns: it is `empty`, or it is being made `anew`."""
BATCH = 500


@dataclass
class Loaded:
    """What one load did."""

    records: Counter[str] = field(default_factory=Counter)
    """Records read, by stream."""
    errors: list[str] = field(default_factory=list)
    """In the connector's words, or of values that did not fit; what could be loaded is loaded all the same."""
    warnings: list[str] = field(default_factory=list)


def load(
    config: Path,
    destination: str,
    *,
    dataset: str = "syfter",
    streams: list[str] | None = None,
    pipeline_name: str | None = None,
    pipelines_dir: str | None = None,
    full_refresh: bool = False,
    program: str | None = None,
    command: str = "syfter-dlt",
) -> Loaded:
    """Loads an instance into a dlt destination.

    config: the connector's configuration file. destination: its name in dlt, whose credentials come from dlt's own settings, for
    example the environment variable DESTINATION__SQLALCHEMY__CREDENTIALS. dataset: the schema, in MySQL the database.
    pipeline_name: what the state is kept under. pipelines_dir: where the working files go. full_refresh: forget the state, read
    everything again and make the tables anew. command: how messages call this program.
    Raises BridgeError, ConnectorError and dlt's DltException.
    """
    connector = Connector(config, program)
    known = connector.streams()
    if unknown := [name for name in streams or [] if name not in known]:
        raise BridgeError(f"No such stream: {', '.join(unknown)}. There are: {', '.join(known)}.")
    chosen = [known[name] for name in dict.fromkeys(streams or known)]
    name = pipeline_name or ("syfter" if destination == "sqlalchemy" else f"syfter_{destination.rpartition('.')[2]}")
    with warehouses.working_folder(pipelines_dir) as folder:
        pipeline = dlt.pipeline(name, pipelines_dir=folder, destination=warehouses.destination(destination), dataset_name=dataset)
        dialect = warehouses.dialect(pipeline)
        with warehouses.alone(pipeline, dialect):
            return _Run(connector, pipeline, dialect, command).load(chosen, full_refresh)


class _Run:
    """One load, the only one into its dataset."""

    def __init__(self, connector: Connector, pipeline: dlt.Pipeline, dialect: str, command: str) -> None:
        self._connector, self._pipeline, self._command = connector, pipeline, command
        self._limits = warehouses.limits(dialect)
        self._loaded = Loaded()
        self._tables: dict[str, Table] = {}
        self._refused: set[str] = set()
        """Streams that the destination did not take; what follows of them is left, so that their state stays behind."""
        self._synchronize()
        self._naming = self._pipeline.destination_client().schema.naming

    def load(self, streams: list[dict[str, Any]], full_refresh: bool) -> Loaded:
        """Loads these streams of the catalog."""
        anew, others = [], []
        for stream in streams:
            if self._naming.normalize_identifier(stream["name"]).startswith("_dlt_"):
                text = "was not read: dlt keeps tables of its own under such names. Give the collection another one."
                self._loaded.errors.append(f"{stream['name']} {text}")
            else:
                self._table(stream)
        streams = [stream for stream in streams if stream["name"] in self._tables]
        foreign = self._foreign()
        for stream in streams:
            table = self._tables[stream["name"]]
            if table.name in foreign:
                self._loaded.errors.append(
                    f"{table.stream} was not read: {self._pipeline.dataset_name} has a table {table.name} that syfter-dlt did not"
                    " make. Choose another --dataset."
                )
                continue
            if table.is_older:
                self._loaded.warnings.append(f"{table.stream}: an older version made its table, which is read and made anew.")
            if full_refresh or table.is_older or self._saved(table).get(TABLE) == "anew" or not (table.incremental or table.key):
                anew.append(stream)
            elif misfits := [*self._other_key(table), *table.misfits()]:
                self._loaded.errors.append(f"{table.stream} was not read: {'; '.join(misfits)}. {self._remedy(table)}")
            else:
                others.append(stream)
        if anew:
            self._make_anew(anew, full_refresh)
        if others:
            self._go_on(others)
        for table in self._tables.values():
            for trouble in table.trouble.values():
                self._tell(table, trouble)
        return self._loaded

    def _synchronize(self) -> None:
        """Takes state and tables from the destination, where alone they are kept."""
        self._pipeline.sync_destination()
        if SOURCE not in self._pipeline.schemas:  # no load has ended yet, or none of this pipeline
            with self._pipeline.destination_client() as client:
                stored = client.get_stored_schema(SOURCE) if isinstance(client, WithStateSync) else None
            if stored is not None:
                self._pipeline.schemas.save_schema(Schema.from_stored_schema(json.loads(stored.schema)))

    def _foreign(self) -> set[str]:
        """Tables of the dataset that have a stream's name and come from elsewhere."""
        new = [table.name for table in self._tables.values() if table.is_new]
        with self._pipeline.destination_client() as client:
            if not new or not isinstance(client, SqlJobClientBase) or not client.is_storage_initialized():
                return set()
            return {name for name, columns in client.get_storage_tables(new) if columns}

    def _table(self, stream: dict[str, Any]) -> None:
        name = self._naming.normalize_identifier(stream["name"])
        if clash := [other.stream for other in self._tables.values() if other.name == name]:
            raise BridgeError(f"The streams {clash[0]} and {stream['name']} would share the table {name}. Rename one of them.")
        known = self._pipeline.schemas[SOURCE].tables.get(name) if SOURCE in self._pipeline.schemas else None
        table = Table(stream, name, known, self._limits, self._naming.normalize_identifier)
        self._tables[table.stream] = table
        if known is not None and table.is_older:
            known["resource"] = table.stream  # what dlt drops it by
        if table.empty or self._saved(table).get(TABLE) == "empty":
            table.anew(exists=known is not None)

    def _saved(self, table: Table) -> dict[str, Any]:
        """What the destination keeps of a stream beside its rows."""
        sources = self._pipeline.state.get("sources") or {}
        return dict(sources.get(SOURCE, {}).get("resources", {}).get(table.stream) or {})

    def _other_key(self, table: Table) -> list[str]:
        """What is wrong with rows that were merged by another key: what is read now would stand beside them."""
        before = self._saved(table).get(KEY, table.key)
        if table.empty or before == table.key:
            return []
        return [f"its key was {', '.join(before) or 'none'} and is {', '.join(table.key) or 'none'} now"]

    # --- two ways to read -------------------------------------------------------------------------------------------------

    def _make_anew(self, streams: list[dict[str, Any]], full_refresh: bool) -> None:
        """Reads whole streams and puts them in the place of their tables: half a table must not replace a whole one."""
        tables = [self._tables[stream["name"]] for stream in streams]
        exist = {table.stream for table in tables if not table.is_new}
        for table in tables:
            table.anew(exists=False)
        with self._connector.read(streams, []) as messages:
            (package,) = self._packages(messages, whole=True)
        with closing(package):
            if package.errors:
                text = "Nothing was loaded, as a full refresh replaces tables and these could not be read: "
                if full_refresh:
                    raise BridgeError(text + " ".join(package.errors))
                self._loaded.errors.append(text + " ".join(package.errors))
                return
            # A run that is killed between dropping a table and loading it must not leave the old state behind.
            if marked := [table for table in tables if table.stream in exist and self._saved(table)]:
                self._load([_mark(table) for table in marked])
            self._deliver(package, tables, exist)

    def _go_on(self, streams: list[dict[str, Any]]) -> None:
        """Reads what has changed, package by package."""
        tables = [self._tables[stream["name"]] for stream in streams]
        saved = {table.stream: self._saved(table) for table in tables}
        before = {name: each[STATE] for name, each in saved.items() if isinstance(each.get(STATE), str)}
        with self._connector.read(streams, [json.loads(state) for state in before.values()]) as messages:
            for package in self._packages(messages, whole=False):
                with closing(package):
                    self._loaded.errors += package.errors
                    changed = [
                        table
                        for table in tables
                        if table.stream in package.spools
                        or package.states.get(table.stream) not in (None, before.get(table.stream))
                        or (package.is_last and table.is_new)
                    ]
                    drop = {table.stream for table in changed if saved[table.stream].get(TABLE) == "empty" and table.empty}
                    self._deliver(package, changed, drop & set(package.spools))

    def _packages(self, messages: Iterator[tuple[Message, bytes]], whole: bool) -> Iterator[Package]:
        keys: dict[str, Keys] = {}

        def spool_of(stream: str) -> Spool:
            table = self._tables[stream]
            return Spool(keys.setdefault(stream, Keys(stream, table.key)), table.cursor)

        for package in packages(messages, spool_of, lambda stream, data: self._tables[stream].see(data), whole):
            self._loaded.records += package.records
            yield package

    # --- what dlt loads ---------------------------------------------------------------------------------------------------

    def _deliver(self, package: Package, tables: list[Table], drop: set[str]) -> None:
        """Loads a package; if the destination refuses it, stream by stream, so that one does not hold up the others."""
        tables = [table for table in tables if table.stream not in self._refused]
        try:
            self._load_package(package, tables, drop)
        except PipelineStepFailed as error:
            if _is_lost_connection(error):
                raise
            self._begin_again()
            for table in tables:
                try:
                    if len(tables) == 1:
                        raise
                    self._load_package(package, [table], drop)
                except PipelineStepFailed as alone:
                    if _is_lost_connection(alone):
                        raise
                    self._refused.add(table.stream)
                    self._loaded.errors.append(f"{table.stream} was not loaded: {said(alone)}")
                    self._begin_again()

    def _load_package(self, package: Package, tables: list[Table], drop: set[str]) -> None:
        dropped: list[DltResource] = []
        kept: list[DltResource] = []
        for table in tables:
            spool = package.spools.get(table.stream)
            if spool or package.is_last:
                table.settle()
            (dropped if table.stream in drop else kept).append(_resource(table, spool, package.states.get(table.stream)))
        self._load(dropped, kept)
        for table in tables:
            table.is_new = table.is_new and table.stream not in package.spools and not package.is_last
            table.empty = table.empty and table.stream not in package.spools

    def _load(self, *groups: list[DltResource]) -> None:
        """One load; the tables of the first of two groups are dropped before."""
        for number, group in enumerate(groups):
            if group:
                drop = number == 0 and len(groups) == 2
                self._pipeline.extract(_syfter(group), refresh="drop_resources" if drop else None)
        self._pipeline.normalize()
        self._pipeline.load()

    def _begin_again(self) -> None:
        """Forgets a load that failed."""
        self._pipeline = self._pipeline.drop()
        self._synchronize()

    # --- what is told -----------------------------------------------------------------------------------------------------

    def _tell(self, table: Table, trouble: Trouble) -> None:
        others = f", and of {trouble.count - 1} more" if trouble.count > 1 else ""
        text = (
            f"{table.stream}: {trouble.name} of the record with {trouble.key}{others} {trouble.text}. {META} has what was sent."
        )
        if trouble.lost:
            self._loaded.errors.append(f"{text} {self._remedy(table)}")
        else:
            self._loaded.warnings.append(text)

    def _remedy(self, table: Table) -> str:
        return f"To make the table anew, for what the instance sends now: {self._command} --full-refresh --streams {table.stream}"


@dlt.source(name=SOURCE, max_table_nesting=0)
def _syfter(resources: list[DltResource]) -> list[DltResource]:
    return resources


def _resource(table: Table, spool: Spool | None, state: str | None) -> DltResource:
    """A stream for dlt: its rows, and the state that belongs to them."""

    def rows() -> Iterator[Any]:
        kept = dlt.current.resource_state()
        kept.pop(TABLE, None)
        if state is not None:
            kept[STATE] = state
        if table.incremental or table.key:  # the others are always made anew
            kept[KEY] = table.key
        if table.is_open:
            return
        if table.empty and spool is None:
            kept[TABLE] = "empty"
        yield dlt.mark.materialize_table_schema()
        if spool is not None:
            made = (table.row(key, message) for key, message in spool.records())
            while batch := list(islice(made, BATCH)):
                yield batch

    # Only one version of each key is in a package, so dlt need not look for others.
    merge: Any = {"disposition": "merge", "strategy": "delete-insert", "deduplicated": True}
    columns = {} if table.is_open else table.hints()
    return dlt.resource(
        rows,
        name=table.stream,
        table_name=table.name,
        write_disposition=merge,
        primary_key=RAW_ID,
        columns=columns,
        schema_contract={"data_type": "freeze"},  # else dlt would put what it cannot convert into columns of its own
    )


def _mark(table: Table) -> DltResource:
    """Says that a table is being made anew, and forgets its state."""

    def rows() -> Iterator[Any]:
        kept = dlt.current.resource_state()
        kept.clear()
        kept[TABLE] = "anew"
        yield from ()

    return dlt.resource(rows, name=table.stream)


def _is_lost_connection(error: BaseException) -> bool:
    return any(isinstance(cause, DestinationConnectionError) for cause in causes(error))
