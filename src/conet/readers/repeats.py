"""The same file or step delivered twice: counted once, and said.

Equal rows within a step are normal (equal answers of one group) and always count. What is a repeat is a
whole delivery, the rows of one step as they follow each other in a file, that equals an earlier delivery
row by row. Where a policy answers always alike, that can happen by chance; so a repeat is believed only
where chance, with the frequencies of the answers seen in it, would give it less than once in a million,
or where whole files are equal.
"""

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import polars

REPEATED = "rows delivered a second time"
MOST_DELIVERIES = 4  # of a step in one file on average; more, and the rows are not in the order of steps
CHANCE = math.log(1e-6)
_SEEN = ("problem", "reward", "correct", "length", "truncated", "text")


class Delivery(NamedTuple):
    """Rows of one step that follow each other in a file: where they are, and a digest of what they say."""

    split: int
    step: int
    start: int
    stop: int
    digest: bytes


def fingerprint(rows: "polars.DataFrame") -> list[Delivery]:
    """Return the deliveries of a file; none where its rows are not in the order of steps."""
    if not rows.height:
        return []
    step, apart = rows["step"].to_numpy(), rows["split"].to_physical().to_numpy()
    new = (step[1:] != step[:-1]) | (apart[1:] != apart[:-1])
    starts = np.concatenate([[0], np.flatnonzero(new) + 1])
    if len(starts) > MOST_DELIVERIES * len(np.unique(step)):
        return []
    hashes = rows.select(_SEEN).hash_rows(seed=0).to_numpy()
    return [
        Delivery(
            int(apart[start]), int(step[start]), start, stop,
            hashlib.blake2b(hashes[start:stop].tobytes(), digest_size=16).digest(),
        )
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), rows.height])
    ]  # fmt: skip


def log_chance(rows: "polars.DataFrame") -> float:
    """Logarithm of the chance that these answers come again, each as often as it is among its problem's."""
    import polars as pl

    alike, group = pl.len().over("problem", "text"), pl.len().over("problem")
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
        if whole in self.files:
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

    @property
    def remarks(self) -> list[str]:
        """What the user should know, in words."""
        return [f"{what}: {count}" for what, count in self.notes.items()]


def _rows(rows: "polars.DataFrame", found: Delivery) -> "polars.DataFrame":
    return rows.slice(found.start, found.stop - found.start)


def _joined(rows: "polars.DataFrame", parts: list[Delivery]) -> "polars.DataFrame":
    import polars as pl

    return pl.concat([rows.clear(), *(_rows(rows, found) for found in parts)])
