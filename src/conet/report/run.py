"""The page of a run of walks."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conet.base.files import as_bytes
from conet.base.text import number
from conet.detect.valley import ELSEWHERE
from conet.report import pages
from conet.report.drawing.drawers import Drawers
from conet.report.seal import seal
from conet.runs.given import settings_of
from conet.runs.run import Run
from conet.views.source import source_of
from conet.views.walks_data import WalksData


def write(run: Run, drawers: Drawers | None = None, figures: Sequence[str] = ()) -> Path:
    """Write the figures and the report of a finished run; the same run gives the same bytes.

    Parameters
    ----------
    run
        A finished run.
    drawers
        Other processes to draw in; this one where absent.
    figures
        Further ones, each as ``path/to/file.py:function``.

    Returns
    -------
    Path
        ``RUN/report.html``; the figures are ``RUN/figures/*.svg``. Each file is replaced as a whole.

    Raises
    ------
    ConetError
        When a file of the run is damaged, or the place cannot be written.
    """
    source = source_of(run, figures)
    # The first takes longest to be made, so the others are drawn meanwhile.
    views = (source.view(name) for name in reversed(source.names()))
    drawn = pages.pictures(views, drawers)[::-1]
    return pages.write_page(run.path, drawn, page(source.data, drawn))


def page(data: WalksData, drawn: list[pages.Picture]) -> str:
    """Return the whole page."""
    run = data.run
    return pages.render(
        "run.html",
        kind="CoNet run report",
        title=f"CoNet · {run.config.preset}, seed {run.config.seed}",
        heading=run.config.preset,
        subtitle=subtitle(data),
        tiles=headline(run.summary()),
        links=pages.links(drawn, ("records", "Records")),
        pictures=drawn,
        seal=seal(run.path, {f"figures/{each.name}.svg": as_bytes(each.svg) for each in drawn if each.svg}),
        records=[(name, pages.as_text(content)) for name, content in records(run)],
    )


def subtitle(data: WalksData) -> str:
    """Describe the run in one line."""
    config = data.run.config
    settings = settings_of(data.run)  # of objects from Python, where a run was given some
    parts = [
        f"seed {config.seed}",
        "1 update" if config.steps == 1 else f"{config.steps:,} updates",
        _graph(settings, data.nodes),
        f"M = {len(data.questions):,} problems, L = {data.run.problems().max_length}",
        _learner(settings),
        f"schedule {settings['schedule.name']}",
    ]
    return " · ".join(parts)


def _graph(settings: Mapping[str, Any], nodes: int) -> str:
    if "graph.degree" not in settings:
        return f"graph: an object, N = {nodes:,}"
    degree = f", K = {settings['graph.degree']}" if settings["graph.file"] is None else ""
    return f"{settings['graph.kind']} graph, N = {nodes:,}{degree}"


def _learner(settings: Mapping[str, Any]) -> str:
    name = settings["learner.name"]
    if "learner.rollouts" not in settings:  # an object, of which an older run kept no options
        return f"learner {name}"
    optimizer, rate = settings["learner.optimizer"].upper(), settings["learner.learning_rate"]
    return f"{name}, G = {settings['learner.rollouts']}, {optimizer}, rate {rate:g}"


def headline(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Main numbers of a run: name, value, definition."""
    length, islands, web = summary["correct_length"], summary["islands"], summary["web"]
    passes = {int(k): value for k, value in summary["pass_at_k"].items()}
    arc = " → ".join(number(length[key], 1) for key in ("start", "min", "end"))
    where = "no correct rollout" if length["min"] is None else f"shortest at update {length['min_step']}"
    where = length.get("v_why") or where
    where += ", so not the ratio of these lengths" if ELSEWHERE in where else ""
    where = where.replace("step", "update")  # what the other tiles call it
    degrees = f"{number(web['mean_degree'], 2)} | {number(web['traffic_mean_degree'], 2)}"
    rows = [
        ("accuracy", number(summary["accuracy"], 3), "mean over the last 20 updates"),
        ("correct length", arc, f"first 5 updates, shortest 9-update window, last 20 updates; {where}"),
        (
            "islands",
            f"{islands['peak']} → {islands['end']}",
            f"most (update {islands['peak_step']}) and at the end" if islands["peak"] else "never any",
        ),
        (
            "average degree",
            degrees,
            f"final web, thresholded | traffic; {web['cycle_rank']} independent cycles",
        ),
    ]
    if passes:
        most = max(passes)
        both = f"{number(passes[min(passes)], 3)} | {number(passes[most], 3)}"
        rows.append((f"pass@1 | pass@{most}", both, "unbiased, of the final policy"))
    millions = summary["walker_steps"] / 1e6
    rows.append(
        ("training", f"{summary['seconds']:.1f} s", f"with metrics; {millions:,.1f} million hops of walks")
    )
    return rows


def records(run: Run) -> list[tuple[str, Any]]:
    """What stands at the end, folded."""
    return [
        ("Summary (what --json prints)", run.summary()),
        ("Provenance", run.provenance()),
        ("Configuration", json.loads(run.config.to_json())),
        ("Events", run.events()),
    ]
