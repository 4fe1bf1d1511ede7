"""Which rows are of one run: several runs are refused, an abandoned branch gives way to its later copy.

A training that was killed and resumed from a checkpoint logs some steps again. Then what was logged
before from that step on belongs to a policy that is no longer, and the later copy counts. Files that
cover the same steps are several runs, unless their names say that they are parts of one: shards, or
numbered parts of which each goes on where an earlier one was left.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError
from conet.readers.paths import inside, numbered_alike
from conet.rollouts import main_split

if TYPE_CHECKING:
    import polars

    from conet.readers.pieces import Piece

REPLACED = "rows of an abandoned branch, which a resumed run wrote again"
SAME = 0.5  # of the steps of the shorter of two logs, above which they cover the same steps
WHOLE = 0.5  # of the rows of a step in the earlier copy, which the later one has at the least
EVERY = 0.8  # of the steps of an abandoned branch, that the resumed run wrote again at the least
PARTS = 1.1  # times the usual rows of a step, up to which two files hold parts of it
MOST_SEGMENTS = 0.25  # of the steps; more, and the rows are not in the order of steps
SHOWN = 8


def without_branches(
    table: "polars.DataFrame", runs: Sequence[str] | None = None
) -> "tuple[polars.DataFrame, list[str]]":
    """Take out, in each file, the steps that come again after later ones; return the rest, and a remark.

    Parameters
    ----------
    runs
        Of each file which run it is of, where the files of a run follow each other and count as one.
    """
    import polars as pl

    if not table.height:
        return table, []
    step, file = table["step"].to_numpy(), table["file"].to_numpy()
    if runs is not None:
        file = np.unique(runs, return_inverse=True)[1][file]
    split, problem = table["split"].to_physical().to_numpy(), table["problem"].to_numpy()
    dropped = np.zeros(len(step), bool)
    turns = np.flatnonzero((step[1:] < step[:-1]) & (file[1:] == file[:-1]) & (split[1:] == split[:-1]))
    for number in np.unique(file[turns]):
        rows = np.flatnonzero(file == number)
        for kind in np.unique(split[rows]):
            chosen = rows[split[rows] == kind]
            dropped[chosen] = _abandoned(step[chosen], problem[chosen])
    if not dropped.any():
        return table, []
    steps = len(np.unique(step[dropped]))
    kept = table.filter(pl.Series(~dropped))
    return kept, [f"steps of an abandoned branch, replaced by what the resumed run wrote: {steps}"]


def _abandoned(step: np.ndarray, problem: np.ndarray) -> np.ndarray:
    """Say which rows of a file are replaced by later ones.

    A later copy has about as many rows a step, and the same problems, since trainers go on in the order of
    their data; or, of other problems, two steps or more.
    """
    starts = np.concatenate([[0], np.flatnonzero(step[1:] < step[:-1]) + 1, [len(step)]])
    dropped = np.zeros(len(step), bool)
    if len(starts) - 2 > max(1, MOST_SEGMENTS * len(np.unique(step))):
        return dropped
    for begin, end in pairwise(starts[1:]):
        later = step[begin:end]
        earlier = np.flatnonzero((step[:begin] >= later[0]) & ~dropped[:begin])
        before = dict(zip(*np.unique(step[earlier], return_counts=True)))
        after = dict(zip(*np.unique(later, return_counts=True)))
        common = before.keys() & after.keys()
        if not common or np.median([after[at] / before[at] for at in common]) < WHOLE:
            continue
        both = list(common)
        old = np.unique(problem[earlier[np.isin(step[earlier], both)]])
        new = np.unique(problem[begin:end][np.isin(later, both)])
        if len(common) > 1 or len(np.intersect1d(old, new)) >= WHOLE * min(len(old), len(new)):
            dropped[earlier] = True
    return dropped


def runs_of(pieces: "Sequence[Piece]") -> list[str]:
    """Return for each file what is the same for all files of its run."""
    keys = []
    for piece in pieces:
        assert piece.part is not None
        steps = piece.rows["step"]
        named = steps.len() and (steps == piece.part.step).all() if piece.part.step is not None else False
        keys.append(piece.part.run_of_steps if named else piece.part.run)
    return keys


def one_run(
    table: "polars.DataFrame", pieces: "Sequence[Piece]", root: Path
) -> "tuple[polars.DataFrame, list[str]]":
    """Refuse several runs; of one that was resumed in another file the later copy of a step counts.

    Raises
    ------
    ConetError
        Naming the files or folders that cover the same steps.
    """
    import polars as pl

    keys = runs_of(pieces)
    there = table.filter(pl.col("split") == main_split(table)) if table.height else table
    place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if len(place) < 2 or not there.height:
        return table, []
    run = np.array([place[key] for key in keys])[table["file"].to_numpy()]
    table = table.with_columns(run=pl.Series(run, dtype=pl.Int32))
    there = table.filter(pl.col("split") == main_split(table))
    counts = there.group_by("run", "step").len()
    steps = {
        number: dict(part.select("step", "len").iter_rows())
        for (number,), part in counts.partition_by("run", as_dict=True).items()
    }
    usual = float(counts["len"].median() or 1)  # type: ignore[arg-type]
    order = sorted(steps, key=lambda number: (min(steps[number]), number))
    names = [_name(number, place, keys, pieces, root) for number in range(len(place))]
    _refuse(order, steps, usual, names, list(place))
    dropped, replaced = pl.lit(False), set[int]()
    for number, later in enumerate(order):
        for earlier in order[:number]:
            common = steps[earlier].keys() & steps[later].keys()
            if any(_copies(steps[earlier][at], steps[later][at], usual) for at in common):
                begin = min(steps[later])
                replaced |= {at for at in steps[earlier] if at >= begin}
                dropped = dropped | ((pl.col("run") == earlier) & (pl.col("step") >= begin))
    if not replaced:
        return table.drop("run"), []
    remark = f"steps of an abandoned branch, replaced by what the resumed run wrote: {len(replaced)}"
    return table.filter(~dropped).drop("run"), [remark]


def _copies(earlier: int, later: int, usual: float) -> bool:
    """Whether two files hold a step twice, and not parts of it."""
    return earlier + later > PARTS * usual and later >= WHOLE * earlier


def _refuse(
    order: list[int], steps: dict[int, dict[int, int]], usual: float, names: list[str], keys: list[str]
) -> None:
    alike: set[int] = set()
    for place, one in enumerate(order):
        for other in order[place + 1 :]:
            common = steps[one].keys() & steps[other].keys()
            copied = [at for at in common if _copies(steps[one][at], steps[other][at], usual)]
            before = [steps[first] for first in order[:place] if numbered_alike(keys[first], keys[one])]
            if numbered_alike(keys[one], keys[other]) and _goes_on(steps[one], steps[other], before):
                continue
            if len(common) > SAME * min(len(steps[one]), len(steps[other])) and copied:
                alike |= {one, other}
    if alike:
        shown = ", ".join(names[number] for number in sorted(alike)[:SHOWN])
        more = f" and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
        raise ConetError(
            f"several runs, which cover the same steps: {shown}{more}",
            "the log of one run",
            "name one of them, or take them together with --pool",
        )


def _goes_on(earlier: dict[int, int], later: dict[int, int], before: list[dict[int, int]]) -> bool:
    """Whether a part begins within another, or behind it, and then has all its steps: it was resumed there.

    Two that begin at one step were both resumed from there, where a part ``before`` them leads to it.
    """
    begin, end = min(later), min(max(earlier), max(later))
    if begin < min(earlier) or (begin == min(earlier) and not any(min(part) < begin for part in before)):
        return False
    expected = [at for at in earlier if begin <= at <= end]
    return sum(at in later for at in expected) >= EVERY * len(expected)


def _name(number: int, place: dict[str, int], keys: list[str], pieces: "Sequence[Piece]", root: Path) -> str:
    """Name the files of a run: the one file, or the folder that holds all of them."""
    paths = [
        inside(root, piece.part.path)
        for key, piece in zip(keys, pieces)
        if piece.part and place[key] == number
    ]
    if len(paths) == 1:
        return str(paths[0])
    shared = set(paths[0].parents).intersection(*(path.parents for path in paths[1:]))
    deepest = max(shared, key=lambda path: len(path.parts))
    return str(deepest) if deepest.parts else str(paths[0])
