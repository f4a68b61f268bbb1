"""Measures this connector and its alternatives, side by side: `make bench`, or `python -m benchmarks --quick`.

Without --quick, docs/benchmarks.md and docs/benchmarks.svg are written anew. The programs of a workload take turns, so that
whatever else the machine does meets all of them; each figure is the median of the turns.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import report, tools
from benchmarks.measure import Usage, reading, run, serving
from benchmarks.tools import DLT, DLT_INCREMENTAL, FLOOR, FULL, INCREMENTAL, INCREMENTAL_10, SINGER, Tool, Workload
from syfter_dlt.connector import arguments

ALL = [FLOOR, FULL, INCREMENTAL, DLT, DLT_INCREMENTAL, SINGER]
MAIN = [FLOOR, FULL, INCREMENTAL, DLT, SINGER]
NINE = [FLOOR, INCREMENTAL, INCREMENTAL_10, DLT, SINGER]
# Nine tenths of what there is lie in one stream.
SKEWED = [Workload(40_000, latency, 9, size, others=200) for size in (100, 1000) for latency in (0.05, 0.2)]
# Records of a megabyte.
HEAVY = [Workload(300, page_size=size, filler=1_000_000) for size in (10, 100)]

Plan = list[tuple[Workload, list[Tool], int]]


def plan(options: argparse.Namespace) -> Plan:
    """Workloads, who takes part, and turns."""
    if options.quick:
        steps = [
            (Workload(1_000), MAIN, 1),
            (Workload(20_000), MAIN, 1),
            (Workload(20_000, latency=0.05), MAIN, 1),
            (Workload(1_000, latency=0.05, streams=9, page_size=100), NINE, 1),
        ]
    else:
        program = options.release
        plain = [tools.release(program, mode) for mode in ("full_refresh", "incremental")] if program else []
        # One request at a time, whatever the workers.
        skewed = [tools.release(program, "incremental", 4)] if program else []
        steps = [
            (Workload(1_000), [*ALL, *plain], options.turns),
            (Workload(100_000), [*ALL, *plain], options.turns),
            (Workload(5_000, latency=0.05, streams=9, page_size=100), NINE, 1),
            (Workload(100_000, latency=0.05), MAIN, 1),
            (Workload(10_000), MAIN, 1),
            (Workload(1_000_000), MAIN, 1),
            *((workload, MAIN, 1) for workload in HEAVY),
            *((workload, [INCREMENTAL, INCREMENTAL_10, *skewed, DLT, SINGER], 1) for workload in SKEWED),
        ]
    return [step for step in steps if step[0].total <= options.largest and (step[0] in SKEWED or not options.skewed)]


def start_up(folder: Path, host: str, turns: int, note: Progress) -> dict[tuple[str, str], list[Usage]]:
    """spec, check and discover: this connector, and the CDK's own runner with the same manifest made of stock parts."""
    _, *config = arguments(folder, "check", config=tools.configuration(host))
    bundle = folder / "manifest.yaml"
    with bundle.open("w") as out:
        subprocess.run([tools.executable("source-syfter"), "bundle", *config], stdout=out, check=True)
    own, stock = tools.executable("source-syfter"), tools.executable("source-declarative-manifest")
    found: dict[tuple[str, str], list[Usage]] = defaultdict(list)
    for command in ("spec", "check", "discover"):
        task = note.add_task(command, total=turns)
        for _ in range(turns):
            given = [] if command == "spec" else config
            with_manifest = [*given, "--manifest-path", str(bundle)] if given else []
            for name, line in (("connector", [own, command, *given]), ("cdk", [stock, command, *with_manifest])):
                found[name, command].append(run(line, folder / "answer", folder / "log"))
            note.advance(task)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some two minutes; writes nothing")
    parser.add_argument("--turns", type=int, default=3, help="of each program, in the workloads that compare CPU (default 3)")
    parser.add_argument("--largest", type=int, default=1_000_000, help="leave out workloads of more records")
    parser.add_argument("--release", help="the `source-syfter` of an earlier release, to be measured beside this one")
    parser.add_argument("--skewed", action="store_true", help="the workloads with most records in one stream alone")
    options = parser.parse_args()
    console = Console(stderr=True)
    console.print("Making the environment of what is compared, if it is not there yet ...")
    tools.contenders()
    results: report.Results = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with serving() as server, tempfile.TemporaryDirectory() as place, Progress(*columns, console=console) as note:
        folder = Path(place)
        load = [os.getloadavg()[0]]
        server.holds(100, 0.0)
        starts = start_up(folder, server.host, 1 if options.quick else options.turns, note)
        for workload, takers, turns in plan(options):
            task = note.add_task(report.title(workload), total=turns * len(takers))
            for _ in range(turns):
                for tool in takers:
                    note.update(task, description=f"{report.title(workload)}: {tool.name}")
                    server.holds(workload.records, workload.latency, workload.others, workload.filler)
                    usage = reading(tool.command(server.host, workload, folder), server, tool.mark, folder / "out")
                    if usage.records != workload.total:
                        raise RuntimeError(f"{tool.name} gave {usage.records} records of {workload}")
                    results.setdefault(workload, {}).setdefault(tool.name, []).append(usage)
                    note.advance(task)
            note.update(task, description=report.title(workload))
            load.append(os.getloadavg()[0])
            text = report.markdown(results, starts, load)
            # After each workload, so that a stopped run keeps its measurements.
            if not options.quick:
                report.write(text, results)
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
