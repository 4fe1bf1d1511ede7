"""Exact gradients of single problems at single nodes, before they are summed."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from conet.engine import flow_kernels
from conet.engine.flows import from_flow, sum_flows
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems


@dataclass(frozen=True)
class GradientNorms:
    """How large the gradients of the problems are at each node: one by one, and summed.

    Attributes
    ----------
    sum_of_norms : ndarray of float64, shape (nodes,)
        Σ_m |g_m(i)|, Euclidean norms over the edges of node i.
    norm_of_sum : ndarray of float64, shape (nodes,)
        |Σ_m g_m(i)|, not above ``sum_of_norms`` but for rounding.
    success : ndarray of float64, shape (M,)
        Success probability of each problem.
    """

    sum_of_norms: np.ndarray
    norm_of_sum: np.ndarray
    success: np.ndarray


def gradient_norms(
    policy: TablePolicy,
    problems: Problems,
    *,
    standardise: bool = True,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> GradientNorms:
    """Compare Σ_m |g_m(i)| with |Σ_m g_m(i)| at every node, at little more than the gradient's cost.

    Parameters
    ----------
    policy, problems, chosen, threads
        As in :func:`conet.engine.exact.solve`.
    standardise
        Whether g_m is ∇p_m/√(p_m(1-p_m)), as GRPO weighs it, or ∇p_m. It is not divided by M.
    """
    flows = sum_flows(policy, problems, _rule(standardise), chosen, threads, norms=True)
    total = from_flow(policy, flows.values).values
    of_sum = np.sqrt(np.add.reduceat(total * total, policy.graph.offsets[:-1]))
    return GradientNorms(flows.alone, of_sum, flows.success)


def problem_gradients(
    policy: TablePolicy,
    problems: Problems,
    rows: np.ndarray,
    *,
    standardise: bool = True,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Return the gradient g_m of every problem at the given nodes.

    Parameters
    ----------
    policy, problems, standardise, chosen, threads
        As in :func:`gradient_norms`.
    rows : ndarray of int
        Nodes; their edges follow one another in the result.

    Returns
    -------
    ndarray of float64, shape (edges of rows, M)
    """
    rows = np.asarray(rows, np.int64)
    return sum_flows(policy, problems, _rule(standardise), chosen, threads, rows=rows).single


def _rule(standardise: bool) -> int:
    return flow_kernels.STANDARDISED if standardise else flow_kernels.AS_GIVEN
