"""What a refused or unanswered request means, and how long to back off before a retry."""

# No `from __future__ import annotations`: see `part.py`.

import json
import math
import random
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union
from urllib.parse import urlsplit

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from requests import exceptions as requests_errors
from urllib3 import exceptions as urllib3_errors

from source_syfter import problems, timestamps
from source_syfter.components.http import is_cut
from source_syfter.components.part import Part
from source_syfter.context import context_of
from source_syfter.problems import Problem, SyfterError
from source_syfter.secrecy import masked_foreign

# What the handler leaves on a response or exception for the back-off, and on a request: one thread handles it from end to end.
_ERROR = "_syfter_error"
_REFRESHED = "_syfter_refreshed"

# Seconds: the contract of `Backoff`.
_LONGEST_BACKOFF = 60.0

# Characters of an error that are shown and looked at, and bytes of a body that may hold one.
_LONGEST_MESSAGE, _LONGEST_QUOTE, _LARGEST_ERROR = 300, 4000, 1 << 20

# What a request that got no usable answer means: by the first class found in the chain of causes, most telling first.
_CAUSES: list[tuple[tuple[type[BaseException], ...], Problem]] = [
    # Before what befell the proxy itself: its name, its certificate. The address of the instance has been checked, so an address
    # that cannot be asked is the proxy's, too, or its scheme is one of which the library is missing (SOCKS).
    ((urllib3_errors.ProxyError, requests_errors.ProxyError, requests_errors.InvalidProxyURL), problems.PROXY),
    ((urllib3_errors.LocationValueError, requests_errors.InvalidSchema, requests_errors.MissingSchema), problems.PROXY),
    ((urllib3_errors.NameResolutionError,), problems.UNKNOWN_HOST),
    ((ssl.SSLError, urllib3_errors.SSLError, requests_errors.SSLError), problems.TLS),
    ((requests_errors.InvalidURL,), problems.INVALID_ADDRESS),
    ((requests_errors.TooManyRedirects,), problems.REDIRECT_LOOP),
    # Two lengths, for example; the class of the same name below is about what is sent.
    ((urllib3_errors.InvalidHeader,), problems.NOT_HTTP),
    ((requests_errors.InvalidHeader, UnicodeError), problems.INVALID_CREDENTIALS),
    ((ConnectionRefusedError,), problems.REFUSED),
    ((urllib3_errors.ConnectTimeoutError, requests_errors.ConnectTimeout), problems.UNREACHABLE),
    ((urllib3_errors.ReadTimeoutError, requests_errors.Timeout), problems.NO_ANSWER),
    ((urllib3_errors.DecodeError, requests_errors.ContentDecodingError), problems.DAMAGED_BODY),
]


@dataclass
class ErrorHandler(DefaultErrorHandler):
    """The response filters of the manifest, and what they cannot do.

    Adds the code of a filter and the API's own words to its message, names the cause of a request that got no answer, gives
    statuses that no filter names the action of their class, and fails a request whose token was refused again after it was
    renewed. `codes`: of the filters, in their order. Raises what ends the stream.
    """

    codes: list[str] = field(default_factory=list)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._stream = str(parameters.get("name", "records"))

    def interpret_response(self, response_or_exception: Optional[Union[requests.Response, Exception]]) -> ErrorResolution:
        if not isinstance(response_or_exception, requests.Response):
            action, error = ResponseAction.RETRY, explain(self._stream, response_or_exception)
        elif response_or_exception.status_code == 200 and is_cut(response_or_exception):
            action, error = ResponseAction.RETRY, problems.CUT_BODY(stream=self._stream)
        elif response_or_exception.status_code in (200, 204):
            return ErrorResolution(ResponseAction.SUCCESS)
        elif self._is_beyond(response_or_exception):
            if self.config["conventions"]["end_of_list"] != "not_found":
                raise problems.NO_SUCH_PAGE(own_words(response_or_exception), stream=self._stream)
            # For the CDK a 404 would be no page, behind which nothing is asked for, whatever the list still needs.
            response_or_exception.status_code = 204
            return ErrorResolution(ResponseAction.SUCCESS)
        else:
            action, error = self.refusal(response_or_exception)
        if action is ResponseAction.FAIL:
            raise error
        setattr(response_or_exception, _ERROR, error)
        return ErrorResolution(action, error.failure_type, error.text)

    def _is_beyond(self, response: requests.Response) -> bool:
        """Whether it is a 404 to a list of which pages were read."""
        read = context_of(self.config).lists.get(self._stream)
        return response.status_code == 404 and read is not None and read.pages > 0

    def refusal(self, response: requests.Response) -> tuple[ResponseAction, SyfterError]:
        """What `response`, which is not ok, leads to, and the error that it is if nothing is tried any more."""
        said = own_words(response)
        # By the status alone: nothing that an instance writes into a body decides, and a body nested without end is not read.
        bare = requests.Response()
        bare.status_code = response.status_code
        matches = ((code, each.matches(bare)) for code, each in zip(self.codes, self.response_filters or [], strict=True))
        code, found = next(((code, match) for code, match in matches if match), ("", None))
        if found is None:
            facts = {"stream": self._stream, "status": response.status_code}
            if response.status_code >= 500:
                return ResponseAction.RETRY, problems.UNKNOWN_FAILURE(said, **facts)
            return ResponseAction.FAIL, problems.UNKNOWN_STATUS(said, **facts)
        action, kind = found.response_action or ResponseAction.FAIL, FailureType.transient_error
        if action is ResponseAction.REFRESH_TOKEN_THEN_RETRY:
            kind = FailureType.config_error
            if getattr(response.request, _REFRESHED, False):
                action = ResponseAction.FAIL
            setattr(response.request, _REFRESHED, True)
        elif action is ResponseAction.FAIL:
            kind = found.failure_type or FailureType.config_error
        return action, SyfterError(code, kind, found.error_message or "", said)


@dataclass
class Backoff(Part, BackoffStrategy):
    """The back-off before a retry, in seconds.

    What the server says counts up to ten minutes: see `retry_after`. A longer wait fails as transient. Where it says nothing,
    the wait doubles from two seconds to a minute, with jitter. Raises the error that `ErrorHandler` found when the retries
    for its condition are used up.
    """

    def backoff_time(self, response_or_exception: Any, attempt_count: int) -> float:
        response = response_or_exception if isinstance(response_or_exception, requests.Response) else None
        asked_for = retry_after(response) if response is not None else None
        longest = self._context.retry_policy.longest_wait
        if asked_for is not None and asked_for > longest:
            raise problems.LONG_WAIT(stream=self._stream, seconds=asked_for, longest=longest)
        error: SyfterError = getattr(response_or_exception, _ERROR)
        if attempt_count > self._retries(response, error):
            # Once one stream has used up its retries, the others fail at once: a silent server ends a read of all streams
            # within four minutes (test_a_server_that_never_answers).
            self._context.silent = _is_unanswered(error)
            raise error
        if asked_for is not None:
            return asked_for
        # The CDK adds a second to each wait.
        return min(2.0**attempt_count, _LONGEST_BACKOFF) * random.uniform(0.5, 1.0)

    def _retries(self, response: Optional[requests.Response], error: SyfterError) -> int:
        policy = self._context.retry_policy
        if response is not None:
            return policy.if_limited if response.status_code == 429 else policy.if_failing
        if self._context.silent:
            return 0
        return policy.if_unanswered if _is_unanswered(error) else policy.if_disconnected


def _is_unanswered(error: SyfterError) -> bool:
    return error.code == problems.NO_ANSWER.code


def retry_after(response: requests.Response) -> Optional[float]:
    """Seconds that the headers of a response ask to wait; None for nothing, and for what is zero, negative, past or unreadable.

    `Retry-After` in seconds or as a date, by the clock of the server if it tells that; then, on a 429, `X-RateLimit-Reset` or
    `RateLimit-Reset` in seconds or, above 10^9, as an instant: many an API sends those with every answer.
    """
    headers = response.headers
    if headers.get("Retry-After"):
        seconds = _number(headers["Retry-After"])
        if math.isnan(seconds) and (until := timestamps.http_date(headers["Retry-After"])):
            seconds = (until - (timestamps.http_date(headers.get("Date")) or timestamps.now())).total_seconds()
    elif response.status_code == 429:
        resets = (_number(headers.get(name, "")) for name in ("X-RateLimit-Reset", "RateLimit-Reset"))
        seconds = next((reset for reset in resets if not math.isnan(reset)), math.nan)
        seconds -= timestamps.now().timestamp() if seconds > 1e9 else 0
    else:
        return None
    return seconds if seconds > 0 else None


def _number(text: str) -> float:
    """The finite number that `text` is; NaN for anything else."""
    try:
        return float(text) if math.isfinite(float(text)) else math.nan
    except ValueError:
        return math.nan


def explain(stream: str, error: Optional[BaseException], field: str = "Host") -> SyfterError:
    """The cause of a request of `stream` that ended in `error`, and what to do. `field`: where the user typed the address."""
    chain = list(_chain(error))
    if isinstance(error, MemoryError):
        return problems.OUT_OF_MEMORY(stream=stream)
    if isinstance(error, RecursionError):
        return problems.NOT_JSON(stream=stream, what="records nested too deeply")
    lasting = error if isinstance(error, OSError) and not isinstance(error, requests.RequestException) else None
    # What requests itself says of a file that is not there has no number.
    if (lasting is not None and not lasting.errno) or any(map(_is_of_certificates, chain)):
        return problems.CERTIFICATES(stream=stream)
    # Nothing that comes over the network names a file.
    refused = lasting or next((link for link in chain if isinstance(link, OSError) and link.filename), None)
    if refused is not None:
        return problems.MACHINE(stream=stream, reason=": ".join(map(str, filter(None, (refused.strerror, refused.filename)))))
    found = (problem for kinds, problem in _CAUSES if any(isinstance(link, kinds) for link in chain))
    certificate = next((link.verify_message for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    request = getattr(error, "request", None)
    return next(found, problems.CONNECTION_LOST)(
        stream=stream,
        host=urlsplit(getattr(request, "url", None) or "").netloc.rpartition("@")[2] or "the instance",
        detail=certificate or "the server does not answer in TLS as expected",
        field=field,
    )


def _is_of_certificates(link: BaseException) -> bool:
    """Whether the file of trusted certificates cannot be loaded, of which urllib3 makes what it makes of TLS itself."""
    reason = link.args[0] if isinstance(link, urllib3_errors.SSLError) and link.args else None
    return isinstance(reason, OSError) and (not isinstance(reason, ssl.SSLError) or reason.library == "X509")


def own_words(response: requests.Response) -> str:
    """The API's own message in an error body, on one line, without secrets, at most 300 characters; empty if it has none.

    Only the fields that hold messages by convention: an error body may echo records. A web page has no message.
    """
    content = response.content or b""
    if len(content) > _LARGEST_ERROR:
        return ""
    try:
        said = _message(json.loads(content))
    except ValueError:
        said = content.decode("utf-8", "replace").strip()
        said = "" if said.startswith("<") or len(said) > _LONGEST_MESSAGE else said
    except RecursionError:
        # Nested without end.
        said = ""
    # Masking comes before the cut that is seen: a secret across it would be shown but for its end.
    said = masked_foreign(" ".join(said[:_LONGEST_QUOTE].split()))
    return f'The instance said: "{said[:_LONGEST_MESSAGE]}"' if said else ""


def _message(body: Any) -> str:
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, (_message(item) for item in body[:3])))
    if isinstance(body, dict):
        return next(filter(None, (_message(body.get(key)) for key in ("message", "error", "detail", "errors"))), "")
    return ""


def _chain(error: Optional[BaseException]) -> Iterator[BaseException]:
    """`error` and what lies behind it: causes, contexts, and the exceptions that urllib3 keeps as arguments."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [getattr(link, "reason", None), link.__cause__, link.__context__, *link.args]
