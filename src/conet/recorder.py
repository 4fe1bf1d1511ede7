"""What a running training leaves in its directory, with checkpoints as commit points.

A checkpoint is renamed into place after everything it counts on; what a killed run wrote beyond its
last checkpoint is dropped on resuming and written again, the same bit for bit.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conet import rollouts
from conet.engine.sample import Walks
from conet.store import Run, damaged, read_arrays, snapshot_name, write_arrays, write_atomic, write_table

if TYPE_CHECKING:
    import polars

CHECKPOINT = "checkpoint.safetensors"


class Recorder:
    """Buffers of a run's tables, flushed together at every checkpoint."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        self.batches: list[tuple[int, str, str, Walks]] = []
        self.written = 0  # steps whose rollouts are on disk

    def snapshot(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a snapshot at once."""
        write_arrays(self.run.path / snapshot_name(step), arrays)

    def checkpoint(self, step: int, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Write all tables, then the checkpoint that makes them count."""
        path = self.run.path
        if self.batches:
            write_table(path / f"rollouts/part-{self.written:08d}.parquet", rollouts.record(self.batches))
            self.batches.clear()
        self.written = step
        write_table(path / "metrics.parquet", table(self.rows))
        write_table(path / "evaluations.parquet", table(self.evaluations))
        write_atomic(path / "events.jsonl", "".join(json.dumps(event) + "\n" for event in state["events"]))
        write_arrays(path / CHECKPOINT, arrays, {"state": json.dumps({"step": step, **state})})

    def restore(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Go back to the last checkpoint; None where there is none yet.

        Returns
        -------
        tuple of arrays and state, or None
        """
        path = self.run.path
        if not (path / CHECKPOINT).exists():
            self._drop_after(0)
            return None
        arrays, metadata = read_arrays(path / CHECKPOINT)
        try:
            state = json.loads(metadata["state"])
        except (KeyError, ValueError) as error:
            raise damaged(path / CHECKPOINT, error) from None
        step = state.pop("step")
        self.rows = [row for row in self.run.metrics().to_dicts() if row["step"] < step]
        if len(self.rows) != step:
            raise damaged(path / "metrics.parquet", ValueError(f"{len(self.rows)} of {step} steps"))
        self.evaluations = [row for row in self.run.evaluations().to_dicts() if row["step"] < step]
        self.written = step
        self._drop_after(step)
        return arrays, state | {"step": step}

    def _drop_after(self, step: int) -> None:
        for part in (self.run.path / "rollouts").glob("part-*.parquet"):
            if int(part.stem.removeprefix("part-")) >= step:
                part.unlink()


def table(rows: list[dict[str, Any]]) -> "polars.DataFrame":
    """Turn rows of the same keys into a table; a column's type looks at all rows."""
    import polars as pl

    return pl.DataFrame(rows, infer_schema_length=None)
