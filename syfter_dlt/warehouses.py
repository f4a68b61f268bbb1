"""The destinations that the bridge knows by more than their name: the columns they have, and a lock for one dataset.

Every other destination of dlt works too, with dlt's own types.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dlt
import sqlalchemy as sa
from dlt.destinations.impl.duckdb.factory import DuckDbTypeMapper
from dlt.destinations.impl.postgres.factory import PostgresTypeMapper
from dlt.destinations.impl.sqlalchemy.configuration import SqlalchemyClientConfiguration
from dlt.destinations.impl.sqlalchemy.dialect import MysqlDialectCapabilities, register_dialect_capabilities
from dlt.destinations.impl.sqlalchemy.type_mapper import MysqlVariantTypeMapper
from sqlalchemy.dialects import mysql

from syfter_dlt.columns import AS_JSON, DECIMAL, DOUBLE, LONG_DECIMAL, Kind, Limits

LONGEST_WAIT = 3600
"""Seconds that a load waits for another one into the same dataset."""
_MYSQL = ("mysql", "mariadb")
_PREFIX = "syfter-dlt-"
_LOGIN = re.compile(r"(://)\S*(?=@)|(?i:(password=)[^\s&;]+)")


class BridgeError(Exception):
    """Something that the user can fix; the text says what."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, the first cause last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = getattr(seen, "exception", None) or seen.__cause__


def said(error: BaseException) -> str:
    """What the destination said, in one line: the rest of it may hold statements, and with them records."""
    *_, last = causes(error)
    text = getattr(last, "failed_message", None) or str(last) or type(last).__name__
    # Drivers repeat an address that they cannot read.
    return _LOGIN.sub(r"\1\2****", str(text)).strip().splitlines()[0][:300]


class _DuckDB(DuckDbTypeMapper):
    def to_destination_type(self, column: Any, table: Any) -> str:
        return "JSON" if column.get(AS_JSON) else str(super().to_destination_type(column, table))


class _Postgres(PostgresTypeMapper):
    def to_destination_type(self, column: Any, table: Any) -> str:
        if column.get(AS_JSON):
            return "jsonb"
        if column["data_type"] == "decimal" and column.get("precision") is None:
            return "numeric"
        return str(super().to_destination_type(column, table))


class _JsonAsText(sa.types.UserDefinedType[str]):
    """JSON that is handed over as text; SQLAlchemy's own type would write it once more."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


class _MySQL(MysqlVariantTypeMapper):
    def to_destination_type(self, column: Any, table: Any = None) -> Any:
        if column.get(AS_JSON):
            return _JsonAsText()
        if column["data_type"] == "text" and column.get("precision") is None and not column.get("unique"):
            return mysql.LONGTEXT()  # TEXT ends at 64 kB
        return super().to_destination_type(column, table)


class _MySQLDialect(MysqlDialectCapabilities):
    def type_mapper_class(self) -> type[_MySQL]:
        return _MySQL


for _backend in _MYSQL:
    register_dialect_capabilities(_backend, _MySQLDialect)


def destination(name: str) -> Any:
    """A destination by dlt's name of it, with the types that lose nothing."""
    if name == "duckdb":
        return dlt.destinations.duckdb(type_mapper=_DuckDB)
    if name == "postgres":
        return dlt.destinations.postgres(type_mapper=_Postgres)
    if name == "sqlalchemy":
        # MySQL compares each row with each where the key has no index.
        return dlt.destinations.sqlalchemy(create_unique_indexes=True)
    return name


def dialect(pipeline: dlt.Pipeline) -> str:
    """What the destination speaks: `duckdb`, `postgres`, `mysql`, ... Raises BridgeError for an address that cannot be used."""
    name = pipeline.destination.destination_name
    try:
        config: Any = pipeline.destination_client().config
        if "@" in (getattr(config.credentials, "host", None) or ""):
            # Drivers would take the rest of the password for the host, and name it.
            raise BridgeError(f"The credentials of {name} hold an @ that has to be written as %40, for example in the password.")
        if isinstance(config, SqlalchemyClientConfiguration):
            return str(config.get_backend_name())
    except sa.exc.SQLAlchemyError as error:
        raise BridgeError(f"{name} cannot be used: {said(error)}") from error
    return str(config.destination_type).rpartition(".")[2]


def limits(dialect: str) -> Limits:
    """What the columns of a destination hold."""
    if dialect == "duckdb":
        return Limits(numbers=(DECIMAL, LONG_DECIMAL), nul_in_json=True, raw_json=True)
    if dialect == "postgres":
        number = Kind("decimal")
        # A row has 8 kB, of which a value takes up to 24 bytes before it moves out.
        return Limits(numbers=(number,), columns=320, numbers_in_json=number, raw_json=True)
    if dialect in _MYSQL:
        return Limits(
            numbers=(DECIMAL, Kind("decimal", 65, 30)),
            nul=True,
            nul_in_json=True,
            first_year=1000,
            json_depth=31,
            columns=180,  # a row has 8 kB, and each text may take 40 bytes of it
            text_bytes=15 * 2**20,  # a packet has 16 MB
            raw_json=True,
        )
    return Limits(numbers=(DOUBLE,)) if dialect == "sqlite" else Limits()


# --- one load at a time ---------------------------------------------------------------------------------------------------


@contextmanager
def alone(pipeline: dlt.Pipeline, dialect: str) -> Iterator[None]:
    """The only load into the dataset while the block runs: two would empty each other's staging tables.

    DuckDB lets one process in, PostgreSQL, MySQL and MariaDB keep the lock for their session.
    """
    deadline = time.monotonic() + LONGEST_WAIT
    waiting = False
    while True:
        with ExitStack() as stack:
            if _locked(stack, pipeline, dialect):
                yield
                return
        if time.monotonic() > deadline:
            raise BridgeError(f"Another load into {pipeline.dataset_name} has not ended within an hour.")
        if not waiting:
            print(f"Another load into {pipeline.dataset_name} is running; waiting for its end.", file=sys.stderr)
            waiting = True
        time.sleep(1)


def _locked(stack: ExitStack, pipeline: dlt.Pipeline, dialect: str) -> bool:
    """Takes the lock until the stack is closed; False if another load has it."""
    if dialect not in ("duckdb", "postgres", *_MYSQL):
        return True
    client: Any = pipeline.sql_client()
    try:
        stack.enter_context(client)
    except Exception as error:  # each driver has its own
        if dialect == "duckdb" and "lock" in str(error).lower():
            return False
        raise BridgeError(f"{pipeline.destination.destination_name} cannot be reached: {said(error)}") from error
    name = hashlib.sha256(f"syfter-dlt {client.dataset_name}".encode()).digest()
    if dialect == "duckdb":
        catalog = client.execute_sql("select current_catalog()")[0][0]
        if catalog.lower() == client.dataset_name.lower():
            raise BridgeError(
                f"The DuckDB file and the dataset are both called {catalog}, and DuckDB cannot tell them apart."
                " Name the file or --dataset differently."
            )
        return True
    if dialect == "postgres":
        ask = f"select pg_try_advisory_lock({int.from_bytes(name[:8], 'big', signed=True)})"
    else:
        ask = f"select get_lock('{name.hex()}', 0)"
    if not client.execute_sql(ask)[0][0]:
        return False
    if dialect in _MYSQL:
        _make_unicode(client)
    return True


def _make_unicode(client: Any) -> None:
    """New tables hold every character, whatever the server's default."""
    known = dict(client.execute_sql("select schema_name, default_character_set_name from information_schema.schemata"))
    ((default,),) = client.execute_sql("select @@character_set_server")
    for database in (client.dataset_name, client.staging_dataset_name):
        if known.get(database, default) != "utf8mb4":
            command = "alter" if database in known else "create"
            client.execute_sql(f"{command} database {client.escape_column_name(database)} character set utf8mb4")


# --- working files --------------------------------------------------------------------------------------------------------


@contextmanager
def working_folder(parent: str | None) -> Iterator[str]:
    """A folder for dlt's files of one run, and the end of those that killed runs left.

    Nothing in it outlives the run: what counts, rows and state, is in the destination. Raises BridgeError if it cannot be made.
    """
    home = Path(parent or tempfile.gettempdir())
    with ExitStack() as stack:
        try:
            home.mkdir(parents=True, exist_ok=True)
            for left in home.glob(f"{_PREFIX}*"):
                with _held(left) as held:
                    if held:
                        shutil.rmtree(left, ignore_errors=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX, dir=home))
        except OSError as error:
            text = f"{home} cannot take working files: {error.strerror}. Choose another --pipelines-dir."
            raise BridgeError(text) from error
        stack.enter_context(_held(Path(folder)))
        yield folder


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether no other process holds the folder; if so, this one does while the block runs."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)
