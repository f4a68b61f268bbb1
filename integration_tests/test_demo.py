"""`make demo` is the project's main job: run as a person runs it, with a home that must stay empty."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from demo import report
from demo.__main__ import main
from demo.answers import Company
from sandbox import COLLECTIONS, running

ROOT = Path(__file__).resolve().parents[1]


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "COLUMNS": "120"}
    command = [sys.executable, "-m", "demo", "--output", str(folder / "output"), *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)


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
