"""What ``run.figures()``, ``run.figure(name)`` and ``run.view(name)`` do, and figures as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conet.base.errors import ConetError
from conet.base.files import cannot_write, write_atomic
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


def write_figures(source: Source, folder: Path, suffix: str, drawers: Drawers | None = None) -> list[Path]:
    """Write every figure that has something to show as a file.

    Parameters
    ----------
    folder
        Made where it is missing; files of other names in it are left alone.
    suffix
        "svg", "pdf" or "png" (200 dots an inch).
    drawers
        Other processes to draw in; this one where absent.

    Raises
    ------
    ConetError
        For another suffix, or when the place cannot be written.
    """
    if suffix not in FORMATS:
        raise ConetError(f"format {suffix!r}", f"one of {', '.join(FORMATS)}", "choose one of these")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    drawers = drawers or Drawers()
    views = (source.view(name) for name in source.names())
    files = {view.name: drawers.draw(view, suffix=suffix) for view in views if view.panels}
    for name, file in files.items():
        write_atomic(folder / f"{name}.{suffix}", file.result())
    return [folder / f"{name}.{suffix}" for name in files]
