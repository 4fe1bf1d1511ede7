"""The command line: parse, call, print."""

import errno
import inspect
import json
import sys
from pathlib import Path

from cyclopts import App, CycloptsError, UnknownCommandError
from rich.console import Console

from conet import __version__
from conet.base.errors import ConetError, nearest
from conet.base.files import CannotWrite, cannot_write
from conet.base.terminal import ReaderGone, guarded, tell, unfiltered
from conet.cli import capacity, compare, diagnose, experiments, heat, llm, logs, runs, serve, traces, webs
from conet.cli.options import Json

app = App(
    name="conet",
    version=__version__,
    help="What is happening in an RLVR run: reasoning as a walk on a concept network.",
    help_format="plaintext",
)


app.command(runs.run_command, name="run")
for command in (runs.resume, runs.report, runs.presets, experiments.reproduce, experiments.sweep):
    app.command(command)
app.command(capacity.capacity)
for other in (diagnose.diagnose, heat.heat, diagnose.watch, logs.logs, compare.compare):
    app.command(other)
app.command(webs.export)
app.command(webs.animate)
app.command(serve.serve)
app.command(traces.web)
app.command(llm.app)


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

    result = run_bench(progress=tell, quick=quick)
    print(json.dumps(result) if json_ else format_table(result))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what the user can mend is one line on stderr and exit code 2."""
    with guarded():
        code = _run(arguments)
    if code:
        sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    """Return the exit code: 0 only when the work is done."""
    console = Console(file=unfiltered(sys.stdout))
    try:
        app(arguments, console=console, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except ReaderGone:  # results are printed when the work is done
        return 0
    except (ConetError, CycloptsError, MemoryError, RecursionError, OSError) as error:
        tell(f"conet: {explain(error, arguments)}")
        return 2
    return 0


def explain(error: BaseException, arguments: list[str] | None = None) -> ConetError:
    """Say what was got, what was expected, and what to do."""
    if isinstance(error, CannotWrite):
        option = elsewhere(error, arguments)
        remedy = f"{error.remedy}, or choose another {option}" if option else error.remedy
        return ConetError(error.got, error.expected, remedy)
    if isinstance(error, ConetError):
        return error
    if isinstance(error, UnknownCommandError):
        return unknown_command(error)
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
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return cannot_write(Path(error.filename or "a file"), error)
    return ConetError(
        f"{type(error).__name__}: {error}", "files that can be read and written", "check the place"
    )


def unknown_command(error: UnknownCommandError) -> ConetError:
    """Name the command that is closest, or all there are; of `conet llm` its own."""
    before = "".join(f"{name} " for name in error.command_chain or ())
    word = (error.unused_tokens or [""])[0]
    commands = error.app or app
    known = [name for name in commands if not name.startswith("-") and commands[name].show]
    close = nearest(word, known, before)
    remedy = close if close.startswith("known") else f"{close} `conet {before}--help` lists all"
    what = "option" if word.startswith("-") else "command"
    return ConetError(f"unknown {what} {before + word!r}", "a command", remedy)


def elsewhere(error: CannotWrite, arguments: list[str] | None = None) -> str:
    """Return the option of the command by which its output would go elsewhere; empty where there is none.

    So it is for a run that goes on, or whose report is written, in the run directory.
    """
    if error.path is None or error.goes_on:
        return ""
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    except (CycloptsError, ConetError):
        return ""
    place = error.path.absolute()
    given = {
        name: Path(value).absolute() for name, value in bound.arguments.items() if isinstance(value, Path)
    }
    for name in ("write", "out", "export"):
        if name in given and place.is_relative_to(given[name]):
            return f"--{name}"
    named = inspect.signature(command).parameters
    return "--out" if "out" in named and not any(map(place.is_relative_to, given.values())) else ""
