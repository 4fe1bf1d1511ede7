"""The command line: parse, call, print."""

import json
import sys

from cyclopts import App, CycloptsError
from rich.console import Console

from conet import __version__
from conet.base.errors import ConetError
from conet.base.terminal import ReaderGone, guarded, tell, unfiltered
from conet.cli import capacity, compare, diagnose, experiments, llm, runs, webs
from conet.cli import verify as verify  # enters its command into those of llm
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
for other in (diagnose.diagnose, diagnose.heat, diagnose.watch, compare.compare):
    app.command(other)
app.command(webs.export)
app.command(webs.animate)
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
        tell(f"conet: {explain(error)}")
        return 2
    return 0


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
