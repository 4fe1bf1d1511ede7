"""The absorbing chain: success, length, flow and gradient of every question without sampling noise.

A walk ends at its answer (success), after ``max_length`` steps, or, with ``stop_at_any_answer``, at
another question's answer (both failure). Forward and backward passes over the edges give all that in
O(edges · max_length) a question. Questions are taken in fixed parts and their results summed in
order, so any number of threads gives the same bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from conet.engine import exact_kernels as kernels
from conet.engine import flow_kernels
from conet.engine.flows import from_flow, in_parts, pairs, reverse_edges, sum_flows
from conet.engine.gradient import Gradient
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems


@dataclass(frozen=True)
class Solution:
    """What the walks of each question do on average; the three probabilities sum to one.

    Attributes
    ----------
    success : ndarray of float64, shape (M,)
        Probability of reaching the answer.
    length_distribution : ndarray of float64, shape (M, max_length)
        Probability of reaching it at step t = 1 … max_length; the rows sum to ``success``.
    truncated : ndarray of float64, shape (M,)
        Probability of still walking after ``max_length`` steps.
    stopped : ndarray of float64, shape (M,)
        Probability of ending at another question's answer.
    """

    success: np.ndarray
    length_distribution: np.ndarray
    truncated: np.ndarray
    stopped: np.ndarray

    @property
    def correct_length(self) -> np.ndarray:
        """Mean length (steps) of each question's correct walks, NaN where none can be, float64, (M,)."""
        steps = np.arange(1, self.length_distribution.shape[1] + 1)
        total = self.length_distribution @ steps
        return np.divide(total, self.success, out=np.full(len(total), np.nan), where=self.success > 0)


def solve(
    policy: TablePolicy, problems: Problems, *, chosen: Iterable[int] | None = None, threads: int = 1
) -> Solution:
    """Solve each question exactly.

    Parameters
    ----------
    policy, problems
        What walks, and from where to where.
    chosen
        Indices of the problems; all where absent. M is their number.
    threads
        At most so many; 8 are of use.

    Examples
    --------
    >>> accuracy = solve(policy, problems).success.mean()
    """
    questions, answers = pairs(problems, chosen)
    lengths = np.zeros((len(questions), problems.max_length))
    stopped, truncated = np.zeros(len(questions)), np.zeros(len(questions))
    offsets, sources, probability = reverse_edges(policy)
    stops = np.flatnonzero(problems.stops(policy.graph.nodes))

    def part(first: int, last: int) -> None:
        kernels.solve_part(
            offsets,
            sources,
            probability,
            stops,
            questions,
            answers,
            problems.max_length,
            first,
            last,
            lengths,
            stopped,
            truncated,
        )

    in_parts(part, len(questions), threads)
    return Solution(lengths.sum(axis=1), lengths, truncated, stopped)


def flow(
    policy: TablePolicy,
    problems: Problems,
    *,
    given_success: bool = False,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """How often successful walks pass each edge, summed over the questions.

    Parameters
    ----------
    policy, problems, chosen, threads
        As in :func:`solve`.
    given_success
        False: with one walk a question, successful or not, so that a question weighs as much as it
        succeeds. True: with one successful walk a question; those that cannot succeed are left out.

    Returns
    -------
    ndarray of float64, shape (edges,)
    """
    rule = flow_kernels.GIVEN_SUCCESS if given_success else flow_kernels.AS_GIVEN
    return sum_flows(policy, problems, rule, chosen, threads).values


def gradient(
    policy: TablePolicy,
    problems: Problems,
    weights: np.ndarray,
    *,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> Gradient:
    """Σ_m weights[m] ∇p_m, with p_m the success probability of question m.

    Parameters
    ----------
    policy, problems, chosen, threads
        As in :func:`solve`.
    weights : ndarray of float64, shape (M,)
        One for each of ``chosen``.

    Raises
    ------
    ValueError
        When the shape does not fit, or a weight is not finite.
    ConetError
        When the passes would need more than 4 GiB a thread.
    """
    weights = np.ascontiguousarray(weights, np.float64)
    flows = sum_flows(policy, problems, flow_kernels.AS_GIVEN, chosen, threads, weights=weights)
    return from_flow(policy, flows.values)


def objective_gradient(
    policy: TablePolicy,
    problems: Problems,
    *,
    standardise: bool = True,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> tuple[Gradient, np.ndarray]:
    """Gradient of what group-normalised GRPO ascends with infinitely many rollouts.

    The objective is (1/M) Σ 2·arcsin √p, since a mean reward p has the standard deviation √(p(1-p));
    without ``standardise`` it is (1/M) Σ p. Questions with p of exactly 0 or 1 have gradient 0, as
    groups whose rewards are all equal have in GRPO.

    Parameters
    ----------
    policy, problems, chosen, threads
        As in :func:`solve`.
    standardise
        Whether advantages are divided by their standard deviation.

    Returns
    -------
    Gradient
    ndarray of float64, shape (M,)
        Success probability of each question.

    Raises
    ------
    ConetError
        When the passes would need more than 4 GiB a thread.
    """
    rule = flow_kernels.STANDARDISED if standardise else flow_kernels.AS_GIVEN
    flows = sum_flows(policy, problems, rule, chosen, threads)
    return from_flow(policy, flows.values / len(flows.success)), flows.success


def objective_with_visits(
    policy: TablePolicy,
    problems: Problems,
    *,
    standardise: bool = True,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> tuple[Gradient, np.ndarray]:
    """Return the gradient of :func:`objective_gradient`, and how often walks leave each node.

    Parameters
    ----------
    policy, problems, standardise, chosen, threads
        As there; M is the number of ``chosen``.

    Returns
    -------
    Gradient
    ndarray of float64, shape (nodes,)
        Expected visits of a walk from which it goes on, averaged over the problems.
    """
    rule = flow_kernels.STANDARDISED if standardise else flow_kernels.AS_GIVEN
    flows = sum_flows(policy, problems, rule, chosen, threads, visits=True)
    count = len(flows.success)
    return from_flow(policy, flows.values / count), flows.visits / count
