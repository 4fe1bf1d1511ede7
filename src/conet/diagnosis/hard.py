"""The problems of a run that are nearly lost, and why others are not among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conet.base.text import counted
from conet.rollouts import RolloutRecord
from conet.rollouts.selection import MAX_ACCURACY, hard_problems, left_out, recent

if TYPE_CHECKING:
    import polars

MIN_SAMPLES = 16  # on which an accuracy must rest (our choice)
REASONS = {
    "easy": "are not below the threshold",
    "never_solved": "have no correct answer",
    "few_samples": "have too few samples in the window",
    "without_text": "have no text of a correct answer",
    "off_template": "have prompts that cannot be rebuilt into messages",
}


@dataclass(frozen=True)
class Hard:
    """Hard problems, and those that are not.

    Attributes
    ----------
    visits : polars.DataFrame
        The visits that were looked at, as :func:`conet.rollouts.per_problem` returns them.
    counts : polars.DataFrame
        One row a hard problem, sorted: ``problem``, ``correct_count``, ``samples``, ``first_step``,
        ``last_step``.
    left_out : dict of str to int
        How many problems were not chosen, by reason.
    problems : int
        Problems of the run.
    """

    visits: "polars.DataFrame"
    counts: "polars.DataFrame"
    left_out: dict[str, int]
    problems: int


def find_hard(
    record: RolloutRecord,
    max_accuracy: float = MAX_ACCURACY,
    min_samples: int = MIN_SAMPLES,
    window: int | None = None,
) -> Hard:
    """Find the problems that are rarely solved, but not never; parameters as of ``heat_set``."""
    visits = recent(record.per_problem(), min_samples, window)
    counts = _counts(visits)
    correct_count, samples = (counts[name].to_numpy() for name in ("correct_count", "samples"))
    reasons = left_out(correct_count, samples, max_accuracy, min_samples)
    problems = record.rows.filter(record.rows["split"] == record.main_split)["problem"].n_unique()
    reasons["few_samples"] += problems - counts.height  # without a visit in the window
    chosen = counts[hard_problems(correct_count, samples, max_accuracy, min_samples)]
    return Hard(visits, chosen, reasons, problems)


def _counts(visits: "polars.DataFrame") -> "polars.DataFrame":
    """Sum over the steps of the window, one row a problem."""
    import polars as pl

    return (
        visits.group_by("problem")
        .agg(
            pl.col("correct_count", "samples").sum(),
            first_step=pl.col("step").min(),
            last_step=pl.col("step").max(),
        )
        .sort("problem")
    )


def none_in_words(problems: int, reasons: Mapping[str, int]) -> str:
    """Say why there is nothing to demonstrate, in one line."""
    parts = (f"{reasons[reason]} {words}" for reason, words in REASONS.items() if reasons.get(reason))
    return f"no problem to heat on: of {counted(problems, 'problem')}, {', '.join(parts)}"


def why_none(record: RolloutRecord) -> str:
    """Say why ``conet heat`` would find nothing with its defaults; empty where it would."""
    found = find_hard(record)
    return "" if found.counts.height else none_in_words(found.problems, found.left_out)
