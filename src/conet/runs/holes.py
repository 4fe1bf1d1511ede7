"""Whether a run is whole: its parts follow one another, and its tables and snapshots cover its updates.

Digests name every file of a run of today; this finds what is missing of runs of version 0.1, too.
"""

from collections.abc import Collection
from pathlib import Path

from conet.base.digests import incomplete
from conet.config import Config
from conet.runs.measure import snapshot_steps


def check_parts(folder: Path, spans: Collection[tuple[int, int, int]], steps: int | None) -> None:
    """Make sure that the parts of the table of rollouts tile the updates.

    Parameters
    ----------
    folder
        Where they are.
    spans
        Of each part the number in its name, and its first and last update; ascending.
    steps
        Updates of the finished run; None while it goes on.

    Raises
    ------
    ConetError
        Where there is a gap.
    """
    expected = 0
    for number, first, last in spans:
        if (number, first) != (expected, expected):
            raise incomplete(folder, f"no rollouts of updates {expected} to {number - 1}")
        expected = last + 1
    if steps is not None and expected != steps:
        raise incomplete(folder, f"no rollouts of updates {expected} to {steps - 1}")


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


def check_height(path: Path, height: int, steps: int | None) -> None:
    """Make sure that a finished run has metrics of every update.

    Raises
    ------
    ConetError
        Where it has fewer or more.
    """
    if steps is not None and height != steps:
        raise incomplete(path, f"{height} of {steps} updates")
