"""Families of problems, such as data sets or subjects: what of them is learned, and what is forgotten.

With one epoch no problem is seen again, but problems of its family are.
"""

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS
from conet.base.text import counted
from conet.detect import Counts
from conet.detect.trend import SMALLEST_FALL, find_trend
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.log import Log
from conet.rollouts import bundle

SAID = {"falling": "are falling", "collapsed": "have collapsed"}
MOST = 50  # families; a column with more names no families
REMEDY = Remedy(
    "draw more of it, or balance the families in each batch; a single evaluation of all hides what one loses",
    "verl: data_source, by which its validation is reported; TRL: eval_dataset as a dict of data sets",
)


def compute(log: Log) -> Result:
    """Compare the accuracy of each family at the start and at the end, and say which one falls."""
    parts = by_family(log)
    if len(parts) < 2:
        why = "no column names two families of problems or more: --map family=COLUMN"
        return Result(caveats={"families": why})
    found, fallen = {}, []
    for name, counts in parts.items():
        correct, samples = counts.correct_count.sum(axis=1), counts.samples.sum(axis=1)
        rows = max(1, round(0.2 * len(correct)))
        start, end = (correct[part].sum() / samples[part].sum() for part in (slice(rows), slice(-rows, None)))
        found[name] = {"start": float(start), "end": float(end), "problems": counts.problems}
        trend = find_trend(counts) if counts.problems >= FEWEST_PROBLEMS else None
        if trend is not None and trend.kind in ("falling", "collapsed"):
            fallen.append((name, trend))
    stage = log.other("stage")
    whole = stage is not None and stage.stage in ("falling", "collapsed")
    said = tuple(
        Headline(
            name="a family is forgotten",
            text=(
                f"The problems of {name} {SAID[trend.kind]} since step {trend.step.estimate:.0f}: "
                f"{trend.best:.2f} → {trend.last:.2f}."
            ),
            urgency=Urgency.NOTE if whole and len(fallen) == len(parts) else Urgency.WARNING,
            evidence=counted(int(found[name]["problems"]), "problem")
            + ("" if whole else ", while the accuracy of all does not fall"),
            step=round(trend.step.estimate),
            remedy=REMEDY,
        )
        for name, trend in fallen
    )
    return Result(values={"families": found}, headlines=said, detail=found)


def by_family(log: Log) -> dict[str, Counts]:
    """Return the counts of each family by its name; empty where no column names some."""
    import polars as pl

    rows = log.record.rows
    if "family" not in rows.columns or rows["family"].null_count() == rows.height:
        return {}
    rows = rows.filter(pl.col("split") == log.split)
    of_problem = rows.group_by("problem").agg(pl.col("family").cast(pl.String).drop_nulls().first())
    names = of_problem["family"].drop_nulls().unique().sort().to_list()
    if not 2 <= len(names) <= MOST:
        return {}
    table = log.visits.table.join(of_problem, on="problem")
    parts = {name: table.filter(pl.col("family") == name).drop("family") for name in names}
    return {name: _counts(part) for name, part in parts.items() if part["step"].n_unique() >= 2}


def _counts(part: "object") -> Counts:
    counts = bundle(part)  # type: ignore[arg-type]
    seen = counts.samples.sum(axis=0) > 0
    if np.all(seen):
        return counts
    return Counts.of(
        counts.correct_count[:, seen],
        counts.correct_length_sum[:, seen],
        counts.samples[:, seen],
        counts.steps,
    )


FINDING = Finding(
    name="families",
    compute=compute,
    keys=(
        Key(
            "families",
            "object or null",
            "by family of problems (a data set, a subject): accuracy at `start` and `end`, its `problems`",
        ),
    ),
    decides=(
        f"a family falls or has collapsed by the rule of the stage (by {SMALLEST_FALL:g} or more with its "
        f"whole 95 % interval), of {FEWEST_PROBLEMS} problems or more; a warning, unless all families fall "
        "with the accuracy of all"
    ),
    view="problems",
)
