"""The process of a run that the page starts: the command line, to which no file of code may be given."""

from pathlib import Path
from runpy import run_module

from conet.base.errors import ConetError
from conet.base.registry import places


def refuse(path: Path) -> Path:
    """Refuse a Python file, whatever setting names it and however it is written.

    Raises
    ------
    ConetError
        Always.
    """
    raise ConetError(str(path), "settings that name no file", "start this run from the command line")


if __name__ == "__main__":
    with places(refuse):
        run_module("conet", run_name="__main__", alter_sys=True)
