"""Walks on a concept network as rollouts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

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


class WalkCounts(NamedTuple):
    """Counts of walks by problem; the numbers of :func:`conet.rollouts.per_problem` under the same names.

    Each an ndarray of int64, shape (problems,), in the order of ``walks.problems``.
    """

    samples: np.ndarray
    correct_count: np.ndarray
    correct_length_sum: np.ndarray
    truncated_count: np.ndarray


def count_walks(walks: "Walks") -> WalkCounts:
    """Count the walks of one step by problem, without making a table of them.

    A training counts after every update, and a table would take longer than the update itself.
    """
    groups = len(walks.problems), walks.rollouts
    correct, length = walks.correct.reshape(groups), walks.length.reshape(groups)
    return WalkCounts(
        np.full(len(walks.problems), walks.rollouts),
        np.count_nonzero(correct, axis=1),
        np.where(correct, length, 0).sum(axis=1, dtype=np.int64),
        np.count_nonzero(~correct & (length >= walks.edges.shape[1]), axis=1),
    )
