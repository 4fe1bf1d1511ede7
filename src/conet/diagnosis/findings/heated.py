"""A heating that the run has had: when, why, on how many problems, and what is different after it."""

from typing import TYPE_CHECKING, Any

from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Result
from conet.diagnosis.log import Log

if TYPE_CHECKING:
    import polars

STEPS = 10  # that are compared, before and after (our choice)
ALONE = (
    "before and after in one run, not what heating did: without it the same numbers would have moved too; "
    "a second run without heating tells (conet compare)"
)


def compute(log: Log) -> Result:
    """Compare the steps before each heating with those after it."""
    found = [one | _compared(log, one) for one in log.heatings]
    if not found:
        return Result(values={"heatings": []})
    headlines = tuple(Headline(text=f"{_said(one)}.", evidence=ALONE) for one in found)
    last = found[-1]
    number = MainNumber("heated", _span(last), f"on {_problems(last)}; {len(found)} in all")
    shown = [{key: value for key, value in one.items() if key != "problems"} for one in found]
    values = {"heatings": shown}
    return Result(values=values, headlines=headlines, numbers=(number,), detail=found)


def _compared(log: Log, heated: dict[str, Any]) -> dict[str, Any]:
    """Return accuracy and correct length before and after, of all problems and of those heated on."""
    rows, steps = log.visits.table, log.steps["step"]
    end = heated["ended_step"] if heated["ended_step"] is not None else float("inf")
    before = steps.filter(steps < heated["step"])[-STEPS:]
    after = steps.filter(steps >= end)[:STEPS]
    mine = rows.filter(rows["problem"].is_in(heated["problems"]))
    found: dict[str, Any] = {}
    for name, chosen in (("before", before), ("after", after)):
        part, own = (table.filter(table["step"].is_in(chosen.implode())) for table in (rows, mine))
        length = _share(part, "correct_length_sum", "correct_count") if log.visits.measured else None
        found |= {
            f"accuracy_{name}": _share(part, "correct_count", "samples"),
            f"correct_length_{name}": length,
            f"heated_accuracy_{name}": _share(own, "correct_count", "samples"),
        }
    return found


def _share(table: "polars.DataFrame", part: str, whole: str) -> float | None:
    total = float(table[whole].sum())
    return float(table[part].sum()) / total if total else None


def _span(heated: dict[str, Any]) -> str:
    end = heated["ended_step"]
    return f"step {heated['step']}" + ("" if end is None else f" to {end}")


def _problems(heated: dict[str, Any]) -> str:
    return f"{heated['eligible']} problem" + ("" if heated["eligible"] == 1 else "s")


def _said(heated: dict[str, Any]) -> str:
    """Say one heating in a sentence."""
    why = "" if heated["reason"] is None else f" because {heated['reason']}"
    text = f"The run was heated from {_span(heated)} on {_problems(heated)}{why}"
    changes = [
        f"{name} {heated[f'{key}_before']:.{digits}f} → {heated[f'{key}_after']:.{digits}f}"
        for name, key, digits in (
            ("accuracy", "accuracy", 3),
            ("of the problems heated on", "heated_accuracy", 3),
            ("correct length", "correct_length", 1),
        )
        if heated[f"{key}_before"] is not None and heated[f"{key}_after"] is not None
    ]
    return text + (f"; {STEPS} steps before and after: {', '.join(changes)}" if changes else "")


FINDING = Finding(
    name="heated",
    compute=compute,
    keys=(
        Key(
            "heatings",
            "array",
            "of a run of ours: each heating with `step`, `ended_step`, `reason`, how many problems were "
            f"`eligible`, and over {STEPS} steps before it and after it `accuracy_before`, `accuracy_after`, "
            "`correct_length_…` and `heated_accuracy_…` (of the problems heated on); null where not known",
        ),
    ),
    decides=f"what the run's events say of its heatings; the numbers are those {ALONE}",
    view="correct-length",
)
