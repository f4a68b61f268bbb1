"""The probe on the fields of records: what gets no column of its own, and what is likely to be a field that the schema knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from source_syfter.components.naming import own_columns
from source_syfter.probe import main, merged, probe
from testing.instance import Instance, config, moment
from testing.reading import STREAMS, Json, discover

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def _bare(instance: Instance) -> None:
    """Records of the other collections have nothing that could be meant otherwise."""
    instance.records = {name: companies() for name in STREAMS}


COMPANY: Json = {
    "company_name": "Acme",
    "domain": "acme.example",
    "hq": "London",
    "employee_count": 5,
    "legal_name": "Acme Ltd",
    "notes": "turnover",
}


def companies(*extras: Json, **fields: Any) -> list[Json]:
    return [{"id": key, "created_at": moment(0), "updated_at": moment(key), **fields} for key in (1, 2, 3)]


def proposals(**given: Any) -> dict[str, str]:
    return {f"{each.collection}.{each.field}": each.name for each in probe(config(**given)).proposals}


def test_a_field_that_is_likely_to_be_a_known_one_is_proposed_and_not_suggested(instance: Instance) -> None:
    instance.records["companies"] = companies(**COMPANY)
    instance.records["company_financials"] = companies(company_id=1, source="a", year=2024, turnover=1.5, net_income=-1)

    report = probe(config())

    assert {f"{each.collection}.{each.field}": each.name for each in report.proposals} == {
        "companies.company_name": "name",
        "companies.domain": "website",
        "companies.hq": "headquarters",
        "company_financials.turnover": "revenue",
        "company_financials.net_income": "profit",
    }
    assert report.suggested_config == {}
    assert report.exit_code == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"company_name": 5},
        {"company_name": None},
        {"domain": "no address"},
        {"hq": {"city": "London"}},
        {"company_name": "Acme", "name": "Acme"},
        {"display_name": "Acme", "title": "Acme"},
        {"founders": "Acme"},
    ],
)
def test_what_is_not_sure_is_not_proposed(instance: Instance, fields: Json) -> None:
    """Values of another type, a known field that is there, two that could be meant."""
    instance.records["companies"] = companies(**fields)

    assert proposals() == {}


def test_what_is_renamed_already_is_not_proposed(instance: Instance) -> None:
    instance.records["companies"] = companies(company_name="Acme")
    renamed = [{"name": "companies", "fields": [{"name": "company_name", "as": "name"}]}]

    report = probe(config(collections=renamed))

    assert report.proposals == []
    assert report.collections["companies"].unknown_fields == []


def test_accepted_proposals_are_written_and_read(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance.records["companies"] = companies(**COMPANY)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config(collections=[{"name": "companies", "fields": [{"name": "notes", "as": "remarks"}]}])))

    status = main(["--config", str(path), "--write", str(path), "--accept", "company_name", "--accept", "companies.domain"])

    assert status == 2
    written = json.loads(path.read_text())
    assert written["collections"] == [
        {
            "name": "companies",
            "fields": [
                {"name": "notes", "as": "remarks"},
                {"name": "company_name", "as": "name"},
                {"name": "domain", "as": "website"},
            ],
        }
    ]
    found = discover(written, "companies")["companies"].json_schema["properties"]
    assert {"name", "website", "remarks", "hq"} < found.keys()
    assert not {"company_name", "domain", "notes"} & found.keys()
    assert main(["--config", str(path)]) == 0
    assert "companies.hq" in capsys.readouterr().out


def test_a_name_that_is_not_proposed_is_an_error(instance: Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance.records["companies"] = companies(**COMPANY)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config()))

    assert main(["--config", str(path), "--write", str(path), "--accept", "nonsense"]) == 1

    assert 'for "nonsense"' in (said := capsys.readouterr().err)
    assert "company_name" in said
    assert json.loads(path.read_text()) == config()


@pytest.mark.parametrize("settings", [{}, {"conventions": {"field_names": "snake_case"}}])
def test_fields_that_would_share_a_column_get_one_of_their_own(instance: Instance, settings: Json) -> None:
    instance.records["companies"] = companies(name="a", Name="b", **{"x" * 130: 1, "größe": 1, "日本": 2})

    report = probe(config(**settings))

    assert report.exit_code == 2
    found = discover(merged(config(**settings), report.suggested_config), "companies")["companies"].json_schema["properties"]
    assert own_columns(found) == {}
    assert len(found) == len(discover(config(**settings), "companies")["companies"].json_schema["properties"])
    assert probe(merged(config(**settings), report.suggested_config)).exit_code == 0


def test_fields_and_types_beyond_the_schema_need_a_look_at_them(instance: Instance) -> None:
    instance.records["companies"] = companies(founded=1999)
    instance.records["articles"] = [{**record, "id": f"a-{record['id']}"} for record in companies(title="x")]

    assert probe(config()).exit_code == 0
    report = probe(config(discover_fields=False))

    assert report.exit_code == 2
    assert report.suggested_config == {"discover_fields": True}
    (finding,) = [each for each in report.findings if each.setting == "discover_fields"]
    assert "companies" in finding.text
    assert "articles" in finding.text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["id", "name", "companyName"], {}),
        (["Name", "name"], {"Name": "name_2"}),
        (["NAME", "Name"], {"Name": "name_2"}),
        (["a b", "a_b", "a-b"], {"a b": "a_b_2"}),
        (["größe"], {}),
        (["order", "select"], {}),
        (["Name", "name", "name_2"], {"Name": "name_"}),
        (["日本"], {"日本": "field_"}),
        (["x" * 130, "x" * 129], {"x" * 130: "x" * 54, "x" * 129: "x" * 54}),
    ],
)
def test_names_that_have_no_column_of_their_own(names: list[str], expected: dict[str, str]) -> None:
    found = own_columns(names)

    assert {name: found[name].startswith(start) for name, start in expected.items()} == dict.fromkeys(expected, True)
    everything = {name: found.get(name, name) for name in names}
    assert own_columns(everything.values()) == {}
    assert len({*everything.values()}) == len(names)
    assert own_columns(reversed(names)) == found
