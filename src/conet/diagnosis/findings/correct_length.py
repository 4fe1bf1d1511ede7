"""The V of the correct length: where its bottom is, whether it is one, and what its right arm is."""

from dataclasses import dataclass, replace

import numpy as np

from conet.base.intervals import Interval, percentiles
from conet.detect import Counts, Valley, find_valley
from conet.detect.knee import FEWEST_ROWS
from conet.detect.valley import SOLVED
from conet.diagnosis.declare import Finding, Key, MainNumber, Result
from conet.diagnosis.log import Log
from conet.diagnosis.visits import Visits
from conet.diagnosis.words import ends, number, parts, step_of, steps_between, with_ends
from conet.observables.length import END_STEPS, WINDOW, length_decomposition

DRAWS = 200  # resamples of the parts, where problems are too many to unfold
SMALLEST_GAP = 0.02  # of a ratio from 1; so that the samples asked for stay finite


@dataclass(frozen=True)
class CorrectLength:
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


def find_v(found: Visits, counts: Counts) -> CorrectLength:
    """Look for the V of the correct length; ``counts`` are the visits unfolded."""
    if not found.measured:
        return CorrectLength(None, WINDOW, "the lengths of the answers are not known")
    epoch = epoch_steps(found)
    window = WINDOW
    if epoch > WINDOW:
        window = min(epoch + 1 - epoch % 2, max(WINDOW, len(counts.steps) // 5 | 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # lengths of zero
        valley = find_valley(counts, window=window)
    if valley is None:
        return CorrectLength(None, window, "no answer was correct")
    if len(counts.steps) < FEWEST_ROWS:
        valley = replace(valley, verdict="undecided")
        why = f"undecided: {len(counts.steps)} steps, and a V needs at least {FEWEST_ROWS}"
        return CorrectLength(valley, window, why)
    if found.problems > counts.problems or len(found.steps) > len(counts.steps):
        change, within, composition, ratio_within = exact_parts(found, valley.bottom.estimate, window)
        valley = replace(
            valley, change=change, within=within, composition=composition, within_ratio=ratio_within
        )
    return CorrectLength(valley, window, _why(valley, int(counts.steps[-END_STEPS:][0])))


def _why(valley: Valley, last: int) -> str:
    place = f"shortest at step {valley.bottom.estimate:.0f}"
    arms = f"start {with_ends(valley.start_ratio)} and end {with_ends(valley.end_ratio)} times the shortest length"
    if valley.verdict == "V":
        return f"{place}; {arms}"
    if valley.verdict == "no V":
        return f"no V{' so far' if valley.bottom.estimate >= last else ''}: {place}; {arms}"
    return f"undecided: {place}; {arms}"


def epoch_steps(found: Visits) -> int:
    """Steps from one visit of a problem to the next, usually; 1 where none is visited twice."""
    import polars as pl

    row = pl.col("step").rank("dense").cast(pl.Int64)
    gaps = found.table.select(row.diff().over("problem").alias("gap"))["gap"].drop_nulls()
    return int(gaps.median()) if len(gaps) else 1  # type: ignore[arg-type]


def exact_parts(found: Visits, bottom: float, window: int) -> list[Interval]:
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
    before, sums_before, samples, after, sums_after, _ = sums
    solved = (before >= SOLVED * samples) & (before > 0) & (after > 0)
    lengths = np.stack([sums_before / np.maximum(before, 1), sums_after / np.maximum(after, 1)])

    def measure(chosen: np.ndarray) -> list[float]:
        split = length_decomposition(*(part[chosen] for part in (before, sums_before, after, sums_after)))
        kept = chosen[solved[chosen]]
        pieces = [split[name] for name in ("change", "within", "composition")]
        bottom_and_end = lengths[::-1, kept].sum(axis=1)
        return [
            *(np.nan if piece is None else piece for piece in pieces),
            bottom_and_end[0] / bottom_and_end[1] if len(kept) else np.nan,
        ]

    rng = np.random.default_rng(0)
    whole = measure(np.arange(found.problems))
    draws = np.array([measure(rng.integers(found.problems, size=found.problems)) for _ in range(DRAWS)])
    return [percentiles(piece, draws[:, place]) for place, piece in enumerate(whole)]


def compute(log: Log) -> Result:
    """Find the V, and say what its right arm is made of."""
    found = find_v(log.visits, log.counts)
    valley, bottom = found.valley, found.bottom
    pooled, within = {}, {}
    shortest = None
    if valley is not None:
        pooled = {name: parts(getattr(valley, name)) for name in ("start_ratio", "end_ratio", "change")}
        within = {name: parts(getattr(valley, name)) for name in ("within_ratio", "within", "composition")}
        shortest = {"step": valley.bottom.estimate, "length": valley.length}
    values = {
        "v": None if valley is None else valley.verdict,
        "v_bottom_step": step_of(bottom),
        "v_bottom_interval": ends(bottom),
        "v_shortest": shortest,
        "v_pooled": pooled,
        "v_within": within,
    }
    where = f"step {step_of(bottom)}" if bottom is not None else values["v"] or "unknown"
    end, inside = (
        number(part.get(name, {}).get("estimate"), 2)
        for part, name in ((pooled, "end_ratio"), (within, "within_ratio"))
    )
    definition = (
        f"end over shortest: {end} pooled, {inside} within problems; interval {steps_between(ends(bottom))}"
    )
    return Result(
        values=values,
        caveats=_caveats(log, found),
        numbers=(MainNumber("V of the correct length", str(where), definition),),
        detail=found,
    )


def _caveats(log: Log, found: CorrectLength) -> dict[str, str]:
    valley = found.valley
    if valley is None:
        return dict.fromkeys(("v", "v_shortest", "v_bottom_step", "v_bottom_interval"), found.why)
    if found.bottom is None:
        more = ""
        if valley.verdict == "undecided" and np.isfinite(valley.end_ratio.low):
            more = f"; {_more(valley, log.visits.group)}"
        return {"v_bottom_step": found.why + more, "v_bottom_interval": "there is no bottom"}
    caveats = {}
    if np.isnan(valley.bottom.low):
        caveats["v_bottom_interval"] = "too few problems to resample"
    if np.isnan(valley.within_ratio.estimate):
        caveats["v_within"] = "no problem solved at the bottom was seen again at the end"
    return caveats


def _more(valley: Valley, samples: int) -> str:
    """How many samples would decide the V: noise falls with the root of their number."""
    half = (valley.end_ratio.high - valley.end_ratio.low) / 2
    gap = max(abs(valley.end_ratio.estimate - 1.0), SMALLEST_GAP)
    if not np.isfinite(half) or half <= gap:
        return "more steps would decide it"
    factor = (half / gap) ** 2
    return (
        f"about {factor:.0f} times as many samples (some {samples * factor:.0f} a problem and visit instead of "
        f"{samples}), or that many more steps, would decide it"
    )


FINDING = Finding(
    name="correct-length",
    compute=compute,
    keys=(
        Key("v", "text or null", "`V`, `no V` or `undecided`"),
        Key("v_bottom_step", "integer or null", "step of the shortest correct length, where there is a V"),
        Key("v_bottom_interval", "two numbers or null", "95 % interval of that step, over problems"),
        Key("v_shortest", "object or null", "`step` and `length` of the shortest windowed length, V or not"),
        Key(
            "v_pooled",
            "object",
            "start and end over the shortest (`start_ratio`, `end_ratio`) and the `change` of the length from the "
            "bottom to the end, each with `estimate`, `low` and `high`",
        ),
        Key(
            "v_within",
            "object",
            "`within_ratio`: end over bottom for the problems solved at the bottom; `within` and `composition`: the "
            "two parts of the change",
        ),
    ),
    decides=(
        "`V`: both arms are there with their whole 95 % intervals, and the end is at least 1.1 times the shortest; "
        "cross-fitted over problems, since the least of a noisy curve is always too low. `no V`: an arm lies below "
        "1.1 with its whole interval, or the shortest is the first or the last step. Else `undecided`"
    ),
    view="correct-length",
)
