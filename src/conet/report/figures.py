"""What ``run.figures()``, ``run.figure(name)`` and ``run.view(name)`` do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conet.report import style
from conet.report.drawing import draw
from conet.runs.run import Run
from conet.views import registry
from conet.views.schema import View
from conet.views.walks_data import WalksData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def names(run: Run) -> list[str]:
    """Return the names of the figures of a run, in the order of its report."""
    return list(registry.WALKS)


def view(run: Run, name: str) -> View:
    """Return the data of one figure."""
    return registry.make(name, registry.WALKS, WalksData(run))


def figure(run: Run, name: str, axes: "Axes | Sequence[Axes] | None" = None) -> "Figure":
    """Return one figure; on the user's own axes in the user's own style."""
    found = view(run, name)
    if axes is not None:
        return draw(found, axes=axes)
    with style.look():
        return draw(found)
