"""What others do at the same size: a loop in PyTorch, and the walks of csrgraph and igraph.

All are optional and imported only here, where they are installed. Each draws its walks from the
uniform policy, given as probabilities: none takes advantage of their being equal.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import scipy.sparse

from conet.bench.engine import Bench
from conet.bench.timing import Case

Work = Callable[[], dict[str, int]]


def rivals(bench: Bench) -> tuple[list[Case], dict[str, str]]:
    """Return a case for every rival that can be imported, and why the others cannot."""
    cases, skipped = [], {}
    for name, make in RIVALS.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            skipped[name] = "not installed"
        except Exception as error:  # an old package may fail in any way with a new Python or numpy
            skipped[name] = f"import fails: {type(error).__name__}"
        else:
            cases.append(Case(bench.labels(name), make(module, bench)))
    return cases, skipped


def torch_loop(torch: Any, bench: Bench) -> Work:
    """All walks as one batch, a step at a time, as a researcher would write it; one thread."""
    policy, problems, size = bench.policy, bench.problems, bench.size
    probability = torch.from_numpy(policy.probability.reshape(size.nodes, -1)).float()
    neighbours = torch.from_numpy(policy.graph.targets.astype(np.int64).reshape(size.nodes, -1))
    questions = torch.from_numpy(problems.questions.astype(np.int64)).repeat_interleave(size.rollouts)
    answers = torch.from_numpy(problems.answers.astype(np.int64)).repeat_interleave(size.rollouts)

    @torch.no_grad()
    def walk() -> int:
        node = questions.clone()
        alive = torch.ones(len(node), dtype=torch.bool)
        choices = torch.full((len(node), size.max_length), -1)
        length = torch.zeros(len(node), dtype=torch.int64)
        for step in range(size.max_length):
            choice = torch.multinomial(probability[node], 1).squeeze(1)
            choices[:, step] = torch.where(alive, choice, -1)
            node = torch.where(alive, neighbours[node, choice], node)
            length += alive
            alive &= node != answers
            if not alive.any():
                break
        return int(length.sum())

    def work() -> dict[str, int]:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return {"steps": walk()}
        finally:
            torch.set_num_threads(before)

    return work


def csrgraph_walks(csrgraph: Any, bench: Bench) -> Work:
    """Walks of full length (they cannot stop at an answer); compiled by numba, one thread."""
    graph, size = bench.policy.graph, bench.size
    parts = bench.policy.probability, graph.targets.astype(np.int32), graph.offsets.astype(np.int32)
    matrix = scipy.sparse.csr_matrix(parts, shape=(size.nodes, size.nodes))
    walker = csrgraph.csrgraph(matrix, threads=1)

    def work() -> dict[str, int]:
        before = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            walks = walker.random_walks(
                walklen=size.max_length + 1, epochs=size.rollouts, start_nodes=bench.problems.questions
            )
        finally:
            numba.set_num_threads(before)
        return {"steps": walks.shape[0] * (walks.shape[1] - 1)}

    return work


def igraph_walk(igraph: Any, bench: Bench) -> Work:
    """One walk with the steps of all: igraph takes the weights anew for every walk, so this favours it."""
    graph, size = bench.policy.graph, bench.size
    pairs = np.column_stack([graph.sources(), graph.targets]).tolist()
    walker = igraph.Graph(n=size.nodes, edges=pairs, directed=True)
    walker.es["weight"] = bench.policy.probability.tolist()
    steps = size.questions * size.rollouts * size.max_length

    def work() -> dict[str, int]:
        walk = walker.random_walk(0, steps, weights="weight", mode="out", return_type="edges")
        return {"steps": len(walk)}

    return work


RIVALS: dict[str, Callable[[Any, Bench], Work]] = {
    "torch": torch_loop,
    "csrgraph": csrgraph_walks,
    "igraph": igraph_walk,
}
