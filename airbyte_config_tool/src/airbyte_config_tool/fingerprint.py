"""Fingerprints of secrets, so that a rotated secret shows as a change without being stored or printed.

State files are committed, so whoever reads the repository can test guesses against a fingerprint. A plain or merely salted
hash (Octavia's was plain) falls to a few seconds of guessing when the secret is short. Hence two methods:

- `hmac`, when AIRBYTE_STATE_KEY is set: keyed with a value that is not in the repository. Without the key no guess can be tested.
- `scrypt`, otherwise: salted for each secret and slow and memory-hungry by design, so that guessing is costly. It needs no
  setting up, and a team shares its state without sharing a key. For short secrets (a PIN) set the key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from airbyte_config_tool.findings import ToolError

KEY_VARIABLE = "AIRBYTE_STATE_KEY"
_MIN_KEY = 32
# log2(n), r, p; written into each fingerprint, so that they can be raised later. About a tenth of a second and 16 MB.
_COST = (14, 8, 5)
_MAX_MEMORY = 64 * 1024 * 1024


def make(secret: str, label: str, key: str | None) -> str:
    """A fingerprint as text. `label` (resource and field) is mixed in, so equal secrets do not look equal.

    Raises ToolError for a key that is itself short enough to be guessed.
    """
    if key is not None:
        return f"hmac${_hmac(secret, label, key)}"
    settings = f"{_COST[0]}${_COST[1]}${_COST[2]}${secrets.token_hex(16)}"
    return f"scrypt${settings}${_scrypt(secret, label, settings)}"


def matches(fingerprint: str, secret: str, label: str, key: str | None) -> bool:
    """True when the fingerprint was made of this secret. False also without its key."""
    method, _, rest = fingerprint.partition("$")
    if method == "hmac":
        return key is not None and hmac.compare_digest(rest, _hmac(secret, label, key))
    settings, _, digest = rest.rpartition("$")
    try:
        return method == "scrypt" and hmac.compare_digest(digest, _scrypt(secret, label, settings))
    except ValueError:  # a fingerprint that was edited, or of a later version: as good as none
        return False


def _hmac(secret: str, label: str, key: str) -> str:
    if len(key) < _MIN_KEY:
        raise ToolError(
            f"{KEY_VARIABLE} must have {_MIN_KEY} characters or more: a short key can be guessed together with the secret"
        )
    return hmac.new(key.encode(), f"{label}\0{secret}".encode(), hashlib.sha256).hexdigest()


def _scrypt(secret: str, label: str, settings: str) -> str:
    log_n, r, p, salt = settings.split("$")
    if not 1 <= int(log_n) <= 20:
        raise ValueError("no cost that this tool ever wrote")
    text = f"{label}\0{secret}".encode()
    digest = hashlib.scrypt(text, salt=salt.encode(), n=1 << int(log_n), r=int(r), p=int(p), maxmem=_MAX_MEMORY, dklen=32)
    return digest.hex()
