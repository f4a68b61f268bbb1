"""Writes expected_records.jsonl and future_state.json from what the connector reads off the sandbox. Run it after a change.

.venv/bin/python integration_tests/cat/make_files.py
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox import COLLECTIONS, Sandbox, running
from testing import processes

HERE = Path(__file__).resolve().parent
FUTURE = "2999-12-31T23:59:59.999Z"

Messages = list[dict[str, Any]]


def run(box: Sandbox, command: str, config: dict[str, Any], state: list[dict[str, Any]] | None = None) -> Messages:
    """Runs one command of the connector against the sandbox, all streams incremental."""
    files: dict[str, Any] = {"config": {**config, "host": box.url}}
    if command == "read":
        files |= {"catalog": processes.catalog_of(COLLECTIONS), **({"state": state} if state else {})}
    with tempfile.TemporaryDirectory() as folder:
        done = processes.run(Path(folder), command, **files)
    if done.status:
        raise RuntimeError(done.out[-2000:])
    return done.messages


def records(messages: Messages) -> dict[str, Messages]:
    """The records of each stream, ascending by id."""
    found: dict[str, Messages] = {name: [] for name in COLLECTIONS}
    for message in messages:
        if message["type"] == "RECORD":
            found[message["record"]["stream"]].append(message["record"]["data"])
    return {name: sorted(rows, key=lambda row: row["id"]) for name, rows in found.items()}


def states(messages: Messages) -> list[dict[str, Any]]:
    """The last state of each stream, as the next read takes it."""
    last = {m["state"]["stream"]["stream_descriptor"]["name"]: m["state"] for m in messages if m["type"] == "STATE"}
    return [{"type": "STREAM", "stream": last[name]["stream"]} for name in sorted(last)]


def fields(row: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Names of all fields that have a value, those in objects with a dotted name."""
    for name, value in row.items():
        if value is not None and value != []:
            yield prefix + name
            if isinstance(value, dict):
                yield from fields(value, f"{prefix}{name}.")


def expected_records(found: dict[str, Messages]) -> str:
    """The first records of each stream that between them have a value in every field."""
    lines = []
    for name, rows in found.items():
        seen: set[str] = set()
        for row in rows:
            if not seen >= set(fields(row)):
                seen.update(fields(row))
                lines.append(json.dumps({"stream": name, "data": row, "emitted_at": 0}, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def future_state(found: list[dict[str, Any]]) -> str:
    """The states of a read, with cursors that nothing can be newer than."""
    moved = json.loads(json.dumps(found))
    for state in moved:
        state["stream"]["stream_state"] = dict.fromkeys(state["stream"]["stream_state"], FUTURE)
    return json.dumps(moved, indent=2) + "\n"


def main() -> None:
    """Writes both files."""
    with running() as box:
        messages = run(box, "read", json.loads((HERE / "config.json").read_text()))
    (HERE / "expected_records.jsonl").write_text(expected_records(records(messages)), encoding="utf-8")
    (HERE / "future_state.json").write_text(future_state(states(messages)))


if __name__ == "__main__":
    main()
