"""Curves of all arms over one another: one view a quantity, with the range of the seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.diagnosis.comparison import Arm, Comparison, Side
from conet.observables.length import WINDOW, windowed_correct_length
from conet.views.parts import Axis, Band, Mark, Series
from conet.views.schema import Lines, View, empty_view
from conet.views.tables import column, windowed_mean

if TYPE_CHECKING:
    import polars

MOST_ARMS = 6  # curves in one figure


@dataclass(frozen=True)
class Quantity:
    """A column of the steps that is drawn.

    Attributes
    ----------
    title, caption, definition : str
        For the figure; plain text.
    axis : Axis
    windowed : bool
        Whether single steps are too noisy to be drawn.
    """

    title: str
    axis: Axis
    caption: str
    definition: str
    windowed: bool = False


SHARE = {"low": 0.0, "high": 1.0}
# By column of the steps. A new curve is one entry here.
QUANTITIES = {
    "accuracy": Quantity(
        "Accuracy",
        Axis(name="accuracy", unit="share of rollouts that are correct", **SHARE),
        "Look for an arm that rises earlier, and for one that ends higher: these are two things.",
        "Accuracy: the share of a step's rollouts that are correct.",
        windowed=True,
    ),
    "correct_length": Quantity(
        "Length of correct rollouts",
        Axis(name="length of correct rollouts", low=0.0),
        "Look for the V: correct answers first get shorter, then longer.",
        "Total length over number of the correct rollouts.",
        windowed=True,
    ),
    "islands": Quantity(
        "Islands",
        Axis(name="islands", unit="components of the web", low=0.0, whole=True),
        "Islands are born one by one, are most numerous at maximal frustration, and merge.",
        "Connected components of the thresholded web.",
    ),
    "mean_degree": Quantity(
        "Average degree",
        Axis(name="average degree ⟨k⟩", unit="2 · edges / nodes"),
        "Look for webs that settle near two.",
        "Average degree of the thresholded web.",
    ),
    "policy_entropy": Quantity(
        "Entropy of the policy",
        Axis(name="entropy", unit="nats a node", low=0.0),
        "Look for an arm that keeps choices open for longer.",
        "Mean over all nodes of the entropy of their out-edges.",
    ),
    "groups_without_signal": Quantity(
        "Groups without signal",
        Axis(name="groups without signal", unit="share", **SHARE),
        "Groups in which all rollouts are right, or all are wrong, teach nothing.",
        "Share of a step's groups (problems with two rollouts or more) that are all right, or all wrong.",
        windowed=True,
    ),
    "truncated_share": Quantity(
        "Truncated rollouts",
        Axis(name="truncated rollouts", unit="share", **SHARE),
        "Look for an arm whose answers run into the limit of their length.",
        "Share of a step's rollouts that the limit of length ended.",
        windowed=True,
    ),
    "distinct_share": Quantity(
        "Different answers",
        Axis(name="different answers", unit="share", **SHARE),
        "A share that falls to a few different answers a problem is a policy that collapses.",
        "Different answers over answers, in groups of at least two.",
        windowed=True,
    ),
}


def curve_view(comparison: Comparison, name: str) -> View:
    """Return one quantity of all arms over the steps; of many arms some, evenly spaced in their list."""
    quantity = QUANTITIES[name]
    found = [line for arm in comparison.arms for line in _of_arm(arm, name, quantity)]
    if not found:
        why = f"No side has measured it: {quantity.title.lower()}."
        return empty_view(name.replace("_", "-"), quantity.title, why)
    places = np.unique(np.linspace(0, len(found) - 1, min(MOST_ARMS, len(found))).round().astype(int))
    note = f" Of {len(found)} arms {MOST_ARMS} are drawn." if len(found) > MOST_ARMS else ""
    unknown = len(comparison.arms) - len(found)
    note += f" {unknown} arms have not measured it." if unknown else ""
    several = any(len(arm.sides) > 1 for arm in comparison.arms)
    axis = quantity.axis
    if name == "correct_length":
        axis = axis.model_copy(update={"unit": comparison.length_unit})
    bands, marks, words = _heated(comparison.arms)
    return View(
        name=name.replace("_", "-"),
        title=quantity.title,
        caption=quantity.caption + note,
        definition=quantity.definition
        + (f" In a centred window of {WINDOW} steps." if quantity.windowed else "")
        + words
        + (
            " Line: mean over the seeds, with the range from the lowest to the highest seed."
            if several
            else ""
        ),
        panels=(
            Lines(
                x=Axis(name="step", unit="updates done", whole=True),
                y=axis,
                series=tuple(found[place] for place in places),
                marks=marks,
                bands=bands,
            ),
        ),
    )


def _heated(arms: Sequence[Arm]) -> tuple[tuple[Band, ...], tuple[Mark, ...], str]:
    """Return when arms were heated, of several seeds from first to last; where it began; and in words."""
    bands: list[Band] = []
    starts: dict[str, int] = {}
    for arm in arms[:MOST_ARMS]:
        ends = [end for side in arm.sides for span in side.heated for end in span]
        spans = arm.sides[0].heated if len(arm.sides) == 1 else [(min(ends), max(ends))] if ends else []
        bands += [Band(name="heated", label=f"heated: {arm.name}", low=low, high=high) for low, high in spans]
        starts |= {arm.name: spans[0][0]} if spans else {}
    marks = [Mark(name="heating_started", label="heated", step=step) for step in sorted(set(starts.values()))]
    words = f" Shaded: updates in which an arm was heated ({'; '.join(starts)})." if starts else ""
    return tuple(bands), tuple(marks), words


def _of_arm(arm: Arm, name: str, quantity: Quantity) -> list[Series]:
    """Return the curve of an arm: the mean over its seeds, at the steps that all of them have."""
    found = [curve for side in arm.sides if (curve := _of_side(side, name, quantity)) is not None]
    if not found:
        return []
    common = sorted(set.intersection(*(set(curve) for curve in found)))
    values = np.array([[curve[step] for step in common] for curve in found])
    if not common:
        return []
    ends: dict[str, Any] = {}
    if len(found) > 1:
        ends = {"low": values.min(axis=0), "high": values.max(axis=0), "interval": "lowest to highest seed"}
    count = f" ({len(found)} seeds)" if len(found) > 1 else ""
    return [Series(name=arm.name + count, x=common, y=values.mean(axis=0), **ends)]


def _of_side(side: Side, name: str, quantity: Quantity) -> dict[int, float] | None:
    if name not in side.steps.columns:
        return None
    values = _values(side.steps, name, quantity)
    known = np.isfinite(values)
    steps = side.steps["step"].to_numpy()
    return dict(zip(steps[known].tolist(), values[known].tolist())) if known.any() else None


def _values(steps: "polars.DataFrame", name: str, quantity: Quantity) -> np.ndarray:
    if name == "correct_length":
        totals = (np.nan_to_num(column(steps, f"correct_{part}")) for part in ("length_sum", "count"))
        known = np.isfinite(column(steps, name)).any()  # lengths may be unknown altogether
        return windowed_correct_length(*totals) if known else np.full(steps.height, np.nan)
    values = column(steps, name)
    if name == "mean_degree":
        values = np.where(values > 0, values, np.nan)  # there is no web yet
    return windowed_mean(values) if quantity.windowed else values


# The view of each quantity, by its name.
CURVES = {name.replace("_", "-"): partial(curve_view, name=name) for name in QUANTITIES}
