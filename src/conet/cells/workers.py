"""Computing cells: in this process, in processes here, or on a cluster; a lost one is tried again."""

import os
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from conet.base.errors import ConetError
from conet.base.parent import end_with
from conet.cells.cache import Cache
from conet.cells.cell import Arrays, Cell, Failure

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor

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
    told = {failure.cell.key for failure in failures}
    lost = [cell for key, cell in wanted.items() if found[key] is None and key not in told]
    failures += [Failure(cell, "nothing came back from its worker") for cell in lost]
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
            for result in _one_by_one(list(left.values())[: 3 * jobs]):  # some are handed out ahead
                left.pop(result[0])
                yield result


def _parallel(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    """Yield what comes back; where a worker dies, last the error that says so."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    died = None
    with _workers(min(jobs, len(cells))) as workers:
        for future in as_completed([workers.submit(_attempt, cell) for cell in cells]):
            if isinstance(future.exception(), TerminatedWorkerError):
                died = future.exception()
            else:
                yield future.result()
    if died is not None:
        raise died


@contextmanager
def _workers(jobs: int) -> "Iterator[ProcessPoolExecutor]":
    """Start processes that end with this one, also when it is killed, whether or not they have work."""
    from joblib.externals.loky import ProcessPoolExecutor

    workers = ProcessPoolExecutor(jobs, initializer=end_with, initargs=(os.getpid(),))
    whole = False
    try:
        yield workers
        whole = True
    finally:
        workers.shutdown(kill_workers=not whole)


def _one_by_one(cells: list[Cell]) -> Iterator[tuple[str, Arrays | None, str]]:
    """Compute cells that may kill their worker, so that the one that does is known by name."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    waiting, tried = list(cells), Counter[str]()
    while waiting:
        with _workers(1) as worker:
            try:
                while waiting:
                    yield worker.submit(_attempt, waiting[0]).result()
                    del waiting[0]
            except TerminatedWorkerError as error:
                key = waiting[0].key
                tried[key] += 1
                if tried[key] == TRIES - 1:  # before, a worker died while it ran, or waited, with the others
                    yield key, None, f"its worker, with no other cell, died {tried[key]} times: {_how(error)}"
                    del waiting[0]


def _how(error: Exception) -> str:
    """Say how a worker ended."""
    lines = str(error).splitlines()
    return next((line for line in lines if "exit code" in line), lines[0])


def _through_ray(cells: list[Cell], jobs: int) -> Iterator[tuple[str, Arrays | None, str]]:
    """Use a Ray cluster, or a local one; Ray itself tries again where a worker dies.

    Not by joblib's Ray backend, whose pool waits for ever for a worker that died.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError:
        raise ConetError(
            "--backend ray without Ray",
            "Ray",
            "pip install 'conet-rlvr[cluster]', or '.[cluster]' in the source",
        ) from None
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
