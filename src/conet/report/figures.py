"""What ``run.figures()``, ``run.figure(name)`` and ``run.view(name)`` do, and figures as files."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.base.places import check_file, make_folder
from conet.report.drawing.drawers import Drawers
from conet.runs.run import Run
from conet.views.schema import View
from conet.views.source import Source, source_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from conet.diagnosis import Diagnosis

FORMATS = ("svg", "pdf", "png")


def names(run: "Run | Diagnosis") -> list[str]:
    """Return the names of the figures of a run or a diagnosis, in the order of its report."""
    return source_of(run).names()


def view(run: "Run | Diagnosis", name: str) -> View:
    """Return the data of one figure."""
    return source_of(run).view(name)


def figure(run: "Run | Diagnosis", name: str, axes: "Axes | Sequence[Axes] | None" = None) -> "Figure":
    """Return one figure; on the user's own axes in the user's own style."""
    from conet.report import style
    from conet.report.drawing.figure import draw

    found = view(run, name)
    if axes is not None:
        return draw(found, axes=axes)
    with style.look():
        return draw(found)


def write_figures(
    source: Source, folder: Path, suffix: str, drawers: Drawers | None = None, ours: bool = False
) -> list[Path]:
    """Write every figure that has something to show as a file.

    Parameters
    ----------
    folder
        Made where it is missing; files of other names in it are left alone, and so are those of the same
        name that are no figures of CoNet.
    suffix
        "svg", "pdf" or "png" (200 dots an inch).
    drawers
        Other processes to draw in; this one where absent.
    ours
        Whether the folder belongs to a run: whatever has the name of a figure there is one.

    Raises
    ------
    ConetError
        For another suffix, when the place cannot be written, or where something else stands in it.
    """
    if suffix not in FORMATS:
        raise ConetError(f"format {suffix!r}", f"one of {', '.join(FORMATS)}", "choose one of these")
    drawers = drawers or Drawers()
    views = (source.view(name) for name in source.names())
    shown = ((view, drawers.draw(view, suffix=suffix)) for view in views if view.panels)
    drawn = {folder / f"{view.name}.{suffix}": file for view, file in shown}
    checks = {place: partial(check_file, place, "an earlier figure", is_figure) for place in drawn}
    for check in () if ours else checks.values():
        check()
    make_folder(folder, [place.name for place in drawn])
    for place, file in drawn.items():
        write_atomic(place, file.result(), check=None if ours else checks[place])
    return list(drawn)


def is_figure(file: BinaryIO) -> bool:
    """Whether a file is a figure that CoNet wrote."""
    from conet.report.style import MARK

    return MARK.encode() in file.read()
