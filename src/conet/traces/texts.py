"""The steps of reasoning of a run's rollouts, in the order in which the rollouts were read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError
from conet.rollouts import RolloutRecord
from conet.traces.splitting import Split

if TYPE_CHECKING:
    import polars

Progress = Callable[[str, int, int, str], None]
AT_ONCE = 20_000  # rollouts whose texts are read at a time


def silent(what: str, done: int, total: int, state: str) -> None:
    """Say nothing of how far something is."""


@dataclass(frozen=True)
class Steps:
    """The steps of all rollouts, one after another.

    Attributes
    ----------
    rollout : ndarray of int64, shape (steps,)
        Place of the rollout in ``rows`` of the record, from 0; ascending. One without a step is missing.
    position : ndarray of int64, shape (steps,)
        Place within the rollout, from 0.
    text : ndarray of int64, shape (steps,)
        Place of its text in ``texts``.
    texts : list of str
        All distinct texts, in the order of their first appearance.
    rollouts : polars.DataFrame
        One row a rollout that was taken: ``rollout``, ``step`` (of the training), ``problem``, ``correct``,
        ``steps`` (of reasoning).
    """

    rollout: np.ndarray
    position: np.ndarray
    text: np.ndarray
    texts: list[str]
    rollouts: "polars.DataFrame"

    @property
    def occurrences(self) -> np.ndarray:
        """How many steps have each text, int64, shape (texts,)."""
        return np.bincount(self.text, minlength=len(self.texts))


def steps_of(record: RolloutRecord, split: Split, progress: Progress = silent) -> Steps:
    """Split the completions of a run, those of its main split, into steps of reasoning.

    Raises
    ------
    ConetError
        When there are no texts, or not one step in them.
    """
    import polars as pl

    rows = record.rows.with_row_index("rollout").filter(pl.col("split") == record.main_split)
    known: dict[str, int] = {}
    text: list[int] = []
    counts: list[int] = []
    for start in range(0, rows.height, AT_ONCE):
        part = rows.slice(start, AT_ONCE)
        for completion in completions(record, part):
            steps = split(completion)
            counts.append(len(steps))
            text += [known.setdefault(step, len(known)) for step in steps]
        progress("rollouts split", min(start + AT_ONCE, rows.height), rows.height, "")
    if not text:
        got = f"{record.path}, whose {rows.height} rollouts hold no step of reasoning: their texts are empty"
        raise ConetError(got, "completions with words", "log the completions, or choose another --split")
    each = np.array(counts, np.int64)
    taken = rows.select("rollout", "step", "problem", "correct").with_columns(pl.Series("steps", counts))
    return Steps(
        rollout=np.repeat(rows["rollout"].to_numpy().astype(np.int64), each),
        position=np.arange(len(text)) - np.repeat(np.cumsum(each) - each, each),
        text=np.array(text, np.int64),
        texts=list(known),
        rollouts=taken.with_columns(pl.col("rollout").cast(pl.Int64)),
    )


def completions(record: RolloutRecord, rows: "polars.DataFrame") -> list[str]:
    """Read the completions of some rollouts as texts; empty where there is none."""
    from conet.readers.messages import text_of

    return ["" if found is None else text_of(found) for found in record.completions(rows)]
