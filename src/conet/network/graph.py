"""The concept network as CSR arrays, and its builders by name.

A new graph is one function ``(nodes, degree, seed, **options) -> Graph`` with annotated options, in one
file here, and one line in ``GRAPHS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.registry import Table, resolve
from conet.config import GraphSettings
from conet.config.functions import checked, options_of


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
        if self.offsets[0] != 0 or len(self.targets) != self.offsets[-1] or len(self.targets) >= 2**31:
            expected = f"{self.offsets[-1] - self.offsets[0]} (less than 2**31), counted from 0"
            raise ConetError(f"{len(self.targets)} edges", expected, "check the offsets")
        _check_ends(self.targets, len(degrees))

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        degree = (
            f"degree {self.uniform_degree}"
            if self.uniform_degree
            else f"mean degree {self.edges / self.nodes:.1f}"
        )
        return f"Graph({self.nodes} nodes, {self.edges} edges, {degree})"

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


def _check_ends(ends: np.ndarray, nodes: int) -> None:
    """Refuse numbers that are no node, for a compiled walk would follow them out of memory."""
    lowest, highest = (int(ends.min()), int(ends.max())) if len(ends) else (0, 0)
    if lowest < 0 or highest >= nodes:
        outside = lowest if lowest < 0 else highest
        raise ConetError(f"an edge at node {outside}", f"0 to {nodes - 1}", "check the edges")


GRAPHS: Mapping[str, Callable[..., Graph]] = Table(
    {
        "regular": "conet.network.graph:regular",
        "regular_undirected": "conet.network.builders:regular_undirected",
        "erdos_renyi": "conet.network.builders:erdos_renyi",
        "small_world": "conet.network.builders:small_world",
        "scale_free": "conet.network.builders:scale_free",
        "graphml": "conet.network.builders:graphml",
    }
)


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
    checked = _checked(settings.kind, builder, options)
    try:
        graph = builder(settings.nodes, settings.degree, seed, **checked)
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # the builder may be the user's own
        got = f"graph.kind={settings.kind}: {type(error).__name__}: {error}"
        raise ConetError(got, "a graph of this size", "mend the function, or choose another size") from error
    if not isinstance(graph, Graph):
        got = f"graph.kind={settings.kind} returned a {type(graph).__name__}"
        raise ConetError(got, "a conet.Graph", "return one from your function")
    return graph


def _checked(kind: str, builder: Callable[..., Graph], options: dict[str, Any]) -> dict[str, Any]:
    """Validate the options of a builder against its own signature."""
    remedy = "docs/skeletons/graph.py is one to copy"
    wrong = ConetError(f"graph.kind={kind}", "a function (nodes, degree, seed, ...)", remedy)
    fields = options_of(builder, 3, wrong)
    if "file" in options and "file" not in fields:
        expected = f"no file for graph.kind={kind}"
        raise ConetError(f"graph.file={options['file']}", expected, "set graph.kind=graphml")
    return checked(fields, options, "graph.", GraphSettings)


def from_edges(sources: np.ndarray, targets: np.ndarray, nodes: int) -> Graph:
    """Make a graph from edge lists; doubled edges and self-loops are dropped.

    Parameters
    ----------
    sources, targets : ndarray of int, shape (edges,)
    nodes : int
        Number of nodes.

    Raises
    ------
    ConetError
        When an end is no node, or a node has no out-edge.
    """
    sources, targets = np.asarray(sources), np.asarray(targets)
    _check_ends(sources, nodes)
    _check_ends(targets, nodes)
    keep = sources != targets
    keys = np.sort(sources[keep].astype(np.int64) * nodes + targets[keep])
    keys = keys[np.diff(keys, prepend=-1) > 0]  # np.unique does the same, up to sixty times slower
    offsets = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(keys // nodes, minlength=nodes), out=offsets[1:])
    return Graph(offsets, (keys % nodes).astype(np.int32))


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
