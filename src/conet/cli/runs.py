"""Commands on one run: train, go on, report; and the presets."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError, Interrupted
from conet.base.files import CannotWrite
from conet.base.loading import without_collection
from conet.base.terminal import tell
from conet.base.text import one_line
from conet.cli.drawing import drawers, write_figures
from conet.cli.options import Figures, Flag, Json, Pairs, Whole, all_changes, count, note_unverified, shown
from conet.cli.summary import describe

if TYPE_CHECKING:
    from conet.config import Config


def run_command(
    *,
    preset: str | None = None,
    seed: Whole = None,
    steps: Whole = None,
    set_: Pairs = None,
    config: Path | None = None,
    out: Path | None = None,
    threads: Whole = None,
    control: Flag = False,
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
        A JSON or TOML file of settings, over the preset.
    out
        A new or empty directory; runs/<preset>-s<seed>-<time> by default.
    threads
        Threads for sampling; the result does not depend on it. All cores by default.
    control
        Let the page of `conet serve` steer the run: pause, heat, change the temperature, stop.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet.config import aliases, load
    from conet.config import preset as named
    from conet.runs import effects

    settings = load(config, preset) if config else named("reference" if preset is None else preset)
    changes = all_changes(set_, seed=seed, steps=steps)
    given = set(effects.differing(settings)) | {aliases.current(key, aliases.SETTINGS) for key in changes}
    before, settings = settings, settings.override(changes)
    for line in effects.without_effect(settings, given):
        tell(f"conet: {line}")

    def train(progress: Any) -> Any:
        from conet.runs import launch

        try:
            own: dict[str, Any] = {"threads": count(threads), "control": control}
            return launch.run(settings, out, progress=progress, tell=tell, **own)
        except ConetError as error:
            raise left_over(error, before, settings, config) from None

    _train(train, None, settings.steps, json_)


def left_over(error: ConetError, before: "Config", now: "Config", file: Path | None) -> ConetError:
    """Say of an option that is unknown where it comes from, if it belongs to what --set has replaced."""
    for section, which in (("learner", "name"), ("schedule", "name"), ("graph", "kind")):
        old, new = getattr(before, section), getattr(now, section)
        was = f"{section}.{which}={getattr(old, which)}"
        for option in old.options:
            key = f"{section}.{option}"
            if error.got.startswith(f"unknown key {key!r}") and getattr(old, which) != getattr(new, which):
                got = f"{key}={new.options[option]!r} with {section}.{which}={getattr(new, which)}"
                where = f"--config {file}" if file else f"the preset {before.preset}"
                return ConetError(got, error.expected, f"it comes from {where} and belongs to {was}")
    return error


def resume(
    run: Path,
    *,
    threads: Whole = None,
    trust: Flag = False,
    accept_changed_code: Flag = False,
    json_: Json = False,
) -> None:
    """Go on with an interrupted run; for a finished one, print its summary.

    Parameters
    ----------
    run
        The run directory.
    threads
        Threads for sampling; the result does not depend on it.
    trust
        Run Python files that its config names also where they lie in the run, are someone else's, or the run
        has no record of them: read them first.
    accept_changed_code
        Go on although such a file has changed since the run began; the run notes it.
    json_
        Print the summary as one JSON object on the last line.
    """
    from conet.runs import launch
    from conet.runs.endings import without_lock
    from conet.runs.run import Run

    note_unverified(run)
    allowed: dict[str, Any] = {"trust": trust, "accept_changed_code": accept_changed_code}
    with without_lock(run):
        directory = Run(run)
        _train(
            lambda progress: launch.resume(run, progress=progress, threads=count(threads), **allowed),
            directory.path,
            getattr(directory.config, "steps", 0),
            json_,
        )


def report(run: Path, *, format: str | None = None, out: Path | None = None, figure: Figures = None) -> None:
    """Write the report of a finished run again; of a `conet llm train`, also of an unfinished one.

    Parameters
    ----------
    run
        The run directory.
    format
        svg, pdf or png: write the figures alone, as files of this kind, and no page.
    out
        The folder for these files; the folder figures/ beside the report by default.
    figure
        A further figure, as path/to/file.py:name; may be repeated.
    """
    from conet.runs.log import place
    from conet.runs.recorder import tidy
    from conet.runs.run import Run

    if out is not None and format is None:
        raise ConetError(f"--out {out} without --format", "both, or none", "add --format svg, pdf or png")
    own = figure or []
    note_unverified(run)
    directory = Run(run)
    if directory.kind == "log":
        remedy = f"`conet diagnose {shown(place(run))}` draws its report"
        raise ConetError(f"{run}, a log", "a run of CoNet", remedy)
    if directory.finished:
        tidy(directory.path)
    if directory.kind == "language_model":
        from conet.cli import llm

        print(one_line(str(llm.report(run, own) if format is None else llm.figures(run, format, out, own))))
        return
    if not directory.finished:
        raise ConetError(
            f"{run}, an unfinished run", "a finished one", f"finish it with `conet resume {run}`"
        )
    if format is None:
        with drawers() as drawing:
            written = _write(directory, drawing, own)
    else:
        written = write_figures(directory, out, directory.path / "figures", format, own)
    print(one_line(str(written)))


def presets(*, describe: Flag = False, json_: Json = False) -> None:
    """List the presets, or describe every setting.

    Parameters
    ----------
    describe
        Say of every setting its type, default, range and meaning, in Markdown.
    json_
        Print all settings of each preset as one JSON object; with --describe, the descriptions as one
        JSON list.
    """
    if describe:
        from conet.cli import describe as reference

        print(json.dumps(reference.presets_rows()) if json_ else reference.presets_page())
        return
    from conet.config import PRESETS, aliases, preset

    if json_:
        dumped = {name: preset(name).model_dump(mode="json") for name in PRESETS}
        print(json.dumps({name: aliases.both_names(data, aliases.SETTINGS) for name, data in dumped.items()}))
        return
    for name, (purpose, changes) in PRESETS.items():
        print(f"{name}: {purpose}")
        if changes:
            print("    " + " ".join(f"{key}={value}" for key, value in changes.items()))


def _train(work: Any, place: Path | None, steps: int, as_json: bool) -> None:
    """Train with a live line, write the report if it is missing, print the summary.

    ``place`` is that of an earlier run.
    """
    from conet.report.seal import has_report
    from conet.runs.progress import training_line

    run = None
    try:
        with drawers(place is None or not has_report(place)) as drawing:
            with training_line(steps) as progress, ExitStack() as loading:
                loading.enter_context(without_collection())
                run = work(_after(loading.close, progress))
            summary = run.summary()
            if not has_report(run.path):
                tell("writing the report")
                _write(run, drawing)
    except CannotWrite as error:
        raise (error if run is None else error.then(f"conet report {run.path}")) from None
    except KeyboardInterrupt as interrupt:
        known = interrupt if isinstance(interrupt, Interrupted) else run
        if known is not None:
            tell(f"interrupted; go on with: conet resume {shown(known.path)}")
        raise
    print(json.dumps(summary) if as_json else describe(summary))


def _after(loaded: Callable[[], None], progress: Any) -> Callable[[dict[str, Any]], None]:
    """Return a progress that says first that all is loaded: so it is at the first update."""

    def show(row: dict[str, Any]) -> None:
        loaded()
        progress(row)

    return show


def _write(run: Any, drawing: Any, own: Sequence[str] = ()) -> Path:
    """Write the report of a run of walks."""
    with without_collection():
        from conet.report import write

        return write(run, drawing, own)
