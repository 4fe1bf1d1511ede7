"""The folder that a diagnosis leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conet.base.files import write_atomic, write_table
from conet.base.kinds import DIAGNOSIS
from conet.base.places import check_folder, filling
from conet.diagnosis.diagnosis import Diagnosis


def write(found: Diagnosis, out: Path, page: Callable[[Diagnosis, Path], Path]) -> dict[str, Any]:
    """Write the tables (problems, steps, and scalars where there are any), the report, and last the findings.

    Parameters
    ----------
    out
        A new or empty directory, or one with an earlier diagnosis.
    page
        Writes the report into the directory, and returns its path.

    Returns
    -------
    dict
        The findings, with the path of the report.

    Raises
    ------
    ConetError
        When the directory holds something else, or cannot be written.
    """
    check_folder(out, DIAGNOSIS)
    numbers = found.findings  # first, since a finding that fails must leave nothing behind
    with filling(out, DIAGNOSIS):
        if found.log.scalars is not None:
            write_table(out / "scalars.parquet", found.log.scalars)
        # Beside the names of today, those of version 0.1.
        write_table(out / "problems.parquet", found.problems.with_columns(correct="correct_count"))
        before = {"correct": "correct_count", "length_sum": "correct_length_sum"}
        write_table(out / "steps.parquet", found.steps.with_columns(**before))
        result = numbers | {"report": str(page(found, out))}
        write_atomic(out / DIAGNOSIS.mark, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return result
