"""Computing cells: in this process, in processes here, or on a cluster; a lost one is tried again."""

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from conet.base.errors import ConetError
from conet.cells.cache import Cache
from conet.cells.cell import Arrays, Cell, Failure

Backend = Literal["joblib", "ray"]
TRIES = 3


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
    found = {key: cache.get(cell) for key, cell in wanted.items()}
    missing = [wanted[key] for key, arrays in found.items() if arrays is None]
    failures: list[Failure] = []
    show = progress or (lambda done, total: None)
    show(len(wanted) - len(missing), len(wanted))
    for done, (key, arrays, reason) in enumerate(
        _stream(missing, jobs, backend), len(wanted) - len(missing) + 1
    ):
        if arrays is None:
            failures.append(Failure(wanted[key], reason))
        else:
            cache.put(wanted[key], arrays)
            found[key] = arrays
        show(done, len(wanted))
    return [found[cell.key] for cell in cells], failures


def _stream(cells: list[Cell], jobs: int, backend: Backend) -> Iterator[tuple[str, Arrays | None, str]]:
    """Yield results as they come: each its cell's key, arrays or None, and the reason."""
    if backend == "ray":
        yield from _through_ray(cells, jobs)
    elif jobs == 1:
        yield from map(_attempt, cells)
    else:
        yield from _through_joblib(cells, jobs)


def _through_joblib(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    """Use processes on this machine, which may die.

    A worker that dies takes all unfinished results with it, and which cell killed it is unknown. So the
    cells that were handed out then run one by one, each with the tries that are left; the rest goes on in
    parallel.
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
    yield from workers(delayed(_in_worker)(cell, os.getpid()) for cell in cells)


def _one_by_one(cells: list[Cell]) -> Iterator[tuple[str, Arrays | None, str]]:
    """Compute cells that may kill their worker, so that the one that does is known by name."""
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    worker = ProcessPoolExecutor(1)
    for cell in cells:
        result = None
        for _ in range(TRIES - 1):
            try:
                result = worker.submit(_in_worker, cell, os.getpid()).result()
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


def _in_worker(cell: Cell, parent: int) -> tuple[str, Arrays | None, str]:
    """Compute a cell in a process of our own, which ends when its parent is gone."""
    _end_with(parent)
    return _attempt(cell)


@lru_cache
def _end_with(parent: int) -> None:
    """Watch the parent: nobody would take the result of a worker whose parent was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
