"""Commands on language models: train by a recipe, go on, and what there is of recipes."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cyclopts import App

from conet.base.errors import Interrupted
from conet.base.terminal import tell
from conet.base.text import listed, one_line
from conet.cli.llm_eval import evaluate, get_ready
from conet.cli.llm_plan import plan
from conet.cli.llm_summary import show_summary
from conet.cli.options import Flag, Json, Pairs, Whole, all_changes, note_unverified, shown
from conet.cli.verify import verify

app = App(name="llm", help="Annealed-RLVR on language models (the extra [llm]).", help_format="plaintext")
app.command(plan)
app.command(verify)
app.command(evaluate, name="eval")


@app.command
def train(
    recipe: str,
    *,
    out: Path | None = None,
    seed: Whole = None,
    steps: Whole = None,
    set_: Pairs = None,
    json_: Json = False,
) -> None:
    """Train a language model: GRPO, a short heating, GRPO again.

    Parameters
    ----------
    recipe
        tiny, routes, smollm2, smollm2-cpu, deepscaler-1.5b-1gpu, deepscaler-1.5b-8gpu, or a TOML
        or JSON file.
    out
        A new or empty directory; runs/llm-<recipe>-s<seed>-<time> by default.
    seed
        Seed of weights, data order and sampling.
    steps
        Number of updates.
    set_
        Settings as key=value, such as heating.mode=rlvr training.learning_rate=1e-5; may be repeated.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet.llm import train as training
    from conet.runs.recipe import beside, load

    settings = beside(load(recipe).override(all_changes(set_, seed=seed, steps=steps)), Path.cwd())
    _train(lambda show: training.run(settings, out, show), json_)


@app.command
def recipes(*, describe: Flag = False, json_: Json = False) -> None:
    """List the recipes that come with the package and where their files are, or describe every setting.

    Parameters
    ----------
    describe
        Say of every setting its type, default, range and meaning, in Markdown.
    json_
        Print all settings of each recipe as one JSON object; with --describe, the descriptions as one
        JSON list.
    """
    from conet.cli import describe as reference
    from conet.config import aliases
    from conet.llm.launching import configurations
    from conet.runs import recipe

    if describe:
        print(json.dumps(reference.recipes_rows()) if json_ else reference.recipes_page())
        return
    if json_:
        dumped = {name: recipe.load(name).model_dump(mode="json") for name in recipe.shipped()}
        print(json.dumps({name: aliases.both_names(data, aliases.RECIPES) for name, data in dumped.items()}))
        return
    for name, path in recipe.shipped().items():
        print(listed([f"{name}: {recipe.load(name).purpose}", f"    {path}"]))
        for other in configurations(name):
            print(one_line(f"    {other}"))


@app.command
def init(file: Path, *, recipe: str = "tiny") -> None:
    """Write a recipe of one's own, with every key and what it means.

    Parameters
    ----------
    file
        A new TOML file.
    recipe
        What it begins as: a shipped name, or a file.
    """
    from conet.cli import template
    from conet.runs.recipe import load

    template.write(load(recipe), file)
    print(listed([f"written {file}", f"train   conet llm train {shown(file)}"]))


@app.command
def resume(
    run: Path,
    *,
    set_: Pairs = None,
    trust: Flag = False,
    accept_changed_code: Flag = False,
    json_: Json = False,
) -> None:
    """Go on with an interrupted training; for a finished one, print its summary.

    Parameters
    ----------
    run
        The run directory.
    set_
        Settings as key=value that hold from here on, such as steps=300 or
        training.per_device_train_batch_size=8; the run notes them.
    trust
        Run Python files that its recipe names also where they lie in the run, are someone else's, or the run
        has no record of them: read them first.
    accept_changed_code
        Go on although such a file has changed since the run began; the run notes it.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet.llm import train as training
    from conet.runs.endings import without_lock
    from conet.runs.run import Run

    note_unverified(run)
    allowed: dict[str, Any] = {"trust": trust, "accept_changed_code": accept_changed_code}
    allowed["settings"] = all_changes(set_)
    with without_lock(run):
        training.check_installed()
        Run(run)  # what is none is refused before the libraries load
        _train(lambda show: training.go_on(run, show, **allowed), json_)


def report(run: Path, own: Sequence[str] = ()) -> str:
    """Write the report of a training's rollouts, in RUN/diagnosis, and return its path."""
    from conet.cli.drawing import drawers
    from conet.diagnosis import diagnose, write
    from conet.report.diagnosis import write as page

    with drawers() as drawing:
        found = write(diagnose(run), run / "diagnosis", lambda found, out: page(found, out, drawing, own))
    return str(found["report"])


def figures(run: Path, format: str, out: Path | None, own: Sequence[str] = ()) -> Path:
    """Write the figures of that report as files, and return their folder."""
    from conet.cli.drawing import write_figures
    from conet.diagnosis import diagnose

    return Path(write_figures(diagnose(run), out, run / "diagnosis" / "figures", format, own))


def _train(work: Callable[[Any], Path], as_json: bool) -> None:
    """Train with a live line, and print the summary."""
    from conet.base.progress import line

    get_ready()
    try:
        with line() as show:
            run = work(show)
    except Interrupted as interrupted:
        tell(f"interrupted; go on with: conet llm resume {shown(interrupted.path)}")
        raise
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        show_summary(run, as_json)
