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
from typing import Any

import numpy as np

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
        """Do the work in this process."""
        module, _, name = self.function.rpartition(":")
        if module.endswith(".py"):
            function = resolve(self.function, {}, "cell")
        else:
            function = getattr(importlib.import_module(module), name)
        return {key: np.asarray(value) for key, value in function(**self.arguments).items()}


@dataclass(frozen=True)
class Failure:
    """Why a cell gave no result."""

    cell: Cell
    reason: str
