"""What the trainer of a language model measured beside the rollouts: learning rate, entropy, reward, ..."""

from typing import TYPE_CHECKING

import numpy as np

from conet.diagnosis import Diagnosis
from conet.runs.run import Run
from conet.views.parts import Axis, Band, Series
from conet.views.schema import Lines, View, empty_view
from conet.views.tables import column

if TYPE_CHECKING:
    import polars

NAME, TITLE = "trainer-metrics", "The trainer's metrics"
# Columns that other figures show, or that are no measurement.
ELSEWHERE = (
    "step",
    "accuracy",
    "correct_length",
    "correct_count",
    "correct_length_sum",
    "truncated_share",
    "groups_without_signal",
)
# Names in words, and units, of columns that are known; all others are called as they are.
KNOWN = {
    "learning_rate": ("learning rate", ""),
    "reward": ("reward", "mean of the rollouts"),
    "entropy": ("entropy of a token", "nats"),
    "kl": ("distance to the reference policy", "KL, nats a token"),
    "loss": ("loss", ""),
    "interference": ("interference of gradients", "share that cancels"),
    "interference_corrected": ("the same without the noise of few rollouts", "share that cancels"),
    "gradient_cosine": ("cosine between problems", "below 0 they fight"),
    "fighting_share": ("pairs of problems that fight", "share of the pairs"),
}


def trainer_metrics(found: Diagnosis) -> View:
    """Return every number that the metrics of a run of a language model hold, a panel each, over updates."""
    metrics = metrics_of(found)
    names = [] if metrics is None else measured(metrics)
    if metrics is None or not names:
        return empty_view(NAME, TITLE, "The trainer measured nothing beside the rollouts.")
    steps = metrics["step"].to_numpy()
    axis = Axis(name="updates done", whole=True, low=float(steps[0]), high=float(steps[-1] + 1))
    panels = []
    for name in names:
        label, unit = KNOWN.get(name, (name, ""))
        values = Series(name="", x=steps, y=column(metrics, name))
        panels.append(
            Lines(x=axis, y=Axis(name=label, unit=unit), series=(values,), bands=tuple(heated(metrics)))
        )
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for an entropy that falls to nothing before the accuracy has risen, a distance that grows "
            "without end, and for what the numbers do while the run is heated."
        ),
        definition=(
            "Each number as the trainer wrote it into the run's metrics, one value an update. Shaded: "
            "updates in which the run was heated; lines break there where nothing was measured."
        ),
        panels=tuple(panels),
        arrangement="beside" if len(panels) > 1 else "below",
    )


def metrics_of(found: Diagnosis) -> "polars.DataFrame | None":
    """Return the metrics of the run that was diagnosed; None where it is none of a language model."""
    path = found.log.record.path
    path = path.parent if path.name == "rollouts" else path
    if not (path / "recipe.json").is_file():
        return None
    metrics = Run(path).metrics().sort("step")
    return metrics if metrics.height else None


def measured(metrics: "polars.DataFrame") -> list[str]:
    """Return the columns of numbers that have a value at any update, and no figure elsewhere."""
    numbers = (name for name, kind in metrics.schema.items() if kind.is_numeric() and name not in ELSEWHERE)
    return [name for name in numbers if np.isfinite(column(metrics, name)).any()]


def heated(metrics: "polars.DataFrame") -> list[Band]:
    """Return the stretches of updates in which the run was heated."""
    steps, there = metrics["step"].to_numpy(), (metrics["phase"] == "heat").to_numpy().astype(int)
    turns = np.flatnonzero(np.diff(there, prepend=0, append=0)).reshape(-1, 2)
    ends = np.append(steps, steps[-1] + 1)
    return [
        Band(name="heated", label="heated", low=float(ends[low]), high=float(ends[high]))
        for low, high in turns
    ]
