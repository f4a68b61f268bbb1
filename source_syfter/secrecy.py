"""Keeps secrets and licensed data out of what the connector prints beside records.

A secret is found whole in any encoding that servers echo (percent, HTML, JSON and repr escapes, one within the other; base64 and
hexadecimal, also of a text that holds it), in any case and however its blanks are folded; in what others wrote also a part of it,
because they cut texts, too. So masking comes before cutting.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
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

# One character as it is or escaped. A pair of surrogates is one character.
_ESCAPED = re.compile(
    r"(?is)(?P<percent>(?:%[0-9a-f]{2})+)|(?P<html>&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});)"
    r"|(?P<json>\\u[dD][89abAB][0-9a-f]{2}\\u[dD][c-f][0-9a-f]{2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[^ux])|."
)
_HINTS = frozenset("%&\\+")
# How often escapes are undone: JSON of an HTML page that quotes a URL.
_LAYERS = 3
# Shorter secrets are masked as they are only, as they may stand in words. A part of a secret is as long as this.
_PART = 8
# So many secrets that were typed, and so many tokens, are masked at a time, the latest: a process may renew tokens without end.
_MOST_TYPED, _MOST_TOKENS = 200, 20


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
        folded = {_folded(form) for form in found}
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
            if not _HINTS.intersection(plain):
                break
            plain, places = _unescaped(plain, places)
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
            shown = [at for at, letter in enumerate(text) if not letter.isspace()]
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
    return "".join(letter.lower()[:1] for letter in text if not letter.isspace())


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
    letters: list[str] = []
    found: list[int] = []
    for match in _ESCAPED.finditer(text):
        plain = _plain(match)
        letters += plain
        found += [places[match.start()]] * len(plain)
    return "".join(letters), [*found, places[len(text)]]


def _plain(match: re.Match[str]) -> str:
    whole = match[0]
    if match.lastgroup == "percent":
        return bytes.fromhex(whole.replace("%", "")).decode("utf-8", "replace")
    if match.lastgroup == "html":
        return html.unescape(whole)
    if match.lastgroup == "json":
        if whole[1] in "ux":
            units = bytes.fromhex("".join(re.findall(r"(?i)(?<=u)[0-9a-f]{4}", whole)) or f"00{whole[2:]}")
            return units.decode("utf-16-be", "replace")
        return {"n": "\n", "r": "\r", "t": "\t"}.get(whole[1], whole[1])
    return " " if whole == "+" else whole


def _encoded(text: str) -> Iterator[str]:
    """`text` as it is, and in the encodings that take it with what stands around it."""
    for plain in dict.fromkeys((text, text.strip())):
        # Undoing escapes makes a blank of each plus.
        # As text of Python: where it holds what looks like another escape, undoing one undoes the other.
        yield from (plain, plain.replace("+", " "), repr(plain)[1:-1])
        encoded = plain.encode("utf-8", "surrogatepass")
        yield encoded.hex()
        for twice in (encoded, base64.b64encode(encoded)):
            for form in _base64_forms(twice):
                yield from (form, form.replace("+", " "), form.replace("+", "-").replace("/", "_"))


def _base64_forms(data: bytes) -> Iterator[str]:
    """Base64 of `data`, alone and within a text: there it begins at any of three places, and its ends depend on the rest."""
    yield base64.b64encode(data).decode().rstrip("=")
    for before in range(3):
        text = base64.b64encode(bytes(before) + data).decode()
        form = text[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(form) >= _PART:
            yield form


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
