"""The ground state: the deterministic policy that solves most problems, as far as a search finds it.

A deterministic policy goes from every node to one next node, and solves a problem where this leads from
question to answer within the longest walk. As long as walks do not come back to a node, accuracy is linear
in the policy of each node, so that none with chance does better than the best of these. Where they do come
back, chance can: a node that serves two answers in turn. That is why accuracy may exceed this ground state
on graphs with few nodes.
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.engine import ground_state_kernels as kernels
from conet.engine.ground_state_checks import hops, upper_bound
from conet.network.graph import Graph
from conet.network.problems import Problems

MOVES = 20_000  # or fifty a problem; a second or two at the size of `reference`


@dataclass(frozen=True, kw_only=True)
class GroundState:
    """The best deterministic policy that a search found, checked by walking along it.

    Attributes
    ----------
    next_node : ndarray of int32, shape (nodes,)
        Where the policy goes from each node; -1 where that does not matter.
    length : ndarray of int32, shape (M,)
        Hops from question to answer; 0 where a problem is not solved.
    bound : int
        No deterministic policy solves more problems (see
        :func:`~conet.engine.ground_state_checks.upper_bound`).
    unreachable : int
        Problems that no walk can solve, of those that the search looked at.
    moves, found_at : int
        Moves of the search, and after how many it had this policy.
    """

    next_node: np.ndarray
    length: np.ndarray
    bound: int
    unreachable: int
    moves: int
    found_at: int

    @property
    def solved(self) -> int:
        """How many problems it solves."""
        return int(np.count_nonzero(self.length))

    @property
    def solved_share(self) -> float:
        """The share of the problems that it solves: its accuracy."""
        return self.solved / len(self.length)

    @property
    def gap(self) -> float:
        """Bound less solved, as a share of the problems: what a better search could find at most."""
        return (self.bound - self.solved) / len(self.length)

    def path(self, problems: Problems, problem: int) -> list[int]:
        """Return the nodes from a problem's question to its answer; none where it is not solved."""
        nodes = [int(problems.questions[problem])]
        for _ in range(int(self.length[problem])):
            nodes.append(int(self.next_node[nodes[-1]]))
        return nodes if self.length[problem] else []


class Search:
    """A search for the ground state, which can be interrupted and gone on with.

    Most moves take an unsolved problem at random and find it a cheap path: dear are hops for which other
    problems would have to give way, cheap those where the policy goes already. The others turn one node.
    Either is kept or taken back by Metropolis' rule in the number of solved problems. How the moves are
    divided among calls does not matter to the result.

    Parameters
    ----------
    graph, problems
        Where, and from where to where.
    seed
        Of the search.

    Attributes
    ----------
    moves : int
        Made so far.
    """

    def __init__(self, graph: Graph, problems: Problems, seed: int = 0) -> None:
        self.graph, self.problems, self.seed = graph, problems, seed
        nodes, count, width = graph.nodes, len(problems), problems.max_length + 1
        self._arrays: dict[str, np.ndarray] = {
            "next_node": np.full(nodes, -1, np.int32),
            "load": np.zeros(nodes, np.int32),
            "path": np.zeros((count, width), np.int32),
            "length": np.zeros(count, np.int32),
            "best_next": np.full(nodes, -1, np.int32),
            "generator": np.array([seed], np.uint64),
            "tally": np.zeros(4, np.int64),
        }

    @property
    def moves(self) -> int:
        """Moves made so far."""
        return int(self._arrays["tally"][kernels.MADE])

    @property
    def most(self) -> int:
        """Most problems solved so far."""
        return int(self._arrays["tally"][kernels.MOST])

    @property
    def ended(self) -> bool:
        """Whether all problems that can be solved are."""
        return bool(np.all(self._arrays["length"] != 0))

    def run(self, moves: int) -> None:
        """Make so many moves; fewer where the search has ended."""
        arrays, problems = self._arrays, self.problems
        kernels.search(
            (self.graph.offsets, self.graph.targets, problems.stops(self.graph.nodes)),
            (problems.questions, problems.answers),
            problems.max_length,
            tuple(arrays[name] for name in ("next_node", "load", "path", "length")),
            arrays["best_next"],
            arrays["generator"],
            arrays["tally"],
            moves,
        )

    def state(self) -> dict[str, np.ndarray]:
        """Return what :meth:`load` goes on from."""
        return dict(self._arrays)

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned.

        Raises
        ------
        ValueError
            When the arrays do not fit this graph and these problems.
        """
        for name, own in self._arrays.items():
            if name not in arrays or arrays[name].shape != own.shape or arrays[name].dtype != own.dtype:
                raise ValueError(f"array {name!r} does not fit")
            own[:] = arrays[name]

    def result(self) -> GroundState:
        """Return the best policy so far, checked.

        Raises
        ------
        ConetError
            When walking along it does not solve what the search counted: the state was damaged.
        """
        arrays, tally = self._arrays, self._arrays["tally"]
        length = hops(self.graph, self.problems, arrays["best_next"])
        if np.count_nonzero(length) != self.most:
            got = f"a policy that solves {np.count_nonzero(length)} problems, where {self.most} were counted"
            raise ConetError(got, "a search in good order", "start it again in a new place")
        unreachable = arrays["length"] < 0
        return GroundState(
            next_node=arrays["best_next"].copy(),
            length=length,
            bound=upper_bound(self.graph, self.problems, unreachable),
            unreachable=int(unreachable.sum()),
            moves=self.moves,
            found_at=int(tally[kernels.WHEN]),
        )


def moves_for(problems: Problems) -> int:
    """Return how many moves are made where nothing is said."""
    return max(MOVES, 50 * len(problems))


_KNOWN: list[tuple[Any, Any, np.ndarray]] = []  # the last graph, its problems, and which of them are solved


def best_solved(graph: Graph, problems: Problems) -> np.ndarray:
    """Return which problems the best policy found solves, bool, shape (M,).

    It is searched for once for the same objects.
    """
    if _KNOWN and _KNOWN[0][0]() is graph and _KNOWN[0][1]() is problems:
        return _KNOWN[0][2]
    solved = ground_state(graph, problems).length > 0
    _KNOWN[:] = [(weakref.ref(graph), weakref.ref(problems), solved)]
    return solved


def best_share(graph: Graph, problems: Problems) -> float:
    """Return the share of the problems that the best policy found solves."""
    return float(best_solved(graph, problems).mean())


def ground_state(graph: Graph, problems: Problems, *, seed: int = 0, moves: int | None = None) -> GroundState:
    """Search for the deterministic policy that solves most problems.

    Parameters
    ----------
    graph, problems
        Where, and from where to where.
    seed
        Of the search.
    moves
        At most so many; 20,000, or fifty a problem, where absent.

    Examples
    --------
    >>> ground_state(graph, problems).solved_share
    """
    search = Search(graph, problems, seed)
    search.run(moves_for(problems) if moves is None else moves)
    return search.result()
