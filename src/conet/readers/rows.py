"""From the columns of a file to rows of the record: what a row needs, and why one is passed over."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conet.base.errors import ConetError, nearest
from conet.readers.base import Part, Reader, first_of
from conet.readers.columns import ROLES, Source, match, number, spoken, text
from conet.rollouts import schema

if TYPE_CHECKING:
    import polars

FINISHED = Source("finish_reason", "==", "length")  # what vLLM and its kin say of an answer cut off
MOST = 2**31 - 1
NO_STEP, NO_PROBLEM, NO_REWARD, NO_LENGTH, NO_ANSWER = (
    "rows without a step", "rows without a prompt", "rows without a reward that is a number",
    "rows without a length that is a number", "rows without a completion",
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
    outcomes : dict of str to set of float
        By condition of ``--map``: whether it was ever fulfilled (1), and ever not (0).
    """

    sources: dict[str, Source]
    columns: list[str]
    count_tokens: Callable[[list[str]], list[int]] | None = None
    values: set[float] = field(default_factory=set)
    outcomes: dict[str, set[float]] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """Columns to be read."""
        return list(dict.fromkeys(source.column for source in self.sources.values()))

    @property
    def verdict(self) -> Source:
        """What says whether an answer is correct."""
        return self.sources.get("correct") or self.sources["reward"]

    @property
    def remarks(self) -> list[str]:
        """Conditions that say the same of every row, which is seldom meant."""
        said = {1.0: "every row", 0.0: "no row"}
        return [
            f"{condition} holds for {said[next(iter(found))]}: is it written as in the files?"
            for condition, found in self.outcomes.items()
            if len(found) == 1 and condition != str(FINISHED)
        ]

    def words(self, tokenizer: object) -> dict[str, str]:
        """Say where the main quantities come from."""
        sources = self.sources
        said = ("step", "correct", "length", "truncated")
        found = {role: f"column {sources[role]}" for role in said if role in sources}
        found.setdefault("step", "the names of the files")
        found.setdefault("correct", f"column {self.verdict} (1 is correct)")
        found["problem"] = f"column {sources.get('problem') or sources['prompt']}"
        if "completion" in sources and self.count_tokens is not None:
            found["length"] = f"tokens of column {sources['completion']} (tokenizer {tokenizer})"
        elif "length" not in found and "completion" in sources:
            found["length"] = f"characters of column {sources['completion']}"
        return {str(role): text for role, text in found.items()}


def decide(
    columns: Mapping[str, int], reader: Reader, given: Mapping[str, Source], path: Path, step: int | None
) -> Plan:
    """Find a column for every role that a row needs.

    Parameters
    ----------
    columns
        Names of a file's columns, and which numbers they hold.
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
        raise unclear(f"{path} with {_reward_columns(rewards)}", columns, *rewards[:1])
    return Plan(found, list(columns))


def _reward_columns(rewards: list[str]) -> str:
    return f"{len(rewards)} reward columns ({', '.join(rewards)})" if rewards else "no reward column"


def missing(what: str, name: str, columns: Mapping[str, int], path: Path, more: str = "") -> ConetError:
    """Say which column is missing, which ones there are, and which is nearest."""
    there = ", ".join(columns) or "none"
    hint = nearest(name, columns) if columns else ""
    hint = "" if hint.startswith("known") else f"{hint}; "
    return ConetError(
        f"{what}: {path} has the columns {there[:300]}", f"a column {name!r}" + (f", {more}" if more else ""),
        f"{hint}name the column with --map, for example --map step=COLUMN",
    )  # fmt: skip


def unclear(got: str, columns: Mapping[str, int] | list[str], example: str = "reward") -> ConetError:
    """Say that it would be a guess what is correct."""
    return ConetError(
        got, "a column correct, acc or accuracy, or one reward column with the values 0 and 1, or -1 and 1",
        f"say what is correct, for example --map 'correct={example}>=1'; columns: {', '.join(columns)[:300]}",
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

    raw = _raw(frame, plan, part)
    for role in ("correct", "truncated"):
        source = plan.sources.get(role)
        if source is not None and source.comparison:
            plan.outcomes.setdefault(str(source), set()).update(raw[role].drop_nulls().unique())
    if not plan.verdict.comparison:
        _check(raw["correct"], plan)
    step, length = pl.col("step"), pl.col("length")
    if part.step is not None and raw["step"].null_count() == raw.height:
        step = pl.lit(part.step, pl.Float64)
    made = raw.with_columns(
        step=pl.when((step % 1 == 0) & (step.abs() <= MOST)).then(step),
        correct=pl.col("correct") > 0 if plan.verdict.comparison else pl.col("correct") == 1.0,
        length=pl.when(length.is_between(0, MOST)).then(length).round(0)
        if "length" in plan.sources
        else pl.col("answer").str.len_chars(),
        truncated=pl.col("truncated") > 0,
        text_hash=pl.when(pl.col("answer").is_not_null()).then(pl.col("answer").hash()),
    )
    made = _whole(made, "length" in plan.sources, counts)
    if plan.count_tokens is not None and "completion" in plan.sources:
        counted = pl.Series(plan.count_tokens([answer or "" for answer in made["answer"]]), dtype=pl.Int32)
        made = made.with_columns(length=counted.set(made["answer"].is_null(), None))
    kinds = schema("text_hash", "row")
    return made.cast({name: kinds[name] for name in made.columns if name in kinds and name != "problem"})


def _raw(frame: "polars.DataFrame", plan: Plan, part: Part) -> "polars.DataFrame":
    """Texts and numbers of each role, as they stand in the file; null where there are none."""
    import polars as pl

    problem, answer = plan.sources.get("problem") or plan.sources["prompt"], plan.sources.get("completion")
    frame = spoken(frame, problem.column, roles=True)
    if answer is not None and answer.column != problem.column:
        frame = spoken(frame, answer.column)
    kinds = frame.schema
    sources = plan.sources | {"correct": plan.verdict, "reward": plan.sources.get("reward") or plan.verdict}
    numbers = {
        name: _value(sources[name], kinds) if name in sources else pl.lit(None, pl.Float64)
        for name in ("step", "reward", "correct", "length", "truncated")
    }
    return frame.select(
        "row",
        **numbers,
        problem=_name(problem, kinds, "problem" in plan.sources),
        answer=pl.lit(None, pl.String) if answer is None else text(answer.column, kinds[answer.column]),
        split=_split(sources.get("split"), part),
        phase=_phase(sources.get("phase")),
    )


def _whole(made: "polars.DataFrame", measured: bool, counts: Counter) -> "polars.DataFrame":
    """Leave out rows that lack something, and count them by what they lack first."""
    import polars as pl

    needed = {NO_STEP: "step", NO_PROBLEM: "problem", NO_REWARD: "correct"}
    if measured:
        needed[NO_LENGTH] = "length"
    if (
        not any(made[name].null_count() for name in needed.values())
        and made["problem"].str.len_bytes().min() != 0
    ):
        return made
    lacks = pl.coalesce(
        pl.when(pl.col(name).is_null() | (pl.col(name).cast(pl.String) == "")).then(pl.lit(why))
        for why, name in needed.items()
    )
    made = made.with_columns(lacks=lacks)
    counts.update(dict(made["lacks"].drop_nulls().value_counts().iter_rows()))
    return made.filter(pl.col("lacks").is_null())


def answered(rows: "polars.DataFrame", counts: Counter) -> "polars.DataFrame":
    """Leave out rows of unknown length where a run has others, and count them; all stay where no length is known.

    A correct row without a length would count among the answers, with nothing to their length, and so make them short.
    """
    known = rows["length"].is_not_null()
    if not known.any():
        return rows
    counts[NO_ANSWER] += int((~known).sum())
    return rows.filter(known)


def _name(source: Source, kinds: "polars.Schema", number: bool) -> "polars.Expr":
    """What a problem is called: of an id that is a number, 1.0 is 1, as pandas writes it beside a gap."""
    found = text(source.column, kinds[source.column])
    return found.str.replace(r"^(-?\d+)\.0+$", "$1") if number else found


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
        raise unclear(
            f"column {plan.verdict.column!r} with the values {shown}", plan.columns, plan.verdict.column
        )


def _split(source: Source | None, part: Part) -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit(part.split)
    named = pl.col(source.column).cast(pl.String).str.to_lowercase().fill_null("train")
    named = named.replace({"training": "train"})
    apart = pl.when(named == "harvest").then(named).otherwise(pl.lit("eval"))
    return pl.when(named == "train").then(pl.lit(part.split)).otherwise(apart)


def _phase(source: Source | None) -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit("rlvr")
    named = pl.col(source.column).cast(pl.String)
    return pl.when(named.is_in(["heat", "sft"])).then(named).otherwise(pl.lit("rlvr"))
