"""The command line: parse, call, print."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, Token

from conet import __version__
from conet.errors import ConetError

app = App(
    name="conet",
    version=__version__,
    help="What is happening in an RLVR run: reasoning as a walk on a concept network.",
    help_format="plaintext",
)


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read a whole number as written; 1.5 is none, and is not cut down to 1."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ConetError(f"{tokens[0].keyword} {text[:100]!r}", "a whole number", "for example 100") from None


Whole = Annotated[int | None, Parameter(converter=whole)]
Pairs = Annotated[list[str] | None, Parameter(name="--set", consume_multiple=True, negative=())]
Json = Annotated[bool, Parameter(name="--json", negative=())]


@app.command(name="run")
def run_command(
    *,
    preset: str | None = None,
    seed: Whole = None,
    steps: Whole = None,
    set_: Pairs = None,
    config: Path | None = None,
    out: Path | None = None,
    threads: Whole = None,
    json_: Json = False,
) -> None:
    """Train CoNet and leave a run directory with a report.

    Parameters
    ----------
    preset
        Named settings, `reference` by default; `conet presets` lists them.
    seed
        Seed of graph, questions and walks.
    steps
        Number of updates.
    set_
        Settings as key=value, such as graph.nodes=400 learner.name=rloo; may be repeated.
    config
        A JSON file of settings, over the preset.
    out
        A new or empty directory; runs/<preset>-s<seed>-<time> by default.
    threads
        Threads for sampling; the result does not depend on it. All cores by default.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet import train
    from conet.config import load
    from conet.config import preset as named

    settings = load(config, preset) if config else named("reference" if preset is None else preset)
    changes = parse_pairs(set_)
    changes |= {key: value for key, value in (("seed", seed), ("steps", steps)) if value is not None}
    settings = settings.override(changes)
    place = out or train.default_place(settings)
    _train(lambda progress: train.run(settings, place, progress=progress, threads=count(threads)),
           place, settings.steps, json_)  # fmt: skip


@app.command
def resume(run: Path, *, threads: Whole = None, json_: Json = False) -> None:
    """Go on with an interrupted run; for a finished one, print its summary.

    Parameters
    ----------
    run
        The run directory.
    threads
        Threads for sampling; the result does not depend on it.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet import store, train

    directory = store.Run(run)
    _train(lambda progress: train.resume(run, progress=progress, threads=count(threads)),
           run, directory.config.steps, json_)  # fmt: skip


@app.command
def report(run: Path) -> None:
    """Write the report of a finished run again.

    Parameters
    ----------
    run
        The run directory.
    """
    from conet import store
    from conet.report import write

    directory = store.Run(run)
    if not directory.finished:
        raise ConetError(
            f"{run}, an unfinished run", "a finished one", f"finish it with `conet resume {run}`"
        )
    print(write(directory))


@app.command
def presets(*, json_: Json = False) -> None:
    """List the presets.

    Parameters
    ----------
    json_
        Print all settings of each as one JSON object.
    """
    from conet.config import PRESETS, preset

    if json_:
        print(json.dumps({name: preset(name).model_dump(mode="json") for name in PRESETS}))
        return
    for name, (purpose, changes) in PRESETS.items():
        print(f"{name}: {purpose}")
        if changes:
            print("    " + " ".join(f"{key}={value}" for key, value in changes.items()))


@app.command
def reproduce(
    *claims: str,
    seeds: int | None = None,
    jobs: int | None = None,
    backend: Literal["joblib", "ray"] = "joblib",
    quick: Annotated[bool, Parameter(negative=())] = False,
    exhaustive: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Answer for each claim of the paper whether it holds.

    Parameters
    ----------
    claims
        C1 to C9, or the name of a further experiment; all of the level where none is named.
    seeds
        Independent runs: 10 with --quick, 32 by default, 64 with --exhaustive.
    jobs
        Processes; all cores by default.
    backend
        joblib (processes here) or ray (a cluster; the extra [cluster]).
    quick
        C1 to C8 with few seeds, in minutes.
    exhaustive
        Larger graphs and more seeds, in hours.
    out
        Where the pages, figures and cached cells go; runs/reproduce by default. An interrupted call goes on there.
    json_
        Print all verdicts as one JSON object on the last line.
    """
    from conet.experiments.reproduce import reproduce as answer
    from conet.progress import cell_line

    if quick and exhaustive:
        raise ConetError("--quick and --exhaustive", "one of them", "leave one out")
    level = "quick" if quick else "exhaustive" if exhaustive else "full"
    place = out or Path("runs/reproduce")
    command = " ".join(["conet reproduce", *claims, *([f"--{level}"] if level != "full" else [])])
    command += f" --seeds {seeds}" if seeds else ""
    with cell_line() as progress:
        found = answer(claims, out=place, seeds=seeds, jobs=count(jobs, "--jobs"), backend=backend, level=level,
                       progress=progress, command=command)  # fmt: skip
    if json_:
        print(json.dumps(found))
        return
    for row in found["verdicts"]:
        low, high = row["ci"]
        numbers = "" if None in (low, high) else f"{row['estimate']:.3g} [{low:.3g}, {high:.3g}]"
        print(f"{row['claim']:4} {row['verdict']:9} {row['statistic']}: {numbers}")
    print(f"report {place / 'report.html'}")


@app.command
def bench(*, quick: bool = False, json_: Json = False) -> None:
    """Measure the engine beside other implementations, in one run.

    Parameters
    ----------
    quick
        Fewer repeats, without the large graph.
    json_
        Print the result as one JSON object on the last line.
    """
    from conet.bench import format_table, run_bench

    result = run_bench(progress=lambda line: print(line, file=sys.stderr, flush=True), quick=quick)
    print(json.dumps(result) if json_ else format_table(result))


def _train(work: Any, place: Path, steps: int, as_json: bool) -> None:
    """Train with a live line, write the report if it is missing, print the summary."""
    from conet.progress import training_line

    try:
        with training_line(steps) as progress:
            run = work(progress)
        summary = run.summary()
        if not (run.path / "report.html").exists():
            from conet.report import write

            print("writing the report", file=sys.stderr, flush=True)
            write(run)
    except KeyboardInterrupt:
        if place.exists():
            print(f"interrupted; go on with: conet resume {place}", file=sys.stderr)
        raise
    print(json.dumps(summary) if as_json else describe(summary))


def describe(summary: dict[str, Any]) -> str:
    """Put a summary into a few lines."""
    length, islands, web = summary["correct_length"], summary["islands"], summary["web"]
    shape = "no walk was correct"
    if length["min"] is not None:
        numbers = [
            f"{length[key]:.2f}" if length[key] is not None else "-" for key in ("start", "min", "end")
        ]
        shape = f"{numbers[0]} → {numbers[1]} (step {length['min_step']}) → {numbers[2]} steps"
    passes = "  ".join(
        f"{k}: {value:.3f}" for k, value in summary["pass_at_k"].items() if k in ("1", "16", "256")
    )
    return "\n".join(
        [
            f"accuracy        {summary['accuracy']:.3f}, the last 20 steps",
            f"correct length  {shape}",
            f"islands         at most {islands['peak']} (step {islands['peak_step']}), {islands['end']} at the end",
            f"average degree  {web['mean_degree']:.2f}, traffic web {web['traffic_mean_degree']:.2f}",
            f"pass@k          {passes}",
            f"time            {summary['seconds']:.1f} s, {summary['walker_steps'] / 1e6:.1f} M walker-steps",
            f"report          {Path(summary['run']) / 'report.html'}",
        ]
    )


def parse_pairs(pairs: list[str] | None) -> dict[str, Any]:
    """Turn the arguments of ``--set`` into changes of the config; of a key given twice, the last counts."""
    if pairs == []:
        raise ConetError("--set without a pair", "key=value", "for example --set graph.nodes=400")
    changes = dict(parse_pair(pair) for pair in pairs or [])
    if "preset" in changes:
        raise ConetError("--set preset=…", "the option --preset", f"--preset {changes['preset']}")
    return changes


def parse_pair(pair: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is JSON where it reads as JSON, else text."""
    key, separator, text = pair.partition("=")
    if not separator or not key:
        raise ConetError(f"--set {pair[:100]}", "key=value", "for example --set graph.nodes=400")
    if text.lower() in ("none", "true", "false"):
        return key, {"none": None, "true": True, "false": False}[text.lower()]
    try:
        return key, json.loads(text)
    except (ValueError, RecursionError):
        return key, text


def count(given: int | None, option: str = "--threads") -> int:
    """Return the number of threads or processes asked for, or the cores there are."""
    if given is not None and not 1 <= given <= 1024:
        raise ConetError(f"{option} {given}", "1 to 1024", "leave it out to use all cores")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return given or cores or 1


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a sign is no reason to fail
    try:
        app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has seen enough
    except (ConetError, CycloptsError, MemoryError, RecursionError, OSError) as error:
        print(f"conet: {explain(error)}", file=sys.stderr)
        sys.exit(2)


def explain(error: BaseException) -> ConetError:
    """Say what was got, what was expected, and what to do."""
    if isinstance(error, ConetError):
        return error
    if isinstance(error, CycloptsError):
        message = " ".join(str(error).split()).rstrip(".")
        return ConetError(
            message, "a command and its options", "see `conet --help` and `conet COMMAND --help`"
        )
    if isinstance(error, MemoryError):
        return ConetError(
            "out of memory", "a smaller problem", "use fewer nodes, questions, rollouts or steps"
        )
    if isinstance(error, RecursionError):
        return ConetError(
            "values nested too deeply", "settings at most two levels deep", "see `conet presets --json`"
        )
    return ConetError(
        f"{type(error).__name__}: {error}", "files that can be read and written", "check the place"
    )
