"""From the columns of a file to rollouts: what a row needs, and why one is passed over."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conet.readers.base import Part
from conet.readers.choose_columns import COALESCED, SUMMED, ColumnMapping
from conet.readers.column_mapping import Source
from conet.readers.measures import MEASURED, look_at
from conet.readers.messages import as_text
from conet.readers.values import compare, counted, number, sized, text
from conet.rollouts import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars

APART = "\x1f"  # between a prompt and what tells it apart from its like
LARGEST = 2**31 - 1  # step and length
CORRECT_VALUE = "correct_value"
NO_STEP = "rows without a step"
NOT_WHOLE = "rows whose step is no whole number"
TOO_LARGE = f"rows whose step is beyond {LARGEST:,}, as a time would be"
NO_PROBLEM = "rows without a prompt"
NO_REWARD = "rows without a reward that is a number"
NO_LENGTH = "rows without a length that is a number"
NO_COMPLETION = "rows without a completion"


def take(
    frame: "polars.DataFrame", mapping: ColumnMapping, parts: Sequence[Part], skipped: Sequence[Counter[str]]
) -> "polars.DataFrame":
    """Turn raw columns into rollouts, and leave out rows that lack something.

    Parameters
    ----------
    frame
        The raw columns, those of ``mapping.needed``, and ``row`` and ``part`` (of which file it is).
    parts
        The files.
    skipped
        Get the rows left out of each file, by reason.

    Returns
    -------
    polars.DataFrame
        The columns of :func:`columns`, ``problem`` still as text, and ``part``.
    """
    import polars as pl

    raw = _raw(frame, mapping, parts)
    _note_conditions(raw, mapping)
    step, length = _step(raw, parts), pl.col("length")
    measured = "length" in mapping.sources
    made = raw.with_columns(
        step=pl.when((step % 1 == 0) & (step.abs() <= LARGEST)).then(step),
        beside=pl.when(step.abs() > LARGEST)
        .then(pl.lit(TOO_LARGE))
        .when(step % 1 != 0)
        .then(pl.lit(NOT_WHOLE)),
        length=pl.when(length.is_between(0, LARGEST)).then(length).round(0)
        if measured
        else pl.col("completion").str.len_chars(),
        text_hash=pl.when(pl.col("completion").is_not_null()).then(pl.col("completion").hash()),
    )
    made = _whole(made, measured, skipped)
    if mapping.count_tokens is not None and "completion" in mapping.sources:
        texts = [completion or "" for completion in made["completion"]]
        counted = pl.Series(mapping.count_tokens(texts), dtype=pl.Int32)
        made = made.with_columns(length=counted.set(made["completion"].is_null(), None))
    made = made.with_columns(look_at(made.select("row", "completion", "gold")))
    kinds = columns() | {"problem": pl.String}
    return made.select("part", *(pl.col(name).cast(kind) for name, kind in kinds.items()))


def _step(raw: "polars.DataFrame", parts: Sequence[Part]) -> "polars.Expr":
    """Return the step of each row: that of the file's name where the file says none."""
    import polars as pl

    step = pl.col("step")
    if not raw["step"].null_count() or all(part.step is None for part in parts):
        return step
    named = pl.Series([part.step for part in parts], dtype=pl.Float64)[raw["part"]]
    return pl.when(step.is_null().all().over("part")).then(named).otherwise(step)


def columns() -> "dict[str, polars.DataType | type[polars.DataType]]":
    """Columns of what one file gives: all but the sample and the file, which are known later."""
    import polars as pl

    kinds = schema("text_hash", "row", "family", "components", *MEASURED)
    return {name: kind for name, kind in kinds.items() if name != "sample"} | {CORRECT_VALUE: pl.Float32}


def _raw(frame: "polars.DataFrame", mapping: ColumnMapping, parts: Sequence[Part]) -> "polars.DataFrame":
    """Values of each role, as they stand in the file; null where there are none.

    ``correct`` is a truth value where the file has truth values, or a condition says it; elsewhere
    ``correct_value`` is the number that says it, once all its values are known.
    """
    import polars as pl

    completion = mapping.sources.get("completion")
    frame = as_text(frame, mapping.problem.column, roles=True)
    if completion is not None and completion.column != mapping.problem.column:
        frame = as_text(frame, completion.column, own=True)
    also = {role: mapping.sources[role].column for role in ("gold", "family") if role in mapping.sources}
    for name in dict.fromkeys([*also.values(), *([mapping.apart] if mapping.apart else [])]):
        frame = as_text(frame, name)
    if mapping.coalesced:
        each = [number(name, frame.schema[name]) for name in mapping.coalesced]
        frame = frame.with_columns(pl.coalesce(each).alias(COALESCED))
    if mapping.summed:
        frame = frame.with_columns(_sum(mapping.summed, frame.schema))
    kinds = frame.schema
    step, length = mapping.sources.get("step"), mapping.sources.get("length")
    numbers = {
        "step": counted(step.column, kinds[step.column]) if step else pl.lit(None, pl.Float64),
        "length": sized(length.column, kinds[length.column]) if length else pl.lit(None, pl.Float64),
    }
    written = (
        pl.lit(None, pl.String) if completion is None else text(completion.column, kinds[completion.column])
    )
    return frame.select(
        "row",
        "part",
        **numbers,
        **_judgement(mapping.correct, kinds),
        reward=_number(mapping.reward, kinds),
        truncated=_truncated(mapping.sources.get("truncated"), kinds),
        problem=_problem_name(mapping, kinds),
        completion=written,
        **{
            role: text(also[role], kinds[also[role]]) if role in also else pl.lit(None, pl.String)
            for role in ("gold", "family")
        },
        components=_components(mapping.components, kinds),
        split=_split(mapping.sources.get("split"), frame, parts),
        phase=_phase(mapping.sources.get("phase")),
    )


def _sum(names: tuple[str, ...], kinds: "polars.Schema") -> "polars.Expr":
    """Sum of some rewards; null where there is none."""
    import polars as pl

    parts = [number(name, kinds[name]) for name in names]
    there = pl.any_horizontal(part.is_not_null() for part in parts)
    return pl.when(there).then(pl.sum_horizontal(parts)).alias(SUMMED)


def _judgement(source: Source, kinds: "polars.Schema") -> "dict[str, polars.Expr]":
    """Return what says whether a completion is correct: a truth value, or a number that will say it."""
    import polars as pl

    truth = _truth(source, kinds)
    return {
        "correct": pl.lit(None, pl.Boolean) if truth is None else truth,
        CORRECT_VALUE: _number(source, kinds) if truth is None else pl.lit(None, pl.Float64),
    }


def _truth(source: Source, kinds: "polars.Schema") -> "polars.Expr | None":
    """Truth values of a condition, or of a column that has such; None of any other column."""
    import polars as pl

    kind = kinds[source.column]
    if source.comparison:
        return compare(source.column, kind, source.comparison, source.value)
    return pl.col(source.column) if kind == pl.Boolean else None


def _number(source: Source, kinds: "polars.Schema") -> "polars.Expr":
    """Numbers of a column, or of a condition 1 and 0; null where there is none."""
    import polars as pl

    truth = _truth(source, kinds)
    return number(source.column, kinds[source.column]) if truth is None else truth.cast(pl.Float64)


def _components(names: tuple[str, ...], kinds: "polars.Schema") -> "polars.Expr":
    import polars as pl

    if not names:
        return pl.lit(None, pl.List(pl.Float32))
    return pl.concat_list([number(name, kinds[name]).cast(pl.Float32) for name in names])


def _truncated(source: Source | None, kinds: "polars.Schema") -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit(None, pl.Boolean)
    truth = _truth(source, kinds)
    return number(source.column, kinds[source.column]) > 0 if truth is None else truth


def _note_conditions(raw: "polars.DataFrame", mapping: ColumnMapping) -> None:
    """Remember whether conditions were ever fulfilled, and ever not."""
    for role in ("correct", "truncated"):
        source = mapping.sources.get(role)
        if source is not None and source.comparison:
            mapping.outcomes.setdefault(str(source), set()).update(raw[role].drop_nulls().unique())


def _whole(made: "polars.DataFrame", measured: bool, skipped: Sequence[Counter[str]]) -> "polars.DataFrame":
    """Leave out rows that lack something, and count them by file and by what they lack first."""
    import polars as pl

    made = made.with_columns(said=pl.coalesce(pl.col("correct").cast(pl.Float64), CORRECT_VALUE))
    needed = {NO_STEP: "step", NO_PROBLEM: "problem", NO_REWARD: "said"}
    if measured:
        needed[NO_LENGTH] = "length"
    complete = not any(made[name].null_count() for name in needed.values())
    if complete and made["problem"].str.len_bytes().min() != 0:
        return made
    lacks = pl.coalesce(
        pl.when(pl.col(name).is_null() | (pl.col(name).cast(pl.String) == "")).then(pl.lit(why))
        for why, name in needed.items()
    )
    lacks = pl.when(lacks == NO_STEP).then(pl.coalesce("beside", lacks)).otherwise(lacks)
    made = made.with_columns(lacks=lacks)
    for part, why, count in _counts(made):
        skipped[part][why] += count
    return made.filter(pl.col("lacks").is_null())


def _counts(made: "polars.DataFrame") -> "Iterator[tuple[int, str, int]]":
    """Yield file, reason and number of the rows that lack something, in their order."""
    lacking = made.drop_nulls("lacks").group_by("part", "lacks", maintain_order=True)
    yield from lacking.len().iter_rows()


def with_length(rows: "polars.DataFrame", skipped: Counter[str]) -> "polars.DataFrame":
    """Leave out rows of unknown length where a run has others; all stay where no length is known.

    A correct row without a length would count among the correct ones, with nothing to their length, and so
    make them short. What is left out is counted in ``skipped``.
    """
    known = rows["length"].is_not_null()
    if not known.any():
        return rows
    skipped[NO_COMPLETION] += int((~known).sum())
    return rows.filter(known)


def _problem_name(mapping: ColumnMapping, kinds: "polars.Schema") -> "polars.Expr":
    """What a problem is called: of an id that is a number, 1.0 is 1, as pandas writes it beside a gap."""
    import polars as pl

    column = mapping.problem.column
    found = text(column, kinds[column])
    if "problem" in mapping.sources:
        return found.str.replace(r"^(-?\d+)\.0+$", "$1")
    if mapping.apart is None:
        return found
    apart = text(mapping.apart, kinds[mapping.apart]).fill_null("")
    return pl.when(found != "").then(pl.concat_str(found, pl.lit(APART), apart))


def _split(source: Source | None, frame: "polars.DataFrame", parts: Sequence[Part]) -> "polars.Expr":
    import polars as pl

    kinds = {part.split for part in parts}
    of_file = pl.lit(kinds.pop())
    if kinds:
        of_file = pl.lit(pl.Series([part.split for part in parts])[frame["part"]])
    if source is None:
        return of_file
    named = pl.col(source.column).cast(pl.String).str.to_lowercase().fill_null("train")
    named = named.replace({"training": "train"})
    apart = pl.when(named == "harvest").then(named).otherwise(pl.lit("eval"))
    return pl.when(named == "train").then(of_file).otherwise(apart)


def _phase(source: Source | None) -> "polars.Expr":
    import polars as pl

    if source is None:
        return pl.lit("rlvr")
    named = pl.col(source.column).cast(pl.String)
    return pl.when(named.is_in(["heat", "sft"])).then(named).otherwise(pl.lit("rlvr"))
