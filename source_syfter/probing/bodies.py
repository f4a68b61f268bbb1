"""Finds its way in the answers of an instance that nobody has described. Pure functions, no names of settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Optional
from urllib.parse import urlsplit

from source_syfter.components.naming import singular
from source_syfter.components.pages import count
from source_syfter.timestamps import epoch_number, parse

# The usual names, likeliest first.
_ENVELOPES = ["data", "items", "results", "records", "docs", "rows", "entries", "content", "hits", "values", "result", "list"]
# An envelope may have as many names that are fields elsewhere: type, url.
_FIELDS_OF_AN_ENVELOPE = 2
_COUNTS = ["count", "size", "resultCount", "num_results", "@odata.count"]
_TOTALS = ["total", "total_count", "totalCount", "total_records", "totalRecords", "totalElements", "total_items", "totalItems"]
_TOTALS += ["total_results", "totalResults", "total_entries", "totalEntries", "totalSize", "total_size", "recordsTotal", *_COUNTS]
_TOTAL_HEADER = re.compile(r"(x-)?(\w+-)?(total(-?(count|records|items|results|entries))?|count)", re.IGNORECASE)
_MORE = {"hasmore", "more", "hasnext", "hasnextpage", "morerecords", "moreitemsincollection", "moreresults", "ismore", "moredata"}
_NO_DATE = re.compile(r"[0:T./\sZ-]*")
_TOKEN_WORDS = re.compile(
    "next|cursor|after|token|continuation|scroll|bookmark|marker|offset|skip|iterator|evaluated|last_?(id|key)|position|locator"
)
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


# How many fields are known: of a record, or of an object that may be one.
Known = Callable[[Iterable[str]], int]


def envelope(body: Any, assumed: str, collection: str = "", known: Known = lambda names: 1) -> Optional[str]:
    """The dotted path of the records of `collection` in `body`, None if there is no array of objects that may be records.

    What lies within a record is no list of records, and a group of records is no record: `known` tells how many of some names
    are those of fields.
    """
    if isinstance(body, list):
        return "" if _may_be_records(body, {}, known) else None
    found = [
        (".".join(escaped([*path, name])), value)
        for path, holder in objects(body, "")
        for name, value in holder.items()
        if not set(name) & set("{}") and _may_be_records(value, holder, known)
    ]

    def unlikely(path: str, value: Sequence[Any]) -> tuple[Any, ...]:
        name = path.rpartition(".")[2]
        steps = [re.sub(r"[_ -]?list$", "", step, flags=re.IGNORECASE) for step in path.split(".")]
        is_named = bool(collection) and any(_is_called(step, collection) for step in steps)
        most = _most(value, known)
        # An empty array of the collection's name is likelier than another with a known field or two, such as a name.
        doubt = 0 if not is_doubtful(most) else 1 if is_named and not value else 2 if most else 3
        return doubt, path != assumed, -most, not is_named, not value, _rank(name, _ENVELOPES), -len(value)

    return min(found, key=lambda each: unlikely(*each))[0] if found else None


def is_doubtful(known: int) -> bool:
    """Whether what has so many known fields may be something else than a record."""
    return known <= _FIELDS_OF_AN_ENVELOPE


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _most(rows: Iterable[Mapping[str, Any]], known: Known) -> int:
    """How many fields are known of a row, or of an object in it."""
    return max((known(each) for row in rows for each in (row, *row.values()) if isinstance(each, dict)), default=0)


def _may_be_records(value: Any, holder: Mapping[str, Any], known: Known) -> bool:
    if not _are_objects(value):
        return False
    own, within = _most(value, known), [rows for each in value for rows in each.values() if _are_objects(rows)]
    if known(holder) > max(_FIELDS_OF_AN_ENVELOPE, own):
        return False
    return not within or 0 < own >= max(_most(rows, known) for rows in within)


def _rank(name: str, known: Sequence[str]) -> int:
    return list(known).index(name) if name in known else len(known)


def described(document: Any, collections: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """What an OpenAPI document, or an index of addresses, tells of `collections`: prefixes, with the paths below each.

    The prefix of most collections comes first.
    """
    found: dict[str, dict[str, str]] = {}
    for path in _addresses(document):
        steps = [] if "{" in path else path.strip("/").split("/")
        for place, name in ((place, name) for place, step in enumerate(steps) for name in collections if _is_called(step, name)):
            slash = "/" if path.endswith("/") else ""
            found.setdefault("/".join(steps[:place]), {}).setdefault(name, "/".join(steps[place:]) + slash)
    return sorted(found.items(), key=lambda each: -len(each[1]))


def _addresses(document: Any) -> Iterator[str]:
    """The paths of a document: of an OpenAPI or Swagger document below its base, else of the addresses that it holds."""
    if isinstance(document, dict) and isinstance(document.get("paths"), dict):
        base = document.get("basePath")
        with suppress(AttributeError, LookupError, TypeError, ValueError):
            base = base or urlsplit(document["servers"][0]["url"]).path
        base = base.strip("/") if isinstance(base, str) else ""
        yield from (f"{base}/{path.lstrip('/')}" for path in document["paths"])
        return
    for _, holder in objects(document, ""):
        for value in holder.values():
            with suppress(ValueError):
                yield urlsplit(value).path if is_address(value) else ""


def _is_called(step: str, name: str) -> bool:
    """Whether a step of a path is a collection's name in any case, plural or singular."""
    plain, plural = re.sub(r"[^a-z0-9]", "", step.lower()), name.replace("_", "")
    return plain in (plural, singular(plural))


def timestamp_form(values: Sequence[Any]) -> tuple[str, str]:
    """The `timestamp_format` of `values`, and in words; an empty format if most have none that the connector reads.

    Empty texts and zero dates say nothing.
    """
    values = [value for value in values if not (value == 0 or (isinstance(value, str) and _NO_DATE.fullmatch(value)))]
    if not values:
        return "", "none found"
    numbers = [number for number in map(epoch_number, values) if number is not None]
    if len(numbers) == len(values):
        # In seconds, today is a number below 10^10; in milliseconds that was April 1970.
        if all(number > 10**10 for number in numbers):
            return "epoch_ms", "epoch milliseconds"
        return ("epoch_s", "epoch seconds") if all(number > 10**8 for number in numbers) else ("", "numbers")
    texts = [value for value in values if isinstance(value, str) and parse(value)]
    if 2 * len(texts) <= len(values):
        return "", "a form of their own"
    if all(text.endswith(("Z", "+00:00")) for text in texts):
        return "iso8601", "ISO 8601"
    offsets = all(re.search(r"([Zz]|[+-]\d\d:?\d\d|[+-]\d\d)$", text[10:]) for text in texts)
    return "iso8601", f"ISO 8601, {'with an offset' if offsets else 'without an offset, taken for UTC'}"


def total(body: Any, headers: Mapping[str, str], records_path: str, known: str, least: int) -> tuple[str, Optional[int]]:
    """Where an answer says how many records the whole list has, and that number; `("", None)` if it does not.

    What lies at `known` comes first, then what the body tells beside the records, then headers. Not fewer than `least`, which
    the answer holds; what is as many and has no name that says so may be the count of the page.
    """
    found: list[tuple[str, Any]] = [
        (".".join(escaped([*path, name])), value)
        for path, holder in objects(body, records_path)
        for name, value in holder.items()
        if name in _TOTALS or ".".join(escaped([*path, name])) == known
    ]
    found += [(name, value) for name, value in headers.items() if _TOTAL_HEADER.fullmatch(name) or name.lower() == known.lower()]
    for path, value in sorted(found, key=lambda each: each[0] != known):
        number = count(value)
        if number is not None and number >= least + (path.rpartition(".")[2] in _COUNTS and path != known):
            return path, number
    return "", None


def is_address(value: Any) -> bool:
    """Whether a token is the address of a page: complete, from the root, or its query."""
    return isinstance(value, str) and (value.startswith(("http://", "https://", "/")) or "?" in value)


def says_more(body: Any) -> bool:
    """Whether a flag of an envelope says that the list goes on."""
    return any(
        value is True and re.sub(r"[^a-z]", "", name.lower()) in _MORE
        for _, holder in objects(body, "")
        for name, value in holder.items()
    )


def _leads_on(name: str) -> bool:
    return bool(_TOKEN_WORDS.search(name.lower()))


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
