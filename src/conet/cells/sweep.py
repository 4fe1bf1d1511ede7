"""Sweeps over a grid of the user's own: a file of settings in; tables, curves and a page out."""

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import write_atomic, write_table
from conet.base.kinds import SWEEP
from conet.base.places import check_folder, filling
from conet.base.separated import as_csv
from conet.base.text import listed
from conet.cells.cache import Cache
from conet.cells.cell import Arrays, Cell
from conet.cells.summary import CURVE
from conet.cells.sweep_file import Sweep, configure, read, settings_of
from conet.cells.sweep_place import identities, refuse_other
from conet.cells.workers import Backend, run_cells
from conet.config import Config, flatten
from conet.diagnosis.comparison import Comparison, Side
from conet.diagnosis.comparison.main_measures import PRINTED
from conet.diagnosis.comparison.sides import finite, without_asides

if TYPE_CHECKING:
    import polars

__all__ = ["Sweep", "Swept", "cell", "configure", "describe", "read", "sweep"]
MOST_COMPARED = 60  # points beyond which only the main measures are compared, or it would take minutes


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What a sweep gave.

    Attributes
    ----------
    table : polars.DataFrame
        One row a cell and seed: the settings that vary, ``seed``, and the measures.
    curves : polars.DataFrame
        One row a cell, seed and step: the settings that vary, ``seed``, ``step``, and the columns of
        the metrics that are kept; null where not measured.
    settings : list of str
        Columns that are settings, without ``seed``.
    measures : list of str
        The measures that were asked for; none for all.
    failures : list of dict
        Runs without a row: ``settings``, ``seed`` and ``reason``.
    comparison : Comparison
        The runs side by side, an arm a point.
    """

    table: "polars.DataFrame"
    curves: "polars.DataFrame"
    settings: list[str]
    measures: list[str]
    failures: list[dict[str, Any]]
    comparison: Comparison


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
    """Run all cells and leave tables and curves; a failing cell does not sink the others.

    Parameters
    ----------
    definition
        From :func:`read`, or made in Python.
    out
        Where ``table.parquet``, ``table.csv`` and ``curves.parquet`` go; the cache of finished cells is
        ``out/cells``, so an interrupted sweep goes on.
    jobs, backend, progress
        As in :func:`conet.cells.workers.run_cells`.

    Raises
    ------
    ConetError
        When no cell gave a result, or ``out`` has the table of another sweep.
    """
    check_folder(out, SWEEP)
    points = list(itertools.product(definition.points(), definition.all_seeds()))
    configs = [configure(definition, point, seed) for point, seed in points]
    refuse_other(out, definition, configs)
    cells = [cell(config, definition.measures) for config in configs]
    with filling(out, SWEEP):
        refuse_other(out, definition, configs)  # again, now that nobody else can put a table there
        results, lost = run_cells(cells, Cache(out / "cells"), jobs, backend, progress)
        reasons = {one.cell.key: one.reason for one in lost}
        failures = [
            {"settings": point, "seed": seed, "reason": reasons[each.key]}
            for (point, seed), each in zip(points, cells)
            if each.key in reasons
        ]
        found = [(config, arrays) for config, arrays in zip(configs, results) if arrays is not None]
        if not found:
            raise ConetError(f"no result: {failures[0]['reason'].removeprefix('got ')}")
        swept = _put_together(definition, found, failures)
        _write(swept, out, definition, configs)
    return swept


def _put_together(
    definition: Sweep, found: Sequence[tuple[Config, Arrays]], failures: list[dict[str, Any]]
) -> Swept:
    import polars as pl

    points = definition.points()
    settings, many = (
        list(dict.fromkeys(key for point in points for key in point)),
        len(points) > MOST_COMPARED,
    )
    varying = _varying([settings_of(config, settings) for config, _ in found])
    rows, curves, sides = [], [], []
    for config, arrays in found:
        named = settings_of(config, settings)
        numbers = _numbers_of(arrays, definition.measures)
        rows.append(named | {"seed": config.seed} | numbers)
        steps = _steps_of(arrays)
        columns = [pl.lit(value).alias(key) for key, value in (named | {"seed": config.seed}).items()]
        curves.append(steps.select(*columns, pl.all()))
        label = _label({key: named[key] for key in varying} or named)
        sides.append(_side(config, label, numbers, steps))
    return Swept(
        table=pl.DataFrame(rows, infer_schema_length=None),
        curves=pl.concat(curves, how="diagonal_relaxed"),
        settings=settings,
        measures=list(definition.measures),
        failures=failures,
        comparison=Comparison(tuple(sides), tuple(definition.measures) or (PRINTED if many else None)),
    )


def _numbers_of(arrays: Arrays, measures: Sequence[str]) -> dict[str, float | None]:
    """Return the measures in the order asked for, else by name, pass_at_k.2 before pass_at_k.16."""

    def place(name: str) -> list[tuple[int, str]]:
        return [(int(part) if part.isdigit() else 0, part) for part in name.split(".")]

    names = measures or sorted((name for name in arrays if not name.startswith(CURVE)), key=place)
    return {name: arrays[name].item() if np.isfinite(arrays[name]) else None for name in names}


def _steps_of(arrays: Arrays) -> "polars.DataFrame":
    import polars as pl

    curves = {name.removeprefix(CURVE): values for name, values in arrays.items() if name.startswith(CURVE)}
    steps = np.arange(len(next(iter(curves.values()))))
    return pl.DataFrame({"step": steps, **curves}, nan_to_null=True)


def _varying(points: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings in which points differ, in their order: by these an arm is called."""
    return [key for key in points[0] if any(point[key] != points[0][key] for point in points)]


def _label(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in named.items() if value is not None)


def _side(config: Config, label: str, numbers: Mapping[str, float | None], steps: "polars.DataFrame") -> Side:
    flat = flatten(config.model_dump(mode="json"))
    return Side(
        name=f"{label}, seed {config.seed}",
        label=label,
        path=None,
        kind="walks",
        seed=config.seed,
        settings=without_asides({key: value for key, value in flat.items() if key != "seed"}),
        steps=steps,
        numbers=finite(numbers),
    )


def _write(swept: Swept, out: Path, definition: Sweep, configs: Sequence[Config]) -> None:
    write_table(out / "table.parquet", swept.table)
    write_atomic(out / "table.csv", as_csv(swept.table))
    write_table(out / "curves.parquet", swept.curves)
    kept = {"definition": definition.model_dump(mode="json"), "runs": identities(configs)}
    write_atomic(out / SWEEP.mark, json.dumps(kept) + "\n")


def describe(swept: Swept) -> str:
    """Put the means over seeds into a text table: a line a point, the main measures by default."""
    import polars as pl

    shown = swept.measures or [name for name in PRINTED if name in swept.table.columns]
    means = swept.table.group_by(swept.settings, maintain_order=True).agg(
        pl.len().alias("seeds"), *(pl.col(name).mean() for name in shown)
    )
    rows = [tuple(means.columns), *(tuple(_text(value) for value in row) for row in means.iter_rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return listed("  ".join(word.rjust(width) for word, width in zip(row, widths)) for row in rows)


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
