"""The live policy: logits, their softmax, and the packed tables that walks are drawn from."""

import hashlib

import numpy as np

from conet.engine import kernels
from conet.network.graph import Graph


class Policy:
    """Logits of every edge, kept together with softmax and sampling table.

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
        )  # fmt: skip

    def copy(self) -> "Policy":
        """Return an independent policy with the same logits."""
        return Policy(self.graph, self.logits)

    @property
    def table_bytes_per_edge(self) -> float:
        """Bytes of graph and sampling table together, an edge."""
        return (self.records.nbytes + self.graph.offsets.nbytes) / self.graph.edges

    @property
    def sha256(self) -> str:
        """Hash of the logits, bit for bit."""
        return hashlib.sha256(np.ascontiguousarray(self.logits).tobytes()).hexdigest()
