"""JSON with the digits that were sent: decimals beyond 15 digits and integers beyond 64 bits come in and go out as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

# An escape in a JSON text. Halves of surrogate pairs, which JavaScript makes when it cuts a text within an emoji, stand alone.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
# Python reads no integer of more digits.
_LONGEST_INTEGER = 4000


class Sent(float):
    """A number whose digits a float does not have: for code it is the float, `text` is what was sent."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Sent:
        found = super().__new__(cls, text)
        found.text = text
        return found

    def __str__(self) -> str:
        return self.text


def _number(text: str) -> float:
    value = float(text)
    # With an exponent, each program writes another form.
    return value if repr(value) == text and "e" not in text else Sent(text)


def _integer(text: str) -> float:
    return int(text) if len(text) <= _LONGEST_INTEGER else Sent(text)


_DECODER = msgspec.json.Decoder(float_hook=_number)


def loads(content: bytes) -> Any:
    """The JSON document in `content`, with or without a byte order mark. Raises ValueError or RecursionError if there is none.

    Halves of surrogate pairs become U+FFFD: neither UTF-8 nor a warehouse can hold them.
    """
    try:
        return _DECODER.decode(content)
    except (msgspec.MsgspecError, ValueError):
        text = _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], content).decode("utf-8-sig")
        return json.loads(text, parse_float=_number, parse_int=_integer, parse_constant=_no_number)


def has_twice(content: bytes) -> bool:
    """Whether an object in the JSON document `content` gives a key twice: what it gave first is lost."""
    found = False

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        found = found or len({name for name, _ in pairs}) < len(pairs)
        return {}

    json.loads(content.decode("utf-8-sig", "replace"), object_pairs_hook=noted, parse_int=float, parse_float=float)
    return found


def dumps(document: Any, option: int = 0) -> bytes:
    """`document` as JSON, whatever its numbers and however deep. `option`: of orjson; sorted keys count."""
    try:
        return orjson.dumps(document, default=_fragment, option=option)
    except TypeError:
        # An integer beyond 64 bits, or nested deeper than orjson goes.
        return _written(document, bool(option & orjson.OPT_SORT_KEYS))


def plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """`record` with floats in place of `Sent`. Inner objects are changed where they stand."""
    found = dict(record)
    waiting: list[Any] = [found]
    while waiting:
        inner = waiting.pop()
        for key, value in list(inner.items() if isinstance(inner, dict) else enumerate(inner)):
            if isinstance(value, Sent):
                inner[key] = float(value)
            elif isinstance(value, (dict, list)):
                waiting.append(value)
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _fragment(value: Any) -> Any:
    if isinstance(value, Sent):
        return orjson.Fragment(value.text)
    raise TypeError


def _written(document: Any, is_sorted: bool) -> bytes:
    written: list[bytes] = []
    # Values, and between them what is written as it is.
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, bytes):
            written.append(value)
        elif isinstance(value, dict):
            items = sorted(value.items()) if is_sorted else list(value.items())
            waiting.append(b"}")
            for place in reversed(range(len(items))):
                name, inner = items[place]
                waiting += [inner, (b"," if place else b"{") + orjson.dumps(name) + b":"]
            written += [] if items else [b"{"]
        elif isinstance(value, list):
            waiting.append(b"]")
            for place in reversed(range(len(value))):
                waiting += [value[place], b"," if place else b"["]
            written += [] if value else [b"["]
        elif isinstance(value, int) and not isinstance(value, bool):
            written.append(str(value).encode())
        else:
            written.append(orjson.dumps(value, default=_fragment))
    return b"".join(written)
