"""`make demo` is the project's main job: run as a person runs it, with a home that must stay empty."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from demo.__main__ import main
from sandbox import COLLECTIONS, running
from sandbox.data import AWKWARD
from testing.dbt_oracle import FINANCIALS, OVERVIEWS, Oracle
from testing.dbt_warehouses import RUNNER
from testing.demo_run import COMPANIES, ROOT, Finished, run


def comparable(row: dict[str, object]) -> str:
    """A row as text, whatever type a number has."""
    return str([f"{float(value):.6f}" if isinstance(value, (int, float, Decimal)) else value for value in row.values()])


@pytest.mark.timeout(1000)
class TestDemo:
    def test_it_ends_well(self, finished_demo: Finished) -> None:
        assert finished_demo.returncode == 0, finished_demo.stdout + finished_demo.stderr
        assert finished_demo.stderr == ""
        phases = re.findall(r"^✓ (.*?)  ", finished_demo.stdout, flags=re.MULTILINE)
        assert phases[:6] == ["local instance", "check", "discover", "first read", "a day passes", "second read"]

    def test_the_table_tells_the_truth(self, finished_demo: Finished) -> None:
        shown = {
            name: (int(rows.replace(",", "")), int(second.replace(",", "")))
            for name, rows, second in re.findall(
                r"^ +(\w+) +([\d,]+) +[\d.]+ +([\d,]+) +[\d.]+ *$", finished_demo.stdout, flags=re.MULTILINE
            )
        }
        assert set(shown) == set(COLLECTIONS)
        with (
            running(companies=COMPANIES, tidy=True) as box,
            duckdb.connect(str(finished_demo.database), read_only=True) as database,
        ):
            before = {name: len(box.truth(name)) for name in COLLECTIONS}
            changes = box.apply_day()
            for name in COLLECTIONS:
                assert shown[name][0] == before[name]
                # what changed, and the few records within the look-back window
                changed = sum(changes[name].values())
                assert changed <= shown[name][1] <= changed + 5
                ids = {row[0] for row in database.execute(f"SELECT id FROM syfter.{name}").fetchall()}
                assert ids == {record["id"] for record in box.truth(name)}

    def test_fields_of_the_instance_s_own_are_columns(self, finished_demo: Finished) -> None:
        assert re.search(r"^✓ discover .*of this instance's own: links, tenant", finished_demo.stdout, flags=re.MULTILINE)
        with duckdb.connect(str(finished_demo.database), read_only=True) as database:
            own = database.execute(
                "SELECT DISTINCT tenant, json_extract_string(links, 'self') = '/records/' || id FROM syfter.articles"
            )
            assert own.fetchall() == [("demo", True)]
            in_marts = "SELECT DISTINCT tenant, links IS NOT NULL FROM syfter_marts.syfter__{}"
            assert database.execute(in_marts.format("companies")).fetchall() == [("demo", True)]
            assert database.execute(in_marts.format("articles")).fetchall() == [("demo", True)]

    def test_it_shows_what_to_believe(self, finished_demo: Finished) -> None:
        assert re.search(r"^✓ dbt build .* passed ", finished_demo.stdout, flags=re.MULTILINE)
        chosen = re.findall(r"believe +(-?[\d,]+) ([A-Z]{3})", finished_demo.stdout)
        assert chosen
        with duckdb.connect(str(finished_demo.database), read_only=True) as database:
            for amount, currency in chosen:
                where = [int(amount.replace(",", "")), currency]
                marts = "FROM syfter_marts.syfter__company_financials WHERE round(revenue) = ? AND revenue_currency = ?"
                assert database.execute(marts, where).fetchall()

    def test_every_figure_is_the_one_that_the_contract_chooses(self, finished_demo: Finished) -> None:
        """What dbt made of what the connector read, against a second implementation fed with the instance's own records."""
        with running(companies=COMPANIES, tidy=True) as box:
            box.apply_day()
            oracle = Oracle({name: list(box.truth(name)) for name in COLLECTIONS})
        with duckdb.connect(str(finished_demo.database), read_only=True) as database:

            def rows(mart: str, columns: list[str]) -> list[dict[str, object]]:
                found = database.execute(f"SELECT {', '.join(columns)} FROM syfter_marts.{mart}").fetchall()
                return [dict(zip(columns, row, strict=True)) for row in found]

            parts = ("", "_source", "_currency")
            figures = rows("syfter__company_financials", ["company_id", "year", *(f + p for f in FINANCIALS for p in parts)])
            facts = rows("syfter__company_overviews", ["company_id", *(f + p for f in OVERVIEWS for p in parts[:2])])
            people = rows("syfter__company_employees", ["company_employee_id", "company_id", "source"])
        for made, resolved in [
            (figures, oracle.resolved("company_financials", carried=("currency",))),
            (facts, oracle.resolved("company_overviews")),
            (people, oracle.listed("company_employees")),
        ]:
            assert len(made) > 15
            # Keys are compared as texts, which is what the package makes of them.
            made, wanted = (
                [{c: str(row[c]) if c.endswith("_id") else row.get(c) for c in made[0]} for row in rows]
                for rows in (made, resolved)
            )
            assert sorted(map(comparable, made)) == sorted(map(comparable, wanted))

    @pytest.mark.soak  # on Postgres it stands in test_dbt_package.py
    def test_a_newcomer_adds_the_dbt_package_by_its_readme(self, finished_demo: Finished, tmp_path: Path) -> None:
        """An empty folder, the file that the demo made, and the words of dbt/README.md; without a network."""
        readme = (ROOT / "dbt/README.md").read_text()
        packages, variables, *_ = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
        [own_table] = re.findall(r"```sql\n(.*?)```", readme, flags=re.DOTALL)
        (tmp_path / "airbyte-source-syfter").symlink_to(ROOT)
        database = shutil.copy(finished_demo.database, tmp_path)
        with duckdb.connect(str(database)) as connection:
            connection.execute("DROP SCHEMA syfter_marts CASCADE")
            rule = "(9001, 'company_deals', '*', 'crm', 1)"
            connection.execute(
                f"INSERT INTO syfter.datasource_priorities (id, table_name, column_name, source, priority) VALUES {rule}"
            )
        project = tmp_path / "analytics"
        for name, text in {
            "packages.yml": textwrap.dedent(packages),
            "dbt_project.yml": "name: analytics\nprofile: analytics\nseeds: {+column_types: {company_id: varchar}}\n"
            + textwrap.dedent(variables),
            "profiles.yml": "analytics: {target: dev, outputs: {dev: {type: duckdb, path: ../warehouse.duckdb, schema: marts}}}",
            "seeds/stg_company_deals.csv": "deal_id,company_id,year,source,amount,currency,updated_at\n"
            "1,1,2024,web,5,EUR,2026-01-01 00:00:00\n2,1,2024,crm,7,GBP,2026-01-01 00:00:00\n",
            "models/company_deals.sql": own_table,
        }.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text)
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
        environment = {**os.environ, **nowhere, "DO_NOT_TRACK": "1", "DBT_PROFILES_DIR": str(project)}
        commands = ("deps", "build --select package:syfter", "build --select package:analytics", "docs generate")
        done = subprocess.run(
            [sys.executable, "-c", RUNNER],
            input=json.dumps([command.split() for command in commands]),
            cwd=project, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        assert (project / "target/catalog.json").exists()
        with duckdb.connect(str(database), read_only=True) as connection:
            assert connection.execute("SELECT count(*) > 50 FROM marts_company_facts.syfter__company_financials").fetchone() == (
                True,
            )
            deals = "SELECT year, amount, amount_source, amount_currency FROM marts.company_deals"
            assert connection.execute(deals).fetchall() == [(2024, 7, "crm", "GBP")]

    def test_the_report_stands_beside_the_database_and_alone(self, finished_demo: Finished) -> None:
        """What a browser makes of it is in test_report.py; here is that it may ask for nothing."""
        page = finished_demo.report.read_text()
        [policy] = re.findall(r'http-equiv="Content-Security-Policy"\s+content="(.*?)"', page)
        assert policy == "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'"
        assert str(finished_demo.report) in finished_demo.stdout

    def test_nothing_is_written_outside_its_folder(self, finished_demo: Finished) -> None:
        assert list(finished_demo.home.iterdir()) == []
        changed = subprocess.run(["git", "status", "--porcelain", "demo"], cwd=ROOT, capture_output=True, text=True).stdout
        assert "demo/output" not in changed

    def test_its_last_words_are_a_query_that_shows_an_answer(
        self, finished_demo: Finished, capsys: pytest.CaptureFixture[str]
    ) -> None:
        *_, words, typed = finished_demo.stdout.splitlines()
        assert "syfter_marts" in words
        python, *arguments = shlex.split(typed)
        assert Path(ROOT, python).samefile(sys.executable)
        assert arguments[:2] == ["-m", "demo"]
        assert main(arguments[2:]) == 0
        said = capsys.readouterr().out
        assert "revenue_source" in said
        assert len(re.findall(r"^│ +20\d\d │ ", said, flags=re.MULTILINE)) > 3

    def test_its_data_is_for_people(self, finished_demo: Finished) -> None:
        with duckdb.connect(str(finished_demo.database), read_only=True) as database:
            zeros = "SELECT * FROM syfter.company_financials WHERE 0 IN (revenue, profit)"
            assert database.execute(zeros).fetchall() == []
            texts = database.execute(
                "SELECT legal_name FROM syfter.companies UNION ALL SELECT value FROM syfter.custom_property_values"
            )
            assert not {str(text).strip('"') for (text,) in texts.fetchall()} & set(AWKWARD)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with running(companies=5) as box:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(box.config()))
        yield file


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("raw", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_a_real_instance_goes_on_where_the_last_read_ended(finished_demo: Finished, tmp_path: Path, raw: bool) -> None:
    """With a database of one's own: the report lies beside it, and nothing of it in the demo's folder."""
    database = Path(shutil.copy(finished_demo.database, tmp_path / "mine.duckdb"))
    with running(companies=COMPANIES, tidy=True) as box:
        box.apply_day()
        (tmp_path / "config.json").write_text(json.dumps(box.config()))
        done = run(tmp_path, "--config", str(tmp_path / "config.json"), "--database", str(database), *["--raw"] * raw)
    assert done.returncode == 0, done.stdout
    read = re.findall(r"^ +\w+ +[\d,]+ +([\d,]+) +[\d.]+ *$", done.stdout, flags=re.MULTILINE)
    assert len(read) == len(COLLECTIONS)
    assert max(map(int, read)) <= 5  # the records on the boundary of each state
    assert not list((tmp_path / "output").rglob("*.html"))
    if not raw:
        assert (tmp_path / "mine.report.html").stat().st_size > 1e6
        assert "syfter_marts" in done.stdout.splitlines()[-1]


@pytest.mark.soak
def test_two_streams_of_a_real_instance_twice(config: Path, tmp_path: Path) -> None:
    options = ["--config", str(config), "--database", str(tmp_path / "warehouse.duckdb"), "--streams", "companies,articles"]
    for expected, raw in ((5, ["--raw"]), (1, [])):  # the second time: the one record on the boundary of the state
        done = run(tmp_path, *options, *raw)
        assert done.returncode == 0, done.stdout
        assert re.search(rf"^ +companies +5 +{expected} ", done.stdout, flags=re.MULTILINE), done.stdout
        assert ("✓ dbt build" in done.stdout) is (not raw)  # on two of the nine tables


def test_a_wrong_key_is_said_in_words(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = json.loads(config.read_text())
    settings["credentials"]["api_key"] = "not-the-key-4711"
    config.write_text(json.dumps(settings))
    assert main(["--config", str(config), "--output", str(tmp_path / "output")]) == 1
    said = capsys.readouterr().out
    assert "refused the credentials (401)" in said
    assert "Traceback" not in said
    assert "not-the-key-4711" not in said


@pytest.mark.parametrize(("options", "said"), [
    (["--config", "nowhere.json"], "nowhere.json cannot be read"),
    (["--sql", "SELECT 1"], "does not exist"),
    (["--config", "CONFIG", "--database", "syfter.duckdb"], "Name the file otherwise"),
])  # fmt: skip
def test_mistakes_are_said_in_words(
    options: list[str],
    said: str,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        main([str(config) if option == "CONFIG" else option for option in options] + ["--output", str(tmp_path / "output")]) == 1
    )
    assert said in " ".join(capsys.readouterr().out.split())


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert re.fullmatch(r"demo \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_it_needs_no_dlt() -> None:
    """`make demo` does not install it."""
    subprocess.run([sys.executable, "-c", "import sys, demo.__main__; sys.exit('dlt' in sys.modules)"], cwd=ROOT, check=True)


def test_a_database_that_is_open_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "output"
    output.mkdir()
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    command = [sys.executable, "-c", hold, str(output / "warehouse.duckdb")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        assert main(["--output", str(output)]) == 1
        assert "open in another program" in " ".join(capsys.readouterr().out.split())
    finally:
        holder.communicate("\n")
