"""What a kind of panel declares: how it is drawn, and how much space it needs around its axes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Space:
    """Space in points: height of header, axes and footer, and what the left and right of the axes take."""

    header: float
    body: float
    footer: float
    left: float = 0.0
    right: float = 0.0


@dataclass(frozen=True)
class Kind:
    """One kind of panel.

    Attributes
    ----------
    draw : callable
        From axes, panel, whether marks are named here, and points of height above the axes, to nothing.
    space : callable
        From panel, points of breadth, and whether marks are named here, to a :class:`Space`.
    legend, legend_height : callable or None
        Draw one legend below all panels, given figure and panels; its height, given panels and breadth.
    """

    draw: Callable[[Any, Any, bool, float], None]
    space: Callable[[Any, float, bool], Space]
    legend: Callable[[Any, Any], None] | None = None
    legend_height: Callable[[Any, float], float] | None = None
