"""The web that traces go through, at the beginning and at the end of a training, in one layout."""

import numpy as np

from conet.network.layout import Layout, lay_out
from conet.network.web import Web
from conet.traces.by_step import web_of, windows
from conet.traces.concept_web import ConceptWeb
from conet.traces.transitions import Paths
from conet.views.schema import Network, View, empty_view
from conet.views.snapshots import MOST_NODES
from conet.views.walks.concept_web import island_groups, network

NAME, TITLE = "trace-web", "The concept web of the traces"


def trace_web(found: ConceptWeb) -> View:
    """Return the significant edges: those that the first and the last of the rollouts use, and all."""
    if not len(found.web.edges):
        return empty_view(NAME, TITLE, "No edge is significant, so there is no web to draw.")
    if len(found.web.nodes) > MOST_NODES:
        return empty_view(NAME, TITLE, f"The web has {len(found.web.nodes):,} concepts; it is not drawn.")
    layout = lay_out(found.web)
    group, names = island_groups(found.web, layout)
    panels = [_panel(found, part, layout, step, title, group, names) for step, title, part in _moments(found)]
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for islands that join into one web, and for concepts out of which fewer and fewer edges"
            " lead. A triangle: a concept that rollouts mostly begin with; a square: one that they mostly"
            " end with."
        ),
        definition=(
            "Edges that are significant in all rollouts together, against the null model "
            f"{found.options.null}, at a false discovery rate of {found.options.rate:g}, as far as the "
            "rollouts of the moment use them; the larger, the more of these do. A colour stands for one "
            "of the largest islands of the whole web."
        ),
        panels=tuple(panels),
        arrangement="beside",
    )


def _moments(found: ConceptWeb) -> list[tuple[int | None, str, Paths]]:
    """Step, title and paths of each panel."""
    trained = found.steps.rollouts["step"].to_numpy()
    parts = windows(trained)
    every: list[tuple[int | None, str, Paths]] = [(None, "All rollouts", found.paths)]
    if len(parts) < 2:
        return every
    rollouts = found.steps.rollouts["rollout"].to_numpy()
    ends = [
        (int(part[0]), _title(part), found.paths.of(rollouts[np.isin(trained, part)]))
        for part in (parts[0], parts[-1])
    ]
    return [*ends, *every]


def _title(part: np.ndarray) -> str:
    return f"Step {part[0]:,}" if len(part) == 1 else f"Steps {part[0]:,} to {part[-1]:,}"


def _panel(
    found: ConceptWeb,
    part: Paths,
    layout: Layout,
    step: int | None,
    title: str,
    group: np.ndarray,
    names: tuple[str, ...],
) -> Network:
    size = part.concepts
    edges = np.zeros((size, size), bool)
    edges[found.web.sources, found.web.targets] = True
    counts = part.counts()
    web = web_of(counts, edges, size)
    roles = roles_of(found.paths)
    web = Web.from_edges(web.sources, web.targets, web.weights, size=size, attributes={"role": roles})
    rollouts = max(1, len(np.unique(part.rollout)))
    load = counts[web.sources, web.targets] / rollouts * size  # so that a node of average traffic is about 1
    islands = f"{web.components} {'island' if web.components == 1 else 'islands'}"
    note = f"{islands} of {len(web.nodes)} concepts, degree {web.mean_degree:.2f}"
    return network(web, load, layout, step=step, title=title, note=note, group=group, groups=names)


def roles_of(paths: Paths) -> np.ndarray:
    """Say what concepts rollouts mostly begin with ("question"), end with ("answer"), or neither ("none")."""
    last = paths.concept[np.concatenate([~paths.joined, [True]])]
    visits = np.bincount(paths.concept, minlength=paths.concepts)
    begins, ends = (np.bincount(which, minlength=paths.concepts) / visits for which in (paths.starts(), last))
    return np.where(begins >= 0.5, "question", np.where(ends >= 0.5, "answer", "none"))
