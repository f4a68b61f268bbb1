"""How requests are signed and guarded: credentials stay with the instance, bodies stay within bounds."""

# No `from __future__ import annotations`: the CDK evaluates the annotations of components, and Python 3.10 cannot evaluate
# an `InitVar` that is written as text.

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass
from typing import Any, Optional
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter.diagnosis import config_error, explain, final, own_words, transient_error
from source_syfter.notes import notes_of
from source_syfter.secrecy import maskable

# Bounds of one answer: far above a page of 1000 records, far below what would hang or fill a container.
LARGEST_BODY = 512 * 1024 * 1024
LONGEST_BODY_SECONDS = 180.0
# The same for a check, which ends within a minute.
LONGEST_BODY_SECONDS_OF_A_CHECK = 25.0

# Seconds to connect to the token endpoint and to wait for it: with a page's 30, a check ends within a minute.
TOKEN_TIMEOUT = (10.0, 20.0)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass
class Guarded(DeclarativeAuthenticator):
    """Signs requests as `authenticator` does, and guards their answers.

    A redirect to another origin ends the stream before anything is sent there; a body that grows or trickles without end
    is cut off with an error.
    """

    authenticator: DeclarativeAuthenticator
    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        hooks = request.hooks["response"]
        if self._guard not in hooks:
            hooks.append(self._guard)
        signed: requests.PreparedRequest = self.authenticator(request)
        return signed

    def __getattr__(self, name: str) -> Any:
        # The CDK asks an authenticator what it can do, for example whether it can renew a token.
        if name.startswith("__") or name == "authenticator":
            raise AttributeError(name)
        return getattr(self.authenticator, name)

    def get_auth_header(self) -> Mapping[str, Any]:
        return self.authenticator.get_auth_header()

    def _guard(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        if response.is_redirect:
            here, there = response.url, _target(response)
            if not same_origin(here, there):
                raise config_error(
                    f"{self._stream}: the instance redirects to another address, {_origin(there)}. Credentials are not sent "
                    'there. Set "Host" to the address of the instance itself; a sign-in page in front of it needs the scheme '
                    'that its gateway asks for under "Authentication". [redirected]'
                )
        seconds = LONGEST_BODY_SECONDS_OF_A_CHECK if self.config.get("impatient") else LONGEST_BODY_SECONDS
        response.raw = BoundedBody(self._stream, response.raw, seconds)
        return response


class BoundedBody:
    """The raw body of an answer, read in pieces as they come, so that bounds of size and time hold for every kind of body."""

    def __init__(self, stream: str, raw: Any, seconds: float) -> None:
        self._stream = stream
        self._raw = raw
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = 65536, decode_content: Optional[bool] = None) -> Iterator[bytes]:
        """Yields the body, decompressed if `decode_content`. Raises a traced error beyond the bounds."""
        size, end = 0, time.monotonic() + self._seconds
        # One read of the socket each, unlike `stream` and `read`, which wait until a piece is full.
        while piece := self._raw.read1(65536, decode_content=decode_content):
            size += len(piece)
            if size > LARGEST_BODY:
                raise config_error(
                    f"{self._stream}: the answer is larger than {LARGEST_BODY >> 20} MiB. Set a smaller page size, and "
                    "conventions.paging to how this instance pages. [too-large]"
                )
            if time.monotonic() > end:
                raise transient_error(
                    f"{self._stream}: the answer was not whole after {self._seconds:.0f} seconds. Try again later, or set a "
                    "smaller page size. [no-answer]"
                )
            yield piece


def _target(response: requests.Response) -> str:
    """Where a redirect leads; what is no address at all leads away (test_odd_redirects_end_in_words)."""
    try:
        there = urljoin(response.url, response.headers["Location"])
        _port(urlsplit(there))
    except ValueError:
        return "invalid://address"
    return there


def same_origin(here: str, there: str) -> bool:
    """Whether credentials meant for `here` may go to `there`: the same host and port, or the same host from http to https."""
    a, b = urlsplit(here), urlsplit(there)
    if a.hostname != b.hostname:
        return False
    if (a.scheme, _port(a), b.scheme, _port(b)) == ("http", 80, "https", 443):
        return True
    return (a.scheme, _port(a)) == (b.scheme, _port(b))


def _port(parts: SplitResult) -> Optional[int]:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass
class KeyHeader(DeclarativeAuthenticator):
    """The API key in a header of the user's choice, behind a prefix of the user's choice."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    header: str = "Authorization"
    prefix: str = "Api-Key "

    @property
    def auth_header(self) -> str:
        return self.header

    @property
    def token(self) -> str:
        return f"{self.prefix}{self.config['credentials']['api_key']}"


@dataclass
class ClientCredentials(DeclarativeAuthenticator):
    """OAuth 2.0 client credentials: client id and secret in the body of the token request (RFC 6749, 4.4 and 2.3.1).

    One token serves all streams of a read. It is renewed shortly before it expires, and when the CDK asks for it after
    a 401. A missing `expires_in` counts as an hour. Raises a config error where the user can mend it (client, URL, scopes),
    a transient one where the token endpoint does not answer.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._notes = notes_of(self.config)

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    def token(self) -> str:
        notes = self._notes
        with notes.token_lock:
            if notes.access_token is None or time.monotonic() >= notes.renew_at:
                self._renew()
            return f"Bearer {notes.access_token}"

    def get_auth_header(self) -> Mapping[str, Any]:
        return {self.auth_header: self.token}

    def refresh_and_set_access_token(self) -> None:
        """Renews the token, unless another stream has done so while this one waited."""
        refused = self._notes.access_token
        with self._notes.token_lock:
            if self._notes.access_token == refused:
                self._renew()

    def _renew(self) -> None:
        if self._notes.token_problem is not None:
            # The streams wait for each other here: what failed for one, after all its tries, is not tried again for each.
            raise self._notes.token_problem
        try:
            self._take(self._ask())
        except AirbyteTracedException as problem:
            self._notes.token_problem = problem
            raise

    def _take(self, answer: Mapping[str, Any]) -> None:
        token = answer.get("access_token")
        if not (isinstance(token, str) and token and token.isascii() and token.isprintable()):
            raise config_error(
                "Authentication: the token URL answered without an access token that can be sent. Check that it is the token "
                "endpoint of the identity provider. [token-refused]"
            )
        if maskable(token):
            add_to_secrets(token)
        lifetime = _lifetime(answer.get("expires_in"))
        # A tenth of its life, half a minute at most, covers the way of a request that is under way.
        self._notes.renew_at = time.monotonic() + lifetime - min(30.0, lifetime / 10)
        self._notes.access_token = token

    def _ask(self) -> dict[str, Any]:
        credentials = self.config["credentials"]
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials["client_id"],
            "client_secret": credentials["client_secret"],
            "scope": credentials.get("scopes") or None,
        }
        attempts = 1 if self.config.get("impatient") else 3
        for attempt in range(1, attempts + 1):
            try:
                response = requests.post(
                    credentials["token_url"],
                    data=form,
                    headers={"Accept": "application/json"},
                    timeout=TOKEN_TIMEOUT,
                    # Before requests looks at the address, which may be none.
                    hooks={"response": _refuse_redirect},
                )
            except requests.RequestException as error:
                problem = final(explain("Authentication (token URL)", error, field="Token URL"))
            else:
                if response.status_code < 500 and response.status_code != 429:
                    return _token_answer(response)
                problem = transient_error(
                    f"Authentication: the token URL failed with status {response.status_code}. Try again later; if it stays, "
                    "ask who runs the identity provider. [token-unavailable]"
                )
            if attempt < attempts:
                time.sleep(2.0**attempt * random.uniform(0.5, 1.0))
        raise problem


def _refuse_redirect(response: requests.Response, **kwargs: Any) -> None:
    if response.is_redirect:
        raise config_error(
            f"Authentication: the token URL redirects to {_origin(_target(response))}. The client secret is not sent there. Set "
            "the token URL to the endpoint itself. [redirected]"
        )


def _token_answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if not response.ok:
        said = own_words(response)
        raise config_error(
            f"Authentication: the token URL refused the client ({response.status_code}). Check client id, client secret, scopes "
            f"and token URL.{' ' + said if said else ''} [token-refused]"
        )
    if not isinstance(answer, dict):
        raise config_error(
            "Authentication: the token URL did not answer with JSON. Check that it is the token endpoint of the identity "
            "provider. [token-refused]"
        )
    return answer


def _lifetime(expires_in: Any) -> float:
    """Seconds that a token lives; an hour if the provider does not say."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return 3600.0
    return seconds if seconds > 0 else 3600.0
