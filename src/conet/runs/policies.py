"""The policy of a run, by its kind; that of a snapshot, again."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.registry import Table
from conet.config import Config, PolicySettings
from conet.engine.tables import TablePolicy
from conet.learners import Learner
from conet.network.graph import Graph
from conet.observables import Observable
from conet.observables.observation import PARTS, check_needs
from conet.runs.schedule import Phase

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


def check_table(
    kind: str, phases: Iterable[tuple[Phase, Learner]], observables: Mapping[str, Observable]
) -> None:
    """Refuse what needs a table where there is none: now, and not after minutes of pretraining.

    Parameters
    ----------
    kind
        Of the policy.
    phases
        Of the schedule, each with its learner.

    Raises
    ------
    ConetError
        Naming the setting of the learner, or the observable.
    """
    if kind == "table":
        return
    for phase, learner in phases:
        changing = [name for name in learner.table_options if callable(phase.options.get(name))]
        by_phase = f"learner.{changing[0]}, which phase {phase.name!r} changes," if changing else None
        if setting := learner.table_setting or by_phase:
            remedy = "leave it out, or set policy.kind=table"
            raise ConetError(f"{setting} with policy.kind={kind}", "the table policy", remedy)
    check_needs(observables, set(PARTS) - {"table"}, f"policy.kind={kind}")
