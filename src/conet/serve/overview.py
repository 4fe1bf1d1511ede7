"""What there is of one run."""

from conet.runs.control import can_be_steered
from conet.serve.library import Library
from conet.serve.models import Overview
from conet.serve.opened import Opened


def overview_of(library: Library, name: str, opened: Opened) -> Overview:
    """Say what there is of a run.

    Parameters
    ----------
    name
        As the library calls it.
    opened
        The same run.

    Raises
    ------
    ConetError
        When it cannot be read.
    """
    row = library.row(name, opened.run.path)
    return Overview(
        run=row,
        views=opened.view_names(),
        events=[] if row.kind in ("log", "") else opened.run.events(),
        texts=opened.texts and row.kind in ("log", "language_model"),
        web=row.kind == "walks",
        steerable=row.kind == "walks" and can_be_steered(opened.run.path),
    )
