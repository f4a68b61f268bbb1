"""The query parameter that asks for changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, Optional

from source_syfter.components.naming import snake_case
from source_syfter.conventions.edits import Assumption
from source_syfter.probing.instance import Instance
from source_syfter.probing.names import CHANGED, CHANGES
from source_syfter.settings import Settings
from source_syfter.timestamps import epoch_to_iso, parse, written

_FUTURE, _PAST = datetime(2100, 1, 1, tzinfo=timezone.utc), datetime(2000, 1, 1, tzinfo=timezone.utc)
_FORMS = ["iso8601", "iso8601_seconds", "date", "epoch_s", "epoch_ms"]
_SECOND = timedelta(seconds=1)

# Instants in the bundle: with an offset, because stock cursors do not turn local time into UTC.
_WITH_OFFSET = "%Y-%m-%dT%H:%M:%S.%f%z"
_START = "stream_interval['start_time']"
_AS_SENT = {
    "iso8601": f"format_datetime({_START}, '%Y-%m-%dT%H:%M:%S.%f')[:-3] ~ 'Z'",
    "iso8601_seconds": f"format_datetime({_START}, '%Y-%m-%dT%H:%M:%SZ')",
    "date": f"format_datetime({_START}, '%Y-%m-%d')",
    "epoch_s": f"timestamp({_START}) | int",
    "epoch_ms": f"(timestamp({_START}) * 1000) | round | int",
}


ASSUMED = [
    Assumption(
        "changes",
        "`updated_since`, inclusive, compared with `updated_at`; what comes anyway is filtered out",
        "A",
        "",
        ("conventions.updated_since_parameter", "conventions.updated_since_format"),
    ),
]


def tailor(definitions: dict[str, Any], settings: Settings) -> None:
    """Asks for changes where a parameter does that."""
    if settings["conventions"]["updated_since_parameter"]:
        definitions["requester"]["request_parameters"] |= definitions["updated_since_parameters"]


def bundle(definitions: dict[str, Any], settings: Settings) -> None:
    """The stock cursor, and the parameter beside it."""
    conventions = settings["conventions"]
    if conventions["updated_since_parameter"]:
        # Not sent before there is a state or a start date, as in the package.
        sent = f"{{{{ {_AS_SENT[conventions['updated_since_format']]} if {_START}[:10] > '1970-01-01' else '' }}}}"
        definitions["requester"]["request_parameters"][conventions["updated_since_parameter"]] = sent
    start = "format_datetime(config['start_date'], '%Y-%m-%dT%H:%M:%S.%f+0000')"
    start = f"{{{{ {start} if config.get('start_date') else '1970-01-01T00:00:00.000000+0000' }}}}"
    default, lookback = settings["lookback_window_minutes"], "config['lookback_window_minutes']"
    definitions["cursor"] |= {
        "datetime_format": _WITH_OFFSET,
        "start_datetime": {"type": "MinMaxDatetime", "datetime": start, "datetime_format": _WITH_OFFSET},
        "lookback_window": f"PT{{{{ {default} if config.get('lookback_window_minutes') is none else {lookback} }}}}M",
    }


def probe(instance: Instance) -> None:
    """Finds the parameter that asks for changes, and its form: the far future must give nothing, long ago something."""
    assumed, first = instance.conventions["updated_since_parameter"], instance.conventions["updated_since_format"]
    effect: Optional[bool] = False
    found, form = None, first
    names = list(dict.fromkeys([*filter(None, [assumed]), *instance.free(CHANGES)]))
    for form in dict.fromkeys([first, *(_FORMS if instance.conventions["updated_at_field"] else ())]):
        others = names
        if form == first and assumed:
            effect = _filters(instance, form, names[:1])
            found, others = (assumed if effect else None), names[1:]
        # What was refused alone wants another form, and would have all others refused.
        alone = [name for name in others if name in instance.refused_alone]
        found = found or next((name for name in alone if _filters(instance, form, [name])), None)
        others = [name for name in others if name not in alone]
        found = found or instance.bisect(others, partial(_filters, instance, form))
        if found or effect is None:
            break
    if found:
        instance.conventions["updated_since_format"] = form
        past = instance.records(instance.page({found: written(_PAST, form)}, 1))
        if past and not _misses_changes(instance, found):
            instance.conventions["updated_since_parameter"] = found
            instance.conclude("changed since", "updated_since_parameter", f'"{found}" gives changes only')
            if form != first:
                instance.conclude("form of that", "updated_since_format", form)
            return
    instance.conventions["updated_since_format"] = first
    text = f'"{found}" leaves out records that changed, or may' if found else "no parameter filters"
    if assumed and effect is not False:
        # Refused, or not to be trusted.
        instance.conventions["updated_since_parameter"] = ""
        text = text if found else "refused under every name"
    text += ": each sync asks for everything and keeps what is new"
    if instance.conventions["updated_since_parameter"] == assumed:
        instance.note("changed since", "note", text)
    else:
        instance.conclude("changed since", "updated_since_parameter", text)


def _filters(instance: Instance, form: str, names: Sequence[str]) -> Optional[bool]:
    records = instance.records(instance.page(dict.fromkeys(names, written(_FUTURE, form)), 1))
    return None if records is None else not records


def _misses_changes(instance: Instance, name: str) -> bool:
    """Whether `name` compares something else, such as the creation: what changed last must come, however old it is."""
    form, rows = instance.conventions["updated_since_format"], instance.largest_page or instance.sample
    names, asked_form = instance.names(instance.main), instance.conventions["timestamp_format"]
    unit = 1000 if asked_form == "epoch_s" else 1
    moments = []
    for row in rows:
        known = {name: epoch_to_iso(value, unit) for name, value in names.applied(row).items()}
        moments.append((parse(known.get("updated_at")), parse(known.get("created_at")), instance.key(row)))
    # Where nothing tells the creation, it may have been earlier.
    changes = [
        (changed, key) for changed, created, key in moments if changed and (not created or changed - created > 2 * _SECOND)
    ]
    if not changes:
        # Nothing shows it, but the name may.
        return not CHANGED.search(snake_case(name))
    changed, key = max(changes, key=lambda change: change[0])
    since = changed - _SECOND
    keys = instance.keys(instance.page({name: written(since, form)}, len(rows)))
    return keys is not None and key not in keys and len(keys) < len(rows)
