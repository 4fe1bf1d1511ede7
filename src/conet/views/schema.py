"""What a view is: plain data of one figure, the same for files, pages, matplotlib and other charts.

A view holds no colour and no size. It says what there is (panels with series, marks, bands), in which unit,
and what each thing means; how it looks is up to who draws it. Everything is JSON: numbers are finite or null.
"""

from typing import Annotated, Literal

from pydantic import Field

from conet.base.errors import ConetError
from conet.views.parts import Axis, Band, Integers, Level, Mark, Numbers, Part, Series

SCHEMA_VERSION: Literal[1] = 1  # raised when a reader of older views would misread a newer one


class Lines(Part):
    """Curves over a common axis."""

    kind: Literal["lines"] = "lines"
    title: str = ""
    x: Axis
    y: Axis
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()
    levels: tuple[Level, ...] = ()
    empty: str = "nothing was measured"  # why, where no series has a value


class HeatMap(Part):
    """Values over two axes as colours.

    Parameters
    ----------
    values
        One row after another, from the top; None where there is no value.
    x_edges, y_edges
        Where columns and rows begin and end; one more than there are columns, and rows.
    row_names
        One a row, or none at all.
    """

    kind: Literal["heat_map"] = "heat_map"
    title: str = ""
    x: Axis
    y: Axis
    value: Axis
    x_edges: Numbers
    y_edges: Numbers
    values: tuple[Numbers, ...]
    row_names: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    bands: tuple[Band, ...] = ()


class Nodes(Part):
    """Nodes of a network, as columns of equal length.

    Parameters
    ----------
    id
        Number in the graph.
    x, y
        Place; an edge is about one unit long. The same node has the same place in all panels of a view.
    role
        "question", "answer" or "concept".
    island
        Connected component in this panel, numbered from 0 by size, the largest first; -1: not in this web.
    group
        What its colour stands for, as ``Network.groups`` names it; -1: none of them.
    size
        What flows through it: successful walks of one rollout a problem, or whatever the view defines.
    """

    id: Integers
    x: Numbers
    y: Numbers
    role: tuple[str, ...]
    island: Integers
    group: Integers
    size: Numbers


class Edges(Part):
    """Directed edges of a network, as columns of equal length.

    Parameters
    ----------
    source, target
        Places in the columns of the nodes (not their ids).
    weight
        Probability, or whatever the view defines.
    size
        What flows through it, as for nodes.
    """

    source: Integers
    target: Integers
    weight: Numbers
    size: Numbers


class Network(Part):
    """A network with fixed places.

    Parameters
    ----------
    step
        The moment it shows; None where it has none.
    groups
        What colours stand for, by number.
    """

    kind: Literal["network"] = "network"
    title: str = ""
    note: str = ""
    step: int | None = None
    nodes: Nodes
    edges: Edges
    groups: tuple[str, ...] = ()


class Bars(Part):
    """Values by name, each with its interval: a row a name, from the top."""

    kind: Literal["bars"] = "bars"
    title: str = ""
    value: Axis
    names: tuple[str, ...]
    values: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    interval: str = ""
    levels: tuple[Level, ...] = ()


class Text(Part):
    """Words in place of a drawing."""

    kind: Literal["text"] = "text"
    title: str = ""
    text: str


Panel = Annotated[Lines | HeatMap | Network | Bars | Text, Field(discriminator="kind")]


class View(Part):
    """The data of one figure.

    Parameters
    ----------
    name
        Identifies it: file name without suffix, anchor in a page, and the word for ``run.figure(name)``.
    title
        In a few words.
    caption
        What to look for, in plain text.
    definition
        How each quantity is computed, in plain text.
    panels
        None at all where there is nothing to draw; ``absent`` then says why.
    arrangement
        Whether panels belong below each other (a common horizontal axis) or beside each other.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    title: str
    caption: str = ""
    definition: str = ""
    panels: tuple[Panel, ...] = ()
    arrangement: Literal["below", "beside"] = "below"
    absent: str = ""

    def to_json(self) -> str:
        """Return the view as one JSON object."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> "View":
        """Read what :meth:`to_json` returned.

        Raises
        ------
        ConetError
            When it is no view, or one of another version.
        """
        try:
            return cls.model_validate_json(text)
        except ValueError as error:
            reason = str(error).splitlines()
            raise ConetError(
                f"no view: {' '.join(reason[:3])}", f"a view of version {SCHEMA_VERSION}", "make it again"
            ) from None


def empty_view(name: str, title: str, why: str) -> View:
    """Return a view that says why there is nothing to draw."""
    return View(name=name, title=title, absent=why)
