"""Back-off, retry-after and time-outs, and that they end."""

from __future__ import annotations

import gzip
import zlib
from datetime import timedelta
from email.utils import format_datetime
from io import BytesIO
from threading import Event
from typing import Any

import pytest
import requests
import urllib3.exceptions as urllib3_errors
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import NoAuth
from airbyte_cdk.sources.declarative.requesters.error_handlers.http_response_filter import HttpResponseFilter
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3 import HTTPResponse

from source_syfter import context
from source_syfter.components.authenticators import SameOriginAuthenticator
from source_syfter.components.errors import Backoff, ErrorHandler
from source_syfter.components.http import BoundedBody, Call
from source_syfter.context import Context, RetryPolicy
from source_syfter.timestamps import now
from testing.clocks import Clock, SharedClock
from testing.instance import Answer, Instance, config, oauth, some
from testing.reading import STREAMS, check, read

PARAMETERS = {"name": "articles"}


def in_seconds(seconds: float) -> str:
    """An HTTP date."""
    return format_datetime(now() + timedelta(seconds=seconds), usegmt=True)


def wait(status: int = 429, attempt: int = 1, **headers: Any) -> float:
    """Seconds before the next try after a response with `headers`."""
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): str(value) for name, value in headers.items()})
    limited = HttpResponseFilter(
        config={}, parameters=PARAMETERS, http_codes={429}, action="RATE_LIMITED", error_message="limited"
    )
    handler = ErrorHandler(config={}, parameters=PARAMETERS, response_filters=[limited], codes=["rate-limited"])
    handler.interpret_response(response)
    return Backoff(config={}, parameters=PARAMETERS).backoff_time(response, attempt)


@pytest.mark.parametrize("status", [429, 503, 500, 502])
@pytest.mark.parametrize("seconds", [1, 7, 120, 600])
def test_retry_after_in_seconds_is_obeyed(status: int, seconds: int) -> None:
    assert wait(status, Retry_After=seconds) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_as_a_date_is_obeyed(status: int) -> None:
    assert wait(status, Retry_After=in_seconds(90)) == pytest.approx(90, abs=2)
    # By the clock of the server, whatever this machine's says.
    assert wait(status, Retry_After=in_seconds(-3550), Date=in_seconds(-3600)) == pytest.approx(50, abs=1)
    with pytest.raises(AirbyteTracedException, match=r"\d+ seconds before"):
        wait(status, Retry_After=in_seconds(86400))


@pytest.mark.parametrize("name", ["X_RateLimit_Reset", "RateLimit_Reset"])
@pytest.mark.parametrize("seconds", [1, 30, 600])
def test_a_reset_header_in_seconds_is_obeyed(name: str, seconds: int) -> None:
    assert wait(**{name: seconds}) == seconds


@pytest.mark.parametrize("name", ["X_RateLimit_Reset", "RateLimit_Reset"])
def test_a_reset_header_as_an_instant_is_obeyed(name: str) -> None:
    assert wait(**{name: int(now().timestamp()) + 90}) == pytest.approx(90, abs=2)


def test_retry_after_goes_before_the_reset_header() -> None:
    assert wait(Retry_After=5, X_RateLimit_Reset=60, RateLimit_Reset=90) == 5


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Retry_After": 0}, id="zero"),
        pytest.param({"Retry_After": -5}, id="negative"),
        pytest.param({"Retry_After": "soon"}, id="unreadable"),
        pytest.param({"Retry_After": "nan"}, id="not a number"),
        pytest.param({"Retry_After": "inf"}, id="without end"),
        pytest.param({"Retry_After": ""}, id="empty"),
        pytest.param({"Retry_After": in_seconds(-60)}, id="past date"),
        pytest.param({"Retry_After": "Sun, 99 Feb 2026 25:61:00 GMT"}, id="no date"),
        pytest.param({"X_RateLimit_Reset": 0}, id="reset zero"),
        pytest.param({"X_RateLimit_Reset": -1}, id="reset negative"),
        pytest.param({"X_RateLimit_Reset": "soon"}, id="reset unreadable"),
        pytest.param({"RateLimit_Reset": 1_500_000_000}, id="reset in the past"),
    ],
)
def test_otherwise_the_wait_doubles_with_jitter_up_to_a_minute(headers: dict[str, Any]) -> None:
    for attempt, longest in enumerate([2, 4, 8, 16, 32, 60, 60, 60, 60], 1):
        assert longest / 2 <= wait(429, attempt, **headers) <= longest


def test_the_jitter_differs() -> None:
    assert len({wait() for _ in range(5)}) > 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry_After": 601}),
        (503, {"Retry_After": 3600}),
        (429, {"X_RateLimit_Reset": 3600}),
        (429, {"RateLimit_Reset": 3600}),
    ],
)
def test_a_longer_wait_fails_as_transient_and_names_the_time(status: int, headers: dict[str, Any]) -> None:
    with pytest.raises(AirbyteTracedException, match="601|3600") as caught:
        wait(status, **headers)

    assert caught.value.failure_type.value == "transient_error"
    assert "articles" in caught.value.message
    assert "seconds" in caught.value.message


def test_an_instant_that_is_far_off_fails_as_transient() -> None:
    with pytest.raises(AirbyteTracedException, match=r"35\d\d seconds|3600 seconds"):
        wait(429, X_RateLimit_Reset=int(now().timestamp()) + 3600)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("from_now", [False, True])
def test_a_reset_header_says_nothing_about_a_server_error(status: int, from_now: bool) -> None:
    """Many APIs send it with each answer: the window of a limit is no reason not to retry."""
    assert wait(status, X_RateLimit_Reset=3600 if from_now else int(now().timestamp()) + 3600) <= 2


def test_waits_as_told(instance: Instance, clock: Clock) -> None:
    """Nine waits of ten minutes pass, and the read is complete."""
    instance.answers("articles", *[Answer(status=429, headers={"Retry-After": "600"})] * 9)

    outcome = read(config(), "articles")

    assert outcome.ids("articles") == [1, 2, 3]
    assert [round(seconds) for seconds in clock.waits if seconds] == [601] * 9, "the CDK adds a second"


def test_a_long_wait_ends_the_stream_and_no_other(instance: Instance, clock: Clock) -> None:
    instance.always_answers("articles", Answer(status=429, headers={"Retry-After": "3600"}))

    outcome = read(config())

    assert outcome.kind_of("articles") == "transient_error"
    assert "3600 seconds" in outcome.message_of("articles")
    assert [stream for stream in STREAMS if not outcome.completed(stream)] == ["articles"]
    assert sum(clock.waits) == 0


@pytest.mark.parametrize(("status", "tries", "longest"), [(429, 10, 400), (500, 6, 70), (503, 6, 70), (408, 6, 70)])
def test_gives_up_in_bounded_time(instance: Instance, clock: Clock, status: int, tries: int, longest: float) -> None:
    instance.always_answers("articles", Answer(status=status))

    outcome = read(config(), "articles")

    assert len(instance.queries("articles")) == tries
    assert outcome.kind_of("articles") == "transient_error"
    assert sum(clock.waits) <= longest


# --- a server that never answers ------------------------------------------------------------------------------------------


class Trickle:
    """A body that comes byte by byte, a second each, without end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def read1(self, size: int, decode_content: bool | None = None) -> bytes:
        self._clock.sleep(1)
        return b" "


@pytest.mark.parametrize(("longest", "policy"), [(180, context.READ), (25, context.CHECK)])
def test_a_body_that_trickles_is_cut_off(clock: Clock, longest: int, policy: RetryPolicy) -> None:
    config = {context.KEY: Context(policy)}
    authenticator = SameOriginAuthenticator(authenticator=NoAuth({}), config=config, parameters=PARAMETERS)
    response = requests.Response()
    response.raw = Trickle(clock)

    with pytest.raises(AirbyteTracedException, match=f"articles: .* {longest} seconds") as caught:
        authenticator._bound(response).content  # noqa: B018

    assert caught.value.failure_type.value == "transient_error"
    assert clock.passed <= longest + 5


class Drip:
    """A socket's file that gives a byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._file = BytesIO(content)
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 1) if size > 0 else size)

    read1 = read

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("encoding", ["gzip", "deflate", ""])
def test_a_body_in_small_pieces_is_whole(encoding: str) -> None:
    plain = b'{"data": []}' * 50
    sent = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}[encoding](plain)
    raw = HTTPResponse(Drip(sent), {"Content-Encoding": encoding} if encoding else {}, preload_content=False)

    assert b"".join(BoundedBody(raw, Call("articles", context.Context(), 60)).stream(decode_content=True)) == plain


class Silence:
    """Never answers: each request takes as long as its time-out, on a clock that the threads share."""

    def __init__(self, clock: SharedClock, seconds: float, error: requests.RequestException) -> None:
        self._clock, self._seconds, self._error = clock, seconds, error

    def __call__(self, asked: Any) -> Exception:
        self._clock.sleep(self._seconds)
        return type(self._error)(*self._error.args)


STALLED = requests.ReadTimeout()
STALLED_IN_BODY = requests.ConnectionError(urllib3_errors.ReadTimeoutError(None, None, "Read timed out."))
SILENCES = [
    pytest.param(30, STALLED, id="no answer"),
    pytest.param(30, STALLED_IN_BODY, id="half an answer"),
    pytest.param(10, requests.ConnectTimeout(), id="no connection"),
]


@pytest.mark.parametrize(("seconds", "error"), SILENCES)
@pytest.mark.parametrize("workers", [2, 4, 20])
def test_a_server_that_never_answers(
    instance: Instance, shared_clock: SharedClock, workers: int, seconds: float, error: requests.RequestException
) -> None:
    instance.always_answers(None, Silence(shared_clock, seconds, error))

    outcome = read(config(num_workers=workers))

    assert shared_clock.passed <= 240
    assert {outcome.kind_of(stream) for stream in STREAMS} == {"transient_error"}


@pytest.mark.parametrize(("seconds", "error"), SILENCES)
def test_a_check_of_a_server_that_never_answers(
    instance: Instance, shared_clock: SharedClock, seconds: float, error: requests.RequestException
) -> None:
    instance.always_answers(None, Silence(shared_clock, seconds, error))

    succeeded, _ = check(config())

    assert not succeeded
    assert shared_clock.passed <= 60


def test_a_check_of_a_token_url_that_never_answers(instance: Instance, shared_clock: SharedClock) -> None:
    instance.always_answers("token", Silence(shared_clock, 20, STALLED))

    succeeded, message = check(config(credentials=oauth()))

    assert not succeeded
    assert "token URL" in message
    assert shared_clock.passed <= 60


def test_a_read_with_a_token_url_that_never_answers(instance: Instance, shared_clock: SharedClock) -> None:
    instance.always_answers("token", Silence(shared_clock, 20, STALLED))

    outcome = read(config(credentials=oauth()))

    assert shared_clock.passed <= 240
    assert {outcome.kind_of(stream) for stream in STREAMS} == {"transient_error"}


def test_the_time_outs_are_those_of_the_simulation(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    send = instance.adapter.send
    monkeypatch.setattr(
        instance.adapter, "send", lambda request, **options: [seen.append(options["timeout"]), send(request, **options)][1]
    )

    read(config(credentials=oauth()), "articles")

    assert seen == [(10.0, 20.0), (10, 30), (10, 30)], "token, page, page: to connect, to read"


def test_after_an_answer_the_tries_count_anew(instance: Instance, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Another stream's failure reduces the retries only while nothing is answered."""

    def once_companies_are_given_up(asked: Any) -> None:
        while not any("Finished syncing companies" in record.message for record in caplog.records):
            Event().wait(0.01)

    instance.records["articles"] = some(3)
    instance.always_answers("companies", requests.ReadTimeout())
    instance.answers("articles", once_companies_are_given_up, requests.ReadTimeout(), requests.ReadTimeout())

    with caplog.at_level("INFO"):
        outcome = read(config(page_size=2), "companies", "articles")

    assert outcome.ids("articles") == [1, 2, 3]


# --- the user's own limit ---------------------------------------------------------------------------------------------------


def test_requests_per_minute(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third request within a minute has to wait for the rest of it."""
    waits: list[float] = []

    class StopError(Exception):
        pass

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if seconds > 1:
            raise StopError

    monkeypatch.setattr("airbyte_cdk.sources.streams.call_rate.time.sleep", sleep)
    instance.records["articles"] = some(9)

    read(config(requests_per_minute=2, page_size=2), "articles")

    assert len(instance.queries("articles")) == 2
    assert 50 < max(waits) <= 61


@pytest.mark.parametrize("headers", [{"X-RateLimit-Reset": "5", "X-RateLimit-Remaining": "0"}, {"ratelimit-reset": "soon"}])
def test_the_limit_is_not_upset_by_the_instance_s_own_headers(instance: Instance, headers: dict[str, str]) -> None:
    instance.always_answers("articles", lambda asked: Answer(instance.page(asked).body, headers=headers))

    assert read(config(requests_per_minute=6000), "articles").ids("articles") == [1, 2, 3]


def test_without_a_limit_there_is_no_budget(instance: Instance, clock: Clock) -> None:
    read(config())

    assert sum(clock.waits) == 0


def test_constants_are_those_of_the_contract() -> None:
    assert context.READ.longest_wait == 600
