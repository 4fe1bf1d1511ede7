"""From the columns of a file to rows of the record: what a row needs, and why one is passed over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conet.errors import ConetError, nearest
from conet.readers.base import Part, Reader, first_of, schema
from conet.readers.columns import ROLES, Source, matches, numbers, texts

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

    def column(role: str) -> "polars.Series | None":
        source = plan.sources.get(role)
        return None if source is None else frame[source.column]

    verdict, reward = _verdict(frame, plan), _value(frame, plan, "reward")
    completion = column("completion")
    text = None if completion is None else texts(completion)
    length = _length(frame, plan, text)
    problem = column("problem") if "problem" in plan.sources else column("prompt")
    assert problem is not None
    step = _value(frame, plan, "step")
    if step is None or (part.step is not None and step.is_null().all()):
        step = pl.Series([part.step] * frame.height, dtype=pl.Float64)
    truncated = _value(frame, plan, "truncated")
    kinds = schema()
    made = frame.select("row").with_columns(
        step=step.set(((step % 1 != 0) | (step.abs() > MOST)).fill_null(True), None).cast(pl.Int32),
        problem=texts(problem, roles=True),
        reward=(verdict.cast(pl.Float64) if reward is None else reward).cast(pl.Float32),
        correct=verdict,
        length=length,
        truncated=pl.lit(None, pl.Boolean) if truncated is None else truncated > 0,
        split=_split(column("split"), part, frame.height),
        phase=_phase(column("phase"), frame.height),
        text=pl.lit(None, pl.UInt64) if text is None else text.hash(),
    )  # fmt: skip
    reasons = {NO_STEP: "step", NO_PROBLEM: "problem", NO_REWARD: "correct"}
    if "length" in plan.sources:
        reasons[NO_LENGTH] = "length"
    for reason, name in reasons.items():
        there = made[name].is_not_null() & ((made[name] != "") if name == "problem" else True)
        if not there.all():
            counts[reason] += int((~there).sum())
            made = made.filter(there)
    return made.cast(
        {name: kind for name, kind in kinds.items() if name in made.columns and name != "problem"}
    )


def _value(frame: "polars.DataFrame", plan: Plan, role: str) -> "polars.Series | None":
    source = plan.sources.get(role)
    if source is None:
        return None
    if source.comparison:
        import polars as pl

        return matches(frame[source.column], source).cast(pl.Float64)
    return numbers(frame[source.column])


def _verdict(frame: "polars.DataFrame", plan: Plan) -> "polars.Series":
    """Whether each answer is correct; a plain column must hold 0 and 1, or -1 and 1."""
    source = plan.verdict
    if source.comparison:
        return matches(frame[source.column], source)
    found = numbers(frame[source.column])
    plan.values.update(found.drop_nulls().unique().head(4).to_list())
    if not (plan.values <= {0.0, 1.0} or plan.values <= {-1.0, 1.0}):
        shown = ", ".join(f"{value:g}" for value in sorted(plan.values)[:6])
        raise unclear(f"column {source.column!r} with the values {shown}", plan.columns)
    return found == 1.0


def _length(frame: "polars.DataFrame", plan: Plan, text: "polars.Series | None") -> "polars.Series":
    """Lengths in tokens of a tokenizer, from their column, in characters of the answer, or unknown."""
    import polars as pl

    if plan.count_tokens is not None and text is not None:
        counted = plan.count_tokens([answer or "" for answer in text])
        return pl.Series(counted, dtype=pl.Int32).set(text.is_null(), None)
    found = _value(frame, plan, "length")
    if found is not None:
        return found.set(((found < 0) | (found > MOST)).fill_null(False), None).round(0).cast(pl.Int32)
    if text is not None:
        return text.str.len_chars().cast(pl.Int32)
    return pl.Series([None] * frame.height, dtype=pl.Int32)


def _split(column: "polars.Series | None", part: Part, height: int) -> "polars.Series":
    import polars as pl

    if column is None:
        return pl.Series([part.split] * height, dtype=pl.String)
    train = (column.cast(pl.String) == "train").fill_null(True)
    return train.replace_strict([True, False], [part.split, "eval"], return_dtype=pl.String)


def _phase(column: "polars.Series | None", height: int) -> "polars.Series":
    import polars as pl

    if column is None:
        return pl.Series(["rlvr"] * height, dtype=pl.String)
    named = column.cast(pl.String)
    return named.set(~named.is_in(["heat", "sft"]).fill_null(False), "rlvr")
