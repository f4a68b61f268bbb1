"""Keeps secrets out of everything that is printed. The last line of defence: no message is built from a secret to begin with."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

MASK = "********"
# Shorter values are masked only where they stand alone, or the text around them would become unreadable.
_SHORT = 4


class Masker:
    """Collects secret values and removes them, also in their JSON, URL and base64 forms, from any text."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: object, *, certain: bool = True) -> None:
        """Records a secret.

        `certain=False` marks a value that came from a variable but sits in no secret field: it is masked only when it is
        long enough not to be an everyday word or number.
        """
        if isinstance(value, bool) or value is None:
            return
        text = str(value)
        if not text.strip() or (not certain and len(text) < 2 * _SHORT):
            return
        forms = _forms(text)
        if len(text) >= _SHORT:
            forms.add(base64.b64encode(text.encode()).decode().rstrip("="))
        # A multi-line secret (a private key) is often shown line by line.
        forms.update(line.strip() for line in text.splitlines() if len(line.strip()) >= 2 * _SHORT)
        self._forms |= forms
        self._pattern = None

    def scrub(self, text: str) -> str:
        """`text` with every recorded secret replaced by asterisks."""
        if not self._forms:
            return text
        if self._pattern is None:
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile(
                "|".join(re.escape(f) if len(f) >= _SHORT else rf"(?<!\w){re.escape(f)}(?!\w)" for f in longest_first)
            )
        return self._pattern.sub(MASK, text)


def _forms(text: str) -> set[str]:
    """A text as servers quote it: in JSON, in JSON inside JSON, in Python, in an address, in HTML."""
    written = {json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    nested = {json.dumps(inner, ensure_ascii=False)[1:-1] for inner in written}
    addresses = {quote(text, safe=""), quote(text), quote_plus(text)}
    return {text, *written, *nested, *addresses, repr(text)[1:-1], html.escape(text), html.escape(text, quote=False)}
