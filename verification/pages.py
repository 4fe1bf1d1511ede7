"""Tables on the pages of the documentation, each between two marks."""

from pathlib import Path

import numpy as np

from conet.base.files import write_atomic


def put(file: Path, mark: str, end: str, text: str) -> None:
    """Put a text between two lines of a page, in place of what stands there.

    Raises
    ------
    SystemExit
        Where the page does not have both, in this order: nothing is written then.
    """
    before, found, rest = file.read_text(encoding="utf-8").partition(f"{mark}\n")
    if not found or end not in rest:
        raise SystemExit(f"{file} has no {mark} with {end} behind it: put these lines where the text belongs")
    write_atomic(file, before + found + text + rest[rest.index(end) :])


def shown(value: float | None) -> str:
    """Write a number with three digits; a dash where it is not known."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"
