"""The folder that ``conet web`` leaves."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.files import write_atomic, write_table
from conet.base.kinds import TRACES
from conet.traces.concept_web import ConceptWeb

if TYPE_CHECKING:
    import polars


def write(found: ConceptWeb, out: Path, page: Callable[[ConceptWeb, Path], Path]) -> dict[str, Any]:
    """Write the tables, the page with the web for other programs, and last web.json.

    Parameters
    ----------
    out
        An existing folder, as :func:`conet.base.places.filling` makes it.
    page
        Writes page and exports into the folder, and returns the path of the page.

    Returns
    -------
    dict
        The numbers, with the path of the report.
    """
    for name, table in tables(found).items():
        write_table(out / f"{name}.parquet", table)
    numbers = known(found.numbers | {"notes": found.notes, "report": str(page(found, out))})
    write_atomic(out / TRACES.mark, json.dumps(numbers, indent=2, ensure_ascii=False) + "\n")
    return numbers


def tables(found: ConceptWeb) -> "dict[str, polars.DataFrame]":
    """Return all tables by name.

    ``steps``: ``rollout`` (in the order read, from 0), ``position`` (from 0), ``text``, ``concept``.
    ``edges``: ``source``, ``target``, ``count``, ``significant``; a concept that is stayed in has a row, and
    is never significant. ``tests``: of the same rows ``expected`` and ``p_value``. ``rollouts``: which step,
    problem and outcome each has. ``concepts``, ``moments``, ``shares``: see :class:`ConceptWeb`.
    """
    import polars as pl

    steps, tested = found.steps, found.tested
    texts = pl.Series(steps.texts, dtype=pl.String)
    ends = {"source": tested.source, "target": tested.target}
    return {
        "steps": pl.DataFrame(
            {
                "rollout": steps.rollout,
                "position": steps.position,
                "text": texts.gather(steps.text),
                "concept": found.paths.concept,
            }
        ),
        "edges": pl.DataFrame(ends | {"count": tested.count, "significant": tested.significant}),
        "tests": pl.DataFrame(ends | {"expected": tested.expected, "p_value": tested.p_value}),
        "rollouts": steps.rollouts,
        "concepts": found.concepts,
        "moments": found.moments,
        "shares": found.shares,
    }


def known(value: Any) -> Any:
    """Return numbers as JSON has them: null for what is not known."""
    if isinstance(value, dict):
        return {name: known(one) for name, one in value.items()}
    if isinstance(value, list):
        return [known(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
