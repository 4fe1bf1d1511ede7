"""Moments on the axis of steps, with their intervals."""

import numpy as np

from conet.base.intervals import Interval
from conet.detect import Valley
from conet.detect.valley import ToldValley
from conet.views.parts import Mark


def mark(name: str, label: str, where: Interval | None) -> list[Mark]:
    """Return a moment with its interval where that is known; none where there is no moment."""
    if where is None or not np.isfinite(where.estimate):
        return []
    known = np.isfinite(where.low) and np.isfinite(where.high)
    low, high = (where.low, where.high) if known else (None, None)
    return [Mark(name=name, label=label, step=where.estimate, low=low, high=high)]


def v_bottom(valley: Valley | ToldValley | None) -> list[Mark]:
    """Return the bottom of the V; none unless there is a V."""
    is_v = valley is not None and valley.judgement == "V"
    return mark("v_bottom", "V bottom", valley.bottom if valley is not None and is_v else None)
