"""CoNet says, transformer says: the puzzles of RLVR side by side, and what the hidden states and futures know.

    python verification/neural_puzzles.py --seeds 10 --write docs/neural.md

Adds to docs/neural.md what neural.py leaves open: two stages, jumps, collapse, islands and interference, forgetting
under SFT and recovery, each by one estimator for the table and for the transformer on the same graphs; predictive
states by how far one looks ahead; and what the layers know. Cells (neural_puzzle_cells.py) are kept in --cache, so that
an interrupted call goes on. Needs the extra [neural].

PUZZLES and STATES were fixed before the first seed of a verdict; seed 100 had been looked at.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from neural_puzzle_cells import HORIZONS
from pages import put

from conet.base.intervals import interval
from conet.cells.cache import Cache
from conet.cells.cell import Cell
from conet.cells.workers import run_cells
from conet.claims.c1 import bend, saturating
from conet.claims.c5 import late, relative_ratio
from conet.judging.judgement import ClaimResult, judge

HERE = Path(__file__).parent
LATE_JUMP = 20  # updates, a twentieth of the run
MILDER = "base, milder SFT"
TABLE = {"policy.kind": "table", "learner.optimizer": "sgd", "learner.learning_rate": 92.0}
# Changes of the preset, and the rate of the foreign SFT.
ARMS: dict[str, tuple[dict[str, Any], float]] = {
    "table": (TABLE, 0.15),
    "base": ({}, 0.01),
    "depth 4": ({"policy.depth": 4}, 0.01),
    "width 64": ({"policy.width": 64}, 0.01),
    "load 0.1": ({"problems.count": 10}, 0.01),
    "width 8": ({"policy.width": 8}, 0.01),
    MILDER: ({}, 0.002),  # entered after the others had been looked at
}
Arrays = Mapping[str, np.ndarray]


def sharp_share(run: Arrays) -> float:
    """Share of the problems learned after the knee that rise within :data:`LATE_JUMP` updates."""
    sharp = (run["beats_ramp"] == 1) & (run["width"] <= LATE_JUMP)
    return float(sharp[late(run)].mean()) if late(run).any() else float("nan")


def rise_after(run: Arrays) -> float:
    """Rise of pass@1 after the path entropy has fallen to half of its largest value."""
    entropy = run["path_entropy"]
    top = int(np.nanargmax(entropy))
    half = top + np.flatnonzero(entropy[top:] <= entropy[top] / 2)
    return float(run["pass"][-1, 0] - run["pass"][half[0], 0]) if len(half) else float("nan")


def apart(run: Arrays) -> float:
    """Updates between the most islands and the largest cancellation."""
    steps = run["steps"]
    return float(abs(steps[run["islands"].argmax()] - steps[run["cancellation"].argmax()]))


def lost(run: Arrays) -> float:
    """Accuracy lost to the foreign SFT."""
    return float(run["forget.before"] - run["forget.after"])


def regained(run: Arrays, updates: int = 10) -> float:
    """Share of it regained by so many updates."""
    return float((run[f"forget.regained_{updates}"] - run["forget.after"]) / lost(run))


# Quantity, threshold, what is wanted, and what it says. Each is asked of the table and of the base.
PUZZLES: list[tuple[str, Callable[[Arrays], float], float, str, bool]] = [
    (
        "two stages: slope before the knee over that after it, over the same of the best exponential",
        lambda run: bend(run["accuracy"]) / bend(saturating(run["accuracy"])),
        1.3,
        "at least",
        True,
    ),
    (
        f"jumps: share of late problems that rise within {LATE_JUMP} updates",
        sharp_share,
        0.5,
        "at least",
        False,
    ),
    ("jumps: relative width of late rises over that of early ones", relative_ratio, 1.0, "at most", False),
    (
        "collapse: path entropy at the end over its largest value",
        lambda run: run["path_entropy"][-1] / np.nanmax(run["path_entropy"]),
        0.1,
        "at most",
        False,
    ),
    ("collapse: rise of pass@1 after it has halved", rise_after, 0.05, "at least", False),
    (
        "collapse: pass@64 at the end less that at the start",
        lambda run: run["pass"][-1, -1] - run["pass"][0, -1],
        0.0,
        "at most",
        False,
    ),
    (
        "islands: updates between the most and the largest cancellation of gradients",
        apart,
        10.0,
        "at most",
        True,
    ),
    (
        "forgetting: accuracy lost to SFT on 8 foreign problems (dose: below)",
        lost,
        0.1,
        "at least",
        False,
    ),
    ("recovery: share regained by ten updates of RLVR", regained, 0.5, "at least", False),
]
STATES: list[tuple[str, Callable[[Arrays], float], float, str]] = [
    (
        "predictive states of a node over the next hop, over the problems that visit it",
        lambda run: run["states"][0] / run["problems"],
        0.5,
        "at most",
    ),
    (
        "the same over the whole walk to come",
        lambda run: run["states"][-1] / run["problems"],
        0.8,
        "at least",
    ),
    (
        "what the node leaves of the last layer's variance: share explained by the next node",
        lambda run: run["layers.next node at a node"][-1],
        0.5,
        "at least",
    ),
]


def results(seeds: int, cache: Cache, jobs: int) -> dict[str, list[Arrays]]:
    """Run what is missing, seed by seed, and return what there is."""
    found: dict[str, list[Arrays]] = {arm: [] for arm in ARMS}
    function = f"{HERE / 'neural_puzzle_cells.py'}:run"
    order = [(seed, arm) for seed in range(seeds) for arm in ARMS]
    cells = [
        Cell(function, {"seed": seed, "changes": ARMS[arm][0], "rate": ARMS[arm][1]}) for seed, arm in order
    ]
    arrays, failures = run_cells(cells, cache, jobs=jobs)
    for failure in failures:
        print(failure.reason, flush=True)
    for (_, arm), one in zip(order, arrays, strict=True):
        found[arm] += [] if one is None else [one]
    return found


def said(row: ClaimResult) -> str:
    """Return estimate, interval and judgement of a row, short."""
    return f"{row.estimate:.3f} ({row.ci[0]:.3f} to {row.ci[1]:.3f}) | {row.judgement}"


def puzzles(found: Mapping[str, list[Arrays]]) -> list[str]:
    """Judge every puzzle of the table and of the transformer, and whether they agree."""
    lines = [
        "| puzzle | threshold | CoNet says | | transformer says | | |",
        "|---|---|---|---|---|---|---|",
    ]
    for text, quantity, threshold, wanted, median in PUZZLES:
        over = np.median if median else np.mean
        rows = [
            judge(arm, text, [quantity(run) for run in found[arm]], threshold, wanted=wanted, over=over)
            for arm in ("table", "base")
        ]
        decided = "undecided" not in [row.judgement for row in rows]
        agree = ("agree" if rows[0].judgement == rows[1].judgement else "**differ**") if decided else "–"
        sign = "≥" if wanted == "at least" else "≤"
        lines.append(f"| {text} | {sign} {threshold:g} | {said(rows[0])} | {said(rows[1])} | {agree} |")
    return lines


def states(found: Mapping[str, list[Arrays]]) -> list[str]:
    """Judge what was fixed of the states, and list them by arm and horizon."""
    lines = ["| of the base | threshold | mean (95 % interval) | verdict |", "|---|---|---|---|"]
    for text, quantity, threshold, wanted in STATES:
        row = judge("base", text, [quantity(run) for run in found["base"]], threshold, wanted=wanted)
        lines.append(f"| {text} | {'≥' if wanted == 'at least' else '≤'} {threshold:g} | {said(row)} |")
    heads = " | ".join(f"{hops} hop{'s' * (hops > 1)} ahead" for hops in HORIZONS)
    lines += ["", f"| arm (seeds) | {heads} | problems of a node |", "|---" * (len(HORIZONS) + 2) + "|"]
    for arm, runs in found.items():
        if arm == MILDER:  # its training is that of the base
            continue
        columns = np.array([[*run["states"], run["problems"]] for run in runs]).T
        lines.append(f"| {arm} ({len(runs)}) | " + " | ".join(map(mean, columns)) + " |")
    return lines


def layers(found: Mapping[str, list[Arrays]]) -> list[str]:
    """List what each layer's hidden states are explained by."""
    names = ["node", "problem", "place", "next node", "problem at a node", "next node at a node"]
    lines = ["| arm, layer | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for arm in ("base", "depth 4", "width 64", "width 8"):
        for layer in range(len(found[arm][0]["layers.node"])):
            columns = [np.array([run[f"layers.{name}"][layer] for run in found[arm]]) for name in names]
            where = "embedding" if layer == 0 else f"layer {layer}"
            lines.append(f"| {arm}, {where} | " + " | ".join(map(mean, columns)) + " |")
    return lines


def mean(values: np.ndarray) -> str:
    """Return the mean, with the half width of its interval where there are seeds enough."""
    if len(values) < 3:
        return f"{values.mean():.2f}"
    low, high = interval(values)
    return f"{values.mean():.2f} ± {(high - low) / 2:.2f}"


def doses(found: Mapping[str, list[Arrays]]) -> str:
    """Say what the foreign SFT took, so that its dose can be compared."""
    parts = []
    for arm in ("table", "base", MILDER):
        steps, learned = (
            np.array([run[f"forget.{name}"] for run in found[arm]]) for name in ("steps", "learned")
        )
        rows = [np.array([lost(run) for run in found[arm]])]
        rows += [np.array([regained(run, updates) for run in found[arm]]) for updates in (10, 50)]
        dose = f"{learned.min():.3f} to {learned.max():.3f}"
        parts.append(
            f"| {arm} | {ARMS[arm][1]:g} | {np.median(steps):.0f} | {dose} | {' | '.join(map(mean, rows))} |"
        )
    heads = ("arm", "rate of the SFT", "its updates (median)", "demonstrations then at", "accuracy lost")
    heads += ("regained by 10 updates", "by 50")
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *parts])


def main() -> None:
    """Run what is missing, print the tables, and put them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(".neural-cells"))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    found = results(given.seeds, Cache(given.cache), given.jobs)
    parts = {"puzzles": [*puzzles(found), "", doses(found)], "states": states(found), "layers": layers(found)}
    for name, lines in parts.items():
        text = "\n".join(lines) + "\n"
        print(text)
        if given.write:
            put(given.write, f"<!-- {name} -->", f"<!-- end of {name} -->", text)


if __name__ == "__main__":
    main()
