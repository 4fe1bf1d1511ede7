"""The policy of a run, by its kind; that of a snapshot, again."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conet.base.registry import Table
from conet.config import Config, PolicySettings
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph

# By kind, a function of settings, graph, longest walk, seed and, of a snapshot, its arrays.
POLICIES: Mapping[str, Callable[..., Any]] = Table(
    {"table": "conet.runs.policies:table", "neural": "conet.neural.policy:make"}
)


def table(
    settings: PolicySettings,
    graph: Graph,
    max_length: int,
    seed: int,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> TablePolicy:
    """Return a table of logits."""
    return TablePolicy(graph, None if arrays is None else arrays["logits"])


def make(
    config: Config, graph: Graph, max_length: int, arrays: Mapping[str, np.ndarray] | None = None
) -> Any:
    """Return the policy that a run begins with, or that of a snapshot.

    Parameters
    ----------
    config
        Of the run; its policy and its seed count.
    graph, max_length
        What is walked on, and the longest walk.
    arrays
        Of a snapshot.

    Raises
    ------
    ConetError
        Where its extra is not installed, or its settings do not fit together.
    """
    return POLICIES[config.policy.kind](config.policy, graph, max_length, config.seed, arrays)
