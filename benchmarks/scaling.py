"""Measure how the cost grows, and everything that docs/performance.md says; write its tables and figure.

    python benchmarks/scaling.py            # ten minutes; wants 4 GB of memory and an idle machine
    python benchmarks/scaling.py --draw     # tables and figure again, from docs/performance.json

Rivals that are installed (torch, csrgraph, igraph) are measured beside; none is needed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

import conet
from conet.bench import SMALL, run_bench
from conet.bench.engine import Bench
from conet.bench.run import processors, ratios
from conet.bench.timing import measure
from conet.learners.sft import SFT
from conet.network.graph import regular
from conet.report import style

DOCS = Path(__file__).parents[1] / "docs"
DATA, PAGE, FIGURE = DOCS / "performance.json", DOCS / "performance.md", DOCS / "figures" / "performance.svg"
SWEEPS = {
    "nodes": (300, 800, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    "degree": (5, 10, 20, 40, 80, 160, 320),
    "questions": (4, 16, 64, 128, 256, 400),
    "rollouts": (2, 8, 32, 64, 128, 512),
    "max_length": (10, 30, 100, 300, 1_000),
    "threads": tuple(2**power for power in range(10) if 2**power <= processors()),
}
NAMES = {
    "nodes": "nodes N",
    "degree": "degree K",
    "questions": "questions M",
    "rollouts": "rollouts G",
    "max_length": "longest walk L",
    "threads": "threads",
}
# Ratio, what it says, and the aim: at least, or, negative, at most.
RATIO_AIMS: tuple[tuple[str, str, float | None], ...] = (
    ("sample_over_torch", "sampling, times the PyTorch loop", 130),
    ("sample_over_csrgraph", "sampling, times csrgraph", 8),
    ("sample_over_igraph", "sampling, times igraph", None),
    ("two_threads_over_one", "sampling, two threads, times one", 1.7),
    ("update_over_sample", "whole update, times its sampling (G=64, L=100, uniform)", -2),
    ("update_over_sample_trained", "the same at the trained policy", None),
)
WARM = (
    "import conet; from conet.runs.trainer import Trainer, warm_up; "
    "warm_up(Trainer(conet.preset('reference')))"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draw", action="store_true", help="only tables and figure, from what was measured")
    if not parser.parse_args().draw:
        data = {"bench": run_bench(say), "start": start(), "scaling": scaling()}
        DATA.write_text(json.dumps(data, indent=1) + "\n")
    data = json.loads(DATA.read_text())
    draw(data["scaling"])
    page = PAGE.read_text()
    for name, table in (("aims", aims(data)), ("bench", bench(data)), ("scaling", grown(data["scaling"]))):
        page = re.sub(f"(<!-- {name} -->).*?(<!-- end -->)", rf"\1\n\n{table}\n\n\2", page, flags=re.DOTALL)
    PAGE.write_text(page)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def scaling() -> list[dict[str, Any]]:
    """Time sampling and updates with one quantity varied, the others as in the benchmark."""
    rows = []
    for varied, values in SWEEPS.items():
        say(f"varying {NAMES[varied]}")
        cases = []
        for value in values:
            threads = value if varied == "threads" else 1
            size = SMALL if varied == "threads" else replace(SMALL, **{varied: value})
            bench = Bench(size, regular(size.nodes, size.degree, 0))
            cases += [bench.sample(threads), bench.update(SFT(learning_rate=1.0), threads)]
        rows += [{"varied": varied} | row for row in measure(cases, turns=5)]
    return rows


def start() -> dict[str, float]:
    """Seconds to import, to show the help, to compile everything once, and to train `reference`."""
    say("starting, compiling, training the preset reference")
    with tempfile.TemporaryDirectory() as place:
        fresh = {"NUMBA_CACHE_DIR": place}
        compiling, cached = (run(sys.executable, "-c", WARM, environment=fresh) for _ in range(2))
        reference = conet.run(conet.preset("reference"), Path(place) / "run")
        return {
            "import": min(run(sys.executable, "-c", "import conet") for _ in range(5)),
            "help": min(run(str(Path(sys.executable).with_name("conet")), "--help") for _ in range(5)),
            "compile": compiling - cached,
            "cached": cached,
            "reference": reference.summary()["seconds"],
        }


def run(*command: str, environment: dict[str, str] | None = None) -> float:
    """Seconds that a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | (environment or {}))
    return time.perf_counter() - started


def aims(data: dict[str, Any]) -> str:
    """Table of what was aimed at, what was reached, and whether that is enough."""
    bench, started = data["bench"], data["start"]
    results = bench["results"]
    large = max(results, key=lambda row: (row["name"] == "sample", row["nodes"], row["questions"]))
    best = [
        row | {"seconds": row["seconds_min"], "msteps_per_s": rate(row, "seconds_min")} for row in results
    ]
    fastest, by_name = ratios(best, SMALL.nodes), bench["ratios"]
    rows = [
        (what, by_name[name], aim, "", fastest[name]) for name, what, aim in RATIO_AIMS if name in by_name
    ]
    what = f"sampling at N={large['nodes']:,}, K={large['degree']}, one core"
    rows += [
        (what, large["msteps_per_s"], 15, " M steps/s", rate(large, "seconds_min")),
        ("graph and sampling table, bytes an edge", max(bench["bytes_per_edge"].values()), -20, "", None),
        ("training of `reference`, compiled", started["reference"], -2, " s", None),
        ("first compilation", started["compile"], -20, " s", None),
        ("`import conet`", started["import"], -0.5, " s", None),
        ("`conet --help`", started["help"], -0.5, " s", None),
    ]
    lines = ["| what | aim | measured | by the fastest readings | |", "|---|---|---|---|---|"]
    for what, value, aim, unit, quickest in rows:
        sign = "" if aim is None else f"{'≥' if aim > 0 else '≤'} {abs(aim):g}{unit}"
        verdict = (
            "" if aim is None else "met" if (value >= aim if aim > 0 else value <= -aim) else "**missed**"
        )
        other = "" if quickest is None else f"{quickest:.3g}"
        lines.append(f"| {what} | {sign} | {value:.3g}{unit} | {other} | {verdict} |")
    return "\n".join(lines)


def rate(row: dict[str, Any], seconds: str) -> float:
    """Million walker-steps a second."""
    return row["steps"] / row[seconds] / 1e6


def bench(data: dict[str, Any]) -> str:
    """Table of the benchmark's results, and the machine."""
    lines = [
        "| what | policy | N | K | M | G | L | threads | rows moved | ms | fastest, ms | M steps/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in data["bench"]["results"]:
        name = f"{row['name']}, {row['learner'].upper()}" if row["learner"] else row["name"]
        size = [
            f"{row[key]:,}" for key in ("nodes", "degree", "questions", "rollouts", "max_length", "threads")
        ]
        moved = f"{row['rows']:,}" if "rows" in row else ""
        times = [f"{1000 * row[seconds]:.3g}" for seconds in ("seconds", "seconds_min")]
        figures = [moved, *times, f"{row['msteps_per_s']:.3g}"]
        lines.append("| " + " | ".join([name, row["policy"], *size, *figures]) + " |")
    about = data["bench"]["machine"]
    lines += [
        "",
        f"Machine: {about['processor']}, {about['processors']} processors, {about['system']}; Python "
        f"{about['python']}, numpy {about['numpy']}, numba {about['numba']}.",
    ]
    return "\n".join(lines)


def pairs(rows: list[dict[str, Any]], varied: str) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Value, sampling and update of one sweep."""
    mine = [row for row in rows if row["varied"] == varied]
    return [(sampling[varied], sampling, update) for sampling, update in zip(mine[::2], mine[1::2])]


def grown(rows: list[dict[str, Any]]) -> str:
    """Table of the sweeps."""
    lines = [
        "| varied | | walker-steps | sampling, ms | ns a step | update, ms | rows moved | update / "
        "sampling |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for varied in SWEEPS:
        for value, sampling, update in pairs(rows, varied):
            nanoseconds = 1e9 * sampling["seconds"] / sampling["steps"]
            ratio = update["seconds"] / sampling["seconds"]
            lines.append(
                f"| {NAMES[varied]} | {value:,} | {sampling['steps']:,} | {1000 * sampling['seconds']:.3g} | "
                f"{nanoseconds:.2g} | {1000 * update['seconds']:.3g} | {update['rows']:,} | {ratio:.2f} |"
            )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]]) -> None:
    """Small multiples: milliseconds against each quantity."""
    with style.look():
        figure = style.figure(4.4)
        panels = figure.subplots(2, 3, sharey=True).flat
        for axes, varied in zip(panels, SWEEPS):
            panel(axes, varied, pairs(rows, varied))
        times = [1000 * row["seconds"] for row in rows]
        figure.axes[0].set_ylim(min(times) / 1.7, max(times) * 1.7)
        for axes in figure.axes[::3]:
            axes.set_ylabel("time of one call, ms")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        FIGURE.parent.mkdir(exist_ok=True)
        FIGURE.write_text(style.to_svg(figure))


def panel(axes: Axes, varied: str, points: list[tuple[int, dict[str, Any], dict[str, Any]]]) -> None:
    values = [value for value, _, _ in points]
    for place, (label, marker) in enumerate(
        (("sampling", "o"), ("update (every visited row moves)", "s")), 1
    ):
        times = [1000 * point[place]["seconds"] for point in points]
        axes.loglog(values, times, marker=marker, label=label)
    # Where all costs grow in proportion the last point is the one to compare with; for threads, the first.
    anchor, slope = (0, -1) if varied == "threads" else (-1, 1)
    at_anchor = 1000 * points[anchor][1]["seconds"]
    guide = [at_anchor * (value / values[anchor]) ** slope for value in values]
    axes.loglog(
        values, guide, color=style.MUTED, linewidth=0.8, linestyle=":", label="in proportion", zorder=0
    )
    axes.margins(x=0.06)
    axes.set_xlabel(NAMES[varied])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if varied != "nodes":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if varied == "threads":
        axes.set_xticks(values)
        axes.xaxis.set_minor_formatter(NullFormatter())


if __name__ == "__main__":
    main()
