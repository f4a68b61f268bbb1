"""The nine streams, field by field as the contract has them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStream

from testing.instance import HOST, Answer, Instance, config, some
from testing.reading import PATHS, STREAMS, Json, declared, read

# Type, and evidence mark as the description ends with it, of each field beside `id`, `created_at` and `updated_at`.
TEXT, INTEGER, NUMBER, BOOLEAN, MOMENT = "string", "integer", "number", "boolean", "date-time"
FIELDS: dict[str, dict[str, str]] = {
    "companies": {
        **dict.fromkeys(["name", "legal_name", "description", "website", "logo_url"], TEXT),
        **dict.fromkeys(["trading_status", "company_type", "headquarters"], TEXT),
        **dict.fromkeys(["has_ever_been_recommended", "recommendation_is_active"], BOOLEAN),
    },
    "company_overviews": {
        **{"company_id": INTEGER, "source": TEXT},
        **dict.fromkeys(["legal_name", "trading_status", "company_type", "headquarters", "description", "website"], TEXT),
    },
    "company_financials": {
        **{"company_id": INTEGER, "source": TEXT, "year": INTEGER, "revenue": NUMBER, "profit": NUMBER, "currency": TEXT},
    },
    "company_employees": {"company_id": INTEGER, "source": TEXT, "name": TEXT, "job_title": TEXT},
    "articles": {
        **dict.fromkeys(["title", "url", "body", "publisher"], TEXT),
        **{"published_at": MOMENT, "company_ids": "array"},
    },
    "custom_property_definitions": {"name": TEXT, "type": TEXT, "document_type": TEXT},
    "custom_property_values": {
        **dict.fromkeys(["custom_property_definition_id", "company_id", "article_id"], INTEGER),
        **{"value": "string number boolean", "source": TEXT, "metadata": "object"},
    },
    "datasource_priorities": {"table_name": TEXT, "column_name": TEXT, "source": TEXT, "priority": INTEGER},
    "datasource_preferences": {"company_id": INTEGER, "table_name": TEXT, "column_name": TEXT, "source": TEXT},
}
EVERYWHERE = {"id": INTEGER, "created_at": MOMENT, "updated_at": MOMENT}
ALL_FIELDS = [(stream, name) for stream in STREAMS for name in {**EVERYWHERE, **FIELDS[stream]}]


@cache
def catalog() -> dict[str, AirbyteStream]:
    return declared(config())


def schema(stream: str) -> dict[str, Any]:
    return catalog()[stream].json_schema["properties"]


def test_there_are_nine() -> None:
    assert list(catalog()) == STREAMS


@pytest.mark.parametrize("stream", STREAMS)
def test_each_stream_has_a_key_a_cursor_and_both_modes(stream: str) -> None:
    found = catalog()[stream]

    assert found.source_defined_primary_key == [["id"]]
    assert found.default_cursor_field == ["updated_at"]
    assert found.source_defined_cursor
    assert [mode.value for mode in found.supported_sync_modes] == ["full_refresh", "incremental"]


@pytest.mark.parametrize("stream", STREAMS)
def test_the_schema_has_the_contract_s_fields_and_lets_others_pass(stream: str) -> None:
    assert set(schema(stream)) == {*EVERYWHERE, *FIELDS[stream]}
    assert catalog()[stream].json_schema["additionalProperties"] is True


@pytest.mark.parametrize(("stream", "name"), ALL_FIELDS)
def test_each_field_has_a_type_null_a_description_and_its_evidence(stream: str, name: str) -> None:
    field, kind = schema(stream)[name], {**EVERYWHERE, **FIELDS[stream]}[name]
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]

    assert set(types) - {"null"} == set((TEXT if kind == MOMENT else kind).split())
    assert ("null" in types) == (name != "id")
    assert field.get("format") == (MOMENT if kind == MOMENT else None)
    assert (field["x-evidence"], field.get("x-evidence-key")) in {("E", None), ("I", None), ("A", None), ("E", "A")}
    assert "[" not in field["description"], "what users see in Airbyte holds no marks"


def test_nested_fields_are_described() -> None:
    metadata = schema("custom_property_values")["metadata"]["properties"]

    assert {name: field["type"] for name, field in metadata.items()} == {
        "ml_file_id": ["integer", "null"],
        "page_number": ["integer", "null"],
        "confidence": ["number", "null"],
    }
    assert schema("articles")["company_ids"]["items"]["type"] == ["integer", "null"]


@pytest.mark.parametrize("stream", STREAMS)
def test_each_stream_is_read_from_its_path(instance: Instance, stream: str) -> None:
    read(config(), stream)

    assert {asked.url.partition("?")[0] for asked in instance.asked} == {f"{HOST}/api/{PATHS[stream]}"}


ODD_RECORD: Json = {
    "id": 2**53 + 1,
    "updated_at": "2026-01-01T00:00:00.000Z",
    "name": "1e5",
    "legal_name": "00",
    "description": "{{ x }} {% y %}",
    "website": " blanks ",
    "emoji": "👩‍👩‍👧 ✓ \u2028 \x00",
    "long": "x" * 1_000_000,
    "number": -0.1,
    "zero": 0,
    "empty": "",
    "false": False,
    "nested": {"null": None, "list": [None, {"null": None}, []], "object": {}},
    "ünknown.field name": [1, "2", 3.5],
}


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
@pytest.mark.parametrize("conventions", [{}, {"timestamp_format": "epoch_ms"}])
def test_records_are_emitted_as_they_are(instance: Instance, mode: str, conventions: Json) -> None:
    instance.records = {stream: [ODD_RECORD] for stream in STREAMS}

    outcome = read(config(conventions=conventions), mode=mode)

    for stream in STREAMS:
        assert outcome.records[stream] == [ODD_RECORD]
        assert all(type(value) is type(ODD_RECORD[name]) for name, value in outcome.records[stream][0].items())


def test_top_level_nulls_may_be_left_out_and_nothing_else(instance: Instance) -> None:
    instance.records["articles"] = [{**ODD_RECORD, "title": None, "body": None}]

    (record,) = read(config(), "articles").records["articles"]

    assert {name: value for name, value in record.items() if value is not None} == ODD_RECORD


@pytest.mark.parametrize("key", ["1e5", "007", "a/b", "ключ", 0, -1])
def test_ids_of_any_form_are_kept(instance: Instance, key: Any) -> None:
    instance.records["articles"] = [{"id": key, "updated_at": "2026-01-01T00:00:00.000Z"}]

    assert read(config(), "articles").ids("articles") == [key]


def test_half_of_a_surrogate_pair_does_not_end_a_stream(instance: Instance) -> None:
    """JavaScript writes it when it cuts a text in the middle of an emoji."""
    body = b'{"data": [{"id": 1, "title": "cut \\ud83d"}, {"id": 2, "title": "whole \\ud83d\\ude00"}]}'
    end = b'{"data": [{"id": 2, "title": "whole \\ud83d\\ude00"}]}'
    instance.answers("articles", Answer(body), Answer(end))

    outcome = read(config(), "articles")

    assert outcome.ids("articles") == [1, 2]
    outcome.records["articles"][0]["title"].encode()
    assert outcome.records["articles"][1]["title"] == "whole 😀"


@pytest.mark.parametrize("workers", [2, 3, 20])
def test_any_number_of_workers_reads_the_same(instance: Instance, workers: int) -> None:
    instance.records = {stream: some(7) for stream in STREAMS}

    outcome = read(config(num_workers=workers, page_size=2))

    assert {stream: outcome.ids(stream) for stream in STREAMS} == {key: [1, 2, 3, 4, 5, 6, 7] for key in STREAMS}
    assert len({asked.url for asked in instance.asked}) == len(instance.asked) == 9 * 7, "no page twice"
