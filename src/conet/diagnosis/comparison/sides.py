"""One side of a comparison: a run or a log with its settings, its curves, its numbers and its problems."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from conet.base.digests import Digests
from conet.base.errors import ConetError
from conet.base.files import damaged
from conet.base.kinds import DIAGNOSIS, has_mark
from conet.config import flatten
from conet.detect import find_valley
from conet.detect.valley import as_json
from conet.diagnosis.comparison.problems import newest, problems_of_walks, recognised
from conet.diagnosis.log import Log
from conet.observables.length import END_STEPS
from conet.readers import open_run, parse_column_mapping
from conet.runs.given import given_of, settings_of
from conet.runs.lengths import correct_length
from conet.runs.log import place
from conet.runs.run import Run

if TYPE_CHECKING:
    import polars

Kind = Literal["walks", "language_model", "log"]
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


@dataclass(frozen=True, kw_only=True, repr=False)
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
    length_unit : str
        What a length counts.
    heated : tuple of (int, int)
        First heated step, and the one after the last, of each stretch of them.
    objects : tuple of str
        What Python objects it was given as, such as "learner": code of which only the name is known.
    label : str
        What its arm is called; by default its settings, or where these are many its name.
    """

    name: str
    path: Path | None
    kind: Kind
    seed: int | None
    settings: Mapping[str, Any]
    steps: "polars.DataFrame"
    numbers: Mapping[str, float]
    problems: "polars.DataFrame | None" = None
    length_unit: str = "hops"
    heated: tuple[tuple[int, int], ...] = ()
    objects: tuple[str, ...] = ()
    label: str = ""

    def __repr__(self) -> str:
        return f"Side({self.name!r}, {self.kind})"


def open_side(
    path: Path,
    name: str,
    format: str = "auto",
    map: str = "",
    tokenizer: Path | None = None,
    progress: Progress = lambda done, total: None,
    pool: bool = False,
    correct_above: float | None = None,
) -> Side:
    """Read a run directory or a log.

    Parameters
    ----------
    path
        A run of walks, a training of a language model, or the rollouts of someone else's.
    name
        What to call it.
    format, map, tokenizer, pool, correct_above
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
    if has_mark(path, DIAGNOSIS):
        path = place(path)  # the log that was diagnosed
    given = parse_column_mapping(map)
    log = Log(open_run(path, format, given, tokenizer, pool=pool, correct_above=correct_above).read(progress))
    if not log.has_rollouts or log.partial_credit:
        lacks = "rewards with partial credit" if log.has_rollouts else "scalars alone"
        raise ConetError(
            f"{path} with {lacks}",
            "rollouts that are correct or not",
            "say it with --correct-above 0.5 or --map 'correct=reward>=1'",
        )
    trained = (path / "recipe.json").is_file()
    recipe = flatten(read_json(path / "recipe.json")) if trained else {}
    steps = _steps(log)
    valley = as_json(find_valley(log.counts)) if steps["correct_length"].is_not_null().any() else {}
    numbers = numbers_of(steps, valley)
    if (path / "summary.json").is_file():
        numbers |= _of_summary(read_json(path / "summary.json"), valley)
    return Side(
        name=name,
        path=path,
        kind="language_model" if trained else "log",
        seed=recipe.pop("seed", None),
        settings=without_asides(recipe),
        steps=steps,
        numbers=numbers,
        problems=newest(log.visits.table, recognised(log.record.names[: log.visits.problems])),
        length_unit=_length_unit(log.record.sources.get("length", ""), trained),
        heated=spans(np.isin(steps["step"].to_numpy(), log.heated), steps["step"].to_numpy()),
    )


def _length_unit(source: str, trained: bool) -> str:
    """Say what the lengths of a log count; a column that was logged is named, for it does not say it."""
    counted = source.partition(" of column ")[0]
    if trained or counted in ("tokens", "characters"):
        return "tokens" if trained else counted
    return f"as logged in {source}" if source else "not known"


def spans(heated: np.ndarray, steps: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return first step, and the one after the last, of each stretch of heated steps."""
    turns = np.flatnonzero(np.diff(heated.astype(int), prepend=0, append=0))
    ends = np.append(steps, steps[-1:] + 1)
    return tuple((int(ends[first]), int(ends[end])) for first, end in turns.reshape(-1, 2))


def _walks(run: Run, name: str) -> Side:
    settings = settings_of(run)
    seed = settings.pop("seed")
    settings = without_asides(settings)
    metrics = run.metrics().sort("step")
    numeric = [column for column, kind in metrics.schema.items() if kind.is_numeric()]
    steps = metrics.select(numeric)
    heated = (metrics["phase"] == "heat").to_numpy() if "phase" in metrics.columns else np.zeros(len(steps))
    return Side(
        name=name,
        path=run.path,
        kind="walks",
        seed=seed,
        settings=settings,
        steps=steps,
        numbers=_numbers_of_walks(run, steps),
        problems=problems_of_walks(run, settings, seed),
        objects=tuple(part for part in given_of(run) if part in ("learner", "schedule")),
        heated=spans(heated, steps["step"].to_numpy()),
    )


def _numbers_of_walks(run: Run, steps: "polars.DataFrame") -> dict[str, float]:
    """Return the summary of a run, or what is known of an unfinished one, with one estimate of the V."""
    if not run.finished:
        return numbers_of(steps, correct_length(run.path))
    summary = run.summary()
    old = "v" not in summary.get("correct_length", {})  # version 0.1 took the least of the curve
    return _of_summary(summary, correct_length(run.path) if old else {})


def _of_summary(summary: Mapping[str, Any], valley: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a summary; of the V those that are given."""
    numbers = flatten(dict(summary))
    return finite(
        numbers | {f"correct_length.{name}": value for name, value in flatten(dict(valley)).items()}
    )


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
        found = json.loads(Digests(path.parent).check(path.name, path.read_bytes()))
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
    """The steps of a log, with the quantities that are compared."""
    names = (
        "accuracy",
        "correct_length",
        "correct_count",
        "correct_length_sum",
        "truncated_share",
        "distinct_share",
        "groups_without_signal",
    )
    return log.steps.select("step", *names)


def numbers_of(steps: "polars.DataFrame", valley: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a run without a summary, under the names and definitions of one.

    Parameters
    ----------
    steps
        One row a step, with the shares that are known.
    valley
        What :func:`conet.detect.valley.as_json` says of its lengths, as in the summary of a run.
    """
    found: dict[str, Any] = {}
    for name in ("accuracy", "truncated_share", "groups_without_signal", "distinct_share"):
        if name in steps.columns:
            known = steps[name].drop_nulls()[-END_STEPS:]
            found[name] = known.mean() if len(known) else None
    return _of_summary(found, valley)
