"""How much memory reading may take."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from conet.base.errors import ConetError

DEFAULT = 2.0  # GiB
_bound: ContextVar[float] = ContextVar("bound", default=DEFAULT)


@contextmanager
def bounded(gib: float | None) -> Iterator[None]:
    """Read with so much memory, in GiB, while this lasts; as before where none is given.

    Raises
    ------
    ConetError
        When it is no such amount.
    """
    if gib is not None and not 0.1 <= gib <= 4096:
        raise ConetError(f"memory of {gib} GiB", "0.1 to 4096", f"{DEFAULT:g} is the default")
    before = _bound.set(_bound.get() if gib is None else gib)
    try:
        yield
    finally:
        _bound.reset(before)


def chunk_bytes() -> int:
    """Most bytes of text that are taken at a time: a table of them is in memory several times over."""
    return int(_bound.get() * 2**30) // 32


def batch_bytes() -> int:
    """Most bytes that a library may unpack at a time, as far as a file says it beforehand."""
    return int(_bound.get() * 2**30) // 16


def longest_line() -> int:
    """Most bytes of one line."""
    return int(_bound.get() * 2**30) // 8


def at_once() -> int:
    """Most bytes that one value of a file may take where nothing smaller than it can be read."""
    return int(_bound.get() * 2**30) // 2


def longest_text() -> int:
    """Most bytes of one text."""
    return int(_bound.get() * 2**30) // 128


def in_words() -> str:
    """Say the bound."""
    return f"{_bound.get():g} GiB"
