"""How far one machine goes: memory and time of graph, policy, sampling and one update, against what theory says.

    python benchmarks/scale.py                          # the sizes that fit into --memory, smallest first
    python benchmarks/scale.py --memory 16 --write docs/scale.md
    python benchmarks/scale.py --sizes 100000x40x1024

A size is N x K x M (nodes, degree, problems), with G = 8 rollouts of L = 100 hops. Each is measured in a process of
its own, so that its peak of memory is its own. Processor time beside wall time says how busy the machine was.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conet.bench.engine import Bench
from conet.bench.timing import Size
from conet.learners.grpo import GRPO
from conet.learners.sft import SFT
from conet.network.graph import regular

SIZES = (
    "1000x40x128", "10000x40x1024", "100000x40x1024", "100000x40x10000", "1000000x40x1024", "1000000x100x1024",
    "1000000x40x100000", "10000000x10x1024", "10000000x40x1024", "10000000x100x1024",
)  # fmt: skip
# Bytes of an edge: the record that is sampled from, logit, probability, gradient; and of a recorded hop: its edge.
EDGE, HOP = 16 + 8 + 8 + 8, 4
ROLLOUTS, LENGTH = 8, 100
UNIT = 2.0**20 if sys.platform == "darwin" else 2.0**10  # of ru_maxrss, in MiB


def theory(nodes: int, degree: int, problems: int) -> float:
    """MiB that the arrays take by counting."""
    return (nodes * degree * EDGE + nodes * 8 + problems * ROLLOUTS * LENGTH * HOP) / 2**20


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT


def timed(work: Callable[[], Any], repeats: int = 1) -> tuple[float, float, Any]:
    """Return wall and processor milliseconds of the fastest call, and what it returned."""
    found = []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        result = work()
        found.append((1e3 * (time.perf_counter() - began), 1e3 * (time.process_time() - used), result))
    return min(found, key=lambda one: one[1])


def measured(size: str) -> dict[str, Any]:
    """Measure one size in this process; everything is compiled on a tiny one first."""
    nodes, degree, problems = map(int, size.split("x"))
    tiny = Bench(Size(nodes=50, degree=4, questions=4, rollouts=2, max_length=5), regular(50, 4, 0))
    for learner in (GRPO(), SFT(learning_rate=1.0)):
        tiny.update(learner).work()
    before = peak()
    asked = Size(nodes=nodes, degree=degree, questions=problems, rollouts=ROLLOUTS, max_length=LENGTH)
    graph_wall, graph_used, graph = timed(lambda: regular(nodes, degree, 0))
    table_wall, table_used, bench = timed(lambda: Bench(asked, graph))
    _, sampled, counts = timed(bench.sample().work, 3)
    # The first update makes the memory of the gradient, which costs a second at 10⁸ edges, once a run.
    _, grpo, few = timed(bench.update(GRPO()).work, 3)
    _, sft, many = timed(bench.update(SFT(learning_rate=1.0)).work, 3)
    return {
        "size": size,
        "theory": theory(nodes, degree, problems),
        "memory": peak() - before,
        "graph": graph_used + table_used,
        "wall": graph_wall + table_wall,
        "sample": sampled,
        "steps": counts["steps"],
        "grpo": grpo,
        "grpo_rows": few["rows"],
        "sft": sft,
        "sft_rows": many["rows"],
    }


def three(value: float) -> str:
    """Write three significant digits: 1,120, and not 1.12e+03."""
    return f"{float(f'{value:.3g}'):,g}"


def table(rows: list[dict[str, Any]], left_out: list[str]) -> str:
    """Return the page's table."""
    lines = [
        "| N | K | M | edges | memory by counting | measured | graph and tables | sampling | ns a hop | update, GRPO "
        "(rows moved) | update, SFT (rows moved) |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        nodes, degree, problems = map(int, row["size"].split("x"))
        lines.append(
            f"| {nodes:,} | {degree} | {problems:,} | {nodes * degree:,} | {row['theory']:,.0f} MiB "
            f"| {row['memory']:,.0f} MiB | {row['graph'] / 1e3:.2g} s | {three(row['sample'])} ms "
            f"| {three(1e6 * row['sample'] / row['steps'])} | {three(row['grpo'])} ms ({row['grpo_rows']:,}) "
            f"| {three(row['sft'])} ms ({row['sft_rows']:,}) |"
        )
    load = os.getloadavg()[0]
    lines.append(
        f"\nG = {ROLLOUTS}, L = {LENGTH}, one thread. Times are processor times, updates the fastest of three, on "
        f"{os.cpu_count()} cores with a load of {load:.0f}."
    )
    if left_out:
        lines.append(f"Not measured, for want of memory or time: {', '.join(left_out)}.")
    return "\n".join(lines)


def main() -> None:
    """Measure the sizes, smallest first, each in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", type=float, default=8, help="GiB that may be used")
    parser.add_argument("--sizes", help="comma-separated, NxKxM")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(asked.one)))
        return
    sizes = asked.sizes.split(",") if asked.sizes else list(SIZES)
    fit = [size for size in sizes if 2 * theory(*map(int, size.split("x"))) < asked.memory * 1024]
    rows = []
    for size in fit:
        command = [sys.executable, __file__, "--one", size]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(rows[-1], file=sys.stderr)
    text = table(rows, [size for size in SIZES if size not in fit])
    print(text)
    if asked.write:
        page = asked.write.read_text(encoding="utf-8")
        marked = re.compile(r"(<!-- scale -->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)
        asked.write.write_text(marked.sub(lambda found: found[1] + text + found[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
