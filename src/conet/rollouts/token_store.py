"""Where the tokens of the solutions lie that may be learned from: in memory, or in one file a step.

A file of a step is written once and never changed, so a checkpoint keeps it as a second name (a hard link)
and costs no room of its own. What stands in it: for each solution three numbers (tokens of its prompt, of its
completion, and whether a mask of the model's own tokens follows) and then these, all as 32-bit integers.
"""

import os
import shutil
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from conet.base.errors import ConetError
from conet.base.files import damaged, numbered, write_atomic

PREFIX, SUFFIX = "step-", ".tokens"
HEADER = 3


class Tokens(NamedTuple):
    """Token ids of a prompt (None where unknown), of its completion, and which of these the model wrote."""

    prompt: list[int] | None
    completion: list[int]
    own: list[int] | None = None


class TokenStore(Protocol):
    """Keeps tokens by step and place."""

    def add(self, step: int, found: Sequence[Tokens]) -> list[int]:
        """Keep these, which are all of a step, and return their places."""

    def read(self, step: int, place: int) -> Tokens:
        """Return what was kept."""

    def forget(self, before: int) -> None:
        """Drop the steps before this one."""

    def state(self) -> Any:
        """Return what a checkpoint must keep in its state, as JSON values; None where files have it."""

    def take_over(self, state: Any) -> None:
        """Take over what :meth:`state` returned."""


def packed(found: Iterable[Tokens]) -> tuple["array[int]", list[int]]:
    """Return solutions one behind the other, and where each begins."""
    numbers, places = array("i"), []
    for prompt, completion, own in found:
        places.append(len(numbers))
        numbers.extend((len(prompt or ()), len(completion), own is not None))
        for part in (prompt, completion, own):
            numbers.extend(part or ())
    return numbers, places


def unpacked(numbers: "array[int]", place: int) -> Tokens:
    """Return the solution that begins at a place.

    Raises
    ------
    ValueError
        When none can begin there.
    """
    header = numbers[place : place + HEADER].tolist()
    if len(header) < HEADER or min(header) < 0:
        raise ValueError("it ends too early")
    first = place + HEADER
    second, third = first + header[0], first + header[0] + header[1]
    end = third + (header[1] if header[2] else 0)
    if end > len(numbers):
        raise ValueError("it ends too early")
    prompt = numbers[first:second].tolist() or None
    own = numbers[third:end].tolist() if header[2] else None
    return Tokens(prompt, numbers[second:third].tolist(), own)


class InMemory:
    """Keeps tokens in memory: for a harvest, which is used at once."""

    def __init__(self) -> None:
        self.steps: dict[int, array[int]] = {}

    def add(self, step: int, found: Sequence[Tokens]) -> list[int]:
        """Keep these, and return their places."""
        self.steps[step], places = packed(found)
        return places

    def read(self, step: int, place: int) -> Tokens:
        """Return what was kept."""
        return unpacked(self.steps[step], place)

    def forget(self, before: int) -> None:
        """Drop the steps before this one."""
        self.steps = {step: numbers for step, numbers in self.steps.items() if step >= before}

    def state(self) -> Any:
        """Return all tokens."""
        return [[step, numbers.tolist()] for step, numbers in self.steps.items()]

    def take_over(self, state: Any) -> None:
        """Take over what :meth:`state` returned."""
        self.steps = {step: array("i", numbers) for step, numbers in state or ()}


class Elsewhere:
    """Keeps nothing: another process does."""

    def add(self, step: int, found: Sequence[Tokens]) -> list[int]:
        """Return places that nobody will look at."""
        return [0] * len(found)

    def read(self, step: int, place: int) -> Tokens:
        """Refuse.

        Raises
        ------
        RuntimeError
            Always.
        """
        raise RuntimeError("the tokens are kept by the first process")

    def forget(self, before: int) -> None:
        """Do nothing."""

    def state(self) -> Any:
        """Return None."""
        return None

    def take_over(self, state: Any) -> None:
        """Do nothing."""


class OnDisk:
    """Keeps tokens in a folder, a file a step.

    Parameters
    ----------
    folder
        Made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, step: int, found: Sequence[Tokens]) -> list[int]:
        """Keep these, and return their places; it has reached the disk once a checkpoint has.

        Raises
        ------
        ConetError
            When the disk is full.
        """
        numbers, places = packed(found)
        if places:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file(step), numbers.tobytes(), durable=False)
        return places

    def read(self, step: int, place: int) -> Tokens:
        """Return what was kept.

        Raises
        ------
        ConetError
            When the file is missing or damaged.
        """
        try:
            with open(self._file(step), "rb") as file:
                file.seek(4 * place)
                header = array("i", file.read(4 * HEADER))
                size = sum(header[:2]) + (header[1] if header[2] else 0)
                return unpacked(header + array("i", file.read(4 * max(0, size))), 0)
        except (OSError, ValueError, IndexError) as error:
            raise damaged(self._file(step), error, "resume from the last checkpoint") from None

    def forget(self, before: int) -> None:
        """Drop the steps before this one; checkpoints keep theirs."""
        for step, path in numbered(self.folder, PREFIX, SUFFIX):
            if step < before:
                path.unlink(missing_ok=True)

    def state(self) -> Any:
        """Return None: see :meth:`save`."""
        return None

    def take_over(self, state: Any) -> None:
        """Do nothing: see :meth:`load`."""

    def clear(self) -> None:
        """Drop everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def save(self, folder: Path) -> None:
        """Give all files a second name in a folder of a checkpoint.

        Raises
        ------
        ConetError
            When they cannot be written there.
        """
        _linked(self.folder, folder)

    def load(self, folder: Path) -> None:
        """Go back to what a checkpoint kept.

        Raises
        ------
        ConetError
            When it cannot be taken over.
        """
        self.clear()
        _linked(folder, self.folder)

    def _file(self, step: int) -> Path:
        return self.folder / f"{PREFIX}{step:08d}{SUFFIX}"


def _linked(source: Path, target: Path) -> None:
    """Give the files of a folder second names in another one; copies where the file system has no links."""
    found = numbered(source, PREFIX, SUFFIX)
    try:
        if found:
            target.mkdir(parents=True, exist_ok=True)
        for _, path in found:
            try:
                os.link(path, target / path.name)
            except OSError:
                shutil.copyfile(path, target / path.name)
    except OSError as error:
        got = f"{target}: {error.strerror or error}"
        raise ConetError(got, "a place for the rollouts of a checkpoint", "free some space") from None
