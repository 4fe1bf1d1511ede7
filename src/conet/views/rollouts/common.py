"""What the views of a diagnosis share: axis, moments, columns of the steps, unit of lengths."""

from typing import Any

import numpy as np

from conet.base.intervals import Interval
from conet.diagnosis import Diagnosis
from conet.views import tables
from conet.views.schema import Axis, Mark


def over_steps(found: Diagnosis) -> dict[str, Any]:
    """Return horizontal axis and marks of a panel over steps, as arguments of the panel."""
    steps = column(found, "step")
    axis = Axis(name="step", unit="as the trainer counts", whole=True, low=steps[0], high=steps[-1])
    return {"x": axis, "marks": tuple(moments(found))}


def moments(found: Diagnosis) -> list[Mark]:
    """Return the moments that the run has, with their intervals where these are known."""
    knee, bottom = found.detail("stage").knee, found.detail("correct-length").bottom
    signal = found.detail("heating").step
    marks = [
        _mark("knee", "knee", knee),
        _mark("v_bottom", "V bottom", bottom),
        None if signal is None else Mark(name="heating_signal", label="heating signal", step=signal),
    ]
    return [mark for mark in marks if mark is not None]


def _mark(name: str, label: str, where: Interval | None) -> Mark | None:
    if where is None or not np.isfinite(where.estimate):
        return None
    known = np.isfinite(where.low) and np.isfinite(where.high)
    low, high = (where.low, where.high) if known else (None, None)
    return Mark(name=name, label=label, step=where.estimate, low=low, high=high)


def column(found: Diagnosis, name: str) -> np.ndarray:
    """Return a column of the steps as float64, NaN where unknown."""
    return tables.column(found.steps, name)


def unit(found: Diagnosis) -> str:
    """What the lengths are counted in."""
    source = found.log.record.sources.get("length", "")
    return source.split(" of ")[0] if " of " in source else source.replace("column", "as in column")
