"""The weight of an entropy bonus at which a run ceases to order: an estimate, and what stays below it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from conet.runs.schedule import Clock

if TYPE_CHECKING:
    from conet.network.graph import Graph
    from conet.network.problems import Problems

MOST = 256  # problems that are solved for the accuracy
HOT = 10.0  # first weight over the estimate: four times what was most often critical
OCTAVES = 24.0  # halvings of the weight in a run that never orders: in its later half it has no bonus
BEGUN, ORDERED = 0.1, 0.5  # of the accuracy that the uniform policy lacks: order begins, and is there
SLOW = 0.25  # speed of the halvings between the two


@dataclass(frozen=True)
class Estimate:
    """What is known of a run's critical weight before it begins.

    Attributes
    ----------
    accuracy : float
        Of the uniform policy, on the first :data:`MOST` problems, exact.
    weight : float
        Mean-field scale of the weight above which the uniform policy does not order.
    """

    accuracy: float
    weight: float


def estimate(graph: "Graph", problems: "Problems", rollouts: int) -> Estimate:
    """Return √(G-1) p / (1 + M L/N), the scale of the critical weight, and p, the uniform policy's accuracy.

    Where rollouts are rarely correct, a correct one is alone in its group of G and has the
    advantage √(G-1). So a question's node is pulled towards the right edge by √(G-1) p for each of its
    rollouts. The entropy pulls it back at every visit: its own, and those of the M walks that wander L hops
    over N nodes, M L/N of them. Order begins where the first exceeds the second, but for a factor of
    order one, from logarithms of how far the policy is from uniform. (Our derivation, for advantages over
    their standard deviation, as GRPO has them; ``conet reproduce melting`` judges how good it is.)

    Parameters
    ----------
    graph, problems
        Where the walks go.
    rollouts
        G, at least 2.
    """
    from conet.engine import exact  # compiled: a language model has the same schedules and no graph
    from conet.engine.tables import TablePolicy

    chosen = range(min(len(problems), MOST))
    accuracy = float(exact.solve(TablePolicy(graph), problems, chosen=chosen).success.mean())
    visits = 1.0 + len(problems) * problems.max_length / graph.nodes
    return Estimate(accuracy, float(np.sqrt(rollouts - 1) * accuracy / visits))


@dataclass(frozen=True)
class BelowCritical:
    """A weight that falls until there is order, and stays there, a little below the run's critical weight.

    The weight begins above the critical one, at :data:`HOT` times the estimate, and is halved :data:`OCTAVES`
    times a run, at a quarter of that speed (:data:`SLOW`) once order has begun, and no more while there is
    order. What it falls by while order grows is its distance to the critical weight. It comes from above,
    since order melts at a larger weight than it begins at, and without a sign beforehand: a run that is
    heated until it melts has to be cooled far below before it orders again (``conet reproduce melting``).
    (Our choice throughout.)

    Parameters
    ----------
    estimate
        Returns the estimate (see :func:`estimate`); asked once, when the first weight is.
    """

    estimate: Callable[[], Estimate]

    @cached_property
    def known(self) -> Estimate:
        """What is known of the critical weight beforehand."""
        return self.estimate()

    def order(self, clock: Clock) -> float:
        """Return what the accuracy has gained, of all that the uniform policy lacks; below 0 where none is.

        The accuracy of the last rollouts, or that of all problems of late where it is higher: where solved
        problems are drawn less often, the last rollouts are those of the hard ones.
        """
        accuracy = clock.accuracy or 0.0
        late = clock.problem_accuracy if accuracy < 1.0 else None
        if late is not None and np.isfinite(late).all():
            accuracy = max(accuracy, float(late.mean()))
        return (accuracy - self.known.accuracy) / max(1.0 - self.known.accuracy, 1e-9)

    def __call__(self, clock: Clock) -> float:
        """Return the weight now."""
        before, order = clock.entropy_weight, self.order(clock)
        if before is None:
            return HOT * self.known.weight
        speed = 1.0 if order < BEGUN else SLOW if order < ORDERED else 0.0
        return before * 2.0 ** (-speed * OCTAVES / max(clock.steps, 1))
