"""Sweeps over a grid of the user's own: a file of settings in, a tidy table out."""

import hashlib
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.cells.cache import Cache, check_place
from conet.cells.cell import Cell
from conet.cells.sweep_file import Sweep, configure, read
from conet.cells.workers import Backend, run_cells
from conet.config import Config, flatten
from conet.runs.recorder import table

if TYPE_CHECKING:
    import polars

__all__ = ["Sweep", "Swept", "cell", "configure", "describe", "read", "sweep"]
SHOWN = (
    "accuracy",
    "correct_length.min",
    "correct_length.end",
    "islands.peak",
    "web.mean_degree",
    "pass_at_k.16",
)


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
    return Cell("conet.cells.summary:summary_run", arguments)


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
        As in :func:`conet.cells.workers.run_cells`.

    Raises
    ------
    ConetError
        When no cell gave a result.
    """
    check_place(out)
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
