"""The page of a concept web of traces, and the web for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.files import write_atomic
from conet.base.text import number, one_line
from conet.network.layout import lay_out
from conet.report import pages
from conet.report.drawing.drawers import Drawers
from conet.report.export import MOST_PLACED, SCALE, as_text
from conet.report.picture import Picture
from conet.traces.concept_web import ConceptWeb
from conet.traces.output import known
from conet.views import registry

if TYPE_CHECKING:
    import networkx

SHOWN = 40  # concepts of the table
NAME = 160  # characters of a text
FOLLOWERS = 3  # of a concept that are named


def write(found: ConceptWeb, out: Path, drawers: Drawers | None = None) -> Path:
    """Write web.graphml, web.gexf, figures and page.

    Parameters
    ----------
    out
        An existing folder.
    drawers
        Other processes to draw in; this one where absent.

    Returns
    -------
    Path
        ``out/report.html``.
    """
    network = as_network(found)
    write_atomic(out / "web.graphml", as_text(network, "graphml"))
    place(network, found)
    write_atomic(out / "web.gexf", as_text(network, "gexf"))
    views = (registry.make(name, registry.TRACES, found) for name in registry.TRACES)
    drawn = pages.pictures(views, drawers)
    return pages.write_page(out, drawn, page(found, drawn))


def as_network(found: ConceptWeb) -> "networkx.DiGraph":
    """Return the significant edges, with what is known of the concepts.

    Nodes have ``label``, ``steps``, ``rollouts``, ``place`` and ``island``; edges ``weight`` (share of the
    transitions that leave the source) and ``count``.
    """
    web, counts = found.web, found.paths.counts()
    network = web.to_networkx()
    for row in found.concepts.iter_rows(named=True):
        if row["concept"] in network:
            kept = {name: row[name] for name in ("steps", "rollouts", "place")}
            network.nodes[row["concept"]].update(kept | {"label": one_line(row["label"])})
    for source, target in network.edges:
        network.edges[source, target]["count"] = int(counts[source, target])
    return network


def place(network: "networkx.DiGraph", found: ConceptWeb) -> None:
    """Say where each concept is drawn, as GEXF can; not of large webs."""
    if not 0 < len(found.web.nodes) <= MOST_PLACED:
        return
    layout = lay_out(found.web)
    for node, (x, y) in zip(layout.nodes.tolist(), (SCALE * layout.position).tolist()):
        network.nodes[node]["viz"] = {"position": {"x": x, "y": y, "z": 0.0}}


def page(found: ConceptWeb, drawn: list[Picture]) -> str:
    """Return the whole page."""
    numbers = known(found.numbers)
    name = found.record.path.resolve().name
    return pages.render(
        "traces.html",
        kind="Concept web of traces",
        title=f"CoNet · concept web of {name}",
        heading=name,
        subtitle=(
            f"{numbers['steps']:,} steps of reasoning in {numbers['rollouts']:,} rollouts; "
            f"embedding: {numbers['embedding']}"
        ),
        tiles=tiles(numbers),
        links=pages.links(drawn, ("concepts", "Concepts"), ("notes", "Notes"), ("records", "Records")),
        pictures=drawn,
        concepts=rows(found),
        more=max(0, found.paths.concepts - SHOWN),
        why_no_web=found.why_no_web,
        notes=found.notes,
        records=[("Numbers (what --json prints)", pages.as_text(numbers))],
    )


def tiles(numbers: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, value and meaning of the numbers at the top."""
    shuffled, web = numbers["shuffled"], numbers["web"]
    return [
        ("concepts", str(numbers["concepts"]), f"silhouette {number(numbers['silhouette'], 2)}"),
        (
            "significant edges",
            str(numbers["significant_edges"]),
            f"of {numbers['edges']} taken; {shuffled['significant_edges']} with steps shuffled",
        ),
        (
            "degree of the web",
            number(web["mean_degree"], 2),
            f"of all that is taken: {number(numbers['traffic_web']['mean_degree'], 2)}",
        ),
        ("islands", str(web["islands"]), f"of {web['web_nodes']} concepts"),
        (
            "effective out-degree",
            number(numbers["effective_out_degree"], 2),
            f"{number(shuffled['effective_out_degree'], 2)} with steps shuffled",
        ),
    ]


def rows(found: ConceptWeb) -> list[dict[str, Any]]:
    """Return the concepts with most steps: number, texts, counts, and what follows by significant edges."""
    web = found.web
    made = []
    for row in found.concepts.head(SHOWN).iter_rows(named=True):
        leaving = np.flatnonzero(web.sources == row["concept"])
        weights = np.zeros(0) if web.weights is None else web.weights[leaving]
        order = leaving[np.argsort(-weights, kind="stable")][:FOLLOWERS]
        follow = [f"{web.targets[edge]} ({_percent(web, edge)})" for edge in order.tolist()]
        texts = [_short(text) for text in row["typical"]]
        cells = [
            row["steps"],
            row["texts"],
            row["rollouts"],
            number(row["place"], 2),
            ", ".join(follow) or "–",
        ]
        made.append({"concept": row["concept"], "texts": texts, "cells": [str(cell) for cell in cells]})
    return made


def _percent(web: Any, edge: int) -> str:
    return f"{100 * web.weights[edge]:.0f} %"


def _short(text: str) -> str:
    said = one_line(text)
    return said if len(said) <= NAME else said[: NAME - 1] + "…"
