"""Names as other APIs write them: collections in paths and envelopes, fields in records."""

from __future__ import annotations

import re
from collections.abc import Callable

_SINGULAR = {
    "companies": "company",
    "overviews": "overview",
    "financials": "financial",
    "employees": "employee",
    "articles": "article",
    "definitions": "definition",
    "values": "value",
    "priorities": "priority",
    "preferences": "preference",
}

CASES: dict[str, Callable[[list[str]], str]] = {
    "snake": "_".join,
    "kebab": "-".join,
    "space": lambda words: " ".join(word.capitalize() for word in words),
    "camel": lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    "pascal": lambda words: "".join(word.capitalize() for word in words),
}
"""How words become a name."""


def words(name: str) -> list[str]:
    """The words of a snake_case or kebab-case name."""
    return re.split(r"[_-]", name)


def singular(name: str) -> str:
    """A collection's name for one of its records, in snake_case."""
    *first, last = words(name)
    return "_".join([*first, _SINGULAR.get(last, last)])


def written(name: str, case: str) -> str:
    """A snake_case name in another case."""
    return CASES[case](words(name))
