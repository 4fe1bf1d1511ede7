"""The same file or step delivered twice: counted once, and said.

Equal rows within a step are normal (equal answers of one group) and always count. What is a repeat is a
whole delivery, the rows of one step as they follow each other in a file, that equals an earlier delivery
row by row. A file whose rows are not in the order of steps is one delivery. Where one delivery says again
what its beginning said, as where a killed training writes a step once more, the rows count, and it is said.

Where a policy answers always alike, or answers are not logged, equal deliveries can happen by chance. So a
repeat is believed only where chance, with the frequencies of the answers seen in it, would give it less
than once in a million.
"""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars

REPEATED = "rows delivered a second time"
MOST_DELIVERIES = 4  # of a step in one file on average; more, and the rows are not in the order of steps
CHANCE = math.log(1e-6)
MOST_BEGINNINGS = 64  # places at which a delivery may begin again
_SEEN = ("problem", "reward", "correct", "length", "truncated", "text_hash")


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Rows of one step that follow each other in a file.

    Where they are, a digest of what they say, and how many of them say again what the first ones said.
    """

    split: int
    step: int
    start: int
    stop: int
    digest: bytes
    again: int = 0


def fingerprint(rows: "polars.DataFrame") -> list[Delivery]:
    """Return the deliveries of a file; one where its rows are not in the order of steps."""
    if not rows.height:
        return []
    columns: tuple[str, ...] = _SEEN
    step, apart = rows["step"].to_numpy(), rows["split"].to_physical().to_numpy()
    new = (step[1:] != step[:-1]) | (apart[1:] != apart[:-1])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    if len(starts) > MOST_DELIVERIES * len(np.unique(step)):
        starts, columns = np.array([0]), ("split", "step", *_SEEN)
    hashes = rows.select(columns).hash_rows(seed=0).to_numpy()
    return [
        Delivery(
            split=int(apart[start]),
            step=int(step[start]),
            start=start,
            stop=stop,
            digest=hashlib.blake2b(hashes[start:stop].tobytes(), digest_size=16).digest(),
            again=begun_again(hashes[start:stop]),
        )
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), rows.height])
    ]


def begun_again(hashes: np.ndarray) -> int:
    """Count the rows of a delivery that say once more what its beginning said, in a row and up to its end.

    Parameters
    ----------
    hashes : ndarray of uint64
        What each row says.
    """
    size = len(hashes)
    for place in (np.flatnonzero(hashes[1:] == hashes[:1])[:MOST_BEGINNINGS] + 1).tolist():
        same = min(place, size - place)
        if same > 1 and np.array_equal(hashes[:same], hashes[place : place + same]):
            return same
    return 0


def log_chance(rows: "polars.DataFrame") -> float:
    """Logarithm of the chance that these answers come again, each as often as it is among its problem's."""
    import polars as pl

    alike, group = pl.len().over("problem", "text_hash", "reward", "length"), pl.len().over("problem")
    return float(rows.select((alike / group).log().sum()).item())


class Repeats:
    """Remembers what was delivered, and takes repeats out of what comes later.

    Parameters
    ----------
    one_step_a_file
        Also take out a file that says under another step what the file before it said.

    Attributes
    ----------
    dropped : int
        Rows taken out.
    remarks : list of str
        What the user should know.
    """

    def __init__(self, one_step_a_file: bool) -> None:
        self.one_step_a_file = one_step_a_file
        self.dropped = 0
        self.files: dict[tuple, str] = {}
        self.seen: set[tuple[int, int, bytes]] = set()
        self.steps: dict[tuple[int, int], str] = {}
        self.before = b""
        self.notes: Counter = Counter()

    def drop(self, rows: "polars.DataFrame", deliveries: list[Delivery], name: str) -> "polars.DataFrame":
        """Return the rows of a file without those that were delivered before."""
        if not deliveries:
            return rows
        whole = tuple((found.split, found.step, found.digest) for found in deliveries)
        if whole in self.files and log_chance(rows) < CHANCE:
            self.notes["files that equal another one"] += 1
            self.dropped += rows.height
            return rows.clear()
        self.files[whole] = name
        again: list[Delivery] = []
        parts: list[Delivery] = []
        for found in deliveries:
            repeated = (found.split, found.step, found.digest) in self.seen or self._logged_again(found)
            (again if repeated else parts).append(found)
            self.seen.add((found.split, found.step, found.digest))
        self.before = deliveries[-1].digest
        if again and sum(log_chance(_rows(rows, found)) for found in again) >= CHANCE:
            self.notes["deliveries that equal an earlier one, but may be chance, and count"] += len(again)
            parts, again = deliveries, []
        self._several(parts, name)
        self._back(parts)
        for found in parts:
            if found.again and log_chance(rows.slice(found.start, found.again)) < CHANCE:
                self.notes[
                    "steps that say again what they began with, a second delivery perhaps, which count"
                ] += 1
        if not again:
            return rows
        self.notes["deliveries of a step that equal an earlier one"] += len(again)
        self.dropped += sum(found.stop - found.start for found in again)
        return _joined(rows, parts)

    def _logged_again(self, found: Delivery) -> bool:
        return self.one_step_a_file and found.digest == self.before

    def _several(self, parts: list[Delivery], name: str) -> None:
        """Note steps that come from several files."""
        for found in parts if self.one_step_a_file else ():
            if self.steps.setdefault((found.split, found.step), name) != name:
                self.notes["steps that come from several files with different rows, which all count"] += 1

    def _back(self, parts: list[Delivery]) -> None:
        """Note steps that come again in a file after later ones: a training that was resumed."""
        latest: dict[int, int] = {}
        seen: set[tuple[int, int]] = set()
        for found in parts:
            if found.step < latest.get(found.split, found.step) and (found.split, found.step) in seen:
                self.notes["steps that come again after later ones with other rows, which all count"] += 1
            latest[found.split] = max(found.step, latest.get(found.split, found.step))
            seen.add((found.split, found.step))

    @property
    def remarks(self) -> list[str]:
        """What the user should know, in words."""
        return [f"{what}: {count}" for what, count in self.notes.items()]


def _rows(rows: "polars.DataFrame", found: Delivery) -> "polars.DataFrame":
    return rows.slice(found.start, found.stop - found.start)


def _joined(rows: "polars.DataFrame", parts: list[Delivery]) -> "polars.DataFrame":
    import polars as pl

    return pl.concat([rows.clear(), *(_rows(rows, found) for found in parts)])
