"""Control characters in every string that a command repeats: none reaches the terminal.

The commands, and the place where all names are hostile, are those of ``tests/test_terminal.py``, where every
command has to be entered.
"""

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Fault, call

TESTS = Path(__file__).parents[2] / "tests"
SIGNS = (
    *(
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x1b[2J",
        "\x1bc",
        "\x9b1A",
        "\x07",
        "\x08\x08",
        "\r",
        "\n",
        "\x0b",
        "\x0c",
    ),
    *(
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u061c",
        "\u200b",
        "\ufeff",
        "\u2060",
    ),
    *("\x01", "\x1b\\", "\x1bP1$q\x1b\\", "\x90", "\x9d0;x\x9c", "\udcff"),
)
LONGEST = 120  # bytes, so that a name with it fits into a directory


def evil(rng: random.Random) -> str:
    """Draw a string that would do something to a terminal, and may be part of a file's name."""
    found = "a"
    while len(found.encode("utf-8", "surrogateescape")) < LONGEST - 20 and rng.random() < 0.9:
        found += rng.choice(SIGNS[:-1]) + rng.choice(("", "x", "INJECTED", "z "))
    return found + "\nINJECTED\x1b[0m"


def tests() -> Any:
    """Return the module of tests that knows all commands."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    import test_terminal

    return test_terminal


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Call one command where everything foreign is hostile."""
    module = tests()
    calls = module.commands("~")
    name = evil(bench.random(number // len(calls)))
    place = bench.place / "world"
    if bench.kept.get("name") != name:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        module.hostile_world(place, name)
        bench.kept["name"] = name
    os.chdir(place)
    arguments = [argument.replace("~", name) for argument in calls[number % len(calls)]]
    called = call(*arguments)
    if [line for line in (called.out + called.err).splitlines() if line.lstrip().startswith("INJECTED")]:
        raise Fault("traceback", f"{arguments}: a line that it was told to print: {called}")
    group = " ".join(arguments[: 2 if arguments[0] == "llm" else 1])
    return "a name" if arguments[0] == name else group, "refused" if called.code else "shown"


KIND = Kind(
    name="controls",
    what="control characters in every name, column and file that a command repeats",
    goal=600,
    case=case,
    forks=False,
    short=(0, 3, 12),
)
