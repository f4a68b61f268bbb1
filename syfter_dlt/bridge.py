"""One load: read what has changed since the last one, merge it into the destination, keep the connector's state with it.

dlt commits its state in the same load package as the rows, so the state can never be ahead of the data. Whatever was read after
the last state message is read again next time, and merged over itself.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource

from syfter_dlt.connector import Connector, Message, error_in

STATE = "airbyte_state"
# What Airbyte's own destinations add; the dbt package sorts versions and measures freshness by it.
LOADER_COLUMNS: dict[str, Any] = {
    "_airbyte_raw_id": {"data_type": "text", "nullable": True},
    "_airbyte_extracted_at": {"data_type": "timestamp", "nullable": True},
    "_airbyte_meta": {"data_type": "json", "nullable": True},
}
TYPES = {"integer": "bigint", "number": "decimal", "boolean": "bool", "string": "text", "array": "json", "object": "json"}


class BridgeError(Exception):
    """Something that the user can fix; the text says what."""


@dataclass
class Loaded:
    """What one load did."""

    records: Counter[str] = field(default_factory=Counter)
    """Records read, by stream."""
    errors: list[str] = field(default_factory=list)
    """In the connector's words; the streams without an error are loaded all the same."""


def load(
    config: Path,
    destination: str,
    *,
    dataset: str = "syfter",
    streams: list[str] | None = None,
    pipeline_name: str = "syfter",
    pipelines_dir: str | None = None,
    full_refresh: bool = False,
    program: str | None = None,
) -> Loaded:
    """Loads an instance into a dlt destination.

    config: the connector's configuration file. destination: its name in dlt, whose credentials come from dlt's own settings, for
    example the environment variable DESTINATION__SQLALCHEMY__CREDENTIALS. dataset: the schema, in MySQL the database.
    full_refresh: forget the state and read everything again; rows that are gone from the instance are removed.
    """
    connector = Connector(config, program)
    known = connector.streams()
    if unknown := [name for name in streams or [] if name not in known]:
        raise BridgeError(f"No such stream: {', '.join(unknown)}. There are: {', '.join(known)}.")
    chosen = [known[name] for name in dict.fromkeys(streams or known)]
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    folder: Any = pipelines_dir  # None is dlt's own folder, whatever its annotation says
    pipeline = dlt.pipeline(pipeline_name, pipelines_dir=folder, destination=destination, dataset_name=dataset)
    pipeline.sync_destination()  # on a machine that has not loaded before, the state comes from the destination
    if pipeline.has_pending_data:  # what an interrupted load left is whole: it goes first
        pipeline.normalize()
        pipeline.load()
    loaded = Loaded()
    pipeline.extract(_syfter(connector, chosen, loaded, full_refresh))
    if full_refresh and loaded.errors:
        # Half of a table must not replace the whole of it.
        pipeline.drop_pending_packages()
        raise BridgeError(
            "Nothing was loaded, as a full refresh replaces tables and these could not be read: " + " ".join(loaded.errors)
        )
    pipeline.normalize()
    pipeline.load()
    return loaded


@dlt.source(name="syfter", max_table_nesting=0)
def _syfter(connector: Connector, streams: list[dict[str, Any]], loaded: Loaded, full_refresh: bool) -> DltResource:
    """All streams as one resource: one run of the connector, which reads several of them at a time."""

    @dlt.resource(name="airbyte")
    def airbyte() -> Iterator[Any]:
        state: dict[str, Any] = dlt.current.resource_state().setdefault(STATE, {})
        for stream in streams:
            if full_refresh:
                state.pop(stream["name"], None)
            hints = _hints(stream, full_refresh)
            yield dlt.mark.with_hints(dlt.mark.materialize_table_schema(), hints, create_table_variant=True)
        before = [state[stream["name"]] for stream in streams if stream["name"] in state]
        rows = {stream["name"]: _Row(stream) for stream in streams}
        with connector.read(streams, before) as messages:
            for message in messages:
                if message["type"] == "RECORD":
                    record = message["record"]
                    loaded.records[record["stream"]] += 1
                    yield dlt.mark.with_table_name(rows[record["stream"]].of(record), record["stream"])
                elif message["type"] == "STATE":
                    _keep(state, message)
                elif error := error_in(message):
                    loaded.errors.append(error)

    return airbyte


def _keep(state: dict[str, Any], message: Message) -> None:
    """Keeps the latest state of each stream, in the form in which the connector wants it back."""
    content = message["state"]
    stream = content["stream"]
    state[stream["stream_descriptor"]["name"]] = {"type": content["type"], "stream": stream}


def _hints(stream: dict[str, Any], full_refresh: bool) -> Any:
    """The stream's table: its columns all of them, typed by the schema and not by what happens to come first."""
    columns: dict[str, Any] = {name: _column(schema) for name, schema in stream["json_schema"]["properties"].items()}
    cursor = (stream.get("default_cursor_field") or [None])[0]
    if cursor in columns:
        columns[cursor]["dedup_sort"] = "desc"
    keys = [path[0] for path in stream.get("source_defined_primary_key") or []]
    return dlt.mark.make_hints(
        table_name=stream["name"],
        write_disposition="replace" if full_refresh else "merge" if keys else "append",
        primary_key=keys or None,
        columns={**columns, **LOADER_COLUMNS},
    )


def _column(schema: dict[str, Any]) -> dict[str, Any]:
    types = _types(schema)
    if len(types) != 1:
        return {"data_type": "text", "nullable": True}
    if types == ["string"] and schema.get("format") == "date-time":
        return {"data_type": "timestamp", "nullable": True}
    if types == ["number"]:
        return {"data_type": "decimal", "precision": 38, "scale": 9, "nullable": True}
    return {"data_type": TYPES[types[0]], "nullable": True}


def _types(schema: dict[str, Any]) -> list[str]:
    declared = schema.get("type", [])
    return [name for name in ([declared] if isinstance(declared, str) else declared) if name != "null"]


class _Row:
    """Makes rows of one stream's records."""

    def __init__(self, stream: dict[str, Any]) -> None:
        fields = stream["json_schema"]["properties"].items()
        self._numbers = [name for name, schema in fields if _types(schema) == ["number"]]
        self._multi_typed = [name for name, schema in fields if len(_types(schema)) != 1]

    def of(self, record: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = record["data"]
        for name in self._numbers:
            if isinstance(row.get(name), float):
                row[name] = Decimal(repr(row[name]))  # as it was written: 0.1 and not the binary number next to it
        for name in self._multi_typed:
            if row.get(name) is not None and not isinstance(row[name], str):
                row[name] = json.dumps(row[name])  # text stays text, and the rest is its JSON form
        row["_airbyte_raw_id"] = str(uuid.uuid4())
        row["_airbyte_extracted_at"] = datetime.fromtimestamp(record["emitted_at"] / 1000, timezone.utc)
        row["_airbyte_meta"] = {}
        return row
