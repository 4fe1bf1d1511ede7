"""Threads for batches that take milliseconds."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise

import numpy as np


def in_parts(part: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call ``part(first, last)`` on spans that cover 0 to ``count``, in so many threads."""
    # More parts than threads: they differ in length, and an idle thread takes the next part.
    bounds = np.linspace(0, count, 4 * threads + 1).astype(int).tolist()
    parts = iter(list(pairwise(bounds)))

    def work(_: int) -> None:
        for first, last in parts:
            part(first, last)

    list(_pool(threads).map(work, range(threads)))


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that share no CPU, where the system lets us choose.

    A batch takes milliseconds: threads that wake on one CPU would be done before the system's
    scheduler had moved one of them (without this, two threads are often no faster than one).
    """
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    fits = threads <= len(processors)
    shares = [processors[thread::threads] for thread in range(threads)] if fits else []
    return ThreadPoolExecutor(threads, initializer=_settle, initargs=(shares,))


def _settle(shares: list[list[int]]) -> None:
    """Keep the calling thread to one of the shares, unless they are used up or the system objects."""
    with suppress(IndexError, OSError):
        os.sched_setaffinity(0, shares.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
