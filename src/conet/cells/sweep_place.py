"""Which runs the table of a sweep has: those of another sweep are not replaced."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from conet.base.errors import ConetError
from conet.base.files import read_table
from conet.base.kinds import SWEEP
from conet.cells.sweep_file import Sweep, configure, settings_of
from conet.config import Config

TABLE = "table.parquet"


def identities(configs: Sequence[Config]) -> list[str]:
    """Return a hash of each run's settings."""
    return [
        hashlib.sha256(config.model_dump_json(exclude={"preset"}).encode()).hexdigest()[:16]
        for config in configs
    ]


def refuse_other(out: Path, definition: Sweep, configs: Sequence[Config]) -> None:
    """Refuse a folder with the table of a sweep that has runs which this one has not: they would be lost.

    Raises
    ------
    ConetError
    """
    if not (out / TABLE).exists():
        return
    kept = _kept(out)
    if kept is None:
        lost = _rows_of_others(out / TABLE, definition, configs)
    else:
        lost = len(set(kept) - set(identities(configs)))
    if lost:
        raise ConetError(
            f"--out {out}, with {lost} runs of another sweep in its table",
            "a new folder, or one of this sweep or of a part of it",
            "choose another",
        )


def _kept(out: Path) -> list[str] | None:
    """Return the runs that the folder says are in its table; None where it does not say.

    They are made again from the file of that sweep, since settings may have been added to CoNet meanwhile.
    """
    try:
        kept = json.loads((out / SWEEP.mark).read_text(encoding="utf-8"))
        sweep = Sweep.model_validate(kept["definition"])
        return identities(
            [configure(sweep, *one) for one in itertools.product(sweep.points(), sweep.all_seeds())]
        )
    except (ConetError, ValidationError, OSError, ValueError, LookupError, TypeError):
        return None


def _rows_of_others(path: Path, definition: Sweep, configs: Sequence[Config]) -> int:
    """Count the rows of a table that are no runs of this sweep.

    So it is where a sweep was killed between its table and what says of which sweep it is, and in folders of
    version 0.1, which did not say.
    """
    try:
        table = read_table(path)
    except ConetError as error:
        raise ConetError(
            error.got, "a table of this sweep", "move it away, or choose another --out"
        ) from None
    settings = list(dict.fromkeys(key for point in definition.points() for key in point))
    if not {*settings, "seed"} <= set(table.columns):
        return table.height  # none of its rows is a run of this sweep
    rows = table.select(*settings, "seed").rows()
    mine = {(*settings_of(config, settings).values(), config.seed) for config in configs}
    return sum(row not in mine for row in rows) + len(rows) - len(set(rows))
