"""Names of graphs, learners and observables, the user's own files among them."""

import importlib.util
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest


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
    path, separator, attribute = name.rpartition(":")
    if not separator or not path.endswith(".py"):
        remedy = nearest(name, known) + "; a file of your own is 'path/to/file.py:name'"
        raise ConetError(f"unknown {what} {name!r}", f"a known {what}", remedy)
    module = load_file(Path(path), what)
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
    """Import a Python file of the user's own as a module."""
    module_name = f"conet_user_{path.stem}_{abs(hash(path.resolve()))}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    if not path.is_file():
        raise ConetError(f"no file {path}", f"a Python file with the {what}", "check the path")
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
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
