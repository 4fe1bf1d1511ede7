"""What `schedule.name=temperature` gains over `rlvr`: the regimes of docs/schedules.md, paired by seed.

    python verification/temperature.py
    python verification/temperature.py --set schedule.adaptive_groups=true schedule.sft_every=15
    python verification/temperature.py --first 20 --set schedule.cooling=critical --base schedule.name=temperature

With `--base` the first column is another run than `rlvr`. Both have the same graph, problems, updates and
rollouts. One run takes a few seconds, all of them some ten minutes; a row is printed when its seeds are done.
"""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conet.base.intervals import standard_error
from conet.cells.training import QUIET, start, train
from conet.cli.options import parse_pairs
from conet.engine import exact

HEADER = "| regime | {} | `temperature` | gain | worst seed | hops walked |\n|---|---|---|---|---|---|"


def regime(problems: int, rate: float, degree: int = 40, longest: int = 15) -> dict[str, Any]:
    """Return the changes to `reference`."""
    return {
        "problems.count": problems,
        "learner.learning_rate": rate,
        "graph.degree": degree,
        "problems.max_length": longest,
    }


REGIMES = {
    "M = 128, rate 300": regime(128, 300.0),
    "M = 128, rate 100": regime(128, 100.0),
    "M = 192, rate 450": regime(192, 450.0),
    "M = 256, rate 300": regime(256, 300.0),
    "M = 320, rate 750": regime(320, 750.0),
    "M = 320, rate 375": regime(320, 375.0),
    "M = 192, rate 450, K = 10": regime(192, 450.0, degree=10),
    "M = 192, rate 450, L = 40": regime(192, 450.0, longest=40),
    "M = 192, rate 900": regime(192, 900.0),
}


def measured(seed: int, changes: Mapping[str, Any]) -> tuple[float, int]:
    """Train; return the exact pass@1 at the end, and the hops walked."""
    trainer = start("reference", seed, {**QUIET, **changes})
    train(trainer)
    return float(exact.solve(trainer.policy, trainer.problems).success.mean()), trainer.walker_steps


def row(
    name: str,
    changes: Mapping[str, Any],
    further: Mapping[str, Any],
    seeds: range,
    base: Mapping[str, Any] | None = None,
) -> str:
    """Run both schedules on all seeds; return a line of the table."""
    warm = {**changes, "schedule.name": "temperature", **further}
    plain_changes = {**changes, **(base or {})}
    pairs = np.array([[measured(seed, one) for one in (plain_changes, warm)] for seed in seeds])
    plain, found = pairs[:, :, 0].T
    gain, hops = found - plain, pairs[:, 1, 1].sum() / pairs[:, 0, 1].sum()
    error = f" ± {standard_error(gain):.3f}" if len(gain) > 1 else ""
    cells = f"{plain.mean():.3f} | {found.mean():.3f} | {gain.mean():+.3f}{error} | {gain.min():+.3f}"
    return f"| {name} | {cells} | {hops:.2f} |"


def table(given: argparse.Namespace) -> Iterator[str]:
    """Return the lines of the table, each when it is known."""
    yield HEADER.format(f"`{' '.join(given.base)}`" if given.base else "`rlvr`")
    for name, changes in REGIMES.items():
        if given.regimes is None or name in given.regimes:
            seeds = range(given.first, given.first + given.seeds)
            yield row(
                name,
                {**changes, "steps": given.updates},
                parse_pairs(given.set),
                seeds,
                parse_pairs(given.base),
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--regimes", nargs="+", choices=REGIMES, help="these alone")
    parser.add_argument("--set", nargs="*", help="further settings of `temperature`, as key=value")
    parser.add_argument("--base", nargs="*", help="settings of what it is held against, in place of `rlvr`")
    for line in table(parser.parse_args()):
        print(line, flush=True)


if __name__ == "__main__":
    main()
