"""A page with a chart per company: what each source says, and the figures that the rules choose. One file, opened from disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from demo.answers import Company, Row

WIDTH, HEIGHT, LEFT, BOTTOM = 360, 190, 56, 26
# Told apart by form as well as by colour.
MARKS = (
    ("#0072b2", "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"),
    ("#d55e00", "M{x} {y}m-4 -4h8v8h-8z"),
    ("#009e73", "M{x} {y}m0 -5l5 9h-10z"),
    ("#cc79a7", "M{x} {y}m0 -5l5 5l-5 5l-5 -5z"),
    ("#e69f00", "M{x} {y}m-5 -4h10l-5 9z"),
    ("#56b4e9", "M{x} {y}m-2 -5h4v3h3v4h-3v3h-4v-3h-3v-4h3z"),
)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Company figures, and which source to believe</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c2733; background: #f5f7f9 }}
body {{ margin: 0 auto; max-width: 1240px; padding: 24px }}
h1 {{ margin: 0 0 4px }} p {{ max-width: 75ch }}
input {{ font: inherit; padding: 6px 10px; width: 20em; border: 1px solid #9aa7b4; border-radius: 6px }}
.legend span {{ margin-right: 18px; white-space: nowrap }} .legend svg {{ vertical-align: -3px }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); gap: 16px; margin-top: 16px }}
article {{ background: #fff; border: 1px solid #dbe2e8; border-radius: 10px; padding: 12px 14px }}
h2 {{ font-size: 16px; margin: 0 }} h2 small {{ color: #5c6b7a; font-weight: normal }}
figure {{ margin: 8px 0 0 }} figcaption, .note {{ font-size: 13px; color: #5c6b7a }}
text {{ font: 11px system-ui, sans-serif; fill: #5c6b7a }}
</style>
<h1>Company figures, and which source to believe</h1>
<p>Each mark is what one source says. The line joins the figures that the organisation's priorities and the company's preferences
choose: the table <code>syfter__company_financials</code>.</p>
<p><input id="filter" type="search" placeholder="Name or number of a company" aria-label="Name or number of a company"></p>
<p class="legend">{legend}</p>
<main>
{articles}
</main>
<script>
const articles = [...document.querySelectorAll("article")];
document.getElementById("filter").addEventListener("input", event => {{
  const wanted = event.target.value.toLowerCase();
  for (const article of articles) article.hidden = !article.querySelector("h2").textContent.toLowerCase().includes(wanted);
}});
</script>
</html>
"""


def write(companies: list[Company], file: Path) -> None:
    """Writes the page."""
    sources = sorted({row["source"] for company in companies for row in company.said if row["source"]})
    marks = {source: MARKS[index % len(MARKS)] for index, source in enumerate(sources)}
    legend = [
        f'<span><svg width="14" height="14">{_mark(marks[source], 7, 7)}</svg> {escape(source)}</span>' for source in sources
    ]
    legend.append('<span><svg width="26" height="14"><path d="M1 7h24" stroke="#1c2733" stroke-width="2.5"/></svg> chosen</span>')
    articles = (_article(company, marks) for company in companies)
    file.write_text(PAGE.format(legend="".join(legend), articles="\n".join(articles)), encoding="utf-8")


def _article(company: Company, marks: dict[str, tuple[str, str]]) -> str:
    charts = "".join(_chart(company, column, marks) for column in ("revenue", "profit"))
    return f"<article><h2>{escape(company.name)} <small>{company.id}</small></h2>{charts}</article>"


def _chart(company: Company, column: str, marks: dict[str, tuple[str, str]]) -> str:
    chosen = [row for row in company.resolved if row[column] is not None]
    said = [row for row in company.said if row[column] is not None and row["source"]]
    # One axis holds one currency: the one that most of the chosen figures are in.
    counts = Counter(row[f"{column}_currency"] for row in chosen) or Counter(row["currency"] for row in said)
    currency = counts.most_common(1)[0][0] if counts else None
    others = sum(row["currency"] != currency for row in said)
    chosen = [row for row in chosen if row[f"{column}_currency"] == currency]
    said = [row for row in said if row["currency"] == currency]
    if not said:
        return f'<p class="note">{column.capitalize()}: no source has a figure.</p>'
    years = [row["year"] for row in company.said]
    values = [float(row[column]) for row in said]
    low, high = min(0.0, *values), max(0.0, *values)
    first, span = min(years), max(max(years) - min(years), 1)

    def place(row: Row) -> tuple[str, str]:
        x = LEFT + (row["year"] - first) / span * (WIDTH - LEFT - 16)
        y = 12 + (high - float(row[column])) / ((high - low) or 1) * (HEIGHT - BOTTOM - 24)
        return f"{x:.1f}", f"{y:.1f}"

    zero = place({"year": first, column: 0})[1]
    parts = [f'<path d="M{LEFT - 6} {zero}H{WIDTH}" stroke="#dbe2e8"/>']
    parts += [_label(LEFT - 10, place({"year": first, column: value})[1], _short(value), "end") for value in _ends(low, high)]
    parts += [_label(place({"year": year, column: 0})[0], HEIGHT - 6, str(year), "middle") for year in sorted(set(years))]
    if chosen:
        line = "L".join(" ".join(place(row)) for row in chosen)
        parts.append(f'<path d="M{line}" fill="none" stroke="#1c2733" stroke-width="2.5" stroke-linejoin="round"/>')
        parts += [
            '<circle cx="{}" cy="{}" r="7.5" fill="none" stroke="#1c2733" stroke-width="1.5"/>'.format(*place(row))
            for row in chosen
        ]
    parts += [_mark(marks[row["source"]], *place(row), f"{row['source']}, {row['year']}: {row[column]:,.0f}") for row in said]
    note = f" ({others} in another currency not drawn)" if others else ""
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{column} by year and source">{"".join(parts)}</svg>'
        f"<figcaption>{column.capitalize()}{f', {escape(currency)}' if currency else ''}{note}</figcaption></figure>"
    )


def _mark(mark: tuple[str, str], x: str | int, y: str | int, title: str = "") -> str:
    colour, path = mark
    tip = f"<title>{escape(title)}</title>" if title else ""
    return f'<path d="{path.format(x=x, y=y)}" fill="{colour}">{tip}</path>'


def _label(x: str | int, y: str | int, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'


def _ends(low: float, high: float) -> Iterable[float]:
    return sorted({low, 0.0, high})


def _short(value: float) -> str:
    """12,300,000 as 12.3M."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"
