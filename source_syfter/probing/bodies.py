"""Finds its way in the answers of an instance that nobody has described. Pure functions, no names of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Optional
from urllib.parse import urlsplit

from source_syfter.timestamps import parse

# The usual names, likeliest first.
_ENVELOPES = ["data", "items", "results", "records", "docs", "rows", "entries", "content", "hits", "values", "result", "list"]
_TOTALS = ["total", "total_count", "totalCount", "total_records", "totalRecords", "totalElements", "total_items", "totalItems"]
_TOKEN_WORDS = ("next", "cursor", "after", "token", "continuation", "scroll")
_TOKEN_PLACES = ("next_cursor", "nextCursor", "cursor", "next", "next_page_token", "nextPageToken", "next_token", "after")


def escaped(path: Iterable[str]) -> list[str]:
    r"""The keys of a path with a dot within a key written `\.`, as settings want it."""
    return [step.replace(".", "\\.") for step in path]


def objects(body: Any, records_path: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The objects of an envelope with their paths, outermost first; not the records, and nothing that a setting cannot name."""
    if not isinstance(body, dict) or len(path) > 3 or (path and ".".join(escaped(path)) == records_path):
        return
    yield path, body
    for name, value in body.items():
        if not set(name) & set("{}"):
            yield from objects(value, records_path, (*path, name))


def envelope(body: Any, assumed: str) -> Optional[str]:
    """The dotted path of the records in `body`, None if there is no array of objects."""
    if isinstance(body, list):
        return "" if all(isinstance(each, dict) for each in body) else None
    found = [
        (".".join(escaped([*path, name])), value)
        for path, holder in objects(body, "")
        for name, value in holder.items()
        if isinstance(value, list) and all(isinstance(each, dict) for each in value) and not set(name) & set("{}")
    ]
    likeliest = sorted(
        found, key=lambda each: (not each[1], each[0] != assumed, _rank(each[0].rpartition(".")[2], _ENVELOPES), -len(each[1]))
    )
    return likeliest[0][0] if likeliest else None


def _rank(name: str, known: Sequence[str]) -> int:
    return list(known).index(name) if name in known else len(known)


def described(document: Any, collections: Sequence[str]) -> list[str]:
    """The path prefixes that an OpenAPI or Swagger `document` gives for `collections`, most frequent first."""
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return []
    base = document.get("basePath")
    with suppress(AttributeError, LookupError, TypeError, ValueError):
        base = base or urlsplit(document["servers"][0]["url"]).path
    base = base.strip("/") if isinstance(base, str) else ""
    prefixes = [
        f"{base}/{path[: -len(name)].strip('/')}".strip("/")
        for path in document["paths"]
        for name in collections
        if isinstance(path, str) and path.endswith(f"/{name}")
    ]
    return sorted(set(prefixes), key=lambda prefix: -prefixes.count(prefix))


def timestamp_form(values: Sequence[Any]) -> tuple[str, str]:
    """The `timestamp_format` of `values`, and in words; an empty format if they have none that the connector reads."""
    if not values:
        return "", "none found"
    numbers = [float(value) for value in values if type(value) in (int, float) or (isinstance(value, str) and value.isdecimal())]
    if len(numbers) == len(values):
        # In seconds, today is a number below 10^10; in milliseconds that was April 1970.
        if all(number > 10**10 for number in numbers):
            return "epoch_ms", "epoch milliseconds"
        return ("epoch_s", "epoch seconds") if all(number > 10**8 for number in numbers) else ("", "numbers")
    texts = [value for value in values if isinstance(value, str) and parse(value)]
    if len(texts) < len(values):
        return "", "a form of their own"
    if all(text.endswith(("Z", "+00:00")) for text in texts):
        return "iso8601", "ISO 8601"
    offsets = all(re.search(r"([Zz]|[+-]\d\d:?\d\d|[+-]\d\d)$", text[10:]) for text in texts)
    return "iso8601", f"ISO 8601, {'with an offset' if offsets else 'without an offset, taken for UTC'}"


def total(body: Any, records_path: str, least: int) -> Optional[int]:
    """How many records the list has, if `body` says it in so many words; not fewer than `least`, which it holds."""
    for _, holder in objects(body, records_path):
        for name in _TOTALS:
            if type(holder.get(name)) is int and holder[name] >= least:
                return int(holder[name])
    return None


def is_address(value: Any) -> bool:
    """Whether a token is the address of a page: complete, from the root, or its query."""
    return isinstance(value, str) and (value.startswith(("http://", "https://", "/")) or "?" in value)


def _leads_on(name: str) -> bool:
    return any(word in name.lower() for word in _TOKEN_WORDS)


def tokens(body: Any, records_path: str, known: str) -> list[tuple[str, Any]]:
    """What in `body` may lead to the next page, with its path: texts and numbers beside the records whose name says so.

    What lies at `known` comes first, then the likeliest.
    """
    found = [
        (".".join(escaped([*path, name])), value)
        for path, holder in objects(body, records_path)
        for name, value in holder.items()
        if type(value) in (str, int) and value and _leads_on(".".join([*path, name]) if is_address(value) else name)
    ]
    return sorted(found, key=lambda each: (each[0] != known, _rank(each[0].rpartition(".")[2], _TOKEN_PLACES)))
