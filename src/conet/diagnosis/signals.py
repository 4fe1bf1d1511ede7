"""What the groups say step by step: signal, truncation, filtering; and whether diversity is lost."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.base.intervals import Interval, mean_interval
from conet.diagnosis.visits import Visits
from conet.observables.pass_at_k import pass_at_k

if TYPE_CHECKING:
    import polars

WINDOW = 0.2  # share of the steps that count as early, and as late
MOST_K = 64
FEW = 10  # groups with one, and with two, right (or wrong) answers that a bound should rest on
FEWEST_PROBLEMS = 8


def steps_table(found: Visits) -> "polars.DataFrame":
    """Aggregate visits to steps.

    Returns
    -------
    polars.DataFrame
        ``step``, ``problems``, ``samples``, ``correct_count``, ``accuracy``, ``correct_length_sum``,
        ``correct_length``, ``groups`` (visits with two samples or more), ``all_right`` and
        ``all_wrong`` (shares of them: groups without signal), ``truncated_share``, ``distinct_share``
        (different answers over answers, in groups), ``pass_at_group`` (share of the groups of the
        usual size with a correct answer). Null where unknown.
    """
    import polars as pl

    group = pl.col("samples") >= 2
    right, wrong = pl.col("correct_count") == pl.col("samples"), pl.col("correct_count") == 0
    usual = pl.col("samples") == found.group
    return (
        found.table.group_by("step")
        .agg(
            problems=pl.len(),
            samples=pl.col("samples").sum(),
            correct_count=pl.col("correct_count").sum(),
            accuracy=pl.col("correct_count").sum() / pl.col("samples").sum(),
            correct_length_sum=pl.col("correct_length_sum").sum(),
            groups=group.sum(),
            all_right=right.filter(group).mean(),
            all_wrong=wrong.filter(group).mean(),
            truncated_share=pl.col("truncated_count").sum() / pl.col("truncation_known").sum(),
            distinct_share=pl.col("distinct_texts").filter(group).sum()
            / pl.col("samples").filter(group & pl.col("distinct_texts").is_not_null()).sum(),
            pass_at_group=(~wrong).filter(usual).mean(),
        )
        .with_columns(
            correct_length=pl.when(pl.lit(found.measured) & (pl.col("correct_count") > 0)).then(
                pl.col("correct_length_sum") / pl.col("correct_count")
            ),
            truncated_share=pl.col("truncated_share").fill_nan(None),
            distinct_share=pl.col("distinct_share").fill_nan(None),
        )
        .sort("step")
    )


@dataclass(frozen=True)
class Filtering:
    """Whether groups without signal were taken out before they were logged (dynamic sampling).

    Attributes
    ----------
    filtered : bool or None
        None where it cannot be told.
    observed, expected : float or None
        Groups without signal, and how many there must be at least, given the groups with one or two
        right (wrong) answers.
    """

    filtered: bool | None
    observed: float | None
    expected: float | None


def filtering(found: Visits) -> Filtering:
    """Say whether groups without signal are missing.

    Whatever accuracies the problems have, the shares P(c) of groups of size G with c right answers obey
    P(0) ≥ (P(1)/G)² / (P(2)/C(G,2)), since E[(1-p)^G] E[p²(1-p)^(G-2)] ≥ E[p(1-p)^(G-1)]² (Cauchy and
    Schwarz); likewise with right and wrong exchanged. Fewer than a fifth of that, and a chance below
    1 in 1,000 for so few, count as filtered (our choice).
    """
    from scipy.stats import poisson

    size = found.group
    if size < 4:
        return Filtering(None, None, None)
    right = found.table["correct_count"].filter(found.table["samples"] == size).to_numpy()
    number = np.bincount(right, minlength=size + 1).astype(np.float64)
    observed = expected = 0.0
    filtered = False
    for order in (number, number[::-1]):
        none, one, two = order[:3]
        if min(one, two) < FEW:
            continue
        bound = (one / size) ** 2 / (two / (size * (size - 1) / 2))
        bound *= np.exp(-2 * np.sqrt(4 / one + 1 / two))  # two standard errors below
        filtered |= bool(none < bound / 5 and poisson.cdf(none, bound) < 1e-3)
        observed, expected = observed + none, expected + bound
    if not expected:
        return Filtering(None, None, None)
    if not filtered and expected < 7:  # P(0 | 7) = 1e-3: too few could be missing to be missed
        return Filtering(None, observed, expected)
    return Filtering(filtered, observed, expected)


@dataclass(frozen=True)
class Diversity:
    """What many samples find and one does not: early in the run, and late, the problems held fixed.

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


def diversity(found: Visits, steps: "polars.DataFrame") -> Diversity | None:
    """Compare the first with the last fifth of a run; None where too few problems are in both."""
    all_steps = found.steps
    width = max(1, int(WINDOW * len(all_steps)))
    if len(all_steps) < 2 * width:
        return None
    (right, drawn), (right_late, drawn_late) = (
        _window(found, first, last)
        for first, last in ((all_steps[0], all_steps[width - 1]), (all_steps[-width], all_steps[-1]))
    )
    most = np.minimum(drawn, drawn_late)
    seen = most[most >= 2]
    if len(seen) < FEWEST_PROBLEMS:
        return None
    k = min(MOST_K, 2 ** int(np.log2(np.quantile(seen, 0.25))))
    chosen = most >= k
    curve_k = [2**power for power in range(k.bit_length())]
    early = np.stack([pass_at_k(right[chosen], drawn[chosen], size) for size in curve_k])
    late = np.stack([pass_at_k(right_late[chosen], drawn_late[chosen], size) for size in curve_k])
    one, many = (mean_interval(late[row] - early[row]) for row in (0, -1))
    distinct = [_mean_of(steps["distinct_share"].head(width)), _mean_of(steps["distinct_share"].tail(width))]
    findings = [_found(values.mean(axis=1)) for values in (early, late)]
    return Diversity(
        k, int(chosen.sum()), curve_k, early.mean(axis=1).tolist(), late.mean(axis=1).tolist(), one, many,
        findings[0], findings[1], distinct[0], distinct[1],
        tuple(_signs(k, one, many, distinct)),
    )  # fmt: skip


def _window(found: Visits, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Right and all samples of each problem within some steps."""
    rows = found.table.filter(found.table["step"].is_between(first, last))
    problem = rows["problem"].to_numpy()
    sums = (
        np.bincount(problem, rows[name].to_numpy(), found.problems) for name in ("correct_count", "samples")
    )
    right, drawn = (part.astype(np.int64) for part in sums)
    return right, drawn


def _found(curve: np.ndarray) -> float | None:
    missed = 1 - curve[0]
    return float((curve[-1] - curve[0]) / missed) if missed > 0.005 else None


def _signs(k: int, one: Interval, many: Interval, distinct: list[float | None]) -> list[str]:
    """Signs of policy collapse (thresholds: our choice)."""
    signs = []
    if one.low > 0 and many.high < 0:
        signs.append(f"pass@{k} falls ({many.estimate:+.3f}) while pass@1 rises ({one.estimate:+.3f})")
    if distinct[0] is not None and distinct[1] is not None and distinct[1] < distinct[0] / 2:
        signs.append(f"different answers in a group fell from {distinct[0]:.0%} to {distinct[1]:.0%}")
    return signs


def _mean_of(values: "polars.Series") -> float | None:
    found = values.mean()
    return None if found is None else float(found)  # type: ignore[arg-type]
