"""The problems of a side: what each is recognised by on the other side, and its accuracy at the end."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conet.rollouts import per_problem, selection
from conet.runs.run import Run

if TYPE_CHECKING:
    import polars

NEWEST = 16  # rollouts by which a problem is judged at the end


def recognised(names: Sequence[str]) -> list[str]:
    """Return prompts as they are compared: whitespace aside, where they then still differ."""
    plain = [" ".join(name.split()) for name in names]
    return plain if len(set(plain)) == len(plain) else list(names)


def problems_of_walks(run: Run, settings: Mapping[str, Any], seed: int) -> "polars.DataFrame | None":
    """Judge each problem; it is recognised by its number where graph, problems and seed are the same."""
    for split in ("train", "eval"):
        visits = per_problem(run.rollouts(), [split])
        if visits.height:
            world = {key: value for key, value in settings.items() if key.startswith(("graph.", "problems."))}
            prefix = json.dumps([seed, world], sort_keys=True)
            count = int(visits["problem"].max()) + 1  # type: ignore[arg-type]
            return newest(visits, [f"{prefix} {number}" for number in range(count)])
    return None


def newest(visits: "polars.DataFrame", names: Sequence[str]) -> "polars.DataFrame":
    """Judge each problem by its newest rollouts: as few visits as hold 16, of the second half of the steps.

    Parameters
    ----------
    visits
        Counts by step and problem, see :func:`conet.rollouts.per_problem`.
    names
        What each problem is recognised by.

    Returns
    -------
    polars.DataFrame
        ``problem`` (its name), ``samples``, ``accuracy``, ``correct_length`` (null where none is correct).
    """
    import polars as pl

    steps = visits["step"].unique().sort()
    late = selection.recent(visits.filter(pl.col("step") >= steps[len(steps) // 2]), NEWEST)
    correct = pl.col("correct_count").sum()
    return (
        late.group_by("problem")
        .agg(
            samples=pl.col("samples").sum(),
            accuracy=correct / pl.col("samples").sum(),
            correct_length=pl.when(correct > 0).then(pl.col("correct_length_sum").sum() / correct),
        )
        .sort("problem")
        .with_columns(
            problem=pl.col("problem").replace_strict(dict(enumerate(names)), return_dtype=pl.String)
        )
    )
