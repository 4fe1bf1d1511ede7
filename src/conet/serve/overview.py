"""What there is of one run."""

from conet.runs.control import can_be_steered
from conet.serve.library import Library
from conet.serve.models import Overview


def overview_of(library: Library, name: str) -> Overview:
    """Say what there is of a run.

    Raises
    ------
    LookupError
        When there is none of that name.
    ConetError
        When it cannot be read.
    """
    opened = library.opened(name)
    row = library.row(name, opened.run.path)
    return Overview(
        run=row,
        views=opened.view_names(),
        events=[] if row.kind in ("log", "") else opened.run.events(),
        texts=row.kind in ("log", "language_model"),
        web=row.kind == "walks",
        steerable=row.kind == "walks" and can_be_steered(opened.run.path),
    )
