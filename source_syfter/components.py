"""The parts that the manifest cannot express, on the CDK's public extension points. The manifest says why each is needed."""

# No `from __future__ import annotations`: the CDK evaluates the annotations of components, and Python 3.10 cannot evaluate
# an `InitVar` that is written as text.

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Optional, Union
from urllib.parse import urlsplit

import orjson
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor as BaseRecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.extractors.record_selector import extracted_record_count
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from airbyte_cdk.sources.types import Config, Record, StreamSlice, StreamState

from source_syfter.diagnosis import NO_ANSWER, config_error, explain, final, own_words, transient_error
from source_syfter.notes import notes_of
from source_syfter.timestamps import EPOCH, epoch_ms_to_iso, is_usual, now, parse, to_iso

# What one component leaves on a response (or exception) for the next: it is handled by one thread from end to end.
_PAGE = "_syfter_page"
_RESOLUTION = "_syfter_resolution"
_REFRESHED = "_syfter_refreshed"

# Seconds; the contract of `Backoff`.
LONGEST_WAIT = 600.0
LONGEST_BACKOFF = 60.0

# How often the rest of a list may come again: a record that changes enters the list of changes, and what follows moves on by one.
_REPEATS = 2
# How many empty pages in a row may hand on a token: an instance that filters after paging may have some.
_EMPTY_PAGES = 1000


@dataclass
class Page:
    """What a page says beside its records: `body` as sent, and how many records it held."""

    body: Any
    count: int


@dataclass
class RecordExtractor(BaseRecordExtractor):
    """Takes the records out of a response, and refuses what is not the known envelope.

    `records_path`: dotted path to the array of records; empty: the body is the array. `id_field`: the record's key.
    Raises a config error for a body that is not JSON, a path that does not lead to an array of objects, and for pages that
    came before: a server that ignores the paging parameter would be read for ever. The rest of a list, shorter than a page,
    may come again when others write to the collection, so only the third in a row counts there.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    records_path: str = "data"
    id_field: str = "id"
    _seen: set[bytes] = field(init=False, repr=False, default_factory=set)
    _repeated: int = field(init=False, repr=False, default=0)
    _largest: int = field(init=False, repr=False, default=0)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))
        self._path = self.records_path.split(".") if self.records_path else []

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        notes_of(self.config).answered(self._stream, response.headers.get("Date"), response.elapsed)
        try:
            body = _json(response.content)
        except (ValueError, RecursionError):
            raise config_error(
                f"{self._stream}: the instance answered with {_kind_of_text(response)} instead of JSON. Check that the host is "
                "the address of the instance itself and not of a sign-in or status page, and that the path prefix "
                "(conventions.path_prefix) is right; records are expected under conventions.records_path. [not-json]"
            ) from None
        records = body
        for key in self._path:
            records = records.get(key) if isinstance(records, dict) else None
        # The CDK takes an empty record for the end of the whole read (test_an_empty_record_does_not_end_the_read).
        if not isinstance(records, list) or not all(record and isinstance(record, dict) for record in records):
            raise config_error(
                f"{self._stream}: no array of records {self._where()} in the answer, which is {_shape(body)}. Set "
                'conventions.records_path to the path of the records ("." if the body itself is the array). [unknown-envelope]'
            )
        if records:
            self._refuse_repeated(records)
        setattr(response, _PAGE, Page(body=body, count=len(records)))
        return records

    def _where(self) -> str:
        return f'under "{self.records_path}"' if self._path else "as the body itself"

    def _refuse_repeated(self, records: Sequence[Mapping[str, Any]]) -> None:
        # In any order: a server that does not sort may shuffle the page that it repeats.
        ids = sorted((record.get(self.id_field) for record in records), key=str)
        # Records without the key are compared as a whole: a wrong `id_field` must not look like a repeated page.
        digest = hashlib.blake2b(orjson.dumps(records if None in ids else ids), digest_size=16).digest()
        self._repeated = self._repeated + 1 if digest in self._seen else 0
        self._largest = max(self._largest, len(records))
        # In place of a whole page it hides another one, which would be lost.
        if self._repeated > (_REPEATS if len(records) < self._largest else 0):
            raise config_error(
                f"{self._stream}: the instance gives the same page of {len(records)} records again and again, so it ignores the "
                "paging parameter or repeats its last page. Set conventions.paging (and the parameter's name) to how this "
                'instance pages; "none" if it gives everything at once. [repeated-page]'
            )
        self._seen.add(digest)


def _json(content: bytes) -> Any:
    """The JSON document in `content`. Raises ValueError or RecursionError if there is none.

    Halves of surrogate pairs, which JavaScript makes when it cuts a text within an emoji, become U+FFFD: neither UTF-8 nor a
    warehouse can hold them.
    """
    try:
        return orjson.loads(content)
    except ValueError:
        document = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
        text = json.dumps(document, ensure_ascii=False)
        return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _kind_of_text(response: requests.Response) -> str:
    if not response.content.strip():
        return f"an empty body ({response.status_code})"
    if "html" in response.headers.get("Content-Type", "") or response.content.lstrip()[:1] == b"<":
        return "a web page"
    return "damaged or other text"


def _shape(body: Any) -> str:
    """Names the shape of a body without its values: keys come from the API, values are licensed data."""
    if isinstance(body, dict):
        keys = [key[:40] for key in list(body)[:8]]
        return f"an object with the keys {', '.join(keys)}" if keys else "an empty object"
    if isinstance(body, list):
        return "an array"
    return {str: "a string", bool: "a boolean", type(None): "null"}.get(type(body), "a number")


@dataclass
class UpdatedSince(RecordFilter):
    """Lets through records whose `cursor_field` is at or after the start of the slice; those without a readable one, always."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    condition: str = ""
    cursor_field: str = "updated_at"

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: Optional[StreamSlice] = None,
        next_page_token: Optional[Mapping[str, Any]] = None,
    ) -> Iterable[Mapping[str, Any]]:
        bound = parse(stream_slice.get("start_time")) if stream_slice else None
        start = to_iso(bound) if bound else EPOCH
        if bound is None or start <= EPOCH:
            yield from records
            return
        for record in records:
            value = record.get(self.cursor_field)
            if is_usual(value):
                if value >= start:
                    yield record
            else:
                moment = parse(value)
                if moment is None or moment >= bound:
                    yield record


class _Strategy(PaginationStrategy):
    """Sends nothing on the first page; the page size is a query parameter of every request."""

    @property
    def initial_token(self) -> Optional[Any]:
        return None

    def get_page_size(self) -> Optional[int]:
        return None


@dataclass
class OffsetUntilEmpty(_Strategy):
    """Counts records until a page is empty.

    A read of changes (`updated_since` sent) that fits on its first page ends there if `total` says that this is all: a run
    without changes then costs one request. Everywhere else `total` is not trusted to end a list.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    since_parameter: str = "updated_since"

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Optional[Record],
        last_page_token_value: Optional[Any] = None,
        page_size_override: Optional[int] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> Optional[Any]:
        count = extracted_record_count(response, default=last_page_size)
        if count == 0:
            return None
        if last_page_token_value is None and self._is_all(response, count):
            return None
        return (last_page_token_value or 0) + count

    def _is_all(self, response: requests.Response, count: int) -> bool:
        page: Optional[Page] = getattr(response, _PAGE, None)
        total = page.body.get("total") if page and isinstance(page.body, dict) else None
        query = urlsplit(response.request.url or "").query
        asked_for_changes = bool(self.since_parameter) and f"{self.since_parameter}=" in query
        return asked_for_changes and type(total) is int and total == count < int(self.config.get("page_size") or 100)


@dataclass
class NextToken(_Strategy):
    """Follows the token at `token_path` (dotted) of the body until it is absent, null or empty. Tokens stay as sent.

    Raises a config error for a token that leads nowhere: the same again, none that can be sent, or to empty pages only.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    token_path: str = "next_cursor"

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))
        self._empty = 0

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Optional[Record],
        last_page_token_value: Optional[Any] = None,
        page_size_override: Optional[int] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> Optional[Any]:
        page: Optional[Page] = getattr(response, _PAGE, None)
        self._empty = 0 if page and page.count else self._empty + 1
        token = page.body if page else None
        for key in self.token_path.split("."):
            token = token.get(key) if isinstance(token, dict) else None
        if token is None or token == "" or token is False:
            return None
        if token == last_page_token_value or isinstance(token, (dict, list)) or self._empty > _EMPTY_PAGES:
            raise config_error(
                f'{self._stream}: the token at "{self.token_path}" does not lead to a next page. Set conventions.cursor_path and '
                "conventions.cursor_parameter to how this instance pages, or another conventions.paging. [repeated-page]"
            )
        return str(token)


@dataclass
class RenameId(RecordTransformation):
    """Moves the record's own key, `id_field`, to `id`."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    id_field: str = "_id"

    def transform(
        self,
        record: dict[str, Any],
        config: Optional[Config] = None,
        stream_state: Optional[StreamState] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> None:
        if self.id_field in record:
            record["id"] = record.pop(self.id_field)


@dataclass
class EpochToIso(RecordTransformation):
    """Turns the epoch milliseconds of `fields` into ISO 8601 with milliseconds. What is not a number of that kind stays."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    fields: list[str] = field(default_factory=list)

    def transform(
        self,
        record: dict[str, Any],
        config: Optional[Config] = None,
        stream_state: Optional[StreamState] = None,
        stream_slice: Optional[StreamSlice] = None,
    ) -> None:
        for name in self.fields:
            if name in record:
                record[name] = epoch_ms_to_iso(record[name])


@dataclass
class ErrorHandler(DefaultErrorHandler):
    """The response filters of the manifest, and what they cannot do.

    Adds the API's own words to a refusal, names the cause of a request that got no answer, gives statuses that no filter
    names the action of their class, and fails a request whose token was refused again after it was renewed.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._stream = str(parameters.get("name", "records"))

    def interpret_response(self, response_or_exception: Optional[Union[requests.Response, Exception]]) -> ErrorResolution:
        if isinstance(response_or_exception, requests.Response):
            resolution = self._of_response(response_or_exception)
        else:
            resolution = explain(self._stream, response_or_exception)
        setattr(response_or_exception, _RESOLUTION, resolution)
        return resolution

    def _of_response(self, response: requests.Response) -> ErrorResolution:
        said = None if response.ok else own_words(response)
        matches = (response_filter.matches(response) for response_filter in self.response_filters or [])
        found = next((match for match in matches if match), None)
        if found is None and response.ok:
            return ErrorResolution(ResponseAction.SUCCESS)
        if found is None:
            message = (
                f"{self._stream}: the instance answered with status {response.status_code}. Check the host. [request-refused]"
            )
            action = ResponseAction.RETRY if response.status_code >= 500 else ResponseAction.FAIL
            found = ErrorResolution(action, FailureType.config_error, message)
        if found.response_action is ResponseAction.REFRESH_TOKEN_THEN_RETRY:
            if getattr(response.request, _REFRESHED, False):
                found = ErrorResolution(ResponseAction.FAIL, FailureType.config_error, found.error_message)
            setattr(response.request, _REFRESHED, True)
        elif found.response_action is not ResponseAction.FAIL:
            found.failure_type = FailureType.transient_error
        found.error_message = " ".join(filter(None, [found.error_message, said]))
        return found


@dataclass
class Backoff(BackoffStrategy):
    """How long to wait before a request is tried again, in seconds.

    What the server says counts up to ten minutes: `Retry-After` in seconds, then `X-RateLimit-Reset` or `RateLimit-Reset` in
    seconds or, above 10^9, as an instant. A longer wait fails as transient. Dates, zero, negative, past and unreadable values
    count as nothing said: then the wait doubles from two seconds to a minute, with jitter. Raises the error that
    `ErrorHandler` found when the tries for its condition are used up.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))

    def backoff_time(
        self,
        response_or_exception: Optional[Union[requests.Response, requests.RequestException]],
        attempt_count: int,
    ) -> Optional[float]:
        told = None
        if isinstance(response_or_exception, requests.Response):
            told = told_wait(response_or_exception)
        longest = 5.0 if self.config.get("impatient") else LONGEST_WAIT
        if told is not None and told > longest:
            raise transient_error(
                f"{self._stream}: the instance asks to wait {told:.0f} seconds before the next request, longer than the "
                f"{longest:.0f} seconds that this connector waits. Try again after that time. [long-wait]"
            )
        if attempt_count > self._retries(response_or_exception):
            resolution: ErrorResolution = getattr(response_or_exception, _RESOLUTION)
            # Once one stream has tried in vain, the others give up at once: a silent server ends a read of all streams
            # within four minutes (test_a_server_that_never_answers).
            notes_of(self.config).silent = NO_ANSWER in (resolution.error_message or "")
            raise final(resolution)
        if told is not None:
            return told
        # The CDK adds a second to each wait.
        return min(2.0**attempt_count, LONGEST_BACKOFF) * random.uniform(0.5, 1.0)

    def _retries(self, response_or_exception: Optional[Union[requests.Response, requests.RequestException]]) -> int:
        """Retries by condition: a rate limit passes by waiting, a time-out costs half a minute each time."""
        if self.config.get("impatient"):
            resolution: ErrorResolution = getattr(response_or_exception, _RESOLUTION)
            return 0 if NO_ANSWER in (resolution.error_message or "") else 1
        if isinstance(response_or_exception, requests.Response):
            return 9 if response_or_exception.status_code == 429 else 5
        return 0 if notes_of(self.config).silent else 2


def told_wait(response: requests.Response) -> Optional[float]:
    """Seconds that the headers of a response ask to wait, or None if they say nothing that can be followed.

    A reset header counts on a 429 only: many an API sends it with every answer.
    """
    headers = response.headers
    retry_after = headers.get("Retry-After")
    if retry_after:
        # A date would have to be read by the server's clock; the back-off passes it soon enough.
        seconds = _seconds(retry_after)
        return seconds if seconds is not None and seconds > 0 else None
    for name in ("X-RateLimit-Reset", "RateLimit-Reset") if response.status_code == 429 else ():
        seconds = _seconds(headers.get(name) or "")
        if seconds is not None:
            seconds = seconds - now().timestamp() if seconds > 1e9 else seconds
            return seconds if seconds > 0 else None
    return None


def _seconds(text: str) -> Optional[float]:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
