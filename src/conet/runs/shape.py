"""What a run's summary and tables must look like to be read: kinds of values, and rows that go on."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.files import damaged, incomplete

if TYPE_CHECKING:
    import polars

Fits = Callable[[Any], bool]
Shape = Mapping[str, "Fits | Shape"]  # of every key that is read


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _maybe(value: Any) -> bool:
    return value is None or _number(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _maybe_count(value: Any) -> bool:
    return value is None or _count(value)


def _maybe_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _by_number(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        key.isdecimal() and _number(each) for key, each in value.items()
    )


def _heating(value: Any) -> bool:
    """Nothing, or when and on how many problems it heated; version 0.1 said nothing of it."""
    if value is None:
        return True
    counts = isinstance(value, Mapping) and all(
        _maybe_count(value.get(key)) for key in ("step", "ended_step")
    )
    return counts and {"times", "step", "ended_step", "problems", "reason"} <= set(value)


def _event(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and {"step", "reason", "eligible"} <= set(value))


LENGTH = {"start": _maybe, "min": _maybe, "end": _maybe, "v_why": _maybe_text}
LATER = {"v_why"}  # what early runs lack
SUMMARIES: dict[str, Shape] = {
    "walks": {
        "accuracy": _number,
        "correct_length": LENGTH | {"min_step": _maybe_count},
        "islands": {"peak": _maybe_count, "peak_step": _maybe_count, "end": _maybe_count},
        "web": {"mean_degree": _number, "traffic_mean_degree": _number, "cycle_rank": _maybe_count},
        "pass_at_k": _by_number,
        "seconds": _number,
        "walker_steps": _number,
        "state_sha256": lambda value: isinstance(value, str),
    },
    "language_model": {
        "accuracy": _maybe,
        "correct_length": LENGTH,
        "heat": _event,
        "seconds": _number,
        "steps": _count,
        "monitor_share": _maybe,
    },
}
OPTIONAL: dict[str, Fits] = {
    "heating": _heating,
    "heat_now_step": _maybe_count,
    "residual_frustration": _maybe,
    "correct_length.v_why": _maybe_text,
}


def check_summary(path: Path, kind: str, summary: Mapping[str, Any], remedy: str) -> None:
    """Make sure that a summary has all that is read of it.

    Raises
    ------
    ConetError
        Naming the first key that is missing or of another kind.
    """
    wrong = _misfit(summary, SUMMARIES[kind]) or next(
        (key for key, fits in OPTIONAL.items() if kind == "walks" and not fits(_at(summary, key))), ""
    )
    if wrong:
        raise damaged(path, ValueError(f"its {wrong} is missing or no such value"), remedy)


def _at(summary: Any, key: str) -> Any:
    for part in key.split("."):
        summary = summary.get(part) if isinstance(summary, Mapping) else None
    return summary


def _misfit(found: Any, shape: Shape) -> str:
    if not isinstance(found, Mapping):
        return "content"
    for key, fits in shape.items():
        value = found.get(key)
        if isinstance(fits, Mapping):
            if inner := _misfit(value, fits):
                return key if inner == "content" else f"{key}.{inner}"
        elif (key not in found and key not in LATER) or not fits(value):
            return key
    return ""


WORDS = {"phase", "learner"}  # columns of metrics that hold no numbers
READ = {"step", "phase", "accuracy", "correct_count"}  # what every run has
METRICS = {"walks": READ | {"correct_length_sum", "islands"}, "language_model": READ}


def check_metrics(path: Path, table: "polars.DataFrame", steps: int | None) -> None:
    """Make sure that metrics have a row for every update, and numbers in it.

    Parameters
    ----------
    path
        Of the table.
    table
        The metrics.
    steps
        Updates of the finished run; None while it goes on.

    Raises
    ------
    ConetError
        Where they have not.
    """
    import polars as pl

    check_numbers(path, table, WORDS)
    expected = table.height if steps is None else steps
    if table.height != expected:
        raise incomplete(path, f"{table.height} of {expected} updates")
    if not table["step"].cast(pl.Int64, strict=False).sort().equals(pl.int_range(expected, eager=True)):
        raise damaged(path, ValueError("its updates do not follow one another"))


def check_numbers(path: Path, table: "polars.DataFrame", words: Collection[str]) -> None:
    """Make sure that a table holds numbers, in all columns but those of words.

    Raises
    ------
    ConetError
        Naming a column that does not.
    """
    import polars as pl

    for name, kind in table.schema.items():
        number = kind.is_numeric() or kind in (pl.Boolean, pl.Null)
        if number if name in words else not number:
            raise damaged(path, ValueError(f"its column {name!r} holds {kind}"))
