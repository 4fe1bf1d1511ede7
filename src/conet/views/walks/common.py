"""What the views over the updates of a run of walks share: their axis, the moments and the heated updates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from conet.views.marks import v_bottom
from conet.views.parts import Axis, Band, Mark, Series
from conet.views.tables import windowed_range
from conet.views.walks_data import WalksData

# Attribute of the stages, and the name in words.
MOMENTS = (("island_peak", "most islands"), ("knee", "knee"))


def over_updates(data: WalksData) -> dict[str, Any]:
    """Return horizontal axis, marks and bands of a panel over updates, as arguments of the panel."""
    end = float(data.steps[-1] + 1)
    marks = [
        *v_bottom(data.stages.valley),
        *(
            Mark(name=name, label=label, step=step)
            for name, label in MOMENTS
            if (step := getattr(data.stages, name)) is not None
        ),
    ]
    if data.heating_signal is not None:
        marks.append(Mark(name="heating_signal", label="heating signal", step=data.heating_signal))
    bands = [Band(name="heated", label="heated", low=low, high=high) for low, high in heated_spans(data)]
    axis = Axis(name="updates done", whole=True, low=0, high=end)
    return {"x": axis, "marks": tuple(marks), "bands": tuple(bands)}


def heated_spans(data: WalksData) -> list[tuple[int, int]]:
    """First heated update, and the one after the last, of each stretch of them."""
    heated = (data.metrics["phase"] == "heat").to_numpy().astype(int)
    turns = np.flatnonzero(np.diff(heated, prepend=0, append=0))
    steps = np.append(data.steps, data.steps[-1] + 1)
    return [(int(steps[first]), int(steps[end])) for first, end in turns.reshape(-1, 2)]


def ranged(name: str, found: Sequence[np.ndarray], window: int) -> Series:
    """Return the median over a window of updates as a line, and the range within it as its interval.

    Parameters
    ----------
    found
        Steps and values.
    """
    steps, values = found
    middle, low, high = windowed_range(values, window)
    return Series(
        name=name, x=steps, y=middle, low=low, high=high, interval=f"smallest and largest of {window} updates"
    )
