"""How often the printed intervals hold the truth: `python verification/interval_coverage.py`.

Worlds with a known truth are drawn, and every interval of 95 % is made as the package makes it. Coverage is the
share of worlds in which it holds the truth, of those in which there is an interval at all.

* Over seeds: independent values, normal or skewed (log-normal, sigma 1), or the paired gains of a rule of which one
  seed in five gains a lot. The truth is the mean (median, ratio of means) of what they are drawn from.
* The share of the gap that a rule of the league closes: what tuned RLVR and a rule leave of the ground state are
  gamma-distributed, with means and deviations like those of three rules at M = 192.
* Exponents: what runs of the quench leave at seven rates (gamma-distributed, with means and deviations like those
  found), and shares at five sizes of 16 to 3 seeds (log-normal).
* Of one run: problems are drawn from a population (when a problem is learned, how long its answers are, how fast it
  is learned), then rollouts of each. The truth is the same statistic of the population itself: 512 problems that fill
  it evenly, without the noise of rollouts. Windows and their places are those of the run.
* Of one run with few problems (four): the intervals know the noise of rollouts only, so the truth is that of these
  four problems.

Judged by a rule that was fixed before the first run: an interval *covers* where the 95 % interval of its coverage
(Clopper and Pearson) lies above 0.90, is *too narrow* where it lies below, and is undecided else.

`--worlds 400` draws so many of each; `--write docs/intervals.md` puts the table there. Half an hour of one core.
`--only league` draws the worlds of that name alone; of the table that is written, other rows stay as they are.
"""

import argparse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from conet import detect
from conet.base.files import write_atomic
from conet.base.intervals import Interval, interval, mean_interval, share_interval
from conet.claims import finite_size_runs, quench
from conet.claims.league_runs import share_closed
from conet.detect.marks import knee_behind_bottom
from conet.detect.trend import find_trend
from conet.diagnosis.stages import find_stage, told_ratio
from conet.observables.pass_at_k import pass_at_k

FAIR = 0.90  # coverage that an interval of 95 % must have
ROWS, GROUP = 200, 8  # of a run
GRID = 512  # problems that stand for the population
Intervals = Mapping[str, Interval | None]
World = Callable[[np.random.Generator], Iterator[tuple[str, float, Interval | None]]]


def ends(estimate: float, pair: tuple[float, float]) -> Interval:
    """Put an estimate and the ends of its interval together."""
    return Interval(float(estimate), *pair)


# --- over seeds ---------------------------------------------------------------------------------------------------


def normal(rng: np.random.Generator, seeds: int) -> np.ndarray:
    """Draw values of mean 1."""
    return 1 + rng.standard_normal(seeds)


def skewed(rng: np.random.Generator, seeds: int) -> np.ndarray:
    """Draw log-normal values of mean 1."""
    return np.exp(rng.standard_normal(seeds) - 0.5)


def seldom(rng: np.random.Generator, seeds: int) -> np.ndarray:
    """Draw gains of mean 1: one seed in five gains a lot, the others next to nothing."""
    return np.where(rng.random(seeds) < 0.2, 5.0, 0.0) + 0.1 * rng.standard_normal(seeds)


def over_seeds(rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None]]:
    """Make the intervals over seeds: of a mean, a median, a share, a ratio of means, and of two moments."""
    for name, draw in (("normal", normal), ("skewed", skewed), ("seldom", seldom)):
        for seeds in (3, 6, 10, 16, 20, 32):
            values = draw(rng, seeds)
            yield f"mean over {seeds} seeds, {name}", 1.0, ends(values.mean(), interval(values))
    for seeds in (10, 16, 32):
        values = skewed(rng, seeds)
        found = ends(float(np.median(values)), interval(values, np.median))
        yield f"median over {seeds} seeds, skewed", float(np.exp(-0.5)), found
    for share in (0.02, 0.5):
        hits = int(rng.binomial(64, share))
        yield f"share of 64, {share:g}", share, ends(hits / 64, share_interval(hits, 64))
    early, late = np.exp(3 + 0.3 * rng.standard_normal((2, 16)))
    told = detect.coincidence({"one": early - 1, "other": late - 1})[0]
    yield "ratio of two moments over 16 seeds", 1.0, told.ratio
    for problems in (24, 64, 192):
        accuracy = rng.beta(0.5, 1.5, problems)
        right = rng.binomial(64, accuracy)
        for k, truth in ((1, 0.25), (8, _pass(8))):
            values = pass_at_k(right, 64, k)
            yield f"pass@{k} over {problems} problems", truth, ends(values.mean(), interval(values))
    for problems in (16, 128):
        gains = rng.beta(0.5, 1.5, problems) - rng.beta(0.5, 1.5, problems)
        yield f"difference of two runs over {problems} problems", 0.0, mean_interval(gains)


def _pass(k: int) -> float:
    """Return pass@k of a population whose accuracy is Beta(1/2, 3/2)."""
    misses = np.prod([(1.5 + i) / (2.0 + i) for i in range(k)])
    return float(1 - misses)


GAP = (0.0452, 0.0116)  # what tuned RLVR leaves of the ground state at M = 192: mean and deviation over seeds
LEFT = {0.97: 0.002, 0.5: 0.0084, 0.06: 0.0188}  # by the share closed: deviation of what a rule leaves


def of_the_league(rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None]]:
    """Make the intervals of the share of the gap that a rule closes."""

    def drawn(mean: float, deviation: float, seeds: int) -> np.ndarray:
        shape = (mean / deviation) ** 2
        return rng.gamma(shape, mean / shape, seeds)

    for share, deviation in LEFT.items():
        for seeds in (8, 16):
            gap = drawn(*GAP, seeds)
            gained = gap - drawn((1 - share) * GAP[0], deviation, seeds)
            yield f"share of the gap closed, {share:g}, {seeds} seeds", share, share_closed(gained, gap)


# What runs of six seeds leave of the ground state at seven rates: rate, mean and standard error (docs/results-annealing.md).
FROZEN = np.array(
    [
        (0.3, 0.0133, 0.0056),
        (0.6, 0.0529, 0.0104),
        (1.2, 0.0973, 0.0088),
        (2.4, 0.1882, 0.0112),
        (4.8, 0.3090, 0.0211),
        (9.6, 0.4216, 0.0190),
        (19.2, 0.5941, 0.0243),
    ]
).T
SIZES = {800: 16, 1600: 16, 3200: 8, 6400: 4, 12_800: 3}  # nodes, and seeds of the sweep of sizes


def of_exponents(rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None]]:
    """Make the intervals of exponents: of the quench, gamma-distributed, and of sizes, log-normal."""
    rate, mean, error = FROZEN
    shape = (mean / error) ** 2 / 6
    found = quench.law(rate, rng.gamma(shape, mean / shape, (6, len(mean))))
    truths = dict(zip(("exponent", "bend"), quench.slope_and_bend(rate, mean)))
    yield "exponent of the quench, 6 seeds", truths["exponent"], found["exponent"]
    yield "change of that exponent, 6 seeds", truths["bend"], found["bend"]
    for spread in (0.1, 0.6):
        runs = {
            nodes: np.exp(spread * rng.standard_normal(seeds)) * nodes**-0.1 for nodes, seeds in SIZES.items()
        }
        yield f"exponent over five sizes, spread {spread:g}", -0.1, ends(*finite_size_runs.exponent(runs))


# --- of one run ---------------------------------------------------------------------------------------------------


class Population(NamedTuple):
    """Problems: chance of a right answer and its length, each of shape (rows, problems)."""

    accuracy: np.ndarray
    length: np.ndarray


def population(drawn: np.ndarray, falls: float = 0.0) -> Population:
    """Return problems by three uniform numbers each: when learned, how long, how fast.

    Answers shorten while the first problems are learned; those that come late are longer by nature. So the pooled
    length has a V, and no problem has one. ``falls``: the share of the accuracy that is lost from row 140 on.
    """
    steps = np.arange(ROWS)[:, None]
    normals = ndtri(drawn)
    when = np.exp(np.log(45.0) + 0.9 * normals[:, 0])
    longer = 0.6 * normals[:, 0] + 0.8 * normals[:, 1]
    width = 3.0 + 9.0 * drawn[:, 2]
    accuracy = 0.02 + 0.95 / (1 + np.exp(np.clip((when - steps) / width, -50, 50)))
    lost = falls / (1 + np.exp(-(steps - 140) / 6.0))
    length = 100.0 * np.exp(0.35 * longer) * (1 + 1.2 * np.exp(-steps / 15.0))
    return Population(accuracy * (1 - lost), np.broadcast_to(length, accuracy.shape))


def rollouts(rng: np.random.Generator, of: Population) -> detect.Counts:
    """Draw a group of each problem at each row."""
    right = rng.binomial(GROUP, of.accuracy)
    lengths = (
        rng.gamma(np.maximum(4.0 * right, 1e-9)) * of.length / 4.0
    )  # of one: half as broad as it is long
    return detect.Counts.of(right.astype(float), np.where(right > 0, lengths, 0.0), float(GROUP))


def expected(of: Population) -> detect.Counts:
    """Return what the rollouts are on the average."""
    right = GROUP * of.accuracy
    return detect.Counts.of(right, right * of.length, float(GROUP))


def of_learning(counts: detect.Counts) -> Intervals:
    """Make the intervals of a run that learns."""
    knee, valley = detect.find_knee(counts), detect.find_valley(counts)
    assert valley is not None
    found = {
        "knee": knee.step,
        "slope ratio at the knee": told_ratio(knee, counts.problems),
        "bottom of the V": valley.bottom,
        "V: start over bottom": valley.start_ratio,
        "V: end over bottom": valley.end_ratio,
        "V: change from bottom to end": valley.change,
        "V: its part within problems": valley.within,
        "V: its part by other problems": valley.composition,
        "V: ratio within problems": valley.within_ratio,
        "rise of the accuracy": find_stage(counts).rise,
    }
    if knee.step is not None:
        apart = knee_behind_bottom(counts, knee.step.estimate, valley.bottom.estimate, valley.window)
        found["knee over bottom"] = None if apart is None else apart.ratio
        found["knee less bottom"] = None if apart is None else apart.difference
    return found


def of_falling(counts: detect.Counts) -> Intervals:
    """Make the intervals of a run whose accuracy falls."""
    trend = find_trend(counts)
    assert trend is not None
    return {"fall of the accuracy": trend.fall, "step of the fall": trend.step if trend.kind else None}


FALLS = 0.4
KINDS: dict[str, tuple[Callable[[detect.Counts], Intervals], float]] = {
    "learning": (of_learning, 0.0),
    "falling": (of_falling, FALLS),
}


def truths() -> dict[str, dict[str, float]]:
    """Return every statistic of the population itself."""
    grid = qmc.Sobol(3, rng=np.random.default_rng(0)).random(GRID)
    found = {}
    for kind, (make, falls) in KINDS.items():
        told = make(expected(population(grid, falls)))
        found[kind] = {name: one.estimate for name, one in told.items() if one is not None}
    return found


def of_runs(problems: int, known: dict[str, dict[str, float]]) -> World:
    """Return the world of runs with so many problems."""

    def draw(rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None]]:
        for kind, (make, falls) in KINDS.items():
            counts = rollouts(rng, population(rng.random((problems, 3)), falls))
            for name, one in make(counts).items():
                yield f"{name}, {problems} problems", known[kind][name], one

    return draw


def of_few(rng: np.random.Generator) -> Iterator[tuple[str, float, Interval | None]]:
    """Make the intervals of four problems, whose truth is their own."""
    for kind, (_, falls) in KINDS.items():
        own = population(rng.random((4, 3)), falls)
        counts, exact = rollouts(rng, own), expected(own)
        if kind == "learning":
            yield "rise, the same 4 problems", find_stage(exact).rise.estimate, find_stage(counts).rise
        else:
            told, truth = find_trend(counts), find_trend(exact)
            assert told is not None
            assert truth is not None
            yield "fall, the same 4 problems", truth.fall.estimate, told.fall


# --- the table ----------------------------------------------------------------------------------------------------


class Tally(NamedTuple):
    """Of one interval: worlds that had one, those in which it held the truth or lay below it, and worlds in all."""

    made: int = 0
    held: int = 0
    below: int = 0
    worlds: int = 0


def count(world: World, worlds: int, seed: int) -> dict[str, Tally]:
    """Draw worlds, and count how often each interval holds the truth."""
    found: dict[str, Tally] = {}
    for number in range(worlds):
        for name, truth, one in world(np.random.default_rng([seed, number])):
            low, high = (np.nan, np.nan) if one is None else (one.low, one.high)
            new = (not np.isnan(low), low <= truth <= high, high < truth, True)
            found[name] = Tally(*(old + int(added) for old, added in zip(found.get(name, Tally()), new)))
    return found


def judged(tally: Tally) -> str:
    """Return a judgement on an interval."""
    low, high = share_interval(tally.held, tally.made)
    return "covers" if low > FAIR else "too narrow" if high < FAIR else "undecided"


def row(name: str, tally: Tally) -> str:
    """Return a row of the table."""
    if not tally.made:
        return f"| {name} | – | | | | 0 of {tally.worlds} | |"
    low, high = share_interval(tally.held, tally.made)
    above = tally.made - tally.held - tally.below  # counted, since a difference of shares may be -0.000
    cells = (
        f"{tally.held / tally.made:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{tally.below / tally.made:.3f}",
        f"{above / tally.made:.3f}",
        f"{tally.made} of {tally.worlds}",
        judged(tally),
    )
    return f"| {name} | " + " | ".join(cells) + " |"


def worlds_of(only: Collection[str]) -> Iterator[tuple[int, World]]:
    """Yield the worlds that are asked for, each with its place, which its seed follows; all where none is."""
    known = truths() if not only or {"16", "64"} & set(only) else {}
    named: dict[str, World] = {
        "seeds": over_seeds,
        "16": of_runs(16, known),
        "64": of_runs(64, known),
        "few": of_few,
        "league": of_the_league,
        "exponents": of_exponents,
    }
    for place, (name, world) in enumerate(named.items()):
        if not only or name in only:
            yield place, world


HEAD = (
    "| interval | coverage | 95 % interval of it | lies below | lies above | worlds with one | |",
    "|---|---|---|---|---|---|---|",
)


def rows(worlds: int, seed: int, only: Collection[str]) -> Iterator[str]:
    """Yield the rows of the table, as Markdown."""
    for place, world in worlds_of(only):
        for name, tally in count(world, worlds, seed + place).items():
            yield row(name, tally)


def merged(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return the rows of a table with new ones in the place of those of the same name, or behind them."""
    found = {line.split("|")[1]: line for line in old if line.startswith("| ") and line != HEAD[0]}
    return [*(found | {line.split("|")[1]: line for line in new}).values()]


def main() -> None:
    """Print the table, or write it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--worlds", type=int, default=400)
    asked.add_argument("--seed", type=int, default=1600)
    asked.add_argument(
        "--only", nargs="+", default=(), choices=("seeds", "16", "64", "few", "league", "exponents")
    )
    asked.add_argument("--write", type=Path, help="put the table into this page, between its marks")
    chosen = asked.parse_args()
    lines = []
    for line in rows(chosen.worlds, chosen.seed, chosen.only):
        print(line, flush=True)
        lines.append(line)
    if chosen.write:
        before, mark, rest = chosen.write.read_text(encoding="utf-8").partition("<!-- coverage -->\n")
        old, end, after = rest.partition("<!-- end -->\n")
        found = "\n".join([*HEAD, *merged(old.splitlines() if chosen.only else (), lines)])
        write_atomic(chosen.write, f"{before}{mark}\n{found}\n\n{end}{after}")


if __name__ == "__main__":
    main()
