"""What the training loop measures: at every step, at snapshots, and at the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from conet.config import Config
from conet.detect import arc, peak
from conet.engine.policy import Network, Policy, mean_table
from conet.engine.sample import Walks
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables import Observable
from conet.observables.diversity import policy_entropy, traffic_entropy
from conet.observables.length import END_STEPS
from conet.observables.pass_at_k import mean_pass_at_k, powers_of_two
from conet.observables.standard import Observables, named, refuse_taken
from conet.observables.web import threshold_web, traffic_counts
from conet.rollouts import count_walks, is_group, without_signal
from conet.runs.cooling import why_zero
from conet.runs.schedule import Phase
from conet.runs.size import snapshot_steps

ENTROPY_EVERY = 5  # steps: one logarithm an edge costs more than the step itself
WEB_COLUMNS = (
    "islands",
    "question_islands",
    "giant_component",
    "second_component",
    "web_nodes",
    "web_edges",
    "mean_degree",
    "cycle_rank",
    "committed_nodes",
)

# What stands in the metrics beside the results of observables, which therefore have other names.
OWN_COLUMNS = (
    "step",
    "phase",
    "learner",
    "accuracy",
    "correct_length",
    "correct_count",
    "correct_length_sum",
    "truncated_share",
    "groups_without_signal",
    *WEB_COLUMNS,
    "policy_entropy",
    "illegal_moves",
    "option",
    "visited_entropy",
    "gradient_norm",
    "walker_steps",
    "heat_now",
)


def observables_of(config: Config, given: Observables | None) -> dict[str, Observable]:
    """Return the observables that the config names, and further ones.

    Raises
    ------
    ConetError
        For an unknown name, or one that is taken.
    """
    first, further = named(config.observables), named(given or {})
    refuse_taken(first, OWN_COLUMNS)
    refuse_taken(further, (*OWN_COLUMNS, *first))
    return first | further


def step_metrics(
    config: Config, step: int, policy: Policy, problems: Problems, walks: Walks
) -> dict[str, Any]:
    """Return one step's metrics of the rollouts, and where they are due of web and entropy."""
    counts = count_walks(walks)
    samples, count, length_sum, truncated = (int(part.sum()) for part in counts)
    silent = without_signal(counts.correct_count, counts.samples)
    groups = is_group(counts.samples)
    row: dict[str, Any] = {
        "accuracy": count / samples,
        "correct_length": length_sum / count if count else None,
        "correct_count": count,
        "correct_length_sum": length_sum,
        "truncated_share": truncated / samples,
        "groups_without_signal": float(np.mean(silent[groups])) if groups.any() else None,
    }
    every = config.snapshots.web_every
    due = step % every == 0 if every else step in snapshot_steps(config)
    web = threshold_web(policy, config.web.threshold).summary(problems.questions) if due else {}
    row |= {name: web.get(name) for name in WEB_COLUMNS}
    if walks.illegal is not None:
        row["illegal_moves"] = float((walks.illegal >= 0).sum() / walks.choices().sum())
    entropy_due = due and step % ENTROPY_EVERY == 0
    row["policy_entropy"] = policy_entropy(mean_table(policy)) if entropy_due else None
    return row


def at_snapshot(
    config: Config, step: int, policy: Policy, problems: Problems, traffic: Walks, passes: Walks
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Measure a policy more closely, with walks of its own.

    Parameters
    ----------
    traffic, passes
        Walks drawn for the traffic web (64 a question by default) and for pass@k (256).

    Returns
    -------
    arrays
        What a snapshot file keeps.
    values
        Rows of step, name, k and value for the evaluations.
    """
    table = mean_table(policy)
    edges, counts = traffic_counts(traffic)
    web = Web.from_graph(policy.graph, edges)
    curve = mean_pass_at_k(count_walks(passes).correct_count, passes.rollouts, powers_of_two(passes.rollouts))
    values = [_value(step, "pass_at_k", k, value) for k, value in curve.items()]
    values += [
        _value(step, "traffic_" + name, 0, value)
        for name, value in web.summary(problems.questions).items()
        if name in ("mean_degree", "islands", "cycle_rank", "web_nodes", "web_edges")
    ]
    values.append(_value(step, "traffic_entropy", 0, traffic_entropy(table, web)))
    thresholded = threshold_web(policy, config.web.threshold).summary(problems.questions)
    values += [_value(step, name, 0, thresholded[name]) for name in WEB_COLUMNS]
    arrays = {"logits": table.logits, "traffic_edges": edges, "traffic_counts": counts}
    return arrays | (policy.state() if isinstance(policy, Network) else {}), values


def _value(step: int, name: str, k: int, value: float) -> dict[str, Any]:
    return {"step": step, "name": name, "k": k, "value": float(value)}


def by_name(values: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the values of a snapshot by name; "pass_at_k" of k = 4 is called "pass_at_4"."""
    return {
        row["name"].removesuffix("_k") + f"_{row['k']}" if row["k"] else row["name"]: row["value"]
        for row in values
    }


def summarise(
    config: Config, rows: Sequence[dict[str, Any]], evaluations: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the object that ``conet run --json`` prints, less what only the training knows.

    ``accuracy`` is the mean over the last 20 steps; ``correct_length`` is pooled over a centred
    9-step window; ``islands`` counts all components of the thresholded web. ``residual_frustration`` is there
    where it is an observable of the run, and ``illegal_moves`` (a share of all moves) of a transformer, as
    means over the last 20 steps.
    """
    final = {
        row["name"]: row["value"] for row in evaluations if row["step"] == config.steps and row["k"] == 0
    }
    curve = {
        str(row["k"]): row["value"]
        for row in evaluations
        if row["step"] == config.steps and row["name"] == "pass_at_k"
    }
    columns = [np.array([row[name] for row in rows]) for name in ("correct_length_sum", "correct_count")]
    means = {
        name: float(np.mean([row[name] for row in rows[-END_STEPS:]]))
        for name in ("residual_frustration", "illegal_moves")
        if rows and name in rows[-1]
    }
    return {
        "steps": config.steps,
        "seed": config.seed,
        "accuracy": float(np.mean([row["accuracy"] for row in rows[-END_STEPS:]])),
        "correct_length": arc(*columns),
        "islands": _peak(rows, "islands", final),
        "question_islands": _peak(rows, "question_islands", final),
        "web": {
            "mean_degree": final["mean_degree"],
            "traffic_mean_degree": final["traffic_mean_degree"],
            "components": int(final["islands"]),
            "cycle_rank": int(final["cycle_rank"]),
        },
        "pass_at_k": curve,
    } | means


def temperature(
    rows: Sequence[dict[str, Any]], start: float | None, end: float | None, phases: Sequence[Phase] = ()
) -> dict[str, dict[str, Any]]:
    """Return what a summary says of the entropy bonus: empty where no schedule set its weight.

    Parameters
    ----------
    rows
        The metrics of a run, of walks or of a language model.
    start, end
        The first and the last entropy that is known, in nats a choice.
    phases
        Of the run's schedule: they know why a weight was 0 throughout.

    Returns
    -------
    dict
        ``temperature``, with ``weight`` (``peak`` and ``end``), ``entropy`` (``start`` and ``end``) and
        ``why`` (a text where the weight was 0 throughout and the reason is known, else None).
    """
    own = (row.get("option.entropy") for row in rows if row.get("learner") != "sft")
    weights = [weight for weight in own if weight is not None]
    if not weights:
        return {}
    weight: dict[str, float | None] = {"peak": max(weights), "end": weights[-1]}
    asked = [phase.options["entropy"] for phase in phases if "entropy" in phase.options]
    reasons = set() if weight["peak"] else {why_zero(one, start) for one in asked}
    why = reasons.pop() if len(reasons) == 1 else None  # of phases for different reasons there is not one
    return {"temperature": {"weight": weight, "entropy": {"start": start, "end": end}, "why": why}}


def _peak(rows: Sequence[dict[str, Any]], name: str, final: dict[str, float]) -> dict[str, int | None]:
    measured = [(row["step"], row[name]) for row in rows if row[name] is not None]
    steps, values = np.array([*measured, (len(rows), final[name])], np.int64).T
    return {
        "peak": int(values.max()),
        "peak_step": peak(values, steps),  # none where there never was one
        "end": int(final[name]),
    }
