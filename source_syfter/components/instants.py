"""The timestamps of records: in one form, and in the form that the settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from source_syfter import problems
from source_syfter.timestamps import are_usual, epoch_number, is_plausible, is_usual, parse, to_iso

# Milliseconds in the number of each form; a number under `iso8601` is taken for milliseconds.
_UNITS = {"iso8601": 1, "epoch_ms": 1, "epoch_s": 1000}


class Instants:
    """Brings the fields `names` of records into UTC with milliseconds and `Z`; what is no instant stays as sent.

    `form`: `iso8601`, `epoch_ms` or `epoch_s`. `cursor_field`: its form is checked even where it is emitted as sent. Raises a
    config error for a number that is a moment in the other form of an epoch only.
    """

    def __init__(self, stream: str, names: Sequence[str], form: str, cursor_field: str) -> None:
        self._stream = stream
        self._names = names
        self._form = form
        self._unit = _UNITS[form]
        self._cursor_field = "" if cursor_field in names else cursor_field

    def applied(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """`records`, with those in their place that had to change."""
        found = list(records)
        for name in self._names:
            values = [record.get(name) for record in records]
            if are_usual([value for value in values if value is not None]):
                continue
            for place, value in enumerate(values):
                instant = value if value is None or is_usual(value) else self._instant(name, value)
                if instant is not value:
                    found[place] = {**found[place], name: instant}
        if self._cursor_field:
            for record in records:
                if not is_usual(value := record.get(self._cursor_field)):
                    self._instant(self._cursor_field, value)
        return found

    def _instant(self, name: str, value: Any) -> Any:
        # Digits in a text are a number where numbers are expected.
        number = None if self._form == "iso8601" and isinstance(value, str) else epoch_number(value)
        if number is None:
            moment = parse(value)
        else:
            moment, other = parse(number * self._unit), 1000 // self._unit
            if not is_plausible(moment) and is_plausible(parse(number * other)):
                form = "epoch_s" if other == 1000 else "epoch_ms"
                raise problems.OTHER_EPOCH(stream=self._stream, field=name, form=self._form, other=form)
            if moment and number and (moment.year < 1900 or moment.year in (1969, 1970)):
                # A year, a date in eight digits, a number of days, a zero date: whatever it counts, it stays as sent.
                return value
        return to_iso(moment) if moment else value
