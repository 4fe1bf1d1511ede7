"""The concept web of a run for other programs: GraphML, GEXF (which Gephi plays), and CSV."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np

from conet import __version__
from conet.base.errors import ConetError
from conet.base.places import check_file, write_output
from conet.base.separated import as_csv
from conet.network.islands import follow
from conet.network.layout import lay_out
from conet.network.web import Web
from conet.runs.run import Run
from conet.runs.webs import snapshot_step, snapshot_webs

if TYPE_CHECKING:
    import networkx
    import polars

Format = Literal["graphml", "gexf", "csv"]
MARK = "conet export"  # stands near the top of what we write, so that it may be written again
COLUMNS = (
    "step",
    "source",
    "target",
    "probability",
    "traffic",
    "island",
    "source_role",
    "target_role",
)
MOST_PLACED = 1500  # nodes up to which a GEXF file says where they are drawn
LINE = 4096  # bytes of a line that tell what a file is
SCALE = 20.0  # Gephi's units for the length of an edge
Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Moment:
    """The web at one snapshot.

    Attributes
    ----------
    step : int
    web : Web
        π as weights; ``role`` and ``traffic`` of its nodes.
    traffic : ndarray of int64, shape (edges,)
        Successful walks of the snapshot over each edge of the web.
    island : ndarray of int64, shape (nodes of the graph,)
        Number of each node's island, which keeps it from one snapshot to the next; -1 for none.
    """

    step: int
    web: Web
    traffic: np.ndarray
    island: np.ndarray


def export(
    run: Run,
    out: Path,
    format: Format,
    step: int | Literal["all"] | None = None,
    threshold: float | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the web of a snapshot, or of all, to a file.

    Parameters
    ----------
    run
        A run with snapshots.
    out
        The file; an earlier export of the same format may be replaced.
    format
        "graphml" or "gexf" (nodes with role, island and traffic; edges with π as weight, and traffic),
        or "csv" (one row an edge and step).
    step
        The snapshot; the last one where absent. "all" gives GEXF spells, by which Gephi plays the web,
        and GraphML the first and the last step of each edge.
    threshold
        Edges with π ≥ threshold; the run's ``web.threshold`` where absent.
    progress
        Told how many snapshots are read.

    Returns
    -------
    dict
        ``file``, ``format``, ``steps``, ``threshold``, ``nodes`` and ``edges`` (in the file).

    Raises
    ------
    ConetError
        When there is no such snapshot, no edge reaches the threshold, or the file cannot be written.
    """
    check_out(out, format)
    run.graph()  # which only a run of walks has
    least = run.config.web.threshold if threshold is None else threshold
    found = moments(run, step, least, progress)
    if not any(len(moment.web.edges) for moment in found):
        seen = ", ".join(str(one.step) for one in found)
        which = f"any snapshot (step {seen})" if step == "all" else f"step {seen}"
        got = f"no edge with a probability of {least:g} or more at {which}"
        remedy = "lower --threshold" if step == "all" else "lower --threshold, or choose another step"
        raise ConetError(got, "at least one edge", remedy)
    if format == "csv":
        table = edge_table(found)
        counts = {"nodes": len(np.unique(table.select("source", "target").to_numpy())), "edges": len(table)}
        content = as_csv(table)
    else:
        network = static_network(found) if format == "graphml" or len(found) == 1 else dynamic_network(found)
        counts = {"nodes": network.number_of_nodes(), "edges": network.number_of_edges()}
        if format == "gexf":
            place_nodes(network, found)
        content = as_text(network, format)
    write_output(out, content, partial(check_out, out, format))
    steps = [moment.step for moment in found]
    return {"file": str(out), "format": format, "steps": steps, "threshold": least} | counts


def check_out(out: Path, format: Format) -> None:
    """Refuse a place where there is something else than an earlier export of the same format.

    Raises
    ------
    ConetError
    """

    def is_one(file: BinaryIO) -> bool:
        first, second, third = (file.readline(LINE) for _ in range(3))
        if format == "csv":
            return first.decode(errors="replace") == ",".join(COLUMNS) + "\n"
        return second.startswith(f"<!-- {MARK} ".encode()) and third.startswith(f"<{format} ".encode())

    check_file(out, f"an earlier export as {format}", is_one)


def moments(
    run: Run, step: int | Literal["all"] | None, threshold: float, progress: Progress | None = None
) -> list[Moment]:
    """Read the webs of the snapshots asked for, each island with the number that it keeps."""
    last = snapshot_step(run, None if step == "all" else step)
    steps = run.snapshot_steps() if step == "all" else [last]
    found = []
    for place, seen in enumerate(snapshot_webs(run, threshold, steps)):
        found.append(seen)
        if progress:
            progress("snapshot", place + 1, len(steps), "")
    islands = follow([seen.web.labels for seen in found])
    return [Moment(seen.step, seen.web, seen.traffic, island) for seen, island in zip(found, islands)]


def edge_table(found: list[Moment]) -> "polars.DataFrame":
    """Return one row a step and edge, with the columns :data:`COLUMNS`."""
    import polars as pl

    tables = []
    for moment in found:
        web, role = moment.web, moment.web.attributes["role"]
        ends = (web.sources, web.targets)
        values = (
            *ends,
            web.weights,
            moment.traffic,
            moment.island[web.sources],
            *(role[end] for end in ends),
        )
        table = pl.DataFrame(dict(zip(COLUMNS[1:], values)))
        tables.append(table.select(pl.lit(moment.step).cast(pl.Int64).alias("step"), pl.all()))
    return pl.concat(tables)


def static_network(found: list[Moment]) -> "networkx.DiGraph":
    """Unite the webs; what changes is as it last was, and of several moments each edge has its steps."""
    import networkx

    network = networkx.DiGraph()
    for moment in found:
        for node, values in node_values(moment):
            network.add_node(node, **values)
        for ends, values in edge_values(moment):
            first = network.edges[ends]["first_step"] if network.has_edge(*ends) else moment.step
            spans = {"first_step": first, "last_step": moment.step} if len(found) > 1 else {}
            network.add_edge(*ends, **values, **spans)
    return network


def dynamic_network(found: list[Moment]) -> "networkx.DiGraph":
    """Unite the webs, with spells of being there and values that change, for GEXF.

    A snapshot stands for the time from its step to half a step before the next one.
    """
    import networkx

    network = networkx.DiGraph(mode="dynamic")
    ends_of = [float(later.step) - 0.5 for later in found[1:]] + [found[-1].step + 0.5]
    for moment, end in zip(found, ends_of):
        span = float(moment.step), end
        for node, values in node_values(moment):
            if node not in network:
                network.add_node(node, spells=[], role=values["role"], island=[], traffic=[])
            _extend(network.nodes[node], span, values, ("island", "traffic"))
        for ends, values in edge_values(moment):
            if not network.has_edge(*ends):
                network.add_edge(*ends, spells=[], probability=[], traffic=[])
            _extend(network.edges[ends], span, values, ("probability", "traffic"))
            network.edges[ends]["weight"] = values["weight"]
    return network


def _extend(
    known: dict[str, Any], span: tuple[float, float], values: dict[str, Any], names: tuple[str, ...]
) -> None:
    """Add a span of time: to the last spell where that ends at its start, else as a spell of its own."""
    joins = bool(known["spells"]) and span[0] - known["spells"][-1][1] == 0.5
    if joins:
        known["spells"][-1] = (known["spells"][-1][0], span[1])
    else:
        known["spells"].append(span)
    for name in names:
        if joins:  # a value lasts until the next one begins
            value, start, _ = known[name].pop()
            if value == values[name]:
                known[name].append((value, start, span[1]))
                continue
            known[name].append((value, start, span[0]))
        known[name].append((values[name], *span))


def node_values(moment: Moment) -> list[tuple[int, dict[str, Any]]]:
    """Return every node of a web with role, island and traffic."""
    nodes, known = moment.web.nodes, moment.web.attributes
    columns = known["role"][nodes].tolist(), moment.island[nodes].tolist(), known["traffic"][nodes].tolist()
    rows = zip(nodes.tolist(), *columns)
    return [
        (node, {"role": role, "island": island, "traffic": traffic}) for node, role, island, traffic in rows
    ]


def edge_values(moment: Moment) -> list[tuple[tuple[int, int], dict[str, Any]]]:
    """Return every edge of a web with its π, once as weight, and its traffic."""
    web = moment.web
    weights = np.ones(len(web.edges)) if web.weights is None else web.weights
    rows = zip(web.sources.tolist(), web.targets.tolist(), weights.tolist(), moment.traffic.tolist())
    return [
        ((source, target), {"weight": weight, "probability": weight, "traffic": traffic})
        for source, target, weight, traffic in rows
    ]


def place_nodes(network: "networkx.DiGraph", found: list[Moment]) -> None:
    """Say where each node is drawn, in one layout for all moments; not of large webs, which take minutes."""
    if network.number_of_nodes() > MOST_PLACED:
        return
    layout = lay_out(*(moment.web for moment in found))
    for node, (x, y) in zip(layout.nodes.tolist(), (SCALE * layout.position).tolist()):
        network.nodes[node]["viz"] = {"position": {"x": x, "y": y, "z": 0.0}}


def as_text(network: "networkx.DiGraph", format: Format) -> str:
    """Serialise a network, with our mark in its first lines."""
    import networkx

    buffer = BytesIO()
    if format == "gexf":
        networkx.write_gexf(network, buffer)
    else:
        networkx.write_graphml(network, buffer)
    declaration, rest = buffer.getvalue().decode().split("\n", 1)
    return f"{declaration}\n<!-- {MARK} {__version__} -->\n{rest}"
