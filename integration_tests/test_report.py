"""The report in a real browser: every mark against the warehouse, at two widths, light and dark; and what people do with it."""

from __future__ import annotations

import csv
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from playwright.sync_api import Browser, Download, Page, sync_playwright

from demo import report
from testing.demo_run import Finished
from testing.rotation import rotating

pytestmark = pytest.mark.timeout(900)

CHROMIUM = shutil.which("chromium")
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
PROBE = Path(__file__).with_name("report_probe.js").read_text()

# What is to be drawn, without a look at how the report reads it: the mart, and each source's latest row from the raw table.
CHOSEN = """
    SELECT CAST(company_id AS VARCHAR), '{0}', year, {0}_source, {0}, coalesce({0}_currency, '')
    FROM syfter_marts.syfter__company_financials WHERE {0} IS NOT NULL
"""
SAID = """
    SELECT CAST(company_id AS VARCHAR), '{0}', year, source, {0}, coalesce(currency, '')
    FROM (
        FROM {1} WHERE company_id IS NOT NULL AND year IS NOT NULL AND source IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY company_id, year, source ORDER BY updated_at DESC NULLS LAST, {2} DESC) = 1
    ) WHERE {0} IS NOT NULL
"""
FIGURES = ("revenue", "profit")


class Key(NamedTuple):
    """A figure that a source gives."""

    company: str
    column: str
    year: int
    source: str


Figure = tuple[Decimal, str, bool]
"""Amount, currency, chosen."""


def expected(database: Path, raw: str = "syfter.company_financials", key: str = "id") -> dict[Key, Figure]:
    found: dict[Key, Figure] = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for chosen, sql in ((False, SAID), (True, CHOSEN)):
            for column in FIGURES:
                for company, name, year, source, value, currency in connection.execute(sql.format(column, raw, key)).fetchall():
                    found[Key(company, name, year, source)] = (Decimal(value), currency, chosen)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium here: install the package `chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])  # CI is root
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, width: int, height: int = 900, touch: bool = False) -> Iterator[Page]:
    """The page, of which no error and no request may come."""
    page = browser.new_page(viewport={"width": width, "height": height}, has_touch=touch, color_scheme="light")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "blob:")) else None)
    page.goto(file.as_uri())
    try:
        yield page
        assert not wrong
    finally:
        page.close()


def read_csv(download: Download) -> list[dict[str, str]]:
    with open(download.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(label: str) -> float:
    """An axis label as the number that it stands for."""
    size = {"k": 1e3, "m": 1e6, "bn": 1e9, "tn": 1e12}
    digits, letters = re.fullmatch(r"(−?[\d,.]+(?:e\+\d+)?)(k|m|bn|tn|)", label).groups()  # type: ignore[union-attr]
    return float(digits.replace("−", "-").replace(",", "")) * size.get(letters, 1)


def check(charts: list[dict[str, Any]], wanted: dict[Key, Figure], sources: list[str]) -> None:
    """Every figure is drawn once, where it belongs and as it is; nothing else is; no mark is covered; lines stop at gaps."""
    drawn: dict[Key, Figure] = {}
    for chart in charts:
        marks = chart["marks"]
        assert marks, chart
        (low, low_y), (high, high_y) = ((number(text), y) for text, y in (chart["ticks"][0], chart["ticks"][-1]))
        years = {int(text): x for text, x in chart["years"]}
        first, last = min(years), max(years)
        band = (years[last] - years[first]) / (last - first or 1)
        for mark in marks:
            key = Key(chart["company"], chart["column"], mark["year"], mark["source"])
            assert key not in drawn, f"{key} is drawn twice"
            drawn[key] = (Decimal(mark["exact"]), chart["currency"], mark["chosen"])
            assert mark["covered"] == [], f"{key} is covered at {mark['covered']}"
            assert mark["colour"] == chart["colours"][sources.index(mark["source"]) % 8], key
            share = (mark["exact_number"] - low) / (high - low or 1)  # one label stands beside zeros alone
            height = low_y + share * (high_y - low_y)
            assert abs(mark["y"] - height) < 1, f"{key} is at {mark['y']}, its value at {height}"
            if last > first:  # not every year has a label where labels would run into each other
                assert abs(mark["x"] - years[first] - (mark["year"] - first) * band) < band / 2, key
        for index, one in enumerate(marks):
            for other in marks[index + 1 :]:
                apart = abs(one["x"] - other["x"]) >= (one["width"] + other["width"]) / 2 - 0.5
                assert apart or abs(one["y"] - other["y"]) >= (one["height"] + other["height"]) / 2 - 0.5, (
                    chart["company"],
                    one,
                    other,
                )
        # the places of the lines' corners are those of the chosen marks, stretch by stretch
        chosen = sorted((mark for mark in marks if mark["chosen"]), key=lambda mark: mark["year"])
        stretches: list[list[dict[str, Any]]] = []
        for mark in chosen:
            if stretches and stretches[-1][-1]["year"] == mark["year"] - 1:
                stretches[-1].append(mark)
            else:
                stretches.append([mark])
        lines = sorted(line for line in chart["lines"] if len(line) > 1)
        corners = [[[mark["x"], mark["y"]] for mark in stretch] for stretch in stretches if len(stretch) > 1]
        assert [len(line) for line in lines] == [len(line) for line in corners], chart["company"]
        for line, marked in zip(lines, corners, strict=True):
            for (x, y), (mark_x, mark_y) in zip(line, marked, strict=True):
                assert abs(x - mark_x) < 1.5
                assert abs(y - mark_y) < 1.5
    assert drawn == wanted


@pytest.mark.parametrize("width", rotating(WIDTHS, 1))
def test_every_mark_is_what_the_warehouse_says(finished_demo: Finished, browser: Browser, width: int) -> None:
    wanted = expected(finished_demo.database)
    assert len({key.company for key in wanted}) > 180
    assert sum(chosen for _, _, chosen in wanted.values()) > 1500
    assert len({currency for _, currency, chosen in wanted.values() if chosen}) > 1
    with opened(browser, finished_demo.report, width, height=2400) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            charts = page.evaluate(PROBE)
            check(charts, wanted, sorted({key.source for key in wanted}))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    rules = rules_of(finished_demo.database)
    for chart in charts:
        for mark in chart["marks"]:
            rule = rules(chart["company"], chart["column"], mark["source"])
            said = mark["label"].split(". ")[1]
            assert (
                said.startswith(f"Chosen by {rule}") if mark["chosen"] else (said == "No rule names this source.") == (not rule)
            ), mark

    assert unresolved_in(charts) == set(unresolved_of(finished_demo.database))


def unresolved_of(database: Path) -> list[tuple[Any, ...]]:
    sql = "SELECT company_id::VARCHAR, column_name, row_key::INTEGER FROM syfter_marts.syfter__unresolved"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(f"{sql} WHERE table_name = 'company_financials'").fetchall()


def unresolved_in(charts: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """The years that the notes at the charts call unresolved."""
    found = set()
    for chart in charts:
        for note in chart["notes"]:
            spans = re.fullmatch(r"Unresolved (.*): only sources that no rule names have a figure\.", note)[1]  # type: ignore[index]
            for first, last in re.findall(r"(\d+)(?:–(\d+))?", spans):
                found |= {(chart["company"], chart["column"], year) for year in range(int(first), int(last or first) + 1)}
    return found


def rules_of(database: Path) -> Callable[[str, str, str], str]:
    """By which rule of the instance a source is first asked, in words; empty if by none."""
    own, general = set(), {}
    with duckdb.connect(str(database), read_only=True) as connection:
        rules = "FROM syfter.{} WHERE table_name = 'company_financials'"
        for company, column, source in connection.execute(
            f"SELECT company_id, column_name, source {rules.format('datasource_preferences')}"
        ).fetchall():
            own.add((str(company), column, source))
        for column, source, priority in connection.execute(
            f"SELECT column_name, source, min(priority) {rules.format('datasource_priorities')} GROUP BY ALL"
        ).fetchall():
            general[column, source] = priority

    def rule(company: str, column: str, source: str) -> str:
        for name, words in ((column, column), ("*", "all figures")):
            if (company, name, source) in own:
                return f"the company’s own preference on {words}"
        for name, words in ((column, column), ("*", "all figures")):
            if (name, source) in general:
                return f"priority {general[name, source]} on {words}"
        return ""

    return rule


SOURCES = ("<b>&", *(f"source_{index}" for index in range(8)))
RULED = SOURCES[:6]
"""In the order in which they are asked; no rule names the others."""
Said = tuple[str, int, Any, Any, str | None]
"""Source, year, revenue, profit, currency."""
ODD: dict[int, tuple[str | None, list[Said]]] = {
    1: ('=1+1, "<script>alert(1)</script>"', [(source, year, 7, -7, None) for source in SOURCES for year in range(1996, 2026)]),
    2: (
        "chosen in a rare currency",
        [*[("source_7", year, year, None, "GBP") for year in range(9)], ("<b>&", 3, 3, None, "EUR")],
    ),
    3: ("gaps", [("<b>&", year, year % 7, None, "GBP") for year in (2015, 2016, 2019, 2020, 2021, 2024)]),
    4: ("zeros", [(source, year, 0, 0, "GBP") for source in SOURCES[:2] for year in (2020, 2021)]),
    5: ("huge", [("<b>&", 2020, Decimal("12345678901234567890.123456789"), Decimal("-98765432109876543210"), "GBP")]),
    6: ("above and below zero", [("source_1", 2020 + year, 10 * (-1) ** year, Decimal("0.004"), "GBP") for year in range(4)]),
    7: ("close", [(source, 2020, 1_000_000 + index, index, "GBP") for index, source in enumerate(SOURCES)]),
    8: ("no figures", []),
    9: (None, [("source_3", 2020, 1, 1, "not a currency")]),
}
TABLES = """
    CREATE SCHEMA syfter;
    CREATE SCHEMA syfter_marts;
    USE syfter_marts;
    CREATE TABLE syfter.company_financials (_airbyte_extracted_at TIMESTAMP, updated_at TIMESTAMP);
    CREATE TABLE stg_syfter__companies (company_id VARCHAR, name VARCHAR);
    CREATE TABLE stg_syfter__company_financials (
        company_financial_id BIGINT, company_id VARCHAR, source VARCHAR, year BIGINT,
        revenue DECIMAL(38, 9), profit DECIMAL(38, 9), currency VARCHAR, updated_at TIMESTAMP
    );
    CREATE TABLE int_syfter__source_rules (
        rule_id VARCHAR, rule_scope VARCHAR, column_name VARCHAR, source VARCHAR, priority INTEGER
    );
    CREATE TABLE syfter__ignored_records (table_name VARCHAR);
    CREATE TABLE syfter__unresolved (
        table_name VARCHAR, column_name VARCHAR, company_id VARCHAR, row_key VARCHAR, reason VARCHAR
    );
"""
MARTS = """
    CREATE TABLE int_syfter__candidate_sources AS
        SELECT company_id, 'company_financials' AS table_name, name AS column_name, source, rule_id, priority AS candidate_rank
        FROM (SELECT DISTINCT company_id, source FROM stg_syfter__company_financials)
        JOIN int_syfter__source_rules USING (source), (VALUES ('revenue'), ('profit')) AS names (name);
    CREATE TABLE syfter__company_financials AS
        WITH chosen AS (
            SELECT company_id, year,
                arg_min({'value': revenue, 'source': source, 'currency': currency}, priority)
                    FILTER (WHERE revenue IS NOT NULL) AS revenue,
                arg_min({'value': profit, 'source': source, 'currency': currency}, priority)
                    FILTER (WHERE profit IS NOT NULL) AS profit
            FROM stg_syfter__company_financials JOIN int_syfter__source_rules USING (source)
            WHERE updated_at = TIMESTAMP '2026-01-02' GROUP BY ALL
        )
        SELECT company_id, year,
            revenue.value AS revenue, revenue.source AS revenue_source, revenue.currency AS revenue_currency,
            profit.value AS profit, profit.source AS profit_source, profit.currency AS profit_currency
        FROM chosen;
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A warehouse as dbt leaves it, of companies that no instance should hold. An older row is beneath every figure."""
    database = tmp_path / "odd.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"BEGIN; {TABLES}")
        for company, (name, said) in ODD.items():
            if name:
                connection.execute("INSERT INTO stg_syfter__companies VALUES (?, ?)", [company, name])
            for source, year, *amounts, currency in said:
                for older in (1, 0):
                    values = [amount if amount is None else amount - older for amount in amounts]
                    row = [2 * year + older, company, source, year, *values, currency, f"2026-01-0{2 - older}"]
                    connection.execute("INSERT INTO stg_syfter__company_financials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for place, source in enumerate(RULED):
            rule = [f"rule {place}", "organisation", "*", source, place]
            connection.execute("INSERT INTO int_syfter__source_rules VALUES (?, ?, ?, ?, ?)", rule)
        unresolved = ["company_financials", "revenue", 2, "2020", "a reason of another version"]
        connection.execute("INSERT INTO syfter__unresolved VALUES (?, ?, ?, ?, ?)", unresolved)
        connection.execute(f"{MARTS}; COMMIT")
        # the mart is what people query, so it is what the report shows, even where it is not of the same day as the rows
        connection.execute("UPDATE syfter__company_financials SET revenue = 4.5 WHERE company_id = '3' AND year = 2019")
        connection.execute("INSERT INTO syfter__company_financials VALUES ('3', 2012, 5, 'source_2', 'GBP', NULL, NULL, NULL)")
    return database


@pytest.mark.parametrize("width", rotating(WIDTHS, 1))
def test_odd_figures_are_drawn_as_well(odd: Path, browser: Browser, width: int) -> None:
    file = odd.with_suffix(".html")
    assert report.write(odd, file) == len(ODD)
    wanted = expected(odd, "syfter_marts.stg_syfter__company_financials", "company_financial_id")
    assert len(wanted) > 500
    with opened(browser, file, width, height=2400) as page:
        check(page.evaluate(PROBE), wanted, list(SOURCES))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h2").count() == len(ODD)
        assert page.locator("#company-1 h2").inner_text().startswith('=1+1, "<script>alert(1)</script>"')
        assert "No source has a figure" in page.locator("#company-8").inner_text()
        assert "Company 9" in page.locator("#company-9").inner_text()
        assert "Unresolved 2020: a reason of another version." in page.locator("#company-2").inner_text()
        with page.expect_download() as saved:
            page.locator("#company-1 button:text('CSV')").first.click()
        assert read_csv(saved.value)[0]["company"] == '\'=1+1, "<script>alert(1)</script>"'  # a spreadsheet shall not run it


def test_an_empty_warehouse(odd: Path, browser: Browser) -> None:
    with duckdb.connect(str(odd)) as connection:
        for (table,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'syfter_marts'"
        ).fetchall():
            connection.execute(f"DELETE FROM syfter_marts.{table}")
    file = odd.with_suffix(".html")
    assert report.write(odd, file) == 0
    with opened(browser, file, 390) as page:
        assert page.locator("#nothing").inner_text() == "The warehouse holds no company."


def test_a_mark_says_what_it_is(finished_demo: Finished, browser: Browser) -> None:
    with opened(browser, finished_demo.report, 390, touch=True) as page:
        chart = page.locator(".chart").first
        mark = chart.locator(".chosen_marks path").nth(1)
        tip = page.locator("#tip")
        amount, source = mark.evaluate("mark => [mark.__data__.datum.exact, mark.__data__.datum.source]")
        says = rf"{float(amount):,.0f}.*{source}.*Chosen by"
        for how in (mark.hover, mark.tap, mark.focus):
            mark.scroll_into_view_if_needed()
            how()
            assert re.search(says, tip.inner_text(), flags=re.DOTALL), how
            page.keyboard.press("Escape")
            assert not tip.is_visible()
        # by keyboard alone: one stop per chart, and arrows within it
        assert chart.locator('path[tabindex="0"]').count() == 1
        page.locator("article button").nth(1).focus()
        page.keyboard.press("Tab")
        assert tip.is_visible()
        last = tip.inner_text()
        page.keyboard.press("ArrowLeft")
        assert tip.is_visible()
        assert tip.inner_text() != last
        page.keyboard.press("End")
        assert tip.inner_text() == last
        assert mark.get_attribute("aria-label")


def test_table_and_csv_hold_the_figures(finished_demo: Finished, browser: Browser) -> None:
    wanted = expected(finished_demo.database)
    with opened(browser, finished_demo.report, 390) as page:
        card = page.locator("article").first
        company = card.locator("h2 small").inner_text()
        rows = {key: figure for key, figure in wanted.items() if (key.company, key.column) == (company, "profit")}
        button = card.get_by_role("button", name="Table: Profit")
        button.click()
        shown = card.locator("tbody tr")
        cells = [shown.nth(index).locator("td").all_inner_texts() for index in range(shown.count())]
        assert {(int(year), source) for year, source, *_ in cells} == {(key.year, key.source) for key in rows}
        assert [cells[3].startswith("Chosen by") for cells in cells].count(True) == sum(chosen for _, _, chosen in rows.values())
        button.click()
        assert not shown.first.is_visible()
        with page.expect_download() as saved:
            card.get_by_role("button", name="CSV: Profit").click()
        assert saved.value.suggested_filename.endswith(f"-{company}-profit.csv")
        written = read_csv(saved.value)
        assert {
            Key(row["company_id"], row["figure"], int(row["year"]), row["source"]): (
                Decimal(row["value"]), row["currency"], row["state"] == "chosen",
            )
            for row in written if row["state"] != "replaced"
        } == rows  # fmt: skip


def test_search_sort_and_filter(finished_demo: Finished, browser: Browser) -> None:
    wanted = expected(finished_demo.database)
    chosen: dict[str, dict[int, tuple[Decimal, str]]] = defaultdict(dict)
    compared: dict[tuple[str, str, int, str], list[Decimal]] = defaultdict(list)
    for key, (value, currency, is_chosen) in wanted.items():
        compared[key.company, key.column, key.year, currency].append(value)
        if is_chosen and key.column == "revenue":
            chosen[key.company][key.year] = value, currency
    size, growth, gap = {}, {}, defaultdict(float)
    for company, years in chosen.items():
        last = max(years)
        size[company], currency = years[last]
        before, currency_before = years.get(last - 1, (0, None))
        if currency_before == currency and before > 0:
            growth[company] = float(years[last][0] / before) - 1
    for (company, *_), values in compared.items():
        if len(values) > 1 and max(values) != min(values):
            gap[company] = max(gap[company], float((max(values) - min(values)) / max(map(abs, values))))
    with duckdb.connect(str(finished_demo.database), read_only=True) as connection:
        names = dict(connection.execute("SELECT CAST(id AS VARCHAR), name FROM syfter.companies").fetchall())
        own = "SELECT company_id::VARCHAR, source FROM syfter.datasource_preferences WHERE table_name = 'company_financials'"
        speaking = {(key.company, key.source) for key in wanted}
        with_own = {company for company, source in connection.execute(own).fetchall() if (company, source) in speaking}
    pounds = {company for company, years in chosen.items() if years[max(years)][1] == "GBP"}

    with opened(browser, finished_demo.report, 1280) as page:

        def shown() -> list[str]:
            return [key.split("-")[1] for key in page.evaluate("[...document.querySelectorAll('article')].map(card => card.id)")]

        def falling(values: dict[str, Any], only: set[str] | None = None) -> None:
            found = [values[company] for company in shown() if company in values and (only is None or company in only)]
            assert len(found) == len([company for company in values if only is None or company in only])
            assert found == sorted(found, reverse=True)

        assert len(shown()) == len(names)
        falling(gap)
        page.select_option("[name=sort]", "size")
        falling(size, pounds)  # amounts in other currencies come after, by themselves
        page.select_option("[name=sort]", "growth")
        falling(growth)
        page.select_option("[name=sort]", "decline")
        falling({company: -change for company, change in growth.items()})
        page.select_option("[name=sort]", "name")
        assert [names[company] for company in shown()] == sorted(names.values())
        for field, value, fitting in (
            ("size", "1e6-1e7", {company for company, amount in size.items() if 1e6 <= amount < 1e7}),
            ("growth", "-Infinity-0", {company for company, change in growth.items() if change < 0}),
            ("growth", "0-0.1", {company for company, change in growth.items() if 0 <= change < 0.1}),
            ("gap", "0.1", {company for company, widest in gap.items() if widest > 0.1}),
        ):
            page.select_option(f"[name={field}]", value)
            assert set(shown()) == fitting
            assert 0 < len(fitting) < len(names)
            page.select_option(f"[name={field}]", "")
        page.check("[name=own]")
        assert set(shown()) == with_own
        page.fill("[name=search]", names["1001"])
        assert shown() == (["1001"] if "1001" in with_own else [])
        page.uncheck("[name=own]")
        page.fill("[name=search]", "1002")
        assert shown() == ["1002"]
        page.fill("[name=search]", "no such company")
        assert shown() == []
        assert "No company matches “no such company”." in page.locator("#nothing").inner_text()
        assert page.locator("#shown").inner_text() == f"0 of {len(names)} companies"
        page.click("#nothing button")
        assert len(shown()) == len(names)


def test_colours_can_be_told_from_the_card(finished_demo: Finished, browser: Browser) -> None:
    """Text needs a contrast of 4.5, a mark of 3 (WCAG 2.2, 1.4.3 and 1.4.11)."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    with opened(browser, finished_demo.report, 390) as page:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            names = ["card", "page", "ink", "muted", *(f"source-{index}" for index in range(8))]
            colours = page.evaluate("""names => Object.fromEntries(names.map(name => {
                document.body.style.outlineColor = `var(--${name})`;
                return [name, getComputedStyle(document.body).outlineColor];
            }))""", names)  # fmt: skip
            for name in names[2:]:
                for ground in ("card", "page") if name in ("ink", "muted") else ("card",):
                    dark, light = sorted((luminance(colours[name]), luminance(colours[ground])))
                    assert (light + 0.05) / (dark + 0.05) >= (4.5 if name in ("ink", "muted") else 3), (scheme, name, ground)
