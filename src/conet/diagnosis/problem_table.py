"""What became of each problem, as a table: ``problems.parquet``."""

from typing import TYPE_CHECKING

import numpy as np

from conet.diagnosis.findings.outcomes import STATUSES, Outcomes

if TYPE_CHECKING:
    import polars


def problem_table(
    found: Outcomes, names: list[str], sharp: dict[int, dict[str, float]]
) -> "polars.DataFrame":
    """Return one row a problem, in the order of STATUSES: those with an outcome first.

    Parameters
    ----------
    sharp
        What is known of the transition of a problem, by problem.
    """
    import polars as pl

    order = np.lexsort((-found.samples, found.status))
    fitted = [sharp.get(int(problem), {}) for problem in order]
    return pl.DataFrame(
        {
            "problem": [names[problem] for problem in order],
            "status": pl.Series([STATUSES[found.status[problem]] for problem in order], dtype=pl.String),
            "visits": found.visits[order],
            "samples": found.samples[order],
            "correct_count": found.correct[order],
            **{
                f"accuracy_{name}": pl.Series(values[order]).fill_nan(None)
                for name, values in (("start", found.start), ("best", found.best), ("end", found.end))
            },
            **{
                name: pl.Series([row.get(name) for row in fitted], dtype=pl.Float64)
                for name in ("onset_step", "width_steps")
            },
            "sharp": pl.Series([row.get("sharp") for row in fitted], dtype=pl.Boolean),
        }
    )
