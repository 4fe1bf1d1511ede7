"""Cells for the tests: they count their calls, fail, or kill the process that computes them."""

import os
import signal
import time
from pathlib import Path

import numpy as np


def called(place: str) -> int:
    """How often cells with this place were begun."""
    path = Path(place)
    return len(path.read_text()) if path.exists() else 0


def _note(place: str) -> None:
    with open(place, "a") as file:
        file.write("x")


def double(number: int, place: str) -> dict[str, np.ndarray]:
    _note(place)
    return {"number": np.array(2 * number), "process": np.array(os.getpid())}


def wrong(number: int, place: str) -> dict[str, np.ndarray]:
    _note(place)
    raise ValueError(f"no luck with {number}")


def killed(number: int, place: str) -> dict[str, np.ndarray]:
    _note(place)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def killed_once(number: int, place: str) -> dict[str, np.ndarray]:
    _note(place)
    if called(place) == 1:
        os._exit(1)
    return {"number": np.array(2 * number)}


def slow(number: int, place: str) -> dict[str, np.ndarray]:
    """Say which process it is, and work for a minute."""
    Path(place).write_text(str(os.getpid()))
    time.sleep(60)
    return {"number": np.array(number)}
