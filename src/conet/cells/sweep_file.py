"""The file of a sweep: what it may say, and all checks before anything runs."""

import itertools
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import StrictInt, ValidationError

from conet.base.errors import ConetError, nearest
from conet.config import Config, Settings, aliases, flatten, preset
from conet.config.reading import loads_once
from conet.learners import make as make_learner

MOST = 1_000_000  # cells; more are a mistake in the file


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
        See :func:`conet.cells.summary.summary_run`.
    """

    preset: str = "reference"
    seeds: StrictInt | tuple[StrictInt, ...] = 4
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
        key = ".".join(str(part) for part in first["loc"] if part not in ("int", "tuple[int, ...]"))
        expected = first["msg"].removeprefix("Input should be ")
        raise ConetError(f"{path}: {key}={first['input']!r}"[:200], expected, "see docs/sweeps.md") from None
    _check(sweep, path)
    return sweep


def _load(path: Path) -> dict[str, Any]:
    readers: dict[str, Callable[[str], Any]] = {".json": loads_once, ".toml": tomllib.loads}
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
    _check_grid(sweep, path)
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
    _check_points(sweep, path, seeds[0])


def _check_grid(sweep: Sweep, path: Path) -> None:
    try:
        for changes in (sweep.grid, *sweep.cells):
            flatten(changes)
    except ConetError as error:
        raise ConetError(f"{path}: {error.got}", error.expected, error.remedy) from None
    for key, values in flatten(sweep.grid).items():
        if not isinstance(values, list) or not values:
            raise ConetError(
                f"{path}: grid {key}={values!r}"[:200], "a list of values", f"write [{values!r}]"[:100]
            )


def _check_points(sweep: Sweep, path: Path, seed: int) -> None:
    """Refuse a point whose settings do not fit together, and one that stands twice."""
    points = sweep.points()
    if not points:
        raise ConetError(
            f"{path}: neither grid nor cells",
            "at least one of them",
            'for example "grid": {"learner.rollouts": [4, 8]}',
        )
    seen: set[str] = set()
    for point in points:
        try:
            config = configure(sweep, point, seed)
            make_learner(config.learner)
        except ConetError as error:
            raise ConetError(f"{path}: {error.got}", error.expected, error.remedy) from None
        text = config.model_dump_json(exclude={"preset"})
        if text in seen:
            raise ConetError(
                f"{path}: the point {json.dumps(point)} twice"[:200], "every point once", "leave one out"
            )
        seen.add(text)


def configure(sweep: Sweep, point: Mapping[str, Any], seed: int) -> Config:
    """Return the config of a point and seed."""
    if "seed" in point:
        raise ConetError("seed among the changes", "the key seeds", "list the seeds there")
    return preset(sweep.preset).override({**point, "seed": seed})


def settings_of(config: Config, settings: Sequence[str]) -> dict[str, Any]:
    """Return the settings that vary, under the names that the file gave them; lists as JSON."""
    flat = flatten(config.model_dump(mode="json"))
    values = {key: flat.get(aliases.current(key, aliases.SETTINGS)) for key in settings}
    return {key: json.dumps(value) if isinstance(value, list) else value for key, value in values.items()}
