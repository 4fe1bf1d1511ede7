"""What a step of a training on a language model leaves: a row of metrics, and rows of rollouts."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conet.rollouts import per_problem, per_step, schema
from conet.rollouts.pool import Rollout

if TYPE_CHECKING:
    import polars

    from conet.observables import Observable

METRICS = (
    "accuracy",
    "correct_length",
    "correct_count",
    "correct_length_sum",
    "truncated_share",
    "groups_without_signal",
    "reward",
)

# How far a training is: what is counted ("step"), how many are done, of how many, how it goes in words.
Show = Callable[[str, int, int, str], None]


def silent(what: str, done: int, total: int, state: str) -> None:
    """Show nothing."""


def in_words(row: dict[str, Any]) -> str:
    """Say how a step went, in a few words."""
    if row["accuracy"] is None:
        return "heating"
    length = row["correct_length"]
    return f"accuracy {row['accuracy']:.3f}" + ("" if length is None else f"  correct length {length:.1f}")


def as_table(
    step: int, rollouts: Sequence[Rollout], split: str = "train", phase: str = "rlvr", text: bool = False
) -> "polars.DataFrame":
    """Turn the completions of a step into rows of the table of rollouts."""
    import polars as pl

    columns: dict[str, Any] = {
        "problem": [rollout.problem for rollout in rollouts],
        "reward": [rollout.reward for rollout in rollouts],
        "correct": [rollout.correct for rollout in rollouts],
        "length": [rollout.length for rollout in rollouts],
        "truncated": [rollout.truncated for rollout in rollouts],
    }
    if text:
        columns["text"] = [rollout.text for rollout in rollouts]
    kinds = schema(*(["text"] if text else []))
    table = pl.DataFrame(columns, schema_overrides={name: kinds[name] for name in columns})
    return table.select(
        pl.lit(step, pl.Int32).alias("step"),
        "problem",
        pl.int_range(pl.len(), dtype=pl.Int32).over("problem").alias("sample"),
        "reward",
        "correct",
        "length",
        "truncated",
        pl.lit(split, kinds["split"]).alias("split"),
        pl.lit(phase, kinds["phase"]).alias("phase"),
        *(["text"] if text else []),
    )


def metrics_row(
    step: int,
    phase: str,
    rollouts: Sequence[Rollout] | None,
    observables: "Mapping[str, Observable] | None" = None,
    learner: str = "grpo",
) -> dict[str, Any]:
    """Describe a step by its rollouts (None while heating draws none), in the columns of CoNet's runs.

    ``reward`` is the mean over the rollouts.
    Observables of rollouts alone add columns of their own.
    """
    row: dict[str, Any] = {"step": step, "phase": phase, "learner": learner}
    if not rollouts:
        return row | dict.fromkeys(METRICS)
    table = as_table(step, rollouts, text=True)  # drawn to learn from, whatever the phase is called
    counted = per_step(per_problem(table)).row(0, named=True)
    return row | {
        **{name: counted[name] for name in METRICS if name != "reward"},
        "reward": table["reward"].mean(),
        **(observed(observables, step, table) if observables else {}),
    }


def observed(
    observables: "Mapping[str, Observable]", step: int, rollouts: "polars.DataFrame"
) -> dict[str, float]:
    """Evaluate observables on the rollouts of a step."""
    from conet.observables.observation import Observation, evaluate

    return evaluate(observables, Observation(step, rollouts=rollouts))
