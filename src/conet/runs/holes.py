"""Whether a run is whole: its tables and snapshots cover its updates.

Digests name every file of a run of today; this finds what is missing of runs of version 0.1, too.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from conet.base.files import incomplete
from conet.config import Config
from conet.runs.size import snapshot_steps


def check_snapshots(folder: Path, config: Config, steps: Collection[int], finished: bool) -> None:
    """Make sure that there is a snapshot at each update that the settings name, as far as the run has come.

    Raises
    ------
    ConetError
        Where one is missing.
    """
    expected = {*snapshot_steps(config), config.steps}
    reached = config.steps if finished else max(steps, default=-1)
    lacking = sorted(step for step in expected if step <= reached and step not in steps)
    if lacking:
        raise incomplete(folder, f"no snapshot of update {lacking[0]}")


def check_evaluations(path: Path, config: Config, steps: Collection[int]) -> None:
    """Make sure that a finished run was evaluated at each snapshot.

    Raises
    ------
    ConetError
        Where it was not.
    """
    lacking = sorted({*snapshot_steps(config), config.steps} - set(steps))
    if lacking:
        raise incomplete(path, f"no evaluation of update {lacking[0]}")


def check_growing_metrics(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that the rows of a run that goes on are those of its updates, one after the other.

    Raises
    ------
    ConetError
        Where one is missing, or stands there twice.
    """
    for number, row in enumerate(rows):
        if row.get("step") != number:
            raise incomplete(path, f"line {number + 1} is not that of update {number}")


def check_growing_evaluations(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that each evaluation of a run that goes on has as many rows as the others.

    Raises
    ------
    ConetError
        Where some are missing.
    """
    sizes = Counter(row.get("step") for row in rows)
    usual = max(sizes.values(), default=0)
    for step, size in sizes.items():
        if size != usual:
            raise incomplete(path, f"{size} of {usual} values of update {step}")
