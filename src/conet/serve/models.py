"""What the page is told, as JSON; the types of its TypeScript are made from these."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from conet.views.parts import Integers, Numbers

State = Literal["training", "finished", "killed", "log", "unreadable"]


class Reply(BaseModel):
    """Base of all replies: finite numbers only, and no key that is not declared."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Failure(Reply):
    """What a reader of the page can mend: the three parts of a :class:`conet.base.errors.ConetError`."""

    got: str
    expected: str = ""
    remedy: str = ""


class RunRow(Reply):
    """A run of the list.

    Attributes
    ----------
    name : str
        By which all other addresses name it.
    kind : str
        "walks", "language_model" or "log"; empty where it cannot be read.
    state : str
        "training": a process holds it. "finished". "killed": neither. "log": someone else's, which does
        not say. "unreadable": see ``why``.
    settings : dict of str to str
        Those that differ from the defaults, with preset and seed.
    steps : int or None
        Updates in all.
    changed : float
        When a file of it changed last, in seconds of the epoch.
    why : str
        Why it cannot be read.
    """

    name: str
    kind: str
    state: State
    settings: dict[str, str]
    steps: int | None
    changed: float
    why: str = ""


class Spark(Reply):
    """The accuracy of a run in few points, and how far it is."""

    values: Numbers
    step: int | None
    accuracy: float | None


class Headline(Reply):
    """A sentence of a diagnosis, and the view that shows it."""

    text: str
    urgency: str
    evidence: str | None
    step: int | None
    interval: list[float] | None
    remedy: str | None
    source: str | None
    finding: str
    view: str | None


class MainNumber(Reply):
    """A number of a diagnosis, with its definition."""

    name: str
    value: str
    definition: str


class Headlines(Reply):
    """What a diagnosis says, most urgent first; ``why`` it says nothing, where it cannot be made."""

    headlines: list[Headline]
    numbers: list[MainNumber]
    notes: dict[str, str]
    why: str = ""


class Overview(Reply):
    """What there is of one run.

    Attributes
    ----------
    views : list of str
        Names for ``/api/runs/{name}/views/{view}``.
    events : list of dict
        See :mod:`conet.runs.events`.
    texts : bool
        Whether prompts and completions can be asked for.
    web : bool
        Whether it may have a concept web.
    """

    run: RunRow
    views: list[str]
    events: list[dict[str, Any]]
    texts: bool
    web: bool


class WebNodes(Reply):
    """Nodes of the web through time, as columns; ``questions`` and ``answers`` are those of the problems."""

    id: Integers
    x: Numbers
    y: Numbers
    role: list[str]
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


class ProblemRow(Reply):
    """One problem: its name, what became of it, and its accuracy in bins of steps.

    Attributes
    ----------
    outcome : str
        See the finding ``outcomes``.
    onset : int or None
        First step of the first bin in which it is solved in at least half of the rollouts.
    start, end : float or None
        Accuracy of its first and last visits: the lower at the start, the more difficult.
    """

    problem: int
    name: str
    outcome: str
    onset: int | None
    start: float | None
    end: float | None
    values: Numbers


class ProblemMap(Reply):
    """Problems by steps; ``edges`` are the steps at which bins begin, and the one behind the last."""

    edges: list[int]
    rows: list[ProblemRow]
    left_out: int


class RolloutRow(Reply):
    """One rollout without its text; ``index`` is its number in the record."""

    index: int
    step: int
    problem: int
    correct: bool | None
    reward: float | None
    length: int | None
    truncated: bool | None
    split: str | None
    components: dict[str, float | None]


class Cell(Reply):
    """Some of the rollouts of a problem at some steps, and how many there are."""

    total: int
    rows: list[RolloutRow]


class Speech(Reply):
    """A text, with the role of who says it; empty where there is none."""

    role: str
    content: str


class TextOf(Reply):
    """Prompt and completion of a rollout."""

    index: int
    prompt: list[Speech]
    completion: list[Speech]


class Found(Reply):
    """Rollouts that hold some words: of how many that were searched, and how many there are."""

    rows: list[RolloutRow]
    found: int
    searched: int
    total: int
