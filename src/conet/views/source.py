"""Whose views there are: a run of walks, a diagnosis, and what can be opened as one of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conet.base.registry import resolve
from conet.runs import log
from conet.runs.run import Run
from conet.views import registry
from conet.views.schema import View
from conet.views.walks import observables
from conet.views.walks_data import WalksData

if TYPE_CHECKING:
    from conet.diagnosis import Diagnosis
    from conet.diagnosis.comparison import Comparison


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
    if thing.kind != "walks":
        from conet.diagnosis import diagnose

        # The folder of a diagnosis stands for the log that was diagnosed.
        return _compared_or_diagnosed(diagnose(log.record(thing.path) if thing.kind == "log" else thing.path))
    data = WalksData(thing)
    own = observables.names(data)
    views = {name: _observable(observable) for name, observable in own.items()}
    return Source(data, dict(registry.WALKS) | views)


def _compared_or_diagnosed(thing: "Diagnosis | Comparison") -> Source:
    from conet.diagnosis.comparison import Comparison

    if isinstance(thing, Comparison):
        return Source(thing, dict(registry.COMPARISON))
    known: dict[str, str | Callable[[Any], View]] = dict(registry.ROLLOUTS)
    for name, finding in thing.declared.items():
        if finding.view is not None and is_own(finding.view):
            known[name] = finding.view
    return Source(thing, known)


def is_own(view: Any) -> bool:
    """Whether a finding brings its own view, instead of naming one that there is."""
    return callable(view) or (isinstance(view, str) and ".py:" in view)


def _observable(name: str) -> Callable[[WalksData], View]:
    return lambda data: observables.observable_view(data, name)
