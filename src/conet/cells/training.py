"""The one loop of the cells: train in memory, and keep what is looked at on the way."""

import copy
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conet.config import preset
from conet.engine.gradient import from_walks
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.learners.optim import SGD
from conet.rollouts import count_walks
from conet.runs.trainer import Trainer

QUIET = {"snapshots.steps": [], "snapshots.web_every": 0}  # no web in the metrics
Look = Callable[[Trainer], Any]


def start(preset_name: str, seed: int, changes: Mapping[str, Any]) -> Trainer:
    """Return the trainer of a preset with a seed and changes, before its first step."""
    return Trainer(preset(preset_name).override({"seed": seed, **changes}))


@dataclass(kw_only=True)
class Record:
    """What a training left.

    Attributes
    ----------
    rows : list of dict
        The metrics of every step.
    looks : dict
        What each look saw, by step.
    correct_count, correct_length_sum : list of ndarray of int32, shape (M,)
        Correct walks of each problem that was asked, and their total length, at every step; empty unless
        asked for.
    problems : list of ndarray of int32, shape (M,)
        Which problems were asked at every step: all, unless a phase chooses some.
    samples : list of int
        Walks a problem at every step, which a phase may change.
    splits : list of str
        Whether the walks of each step were trained on ("train") or only watched ("eval").
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    looks: dict[str, dict[int, Any]] = field(default_factory=dict)
    correct_count: list[np.ndarray] = field(default_factory=list)
    correct_length_sum: list[np.ndarray] = field(default_factory=list)
    problems: list[np.ndarray] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)

    def column(self, name: str) -> np.ndarray:
        """Return one column of the metrics, float64, shape (steps,); NaN where it was not measured."""
        return np.array([np.nan if row[name] is None else row[name] for row in self.rows], np.float64)

    def seen(self, name: str) -> list[Any]:
        """Return what a look saw, in order of the steps."""
        return list(self.looks[name].values())


def train(
    trainer: Trainer,
    until: int | None = None,
    looks: Mapping[str, tuple[Container[int], Look]] | None = None,
    problems: bool = False,
    stop: Callable[[Trainer], bool] = lambda trainer: False,
) -> Record:
    """Train on, and record.

    Parameters
    ----------
    trainer
        Where to go on from.
    until
        Updates done at the end; those of the config where absent.
    looks
        By name, the steps at which to look, and a function of the trainer. It sees the policy after
        so many updates; at the last step no update follows.
    problems
        Whether to keep the counts of every problem.
    stop
        Asked after every update.

    Returns
    -------
    Record
    """
    end = trainer.config.steps if until is None else until
    chosen = looks or {}
    record = Record(looks={name: {} for name in chosen})
    while True:
        for name, (steps, look) in chosen.items():
            if trainer.step in steps:
                record.looks[name][trainer.step] = look(trainer)
        if trainer.step >= end or (record.rows and stop(trainer)):
            return record
        record.rows.append(trainer.advance())
        record.splits.append(trainer.split)
        if problems:
            counts = count_walks(trainer.walks)
            record.correct_count.append(counts.correct_count.astype(np.int32))
            record.correct_length_sum.append(counts.correct_length_sum.astype(np.int32))
            record.problems.append(trainer.walks.problems)
            record.samples.append(trainer.walks.rollouts)


def kept(trainer: Trainer) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return a copy of the state, for :meth:`conet.runs.trainer.Trainer.load` to branch off."""
    return copy.deepcopy(trainer.state())


def fine_tune(policy: TablePolicy, demonstrations: Walks, steps: int, learning_rate: float) -> None:
    """Do full-batch SFT in place; ``learning_rate`` in logits a problem and step."""
    optimizer = SGD()
    weights = np.ones(len(demonstrations.length))
    for _ in range(steps):
        optimizer.step(policy, from_walks(policy, demonstrations, weights), learning_rate)
