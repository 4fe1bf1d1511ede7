"""CoNet: reasoning as a walk on a concept network, and how RLVR shapes it.

Everything public is reached lazily, so that ``import conet`` costs nothing until it is used; type checkers
and editors see it as if it had been imported.
"""

import importlib
import sys

if sys.platform == "win32":  # folders are locked by fcntl, and work is done in forks
    raise ImportError("CoNet does not run on Windows itself: use its subsystem for Linux, or macOS")

__version__ = "0.2.0"

__all__ = [
    "ConetError",
    "Config",
    "Detector",
    "Diagnosis",
    "Graph",
    "Learner",
    "Problems",
    "Run",
    "Tasks",
    "Web",
    "compare",
    "diagnose",
    "preset",
    "read",
    "resume",
    "run",
    "simulate",
]

TYPE_CHECKING = False  # as in typing, whose import would take longer than all else here

if TYPE_CHECKING:
    from conet.base.errors import ConetError
    from conet.config import Config, preset
    from conet.detect import Detector
    from conet.diagnosis import Diagnosis, diagnose
    from conet.diagnosis.comparison import compare
    from conet.learners import Learner
    from conet.network.graph import Graph
    from conet.network.problems import Problems, Tasks
    from conet.network.web import Web
    from conet.readers import read
    from conet.runs.launch import resume, run
    from conet.runs.run import Run
    from conet.runs.simulate import simulate
else:
    _WHERE = {
        "ConetError": "conet.base.errors",
        "Config": "conet.config",
        "Detector": "conet.detect",
        "Diagnosis": "conet.diagnosis",
        "Graph": "conet.network.graph",
        "Learner": "conet.learners",
        "Problems": "conet.network.problems",
        "Run": "conet.runs.run",
        "Tasks": "conet.network.problems",
        "Web": "conet.network.web",
        "compare": "conet.diagnosis.comparison",
        "diagnose": "conet.diagnosis",
        "preset": "conet.config",
        "read": "conet.readers",
        "resume": "conet.runs.launch",
        "run": "conet.runs.launch",
        "simulate": "conet.runs.simulate",
    }

    def __getattr__(name: str) -> object:
        if name in _WHERE:
            return getattr(importlib.import_module(_WHERE[name]), name)
        raise AttributeError(f"module 'conet' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return __all__
