"""The concept web of a run through time: every snapshot in one layout, so that no node moves."""

from collections.abc import Sequence

import numpy as np

from conet.base.errors import ConetError
from conet.engine.softmax import softmax
from conet.network.graph import Graph
from conet.network.islands import follow, merge_tree, question_labels
from conet.network.layout import Layout, lay_out
from conet.network.web import Web
from conet.network.web_kernels import best_edges
from conet.observables.damage import follow as follow_best
from conet.runs.events import signal_step
from conet.runs.run import Run
from conet.runs.webs import SnapshotWeb, snapshot_webs
from conet.serve.models_web import MergeEvent, Moment, WebEdges, WebHistory, WebNodes
from conet.views.snapshots import MOST_NODES

ASPECT = 1.6  # of the picture, width over height (our choice)
MOST_MOMENTS = 60  # of more snapshots, this many are shown, evenly (our choice)


def history(run: Run) -> WebHistory:
    """Return the webs of all snapshots, with islands that keep their number, paths of problems, and merges.

    Raises
    ------
    ConetError
        When the run has no snapshot, or nothing is committed to in any.
    """
    steps = run.snapshot_steps()
    if not steps:
        remedy = "train again with snapshots.steps set"
        raise ConetError("a run that kept no snapshots", "at least one", remedy)
    chosen = sorted({steps[place] for place in np.linspace(0, len(steps) - 1, MOST_MOMENTS).astype(int)})
    found = list(snapshot_webs(run, steps=chosen))
    if not any(len(one.web.edges) for one in found):
        threshold = run.config.web.threshold
        raise ConetError(f"no edge with π ≥ {threshold:g}", "a web", "look again when it has trained longer")
    kept, note = _kept(found, run.graph())
    layout = lay_out(*(web for web in kept if len(web.edges)), aspect=ASPECT)
    known, places = _edges(kept, layout)
    islands = follow([web.labels for web in kept])
    return WebHistory(
        threshold=run.config.web.threshold,
        note=note,
        nodes=_nodes(run, found[0].web, layout),
        edges=known,
        moments=[
            _moment(run, one, web, layout, place, island)
            for one, web, place, island in zip(found, kept, places, islands)
        ],
        merges=_merges(run, found),
        signal=signal_step(run.events()),
    )


def _kept(found: Sequence[SnapshotWeb], graph: Graph) -> tuple[list[Web], str]:
    """Return the webs, of large ones what successful walks use most, and a note that says so."""
    every = np.unique(np.concatenate([one.web.nodes for one in found]))
    if len(every) <= MOST_NODES:
        return [one.web for one in found], ""
    traffic = np.max([one.web.attributes["traffic"] for one in found], axis=0)
    busy = np.zeros(len(traffic), bool)
    busy[np.argsort(-traffic, kind="stable")[:MOST_NODES]] = True
    webs = []
    for one in found:
        use = (one.traffic > 0) & busy[one.web.sources] & busy[one.web.targets]
        webs.append(Web.from_graph(graph, one.web.edges[use], probability(one.web)[use]))
    note = (
        f"Of {len(every):,} nodes the {MOST_NODES:,} through which most successful walks pass, and the edges "
        "among them that these walks use: what is shown is the traffic web."
    )
    return webs, note


def probability(web: Web) -> np.ndarray:
    """Return π of the edges of a web of a snapshot, which has it as its weights."""
    assert web.weights is not None
    return web.weights


def _edges(webs: Sequence[Web], layout: Layout) -> tuple[WebEdges, list[np.ndarray]]:
    """Return all edges that there ever are, and of each web the places of its own among them."""
    every = np.unique(np.concatenate([web.edges for web in webs]))
    source, target = np.empty(len(every), np.int64), np.empty(len(every), np.int64)
    places = [np.searchsorted(every, web.edges) for web in webs]
    for web, place in zip(webs, places):
        source[place], target[place] = web.sources, web.targets
    ends = [np.searchsorted(layout.nodes, end) for end in (source, target)]
    return WebEdges(source=ends[0], target=ends[1]), places


def _nodes(run: Run, web: Web, layout: Layout) -> WebNodes:
    problems = run.problems()
    place = np.round(layout.position, 3)
    return WebNodes(
        id=layout.nodes,
        x=place[:, 0],
        y=place[:, 1],
        role=web.attributes["role"][layout.nodes].tolist(),
        questions=problems.questions,
        answers=problems.answers,
    )


def _moment(
    run: Run, one: SnapshotWeb, web: Web, layout: Layout, places: np.ndarray, island: np.ndarray
) -> Moment:
    """Return one snapshot: which edges there are, how used, and where the best edges lead each question."""
    graph, problems = run.graph(), run.problems()
    walks = run.config.snapshots.traffic_walks
    best = np.empty(graph.nodes, np.int32)
    best_edges(graph.offsets, softmax(run.snapshot(one.step)["logits"], graph), best)
    paths = follow_best(graph.targets[best], problems)
    used = np.zeros(int(one.web.edges.max(initial=-1)) + 1)
    used[one.web.edges] = one.traffic / walks
    return Moment(
        step=one.step,
        edges=places,
        weight=np.round(probability(web), 4),
        traffic=np.round(used[web.edges], 3),
        island=island[layout.nodes],
        size=np.round(one.web.attributes["traffic"][layout.nodes] / walks, 3),
        islands=web.components,
        largest=int(web.component_sizes.max(initial=0)),
        paths=[_path(path, answer) for path, answer in zip(paths, problems.answers)],
    )


def _path(path: np.ndarray, answer: int) -> list[int]:
    """Return the nodes from question to answer; none where the best edges do not lead there."""
    end = np.flatnonzero(path == answer)
    return path[: end[0] + 1].tolist() if len(end) else []


def _merges(run: Run, found: Sequence[SnapshotWeb]) -> list[MergeEvent]:
    labels = question_labels([one.web for one in found], run.problems().questions)
    merges = merge_tree([one.step for one in found], labels)
    return [MergeEvent(step=one.step, parts=[list(part) for part in one.parts]) for one in merges]
