"""The dbt package on real warehouses: DuckDB and Postgres always, MariaDB in `make test-mysql`.

The cases themselves are seeds in dbt/integration_tests/seeds/cases, each with a name and an explanation; random data is held
against a second implementation of the contract (dbt_oracle.py).
"""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest
import yaml

from testing.dbt_oracle import Oracle, random_tables
from testing.dbt_warehouses import EVERYTHING, PACKAGE, ROOT, Outcome, Project, Server, found_counts, manifest, mariadb, postgres
from testing.rotation import every_other_day

# dbt and dlt take seconds to start, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(900)

ADAPTERS = [
    pytest.param("duckdb", id="duckdb"),
    pytest.param("postgres", id="postgres"),
    pytest.param("mariadb", id="mariadb", marks=pytest.mark.mysql),
]
SERVERS = {"duckdb": lambda: nullcontext(None), "postgres": postgres, "mariadb": mariadb}
# In `make test` random data changes from day to day: test_dbt_incremental.py.
SEEDS = range(20)
EXPECTED = [
    "expected_company_financials",
    "expected_company_overviews",
    "expected_company_employees",
    "expected_unresolved",
    "expected_ignored_records",
]
COMPARED = [name.removeprefix("expected_") + "_as_expected" for name in EXPECTED]  # fmt: skip


@pytest.fixture(scope="module", params=ADAPTERS)
def warehouse(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server | None]]:
    with SERVERS[request.param]() as server:
        yield request.param, server


def copied(project: Project, folder: Path) -> Project:
    """A copy of a built project on DuckDB: its database and dbt's parsed state are there already."""
    shutil.copytree(project.package, folder / "dbt", symlinks=True)
    return Project(folder / "dbt/integration_tests", "duckdb")


@pytest.fixture(scope="module")
def on_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Outcome]:
    """The test project, built once on DuckDB, with all that dbt can tell of it; only copies of it are changed."""
    project = Project.copy(tmp_path_factory.mktemp("on_file"), "duckdb")
    commands = [f"{EVERYTHING[0]} --show-all-deprecations", *EVERYTHING[1:]]  # dbt says them where it parses
    return project, project.dbt(*commands, "docs generate --no-compile", "source freshness", keep_going=True)


@pytest.fixture(scope="module")
def everywhere(
    tmp_path_factory: pytest.TempPathFactory, warehouse: tuple[str, Server | None], request: pytest.FixtureRequest
) -> tuple[Project, Outcome]:
    """The test project, built once on every warehouse."""
    folder = tmp_path_factory.mktemp("everywhere")
    if warehouse[0] == "duckdb":
        project, outcome = request.getfixturevalue("on_file")
        return copied(project, folder), outcome
    project = Project.copy(folder, *warehouse)
    return project, project.everything()


@pytest.fixture
def on_duckdb(tmp_path: Path, on_file: tuple[Project, Outcome]) -> Project:
    """A copy of the built project to change."""
    return copied(on_file[0], tmp_path)


def select(project: Project, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(project.duckdb), read_only=True) as database:
        database.execute("set timezone = 'UTC'")
        return database.execute(query).fetchall()


# --- the rules ------------------------------------------------------------------------------------------------------------


def test_every_case_gives_the_specified_row(everywhere: tuple[Project, Outcome]) -> None:
    _, outcome = everywhere
    assert outcome.failed() == [], outcome.output
    held = {"cases_give_the_specified_rows", "cases_give_the_specified_lists", "cases_leave_open_what_is_specified"}
    assert held <= set(outcome.results)
    found = found_counts(outcome.output)
    assert len(outcome.results) == found["tests"] + found.get("unit tests", 0) >= 90


def test_the_comparison_notices_wrong_expectations(everywhere: tuple[Project, Outcome]) -> None:
    """Else every case could pass for nothing, above all on a database that is blind to case."""
    project, _ = everywhere
    comparison = next((project.folder / "target/compiled").rglob("cases_give_the_specified_rows.sql")).read_text()
    assert project.sql(comparison) == []
    for column, old, new in [
        ("revenue_source", "'Zeta'", "'zeta'"),
        ("profit_source", "'alpha'", "''"),
        ("revenue", "1234567890123.45", "1.2"),
    ]:
        [(case,)] = project.sql(f"select min(case_name) from syfter_it.case_expected_rows where {column} = {old}")
        change = f"update syfter_it.case_expected_rows set {column} = {{}} where {column} = {{}} and case_name = '{case}'"
        project.sql(change.format(new, old))
        assert len(project.sql(comparison)) >= 2
        project.sql(change.format(old, new))


@pytest.mark.soak
def test_values_that_arrive_as_plain_text_read_the_same(everywhere: tuple[Project, Outcome]) -> None:
    project, _ = everywhere
    outcome = project.dbt(
        "seed --full-refresh --select raw_custom_property_values",
        "run --select +syfter__custom_properties",
        "test --select custom_properties_as_expected",
        variables={"type_of_value": "varchar(500)"},
    )
    assert outcome.results == {"custom_properties_as_expected": "pass"}, outcome.output


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_random_data_resolves_as_the_contract_says(tmp_path: Path, warehouse: tuple[str, Server | None], seed: int) -> None:
    project = Project.copy(tmp_path, *warehouse)
    tables = random_tables(seed)
    oracle = Oracle(tables)
    for name, rows in tables.items():
        stamp = {"_airbyte_raw_id": "r", "_airbyte_extracted_at": "2026-03-01 06:00:00"}
        project.write_seed(f"raw_{name}", [{**row, **stamp} for row in rows])
    project.write_seed("expected_company_financials", oracle.resolved("company_financials", carried=("currency",)))
    project.write_seed("expected_company_overviews", oracle.resolved("company_overviews"))
    project.write_seed("expected_company_employees", oracle.listed("company_employees"))
    project.write_seed("expected_unresolved", oracle.unresolved())
    project.write_seed("expected_ignored_records", oracle.ignored())
    outcome = project.dbt(
        f"seed --full-refresh --select path:seeds/raw {' '.join(EXPECTED)}",
        "run --select package:syfter",
        f"test --select {' '.join(COMPARED)}",
    )
    assert outcome.results == dict.fromkeys(COMPARED, "pass"), outcome.output


def test_the_random_data_reaches_every_reason() -> None:
    oracles = [Oracle(random_tables(seed)) for seed in range(2)]
    reasons = {row["reason"] for oracle in oracles for row in oracle.unresolved()}
    assert reasons == {"no_rule_for_table", "no_rule_for_column", "no_value_from_a_ruled_source"}
    reasons = {row["reason"] for oracle in oracles for row in oracle.ignored()}
    assert reasons == {"row_without_company", "row_without_source", "row_without_key", "incomplete_rule"}


RESOLVE = "macros/resolve.sql"
RULES = "models/intermediate/int_syfter__source_rules.sql"
BREAKS = [
    (
        "organisation first",
        RESOLVE,
        "in ['company', 'organisation'] %}\n            select",
        "in ['organisation', 'company'] %}\n            select",
        "preference_beats_priority",
    ),
    (
        "* before exact",
        RESOLVE,
        "then {{ loop.index * 2 - 1 }} else",
        "then {{ loop.index * 2 + 1 }} else",
        "exact_priority_beats_any_column_priority",
    ),
    (
        "preferences of other companies",
        RESOLVE,
        "and company_sources.company_id = source_rules.company_id",
        "",
        "preference_of_another_company_is_ignored",
    ),
    (
        "rules of any table",
        RESOLVE,
        "and source_rules.table_name = {{ syfter",
        "and 'any table' <> {{ syfter",
        "rules_of_another_table_are_ignored",
    ),
    ("* rules forgotten", RESOLVE, " or source_rules.column_name = '*'", "", "any_column_priority_backs_the_exact_one"),
    (
        "null counts as a value",
        RESOLVE,
        "case when standing_rows.{{ column }} is not null then source_ranks.{{ column }}_rank end",
        "source_ranks.{{ column }}_rank",
        "null_value_falls_back",
    ),
    (
        "zero is no value",
        RESOLVE,
        "case when standing_rows.{{ column }} is not null then",
        "case when standing_rows.{{ column }} <> 0 then",
        "zero_is_a_value",
    ),
    (
        "any source speaks",
        RESOLVE,
        "case when {{ column }}_rank is not null then {{ taken }} end",
        "{{ taken }}",
        "rule_on_one_column_leaves_the_other_open",
    ),
    ("oldest row stands", "macros/adapters/values.sql", "{{ column }} desc", "{{ column }} asc", "latest_row_of_a_source_stands"),
    ("lowest id stands", RESOLVE, "{{ id }} desc", "{{ id }} asc", "same_update_time_highest_id_stands"),
    (
        "currency of any row",
        RESOLVE,
        "then {{ extra }} end) over {{ by_rank }}",
        "then {{ extra }} end) over (partition by company_id order by source)",
        "currency_travels_with_its_value",
    ),
    (
        "empty rows are given",
        RESOLVE,
        "{{ 'or ' if not loop.first }}{{ column }}_source is not null",
        "{{ 'or ' if not loop.first }}1 = 1",
        "row_needs_one_resolved_column",
    ),
    (
        "last mention counts",
        RESOLVE,
        "order by rule_tier, rule_order\n            ) as mention",
        "order by rule_tier desc, rule_order desc\n            ) as mention",
        "source_named_twice_keeps_its_first_place",
    ),
    (
        "null priority first",
        RULES,
        "{{ syfter.smallest_first('priority') }}",
        "coalesce(priority, -999)",
        "null_priority_comes_last",
    ),
    (
        "ties by id",
        RULES,
        "}}, source, datasource_priority_id",
        "}}, datasource_priority_id",
        "equal_priorities_go_to_the_first_name",
    ),
    (
        "highest preference first",
        RULES,
        "order by datasource_preference_id",
        "order by datasource_preference_id desc",
        "several_preferences_lowest_id_first",
    ),
    (
        "lists are merged",
        RESOLVE,
        "where candidate_rank = 1",
        "where candidate_rank >= 1",
        "list_takes_the_whole_set_of_one_source",
    ),
]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, on_file: tuple[Project, Outcome]) -> Project:
    """All broken variants side by side in one project: for each its own macros, rules and cases, under a prefix."""
    project = copied(on_file[0], tmp_path_factory.mktemp("broken"))
    (project.folder / "models/broken").mkdir()
    for number, (_, broken_file, old, new, case) in enumerate(BREAKS):
        prefix = f"broken_{number}_"
        kind = "lists" if case.startswith("list_") else "rows"
        cases = f"integration_tests/models/cases/case_resolved_{kind}.sql"
        texts = {file: (PACKAGE / file).read_text() for file in {RESOLVE, broken_file, RULES, cases}}
        texts[cases] = re.sub(r"cases\('\w+'\)", f"['{case}']", texts[cases])
        assert old in texts[broken_file], f"{broken_file} no longer has: {old}"
        texts[broken_file] = texts[broken_file].replace(old, new)
        own = "|".join(name for text in texts.values() for name in re.findall(r"\{% macro (\w+)", text))
        for file, text in texts.items():
            text = re.sub(rf"(\{{% macro |syfter\.)({own})\b", rf"\1{prefix}\2", text).replace(f"syfter.{prefix}", prefix)
            text = text.replace("ref('syfter', 'int_syfter__source_rules')", f"ref('{prefix}int_syfter__source_rules')")
            home = "macros" if file.startswith("macros/") else "models/broken"
            (project.folder / home / f"{prefix}{Path(file).name}").write_text(text)
    outcome = project.dbt("run --select path:models/broken")
    assert outcome.ok, outcome.output
    return project


@pytest.mark.soak
@pytest.mark.parametrize("number", [pytest.param(number, id=b[0].replace(" ", "-")) for number, b in enumerate(BREAKS)])
def test_a_broken_rule_fails_the_case_that_names_it(broken: Project, number: int) -> None:
    case = BREAKS[number][4]
    kind, columns = ("lists", "case_name, id") if case.startswith("list_") else ("rows", "*")
    actual = f"select {columns} from syfter_it.broken_{number}_case_resolved_{kind}"
    expected = f"select {columns} from syfter_it.case_expected_{kind} where case_name = '{case}'"
    differences = select(broken, f"(({actual}) except all ({expected})) union all (({expected}) except all ({actual}))")
    assert differences


def test_every_case_is_named_explained_and_specified() -> None:
    project = Project(PACKAGE / "integration_tests", "duckdb")
    cases = project.rows("prioritisation_cases")
    names = [case["case_name"] for case in cases]
    assert len(names) == len(set(names)) >= 25
    assert all(len(case["explanation"]) > 30 for case in cases)
    assert {row["case_name"] for row in project.rows("case_rows")} == set(names)
    empty = {"table_without_rules_resolves_nothing", "list_without_a_rule_is_empty"}
    expected = {row["case_name"] for seed in ("case_expected_rows", "case_expected_lists") for row in project.rows(seed)}
    assert expected == set(names) - empty
    assert {row["case_name"] for row in project.rows("case_expected_unresolved")} <= set(names)


# --- what a dbt user expects ----------------------------------------------------------------------------------------------


def test_every_column_is_described_and_every_model_has_a_tested_key(on_file: tuple[Project, Outcome]) -> None:
    project, _ = on_file
    catalog = json.loads((project.folder / "target/catalog.json").read_text())
    nodes = manifest(project)["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model" and node["package_name"] == "syfter"}
    assert len(models) == 21
    for key, model in models.items():
        described = {name for name, column in model["columns"].items() if column["description"]}
        assert set(catalog["nodes"][key]["columns"]) == described, key
        assert model["description"], key
        tests = [node for node in nodes.values() if node["resource_type"] == "test" and node.get("attached_node") == key]
        kinds = {(test["column_name"], test["test_metadata"]["name"]) for test in tests}
        assert any({(column, "unique"), (column, "not_null")} <= kinds for column in described), f"{key} has no tested key"
        folder = Path(model["path"]).parts[0]
        assert model["name"].startswith({"staging": "stg_syfter__", "intermediate": "int_syfter__", "marts": "syfter__"}[folder])
        assert all(ref.startswith("source.") == (folder == "staging") for ref in model["depends_on"]["nodes"]), key


@pytest.mark.soak
def test_metrics_are_there_on_demand(on_duckdb: Project) -> None:
    assert manifest(on_duckdb)["metrics"] == {}
    spine = on_duckdb.folder / "models/spine"
    spine.mkdir()
    (spine / "days.sql").write_text("select cast('2024-01-01' as date) as day")
    days = {
        "name": "days",
        "time_spine": {"standard_granularity_column": "day"},
        "columns": [{"name": "day", "granularity": "day"}],
    }
    (spine / "days.yml").write_text(yaml.safe_dump({"models": [days]}))
    outcome = on_duckdb.dbt("parse", variables={"syfter_semantic_models": True})
    assert outcome.ok, outcome.output
    assert {metric["label"] for metric in manifest(on_duckdb)["metrics"].values()} >= {
        "Revenue",
        "Profit",
        "Headcount",
        "Disagreements between sources",
    }


def test_sources_are_the_streams_of_the_connector(on_file: tuple[Project, Outcome]) -> None:
    sources = {node["name"]: node for node in manifest(on_file[0])["sources"].values()}
    schemas = {file.stem: json.loads(file.read_text()) for file in (ROOT / "source_syfter/schemas").glob("*.json")}
    assert set(sources) == set(schemas)
    loader = {"_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta"}
    for name, schema in schemas.items():
        assert set(sources[name]["columns"]) == set(schema["properties"]) | loader, name
        assert all(column["description"] for column in sources[name]["columns"].values()), name


def test_no_deprecated_yaml(on_file: tuple[Project, Outcome]) -> None:
    assert "deprecat" not in on_file[1].output.lower().replace("--show-all-deprecations", "")


@every_other_day(True)
def test_a_wrong_column_is_named_and_a_contract_kept(on_duckdb: Project, on_file: tuple[Project, Outcome]) -> None:
    marts = [node for node in manifest(on_file[0])["nodes"].values() if node["name"].startswith("syfter__")]
    assert all(node["config"]["contract"]["enforced"] is True for node in marts if node["resource_type"] == "model")
    on_duckdb.replace("models/marts/syfter__articles.sql", "    title,", "    1 as title,")
    wrong = {"syfter_company_financials_columns": ["revenue", "ebitda"], "syfter_company_overviews_columns": ["websit"]}
    warned = {"syfter_missing_columns": "warn", "syfter_passthrough_columns": {"companies": ["sectr"]}}
    outcome = on_duckdb.dbt(
        ["run", "--select", "staging", "--vars", json.dumps(wrong)],
        ["run", "--select", "stg_syfter__companies", "--vars", json.dumps(warned)],
        "run --select syfter__articles",
        keep_going=True,
    )
    first, second, third = (said.replace("\n", " ") for said in outcome.output.split("$ dbt")[1:])
    for message in [
        "raw_company_financials.* has no column ebitda.* It has .*revenue",
        "raw_company_overviews.* has no column websit.* It has .*website",
    ]:
        assert re.search(message, first), (message, first)
    assert "ERROR=2" in first
    assert "raw_companies has no column sectr" in second.replace('"', "")
    assert re.search("contract.*title", third), third
    assert outcome.results == {"syfter__articles": "error"}
    assert select(on_duckdb, "select count(sectr), count(*) from syfter_it.stg_syfter__companies") == [(0, 3)]


@pytest.mark.soak
def test_what_else_the_variables_have_wrong_is_named(on_duckdb: Project) -> None:
    taken = {"syfter_passthrough_columns": {"articles": [{"name": "title", "alias": "url"}]}}
    unknown = {"syfter_passthrough_columns": {"articles": [{"name": "title", "alias": "headline", "type": "txet"}]}}
    commands = [
        ["run", "--select", "stg_syfter__companies", "--vars", json.dumps(variables)]
        for variables in (taken, unknown, {"syfter_schema": "elsewhere"})
    ]
    outcome = on_duckdb.dbt(*commands, keep_going=True)
    first, second, third = (said.replace("\n", " ") for said in outcome.output.split("$ dbt")[1:])
    assert "has a column url of articles already" in first
    assert re.search("an entry for articles that cannot be read: .*txet", second), second
    assert re.search("None of Syfter's tables is in .*elsewhere.*syfter_schema", third), third


@every_other_day(False)
def test_what_is_missing_and_what_is_gone(on_duckdb: Project, on_file: tuple[Project, Outcome]) -> None:
    """A missing table is named in a warning, with its switch, and its models are empty: a key without the right to read the
    preferences still gets figures, by the priorities alone. A deselected column is null. That a record is gone is told in two
    ways: an older generation in the same table, or a table beside it that another connection reads in full. It counts no more."""
    assert on_file[1].output.count("ERROR STALE freshness") == 9
    again = "timestamp '2026-04-01 06:00:00'"
    gone = {"company_financials": 3, "articles": 1, "custom_property_values": 1, "company_employees": 1}
    fresh = ["companies", "articles", "datasource_priorities"]
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        for stream in ("datasource_preferences", "company_overviews", "custom_property_definitions"):
            database.execute(f"drop table syfter_it.raw_{stream}")
        database.execute("alter table syfter_it.raw_articles drop column body")
        database.execute("alter table syfter_it.raw_companies drop column updated_at")
        database.execute("alter table syfter_it.raw_company_financials drop column profit")
        for loaded in ("_airbyte_extracted_at", "_airbyte_raw_id", "_airbyte_meta"):  # another loader's tables have none of these
            database.execute(f"alter table syfter_it.raw_custom_property_values drop column {loaded}")
        for stream, key in gone.items():
            raw = f"syfter_it.raw_{stream}"
            if stream == "company_financials":
                database.execute(f"alter table {raw} add column _airbyte_generation_id bigint default 1")
                columns = f"* replace ({again} as _airbyte_extracted_at, 2 as _airbyte_generation_id)"
                database.execute(f"insert into {raw} select {columns} from {raw} where id <> {key}")
            elif stream != "custom_property_values":
                columns = f"* replace ({again} as _airbyte_extracted_at)"
                database.execute(f"create table syfter_it.full_{stream} as select {columns} from {raw} where id <> {key}")
        # A record that came after the whole read began is not gone.
        new = "100 as id, timestamp '2026-04-02 06:00:00' as _airbyte_extracted_at"
        database.execute(f"insert into syfter_it.raw_articles select * replace ({new}) from syfter_it.raw_articles where id = 1")
        for stream in fresh:
            now = "cast(now() at time zone 'UTC' as timestamp)"
            database.execute(f"insert into syfter_it.raw_{stream} (id, _airbyte_extracted_at) values (999, {now})")
    outcome = on_duckdb.dbt(
        "run --select package:syfter", "source freshness --select " + " ".join(f"source:syfter.{stream}" for stream in fresh),
        variables={"syfter_using_datasource_preferences": False, "syfter_full_refresh_prefix": "full_"},
    )  # fmt: skip
    assert outcome.ok, outcome.output
    assert outcome.output.count("PASS freshness") == 3
    warned = re.findall(r"There is no table \S+: the models on (\w+) stay empty. .* set syfter_using_\1: false", outcome.output)
    assert set(warned) == {"company_overviews", "custom_property_definitions"}
    del gone["custom_property_values"]
    for stream, key in gone.items():
        marked = (
            f"select columns(c -> c not like '%ated_at') from syfter_it.stg_syfter__{stream} where _syfter_deleted_at is not null"
        )
        [record] = select(on_duckdb, marked)
        assert (record[0], str(record[-1])) == (str(key), "2026-04-01 06:00:00"), stream
    # The source that has the first priority is gone.
    figures = (
        "select year, revenue, revenue_source, profit from syfter_it.syfter__company_financials where company_id = '1' order by 1"
    )
    assert select(on_duckdb, figures) == [(2023, 105, "alpha", None), (2024, 200, "alpha", None)]
    for mart, key, stream in [
        ("articles", "article_id", "articles"),
        ("company_employees", "company_employee_id", "company_employees"),
        ("article_companies", "article_id", "articles"),
    ]:
        assert (str(gone[stream]),) not in select(on_duckdb, f"select {key} from syfter_it.syfter__{mart}"), mart
    assert ("100",) in select(on_duckdb, "select article_id from syfter_it.syfter__articles")
    assert select(on_duckdb, "select count(*) from syfter_it.syfter__company_overviews") == [(0,)]
    assert select(on_duckdb, "select count(body), count(*) > 5 from syfter_it.syfter__articles") == [(0, True)]
    assert select(on_duckdb, "select distinct value_status from syfter_it.syfter__custom_properties order by 1") == [
        ("empty",), ("no_definition",)
    ]  # fmt: skip


@every_other_day(True)
def test_an_instance_that_differs_in_form(on_duckdb: Project) -> None:
    """Keys of text, timestamps in other forms and columns of one's own, at once: the same rows, and the columns."""
    marts = {
        "companies": ["company_id", "name", "latest_revenue", "employee_count", "article_count", "created_at"],
        "company_financials": ["company_id", "year", "revenue", "revenue_source", "profit", "profit_source"],
        "company_overviews": ["company_id", "website", "website_source"],
        "company_employees": ["company_employee_id", "company_id", "source", "updated_at"],
        "articles": ["article_id", "title", "updated_at"],
        "article_companies": ["article_id", "company_id"],
        "custom_properties": ["custom_property_value_id", "company_id", "article_id", "property_name", "value_text"],
        "ignored_records": ["table_name", "record_id", "company_id", "reason"],
    }
    keys = {stream: ["id"] for stream in ("companies", "articles", "custom_property_definitions", "datasource_priorities")}
    of_companies = ("company_financials", "company_overviews", "company_employees", "datasource_preferences")
    keys |= {stream: ["id", "company_id"] for stream in of_companies}
    keys["custom_property_values"] = ["id", "company_id", "article_id", "custom_property_definition_id"]
    forms = {
        "companies": ("timestamptz", "{0} at time zone 'UTC'"),
        "articles": ("varchar", "strftime({0}, '%Y-%m-%dT%H:%M:%S.%gZ')"),
        "company_employees": ("varchar", "strftime({0} + interval 90 minutes, '%Y-%m-%dT%H:%M:%S.%g+01:30')"),
        "company_overviews": ("varchar", "strftime({0} - interval 5 hours, '%Y-%m-%d %H:%M:%S.%g-05')"),
        "company_financials": ("varchar", "strftime({0}, '%Y-%m-%d %H:%M:%S.%g')"),
    }
    added = {
        "companies": ["sector varchar default 'Food'", "\"Head Count\" varchar default '7'"],
        "company_financials": ["ebitda decimal(38, 9)", "period_end varchar default '2024-12-31T00:00:00Z'"],
        "company_overviews": ["motto varchar default 'Onwards'"],
        "company_employees": ["email varchar default 'a@b.example'"],
        "articles": ["language varchar default 'en'"],
        "custom_property_values": ["reviewed boolean default true"],
        "custom_property_definitions": ["unit varchar default 'GBP'"],
        "datasource_priorities": ["note varchar default 'n'"],
        "datasource_preferences": ["reason varchar default 'r'"],
    }

    def rows() -> dict[str, set[tuple[Any, ...]]]:
        queries = {mart: f"select {', '.join(columns)} from syfter_it.syfter__{mart}" for mart, columns in marts.items()}
        return {mart: set(select(on_duckdb, query)) for mart, query in queries.items()}

    def renamed(column: str, value: Any) -> Any:
        return f"k-{value}" if column.endswith("_id") and value is not None else value

    before = {mart: {tuple(map(renamed, marts[mart], row)) for row in found} for mart, found in rows().items()}
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        database.execute("set timezone = 'America/New_York'")
        for stream, columns in keys.items():
            for column in columns:
                as_text = f"alter column {column} type varchar using 'k-' || {column}::varchar"
                database.execute(f"alter table syfter_it.raw_{stream} {as_text}")
        named = "to_json(list_transform(from_json(company_ids, '[\"VARCHAR\"]'), lambda element: 'k-' || element))"
        database.execute(f"update syfter_it.raw_articles set company_ids = {named} where json_type(company_ids) = 'ARRAY'")
        for stream, (column_type, cast) in forms.items():
            for column in ("created_at", "updated_at"):
                form = f"alter column {column} type {column_type} using {cast.format(column)}"
                database.execute(f"alter table syfter_it.raw_{stream} {form}")
        for stream, columns in added.items():
            for column in columns:
                database.execute(f"alter table syfter_it.raw_{stream} add column {column}")
        database.execute("update syfter_it.raw_company_financials set ebitda = revenue / 2 where source <> 'alpha'")
    passed: dict[str, Any] = {stream: [column.split()[0] for column in columns] for stream, columns in added.items()}
    passed["companies"] = ["sector", {"name": "Head Count", "type": "integer"}]
    passed["company_financials"] = [{"name": "period_end", "alias": "ended", "type": "timestamp"}]
    passed["datasource_preferences"] = [{"name": "reason", "alias": "why"}]
    variables = {"syfter_passthrough_columns": passed, "syfter_company_financials_columns": ["revenue", "profit", "ebitda"]}
    outcome = on_duckdb.dbt("run --select package:syfter", variables=variables)
    assert outcome.ok, outcome.output
    after = rows()
    # A column of one's own is decided too, so years that had no other figure appear.
    assert {row[:2] for row in after["company_financials"]} >= {row[:2] for row in before["company_financials"]}
    for mart in ("company_financials", "company_overviews"):
        after[mart] = {row for row in after[mart] if any(row[2:])}
    assert after == before
    figures = "select ebitda, ebitda_source, ebitda_currency, revenue_source, cast(ended as varchar), ended_source"
    where = "where company_id = 'k-1' and year = 2023"
    figures = f"{figures} from syfter_it.syfter__company_financials {where}"
    assert select(on_duckdb, figures) == [(55, "beta", "GBP", "gamma", "2024-12-31 00:00:00", "alpha")]
    for table, column, value in [
        ("syfter__companies", "sector", "Food"),
        ("syfter__companies", "head_count", 7),
        ("syfter__company_overviews", "motto", "Onwards"),
        ("syfter__company_employees", "email", "a@b.example"),
        ("syfter__articles", "language", "en"),
        ("syfter__custom_properties", "reviewed", True),
        ("syfter__custom_properties", "unit", "GBP"),
        ("stg_syfter__datasource_priorities", "note", "n"),
        ("stg_syfter__datasource_preferences", "why", "r"),
    ]:
        distinct = select(on_duckdb, f"select distinct {column} from syfter_it.{table} where {column} is not null")
        assert distinct == [(value,)], (table, column)


@every_other_day(False)
def test_a_newcomer_on_postgres_by_the_readme_alone(
    tmp_path: Path, warehouse: tuple[str, Server | None], everywhere: tuple[Project, Outcome]
) -> None:
    """Another schema, a prefix, a missing table and columns of one's own, in a project of one's own."""
    adapter, server = warehouse
    if adapter != "postgres" or server is None:
        pytest.skip("on Postgres alone")
    readme = (PACKAGE / "README.md").read_text()
    packages, project, *_, own = (textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL))
    (tmp_path / "airbyte-source-syfter").symlink_to(ROOT)
    settings = yaml.safe_load(project.replace("syfter_schema: syfter", "syfter_schema: landing").replace('""', "acme_"))
    settings["vars"] |= yaml.safe_load(own)["vars"]
    login = {"host": "127.0.0.1", "port": server.port, "user": server.user}
    profile = {"type": "postgres", **login, "password": "", "dbname": server.database, "schema": "marts", "threads": 2}
    folder = tmp_path / "analytics"
    for name, text in {
        "packages.yml": packages,
        "dbt_project.yml": yaml.safe_dump({"name": "analytics", "profile": "analytics", **settings}),
        "profiles.yml": yaml.safe_dump({"analytics": {"target": "dev", "outputs": {"dev": profile}}}),
    }.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    own_columns = {
        "companies": ["sector text default 'Food'", "\"Head Count\" text default '7'"],
        "company_financials": ["ebitda numeric default 5"],
    }
    with psycopg2.connect(dbname=server.database, **login) as connection, connection.cursor() as cursor:
        cursor.execute("create schema landing")
        cursor.execute("select table_name from information_schema.tables where table_name like 'raw_%'")
        for (table,) in cursor.fetchall():
            if table != "raw_articles":
                cursor.execute(f"create table landing.{table.replace('raw_', 'acme_')} as table syfter_it.{table}")
        for stream, columns in own_columns.items():
            for column in columns:
                cursor.execute(f"alter table landing.acme_{stream} add column {column}")
    newcomer = Project(folder, adapter, server)
    outcome = newcomer.dbt("deps", "build --select package:syfter --target dev")
    assert outcome.ok, outcome.output
    assert "set syfter_using_articles: false" in outcome.output
    with psycopg2.connect(dbname=server.database, **login) as connection, connection.cursor() as cursor:
        # Other tests put other figures and rules there, but no other companies.
        facts = "select name, sector, head_count from marts_company_facts.syfter__companies where company_id = '1'"
        cursor.execute(facts)
        assert cursor.fetchall() == [("Northwind Robotics", "Food", 7)]
        cursor.execute("select distinct ebitda from marts.stg_syfter__company_financials")
        assert cursor.fetchall() == [(5,)]
        cursor.execute("select latest_ebitda_source from marts_company_facts.syfter__companies limit 1")


def test_no_hub_package_is_needed() -> None:
    assert yaml.safe_load((PACKAGE / "packages.yml").read_text()) == {"packages": []}
