"""Groups without signal: how many there are, and whether they were taken out before they were logged."""

from dataclasses import dataclass

import numpy as np

from conet.base.text import number
from conet.diagnosis.declare import NO_ROLLOUTS, Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log, ends, mean_of, per_step_values, ratio, weighted
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.visits import Visits
from conet.diagnosis.words import share

SMALLEST_GROUP = 4  # rollouts; in smaller ones too little can be seen
FEWEST_GROUPS = 10  # with one, and with two, right (or wrong) answers that the bound should rest on
FEWER_BY = 5.0  # times fewer groups without signal than the bound count as filtered
MOST_SILENT = 0.8  # share of groups without signal beyond which it is said (our choice)
REMEDY = Remedy(
    "draw more answers a problem, leave out problems that are always right or wrong, or draw until groups "
    "differ",
    "TRL: num_generations; `conet llm train`: schedule.name=temperature schedule.adaptive_groups=true; "
    "verl: actor_rollout_ref.rollout.n, algorithm.filter_groups; DAPO, arXiv 2503.14476",
)
ALL_RIGHT = Remedy(
    "stop, or go on with harder problems: nearly every answer is right, so hardly anything is left to learn",
    "DAPO, arXiv 2503.14476, section 3.2: groups that are all right have no gradient",
)
ALL_WRONG = Remedy(
    "if verifier and format are sound: easier problems first, more warm-up by SFT, or more answers a problem",
    "TRL: num_generations; `conet llm train`: warmup.steps; verl: actor_rollout_ref.rollout.n",
)
LEARNED = 0.99  # accuracy from which on nothing is left to learn, as in adaptive groups
SAME = 1e-6  # rewards that differ by less are one
DIFFERS = 0.05  # so many more groups differ in their rewards than in what is correct (our choice)
MOST_CHANCE = 1e-3  # that so few groups without signal are there by chance


@dataclass(frozen=True)
class Filtering:
    """Whether groups without signal were taken out before they were logged (dynamic sampling).

    Attributes
    ----------
    filtered : bool or None
        None where it is not known.
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
    from scipy.special import pdtr  # scipy.stats, which has the distribution by name, loads slowly

    size = found.group
    if size < SMALLEST_GROUP:
        return Filtering(None, None, None)
    right = found.table["correct_count"].filter(found.table["samples"] == size).to_numpy()
    groups = np.bincount(right, minlength=size + 1).astype(np.float64)
    observed = expected = 0.0
    filtered = False
    for order in (groups, groups[::-1]):
        none, one, two = order[:3]
        if min(one, two) < FEWEST_GROUPS:
            continue
        bound = (one / size) ** 2 / (two / (size * (size - 1) / 2))
        bound *= np.exp(-2 * np.sqrt(4 / one + 1 / two))  # two standard errors below
        filtered |= bool(none < bound / FEWER_BY and pdtr(none, bound) < MOST_CHANCE)
        observed, expected = observed + none, expected + bound
    if not expected:
        return Filtering(None, None, None)
    if not filtered and np.exp(-expected) > MOST_CHANCE:  # so few that not one may be there by chance
        return Filtering(None, observed, expected)
    return Filtering(filtered, observed, expected)


def compute(log: Log) -> Result:
    """Count the groups whose answers are all right or all wrong."""
    if not log.has_rollouts:
        return _of_scalars(log)
    steps, found = log.steps, filtering(log.visits)
    silent = steps["groups_without_signal"]
    start, end = silent.head(log.fifth).mean(), silent.tail(log.fifth).mean()
    shares: dict[str, float | None] = {"start": start, "end": end}  # type: ignore[dict-item]
    caveats: dict[str, str] = {}
    if not (log.visits.table["samples"] >= 2).any():
        none = "one sample a visit: there are no groups"
        caveats |= {"groups_without_signal": none, "teaching_share": none}
    if found.filtered:
        caveats["filtered_groups"] = (
            "groups without signal are missing (dynamic sampling), so every accuracy here is that of the "
            "groups that were kept, and dead problems cannot be seen"
        )
    elif found.filtered is None:
        caveats["filtered_groups"] = "too few groups of four or more samples to tell"
    equal = equal_rewards(log)
    if equal is not None and end is not None and equal < end - DIFFERS:  # type: ignore[operator]
        caveats["teaching_share"] = (
            f"in {share(1 - equal)} of the groups of the last fifth rewards differ: groups that are all "
            "right or all wrong teach too, by their other rewards alone"
        )
    said = Headline(
        text="Groups without signal are missing from the files: every accuracy is that of the groups kept.",
        urgency=Urgency.NOTE,
    )
    definition = f"last fifth; first fifth {number(start, 2)}"  # type: ignore[arg-type]
    return Result(
        values={
            "groups_without_signal": {"all": weighted(steps, silent), "start": start, "end": end},
            "teaching_share": {name: None if part is None else 1 - part for name, part in shares.items()},
            "filtered_groups": found.filtered,
        },
        caveats=caveats,
        headlines=(said,) if found.filtered else _silent(log, shares["end"], equal),
        numbers=(MainNumber("groups without signal", number(end, 2), definition),),  # type: ignore[arg-type]
        detail=found,
    )


def _of_scalars(log: Log) -> Result:
    """Return the share of groups without signal that the trainer logged."""
    values = np.zeros(0) if log.scalars is None else per_step_values(log.scalars, "groups_without_signal")
    unknown = {"filtered_groups": NO_ROLLOUTS}
    if not np.isfinite(values).any():
        none = "the trainer did not log it"
        return Result(caveats=unknown | {"groups_without_signal": none, "teaching_share": none})
    silent = ends(values)
    teaching = {name: None if part is None else 1 - part for name, part in silent.items()}
    end = number(silent["end"], 2)
    return Result(
        values={
            "groups_without_signal": {"all": float(np.nanmean(values)), **silent},
            "teaching_share": teaching,
        },
        caveats=unknown,
        numbers=(MainNumber("groups without signal", end, "last fifth, as the trainer logged it"),),
    )


def equal_rewards(log: Log) -> float | None:
    """Share of the groups of the last fifth whose answers all get the same reward; None where not known.

    With a reward for the format beside what is correct, fewer than those that are all right or all wrong.
    """
    import polars as pl

    rows = log.record.rows.lazy().filter(
        (pl.col("split") == log.split)
        & (pl.col("step") >= log.steps["step"][-log.fifth])
        & pl.col("reward").is_not_null()
    )
    reward = pl.col("reward")
    spread = rows.group_by("step", "problem").agg(number=pl.len(), spread=reward.max() - reward.min())
    return mean_of(spread.filter(pl.col("number") >= 2).select(pl.col("spread") < SAME).collect()["spread"])


def _silent(log: Log, end: float | None, equal: float | None) -> tuple[Headline, ...]:
    """Say so where most of the batch teaches nothing, or nothing about what is correct."""
    if end is None or end < MOST_SILENT:
        return ()
    right, wrong = (mean_of(log.steps[name].tail(log.fifth)) or 0 for name in ("all_right", "all_wrong"))
    stage = log.other("stage")
    collapsed = stage is not None and stage.stage == "collapsed"
    part = f"Only {share(1 - end)}" if end < 1 else "Nothing"
    text = f"{part} of the batch teaches: in {share(end)} of the groups all answers get the same reward."
    if equal is not None and equal < end - DIFFERS:
        text = (
            f"{part} of the batch teaches what is correct: in {share(end)} of the groups all answers are "
            f"right or all are wrong, and where rewards differ, in {share(1 - equal)}, it is by the others."
        )
    said = Headline(
        name="groups without signal",
        text=text,
        urgency=Urgency.WARNING if wrong > right and not collapsed else Urgency.NOTE,
        evidence=f"all wrong {share(wrong)}, all right {share(right)}, in the last fifth",
        remedy=None if collapsed else _remedy(log, wrong),
    )
    return (said,)


def _remedy(log: Log, wrong: float) -> Remedy:
    """Return what helps; other groups only where some problems are neither solved nor out of reach."""
    if ratio(log.steps.tail(log.fifth), "correct_count") >= LEARNED:
        return remedy_for(log, "all right", ALL_RIGHT)
    if wrong >= MOST_SILENT:
        return remedy_for(log, "all wrong", ALL_WRONG)
    return remedy_for(log, "groups", REMEDY)


FINDING = Finding(
    name="groups",
    compute=compute,
    needs_rollouts=False,
    keys=(
        Key(
            "groups_without_signal",
            "object",
            "share of the groups whose answers are all right or all wrong: `all` of them, `start` and `end`",
        ),
        Key(
            "teaching_share",
            "object",
            "share of the groups that have right and wrong answers, so teach something: `start` and `end`",
        ),
        Key("filtered_groups", "true, false or null", "whether such groups were left out of the files"),
    ),
    decides=(
        "`filtered_groups`: groups without signal are fewer than a fifth of what any mixture of problems "
        "allows, given the groups with one or two right (wrong) answers: dynamic sampling. Every accuracy "
        f"is then that of the groups that were kept. A headline from {MOST_SILENT:.0%} without signal on. "
        f"Its remedy: from an accuracy of {LEARNED:g} on to stop or ask harder problems, where "
        f"{MOST_SILENT:.0%} are all wrong easier problems, warm-up or more answers, else other groups"
    ),
    view="groups",
)
