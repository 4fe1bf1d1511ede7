"""Logs of trainings that never were, with what is in them known."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conet.base.errors import ConetError


def rollouts(
    accuracy: np.ndarray, length: np.ndarray | float = 50.0, samples: int = 8, seed: int = 0, first: int = 0
) -> pl.DataFrame:
    """Draw rollouts of given accuracies.

    Parameters
    ----------
    accuracy : ndarray of float, shape (steps, problems)
        NaN where a problem is not visited.
    length
        Mean length of a correct answer, a number or of the same shape.
    """
    rng = np.random.default_rng(seed)
    steps, problems = np.nonzero(np.isfinite(accuracy))
    lengths = np.broadcast_to(length, accuracy.shape)[steps, problems]
    steps, problems, lengths = (np.repeat(part, samples) for part in (steps, problems, lengths))
    correct = rng.random(len(steps)) < accuracy[steps, problems]
    sizes = np.maximum(1, rng.normal(lengths, 0.1 * lengths)).astype(int)
    letters = rng.integers(97, 123, len(steps) * 4).astype(np.uint8).tobytes().decode()
    return pl.DataFrame(
        {
            "step": steps + first,
            "prompt": [f"What is {problem}?" for problem in problems],
            "completion": [
                letters[4 * place : 4 * place + 4] * (size // 4 + 1) for place, size in enumerate(sizes)
            ],
            "accuracy_reward": correct.astype(float),
            "advantage": correct - 0.5,
            "completion_length": sizes,
        }
    )


def as_trl(rows: pl.DataFrame, run: Path) -> Path:
    """Write a log a step, as TRL does."""
    folder = run / "completions"
    folder.mkdir(parents=True, exist_ok=True)
    for (step,), part in rows.partition_by("step", as_dict=True).items():
        part.drop("completion_length").write_parquet(folder / f"completions_{step:05d}.parquet")
    return run


def as_verl(rows: pl.DataFrame, folder: Path) -> Path:
    """Write a dump a step, as verl does."""
    folder.mkdir(parents=True, exist_ok=True)
    for (step,), part in rows.partition_by("step", as_dict=True).items():
        lines = [
            json.dumps(
                {
                    "input": row["prompt"],
                    "output": row["completion"],
                    "gts": "7",
                    "score": row["accuracy_reward"],
                    "step": step,
                    "uid": f"{step}-{place // 8}",
                }
            )
            for place, row in enumerate(part.iter_rows(named=True))
        ]
        (folder / f"{step}.jsonl").write_text("\n".join(lines) + "\n")
    return folder.parent


def two_stages(steps: int = 120, problems: int = 40, knee: float = 0.25, seed: int = 0) -> np.ndarray:
    """Accuracies with a knee: most problems are learned before it, the others one by one after it."""
    rng = np.random.default_rng(seed)
    early = rng.random(problems) < 0.7
    onset = np.where(early, rng.uniform(0, knee, problems), rng.uniform(knee, 1.2, problems)) * steps
    return 1 / (1 + np.exp(-(np.arange(steps)[:, None] - onset) / 2.0))


def valley(
    steps: int = 120, bottom: int = 40, start: float = 100.0, low: float = 40.0, end: float = 80.0
) -> np.ndarray:
    """A mean length that falls to a bottom and rises again; shape (steps, 1)."""
    return np.interp(np.arange(steps), [0, bottom, steps - 1], [start, low, end])[:, None]


def written(rows: pl.DataFrame, path: Path) -> Path:
    """Write a table in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        rows.write_parquet(path)
    elif path.suffix == ".csv":
        rows.write_csv(path)
    else:
        rows.write_ndjson(path)
    return path


def said(error: pytest.ExceptionInfo[ConetError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


ROWS = rollouts(np.full((6, 4), 0.5), samples=8)
