"""The look of all figures, and how one becomes an SVG: in a file, and inside a page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from pathlib import Path

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from conet.base.text import visible
from conet.report.colours import (
    BLUE,
    GHOST,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PALETTE,
    PAPER,
    PURPLE,
    SEQUENCE,
    SHADE,
    SKY,
    VARIABLES,
    VERMILION,
)
from conet.report.picture import Picture, to_inline

__all__ = [
    "BLUE",
    "GHOST",
    "GREEN",
    "GRID",
    "INK",
    "MARK",
    "MUTED",
    "ORANGE",
    "PALETTE",
    "PAPER",
    "PURPLE",
    "SEQUENCE",
    "SHADE",
    "SKY",
    "VARIABLES",
    "VERMILION",
    "WIDTH",
    "Picture",
    "figure",
    "look",
    "to_file",
    "to_inline",
    "to_svg",
]

MARK = "conet figure"  # stands in every file of a figure, by which it is known for one of ours
WIDTH = 7.2  # inches, two columns of a paper


@contextmanager
def look() -> Iterator[None]:
    """Make the style of this package hold inside the block."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc_file(Path(__file__).with_name("conet.mplstyle"), use_default_template=False)
        yield


def figure(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure (inches) that needs no pyplot."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(made)
    return made


def to_svg(drawn: Figure) -> str:
    """Return the figure as an SVG document; the same figure gives the same text."""
    _written_out(drawn)
    buffer = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawn.savefig(buffer, format="svg", metadata=nothing)
    # A hundredth of a point is enough for what is not scaled, and a third of the file. Splitting keeps the
    # group of each match, as substituting it would, in a quarter of the time.
    text = "".join(re.split(r"(?<![\d.])([1-9]\d*\.\d\d)\d+", buffer.getvalue()))
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join([lines[0], f"<!-- {MARK} -->", *lines[1:]]) + "\n"


def _written_out(drawn: Figure) -> None:
    """Take foreign strings in a figure as they are: no control characters, no formulas between dollar signs.

    The numbers at an axis are matplotlib's own, and of a logarithmic one they are formulas.
    """
    for text in set(_texts(drawn)):
        text.set_text(visible(text.get_text()))
        text.set_parse_math(False)


def _texts(artist: Artist) -> Iterator[Text]:
    """Yield all texts below an artist but the numbers of axes, which need not be made for that."""
    if isinstance(artist, Text):
        yield artist
    below = [artist.label] if isinstance(artist, Axis) else artist.get_children()
    for child in below:
        yield from _texts(child)


def to_file(drawn: Figure, suffix: str) -> bytes:
    """Return the figure as a file: "svg", "pdf" or "png"; the same figure gives the same bytes."""
    if suffix == "svg":
        return to_svg(drawn).encode()
    _written_out(drawn)
    buffer = BytesIO()
    pdf = {"CreationDate": None, "Creator": MARK, "Producer": None}
    drawn.savefig(buffer, format=suffix, metadata=pdf if suffix == "pdf" else {"Software": MARK})
    return buffer.getvalue()
