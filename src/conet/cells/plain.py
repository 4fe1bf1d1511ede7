"""The plain run that most claims look at: one training with everything cheap recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import Record, start, train
from conet.engine import exact
from conet.engine import sample as streams
from conet.network.islands import question_labels
from conet.network.random_paths import geodesics, ways
from conet.network.topology import (
    degree_distribution,
    in_degrees,
    null_model,
    out_degrees,
    topology_summary,
)
from conet.observables.degree import effective_out_degree
from conet.observables.diversity import path_diversity
from conet.observables.frustration import frustration, interfering_pairs
from conet.observables.path_islands import path_islands
from conet.observables.web import argmax_web, threshold_sensitivity, threshold_web, traffic_web
from conet.runs.trainer import Trainer

CURVES = (
    "accuracy",
    "correct_count",
    "correct_length_sum",
    "islands",
    "question_islands",
    "web_nodes",
    "mean_degree",
)
SNAPSHOTS = (0, 5, 10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 400, 600, 800)
PASS_K = (1, 4, 16, 64, 128, 256, 512, 1024)
TRAFFIC_WALKS = (8, 16, 64)  # of a problem, that a traffic web is made of: it grows with their number
LABELS_EVERY = 10  # steps between two looks at which island each question belongs to
INTERFERENCE_AT = 100  # step whose interfering pairs are listed: near the peak at the reference load
FRUSTRATION_STEPS = (*range(0, 251, 5), *range(260, 401, 20), 500, 600, 700, 800)
SENSITIVE = ("mean_degree", "islands", "giant_component", "web_nodes", "cycle_rank")
TOPOLOGY = (
    "single_out_share",
    "mean_depth",
    "max_depth",
    "bridges",
    "articulation_points",
    "average_geodesic",
)
AGAINST_NULL = (
    "mean_degree",
    "islands",
    "question_islands",
    "giant_component",
    "second_component",
    "cycle_rank",
)
DEGREES = 12  # degrees that are counted


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
        "seed": seed,
        "named": named,
        "changes": dict(changes or {}),
        "snapshots": list(snapshots),
        "frustration_steps": list(frustration_steps),
    }
    return Cell("conet.cells.plain:plain_run", arguments)


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
        The curves of :data:`CURVES`, shape (steps,), NaN where not measured; ``problem.correct_count``
        and ``problem.correct_length_sum``, shape (steps, M): correct walks a problem, and their total
        length; ``rollouts``; ``labels`` (every 10 steps, M): island of each question; ``interference``:
        rows of problem, other, node and interference; ``detector_step`` (-1: the heating signal never fired);
        ``snapshot_steps`` with ``snapshot.<name>`` of shape (snapshots,) and ``snapshot.pass_at_k``
        (snapshots, k); ``frustration_steps`` with ``frustration`` (over committed nodes) and
        ``frustration_share`` (of the gradients there, what cancels); of the last web ``final.<name>``,
        ``sensitivity.<name>``, ``argmax.<name>`` and ``null.<name>`` (observed, and mean of the null
        model); ``geodesic``, shape (M,): hops of each problem's shortest path.
    """
    trainer = start(named, seed, changes)
    steps = trainer.config.steps
    looks = {
        "snapshot": (snapshots, snapshot),
        "frustration": (frustration_steps, _frustration),
        "labels": (range(0, steps + 1, LABELS_EVERY), _labels),
        "interference": ((INTERFERENCE_AT,) if frustration_steps else (), _interference),
        "signal": (range(steps + 1), lambda trainer: trainer.detector.heat_now),
    }
    record = train(trainer, looks=looks, problems=True)
    arrays: Arrays = {name: record.column(name) for name in CURVES}
    arrays |= snapshots_of(record)
    arrays |= {
        "problem.correct_count": np.array(record.correct_count),
        "problem.correct_length_sum": np.array(record.correct_length_sum),
        "rollouts": np.asarray(trainer.learner.rollouts),
        "detector_step": np.asarray(_first(record.looks["signal"]) - 1),
        "labels": np.array(record.seen("labels")),
        "interference": np.array([row for rows in record.seen("interference") for row in rows]).reshape(
            -1, 4
        ),
        "frustration_steps": np.array(list(record.looks["frustration"])),
    }
    if frustration_steps:
        arrays |= dict(zip(("frustration", "frustration_share"), np.array(record.seen("frustration")).T))
    return arrays | of_paths(trainer) | _final(trainer)


def _first(signal: Mapping[int, bool]) -> int:
    """Return the number of updates after which the signal first stands, 0 where it never does."""
    return next((step for step, fired in signal.items() if fired), 0)


def _frustration(trainer: Trainer) -> tuple[float, float]:
    found = frustration(trainer.policy, trainer.problems, trainer.config.web.threshold)
    return found.cancellation, found.share


def _labels(trainer: Trainer) -> np.ndarray:
    web = threshold_web(trainer.policy, trainer.config.web.threshold)
    return question_labels([web], trainer.problems.questions)[0]


def _interference(trainer: Trainer) -> list[tuple[float, ...]]:
    found = interfering_pairs(trainer.policy, trainer.problems)
    return [(one.problem, one.other, one.node, one.interference) for one in found]


def snapshots_of(record: Record) -> Arrays:
    """Return what :func:`snapshot` saw, as ``snapshot.<name>``, with its steps."""
    seen = record.seen("snapshot")
    arrays = {f"snapshot.{name}": np.array([one[name] for one in seen]) for name in (seen[0] if seen else ())}
    return arrays | {"snapshot_steps": np.array(list(record.looks["snapshot"]))}


def snapshot(trainer: Trainer) -> dict[str, Any]:
    """Measure the policy: exact pass@k and out-degree, and walks drawn for traffic and diversity."""
    policy, problems = trainer.policy, trainer.problems
    success = exact.solve(policy, problems).success
    walks = trainer.sample(max(TRAFFIC_WALKS), streams.TRAFFIC)
    paths = path_diversity(walks)
    place = np.arange(len(walks.length)) % walks.rollouts
    parts = [walks.select(np.flatnonzero(place < few)) for few in TRAFFIC_WALKS]
    solved = paths.correct > 0
    flow = exact.flow(policy, problems)
    return {
        "pass_at_k": [float(np.mean(1.0 - (1.0 - success) ** k)) for k in PASS_K],
        "effective_out_degree": effective_out_degree(policy.graph, policy.probability, flow),
        "traffic_mean_degree": [traffic_web(policy.graph, part).mean_degree for part in parts],
        "path_entropy": float(paths.entropy[solved].mean()) if solved.any() else np.nan,
    }


def of_paths(trainer: Trainer) -> Arrays:
    """Return the largest island of the committed paths and of random ones, and all geodesics."""
    problems = trainer.problems
    found = ways(trainer.policy.graph, problems.answers, problems.max_length)
    rng = np.random.default_rng([trainer.config.seed, 7])
    islands = path_islands(trainer.policy, problems, found, rng)
    return {
        "final.path_giant": np.asarray(islands.largest),
        "random.path_giant": np.asarray(islands.random_largest),
        "geodesic": geodesics(found, problems.questions),
    }


def _final(trainer: Trainer) -> Arrays:
    policy, questions = trainer.policy, trainer.problems.questions
    web = threshold_web(policy, trainer.config.web.threshold)
    if not len(web.edges):
        return {}
    summary, topology = web.summary(questions), topology_summary(web)
    sensitivity, best = threshold_sensitivity(policy, questions), argmax_web(policy).summary(questions)
    null = null_model(policy.graph, web, questions, draws=50)
    found: dict[str, Any] = {"final.mean_degree": summary["mean_degree"]}
    found |= {f"final.{name}": topology[name] for name in TOPOLOGY}
    for name, degrees in (("in", in_degrees(web)), ("out", out_degrees(web))):
        found[f"final.{name}_degree"] = np.pad(degree_distribution(degrees), (0, DEGREES))[:DEGREES]
    found |= {f"sensitivity.{name}": sensitivity[name] for name in ("threshold", *SENSITIVE)}
    found |= {f"argmax.{name}": best[name] for name in SENSITIVE}
    found |= {f"null.{name}": [null[name]["observed"], null[name]["mean"]] for name in AGAINST_NULL}
    return {name: np.asarray(value) for name, value in found.items()}
