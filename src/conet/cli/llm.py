"""Commands on language models: train by a recipe, go on, evaluate."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from conet.base.errors import ConetError, Interrupted
from conet.base.kinds import EVALUATION
from conet.base.places import check_folder, holding
from conet.base.terminal import tell
from conet.base.text import listed, one_line
from conet.cli.llm_eval import DEFAULT_LENGTH, chosen, describe, settings_of, verifiers_of
from conet.cli.llm_plan import plan
from conet.cli.llm_summary import show_summary
from conet.cli.options import Flag, Json, Pairs, Whole, all_changes, note_unverified, parse_pairs, shown

app = App(name="llm", help="Annealed-RLVR on language models (the extra [llm]).", help_format="plaintext")
app.command(plan)


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
        tiny, routes, smollm2, deepscaler-1.5b-1gpu, deepscaler-1.5b-8gpu, or a TOML or JSON file.
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

    note_unverified(run)
    allowed: dict[str, Any] = {"trust": trust, "accept_changed_code": accept_changed_code}
    allowed["settings"] = all_changes(set_)
    with without_lock(run):
        _train(lambda show: training.go_on(run, show, **allowed), json_)


@app.command(name="eval")
def evaluate(
    model: str,
    problems: str,
    *,
    samples: Whole = 16,
    out: Path | None = None,
    engine: Literal["auto", "vllm", "transformers"] = "auto",
    length: Whole = None,
    batch: Whole = 64,
    set_: Pairs = None,
    trust: Flag = False,
    json_: Json = False,
) -> None:
    """Measure pass@k, best@k, mean and majority of a model on problems; an interrupted call goes on.

    Parameters
    ----------
    model
        A run directory, a model directory or hub name, or FILE.gguf or package:FILE.gguf.
    problems
        "training" or "held-out" (those of a run directory), or a .jsonl or .parquet file, or hub:NAME.
    samples
        Completions a problem.
    out
        Where completions and results go; eval-<problems> inside the run, or in the working directory, by
        default.
    engine
        vLLM where it and a GPU are there, else transformers.
    length
        Most tokens of a completion; the recipe's by default, 2048 without one.
    batch
        Prompts at a time, with transformers.
    set_
        Settings of a recipe over the run's, such as problems.verifier=minerva training.temperature=0.6
        problems.chat=true.
    trust
        Run a verifier that the run's recipe names also where its file lies in the run, is someone else's, or
        the run has no record of it: read it first.
    json_
        Print the result as one JSON object on the last line.
    """
    from conet.base.progress import line
    from conet.llm import evaluate as evaluation
    from conet.llm import identity, sampling
    from conet.llm import problems as sources
    from conet.llm import train as training

    training.check_installed()
    _hush()
    place = Path(model)
    run = (place / "recipe.json").exists()
    target = out or (place if run else Path()) / f"eval-{Path(problems).stem}"
    check_folder(target, EVALUATION)
    settings = settings_of(model, problems, run).override(parse_pairs(set_))
    found = chosen(sources.load(settings.problems), problems, settings.problems.held_out)
    options = settings.options()
    longest = length or options.get("max_completion_length", DEFAULT_LENGTH)
    if not samples or samples < 1 or not batch or batch < 1:
        raise ConetError(f"--samples {samples} --batch {batch}", "at least 1", "raise it")
    drawn_by = sampling.sampling_of(options)
    asked = identity.asked(
        found,
        settings.problems,
        samples,
        identity.of_model(settings.model, settings.seed),
        drawn_by,
        length=longest,
        engine=sampling.engine_of(settings.model, engine),
        batch=batch,
        seed=settings.seed,
    )
    generate = sampling.generator(settings.model, longest, drawn_by, batch, settings.seed, engine)
    verifiers = verifiers_of(Path(model), trust) if run else nullcontext()
    with holding(target), training.out_of_memory(), verifiers, line() as live:

        def show(done: int, total: int) -> None:
            live("problem", done, total, "")

        result = evaluation.evaluate(generate, found, settings.problems, asked, target, show)
    print(json.dumps(result) if json_ else describe(result, target))


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


def _hush() -> None:
    """Keep the libraries' own bars and notices to their programmers off the user's terminal."""
    import warnings

    from transformers.utils import logging

    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # of weights that are tied, of times of files: nothing to mend


def _train(work: Callable[[Any], Path], as_json: bool) -> None:
    """Train with a live line, and print the summary."""
    from conet.base.progress import line
    from conet.llm.train import check_installed

    check_installed()
    _hush()
    try:
        with line() as show:
            run = work(show)
    except Interrupted as interrupted:
        tell(f"interrupted; go on with: conet llm resume {shown(interrupted.path)}")
        raise
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        show_summary(run, as_json)
