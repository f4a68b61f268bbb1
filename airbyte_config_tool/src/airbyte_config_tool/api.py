"""A thin client of Airbyte's public API: the dozen calls that `plan` and `apply` need.

Every call has time-outs, a bounded number of tries, and errors in the user's words. Tokens stay in memory. No redirect is
followed, so a token never reaches another host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from airbyte_config_tool.findings import ToolError
from airbyte_config_tool.masking import Masker
from airbyte_config_tool.variables import Variables

Json = dict[str, Any]
CONNECT_SECONDS = 10
READ_SECONDS = 60
# For calls during which the server starts a connector.
CONNECTOR_SECONDS = 600
TRIES = 4
_PAGE = 100
_MAX_PAGES = 1000
_LONGEST_WAIT = 30.0


class ApiError(ToolError):
    """The server refused a call. `status` is the HTTP status, or 0 when no answer came."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def outcome_unknown(self) -> bool:
        """True when the server may have done it anyway."""
        return self.status == 0 or self.status >= 500


class _Bearer(AuthBase):
    """An auth object and not a header: requests would let a .netrc entry replace a bare header."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def base_url(text: str) -> str:
    """The API's base from AIRBYTE_URL, which in an Octavia project is the address of the web page. Raises ToolError."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolError("AIRBYTE_URL is not an address: write for example http://localhost:8000")
    if parts.username or parts.query or parts.fragment:
        raise ToolError("AIRBYTE_URL must hold no user, query or fragment: write for example http://localhost:8000")
    path = parts.path.rstrip("/")
    if not path:
        path = "/v1" if parts.hostname == "api.airbyte.com" else "/api/public/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


class Api:
    """One session against one workspace."""

    def __init__(
        self,
        base: str,
        workspace_id: str,
        client: tuple[str, str] | None,
        headers: Mapping[str, str],
        masker: Masker,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = base
        self.workspace_id = workspace_id
        self._client = client
        self._masker = masker
        self._sleep = sleep
        self._token: str | None = None
        self._expires = 0.0
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": "airbyte-config-tool", **headers})

    @classmethod
    def from_variables(cls, variables: Variables, headers: Mapping[str, str], masker: Masker) -> Api:
        """Reads AIRBYTE_URL, AIRBYTE_WORKSPACE_ID, AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET. Raises ToolError."""
        where = f"in the environment or in {variables.file}"
        url, workspace = variables.get("AIRBYTE_URL"), variables.get("AIRBYTE_WORKSPACE_ID")
        if not url:
            raise ToolError(f"AIRBYTE_URL is not set: set it {where}, for example AIRBYTE_URL=http://localhost:8000")
        if not workspace:
            raise ToolError(
                f"AIRBYTE_WORKSPACE_ID is not set: set it {where}. It stands in Airbyte's address bar, after /workspaces/"
            )
        client_id, secret = variables.get("AIRBYTE_CLIENT_ID"), variables.get("AIRBYTE_CLIENT_SECRET")
        own_authorization = any(name.lower() == "authorization" for name in headers)
        if not (client_id and secret) and not own_authorization:
            old = (
                " Airbyte's public API does not take AIRBYTE_USERNAME and AIRBYTE_PASSWORD."
                if variables.get("AIRBYTE_USERNAME")
                else ""
            )
            raise ToolError(
                f"AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET are not both set.{old} In Airbyte, open Settings > Applications, "
                f"create an application, and set its client id and secret {where}"
            )
        return cls(base_url(url), workspace, (client_id, secret) if client_id and secret else None, headers, masker)

    # -- resources -------------------------------------------------------------------------------------------------

    def list_all(self, path: str) -> Iterator[Json]:
        """Every item of a paged list of this workspace."""
        offset = 0
        for _ in range(_MAX_PAGES):
            items = _data(self.call("GET", path, query={"workspaceIds": self.workspace_id, "limit": _PAGE, "offset": offset}))
            if not items:  # a short page is no end: a server may cap the limit
                return
            yield from items
            offset += len(items)

    def list_definitions(self, path: str) -> list[Json]:
        """Every item of a definitions list, which the server does not page."""
        return _data(self.call("GET", f"/workspaces/{self.workspace_id}/definitions/{path}"))

    def create(self, path: str, body: Json, find: Callable[[], Json | None], read_seconds: float = READ_SECONDS) -> Json:
        """Creates a resource exactly once.

        After an answer that leaves open whether the server did it, `find` looks before anything is sent again.
        """
        for attempt in range(1, TRIES + 1):
            try:
                return dict(self.call("POST", path, body, tries=1, read_seconds=read_seconds))
            except ApiError as error:
                if not error.outcome_unknown and error.status != 429:
                    raise
                found = find()
                if found is not None:
                    return found
                if attempt == TRIES:
                    raise
                self._sleep(_backoff(attempt))
        raise AssertionError("unreachable")

    def pause(self, seconds: float) -> None:
        """Waits between two looks at a job."""
        self._sleep(seconds)

    # -- the call --------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        query: Json | None = None,
        tries: int = TRIES,
        read_seconds: float = READ_SECONDS,
    ) -> Any:
        """One API call; the JSON answer. Retries after 429, 5xx and broken connections. Raises ApiError."""
        refreshed = False
        attempt = 0
        while True:
            attempt += 1
            wait = _backoff(attempt)
            try:
                response = self._send(method, path, body, query, read_seconds)
            except ApiError:
                if attempt >= tries:
                    raise
            else:
                if response.status_code < 300:
                    return _json(response)
                if response.status_code == 401 and self._client and not refreshed:
                    # Application tokens live for minutes; a long wait for a job outlives them.
                    refreshed, self._token, attempt = True, None, attempt - 1
                    continue
                error = self._refusal(method, path, response)
                if not (response.status_code == 429 or response.status_code >= 500) or attempt >= tries:
                    raise error
                wait = _retry_after(response, wait)
            self._sleep(wait)

    def _send(self, method: str, path: str, body: Json | None, query: Json | None, read_seconds: float) -> requests.Response:
        auth = _Bearer(self._access_token() if self._client else None)
        return self._http(method, f"{self.base}{path}", body, query, auth, read_seconds)

    def _http(
        self, method: str, url: str, body: Json | None, query: Json | None, auth: AuthBase, read_seconds: float
    ) -> requests.Response:
        try:
            return self._session.request(
                method, url, json=body, params=query, auth=auth, timeout=(CONNECT_SECONDS, read_seconds), allow_redirects=False
            )
        except (requests.exceptions.InvalidHeader, UnicodeError):
            raise ToolError("a header in api_http_headers.yaml holds a character that HTTP does not allow") from None
        except requests.Timeout:
            raise ApiError(0, f"Airbyte did not answer {method} {urlsplit(url).path} in time") from None
        except requests.exceptions.SSLError:
            raise ApiError(0, f"the TLS certificate of {urlsplit(url).netloc} was refused: check AIRBYTE_URL") from None
        except requests.RequestException as error:
            raise ApiError(
                0, f"no connection to Airbyte at {self.base} ({type(error).__name__}): check AIRBYTE_URL and that Airbyte runs"
            ) from None

    def _access_token(self) -> str:
        if self._token and time.monotonic() < self._expires:
            return self._token
        client_id, client_secret = self._client or ("", "")
        body = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        for attempt in range(1, TRIES + 1):
            response = self._http("POST", f"{self.base}/applications/token", body, None, _Bearer(None), READ_SECONDS)
            if response.status_code < 500 and response.status_code != 429:
                break
            if attempt < TRIES:
                self._sleep(_retry_after(response, _backoff(attempt)))
        if response.status_code in (400, 401, 403):
            raise ApiError(
                response.status_code,
                "Airbyte refused AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET: "
                "compare them with the application in Settings > Applications, without quotes",
            )
        if response.status_code >= 300:
            raise self._refusal("POST", "/applications/token", response)
        answer = _json(response)
        token = str(answer.get("access_token") or "") if isinstance(answer, dict) else ""
        if not token:
            raise ApiError(0, f"{self.base}/applications/token gave no access_token: check AIRBYTE_URL")
        self._masker.add(token)
        self._token = token
        self._expires = time.monotonic() + max(0, int(answer.get("expires_in") or 0) - 20)
        return token

    def _refusal(self, method: str, path: str, response: requests.Response) -> ApiError:
        status = response.status_code
        said = self._masker.scrub(_problem(response))[:600]  # a secret cut in two would not be known any more
        hint = {
            401: "the credentials are wrong or have expired: check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET",
            403: "this application may not do that here: check AIRBYTE_WORKSPACE_ID and the role of the application's owner",
            404: "not found: check AIRBYTE_URL and AIRBYTE_WORKSPACE_ID",
            409: "Airbyte reports a conflict: wait for running jobs to end, then run the command again",
            413: "the request is larger than the server or a proxy before it allows",
            422: "Airbyte refused the values that were sent",
            429: "Airbyte asked to slow down, several times: try again later",
        }.get(status)
        if hint is None and 300 <= status < 400:
            hint = "the address redirects elsewhere: set AIRBYTE_URL to the final one"
        if hint is None:
            hint = (
                "Airbyte failed: see its server's log, then run the command again; what was done is kept"
                if status >= 500
                else "refused"
            )
        heard = f" It said: {said.rstrip('.')}." if said else ""
        return ApiError(status, f"{method} {path} answered {status}: {hint}.{heard}")


def _backoff(attempt: int) -> float:
    return float(min(_LONGEST_WAIT, 0.5 * 2 ** (attempt - 1)))


def _retry_after(response: requests.Response, fallback: float) -> float:
    text = response.headers.get("Retry-After", "")
    return min(_LONGEST_WAIT, float(text)) if text.isdigit() else fallback


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise ApiError(
            response.status_code, "the answer is not JSON: AIRBYTE_URL seems to name a web page, not Airbyte's API"
        ) from None


def _data(answer: Any) -> list[Json]:
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise ApiError(200, "the answer is not one of Airbyte's public API: check AIRBYTE_URL")
    return items


def _problem(response: requests.Response) -> str:
    """What the server's problem document says. It may quote the request."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    data = body.get("data")
    texts = [
        body.get("detail") or body.get("message") or body.get("title"),
        data.get("message") if isinstance(data, dict) else None,
    ]
    return " ".join(dict.fromkeys(str(t) for t in texts if t))
