"""Parts that the panels of a view are made of: axes, series, marks, bands, levels."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from conet.base.text import one_line, visible

SENTENCES = ("text", "caption", "definition", "note", "empty", "absent")  # may have several lines


def numbers(values: Any) -> Any:
    """Turn an array, a column or a sequence into a tuple of floats, with None for what is not finite."""
    if values is None or isinstance(values, tuple):
        return values
    array = np.asarray(values, np.float64)
    known = np.isfinite(array)
    if known.all():
        return tuple(array.tolist())
    return tuple(value if is_known else None for value, is_known in zip(array.tolist(), known.tolist()))


Numbers = Annotated[tuple[float | None, ...], BeforeValidator(numbers)]
Integers = Annotated[tuple[int, ...], BeforeValidator(lambda values: tuple(np.asarray(values).tolist()))]


class Part(BaseModel):
    """Base of all parts of a view: immutable, finite numbers only, unknown names refused.

    Names come from columns, problems and paths of others: whoever shows a view shows no control character.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _shown(cls, value: Any, info: ValidationInfo) -> Any:
        """Write out the control characters of a text; line ends too, but in sentences."""
        written = visible if info.field_name in SENTENCES else one_line
        if isinstance(value, str):
            return written(value)
        named = isinstance(value, tuple) and value and isinstance(value[0], str)
        return tuple(map(written, value)) if named else value


class Axis(Part):
    """One axis, or the scale of the colours of a heat map.

    Parameters
    ----------
    name
        The quantity, in words.
    unit
        Its unit, or what is counted; empty where the name says it.
    scale
        "linear", or logarithmic with ticks at powers of 10 or of 2.
    low, high
        Ends to draw at least; None: as the data have it.
    whole
        Whether only whole numbers make sense as ticks.
    """

    name: str
    unit: str = ""
    scale: Literal["linear", "log10", "log2"] = "linear"
    low: float | None = None
    high: float | None = None
    whole: bool = False


class Series(Part):
    """Values over an axis, with an interval or a range around each where it is known.

    Parameters
    ----------
    name
        For the legend; empty where the panel holds this series alone.
    x, y
        Of equal length.
    low, high
        Ends of an interval around ``y``; ``interval`` says which.
    interval
        What low and high are, such as "95 % interval over problems".
    role
        "main": a line to follow. "measured": single measurements, drawn as dots. "reference": something to
        compare with. "one_of_many": one seed or problem among others.
    order
        Place from 0 (early) to 1 (late), for series that are the same thing at several moments.
    definition
        How it is computed, where the view's definition does not say so.
    """

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    interval: str = ""
    role: Literal["main", "measured", "reference", "one_of_many"] = "main"
    order: float | None = None
    definition: str = ""


class Mark(Part):
    """A moment on the horizontal axis, such as the bottom of the V.

    Parameters
    ----------
    name
        A fixed name: "v_bottom", "knee", "island_peak", "heating_signal"; others are allowed.
    label
        In words.
    step
        Where.
    low, high
        Ends of its 95 % interval, where known.
    """

    name: str
    label: str
    step: float
    low: float | None = None
    high: float | None = None


class Band(Part):
    """A stretch of the horizontal axis, such as heated updates: from ``low`` up to ``high``."""

    name: str
    label: str
    low: float
    high: float


class Level(Part):
    """A value on the vertical axis (of bars: on the axis of values) to compare with."""

    label: str
    value: float
