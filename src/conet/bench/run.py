"""One run of the benchmark: cases, ratios, machine."""

import os
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numba
import numpy as np

from conet.bench.engine import Bench, trained_logits
from conet.bench.rivals import rivals
from conet.bench.timing import Size, measure
from conet.learners.grpo import GRPO
from conet.learners.sft import SFT
from conet.network import graph as graphs

SMALL = Size(nodes=800, degree=40, questions=128, rollouts=64, max_length=100)
LARGE = Size(nodes=1_000_000, degree=40, questions=4096, rollouts=8, max_length=100)
SMALL_BATCH = 64  # questions on the large graph, to show that an update costs what was visited

# Name of the ratio, of what, nominator, denominator; these at the small size, and, where nothing else
# is said, of the uniform policy and one thread.
RATIOS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("sample_over_torch", "msteps_per_s", {"name": "sample"}, {"name": "torch"}),
    ("sample_over_csrgraph", "msteps_per_s", {"name": "sample"}, {"name": "csrgraph"}),
    ("sample_over_igraph", "msteps_per_s", {"name": "sample"}, {"name": "igraph"}),
    ("two_threads_over_one", "msteps_per_s", {"name": "sample", "threads": 2}, {"name": "sample"}),
    ("update_over_sample", "seconds", {"name": "update"}, {"name": "sample"}),
    (
        "update_over_sample_trained",
        "seconds",
        {"name": "update", "policy": "trained"},
        {"name": "sample", "policy": "trained"},
    ),
)


def run_bench(
    progress: Callable[[str], None] | None = None,
    quick: bool = False,
    small: Size = SMALL,
    large: Size = LARGE,
) -> dict[str, Any]:
    """Measure sampling and updates at two sizes, and the rivals at the small one.

    Parameters
    ----------
    progress
        Called with a line of text before each part.
    quick
        Fewer turns, without the large graph (which takes 3 GB of memory).
    small, large
        The sizes.

    Returns
    -------
    dict
        ``results``: one object a case, see :func:`conet.bench.timing.measure`; ``skipped``: names of
        what could not be measured, with reasons in ``why_skipped``; ``ratios``; ``bytes_per_edge`` of
        graph and sampling table, by number of nodes; ``machine``.
    """
    say = progress or (lambda line: None)
    results, why_skipped, table_bytes = _small(small, 3 if quick else 9, say)
    bytes_per_edge = {str(small.nodes): table_bytes}
    if not quick:
        more, bytes_per_edge[str(large.nodes)] = _large(large, 5, say)
        results += more
    return {
        "results": results,
        "skipped": list(why_skipped),
        "why_skipped": why_skipped,
        "ratios": ratios(results, small.nodes),
        "bytes_per_edge": bytes_per_edge,
        "machine": machine(),
    }


def _small(size: Size, turns: int, say: Callable[[str], None]) -> tuple[list[dict], dict[str, str], float]:
    say(f"N={size.nodes:,}: compiling, training a policy, importing the others")
    graph = graphs.regular(size.nodes, size.degree, 0)
    uniform, trained = Bench(size, graph), Bench(size, graph, trained_logits(size, graph))
    grpo = GRPO(rollouts=size.rollouts)
    cases = [uniform.sample(), trained.sample(), uniform.update(grpo), trained.update(grpo)]
    others, why_skipped = rivals(uniform)
    if processors() > 1:
        cases += [uniform.sample(threads=2), trained.sample(threads=2), uniform.update(grpo, threads=2)]
    else:
        why_skipped["two threads"] = "one processor"
    say(f"N={size.nodes:,}: measuring")
    return measure(cases + others, turns), why_skipped, uniform.policy.table_bytes_per_edge


def _large(size: Size, turns: int, say: Callable[[str], None]) -> tuple[list[dict], float]:
    say(f"N={size.nodes:,}: building")
    bench = Bench(size, graphs.regular(size.nodes, size.degree, 0))
    # Hardly a walk finds its answer here, so GRPO has little to update; SFT on the same walks moves
    # every row that was visited.
    everything = SFT(learning_rate=1.0)
    cases = [bench.sample(), bench.update(GRPO()), bench.update(everything)]
    few = bench.with_size(replace(size, questions=min(SMALL_BATCH, size.questions)))
    cases += [few.sample(), few.update(everything)]
    say(f"N={size.nodes:,}: measuring")
    return measure(cases, turns), bench.policy.table_bytes_per_edge


def ratios(results: list[dict[str, Any]], nodes: int) -> dict[str, float]:
    """Return those of :data:`RATIOS` whose two sides were measured at that many nodes."""
    plain = {"nodes": nodes, "policy": "uniform", "threads": 1}

    def find(wanted: dict[str, Any]) -> dict[str, Any] | None:
        wanted = plain | wanted
        return next((row for row in results if wanted.items() <= row.items()), None)

    found = {}
    for name, quantity, above, below in RATIOS:
        first, second = find(above), find(below)
        if first and second:
            found[name] = first[quantity] / second[quantity]
    return found


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "processors": processors(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
