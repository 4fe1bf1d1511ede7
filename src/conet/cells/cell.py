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
from conet.base.errors import ConetError
from conet.runs.directory import read_arrays, write_arrays

Arrays = dict[str, np.ndarray]
Backend = Literal["joblib", "ray"]
TRIES = 3
# Rooms whose source cannot change what a cell returns.
_SILENT = ("report", "views", "cli", "bench", "readers", "llm", "diagnosis", "claims", "cells")


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
    """Hash of the package's source up to the training loop, of a cell's module, and of what it imports beside it."""
    root = Path(conet.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if inside.parts[0] not in _SILENT:
            digest.update(str(inside).encode() + path.read_bytes())
    module = importlib.import_module(function.partition(":")[0])
    beside = {getattr(value, "__module__", None) for value in vars(module).values()}
    room = "conet.cells."
    names = {name for name in beside if isinstance(name, str) and name.startswith(room)} | {module.__name__}
    for name in sorted(names):
        digest.update(Path(str(importlib.import_module(name).__file__)).read_bytes())
    return digest.hexdigest()


def check_place(out: Path) -> None:
    """Refuse a folder that holds something else, before anything in it is overwritten.

    Raises
    ------
    ConetError
        For a folder that is not empty and has no ``cells``.
    """
    try:
        taken = out.is_dir() and any(out.iterdir()) and not (out / "cells").is_dir()
    except OSError as error:
        raise ConetError(
            f"{out}: {error.strerror}", "a folder that can be read", "choose another --out"
        ) from None
    if taken:
        raise ConetError(
            f"{out}: not empty, and no cells in it",
            "an empty folder, or one to go on in",
            "choose another --out",
        )


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
    show = progress or (lambda done, total: None)
    show(len(wanted) - len(missing), len(wanted))
    for key, arrays, reason in _stream(list(missing.values()), jobs, backend):
        missing.pop(key)
        if arrays is None:
            reasons[key] = reason
        else:
            cache.put(wanted[key], arrays)
        show(len(wanted) - len(missing), len(wanted))
    return [cache.get(cell) for cell in cells], [Failure(wanted[key], why) for key, why in reasons.items()]


def _stream(cells: list[Cell], jobs: int, backend: Backend) -> Iterator[tuple[str, Arrays | None, str]]:
    """Yield results as they come: each its cell's key, arrays or None, and the reason."""
    if backend == "ray":
        yield from _through_ray(cells, jobs)
    elif jobs == 1:
        yield from map(_attempt, cells)
    else:
        yield from _through_joblib(cells, jobs)


def _through_joblib(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    """Use processes here. A worker that dies takes all results on their way with it, and no one says which died.

    So what was handed out then goes one by one, each with the tries that are left; the rest goes on in parallel.
    """
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = {cell.key: cell for cell in cells}
    while left:
        try:
            for result in _parallel(list(left.values()), jobs):
                left.pop(result[0])
                yield result
        except TerminatedWorkerError:
            for result in _one_by_one(list(left.values())[: 3 * jobs]):  # joblib hands out two a worker ahead
                left.pop(result[0])
                yield result


def _parallel(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    from joblib import Parallel, delayed

    workers = Parallel(n_jobs=jobs, backend="loky", return_as="generator_unordered", batch_size=1)
    yield from workers(delayed(_attempt)(cell) for cell in cells)


def _one_by_one(cells: list[Cell]) -> Iterator[tuple[str, Arrays | None, str]]:
    """Compute cells that may kill their worker, so that the one that does is known by name."""
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    worker = ProcessPoolExecutor(1)
    for cell in cells:
        result = None
        for _ in range(TRIES - 1):
            try:
                result = worker.submit(_attempt, cell).result()
                break
            except TerminatedWorkerError as error:
                lines = str(error).splitlines()
                reason = next((line for line in lines if "exit code" in line), lines[0])
                worker.shutdown()
                worker = ProcessPoolExecutor(1)
        yield result or (cell.key, None, f"its worker died {TRIES} times: {reason}")
    worker.shutdown()


def _through_ray(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    """Use a Ray cluster, or a local one; Ray itself tries again where a worker dies.

    Not by joblib's Ray backend, whose pool waits for ever for a worker that died.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError:
        raise ConetError("--backend ray without Ray", "Ray", "pip install 'conet-rlvr[cluster]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    attempt = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_attempt)
    waiting = list(reversed(cells))
    running: dict[Any, str] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            cell = waiting.pop()
            running[attempt.remote(cell)] = cell.key
        ready = ray.wait(list(running))[0][0]
        key = running.pop(ready)
        try:
            yield ray.get(ready)
        except RayError as error:
            yield key, None, f"its worker died {TRIES} times: {' '.join(str(error).split())[:300]}"


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
