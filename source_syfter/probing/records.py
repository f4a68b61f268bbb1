"""What the records look like: where they lie, their key, their timestamps, and how changes are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Optional

from source_syfter.conventions import TIMESTAMPS
from source_syfter.probing import bodies, guesses
from source_syfter.probing.asking import Answer
from source_syfter.probing.known import FEW, Known
from source_syfter.timestamps import parse, to_iso

_FUTURE = {"iso8601": "2100-01-01T00:00:00.000Z", "epoch_ms": "4102444800000"}
_PAST = {"iso8601": "2000-01-01T00:00:00.000Z", "epoch_ms": "946684800000"}
_SECOND = timedelta(seconds=1)


def find_records(known: Known) -> None:
    """Chooses the collection to look at: the first with a few records."""
    best: tuple[int, str, Answer, str] = (-1, "", Answer(0, False, None, ""), "")
    unknown = ""
    for name in known.paths:
        answer = known.first(name)
        path = bodies.envelope(answer.body, known.now["records_path"]) if answer.ok else None
        if answer.ok and path is None:
            unknown = name
        count = len(bodies.at(answer.body, path)) if path is not None else 0
        if path is not None and count > best[0]:
            best = (count, name, answer, path)
        if count >= FEW:
            break
    count, known.main, answer, path = best
    # An empty array says something only where it is not in its place.
    if count > 0 or (count == 0 and path != known.now["records_path"]):
        known.now["records_path"] = path
        known.settle("records", "records_path", f'under "{path}"' if path else "the body itself is the array")
    if count > 0:
        known.look_at(answer)
    elif unknown:
        known.add("records", "fault", f"no array of records in the answer for {unknown}, at any place that a setting can name")
    elif any(known.first(name).ok for name in known.paths):
        known.add("records", "unknown", "no collection holds a record that may be read, so nothing more can be found out")


def find_id(known: Known) -> None:
    """Finds the field that tells records apart."""
    for name in dict.fromkeys([known.now["id_field"], *guesses.IDS]):
        values = [record.get(name) for record in known.base]
        if all(type(value) in (int, str) for value in values) and len(set(values)) == len(values):
            known.now["id_field"] = name
            is_text = any(isinstance(value, str) for value in values)
            known.settle("key of a record", "id_field", f'"{name}", {"text" if is_text else "a number"}')
            if is_text:
                text = "text, where the schema says integer: a destination with typed columns may leave it empty or refuse it"
                known.add("key of a record", "note", text)
            return
    known.add(
        "key of a record",
        "fault",
        "no field of the records is a key; set conventions.id_field to its name",
        "conventions.id_field",
    )


def find_timestamps(known: Known) -> None:
    """Finds the form of timestamps."""
    values = [record[name] for record in known.base for name in TIMESTAMPS if record.get(name) is not None]
    form, text = bodies.timestamp_form(values)
    if form in ("iso8601", "epoch_ms"):
        known.now["timestamp_format"] = form
        known.settle("timestamps", "timestamp_format", text)
    elif values:
        known.add("timestamps", "fault", f"{text}, which the connector cannot read")
    if not any(record.get("updated_at") for record in known.base):
        known.add("timestamps", "note", "no updated_at in the records: each sync reads everything again")


def find_since(known: Known) -> None:
    """Finds the parameter that asks for changes: a moment in the future must give nothing, one long ago something."""
    form = known.now["timestamp_format"]

    def filters(names: Sequence[str]) -> Optional[bool]:
        records = known.records(known.page(dict.fromkeys(names, _FUTURE[form]), 1))
        return None if records is None else not records

    assumed = known.now["updated_since_parameter"]
    effect = filters([assumed]) if assumed else False
    found = assumed if effect else known.effective([name for name in guesses.SINCES if name != assumed], filters)
    if found and known.records(known.page({found: _PAST[form]}, 1)) and not _misses_changes(known, found):
        known.now["updated_since_parameter"] = found
        known.settle("changed since", "updated_since_parameter", f'"{found}" gives changes only')
        return
    text = f'"{found}" leaves out records that changed' if found else "no parameter filters"
    if assumed and effect is not False:
        # Refused, or not to be trusted.
        known.now["updated_since_parameter"] = ""
        text = text if found else "refused under every name"
    text += ": each sync asks for everything and keeps what is new"
    if known.now["updated_since_parameter"] == assumed:
        known.add("changed since", "note", text)
    else:
        known.settle("changed since", "updated_since_parameter", text)


def _misses_changes(known: Known, name: str) -> bool:
    """Whether `name` compares something else, such as the creation: what changed last must come, however old it is."""
    form, rows = known.now["timestamp_format"], known.wide or known.base
    moments = [(parse(row.get("updated_at")), parse(row.get("created_at")), known.key(row)) for row in rows]
    changes = [(changed, key) for changed, created, key in moments if changed and created and changed - created > 2 * _SECOND]
    if not changes:
        return False
    changed, key = max(changes, key=lambda change: change[0])
    since = changed - _SECOND
    asked = to_iso(since) if form == "iso8601" else str(round(since.timestamp() * 1000))
    keys = known.keys(known.page({name: asked}, len(rows)))
    return keys is not None and key not in keys and len(keys) < len(rows)
