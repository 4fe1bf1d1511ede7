"""Reading rollouts: which there are in a cell, their texts, and those in which some words stand.

Texts stay in their files. They are read when they are asked for, a few at a time.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from conet.base.errors import ConetError
from conet.base.text import one_line
from conet.readers.messages import as_messages, text_of
from conet.rollouts import RolloutRecord
from conet.serve.absent import Absent
from conet.serve.models_rollouts import Cell, Found, RolloutRow, Speech, TextOf

if TYPE_CHECKING:
    import polars

MOST = 64  # rollouts of one answer
SEARCHED = 2000  # rollouts that one search reads
LONGEST = 200_000  # letters of one text


def cell(record: RolloutRecord, problem: Sequence[int], first: int, last: int, offset: int) -> Cell:
    """Return the rollouts of some problems, or of all, at some steps; at most 64 from an offset on.

    Parameters
    ----------
    first, last
        The first step, and the one behind the last.
    """
    rows = _rows(record, problem, first, last)
    part = rows.slice(offset, MOST)
    return Cell(
        total=rows.height,
        rows=[described(row, record.components) for row in part.iter_rows(named=True)],
    )


def texts(record: RolloutRecord, numbers: Iterable[int], most: int = MOST) -> list[TextOf]:
    """Return prompts and completions of some rollouts, given by their numbers in the record.

    Raises
    ------
    Absent
        When there is no such rollout.
    ConetError
        When the files hold no texts, or have changed since.
    """
    wanted = list(numbers)[:most]
    for one in wanted:
        if not 0 <= one < record.rows.height:
            raise Absent(f"rollout {one}")
    found = record.texts(record.rows[wanted]) if wanted else []
    return [
        TextOf(index=one, prompt=speeches(prompt), completion=speeches(completion))
        for one, (prompt, completion) in zip(wanted, found)
    ]


def search(
    record: RolloutRecord, words: str, problem: Sequence[int], first: int, last: int, correct: bool | None
) -> Found:
    """Return the rollouts whose completion holds some words, capitals aside.

    Raises
    ------
    ConetError
        For no words, or files without texts.
    """
    if not words.strip():
        raise ConetError("a search for nothing", "a word", "write one")
    rows = _rows(record, problem, first, last)
    if correct is not None:
        rows = rows.filter(rows["correct"] == correct)
    looked = rows.head(SEARCHED)
    wanted = words.casefold()
    hits = []
    for row, (_, completion) in zip(looked.iter_rows(named=True), record.texts(looked)):
        if wanted in text_of(completion).casefold():
            hits.append(described(row, record.components))
    return Found(rows=hits[:MOST], found=len(hits), searched=looked.height, total=rows.height)


def speeches(value: object) -> list[Speech]:
    """Return a text or a list of messages as who says what."""
    messages = as_messages(value)
    if messages is None:
        return [Speech(role="", content=text_of(value)[:LONGEST])]
    return [
        Speech(role=str(message.get("role", "")), content=text_of([message])[:LONGEST])
        for message in messages
    ]


def _rows(record: RolloutRecord, problem: Sequence[int], first: int, last: int) -> "polars.DataFrame":
    import polars as pl

    wanted = (pl.col("step") >= first) & (pl.col("step") < last)
    if problem:
        wanted &= pl.col("problem").is_in(list(problem))
    return record.rows.with_row_index("index").filter(wanted)


def described(row: dict, names: tuple[str, ...]) -> RolloutRow:
    """Return a row of a record that has its number as ``index``."""
    parts = row.get("components") or []
    return RolloutRow(
        index=row["index"],
        step=row["step"],
        problem=row["problem"],
        correct=row["correct"],
        reward=_finite(row.get("reward")),
        length=row.get("length"),
        truncated=row.get("truncated"),
        split=row.get("split"),
        components={one_line(name): _finite(value) for name, value in zip(names, parts)},
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not abs(value) < float("inf") else round(float(value), 6)
