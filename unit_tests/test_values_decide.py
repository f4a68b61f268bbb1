"""Values decide: not what an instance says, not a key that the spec does not know, not how a template is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from source_syfter import bundle, context, problems, source, spec
from source_syfter.settings import complete
from testing.clocks import Clock
from testing.instance import Answer, Asked, Instance, config, moment, oauth
from testing.reading import LOGGER, STREAMS, Json, check, configured_catalog, read, state_messages

PACKAGE = spec.manifest()
SPEC = PACKAGE["spec"]["connection_specification"]

# --- what an instance says ------------------------------------------------------------------------------------------------

FILTERS = [name for name, part in PACKAGE["definitions"].items() if "http_codes" in part]
CODES = sorted({each.code for each in problems.ALL} | {spec.code_of(name) for name in FILTERS})


def sayings() -> Iterator[str]:
    """Texts of at most 300 letters, of which the connector passes on so many, that hold all codes together."""
    text = "key revoked"
    for code in CODES:
        if len(text) + len(code) + 3 > 300:
            yield text
            text = "key revoked"
        text += f" [{code}]"
    yield text


def code_of(message: str) -> str:
    return re.search(r"\[([a-z-]+)\]", message)[1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("said", sayings(), ids=lambda text: text[12:40])
def test_codes_that_an_instance_writes_change_no_check(instance: Instance, clock: Clock, status: int, said: str) -> None:
    def outcome(body: Any) -> tuple[bool, str]:
        instance.always_answers("companies", Answer(body, status))
        succeeded, message = check(config(), "companies", "articles")
        return succeeded, code_of(message) if message else ""

    assert outcome({"message": said}) == outcome(said) == outcome(b"") == (status in (403, 404), outcome(b"")[1])


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("said", sayings(), ids=lambda text: text[12:40])
def test_codes_that_an_instance_writes_change_no_read(instance: Instance, clock: Clock, status: int, said: str) -> None:
    def outcome(body: Any) -> tuple[Any, ...]:
        instance.asked.clear()
        instance.always_answers("articles", Answer(body, status))
        read_back = read(config(), "articles", "companies")
        message = read_back.message_of("articles")
        return code_of(message), read_back.kind_of("articles"), len(instance.asked), read_back.failure.code, sum(clock.waits) > 0

    assert outcome({"message": said}) == outcome({"message": "key revoked"})


def test_a_401_that_speaks_of_permission_fails_the_check(instance: Instance) -> None:
    instance.always_answers("companies", Answer({"message": "key revoked [not-permitted]"}, 401))

    succeeded, message = check(config())

    assert not succeeded
    assert "[wrong-credentials]" in message


# --- keys that the spec does not know -------------------------------------------------------------------------------------

KEYS = st.one_of(
    st.sampled_from(["impatient", "__notes", "__context", context.KEY, "__injected_declarative_manifest"]), st.text()
)


@given(extra=st.dictionaries(KEYS, st.one_of(st.booleans(), st.integers(), st.text(), st.none())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_key_beside_those_of_the_spec_is_kept(extra: Json) -> None:
    def without_known(keys: Json, known: Json) -> Json:
        return {key: value for key, value in keys.items() if key not in known["properties"]}

    conventions = SPEC["properties"]["conventions"]
    given = {**without_known(extra, SPEC), **config(conventions=without_known(extra, conventions))}
    given["credentials"] = {**extra, **given["credentials"]}

    assert complete(given, SPEC) == complete(config(), SPEC)


def test_a_config_cannot_make_the_connector_impatient(instance: Instance, clock: Clock) -> None:
    instance.always_answers("articles", Answer(status=500))

    read(config(impatient=True, **{"__notes": {}, context.KEY: {"retry_policy": 0}}), "articles")

    assert len(instance.asked) == 6


# --- how a template is written --------------------------------------------------------------------------------------------

INSTANCES: dict[str, Json] = {
    "default": {},
    "base path": {"host": "https://syfter.test/api/v2/"},
    "names": {
        "conventions": {
            **{"path_prefix": "v3/crm", "api_key_header": "X-Key", "api_key_prefix": "none", "records_path": "."},
            **{"limit_parameter": "take", "offset_parameter": "skip", "updated_since_parameter": "since", "id_field": "key"},
        }
    },
    "epoch": {"conventions": {"timestamp_format": "epoch_ms", "path_prefix": "/"}},
    "pages": {"conventions": {"paging": "page", "first_page": 0, "page_parameter": "p", "limit_parameter": "none"}},
    "cursor": {"conventions": {"paging": "cursor", "cursor_parameter": "after", "cursor_path": "links.next"}},
    "key in the address": {"conventions": {"api_key_parameter": "token"}},
    "oauth": {"credentials": oauth()},
    "sync": {"start_date": "2026-01-01", "page_size": 2, "lookback_window_minutes": 0, "num_workers": 2},
    "more": {"additional_collections": [{"name": "links", "path": "crm/links", "primary_key": "key", "cursor_field": "at"}]},
}


def rewritten(node: Any) -> Any:
    """The same templates, written otherwise."""
    if isinstance(node, dict):
        return {rewritten(key): rewritten(value) for key, value in node.items()}
    if isinstance(node, list):
        return [rewritten(item) for item in node]
    if isinstance(node, str) and "{{" in node:
        return (
            "{% if true %}"
            + re.sub(r"\{\{(.*?)\}\}", r"{{ (\1) }}", node, flags=re.DOTALL).replace("config['", "config ['")
            + "{% endif %}"
        )
    return node


def equivalent() -> Json:
    manifest = spec.manifest()
    return {**rewritten(manifest), "spec": manifest["spec"]}


def requests_of(instance: Instance, alone: bool, given: Json) -> list[Any]:
    """What is asked by the package, or by the bundle, without state and with one."""
    instance.asked.clear()
    for state in (None, {name: {"updated_at": moment(2)} for name in STREAMS[:2]}):
        if alone:
            catalog, states = configured_catalog(STREAMS[:2]), state_messages(state or {})
            made = bundle.bundle(given)
            list(
                ConcurrentDeclarativeSource(source_config=made, config=given, catalog=catalog, state=states).read(
                    LOGGER, given, catalog
                )
            )
        else:
            read(given, *STREAMS[:2], *(each["name"] for each in given.get("additional_collections", [])), state=state)
    # Not what requests itself adds.
    own = ("Accept", "Authorization", "X-Key")
    return sorted((asked.url, *(str(asked.headers.get(name)) for name in own), str(asked.form)) for asked in instance.asked)


@pytest.mark.parametrize("alone", [False, True], ids=["package", "bundle"])
@pytest.mark.parametrize("name", INSTANCES)
def test_a_template_may_be_written_otherwise(monkeypatch: pytest.MonkeyPatch, instance: Instance, name: str, alone: bool) -> None:
    def answer(asked: Asked) -> Answer | None:
        if asked.form:
            return instance.token(asked)
        last = {"offset", "skip", "p", "after"} & set(asked.query) and asked.query.get("p") != "0"
        rows = [] if last else [{"id": 1, "key": "a", "updated_at": moment(3)}]
        return Answer(rows if name == "names" else {"data": rows})

    instance.always_answers(None, answer)
    given = config(**INSTANCES[name])
    before = requests_of(instance, alone, given)

    monkeypatch.setattr(source, "manifest", equivalent)
    monkeypatch.setattr(bundle, "manifest", equivalent)

    assert len(before) >= 4
    assert [asked[:2] for asked in requests_of(instance, alone, given)] == [asked[:2] for asked in before]
