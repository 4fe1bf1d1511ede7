"""Observables evaluated afterwards: on a run's snapshots, or step by step on its rollouts."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.engine.sample import TRAIN, stream_key
from conet.observables.observation import ROLLOUTS, Observable, Observation, check_needs, evaluate, needed
from conet.observables.standard import named, refuse_taken
from conet.runs.code import code_of

if TYPE_CHECKING:
    import polars

    from conet.runs.run import Run

MOST_ROWS = 500_000  # rollouts that are held at a time


def observe(
    run: "Run", observables: "Sequence[str | Observable]", split: str = "train", trust: bool = False
) -> "polars.DataFrame":
    """Evaluate observables (see :meth:`~conet.runs.run.Run.observe`)."""
    import polars as pl

    functions = named(observables)
    refuse_taken(functions, ("step",))
    if not functions:
        raise ConetError("no observable", "at least one", "name one of conet.observables.OBSERVABLES")
    if _of_rollouts(run, functions):
        check_needs(functions, ROLLOUTS, f"{run.path}, of which only rollouts are known")
        seen = by_step(run.rollouts(), split)
    else:
        seen = at_snapshots(run, trust)
    rows: list[dict[str, Any]] = [
        {"step": observation.step} | evaluate(functions, observation) for observation in seen
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _of_rollouts(run: "Run", functions: dict[str, Observable]) -> bool:
    """Whether to go by the table of rollouts: where nothing else is needed, or known, and it holds any."""
    if getattr(run, "kind", "walks") != "walks":
        return True
    if all(needed(function) == ROLLOUTS for function in functions.values()):
        return not run.rollouts().head(1).collect().is_empty()
    return False


def by_step(rollouts: "polars.LazyFrame", split: str = "train") -> Iterator[Observation]:
    """Yield the rollouts of each step, in order.

    Parameters
    ----------
    rollouts
        A table with the columns of :func:`conet.rollouts.schema`.
    split
        Which of them.

    Raises
    ------
    ConetError
        When the table has none of this split.
    """
    import polars as pl

    table = rollouts.filter(pl.col("split") == split)
    counts = table.group_by("step").len().sort("step").collect()
    if counts.is_empty():
        known = rollouts.select(pl.col("split").unique().cast(pl.String)).collect()["split"].sort().to_list()
        expected = " or ".join(repr(name) for name in known) or "a run with rollouts"
        raise ConetError(f"no rollouts of split {split!r}", expected, "choose another split")
    block = counts["len"].cum_sum() // MOST_ROWS
    for _, steps in counts.with_columns(block=block).group_by("block", maintain_order=True):
        first, last = steps["step"].min(), steps["step"].max()
        part = table.filter(pl.col("step").is_between(first, last)).collect()
        for (step,), rows in part.sort("step", maintain_order=True).group_by("step", maintain_order=True):
            yield Observation(int(str(step)), rollouts=rows)


def at_snapshots(run: "Run", trust: bool = False) -> Iterator[Observation]:
    """Yield policy and walks of each snapshot, in order.

    Parameters
    ----------
    run
        The run.
    trust
        Whether its learner may come from a file that is not known (see :func:`conet.runs.launch.resume`).

    Raises
    ------
    ConetError
        When the run kept none.
    """
    from conet.learners import make
    from conet.runs import policies

    steps = run.snapshot_steps()
    if not steps:
        remedy = "train again with snapshots.steps set"
        raise ConetError(f"{run.path}, which holds no snapshot", "at least one", remedy)
    graph, problems = run.graph(), run.problems()
    with code_of(run, trust, accept_changed=True):
        rollouts = make(run.config.learner).rollouts
    for step in steps:
        policy = policies.make(run.config, graph, problems.max_length, run.snapshot(step))
        walks = policy.sample(problems, rollouts, stream_key(run.config.seed, step, TRAIN))
        yield Observation(step, policy, problems, walks, run.config.web.threshold)
