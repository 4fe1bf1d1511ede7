"""The look of all figures, and how one becomes an SVG: in a file, and inside a page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH = 7.2  # inches, two columns of a paper

INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6470", "#e3e6ea", "#ffffff"
GHOST, SHADE = "#cdd3d9", "#f3e3d3"
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
SEQUENCE = ("#d3bf5a", "#aea372", "#868378", "#62656e", "#35456d", "#00224d")  # early to late, as cividis

# A page gives these variables other values on a dark ground; see page.css.
VARIABLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", GHOST: "ghost", SHADE: "shade",
    BLUE: "blue", VERMILION: "vermilion", GREEN: "green", PURPLE: "purple", ORANGE: "orange", SKY: "sky",
} | {colour: f"late-{place}" for place, colour in enumerate(SEQUENCE)}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One figure of a report.

    Attributes
    ----------
    name : str
        File name without suffix, and anchor in the page.
    title : str
    caption : str
        HTML: what to see, and how each quantity is defined.
    svg : str or None
        None where the run gives nothing to draw; the caption then says why.
    wide : bool
        Whether it takes the whole width of a page.
    narrow : str or None
        The same figure as SVG for a narrow page.
    """

    name: str
    title: str
    caption: str
    svg: str | None
    wide: bool = False
    narrow: str | None = None


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
    buffer = StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawn.savefig(buffer, format="svg", metadata=nothing)
    # A hundredth of a point is enough for what is not scaled, and a third of the file.
    text = re.sub(r"(?<![\d.])([1-9]\d*\.\d\d)\d+", r"\1", buffer.getvalue())
    return "\n".join(line.strip() for line in text.splitlines()) + "\n"


def to_inline(svg: str, name: str, label: str) -> str:
    """Return the SVG for use inside a page: ids of its own, colours that follow the page's.

    Parameters
    ----------
    svg
        What :func:`to_svg` returned.
    name
        Prefix of the ids, so that figures of one page do not clash.
    label
        What a screen reader says.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"#[0-9a-f]{6}\b(?![-\w])", lambda found: _variable(found.group()), body)
    opening, rest = body.split(">", 1)
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    return re.sub(r"\n\s*\n+", "\n", f'{opening} role="img" aria-label="{label}">{rest}')


def _variable(colour: str) -> str:
    return f"var(--{VARIABLES[colour]})" if colour in VARIABLES else colour
