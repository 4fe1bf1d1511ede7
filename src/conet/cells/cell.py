"""A cell: a unit of work with a content hash.

A cell is a module-level function with JSON arguments; it returns named arrays. Its hash covers
function, arguments and the source that the function may call, so that a cached result is never one
of another program.
"""

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.cells.source import source_hash

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes
    ----------
    function : str
        ``package.module:function``, or ``path/to/file.py:function``; takes the arguments by name,
        returns a dict of arrays.
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
        """Do the work in this process.

        Raises
        ------
        ConetError
            When the user's own file is not, or is no longer at the end, what the key was made of.
        """
        module, _, name = self.function.rpartition(":")
        if module.endswith(".py"):
            self._refuse_edited(module)
            found = resolve(self.function, {}, "cell")(**self.arguments)
            self._refuse_edited(module)
        else:
            found = getattr(importlib.import_module(module), name)(**self.arguments)
        return {key: np.asarray(value) for key, value in found.items()}

    def _refuse_edited(self, file: str) -> None:
        if Cell(self.function, self.arguments).key != self.key:
            raise edited(file)


def edited(file: str | Path) -> ConetError:
    """Say that code was edited after cells were made of it, or while one of them is computed."""
    return ConetError(
        f"{file}, which has changed since the cells were listed",
        "code that stays as it is while they are computed",
        "run the command again: results of other code are not taken",
    )


@dataclass(frozen=True)
class Failure:
    """Why a cell gave no result."""

    cell: Cell
    reason: str
