"""The source that a cell's result depends on: its module and all that it imports, however late.

Imports are read from the source, not carried out: those inside functions count, and so do modules
that a table names as text; those under ``if TYPE_CHECKING`` do not. Comments and docstrings change
no result, so they do not count.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from conet.base.errors import ConetError

ROOT = Path(__file__).parent.parent
State = tuple[int, int, int]
# By function and place of CoNet: the files that were hashed, as they were, and the hash.
_known: dict[tuple[str, Path], tuple[dict[Path, State | None], str]] = {}


def source_hash(function: str, root: Path = ROOT) -> str:
    """Hash all source that a function may call, as far as it lies in CoNet or in the function's own package.

    It is hashed again where one of these files has been edited since.

    Parameters
    ----------
    function
        ``package.module:function`` or ``path/to/file.py:function``.
    root
        Where CoNet lies.

    Returns
    -------
    str
        Hexadecimal SHA-256.

    Raises
    ------
    ConetError
        For a module that there is not, or a file that is no Python.
    """
    states, known = _known.get((function, root), ({}, ""))
    if known and all(_state(path) == state for path, state in states.items()):
        return known
    digest, states = hashlib.sha256(), {}
    for name, path in sorted(reached(function, root).items()):
        states[path] = _state(path)
        digest.update(name.encode() + b"\0" + _code(path, states[path]))
    _known[function, root] = states, digest.hexdigest()
    return digest.hexdigest()


def reached(function: str, root: Path = ROOT) -> dict[str, Path]:
    """Return the modules that a function's module imports, itself among them, each with its file."""
    start = function.rpartition(":")[0]
    places = {root.name: root}
    if start.endswith(".py"):
        found = {"": Path(start)}
    else:
        places |= _place_of(start.partition(".")[0], places)
        found = {start: _file(start, places)}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for other in _imported(found[name], name, places):
            if other not in found:
                found[other] = _file(other, places)
                waiting.append(other)
    return found


def _place_of(top: str, places: dict[str, Path]) -> dict[str, Path]:
    """Where a package or module outside CoNet lies, without its suffix."""
    if top in places:
        return {}
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        raise ConetError(f"no module {top!r}", "a module that can be imported", "check its name")
    origin = Path(spec.origin)
    return {top: origin.parent if origin.name == "__init__.py" else origin.with_suffix("")}


def _file(module: str, places: dict[str, Path]) -> Path:
    top, *inside = module.split(".")
    stem = places[top].joinpath(*inside)
    package = stem / "__init__.py"
    return package if package.is_file() else stem.with_suffix(".py")


def _imported(path: Path, name: str, places: dict[str, Path]) -> Iterator[str]:
    """Name the modules that a file imports, and the packages that are imported on the way."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for choices in _choices(path, package, _state(path)):
        for module in choices:
            top = module.partition(".")[0]
            if top in places and _file(module, places).is_file():
                yield module
                # The topmost package only looks its names up when they are asked for.
                while (module := module.rpartition(".")[0]) not in ("", top):
                    yield module
                break


def _state(path: Path) -> State | None:
    """Return inode, size and time of change: what is known of a file holds until it is edited."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_ino, known.st_size, known.st_mtime_ns


@lru_cache(1024)
def _choices(path: Path, package: str, state: State | None) -> tuple[tuple[str, ...], ...]:
    """Names of modules as they stand in a file; of each choice the first that is a module counts."""
    found: list[tuple[str, ...]] = []
    for node in _running(_parse(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name,) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            found += [(f"{base}.{alias.name}", base) for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            module = node.value.partition(":")[0]
            found += [(module,)] if all(part.isidentifier() for part in module.split(".")) else []
    return tuple(found)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through all but what only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        test = node.test if isinstance(node, ast.If) else None
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _running(node)


@lru_cache(1024)
def _code(path: Path, state: State | None) -> bytes:
    """Hash a file's code without comments and docstrings."""
    tree = _parse(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree, annotate_fields=False).encode()).digest()


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise ConetError(f"{path}: {error}", "a Python file", "check the path and the file") from None
