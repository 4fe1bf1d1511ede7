"""Whether a run is whole: its tables and snapshots cover its updates.

Digests name every file of a run of today; this finds what is missing of runs of version 0.1, too.
"""

from collections.abc import Collection
from pathlib import Path

from conet.base.digests import incomplete
from conet.config import Config
from conet.runs.measure import snapshot_steps


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
