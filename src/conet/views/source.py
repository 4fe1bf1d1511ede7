"""Whose views there are: a run of walks, a diagnosis, and what can be opened as one of them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.registry import resolve
from conet.readers.places import state_of
from conet.runs import log
from conet.runs.run import Run
from conet.views import registry
from conet.views.schema import View

if TYPE_CHECKING:
    from conet.diagnosis import Diagnosis
    from conet.diagnosis.comparison import Comparison
    from conet.views.walks_data import WalksData


@dataclass(frozen=True)
class Source:
    """The data of something that has views, and the views that it has.

    Attributes
    ----------
    data : WalksData, Diagnosis, ...
        What the functions of the views take.
    known : dict of str to str or callable
        Views by name, in the order of a report.
    """

    data: Any
    known: dict[str, str | Callable[[Any], View]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return the names of all views."""
        return list(self.known)

    def view(self, name: str) -> View:
        """Return one view, by its name or as ``path/to/file.py:function``."""
        return registry.make(name, self.known, self.data)

    def views(self) -> list[View]:
        """Return all views."""
        return [self.view(name) for name in self.known]


def source_of(thing: "Run | Diagnosis | Comparison", figures: Sequence[str] = ()) -> Source:
    """Return the views of a run, of a diagnosis, or of a comparison.

    A run that is none of walks has the views of its diagnosis.

    Parameters
    ----------
    figures
        Further ones, each as ``path/to/file.py:function``.

    Raises
    ------
    ConetError
        When there is no such function.
    """
    found = _shipped(thing)
    for name in figures:
        resolve(name, found.known, "figure")
        found.known.setdefault(name, name)
    return found


def _shipped(thing: "Run | Diagnosis | Comparison") -> Source:
    if not isinstance(thing, Run):
        return _compared_or_diagnosed(thing)
    return _of_walks(thing) if thing.kind == "walks" else _compared_or_diagnosed(kept(thing, _diagnosed))


def _of_walks(run: Run) -> Source:
    """Load what only these need here: the engine takes its time, and a log has no use for it."""
    from conet.views.walks import observables
    from conet.views.walks_data import WalksData

    def of(observable: str) -> "Callable[[WalksData], View]":
        return lambda data: observables.observable_view(data, observable)

    data = kept(run, WalksData)
    views = {name: of(observable) for name, observable in observables.names(data).items()}
    return Source(data, dict(registry.WALKS) | views)


def kept(run: Run, make: Callable[[Run], Any]) -> Any:
    """Return what the views of a run are made from, which is made once as long as its files are the same."""
    files = state_of_all(log.place(run.path) if run.kind == "log" else run.path)
    if run._kept is None or run._kept[0] != files:
        run._kept = files, make(run)
    return run._kept[1]


def state_of_all(place: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of a file, or of all files in a folder, without figures."""
    if not place.is_dir():
        return [(str(place), *state_of(place))]
    return sorted(
        (str(Path(folder) / name), *state_of(Path(folder) / name))
        for folder, _, names in os.walk(place)
        if Path(folder).name != "figures"
        for name in names
        if name != "report.html"
    )


def _diagnosed(run: Run) -> "Diagnosis":
    """Diagnose a run; the folder of a diagnosis stands for the log that was diagnosed."""
    from conet.diagnosis import diagnose

    return diagnose(log.record(run.path) if run.kind == "log" else run.path)


def _compared_or_diagnosed(thing: "Diagnosis | Comparison") -> Source:
    from conet.diagnosis import Diagnosis

    if not isinstance(thing, Diagnosis):
        return Source(thing, registry.of_comparison())
    from conet.views.rollouts import trainer_metrics

    known: dict[str, str | Callable[[Any], View]] = {}
    if thing.log.partial_credit:
        known |= {name: view for name, view in registry.ROLLOUTS.items() if name in registry.OF_REWARDS}
    elif thing.log.has_rollouts:
        known |= registry.ROLLOUTS
    if thing.log.scalars is not None:
        known |= registry.SCALARS
    metrics = trainer_metrics.metrics_of(thing)
    if metrics is not None and trainer_metrics.measured(metrics):
        known |= registry.LANGUAGE_MODEL
    for name, finding in thing.declared.items():
        if finding.view is not None and is_own(finding.view):
            known[name] = finding.view
    return Source(thing, known)


def is_own(view: Any) -> bool:
    """Whether a finding brings its own view, instead of naming one that there is."""
    return callable(view) or (isinstance(view, str) and ".py:" in view)
