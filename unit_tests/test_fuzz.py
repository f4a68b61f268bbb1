"""Whatever config, state, catalog and body come: an end that the contract knows, and no secret told.

`make soak` tries some thousand examples of each; a finding becomes a test of its own where its subject is tested.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStream, ConfiguredAirbyteCatalog, ConfiguredAirbyteStream, DestinationSyncMode, SyncMode
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_syfter.source import SourceSyfter
from source_syfter.spec import manifest
from source_syfter.timestamps import now, parse
from testing.clocks import Clock, use_clock
from testing.instance import Answer, Instance, config, connect, moment
from testing.reading import LOGGER, STREAMS, Outcome, check, read

fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

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
        streams = {stream.name for stream in SourceSyfter(config=typed).discover(LOGGER, typed).streams}
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


def held(body: bytes) -> list[Any] | None:
    """The records in `body`, None if it is not the envelope."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    records = document.get("data") if isinstance(document, dict) else None
    return records if isinstance(records, list) and all(record and isinstance(record, dict) for record in records) else None


@fuzz
@given(body=BODIES, later=st.booleans())
def test_a_body_is_read_whole_or_refused(instance: Instance, body: bytes, later: bool) -> None:
    """`later`: it is the second page."""
    instance.answers("articles", *[Answer({"data": [{"id": 77}]})] * later, Answer(body), Answer({"data": []}))
    outcome = read(config(), "articles")
    instance.forget()

    records = held(body)
    if records is None:
        ended_in_words(outcome, "not-json", "unknown-envelope")
    elif records and not any(record.get("id") is not None for record in records):
        ended_in_words(outcome, "no-key")
    else:
        assert outcome.completed("articles"), outcome.text
        assert len(outcome.records["articles"]) == later + len(records)
        for state in outcome.states["articles"]:
            assert (parse(state.get("updated_at")) or now()) <= now()


# --- state and catalog ------------------------------------------------------------------------------------------------------


@fuzz
@given(content=st.fixed_dictionaries({}, optional={"updated_at": CURSORS | JSON}) | st.dictionaries(TEXTS, JSON, max_size=3))
def test_a_state_is_followed_or_refused(instance: Instance, content: dict[str, Any]) -> None:
    outcome = read(config(), "articles", state={"articles": content})

    if outcome.completed("articles"):
        start = parse(content.get("updated_at"))
        assert outcome.ids("articles") == ([1, 2, 3] if start is None or start.year < 2027 else [])
        assert parse(outcome.cursor("articles")) is None or parse(outcome.cursor("articles")) <= now()
    else:
        ended_in_words(outcome, "unreadable-state")


# Streams take their time to start.
@settings(fuzz, max_examples=settings().max_examples // 4)
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
