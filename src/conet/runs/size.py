"""When a run writes a snapshot, and how much it will write."""

from collections.abc import Callable

import numpy as np

from conet.config import Config

LARGE = 500_000_000  # bytes from which a run says beforehand what it will write
# Measured on runs of the presets: what compression leaves of a rollout, and of a row of the metrics.
ROLLOUT, ROW = 0.5, 900


def snapshot_steps(config: Config) -> list[int]:
    """Return the steps with a snapshot: the config's own, or 22 at most, denser early on."""
    if config.snapshots.steps is not None:
        return sorted({step for step in config.snapshots.steps if 0 <= step <= config.steps})
    spread = np.geomspace(5, max(config.steps, 6), 21)
    return sorted({0, *(round(step) for step in spread if step <= config.steps), config.steps})


def expected_size(config: Config, edges: int, problems: int) -> dict[str, int]:
    """Estimate what a run leaves on disk.

    Parameters
    ----------
    config
        Its settings.
    edges, problems
        Of its graph, and how many problems there are.

    Returns
    -------
    dict of str to int
        Bytes by what they are for: ``snapshots``, ``checkpoint``, ``rollouts``, ``metrics``. The logits of
        all edges (8 bytes each) are in every snapshot, with 12 bytes for each edge that successful walks
        used (counted as half of those that the walks could have used), and in the checkpoint, once more
        for each moment of the optimizer. A checkpoint stands beside the one that it replaces.
    """
    walks = problems * config.snapshots.traffic_walks * config.problems.max_length
    snapshot = 8 * edges + 12 * min(edges, walks // 2)
    copies = 3 if config.learner.optimizer == "adam" else 1
    drawn = config.steps * problems * config.learner.rollouts if config.snapshots.rollouts else 0
    return {
        "snapshots": len({*snapshot_steps(config), config.steps}) * snapshot,
        "checkpoint": 2 * copies * 8 * edges,
        "rollouts": int(ROLLOUT * drawn),
        "metrics": ROW * config.steps,
    }


def announce(config: Config, edges: int, problems: int, tell: Callable[[str], None]) -> None:
    """Say beforehand what a large run will write, and which setting makes it less."""
    size = expected_size(config, edges, problems)
    total = sum(size.values())
    if total < LARGE:
        return
    parts = ", ".join(f"{name} {value / 1e9:.1f}" for name, value in size.items() if value >= total / 20)
    tell(
        f"this run will write about {total / 1e9:.1f} GB ({parts}); "
        "less with fewer snapshots.steps, or snapshots.rollouts=false"
    )
