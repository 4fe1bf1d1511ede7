"""Does a transformer do what CoNet's table does? Regenerates the table of docs/neural.md.

    python verification/neural.py --seeds 10 --minutes 180 --write docs/neural.md

Every run is a cell (verification/neural_cells.py), kept in --cache, so that an interrupted call goes on; --minutes
ends it between two runs. The cells of all arms are run seed by seed, the base first. Needs the extra [neural].

THRESHOLDS were fixed before the first run; a verdict is given from SEEDS seeds on, below that the figures alone.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pages import put

from conet.base.intervals import interval
from conet.cells.cache import Cache
from conet.cells.cell import Cell
from conet.cells.workers import run_cells

HERE = Path(__file__).parent
SEEDS = 10
HEAT = {"schedule.name": "annealed_rlvr", "schedule.heat_at": 100}
TABLE = {"policy.kind": "table", "learner.optimizer": "sgd", "learner.learning_rate": 92.0}
ARMS: dict[str, dict[str, Any]] = {
    "base": {},
    "table": TABLE,
    "temperature": {"schedule.name": "temperature"},
    "width 4": {"policy.width": 4},
    "width 64": {"policy.width": 64},
    "heating": HEAT,
    "answer hidden": {"policy.answer": "hidden"},
    "width 8": {"policy.width": 8},
    "width 32": {"policy.width": 32},
    "width 128": {"policy.width": 128},
    "depth 1": {"policy.depth": 1},
    "depth 4": {"policy.depth": 4},
    "load 0.1": {"problems.count": 10},
    "load 0.24": {"problems.count": 24},
    "load 0.48": {"problems.count": 48},
    "table, temperature": TABLE | {"schedule.name": "temperature"},
    "table, heating": TABLE | HEAT | {"schedule.sft_learning_rate": 0.15},
}
Arrays = Mapping[str, np.ndarray]


def end(name: str) -> Callable[[Arrays], float]:
    """Return what was seen last."""
    return lambda arrays: float(arrays[f"seen.{name}"][-1])


def accuracy(arrays: Arrays) -> float:
    """Mean over the last 20 updates."""
    return float(arrays["accuracy"][-20:].mean())


def windows(arrays: Arrays) -> np.ndarray:
    """Pooled correct length over 20 updates each."""
    count, length = (arrays[name].sum(axis=1) for name in ("problem_correct", "problem_length"))
    whole = len(count) // 20 * 20
    return length[:whole].reshape(-1, 20).sum(axis=1) / np.maximum(
        count[:whole].reshape(-1, 20).sum(axis=1), 1
    )


def fall(arrays: Arrays) -> float:
    """Hops that the correct length falls from the start to its shortest."""
    return float(windows(arrays)[0] - windows(arrays).min())


def rise(arrays: Arrays) -> float:
    """Hops that it rises from there to the end."""
    return float(windows(arrays)[-1] - windows(arrays).min())


def rise_within(arrays: Arrays) -> float:
    """The same of the problems that are solved both at the shortest and at the end, each counted once."""
    shortest = int(windows(arrays).argmin())
    rows = [slice(20 * shortest, 20 * shortest + 20), slice(-20, None)]
    count, length = (
        np.array([arrays[name][row].sum(axis=0) for row in rows])
        for name in ("problem_correct", "problem_length")
    )
    both = (count > 0).all(axis=0)
    return float((length[1, both] / count[1, both] - length[0, both] / count[0, both]).mean())


def residual(arrays: Arrays) -> float:
    """Residual frustration: share solved in the best deterministic policy found, less the accuracy."""
    return float(arrays["ground_state"]) - accuracy(arrays)


QUANTITIES: dict[str, Callable[[Arrays], float]] = {
    "accuracy": accuracy,
    "residual frustration": residual,
    "fall of the correct length": fall,
    "its rise to the end": rise,
    "rise within problems": rise_within,
    "H(next | node)": end("markov.given_node"),
    "H(next | node, problem)": end("markov.given_problem"),
    "I(next; problem | node)": end("markov.problem"),
    "I(next; history | node, problem)": end("markov.history"),
    "effective out-degree of a node": end("markov.degree"),
    "effective out-degree of a context": end("markov.context_degree"),
    "predictive states of a node": end("markov.states"),
    "problems of a node": end("markov.problems"),
    "illegal moves": end("markov.illegal"),
    "degree of the web": end("web.mean_degree"),
    "islands": end("web.islands"),
    # The time of a whole cell: with the looks, and the search for the ground state.
    "hops of the training a second of a cell (CPU)": lambda arrays: float(
        arrays["hops"] / arrays["cpu_seconds"]
    ),
}
# Arm, quantity, least and most of its mean, and what is asserted. Fixed before the first run.
THRESHOLDS: list[tuple[str, str, float, float, str]] = [
    ("base", "accuracy", 0.6, 1.0, "it learns"),
    ("base", "fall of the correct length", 1.0, np.inf, "the V's left arm"),
    ("base", "its rise to the end", 0.2, np.inf, "the V's right arm"),
    ("base", "rise within problems", -np.inf, 0.2, "which is composition"),
    ("base", "I(next; history | node, problem)", 0.0, 0.02, "history is forgotten"),
    ("base", "I(next; problem | node)", 0.05, np.inf, "the problem is not"),
    ("width 4", "I(next; problem | node)", 0.0, 0.05, "a starved model is Markov"),
    ("base", "degree of the web", 1.7, 2.3, "degree near two"),
    ("base", "illegal moves", 0.0, 0.02, "it keeps to the edges"),
    ("base", "residual frustration", 0.0, np.inf, "it freezes above the ground state"),
]


def cells(seed: int) -> dict[str, Cell]:
    """Return the cells of one seed, by arm."""
    function = f"{HERE / 'neural_cells.py'}:run"
    return {arm: Cell(function, {"seed": seed, "changes": changes}) for arm, changes in ARMS.items()}


def results(seeds: int, minutes: float, cache: Cache, arms: list[str]) -> dict[str, list[Arrays]]:
    """Run what is missing while there is time, seed by seed, and return what there is."""
    until = time.monotonic() + 60 * minutes
    found: dict[str, list[Arrays]] = {arm: [] for arm in arms}
    for seed in range(seeds):
        for arm in arms:
            cell = cells(seed)[arm]
            arrays = cache.get(cell)
            if arrays is None and time.monotonic() < until:
                (arrays,), failures = run_cells([cell], cache)
                print(arm, seed, failures[0].reason if failures else "done", flush=True)
            found[arm] += [] if arrays is None else [arrays]
    return {arm: rows for arm, rows in found.items() if rows}


def verdicts(found: Mapping[str, list[Arrays]]) -> list[str]:
    """Judge what was fixed before, where there are seeds enough."""
    lines = [
        "| arm | quantity | what is asserted | threshold | mean | seeds | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for arm, name, least, most, what in THRESHOLDS:
        values = [QUANTITIES[name](arrays) for arrays in found.get(arm, [])]
        mean = float(np.mean(values)) if values else np.nan
        holds = least <= mean <= most
        said = ("holds" if holds else "fails") if len(values) >= SEEDS else "not judged"
        row = [arm, named(name), what, limits(least, most), f"{mean:.3f}", str(len(values)), said]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def limits(least: float, most: float) -> str:
    """Write a threshold; what cannot be negative has no lower limit at 0."""
    if np.isinf(most):
        return f"≥ {least:g}"
    if np.isinf(least) or least == 0:
        return f"≤ {most:g}"
    return f"{least:g} to {most:g}"


def named(quantity: str) -> str:
    """Write the name of a quantity in a cell of a table, whose columns a bar would end."""
    return quantity.replace("|", r"\|")


def table(found: Mapping[str, list[Arrays]]) -> list[str]:
    """Means by arm, with the half width of the 95 % interval where there are several seeds."""
    lines = ["| quantity | " + " | ".join(f"{arm} ({len(rows)})" for arm, rows in found.items()) + " |"]
    lines.append("|---" * (len(found) + 1) + "|")
    for name, quantity in QUANTITIES.items():
        row = []
        for rows in found.values():
            values = np.array([quantity(arrays) for arrays in rows])
            spread = ""
            if len(values) > 2:
                low, high = interval(values)
                spread = f" ± {(high - low) / 2:.3f}"
            row.append(
                f"{values.mean():.3f}{spread}" if abs(values.mean()) < 1000 else f"{values.mean():,.0f}"
            )
        lines.append(f"| {named(name)} | " + " | ".join(row) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--minutes", type=float, default=180)
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    parser.add_argument("--cache", type=Path, default=Path(".neural-cells"))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    found = results(given.seeds, given.minutes, Cache(given.cache), given.arms)
    text = "\n".join([*verdicts(found), "", "Means (number of seeds in brackets):", "", *table(found)])
    print(text)
    if given.write:
        put(given.write, "<!-- tables -->", "<!-- end of tables -->", text + "\n")


if __name__ == "__main__":
    main()
