"""Keeps secrets and licensed data out of what the connector prints beside records.

A secret is found whole in any encoding that servers echo (percent, HTML, JSON and repr escapes, its bytes as numbers, one within
the other; base64, base32 and hexadecimal, also of a text that holds it), in any case and whatever blanks part its letters; in
what others wrote also a part of it, because they cut texts, too. So masking comes before cutting.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets, update_secrets

_SECRETS = ("api_key", "access_token", "password", "client_secret", "refresh_token")
# What stands around the texts of an error message, which the CDK masks as a whole.
_FRAME = (
    '{"type":"TRACE","trace":{"type":"ERROR","emitted_at":0.0,"error":{"message":"","internal_message":"","stack_trace":"",'
    '"failure_type":"config_error" "transient_error" "system_error","stream_descriptor":{"name":""}}}}'
)
# On a failure the CDK logs the request's and the response's headers and body, which hold licensed data and names of people.
_FROM_HERE = re.compile(r"(?s)( and error message: |[ .]*Request \(body\): |[ ,]*Response (Content|Text|content is)[: ]).*")
_MASK = "****"
# What a terminal obeys in place of showing it, or shows elsewhere.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# What is escaped: bytes, of which several make a character, or a character. A pair of surrogates is one character. Bare numbers
# count from eight on, for a secret may hold a few.
_ESCAPED = re.compile(
    r"(?is)(?P<hexadecimal>(?:%[0-9a-f]{2})+|(?-i:(?:=[0-9A-F]{2}){2,}|=3D)"
    r"|(?<![0-9a-z])(?:0x)?[0-9a-f]{2}(?:(?:[:-]|,? ?0x)[0-9a-f]{2}){7,})"
    r"|(?P<octal>(?:\\[0-3][0-7]{2})+)|(?P<decimal>[0-9]{1,3}(?:, ?[0-9]{1,3}){7,})"
    r"|(?P<html>&(?:#[0-9]{1,9};?|#x[0-9a-f]{1,9};?|[a-z]{2,8};))"
    r"|(?P<json>\\u[dD][89abAB][0-9a-f]{2}\\u[dD][c-f][0-9a-f]{2}|[%\\]u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[^ux])"
    r"|\\u\{0*(?P<point>[0-9a-f]{1,5})\}|(?P<plus>\+)"
)
# How often escapes are undone, one within the other.
_LAYERS = 6
# Shorter secrets are masked as they are only, as they may stand in words. A part of a secret is as long as this.
_PART = 8
# So many secrets that were typed, and so many tokens, are masked at a time, the latest: a process may renew tokens without end.
_MOST_TYPED, _MOST_TOKENS = 200, 10


def hide_secrets(config: Mapping[str, Any]) -> None:
    """From now on the secrets of `config`, in every form in which they travel, are masked in logs and messages, beside others."""
    _hide(typed=_secrets_in(config))
    for handler in logging.getLogger().handlers:
        if _without_bodies not in handler.filters:
            handler.addFilter(_without_bodies)


def hide(secret: str) -> None:
    """From now on `secret`, which a server gave, is masked beside those of configs, as they are."""
    _hide(tokens={secret: True})


def _secrets_in(config: Mapping[str, Any]) -> dict[str, bool]:
    """The secrets of `config`, and the pairs of name and secret that some schemes send; whether a part is secret, too."""
    credentials = config.get("credentials")
    credentials = credentials if isinstance(credentials, Mapping) else {}
    pairs = {
        f"{credentials.get(user, '')}:{credentials[secret]}": False
        for user, secret in (("username", "password"), ("client_id", "client_secret"))
        if credentials.get(secret)
    }
    found = [credentials[name] for name in _SECRETS if credentials.get(name)]
    headers = config.get("additional_headers")
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, Mapping) and header.get("value"):
            found.append(header["value"])
    return pairs | dict.fromkeys(map(str, found), True)


def forms(config: Mapping[str, Any]) -> list[str]:
    """The secrets of `config` as typed, URL-encoded, JSON-escaped, in a Python repr, and in base64; longest first."""
    return _literal_forms(_secrets_in(config))


def maskable(secret: str) -> bool:
    """Whether `secret` can be masked without breaking an error message: it is no part of what every message holds."""
    return secret not in _FRAME and not (secret.isdigit() and len(secret) < 4)


def presentable(text: str) -> str:
    """`text` without secrets, quoted bodies and control characters."""
    return _shown(filter_secrets(masked(_FROM_HERE.sub("", text))))


def masked(text: str) -> str:
    """`text` without secrets, in whatever form."""
    return _hidden.masked(text, with_parts=False)


def masked_foreign(text: str) -> str:
    """`text`, which others wrote, without secrets, parts of them and control characters. To be cut after this, not before."""
    return _shown(_hidden.masked(text, with_parts=True))


def _shown(text: str) -> str:
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True)
class _Hidden:
    """What is to be masked, and whether a part of it is: not of a pair, whose other half is no secret."""

    typed: dict[str, bool] = field(default_factory=dict)
    tokens: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def secrets(self) -> dict[str, bool]:
        return self.typed | self.tokens

    @cached_property
    def _forms(self) -> tuple[set[str], set[str]]:
        """The forms that are looked for as they are, and those, longer, that are looked for in folded text."""
        found = {form for secret in self.secrets for form in _encoded(secret)}
        folded = {_folded(form) for secret in self.secrets for form in _encoded(secret, ("utf-8", "utf-16-le", "utf-16-be"))}
        return {form for form in found if len(_folded(form)) < _PART and maskable(form)}, {f for f in folded if len(f) >= _PART}

    @cached_property
    def _parts(self) -> set[str]:
        forms = {_folded(form) for secret, in_parts in self.secrets.items() if in_parts for form in _encoded(secret)}
        return {form[at : at + _PART] for form in forms for at in range(len(form) - _PART + 1)}

    def masked(self, text: str, with_parts: bool) -> str:
        if not self.secrets or not text:
            return text
        hit: set[int] = set()
        plain, places = text, list(range(len(text) + 1))
        for _ in range(_LAYERS + 1):
            for start, end in self._found(plain, with_parts):
                # What several characters were made of is masked whole.
                last = next((place for place in places[end:] if place > places[end - 1]), len(text))
                hit.update(range(places[start], last))
            escaped = plain
            plain, places = _unescaped(plain, places)
            if plain == escaped:
                break
        return "".join(_covered(text, hit)) if hit else text

    def _found(self, text: str, with_parts: bool) -> Iterator[tuple[int, int]]:
        as_they_are, long = self._forms
        for form in as_they_are:
            yield from ((at, at + len(form)) for at in _occurrences(form, text))
        folded = _folded(text)
        spans = [(at, at + len(form)) for form in long for at in _occurrences(form, folded)]
        if with_parts:
            starts = range(len(folded) - _PART + 1)
            spans += [(at, at + _PART) for at in starts if folded[at : at + _PART] in self._parts]
        if spans:
            shown = [at for at, letter in enumerate(text) if not _is_blank(letter)]
            yield from ((shown[start], shown[end - 1] + 1) for start, end in spans)


_hidden = _Hidden()
_lock = threading.Lock()


def _hide(typed: Mapping[str, bool] = {}, tokens: Mapping[str, bool] = {}) -> None:
    global _hidden
    with _lock:
        _hidden = _Hidden(_latest(_hidden.typed, typed, _MOST_TYPED), _latest(_hidden.tokens, tokens, _MOST_TOKENS))
        # What the CDK itself prints.
        update_secrets(_literal_forms(_hidden.secrets))


def _latest(known: Mapping[str, bool], more: Mapping[str, bool], most: int) -> dict[str, bool]:
    kept = [*((secret, in_parts) for secret, in_parts in known.items() if secret not in more), *more.items()]
    return dict(kept[-max(most, len(more)) :])


def _folded(text: str) -> str:
    """`text` in lower case without blanks."""
    if text.isascii() and text.isprintable():
        return text.lower().replace(" ", "")
    return "".join(letter.lower()[:1] for letter in text if not _is_blank(letter))


def _is_blank(letter: str) -> bool:
    """Whether nobody sees it: also zeros of UTF-16, and hyphens that are shown at the end of a line only."""
    return letter == " " or not letter.isprintable()


def _occurrences(form: str, text: str) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + 1)


def _covered(text: str, hit: set[int]) -> Iterator[str]:
    for at, letter in enumerate(text):
        if at not in hit:
            yield letter
        elif at - 1 not in hit:
            yield _MASK


def _unescaped(text: str, places: list[int]) -> tuple[str, list[int]]:
    """`text` with one layer of escapes undone, and where each of its characters, and its end, stand in the original."""
    letters, found, end = "", [], 0
    for match in _ESCAPED.finditer(text):
        plain = _plain(match)
        letters += text[end : match.start()] + plain
        found += places[end : match.start()] + [places[match.start()]] * len(plain)
        end = match.end()
    return letters + text[end:], found + places[end:]


def _plain(match: re.Match[str]) -> str:
    whole, base = match[0], {"hexadecimal": 16, "octal": 8, "decimal": 10}.get(str(match.lastgroup))
    if base:
        numbers = [int(each, base) for each in re.findall(r"(?i)[0-9a-f]{2}" if base == 16 else "[0-9]+", whole)]
        return bytes(numbers).decode("utf-8", "replace") if max(numbers) < 256 else whole
    if match.lastgroup == "point":
        return chr(int(match["point"], 16))
    if match.lastgroup == "html":
        return html.unescape(whole)
    if match.lastgroup == "json":
        if whole[1] in "ux":
            units = bytes.fromhex("".join(re.findall(r"(?i)(?<=u)[0-9a-f]{4}", whole)) or f"00{whole[2:]}")
            return units.decode("utf-16-be", "replace")
        return {"n": "\n", "r": "\r", "t": "\t"}.get(whole[1], whole[1])
    return " "


def _encoded(text: str, codecs: Iterable[str] = ("utf-8",)) -> Iterator[str]:
    """`text` as it is, and in the encodings that take it with what stands around it."""
    for plain in dict.fromkeys((text, text.strip())):
        # Undoing escapes makes a blank of each plus.
        # As text of Python: where it holds what looks like another escape, undoing one undoes the other.
        yield from (plain, plain.replace("+", " "), repr(plain)[1:-1])
        for encoded in (plain.encode(codec, "surrogatepass") for codec in codecs):
            yield encoded.hex()
            yield from _within(encoded, base64.b32encode, 5)
            for twice in (encoded, base64.b64encode(encoded)):
                for form in (base64.b64encode(twice).decode().rstrip("="), *_within(twice, base64.b64encode, 6)):
                    yield from (form, form.replace("+", " "), form.replace("+", "-").replace("/", "_"))


def _within(data: bytes, encode: Callable[[bytes], bytes], bits: int) -> Iterator[str]:
    """Base64 or base32 of `data`, alone and within a text: it begins at any of some places, and its ends depend on the rest."""
    found = [encode(data).decode().rstrip("=")]
    for before in range(math.lcm(8, bits) // 8):
        found.append(encode(bytes(before) + data).decode()[-(before * 8 // -bits) : (before + len(data)) * 8 // bits])
    yield from (form for form in found if len(form) >= _PART)


def _literal_forms(secrets: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for text in dict.fromkeys(each for secret in secrets for each in (secret, secret.strip())):
        found |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], html.escape(text)}
        for escaped in (quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="!'()*~")):
            tilde = escaped.replace("~", "%7E")
            found |= {each if upper else _lower(each) for each in (escaped, tilde) for upper in (True, False)}
        found |= {base64.b64encode(text.encode()).decode(), base64.urlsafe_b64encode(text.encode()).decode()}
        found |= set(_encoded(text))
    found |= {each.rstrip("=") for each in found}
    return sorted(filter(maskable, found), key=len, reverse=True)


def _lower(escaped: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), escaped)


def _without_bodies(record: logging.LogRecord) -> bool:
    """A logging filter: takes bodies and secrets out of the message and the extra fields; lets every record pass."""
    message = record.getMessage()
    shown = masked(_FROM_HERE.sub("", message))
    if shown != message:
        record.msg, record.args = shown, ()
    for name in ("body", "request_body"):
        if getattr(record, name, None):
            setattr(record, name, "(left out)")
    for name in ("headers", "url"):
        if getattr(record, name, None):
            setattr(record, name, masked(str(getattr(record, name))))
    return True
