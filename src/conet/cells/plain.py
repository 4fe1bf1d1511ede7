"""The plain run that most claims look at: one training with everything cheap recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.config import Config, preset
from conet.engine import exact
from conet.engine import sample as streams
from conet.network.islands import question_labels
from conet.network.topology import (
    degree_distribution,
    in_degrees,
    null_model,
    out_degrees,
    topology_summary,
)
from conet.observables.degree import effective_out_degree
from conet.observables.diversity import path_diversity, traffic_entropy
from conet.observables.frustration import fights, frustration
from conet.observables.web import argmax_web, threshold_sensitivity, threshold_web, traffic_web
from conet.runs.measure import WEB_COLUMNS
from conet.runs.trainer import Trainer

CURVES = ("accuracy", "correct_count", "correct_length_sum", "gradient_norm", "policy_entropy", *WEB_COLUMNS)
SNAPSHOTS = (0, 5, 10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 400, 600, 800)
PASS_K = (1, 4, 16, 64, 256)
LABELS_EVERY = 10  # steps between two looks at which island each question belongs to
FIGHTS_AT = 100  # step whose fights are listed: near the peak at the reference load
FRUSTRATION_STEPS = (0, 10, *range(20, 401, 20), 500, 600, 700, 800)


def cell(
    seed: int,
    changes: Mapping[str, Any] | None = None,
    *,
    named: str = "reference",
    snapshots: Sequence[int] = SNAPSHOTS,
    frustration_steps: Sequence[int] = (),
) -> Cell:
    """Return the cell of one plain run (see :func:`plain_run`)."""
    arguments = {
        "seed": seed, "named": named, "changes": dict(changes or {}),
        "snapshots": list(snapshots), "frustration_steps": list(frustration_steps),
    }  # fmt: skip
    return Cell("conet.cells.plain:plain_run", arguments)


def settings(named: str, seed: int, changes: Mapping[str, Any]) -> Config:
    """Return the config of a preset with a seed and changes."""
    return preset(named).override({"seed": seed, **changes})


def plain_run(
    seed: int,
    named: str,
    changes: Mapping[str, Any],
    snapshots: Sequence[int],
    frustration_steps: Sequence[int],
) -> Arrays:
    """Train once and record curves, counts, snapshots and frustration.

    Returns
    -------
    dict of arrays
        The curves of :data:`CURVES`, shape (steps,), NaN where not measured; ``problem.correct_count`` and
        ``problem.correct_length_sum``, shape (steps, M): correct walks a problem, and their total length;
        ``rollouts``; ``labels`` (every 10 steps, M): island of each question; ``fights``: rows of
        problem, rival, node and strength; ``detector_step`` (-1: it never spoke); ``snapshot_steps`` with
        ``snapshot.<name>`` of shape (snapshots,) and ``snapshot.pass_at_k`` (snapshots, k);
        ``frustration_steps`` with ``frustration`` (committed nodes), ``frustration_share`` and
        ``frustration_everywhere``; ``final.<name>``: topology and null model of the last web;
        ``success`` (M,): exact success of the final policy.
    """
    training = Trainer(settings(named, seed, changes))
    steps, problems = training.config.steps, len(training.tasks)
    curves = {name: np.full(steps, np.nan) for name in CURVES}
    correct_count, correct_length_sum = np.zeros((2, steps, problems), np.int32)
    looks = _Looks(snapshots, frustration_steps)
    detector_step = -1
    for step in range(steps):
        looks.at(training)
        row = training.advance()
        for name in CURVES:
            curves[name][step] = np.nan if row[name] is None else row[name]
        correct_count[step], correct_length_sum[step] = _by_problem(training)
        if training.detector.heat_now and detector_step < 0:
            detector_step = step
    looks.at(training)
    arrays = curves | {
        "problem.correct_count": correct_count,
        "problem.correct_length_sum": correct_length_sum,
        "rollouts": training.learner.rollouts,
        "detector_step": detector_step,
    }
    return {name: np.asarray(value) for name, value in (arrays | looks.arrays() | _final(training)).items()}


class _Looks:
    """What is looked at on single steps only."""

    def __init__(self, snapshots: Sequence[int], frustration_steps: Sequence[int]) -> None:
        self.snapshots, self.frustration_steps = snapshots, frustration_steps
        self.seen: dict[int, dict[str, Any]] = {}
        self.pulled: dict[int, tuple[float, float, float]] = {}
        self.labels: list[np.ndarray] = []
        self.fought: list[tuple[float, ...]] = []

    def at(self, training: Trainer) -> None:
        step, policy, tasks = training.step, training.policy, training.tasks
        threshold = training.config.web.threshold
        if step in self.snapshots:
            self.seen[step] = _snapshot(training)
        if step in self.frustration_steps:
            found = frustration(policy, tasks, threshold)
            self.pulled[step] = found.cancellation, found.share, found.everywhere
        if step % LABELS_EVERY == 0:
            self.labels.append(question_labels([threshold_web(policy, threshold)], tasks.questions)[0])
        if step == FIGHTS_AT and self.frustration_steps:
            self.fought = [(f.problem, f.rival, f.node, f.strength) for f in fights(policy, tasks)]

    def arrays(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {
            "labels": np.array(self.labels), "fights": np.array(self.fought, np.float64).reshape(-1, 4),
            "snapshot_steps": list(self.seen), "frustration_steps": list(self.pulled),
        }  # fmt: skip
        for name in next(iter(self.seen.values()), {}):
            arrays[f"snapshot.{name}"] = np.array([one[name] for one in self.seen.values()])
        if self.pulled:
            names = ("frustration", "frustration_share", "frustration_everywhere")
            arrays |= dict(zip(names, np.array(list(self.pulled.values())).T))
        return arrays


def _by_problem(training: Trainer) -> tuple[np.ndarray, np.ndarray]:
    walks = training.walks
    correct = walks.correct.reshape(-1, walks.rollouts)
    return correct.sum(axis=1), np.where(correct, walks.length.reshape(correct.shape), 0).sum(axis=1)


def _snapshot(training: Trainer) -> dict[str, Any]:
    policy, tasks = training.policy, training.tasks
    success = exact.solve(policy, tasks).success
    walks = training.sample(training.config.snapshots.traffic_walks, streams.TRAFFIC)
    traffic = traffic_web(policy.graph, walks)
    paths = path_diversity(walks)
    solved = paths.correct > 0
    return {
        "pass_at_k": [float(np.mean(1.0 - (1.0 - success) ** k)) for k in PASS_K],
        "effective_out_degree": effective_out_degree(
            policy.graph, policy.probability, exact.flow(policy, tasks)
        ),
        "traffic_mean_degree": traffic.mean_degree,
        "traffic_entropy": traffic_entropy(policy, traffic),
        "distinct_walks": float(paths.distinct[solved].mean()) if solved.any() else np.nan,
        "path_entropy": float(paths.entropy[solved].mean()) if solved.any() else np.nan,
    }


def _final(training: Trainer) -> dict[str, Any]:
    policy, tasks = training.policy, training.tasks
    web = threshold_web(policy, training.config.web.threshold)
    final: dict[str, Any] = {"success": exact.solve(policy, tasks).success}
    if len(web.edges):
        final |= {f"final.{name}": value for name, value in topology_summary(web).items()}
        final |= {f"final.{name}": value for name, value in web.summary(tasks.questions).items()}
        null = null_model(policy.graph, web, tasks.questions, draws=50)
        sensitivity = threshold_sensitivity(policy, tasks.questions)
        final |= {f"sensitivity.{name}": value for name, value in sensitivity.items()}
        for name, degrees in (("in", in_degrees(web)), ("out", out_degrees(web))):
            final[f"final.{name}_degree"] = np.pad(degree_distribution(degrees), (0, 12))[:12]
        best = argmax_web(policy).summary(tasks.questions)
        final |= {f"argmax.{name}": value for name, value in best.items()}
        final |= {f"null.{name}": list(value.values()) for name, value in null.items()}
    return final
