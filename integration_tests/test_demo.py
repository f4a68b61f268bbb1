"""`make demo` is the project's main job: run as a person runs it, with a home that must stay empty."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from demo import report
from demo.__main__ import main
from demo.answers import Company
from sandbox import COLLECTIONS, running
from testing.dbt_oracle import FINANCIALS, OVERVIEWS, Oracle
from testing.dbt_warehouses import RUNNER

ROOT = Path(__file__).resolve().parents[1]


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "COLUMNS": "120"}
    command = [sys.executable, "-m", "demo", "--output", str(folder / "output"), *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


def comparable(row: dict[str, object]) -> str:
    """A row as text, whatever type a number has."""
    return str([f"{float(value):.6f}" if isinstance(value, (int, float, Decimal)) else value for value in row.values()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def finished(folder: Path) -> subprocess.CompletedProcess[str]:
    return demo(folder, "--companies", "20")


@pytest.mark.timeout(1000)
class TestDemo:
    def test_it_ends_well(self, finished: subprocess.CompletedProcess[str]) -> None:
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert finished.stderr == ""
        phases = re.findall(r"^✓ (.*?)  ", finished.stdout, flags=re.MULTILINE)
        assert phases[:6] == ["local instance", "check", "discover", "first read", "a day passes", "second read"]

    def test_the_table_tells_the_truth(self, finished: subprocess.CompletedProcess[str], folder: Path) -> None:
        shown = {
            name: (int(rows.replace(",", "")), int(second.replace(",", "")))
            for name, rows, second in re.findall(
                r"^ +(\w+) +([\d,]+) +[\d.]+ +([\d,]+) +[\d.]+ *$", finished.stdout, flags=re.MULTILINE
            )
        }
        assert set(shown) == set(COLLECTIONS)
        with (
            running(companies=20) as box,
            duckdb.connect(str(folder / "output" / "warehouse.duckdb"), read_only=True) as database,
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

    def test_it_shows_what_to_believe(self, finished: subprocess.CompletedProcess[str], folder: Path) -> None:
        assert re.search(r"^✓ dbt build .* passed ", finished.stdout, flags=re.MULTILINE)
        chosen = re.findall(r"believe +(-?[\d,]+) ([A-Z]{3})", finished.stdout)
        assert chosen
        with duckdb.connect(str(folder / "output" / "warehouse.duckdb"), read_only=True) as database:
            for amount, currency in chosen:
                where = [int(amount.replace(",", "")), currency]
                marts = "FROM syfter_marts.syfter__company_financials WHERE round(revenue) = ? AND revenue_currency = ?"
                assert database.execute(marts, where).fetchall()

    def test_every_figure_is_the_one_that_the_contract_chooses(
        self, finished: subprocess.CompletedProcess[str], folder: Path
    ) -> None:
        """What dbt made of what the connector read, against a second implementation fed with the instance's own records."""
        with running(companies=20) as box:
            box.apply_day()
            oracle = Oracle({name: list(box.truth(name)) for name in COLLECTIONS})
        with duckdb.connect(str(folder / "output" / "warehouse.duckdb"), read_only=True) as database:

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
            wanted = [{column: row.get(column) for column in made[0]} for row in resolved]
            assert sorted(map(comparable, made)) == sorted(map(comparable, wanted))

    def test_a_newcomer_adds_the_dbt_package_by_its_readme(
        self, finished: subprocess.CompletedProcess[str], folder: Path, tmp_path: Path
    ) -> None:
        """An empty folder, the file that the demo made, and the words of dbt/README.md; without a network."""
        readme = (ROOT / "dbt/README.md").read_text()
        packages, variables, _ = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
        [own_table] = re.findall(r"```sql\n(.*?)```", readme, flags=re.DOTALL)
        (tmp_path / "airbyte-source-syfter").symlink_to(ROOT)
        database = shutil.copy(folder / "output/warehouse.duckdb", tmp_path)
        with duckdb.connect(str(database)) as connection:
            connection.execute("DROP SCHEMA syfter_marts CASCADE")
            rule = "(9001, 'company_deals', '*', 'crm', 1)"
            connection.execute(
                f"INSERT INTO syfter.datasource_priorities (id, table_name, column_name, source, priority) VALUES {rule}"
            )
        project = tmp_path / "analytics"
        for name, text in {
            "packages.yml": textwrap.dedent(packages),
            "dbt_project.yml": "name: analytics\nprofile: analytics\n" + textwrap.dedent(variables),
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
            assert connection.execute("SELECT count(*) > 50 FROM marts.syfter__company_financials").fetchone() == (True,)
            deals = "SELECT year, amount, amount_source, amount_currency FROM marts.company_deals"
            assert connection.execute(deals).fetchall() == [(2024, 7, "crm", "GBP")]

    def test_the_report_stands_alone(self, finished: subprocess.CompletedProcess[str], folder: Path) -> None:
        page = (folder / "output" / "report.html").read_text()
        assert page.count("<article>") > 15
        assert page.count("<svg") >= page.count("<article>")
        assert not re.search(r"""(src|href|url)\s*[=(]|@import|https?:""", page)

    def test_nothing_is_written_outside_its_folder(self, finished: subprocess.CompletedProcess[str], folder: Path) -> None:
        assert list((folder / "home").iterdir()) == []
        changed = subprocess.run(["git", "status", "--porcelain", "demo"], cwd=ROOT, capture_output=True, text=True).stdout
        assert "demo/output" not in changed

    def test_what_it_says_to_type_works(self, finished: subprocess.CompletedProcess[str], folder: Path) -> None:
        [typed] = re.findall(r"python -m demo --sql \"(.*)\"", finished.stdout)
        done = demo(folder, "--sql", typed)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) > 5


def test_the_report_takes_any_data(tmp_path: Path) -> None:
    row = {"year": 2024, "source": "<b>&", "revenue": 1.5, "profit": None, "currency": None}
    only = Company(1, "<script>alert(1)</script>", [row, {**row, "source": None}], [])
    chosen = {"year": 2024, "revenue": 0, "revenue_currency": "GBP", "profit": None, "profit_currency": None}
    report.write(
        [only, Company(2, "x", [{**row, "currency": "GBP"}], [chosen]), Company(3, "y", [{**row, "revenue": 0}], [])],
        tmp_path / "r",
    )
    page = (tmp_path / "r").read_text()
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert not re.search(r"\bnan\b", page)
    report.write([], tmp_path / "empty")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with running(companies=5) as box:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(box.config()))
        yield file


@pytest.mark.timeout(1000)
def test_a_real_instance_twice(config: Path, tmp_path: Path) -> None:
    options = ["--config", str(config), "--database", str(tmp_path / "warehouse.duckdb"), "--streams", "companies,articles"]
    for expected, raw in ((5, ["--raw"]), (1, [])):  # the second time: the one record on the boundary of the state
        done = demo(tmp_path, *options, *raw)
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
