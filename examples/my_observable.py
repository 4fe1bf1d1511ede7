"""An observable of one's own: how much of the concept web the questions really need.

$ conet run --preset smoke --set 'observables=["examples/my_observable.py:dead_wood"]'
"""

import numpy as np

from conet.observables import Observation, needs
from conet.observables.web import traffic_counts


@needs("walks", "web")
def dead_wood(observation: Observation) -> dict[str, float]:
    """Share of the committed edges that no successful walk uses, and of the walks' edges not committed.

    Both are 0 when the web is exactly what the walks use; NaN while there is nothing to compare.
    """
    committed = observation.web.edges
    used, _ = traffic_counts(observation.walks)
    both = len(np.intersect1d(committed, used))
    return {
        "unused": 1 - both / len(committed) if len(committed) else float("nan"),
        "uncommitted": 1 - both / len(used) if len(used) else float("nan"),
    }
