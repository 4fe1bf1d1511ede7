"""How well the detectors do: regenerates every number of docs/detector.md.

    python verification/detector.py online      # the word "heat now": delays, misses, false alarms
    python verification/detector.py offline     # knee, two stages, V, coincidence
    python verification/detector.py forecast    # coverage of the forecast
    python verification/detector.py table       # the forecast's table, from its own seeds

Runs are kept in --cache (created where absent), so the second command is fast. One process.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from conet import detect
from conet.config import Config, preset
from conet.detect import Counts
from conet.detect.forecast import forecast_online
from conet.train import Training

# name: preset, changes, seeds from 0 on
SETTINGS: dict[str, tuple[str, dict, int]] = {
    "reference": ("reference", {}, 64),
    "lr=100": ("reference", {"learner.learning_rate": 100.0}, 32),
    "lr=70": ("reference", {"learner.learning_rate": 70.0}, 16),
    "lr=200": ("reference", {"learner.learning_rate": 200.0}, 32),
    "lr=400": ("reference", {"learner.learning_rate": 400.0}, 32),
    "paper (lr=500)": ("paper", {}, 32),
    "lr=700": ("reference", {"learner.learning_rate": 700.0}, 32),
    "lr=1000": ("reference", {"learner.learning_rate": 1000.0}, 16),
    "M=64, same lr/M": ("reference", {"tasks.questions": 64, "learner.learning_rate": 150.0}, 32),
    "M=256, same lr/M": ("reference", {"tasks.questions": 256, "learner.learning_rate": 600.0}, 32),
    "smoke": ("smoke", {}, 64),
    "critical": ("critical", {}, 64),
    "lr=10": ("reference", {"learner.learning_rate": 10.0}, 32),
    "L=100 G=64 Adam lr=0.1, 400 steps": (
        "reference",
        {
            "tasks.max_length": 100, "learner.rollouts": 64, "learner.optimizer": "adam",
            "learner.learning_rate": 0.1, "steps": 400,
        },
        8,
    ),
}  # fmt: skip
OWN_SEEDS = range(1000, 1032)
OWN_RATES = (100.0, 150.0, 300.0, 500.0, 700.0)
Run = tuple[Counts, np.ndarray]


def collect(config: Config, cache: Path) -> Run:
    """Train once; return the counts and the islands of every step."""
    file = cache / f"{config.content_hash[:24]}.npz"
    if not file.exists():
        training = Training(config)
        shape = config.steps, len(training.tasks)
        correct, length_sum = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        islands = np.full(config.steps, np.nan)
        for step in range(config.steps):
            row = training.advance()
            right = training.walks.correct.reshape(shape[1], -1)
            correct[step] = right.sum(axis=1)
            length_sum[step] = np.where(right, training.walks.length.reshape(right.shape), 0).sum(axis=1)
            islands[step] = row["islands"]
        np.savez_compressed(file, correct=correct, length_sum=length_sum, islands=islands)
    with np.load(file) as saved:
        counts = Counts.of(saved["correct"], saved["length_sum"], config.learner.rollouts)
        return counts, saved["islands"]


def runs(name: str, seeds: int | None, cache: Path) -> Iterator[Run]:
    """Yield the runs of one setting, seeds from 0 on."""
    base, changes, usual = SETTINGS[name]
    for seed in range(min(usual, seeds or usual)):
        yield collect(preset(base).override({"seed": seed, **changes}), cache)


def pooled(counts: Counts) -> np.ndarray:
    """Length sum, correct and samples of each step, shape (steps, 3)."""
    return np.stack([values.sum(axis=1) for values in (counts.length_sum, counts.correct, counts.samples)], 1)


def call(counts: Counts, **thresholds: float) -> int | None:
    """Return the step of "heat now"."""
    detector = detect.Detector(**thresholds)
    for step, row in enumerate(pooled(counts)):
        if detector.update(step, *row).heat_now:
            return step
    return None


def bottom(counts: Counts) -> int | None:
    """Return the plain V bottom."""
    return detect.v_bottom(*pooled(counts).T[:2])


def quartiles(values: list[int]) -> str:
    """Median and the middle 80 %."""
    if not values:
        return "-"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:+.0f} [{low:+.0f}, {high:+.0f}]"


def share(hits: int, of: int) -> str:
    """Count with its Clopper-Pearson interval."""
    if not of:
        return "-"
    ends = binomtest(hits, of).proportion_ci()
    return f"{hits}/{of} [{ends.low:.0%}, {ends.high:.0%}]"


def online(seeds: int | None, cache: Path) -> None:
    """Print delays and false alarms of every setting, and what each condition is for."""
    print("| setting | runs with V | called | before the bottom | call - V bottom | call - island peak "
          "| runs without V | false alarms |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name in SETTINGS:
        seen = [
            (call(counts), bottom(counts), detect.peak(islands))
            for counts, islands in runs(name, seeds, cache)
        ]
        valleys = [entry for entry in seen if entry[1] is not None]
        called = [entry for entry in valleys if entry[0] is not None]
        none = [entry for entry in seen if entry[1] is None]
        print(f"| {name} | {len(valleys)} | {share(len(called), len(valleys))} "
              f"| {sum(where < low for where, low, _ in called)} "
              f"| {quartiles([where - low for where, low, _ in called])} "
              f"| {quartiles([where - top for where, _, top in called if top is not None])} "
              f"| {len(none)} | {share(sum(where is not None for where, *_ in none), len(none))} |")  # fmt: skip
    print("\n| rule | " + " | ".join(ABLATED) + " |\n|---|" + "---|" * len(ABLATED))
    for label, thresholds in ABLATIONS.items():
        cells = []
        for name in ABLATED:
            seen = [(call(counts, **thresholds), bottom(counts)) for counts, _ in runs(name, seeds, cache)]
            delays = [where - low for where, low in seen if where is not None and low is not None]
            false = sum(where is not None and low is None for where, low in seen)
            cells.append(
                f"{quartiles(delays)}, {sum(low is None for _, low in seen)} without V: {false} false"
            )
        print(f"| {label} | " + " | ".join(cells) + " |")


ABLATED = ("reference", "lr=100", "smoke", "critical", "lr=10")
ABLATIONS: dict[str, dict[str, float]] = {
    "as it is": {},
    "without the noise of the rise (`rise_sigmas=0`)": {"rise_sigmas": 0},
    "without the share learned (`learned=0`)": {"learned": 0},
    "starts at once (`start_correct=0`)": {"start_correct": 0},
    "half the memory (`memory=4`)": {"memory": 4},
    "twice the memory (`memory=16`)": {"memory": 16},
}


def offline(seeds: int | None, cache: Path) -> None:
    """Print knee, models, V and coincidence of every setting."""
    for name in SETTINGS:
        began, moments, verdicts, numbers = time.time(), [], Counter(), []
        names = Counter()
        for counts, islands in runs(name, seeds or (None if name == "reference" else 16), cache):
            knee, models, valley = (
                detect.find_knee(counts),
                detect.curve_models(counts),
                detect.find_valley(counts),
            )
            found = detect.stages(counts.accuracy(), *pooled(counts).T[:2], islands)
            moments.append((found.v_bottom, found.island_peak, found.knee))
            verdicts[valley.verdict if valley else "no V"] += 1
            if models:
                names[models.verdict] += 1
                names["best: " + models.best] += 1
                names["segments beat line and exponential"] += models.bic["segments"] < min(
                    models.bic["line"], models.bic["exponential"]
                )
            ratio = knee.slope_ratio.estimate if knee.slope_ratio else np.nan
            low = knee.slope_ratio.low if knee.slope_ratio else np.nan
            numbers.append((ratio, low, *(part.estimate for part in (
                valley.start_ratio, valley.end_ratio, valley.change, valley.within, valley.composition,
                valley.within_ratio)), valley.plain_end_ratio) if valley else (ratio, low, *[np.nan] * 7))  # fmt: skip
        table = np.array(numbers)
        print(
            f"\n### {name}: {len(moments)} seeds\n\nV: {dict(verdicts)}. Curve: {dict(sorted(names.items()))}.\n"
        )
        labels = ("slope ratio", "its lower end", "start/bottom", "end/bottom (cross-fitted)", "change",
                  "within", "composition", "within ratio", "end/bottom (plain)")  # fmt: skip
        print("| number | median over seeds | middle 80 % |\n|---|---|---|")
        for label, column in zip(labels, table.T):
            known = column[~np.isnan(column)]
            if len(known):
                low, middle, high = np.quantile(known, [0.1, 0.5, 0.9], method="nearest")
                print(f"| {label} | {middle:.2f} | {low:.2f} to {high:.2f} |")
        heads = ("pair", "seeds", "second - first", "spread", "ratio", "rank correlation", "verdict")
        print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for pair in detect.coincidence(dict(zip(("V bottom", "island peak", "knee"), zip(*moments)))):
            print(f"| {pair.first}, {pair.second} | {pair.seeds} | {pair.difference.estimate:.0f} "
                  f"[{pair.difference.low:.0f}, {pair.difference.high:.0f}] | {pair.spread:.0f} "
                  f"| {pair.ratio.estimate:.2f} [{pair.ratio.low:.2f}, {pair.ratio.high:.2f}] "
                  f"| {pair.correlation:.2f} | {pair.verdict} |")  # fmt: skip
        print(f"\n({time.time() - began:.0f} s)", flush=True)


def passages(counts: Counts, levels: tuple[float, ...]) -> Iterator[tuple[str, detect.Detector]]:
    """Yield the detector at each first update with that much learned before its word, and at its word."""
    detector, waiting = detect.Detector(), 0
    for step, row in enumerate(pooled(counts)):
        known = detector.update(step, *row)
        if known.heat_now:
            yield "its word", detector
            return
        while waiting < len(levels) and known.learned is not None and known.learned >= levels[waiting]:
            yield f"{levels[waiting]:.0%}", detector
            waiting += 1


LEVELS = (0.03, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4)


def table(seeds: int | None, cache: Path) -> None:
    """Print the forecast's table from the seeds kept for it."""
    values: dict[str, list[float]] = {}
    for seed in list(OWN_SEEDS)[:seeds]:
        for rate in OWN_RATES:
            config = preset("reference").override({"seed": seed, "learner.learning_rate": rate})
            counts, _ = collect(config, cache)
            low = bottom(counts)
            for label, detector in passages(counts, LEVELS) if low is not None else ():
                unit = detector.shortest_step + 1 if detector.heat_now else detector.updates
                values.setdefault(label, []).append(np.log((low + 1) / unit))
    for label, logs in values.items():
        print(label, len(logs), np.quantile(logs, [0.1, 0.5, 0.9]).round(3))


SCORED = (0.03, 0.06, 0.1, 0.15, 0.25, 0.35)  # not those of the table


def forecast(seeds: int | None, cache: Path) -> None:
    """Print how often the bottom lay in the 80 % interval, on seeds the table has not seen."""
    times = [f"{level:.0%}" for level in SCORED] + ["its word"]
    print(f"| setting | {' | '.join(times)} | naive |\n|{'---|' * (len(times) + 2)}")
    for name in SETTINGS:
        scores: dict[str, list[tuple[bool, float]]] = {}
        naive = []
        for counts, _ in runs(name, seeds, cache):
            low = bottom(counts)
            if low is None:
                continue
            naive.append(abs(np.log(NAIVE / (low + 1))))
            for label, detector in passages(counts, SCORED):
                if told := forecast_online(detector):
                    error = abs(np.log((told.step + 1) / (low + 1)))
                    scores.setdefault(label, []).append((told.low <= low <= told.high, error))
        cells = []
        for label in times:
            hits, errors = zip(*scores.get(label, [(0, np.nan)]))
            cells.append(
                f"{sum(hits)}/{len(hits)}, {np.expm1(np.median(errors)):.0%}" if label in scores else "-"
            )
        if naive:
            print(f"| {name} | {' | '.join(cells)} | {np.expm1(np.median(naive)):.0%} |")


NAIVE = 70.0  # the guess to beat: always the usual bottom of "reference"

if __name__ == "__main__":
    commands: dict[str, Callable[[int | None, Path], None]] = {
        "online": online, "offline": offline, "forecast": forecast, "table": table,
    }  # fmt: skip
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=commands)
    parser.add_argument("--seeds", type=int, help="at most so many seeds a setting")
    parser.add_argument("--cache", type=Path, default=Path("runs/verification"))
    chosen = parser.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    commands[chosen.what](chosen.seeds, chosen.cache)
