"""Words in place of a drawing."""

from matplotlib.axes import Axes

from conet.report import style
from conet.report.drawing.axes import LINE, breadth_of, heading, wrapped
from conet.report.drawing.kind import Kind, Space
from conet.views.schema import Text


def text_space(panel: Text, breadth: float, first: bool) -> Space:
    """Return the space that the wrapped words need."""
    return Space(LINE + 4 if panel.title else 0.0, LINE * 1.3 * len(wrapped(panel.text, breadth)), 0.0)


def draw_text(axes: Axes, panel: Text, first: bool, header: float) -> None:
    """Write the words, wrapped at the breadth of the axes."""
    axes.set_axis_off()
    text = "\n".join(wrapped(panel.text, breadth_of(axes)))
    axes.text(0, 1, text, transform=axes.transAxes, va="top", linespacing=1.3, color=style.INK)
    if panel.title:
        heading(axes, panel.title, header - LINE, 0)


TEXT = Kind(draw=draw_text, space=text_space)
