"""The table policy: logits, their softmax, and the packed tables that walks are drawn from."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from conet.engine import kernels
from conet.engine.sample import Walks
from conet.engine.threads import in_parts
from conet.network.graph import Graph
from conet.network.problems import Problems

_WORTH_A_THREAD = 100_000  # expected hops below which a second thread costs more than it saves


class TablePolicy:
    """Logits of every edge, kept together with softmax and sampling table.

    It looks at the node alone: the :class:`~conet.engine.policy.Policy` whose walks are Markov.

    Parameters
    ----------
    graph
        The concept network. Its targets are moved into the sampling table and shared with it, so
        graph and tables take 16 bytes an edge together.
    logits : ndarray of float64, shape (edges,), optional
        Zeros where absent: the uniform policy.

    Attributes
    ----------
    logits, probability : ndarray of float64, shape (edges,)
    records : ndarray of ``kernels.RECORD``, shape (edges,)
    """

    def __init__(self, graph: Graph, logits: np.ndarray | None = None) -> None:
        self.records = np.empty(graph.edges, kernels.RECORD)
        self.records["target"] = graph.targets
        self.graph = Graph(graph.offsets, self.records["target"])
        self.uniform_degree = graph.uniform_degree
        self.logits = np.zeros(graph.edges) if logits is None else np.array(logits, np.float64)
        if self.logits.shape != (graph.edges,):
            raise ValueError(f"got logits of shape {self.logits.shape}, expected ({graph.edges},)")
        self.probability = np.empty(graph.edges)
        largest = int(np.diff(graph.offsets).max())
        self._scratch = np.empty(largest, np.uint32), np.empty(largest, np.uint32), np.empty(largest)
        self.refresh()

    def __repr__(self) -> str:
        return f"TablePolicy({self.graph.nodes} nodes, {self.graph.edges} edges)"

    def refresh(self, rows: np.ndarray | None = None) -> None:
        """Bring softmax and sampling table up to date after the logits of ``rows`` changed.

        Parameters
        ----------
        rows : ndarray of int, optional
            Nodes whose logits changed; all where absent.
        """
        if rows is None:
            rows = np.arange(self.graph.nodes, dtype=np.int32)
        kernels.refresh_rows(
            rows, self.graph.offsets, self.logits, self.probability, self.records, *self._scratch
        )

    def copy(self) -> "TablePolicy":
        """Return an independent policy with the same logits."""
        return TablePolicy(self.graph, self.logits)

    def out_probabilities(
        self, node: int, problem: int | None = None, path: Sequence[int] = ()
    ) -> np.ndarray:
        """Probability of each out-edge of a node, whatever the problem and the path, shape (degree,)."""
        return self.probability[self.graph.offsets[node] : self.graph.offsets[node + 1]]

    def sample(
        self,
        problems: Problems,
        rollouts: int,
        key: int,
        *,
        chosen: Iterable[int] | None = None,
        threads: int = 1,
    ) -> Walks:
        """Draw walks; the same key gives the same walks at any number of threads.

        Parameters
        ----------
        problems
            From where to where.
        rollouts
            Walks a problem.
        key
            From :func:`~conet.engine.sample.stream_key`. A walk depends on key, problem and its
            number alone, so more rollouts, or fewer problems, leave the other walks as they were.
        chosen
            Indices of the problems to walk; all where absent.
        threads
            At most so many; small batches use one.

        Raises
        ------
        ValueError
            When a question or answer is no node of the graph.
        """
        picked = (
            np.arange(len(problems), dtype=np.int32) if chosen is None else np.array(list(chosen), np.int32)
        )
        walks = len(picked) * rollouts
        edges = np.empty((walks, problems.max_length), np.int32)
        length, correct = np.empty(walks, np.int32), np.empty(walks, np.bool_)
        questions, answers = problems.questions[picked], problems.answers[picked]
        _check_nodes(np.concatenate([questions, answers]), self.graph.nodes)
        network = self.graph.offsets, self.uniform_degree, self.records, problems.stops(self.graph.nodes)
        asked = questions, answers, picked, rollouts, problems.max_length, np.uint64(key)

        def part(first: int, last: int) -> None:
            kernels.sample(*network, *asked, first, last, edges, length, correct)

        if threads == 1 or walks * problems.max_length < _WORTH_A_THREAD:
            part(0, walks)
        else:
            in_parts(part, walks, threads)
        return Walks(
            problems=picked,
            starts=np.repeat(questions, rollouts),
            edges=edges,
            length=length,
            correct=correct,
            rollouts=rollouts,
        )

    def hop_probabilities(self, walks: Walks) -> np.ndarray:
        """Probability of every recorded hop, float64, shape (walks, max_length); 1 beyond a walk's length."""
        return walks.at_hops(self.probability)

    def log_probabilities(self, walks: Walks) -> np.ndarray:
        """Log-probability (nats) of every recorded hop, float64, shape (walks, max_length); 0 beyond."""
        with np.errstate(divide="ignore"):  # a hop that has become impossible
            return np.log(self.hop_probabilities(walks))

    def next_hops(self, walks: Walks) -> tuple[np.ndarray, np.ndarray]:
        """Distribution over the out-edges wherever walks chose, and zeros: every move is legal."""
        chose = walks.choices()
        nodes = walks.nodes(self.graph.targets)
        rows = self.graph.offsets[nodes][..., None] + np.arange(np.diff(self.graph.offsets).max())
        inside = (rows < self.graph.offsets[nodes + 1][..., None]) & chose[..., None]
        return np.where(inside, self.probability[np.where(inside, rows, 0)], 0.0), np.zeros(chose.shape)

    parameters = "logits"  # as an error calls them

    @property
    def size(self) -> int:
        """Number of parameters: a logit an edge."""
        return self.graph.edges

    @property
    def finite(self) -> bool:
        """Whether all logits are finite."""
        return bool(np.isfinite(self.logits).all())

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint must keep."""
        return {"logits": self.logits}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned."""
        self.logits[:] = arrays["logits"]
        self.refresh()

    def summary(self) -> dict[str, Any]:
        """Return what the summary of a run says of its policy: of a table nothing."""
        return {}

    @property
    def table_bytes_per_edge(self) -> float:
        """Bytes of graph and sampling table together, an edge."""
        return (self.records.nbytes + self.graph.offsets.nbytes) / self.graph.edges

    @property
    def sha256(self) -> str:
        """Hash of the logits, bit for bit."""
        return hashlib.sha256(np.ascontiguousarray(self.logits).tobytes()).hexdigest()


def _check_nodes(ends: np.ndarray, nodes: int) -> None:
    """Refuse what would make a kernel read outside its arrays."""
    if len(ends) and not 0 <= ends.min() <= ends.max() < nodes:
        raise ValueError(f"got problems with nodes {ends.min()} to {ends.max()}, expected 0 to {nodes - 1}")
