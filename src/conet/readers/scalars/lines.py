"""Numbers as lines of JSON, an object each time that was logged: ``metrics.jsonl`` and its kin.

Source: tinker_cookbook/utils/ml_log.py (tinker-cookbook: ``metrics.jsonl``), swift/trainers (ms-swift:
``logging.jsonl``), verl/utils/tracking.py (verl: logger ``file``), and W&B's ``wandb-history.jsonl`` of old
versions; or as lines of CSV with a row of names, as Lightning's CSVLogger and pandas write them.
"""

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conet.readers.formats.chunk import Unusable, open_binary
from conet.readers.memory import at_once
from conet.readers.scalars.base import Row, ScalarReader
from conet.readers.scalars.names import STEP, STEPS
from conet.readers.scalars.quantities import quantity_of

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv")
LOOKED_AT = 40  # lines
LONGEST = 1 << 20  # bytes of a line
DEEPEST = 4  # objects in one another
MOST_A_STEP = 4.0  # lines of one step; more, and they are rollouts
# Names that a line of rollouts has, and one of numbers has not.
OF_ROLLOUTS = {
    *(
        "prompt",
        "input",
        "question",
        "completion",
        "output",
        "response",
        "messages",
        "problem",
        "text",
        "answer",
    ),
    *(
        "prompt_tokens",
        "response_tokens",
        "completion_tokens",
        "traj_idx",
        "trajectories",
        "traces",
        "sample_idx",
    ),
    *(
        "group_idx",
        "example_id",
        "uid",
        "gts",
        "ground_truth",
        "input_prompt",
        "content",
        "columns",
        "doc_id",
    ),
}


def numbers_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of an object, those in objects within it as ``outer/inner``, and its step.

    Empty where it has no step, or no number beside it; the step alone where what it names is not a number
    any more, as the reward of a run that broke.
    The numbers of ``{"step": 3, "data": {...}}``, of verl's logger ``file``, keep their own names.
    """
    if isinstance(entry.get("data"), dict) and STEP in entry:
        entry = {**entry["data"], STEP: entry[STEP]}
    found: dict[str, float] = {}
    _collect(entry, "", found, 0)
    lowered = {name.lower(): name for name in found}
    step = next((lowered[name] for name in STEPS if name in lowered), None)
    if step is None:
        return {}
    at = found.pop(step)
    named = {name: value for name, value in found.items() if name.lower() not in STEPS}
    lost = not named and any(
        isinstance(value, float) and quantity_of(name) is not None for name, value in entry.items()
    )
    return {STEP: at} | named if (named or lost) and at % 1 == 0 else {}


def _collect(entry: Mapping[str, Any], before: str, found: dict[str, float], depth: int) -> None:
    for name, value in entry.items():
        if isinstance(value, dict) and depth < DEEPEST:
            _collect(value, f"{before}{name}/", found, depth + 1)
        number = number_of(value)
        if number is not None:
            found[f"{before}{name}"] = number


def number_of(value: Any) -> float | None:
    """Return a finite number; of a text such as ``12/100`` the first part; None of anything else."""
    if isinstance(value, str):
        try:
            value = float(value.split("/")[0])
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def is_one(path: Path) -> bool:
    """Whether the first lines of a file are objects with a step and known quantities, and no rollouts."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        first = next(_parsed(path, _first_lines(path, 2 if _separated(path) else 1)), None)
        if first is not None and any(name.lower() in OF_ROLLOUTS for name in first):
            return False
        seen = list(_parsed(path, _first_lines(path, LOOKED_AT)))
    except (OSError, csv.Error):
        return False
    entries = [entry for entry in seen if entry is not None]
    if not entries or len(entries) < len(seen) / 2:
        return False
    if any(name.lower() in OF_ROLLOUTS for entry in entries for name in entry):
        return False
    found = [row for row in map(numbers_of, entries) if row]
    known = any(quantity_of(name) for row in found for name in row if name != STEP)
    times = Counter(row[STEP] for row in found)
    return known and 2 * len(found) >= len(entries) and len(found) <= MOST_A_STEP * len(times)


def _first_lines(path: Path, most: int) -> list[bytes]:
    with open_binary(path) as file:
        found = [file.readline(LONGEST) for _ in range(most)]
    return [line for line in found if line.strip()]


def _separated(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _parsed(path: Path, lines: Iterable[bytes]) -> Iterator[dict[str, Any] | None]:
    """Yield the object of each line; None of what is none."""
    if _separated(path):
        table = csv.reader(line.decode("utf-8-sig", "replace") for line in lines)
        names = _columns(next(table, []))
        for row in table:
            if row:
                yield {name: value for name, value in zip(names, row) if name}
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        yield entry if isinstance(entry, dict) else None


def runs_of_chart(header: Sequence[str]) -> list[str]:
    """Return the names of the runs in a chart that the page of W&B saved; none for another table."""
    return sorted({run for run, _ in _of_chart(header)})


def _of_chart(header: Sequence[str]) -> list[tuple[str, str]]:
    """Return run and metric of each column ``RUN - METRIC`` behind the step; nothing for another table.

    " - " may stand in names of runs, and of metrics too: it is parted at the first one only where that makes
    columns of one run of those that have no metric in common.
    """
    first, *others = header or [""]
    if first != "Step" or not all(" - " in name for name in others):
        return []
    late, early = ([_parted(name, part) for name in others] for part in (str.rpartition, str.partition))
    metrics = [metric for _, metric in late]
    several = len({run for run, _ in late}) > 1
    apart = len({run for run, _ in early}) == 1 and len(set(metrics)) == len(metrics)
    return early if several and apart else late


def _parted(name: str, part: Callable[[str, str], tuple[str, str, str]]) -> tuple[str, str]:
    run, _, metric = part(name, " - ")
    return run, metric


def _columns(header: list[str]) -> list[str]:
    """Return what the columns are called; nothing where a name stands twice: no number replaces another.

    The page of W&B saves columns ``RUN - METRIC``, with two of extremes beside each: of one run the metric's
    name is returned, and the empty text for the extremes.
    """
    if len(runs_of_chart(header)) == 1:
        names = [metric for _, metric in _of_chart(header)]
        header = [header[0], *("" if name.endswith(("__MIN", "__MAX")) else name for name in names)]
    named = [name for name in header if name]
    return header if len(set(named)) == len(named) else []


def _lines(path: Path) -> Iterator[bytes]:
    with open_binary(path) as file:
        while line := file.readline(at_once() // 32 + 1):
            if len(line) > at_once() // 32:
                raise Unusable(f"has a line of more than {at_once() // 32 >> 20} MB; raise --memory")
            yield line


def rows(path: Path) -> Iterator[Row]:
    """Yield the numbers of each line; lines without a step, or that are torn, are left out."""
    try:
        for entry in _parsed(path, _lines(path)):
            if entry is not None and (row := numbers_of(entry)):
                yield row
    except csv.Error as error:
        raise Unusable(f"breaks off: {error}") from None


READER = ScalarReader(
    name="metrics",
    is_one=is_one,
    rows=rows,
    a_file_a_run=True,
    files="lines of JSON, or a CSV file, with a step and known numbers, under any name: `metrics.jsonl`, "
    "`logging.jsonl`, `metrics.csv`, a chart saved from the page of W&B",
    trainer="tinker-cookbook, ms-swift, verl's logger `file`, Lightning's CSVLogger, your own",
    setting="nothing with tinker-cookbook and ms-swift; verl `trainer.logger=[console,file]`",
)
