"""What the page is told of a concept web."""

from conet.runs.webs import Role
from conet.serve.models import Reply
from conet.views.parts import Integers, Numbers


class WebNodes(Reply):
    """Nodes of the web through time, as columns; ``questions`` and ``answers`` are those of the problems."""

    id: Integers
    x: Numbers
    y: Numbers
    role: list[Role]
    questions: Integers
    answers: Integers


class WebEdges(Reply):
    """All edges that there ever are: places in the columns of the nodes."""

    source: Integers
    target: Integers


class Moment(Reply):
    """The web at one snapshot.

    Attributes
    ----------
    edges : list of int
        Places among all edges.
    weight, traffic : list of float
        Of each of these: probability, and successful walks of one rollout a problem.
    island : list of int
        Of each node: a number that the island keeps through merges; -1 outside of the web.
    size : list of float
        Of each node: successful walks through it, of one rollout a problem.
    islands, largest : int
        How many islands, and the nodes of the largest.
    paths : list of list of int
        Of each problem: the nodes by the best edges from its question to its answer; none where they do
        not lead there.
    """

    step: int
    edges: Integers
    weight: Numbers
    traffic: Numbers
    island: Integers
    size: Numbers
    islands: int
    largest: int
    paths: list[list[int]]


class MergeEvent(Reply):
    """Islands that become one for good: the problems of each."""

    step: int
    parts: list[list[int]]


class WebHistory(Reply):
    """The web of a run through time, in one layout."""

    threshold: float
    note: str
    nodes: WebNodes
    edges: WebEdges
    moments: list[Moment]
    merges: list[MergeEvent]
    signal: int | None


class OutEdge(Reply):
    """An edge that leaves a node, and how likely it is taken."""

    target: int
    probability: float


class Fight(Reply):
    """Two problems whose gradients oppose each other at a node: minus their scalar product."""

    problem: int
    other: int
    interference: float


class NodeDetail(Reply):
    """One node at one snapshot.

    Attributes
    ----------
    edges : list of OutEdge
        The likeliest.
    others, rest : int, float
        How many more edges leave it, and their probability together.
    effective : float
        exp(entropy) of the policy there.
    """

    node: int
    step: int
    edges: list[OutEdge]
    others: int
    rest: float
    effective: float
