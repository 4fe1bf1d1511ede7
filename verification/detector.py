"""How well the detectors do: regenerates every number of docs/detector.md.

    python verification/detector.py online      # the word "heat now": delays, misses, false alarms
    python verification/detector.py noise       # false alarms of pure noise
    python verification/detector.py offline     # knee, two stages, V, coincidence
    python verification/detector.py forecast    # coverage of the forecast
    python verification/detector.py table       # the forecast's table, from its own seeds

Each with `--write docs/detector.md` puts its tables there. Runs are kept in --cache (created where
absent), so the second command is fast. One process; all of it takes about 20 minutes of one core.
"""

import argparse
import contextlib
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from conet import detect
from conet.base.intervals import share_interval
from conet.config import Config, preset
from conet.detect import Counts
from conet.detect.forecast import forecast_online
from conet.detect.valley import SMALLEST_RISE
from conet.runs.launch import Trainer

# name: preset, changes, seeds from 0 on
SETTINGS: dict[str, tuple[str, dict, int]] = {
    "reference": ("reference", {}, 64),
    "lr=70": ("reference", {"learner.learning_rate": 70.0}, 16),
    "lr=100": ("reference", {"learner.learning_rate": 100.0}, 32),
    "lr=200": ("reference", {"learner.learning_rate": 200.0}, 32),
    "lr=400": ("reference", {"learner.learning_rate": 400.0}, 32),
    "paper (lr=500)": ("paper", {}, 32),
    "lr=700": ("reference", {"learner.learning_rate": 700.0}, 32),
    "lr=1000": ("reference", {"learner.learning_rate": 1000.0}, 16),
    "M=64, same lr/M": ("reference", {"problems.count": 64, "learner.learning_rate": 150.0}, 32),
    "M=256, same lr/M": ("reference", {"problems.count": 256, "learner.learning_rate": 600.0}, 32),
    "smoke": ("smoke", {}, 64),
    "critical": ("critical", {}, 64),
    "lr=10": ("reference", {"learner.learning_rate": 10.0}, 32),
    "L=100 G=64 Adam lr=0.1, 400 steps": (
        "reference",
        {
            "problems.max_length": 100,
            "learner.rollouts": 64,
            "learner.optimizer": "adam",
            "learner.learning_rate": 0.1,
            "steps": 400,
        },
        8,
    ),
}
OWN_SEEDS = range(1000, 1032)
OWN_RATES = (100.0, 150.0, 300.0, 500.0, 700.0)
Run = tuple[Counts, np.ndarray]


def collect(config: Config, cache: Path) -> Run:
    """Train once; return the counts and the islands of every step."""
    file = cache / f"{config.content_hash[:24]}.npz"
    if not file.exists():
        training = Trainer(config)
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
    return np.stack(
        [values.sum(axis=1) for values in (counts.correct_length_sum, counts.correct_count, counts.samples)],
        1,
    )


def call(counts: Counts, **thresholds: float) -> int | None:
    """Return the step of "heat now"."""
    detector = detect.Detector(**thresholds)
    for step, row in enumerate(pooled(counts)):
        if detector.update(step, *row).heat_now:
            return step
    return None


def bottom(counts: Counts) -> int | None:
    """Plain reading: where the length is shortest, inside the run, if its end is 1.1 times as long."""
    found = detect.arc(*pooled(counts).T[:2])
    row, end = found["min_step"], found["end"]
    rises = end is not None and found["min"] is not None and end >= SMALLEST_RISE * found["min"]
    return row if row is not None and rises and 0 < row < len(counts.steps) - 1 else None


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
    low, high = share_interval(hits, of)
    digits = 1 if of > 1000 else 0
    return f"{hits}/{of} [{low:.{digits}%}, {high:.{digits}%}]"


def online(seeds: int | None, cache: Path) -> None:
    """Print delays and false alarms of every setting, and what each condition is for."""
    print(
        "| setting | runs with V | called | before the bottom | call - V bottom | call - island peak "
        "| runs without V | false alarms |\n|---|---|---|---|---|---|---|---|"
    )
    for name in SETTINGS:
        seen = [
            (call(counts), bottom(counts), detect.peak(islands))
            for counts, islands in runs(name, seeds, cache)
        ]
        valleys = [entry for entry in seen if entry[1] is not None]
        called = [entry for entry in valleys if entry[0] is not None]
        none = [entry for entry in seen if entry[1] is None]
        print(
            f"| {name} | {len(valleys)} | {share(len(called), len(valleys))} "
            f"| {sum(where < low for where, low, _ in called)} "
            f"| {quartiles([where - low for where, low, _ in called])} "
            f"| {quartiles([where - top for where, _, top in called if top is not None])} "
            f"| {len(none)} | {share(sum(where is not None for where, *_ in none), len(none))} |"
        )
    print("\n| rule | " + " | ".join(ABLATED) + " |\n|---|" + "---|" * len(ABLATED))
    for label, thresholds in ABLATIONS.items():
        cells = []
        for name in ABLATED:
            seen = [(call(counts, **thresholds), bottom(counts)) for counts, _ in runs(name, seeds, cache)]
            delays = [where - low for where, low in seen if where is not None and low is not None]
            false = [where is not None for where, low in seen if low is None]
            cells.append(f"{quartiles(delays)}; {sum(false)}/{len(false)}")
        print(f"| {label} | " + " | ".join(cells) + " |")


def noise(seeds: int | None, cache: Path) -> None:
    """Print false alarms in runs of pure noise: gamma lengths as broad as they are long."""
    steps = np.arange(400)
    print("| rollouts a step | mean length | false alarms |\n|---|---|---|")
    for rollouts, fall in ((128, 0), (16, 0), (128, 3)):
        generator, alarms, count = np.random.default_rng(99), 0, seeds or 2000
        for _ in range(count):
            correct = generator.binomial(rollouts, np.linspace(0.1, 0.8, 400))
            length_sum = generator.gamma(np.maximum(correct, 1e-9), 3 + fall * np.exp(-steps / 60))
            detector = detect.Detector()
            for step, row in enumerate(zip(length_sum, correct)):
                detector.update(step, *row, rollouts)
            alarms += detector.heat_now
        print(f"| {rollouts} | {'levels off, 6 to 3' if fall else 'constant'} | {share(alarms, count)} |")


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
    """Print the V, the two rows of evidence for two stages, and coincidence, of every setting."""
    tables: list[list[list[str]]] = [[], [], []]
    for name in SETTINGS:
        chosen = list(runs(name, seeds or (None if name == "reference" else 16), cache))
        valleys = [detect.find_valley(counts) for counts, _ in chosen]
        knees = [detect.find_knee(counts) for counts, _ in chosen]
        models = [detect.curve_models(counts) for counts, _ in chosen]
        found = [
            {
                "v_bottom": bottom(counts),
                "island_peak": detect.peak(islands),
                "knee": detect.knee(counts.accuracy()),
            }
            for counts, islands in chosen
        ]
        for table, row in zip(tables, (of_valleys(valleys), of_stages(knees, models), of_moments(found))):
            table.append([name, str(len(chosen)), *row])
        print(name, file=sys.stderr)
    for heads, table in zip((VALLEYS, TWO_STAGES, MOMENTS), tables):
        print(f"\n| setting | seeds | {' | '.join(heads)} |\n|{'---|' * (len(heads) + 2)}")
        for row in table:
            print(f"| {' | '.join(row)} |")


VALLEYS = (
    "V / undecided / no V",
    "start/bottom",
    "end/bottom",
    "the same, plain",
    "within",
    "composition",
    "within ratio",
)
TWO_STAGES = (
    "slope ratio",
    "its lower end",
    "segments beat line and exponential",
    "two stages / undecided / one curve",
    "best models",
)
MOMENTS = (
    "V bottom",
    "island peak",
    "knee",
    "island peak - V bottom",
    "ratio",
    "rank correlation",
    "verdict",
    "knee / V bottom",
    "knee / island peak",
)


def spread(values: list[float]) -> str:
    """Median and the middle 80 % of what is known."""
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return "-"
    low, middle, high = np.quantile(known, [0.1, 0.5, 0.9], method="nearest")
    digits = 0 if abs(middle) >= 10 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def tally(values: list[str], *names: str) -> str:
    """Count the names."""
    return " / ".join(str(values.count(name)) for name in names)


def of_valleys(valleys: list) -> list[str]:
    """Cells on the V."""
    fields = ("start_ratio", "end_ratio", "plain_end_ratio", "within", "composition", "within_ratio")
    columns = [[getattr(valley, field) for valley in valleys] for field in fields]
    columns = [
        [value if isinstance(value, float) else value.estimate for value in column] for column in columns
    ]
    verdicts = [valley.judgement for valley in valleys]
    return [tally(verdicts, "V", "undecided", "no V"), *map(spread, columns)]


def of_stages(knees: list, models: list) -> list[str]:
    """Cells on knee and models."""
    ratios = [knee.slope_ratio for knee in knees if knee.slope_ratio]
    beaten = [each.bic["segments"] < min(each.bic["line"], each.bic["exponential"]) for each in models]
    best = Counter(each.best for each in models).most_common()
    return [
        spread([ratio.estimate for ratio in ratios]),
        spread([ratio.low for ratio in ratios]),
        f"{sum(beaten)}/{len(beaten)}",
        tally([each.judgement for each in models], "two stages", "undecided", "one curve"),
        ", ".join(f"{name} {count}" for name, count in best),
    ]


def of_moments(found: list) -> list[str]:
    """Cells on the moments and their coincidence."""
    names = ("v_bottom", "island_peak", "knee")
    moments = {name: [stages[name] for stages in found] for name in names}
    near, far, late = detect.coincidence(moments)
    steps = [spread([np.nan if step is None else float(step) for step in moments[name]]) for name in names]
    difference, *ratios = (
        f"{part.estimate:.{digits}f} [{part.low:.{digits}f}, {part.high:.{digits}f}]"
        if part.estimate == part.estimate
        else "-"
        for part, digits in ((near.difference, 0), (near.ratio, 2), (far.ratio, 2), (late.ratio, 2))
    )
    return [
        *steps,
        difference,
        ratios[0],
        f"{near.correlation:.2f}".replace("nan", "-"),
        f"{near.judgement} ({near.seeds} seeds)",
        *ratios[1:],
    ]


def passages(counts: Counts, levels: tuple[float, ...]) -> Iterator[tuple[str, detect.Detector]]:
    """Yield the detector at each first update with that much learned before its signal, and at its signal."""
    detector, waiting = detect.Detector(), 0
    for step, row in enumerate(pooled(counts)):
        known = detector.update(step, *row)
        if known.heat_now:
            yield "its signal", detector
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
    times = [f"{level:.0%}" for level in SCORED] + ["its signal"]
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
        "online": online,
        "noise": noise,
        "offline": offline,
        "forecast": forecast,
        "table": table,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=commands)
    parser.add_argument("--seeds", type=int, help="at most so many seeds a setting")
    parser.add_argument("--cache", type=Path, default=Path("runs/verification"))
    parser.add_argument("--write", type=Path, help="put the tables into this page, after their mark")
    chosen = parser.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        commands[chosen.what](chosen.seeds, chosen.cache)
    print(printed.getvalue())
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        before, _, rest = page.partition(f"<!-- {chosen.what} -->\n")
        _, _, after = rest.partition("<!-- end -->\n")
        page = f"{before}<!-- {chosen.what} -->\n\n{printed.getvalue().strip()}\n\n<!-- end -->\n{after}"
        chosen.write.write_text(page, encoding="utf-8")
