"""pass@k early and late, and what a group finds beyond one answer."""

import numpy as np

from conet.diagnosis import Diagnosis
from conet.diagnosis.findings.diversity import Diversity as Measured
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps
from conet.views.schema import Lines, View
from conet.views.tables import windowed_mean


def diversity(found: Diagnosis) -> View:
    """Return pass@k against k early and late, and pass@k within groups over steps."""
    many = found.detail("diversity")
    signs = ""
    if many is not None:
        named = "; ".join(many.signs) if many.signs else "none"
        seen = f"{many.problems} problems with {many.k} answers or more in both windows"
        signs = f" Signs of policy collapse: {named}. {seen}."
    return View(
        name="diversity",
        title="Diversity",
        caption=(
            "Look for a late curve of pass@k that starts higher but ends lower: one sample finds more, many "
            f"find less.{signs}"
        ),
        definition=(
            "pass@k: chance that at least one of k answers is correct (unbiased estimator, answers of a "
            "fifth of the steps pooled, the same problems in both). Within groups: the same within groups of "
            f"{found.log.visits.group}, and the share of different answers in a group."
        ),
        panels=(_early_and_late(many), _within_groups(found)),
        arrangement="beside",
    )


def _early_and_late(many: Measured | None) -> Lines:
    series: tuple[Series, ...] = ()
    if many is not None:
        series = (
            Series(name="first fifth of the steps", x=many.curve_k, y=many.early, order=0.2),
            Series(name="last fifth", x=many.curve_k, y=many.late, order=1.0),
        )
    return Lines(
        x=Axis(name="k", unit="samples a problem", scale="log2"),
        y=Axis(name="pass@k", unit="share of problems", low=0, high=1),
        series=series,
        empty="too few problems in both windows",
    )


def _within_groups(found: Diagnosis) -> Lines:
    steps, weights = column(found, "step"), np.maximum(column(found, "groups"), 1)
    names = {
        "pass_at_group": f"pass@{found.log.visits.group}",
        "accuracy": "pass@1",
        "distinct_share": "different answers",
    }
    return Lines(
        y=Axis(name="within groups", unit="share", low=0, high=1),
        series=tuple(
            Series(name=label, x=steps, y=windowed_mean(column(found, name), weights))
            for name, label in names.items()
            if np.isfinite(column(found, name)).any()  # walks have no texts that could differ
        ),
        **over_steps(found),
    )
