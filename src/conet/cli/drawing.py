"""The processes that draw for a command."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from conet.base.places import check_is_folder

if TYPE_CHECKING:
    from conet.report.drawing.drawers import Drawers

MOST = 2  # a report is drawn in half a second by two


def drawers(wanted: bool = True) -> "Drawers":
    """Start as many processes as there are cores, at most two, and none on one core or if none are wanted.

    They load what they need while this process loads what it needs.
    """
    from conet.report.drawing.drawers import Drawers

    cores = os.cpu_count() or 1
    return Drawers(min(cores, MOST) if wanted and cores > 1 else 0)


def write_figures(source: Any, out: Any, ours: Any, format: str, own: Sequence[str] = ()) -> Any:
    """Write the figures of a run or a diagnosis as files, and return their folder: ``out``, else ``ours``."""
    if out is not None:
        check_is_folder(out)
    folder = ours if out is None else out
    with drawers() as drawing:
        from conet.report import figures
        from conet.views.source import source_of

        figures.write_figures(source_of(source, own), folder, format, drawing, ours=out is None)
    return folder
