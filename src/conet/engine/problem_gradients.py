"""What single questions want at single nodes: exact gradients before they are summed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from conet.engine import exact_kernels as kernels
from conet.engine.exact import from_flow, sum_flows
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems


@dataclass(frozen=True)
class Pulls:
    """How strongly questions pull at each node: each for itself, and all together.

    Attributes
    ----------
    alone : ndarray of float64, shape (nodes,)
        Σ_m |g_m(i)|, Euclidean norms over the edges of node i.
    together : ndarray of float64, shape (nodes,)
        |Σ_m g_m(i)|, not above ``alone`` but for rounding.
    success : ndarray of float64, shape (M,)
        Success probability of each question.
    """

    alone: np.ndarray
    together: np.ndarray
    success: np.ndarray


def pulls(
    policy: TablePolicy, tasks: Problems, *, standardise: bool = True, problems: Iterable[int] | None = None,
    threads: int = 1,
) -> Pulls:  # fmt: skip
    """Compare Σ_m |g_m(i)| with |Σ_m g_m(i)| at every node, at little more than the gradient's cost.

    Parameters
    ----------
    policy, tasks, problems, threads
        As in :func:`conet.engine.exact.solve`.
    standardise
        Whether g_m is ∇p_m/√(p_m(1-p_m)), as GRPO weighs it, or ∇p_m. It is not divided by M.
    """
    flows = sum_flows(policy, tasks, _rule(standardise), problems, threads, norms=True)
    total = from_flow(policy, flows.values).values
    together = np.sqrt(np.add.reduceat(total * total, policy.graph.offsets[:-1]))
    return Pulls(flows.alone, together, flows.success)


def question_gradients(
    policy: TablePolicy, tasks: Problems, rows: np.ndarray, *, standardise: bool = True,
    problems: Iterable[int] | None = None, threads: int = 1,
) -> np.ndarray:  # fmt: skip
    """Return the gradient g_m of every question at the given nodes.

    Parameters
    ----------
    policy, tasks, standardise, problems, threads
        As in :func:`pulls`.
    rows : ndarray of int
        Nodes; their edges follow one another in the result.

    Returns
    -------
    ndarray of float64, shape (edges of rows, M)
    """
    rows = np.asarray(rows, np.int64)
    return sum_flows(policy, tasks, _rule(standardise), problems, threads, rows=rows).single


def _rule(standardise: bool) -> int:
    return kernels.STANDARDISED if standardise else kernels.AS_GIVEN
