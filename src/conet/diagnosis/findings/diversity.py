"""Whether diversity is lost: what many samples find and one does not, early in the run and late."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, mean_interval
from conet.diagnosis.declare import Finding, Headline, Key, Result, Urgency
from conet.diagnosis.log import Log, fifth, mean_of
from conet.diagnosis.remedies import COLLAPSE, remedy_for
from conet.diagnosis.visits import Visits
from conet.observables.pass_at_k import pass_at_k

if TYPE_CHECKING:
    import polars

MOST_K = 64
ALIKE = 0.25  # of the pairs that differed, so many fewer differ where answers become alike (our choice)
SMALLEST_MISS = 0.005  # of pass@1 from 1, below which there is nothing left to find


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """What many samples find and one does not, the problems held fixed.

    Attributes
    ----------
    k : int
        Samples that count as many.
    problems : int
        Problems with at least k samples in both windows (the first and the last fifth of the steps).
    curve_k : list of int
    early, late : list of float
        pass@k at these k, averaged over the problems.
    change_one, change_many : Interval
        Of pass@1 and of pass@k from early to late; mean and 95 % interval over problems.
    found_early, found_late : float or None
        Of what one sample misses, the share that k samples find: (pass@k - pass@1) / (1 - pass@1).
    distinct_early, distinct_late : float or None
        Different answers over answers, in groups.
    signs : tuple of str
        Signs of policy collapse; empty where there is none.
    """

    k: int
    problems: int
    curve_k: list[int]
    early: list[float]
    late: list[float]
    change_one: Interval
    change_many: Interval
    found_early: float | None
    found_late: float | None
    distinct_early: float | None
    distinct_late: float | None
    signs: tuple[str, ...]


def diversity(
    found: Visits, steps: "polars.DataFrame", rows: "polars.DataFrame | None" = None
) -> Diversity | None:
    """Compare the first with the last fifth of a run; None where too few problems are in both.

    With the rollouts, fewer different answers are a sign only where :func:`more_alike` says so, too.
    """
    all_steps = found.steps
    width = fifth(len(all_steps))
    if len(all_steps) < 2 * width:
        return None
    early_counts = _window(found, all_steps[0], all_steps[width - 1])
    late_counts = _window(found, all_steps[-width], all_steps[-1])
    most = np.minimum(early_counts[1], late_counts[1])
    seen = most[most >= 2]
    if len(seen) < FEWEST_PROBLEMS:  # with two samples or more in both windows
        return None
    k = min(MOST_K, 2 ** int(np.log2(np.quantile(seen, 0.25))))
    chosen = most >= k
    curve_k = [2**power for power in range(k.bit_length())]
    early, late = (
        np.stack([pass_at_k(right[chosen], drawn[chosen], size) for size in curve_k])
        for right, drawn in (early_counts, late_counts)
    )
    one, many = (mean_interval(late[row] - early[row]) for row in (0, -1))
    shares = steps["distinct_share"]
    distinct = [mean_of(part) for part in (shares.head(width), shares.tail(width))]
    windows = [(int(part[0]), int(part[-1])) for part in (all_steps[:width], all_steps[-width:])]
    return Diversity(
        k=k,
        problems=int(chosen.sum()),
        curve_k=curve_k,
        early=early.mean(axis=1).tolist(),
        late=late.mean(axis=1).tolist(),
        change_one=one,
        change_many=many,
        found_early=_found_by_more(early.mean(axis=1)),
        found_late=_found_by_more(late.mean(axis=1)),
        distinct_early=distinct[0],
        distinct_late=distinct[1],
        signs=tuple(_signs(k, one, many, distinct, lambda: rows is None or more_alike(rows, *windows))),
    )


def _window(found: Visits, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and all samples of each problem within some steps."""
    rows = found.table.filter(found.table["step"].is_between(first, last))
    problem = rows["problem"].to_numpy()
    sums = (
        np.bincount(problem, rows[name].to_numpy(), found.problems) for name in ("correct_count", "samples")
    )
    right, drawn = (part.astype(np.int64) for part in sums)
    return right, drawn


def _found_by_more(curve: np.ndarray) -> float | None:
    missed = 1 - curve[0]
    return float((curve[-1] - curve[0]) / missed) if missed > SMALLEST_MISS else None


def more_alike(rows: "polars.DataFrame", early: tuple[int, int], late: tuple[int, int]) -> bool:
    """Whether right answers, or wrong ones, to the same problem have become alike.

    Where answers are short, right ones to one problem are alike by nature, and a policy that learns them
    writes fewer different answers. So right ones are compared with right ones, and wrong ones with wrong
    ones: by the share of pairs in a group that differ, which does not depend on how many they are.

    Parameters
    ----------
    rows
        Rollouts of the split that is diagnosed, as a record has them.
    early, late
        First and last step of the two windows.

    Returns
    -------
    bool
        True also where neither can be told.
    """
    shares = [_different_pairs(rows, *window) for window in (early, late)]
    told = [side for side in (True, False) if all(side in part for part in shares)]
    return not told or any(shares[1][side] < (1 - ALIKE) * shares[0][side] for side in told)


def _different_pairs(rows: "polars.DataFrame", first: int, last: int) -> dict[bool, float]:
    """Share of the pairs of right answers, and of wrong ones, in one group that differ."""
    import polars as pl

    group = ["step", "problem", "correct"]
    within = rows.lazy().filter(pl.col("step").is_between(first, last) & pl.col("text_hash").is_not_null())
    times = pl.col("times").cast(pl.Int64)
    pairs = (
        within.group_by(*group, "text_hash")
        .agg(times=pl.len())
        .group_by(*group)
        .agg(same=(times * (times - 1)).sum(), all=times.sum() * (times.sum() - 1))
        .group_by("correct")
        .agg(pl.col("same", "all").sum())
        .filter((pl.col("all") > 0) & pl.col("correct").is_not_null())
        .collect()
    )
    return {
        side: 1 - same / every for side, same, every in pairs.select("correct", "same", "all").iter_rows()
    }


def _signs(
    k: int, one: Interval, many: Interval, distinct: list[float | None], alike: Callable[[], bool]
) -> list[str]:
    """Signs of policy collapse (thresholds: our choice)."""
    signs = []
    if one.low > 0 and many.high < 0:
        signs.append(f"pass@{k} falls ({many.estimate:+.3f}) while pass@1 rises ({one.estimate:+.3f})")
    early, late = distinct
    if early is not None and late is not None and late < early / 2 and alike():
        signs.append(f"different answers in a group fell from {early:.0%} to {late:.0%}")
    return signs


def compute(log: Log) -> Result:
    """Compare early with late, and name the signs of policy collapse."""
    rows = log.record.rows
    found = diversity(log.visits, log.steps, rows.filter(rows["split"] == log.split))
    if found is None:
        why = (
            f"fewer than {FEWEST_PROBLEMS} problems have two samples or more both in the first and in the "
            "last fifth of the steps"
        )
        return Result(caveats={"collapse": why, "diversity": why})
    curve = zip(found.curve_k, found.early, found.late)
    values = {
        "k": found.k,
        "problems": found.problems,
        "pass_at_k": {str(k): [early, late] for k, early, late in curve},
        "found_by_more_samples": [found.found_early, found.found_late],
        "distinct_share": [found.distinct_early, found.distinct_late],
        "signs": list(found.signs),
    }
    signs = "; ".join(found.signs)
    text = f"Signs of policy collapse: {signs}."
    remedy = remedy_for(log, "collapse", COLLAPSE)
    said = Headline(text=text, urgency=Urgency.WARNING, evidence=signs, remedy=remedy)
    return Result(
        values={"collapse": bool(signs), "diversity": values},
        headlines=(said,) if signs else (),
        detail=found,
    )


FINDING = Finding(
    name="diversity",
    compute=compute,
    keys=(
        Key("collapse", "true, false or null", "whether there is a sign of policy collapse"),
        Key(
            "diversity",
            "object or null",
            "`pass_at_k`, early and late, for the same `problems`; `found_by_more_samples`: of what one "
            "sample misses, the share that `k` find; `distinct_share`: different answers in a group; "
            "`signs` of collapse, in words",
        ),
    ),
    decides=(
        "`collapse`: more samples find less than before while one sample finds more (same problems, both "
        "with their whole 95 % intervals), or different answers in a group have halved, "
        f"and of pairs of right or of wrong ones {ALIKE:.0%} fewer differ. Not the measure of "
        "claim C6, the gap between pass@256 and pass@1"
    ),
    view="diversity",
)
