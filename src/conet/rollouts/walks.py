"""Walks on a concept network as rows of the table of rollouts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from conet.rollouts.schema import schema

if TYPE_CHECKING:
    import polars

    from conet.engine.sample import Walks


def from_walks(walks: "Sequence[tuple[int, str, str, Walks]]") -> "polars.DataFrame":
    """Turn sampled walks into rollouts.

    Parameters
    ----------
    walks
        Tuples of step, split, phase and the walks drawn there.

    Returns
    -------
    polars.DataFrame
        Columns as in :func:`conet.rollouts.schema.schema`. A walk is truncated that has not reached its
        answer after as many hops as are allowed.
    """
    import polars as pl

    kinds = schema()
    if not walks:
        return pl.DataFrame(schema=kinds)
    sizes = [len(batch.length) for *_, batch in walks]
    length = np.concatenate([batch.length for *_, batch in walks])
    correct = np.concatenate([batch.correct for *_, batch in walks])
    longest = np.repeat([batch.edges.shape[1] for *_, batch in walks], sizes)
    samples = [np.tile(np.arange(batch.rollouts), len(batch.problems)) for *_, batch in walks]
    batch_of = np.repeat(np.arange(len(walks)), sizes)
    words = {
        name: pl.Series([batch[place] for batch in walks], dtype=kinds[name]).gather(batch_of)
        for place, name in ((1, "split"), (2, "phase"))
    }
    columns = {
        "step": np.repeat([step for step, *_ in walks], sizes),
        "problem": np.concatenate([batch.problem for *_, batch in walks]),
        "sample": np.concatenate(samples),
        "reward": correct.astype(np.float32),
        "correct": correct,
        "length": length,
        "truncated": ~correct & (length >= longest),
    }
    return pl.DataFrame(columns | words, schema_overrides=kinds)
