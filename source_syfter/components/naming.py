"""The names that the fields of a record get: lifted out of an inner object, renamed, and brought into snake_case."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

Record = dict[str, Any]


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """`name` in snake_case: companyId, CompanyId, company-id and Company Id become company_id, HTMLBody html_body."""
    joined = re.sub(r"[\s-]+", "_", name.strip())
    # By what stands around a place, in time that grows with the length only: a name may be as long as an instance likes.
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", joined).lower()


def singular(name: str) -> str:
    """The name of a collection for one of its records: company_overviews, companies become company_overview, company."""
    return re.sub(r"s$", "", re.sub(r"ies$", "y", name))


def lifted(record: Mapping[str, Any], path: Iterable[str]) -> Record:
    """`record` with the fields of the object at `path` beside its own, and without that object.

    On a clash the outer field keeps its name and the inner one gets the last key of `path` in front. Where nothing is to be
    lifted, or that name is taken, too, the record stays as it is.
    """
    first, *rest = path
    inner = record.get(first)
    outer = {name: value for name, value in record.items() if name != first}
    if not isinstance(inner, dict) or not inner:
        return dict(record)
    if rest:
        below = lifted(inner, rest)
        if len(below) == len(inner) and below == inner:
            return dict(record)
        inner, first = below, rest[-1]
    lifted_names = {name: f"{first}_{name}" if name in outer else name for name in inner}
    if len({*outer, *lifted_names.values()}) < len(outer) + len(inner):
        return dict(record)
    return {**outer, **{lifted_names[name]: value for name, value in inner.items()}}


# Postgres cuts a name after these many letters, and others do so somewhat later.
_LONGEST_COLUMN = 63


def own_columns(names: Iterable[str]) -> dict[str, str]:
    """The fields among `names` that have no column of their own everywhere, each with a name that does.

    Many destinations write columns in small letters and put an underline for what is neither a letter of ASCII nor a digit; what
    is then the same shares a column, and a name of underlines alone, or a long one, is refused or cut.
    """
    known = list(dict.fromkeys(names))
    # A field that is called as its column keeps the name.
    taken = {name for name in known if _column(name) == name and len(name) <= _LONGEST_COLUMN}
    found: dict[str, str] = {}
    for name in sorted(known):
        column = _column(name)
        if name in taken or (column.strip("_") and column not in taken and len(column) <= _LONGEST_COLUMN):
            taken.add(column)
            continue
        digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        start = column[: _LONGEST_COLUMN - 9].strip("_") or "field"
        new = f"{start}_2" if start == column else f"{start}_{digest}"
        found[name] = new if new not in taken else f"{start}_{digest}"
        taken.add(found[name])
    return found


def _column(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def _numbered(name: str) -> str:
    found = re.fullmatch(r"(.*)_([2-9])", name)
    return f"{found[1]}_{int(found[2]) + 1}" if found else f"{name}_2"


class FieldNames:
    """Renames the fields of records: first `renames`, by the name as sent, then all others into snake_case if `snake`."""

    def __init__(self, renames: Mapping[str, str], snake: bool) -> None:
        self.renames = dict(renames)
        self._snake = snake
        # Records of a list have mostly the same fields.
        self._without_clashes = lru_cache(maxsize=256)(self._settled)

    def __bool__(self) -> bool:
        return self._snake or bool(self.renames)

    def of(self, name: str) -> str:
        """The name that a field gets, clashes aside."""
        return self.renames.get(name) or (snake_case(name) if self._snake else name)

    def applied(self, record: Mapping[str, Any]) -> Record:
        """`record` under its new names. Of two fields for one name, the one that has it keeps it; the other stays as sent.

        A field whose name a renamed one takes gets a number behind its own: no value is lost.
        """
        result = {self.of(name): value for name, value in record.items()}
        if len(result) == len(record):
            return result
        return dict(zip(self._without_clashes(tuple(record)), record.values(), strict=True))

    def _settled(self, sent: tuple[str, ...]) -> tuple[str, ...]:
        """The names that fields get some of which want the same one."""
        # First what was given a name, then what has it, then by name, so that all records of a page agree.
        names = sorted(sent, key=lambda name: (name not in self.renames, self.of(name) != name, name.swapcase()))
        wanted, new = {self.of(name) for name in names}, dict[str, str]()
        for name in names:
            found = self.of(name)
            if found in new.values():
                found = name
            while found in new.values() or (found in wanted and found != self.of(name)):
                found = _numbered(found)
            new[name] = found
        return tuple(new[name] for name in sent)
