"""Observables by name, for the key ``observables`` of a config.

An observable is a pure function of an :class:`~conet.observables.observation.Observation` to a
number or a dict of numbers.
"""

import numpy as np

from conet.base.registry import register
from conet.network.topology import topology_summary
from conet.observables import diversity, pass_at_k
from conet.observables.observation import Observable, Observation
from conet.observables.web import argmax_web, traffic_web

OBSERVABLES: dict[str, Observable] = {}


@register(OBSERVABLES, "web")
def web(observation: Observation) -> dict[str, float]:
    """Describe the thresholded web: islands, components, degree, cycles."""
    return observation.web.summary(observation.tasks.questions)


@register(OBSERVABLES, "topology")
def topology(observation: Observation) -> dict[str, float]:
    """Bridges, inverse trees and distances of the thresholded web (milliseconds)."""
    return topology_summary(observation.web)


@register(OBSERVABLES, "frustration")
def frustration(observation: Observation) -> dict[str, float]:
    """Cancellation between questions at the committed nodes, exact (the cost of an exact gradient)."""
    from conet.observables.frustration import frustration as exact

    found = exact(observation.policy, observation.tasks, observation.threshold)
    return {name: float(getattr(found, name)) for name in ("cancellation", "share", "everywhere")}


@register(OBSERVABLES, "argmax_web")
def best_web(observation: Observation) -> dict[str, float]:
    """Describe the web of every node's best edge in the same numbers."""
    return argmax_web(observation.policy).summary(observation.tasks.questions)


@register(OBSERVABLES, "traffic")
def traffic(observation: Observation) -> dict[str, float]:
    """Describe the web of the edges that the observed walks use where they succeed."""
    used = traffic_web(observation.policy.graph, observation.walks)
    return used.summary(observation.tasks.questions) | {
        "entropy": diversity.traffic_entropy(observation.policy, used)
    }


@register(OBSERVABLES, "policy_entropy")
def policy_entropy(observation: Observation) -> float:
    """Mean entropy (nats) of the policy over all nodes."""
    return diversity.policy_entropy(observation.policy)


@register(OBSERVABLES, "paths")
def paths(observation: Observation) -> dict[str, float]:
    """Distinct successful walks and path entropy (nats), averaged over the problems with any."""
    found = diversity.path_diversity(observation.walks)
    solved = found.correct > 0
    if not solved.any():
        return dict.fromkeys(("distinct", "entropy", "entropy_miller_madow"), float("nan"))
    return {
        "distinct": float(found.distinct[solved].mean()),
        "entropy": float(found.entropy[solved].mean()),
        "entropy_miller_madow": float(found.entropy_miller_madow[solved].mean()),
    }


@register(OBSERVABLES, "pass_at_k")
def passes(observation: Observation) -> dict[str, float]:
    """pass@k of the observed walks for k = 1, 2, 4, … up to the walks a question."""
    walks = observation.walks
    counts = walks.correct.reshape(-1, walks.rollouts).sum(axis=1, dtype=np.int64)
    curve = pass_at_k.mean_pass_at_k(counts, walks.rollouts, pass_at_k.powers_of_two(walks.rollouts))
    return {str(k): value for k, value in curve.items()}
