"""What the figures draw, read from a run once: curves, problems and webs as plain arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.detect import Stages, stages
from conet.engine.softmax import softmax
from conet.network.graph import Graph
from conet.network.web import Web
from conet.observables.length import solved_at, windowed_correct_length, within_problem_length
from conet.observables.web import threshold_edges
from conet.rollouts import per_problem
from conet.runs.directory import Run

if TYPE_CHECKING:
    import polars

MOST_CELLS = 20_000_000  # steps times problems beyond which the table of problems is not unfolded
MOST_NODES = 1500  # nodes beyond which a web is not drawn
EARLY = 0.4  # "islands" is the snapshot with about this share of the most islands (our choice)


@dataclass(frozen=True)
class Problems:
    """Training rollouts of every step and problem.

    Attributes
    ----------
    samples, correct_count, correct_length_sum : ndarray of float64, shape (steps, problems)
        Rollouts, correct ones, and the total length of the correct ones.
    """

    samples: np.ndarray
    correct_count: np.ndarray
    correct_length_sum: np.ndarray


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
        Edges with a probability of at least the threshold.
    traffic : ndarray of int64, shape (edges of the web,)
        Successful walks that used each edge.
    """

    step: int
    name: str
    web: Web
    traffic: np.ndarray


@dataclass(frozen=True)
class Material:
    """All that a report draws.

    Attributes
    ----------
    run : Run
    metrics, evaluations : polars.DataFrame
    stages : Stages
    problems : Problems or None
        None where the run kept no rollouts, or too many.
    snapshots : tuple of Snapshot
        Those with at least one edge, early to final.
    nodes : int
        Nodes of the concept network.
    questions, answers : ndarray of int32
    traffic_walks : int
        Walks a question that the traffic was counted on.
    """

    run: Run
    metrics: "polars.DataFrame"
    evaluations: "polars.DataFrame"
    stages: Stages
    problems: Problems | None
    snapshots: tuple[Snapshot, ...]
    nodes: int
    questions: np.ndarray
    answers: np.ndarray
    traffic_walks: int

    @property
    def steps(self) -> np.ndarray:
        """Updates done before each row of the metrics."""
        return self.metrics["step"].to_numpy()

    def column(self, name: str) -> np.ndarray:
        """Return a column of the metrics as float64; NaN where it has no value, or is not there."""
        return column(self.metrics, name)

    def series(self, *names: str) -> tuple[np.ndarray, ...]:
        """Return metrics where all of them are finite, from the snapshots where the steps have none.

        Returns
        -------
        tuple of ndarray
            The steps, and the values of each name.
        """
        found = []
        for name in names:
            values = self.column(name)
            known = dict(zip(*(part.tolist() for part in self.evaluation(name))))
            known |= dict(zip(self.steps[np.isfinite(values)].tolist(), values[np.isfinite(values)].tolist()))
            found.append(known)
        steps = sorted(set.intersection(*(set(known) for known in found)))
        return np.array(steps, int), *(np.array([known[step] for step in steps], float) for known in found)

    def evaluation(self, name: str, k: int = 0, where: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and finite values of one evaluation, if wanted only where another is above zero."""
        steps, values = evaluated(self.evaluations, name, k)
        if where is not None:
            others, size = evaluated(self.evaluations, where)
            keep = np.isin(steps, others[size > 0])
            steps, values = steps[keep], values[keep]
        return steps, values


def column(table: "polars.DataFrame", name: str) -> np.ndarray:
    """Return a column as float64, NaN where it has no value, or is not there."""
    if name not in table.columns:
        return np.full(table.height, np.nan)
    import polars as pl

    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def evaluated(table: "polars.DataFrame", name: str, k: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return steps, ascending, and finite values of one evaluation."""
    rows = table.filter((table["name"] == name) & (table["k"] == k)).sort("step")
    values = column(rows, "value")
    return rows["step"].to_numpy()[np.isfinite(values)], values[np.isfinite(values)]


def gather(run: Run) -> Material:
    """Read what the figures draw."""
    metrics, evaluations = run.metrics().sort("step"), run.evaluations()
    graph, tasks = run.graph(), run.tasks()
    names = ("accuracy", "correct_length_sum", "correct_count", "islands")
    return Material(
        run=run,
        metrics=metrics,
        evaluations=evaluations,
        stages=stages(*(column(metrics, name) for name in names)),
        problems=read_problems(run, metrics.height, len(tasks)),
        snapshots=read_snapshots(run, graph, evaluations),
        nodes=graph.nodes,
        questions=tasks.questions,
        answers=tasks.answers,
        traffic_walks=run.config.snapshots.traffic_walks,
    )


def read_problems(run: Run, steps: int, problems: int) -> Problems | None:
    """Unfold the rollout table to steps × problems."""
    if steps * problems > MOST_CELLS:
        return None
    table = per_problem(run.rollouts(), ("train", "eval"))
    if not table.height:
        return None
    place = table["step"].to_numpy(), table["problem"].to_numpy()
    unfolded = []
    for name in ("samples", "correct_count", "correct_length_sum"):
        values = np.zeros((steps, problems))
        values[place] = column(table, name)
        unfolded.append(values)
    return Problems(*unfolded)


def within_curve(
    problems: Problems, correct_length_sum: np.ndarray, correct_count: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """Follow the correct length of the problems solved where the pooled length is shortest.

    Returns
    -------
    curve : ndarray of float64, shape (steps,)
        NaN where fewer than nine tenths of these problems have a correct walk in the window.
    count : int
        How many problems.
    bottom : int
        The step where the pooled length is shortest; -1 where no walk was correct.
    """
    pooled = windowed_correct_length(correct_length_sum, correct_count)
    if not np.isfinite(pooled).any():
        return pooled, 0, -1
    bottom = int(np.nanargmin(pooled))
    rollouts = max(1, int(problems.samples.max()))
    fixed = solved_at(problems.correct_count, rollouts, bottom)
    curve, coverage = within_problem_length(problems.correct_count, problems.correct_length_sum, fixed)
    return np.where(coverage >= 0.9, curve, np.nan), int(fixed.sum()), bottom


def read_snapshots(run: Run, graph: Graph, evaluations: "polars.DataFrame") -> tuple[Snapshot, ...]:
    """Read the webs of the islands, of the island peak and of the end; empty ones are left out."""
    steps, counts = evaluated(evaluations, "islands")
    islands = dict(zip(steps.tolist(), counts.tolist()))
    found = []
    for name, step in choose_snapshots(run.snapshot_steps(), islands).items():
        if islands.get(step) == 0:
            continue
        arrays = run.snapshot(step)
        edges = threshold_edges(softmax(arrays["logits"], graph), run.config.web.threshold)
        if not len(edges):
            continue
        web = Web.from_graph(graph, edges)
        used = np.zeros(graph.edges, np.int64)
        used[arrays["traffic_edges"]] = arrays["traffic_counts"]
        found.append(Snapshot(step, name, web, used[edges]))
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
