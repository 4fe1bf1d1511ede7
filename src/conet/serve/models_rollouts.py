"""What the page is told of problems and rollouts."""

from conet.diagnosis.findings.outcomes import Status
from conet.rollouts.schema import Split
from conet.serve.models import Reply
from conet.views.parts import Numbers


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
    outcome: Status
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
    split: Split | None
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


class Sample(Reply):
    """Some rollouts with their texts, for a page that has no server; ``total``: how many there are."""

    total: int
    rows: list[RolloutRow]
    texts: list[TextOf]
