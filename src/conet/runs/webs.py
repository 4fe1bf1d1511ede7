"""Policies and webs of a run's snapshots, behind ``Run.policy``, ``Run.web`` and ``Run.merges``."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from conet.base.errors import ConetError
from conet.engine.softmax import softmax
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph
from conet.network.islands import Merge, merge_tree, question_labels
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import threshold_edges
from conet.runs import policies

if TYPE_CHECKING:
    from conet.runs.run import Run

Role = Literal["none", "question", "answer", "both"]
ROLES = np.array(get_args(Role))


def policy(run: "Run", step: int | None = None) -> Any:
    """Return the policy of a snapshot (see :meth:`~conet.runs.run.Run.policy`)."""
    arrays = run.snapshot(snapshot_step(run, step))
    return policies.make(run.config, run.graph(), run.problems().max_length, arrays)


def mean_table(run: "Run", step: int | None = None) -> TablePolicy:
    """Return the table of a snapshot: the policy, or of a transformer its mean at each node."""
    return TablePolicy(run.graph(), run.snapshot(snapshot_step(run, step))["logits"])


@dataclass(frozen=True)
class SnapshotWeb:
    """The web of a snapshot, and how walks use it.

    Attributes
    ----------
    step : int
        Updates done.
    web : Web
        π as weights; of each node its ``role`` and its ``traffic``.
    traffic : ndarray of int64, shape (edges of the web,)
        Successful walks of the snapshot that used each edge.
    """

    step: int
    web: Web
    traffic: np.ndarray


def snapshot_webs(
    run: "Run", threshold: float | None = None, steps: list[int] | None = None
) -> Iterator[SnapshotWeb]:
    """Yield the webs of snapshots, of all where no steps are given, in order of time."""
    graph, problems = run.graph(), run.problems()
    role = roles(problems, graph.nodes)
    least = run.config.web.threshold if threshold is None else threshold
    if not isinstance(least, Real) or not 0 <= least <= 1:
        raise ConetError(f"threshold {least!r}"[:100], "a probability, 0 to 1", "for example 0.3")
    for step in run.snapshot_steps() if steps is None else steps:
        arrays = run.snapshot(step)
        probability = softmax(arrays["logits"], graph)
        edges = threshold_edges(probability, least)
        used = np.zeros(graph.edges, np.int64)
        used[arrays["traffic_edges"]] = arrays["traffic_counts"]
        known = {"role": role, "traffic": node_traffic(graph, used)}
        web = Web.from_graph(graph, edges, probability[edges], attributes=known)
        yield SnapshotWeb(step, web, used[edges])


def webs(run: "Run", threshold: float | None = None) -> Iterator[tuple[int, Web]]:
    """Yield step and web of every snapshot (see :meth:`~conet.runs.run.Run.webs`)."""
    for found in snapshot_webs(run, threshold):
        yield found.step, found.web


def web(run: "Run", step: int | None = None, threshold: float | None = None) -> Web:
    """Return the web of one snapshot (see :meth:`~conet.runs.run.Run.web`)."""
    return next(snapshot_webs(run, threshold, [snapshot_step(run, step)])).web


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
        if not isinstance(step, Integral) or isinstance(step, bool):
            raise ConetError(f"step {step!r}"[:100], "a whole number", "run.snapshot_steps() lists them")
        return int(step)
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


def node_traffic(graph: Graph, used: np.ndarray) -> np.ndarray:
    """Count how often walks leave or enter each node, whichever is more, int64, shape (nodes,).

    Parameters
    ----------
    used : ndarray of int64, shape (edges of the graph,)
        How many walks use each edge.
    """
    leave = np.add.reduceat(used, graph.offsets[:-1])
    enter = np.bincount(graph.targets, weights=used, minlength=graph.nodes)
    return np.maximum(leave, enter.astype(np.int64))
