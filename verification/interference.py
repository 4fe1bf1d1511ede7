"""Interference of a model in training: are the sketched gradients right, and do they tell what comes next?

    python verification/interference.py --seeds 6 --jobs 2 --out runs/interference --write docs

A seed trains the recipe (`tiny`: RLVR, 40 updates) with `training.interference` on, and looks closer with hooks of
its own at the same batches (interference_runs.py). What is done is not done again. With --write the verdicts go into
docs/results-llm.md.

Asked, with thresholds that were fixed before any run, but for that of the cost, which was changed after a look at one
seed (a verdict needs the whole 95 % interval over seeds):

- *Right?* At every eighth update each problem's whole gradient by a backward pass of its own. Rank agreement
  (Spearman) of the pairs' cosines, mean over updates: sketch against the gradient of the same block at least 0.8,
  against all weights at least 0.6. Of the interference over updates: against all weights at least 0.6.
- *Reliable?* The pairs' cosines from one half of each group's rollouts against those from the other half, rank
  agreement at least 0.5: below that, single pairs of a batch of so few rollouts are noise.
- *Does it tell what comes next?* Loss of accuracy of the problems of an update until their next visit, held out:
  a linear model of accuracy, its chance variance and the update, with and without what the gradients say, fitted
  on the other seeds. The gain in explained variance (R² of the seed left out) is above 0. Asked for each number
  that is logged, over updates; and for single problems, of the cosine of a problem with all others together.
- *Cheap?* Operations at most 0.05 of those of a GRPO step (generation, forward and backward pass), counted by
  hand (interference_cost.py). Beside it, of forward and backward pass alone: the operations by torch's counter, and
  the processor time with hooks on and off in turn in one run (no verdict on a busy machine).
"""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from interference_cost import SHAPES, cost, operations
from interference_runs import STEPS, run_seed
from pages import put
from scipy.stats import spearmanr

from conet.judging.judgement import ClaimResult, judge
from conet.llm.interference import NAMES

MARK = "<!-- made by verification/interference.py -->"
END = "<!-- end of verification/interference.py -->"
Update = dict[str, Any]
UPPER = np.triu_indices


def pairs_of(products: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the cosines of all pairs of the problems that have a gradient."""
    mine = products[np.ix_(there, there)]
    norms = np.sqrt(np.maximum(mine.diagonal(), 1e-300))
    found: np.ndarray = (mine / np.outer(norms, norms))[UPPER(len(there), 1)]
    return found


def rank(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Return Spearman's correlation; NaN where one of them is all the same, or there are too few."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def arrays(update: Update) -> dict[str, np.ndarray]:
    """Return the products of an update, and which problems have a gradient."""
    found = {
        name: np.array(value)
        for name, value in update.items()
        if name in ("sketch", "halves", "block", "weights")
    }
    return found | {"there": np.flatnonzero(found["sketch"].diagonal() > 0)}


def interference_of(products: np.ndarray) -> float:
    """Return 1 - |sum of the gradients| / sum of their norms."""
    return float(1 - np.sqrt(max(products.sum(), 0.0)) / np.sqrt(products.diagonal().clip(0.0)).sum())


def right(updates: Sequence[Update]) -> dict[str, float]:
    """Compare the sketch with whole gradients, where these were worked out."""
    found: dict[str, list[float]] = {"block": [], "weights": [], "block of weights": []}
    over: dict[str, list[float]] = {"sketch": [], "weights": []}
    for update in updates:
        if "weights" not in update:
            continue
        one = arrays(update)
        cosines = {name: pairs_of(one[name], one["there"]) for name in ("sketch", "block", "weights")}
        found["block"].append(rank(cosines["sketch"], cosines["block"]))
        found["weights"].append(rank(cosines["sketch"], cosines["weights"]))
        found["block of weights"].append(rank(cosines["block"], cosines["weights"]))
        for name, values in over.items():
            values.append(interference_of(one[name]))
    means = {name: float(np.nanmean(values)) for name, values in found.items()}
    return means | {"over updates": rank(over["sketch"], over["weights"])}


def reliable(updates: Sequence[Update]) -> float:
    """Rank agreement of two estimates of each pair, from halves of the rollouts of both problems."""
    found = []
    for update in updates:
        one = arrays(update)
        norms = np.sqrt(one["sketch"].diagonal()[one["there"]])
        mine = one["halves"][np.ix_(one["there"], one["there"])] / np.outer(norms, norms)
        places = UPPER(len(one["there"]), 1)
        found.append(rank(mine[places], mine.T[places]))
    return float(np.nanmean(found))


def next_visits(seed: dict[str, Any]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return accuracy now and at the next visit, by update and problem."""
    visits: dict[int, list[tuple[int, float]]] = {}
    for step, problem, accuracy in seed["accuracy"]:
        visits.setdefault(problem, []).append((step, accuracy))
    return {
        (step, problem): (now, later)
        for problem, mine in visits.items()
        for (step, now), (_, later) in itertools.pairwise(mine)
    }


def rows_of_updates(seed: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what was known of each update, what its gradients said, and what its problems lost after it."""
    known = next_visits(seed)
    rows = []
    for update in seed["updates"]:
        pairs = [
            known[update["step"], problem]
            for problem in update["problems"]
            if (update["step"], problem) in known
        ]
        said = [update[name] for name in NAMES]
        if not pairs or None in said:
            continue
        now, later = np.array(pairs).T
        plain = [1.0, now.mean(), (now * (1 - now)).mean(), update["step"] / STEPS]
        rows.append((plain, said, np.maximum(now - later, 0).mean()))
    plain, said, lost = zip(*rows)
    return np.array(plain), np.array(said), np.array(lost)


def rows_of_problems(seed: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of each problem of each update: its cosine with all others, and its gain or loss."""
    known = next_visits(seed)
    rows = []
    for update in seed["updates"]:
        one = arrays(update)
        products = one["sketch"]
        for place in one["there"]:
            key = update["step"], update["problems"][place]
            with_others = products[place].sum() - products[place, place]
            others = products.sum() - 2 * products[place].sum() + products[place, place]
            if key not in known or others <= 0:
                continue
            now, later = known[key]
            cosine = with_others / np.sqrt(others * products[place, place])
            rows.append(([1.0, now, now * (1 - now), key[0] / STEPS], [cosine], later - now))
    plain, said, gained = zip(*rows)
    return np.array(plain), np.array(said), np.array(gained)


Parts = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]


def explained(parts: Parts, columns: Sequence[int] = ()) -> np.ndarray:
    """Return for each seed, left out of the fit, the share of its variance that is explained.

    Parameters
    ----------
    parts
        Of each seed: what is known without the gradients, what they say, and what is to be told.
    columns
        Of what the gradients say, those that are used.
    """
    made = [np.column_stack([one[0], one[1][:, list(columns)]]) for one in parts]
    found = []
    for out in range(len(parts)):
        fit = np.vstack([each for at, each in enumerate(made) if at != out])
        target = np.concatenate([one[2] for at, one in enumerate(parts) if at != out])
        rest = parts[out][2] - made[out] @ np.linalg.lstsq(fit, target, rcond=None)[0]
        found.append(1 - (rest**2).sum() / ((parts[out][2] - parts[out][2].mean()) ** 2).sum())
    return np.array(found)


def verdicts(name: str, seeds: Sequence[dict[str, Any]]) -> list[ClaimResult]:
    """Decide everything that was asked; the thresholds stand at the top of this file."""
    agreements = [right(seed["updates"]) for seed in seeds]

    def row(text: str, values: Sequence[float] | np.ndarray, threshold: float) -> ClaimResult:
        return judge(name, text, values, threshold)

    found = [
        row("pairs: sketch against the gradient of its block", [one["block"] for one in agreements], 0.8),
        row("pairs: sketch against the gradient of all weights", [one["weights"] for one in agreements], 0.6),
        row(
            "pairs: whole gradient of the block against all weights",
            [one["block of weights"] for one in agreements],
            0.6,
        ),
        row(
            "interference over updates: sketch against all weights",
            [one["over updates"] for one in agreements],
            0.6,
        ),
        row(
            "pairs: one half of the rollouts against the other",
            [reliable(seed["updates"]) for seed in seeds],
            0.5,
        ),
    ]
    if len(seeds) > 1:
        parts = [rows_of_updates(seed) for seed in seeds]
        for column, said in enumerate(NAMES):
            gained = explained(parts, [column]) - explained(parts)
            found.append(row(f"loss until the next visit: R² gained with `{said}`", gained, 0.0))
        alone = [rows_of_problems(seed) for seed in seeds]
        gained = explained(alone, [0]) - explained(alone)
        found.append(row("gain of a problem until its next visit: R² gained with its cosine", gained, 0.0))
    return found


def without(seeds: Sequence[dict[str, Any]]) -> str:
    """Say how much is told without the gradients, so that what they add can be weighed."""
    if len(seeds) < 2:
        return ""
    means = [explained([rows(seed) for seed in seeds]).mean() for rows in (rows_of_updates, rows_of_problems)]
    each = f"{means[0]:.2f} of the loss until the next visit, {means[1]:.2f} of the gain of a problem"
    return f"R² without the gradients, mean over the seeds left out: {each}."


def page(rows: Sequence[ClaimResult], told: str, measured: dict[str, float]) -> str:
    """Return the tables as Markdown."""
    lines = ["| asked | estimate | 95 % interval | verdict |", "|---|---|---|---|"]
    for row in rows:
        low, high = row.ci
        lines.append(
            f"| {row.statistic} | {row.estimate:+.3f} | [{low:+.3f}, {high:+.3f}] | {row.judgement} |"
        )
    lines += ["", *([told, ""] if told else []), "| what looking costs | |", "|---|---|"]
    lines += [
        f"| operations of a GRPO step, {name} | {operations(shape):.2%} |" for name, shape in SHAPES.items()
    ]
    lines.append(f"| forward and backward pass of `tiny`: operations | {measured['operations'] - 1:.1%} |")
    lines.append(f"| the same: processor time | {measured['time'] - 1:.1%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is missing, print the tables, and put them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/interference"))
    parser.add_argument("--write", type=Path, help="folder of the docs to put the tables into")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    seeds = joblib.Parallel(given.jobs, verbose=5)(
        joblib.delayed(run_seed)(given.recipe, seed, given.out) for seed in range(given.seeds)
    )
    text = page(verdicts(given.recipe, seeds), without(seeds), cost())
    print(text)
    if given.write:
        put(given.write / "results-llm.md", MARK, END, f"\n{text}\n")


if __name__ == "__main__":
    main()
