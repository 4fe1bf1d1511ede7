"""One exemplar: its learning curve, and the exact distribution of its path lengths on the way."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays
from conet.cells.training import QUIET, start, train
from conet.engine import exact
from conet.observables import tails
from conet.observables.transitions import fit
from conet.runs.trainer import Trainer

WALKS = 4096  # path lengths drawn at the transition
MODELS = tuple(tails.MODELS)
STARTS = ("all lengths", "tail")
RISE = ("midpoint", "width", "high", "beats_ramp")  # of a logistic rise


def critical_run(seed: int, changes: Mapping[str, Any], every: int) -> Arrays:
    """Train on one problem; fit its rise, and the path lengths halfway up.

    Halfway: the first kept step whose exact success lies at or above the middle of those at the start and at
    the end.

    Returns
    -------
    dict of arrays
        ``accuracy``, shape (steps,): share of correct rollouts; ``rise.<name>`` of :data:`RISE`: see
        :func:`conet.observables.transitions.fit`. With ``every`` > 0 also ``lengths``, shape (kept,
        max_length): exact probability of arriving at hop 1, 2, … at every so many steps; ``halfway``:
        index into them; and of 4096 walks drawn there, for the two starts of :data:`STARTS`: ``first``,
        ``bic`` (starts, models), ``plausible``, that of the power law, and of the one with a cut-off
        ``cut_exponent`` and ``cut_plausible`` (NaN where it is not the best).
    """
    trainer = start("critical", seed, {**QUIET, **changes})
    steps = trainer.config.steps
    when = range(0, steps, every) if every else ()
    record = train(trainer, looks={"lengths": (when, _lengths)}, problems=True)
    counts = np.array(record.correct_count, np.int64)[:, 0]
    rollouts = trainer.learner.rollouts
    rise = fit(np.arange(steps), counts, np.full(steps, rollouts))
    arrays = {"accuracy": counts / rollouts} | {f"rise.{name}": np.array(rise[name]) for name in RISE}
    return arrays | (_tails(np.array(record.seen("lengths")), seed) if every else {})


def _lengths(trainer: Trainer) -> np.ndarray:
    return exact.solve(trainer.policy, trainer.problems).length_distribution[0]


def _tails(lengths: np.ndarray, seed: int) -> Arrays:
    success = lengths.sum(axis=1)
    halfway = int(np.argmax(success >= (success[0] + success[-1]) / 2))
    chances = np.append(lengths[halfway], max(0.0, 1.0 - success[halfway]))
    drawn = np.random.default_rng([seed, 6]).multinomial(WALKS, chances / chances.sum())
    counts, censored = drawn[:-1], int(drawn[-1])
    firsts = [tails.tail_start(counts, censored, latest) for latest in (1, len(counts) // 10)]
    fits = [[tails.fit_tail(counts, censored, first, model) for model in MODELS] for first in firsts]
    power = [each[MODELS.index("power law")] for each in fits]
    cut = [each[MODELS.index("truncated power law")] for each in fits]
    bic = np.array([[one.bic for one in each] for each in fits])
    plausible = [tails.plausibility(counts, censored, first, one) for first, one in zip(firsts, power)]
    cut_plausible = [
        tails.plausibility(counts, censored, first, one) if one.bic == row.min() else np.nan
        for first, one, row in zip(firsts, cut, bic)
    ]
    return {
        "lengths": lengths,
        "halfway": np.array(halfway),
        "first": np.array(firsts),
        "bic": bic,
        "plausible": np.array(plausible),
        "cut_plausible": np.array(cut_plausible),
        "cut_exponent": np.array([one.parameters[0] for one in cut]),
    }
