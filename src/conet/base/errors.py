"""The one kind of error that a user sees: what was got, what was expected, what to do."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from conet.base.text import visible


class ConetError(Exception):
    """A problem that the user can mend; the command line prints it and leaves with exit code 2.

    Parameters
    ----------
    got
        What was found, with the offending value.
    expected
        What would have been right.
    remedy
        What to do now.
    """

    def __init__(self, got: str, expected: str = "", remedy: str = "") -> None:
        self.got, self.expected, self.remedy = got, expected, remedy
        super().__init__(got)

    def __reduce__(self) -> tuple:
        return type(self), (self.got, self.expected, self.remedy)

    def __str__(self) -> str:
        parts = [f"got {self.got}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.remedy:
            parts.append(self.remedy)
        return visible("; ".join(" ".join(part.split()) for part in parts))


class Interrupted(KeyboardInterrupt):
    """The user ended a run that can go on.

    Parameters
    ----------
    path
        Its directory.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


def nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Say which known name a misspelled one is closest to.

    Parameters
    ----------
    name, known
        What was written, and what could have been meant.
    prefix
        What stands before all these.

    Returns
    -------
    str
        ``"did you mean 'x'?"`` where one is close, else the list of what is known.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return (
        f"did you mean {prefix + close[0]!r}?"
        if close
        else f"known: {', '.join(prefix + one for one in names)}"
    )
