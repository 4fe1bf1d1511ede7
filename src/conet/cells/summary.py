"""A run in memory, boiled down to the numbers of its summary and of any column of its metrics, with its curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.base.errors import ConetError, nearest
from conet.cells.cell import Arrays
from conet.cells.training import train
from conet.config import Config, flatten, validated
from conet.runs import events
from conet.runs.measure import LAST, summarise
from conet.runs.trainer import Trainer

LEFT_OUT = ("seed", "steps")  # settings, not results
CURVE = "curve."  # beginning of the names of curves
# Columns of the metrics that are kept as curves, beside those that are measures.
CURVES = (
    "accuracy",
    "correct_count",
    "correct_length_sum",
    "correct_length",
    "truncated_share",
    "groups_without_signal",
    "islands",
    "mean_degree",
    "policy_entropy",
)


def summary_run(config: Mapping[str, Any], measures: Sequence[str], files: Mapping[str, str]) -> Arrays:
    """Train in memory and return the measures.

    Parameters
    ----------
    config
        All settings.
    measures
        Numbers of the summary by dotted name, or columns of the metrics: their mean over the last 20
        steps that have them. All numbers of the summary where empty.
    files
        Content hashes of the files that the settings name: not read, but part of the cell's hash.

    Returns
    -------
    dict of arrays
        Each measure by name, of shape (), NaN where it is not defined; and as ``curve.<name>``, of shape
        (steps,), the columns of :data:`CURVES` and those that are measures, NaN where not measured.

    Raises
    ------
    ConetError
        For a measure that there is not; said after the first step, before the rest is trained.
    """
    settings = validated(Config, config)
    trainer = Trainer(settings)
    record = train(trainer, 1)
    rows = record.rows
    if measures:
        columns = [name for name, value in rows[0].items() if not isinstance(value, str)]
        _refuse_unknown(measures, [*_numbers(_summary(settings, rows, trainer)), *sorted(columns)])
    rows += train(trainer).rows
    trainer.state()  # says so where the training has diverged
    numbers = _numbers(_summary(settings, rows, trainer))
    chosen = measures or list(numbers)
    arrays = {
        name: np.array(numbers[name] if name in numbers else _mean_of_last(rows, name)) for name in chosen
    }
    curves = dict.fromkeys((*CURVES, *(name for name in measures if name in rows[0])))
    return arrays | {CURVE + name: record.column(name) for name in curves}


def _refuse_unknown(measures: Sequence[str], known: Sequence[str]) -> None:
    for name in measures:
        if name not in known:
            raise ConetError(
                f"unknown measure {name!r}",
                "a number of the summary or a column of the metrics",
                nearest(name, known),
            )


def _summary(config: Config, rows: Sequence[dict[str, Any]], trainer: Trainer) -> dict[str, Any]:
    _, evaluations = trainer.measure()
    at_end = [row | {"step": config.steps} for row in evaluations]
    own = {
        "rollouts": trainer.rollouts,
        "walker_steps": trainer.walker_steps,
        "heat_now_step": events.signal_step(trainer.events),
    }
    return summarise(config, rows, at_end) | own


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in flatten(summary).items() if name not in LEFT_OUT}
    return {name: np.nan if value is None else value for name, value in flat.items()}


def _mean_of_last(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    values = [row[name] for row in rows if row[name] is not None][-LAST:]
    return float(np.mean(values)) if values else float("nan")
