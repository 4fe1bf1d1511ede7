"""Sweeps over a grid of the user's own: a file of settings in, a tidy table out."""

import hashlib
import io
import itertools
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from conet.config import Config, Settings, flatten, preset
from conet.errors import ConetError, nearest
from conet.experiments.cells import Backend, Cache, Cell, run_cells
from conet.files import write_atomic
from conet.learners import make as make_learner
from conet.recorder import table

if TYPE_CHECKING:
    import polars

MOST = 1_000_000  # cells; more are a slip of the pen
SHOWN = (
    "accuracy",
    "correct_length.min",
    "correct_length.end",
    "islands.peak",
    "web.mean_degree",
    "pass_at_k.16",
)


class Sweep(Settings):
    """What a sweep file says.

    Attributes
    ----------
    preset : str
        What all cells start from.
    seeds : int or list of int
        So many seeds from 0 on, or these.
    grid : dict
        Dotted key of the config to a list of values: every combination is a cell.
    cells : list of dict
        Further cells, each a dict of changes; for settings that go together.
    measures : list of str
        See :func:`conet.experiments.runs.summary.summary_run`.
    """

    preset: str = "reference"
    seeds: int | tuple[int, ...] = 4
    grid: dict[str, Any] = {}
    cells: tuple[dict[str, Any], ...] = ()
    measures: tuple[str, ...] = ()

    def points(self) -> list[dict[str, Any]]:
        """Return the changes of every point: the grid's combinations, then the cells."""
        axes = flatten(self.grid)
        found = [dict(zip(axes, values)) for values in itertools.product(*axes.values())] if axes else []
        return found + [flatten(each) for each in self.cells]

    def all_seeds(self) -> list[int]:
        """Return the seeds."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)


@dataclass(frozen=True)
class Swept:
    """What a sweep gave.

    Attributes
    ----------
    table : polars.DataFrame
        One row a cell and seed: the settings that vary, ``seed``, and the measures.
    settings : list of str
        Its columns that are settings, without ``seed``.
    failures : list of dict
        Runs without a row: ``settings``, ``seed`` and ``reason``.
    """

    table: "polars.DataFrame"
    settings: list[str]
    failures: list[dict[str, Any]]


def read(path: Path) -> Sweep:
    """Read a sweep file, JSON or TOML by its suffix, and check every cell's settings.

    Raises
    ------
    ConetError
        For a file that cannot be read, an unknown key, or settings that do not fit together.
    """
    data = _load(path)
    unknown = [key for key in data if key not in Sweep.model_fields]
    if unknown:
        raise ConetError(
            f"{path}: unknown key {unknown[0]!r}", "a key of a sweep", nearest(unknown[0], Sweep.model_fields)
        )
    try:
        sweep = Sweep.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        expected = first["msg"].removeprefix("Input should be ")
        raise ConetError(f"{path}: {key}={first['input']!r}"[:200], expected, "see docs/sweeps.md") from None
    _check(sweep, path)
    return sweep


def _load(path: Path) -> dict[str, Any]:
    readers: dict[str, Callable[[str], Any]] = {".json": json.loads, ".toml": tomllib.loads}
    if path.suffix.lower() not in readers:
        raise ConetError(f"{path}", "a .json or .toml file", "name the file by what it holds")
    try:
        data = readers[path.suffix.lower()](path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConetError(f"{path}: {error}", "a sweep file", "see docs/sweeps.md") from None
    if not isinstance(data, dict):
        raise ConetError(f"{path}: {type(data).__name__}", "an object with a grid", "see docs/sweeps.md")
    return data


def _check(sweep: Sweep, path: Path) -> None:
    for key, values in flatten(sweep.grid).items():
        if not isinstance(values, list) or not values:
            raise ConetError(
                f"{path}: grid {key}={values!r}"[:200], "a list of values", f"write [{values!r}]"[:100]
            )
    seeds = sweep.all_seeds()
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConetError(
            f"{path}: seeds={sweep.seeds!r}"[:200], "at least one, none twice", "for example seeds = 4"
        )
    size = len(seeds) * (
        np.prod([float(len(values)) for values in flatten(sweep.grid).values()]) + len(sweep.cells)
    )
    if size > MOST:
        raise ConetError(f"{path}: {size:.0f} runs", f"at most {MOST:,}", "thin out the grid")
    points = sweep.points()
    if not points:
        raise ConetError(f"{path}: neither grid nor cells", "at least one of them",
                         'for example "grid": {"learner.rollouts": [4, 8]}')  # fmt: skip
    for point, seed in itertools.product(points, seeds[:1]):
        try:
            make_learner(configure(sweep, point, seed).learner)
        except ConetError as error:
            raise ConetError(f"{path}: {error.got}", error.expected, error.remedy) from None


def configure(sweep: Sweep, point: Mapping[str, Any], seed: int) -> Config:
    """Return the config of a point and seed."""
    if "seed" in point:
        raise ConetError("seed among the changes", "the key seeds", "list the seeds there")
    return preset(sweep.preset).override({**point, "seed": seed})


def cell(config: Config, measures: Sequence[str]) -> Cell:
    """Return the cell of one run; what the files that it names hold is part of its hash."""
    data = config.model_dump(mode="json", exclude={"preset"})
    paths = {text: _file_of(text) for text in _texts(data)}
    files = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths.values()
        if path is not None
    }
    arguments = {"config": data, "measures": list(measures), "files": files}
    return Cell("conet.experiments.runs.summary:summary_run", arguments)


def _texts(data: Any) -> list[str]:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, list):
        return [text for part in data for text in _texts(part)]
    return [data] if isinstance(data, str) else []


def _file_of(text: str) -> Path | None:
    path = Path(text.rpartition(":")[0] if ".py:" in text else text)
    return path if path.is_file() else None


def sweep(
    definition: Sweep,
    out: Path,
    jobs: int = 1,
    backend: Backend = "joblib",
    progress: Callable[[int, int], None] | None = None,
) -> Swept:
    """Run all cells and leave ``table.parquet`` and ``table.csv``; a failing cell does not sink the others.

    Parameters
    ----------
    definition
        From :func:`read`, or made in Python.
    out
        Where the tables go; the cache of finished cells is ``out/cells``, so an interrupted sweep goes on.
    jobs, backend, progress
        As in :func:`conet.experiments.cells.run_cells`.

    Raises
    ------
    ConetError
        When no cell gave a result.
    """
    points = list(itertools.product(definition.points(), definition.all_seeds()))
    configs = [configure(definition, point, seed) for point, seed in points]
    cells = [cell(config, definition.measures) for config in configs]
    results, lost = run_cells(cells, Cache(out / "cells"), jobs, backend, progress)
    reasons = {one.cell.key: one.reason for one in lost}
    failures = [
        {"settings": point, "seed": seed, "reason": reasons[each.key]}
        for (point, seed), each in zip(points, cells)
        if each.key in reasons
    ]
    settings = list(dict.fromkeys(key for point in definition.points() for key in point))
    rows = [
        _row(config, settings, _ordered(arrays, definition.measures))
        for config, arrays in zip(configs, results)
        if arrays is not None
    ]
    if not rows:
        raise ConetError(f"no result: {failures[0]['reason'].removeprefix('got ')}")
    swept = Swept(table(rows), settings, failures)
    _write(swept, out)
    return swept


def _ordered(arrays: Mapping[str, np.ndarray], measures: Sequence[str]) -> dict[str, np.ndarray]:
    """Put measures in the order asked for, else by name, pass_at_k.2 before pass_at_k.16."""

    def place(name: str) -> list[tuple[int, str]]:
        return [(int(part) if part.isdigit() else 0, part) for part in name.split(".")]

    return {name: arrays[name] for name in (measures or sorted(arrays, key=place))}


def _row(config: Config, settings: Sequence[str], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    flat = flatten(config.model_dump(mode="json"))
    values = {key: flat.get(key) for key in settings}
    values = {key: json.dumps(value) if isinstance(value, list) else value for key, value in values.items()}
    numbers = {name: value.item() if np.isfinite(value) else None for name, value in arrays.items()}
    return values | {"seed": config.seed} | numbers


def _write(swept: Swept, out: Path) -> None:
    buffer = io.BytesIO()
    swept.table.write_parquet(buffer)
    write_atomic(out / "table.parquet", buffer.getvalue())
    write_atomic(out / "table.csv", swept.table.write_csv())


def describe(swept: Swept) -> str:
    """Put the means over seeds into a text table: a line a point, the main measures only."""
    import polars as pl

    measures = [name for name in swept.table.columns if name not in (*swept.settings, "seed")]
    shown = measures if len(measures) <= len(SHOWN) else [name for name in SHOWN if name in measures]
    means = swept.table.group_by(swept.settings, maintain_order=True).agg(
        pl.len().alias("seeds"), *(pl.col(name).mean() for name in shown)
    )
    rows = [tuple(means.columns), *(tuple(_text(value) for value in row) for row in means.iter_rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(word.rjust(width) for word, width in zip(row, widths)) for row in rows)


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
