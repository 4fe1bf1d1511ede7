"""pass@k against k at several moments of the run."""

import numpy as np

from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View, empty_view
from conet.views.walks_data import WalksData

NAME, TITLE = "pass-at-k", "pass@k"
MOST = 6  # curves


def pass_at_k(data: WalksData) -> View:
    """Return pass@k against k, at the snapshots that divide the change of pass@1 most evenly."""
    steps, single = data.evaluation("pass_at_k", 1)
    if not len(steps):
        return empty_view(NAME, TITLE, "pass@k was not measured in this run.")
    table = data.evaluations.filter(data.evaluations["name"] == "pass_at_k").sort("step", "k")
    chosen = spread(steps, single, MOST)
    series = []
    for place, step in enumerate(chosen):
        rows = table.filter(table["step"] == step)
        order = 1.0 if len(chosen) == 1 else place / (len(chosen) - 1)
        series.append(Series(name=f"update {step:,}", x=rows["k"], y=rows["value"], order=order))
    rollouts = data.run.config.snapshots.pass_walks
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for early curves that climb with k (what one rollout misses, many find) and late ones that "
            "are flat, with nothing more to find: pass@1 has used the diversity up."
        ),
        definition=(
            "pass@k: chance that at least one of k rollouts is correct, averaged over problems, by the "
            f"unbiased estimator 1 - C(n - c, k) / C(n, k) with n = {rollouts} rollouts a problem, c of them "
            "correct. Drawn at the snapshots that divide the change of pass@1 most evenly."
        ),
        panels=(
            Lines(
                x=Axis(name="k", unit="rollouts a problem", scale="log2"),
                y=Axis(name="pass@k", unit="share of problems", low=0, high=1),
                series=tuple(series),
            ),
        ),
    )


def spread(steps: np.ndarray, values: np.ndarray, most: int) -> list[int]:
    """Choose at most so many steps, the first and the last among them, at which values are evenly apart."""
    aims = np.linspace(values[0], values[-1], most)
    chosen = {int(steps[np.argmin(np.abs(values - aim))]) for aim in aims[1:-1]}
    return sorted({int(steps[0]), int(steps[-1])} | chosen)
