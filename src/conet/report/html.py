"""The report of a run: one HTML file without scripts or network, and the figures beside it."""

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from conet.base.files import cannot_write, write_atomic
from conet.report import style
from conet.report.curves import draw_degree, draw_islands, draw_length
from conet.report.diversity import draw_entropy, draw_pass
from conet.report.drawing import draw
from conet.report.problems import draw_problems
from conet.report.style import Picture
from conet.report.webs import draw_webs
from conet.runs.run import Run
from conet.views import registry
from conet.views.walks_data import WalksData as Material


def draw_view(material: Material) -> Picture:
    """Draw the learning curve at two widths."""
    view = registry.make("learning-curve", registry.WALKS, material)
    wide, narrow = (style.to_svg(draw(view, width)) for width in ("column", "narrow"))
    caption = escape(f"{view.caption} {view.definition}")
    return Picture(view.name, view.title, caption, wide, narrow=narrow)


# In the order of the report; a new figure is one more function here.
FIGURES: tuple[Callable[[Material], Picture], ...] = (
    draw_webs, draw_view, draw_length, draw_islands, draw_degree, draw_problems, draw_pass, draw_entropy,
)  # fmt: skip


def write(run: Run) -> Path:
    """Write the figures and the report of a finished run; the same run gives the same bytes.

    Parameters
    ----------
    run
        A finished run.

    Returns
    -------
    Path
        ``RUN/report.html``; the figures are ``RUN/figures/*.svg``. Each file is replaced as a whole.

    Raises
    ------
    ConetError
        When a file of the run is damaged, or the place cannot be written.
    """
    with style.look():
        material = Material(run)
        pictures = [draw(material) for draw in FIGURES]
    folder = run.path / "figures"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for picture in pictures:
        if picture.svg is not None:
            write_atomic(folder / f"{picture.name}.svg", picture.svg)
    # Last, so that a report which is there is complete.
    write_atomic(run.path / "report.html", page(material, pictures))
    return run.path / "report.html"


def page(material: Material, pictures: list[Picture]) -> str:
    """Return the whole page."""
    run = material.run
    here = Path(__file__).parent
    config = run.config
    kept = "".join(details(*record) for record in records(run))
    values = {
        "kind": "CoNet run report",
        "title": escape(f"CoNet · {config.preset}, seed {config.seed}"),
        "preset": escape(config.preset),
        "subtitle": escape(subtitle(material)),
        "style": (here / "page.css").read_text(encoding="utf-8"),
        "links": "".join(f'<a href="#{p.name}">{escape(p.title)}</a>' for p in pictures)
        + '<a href="#records">Records</a>',
        "tiles": "".join(tile(*numbers) for numbers in headline(run.summary())),
        "figures": "".join(section(number, picture) for number, picture in enumerate(pictures, 1)),
        "details": f'<section id="records"><h2><a href="#records">Records</a></h2>\n{kept}</section>\n',
    }
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(values)


def subtitle(material: Material) -> str:
    """Describe the run in one line."""
    config = material.run.config
    graph, tasks, learner = config.graph, config.problems, config.learner
    parts = [
        f"seed {config.seed}",
        "1 step" if config.steps == 1 else f"{config.steps:,} steps",
        f"{graph.kind} graph, N = {material.nodes:,}" + ("" if graph.file else f", K = {graph.degree}"),
        f"M = {len(material.questions):,} questions, L = {tasks.max_length}",
        f"{learner.name}, G = {learner.rollouts}, {learner.optimizer.upper()}, rate {learner.learning_rate:g}",
        f"schedule {config.schedule.name}",
    ]
    return " · ".join(parts)


def section(number: int, picture: Picture) -> str:
    """One figure with its caption, or the sentence that says why there is none."""
    heading = f'<h2><a href="#{picture.name}">{escape(picture.title)}</a></h2>'
    kind = "wide" if picture.wide else "narrow"
    opening = f'<section id="{picture.name}" class="{kind}">{heading}'
    if picture.svg is None:
        return f'{opening}<p class="absent">{picture.caption}</p></section>\n'
    label = escape(f"{picture.title}. {plain(picture.caption)}.", quote=True)
    drawing = style.to_inline(picture.svg, picture.name, label)
    if picture.narrow is not None:
        narrow = style.to_inline(picture.narrow, f"{picture.name}-narrow", label)
        drawing = f'<div class="broad">{drawing}</div><div class="slim">{narrow}</div>'
    file = f"figures/{picture.name}.svg"
    return (
        f"{opening}<figure>{drawing}<figcaption><b>Figure {number}.</b> {picture.caption} "
        f'<a class="file" href="{file}">{file}</a></figcaption></figure></section>\n'
    )


def plain(caption: str) -> str:
    """First sentence of a caption, without markup."""
    return re.sub(r"<[^>]+>", "", caption).split(". ")[0].rstrip(".")


def headline(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Main numbers of a run: name, value, definition."""
    length, islands, web = summary["correct_length"], summary["islands"], summary["web"]
    passes = {int(k): value for k, value in summary["pass_at_k"].items()}
    arc = " → ".join(number(length[key], 1) for key in ("start", "min", "end"))
    where = "no correct rollout" if length["min"] is None else f"shortest at step {length['min_step']}"
    rows = [
        ("accuracy", number(summary["accuracy"], 3), "mean over the last 20 steps"),
        ("correct length", arc, f"first 5 steps, shortest 9-step window, last 20 steps; {where}"),
        ("islands", f"{islands['peak']} → {islands['end']}", f"most (step {islands['peak_step']}) and at the end"),
        (
            "average degree", f"{number(web['mean_degree'], 2)} | {number(web['traffic_mean_degree'], 2)}",
            f"final web, thresholded | traffic; {web['cycle_rank']} independent cycles",
        ),
    ]  # fmt: skip
    if passes:
        most = max(passes)
        rows.append((f"pass@1 | pass@{most}", f"{number(passes[min(passes)], 3)} | {number(passes[most], 3)}",
                     "unbiased, of the final policy"))  # fmt: skip
    millions = summary["walker_steps"] / 1e6
    rows.append(
        ("training", f"{summary['seconds']:.1f} s", f"with metrics; {millions:,.1f} million steps of walks")
    )
    return rows


def number(value: float | None, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"


def tile(name: str, value: str, definition: str) -> str:
    """One number of the headline row."""
    return f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd class="what">{escape(definition)}</dd></div>'


def records(run: Run) -> list[tuple[str, Any]]:
    """What stands at the end, folded."""
    return [
        ("Summary (what --json prints)", run.summary()),
        ("Provenance", run.provenance()),
        ("Configuration", json.loads(run.config.to_json())),
        ("Events", run.events()),
    ]


def details(name: str, content: Any) -> str:
    """A folded record as indented JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>\n"
