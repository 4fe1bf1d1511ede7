"""Routes through a fixed graph, written as text: a generated task whose problems compete.

A node's name is one character (two where there are more than 62 nodes). A problem is ``k:Q``: go to node k,
from node Q. A solution is the names of the nodes on the way, ``abk``, and ends at k. All problems of a seed
are about one graph and share its nodes, so what one problem needs of a node stands in another's way.
"""

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np

from conet.base.errors import ConetError
from conet.network.graph import Graph, regular
from conet.runs.recipe_problems import ProblemSettings

LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
MOST = len(LETTERS) ** 2  # nodes that two characters can name
GOLD = re.compile(r"(\w+)>(\w+) in (\d+) nodes of degree (\d+), seed (\d+), at most (\d+) hops")


@lru_cache(maxsize=8)
def graph(nodes: int, degree: int, seed: int) -> Graph:
    """Return the graph: every node leads to ``degree`` distinct others.

    Raises
    ------
    ConetError
        When there are too many nodes to be named, or not enough for the degree.
    """
    if not 1 <= degree < nodes <= MOST:
        got = f"problems.nodes={nodes} and problems.degree={degree}"
        raise ConetError(got, f"a degree below the number of nodes, and {MOST} nodes at most", "change one")
    return regular(nodes, degree, seed)


def graph_of(settings: ProblemSettings) -> Graph:
    """Return the graph of a recipe's problems."""
    return graph(settings.nodes, settings.degree, settings.seed)


def neighbours(found: Graph, node: int) -> np.ndarray:
    """Return the nodes that a node leads to."""
    return found.targets[found.offsets[node] : found.offsets[node + 1]]


def written(walk: list[int], nodes: int) -> str:
    """Write the names of the nodes of a walk one after the other."""
    if nodes <= len(LETTERS):
        return "".join(LETTERS[node] for node in walk)
    return "".join(LETTERS[node // len(LETTERS)] + LETTERS[node % len(LETTERS)] for node in walk)


def read(text: str, nodes: int) -> list[int] | None:
    """Return the nodes that a text names; None where it is no such text."""
    width, base = (1 if nodes <= len(LETTERS) else 2), len(LETTERS)
    digits = [LETTERS.find(letter) for letter in text]
    if len(text) % width or min(digits, default=0) < 0:
        return None
    found = digits if width == 1 else [high * base + low for high, low in zip(digits[::2], digits[1::2])]
    return found if max(found, default=0) < nodes else None


def pairs(settings: ProblemSettings) -> np.ndarray:
    """Draw question and answer nodes, all distinct: int, shape (problems, 2)."""
    count = max(1, round(settings.load * settings.nodes))
    count = min(count, settings.nodes // 2)
    return np.random.default_rng([settings.seed, 13]).permutation(settings.nodes)[: 2 * count].reshape(-1, 2)


def shortest(found: Graph, start: int, end: int) -> list[int] | None:
    """Return the nodes after the first on a shortest route, the least at every fork; None without one."""
    before = {start: start}
    edge = [start]
    while edge and end not in before:
        reached: list[int] = []
        for node in edge:
            for other in neighbours(found, node).tolist():
                if other not in before:
                    before[other] = node
                    reached.append(other)
        edge = reached
    if end not in before:
        return None
    way = [end]
    while before[way[-1]] != start:
        way.append(before[way[-1]])
    return way[::-1]


def problems(settings: ProblemSettings) -> list[dict[str, str | None]]:
    """Make the problems of a seed.

    Returns
    -------
    list of dict
        ``id`` (with the hops of the shortest route, 0 where there is none), ``problem``, ``answer`` (all
        that the verifier needs) and ``solution`` (a shortest route; None without one within ``hops``).
    """
    found, nodes = graph_of(settings), settings.nodes
    rows: list[dict[str, str | None]] = []
    world = (
        f"in {nodes} nodes of degree {settings.degree}, seed {settings.seed}, at most {settings.hops} hops"
    )
    for number, (start, end) in enumerate(pairs(settings).tolist()):
        way = shortest(found, start, end)
        within = way is not None and len(way) <= settings.hops
        first, last = written([start], nodes), written([end], nodes)
        rows.append(
            {
                "id": f"route{len(way) if way else 0}/{number}",
                "problem": f"{last}:{first}",
                "answer": f"{first}>{last} {world}",
                "solution": written(way, nodes) if way and within else None,
            }
        )
    return rows


def texts(settings: ProblemSettings, seed: int) -> Iterator[tuple[str, str]]:
    """Draw problems and uniform walks without end, for a warm-up that teaches the graph and no way in it.

    A walk ends where it should, or after ``hops`` hops.
    """
    found, nodes, rng = graph_of(settings), settings.nodes, np.random.default_rng([seed, 14])
    while True:
        start, end = int(rng.integers(nodes)), int(rng.integers(nodes - 1))
        end += end >= start
        walk = [start]
        while len(walk) <= settings.hops and walk[-1] != end:
            walk.append(int(neighbours(found, walk[-1])[rng.integers(settings.degree)]))
        yield f"{written([end], nodes)}:{written([start], nodes)}", written(walk[1:], nodes)


def right(completion: str, answer: str) -> bool:
    """Whether a completion is a route: every hop an edge of the graph, the last node the one asked for.

    Parameters
    ----------
    completion
        Names of nodes.
    answer
        As :func:`problems` writes it.

    Raises
    ------
    ConetError
        When the answer is not of that form.
    """
    asked = GOLD.fullmatch(answer.strip())
    if asked is None:
        raise ConetError(f"gold answer {answer!r}"[:150], "one of problems.source=routes", "check the column")
    nodes, degree, seed, hops = map(int, asked.groups()[2:])
    found = graph(nodes, degree, seed)
    walk = read(asked[1] + completion.strip(), nodes)
    if walk is None or not 1 < len(walk) <= hops + 1 or walk[-1:] != read(asked[2], nodes):
        return False
    return all(end in neighbours(found, start) for start, end in pairwise(walk))
