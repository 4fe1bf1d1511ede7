"""CoNet: reasoning as a walk on a concept network, and how RLVR shapes it.

Everything public is reached lazily, so that ``import conet`` costs nothing until it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "Config": "conet.config",
    "ConetError": "conet.base.errors",
    "Detector": "conet.detect",
    "Diagnosis": "conet.diagnosis",
    "Graph": "conet.network.graph",
    "Learner": "conet.learners.base",
    "Run": "conet.runs.directory",
    "Problems": "conet.network.problems",
    "Tasks": "conet.network.problems",
    "diagnose": "conet.diagnosis",
    "preset": "conet.config",
    "resume": "conet.runs.launch",
    "run": "conet.runs.launch",
    "simulate": "conet.runs.simulate",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'conet' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
