"""What there is of one run."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from conet.base.errors import ConetError
from conet.runs.control import can_be_steered
from conet.serve.library import Library
from conet.serve.models import Event, Overview
from conet.serve.opened import Opened
from conet.serve.said import last_words


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
    events = [] if row.kind in ("log", "") else opened.run.events()
    return Overview(
        run=row,
        views=opened.view_names(),
        events=[_event(event) for event in events],
        texts=opened.texts and row.kind in ("log", "language_model"),
        web=row.kind == "walks",
        steerable=row.kind == "walks" and can_be_steered(opened.run.path),
        last_words=last_words(opened.run.path, events) if row.state == "killed" else "",
    )


def _event(found: Mapping[str, Any]) -> Event:
    try:
        return Event(**found)
    except (TypeError, ValidationError):
        got = f"the event {found!r}"[:100]
        raise ConetError(got, "a step and a name", "restore events.jsonl") from None
