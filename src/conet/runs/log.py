"""A log of someone else's training, or the folder that a diagnosis of it left, as a run: read only."""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.files import damaged

if TYPE_CHECKING:
    import polars

    from conet.rollouts import RolloutRecord

DIAGNOSIS = "diagnosis.json"
# Of the metrics, after the step.
COLUMNS = (
    "phase",
    "accuracy",
    "correct_length",
    "correct_count",
    "correct_length_sum",
    "truncated_share",
    "groups_without_signal",
)


def is_log(path: Path, any_table: bool = True) -> bool:
    """Whether there is a diagnosis, or rollouts of a known format; or of none, in a table of any sort."""
    from conet.readers import READERS
    from conet.readers.base import found_by
    from conet.readers.places import walk
    from conet.readers.recognise import Recogniser

    if (path / DIAGNOSIS).is_file():
        return True
    readers = [reader for name, reader in READERS.items() if any_table or name != "table"]
    for reader in readers:
        with suppress(ConetError):
            if found_by(reader, path):
                return True
    with suppress(ConetError):  # the others are known by how their files begin
        recogniser = Recogniser()
        families = recogniser.families(path, walk(path))
        return any(reader.begins and recogniser.matching(reader, families, {}) for reader in readers)
    return False


def summary(path: Path) -> dict[str, Any]:
    """Return the findings of a diagnosed log.

    Raises
    ------
    ConetError
        When it was not diagnosed, or the findings are damaged.
    """
    place = path / DIAGNOSIS
    if not place.is_file():
        raise ConetError(
            f"the summary of {path}, a log that was not diagnosed",
            "a folder that `conet diagnose` left",
            f"`conet diagnose {path}`",
        )
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not isinstance(found.get("path"), str):
            raise ValueError("lacks its path")  # noqa: TRY004
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(place, error, "diagnose the log again") from None
    return found


def record(path: Path) -> "RolloutRecord":
    """Read the rollouts of a log; those that a diagnosis was made from, where it is the folder of one.

    Raises
    ------
    ConetError
        When they are no longer there, or cannot be read.
    """
    from conet.readers import read

    return read(place(path))


def place(path: Path) -> Path:
    """Return where a log is: that which was diagnosed, where the path is the folder of a diagnosis.

    Raises
    ------
    ConetError
        When it is no longer there.
    """
    found = Path(summary(path)["path"]) if (path / DIAGNOSIS).is_file() else path
    if not found.exists():
        raise ConetError(
            f"{found}, the log that {path} is a diagnosis of, which does not exist",
            "the log in its place",
            "move it back, or diagnose it where it is now",
        )
    return found


def metrics(path: Path) -> "polars.DataFrame":
    """Return accuracy and the like by step, from the rollouts: the columns that other runs have, too.

    Returns
    -------
    polars.DataFrame
        ``step``, ``phase``, ``accuracy``, ``correct_length``, ``correct_count``, ``correct_length_sum``,
        ``truncated_share`` and ``groups_without_signal``, of the training rollouts; null where unknown.
    """
    import polars as pl

    from conet.rollouts import per_step

    found = record(path)
    steps = per_step(found.per_problem(), found.has_lengths)
    main = found.rows.filter(pl.col("split") == found.main_split)
    phases = main.group_by("step").agg(phase=pl.col("phase").cast(pl.String).first())
    return steps.join(phases, "step").sort("step").select(pl.col("step").cast(pl.Int64), *COLUMNS)


def problems(path: Path) -> "polars.DataFrame":
    """Return the problems of a log: their numbers, and prompts or ids."""
    import polars as pl

    names = record(path).names
    return pl.DataFrame(
        {"problem": range(len(names)), "name": names}, {"problem": pl.Int32, "name": pl.String}
    )
