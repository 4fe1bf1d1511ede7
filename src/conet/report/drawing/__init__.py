"""From a view to a matplotlib figure: one function a kind of panel."""

from conet.report.drawing.figure import draw

__all__ = ["draw"]
