"""What a run that the page has started says on stderr: kept beside it, and then in it."""

import os
from collections.abc import Sequence
from pathlib import Path

from conet.base.text import one_line

SAID = "stderr.log"  # in the directory of the run
TAIL = 8192  # bytes that are looked at
LONGEST = 500  # letters that are shown


def place_of(out: Path) -> Path:
    """Return where it is kept until the run has its directory: hidden, so that it is no run of the list."""
    return out.with_name(f".{out.name}.log")


def last_line(file: Path) -> str:
    """Return the last line that says something; empty where there is none."""
    try:
        with open(file, "rb") as opened:
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - TAIL))
            lines = opened.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return one_line(lines[-1])[:LONGEST] if lines else ""


def last_words(run: Path, events: Sequence[dict]) -> str:
    """Return the last line of a run that the page has started; empty where it was resumed elsewhere.

    Parameters
    ----------
    events
        Of the run: what was said before it was resumed is not what it ended with.
    """
    return "" if any(event.get("event") == "resumed" for event in events) else last_line(run / SAID)
