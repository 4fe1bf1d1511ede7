"""Which of the two stages a run is in, its knee and its V, each with what could not be decided."""

from dataclasses import dataclass, replace

import numpy as np

from conet.base.intervals import Interval, percentiles, resampled
from conet.detect import Counts, CurveModels, Knee, Valley, curve_models, find_knee, find_valley
from conet.detect.counts import FEWEST_PROBLEMS
from conet.detect.knee import FEWEST_ROWS, SMALLEST_RISE
from conet.detect.models import STRONG
from conet.detect.valley import SOLVED
from conet.diagnosis.visits import Visits
from conet.observables.length import END_STEPS, WINDOW, length_decomposition

STEEPER = 2.0  # times steeper before the knee than after it, with the whole interval
FIFTH = 0.2
DRAWS = 200


@dataclass(frozen=True)
class Stage:
    """The stage of a run and the evidence.

    Attributes
    ----------
    stage : str or None
        "slow" behind a knee; "fast" where the accuracy rises by 0.05 or more and no knee is seen yet;
        None where that cannot be told.
    why : str
    knee : Interval or None
        None unless the curve bends: twice as steep before as after with the whole interval, and two
        lines beat one by a BIC of 6.
    slope_ratio : Interval or None
        Slope before the knee over slope after it.
    rise : Interval
        Accuracy of the last fifth of the steps less that of the first.
    models : CurveModels or None
    """

    stage: str | None
    why: str
    knee: Interval | None
    slope_ratio: Interval | None
    rise: Interval
    models: CurveModels | None


def find_stage(counts: Counts) -> Stage:
    """Say which stage a run is in."""
    rise = _rise(counts)
    rows = len(counts.steps)
    if rows < FEWEST_ROWS:
        why = f"{rows} steps, and a knee needs at least {FEWEST_ROWS}"
        return Stage(None, why, None, None, rise, None)
    found, models = find_knee(counts), curve_models(counts)
    if _bends(found, models):
        assert found.step is not None
        assert found.slope_ratio is not None
        times, step = found.slope_ratio.estimate, found.step.estimate
        why = f"the accuracy rose {times:.0f} times as fast before step {step:.0f} (the knee) as after it"
        if not np.isfinite(times):
            why = f"the accuracy rose before step {step:.0f} (the knee) only"
        return Stage("slow", why, found.step, found.slope_ratio, rise, models)
    if rise.estimate >= SMALLEST_RISE and (rise.low > 0 or np.isnan(rise.low)):
        why = f"the accuracy has risen by {rise.estimate:.2f}, without a knee so far"
        return Stage("fast", why, None, None, rise, models)
    why = (
        f"the accuracy changed by {rise.estimate:+.3f} from the first to the last fifth of the steps, which is "
        "too little to tell a fast from a slow stage"
    )
    return Stage(None, why, None, None, rise, models)


def _bends(found: Knee, models: CurveModels | None) -> bool:
    if found.step is None or found.slope_ratio is None or models is None:
        return False
    sure = found.slope_ratio.low if np.isfinite(found.step.low) else found.slope_ratio.estimate / 2
    return sure >= STEEPER and models.bic["line"] - models.bic["segments"] >= STRONG


def _rise(counts: Counts) -> Interval:
    rows = max(1, round(FIFTH * len(counts.steps)))
    ends = [(slice(0, rows)), slice(len(counts.steps) - rows, None)]

    def rise(weights: np.ndarray | None) -> np.ndarray:
        parts = []
        for rows_chosen in ends:
            correct, samples = (
                counts.pooled(values[rows_chosen].sum(axis=0, keepdims=True), weights)
                for values in (counts.correct_count, counts.samples)
            )
            parts.append(correct / np.where(samples > 0, samples, np.nan))
        return (parts[1] - parts[0])[0]

    whole = float(rise(None))
    if counts.problems < FEWEST_PROBLEMS:
        return Interval(whole, np.nan, np.nan)
    return percentiles(whole, rise(resampled(counts.problems)))


@dataclass(frozen=True)
class V:
    """The V of the correct length.

    Attributes
    ----------
    valley : Valley or None
        None where nothing was correct, or lengths are unknown.
    window : int
        Steps of the centred window.
    why : str
        The verdict in words.
    """

    valley: Valley | None
    window: int
    why: str

    @property
    def bottom(self) -> Interval | None:
        """Where the length is shortest; None unless there is a V."""
        return self.valley.bottom if self.valley is not None and self.valley.verdict == "V" else None


def find_v(found: Visits, counts: Counts) -> V:
    """Look for the V of the correct length; ``counts`` are the visits unfolded."""
    if not found.measured:
        return V(None, WINDOW, "the lengths of the answers are not known")
    epoch = epoch_steps(found)
    window = (
        WINDOW if epoch <= WINDOW else min(epoch + 1 - epoch % 2, max(WINDOW, len(counts.steps) // 5 | 1))
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # lengths of zero
        valley = find_valley(counts, window=window)
    if valley is None:
        return V(None, window, "no answer was correct")
    if len(counts.steps) < FEWEST_ROWS:
        valley = replace(valley, verdict="undecided")
        return V(
            valley, window, f"undecided: {len(counts.steps)} steps, and a V needs at least {FEWEST_ROWS}"
        )
    if found.problems > counts.problems or len(found.steps) > len(counts.steps):
        change, within, composition, ratio_within = _parts(found, valley.bottom.estimate, window)
        valley = replace(
            valley, change=change, within=within, composition=composition, within_ratio=ratio_within
        )
    place = f"shortest at step {valley.bottom.estimate:.0f}"
    arms = f"start {ratio(valley.start_ratio)} and end {ratio(valley.end_ratio)} times the shortest length"
    if valley.verdict == "V":
        return V(valley, window, f"{place}; {arms}")
    if valley.verdict == "no V":
        late = valley.bottom.estimate >= counts.steps[-END_STEPS]
        return V(valley, window, f"no V{' so far' if late else ''}: {place}; {arms}")
    return V(valley, window, f"undecided: {place}; {arms}")


def epoch_steps(found: Visits) -> int:
    """Steps from one visit of a problem to the next, usually; 1 where none is visited twice."""
    import polars as pl

    row = pl.col("step").rank("dense").cast(pl.Int64)
    gaps = found.table.select(row.diff().over("problem").alias("gap"))["gap"].drop_nulls()
    return int(gaps.median()) if len(gaps) else 1  # type: ignore[arg-type]


def _parts(found: Visits, bottom: float, window: int) -> list[Interval]:
    """Change from bottom to end, its two parts and the ratio within problems, for too many to unfold."""
    steps = found.steps
    row = int(np.searchsorted(steps, bottom))
    sums = []
    for chosen in (steps[max(0, row - window // 2) : row + window // 2 + 1], steps[-END_STEPS:]):
        rows = found.table.filter(found.table["step"].is_between(chosen[0], chosen[-1]))
        problem = rows["problem"].to_numpy()
        sums += [
            np.bincount(problem, rows[name].to_numpy(), found.problems)
            for name in ("correct_count", "correct_length_sum", "samples")
        ]
    before, length_before, samples, after, length_after, _ = sums
    solved = (before >= SOLVED * samples) & (before > 0) & (after > 0)
    lengths = np.stack([length_before / np.maximum(before, 1), length_after / np.maximum(after, 1)])

    def measure(chosen: np.ndarray) -> list[float]:
        split = length_decomposition(*(part[chosen] for part in (before, length_before, after, length_after)))
        kept = chosen[solved[chosen]]
        parts = [split[name] for name in ("change", "within", "composition")]
        ends = lengths[::-1, kept].sum(axis=1)
        return [
            *(np.nan if part is None else part for part in parts),
            ends[0] / ends[1] if len(kept) else np.nan,
        ]

    rng = np.random.default_rng(0)
    whole = measure(np.arange(found.problems))
    draws = np.array([measure(rng.integers(found.problems, size=found.problems)) for _ in range(DRAWS)])
    return [percentiles(part, draws[:, place]) for place, part in enumerate(whole)]


def ratio(value: Interval) -> str:
    """Write an estimate with its interval."""
    if np.isnan(value.low):
        return f"{value.estimate:.2f}"
    return f"{value.estimate:.2f} [{value.low:.2f}, {value.high:.2f}]"
