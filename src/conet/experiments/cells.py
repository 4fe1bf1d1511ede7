"""Cells: units of work with a content hash, run in parallel, cached, retried, reported.

A cell is a module-level function named ``package.module:function`` with JSON arguments; it returns
named arrays. Its hash covers function, arguments and the package's source, so a cached result is
never one of another program.
"""

import hashlib
import importlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

import conet
from conet.errors import ConetError
from conet.store import read_arrays, write_arrays

Arrays = dict[str, np.ndarray]
Backend = Literal["joblib", "ray"]
TRIES = 3
# Rooms whose source cannot change what a cell returns.
_SILENT = ("report", "cli", "progress.py", "bench", "microscope", "readers", "llm", "diagnose")


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes
    ----------
    function : str
        ``package.module:function``; takes the arguments by name, returns a dict of arrays.
    arguments : dict
        JSON values.
    """

    function: str
    arguments: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        """Content hash of function, arguments and source."""
        text = json.dumps([self.function, self.arguments, source_hash(self.function)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def compute(self) -> Arrays:
        """Do the work in this process."""
        module, _, name = self.function.partition(":")
        result = getattr(importlib.import_module(module), name)(**self.arguments)
        return {key: np.asarray(value) for key, value in result.items()}


@dataclass(frozen=True)
class Failure:
    """Why a cell gave no result."""

    cell: Cell
    reason: str


@lru_cache
def source_hash(function: str) -> str:
    """Hash of the package's source up to the training loop, and of the module of a cell's function."""
    root = Path(conet.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if inside.parts[0] not in _SILENT and inside.parts[0] != "experiments":
            digest.update(str(inside).encode() + path.read_bytes())
    module = importlib.import_module(function.partition(":")[0])
    digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


class Cache:
    """Results on disk, one file a cell, atomic."""

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConetError(
                f"{place}: {error.strerror}", "a place that can be written", "choose another --out"
            ) from None

    def _path(self, cell: Cell) -> Path:
        return self.place / f"{cell.key}.safetensors"

    def get(self, cell: Cell) -> Arrays | None:
        """Return a cell's result, or None; a damaged file counts as none."""
        path = self._path(cell)
        try:
            return read_arrays(path)[0] if path.exists() else None
        except ConetError:
            return None

    def put(self, cell: Cell, arrays: Arrays) -> None:
        """Keep a cell's result."""
        label = json.dumps({"function": cell.function, "arguments": dict(cell.arguments)}, sort_keys=True)
        write_arrays(self._path(cell), arrays, {"cell": label})


def run_cells(
    cells: Sequence[Cell],
    cache: Cache,
    jobs: int = 1,
    backend: Backend = "joblib",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Arrays | None], list[Failure]]:
    """Compute what is not cached, in parallel; a cell that fails does not sink the others.

    Parameters
    ----------
    cells
        What to compute; equal cells are computed once.
    cache
        Where results are kept; an interrupted call goes on from there.
    jobs
        Processes.
    backend
        "joblib": processes here; "ray": a Ray cluster (the extra ``[cluster]``).
    progress
        Called with the number done and the number of all.

    Returns
    -------
    results : list
        In the order of the cells; None where one failed.
    failures : list of Failure
    """
    wanted = {cell.key: cell for cell in cells}
    missing = {key: cell for key, cell in wanted.items() if cache.get(cell) is None}
    reasons: dict[str, str] = {}
    done = len(wanted) - len(missing)
    for attempt in range(TRIES):
        if progress:
            progress(done, len(wanted))
        try:
            # After a worker died, cells go one by one, so that the killer is known by name.
            for key, arrays, reason in _stream(
                list(missing.values()), jobs, backend, batched=attempt < TRIES - 1
            ):
                missing.pop(key)
                done += 1
                if arrays is None:
                    reasons[key] = reason
                else:
                    cache.put(wanted[key], arrays)
                if progress:
                    progress(done, len(wanted))
        except _worker_deaths() as error:
            for key in missing:
                reasons[key] = f"a worker died: {type(error).__name__}"
            continue
        break
    failures = [
        Failure(wanted[key], reason) for key, reason in reasons.items() if cache.get(wanted[key]) is None
    ]
    return [cache.get(cell) for cell in cells], failures


def _worker_deaths() -> tuple[type[BaseException], ...]:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    kinds: tuple[type[BaseException], ...] = (TerminatedWorkerError,)
    try:
        from ray.exceptions import RayError
    except ImportError:
        return kinds
    return (*kinds, RayError)


def _stream(
    cells: list[Cell], jobs: int, backend: Backend, batched: bool
) -> Iterator[tuple[str, Arrays | None, str]]:
    """Yield results as they come: each its cell's key, arrays or None, and the reason."""
    from joblib import Parallel, delayed, parallel_config

    if jobs == 1 and backend == "joblib":
        yield from map(_attempt, cells)
        return
    if backend == "ray":
        _register_ray()
    size = (8 * jobs if backend == "ray" else max(1, len(cells))) if batched else 1
    streamed = "generator_unordered" if backend == "joblib" else "list"
    with parallel_config(backend="ray" if backend == "ray" else "loky", n_jobs=jobs):
        for first in range(0, len(cells), size):
            batch = cells[first : first + size]
            yield from Parallel(return_as=streamed, batch_size=1)(delayed(_attempt)(cell) for cell in batch)


def _register_ray() -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise ConetError("--backend ray without Ray", "Ray", "pip install 'conet-rlvr[cluster]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    register_ray()


def _attempt(cell: Cell) -> tuple[str, Arrays | None, str]:
    """Compute a cell on one thread, turning an exception into a reason."""
    from threadpoolctl import threadpool_limits

    try:
        with threadpool_limits(1):
            return cell.key, cell.compute(), ""
    except ConetError as error:
        return cell.key, None, str(error)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return cell.key, None, f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
