"""What was measured, as docs/benchmarks.md and docs/benchmarks.svg."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from statistics import median
from xml.sax.saxutils import escape

from benchmarks.measure import Usage
from benchmarks.tools import DLT, FLOOR, FULL, HERE, INCREMENTAL, INCREMENTAL_10, SINGER, Tool, Workload, earlier

DOCS = HERE.parent / "docs"
Results = dict[Workload, dict[str, list[Usage]]]
_START, _END = "<!-- measured -->", "<!-- /measured -->"


def title(workload: Workload) -> str:
    parts = [f"{workload.total:,} records"]
    parts.append("one stream" if workload.streams == 1 else f"{workload.streams} streams")
    if workload.others is not None:
        parts.append(f"{workload.records:,} of them in one")
    if workload.filler:
        parts.append(f"{workload.filler / 1e6:g} MB each")
    parts.append(f"{workload.page_size:,} a page")
    parts.append(f"{workload.latency * 1000:.0f} ms latency" if workload.latency else "no latency")
    return ", ".join(parts)


class Figures:
    """Medians of one workload. CPU a record is what the run took beyond a run of the smallest workload of the same tool."""

    def __init__(self, results: Results, workload: Workload) -> None:
        self.workload = workload
        self.total = workload.total
        self._own = results[workload]
        alike = [each for each in results if not each.latency and each.filler == workload.filler]
        smallest = min(alike, key=lambda each: each.records, default=None)
        self._start = results.get(smallest, {}) if smallest and smallest.records * 10 <= self.total else {}
        self._less = smallest.records if smallest else 0

    @property
    def names(self) -> list[str]:
        return list(self._own)

    def wall(self, name: str) -> float:
        return median(each.wall for each in self._own[name])

    def cpu(self, name: str) -> float:
        return median(each.cpu for each in self._own[name])

    def memory(self, name: str) -> float:
        return median(each.memory for each in self._own[name])

    def last(self, name: str) -> Usage:
        return self._own[name][-1]

    def turns(self) -> int:
        return max(len(each) for each in self._own.values())

    def each(self, name: str) -> float | None:
        """Microseconds of CPU a record; None where the start-up is not known."""
        # The same tool may have been started with other options, which cost the same.
        start = self._start.get(name) or (self._start.get(INCREMENTAL.name) if name == INCREMENTAL_10.name else None)
        if not start:
            return None
        return (self.cpu(name) - median(each.cpu for each in start)) / (self.total - self._less) * 1e6


def markdown(results: Results, starts: Mapping[tuple[str, str], Sequence[Usage]], load: Sequence[float]) -> str:
    """The measured part of the page."""
    lines = [_machine(load), "", "![CPU a record](benchmarks.svg)", ""]
    goals = _goals(results, starts)
    if goals:
        lines += ["## Against the goals", "", "| goal | asked | measured | |", "|---|---|---|---|", *goals, ""]
    # By latency, then by size; runs are ordered by importance, in case they are stopped.
    for workload in sorted(results, key=lambda each: (each.streams, each.filler, each.page_size, each.latency, each.records)):
        lines += _table(Figures(results, workload))
    lines += [
        "## Start-up",
        "",
        "The CDK's own is `source-declarative-manifest` with the bundle, the same manifest made of stock parts.",
        "",
    ]
    lines += [
        "| command | this connector, CPU s | wall s | the CDK's own, CPU s | wall s | ratio (CPU) |",
        "|---|---|---|---|---|---|",
    ]
    for command in ("spec", "check", "discover"):
        own, stock = starts["connector", command], starts["cdk", command]
        cpu, theirs = median(each.cpu for each in own), median(each.cpu for each in stock)
        lines.append(
            f"| `{command}` | {cpu:.2f} | {median(each.wall for each in own):.2f} | {theirs:.2f} | "
            f"{median(each.wall for each in stock):.2f} | {theirs / cpu:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _machine(load: Sequence[float]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    own = ", ".join(f"{name} {version(name)}" for name in ("airbyte-cdk", "orjson", "requests"))
    return (
        f"Measured on {datetime.now(timezone.utc):%Y-%m-%d}: {platform.system()}, {platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GB, Python {platform.python_version()}, {own}; dlt 1.31.0, singer-sdk 0.54.9. "
        f"Between the workloads the machine's load average was {min(load):.1f} to {max(load):.1f}"
        + (
            ", so that other work had a share of it: take CPU and ratios, not seconds."
            if max(load) > 2 * (os.cpu_count() or 1)
            else "."
        )
    )


def _table(figures: Figures) -> list[str]:
    lines = [f"## {title(figures.workload)[0].upper()}{title(figures.workload)[1:]}", ""]
    turns = figures.turns()
    lines += [f"Medians of {turns} turns." if turns > 1 else "One turn.", ""]
    lines += ["| program | CPU, us a record | x floor | dlt is x | records/s | wall s | CPU s | peak MB | requests | in flight |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    for name in figures.names:
        floor = figures.each(FLOOR.name) if FLOOR.name in figures.names else None
        dlt = figures.each(DLT.name) if DLT.name in figures.names else None
        own = figures.each(name)
        cells = [
            name,
            f"{own:.1f}" if own else "",
            f"{own / floor:.1f}" if own and floor else "",
            f"{dlt / own:.1f}" if own and dlt else "",
            f"{figures.total / figures.wall(name):,.0f}",
            f"{figures.wall(name):.1f}",
            f"{figures.cpu(name):.1f}",
            f"{figures.memory(name):.0f}",
            str(figures.last(name).requests),
            f"{figures.last(name).in_flight:.2f}" if figures.workload.latency else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _goals(results: Results, starts: Mapping[tuple[str, str], Sequence[Usage]]) -> list[str]:
    rows: list[tuple[str, float, float]] = []
    plain = sorted(
        (each for each in results if not each.latency and each.streams == 1 and not each.filler), key=lambda each: each.records
    )
    if len(plain) > 1:
        # The workload with the most turns: one turn proves little.
        best = max(plain[1:], key=lambda each: (len(results[each][FULL.name]) > 1, each.records))
        figures = Figures(results, best)
        each = {tool.name: figures.each(tool.name) or 0.0 for tool in (FLOOR, FULL, INCREMENTAL, DLT, SINGER)}
        rows += [
            ("full refresh, CPU a record, times the floor", -4.2, each[FULL.name] / each[FLOOR.name]),
            ("full refresh, times better than dlt's whole run", 1.7, each[DLT.name] / each[FULL.name]),
            ("incremental, times better than dlt's whole run", 6.0, each[DLT.name] / each[INCREMENTAL.name]),
            ("incremental, times better than singer-sdk", 1.5, each[SINGER.name] / each[INCREMENTAL.name]),
        ]
        for tool, mode in ((FULL, "full_refresh"), (INCREMENTAL, "incremental")):
            before = figures.each(earlier(mode)) if earlier(mode) in figures.names else None
            if before:
                rows.append((f"{earlier(mode)}: CPU a record of this one, times its", -0.65, each[tool.name] / before))
        small, large = (Figures(results, plain[place]) for place in (1, -1))
        if large.total > small.total:
            for tool in (FULL, INCREMENTAL):
                growth = large.memory(tool.name) / small.memory(tool.name)
                what = f"{tool.name.split(', ')[1]}, peak memory at {large.total:,} records, times that at {small.total:,}"
                rows.append((what, -1.1, growth))
    for workload in results:
        figures = Figures(results, workload)
        if DLT.name in figures.names:
            share = max(figures.memory(name) for name in figures.names if name.startswith("this")) / figures.memory(DLT.name)
            rows.append((f"{title(workload)}: peak memory, times dlt's", -1.0, share))
    rows += _nine(results)
    for workload in results:
        if workload.others is not None:
            rows += _skewed(Figures(results, workload), Figures(results, plain[0]).wall(INCREMENTAL.name) if plain else 0.0)
    spec = median(each.cpu for each in starts["cdk", "spec"]) / median(each.cpu for each in starts["connector", "spec"])
    rows.append(("`spec`, times faster than the CDK's own", 8.0, spec))
    return [f"| {what} | {_asked(bound)} | {value:.2f} | {_met(bound, value)} |" for what, bound, value in rows]


def _asked(bound: float) -> str:
    """A bound from below is positive, one from above negative; 0 is none."""
    return f"at {'most' if bound < 0 else 'least'} {abs(bound):g}" if bound else ""


def _met(bound: float, value: float) -> str:
    if not bound:
        return ""
    return "met" if (value <= -bound if bound < 0 else value >= bound) else "missed"


def _skewed(figures: Figures, start: float) -> list[tuple[str, float, float]]:
    """What a list that holds nearly everything is asked for, with pages of 100. `start`: seconds the program takes to start."""
    asked = figures.workload.page_size == 100
    what, rows = title(figures.workload), list[tuple[str, float, float]]()
    for tool, workers, others, before in ((INCREMENTAL, 4, 4.0, 3.0), (INCREMENTAL_10, 10, 8.0, 5.5)):
        if tool.name not in figures.names:
            continue
        own, head = figures.wall(tool.name), f"{what}, {workers} workers"
        # As many requests at a time as are allowed, which cost nothing but the wait for them.
        ideal = figures.last(tool.name).requests * figures.workload.latency / workers
        rows.append((f"{head}: requests under way", 0.85 * workers * asked, figures.last(tool.name).in_flight))
        rows.append((f"{head}: seconds without the start, times those of waiting alone", -1.4 * asked, (own - start) / ideal))
        for other, bound in ((DLT.name, others), (SINGER.name, others), (earlier("incremental", 4), before)):
            if other in figures.names:
                theirs = figures.wall(other)
                best = f"waiting alone: {theirs / (start + ideal):.1f}"
                rows.append((f"{head}: times faster than {other} ({best})", bound * asked, theirs / own))
    return rows


def _nine(results: Results) -> list[tuple[str, float, float]]:
    nine = next((each for each in results if each.streams > 1 and each.others is None), None)
    if nine is None:
        return []
    figures = Figures(results, nine)
    ten = figures.wall(INCREMENTAL_10.name)
    return [
        ("nine streams, seconds of dlt over those of this connector with 10 workers", 1.0, figures.wall(DLT.name) / ten),
        (
            "nine streams, seconds of singer-sdk over those of this connector with 10 workers",
            1.0,
            figures.wall(SINGER.name) / ten,
        ),
    ]


def write(text: str, results: Results) -> None:
    """Puts `text` into the page between its marks, and draws the plot."""
    page = DOCS / "benchmarks.md"
    before, _, rest = page.read_text().partition(_START)
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{_START}\n{text}{_END}{after}")
    plain = [each for each in results if not each.latency and not each.filler and Figures(results, each).each(FULL.name)]
    if not plain:
        return
    best = max(plain, key=lambda each: (len(results[each][FULL.name]) > 1, each.records))
    (DOCS / "benchmarks.svg").write_text(svg(Figures(results, best), [FLOOR, FULL, INCREMENTAL, DLT, SINGER]))


def svg(figures: Figures, tools: Sequence[Tool]) -> str:
    """Bars of CPU a record and of peak memory, side by side."""
    rows = [tool.name for tool in tools if tool.name in figures.names]
    panels = [
        ("CPU, microseconds a record", {name: figures.each(name) or 0.0 for name in rows}),
        ("Peak memory, MB", {name: figures.memory(name) for name in rows}),
    ]
    height = 70 + 30 * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="900" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="20" font-size="14" font-weight="bold">{escape(title(figures.workload))}</text>',
    ]
    for row, name in enumerate(rows):
        parts.append(f'<text x="240" y="{76 + 30 * row}" text-anchor="end">{escape(name)}</text>')
    for left, (label, values) in zip((250, 600), panels, strict=True):
        parts.append(f'<text x="{left}" y="46" fill="#555555">{label}</text>')
        for row, name in enumerate(rows):
            width = 240 * values[name] / max(values.values())
            colour = "#2457a6" if name.startswith("this") else "#a9b4c2"
            parts.append(f'<rect x="{left}" y="{60 + 30 * row}" width="{width:.0f}" height="22" fill="{colour}"/>')
            parts.append(f'<text x="{left + width + 5:.0f}" y="{76 + 30 * row}">{values[name]:.0f}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
