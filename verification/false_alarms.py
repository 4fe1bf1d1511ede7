"""How often the heating signal is false where nothing turns: `python verification/false_alarms.py`.

Policies without any V are drawn: the length of a problem's correct rollouts stays what it is, or all of them
drift together. What changes is which problems are asked, or which groups are kept. Every signal is a false
alarm. Below them, runs of CoNet that have no V: `reference` with long walks and few rollouts.
`--write docs/detector.md` puts the table there. Two or three minutes.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import detector as runs_of_conet
import numpy as np

from conet import detect
from conet.base.intervals import share_interval
from conet.config import preset

STEPS, BATCH, GROUP = 400, 16, 8
PROBLEMS = 480
Step = tuple[
    float, float, float, np.ndarray
]  # length of all correct rollouts, how many, of how many; problems


class Problems:
    """A set of problems: accuracy, and mean length of a correct rollout, harder ones longer."""

    def __init__(self, rng: np.random.Generator, count: int = PROBLEMS) -> None:
        hard = rng.standard_normal(count)
        self.accuracy = 1 / (1 + np.exp(hard))
        self.length = 300 * np.exp(0.3 * hard + 0.3 * rng.standard_normal(count))

    def visit(
        self, rng: np.random.Generator, chosen: np.ndarray, accuracy: np.ndarray | None = None
    ) -> np.ndarray:
        """Draw a group for each problem: correct rollouts and their total length, shape (2, chosen)."""
        right = rng.binomial(GROUP, (self.accuracy if accuracy is None else accuracy)[chosen])
        # A rollout's length is as broad as it is long: sums are gamma.
        return np.stack([right, rng.gamma(np.maximum(right, 1e-9), self.length[chosen])])


def flat(rng: np.random.Generator) -> Iterator[Step]:
    """The same 16 problems at every step."""
    one = Problems(rng, BATCH)
    for _ in range(STEPS):
        right, length = one.visit(rng, np.arange(BATCH)).sum(axis=1)
        yield length, right, BATCH * GROUP, np.arange(BATCH)


def unequal(batch: int) -> Callable[[np.random.Generator], Iterator[Step]]:
    """Other problems of 480 at every step, in a new order each epoch; the policy is flat."""

    def steps(rng: np.random.Generator) -> Iterator[Step]:
        all_of_them, a_round = Problems(rng), PROBLEMS // batch
        for step in range(STEPS):
            if step % a_round == 0:
                order = rng.permutation(PROBLEMS)
            first = step % a_round * batch
            asked = order[first : first + batch]
            right, length = all_of_them.visit(rng, asked).sum(axis=1)
            yield length, right, batch * GROUP, asked

    return steps


def drifting(spread: float, memory: float) -> Callable[[np.random.Generator], Iterator[Step]]:
    """All lengths drift together, around their level: spread of the logarithm, and steps of memory."""

    def steps(rng: np.random.Generator) -> Iterator[Step]:
        one, drift, keep = Problems(rng, BATCH), 0.0, np.exp(-1 / memory)
        learned = np.linspace(0.0, 1.0, STEPS)  # half of what could be learned is, as in a run that goes well
        for share in learned:
            drift = keep * drift + spread * np.sqrt(1 - keep**2) * rng.standard_normal()
            accuracy = one.accuracy + 0.5 * share * (1 - one.accuracy)
            right, length = one.visit(rng, np.arange(BATCH), accuracy).sum(axis=1)
            yield length * np.exp(drift), right, BATCH * GROUP, np.arange(BATCH)

    return steps


def curriculum(order: str) -> Callable[[np.random.Generator], Iterator[Step]]:
    """Thirds of the problems by difficulty, one after the other; the policy is flat."""

    def steps(rng: np.random.Generator) -> Iterator[Step]:
        all_of_them = Problems(rng)
        thirds = dict(zip(("easy", "medium", "hard"), np.array_split(np.argsort(-all_of_them.accuracy), 3)))
        for step in range(STEPS):
            third = thirds[order.split("-")[step * 3 // STEPS]]
            asked = rng.choice(third, BATCH, replace=False)
            right, length = all_of_them.visit(rng, asked).sum(axis=1)
            yield length, right, BATCH * GROUP, asked

    return steps


def learning(filtered: bool) -> Callable[[np.random.Generator], Iterator[Step]]:
    """Problems are learned, easy ones first, each at its own length; groups all right or all wrong may be left out."""

    def steps(rng: np.random.Generator) -> Iterator[Step]:
        one = Problems(rng)
        order = np.argsort(np.argsort(-one.accuracy)) / PROBLEMS * STEPS
        for step in range(STEPS):
            accuracy = 0.02 + 0.96 / (1 + np.exp(-(step - order) / 15))
            asked = rng.choice(PROBLEMS, BATCH, replace=False)
            right, length = one.visit(rng, asked, accuracy)
            kept = (right > 0) & (right < GROUP) if filtered else np.ones(BATCH, bool)
            yield length[kept].sum(), right[kept].sum(), kept.sum() * GROUP, asked[kept]

    return steps


MIXED = "flat, curriculum medium-easy-hard"
UNTOLD = "the same curriculum, without telling which problems"
WORLDS: dict[str, Callable[[np.random.Generator], Iterator[Step]]] = {
    "flat, the same problems": flat,
    "flat, batches of 16 unequal problems": unequal(16),
    "flat, batches of 2 unequal problems": unequal(2),
    "all lengths drift by 5 %, over 20 steps": drifting(0.05, 20),
    "all lengths drift by 10 %, over 20 steps": drifting(0.1, 20),
    "all lengths drift by 10 %, over 100 steps": drifting(0.1, 100),
    "all lengths drift by 20 %, over 100 steps": drifting(0.2, 100),
    "flat, curriculum easy-medium-hard": curriculum("easy-medium-hard"),
    MIXED: curriculum("medium-easy-hard"),
    "flat, curriculum hard-medium-easy": curriculum("hard-medium-easy"),
    "learned one by one, easy first": learning(False),
    "the same, groups without signal left out": learning(True),
}


def fires(steps: Iterator[Step], told: bool = True) -> bool:
    """Whether the heating signal fires, told which problems a step asked or not."""
    detector = detect.Detector()
    rows = ((step, row if told else row[:3]) for step, row in enumerate(steps) if row[2])
    return any(detector.update(step, *row).heat_now for step, row in rows)


LONG_WALKS = {"problems.max_length": 100, "learner.rollouts": 8}
FIRST_SEED = 7000
# What the verdict on the V makes of a run, and what its row is called; a run with a V has no false alarm.
WITHOUT_V = {
    "no V": "`reference`, walks of up to 100 hops, 8 rollouts: runs without a V",
    "undecided": "the same, runs in which a V is undecided",
}


def trained(seeds: int, cache: Path) -> Iterator[str]:
    """Yield the rows of trained runs without a V, each judged by its own counts."""
    fired: dict[str, list[bool]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        config = preset("reference").override({"seed": seed, **LONG_WALKS})
        counts, _ = runs_of_conet.collect(config, cache)
        judgement = detect.find_valley(counts).judgement
        fired.setdefault(judgement, []).append(runs_of_conet.call(counts) is not None)
    for judgement, label in WITHOUT_V.items():
        if judgement in fired:
            yield row_of(label, sum(fired[judgement]), len(fired[judgement]))


def row_of(label: str, found: int, runs: int) -> str:
    """Return a row of the table: how many runs of how many, with the interval of their share."""
    low, high = share_interval(found, runs)
    return f"| {label} | {found}/{runs} [{low:.0%}, {high:.0%}] |"


def table(runs: int, seed: int) -> list[str]:
    """Return the table, as lines of Markdown."""
    lines = ["| what happens | false alarms |", "|---|---|"]
    for place, (name, world) in enumerate(WORLDS.items()):
        for label, told in ((name, True), (UNTOLD, False))[: 2 if name == MIXED else 1]:
            drawn = (world(np.random.default_rng([seed, place, run])) for run in range(runs))
            lines.append(row_of(label, sum(fires(steps, told) for steps in drawn), runs))
    return lines


def main() -> None:
    """Print the table, or write it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=400)
    asked.add_argument("--seed", type=int, default=16)
    asked.add_argument(
        "--seeds", type=int, default=20, help=f"of CoNet's runs without a V, from {FIRST_SEED} on"
    )
    asked.add_argument("--cache", type=Path, default=Path("runs/verification"))
    asked.add_argument("--write", type=Path, help="put the table into this page, after its mark")
    chosen = asked.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*table(chosen.runs, chosen.seed), *trained(chosen.seeds, chosen.cache)])
    print(text)
    if chosen.write:
        before, mark, rest = chosen.write.read_text(encoding="utf-8").partition("<!-- false alarms -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        chosen.write.write_text(f"{before}{mark}\n{text}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
