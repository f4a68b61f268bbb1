"""Keeps secrets and licensed data out of what the connector prints beside records."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
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


def hide_secrets(config: Mapping[str, Any]) -> None:
    """From now on the secrets of `config`, in every form in which they travel, are masked in logs and messages."""
    update_secrets(forms(config))
    for handler in logging.getLogger().handlers:
        if _without_bodies not in handler.filters:
            handler.addFilter(_without_bodies)


def forms(config: Mapping[str, Any]) -> list[str]:
    """The secrets of `config` as typed, URL-encoded, JSON-escaped, in a Python repr, and in base64; longest first."""
    credentials = config.get("credentials")
    credentials = credentials if isinstance(credentials, Mapping) else {}
    plain = {str(credentials[name]) for name in _SECRETS if credentials.get(name)}
    headers = config.get("additional_headers")
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, Mapping) and header.get("value"):
            plain.add(str(header["value"]))
    # HTTP Basic and some token endpoints send the pair.
    for user, secret in (("username", "password"), ("client_id", "client_secret")):
        if credentials.get(secret):
            plain.add(f"{credentials.get(user, '')}:{credentials[secret]}")
    found = set(plain)
    for text in plain | {text.strip() for text in plain}:
        found |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
        for escaped in (quote(text), quote(text, safe=""), quote_plus(text), quote(text, safe="!'()*~")):
            found |= {escaped, re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), escaped)}
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(text.encode()).decode()
            found |= {encoded, encoded.rstrip("=")}
    return sorted(filter(maskable, found), key=len, reverse=True)


def maskable(secret: str) -> bool:
    """Whether `secret` can be masked without breaking an error message: it is no part of what every message holds."""
    return secret not in _FRAME and not (secret.isdigit() and len(secret) < 4)


def presentable(text: str) -> str:
    """`text` without secrets and without quoted bodies."""
    return filter_secrets(_FROM_HERE.sub("", text))


def _without_bodies(record: logging.LogRecord) -> bool:
    """A logging filter: takes bodies out of the message and of the extra fields; lets every record pass."""
    message = record.getMessage()
    if _FROM_HERE.search(message):
        record.msg, record.args = _FROM_HERE.sub("", message), ()
    for name in ("body", "request_body"):
        if getattr(record, name, None):
            setattr(record, name, "(left out)")
    return True
