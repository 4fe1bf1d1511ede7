"""Live lines of what the command line does: trainings and cells."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from conet.base.progress import line
from conet.runs.trainer import Progress


@contextmanager
def training_line(steps: int) -> Iterator[Progress]:
    """Show how a training goes: accuracy, correct length, islands, degree, time left.

    Parameters
    ----------
    steps
        Length of the run.
    """
    last: dict[str, Any] = {}
    with line() as show:

        def show_row(row: Mapping[str, Any]) -> None:
            last.update({key: value for key, value in row.items() if value is not None})
            show("update", row["step"] + 1, steps, describe(last))

        yield show_row


@contextmanager
def cell_line() -> Iterator[Callable[[int, int], None]]:
    """Show how many cells are done."""
    with line() as show:
        yield lambda done, total: show("cell", done, total, "")


def describe(row: Mapping[str, Any]) -> str:
    """Put the main numbers of a row of metrics into one line."""
    parts = []
    if row.get("accuracy") is not None:
        parts.append(f"accuracy {row['accuracy']:.3f}")
    if row.get("correct_length") is not None:
        parts.append(f"correct length {row['correct_length']:.2f}")
    if row.get("islands") is not None:
        parts.append(f"islands {row['islands']:.0f}")
        parts.append(f"degree {row['mean_degree']:.2f}")
    return "  ".join(parts)
