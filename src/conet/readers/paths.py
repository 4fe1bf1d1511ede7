"""What the names of a file and of its folders say: its step, its split, and which run it is of."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath

from conet.readers.base import Part
from conet.readers.formats import natural
from conet.readers.formats.compressed import SUFFIXES

_STEP = re.compile(
    r"(?:(?<![a-z])|global)(?:steps?|iterations?|iter|updates?|version|rollout|gen)[_\-= ]?(\d{1,9})(?!\d)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\d.])\d{1,9}(?![\d.]*\d|[a-z])", re.IGNORECASE)
_COUNTED = (
    r"(?:shards?|parts?|ranks?|workers?|splits?|chunks?|batch|gpus?|nodes?|proc(?:ess)?|pieces?|host|dp|tp)"
)
_SHARD = re.compile(
    rf"\d+[-_]of[-_]\d+|(?<![a-z]){_COUNTED}[_\-]?\d+|(?<![a-z])(?:of|total)[_\-]?\d+", re.IGNORECASE
)
_NO_STEP = re.compile(r"(?:runs?|seeds?|trial|exp|epoch|fold|task|env|job|v|lr|bs|k)[_\-]?$", re.IGNORECASE)
_RESUMED = re.compile(
    r"[_\-. ]*(?:\d{1,3}|(?:resumed?|restart(?:ed)?|continued?|cont)[_\-]?\d*)", re.IGNORECASE
)
_APART = re.compile(
    r"(?:^|[^a-z])(?:val|valid|validation|eval|evals|evaluation|evaluations|test)(?![a-z])", re.IGNORECASE
)
_TRAIN = re.compile(r"(?:^|[^a-z])train(?:ing)?(?![a-z])", re.IGNORECASE)
LONGEST_NUMBER = 8  # digits of a name that is a step, and no date


def inside(root: Path, path: Path) -> PurePath:
    """Return the path of a file as seen from the place that is read."""
    return PurePath(path.name) if path == root else path.relative_to(root)


def stem(name: str) -> str:
    """Return a file's name without its suffixes."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name.removesuffix(".table.json").rsplit(".", 1)[0]


def step_in(path: PurePath) -> tuple[int | None, str, bool]:
    """Return the step that the names of a file and its folders say, the names without it, and if it is sure.

    What stands behind a word such as step counts, the nearest first; else a name that is a number alone; else
    the one number in the file's name, which is not sure. Numbers of shards, ranks, runs and seeds are none.
    """
    parts = [*path.parts[:-1], stem(path.name)]
    for place in range(len(parts) - 1, -1, -1):
        bare = _SHARD.sub("", parts[place])
        found = _STEP.search(bare)
        if found:
            return *_without(parts, place, bare, found), True
    for place in range(len(parts) - 1, -1, -1):
        if parts[place].isdecimal() and len(parts[place]) < LONGEST_NUMBER:
            return int(parts[place]), "/".join([*parts[:place], *parts[place + 1 :]]), True
    bare = _SHARD.sub("", parts[-1])
    numbers = [found for found in _NUMBER.finditer(bare) if not _NO_STEP.search(bare[: found.start()])]
    if len(numbers) == 1:
        return *_without(parts, len(parts) - 1, bare, numbers[0]), False
    return None, "/".join(parts), False


def _without(parts: list[str], place: int, bare: str, found: "re.Match[str]") -> tuple[int | None, str]:
    digits = found.group(found.re.groups and 1)
    rest = bare[: found.start()] + bare[found.end() :]
    number = int(digits)
    return (number if number < 2**31 else None), "/".join([*parts[:place], rest, *parts[place + 1 :]])


def run_of(names: str) -> str:
    """Return what names of files of one run share: without numbers of shards, ranks, workers and the like."""
    return _SHARD.sub("", names)


def numbered_alike(one: str, other: str) -> bool:
    """Whether the names of two files differ in one number alone, or in a word that says resumed.

    A number of a run, a seed and the like tells runs apart, and not parts of one.
    """
    for first, second in ((one, other), (other, one)):
        if second.startswith(first) and _RESUMED.fullmatch(second[len(first) :]):
            return True
    pieces = [re.split(r"(\d+)", name) for name in (one, other)]
    if len(pieces[0]) != len(pieces[1]):
        return False
    differ = [place for place, pair in enumerate(zip(*pieces)) if pair[0] != pair[1]]
    return len(differ) == 1 and differ[0] % 2 == 1 and not _NO_STEP.search(pieces[0][differ[0] - 1])


def split_of(path: PurePath) -> str:
    """Return the split that the names say, the nearest first: "eval" where they are of an evaluation."""
    for part in reversed(path.parts):
        if _TRAIN.search(part):
            return "train"
        if _APART.search(part):
            return "eval"
    return "train"


def parts_of(root: Path, files: Iterable[Path]) -> list[Part]:
    """Return the files of a run, in the order of their names, with what their names say."""
    ordered = sorted(files, key=lambda path: [natural(Path(part)) for part in inside(root, path).parts])
    said = {path: step_in(inside(root, path)) for path in ordered}
    alike = Counter(rest for _, rest, _ in said.values())
    found = []
    for path, (step, rest, sure) in said.items():
        names = inside(root, path)
        whole = run_of("/".join([*names.parts[:-1], stem(names.name)]))
        if not sure and alike[rest] < 2:  # the one number of one file may be anything
            step, rest = None, whole
        found.append(Part(path, split=split_of(names), step=step, run=whole, run_of_steps=run_of(rest)))
    return found
