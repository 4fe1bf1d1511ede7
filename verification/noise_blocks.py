"""Would a noise from blocks of steps know a drift for what it is? `python verification/noise_blocks.py`.

The heating signal takes its noise from the differences of successive steps, in which a drift over twenty steps does
not show. Here the larger of that and of a second estimate is taken: from the differences of the means of successive
blocks. What it does against false alarms, on the policies of `false_alarms.py`, and what it costs in delay, on runs of
CoNet that have a V. `--write docs/detector.md` puts the table there. Three minutes of one core.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import detector as runs_of_conet
import numpy as np
from false_alarms import WORLDS

from conet import detect
from conet.detect.online import NOISE_MEMORY

BLOCKS = (10, 20)  # updates
# Where nothing drifts, where it does, and where the pooled length turns by the order of learning.
CHOSEN = [name for name in WORLDS if "curriculum" not in name]


class Blocked(detect.Detector):
    """The detector with the larger of both noises."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block
        self.sums = np.zeros(
            2
        )  # of the block that is being filled: length of the correct rollouts, and how many
        self.last: np.ndarray | None = None  # mean length and number of the block before
        self.blocks, self.steps_noise, self.blocks_noise = 0, 0.0, 0.0

    def _take(self, correct_length_sum: float, correct_count: float, samples: float) -> None:
        self.noise = self.steps_noise
        super()._take(correct_length_sum, correct_count, samples)
        self.steps_noise = self.noise
        self.sums += correct_length_sum, correct_count
        if self.updates % self.block == 0 and self.sums[1]:
            self._end_block()
        self.noise = max(self.steps_noise, self.blocks_noise)

    def _end_block(self) -> None:
        self.blocks += 1
        mean, count = self.sums[0] / self.sums[1], self.sums[1]
        if self.last is not None:
            pair = count * self.last[1] / (count + self.last[1])  # makes the square one rollout's variance
            rate = NOISE_MEMORY / (self.blocks + NOISE_MEMORY - 2)
            self.blocks_noise += rate * (pair * (mean - self.last[0]) ** 2 - self.blocks_noise)
        self.last, self.sums = np.array([mean, count]), np.zeros(2)


def fires(rule: detect.Detector, rows: Iterable[Iterable[float]]) -> int | None:
    """Return the step of the heating signal."""
    return next((step for step, row in enumerate(rows) if rule.update(step, *row).heat_now), None)


def rules() -> list[detect.Detector]:
    """Return the rule as it is, and with blocks."""
    return [detect.Detector(), *map(Blocked, BLOCKS)]


def false(name: str, runs: int, seed: int) -> str:
    """Return the row of a world in which every signal is false."""
    found = []
    for run in range(runs):
        steps = list(WORLDS[name](np.random.default_rng([seed, list(WORLDS).index(name), run])))
        rows = [row[:3] for row in steps if row[2]]
        found.append([fires(rule, rows) is not None for rule in rules()])
    return f"| {name} | " + " | ".join(f"{hits}/{runs}" for hits in np.sum(found, axis=0)) + " |"


def late(name: str, runs: int, cache: Path) -> str:
    """Return the row of a setting: how many of the runs with a V were called, and the delay after its bottom."""
    delays: list[list[int]] = [[] for _ in rules()]
    valleys = 0
    for counts, _ in runs_of_conet.runs(name, runs, cache):
        bottom = runs_of_conet.bottom(counts)
        valleys += bottom is not None
        for rule, known in zip(rules(), delays) if bottom is not None else ():
            step = fires(rule, runs_of_conet.pooled(counts))
            if step is not None:
                known.append(step - bottom)
    cells = [f"{len(known)}/{valleys}, {runs_of_conet.quartiles(known)}" for known in delays]
    return f"| {name}, {runs} runs | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table, or write it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=30, help="of each policy where every signal is false")
    asked.add_argument("--seeds", type=int, default=10, help="of each setting of CoNet")
    asked.add_argument("--settings", nargs="*", default=["reference", "lr=400"])
    asked.add_argument("--cache", type=Path, default=Path("runs/verification"))
    asked.add_argument("--write", type=Path, help="put the table into this page, after its mark")
    chosen = asked.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    head = "| | as it is | " + " | ".join(f"blocks of {block}" for block in BLOCKS) + " |"
    lines = [head, "|---|" + "---|" * (1 + len(BLOCKS))]
    lines += [false(name, chosen.runs, 16) for name in CHOSEN]
    lines += [late(name, chosen.seeds, chosen.cache) for name in chosen.settings]
    text = "\n".join(lines)
    print(text)
    if chosen.write:
        before, mark, rest = chosen.write.read_text(encoding="utf-8").partition("<!-- blocks -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        chosen.write.write_text(f"{before}{mark}\n{text}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
