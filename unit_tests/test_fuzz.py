"""Whatever config, state, catalog and body come: an end that the contract knows, and no secret told.

`make soak` tries some thousand examples of each; a finding becomes a test of its own where its subject is tested.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_syfter.probe import probe
from source_syfter.problems import SyfterError
from source_syfter.settings import load
from source_syfter.source import SourceSyfter
from source_syfter.spec import manifest
from source_syfter.timestamps import now, parse
from testing.clocks import Clock, use_clock
from testing.fuzzing import costly
from testing.instance import Answer, Instance, config, connect, moment
from testing.reading import LOGGER, STREAMS, WANTED, Outcome, check, declared, read

fuzz = costly()

SECRET = "sk-fuzz-4711-0815"
SPEC = manifest()["spec"]["connection_specification"]["properties"]

TEXTS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """One for all examples, and no waits."""
    found = Instance()
    with pytest.MonkeyPatch.context() as patch:
        connect(patch, found)
        use_clock(patch, Clock())
        yield found


@contextmanager
def answering(instance: Instance, *answers: Answer) -> Iterator[None]:
    """With `answers` for articles, of which none is left for the next example."""
    instance.answers("articles", *answers)
    try:
        yield
    finally:
        instance.forget()


@contextmanager
def refused_as(code: str) -> Iterator[None]:
    """The block may end with an error, but of this code only."""
    try:
        yield
    except SyfterError as error:
        if error.code != code:
            raise


def ended_in_words(outcome: Outcome, *codes: str) -> None:
    """Asserts that the read failed as one that the user can fix, with one of `codes`."""
    texts = [error.message for error in outcome.errors.values()] or [str(getattr(outcome.failure, "message", outcome.failure))]
    assert outcome.failure is not None
    assert all(any(f"[{code}]" in text for code in codes) for text in texts), texts
    assert {error.failure_type.value for error in outcome.errors.values()} <= {"config_error"}


# --- config -----------------------------------------------------------------------------------------------------------------


def values(shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a person may type into a field: what fits, nearly fits, or does not."""
    fitting = [
        *shape.get("examples", []),
        *shape.get("enum", []),
        shape.get("default"),
        shape.get("minimum"),
        shape.get("maximum"),
    ]
    odd = [
        "",
        " ",
        "/",
        ".",
        "..",
        "none",
        "{{ config }}",
        "{",
        "a b",
        "a.b.c",
        "ä",
        "\n",
        "%2e",
        "a/b",
        "?x=1",
        "#",
        "@",
        "0",
        -1,
    ]
    return st.sampled_from([*fitting, *odd]) | JSON


def objects(shape: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: values(field) for name, field in shape["properties"].items()})


CREDENTIALS = st.fixed_dictionaries(
    {},
    optional={
        "auth_type": st.sampled_from(["api_key", "bearer", "basic", "oauth2_client_credentials", "none", None]),
        **{
            name: st.sampled_from([SECRET, f" {SECRET}\n", f"{SECRET}\r\nX-A: b", f"{SECRET}ä", "", None, 5, [SECRET]])
            for name in ("api_key", "access_token", "password", "client_secret")
        },
        "username": st.sampled_from(["u", "u:v", "", 5]),
        "client_id": st.sampled_from(["c", "", None]),
        "token_url": st.sampled_from(["https://syfter.test/token", f"https://u:{SECRET}@syfter.test", "ftp://x", "", "{{ 1 }}"]),
    },
)
CONFIGS = st.fixed_dictionaries(
    {"credentials": CREDENTIALS | st.just(config()["credentials"])},
    optional={
        "conventions": objects(SPEC["conventions"]),
        "additional_collections": st.lists(objects(SPEC["additional_collections"]["items"]), max_size=2),
        "host": st.sampled_from(
            ["https://syfter.test", "syfter.test", f"https://u:{SECRET}@syfter.test", "http://x", "http://[::1]/"]
        )
        | values(SPEC["host"]),
        **{
            name: values(SPEC[name])
            for name in SPEC
            if name not in ("credentials", "host", "conventions", "additional_collections")
        },
    },
)


@fuzz
@given(typed=CONFIGS | JSON)
def test_a_config_is_taken_or_refused_by_name(typed: Any) -> None:
    streams, refused = set(STREAMS), None
    try:
        streams = set(declared(typed))
    except AirbyteTracedException as error:
        refused = error

    assert streams >= set(STREAMS)
    if refused:
        assert refused.failure_type.value == "config_error"
        assert "[invalid-config]" in (refused.message or "")
        assert SECRET not in (refused.message or "") + (refused.internal_message or "")


@fuzz
@given(typed=CONFIGS)
def test_a_check_of_any_config_answers(instance: Instance, typed: Any) -> None:
    succeeded, message = check(typed, "companies")

    assert succeeded or message.rstrip()
    assert SECRET not in message
    assert "Traceback" not in message


# --- bodies -----------------------------------------------------------------------------------------------------------------

CURSORS = st.sampled_from([moment(5), "2026-01-01", "2999-01-01T00:00:00.000Z", "soon", "", None, 5, [], "{{ now_utc() }}"])
RECORDS = st.fixed_dictionaries({}, optional={"id": st.integers(1, 9) | JSON, "updated_at": CURSORS | JSON, "name": JSON})
DOCUMENTS = (
    JSON
    | st.fixed_dictionaries({"data": JSON}, optional={"total": JSON})
    | st.fixed_dictionaries({"data": st.lists(RECORDS, max_size=5)}, optional={"total": st.integers(0, 9)})
)
BODIES = DOCUMENTS.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=40)


def held(body: bytes) -> tuple[list[Any] | None, Any]:
    """The records in `body`, None if it is not the envelope, and how many it says that there are."""
    try:
        document = json.loads(body)
    except ValueError:
        return None, None
    if not isinstance(document, dict):
        return None, None
    records, total = document.get("data"), document.get("total")
    digits = int(total) if isinstance(total, str) and total.isdecimal() and len(total) <= 18 else total
    says_none = type(digits) in (int, float) and digits == 0
    if not records and says_none and not any(document.get(name) for name in ("error", "errors")):
        # By the contract no array is needed then.
        records = []
    is_page = isinstance(records, list) and all(record and isinstance(record, dict) for record in records)
    return (records, total) if is_page else (None, None)


@fuzz
@given(body=BODIES, later=st.booleans())
def test_a_body_is_read_whole_or_refused(instance: Instance, body: bytes, later: bool) -> None:
    """`later`: it is the second page."""
    with answering(instance, *[Answer({"data": [{"id": 77}]})] * later, Answer(body)):
        # Also where the rest of the list is looked for.
        instance.always_answers("articles", Answer({"data": []}))
        outcome = read(config(), "articles")

    records, total = held(body)
    if records is None:
        ended_in_words(outcome, "not-json", "unknown-envelope")
    elif records and not any(record.get("id") is not None for record in records):
        ended_in_words(outcome, "no-key")
    elif not outcome.completed("articles"):
        assert total is not None
        assert "[incomplete-list]" in outcome.message_of("articles")
    else:
        assert len(outcome.records["articles"]) == later + len(records)
        assert type(total) is not int or total <= later + len(records), "fewer than there are, and nobody said so"
        for state in outcome.states["articles"]:
            assert (parse(state.get("updated_at")) or now()) <= now()


# Values as text, so that they are sent digit by digit.
NUMERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
NESTED = st.tuples(st.sampled_from(["[]", '{"":}']), st.sampled_from([1, 5, 200, 255, 300, 900, 1100, 50_000])).map(
    lambda shape: shape[0][:-1] * shape[1] + ("1" if len(shape[0]) > 2 else "") + shape[0][-1] * shape[1]
)
STAMPS = st.sampled_from(
    [
        "0000-00-00T00:00:00.000Z",
        "2026-01-01",
        "2026-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+14:00",
    ]
).map(json.dumps)
ODD_TEXTS = st.sampled_from(
    ['"\\ud83d"', '"\\u0000"', '"\\\\ud83d"', '"\u2028"', '"{{ 1 }}"', "null", "true", '""', '"' + "x" * 70_000 + '"']
)
VALUES = NUMERALS | NESTED | STAMPS | ODD_TEXTS | JSON.map(json.dumps)
RAW_RECORDS = st.dictionaries(
    st.sampled_from(["updated_at", "created_at", "published_at", "name", "", "Name", "a.b"]), VALUES, max_size=4
)


@fuzz
@given(
    rows=st.lists(RAW_RECORDS, min_size=1, max_size=4),
    form=st.sampled_from(["iso8601", "epoch_ms", "epoch_s"]),
    is_late=st.booleans(),
)
def test_records_of_any_kind_arrive_or_are_their_stream_s_error(
    instance: Instance, rows: list[dict[str, str]], form: str, is_late: bool
) -> None:
    """`is_late`: with a state of 1980, so that the filter looks at each."""
    written = (
        f'{{"id":{key},{",".join(f"{json.dumps(name)}:{value}" for name, value in row.items())}'
        for key, row in enumerate(rows, 1)
    )
    body = f'{{"data":[{",".join(text.rstrip(",") + "}" for text in written)}]}}'
    state = {"articles": {"updated_at": "1980-01-01T00:00:00.000Z"}} if is_late else None
    with answering(instance, Answer(body.encode("utf-8", "surrogatepass"))):
        instance.always_answers("articles", Answer({"data": []}))
        outcome = read(config(conventions={"timestamp_format": form}), "articles", "companies", state=state)

    assert outcome.completed("companies")
    if outcome.completed("articles"):
        # A number, also one in a text, may be a moment before 1980. A date of zeros is none.
        moments = {key: row["updated_at"].lstrip('"-+ ') for key, row in enumerate(rows, 1) if "updated_at" in row}
        old = {key for key, text in moments.items() if is_late and text[:1].isdigit() and not text.startswith("0000-00")}
        assert set(outcome.ids("articles")) | old == {*range(1, len(rows) + 1)}, "none is dropped"
        assert outcome.ids("articles") == sorted(set(outcome.ids("articles"))), "in their order, and once"
    else:
        assert outcome.kind_of("articles") == "config_error"
        assert any(f"[{code}]" in outcome.message_of("articles") for code in ("not-json", "timestamp-format"))


# --- state and catalog ------------------------------------------------------------------------------------------------------


@fuzz
@given(content=st.fixed_dictionaries({}, optional={"updated_at": CURSORS | JSON}) | st.dictionaries(TEXTS, JSON, max_size=3))
def test_a_state_is_followed_or_refused(instance: Instance, content: dict[str, Any]) -> None:
    outcome = read(config(), "articles", state={"articles": content})

    if outcome.completed("articles"):
        start = parse(content.get("updated_at"))
        assert outcome.ids("articles") == ([1, 2, 3] if start is None or start.year < 2027 else [])
        cursor = parse(outcome.cursor("articles"))
        assert cursor is None or cursor <= now() or cursor == start, "a state that lies ahead stays"
    else:
        ended_in_words(outcome, "unreadable-state")


# What a catalog may hold in place of a schema: grown from the words of JSON Schema, and any JSON.
FIELDS = (
    st.sampled_from(["id", "updated_at", "created_at", "name", "company_ids", "", "Name", "_dlt_id", "_airbyte_meta"]) | TEXTS
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "date", ""])
LEAVES = (
    JSON
    | st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3) | JSON,
            "format": st.sampled_from(["date-time", "date", "time", "uuid"]) | JSON,
            "airbyte_type": st.sampled_from(["timestamp_with_timezone", "integer"]) | JSON,
            "$ref": st.sampled_from(["#/definitions/x", "WellKnownTypes.json#/definitions/Integer"]),
            "enum": JSON,
            "const": JSON,
        },
    )
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3),
            "properties": st.dictionaries(FIELDS, inner, max_size=3),
            "items": inner | st.lists(inner, max_size=2),
            "additionalProperties": inner,
            "oneOf": st.lists(inner, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)
CATALOGS = st.fixed_dictionaries(
    {
        "stream": st.fixed_dictionaries(
            {
                "name": st.just("articles"),
                "json_schema": st.fixed_dictionaries({"properties": st.dictionaries(FIELDS, SCHEMAS, max_size=6) | JSON})
                | st.dictionaries(TEXTS, JSON, max_size=3),
                "supported_sync_modes": st.just(["full_refresh", "incremental"]),
            },
            optional={
                "namespace": st.none() | TEXTS,
                "source_defined_primary_key": st.lists(st.lists(TEXTS, max_size=2), max_size=2),
                "default_cursor_field": st.lists(FIELDS, max_size=2),
                "is_resumable": st.booleans(),
            },
        ),
        "sync_mode": st.sampled_from(["full_refresh", "incremental"]),
        "destination_sync_mode": st.sampled_from(["append", "overwrite", "append_dedup", "update", "soft_delete", "merge"]),
    },
    optional={
        "cursor_field": st.none() | st.lists(FIELDS, max_size=2),
        "primary_key": st.none() | st.lists(st.lists(FIELDS, max_size=2), max_size=2),
        "generation_id": st.none() | st.integers(),
        "minimum_generation_id": st.none() | st.integers(),
        "sync_id": st.none() | st.integers(),
    },
)


@costly(steadily=10, part=2)
@given(configured=CATALOGS, values=st.lists(st.dictionaries(FIELDS, JSON, max_size=4), min_size=1, max_size=4))
def test_a_catalog_of_any_schema_changes_no_record(
    instance: Instance, configured: dict[str, Any], values: list[dict[str, Any]]
) -> None:
    rows = [{**row, "id": key, "updated_at": moment(key), "created_at": None} for key, row in enumerate(values, 1)]

    def records(document: dict[str, Any]) -> list[Any]:
        catalog = load(lambda path: ConfiguredAirbyteCatalogSerializer.load(document), "", "--catalog", "a catalog")
        with answering(instance, Answer(json.dumps({"data": rows}))):
            instance.always_answers("articles", Answer({"data": []}))
            wanted = WANTED.set(("articles",))
            try:
                outcome = Outcome(list(SourceSyfter(config=config(), catalog=catalog).read(LOGGER, config(), catalog)))
            finally:
                WANTED.reset(wanted)
        assert outcome.completed("articles")
        return outcome.records["articles"]

    names = ("name", "supported_sync_modes")
    usual = {"sync_mode": configured["sync_mode"], "destination_sync_mode": "append"}
    usual["stream"] = {name: configured["stream"][name] for name in names} | {"json_schema": {}}
    expected = records({"streams": [usual]})
    with refused_as("unreadable-file"):
        assert records({"streams": [configured]}) == expected


@costly(steadily=5, part=8)
@given(body=BODIES)
def test_a_probe_of_any_answer_ends(instance: Instance, body: bytes) -> None:
    with answering(instance):
        instance.always_answers(None, Answer(body))
        report = probe({**config(), "credentials": {"auth_type": "api_key", "api_key": SECRET}})

    assert report.exit_code in (0, 1, 2)
    assert report.requests <= report.most_requests
    assert SECRET not in json.dumps(report.as_json())


# Streams take their time to start.
@costly(steadily=5, part=4)
@given(
    chosen=st.lists(
        st.tuples(
            st.sampled_from([*STREAMS, "people", ""]),
            st.sampled_from(SyncMode),
            st.sampled_from(DestinationSyncMode),
            st.lists(TEXTS, max_size=2),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda each: each[0],
    )
)
def test_the_streams_that_are_chosen_are_read_and_no_others(instance: Instance, chosen: list[Any]) -> None:
    catalog = ConfiguredAirbyteCatalog(
        streams=[
            ConfiguredAirbyteStream(
                stream=AirbyteStream(name=name, json_schema={}, supported_sync_modes=list(SyncMode)),
                sync_mode=mode,
                destination_sync_mode=destination,
                cursor_field=field,
                primary_key=[field],
            )
            for name, mode, destination, field in chosen
        ]
    )
    messages: list[Any] = []
    failure: BaseException | None = None
    try:
        source = SourceSyfter(config=config(), catalog=catalog)
        messages.extend(source.read(LOGGER, config(), catalog))
    except AirbyteTracedException as error:
        failure = error
    outcome = Outcome(messages, failure)

    known = {each[0] for each in chosen} & set(STREAMS)
    assert {name for name in outcome.records if outcome.records[name]} == known
    assert all(outcome.completed(name) for name in known)
    assert bool(outcome.failure) == (len(known) < len(chosen)), "a stream that is not there is not passed over in silence"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
