"""The dbt package on real warehouses: DuckDB and Postgres always, MariaDB in `make test-mysql`.

The cases themselves are seeds in dbt/integration_tests/seeds/cases, each with a name and an explanation; random data is held
against a second implementation of the contract (dbt_oracle.py).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from testing.dbt_oracle import Oracle, random_tables
from testing.dbt_warehouses import PACKAGE, ROOT, Outcome, Project, Server, found_counts, manifest, mariadb, postgres

# dbt and dlt take seconds to start, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(900)

ADAPTERS = [
    pytest.param("duckdb", id="duckdb"),
    pytest.param("postgres", id="postgres"),
    pytest.param("mariadb", id="mariadb", marks=pytest.mark.mysql),
]
SERVERS = {"duckdb": lambda: nullcontext(None), "postgres": postgres, "mariadb": mariadb}
# One data set each in every run, ten seconds apiece; the others in `make soak`.
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 20))]
COMPARED = "company_financials_as_expected company_overviews_as_expected company_employees_as_expected "
COMPARED += "unresolved_as_expected ignored_records_as_expected"


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
    """The test project, built once on DuckDB; only copies of it are changed."""
    project = Project.copy(tmp_path_factory.mktemp("on_file"), "duckdb")
    return project, project.everything()


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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, on_file: tuple[Project, Outcome]) -> tuple[Project, Outcome]:
    """The same on DuckDB with all that dbt can tell of it, for tests that only look, or that copy it."""
    project = copied(on_file[0], tmp_path_factory.mktemp("built"))
    return project, project.dbt("docs generate --no-partial-parse --show-all-deprecations", "source freshness")


@pytest.fixture
def on_duckdb(tmp_path: Path, built: tuple[Project, Outcome]) -> Project:
    """A copy of the built project to change."""
    return copied(built[0], tmp_path)


def select(project: Project, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(project.duckdb), read_only=True) as database:
        database.execute("set timezone = 'UTC'")
        return database.execute(query).fetchall()


# --- the rules ------------------------------------------------------------------------------------------------------------


def test_every_case_gives_the_specified_row(everywhere: tuple[Project, Outcome]) -> None:
    _, outcome = everywhere
    assert outcome.ok, outcome.output
    assert outcome.failed() == []
    held = {"cases_give_the_specified_rows", "cases_give_the_specified_lists", "cases_leave_open_what_is_specified"}
    assert held <= set(outcome.results)
    assert len(outcome.results) == found_counts(outcome.output)["tests"] >= 90


def test_the_comparison_notices_wrong_expectations(everywhere: tuple[Project, Outcome]) -> None:
    """Else every case could pass for nothing, above all on a database that is blind to case."""
    project, _ = everywhere
    right = project.rows("case_expected_rows")
    wrong = [dict(row) for row in right]
    for column, old, new in [
        ("revenue_source", "Zeta", "zeta"),
        ("profit_source", "alpha", ""),
        ("revenue", "1234567890123.45", "1.2"),
    ]:
        next(row for row in wrong if row[column] == old)[column] = new
    project.write_seed("case_expected_rows", wrong)
    outcome = project.dbt("seed --full-refresh --select case_expected_rows", "test --select cases_give_the_specified_rows")
    project.write_seed("case_expected_rows", right)
    assert "Got 6 results" in outcome.output


def test_values_that_arrive_as_plain_text_read_the_same(everywhere: tuple[Project, Outcome]) -> None:
    project, _ = everywhere
    outcome = project.dbt(
        "seed --full-refresh --select raw_custom_property_values",
        "run --select +syfter__custom_properties",
        "test --select custom_properties_as_expected",
        variables={"type_of_value": "varchar(500)"},
    )
    assert outcome.results == {"custom_properties_as_expected": "pass"}, outcome.output


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
        "seed --full-refresh", "run", f"test --select {COMPARED} package:syfter --exclude companies_as_expected"
    )
    assert [name for name in outcome.failed() if not name.startswith("belongs_to")] == [], outcome.output
    assert set(COMPARED.split()) <= set(outcome.results)


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
def broken(tmp_path_factory: pytest.TempPathFactory, built: tuple[Project, Outcome]) -> Project:
    """All broken variants side by side in one project: for each its own macros, rules and cases, under a prefix."""
    project = copied(built[0], tmp_path_factory.mktemp("broken"))
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


def test_every_column_is_described_and_every_model_has_a_tested_key(built: tuple[Project, Outcome]) -> None:
    project, _ = built
    catalog = json.loads((project.folder / "target/catalog.json").read_text())
    nodes = manifest(project)["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model" and node["package_name"] == "syfter"}
    assert len(models) == 20
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


def test_sources_are_the_streams_of_the_connector(built: tuple[Project, Outcome]) -> None:
    sources = {node["name"]: node for node in manifest(built[0])["sources"].values()}
    schemas = {file.stem: json.loads(file.read_text()) for file in (ROOT / "source_syfter/schemas").glob("*.json")}
    assert set(sources) == set(schemas)
    loader = {"_airbyte_raw_id", "_airbyte_extracted_at", "_airbyte_meta"}
    for name, schema in schemas.items():
        assert set(sources[name]["columns"]) == set(schema["properties"]) | loader, name
        assert all(column["description"] for column in sources[name]["columns"].values()), name


def test_no_deprecated_yaml(built: tuple[Project, Outcome]) -> None:
    assert "deprecat" not in built[1].output.lower().replace("--show-all-deprecations", "")


def test_freshness_is_measured(built: tuple[Project, Outcome], on_duckdb: Project) -> None:
    assert built[1].output.count("ERROR STALE freshness") == 9
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        for (table,) in database.execute("select table_name from duckdb_tables() where table_name like 'raw_%'").fetchall():
            database.execute(f"update syfter_it.{table} set _airbyte_extracted_at = cast(now() at time zone 'UTC' as timestamp)")
    outcome = on_duckdb.dbt("source freshness")
    assert outcome.ok, outcome.output
    assert outcome.output.count("PASS freshness") == 9


def test_streams_can_be_switched_off(on_duckdb: Project) -> None:
    """A key without the right to read the preferences still gets figures, by the priorities alone."""
    off = ["datasource_preferences", "articles", "custom_property_values", "custom_property_definitions", "company_employees"]
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        for stream in off:
            database.execute(f"drop table syfter_it.raw_{stream}")
    marts = "+syfter__companies +syfter__unresolved +syfter__custom_properties +syfter__articles"
    outcome = on_duckdb.dbt(f"run --select {marts}", variables={f"syfter_using_{stream}": False for stream in off})
    assert outcome.ok, outcome.output
    figures = "select revenue, revenue_source from syfter_it.syfter__company_financials where company_id = 1 order by year"
    assert select(on_duckdb, figures) == [(105, "alpha"), (200, "alpha")]
    assert select(on_duckdb, "select max(employee_count), max(article_count) from syfter_it.syfter__companies") == [(0, 0)]
    assert select(on_duckdb, "select count(*) from syfter_it.syfter__custom_properties") == [(0,)]


def test_a_missing_table_is_an_error_and_not_an_empty_model(on_duckdb: Project) -> None:
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        database.execute("drop table syfter_it.raw_articles")
    outcome = on_duckdb.dbt("run --select +syfter__articles")
    assert outcome.results["stg_syfter__articles"] == "error"
    assert "raw_articles" in outcome.output


def test_a_deselected_column_is_null(on_duckdb: Project) -> None:
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        database.execute("alter table syfter_it.raw_articles drop column body")
        database.execute("alter table syfter_it.raw_company_financials drop column profit")
        database.execute("alter table syfter_it.raw_companies drop column updated_at")
        for loaded in ("_airbyte_extracted_at", "_airbyte_raw_id", "_airbyte_meta"):  # another loader's tables have none of these
            database.execute(f"alter table syfter_it.raw_company_financials drop column {loaded}")
    outcome = on_duckdb.dbt("run --select +syfter__articles +syfter__companies")
    assert outcome.ok, outcome.output
    assert select(on_duckdb, "select count(body), count(*) from syfter_it.syfter__articles") == [(0, 6)]
    assert select(on_duckdb, "select count(profit), count(revenue) from syfter_it.syfter__company_financials") == [(0, 3)]


def test_a_column_of_ones_own_is_one_more_name_in_a_list(on_duckdb: Project) -> None:
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        database.execute("alter table syfter_it.raw_company_financials add column ebitda decimal(38, 9)")
        database.execute("update syfter_it.raw_company_financials set ebitda = revenue / 2 where source <> 'alpha'")
    outcome = on_duckdb.dbt(
        "run --select +syfter__company_financials +syfter__unresolved",
        variables={"syfter_company_financials_columns": ["revenue", "profit", "ebitda"]},
    )
    assert outcome.ok, outcome.output
    figures = "select ebitda, ebitda_source, ebitda_currency, revenue_source from syfter_it.syfter__company_financials"
    assert select(on_duckdb, f"{figures} where company_id = 1 and year = 2023") == [(55, "beta", "GBP", "gamma")]


def test_timestamps_mean_the_same_in_every_form(on_duckdb: Project) -> None:
    forms = {
        "companies": ("timestamptz", "updated_at at time zone 'UTC'"),
        "articles": ("varchar", "strftime(updated_at, '%Y-%m-%dT%H:%M:%S.%gZ')"),
        "company_employees": ("varchar", "strftime(updated_at + interval 90 minutes, '%Y-%m-%dT%H:%M:%S.%g+01:30')"),
        "company_overviews": ("varchar", "strftime(updated_at - interval 5 hours, '%Y-%m-%d %H:%M:%S.%g-05')"),
        "company_financials": ("varchar", "strftime(updated_at, '%Y-%m-%d %H:%M:%S.%g')"),
    }
    queries = [f"select * from syfter_it.stg_syfter__{stream} order by 1" for stream in forms]
    before = [select(on_duckdb, query) for query in queries]
    with duckdb.connect(str(on_duckdb.duckdb)) as database:
        database.execute("set timezone = 'America/New_York'")
        for stream, (column_type, cast) in forms.items():
            database.execute(f"alter table syfter_it.raw_{stream} alter column updated_at type {column_type} using {cast}")
    outcome = on_duckdb.dbt("run --select staging")
    assert outcome.ok, outcome.output
    assert [select(on_duckdb, query) for query in queries] == before


def test_no_hub_package_is_needed() -> None:
    assert yaml.safe_load((PACKAGE / "packages.yml").read_text()) == {"packages": []}
