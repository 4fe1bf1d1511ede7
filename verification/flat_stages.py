"""How often the stage is wrong about a run in which nothing happens: `python verification/flat_stages.py`.

Policies whose accuracy on each problem is constant are drawn, with small logs as people have them, and the
stage is asked for. Whatever it says but "flat" is a false alarm. docs/diagnose.md says what came out.
"""

import argparse
from collections import Counter

import numpy as np

from conet.diagnosis.stages import find_stage
from conet.rollouts import Counts

# Steps, problems, samples a visit, and which problems a step visits.
SHAPES = (
    (12, 8, 8, "all"),
    (18, 8, 4, "all"),
    (18, 16, 4, "all"),
    (18, 4, 8, "all"),
    (18, 32, 4, "epochs"),
    (40, 8, 8, "all"),
    (40, 32, 4, "epochs"),
    (60, 480, 8, "once"),
)


def flat(seed: int, steps: int, problems: int, samples: int, visits: str) -> Counts:
    """Draw a run whose accuracies are constant."""
    rng = np.random.default_rng([seed, steps, problems, samples])
    accuracy = rng.beta(1, 1.5, problems)
    seen = np.ones((steps, problems), bool)
    if visits == "epochs":  # a quarter of the problems a step, in a new order each time
        seen[:] = False
        order = np.concatenate([rng.permutation(problems) for _ in range(-(-steps // 4))])
        for step in range(steps):
            seen[step, order[step * problems // 4 : (step + 1) * problems // 4]] = True
    elif visits == "once":
        seen = np.repeat(np.eye(steps, dtype=bool), problems // steps, axis=1)
    drawn = np.where(seen, samples, 0)
    right = rng.binomial(drawn, accuracy[None]).astype(np.float64)
    return Counts.of(right, 5 * right, drawn.astype(np.float64), np.arange(1, steps + 1))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, default=400)
    seeds = asked.parse_args().seeds
    print("| steps | problems | samples | visits | fast or slow | falling or collapsed | recovered |")
    print("|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        found = Counter(find_stage(flat(seed, *shape)).stage for seed in range(seeds))
        kinds = (("fast", "slow"), ("falling", "collapsed"), ("recovered",))
        rates = [f"{sum(found[name] for name in names) / seeds:.1%}" for names in kinds]
        print(f"| {' | '.join(map(str, (*shape, *rates)))} |", flush=True)


if __name__ == "__main__":
    main()
