"""What the page is told, as JSON; the types of its TypeScript are made from these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from conet.views.parts import Numbers

Kind = Literal["walks", "language_model", "log", ""]
Urgency = Literal["note", "advice", "state", "warning", "emergency"]  # names of conet.diagnosis.Urgency
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
    identity : str
        Another where another run has taken its place.
    why : str
        Why it cannot be read.
    """

    name: str
    kind: Kind
    state: State
    settings: dict[str, str]
    steps: int | None
    changed: float
    identity: str
    why: str = ""


class Spark(Reply):
    """The accuracy of a run in few points, and how far it is."""

    values: Numbers
    step: int | None
    accuracy: float | None


class Headline(Reply):
    """A sentence of a diagnosis, and the view that shows it."""

    text: str
    urgency: Urgency
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


class Event(Reply):
    """What happened in a training, with its details: see :mod:`conet.runs.events`."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    step: int
    event: str


class Overview(Reply):
    """What there is of one run.

    Attributes
    ----------
    views : list of str
        Names for ``/api/runs/{name}/views/{view}``.
    events : list of Event
    texts : bool
        Whether prompts and completions can be asked for.
    web : bool
        Whether it may have a concept web.
    steerable : bool
        Whether it may be steered while it trains.
    last_words : str
        Of a run that was started on the page and has been killed: its last line on stderr.
    """

    run: RunRow
    views: list[str]
    events: list[Event]
    texts: bool
    web: bool
    steerable: bool
    last_words: str = ""
