"""The web of traces through a training: all observables of a web, by step."""

from typing import TYPE_CHECKING

import numpy as np

from conet.network.topology import topology_summary
from conet.network.web import Web
from conet.traces.significance import Null, Tested, count_and_test
from conet.traces.texts import Progress, Steps, silent
from conet.traces.transitions import Paths, effective_out_degree

if TYPE_CHECKING:
    import polars

WINDOWS = 24  # moments at most (our choice)


def web_of(counts: np.ndarray, edges: np.ndarray, size: int) -> Web:
    """Return a web of some transitions; the weight is the share of those that leave its source.

    Parameters
    ----------
    counts : ndarray of int64, shape (concepts, concepts)
    edges : ndarray of bool, shape (concepts, concepts)
        Which to take, as far as they were counted; a concept that is stayed in is no edge.
    """
    moves = counts * ~np.eye(size, dtype=bool)
    source, target = np.nonzero(edges & (moves > 0))
    weights = moves[source, target] / moves.sum(1)[source]
    return Web.from_edges(source, target, weights, size=size)


def observables(web: Web, starts: np.ndarray) -> dict[str, float]:
    """Return all that a web without a policy can be asked.

    Parameters
    ----------
    starts : ndarray of int64
        Concepts that rollouts start with: they stand for the question nodes.
    """
    shape = {} if not len(web.edges) else topology_summary(web)
    return web.summary(np.unique(starts).astype(np.int32)) | shape


def windows(steps: np.ndarray) -> list[np.ndarray]:
    """Divide the steps of a training into moments, each of about as many steps."""
    return np.array_split(np.unique(steps), min(WINDOWS, len(np.unique(steps))))


def by_step(
    steps: Steps,
    paths: Paths,
    whole: Tested,
    null: Null,
    rate: float,
    seed: int,
    progress: Progress = silent,
) -> "polars.DataFrame":
    """Describe the web at every moment of the training.

    Returns
    -------
    polars.DataFrame
        A row a moment: ``step`` and ``last_step``; ``rollouts``, ``transitions`` (staying aside) and
        ``concepts`` of it; ``effective_out_degree``, and that of the same steps shuffled within each rollout;
        ``significant_share`` of its transitions, by the edges of the whole log; ``own_edges``, which are
        significant by its own rollouts alone; then the observables of the web of all significant edges that
        it uses, and as ``traffic_…`` nodes, edges and degree of the web of all its transitions.
    """
    import polars as pl

    edges = np.zeros((paths.concepts, paths.concepts), bool)
    edges[whole.source[whole.significant], whole.target[whole.significant]] = True
    trained = steps.rollouts["step"].to_numpy()
    rows = []
    moments = windows(trained)
    for place, window in enumerate(moments):
        progress("moments of the training", place, len(moments), "")
        inside = np.isin(trained, window)
        part = paths.of(steps.rollouts["rollout"].to_numpy()[inside])
        rows.append(
            {"step": int(window[0]), "last_step": int(window[-1]), "rollouts": int(inside.sum())}
            | _moment(part, edges, null, rate, np.random.default_rng(seed))
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _moment(
    part: Paths, edges: np.ndarray, null: Null, rate: float, rng: np.random.Generator
) -> dict[str, float]:
    if not len(part.concept):
        return {"transitions": 0, "concepts": 0}
    counts = part.counts()
    moves = counts * ~np.eye(part.concepts, dtype=bool)
    made = int(moves.sum())
    web, traffic = web_of(counts, edges, part.concepts), web_of(counts, moves > 0, part.concepts)
    return {
        "transitions": made,
        "concepts": len(np.unique(part.concept)),
        "effective_out_degree": effective_out_degree(counts),
        "effective_out_degree_shuffled": effective_out_degree(part.shuffled(rng).counts()),
        "significant_share": float(moves[edges].sum() / made) if made else float("nan"),
        "own_edges": int(count_and_test(part, null, rate).significant.sum()),
        **observables(web, part.starts()),
        "traffic_nodes": len(traffic.nodes),
        "traffic_edges": len(traffic.edges),
        "traffic_mean_degree": traffic.mean_degree,
    }


def concept_shares(steps: Steps, paths: Paths) -> "polars.DataFrame":
    """Count the steps of each concept at every moment: ``step``, ``concept``, ``count``, ``share``."""
    import polars as pl

    trained = steps.rollouts["step"].to_numpy()
    of_rollout = dict(zip(steps.rollouts["rollout"].to_list(), trained.tolist()))
    at = np.array([of_rollout[rollout] for rollout in paths.rollout.tolist()])
    tables = []
    for window in windows(trained):
        counts = np.bincount(paths.concept[np.isin(at, window)], minlength=paths.concepts)
        there = np.flatnonzero(counts)
        share = counts[there] / max(1, counts.sum())
        moment = np.full(len(there), window[0])
        tables.append(
            pl.DataFrame({"step": moment, "concept": there, "count": counts[there], "share": share})
        )
    return pl.concat(tables)
