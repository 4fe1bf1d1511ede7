"""Where problems that are learned late attach to the web that is already there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays
from conet.config import preset
from conet.engine import sample as streams
from conet.network.web import Web
from conet.observables.transitions import attachment, modal_path, transitions
from conet.runs.trainer import Trainer

EVERY = 10  # steps between two kept webs
KINDS = ("separate", "leaf", "trunk")


def frontier_run(seed: int, named: str, changes: Mapping[str, Any]) -> Arrays:
    """Train once; for each problem say when and how sharply it rose, and where its path attached.

    The web that was there: at the last kept step at or before the onset (10 % of the rise), the edges
    with π ≥ threshold that successful walks of *other* problems use. A problem's own first attempts
    would otherwise count as web.

    Returns
    -------
    dict of arrays
        Those of :func:`conet.observables.transitions.transitions`, and of shape (M,) ``kind`` (index
        into :data:`KINDS`, -1 without a final path), ``distance``, ``new_edges``, ``upstream``; also
        ``accuracy`` (steps,).
    """
    training = Trainer(preset(named).override({"seed": seed, **changes}))
    steps, problems = training.config.steps, len(training.tasks)
    counts = np.zeros((steps, problems), np.int64)
    kept: list[np.ndarray] = []
    for step in range(steps):
        if step % EVERY == 0:
            kept.append(_used(training))
        training.advance()
        counts[step] = training.walks.correct.reshape(problems, -1).sum(axis=1)
    rollouts = training.learner.rollouts
    fits = transitions(counts, rollouts)
    places = {name: np.full(problems, -1) for name in ("kind", "distance", "new_edges", "upstream")}
    walks = training.sample(training.config.snapshots.traffic_walks, streams.TRAFFIC)
    targets = np.ascontiguousarray(training.policy.graph.targets, np.int64)
    for problem in range(problems):
        path, onset = modal_path(walks, problem), fits["onset"][problem]
        if path is None or not np.isfinite(onset):
            continue
        used = kept[int(np.clip(onset // EVERY, 0, len(kept) - 1))]
        others = np.unique(used[1, used[0] != problem]).astype(np.int32)
        web = Web.from_graph(training.policy.graph, others)
        found = attachment(web, int(training.tasks.questions[problem]), path, targets)
        places["kind"][problem] = KINDS.index(found.kind)
        for name in ("distance", "new_edges", "upstream"):
            places[name][problem] = getattr(found, name)
    return fits | places | {"accuracy": counts.sum(axis=1) / (problems * rollouts)}


def _used(training: Trainer) -> np.ndarray:
    """Pairs of problem and edge: committed edges on successful walks, int64, shape (2, pairs)."""
    walks = training.sample(training.config.snapshots.traffic_walks, streams.TRAFFIC)
    on_path = walks.used() & walks.correct[:, None]
    edges = walks.edges[on_path].astype(np.int64)
    owners = np.repeat(walks.problem, on_path.sum(axis=1)).astype(np.int64)
    committed = training.policy.probability[edges] >= training.config.web.threshold
    pairs = np.unique(owners[committed] * training.policy.graph.edges + edges[committed])
    return np.stack(np.divmod(pairs, training.policy.graph.edges))
