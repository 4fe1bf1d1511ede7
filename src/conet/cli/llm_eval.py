"""What `conet llm eval` evaluates, whose code may judge, and how its result is said."""

from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.text import counted, listed
from conet.cli.options import note_unverified

PROBLEMS = "problems.parquet"  # of a run
OF_RUN = ("training", "held-out")  # problems that a run directory has
DEFAULT_LENGTH = 2048  # tokens of a completion where nothing says how many


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
