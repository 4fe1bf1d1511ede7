"""Numbers of a diagnosis as they are written in the terminal, the report and the JSON."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.base.intervals import Interval


def step_of(value: Interval | None) -> int | None:
    """Return the step that an interval is around."""
    return None if value is None else round(value.estimate)


def estimate(value: Interval | None) -> float | None:
    """Return the estimate alone."""
    return None if value is None else value.estimate


def steps_between(value: list[float] | None) -> str:
    """Write an interval of steps; a dash where there is none."""
    return "–" if value is None else f"[{value[0]:.0f}, {value[1]:.0f}]"


def with_ends(value: Interval, digits: int = 2) -> str:
    """Write an estimate with its interval."""
    if np.isnan(value.low):
        return f"{value.estimate:.{digits}f}"
    return f"{value.estimate:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def share(value: float | None) -> str:
    """Write a share in percent; a dash where there is none.

    Examples
    --------
    >>> share(0.5), share(0.004), share(None)
    ('50%', '0.4%', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.1%}" if 0 < value < 0.01 else f"{value:.0%}"


def times(ratio: float) -> str:
    """Write how many times as much something is.

    Examples
    --------
    >>> times(13.4), times(2.51), times(0.2)
    ('13', '2.5', '0.2')
    """
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def length_unit(sources: Mapping[str, str]) -> str:
    """Return what lengths are counted in; the empty text where a column holds them, which does not say so.

    Examples
    --------
    >>> length_unit({"length": "characters of column completion"}), length_unit({"length": "column length"})
    ('characters', '')
    """
    unit, of, _ = sources.get("length", "").partition(" of column ")
    return unit if of and not unit.startswith("column ") else ""  # a column may be called so


def clean(value: Any) -> Any:
    """Turn numpy values into Python's, and what is infinite or not a number into None."""
    if isinstance(value, dict):
        return {key: clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [clean(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
