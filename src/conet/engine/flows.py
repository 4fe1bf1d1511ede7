"""Expected flows of successful walks over the edges: what exact gradients and their norms are made of.

Questions are taken in fixed parts and their results summed in order, so any number of threads gives the
same bits.
"""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.engine import flow_kernels, lane_kernels
from conet.engine.gradient import Gradient
from conet.engine.kernels import finish_rows
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems

_PARTS = 8  # at most so many threads are of use; fixed, because the order of sums depends on it
_SCRATCH = 4 * 2**30  # bytes that a thread may need before we refuse


@dataclass(frozen=True)
class Flows:
    """What one round of passes yields; the last three only where asked for.

    Attributes
    ----------
    values : ndarray of float64, shape (edges,)
        Σ over questions of weight · expected passes of successful walks.
    success : ndarray of float64, shape (M,)
    alone : ndarray of float64, shape (nodes,) or (0,)
        Σ over questions of the norm of the weighted gradient at each node.
    single : ndarray of float64, shape (edges of the chosen rows, M)
        Weighted gradient of each question.
    visits : ndarray of float64, shape (nodes,) or (0,)
        How often a walk leaves each node on average, summed over questions.
    """

    values: np.ndarray
    success: np.ndarray
    alone: np.ndarray
    single: np.ndarray
    visits: np.ndarray


def sum_flows(
    policy: TablePolicy,
    problems: Problems,
    rule: int,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
    *,
    weights: np.ndarray | None = None,
    norms: bool = False,
    visits: bool = False,
    rows: np.ndarray | None = None,
) -> Flows:
    """Run the passes.

    ``rule`` is one of ``AS_GIVEN``, ``STANDARDISED``, ``GIVEN_SUCCESS`` of the kernels; it multiplies
    ``weights`` (ones where absent). ``rows`` restricts the work to the edges of these nodes and asks
    for ``single``; ``norms`` asks for ``alone``, ``visits`` for the visits.
    """
    questions, answers = pairs(problems, chosen)
    weights = np.ones(len(questions)) if weights is None else weights
    if weights.shape != questions.shape or not np.isfinite(weights).all():
        raise ValueError(f"got weights of shape {weights.shape}, expected {questions.shape}, all finite")
    graph = policy.graph
    length = problems.max_length
    _check_memory(graph.nodes, length)
    network = graph.offsets, np.ascontiguousarray(graph.targets), policy.probability
    reverse, asked = reverse_edges(policy), (np.flatnonzero(problems.stops(graph.nodes)), questions, answers)
    edges_of_rows = 0 if rows is None else int(np.diff(graph.offsets)[rows].sum())
    at = np.arange(graph.nodes) if rows is None else rows
    success, single = np.empty(len(questions)), np.zeros((edges_of_rows, len(questions)))

    def part(first: int, last: int) -> tuple[np.ndarray, ...]:
        values, alone = np.zeros(graph.edges), np.zeros(graph.nodes if norms else 0)
        left = np.zeros(graph.nodes if visits else 0)
        flow_kernels.gradient_part(
            network,
            reverse,
            asked,
            length,
            rule,
            weights,
            at,
            first,
            last,
            success,
            values,
            alone,
            single,
            left,
        )
        return values, alone, left

    results = in_parts(part, len(questions), threads)
    values, alone, left = (sum(parts[1:], start=parts[0]) for parts in zip(*results))
    return Flows(values=values, success=success, alone=alone, single=single, visits=left)


def from_flow(policy: TablePolicy, values: np.ndarray) -> Gradient:
    """Turn a weighted flow into the gradient that belongs to it, in place."""
    touched = np.maximum.reduceat(np.abs(values), policy.graph.offsets[:-1]) > 0
    rows = np.flatnonzero(touched).astype(np.int32)
    finish_rows(rows, policy.graph.offsets, policy.probability, values)
    return Gradient(values, rows)


def in_parts(part: Callable[[int, int], Any], questions: int, threads: int) -> list[Any]:
    """Call ``part(first, last)`` on whole blocks of questions; the results come in order."""
    blocks = -(-questions // lane_kernels.LANES)
    bounds = np.linspace(0, blocks, min(_PARTS, blocks) + 1).astype(int) * lane_kernels.LANES
    spans = [(int(first), min(int(last), questions)) for first, last in itertools.pairwise(bounds)]
    if threads == 1 or len(spans) == 1:
        return [part(*span) for span in spans]
    with ThreadPoolExecutor(min(threads, len(spans))) as pool:
        return list(pool.map(lambda span: part(*span), spans))


def reverse_edges(policy: TablePolicy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn the edges round: offsets by target, source of each edge, its probability."""
    from scipy.sparse import csr_array

    graph = policy.graph
    targets = graph.targets.astype(np.int32)
    turned = csr_array((policy.probability, targets, graph.offsets), (graph.nodes, graph.nodes)).tocsc()
    return turned.indptr.astype(np.int64), turned.indices.astype(np.int32), turned.data


def pairs(problems: Problems, chosen: Iterable[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Question and answer nodes of the chosen problems, int64."""
    picked = np.arange(len(problems)) if chosen is None else np.array(list(chosen), np.int64)
    if not len(picked):
        raise ConetError("no problems", "at least one", "choose some")
    return problems.questions[picked].astype(np.int64), problems.answers[picked].astype(np.int64)


def _check_memory(nodes: int, max_length: int) -> None:
    scratch = 2 * (max_length + 1) * nodes * lane_kernels.LANES * 8
    if scratch > _SCRATCH:
        raise ConetError(
            f"{nodes} nodes and walks of up to {max_length} steps: {scratch / 2**30:.0f} GiB a thread",
            f"at most {_SCRATCH / 2**30:.0f} GiB for an exact gradient",
            "sample instead, shorten problems.max_length or use a smaller graph",
        )
