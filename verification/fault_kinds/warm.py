"""A process that has imported and compiled everything, so that a case in a fork of it costs little.

It must never use polars itself: its threads do not survive a fork. What needs polars runs in forks.
"""

import contextlib
import importlib
import os
import sys
import tempfile
from pathlib import Path

from fault_kinds.processes import call, in_child

# What a command needs is imported before the forks; whatever it imports beyond that, is found by a trial.
MODULES = (
    "conet.cli",
    "conet.cli.watch",
    "conet.cells.sweep",
    "conet.diagnosis.comparison",
    "conet.diagnosis.heat",
    "conet.claims",
    "conet.judging.reproduce",
    "conet.report.animate",
    "conet.report.comparison",
    "conet.report.diagnosis",
    "conet.report.export",
    "conet.runs.launch",
)

COMPILING = 600.0  # seconds that the first call of everything may take, where nothing is cached yet


def prepare(trial: bool = True) -> None:
    """Import and compile; draw nothing but the data of figures.

    Parameters
    ----------
    trial
        Whether to try all commands in a fork first, to see what else they import.
    """
    from fault_kinds.worlds import CONFIG

    for name in MODULES:
        importlib.import_module(name)
    without_drawing()
    from conet.runs.trainer import Trainer

    trainer = Trainer(CONFIG)
    for _ in range(CONFIG.steps):
        trainer.advance()
    trainer.measure()
    for name in in_child(imported, free=COMPILING) if trial else ():
        if name not in sys.modules:
            with contextlib.suppress(
                Exception
            ):  # one that cannot be imported alone, whoever needs it imports
                importlib.import_module(name)


def imported() -> list[str]:
    """Call every command, and return what has been imported by then."""
    from fault_kinds.worlds import COMMANDS, build

    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        build(Path(folder) / "trial")
        for arguments, _ in COMMANDS.values():
            call(*arguments)
        os.chdir("/")
    return list(sys.modules)


def without_drawing() -> None:
    """Let figures be their data: drawing takes seconds, and what is drawn is a function of the data."""
    from conet.cli import drawing
    from conet.report import style
    from conet.report.drawing import worker

    def drawn(view, width, suffix: str) -> bytes:
        data = view.to_json().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><desc>{width} {data}</desc></svg>'
        return f"<!-- {style.MARK} -->\n{svg}\n".encode()

    drawing.MOST = 0
    worker.drawn = drawn


def scratch() -> str:
    """Return where cases live: in memory, where there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
