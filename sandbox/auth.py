"""Authentication: four schemes, all valid at once, with demo credentials that are obviously not real."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

API_KEY = "syfter-sandbox-key-0001"
ACCESS_TOKEN = "syfter-sandbox-token-0001"
USERNAME = "sandbox-user-0001"
PASSWORD = "sandbox-password-0001"
CLIENT_ID = "sandbox-client-0001"
CLIENT_SECRET = "sandbox-secret-0001"
REFRESH_TOKEN = "sandbox-refresh-0001"
TOKEN_PATH = "/oauth/token"

AUTH_TYPES = ("api_key", "bearer", "basic", "oauth2_client_credentials", "oauth2_refresh_token")


def credentials(auth: str, url: str) -> dict[str, Any]:
    """The `credentials` object of a connector config for one auth type, for the instance at `url`."""
    client = {"token_url": url + TOKEN_PATH, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return {
        "api_key": {"auth_type": "api_key", "api_key": API_KEY},
        "bearer": {"auth_type": "bearer", "access_token": ACCESS_TOKEN},
        "basic": {"auth_type": "basic", "username": USERNAME, "password": PASSWORD},
        "oauth2_client_credentials": {"auth_type": "oauth2_client_credentials", **client},
        "oauth2_refresh_token": {"auth_type": "oauth2_refresh_token", **client, "refresh_token": REFRESH_TOKEN},
    }[auth]


@dataclass
class Auth:
    """Checks headers and query of a request, and issues tokens for client credentials."""

    api_key_header: str = "Authorization"
    api_key_prefix: str = "Api-Key "
    api_key_parameter: str | None = None
    """Query parameter that carries the key; the header is then not looked at."""
    expires_in: float | None = 3600
    """Life of an issued token in seconds; None: an hour, but the response does not say so."""
    rotates: bool = False
    """Whether each use of a refresh token gives another one, after which the one used is worth nothing."""
    refresh_token: str = REFRESH_TOKEN
    tokens_issued: int = 0
    _valid_until: dict[str, float] = field(default_factory=dict)

    def allows(self, headers: dict[str, str], query: dict[str, str]) -> bool:
        """Whether a request with these headers (names in lower case) and `query` holds valid credentials of any scheme."""
        if self.api_key_parameter:
            if query.get(self.api_key_parameter) == API_KEY:
                return True
        elif headers.get(self.api_key_header.lower()) == self.api_key_prefix + API_KEY:
            return True
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return secret == ACCESS_TOKEN or self._valid_until.get(secret, 0.0) > time.monotonic()
        if scheme.lower() == "basic":
            return secret == base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        return False

    def issue(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a token request (RFC 6749, 4.4 and 6): client id and secret in the form body. Status and JSON."""
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        refreshes = form.get("grant_type") == "refresh_token"
        if form.get("grant_type") != "client_credentials" and not refreshes:
            return 400, {"error": "unsupported_grant_type", "error_description": "grant_type must be client_credentials"}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": "unknown client_id or wrong client_secret"}
        if refreshes and form.get("refresh_token") != self.refresh_token:
            return 400, {"error": "invalid_grant", "error_description": "this refresh token is unknown or was used"}
        self.tokens_issued += 1
        token = f"sandbox-issued-token-{self.tokens_issued:04d}"
        self._valid_until[token] = time.monotonic() + (3600 if self.expires_in is None else self.expires_in)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer"}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if refreshes and self.rotates:
            self.refresh_token = f"sandbox-refresh-rotated-{self.tokens_issued:04d}"
            answer["refresh_token"] = self.refresh_token
        if form.get("scope"):
            answer["scope"] = form["scope"]
        return 200, answer

    def expire_tokens(self) -> None:
        """Every token issued so far is worth nothing from now on."""
        self._valid_until.clear()
