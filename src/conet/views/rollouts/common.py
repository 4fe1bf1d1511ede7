"""What the views of a diagnosis share: axis, moments, columns of the steps, unit of lengths."""

from typing import Any

import numpy as np

from conet.diagnosis import Diagnosis
from conet.views import tables
from conet.views.marks import mark, v_bottom
from conet.views.parts import Axis, Band, Mark


def over_steps(found: Diagnosis) -> dict[str, Any]:
    """Return horizontal axis, marks and heated steps of a panel over steps, as arguments of the panel."""
    steps = column(found, "step")
    axis = Axis(name="step", unit="as the trainer counts", whole=True, low=steps[0], high=steps[-1])
    return {"x": axis, "marks": tuple(moments(found)), "bands": tuple(heated(found))}


def heated(found: Diagnosis) -> list[Band]:
    """Return the steps in which the run was heated, which have no rollouts."""
    last = float(column(found, "step")[-1])
    spans = [(one["step"], one["ended_step"]) for one in found.log.heatings]
    return [
        Band(name="heated", label="heated", low=low, high=last if high is None else high)
        for low, high in spans
    ]


def moments(found: Diagnosis) -> list[Mark]:
    """Return the moments that the run has, with their intervals where these are known."""
    heating = found.detail("heating")
    signal = heating.step if heating else None
    fired = [] if signal is None else [Mark(name="heating_signal", label="heating signal", step=signal)]
    knee = mark("knee", "knee", found.detail("stage").knee)
    began = [Mark(name="heating_started", label="heated", step=one["step"]) for one in found.log.heatings]
    return [*knee, *v_bottom(found.detail("correct-length")), *fired, *began]


def column(found: Diagnosis, name: str) -> np.ndarray:
    """Return a column of the steps as float64, NaN where unknown."""
    return tables.column(found.steps, name)


def unit(found: Diagnosis) -> str:
    """What the lengths are counted in."""
    column = found.log.record.sources.get("length", "")
    return found.log.length_unit or column.replace("column", "as in column")
