"""How soon the report can be read: writes it from a demo's database and opens it in Chromium, at two widths.

python -m demo --companies 2000 --output /tmp/demo && python -m benchmarks.report_page FOLDER/warehouse.duckdb
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from demo import report

TURNS = 5
# From the moment at which the browser asks for the page until the last chart in view is drawn.
DRAWN = """async () => {
    const cards = [...document.querySelectorAll("article")].filter(card => card.getBoundingClientRect().top < innerHeight);
    const charts = cards.flatMap(card => [...card.querySelectorAll(".chart")]);
    while (!charts.every(chart => chart.marks)) await new Promise(requestAnimationFrame);
    return performance.now();
}"""


def main(database: Path) -> None:
    """Prints what it measures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "report.html")
        report.vega()
        started = time.perf_counter()
        companies = report.write(database, file)
        print(f"{companies:,} companies: {file.stat().st_size / 1e6:.1f} MB, written in {time.perf_counter() - started:.1f} s")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width in (1280, 390):
            turns = []
            for _ in range(TURNS):
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(file.as_uri(), wait_until="commit")
                page.wait_for_function("performance.getEntriesByName('shown').length")
                shown = page.evaluate("performance.getEntriesByName('shown')[0].startTime")
                turns.append((shown, page.evaluate(DRAWN)))
                page.close()
            shown, drawn = (statistics.median(column) for column in zip(*turns, strict=True))
            print(f"{width} px: listed after {shown:.0f} ms, charts in view drawn after {drawn:.0f} ms (medians of {TURNS})")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
