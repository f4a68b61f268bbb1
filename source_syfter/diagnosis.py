"""What is wrong with a connection, in words."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any, Optional
from urllib.parse import urlsplit

import requests
import urllib3.exceptions as urllib3_errors
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

NO_ANSWER = "[no-answer]"

# What a request that got no usable answer means: by the first class found in the chain of causes, most telling first; the
# last one stands for all others.
_CAUSES: list[tuple[tuple[type[BaseException], ...], FailureType, str]] = [
    (
        (urllib3_errors.NameResolutionError,),
        FailureType.config_error,
        'the host name "{host}" is not known. Check "{field}" for a typing error; a private name needs the DNS server of its '
        "network. [unknown-host]",
    ),
    (
        (ssl.SSLError, urllib3_errors.SSLError, requests.exceptions.SSLError),
        FailureType.config_error,
        'no secure connection to "{host}" is possible: {detail}. Check that the host is right, that it speaks TLS on this port '
        "and that its certificate is valid and trusted by the machine that runs the connector. [tls]",
    ),
    (
        (urllib3_errors.ProxyError, requests.exceptions.ProxyError),
        FailureType.transient_error,
        'the proxy in front of "{host}" cannot be used. Check HTTPS_PROXY and NO_PROXY where the connector runs. [proxy]',
    ),
    (
        (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema),
        FailureType.config_error,
        '"{host}" is not an address that can be asked. Check "{field}". [invalid-address]',
    ),
    (
        (requests.exceptions.TooManyRedirects,),
        FailureType.config_error,
        '"{host}" redirects in circles. Check that the host is the address of the instance itself. [redirected]',
    ),
    (
        (requests.exceptions.InvalidHeader, UnicodeError),
        FailureType.config_error,
        "the credentials hold a character that cannot be sent. Enter them again without line breaks. [invalid-credentials]",
    ),
    (
        (ConnectionRefusedError,),
        FailureType.transient_error,
        '"{host}" refuses connections. Check host and port; the instance may be down. [refused]',
    ),
    (
        (urllib3_errors.ConnectTimeoutError, requests.exceptions.ConnectTimeout),
        FailureType.transient_error,
        '"{host}" cannot be reached (no connection in time). Check the host and port, and that a firewall or an allow-list '
        f"lets the connector through. {NO_ANSWER}",
    ),
    (
        (urllib3_errors.ReadTimeoutError, requests.exceptions.Timeout),
        FailureType.transient_error,
        f'"{{host}}" did not answer in time. Try again later, or set a smaller page size. {NO_ANSWER}',
    ),
    (
        (urllib3_errors.DecodeError, requests.exceptions.ContentDecodingError),
        FailureType.transient_error,
        '"{host}" sent a body that cannot be decompressed. Try again later. [connection-lost]',
    ),
    (
        (),
        FailureType.transient_error,
        '"{host}" broke the connection off before the answer was whole. Try again later. [connection-lost]',
    ),
]


def config_error(message: str) -> AirbyteTracedException:
    """An error that the user can mend. `message` is for people: it names the field or the permission, and holds no data."""
    return AirbyteTracedException(message=message, internal_message=message, failure_type=FailureType.config_error)


def transient_error(message: str) -> AirbyteTracedException:
    """An error that passes by itself, or is the instance's to mend. `message` as for `config_error`."""
    return AirbyteTracedException(message=message, internal_message=message, failure_type=FailureType.transient_error)


def final(resolution: ErrorResolution) -> AirbyteTracedException:
    """The error that `resolution` becomes when nothing is tried any more."""
    message = resolution.error_message or ""
    return config_error(message) if resolution.failure_type is FailureType.config_error else transient_error(message)


def explain(stream: str, error: Optional[BaseException], field: str = "Host") -> ErrorResolution:
    """Names the cause of a request of `stream` that ended in `error`, and what to do; all such requests are tried again.

    `field`: where the user typed the address.
    """
    chain = list(_chain(error))
    found = (cause for cause in _CAUSES if any(isinstance(link, cause[0]) for link in chain))
    _, failure_type, text = next(found, _CAUSES[-1])
    message = text.format(host=_host(error), detail=_tls_detail(chain), field=field)
    return ErrorResolution(ResponseAction.RETRY, failure_type, f"{stream}: {message}")


def own_words(response: requests.Response) -> Optional[str]:
    """The API's own message in an error body, on one line, at most 300 characters; None if it has none.

    Only the fields that hold messages by convention: an error body may echo records. A web page has no message.
    """
    try:
        said = _message(response.json())
    except ValueError:
        said = response.text.strip()
        said = "" if said.startswith("<") or len(said) > 300 else said
    except RecursionError:
        # Nested without end. The CDK would read it, too, and take it for a fault of the connector.
        said, response._content = "", b""
    said = " ".join(said.split())
    return f'The instance said: "{said[:300]}"' if said else None


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


def _tls_detail(chain: list[BaseException]) -> str:
    reason = next((link.verify_message for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    return reason or "the server does not answer in TLS as expected"


def _host(error: Optional[BaseException]) -> str:
    request = getattr(error, "request", None)
    return urlsplit(getattr(request, "url", None) or "").netloc.rpartition("@")[2] or "the instance"
