"""A finer look at two puzzles of verification/neural_puzzles.py, made after its verdicts: islands and jumps.

    python verification/neural_finer.py --seeds 10 --arms table     # a quarter of a minute of one core a seed
    python verification/neural_finer.py --seeds 10 --arms base      # a minute and a half; needs the extra [neural]

Islands and cancelling gradients after every one of the first 40 updates, where the puzzles look at every tenth; and how
many updates late rises take beside early ones. No thresholds, no verdicts; cells are kept in --cache.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from neural_puzzle_cells import look
from neural_puzzles import ARMS, LATE_JUMP

from conet.base.intervals import interval
from conet.cells.cache import Cache
from conet.cells.cell import Cell
from conet.cells.training import QUIET, start, train
from conet.cells.workers import run_cells
from conet.claims.c5 import late, learned, width_ratio
from conet.observables.transitions import transitions

LOOKS = range(41)


def run(seed: int, changes: dict[str, Any]) -> dict[str, np.ndarray]:
    """Train, look after every early update, and fit the rise of each problem."""
    trainer = start("neural", seed, {**QUIET, **changes})
    record = train(trainer, looks={"look": (LOOKS, look)}, problems=True)
    seen = record.looks["look"]
    fits = transitions(np.array(record.correct_count, np.int64), trainer.learner.rollouts)
    arrays = {name: np.array([one[name] for one in seen.values()]) for name in ("islands", "cancellation")}
    arrays |= {name: fits[name] for name in ("low", "high", "midpoint", "width", "beats_ramp")}
    return arrays | {"steps": np.array(list(seen)), "accuracy": record.column("accuracy")}


def told(arm: str, runs: list[dict[str, np.ndarray]]) -> str:
    """Return what is told of an arm."""
    peaks = {
        name: np.array([one["steps"][one[name].argmax()] for one in runs])
        for name in ("islands", "cancellation")
    }
    lines = [f"{arm}, {len(runs)} seeds"]
    for name, steps in peaks.items():
        lines.append(
            f"  most {name}: updates {steps.min()} to {steps.max()}, median {np.median(steps):g}; {steps}"
        )
    first = int((peaks["islands"] < peaks["cancellation"]).sum())
    lines.append(f"  islands first on {first} seeds")
    ratios = np.array([width_ratio(one) for one in runs])
    known = ratios[np.isfinite(ratios)]
    low, high = interval(known)
    lines.append(
        f"  width of late rises over that of early ones: {known.mean():.2f} ({low:.2f} to {high:.2f})"
    )
    for name, chosen in (("late", late), ("early", lambda one: learned(one) & ~late(one))):
        counts = [int(chosen(one).sum()) for one in runs]
        shares = [
            float(((one["beats_ramp"] == 1) & (one["width"] <= LATE_JUMP))[chosen(one)].mean())
            for one, count in zip(runs, counts, strict=True)
            if count
        ]
        lines.append(f"  {name}: {counts} problems, {np.mean(shares):.2f} rise within {LATE_JUMP} updates")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--arms", nargs="+", default=["table", "base"], choices=list(ARMS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(".neural-cells"))
    given = parser.parse_args()
    for arm in given.arms:
        cells = [
            Cell(f"{__file__}:run", {"seed": seed, "changes": ARMS[arm][0]}) for seed in range(given.seeds)
        ]
        arrays, failures = run_cells(cells, Cache(given.cache), jobs=given.jobs)
        for failure in failures:
            print(failure.reason)
        if runs := [dict(one) for one in arrays if one is not None]:
            print(told(arm, runs), flush=True)


if __name__ == "__main__":
    main()
