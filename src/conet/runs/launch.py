"""From a config to a run directory, and going on with one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.lock import exclusive
from conet.config import Config
from conet.learners import Learner
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables.standard import Observables
from conet.runs.code import code_of, noted
from conet.runs.control import DONE, NOTED
from conet.runs.directory import check_out, created
from conet.runs.endings import leaving_nothing, saying_where
from conet.runs.given import noted as given_objects
from conet.runs.objects import OLD_NAMES, checked
from conet.runs.opening import opened
from conet.runs.progress import Progress, watched
from conet.runs.provenance import TRANSFORMERS, WALKS, provenance
from conet.runs.run import Run
from conet.runs.schedule import Phase, Schedule
from conet.runs.size import announce
from conet.runs.trainer import Trainer
from conet.runs.training import FOLDERS, begun, first_files, train


@checked
def run(
    config: Config,
    out: str | Path | None = None,
    *,
    graph: Graph | None = None,
    problems: Problems | None = None,
    learner: Learner | None = None,
    observables: Observables | None = None,
    schedule: Schedule | Sequence[Phase] | None = None,
    threads: int = 1,
    progress: bool | Progress | None = None,
    command: list[str] | None = None,
    tell: Callable[[str], None] | None = None,
    control: bool = False,
) -> Run:
    """Train, leaving a run directory; `conet report` draws its page and figures.

    Parameters
    ----------
    config
        The settings.
    out
        A new or empty directory; the next free ``runs/<preset>-s<seed>-<time>`` where absent.
    graph, problems
        A concept network, and questions and answers on it, in place of what the config says; the run
        directory keeps both.
    learner
        A :class:`conet.Learner` with its options, in place of the config's.
    observables
        Functions of an :class:`~conet.observables.Observation`, as a list or by name; their results stand in
        the metrics, after those of the observables that the config names.
    schedule
        A function of a :class:`~conet.runs.schedule.Setup` or a tuple of
        :class:`~conet.runs.schedule.Phase`, in place of the config's.
    threads
        For sampling; the result does not depend on it.
    progress
        True for a live line, False for none, or a function of a row of metrics; in a notebook there is a
        line where nothing is said.
    command
        For the provenance; the command line of the process where absent.
    tell
        Told beforehand where the run will write much.
    control
        Whether the run may be steered while it trains (see :mod:`conet.runs.control`).

    Raises
    ------
    ConetError
        For settings or objects that do not fit together, or a place that cannot be written. A run that
        fails before its first checkpoint leaves nothing behind.
    """
    place = None if out is None else Path(out)
    if place is not None:
        check_out(place)
    own: dict[str, Any] = {"learner": learner, "observables": observables, "schedule": schedule}
    trainer = Trainer(config, graph=graph, problems=problems, threads=threads, **own)
    config = trainer.config  # as the run directory keeps it
    given = sorted(name for name, value in own.items() if value is not None)
    code = noted(config.model_dump(mode="json"))
    comes_from = provenance(
        config.seed,
        config.content_hash,
        TRANSFORMERS if config.policy.kind == "neural" else WALKS,
        command=command,
        objects=given,
        given=given_objects({"graph": graph, "problems": problems, **own}),
        code=code,
    )
    if control:
        comes_from[NOTED] = DONE
    if tell is not None:
        announce(config, trainer.policy.graph.edges, len(trainer.problems), tell)
    made = created(place, config.preset, config.seed, first_files(trainer, comes_from), FOLDERS)
    with made as held, leaving_nothing(held, begun), watched(progress, config.steps) as show:
        return train(held, trainer, None, show, control)


@checked
def resume(
    path: str | Path,
    *,
    graph: Graph | None = None,
    problems: Problems | None = None,
    learner: Learner | None = None,
    observables: Observables | None = None,
    schedule: Schedule | Sequence[Phase] | None = None,
    threads: int = 1,
    progress: bool | Progress | None = None,
    trust: bool = False,
    accept_changed_code: bool = False,
) -> Run:
    """Go on with an interrupted run; a finished one is returned as it is.

    Parameters
    ----------
    path
        The run directory.
    graph, problems
        The run keeps its own; if they are given, they must be the same.
    learner, observables, schedule
        As for :func:`run`; what was given there must be given again.
    threads, progress
        As for :func:`run`.
    trust
        Whether to run Python files that the config names, wherever they lie and whosever they are. Without
        it, only such as the run began with, that lie outside it and are the user's own.
    accept_changed_code
        Whether to go on where such a file has changed since; the run notes it as an event.

    Raises
    ------
    ConetError
        When the directory is no run, a file of it is damaged, an object is lacking or another one, code that
        its config names may not run or has changed, or another process works on the run.
    """
    directory = opened(path, "walks")
    if directory.finished:
        return directory
    own: dict[str, Any] = {"learner": learner, "observables": observables, "schedule": schedule}
    _check_again(directory, own, graph, problems)
    with exclusive(directory.path) as held, saying_where(held):
        if not directory.finished:
            kept = directory.graph(), directory.problems()
            with code_of(directory, trust, accept_changed_code) as changes:
                trainer = Trainer(directory.config, graph=kept[0], problems=kept[1], threads=threads, **own)
                with watched(progress, trainer.config.steps) as show:
                    return train(held, trainer, changes, show)
    return opened(path, "walks")  # another process has finished it meanwhile


def _check_again(
    directory: Run, own: Mapping[str, Any], graph: Graph | None, problems: Problems | None
) -> None:
    """Refuse to go on without the objects that a run began with, or with another graph or other problems."""
    began = {OLD_NAMES.get(name, name) for name in directory.provenance().get("objects", ())}
    lacking = ", ".join(sorted(name for name in began if own.get(name) is None))
    if lacking:
        got = f"{directory.path}, a run with Python objects of its own: {lacking}"
        again = f"from Python, conet.resume({str(directory.path)!r}, {lacking}=…)"
        raise ConetError(got, "the same objects again", again)
    kept = {"graph": directory.graph(), "problems": directory.problems()}
    for name, value in (("graph", graph), ("problems", problems)):
        if value is not None and not _same(value, kept[name]):
            got = f"{name}=, and {directory.path} began with another {kept[name]!r}"
            raise ConetError(got, "what the run began with", f"leave out {name}=; the run keeps its own")


def _same(one: Any, other: Any) -> bool:
    """Whether two records of arrays and numbers are equal."""
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items())
