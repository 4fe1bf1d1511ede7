"""The absorbing chain: success, length, flow and gradient of every question without sampling noise.

A walk ends at its answer (success), after ``max_length`` steps, or, with ``stop_at_any_answer``, at
another question's answer (both failure). Forward and backward passes over the edges give all that in
O(edges · max_length) a question. Questions are taken in fixed parts and their results summed in
order, so any number of threads gives the same bits.
"""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.engine import exact_kernels as kernels
from conet.engine.gradient import Gradient
from conet.engine.kernels import finish_rows
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems

_PARTS = 8  # at most so many threads are of use; fixed, because the order of sums depends on it
_SCRATCH = 4 * 2**30  # bytes that a thread may need before we refuse


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
    questions, answers = _pairs(problems, chosen)
    lengths = np.zeros((len(questions), problems.max_length))
    stopped, truncated = np.zeros(len(questions)), np.zeros(len(questions))
    offsets, sources, probability = _reversed(policy)
    stops = np.flatnonzero(problems.stops(policy.graph.nodes))

    def part(first: int, last: int) -> None:
        kernels.solve_part(
            offsets, sources, probability, stops, questions, answers, problems.max_length, first, last,
            lengths, stopped, truncated,
        )  # fmt: skip

    _in_parts(part, len(questions), threads)
    return Solution(lengths.sum(axis=1), lengths, truncated, stopped)


def flow(
    policy: TablePolicy, problems: Problems, *, given_success: bool = False, chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> np.ndarray:  # fmt: skip
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
    rule = kernels.GIVEN_SUCCESS if given_success else kernels.AS_GIVEN
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
    flows = sum_flows(policy, problems, kernels.AS_GIVEN, chosen, threads, weights=weights)
    return from_flow(policy, flows.values)


def objective_gradient(
    policy: TablePolicy, problems: Problems, *, standardise: bool = True, chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> tuple[Gradient, np.ndarray]:  # fmt: skip
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
    rule = kernels.STANDARDISED if standardise else kernels.AS_GIVEN
    flows = sum_flows(policy, problems, rule, chosen, threads)
    return from_flow(policy, flows.values / len(flows.success)), flows.success


@dataclass(frozen=True)
class Flows:
    """What one round of passes yields; the last two only where asked for.

    Attributes
    ----------
    values : ndarray of float64, shape (edges,)
        Σ over questions of weight · expected passes of successful walks.
    success : ndarray of float64, shape (M,)
    alone : ndarray of float64, shape (nodes,) or (0,)
        Σ over questions of the norm of the weighted gradient at each node.
    single : ndarray of float64, shape (edges of the chosen rows, M)
        Weighted gradient of each question.
    """

    values: np.ndarray
    success: np.ndarray
    alone: np.ndarray
    single: np.ndarray


def sum_flows(
    policy: TablePolicy, problems: Problems, rule: int, chosen: Iterable[int] | None = None, threads: int = 1,
    *, weights: np.ndarray | None = None, norms: bool = False, rows: np.ndarray | None = None,
) -> Flows:  # fmt: skip
    """Run the passes: the ground that flow, gradients and their norms stand on.

    ``rule`` is one of ``AS_GIVEN``, ``STANDARDISED``, ``GIVEN_SUCCESS`` of the kernels; it multiplies
    ``weights`` (ones where absent). ``rows`` restricts the work to the edges of these nodes and asks
    for ``single``; ``norms`` asks for ``alone``.
    """
    questions, answers = _pairs(problems, chosen)
    weights = np.ones(len(questions)) if weights is None else weights
    if weights.shape != questions.shape or not np.isfinite(weights).all():
        raise ValueError(f"got weights of shape {weights.shape}, expected {questions.shape}, all finite")
    graph = policy.graph
    _check_memory(graph.nodes, problems.max_length)
    reverse, targets = _reversed(policy), np.ascontiguousarray(graph.targets)
    stops = np.flatnonzero(problems.stops(graph.nodes))
    edges_of_rows = 0 if rows is None else int(np.diff(graph.offsets)[rows].sum())
    at = np.arange(graph.nodes) if rows is None else rows
    success, single = np.empty(len(questions)), np.zeros((edges_of_rows, len(questions)))

    def part(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        values, alone = np.zeros(graph.edges), np.zeros(graph.nodes if norms else 0)
        kernels.gradient_part(
            graph.offsets, targets, policy.probability, *reverse, stops, questions, answers, problems.max_length,
            rule, weights, at, first, last, success, values, alone, single,
        )  # fmt: skip
        return values, alone

    results = _in_parts(part, len(questions), threads)
    values, alone = (sum(parts[1:], start=parts[0]) for parts in zip(*results))
    return Flows(values, success, alone, single)


def from_flow(policy: TablePolicy, values: np.ndarray) -> Gradient:
    """Turn a weighted flow into the gradient that belongs to it, in place."""
    touched = np.maximum.reduceat(np.abs(values), policy.graph.offsets[:-1]) > 0
    rows = np.flatnonzero(touched).astype(np.int32)
    finish_rows(rows, policy.graph.offsets, policy.probability, values)
    return Gradient(values, rows)


def _in_parts(part: Callable[[int, int], Any], questions: int, threads: int) -> list[Any]:
    """Call ``part(first, last)`` on whole blocks of questions; the results come in order."""
    blocks = -(-questions // kernels.LANES)
    bounds = np.linspace(0, blocks, min(_PARTS, blocks) + 1).astype(int) * kernels.LANES
    spans = [(int(first), min(int(last), questions)) for first, last in itertools.pairwise(bounds)]
    if threads == 1 or len(spans) == 1:
        return [part(*span) for span in spans]
    with ThreadPoolExecutor(min(threads, len(spans))) as pool:
        return list(pool.map(lambda span: part(*span), spans))


def _reversed(policy: TablePolicy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the edges round: offsets by target, source of each edge, its probability."""
    from scipy.sparse import csr_array

    graph = policy.graph
    targets = graph.targets.astype(np.int32)
    turned = csr_array((policy.probability, targets, graph.offsets), (graph.nodes, graph.nodes)).tocsc()
    return turned.indptr.astype(np.int64), turned.indices.astype(np.int32), turned.data


def _pairs(problems: Problems, chosen: Iterable[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Question and answer nodes of the chosen problems, int64."""
    picked = np.arange(len(problems)) if chosen is None else np.array(list(chosen), np.int64)
    if not len(picked):
        raise ConetError("no problems", "at least one", "choose some")
    return problems.questions[picked].astype(np.int64), problems.answers[picked].astype(np.int64)


def _check_memory(nodes: int, max_length: int) -> None:
    scratch = 2 * (max_length + 1) * nodes * kernels.LANES * 8
    if scratch > _SCRATCH:
        raise ConetError(
            f"{nodes} nodes and walks of up to {max_length} steps: {scratch / 2**30:.0f} GiB a thread",
            f"at most {_SCRATCH / 2**30:.0f} GiB for an exact gradient",
            "sample instead, shorten problems.max_length or use a smaller graph",
        )
