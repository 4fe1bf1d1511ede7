"""What the correct length of a run did, from its directory: the same numbers as its diagnosis gives."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.digests import Digests
from conet.base.files import damaged
from conet.base.panics import Panic, panics_as_errors
from conet.detect import Stages, find_valley, stages
from conet.detect.valley import as_json, from_json
from conet.rollouts import Counts, bundle, per_problem

if TYPE_CHECKING:
    import polars

    from conet.runs.run import Run

UNKNOWN = ("v", "v_bottom_step", "v_bottom_interval", "min_interval", "start_ratio", "end_ratio")
READ = ("step", "problem", "correct", "length", "truncated", "split")


def counts_of(path: Path) -> Counts | None:
    """Count the rollouts of a run that were trained on, by step and problem.

    Parameters
    ----------
    path
        The directory of a run, of walks or of a language model.

    Returns
    -------
    Counts or None
        None where the run kept none.

    Raises
    ------
    ConetError
        When a file of them is missing or damaged; it is named.
    """
    import polars as pl

    digests = Digests(path)
    parts = []
    for _, part in digests.numbered("rollouts", "part-", ".parquet"):
        digests.check_file(f"rollouts/{part.name}")
        try:
            with (
                panics_as_errors(),
                part.open("rb") as file,
            ):  # a path need not be UTF-8, which polars asks for
                parts.append(pl.read_parquet(file, columns=list(READ), glob=False))
        except (OSError, pl.exceptions.PolarsError, Panic) as error:
            raise damaged(part, error) from None
    table = per_problem(pl.concat(parts)) if parts else None
    return bundle(table) if table is not None and table.height else None


def correct_length(path: Path) -> dict[str, Any]:
    """Return what the summary of a run says of the V; see :func:`conet.detect.valley.as_json`.

    Where it kept none it has no verdict, and ``v_why`` says why.

    Raises
    ------
    ConetError
        When its rollouts cannot be read: a summary without them would stay for good.
    """
    counts = counts_of(path)
    if counts is None:
        return dict.fromkeys(UNKNOWN) | {"v_why": "the run kept no rollouts that were trained on"}
    return as_json(find_valley(counts))


def stages_of(run: "Run") -> Stages:
    """Find the stages of a run of walks: knee, V, and the step with most islands.

    The V is found once: that of a finished run stands in its summary.
    """
    metrics = run.metrics().sort("step")
    counts = counts_of(run.path)
    if counts is None:
        counts = _as_one_problem(metrics, run.config.learner.rollouts * len(run.problems()))
    valley = from_json(run.summary()["correct_length"]) if run.finished else None
    return stages(counts, _floats(metrics, "islands"), metrics["step"].to_numpy(), valley)


def _as_one_problem(metrics: "polars.DataFrame", samples: int) -> Counts:
    """Take a run that kept no rollouts for one of a single problem: its V has no interval over problems."""
    rows = metrics.filter(metrics["phase"] == "rlvr")
    if not rows.height:
        rows = metrics
    correct, length = (
        np.nan_to_num(_floats(rows, name))[:, None] for name in ("correct_count", "correct_length_sum")
    )
    # A phase may draw more or fewer, or ask some problems only: then the accuracy tells how many there were.
    accuracy = np.nan_to_num(_floats(rows, "accuracy"))[:, None]
    drawn = np.divide(correct, accuracy, out=np.full(correct.shape, float(samples)), where=accuracy > 0)
    return Counts.of(correct, length, np.rint(drawn), rows["step"].to_numpy())


def _floats(table: "polars.DataFrame", name: str) -> np.ndarray:
    import polars as pl

    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
