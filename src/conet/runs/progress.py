"""How a run of walks shows that it goes on: a function of the user's own, or a live line."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from conet.base.progress import in_notebook, line

# Called with every row of metrics.
Progress = Callable[[Mapping[str, Any]], None]


@contextmanager
def watched(progress: bool | Progress | None, steps: int) -> Iterator[Progress]:
    """Return what to call with every row of metrics.

    Parameters
    ----------
    progress
        A function; True for a live line, False for none; None for one in a notebook alone.
    steps
        Length of the run.
    """
    if callable(progress):
        yield progress
    elif progress or (progress is None and in_notebook()):
        with training_line(steps) as show:
            yield show
    else:
        yield lambda row: None


@contextmanager
def training_line(steps: int) -> Iterator[Progress]:
    """Show how a run goes: accuracy, correct length, islands, degree, time left.

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
