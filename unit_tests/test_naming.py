"""Names of fields: snake_case, fields of inner objects, renames, and what happens where names clash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_syfter.components.naming import FieldNames, lifted, snake_case
from testing.instance import Instance, config
from testing.reading import Json, check


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        *((sent, "company_id") for sent in ("companyId", "CompanyId", "company-id", "Company Id", "company_id", "COMPANY_ID")),
        ("HTMLBody", "html_body"),
        ("bodyHTML", "body_html"),
        ("address1", "address1"),
        ("Address1Line", "address1_line"),
        ("id", "id"),
        ("Id", "id"),
        ("ID", "id"),
        ("überName", "über_name"),
        ("@odata.type", "@odata.type"),
        ("", ""),
    ],
)
def test_snake_case(sent: str, name: str) -> None:
    assert snake_case(sent) == name


def test_a_name_of_any_length_takes_no_time() -> None:
    assert snake_case("A" * 300_000 + "b") == "a" * 299_999 + "_ab"


@given(st.text())
def test_snake_case_is_final(name: str) -> None:
    assert snake_case(snake_case(name)) == snake_case(name)


@pytest.mark.parametrize(
    ("record", "path", "result"),
    [
        ({"id": 1, "attributes": {"name": "x"}}, ["attributes"], {"id": 1, "name": "x"}),
        ({"id": 1, "attributes": {"id": "a", "name": "x"}}, ["attributes"], {"id": 1, "attributes_id": "a", "name": "x"}),
        ({"record": {"id": 1, "name": "x"}}, ["record"], {"id": 1, "name": "x"}),
        ({"cursor": "c", "node": {"fields": {"name": "x"}, "id": 1}}, ["node", "fields"], {"cursor": "c", "id": 1, "name": "x"}),
        ({"id": 1, "attributes": None}, ["attributes"], {"id": 1, "attributes": None}),
        ({"id": 1}, ["attributes"], {"id": 1}),
        ({"node": {}}, ["node"], {"node": {}}),
        (
            {"id": 1, "attributes_id": "kept", "attributes": {"id": 2}},
            ["attributes"],
            {"id": 1, "attributes_id": "kept", "attributes": {"id": 2}},
        ),
    ],
)
def test_fields_of_an_inner_object_are_lifted(record: Any, path: list[str], result: Any) -> None:
    assert lifted(record, path) == result


@pytest.mark.parametrize(
    ("renames", "snake", "record", "result"),
    [
        ({"_id": "id"}, False, {"_id": 1, "companyId": 2}, {"id": 1, "companyId": 2}),
        ({"_id": "id"}, False, {"_id": 1, "id": 2}, {"id": 1, "id_2": 2}),
        ({"a": "id", "b": "id"}, False, {"id": 0, "id_2": 1, "a": 2}, {"id": 2, "id_2": 1, "id_3": 0}),
        ({}, True, {"companyId": 1, "company_id": 2}, {"companyId": 1, "company_id": 2}),
        ({}, True, {"company_id": 2, "companyId": 1}, {"company_id": 2, "companyId": 1}),
        ({}, True, {"companyId": 1, "CompanyId": 2}, {"company_id": 1, "CompanyId": 2}),
        ({}, True, {"CompanyId": 2, "companyId": 1}, {"company_id": 1, "CompanyId": 2}),
        ({"Modified": "updated_at"}, True, {"Modified": 1, "updatedAt": 2}, {"updated_at": 1, "updatedAt": 2}),
        ({}, True, {"metaData": {"innerKey": 1}}, {"meta_data": {"innerKey": 1}}),
    ],
)
def test_renames_and_clashes(renames: dict[str, str], snake: bool, record: Any, result: Any) -> None:
    assert FieldNames(renames, snake).applied(record) == result


@given(st.dictionaries(st.text(max_size=6), st.integers(), max_size=6))
def test_no_field_is_lost(record: dict[str, int]) -> None:
    assert sorted(FieldNames({}, True).applied(record).values()) == sorted(record.values())


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ([{"name": "updated_at", "as": "modified"}], "updated_at"),
        ([{"name": "id", "as": "article_key"}], "id"),
        ([{"name": "updated_at", "as": "seen"}, {"name": "changed", "as": "updated_at"}], ""),
        ([{"name": "title", "as": "headline"}], ""),
    ],
)
def test_key_and_cursor_keep_their_names(instance: Instance, fields: list[Json], lost: str) -> None:
    """Under another name the cursor would lead no sync, and each would read everything."""
    succeeded, message = check(config(collections=[{"name": "articles", "fields": fields}]))

    assert succeeded == (not lost)
    assert f'"{lost}"' in message or succeeded
