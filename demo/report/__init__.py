"""The report: a page with a chart per company and figure. One file, opened from disk; it asks nothing of any network."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import vl_convert

from demo.report.chart import figure_chart, glyph_chart
from demo.report.figures import read

HERE = Path(__file__).parent


def write(database: Path, file: Path) -> int:
    """Writes the report on a database that `dbt build` has been run on; returns the number of companies in it."""
    data = read(database)
    page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        vega=vega(),
        figure_chart=_json(figure_chart(data["sources"])),
        glyph_chart=_json(glyph_chart(data["sources"])),
        data=_json(data),
    )
    file.write_text(page, encoding="utf-8")
    return len(data["companies"])


@cache
def vega() -> str:
    """Vega-Embed with the Vega that it draws with, as a script for a page. Takes a second or two to make."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script")


def _json(value: Any) -> str:
    """JSON that may stand inside a script element, whatever names the companies have."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
