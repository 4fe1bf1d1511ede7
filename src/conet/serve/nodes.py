"""One node of a concept web at one snapshot: where walks go from it, and which problems fight there."""

import numpy as np

from conet.engine.problem_gradients import problem_gradients
from conet.runs.run import Run
from conet.runs.webs import snapshot_step
from conet.serve.models_web import Fight, NodeDetail, OutEdge

MOST_EDGES, MOST_FIGHTS = 12, 6  # as many as are listed
LEAST = 1e-9  # a product of gradients below which nothing is said (our choice)
MOST_PROBLEMS = 2048  # beyond which pairs of problems are not compared


def detail(run: Run, node: int, step: int | None) -> NodeDetail:
    """Describe a node.

    Parameters
    ----------
    step
        Of a snapshot; the last one where absent.

    Raises
    ------
    LookupError
        When the network has no such node.
    ConetError
        When there is no snapshot at that step.
    """
    policy = run.policy(snapshot_step(run, step))
    graph = policy.graph
    if not 0 <= node < graph.nodes:
        raise LookupError(f"node {node}")
    first, last = graph.offsets[node], graph.offsets[node + 1]
    probability, targets = policy.probability[first:last], graph.targets[first:last]
    order = np.argsort(-probability, kind="stable")
    shown = order[:MOST_EDGES]
    known = probability[probability > 0]
    return NodeDetail(
        node=node,
        step=snapshot_step(run, step),
        edges=[OutEdge(target=int(targets[one]), probability=float(probability[one])) for one in shown],
        others=len(order) - len(shown),
        rest=float(max(0.0, 1 - probability[shown].sum())),
        effective=float(np.exp(-(known * np.log(known)).sum())),
    )


def fights(run: Run, node: int, step: int | None) -> list[Fight]:
    """Return the pairs of problems whose gradients oppose each other most at a node, by exact gradients.

    Parameters
    ----------
    step
        Of a snapshot; the last one where absent.

    Raises
    ------
    LookupError
        When the network has no such node.
    ConetError
        When there is no snapshot at that step.
    """
    policy, problems = run.policy(snapshot_step(run, step)), run.problems()
    if not 0 <= node < policy.graph.nodes:
        raise LookupError(f"node {node}")
    if len(problems) > MOST_PROBLEMS:
        return []
    gradient = problem_gradients(policy, problems, np.array([node]))
    against = np.triu(np.maximum(-(gradient.T @ gradient), 0.0), 1)
    order = np.argsort(-against, axis=None, kind="stable")[:MOST_FIGHTS]
    return [
        Fight(problem=int(one), other=int(other), interference=float(against[one, other]))
        for one, other in zip(*np.unravel_index(order, against.shape))
        if against[one, other] > LEAST
    ]
