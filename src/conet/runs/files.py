"""Which kind of run a directory holds, and its files, compared with their digests as they are read."""

import json
from collections.abc import Collection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from conet.base.arrays import read_arrays
from conet.base.digests import OURS, SUMMARY, Digests
from conet.base.errors import ConetError
from conet.base.files import as_table, damaged, given_path, incomplete
from conet.base.journal import plain_rows, read
from conet.config import Config
from conet.rollouts.parts import check_parts, span_of
from conet.runs import log
from conet.runs.events import translate
from conet.runs.holes import check_evaluations, check_growing_evaluations, check_growing_metrics
from conet.runs.recipe import Recipe
from conet.runs.shape import check_metrics, check_numbers
from conet.runs.tables import GROWING, evaluation_table, table

if TYPE_CHECKING:
    import polars

Kind = Literal["walks", "language_model", "log"]
NAMES: dict[Kind, str] = {
    "walks": "a run of CoNet's walks",
    "language_model": "a run of a language model",
    "log": "a log",
}
SETTINGS: dict[str, tuple[str, type[Config] | type[Recipe]]] = {
    "walks": ("config.json", Config),
    "language_model": ("recipe.json", Recipe),
}


class Files:
    """A run's files. :class:`conet.runs.run.Run` says what they mean.

    Parameters
    ----------
    path
        The directory, or the file of a log.

    Raises
    ------
    ConetError
        When it is no run; every reader names the file that is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = given_path(path, "a run directory").resolve()
        self.kind: Kind = kind_of(self.path)
        self._digests_read: Digests | None = None
        self._kept: tuple[Any, Any] | None = None  # state of its files, and what figures made of them
        self.config: Config = cast(Any, None)
        if self.kind != "log":
            name, model = SETTINGS[self.kind]
            text = self._bytes(name).decode("utf-8", "replace")
            self.config = cast(Any, model.from_json(text, str(self.path / name)))

    @property
    def verified(self) -> bool:
        """Whether its files are compared with digests."""
        return self.kind != "log" and self._digests().known is not None

    def verify(self, beginning: str = "") -> None:
        """Compare all files with their digests, as far as there are any.

        Parameters
        ----------
        beginning
            Compare only those whose names begin so, such as ``model/``.

        Raises
        ------
        ConetError
            When one is missing or damaged.
        """
        if self.kind != "log":
            self._digests().check_all(beginning)

    def _must_be(self, what: str, *kinds: Kind) -> None:
        """Refuse what a run of this kind does not have."""
        if self.kind not in kinds:
            raise ConetError(
                f"the {what} of {self.path}, {NAMES[self.kind]}, which has none",
                " or ".join(NAMES[kind] for kind in kinds),
                "see the kinds of runs in docs/run-directory.md",
            )

    def _digests(self) -> Digests:
        """Return the digests, read anew only where the run has gone on since, or has ended."""
        if self._digests_read is None or not self._digests_read.hold():
            self._digests_read = Digests(self.path)
        return self._digests_read

    def _bytes(self, name: str, remedy: str = "") -> bytes:
        digests = self._digests()
        try:
            data = (self.path / name).read_bytes()
        except FileNotFoundError as error:
            growing = name.removesuffix(".parquet")
            if name in (digests.known or {}):
                raise incomplete(self.path / name) from None
            if growing in digests.marks:
                raise incomplete(self.path / GROWING[growing]) from None
            raise damaged(self.path / name, error, remedy) from None
        except OSError as error:
            raise damaged(self.path / name, error, remedy) from None
        return digests.check(name, data, remedy)

    def _json(self, name: str, keys: Collection[str], remedy: str = "") -> dict[str, Any]:
        data = self._bytes(name, remedy)
        try:
            found = json.loads(data)
            if not isinstance(found, dict) or not set(keys) <= set(found):
                raise ValueError(f"lacks one of {', '.join(sorted(keys))}")
        except (ValueError, RecursionError) as error:
            raise damaged(self.path / name, error, remedy) from None
        return found

    def _arrays(self, name: str, names: Collection[str]) -> dict[str, np.ndarray]:
        self._digests().check_file(name)
        arrays, _ = read_arrays(self.path / name)
        if not set(names) <= set(arrays):
            raise damaged(self.path / name, ValueError(f"lacks one of {', '.join(sorted(names))}"))
        return arrays

    def _table(self, name: str, columns: Collection[str]) -> "polars.DataFrame":
        return as_table(BytesIO(self._bytes(name)), self.path / name, columns)

    def _growing(self, name: str, columns: Collection[str]) -> "polars.DataFrame":
        """Return a table from its whole file, or, while the run goes on, what there is of it."""
        growing = self.path / GROWING[name]
        try:
            # A run whose summary was deleted has all of it in its whole file, whatever is left of the other.
            whole_there = f"{name}.parquet" in (self._digests().known or {})
            running = not (self.path / SUMMARY).exists() and growing.exists() and not whole_there
            rows = read(growing, self._digests().marks.get(name)) if running else None
        except ConetError:
            if growing.exists():
                raise
            rows = None  # the run has been finished this moment
        if rows is None:
            whole = self._table(f"{name}.parquet", columns)
            self._check_table(name, whole)
            return whole
        (check_growing_evaluations if name == "evaluations" else check_growing_metrics)(growing, rows)
        return evaluation_table(rows) if name == "evaluations" else table(rows)

    def _check_table(self, name: str, whole: "polars.DataFrame") -> None:
        """Make sure that a table covers the run; one without digest, also that it holds numbers."""
        path, steps = self.path / f"{name}.parquet", self._steps()
        if name == "metrics" and not self.verified:
            check_metrics(path, whole, steps)
        elif name == "evaluations":
            check_numbers(path, whole, {"name"})
            if steps is not None:
                check_evaluations(path, self.config, set(whole["step"]))

    def _steps(self) -> int | None:
        """Updates of a finished run; None while it goes on."""
        return self.config.steps if (self.path / SUMMARY).exists() else None

    def _events(self) -> list[dict[str, Any]]:
        name = GROWING["events"]
        try:
            digests = self._digests()
            if digests.known is not None and not (self.path / SUMMARY).exists():
                return translate(read(self.path / name, digests.marks.get("events")))
            return translate(plain_rows(self._bytes(name)))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise damaged(self.path / name, error) from None

    def _rollouts(self) -> "polars.LazyFrame":
        """Read the parts of the table of rollouts."""
        import polars as pl

        from conet.rollouts import schema

        kinds = schema() if self.kind == "walks" else schema("text")
        parts, spans = [], []
        for number, part in self._digests().numbered("rollouts", "part-", ".parquet"):
            found = self._table(f"rollouts/{part.name}", ())
            if not found.schema.items() <= kinds.items() or not schema().items() <= found.schema.items():
                raise damaged(part, ValueError("has other columns than a table of rollouts"))
            parts.append(found.lazy())
            spans.append(span_of(number, part, parts[-1]))
        if self.kind == "walks" and self.config.snapshots.rollouts:
            check_parts(self.path / "rollouts", spans, self._steps())
        return pl.concat(parts) if parts else pl.LazyFrame(schema=schema())


def kind_of(path: Path) -> Kind:
    """Return which kind of run is there.

    Raises
    ------
    ConetError
        When there is none.
    """
    if (path / "recipe.json").is_file():
        return "language_model"
    ours = any((path / name).exists() for name in OURS)
    settings = (path / "config.json").exists()
    if not ours and log.is_log(path, any_table=not settings):
        return "log"
    if settings or ours:
        return "walks"
    raise ConetError(
        f"{path}, which holds no config.json" if path.exists() else f"{path}, which does not exist",
        "a run directory, or a log of rollouts",
        "name a directory that `conet run` or `conet llm train` made",
    )
