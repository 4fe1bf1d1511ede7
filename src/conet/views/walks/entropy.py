"""Entropy of the policy, and what many rollouts find beyond one."""

import numpy as np

from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData


def entropy(data: WalksData) -> View:
    """Return entropy at nodes and the gap between pass@k and pass@1, over updates."""
    most = int(np.max(data.evaluations["k"].to_numpy(), initial=1))
    return View(
        name="entropy",
        title="Entropy and diversity",
        caption=(
            "Nodes that no walk leaves keep the entropy of the start, so a collapse shows on the nodes "
            "with traffic. Look for a diversity that vanishes while the accuracy still rises: the policy "
            "collapses."
        ),
        definition=(
            "Entropy: that of the policy's choice at a node, averaged over all nodes and over the nodes that "
            f"successful walks leave, each counted once. Diversity: what {most} rollouts solve and one does "
            "not. Where the schedule sets the weight of an entropy bonus: the entropy where the last "
            "rollouts chose, which it steers by, and that weight, as each update used it."
        ),
        panels=(_entropy(data), _diversity(data, most), *_weight(data)),
        arrangement="beside",
    )


def _entropy(data: WalksData) -> Lines:
    steps, traffic = data.evaluation("traffic_entropy")
    every, policy = data.series("policy_entropy")  # measured now and then: a line does not cross a gap
    series = [
        Series(name="all nodes", x=every, y=policy),
        Series(name="nodes with traffic", x=steps, y=traffic),
    ]
    steered = data.column("visited_entropy")
    if np.isfinite(steered).any():
        series.append(Series(name="where rollouts chose", x=data.steps, y=steered))
    return Lines(
        y=Axis(name="mean entropy of a node", unit="nats", low=0),
        series=tuple(series),
        empty="not measured",
        **over_updates(data),
    )


def _diversity(data: WalksData, most: int) -> Lines:
    (steps, many), (first, single) = (data.evaluation("pass_at_k", k) for k in (most, 1))
    both, of_many, of_single = np.intersect1d(steps, first, return_indices=True)
    gap = many[of_many] - single[of_single]
    series = (Series(name="", x=both, y=gap),) if most > 1 else ()
    return Lines(
        y=Axis(name="diversity", unit=f"pass@{most} - pass@1", low=0),
        series=series,
        empty="not measured",
        **over_updates(data),
    )


def _weight(data: WalksData) -> tuple[Lines, ...]:
    """Return the weight of the entropy bonus, where the schedule sets one."""
    weight = data.column("option.entropy")
    if not np.isfinite(weight).any():
        return ()
    series = (Series(name="", x=data.steps, y=weight),)
    axis = Axis(name="weight of the entropy bonus", unit="β", low=0)
    return (Lines(y=axis, series=series, empty="none set", **over_updates(data)),)
