"""From the columns of a file to rows of the record: what a row needs, and why one is passed over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conet.errors import ConetError, nearest
from conet.readers.base import Part, Reader, first_of, schema
from conet.readers.columns import ROLES, Source, match, number, spoken, text

if TYPE_CHECKING:
    import polars

FINISHED = Source("finish_reason", "==", "length")  # what vLLM and its kin say of an answer cut off
MOST = 2**31 - 1
NO_STEP, NO_PROBLEM, NO_REWARD, NO_LENGTH = (
    "rows without a step", "rows without a prompt", "rows without a reward that is a number",
    "rows without a length that is a number",
)  # fmt: skip


@dataclass
class Plan:
    """Which column plays which role in all files of a run.

    Attributes
    ----------
    sources : dict of str to Source
    columns : list of str
        All columns of the first file, for messages.
    count_tokens : callable or None
        Gives the length of each of a list of answers in tokens.
    values : set of float
        Values of the column that says what is correct, as far as read.
    """

    sources: dict[str, Source]
    columns: list[str]
    count_tokens: Callable[[list[str]], list[int]] | None = None
    values: set[float] = field(default_factory=set)

    @property
    def needed(self) -> list[str]:
        """Columns to be read."""
        return list(dict.fromkeys(source.column for source in self.sources.values()))

    @property
    def verdict(self) -> Source:
        """What says whether an answer is correct."""
        return self.sources.get("correct") or self.sources["reward"]


def decide(
    columns: Mapping[str, bool], reader: Reader, given: Mapping[str, Source], path: Path, step: int | None
) -> Plan:
    """Find a column for every role that a row needs.

    Parameters
    ----------
    columns
        Names of a file's columns, and whether they hold numbers.
    reader
        The format.
    given
        What ``--map`` says.
    path
        The file, for messages.
    step
        The step that the file's name says.

    Raises
    ------
    ConetError
        When a column is missing or it would have to be guessed what is correct.
    """
    for role, source in given.items():
        if source.column not in columns:
            raise missing(f"--map {role}={source}", source.column, columns, path)
    found = {
        role: named
        for role in ROLES
        if role in reader.names and (named := first_of(reader.names[role], columns)) is not None
    }
    if "truncated" not in found and "finish_reason" in columns:
        found["truncated"] = FINISHED
    if not reader.ids:
        found.pop("problem", None)
    found.update(given)
    if "step" not in found and step is None:
        raise missing("no step", "step", columns, path)
    if "problem" not in found and "prompt" not in found:
        raise missing(
            "no prompt", reader.names["prompt"][0], columns, path, "or an id with --map problem=COLUMN"
        )
    rewards = [given["reward"].column] if "reward" in given else reader.rewards(columns)
    if "reward" not in found and len(rewards) == 1:
        found["reward"] = Source(rewards[0])
    if "correct" not in found and "reward" not in found:
        raise unclear(f"{path} with {_reward_columns(rewards)}", columns)
    return Plan(found, list(columns))


def _reward_columns(rewards: list[str]) -> str:
    return f"{len(rewards)} reward columns ({', '.join(rewards)})" if rewards else "no reward column"


def missing(what: str, name: str, columns: Mapping[str, bool], path: Path, more: str = "") -> ConetError:
    """Say which column is missing, which ones there are, and which is nearest."""
    there = ", ".join(columns) or "none"
    hint = nearest(name, columns) if columns else ""
    hint = "" if hint.startswith("known") else f"{hint}; "
    return ConetError(
        f"{what}: {path} has the columns {there[:300]}", f"a column {name!r}" + (f", {more}" if more else ""),
        f"{hint}name the column with --map, for example --map step=COLUMN",
    )  # fmt: skip


def unclear(got: str, columns: Mapping[str, bool] | list[str]) -> ConetError:
    """Say that it would be a guess what is correct."""
    return ConetError(
        got, "a column correct, acc or accuracy, or one reward column with the values 0 and 1, or -1 and 1",
        f"say what is correct, for example --map 'correct=reward>=1'; columns: {', '.join(columns)[:300]}",
    )  # fmt: skip


def take(frame: "polars.DataFrame", plan: Plan, part: Part, counts: Counter) -> "polars.DataFrame":
    """Turn raw columns into columns of the record, and leave out rows that lack something.

    Parameters
    ----------
    frame
        The raw columns, those of ``plan.needed``, and ``row``.
    counts
        Gets the rows left out, by reason.

    Returns
    -------
    polars.DataFrame
        The columns of the record, ``problem`` still as text, and without ``file`` and ``sample``.
    """
    import polars as pl

    sources = plan.sources
    problem = sources.get("problem") or sources["prompt"]
    frame = spoken(frame, [problem.column], roles=True)
    if "completion" in sources and sources["completion"].column != problem.column:
        frame = spoken(frame, [sources["completion"].column])
    kinds = frame.schema
    answer = (
        text(sources["completion"].column, kinds[sources["completion"].column])
        if "completion" in sources
        else None
    )
    verdict = _value(plan.verdict, kinds)
    correct = verdict > 0 if plan.verdict.comparison else verdict == 1.0
    step, truncated = _step(plan, part, kinds), sources.get("truncated")
    missing_something = [
        (NO_STEP, step.is_null()), (NO_PROBLEM, text(problem.column, kinds[problem.column]).fill_null("") == ""),
        (NO_REWARD, correct.is_null()), (NO_LENGTH, _length(plan, kinds, answer).is_null() & ("length" in sources)),
    ]  # fmt: skip
    made = frame.select(
        "row",
        step=step,
        problem=text(problem.column, kinds[problem.column]),
        reward=_value(sources.get("reward") or plan.verdict, kinds).cast(pl.Float32),
        correct=correct,
        length=_length(plan, kinds, answer),
        truncated=pl.lit(None, pl.Boolean) if truncated is None else _value(truncated, kinds) > 0,
        split=_split(sources.get("split"), part).cast(schema()["split"]),
        phase=_phase(sources.get("phase")).cast(schema()["phase"]),
        text=pl.lit(None, pl.UInt64) if answer is None else answer.hash(),
        lacks=pl.coalesce(pl.when(lacking).then(pl.lit(why)) for why, lacking in missing_something),
        value=verdict,
    )
    if not plan.verdict.comparison:
        _check(made["value"], plan)
    if made["lacks"].null_count() < made.height:
        counts.update(dict(made["lacks"].drop_nulls().value_counts().iter_rows()))
        made = made.filter(pl.col("lacks").is_null())
    return made if plan.count_tokens is None or answer is None else _counted(made, frame, plan)


def _value(source: Source, kinds: "polars.Schema") -> "polars.Expr":
    """A number, or of a comparison 1 and 0; null where there is none."""
    import polars as pl

    kind = kinds[source.column]
    return match(source, kind).cast(pl.Float64) if source.comparison else number(source.column, kind)


def _check(values: "polars.Series", plan: Plan) -> None:
    """Refuse to guess: the column that says what is correct must hold 0 and 1, or -1 and 1."""
    plan.values.update(values.unique().drop_nulls().head(4).to_list())
    if not (plan.values <= {0.0, 1.0} or plan.values <= {-1.0, 1.0}):
        shown = ", ".join(f"{value:g}" for value in sorted(plan.values)[:6])
        raise unclear(f"column {plan.verdict.column!r} with the values {shown}", plan.columns)


def _step(plan: Plan, part: Part, kinds: "polars.Schema") -> "polars.Expr":
    """The step of each row; that of the file's name where the rows have none."""
    import polars as pl

    named = pl.lit(part.step, pl.Float64)
    step = named
    if "step" in plan.sources:
        found = _value(plan.sources["step"], kinds)
        step = found if part.step is None else pl.when(found.is_null().all()).then(named).otherwise(found)
    return pl.when((step % 1 == 0) & (step.abs() <= MOST)).then(step).cast(pl.Int32)


def _length(plan: Plan, kinds: "polars.Schema", answer: "polars.Expr | None") -> "polars.Expr":
    """Lengths from their column, in characters of the answer, or unknown."""
    import polars as pl

    if "length" in plan.sources:
        found = _value(plan.sources["length"], kinds)
        return pl.when(found.is_between(0, MOST)).then(found).round(0).cast(pl.Int32)
    return pl.lit(None, pl.Int32) if answer is None else answer.str.len_chars().cast(pl.Int32)


def _counted(made: "polars.DataFrame", frame: "polars.DataFrame", plan: Plan) -> "polars.DataFrame":
    """Measure the answers in tokens."""
    import polars as pl

    assert plan.count_tokens is not None
    answers = made.select("row").join(frame, on="row", how="left", maintain_order="left")
    written = answers[plan.sources["completion"].column]
    counted = pl.Series(plan.count_tokens([answer or "" for answer in written]), dtype=pl.Int32)
    return made.with_columns(length=counted.set(written.is_null(), None))


def _split(source: Source | None, part: Part) -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit(part.split)
    train = pl.col(source.column).cast(pl.String).fill_null("train") == "train"
    return pl.when(train).then(pl.lit(part.split)).otherwise(pl.lit("eval"))


def _phase(source: Source | None) -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit("rlvr")
    named = pl.col(source.column).cast(pl.String)
    return pl.when(named.is_in(["heat", "sft"])).then(named).otherwise(pl.lit("rlvr"))
