"""A view for every observable that a run was asked to measure, also for one that its user wrote."""

import re

from conet.runs.measure import OWN_COLUMNS
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData

PREFIX = "observable-"


def names(data: WalksData) -> dict[str, str]:
    """Return the observables of a run that have values, by the name of their view."""
    columns = data.metrics.columns
    asked = [name for name in data.run.config.observables if any(_of(column, name) for column in columns)]
    # Those that were given in Python stand in the metrics alone.
    others = [column for column in columns if not any(_of(column, name) for name in asked)]
    heads = dict.fromkeys(column.partition(".")[0] for column in others)
    given = [name for name in heads if name not in OWN_COLUMNS]
    return {PREFIX + slug(name): name for name in (*asked, *given)}


def _of(column: str, observable: str) -> bool:
    return column == observable or column.startswith(f"{observable}.")


def slug(observable: str) -> str:
    """Make a name for files and anchors: of ``path/to/file.py:name`` the last part."""
    return re.sub(r"[^a-z0-9]+", "-", observable.rpartition(":")[2].lower()).strip("-") or "own"


def observable_view(data: WalksData, observable: str) -> View:
    """Return all numbers of one observable over updates, a panel each."""
    columns = [column for column in data.metrics.columns if _of(column, observable)]
    panels = tuple(_panel(data, column, column.removeprefix(observable).lstrip(".")) for column in columns)
    short = observable.rpartition(":")[2]
    where = "" if short == observable else f", from {observable.rpartition(':')[0]}"
    return View(
        name=PREFIX + slug(observable),
        title=f"Observable: {short}",
        definition=f"The observable {short!r}{where}, as it was measured during the run.",
        panels=panels,
        arrangement="beside" if len(panels) > 1 else "below",
    )


def _panel(data: WalksData, column: str, part: str) -> Lines:
    return Lines(
        y=Axis(name=part or column.rpartition(":")[2]),
        series=(Series(name="", x=data.steps, y=data.column(column)),),
        empty="not defined at any update",
        **over_updates(data),
    )
