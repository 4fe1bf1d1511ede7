"""One side of a comparison: a run or a log with its settings, its curves, its numbers and its problems."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from conet.base.files import damaged
from conet.config import flatten
from conet.detect import arc
from conet.diagnosis.log import Log
from conet.observables.length import END_STEPS
from conet.readers import open_run, parse_column_mapping
from conet.rollouts import per_problem, selection
from conet.runs.run import Run

if TYPE_CHECKING:
    import polars

Kind = Literal["walks", "language_model", "log"]
NEWEST = 16  # rollouts by which a problem is judged at the end
IN_SUMMARY = ("run", "steps", "seed", "seconds", "updates", "state_sha256")  # not results
# Settings that change nothing in the training.
ASIDE = {
    "preset",
    "name",
    "purpose",
    "keep_text",
    "checkpoint_every",
    "flush_every",
    "observables",
    "problems.verifier_workers",
    "problems.verifier_seconds",
}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A run or a log.

    Attributes
    ----------
    name : str
        What it is called in the comparison; no other side is called so.
    path : Path or None
        None for a run that was never on disk.
    kind : "walks", "language_model" or "log"
    seed : int or None
    settings : dict
        By dotted name, without the seed and without what changes nothing; empty for a log.
    steps : polars.DataFrame
        One row a step: ``step``, ``correct_count``, ``correct_length_sum`` and the quantities that are
        known, such as ``accuracy`` and ``islands``; null where not measured.
    numbers : dict of str to float
        Numbers of the whole run by name; those that are not defined are left out.
    problems : polars.DataFrame or None
        One row a problem: ``problem`` (what it is recognised by on the other side), ``accuracy`` and
        ``correct_length`` (null without a correct rollout) of its newest rollouts.
    """

    name: str
    path: Path | None
    kind: Kind
    seed: int | None
    settings: Mapping[str, Any]
    steps: "polars.DataFrame"
    numbers: Mapping[str, float]
    problems: "polars.DataFrame | None" = None


def open_side(
    path: Path,
    name: str,
    format: str = "auto",
    map: str = "",
    tokenizer: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Side:
    """Read a run directory or a log.

    Parameters
    ----------
    path
        A run of walks, a training of a language model, or the rollouts of someone else's.
    name
        What to call it.
    format, map, tokenizer
        As for :func:`conet.read`.
    progress
        Called with bytes read and bytes in all.

    Raises
    ------
    ConetError
        When it cannot be read.
    """
    if (path / "config.json").is_file():
        return _walks(Run(path), name)
    log = Log(open_run(path, format, parse_column_mapping(map), tokenizer).read(progress))
    trained = (path / "recipe.json").is_file()
    recipe = flatten(read_json(path / "recipe.json")) if trained else {}
    steps = _steps(log)
    numbers = numbers_of(steps)
    if (path / "summary.json").is_file():
        numbers |= finite(flatten(read_json(path / "summary.json")))
    return Side(
        name=name,
        path=path,
        kind="language_model" if trained else "log",
        seed=recipe.pop("seed", None),
        settings=without_asides(recipe),
        steps=steps,
        numbers=numbers,
        problems=newest(log.visits.table, recognised(log.record.names[: log.visits.problems])),
    )


def recognised(names: Sequence[str]) -> list[str]:
    """Return prompts as they are compared: whitespace aside, where they then still differ."""
    plain = [" ".join(name.split()) for name in names]
    return plain if len(set(plain)) == len(plain) else list(names)


def _walks(run: Run, name: str) -> Side:
    settings = flatten(run.config.model_dump(mode="json"))
    seed = settings.pop("seed")
    settings = without_asides(settings)
    metrics = run.metrics().sort("step")
    numeric = [column for column, kind in metrics.schema.items() if kind.is_numeric()]
    steps = metrics.select(numeric)
    return Side(
        name=name,
        path=run.path,
        kind="walks",
        seed=seed,
        settings=settings,
        steps=steps,
        numbers=finite(flatten(run.summary())) if run.finished else numbers_of(steps),
        problems=_problems_of_walks(run, settings, seed),
    )


def _problems_of_walks(run: Run, settings: Mapping[str, Any], seed: int) -> "polars.DataFrame | None":
    """Judge each problem; it is recognised by its number where graph, problems and seed are the same."""
    for split in ("train", "eval"):
        visits = per_problem(run.rollouts(), [split])
        if visits.height:
            world = {key: value for key, value in settings.items() if key.startswith(("graph.", "problems."))}
            prefix = json.dumps([seed, world], sort_keys=True)
            count = int(visits["problem"].max()) + 1  # type: ignore[arg-type]
            return newest(visits, [f"{prefix} {number}" for number in range(count)])
    return None


def without_asides(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the settings that change nothing in the training."""
    return {
        name: value
        for name, value in settings.items()
        if name not in ASIDE and not name.startswith("snapshots.")
    }


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run.

    Raises
    ------
    ConetError
        When it is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError("no JSON object")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise damaged(path, error) from None
    return found


def finite(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Keep the numbers that are results and are defined."""
    return {
        name: float(value)
        for name, value in numbers.items()
        if name not in IN_SUMMARY and isinstance(value, int | float) and np.isfinite(value)
    }


def _steps(log: Log) -> "polars.DataFrame":
    """The steps of a log, with the share of groups without signal as the metrics of walks have it."""
    import polars as pl

    groups = (pl.col("all_right") + pl.col("all_wrong")).alias("groups_without_signal")
    names = (
        "accuracy",
        "correct_length",
        "correct_count",
        "correct_length_sum",
        "truncated_share",
        "distinct_share",
    )
    return log.steps.select("step", *names, groups)


def numbers_of(steps: "polars.DataFrame") -> dict[str, float]:
    """Return the numbers that the steps alone give, under the names and definitions of a run's summary."""
    found: dict[str, Any] = {}
    for name in ("accuracy", "truncated_share", "groups_without_signal", "distinct_share"):
        if name in steps.columns:
            known = steps[name].drop_nulls()[-END_STEPS:]
            found[name] = known.mean() if len(known) else None
    lengths = (steps[name].fill_null(0).to_numpy() for name in ("correct_length_sum", "correct_count"))
    length = arc(*lengths)
    if length["min_step"] is not None:
        length["min_step"] = steps["step"][int(length["min_step"])]
    return finite(found | {f"correct_length.{name}": value for name, value in length.items()})


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
