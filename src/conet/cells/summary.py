"""A run in memory, reduced to the numbers of its summary and of its metrics, with its curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError, nearest
from conet.base.files import digest_of
from conet.cells.cell import Arrays, edited
from conet.cells.training import Record, train
from conet.config import Config, flatten, validated
from conet.detect import find_valley
from conet.detect.valley import as_json
from conet.observables.length import END_STEPS
from conet.rollouts import Counts, bundle
from conet.runs import events
from conet.runs.measure import summarise
from conet.runs.trainer import Trainer

# Settings, and what is no single number.
LEFT_OUT = (
    "seed",
    "steps",
    "correct_length.v",
    "correct_length.v_why",
    "correct_length.min_interval",
    "correct_length.v_bottom_interval",
)
RATIOS = ("correct_length.start_ratio", "correct_length.end_ratio")
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
        SHA-256 of the files that the settings name, part of the cell's hash: it is computed with these.

    Returns
    -------
    dict of arrays
        Each measure by name, of shape (), NaN where it is not defined; and as ``curve.<name>``, of shape
        (steps,), the columns of :data:`CURVES` and those that are measures, NaN where not measured.

    Raises
    ------
    ConetError
        For a measure that there is not; said after the first step, before the rest is trained. For a file
        that is not, or is no longer at the end, what it was when the cell was made.
    """
    _refuse_edited(files)
    found = _measured(config, measures)
    _refuse_edited(files)
    return found


def _refuse_edited(files: Mapping[str, str]) -> None:
    """Refuse files that are not what they were; of one that is not here, whoever needs it will say so."""
    for file, wanted in files.items():
        if Path(file).is_file() and digest_of(Path(file)) != wanted:
            raise edited(file)


def _measured(config: Mapping[str, Any], measures: Sequence[str]) -> Arrays:
    settings = validated(Config, config)
    trainer = Trainer(settings)
    record = train(trainer, 1, problems=True)
    rows = record.rows
    if measures:
        columns = [name for name, value in rows[0].items() if not isinstance(value, str)]
        _refuse_unknown(measures, [*_numbers(_summary(settings, record, trainer, True)), *sorted(columns)])
    rest = train(trainer, problems=True)
    for name in ("rows", "splits", "problems", "samples", "correct_count", "correct_length_sum"):
        getattr(record, name).extend(getattr(rest, name))
    trainer.state()  # says so where the training has diverged
    # The V is resampled, which takes as long as a short training.
    valley = not measures or any(name.startswith("correct_length.") for name in measures)
    numbers = _numbers(_summary(settings, record, trainer, valley))
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


def _summary(config: Config, record: Record, trainer: Trainer, valley: bool) -> dict[str, Any]:
    _, evaluations = trainer.measure()
    at_end = [row | {"step": config.steps} for row in evaluations]
    own = {
        "rollouts": trainer.rollouts,
        "walker_steps": trainer.walker_steps,
        "heat_now_step": events.signal_step(trainer.events),
    }
    summary = summarise(config, record.rows, at_end) | own
    trained = [step for step, split in enumerate(record.splits) if split == "train"]
    if valley and trained:
        summary["correct_length"] |= as_json(find_valley(_counts(record, trained)))
    return summary


def _counts(record: Record, steps: list[int]) -> Counts:
    """Put the counts of some steps together as those of a run's rollouts are."""
    import polars as pl

    asked = [len(record.problems[step]) for step in steps]
    table = pl.DataFrame(
        {
            "step": np.repeat(steps, asked),
            "problem": np.concatenate([record.problems[step] for step in steps]),
            "samples": np.repeat([record.samples[step] for step in steps], asked),
            "correct_count": np.concatenate([record.correct_count[step] for step in steps]),
            "correct_length_sum": np.concatenate([record.correct_length_sum[step] for step in steps]),
        }
    )
    return bundle(table)


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: value for name, value in flatten(summary).items() if name not in LEFT_OUT}
    for name in RATIOS:
        if name in flat:  # there is none
            del flat[name]
            flat |= {f"{name}.{part}": None for part in ("estimate", "low", "high")}
    return {name: np.nan if value is None else value for name, value in flat.items()}


def _mean_of_last(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    values = [row[name] for row in rows if row[name] is not None][-END_STEPS:]
    return float(np.mean(values)) if values else float("nan")
