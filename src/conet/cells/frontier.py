"""Where problems that are learned late attach to the web that is already there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays
from conet.cells.training import start, train
from conet.engine import sample as streams
from conet.network.web import Web
from conet.observables.transitions import attachment, modal_path, transitions
from conet.runs.trainer import Trainer

EVERY = 10  # steps between two kept webs
KINDS = ("separate", "leaf", "trunk")
RISE = ("low", "high", "midpoint", "width", "beats_ramp")  # of each problem's logistic rise


def frontier_run(seed: int, named: str, changes: Mapping[str, Any]) -> Arrays:
    """Train once; for each problem say when and how sharply it rose, and where its path attached.

    The web that was there: at the last kept step at or before the onset (10 % of the rise), the edges
    with π ≥ threshold that successful walks of *other* problems use. A problem's own first attempts
    would otherwise count as web.

    Returns
    -------
    dict of arrays
        Of shape (M,): those of :data:`RISE`, see :func:`conet.observables.transitions.transitions`;
        ``kind`` (index into :data:`KINDS`, -1 without a final path) and ``distance`` (edges from the
        question to the junction). Also ``accuracy``, shape (steps,).
    """
    trainer = start(named, seed, changes)
    steps, problems, rollouts = trainer.config.steps, len(trainer.problems), trainer.learner.rollouts
    record = train(trainer, looks={"used": (range(0, steps, EVERY), _used)}, problems=True)
    counts = np.array(record.correct_count, np.int64)
    fits = transitions(counts, rollouts)
    kinds, distances = np.full(problems, -1), np.full(problems, -1)
    walks = trainer.sample(trainer.config.snapshots.traffic_walks, streams.TRAFFIC)
    targets = np.ascontiguousarray(trainer.policy.graph.targets, np.int64)
    used = record.seen("used")
    for problem in range(problems):
        path, onset = modal_path(walks, problem), fits["onset"][problem]
        if path is None or not np.isfinite(onset):
            continue
        owners, edges = used[int(np.clip(onset // EVERY, 0, len(used) - 1))]
        others = np.unique(edges[owners != problem]).astype(np.int32)
        web = Web.from_graph(trainer.policy.graph, others)
        found = attachment(web, int(trainer.problems.questions[problem]), path, targets)
        kinds[problem], distances[problem] = KINDS.index(found.kind), found.distance
    accuracy = counts.sum(axis=1) / (problems * rollouts)
    return {name: fits[name] for name in RISE} | {
        "kind": kinds,
        "distance": distances,
        "accuracy": accuracy,
    }


def _used(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """Problems and committed edges on their successful walks, int64, each of shape (pairs,)."""
    walks = trainer.sample(trainer.config.snapshots.traffic_walks, streams.TRAFFIC)
    on_path = walks.used() & walks.correct[:, None]
    edges = walks.edges[on_path].astype(np.int64)
    owners = np.repeat(walks.problem, on_path.sum(axis=1)).astype(np.int64)
    committed = trainer.policy.probability[edges] >= trainer.config.web.threshold
    pairs = np.unique(owners[committed] * trainer.policy.graph.edges + edges[committed])
    owners, edges = np.divmod(pairs, trainer.policy.graph.edges)
    return owners, edges
