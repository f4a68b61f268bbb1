"""What a chart looks like, in Altair: one template that the page fills with each company's figures.

The page sets the parameters `years` (of the company, without a gap), `lanes` (its sources) and `radius` (of a chosen mark, in
pixels), the size, and the data `figures`: year, source, value, chosen, label, and `run`, which numbers stretches of years that
follow each other. Colours are CSS variables of the page, so light and dark need no drawing of their own.
"""

from __future__ import annotations

from typing import Any

import altair as alt

COLOURS = 8
"""How many `--source-N` the style sheet has."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-right", "triangle-left")
"""One fewer than the colours, so that colour and shape together tell 56 sources apart."""

# Amounts as people write them, whatever the size: 1.5k, 30m, 2bn.
_SIZES = (("1e12", "tn"), ("1e9", "bn"), ("1e6", "m"), ("1e3", "k"))
_LABEL = " : ".join(
    ["abs(datum.value) >= 1e15 ? format(datum.value, '~e')"]
    + [f"abs(datum.value) >= {size} ? format(datum.value / {size}, ',~r') + '{letters}'" for size, letters in _SIZES]
    + ["format(datum.value, ',~r')"]
)


def figure_chart(sources: list[str]) -> dict[str, Any]:
    """The chart of one figure of one company, as a Vega specification."""
    # A lane per source within each year: equal figures stand side by side, and no mark covers another.
    x = alt.X("year:O").scale(domain=alt.ExprRef("years"), paddingInner=0.1, paddingOuter=0.05)
    x = x.axis(
        title=None, labelAngle=0, labelOverlap=True, tickBand="extent", grid=True, domain=False, ticks=False, labelPadding=7
    )
    y = alt.Y("value:Q").scale(zero=True, nice=True)
    y = y.axis(
        title=None,
        tickCount=alt.ExprRef("max(3, height / 38)"),
        labelExpr=_LABEL,
        domain=False,
        ticks=False,
        labelPadding=8,
        gridColor=alt.condition("datum.value === 0", alt.value("var(--axis)"), alt.value("var(--grid)")),
    )
    placed = alt.Chart().encode(x=x, y=y, xOffset=alt.XOffset("source:N").scale(domain=alt.ExprRef("lanes")))
    marked = placed.encode(**_look(sources), description="label:N")
    # From below: the line, what the sources say, and on top what the rules choose.
    line = placed.transform_filter("datum.chosen").mark_line(color="var(--line)", strokeWidth=2, aria=False)
    line = line.encode(detail="run:N", order="year:Q")
    said = marked.transform_filter("!datum.chosen").mark_point(
        filled=False, fill="var(--card)", strokeWidth=1.6, opacity=1, size=alt.ExprRef("2.2 * radius * radius")
    )
    chosen = marked.transform_filter("datum.chosen").mark_point(
        filled=True, stroke="var(--card)", strokeWidth=1.2, opacity=1, size=alt.ExprRef("PI * radius * radius")
    )
    chart = alt.layer(line, said.properties(name="said"), chosen.properties(name="chosen"), data=alt.NamedData("figures"))
    chart = chart.add_params(*(alt.param(name, value=value) for name, value in (("years", []), ("lanes", []), ("radius", 5))))
    return _vega(chart.properties(width=300, height=150), {"left": 50, "right": 6, "top": 8, "bottom": 22})


def glyph_chart(sources: list[str]) -> dict[str, Any]:
    """The marks of one source, chosen and not chosen, for the legend; the data `figures` is its name."""
    marked = alt.Chart(alt.NamedData("figures")).encode(**_look(sources))
    said = marked.mark_point(filled=False, strokeWidth=1.6, opacity=1, size=60, aria=False).encode(
        x=alt.value(28), y=alt.value(9)
    )
    chosen = marked.mark_point(filled=True, opacity=1, size=90, aria=False).encode(x=alt.value(9), y=alt.value(9))
    return _vega(alt.layer(said, chosen).properties(width=36, height=18), 0)


def _look(sources: list[str]) -> dict[str, Any]:
    """A colour and a shape per source."""
    colours = [f"var(--source-{index % COLOURS})" for index in range(len(sources))]
    shapes = [SHAPES[index % len(SHAPES)] for index in range(len(sources))]
    return {
        "color": alt.Color("source:N", legend=None).scale(domain=sources, range=colours),
        "shape": alt.Shape("source:N", legend=None).scale(domain=sources, range=shapes),
    }


def _vega(chart: alt.LayerChart | alt.FacetChart, padding: int | dict[str, int]) -> dict[str, Any]:
    chart = chart.properties(background="transparent", padding=padding, autosize="none").configure_view(stroke=None)
    chart = chart.configure_axis(
        gridColor="var(--grid)", labelColor="var(--muted)", labelFont="inherit", labelFontSize=11, labelFlush=False
    )
    return chart.to_dict(format="vega")
