"""The concept network as CSR arrays, and its builders by name.

A new graph is one function ``(nodes, degree, seed, **options) -> Graph`` with annotated options.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import create_model

from conet.config import GraphSettings, Settings, validated
from conet.errors import ConetError
from conet.registry import register, resolve


@dataclass(frozen=True)
class Graph:
    """A directed graph in compressed sparse rows; the edge id is the position in ``targets``.

    Parameters
    ----------
    offsets : ndarray of int64, shape (nodes + 1,)
        Edges ``offsets[i]`` to ``offsets[i + 1]`` leave node ``i``.
    targets : ndarray of int32 or uint32, shape (edges,)
        The node that each edge leads to.

    Raises
    ------
    ConetError
        When a node has no out-edge, or an edge leads to no node.
    """

    offsets: np.ndarray
    targets: np.ndarray

    def __post_init__(self) -> None:
        degrees = np.diff(self.offsets)
        if len(degrees) < 2:
            raise ConetError(f"a graph of {len(degrees)} nodes", "at least 2", "use a larger graph")
        if degrees.min() < 1:
            dead = np.flatnonzero(degrees < 1)
            raise ConetError(
                f"{len(dead)} nodes without out-edges, the first is node {dead[0]}",
                "an out-edge at every node",
                "add edges or remove these nodes",
            )
        if len(self.targets) != self.offsets[-1] or len(self.targets) >= 2**31:
            raise ConetError(f"{len(self.targets)} edges", f"{self.offsets[-1]} (< 2**31)", "check the offsets")

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.offsets) - 1

    @property
    def edges(self) -> int:
        """Number of directed edges."""
        return len(self.targets)

    @property
    def uniform_degree(self) -> int:
        """The out-degree that all nodes share, or 0."""
        degree = int(self.offsets[1])
        return degree if np.all(np.diff(self.offsets) == degree) else 0

    def sources(self) -> np.ndarray:
        """Node that each edge leaves, int32, shape (edges,)."""
        return np.repeat(np.arange(self.nodes, dtype=np.int32), np.diff(self.offsets))


GRAPHS: dict[str, Callable[..., Graph]] = {}


def build(settings: GraphSettings, seed: int) -> Graph:
    """Build the graph that the settings name; the same seed gives the same graph.

    Raises
    ------
    ConetError
        For an unknown kind or option, or a size that the kind cannot have.
    """
    builder = resolve(settings.kind, GRAPHS, "graph")
    options = dict(settings.options)
    if settings.file is not None:
        options["file"] = settings.file
    graph = builder(settings.nodes, settings.degree, seed, **_checked(builder, options))
    if not isinstance(graph, Graph):
        raise ConetError(f"{settings.kind}: {type(graph).__name__}", "a conet.Graph", "return one from your function")
    return graph


def _checked(builder: Callable[..., Graph], options: dict[str, Any]) -> dict[str, Any]:
    """Validate the options of a builder against its own signature."""
    parameters = list(inspect.signature(builder).parameters.values())[3:]
    empty = inspect.Parameter.empty
    fields: dict[str, Any] = {
        parameter.name: (
            Any if parameter.annotation is empty else parameter.annotation,
            ... if parameter.default is empty else parameter.default,
        )
        for parameter in parameters
    }
    model = create_model("GraphOptions", __base__=Settings, **fields)
    return validated(model, options, prefix="graph.").model_dump()


def from_edges(sources: np.ndarray, targets: np.ndarray, nodes: int) -> Graph:
    """Make a graph from edge lists; doubled edges and self-loops are dropped.

    Parameters
    ----------
    sources, targets : ndarray of int, shape (edges,)
    nodes : int
        Number of nodes.
    """
    keep = sources != targets
    keys = np.unique(sources[keep].astype(np.int64) * nodes + targets[keep])
    offsets = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(keys // nodes, minlength=nodes), out=offsets[1:])
    return Graph(offsets, (keys % nodes).astype(np.int32))


@register(GRAPHS, "regular")
def regular(nodes: int, degree: int, seed: int) -> Graph:
    """Directed: every node leads to ``degree`` distinct others, drawn uniformly (our choice).

    The paper says "K-regular random graph" and neither directed nor undirected.
    """
    if degree >= nodes:
        raise ConetError(f"graph.degree={degree}", f"less than graph.nodes={nodes}", "lower the degree")
    rng = np.random.default_rng(seed)
    targets = np.empty((nodes, degree), np.int32)
    todo = np.arange(nodes)
    dense = degree * degree > 2 * nodes
    while len(todo):
        # Rows with a repeated target are drawn again; where most would be, rows are permuted instead.
        if dense:
            rows = todo[: max(1, 10_000_000 // nodes)]
            drawn = rng.random((len(rows), nodes - 1)).argpartition(degree - 1, axis=1)[:, :degree]
        else:
            rows = todo
            drawn = rng.integers(0, nodes - 1, (len(rows), degree), dtype=np.int32)
        drawn = np.sort(drawn, axis=1)
        good = np.all(drawn[:, 1:] != drawn[:, :-1], axis=1)
        drawn += drawn >= rows[:, None]
        targets[rows[good]] = drawn[good]
        todo = np.concatenate([rows[~good], todo[len(rows) :]])
    return Graph(np.arange(nodes + 1, dtype=np.int64) * degree, targets.reshape(-1))
