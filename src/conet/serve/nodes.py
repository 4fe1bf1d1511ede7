"""One node of a concept web at one snapshot: where walks go from it, and which problems fight there."""

from typing import TYPE_CHECKING

import numpy as np

from conet.engine.problem_gradients import problem_gradients
from conet.runs.run import Run
from conet.runs.webs import mean_table, snapshot_step
from conet.serve.absent import Absent
from conet.serve.models_web import Fight, NodeDetail, OutEdge

if TYPE_CHECKING:
    from conet.engine.tables import TablePolicy

MOST_EDGES, MOST_FIGHTS = 12, 6  # as many as are listed
LEAST = 1e-9  # a product of gradients below which nothing is said (our choice)
MOST_PROBLEMS = 2048  # beyond which pairs of problems are not compared


def detail(run: Run, node: int, step: int | None) -> NodeDetail:
    """Describe a node; the parameters are those of :func:`_policy`."""
    at, policy = _policy(run, node, step)
    graph = policy.graph
    first, last = graph.offsets[node], graph.offsets[node + 1]
    probability, targets = policy.probability[first:last], graph.targets[first:last]
    order = np.argsort(-probability, kind="stable")
    shown = order[:MOST_EDGES]
    known = probability[probability > 0]
    return NodeDetail(
        node=node,
        step=at,
        edges=[OutEdge(target=int(targets[one]), probability=float(probability[one])) for one in shown],
        others=len(order) - len(shown),
        rest=float(max(0.0, 1 - probability[shown].sum())),
        effective=float(np.exp(-(known * np.log(known)).sum())),
    )


def fights(run: Run, node: int, step: int | None) -> list[Fight]:
    """Return the pairs of problems whose gradients oppose each other most at a node, by exact gradients.

    The parameters are those of :func:`_policy`.
    """
    _, policy = _policy(run, node, step)
    problems = run.problems()
    if len(problems) > MOST_PROBLEMS or run.config.policy.kind != "table":  # only a table has exact gradients
        return []
    gradient = problem_gradients(policy, problems, np.array([node]))
    against = np.triu(np.maximum(-(gradient.T @ gradient), 0.0), 1)
    order = np.argsort(-against, axis=None, kind="stable")[:MOST_FIGHTS]
    return [
        Fight(problem=int(one), other=int(other), interference=float(against[one, other]))
        for one, other in zip(*np.unravel_index(order, against.shape))
        if against[one, other] > LEAST
    ]


def _policy(run: Run, node: int, step: int | None) -> "tuple[int, TablePolicy]":
    """Return the step of a snapshot, and the policy at it, which has the node.

    Parameters
    ----------
    step
        Of a snapshot; the last one where absent.

    Raises
    ------
    Absent
        When the network has no such node.
    ConetError
        When there is no snapshot at that step.
    """
    at = snapshot_step(run, step)
    policy = mean_table(run, at)
    if not 0 <= node < policy.graph.nodes:
        raise Absent(f"node {node}")
    return at, policy
