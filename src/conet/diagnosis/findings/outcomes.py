"""What became of each problem: learned, forgotten, dead, and how many of these chance would make."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from conet.base.text import counted, number
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.visits import Visits, by_visit, some
from conet.observables.forgetting import LOST, never_falling
from conet.observables.length import SOLVED

FEWEST_VISITS = 3
SAMPLES_A_LEVEL = 32  # that the accuracy at the start, at the end and at its best should rest on
SMALLEST_GAIN = 0.25  # a problem is learned when its accuracy has grown at least so much
STANDARD_ERRORS = 2.5  # and a change counts when it is so many standard errors
MOST_SIMULATED = 1000  # problems
SIMULATIONS = 20
NOT_SO_DEAD = 0.1  # an accuracy with which a problem may by chance show no correct sample
MANY = 0.1  # of the problems that are followed, lost or dead, from which on it is said (our choice)
FORGETTING = Remedy(
    "draw them again, and keep the policy nearer to the one that solved them: a lower learning rate or a KL "
    "penalty; `problems.parquet` has their names, and `conet heat` writes their right answers",
    "TRL: learning_rate, beta; forgetting follows the KL to the policy before: arXiv 2509.04259",
)
NEVER_SOLVED = Remedy(
    "leave them out until the policy is better, begin with easier ones, or draw more answers to each: all "
    "wrong, they teach nothing",
    "DAPO, arXiv 2503.14476: dynamic sampling; TRL: num_generations; verl: actor_rollout_ref.rollout.n",
)
Status = Literal["learned", "forgotten", "dead", "solved", "open", "few visits"]
STATUSES: tuple[Status, ...] = get_args(Status)
LEARNED, FORGOTTEN, DEAD, SOLVED_BEFORE, OPEN, FEW_VISITS = range(6)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What became of each problem; arrays of shape (problems,).

    Attributes
    ----------
    status : ndarray of int
        Place in ``STATUSES``: "learned" (accuracy at the end at least 1/2, and at least 1/4 above that
        at the start), "forgotten" (at best at least 1/2, at the end at most 1/10), both by at least 2.5
        standard errors; "dead" (not one correct sample), "solved" (at least 1/2 at the end without
        having been learned), "open" (the rest), "few visits" (fewer than 3 visits). Our choice; with
        one half and one tenth as in :mod:`conet.observables.forgetting`.
    start, best, end : ndarray of float64
        Accuracy of the first visits, of the best stretch and of the last visits: as many as hold 32
        samples, but at most a third of all; NaN without visits.
    visits, samples, correct : ndarray of int64
    """

    status: np.ndarray
    start: np.ndarray
    best: np.ndarray
    end: np.ndarray
    visits: np.ndarray
    samples: np.ndarray
    correct: np.ndarray

    def count(self, status: int) -> int:
        """How many problems have a status."""
        return int(np.count_nonzero(self.status == status))


NONE = Outcomes(
    **dict.fromkeys(("status", "visits", "samples", "correct"), np.zeros(0, np.int64)),
    **dict.fromkeys(("start", "best", "end"), np.zeros(0)),
)


def outcomes(found: Visits) -> Outcomes:
    """Say of each problem what became of it."""
    correct, samples, _ = by_visit(found)
    visits = np.bincount(found.table["problem"].to_numpy(), minlength=found.problems)
    found_levels = levels(correct, samples)
    status = classify(found_levels, correct.sum(axis=0), visits)
    return Outcomes(
        status=status,
        start=found_levels.start,
        best=found_levels.best,
        end=found_levels.end,
        visits=visits,
        samples=samples.sum(axis=0),
        correct=correct.sum(axis=0),
    )


class Levels(NamedTuple):
    """Accuracy of each problem at the start, at its best and at the end, and the samples of such a window.

    Each an ndarray of float64, shape (problems,); NaN without visits.
    """

    start: np.ndarray
    best: np.ndarray
    end: np.ndarray
    drawn: np.ndarray


def levels(correct: np.ndarray, samples: np.ndarray) -> Levels:
    """Measure accuracy at the start, at its best and at the end of each problem.

    Parameters
    ----------
    correct, samples : ndarray of int, shape (visits, problems)
        Visits of each problem in order, then zeros.

    Returns
    -------
    Levels
        Over windows of as many visits as hold 32 samples, at most a third of all, at least one.
    """
    visits = (samples > 0).sum(axis=0)
    each = samples.sum(axis=0) / np.maximum(visits, 1)
    window = np.clip(
        np.ceil(SAMPLES_A_LEVEL / np.maximum(each, 1)).astype(int), 1, np.maximum(visits // 3, 1)
    )
    nothing = np.zeros((1, correct.shape[1]), np.int64)
    right, drawn = (np.vstack([nothing, np.cumsum(part, axis=0)]) for part in (correct, samples))
    ends = np.arange(1, len(right))[:, None]
    before = np.maximum(ends - window, 0)
    sums = right[1:] - np.take_along_axis(right, before, axis=0)
    totals = drawn[1:] - np.take_along_axis(drawn, before, axis=0)
    whole = (ends >= window) & (ends <= visits)
    accuracy = np.where(whole, sums / np.maximum(totals, 1), np.nan)
    column = np.arange(correct.shape[1])
    first, last = (np.where(visits > 0, place, 1) - 1 for place in (window, visits))
    best = np.fmax.reduce(accuracy, axis=0)
    return Levels(accuracy[first, column], best, accuracy[last, column], window * each)


def classify(found: Levels, correct: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Return the status of each problem; see :class:`Outcomes`."""
    start, best, end, drawn = found
    lost = _standard_errors(best, end, drawn) >= STANDARD_ERRORS
    gained = _standard_errors(end, start, drawn) >= STANDARD_ERRORS
    rules = {
        FEW_VISITS: visits < FEWEST_VISITS,
        DEAD: correct == 0,
        FORGOTTEN: (best >= SOLVED) & (end <= LOST) & lost,
        LEARNED: (end >= SOLVED) & (end - start >= SMALLEST_GAIN) & gained,
        SOLVED_BEFORE: end >= SOLVED,
    }
    return np.select(list(rules.values()), list(rules), OPEN)


def _standard_errors(more: np.ndarray, less: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Difference of two accuracies in units of its standard error if both were the same."""
    middle = (more + less) / 2
    error = np.sqrt(middle * (1 - middle) * 2 / np.maximum(drawn, 1))
    return np.divide(more - less, error, out=np.zeros_like(middle), where=error > 0)


def by_chance(found: Visits, status: np.ndarray) -> dict[str, float | None]:
    """How many problems would count as learned or forgotten if none were, and as dead at a tenth.

    Learned: if each had one and the same accuracy all along. Forgotten: if each followed the best
    accuracy that never falls. Both by simulated samples, as many as were drawn (at most 1,000 problems
    are simulated, and scaled up). Dead: how many of the dead would have shown no correct sample with an
    accuracy of 1/10.
    """
    seen = np.flatnonzero(status != FEW_VISITS)
    if not len(seen):
        return dict.fromkeys(("learned", "forgotten", "dead"))
    chosen = some(seen, MOST_SIMULATED)
    correct, samples, _ = by_visit(found, chosen)
    visits = np.maximum((samples > 0).sum(axis=0), FEWEST_VISITS)
    accuracy = np.where(samples > 0, correct / np.maximum(samples, 1), np.nan)
    level = correct.sum(axis=0) / np.maximum(samples.sum(axis=0), 1)
    flat = np.broadcast_to(level, samples.shape)
    rising = np.nan_to_num(never_falling(accuracy, samples))
    rng = np.random.default_rng(0)
    result: dict[str, float | None] = {}
    for name, expected, which in (("learned", flat, LEARNED), ("forgotten", rising, FORGOTTEN)):
        hits = []
        for _ in range(SIMULATIONS):
            drawn = rng.binomial(samples, expected)
            hits.append(np.mean(classify(levels(drawn, samples), drawn.sum(axis=0), visits) == which))
        result[name] = float(np.mean(hits) * len(seen))
    dead = np.flatnonzero(status == DEAD)
    tries = np.bincount(found.table["problem"], found.table["samples"], found.problems)[dead]
    result["dead"] = float(((1 - NOT_SO_DEAD) ** tries).sum())
    return result


def compute(log: Log) -> Result:
    """Count the problems by what became of them, and say how many of them chance would make."""
    found = outcomes(log.visits)
    chance = by_chance(log.visits, found.status)
    values = {
        "learned": found.count(LEARNED),
        "forgotten": found.count(FORGOTTEN),
        "dead": found.count(DEAD),
        "few_visits": found.count(FEW_VISITS),
        "by_chance": chance,
    }
    names = ("learned", "forgotten", "dead")
    counts = " | ".join(str(values[name]) for name in names)
    expected = " | ".join(number(chance[name], 1) for name in names)
    if values["few_visits"] == log.visits.problems:
        return _untold(found, log)
    return Result(
        values=values,
        caveats=_caveats(found, chance),
        headlines=_headlines(found, chance, log),
        numbers=(MainNumber(" | ".join(names), counts, f"by chance: {expected}"),),
        detail=found,
    )


def _headlines(found: Outcomes, chance: dict[str, float | None], log: Log) -> tuple[Headline, ...]:
    """Say that many problems are lost, or were never solved; of a run that falls both are a note alone."""
    followed = len(found.status) - found.count(FEW_VISITS)
    stage, said = log.other("stage"), []
    never = remedy_for(log, "never solved", NEVER_SOLVED)
    again = remedy_for(log, "forgotten", FORGETTING)
    falls = stage is not None and stage.stage in ("falling", "collapsed")
    for name, status, what, urgency, remedy in (
        ("forgotten", FORGOTTEN, "solved once and are lost", Urgency.WARNING, again),
        ("dead", DEAD, "seen again and again without a correct answer", Urgency.NOTE, never),
    ):
        count, expected = found.count(status), chance[name] or 0.0
        surely = count >= max(2.0, MANY * followed) and count > expected + 3 * np.sqrt(expected)
        if not surely or count == followed == found.count(DEAD):  # that none was solved is said elsewhere
            continue
        said.append(
            Headline(
                name=f"{name} problems",
                text=f"{count} of {counted(followed, 'problem')} were {what}.",
                urgency=Urgency.NOTE if falls else urgency,
                evidence=f"by chance {number(expected, 1)}; at least {FEWEST_VISITS} visits each",
                remedy=None if falls else remedy,
            )
        )
    return tuple(said)


def _untold(found: Outcomes, log: Log) -> Result:
    """Say that nothing can be told, instead of counting none."""
    why = log.once if log.seen_once else f"each prompt was seen fewer than {FEWEST_VISITS} times"
    keys = ("learned", "forgotten", "dead", "by_chance")
    few = _caveats(found, {}) if log.record.follows else {}
    return Result(
        values={"few_visits": found.count(FEW_VISITS)},
        caveats=few | dict.fromkeys(keys, why),
        numbers=(MainNumber("learned | forgotten | dead", "not known", why),),
        detail=found,
    )


def _caveats(found: Outcomes, chance: dict[str, float | None]) -> dict[str, str]:
    caveats = {}
    few = found.count(FEW_VISITS)
    if few:
        caveats["few_visits"] = (
            f"{counted(few, 'problem')} with fewer than {FEWEST_VISITS} visits, neither learned nor "
            f"forgotten nor dead: {FEWEST_VISITS - 1} more epochs would tell"
        )
    dead = chance.get("dead")
    if dead is not None and dead >= 1:
        caveats["dead"] = (
            f"some {dead:.0f} of the dead would show no correct answer even with an accuracy of 1 in 10: "
            "about 30 samples a problem without a correct one rule that out (95 %)"
        )
    return caveats


FINDING = Finding(
    name="outcomes",
    compute=compute,
    keys=(
        Key("learned", "integer or null", "problems whose accuracy has grown to one half or more"),
        Key("forgotten", "integer or null", "problems solved once and lost at the end"),
        Key("dead", "integer or null", "problems without one correct rollout"),
        Key("few_visits", "integer", "problems with fewer than 3 visits, of which nothing is said"),
        Key(
            "by_chance",
            "object or null",
            "how many `learned`, `forgotten`, `dead` there would be if nothing had changed",
        ),
    ),
    decides=(
        "`learned`: accuracy at the end at least 1/2, and 1/4 above that at the start. `forgotten`: once "
        "at least 1/2, at the end at most 1/10. `dead`: not one correct answer. Start, best and end are "
        "windows of as many visits as hold 32 samples, a third of all at most; learned and forgotten need "
        "2.5 standard errors. A problem with fewer than 3 visits is in none of the three. A headline names "
        f"forgotten and dead ones where they are {MANY:.0%} of the problems or more, at least two, and three "
        "standard deviations above chance; a warning where they are forgotten while the accuracy of all does "
        "not fall"
    ),
    view="problems",
)
