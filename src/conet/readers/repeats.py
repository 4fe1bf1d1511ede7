"""The same file or step written twice: counted once, and said.

Equal rows within a step are normal (equal answers of one group) and always count. What is a repeat is a
whole block, the rows of one step as they follow each other in a file, that equals an earlier block row by
row. A file whose rows are not in the order of steps is one block. Where one block repeats its own first
rows, as where a killed training writes a step once more, the rows count, and it is said.

Where a policy always gives the same answer, or answers are not logged, equal blocks can happen by chance.
So a repeat is believed only where chance, with the frequencies of the answers seen in it, would give it
less than once in a million.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars

REPEATED = "rows delivered a second time"
MOST_BLOCKS = 4  # of a step in one file on average; more, and the rows are not in the order of steps
LOG_MOST_CHANCE = math.log(1e-6)  # that a repeat is one by chance
MOST_RESTARTS = 64  # places at which a block may begin to repeat itself
_SEEN = ("problem", "reward", "correct", "correct_value", "length", "truncated", "text_hash")


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows of one step that follow each other in a file.

    Attributes
    ----------
    split, step : int
    start, stop : int
        The rows of the file.
    digest : bytes
        Hash of their contents, in order.
    repeated_rows : int
        How many of its later rows repeat its first ones in order.
    """

    split: int
    step: int
    start: int
    stop: int
    digest: bytes
    repeated_rows: int = 0


def fingerprints(rows: "polars.DataFrame", ends: Sequence[int]) -> list[list[Block]]:
    """Return the blocks of each of some files; ``ends`` says where the rows of each end."""
    step, apart = rows["step"].to_numpy(), rows["split"].to_physical().to_numpy()
    hashes = rows.select(_SEEN).hash_rows(seed=0).to_numpy()
    found = []
    for start, stop in pairwise([0, *ends]):
        new = (step[start + 1 : stop] != step[start : stop - 1]) | (
            apart[start + 1 : stop] != apart[start : stop - 1]
        )
        starts = [0, *(np.flatnonzero(new) + 1).tolist()] if stop > start else []
        of_rows = hashes[start:stop]
        if len(starts) > MOST_BLOCKS and len(starts) > MOST_BLOCKS * len(np.unique(step[start:stop])):
            starts = [0]  # its rows are not in the order of steps
            of_rows = rows[start:stop].select("split", "step", *_SEEN).hash_rows(seed=0).to_numpy()
        found.append(
            [
                Block(
                    split=int(apart[start + one]),
                    step=int(step[start + one]),
                    start=one,
                    stop=end,
                    digest=hashlib.blake2b(of_rows[one:end].tobytes(), digest_size=16).digest(),
                    repeated_rows=repeated_rows(of_rows[one:end]),
                )
                for one, end in pairwise([*starts, stop - start])
            ]
        )
    return found


def repeated_rows(hashes: np.ndarray) -> int:
    """Count the rows of a block that repeat its first rows in order, later in the block.

    Parameters
    ----------
    hashes : ndarray of uint64
        Of the contents of each row.
    """
    size = len(hashes)
    for place in (np.flatnonzero(hashes[1:] == hashes[:1])[:MOST_RESTARTS] + 1).tolist():
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
    """Remembers the blocks it has seen, and takes repeats out of what comes later.

    Parameters
    ----------
    one_step_a_file
        Also take out a file with the contents of the file before it under another step.
    grows
        Whether a file is known to repeat the rows of those before it: then chance is no question.

    Attributes
    ----------
    dropped : int
        Rows taken out.
    remarks : list of str
        What the user should know.
    """

    def __init__(self, one_step_a_file: bool, grows: bool = False) -> None:
        self.one_step_a_file, self.grows = one_step_a_file, grows
        self.dropped = 0
        self.files: dict[tuple, str] = {}
        self.seen: set[tuple[int, int, bytes]] = set()
        self.steps: dict[tuple[int, int], str] = {}
        self.before = -1, b""
        self.notes: Counter = Counter()

    def drop(self, rows: "polars.DataFrame", blocks: list[Block], name: str) -> "polars.DataFrame":
        """Return the rows of a file without those that were read before."""
        if not blocks:
            return rows
        whole = tuple((found.split, found.step, found.digest) for found in blocks)
        if whole in self.files and (self.grows or log_chance(rows) < LOG_MOST_CHANCE):
            self.notes["files that equal another one"] += 1
            self.dropped += rows.height
            return rows.clear()
        self.files[whole] = name
        again: list[Block] = []
        parts: list[Block] = []
        for found in blocks:
            repeated = (found.split, found.step, found.digest) in self.seen or self._logged_again(found)
            (again if repeated else parts).append(found)
            self.seen.add((found.split, found.step, found.digest))
        self.before = blocks[-1].split, blocks[-1].digest
        if (
            again
            and not self.grows
            and sum(log_chance(_rows(rows, found)) for found in again) >= LOG_MOST_CHANCE
        ):
            self.notes["steps that equal an earlier copy, perhaps by chance, and count"] += len(again)
            parts, again = blocks, []
        self._several(parts, name)
        for found in parts:
            if (
                found.repeated_rows
                and log_chance(rows.slice(found.start, found.repeated_rows)) < LOG_MOST_CHANCE
            ):
                self.notes["steps that repeat their own first rows, perhaps written twice, and count"] += 1
        if not again:
            return rows
        self.notes["steps that equal an earlier copy"] += len(again)
        self.dropped += sum(found.stop - found.start for found in again)
        return _joined(rows, parts)

    def _logged_again(self, found: Block) -> bool:
        return self.one_step_a_file and (found.split, found.digest) == self.before

    def _several(self, parts: list[Block], name: str) -> None:
        """Note steps that come from several files."""
        for found in parts if self.one_step_a_file else ():
            if self.steps.setdefault((found.split, found.step), name) != name:
                self.notes["steps that come from several files with different rows, which all count"] += 1

    @property
    def remarks(self) -> list[str]:
        """Sentences for the user."""
        return [f"{what}: {count}" for what, count in self.notes.items()]


def _rows(rows: "polars.DataFrame", found: Block) -> "polars.DataFrame":
    return rows.slice(found.start, found.stop - found.start)


def _joined(rows: "polars.DataFrame", parts: list[Block]) -> "polars.DataFrame":
    import polars as pl

    return pl.concat([rows.clear(), *(_rows(rows, found) for found in parts)])
