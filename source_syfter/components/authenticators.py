"""How requests are signed: credentials stay with the instance, and OAuth tokens are shared and renewed."""

# No `from __future__ import annotations`: see `part.py`.

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import requests
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator

from source_syfter import problems
from source_syfter.components.errors import explain, own_words
from source_syfter.components.http import (
    BoundedBody,
    Call,
    bounded,
    call_under_way,
    origin,
    redirect_target,
    same_origin,
)
from source_syfter.components.part import Part
from source_syfter.problems import SyfterError
from source_syfter.secrecy import hide

# Seconds to connect to the token endpoint and to wait for it: with a page's 30, a check ends within a minute.
TOKEN_TIMEOUT = (10.0, 20.0)
# Seconds and bytes of a whole answer of it.
LONGEST_TOKEN_CALL, LARGEST_TOKEN = 40.0, 1 << 20
# Redirects in a row that are followed, and seconds of a call while a server does not answer.
_MOST_HOPS, _ONCE_SILENT = 10, 20.0
_MOST_COOKIES = 50


@dataclass
class SameOriginAuthenticator(Part, DeclarativeAuthenticator):
    """Signs requests as `authenticator` does, and bounds their answers.

    A redirect to another origin ends the stream before anything is sent there; an answer that grows or trickles without end
    is cut off with an error: its headers, what comes before them, its body, and the redirects that lead to it.
    """

    authenticator: DeclarativeAuthenticator

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        # What does not change is evaluated once: a template costs 50 microseconds a request.
        renewed = hasattr(self.authenticator, "refresh_and_set_access_token")
        self._header = None if renewed else self.authenticator.get_auth_header()
        self._parameters = self.authenticator.get_request_params()
        self._redirects = requests.Session()
        self._redirects.trust_env = False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        hooks = request.hooks["response"]
        if self._bound not in hooks:
            hooks.append(self._bound)
        # First the token, whose endpoint is a call of its own.
        request.headers.update(self.get_auth_header())
        self._call().under_way()
        return request

    def __getattr__(self, name: str) -> Any:
        # The CDK asks an authenticator what it can do, for example whether it can renew a token.
        if name.startswith("__") or name == "authenticator":
            raise AttributeError(name)
        return getattr(self.authenticator, name)

    def get_auth_header(self) -> Mapping[str, Any]:
        return self.authenticator.get_auth_header() if self._header is None else self._header

    def get_request_params(self) -> Mapping[str, Any]:
        return self._parameters

    def _bound(self, response: requests.Response, **options: Any) -> requests.Response:
        """Follows redirects as requests does, but within the origin and the bounds of the call, and without `~/.netrc`."""
        call, hops = call_under_way() or self._call(), 0
        # A server may set another one with each answer; a few keep a session on one of its machines.
        takes_cookies = len(getattr(response.request, "_cookies", None) or ()) < _MOST_COOKIES
        response.raw = BoundedBody(response.raw, call, takes_cookies)
        # Without an address it is no redirect but an answer, which the error handler judges.
        while response.is_redirect and response.headers["Location"].strip():
            here, there = response.url, redirect_target(response)
            if not same_origin(here, there):
                raise problems.REDIRECTED(stream=self._stream, address=origin(there))
            hops += 1
            if hops > _MOST_HOPS:
                raise problems.REDIRECT_LOOP(stream=self._stream, host=origin(here))
            try:
                request = next(self._redirects.resolve_redirects(response, response.request, yield_requests=True, **options))
            except (ValueError, requests.RequestException):
                # No address, or not in letters that one may have.
                raise problems.REDIRECTED(stream=self._stream, address="what is no address") from None
            began = time.monotonic()
            response = response.connection.send(request, **options)
            response.elapsed = timedelta(seconds=time.monotonic() - began)
            response.raw = BoundedBody(response.raw, call, takes_cookies)
        return response

    def _call(self) -> Call:
        longest = self._context.retry_policy.longest_call
        # Once one stream has met a silent or endless answer, a server that gives them to all is left soon.
        seconds = min(longest, _ONCE_SILENT) if self._context.silent else longest
        return Call(self._stream, self._context, min(seconds, self._context.seconds_left()))


@dataclass
class OAuthAuthenticator(Part, DeclarativeAuthenticator):
    """OAuth 2.0 with client credentials or a refresh token: client id and secret in the body (RFC 6749, 4.4, 6 and 2.3.1).

    One token serves all streams of a read. It is renewed shortly before it expires, and when the CDK asks for it after
    a 401. A missing `expires_in` counts as an hour. Raises a config error where the user can change it (client, URL, scopes),
    a transient one where the token endpoint does not answer.
    """

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    def token(self) -> str:
        with self._context.token_lock:
            if self._context.access_token is None or time.monotonic() >= self._context.renew_at:
                self._renew()
            return f"Bearer {self._context.access_token}"

    def refresh_and_set_access_token(self) -> None:
        """Renews the token, unless another stream has done so while this one waited."""
        refused = self._context.access_token
        with self._context.token_lock:
            if self._context.access_token == refused:
                self._renew()

    def _renew(self) -> None:
        if self._context.token_error is not None:
            # The streams wait for each other here: what failed for one, after all its attempts, is not retried by each.
            raise self._context.token_error
        try:
            self._take(self._ask())
        except SyfterError as error:
            self._context.token_error = error
            raise

    def _take(self, answer: Mapping[str, Any]) -> None:
        token = answer.get("access_token")
        if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise problems.NO_TOKEN()
        hide(token)
        self._keep(answer.get("refresh_token"))
        lifetime = _lifetime(answer.get("expires_in"))
        # A tenth of its life, half a minute at most, covers the way of a request that is under way.
        self._context.renew_at = time.monotonic() + lifetime - min(30.0, lifetime / 10)
        self._context.access_token = token

    def _keep(self, refresh_token: Any) -> None:
        """Hands a refresh token that replaces the one used to the user's config, before anything else is done with it."""
        used = self._context.refresh_token or self.config["credentials"].get("refresh_token")
        if not used or not isinstance(refresh_token, str) or refresh_token in ("", used):
            return
        hide(refresh_token)
        self._context.save_refresh_token(refresh_token)
        self._context.refresh_token = refresh_token

    def _ask(self) -> dict[str, Any]:
        credentials = self.config["credentials"]
        client = {name: credentials[name] for name in ("client_id", "client_secret")}
        form = {"grant_type": "client_credentials", **client, "scope": credentials["scopes"]}
        if credentials["auth_type"] == "oauth2_refresh_token":
            form |= {"grant_type": "refresh_token", "refresh_token": self._context.refresh_token or credentials["refresh_token"]}
        attempts = self._context.retry_policy.token_attempts
        seconds = min(LONGEST_TOKEN_CALL, self._context.retry_policy.longest_call, self._context.seconds_left())
        for attempt in range(1, attempts + 1):
            call = Call("token", self._context, seconds, LARGEST_TOKEN, problems.TOKEN_SLOW, problems.TOKEN_TOO_LARGE)
            try:
                # A hook, because it sees a redirect before requests looks at its address, which may be none.
                hooks, headers = {"response": partial(_refuse_redirect, call)}, {"Accept": "application/json"}
                with bounded():
                    call.under_way()
                    # Signed by nobody: else requests would take a password from ~/.netrc.
                    response = requests.post(
                        credentials["token_url"], data=form, headers=headers, timeout=TOKEN_TIMEOUT, hooks=hooks, auth=_unsigned
                    )
            except OSError as reason:
                error = explain("Authentication (token URL)", reason, field="Token URL")
                if not isinstance(reason, requests.RequestException):
                    # Of this machine, and lasting.
                    raise error from reason
            else:
                if response.status_code < 500 and response.status_code != 429:
                    return _token_answer(response)
                error = problems.TOKEN_UNAVAILABLE(status=response.status_code)
            if attempt < attempts:
                time.sleep(2.0**attempt * random.uniform(0.5, 1.0))
        raise error


def _refuse_redirect(call: Call, response: requests.Response, **kwargs: Any) -> None:
    if response.is_redirect:
        raise problems.TOKEN_REDIRECTED(address=origin(redirect_target(response)))
    response.raw = BoundedBody(response.raw, call)


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _token_answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if not response.ok:
        raise problems.CLIENT_REFUSED(own_words(response), status=response.status_code)
    if not isinstance(answer, dict):
        raise problems.TOKEN_NOT_JSON()
    return answer


def _lifetime(expires_in: Any) -> float:
    """Seconds that a token lives; an hour if the provider does not say."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    return seconds if 0 < seconds < math.inf else 3600.0
