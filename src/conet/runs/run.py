"""A run directory, for reading."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import damaged, numbered, read_arrays
from conet.config import Config
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.runs.events import translate

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


class Run:
    """A run directory, for reading.

    Parameters
    ----------
    path
        The directory.

    Raises
    ------
    ConetError
        When it is no run directory; every reader names the file that is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        config = self.path / "config.json"
        try:
            text = config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConetError(
                f"{path}, which holds no config.json" if self.path.exists() else f"{path}, which does not exist",
                "a run directory", "name a directory that `conet run` made",
            ) from None  # fmt: skip
        self.config = Config.from_json(text, str(config))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _json(self, name: str, keys: set[str], remedy: str = "") -> dict[str, Any]:
        path = self.path / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict) or not keys <= set(found):
                raise ValueError(f"lacks one of {', '.join(sorted(keys))}")
        except (OSError, ValueError, RecursionError) as error:
            raise damaged(path, error, remedy) from None
        return found

    def _table(self, name: str, columns: set[str]) -> "polars.DataFrame":
        import polars as pl

        path = self.path / name
        try:
            table = pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise damaged(path, error) from None
        if not columns <= set(table.columns):
            raise damaged(path, ValueError(f"lacks one of the columns {', '.join(sorted(columns))}"))
        return table

    @property
    def finished(self) -> bool:
        """Whether training is done."""
        return (self.path / "summary.json").exists()

    def summary(self) -> dict[str, Any]:
        """Return the object that ``conet run --json`` printed."""
        keys = {"accuracy", "correct_length", "islands", "web", "pass_at_k", "seconds", "state_sha256"}
        remedy = f"delete it, and `conet resume {self.path}` makes it again"
        return self._json("summary.json", keys, remedy) | {"run": str(self.path)}

    def provenance(self) -> dict[str, Any]:
        """Return versions, commit, machine, seed and command."""
        return self._json("provenance.json", {"seed", "versions"})

    def metrics(self) -> "polars.DataFrame":
        """Return the metrics, one row a step."""
        return self._table("metrics.parquet", {"step", "phase", "accuracy", "correct_count", "islands"})

    def evaluations(self) -> "polars.DataFrame":
        """Return what was measured at snapshots: step, name, k, value."""
        return self._table("evaluations.parquet", {"step", "name", "k", "value"})

    def rollouts(self) -> "polars.LazyFrame":
        """Return the rollout table (see :func:`conet.rollouts.schema`), lazily."""
        import polars as pl

        from conet.rollouts import schema

        parts = [part for _, part in numbered(self.path / "rollouts", "part-", ".parquet")]
        for part in parts:
            # Read once in full: a lazy reader would find damage only later, and not say in which file.
            found = self._table(f"rollouts/{part.name}", set())
            if dict(found.schema) != schema():
                raise damaged(part, ValueError("has other columns than a rollout table"))
        return pl.scan_parquet(parts, glob=False) if parts else pl.LazyFrame(schema=schema())

    def graph(self) -> Graph:
        """Return the concept network."""
        arrays = self._graph_arrays()
        return Graph(arrays["offsets"], arrays["targets"])

    def _graph_arrays(self) -> dict[str, np.ndarray]:
        path = self.path / "graph.safetensors"
        arrays, _ = read_arrays(path)
        if not {"offsets", "targets", "questions", "answers"} <= set(arrays):
            raise damaged(path, ValueError("holds no graph with questions and answers"))
        return arrays

    def problems(self) -> Problems:
        """Return questions, answers and the longest walk."""
        arrays, settings = self._graph_arrays(), self.config.problems
        length, stops = arrays.get("max_length"), arrays.get("stop_at_any_answer")  # version 0.1 kept neither
        return Problems(
            arrays["questions"],
            arrays["answers"],
            settings.max_length if length is None else int(length[0]),
            settings.stop_at_any_answer if stops is None else bool(stops[0]),
        )

    def tasks(self) -> Problems:
        """Return what :meth:`problems` returns; its name of version 0.1."""
        return self.problems()

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

    def observe(self, *observables: "str | Observable", split: str = "train") -> "polars.DataFrame":
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

        return observe(self, observables, split)

    def snapshot_steps(self) -> list[int]:
        """Return the steps at which there is a snapshot, in order."""
        return sorted(number for number, _ in numbered(self.path / "snapshots", "step-", ".safetensors"))

    def snapshot(self, step: int) -> dict[str, np.ndarray]:
        """Return a snapshot: logits, and the edges that successful walks used with their counts."""
        path = self.path / snapshot_name(step)
        if not path.exists():
            steps = ", ".join(map(str, self.snapshot_steps()))
            raise ConetError(
                f"step {step} of {self.path}", f"a snapshot step: {steps}", "choose one of these"
            )
        arrays, _ = read_arrays(path)
        if not {"logits", "traffic_edges", "traffic_counts"} <= set(arrays):
            raise damaged(path, ValueError("is no snapshot"))
        return arrays

    def events(self) -> list[dict[str, Any]]:
        """Return the event log (see :mod:`conet.runs.events`); that of version 0.1 under today's names."""
        path = self.path / "events.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            return translate(json.loads(line) for line in lines)
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise damaged(path, error) from None

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
