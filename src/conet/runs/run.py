"""Any run, for reading."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.digests import SUMMARY, unverified
from conet.base.errors import ConetError
from conet.base.kinds import resume_command
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.runs import log
from conet.runs.files import Files
from conet.runs.holes import check_snapshots
from conet.runs.shape import METRICS, SUMMARIES, check_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from conet.engine.tables import TablePolicy
    from conet.network.islands import Merge
    from conet.network.web import Web
    from conet.observables import Observable
    from conet.views.schema import View


class Run(Files):
    """Any run, for reading: of CoNet's walks, of a language model, or someone else's log.

    It may be read while it is being written. Files are compared with the digests that were written beside
    them; runs of version 0.1 have none, and are opened unverified.

    Parameters
    ----------
    path
        A directory that ``conet run`` or ``conet llm train`` made, one that ``conet diagnose`` left, or a
        log of rollouts in a format that ``conet diagnose`` reads.

    Attributes
    ----------
    path : Path
    kind : "walks", "language_model" or "log"
    config : Config, Recipe or None
        The settings; None for a log. Type checkers see the first, which runs of walks have.

    Raises
    ------
    ConetError
        When it is none of these. Every reader names the file that is missing or damaged, and what a run of
        this kind does not have.
    """

    def __repr__(self) -> str:
        state = {True: "", False: ", unfinished", None: ""}[self.finished]
        state += ", unverified" if unverified(self.path) else ""
        return f"Run({str(self.path)!r}, {self.kind}{state})"

    # What every kind has.

    @property
    def finished(self) -> bool | None:
        """Whether training is done; None for a log, which does not say."""
        return None if self.kind == "log" else (self.path / SUMMARY).exists()

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` of ``conet run``, ``conet llm train`` or ``conet diagnose`` printed."""
        if self.kind == "log":
            return log.summary(self.path)
        if not self.finished:
            raise ConetError(
                f"{self.path / SUMMARY}, which is not there, so the run is unfinished",
                "a finished one",
                f"finish it with `{resume_command(self.path)} {self.path}`",
            )
        remedy = f"delete it, and `{resume_command(self.path)} {self.path}` makes it again"
        found = self._json(SUMMARY, SUMMARIES[self.kind], remedy)
        if not self.verified:
            check_summary(self.path / SUMMARY, self.kind, found, remedy)
        return found | {"run": str(self.path)}

    def metrics(self) -> "polars.DataFrame":
        """Return the metrics, one row an update; of a run that goes on, those up to a second ago."""
        if self.kind == "log":
            return log.metrics(self.path)
        return self._growing("metrics", METRICS[self.kind])

    def rollouts(self) -> "polars.LazyFrame":
        """Return the rollouts (:func:`conet.rollouts.schema.schema`), lazily; of a log at once."""
        return log.record(self.path).rows.lazy() if self.kind == "log" else self._rollouts()

    def problems(self) -> Any:
        """Return the problems.

        Returns
        -------
        Problems or polars.DataFrame
            Of walks, question and answer nodes and the longest walk. Else a table with a row for each:
            ``problem`` is the number that the rollouts have; of a language model there are ``question`` and
            ``answer`` as texts, of a log a ``name``, the prompt or an id.
        """
        if self.kind == "log":
            return log.problems(self.path)
        if self.kind == "walks":
            return self.tasks()
        return self._table("problems.parquet", {"number", "question"}).rename({"number": "problem"})

    # What a log has not.

    def provenance(self) -> dict[str, Any]:
        """Return versions, commit, machine, seed and command."""
        self._must_be("provenance", "walks", "language_model")
        return self._json("provenance.json", {"seed", "versions"})

    def events(self) -> list[dict[str, Any]]:
        """Return the events (see :mod:`conet.runs.events`); those of version 0.1 under today's names."""
        self._must_be("events", "walks", "language_model")
        return self._events()

    # What only runs of walks have.

    def evaluations(self) -> "polars.DataFrame":
        """Return what was measured at snapshots: step, name, k, value."""
        self._must_be("evaluations", "walks")
        return self._growing("evaluations", {"step", "name", "k", "value"})

    def graph(self) -> Graph:
        """Return the concept network."""
        arrays = self._graph_arrays()
        return Graph(arrays["offsets"], arrays["targets"])

    def _graph_arrays(self) -> dict[str, np.ndarray]:
        self._must_be("concept network", "walks")
        return self._arrays("graph.safetensors", {"offsets", "targets", "questions", "answers"})

    def tasks(self) -> Problems:
        """Return questions, answers and the longest walk: what :meth:`problems` returns for walks."""
        arrays, settings = self._graph_arrays(), self.config.problems
        length, stops = arrays.get("max_length"), arrays.get("stop_at_any_answer")  # version 0.1 kept neither
        return Problems(
            arrays["questions"],
            arrays["answers"],
            settings.max_length if length is None else int(length[0]),
            settings.stop_at_any_answer if stops is None else bool(stops[0]),
        )

    def policy(self, step: int | None = None) -> "TablePolicy":
        """Return the policy of a snapshot, that of the last one where no step is given.

        Raises
        ------
        ConetError
            When there is no snapshot at that step, or none at all.
        """
        from conet.runs import webs

        return webs.policy(self, step)

    def web(self, step: int | None = None, threshold: float | None = None) -> "Web":
        """Return the web of a snapshot, that of the last one where no step is given.

        Parameters
        ----------
        step
            Updates done.
        threshold
            Edges with π ≥ threshold; the run's ``web.threshold`` where absent.

        Returns
        -------
        Web
            π as weights; of each node its ``role`` ("question", "answer", "both" or "none") and its
            ``traffic``: how often successful walks of the snapshot leave or enter it, whichever is more.

        Raises
        ------
        ConetError
            When there is no snapshot at that step, or none at all.
        """
        from conet.runs import webs

        return webs.web(self, step, threshold)

    def webs(self, threshold: float | None = None) -> "Iterator[tuple[int, Web]]":
        """Yield step and web of every snapshot, as :meth:`web` returns them, in order of time."""
        from conet.runs import webs

        return webs.webs(self, threshold)

    def merges(self, threshold: float | None = None) -> "list[Merge]":
        """List when islands that hold questions merge for good, by the snapshots, in order of time."""
        from conet.runs import webs

        return webs.merges(self, threshold)

    def observe(
        self, *observables: "str | Observable", split: str = "train", trust: bool = False
    ) -> "polars.DataFrame":
        """Evaluate observables afterwards, on every snapshot or on the rollouts of every step.

        Parameters
        ----------
        observables
            Names, ``path/to/file.py:name``, or functions of an :class:`~conet.observables.Observation`.
            If all of them declare that they need rollouts alone, each step of the table of rollouts
            gives a row; otherwise each snapshot, with as many walks as the learner drew there: the same
            walks that were trained on, unless the schedule changed their number.
        split
            Which rollouts of the table.
        trust
            Whether the learner of the run, which says how many walks there were, may come from a Python file
            that lies in the run, is someone else's, or of which the run has no record.

        Returns
        -------
        polars.DataFrame
            ``step``, and a column for each number.

        Raises
        ------
        ConetError
            When there is nothing to evaluate them on, or one of them fails.
        """
        from conet.runs.observe import observe

        return observe(self, observables, split, trust)

    def snapshot_steps(self) -> list[int]:
        """Return the steps at which there is a snapshot, in order."""
        self._must_be("snapshots", "walks")
        steps = [number for number, _ in self._digests().numbered("snapshots", "step-", ".safetensors")]
        if not self.verified:
            check_snapshots(self.path / "snapshots", self.config, steps, bool(self.finished))
        return steps

    def snapshot(self, step: int) -> dict[str, np.ndarray]:
        """Return a snapshot: logits, and the edges that successful walks used with their counts."""
        steps = self.snapshot_steps()
        if step not in steps:
            known = ", ".join(map(str, steps))
            raise ConetError(
                f"step {step} of {self.path}", f"a snapshot step: {known}", "choose one of these"
            )
        return self._arrays(snapshot_name(step), {"logits", "traffic_edges", "traffic_counts"})

    def figures(self) -> list[str]:
        """Return the names of the figures that :meth:`figure` draws, in the order of the report."""
        return figures_room().names(self)

    def figure(self, name: str, axes: "Axes | Sequence[Axes] | None" = None) -> "Figure":
        """Draw one figure of the report.

        Parameters
        ----------
        name
            One of :meth:`figures`, or ``path/to/file.py:function`` of a view of your own.
        axes
            Where to draw instead of on a new figure: as many axes as the figure has panels, or one, which is
            divided among them.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ConetError
            For an unknown name, or where this run has nothing to draw.
        """
        return figures_room().figure(self, name, axes)

    def view(self, name: str) -> "View":
        """Return the data of one figure: panels, series, marks; JSON by its ``to_json()``."""
        return figures_room().view(self, name)


def figures_room() -> Any:
    """Import what draws, from a room behind this one.

    It is the one door that leads backwards. No import statement names it, since nothing that is computed here
    depends on it: neither the import contract nor the source hash of a cell should follow it.
    """
    return importlib.import_module("..report.figures", __package__)


def snapshot_name(step: int) -> str:
    """Return a snapshot's place inside its run directory."""
    return f"snapshots/step-{step:08d}.safetensors"
