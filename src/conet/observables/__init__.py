"""Observables: what can be measured on a policy, its walks, and the record of a training.

The registry and what goes with it are reached lazily, so that a reader of rollouts who needs the
length or pass@k alone does not load the compiled parts.
"""

import importlib
from typing import Any

_WHERE = {
    "OBSERVABLES": "conet.observables.standard",
    "Observable": "conet.observables.observation",
    "Observation": "conet.observables.observation",
    "evaluate": "conet.observables.observation",
    "named": "conet.observables.standard",
    "needs": "conet.observables.observation",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'conet.observables' has no attribute {name!r}; it has {', '.join(__all__)}")
