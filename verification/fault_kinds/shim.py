"""Operations on files below one place, seen by a hook before and after they are done."""

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OPERATIONS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "truncate", "rmdir")


class Hook:
    """Sees operations; a subclass says what happens."""

    def before(self, operation: str, path: str, detail: Any) -> int | None:
        """Look at what will be done; may raise or die. Of a write, return how many bytes are written first."""
        return None

    def torn(self, path: str) -> None:
        """Follow a write of which only the first bytes were written."""

    def after(self, operation: str, path: str, detail: Any) -> None:
        """Look at what was done."""


class _File:
    """An open file whose writes are seen."""

    def __init__(self, file: Any, path: str, hook: Hook) -> None:
        self._file, self._path, self._hook = file, path, hook

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: Any) -> int:
        part = self._hook.before("write", self._path, data)
        if part is not None:
            self._file.write(data[:part])
            self._file.flush()
            self._hook.torn(self._path)
        written = self._file.write(data)
        self._hook.after("write", self._path, data)
        return written


class _Shim:
    """The functions that stand in for those of ``os`` and ``open``."""

    def __init__(self, place: str, hook: Hook) -> None:
        self.place, self.hook = os.path.realpath(place), hook
        self.paths: dict[int, str] = {}  # of open descriptors
        self.real = {name: getattr(os, name) for name in _OF_OS} | {"file": builtins.open}

    def where(self, path: Any, folder: int | None = None) -> str | None:
        """Return the absolute path of what is below the place, else None."""
        if isinstance(path, int):
            return self.paths.get(path)
        name = os.fsdecode(os.fspath(path))
        if folder is not None:
            name = os.path.join(self.paths.get(folder, "/"), name)
        name = os.path.abspath(name)
        return name if name.startswith(self.place + "/") or name == self.place else None

    def _seen(self, operation: str, path: str | None, detail: Any, work: Any) -> Any:
        if path is None:
            return work()
        self.hook.before(operation, path, detail)
        done = work()
        self.hook.after(operation, path, detail)
        return done

    def open_file(self, file: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        path = None if isinstance(file, int) else self.where(file)
        made = path is not None and not os.path.exists(path)
        work = lambda: self.real["file"](file, mode, *more, **options)  # noqa: E731
        opened = self._seen("open", path, (mode, made), work)
        if path is None:
            return opened
        self.paths[opened.fileno()] = path
        return opened if mode in ("r", "rb") else _File(opened, path, self.hook)

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = self.where(path, dir_fd)
        made = bool(flags & os.O_CREAT) and where is not None and not os.path.exists(where)
        work = lambda: self.real["open"](path, flags, mode, dir_fd=dir_fd)  # noqa: E731
        number = self._seen("open", where, ("w" if flags & os.O_TRUNC else "a", made), work)
        self.paths.pop(number, None)
        if where is not None:
            self.paths[number] = where
        return number

    def fsync(self, number: int) -> None:
        self._seen("fsync", self.paths.get(number), None, lambda: self.real["fsync"](number))

    def rename(self, source: Any, target: Any, **options: Any) -> None:
        work = lambda: self.real["rename"](source, target, **options)  # noqa: E731
        old, new = self.where(source), self.where(target)
        self._seen("rename", old, new, work)
        if old and new:  # what is open goes with it
            for number, path in list(self.paths.items()):
                if path == old or path.startswith(old + "/"):
                    self.paths[number] = new + path[len(old) :]

    replace = rename

    def mkdir(self, path: Any, mode: int = 0o777, **options: Any) -> None:
        self._seen("mkdir", self.where(path), None, lambda: self.real["mkdir"](path, mode, **options))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        work = lambda: self.real["unlink"](path, dir_fd=dir_fd)  # noqa: E731
        self._seen("unlink", self.where(path, dir_fd), None, work)

    remove = unlink

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        work = lambda: self.real["rmdir"](path, dir_fd=dir_fd)  # noqa: E731
        self._seen("rmdir", self.where(path, dir_fd), None, work)

    def truncate(self, path: Any, length: int) -> None:
        self._seen("truncate", self.where(path), length, lambda: self.real["truncate"](path, length))

    ftruncate = truncate


_OF_OS = ("open", "fsync", "rename", "replace", "mkdir", "unlink", "remove", "rmdir", "truncate", "ftruncate")


@contextmanager
def seen(place: str, hook: Hook) -> Iterator[None]:
    """Let a hook see all operations on files below a place."""
    shim = _Shim(place, hook)
    for name in _OF_OS:
        setattr(os, name, getattr(shim, name))
    builtins.open = io.open = shim.open_file
    try:
        yield
    finally:
        for name in _OF_OS:
            setattr(os, name, shim.real[name])
        builtins.open = io.open = shim.real["file"]
