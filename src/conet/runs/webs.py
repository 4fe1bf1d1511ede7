"""Policies and webs of a run's snapshots: what stands behind ``Run.policy``, ``Run.web`` and ``Run.merges``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError
from conet.engine.softmax import softmax
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph
from conet.network.islands import Merge, merge_tree, question_labels
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import threshold_edges

if TYPE_CHECKING:
    from conet.runs.run import Run

ROLES = np.array(["none", "question", "answer", "both"])


def policy(run: "Run", step: int | None = None) -> TablePolicy:
    """Return the policy of a snapshot (see :meth:`~conet.runs.run.Run.policy`)."""
    return TablePolicy(run.graph(), run.snapshot(snapshot_step(run, step))["logits"])


def webs(
    run: "Run", threshold: float | None = None, steps: list[int] | None = None
) -> Iterator[tuple[int, Web]]:
    """Yield step and web of snapshots (see :meth:`~conet.runs.run.Run.webs`)."""
    graph, problems = run.graph(), run.problems()
    role = roles(problems, graph.nodes)
    least = run.config.web.threshold if threshold is None else threshold
    for step in run.snapshot_steps() if steps is None else steps:
        arrays = run.snapshot(step)
        probability = softmax(arrays["logits"], graph)
        traffic = node_traffic(graph, arrays["traffic_edges"], arrays["traffic_counts"])
        edges = threshold_edges(probability, least)
        known = {"role": role, "traffic": traffic}
        yield step, Web.from_graph(graph, edges, probability[edges], attributes=known)


def merges(run: "Run", threshold: float | None = None) -> list[Merge]:
    """List when islands merge for good (see :meth:`~conet.runs.run.Run.merges`)."""
    found = dict(webs(run, threshold))
    return merge_tree(list(found), question_labels(list(found.values()), run.problems().questions))


def snapshot_step(run: "Run", step: int | None) -> int:
    """Return the step asked for, or that of the last snapshot.

    Raises
    ------
    ConetError
        When there is none.
    """
    if step is not None:
        return step
    steps = run.snapshot_steps()
    if not steps:
        remedy = "train again with snapshots.steps set"
        raise ConetError(f"{run.path}, which holds no snapshot", "at least one", remedy)
    return steps[-1]


def roles(problems: Problems, nodes: int) -> np.ndarray:
    """Say of each node whether it is a "question", an "answer", "both" or "none", shape (nodes,)."""
    code = np.zeros(nodes, np.int64)
    code[problems.questions] = 1
    code[np.unique(problems.answers)] += 2
    return ROLES[code]


def node_traffic(graph: Graph, edges: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Count how often walks leave or enter each node, whichever is more, int64, shape (nodes,).

    Parameters
    ----------
    edges, counts : ndarray of int, shape (used edges,)
        How many walks use each of these edges.
    """
    used = Web.from_graph(graph, edges)
    ends = (used.sources, used.targets)
    passes = [np.bincount(end, weights=counts, minlength=graph.nodes) for end in ends]
    return np.maximum(*passes).astype(np.int64)
