"""The problems to heat on and what to teach, from the rollouts of a training, as examples for SFT."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.diagnosis.visits import main_split
from conet.readers import Collector, Record
from conet.readers.columns import as_messages
from conet.rollouts.selection import Pick, choose, hard_problems

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class HeatSet:
    """What to teach.

    Attributes
    ----------
    examples : list of dict
        ``messages``, where the logs hold messages, else ``prompt`` and ``completion``; and what the
        choice rests on: ``problem``, ``accuracy``, ``correct_count``, ``samples``, ``first_step`` and
        ``last_step`` (of the window), ``step`` and ``length`` (of the answer).
    problems : int
        Problems with enough samples in the window.
    never : int
        Of these, problems without a single correct answer there.
    easy : int
        Problems whose accuracy is not below the threshold.
    few : int
        Problems without enough samples.
    wordless : int
        Hard problems whose correct answers were logged without their text, or empty.
    """

    examples: list[dict[str, Any]]
    problems: int
    never: int
    easy: int
    few: int
    wordless: int = 0

    @property
    def why_empty(self) -> str:
        """Why there is nothing to teach, in one line."""
        return (
            f"no problem to heat on: of {self.problems + self.few} problems, {self.easy} are not below the threshold, "
            f"{self.never} have no correct answer, {self.few} have too few samples in the window"
            + (f", {self.wordless} have no text of a correct answer" if self.wordless else "")
        )


def heat_set(
    collector: Collector,
    record: Record,
    below: float = 0.1,
    min_samples: int = 16,
    pick: Pick = "shortest",
    window: int | None = None,
) -> HeatSet:
    """Choose the hard problems of a run, and one correct answer of each.

    Parameters
    ----------
    collector, record
        What read the run, and what it returned.
    below
        Accuracy below which a problem is hard.
    min_samples
        Samples on which that accuracy must rest.
    pick
        Which correct answer: "shortest", "first" or "newest".
    window
        Look at so many steps before the last one, that included; where absent, at each problem's
        newest visits, as many as give ``min_samples``.
    """
    rows = record.rows.filter(record.rows["split"] == main_split(record))
    recent = _recent(rows, min_samples, window)
    counts = _counts(recent)
    correct, samples = counts["correct_count"].to_numpy(), counts["samples"].to_numpy()
    hard = hard_problems(correct, samples, below, min_samples)
    enough = samples >= min_samples
    right = _with_words(recent.filter(recent["correct"]))
    told = np.isin(counts["problem"].to_numpy()[hard], right["problem"].to_numpy())
    wordless, hard = int((~told).sum()), hard[told]
    chosen = _choose(right, counts["problem"].to_numpy()[hard], pick)
    texts = collector.texts(record, chosen) if chosen.height else []
    examples = []
    for place, answer, (prompt, completion) in zip(hard, chosen.iter_rows(named=True), texts):
        counted = counts.row(int(place), named=True)
        examples.append(
            example(prompt, completion)
            | {
                "problem": record.names[answer["problem"]],
                "accuracy": counted["correct_count"] / counted["samples"],
            }
            | {"correct": counted["correct_count"]}  # a count: the name that version 0.1 wrote
            | {name: counted[name] for name in ("correct_count", "samples", "first_step", "last_step")}
            | {"step": answer["step"], "length": answer["length"]}
        )
    below_it = enough & (correct < below * samples)
    return HeatSet(
        examples, int(enough.sum()), int((enough & (correct == 0)).sum()), int((enough & ~below_it).sum()),
        rows["problem"].n_unique() - int(enough.sum()), wordless,
    )  # fmt: skip


def _recent(rows: "polars.DataFrame", min_samples: int, window: int | None) -> "polars.DataFrame":
    """Rows of the window, in their order."""
    import polars as pl

    rows = rows.with_row_index("order")
    if window is not None:
        return rows.filter(pl.col("step").cast(pl.Int64) > pl.col("step").max() - window)
    visits = (
        rows.group_by("problem", "step")
        .agg(size=pl.len())
        .sort("step", descending=True)
        .with_columns(newer=pl.col("size").cum_sum().over("problem") - pl.col("size"))
        .filter(pl.col("newer") < min_samples)
    )
    return rows.join(visits, on=["problem", "step"], how="semi").sort("order")


def _counts(recent: "polars.DataFrame") -> "polars.DataFrame":
    import polars as pl

    return (
        recent.group_by("problem")
        .agg(
            correct_count=pl.col("correct").sum().cast(pl.Int64),
            samples=pl.len().cast(pl.Int64),
            first_step=pl.col("step").min(),
            last_step=pl.col("step").max(),
        )
        .sort("problem")
    )


def _with_words(right: "polars.DataFrame") -> "polars.DataFrame":
    """Leave out answers without a word, which cannot be taught; where the logs hold none at all, that is said later."""
    import polars as pl

    if right["text_hash"].null_count() == right.height:
        return right
    return right.filter(pl.col("text_hash").is_not_null() & (pl.col("length").fill_null(1) > 0))


def _choose(right: "polars.DataFrame", problems: np.ndarray, pick: Pick) -> "polars.DataFrame":
    """One row of each problem, in the order of the problems."""
    length = right["length"].fill_null(0).to_numpy()
    order, owner = right["step"].to_numpy(), right["problem"].to_numpy()
    rng = np.random.default_rng(0)
    picked = [choose(np.flatnonzero(owner == problem), length, order, pick, rng) for problem in problems]
    return right[picked]


def example(prompt: Any, completion: Any) -> dict[str, Any]:
    """Return one example for SFT: messages where the logs hold messages, else prompt and completion."""
    asked, answered = as_messages(prompt), as_messages(completion)
    if asked is None and answered is None:
        return {"prompt": str(prompt), "completion": str(completion)}
    asked = [{"role": "user", "content": str(prompt)}] if asked is None else asked
    answered = [{"role": "assistant", "content": str(completion)}] if answered is None else answered
    kept = [
        {key: value for key, value in message.items() if value is not None} for message in (*asked, *answered)
    ]
    return {"messages": kept}


def write(found: HeatSet, out: Path, record: Record) -> None:
    """Write one example a line.

    Raises
    ------
    ConetError
        When the place is one of the run's own files, or cannot be written.
    """
    if out.resolve() in {file.resolve() for file in record.files}:
        raise ConetError(f"--out {out}, which is a file of the run", "a file of its own", "choose another")
    lines = [json.dumps(row, ensure_ascii=False, default=str) for row in found.examples]
    write_atomic(out, "".join(line + "\n" for line in lines))
