"""Observables by name, for the key ``observables`` of a config.

An observable is a pure function of an :class:`~conet.observables.observation.Observation` to a
number or a dict of numbers, which may say what it :func:`~conet.observables.observation.needs`. A new one is
one file here and one line in ``OBSERVABLES``.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from conet.base.errors import ConetError
from conet.base.registry import Table, resolve
from conet.engine.policy import mean_table
from conet.network.topology import topology_summary
from conet.observables import diversity, pass_at_k
from conet.observables.observation import Observable, Observation, needs
from conet.observables.web import argmax_web, traffic_web

OBSERVABLES: Mapping[str, Observable] = Table(
    {
        "web": "conet.observables.standard:web",
        "topology": "conet.observables.standard:topology",
        "frustration": "conet.observables.standard:frustration",
        "residual_frustration": "conet.observables.standard:residual_frustration",
        "argmax_web": "conet.observables.standard:best_web",
        "traffic": "conet.observables.standard:traffic",
        "policy_entropy": "conet.observables.standard:policy_entropy",
        "paths": "conet.observables.standard:paths",
        "pass_at_k": "conet.observables.standard:passes",
        "groups": "conet.observables.standard:groups",
        "lengths": "conet.observables.standard:lengths",
        "markov": "conet.observables.standard:markov",
    }
)
# Names, files or functions; or functions by the names that their results get.
Observables = Mapping[str, Observable] | Iterable[str | Callable] | str | Callable


def named(observables: Observables) -> dict[str, Observable]:
    """Return observables by the names that their results get.

    Parameters
    ----------
    observables
        A name, ``path/to/file.py:name`` or a function, or several of these; or functions by the name that
        each shall have.

    Raises
    ------
    ConetError
        For an unknown name, two of one name, or something that is no function.
    """
    if isinstance(observables, str) or callable(observables):
        observables = [observables]
    if isinstance(observables, Mapping):
        found = list(observables.items())
    else:
        found = [
            (one, resolve(one, OBSERVABLES, "observable"))
            if isinstance(one, str)
            else (str(getattr(one, "__name__", type(one).__name__)), one)
            for one in observables
        ]
    for place, (name, function) in enumerate(found):
        if not callable(function):
            got = f"observable {name!r}: {type(function).__name__}"
            raise ConetError(
                got, "a function of an Observation", "docs/skeletons/observable.py is one to copy"
            )
        if name in dict(found[:place]):
            raise ConetError(f"two observables called {name!r}", "one of each name", "give a dict of names")
    return dict(found)


def refuse_taken(functions: Mapping[str, Observable], columns: Collection[str]) -> None:
    """Refuse observables whose results would stand in the place of other columns.

    The package's own may: they measure what such a column holds.

    Raises
    ------
    ConetError
        Naming the observable.
    """
    for name, function in functions.items():
        if name in columns and function is not OBSERVABLES.get(name):
            got = f"observable {name!r}, which is a column of its own"
            raise ConetError(got, "a name that is not taken", f"call it {'my_' + name!r}, for example")


@needs("web")
def web(observation: Observation) -> dict[str, float]:
    """Describe the thresholded web: islands, components, degree, cycles."""
    return observation.web.summary(observation.problems.questions)


@needs("web")
def topology(observation: Observation) -> dict[str, float]:
    """Bridges, inverse trees and distances of the thresholded web (milliseconds)."""
    return topology_summary(observation.web)


@needs("policy", "table")
def frustration(observation: Observation) -> dict[str, float]:
    """Cancellation between problems at the committed nodes, exact (the cost of an exact gradient)."""
    from conet.observables.frustration import frustration as exact

    found = exact(observation.table, observation.problems, observation.threshold)
    return {name: float(getattr(found, name)) for name in ("cancellation", "share", "everywhere")}


@needs("policy", "walks")
def residual_frustration(observation: Observation) -> float:
    """Share of the problems that the best deterministic policy found solves, less the accuracy.

    Both are of the problems that were drawn, all where a schedule chooses none. The policy is searched for at
    the first call (seconds; `conet capacity` shows it).
    """
    from conet.engine.ground_state import best_solved

    solved = best_solved(observation.policy.graph, observation.problems)
    return float(solved[observation.walks.problems].mean() - observation.walks.correct.mean())


@needs("policy")
def best_web(observation: Observation) -> dict[str, float]:
    """Describe the web of every node's best edge in the same numbers."""
    return argmax_web(observation.policy).summary(observation.problems.questions)


@needs("policy", "walks")
def traffic(observation: Observation) -> dict[str, float]:
    """Describe the web of the edges that the observed walks use where they succeed."""
    used = traffic_web(observation.policy.graph, observation.walks)
    return used.summary(observation.problems.questions) | {
        "entropy": diversity.traffic_entropy(mean_table(observation.policy), used)
    }


@needs("policy")
def policy_entropy(observation: Observation) -> float:
    """Mean entropy (nats) of the policy over all nodes."""
    return diversity.policy_entropy(mean_table(observation.policy))


@needs("walks")
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


@needs("rollouts")
def passes(observation: Observation) -> dict[str, float]:
    """pass@k of the observed rollouts for k = 1, 2, 4, … up to the fewest of a problem."""
    columns = ("correct_count", "samples")
    correct, samples = (observation.by_problem[name].to_numpy() for name in columns)
    curve = pass_at_k.mean_pass_at_k(correct, samples, pass_at_k.powers_of_two(int(samples.min())))
    return {str(k): value for k, value in curve.items()}


@needs("rollouts")
def groups(observation: Observation) -> dict[str, float]:
    """Shares of the problems whose rollouts are all right, all wrong, or mixed (with a gradient)."""
    correct, samples = (observation.by_problem[name].to_numpy() for name in ("correct_count", "samples"))
    right, wrong = float((correct == samples).mean()), float((correct == 0).mean())
    return {"all_correct": right, "all_wrong": wrong, "mixed": 1.0 - right - wrong}


@needs("rollouts")
def lengths(observation: Observation) -> dict[str, float]:
    """Mean length of correct and of wrong rollouts, and the share that the length limit cut off.

    Hops of walks, tokens of completions; NaN where there is no such rollout or truncation is unknown.
    """
    rollouts = observation.rollouts
    length, correct = rollouts["length"].to_numpy(), rollouts["correct"].to_numpy()
    truncated = rollouts["truncated"].drop_nulls().to_numpy()
    parts = {"correct": length[correct], "wrong": length[~correct], "truncated_share": truncated}
    return {name: float(part.mean()) if len(part) else float("nan") for name, part in parts.items()}


@needs("policy", "walks")
def markov(observation: Observation) -> dict[str, float]:
    """What the policy knows of problem and history at a node (nats), and its predictive states there."""
    from conet.observables.markov import markov as measured

    return {
        name: float(value) for name, value in vars(measured(observation.policy, observation.walks)).items()
    }
