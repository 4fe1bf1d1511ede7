"""The webs of a run that its figures show: of the islands, of most islands, and of the end."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.network.web import Web
from conet.runs.run import Run
from conet.runs.webs import snapshot_webs
from conet.views.tables import evaluated

if TYPE_CHECKING:
    import polars

MOST_NODES = 1500  # nodes beyond which a web is not drawn
EARLY = 0.4  # "islands" is the snapshot with about this share of the most that one has (our choice)


@dataclass(frozen=True)
class Snapshot:
    """The concept web at one moment.

    Attributes
    ----------
    step : int
        Updates done.
    name : str
        "islands", "peak" or "final".
    web : Web
        Edges with a probability of at least the threshold; the probabilities are its weights.
    traffic : ndarray of int64, shape (edges of the web,)
        Successful walks that used each edge.
    """

    step: int
    name: str
    web: Web
    traffic: np.ndarray


def read_snapshots(run: Run, evaluations: "polars.DataFrame") -> tuple[Snapshot, ...]:
    """Read the webs of the islands, of the island peak and of the end; empty ones are left out."""
    steps, counts = evaluated(evaluations, "islands")
    islands = dict(zip(steps.tolist(), counts.tolist()))
    found = []
    for name, step in choose_snapshots(run.snapshot_steps(), islands).items():
        if islands.get(step) == 0:
            continue
        seen = next(snapshot_webs(run, steps=[step]))
        if len(seen.web.edges):
            found.append(Snapshot(step, name, seen.web, seen.traffic))
    return tuple(found)


def choose_snapshots(kept: list[int], islands: dict[int, float]) -> dict[str, int]:
    """Choose the snapshot of the islands, the one with the most islands, and the last.

    Parameters
    ----------
    kept : list of int
        Where there are snapshots, ascending.
    islands : dict of int to float
        Islands of the thresholded web by step, where they are known.

    Returns
    -------
    dict of str to int
        "islands", "peak" and "final", each where it differs from the later ones.
    """
    if not kept:
        return {}
    known = np.array([islands.get(step, 0.0) for step in kept])
    peak, last = int(np.argmax(known)), len(kept) - 1
    chosen: dict[str, int] = {}
    if known[:peak].max(initial=0.0) > 0:
        chosen["islands"] = kept[int(np.argmin(np.abs(known[:peak] - EARLY * known[peak])))]
    if known[peak] > 0 and peak < last:
        chosen["peak"] = kept[peak]
    return chosen | {"final": kept[last]}
