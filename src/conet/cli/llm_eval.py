"""The command that evaluates a language model: on what, whose code may judge, and how its result is said."""

import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from conet.base.errors import ConetError
from conet.base.kinds import EVALUATION
from conet.base.places import check_folder, holding
from conet.base.terminal import tell
from conet.base.text import counted, listed
from conet.cli.options import Count, Flag, Json, Pairs, Whole, note_unverified
from conet.config.pairs import parse_pairs

PROBLEMS = "problems.parquet"  # of a run
OF_RUN = ("training", "held-out")  # problems that a run directory has
DEFAULT_LENGTH = 2048  # tokens of a completion where nothing says how many


def evaluate(
    model: str,
    problems: str,
    *,
    samples: Count = 16,
    out: Path | None = None,
    engine: Literal["auto", "vllm", "transformers"] = "auto",
    length: Whole = None,
    batch: Count = 64,
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
    from conet.llm import problems as sources
    from conet.llm.train import check_installed, out_of_memory

    check_installed()
    for name, value in (("--samples", samples), ("--batch", batch), ("--length", length)):
        if value is not None and value < 1:
            raise ConetError(f"{name} {value}", "at least 1", "raise it")
    place = Path(model)
    run = (place / "recipe.json").exists()
    target = out or (place if run else Path()) / f"eval-{Path(problems).stem}"
    check_folder(target, EVALUATION)
    settings = settings_of(model, problems, run).override(parse_pairs(set_))
    get_ready()
    found = chosen(sources.load(settings.problems), problems, settings.problems.held_out)
    asked, generate = set_up(settings, found, samples, length, engine, batch)
    verifiers = verifiers_of(place, trust) if run else nullcontext()
    with holding(target), out_of_memory(), verifiers, line() as live:

        def show(done: int, total: int) -> None:
            live("problem", done, total, "")

        result = evaluation.evaluate(generate, found, settings.problems, asked, target, show)
    print(json.dumps(result) if json_ else describe(result, target))


def set_up(
    settings: Any, found: list[Any], samples: int, length: int | None, engine: str, batch: int
) -> tuple[dict[str, Any], Any]:
    """Return all that the answers depend on, and what draws them.

    Parameters
    ----------
    settings
        A recipe.
    found
        The problems.
    length
        Most tokens of a completion; the recipe's where absent.
    engine, batch
        As the command has them.
    """
    from conet.llm import identity, sampling

    options = settings.options()
    longest = length or options.get("max_completion_length", DEFAULT_LENGTH)
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
    return asked, sampling.generator(settings.model, longest, drawn_by, batch, settings.seed, engine)


def get_ready() -> None:
    """Refuse where the extra is missing, and keep the libraries' own bars and notices off the terminal."""
    import warnings

    from conet.llm.train import check_installed

    check_installed()
    say_loading()
    from transformers.utils import logging

    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # of weights that are tied, of times of files: nothing to mend


def say_loading() -> None:
    """Say what takes the first seconds of a command, in one of several processes."""
    if "torch" not in sys.modules and os.environ.get("RANK", "0") == "0":
        tell("loading torch and transformers")


def verifiers_of(run: Path, trust: bool) -> Any:
    """Let a verifier that a run's recipe names run only if it is known, or trusted."""
    from conet.runs.code import code_of
    from conet.runs.run import Run

    return code_of(Run(run), trust, accept_changed=True)


def settings_of(model: str, problems: str, run: bool) -> Any:
    """Return the settings of the run, or of no run, with model and problems put into them."""
    from conet.runs.recipe import Recipe
    from conet.runs.run import Run

    empty = {"max_completion_length": DEFAULT_LENGTH}
    settings = Run(model).config if run else Recipe(name="eval", training=empty)
    changes: dict[str, Any] = {}
    if run:
        note_unverified(Path(model))
        Run(model).verify("model/")
        changes |= {"model.path": str(Path(model) / "model"), "model.gguf": None, "model.tokenizer": None}
    else:
        changes["model.gguf" if model.endswith(".gguf") else "model.path"] = model
    if problems not in OF_RUN:
        changes |= {"problems.source": problems, "problems.limit": None}
        if Path(problems).name == PROBLEMS:  # what a run has written, whatever its own source was called
            changes |= {"problems.question": "question", "problems.answer": "answer"}
    elif not run:
        raise ConetError(f"the {problems} problems of {model}", "a run directory", "name a file of problems")
    return settings.override(changes)


def chosen(found: list[Any], problems: str, held_out: int) -> list[Any]:
    """Return the problems that were trained on, or those that were held out; all of a file.

    Raises
    ------
    ConetError
        Where there are none of that kind.
    """
    if problems not in OF_RUN:
        return found
    first = max(0, len(found) - held_out)
    parts = {"training": found[:first], "held-out": found[first:]}
    if not parts[problems]:
        got = f"no {problems} problem: {len(found)} problems, {held_out} of them held out"
        raise ConetError(got, "at least one", "evaluate on the other part, or on a file of problems")
    return parts[problems]


def describe(result: dict[str, Any], target: Path) -> str:
    """Put an evaluation into a few lines."""

    def shown(cell: dict[str, Any]) -> str:
        around = "" if cell["low"] is None else f" [{cell['low']:.3f}, {cell['high']:.3f}]"
        return f"{cell['value']:.3f}{around}"

    what, samples = counted(result["problems"], "problem"), counted(result["samples"], "sample")
    lines = [f"{what}, {samples} each; intervals over problems"]
    lines += [f"pass@{k:<4} {shown(cell)}" for k, cell in result["pass_at_k"].items()]
    asked = result["asked"]
    model = asked["model"]
    drawn = ", ".join(f"{name} {value}" for name, value in asked["sampling"].items() if value is not None)
    lines += [
        f"majority  {shown(result['majority'])}",
        f"model     {model['name']}, {(model.get('sha256') or model.get('revision') or 'unknown')[:12]}",
        f"sampling  {drawn}, at most {asked['length']} tokens, {asked['engine']}, seed {asked['seed']}",
        f"written   {target}",
    ]
    return listed(lines)
