"""Names of graphs, learners, observables and others, the user's own files among them."""

import hashlib
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest

Place = Callable[[Path], Path]  # where a file of the user's own is; raises ConetError where it may not run
_place: ContextVar[Place | None] = ContextVar("place", default=None)


class Table(Mapping[str, Any]):
    """Objects by name, each imported when it is first asked for.

    So a module that stands in a table may import the package that holds the table, and nobody waits for what
    he does not use.

    Parameters
    ----------
    where
        Name of each object, and ``module:name`` that it is found at.
    """

    def __init__(self, where: Mapping[str, str]) -> None:
        self._where = dict(where)

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self._where[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __repr__(self) -> str:
        return f"Table({self._where})"


@contextmanager
def places(place: Place) -> Iterator[None]:
    """Ask a function where the user's own files are, and whether they may run, while this lasts."""
    before = _place.set(place)
    try:
        yield
    finally:
        _place.reset(before)


def place_of(path: Path) -> Path:
    """Return where a file of the user's own is.

    Raises
    ------
    ConetError
        When it may not run here.
    """
    place = _place.get()
    return path if place is None else place(path)


def file_of(name: str) -> Path | None:
    """Return the file that ``path/to/file.py:name`` names; None for any other name."""
    path, separator, _ = name.rpartition(":")
    return Path(path) if separator and path.endswith(".py") else None


def resolve(name: str, known: Mapping[str, Any], what: str, fits: Callable[[Any], bool] = callable) -> Any:
    """Return the object called ``name``, or the one that ``path/to/file.py:object`` names.

    Parameters
    ----------
    name
        A registered name, or a path to a Python file, a colon and a name inside it.
    known
        The registered objects.
    what
        For the error: "learner", "graph" or "observable".
    fits
        Whether an object of the user's file may be meant where the name in it is misspelled.

    Raises
    ------
    ConetError
        For an unknown name (the nearest is named), a missing file, or a file that fails to import.
    """
    one = f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
    if not isinstance(name, str):
        raise ConetError(f"{what} {name!r}"[:200], f"the name of {one}", "known: " + ", ".join(sorted(known)))
    if name in known:
        return known[name]
    path, attribute = file_of(name), name.rpartition(":")[2]
    if path is None:
        remedy = nearest(name, known) + "; a file of your own is 'path/to/file.py:name'"
        raise ConetError(f"unknown {what} {name!r}", f"a known {what}", remedy)
    module = load_file(path, what)
    if not hasattr(module, attribute):
        names = [key for key, value in vars(module).items() if _offered(module, key, value) and fits(value)]
        remedy = nearest(attribute, names) if names else f"there is no {what} in it"
        raise ConetError(f"no {attribute!r} in {path}", f"{one} in that file", remedy)
    return getattr(module, attribute)


def _offered(module: types.ModuleType, name: str, value: Any) -> bool:
    """Whether a name of a user's file is the user's own, and not private."""
    defined = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | types.ModuleType)
    own = not defined or getattr(value, "__module__", None) == module.__name__
    return own and not name.startswith("_")


def load_file(path: Path, what: str) -> Any:
    """Import a Python file of the user's own as a module; anew where it has changed.

    Raises
    ------
    ConetError
        When there is no such file, it fails, or it may not run here.
    """
    path = place_of(path)
    if not path.is_file():
        raise ConetError(f"no file {path}", f"a Python file with the {what}", "check the path")
    source = path.read_bytes()
    key = hashlib.sha256(f"{path.resolve()}\0".encode() + source).hexdigest()[:16]
    module_name = f"conet_user_{path.stem}_{key}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        # Python's own loader takes a cached translation for that of a file edited within the same second.
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise ConetError(
            f"{path}: {type(error).__name__}: {error}", "a file that imports", "mend it"
        ) from error
    return module


def register(table: dict[str, Any], name: str) -> Callable[[Any], Any]:
    """Return a decorator that enters what it decorates into ``table`` under ``name``."""

    def enter(thing: Any) -> Any:
        table[name] = thing
        return thing

    return enter
