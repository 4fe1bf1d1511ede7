"""Whether the gradients of the problems of an update fight, where the training looked at them."""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.base.digests import directory_of, is_run
from conet.base.intervals import Interval, mean_interval
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Result
from conet.diagnosis.log import Log, ends, fifth, per_step_values
from conet.runs.run import Run

if TYPE_CHECKING:
    import polars

MEASURES = ("interference", "interference_corrected", "gradient_cosine", "fighting_share")
FEWEST_UPDATES = 5  # with a gradient, for an interval
MOST_PAIRS = 5
NOT_LOOKED_AT = (
    "the training did not look at gradients: training.interference=true, ConetCallback(interference=True)"
)
RESTS_ON = (
    "of one block, from few rollouts: the mean of the cosine is free of their noise; interference is raised "
    "by it and by the number of problems; single pairs of one update are mostly noise"
)


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """What the gradients of a run say.

    Attributes
    ----------
    steps : ndarray, shape (rows,)
    measures : dict of str to ndarray, shape (rows,)
        NaN where not known.
    cosine : Interval or None
        Mean cosine over the last fifth of the updates; None with fewer than 5 updates.
    pairs : list of tuple
        Two problems, at how many updates they were among those that fight most, and their mean cosine there.
    """

    steps: np.ndarray
    measures: dict[str, np.ndarray]
    cosine: Interval | None
    pairs: list[tuple[int, int, int, float]]


def compute(log: Log) -> Result:
    """Say how far the gradients of different problems cancel."""
    table = looked_at(log)
    if table is None:
        return Result(caveats={"gradient_interference": NOT_LOOKED_AT})
    measures = {name: per_step_values(table, name) for name in MEASURES}
    cosines = measures["gradient_cosine"]
    known = cosines[np.isfinite(cosines)]
    last = known[-max(FEWEST_UPDATES, fifth(len(known))) :]
    cosine = mean_interval(last) if len(known) >= FEWEST_UPDATES else None
    found = Gradients(
        steps=table["step"].to_numpy(), measures=measures, cosine=cosine, pairs=most_fighting(table)
    )
    values = {name: ends(each) for name, each in measures.items()}
    more = {"cosine_at_end": None if cosine is None else cosine.to_json(), "pairs": found.pairs}
    return Result(
        values={"gradient_interference": values | more},
        caveats={"gradient_interference": RESTS_ON},
        headlines=() if cosine is None else (_headline(cosine, values["interference"]["end"], len(last)),),
        numbers=_numbers(values["interference"]["end"], cosine),
        detail=found,
    )


def looked_at(log: Log) -> "polars.DataFrame | None":
    """Return the table that has them: the metrics of a run of ours, or what another trainer logged."""
    path = directory_of(log.record.path)
    run = Run(path) if path is not None and is_run(path) else None
    table = log.scalars if run is None or run.kind != "language_model" else run.metrics()
    if table is None or "gradient_cosine" not in table.columns:
        return None
    return table.sort("step")


def most_fighting(table: "polars.DataFrame") -> list[tuple[int, int, int, float]]:
    """Return the pairs that were named at more than one update, the most often named first."""
    cosines: dict[tuple[int, int], list[float]] = defaultdict(list)
    texts = table["fighting_pairs"].drop_nulls().to_list() if "fighting_pairs" in table.columns else []
    for text in texts:
        for first, second, cosine in json.loads(text):
            cosines[min(first, second), max(first, second)].append(cosine)
    rows = [(*pair, len(each), float(np.mean(each))) for pair, each in cosines.items() if len(each) > 1]
    return sorted(rows, key=lambda row: (-row[2], row[3], row))[:MOST_PAIRS]


def _headline(cosine: Interval, interference: float | None, updates: int) -> Headline:
    if cosine.high < 0:
        what = "fight"
    elif cosine.low > 0:
        what = "help each other"
    else:
        what = "neither help nor fight"
    cancels = "" if interference is None else f" {interference:.0%} of their gradients cancel."
    mean = f"mean cosine of their gradients {cosine.estimate:+.3f} [{cosine.low:+.3f}, {cosine.high:+.3f}]"
    return Headline(
        name="gradients",
        text=f"The problems of an update {what} on the whole: {mean}.{cancels}",
        evidence=f"95 % interval over the last {updates} updates",
    )


def _numbers(interference: float | None, cosine: Interval | None) -> tuple[MainNumber, ...]:
    if interference is None:
        return ()
    more = "" if cosine is None else f", cos {cosine.estimate:+.2f}"
    definition = (
        "1 - |sum of the problems' gradients| / sum of their norms, over the last fifth of the updates"
    )
    return (MainNumber("interference of gradients", f"{interference:.2f}{more}", definition),)


FINDING = Finding(
    name="gradients",
    compute=compute,
    needs_rollouts=False,
    needs_correct=False,
    keys=(
        Key(
            "gradient_interference",
            "object or null",
            "of a training with `interference`: `interference`, `interference_corrected`, `gradient_cosine` "
            "and `fighting_share`, each over the first and the last fifth of the updates (`start`, `end`); "
            "`cosine_at_end` with its interval; `pairs`: two problems, at how many updates they were among "
            "the three pairs that fight most, and their mean cosine there",
        ),
    ),
    decides=(
        "mean cosine between gradients of different problems over the last fifth of the updates, at least "
        f"{FEWEST_UPDATES}: they help where its whole 95 % interval is above 0, and fight where it is below"
    ),
    view="trainer-metrics",
)
