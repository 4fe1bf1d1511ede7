"""What a running training leaves in its directory, with checkpoints as commit points.

A checkpoint is renamed into place after everything it counts on; what a killed run wrote beyond its
last checkpoint is dropped on resuming and written again, the same bit for bit.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import damaged, numbered, read_arrays, write_arrays, write_atomic, write_table
from conet.engine.sample import Walks
from conet.rollouts import from_walks
from conet.runs.run import Run, snapshot_name

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
            write_table(path / f"rollouts/part-{self.written:08d}.parquet", from_walks(self.batches))
            self.batches.clear()
        self.written = step
        write_table(path / "metrics.parquet", table(self.rows))
        write_table(path / "evaluations.parquet", evaluation_table(self.evaluations))
        write_atomic(path / "events.jsonl", "".join(json.dumps(event) + "\n" for event in state["events"]))
        write_arrays(path / CHECKPOINT, arrays, {"state": json.dumps({"step": step, **state})})

    def restore(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Go back to the last checkpoint; None where there is none yet.

        Returns
        -------
        tuple of arrays and state, or None
        """
        path = self.run.path / CHECKPOINT
        if not path.exists():
            self._drop_after(0)
            return None
        remedy = f"delete {path}, and `conet resume` starts this run from its first step"
        try:
            arrays, metadata = read_arrays(path)
            state = json.loads(metadata["state"])
            step = int(state["step"])
            self.rows = [row for row in self.run.metrics().to_dicts() if row["step"] < step]
            if len(self.rows) != step:
                raise damaged(
                    self.run.path / "metrics.parquet", ValueError(f"{len(self.rows)} of {step} steps")
                )
            self.evaluations = [row for row in self.run.evaluations().to_dicts() if row["step"] < step]
        except ConetError as error:
            raise ConetError(error.got, error.expected, remedy) from None
        except (KeyError, ValueError, TypeError) as error:
            raise damaged(path, error, remedy) from None
        self.written = step
        self._drop_after(step)
        return arrays, state

    def _drop_after(self, step: int) -> None:
        """Remove what a killed run wrote after its last checkpoint, and what it left half-written."""
        for number, part in numbered(self.run.path / "rollouts", "part-", ".parquet"):
            if number >= step:
                part.unlink()
        for folder in (self.run.path, self.run.path / "rollouts", self.run.path / "snapshots"):
            for temporary in folder.glob(".*.*.[0-9]*"):
                temporary.unlink()


def table(rows: list[dict[str, Any]]) -> "polars.DataFrame":
    """Turn rows of the same keys into a table; a column's type looks at all rows."""
    import polars as pl

    return pl.DataFrame(rows, infer_schema_length=None)


def evaluation_table(rows: list[dict[str, Any]]) -> "polars.DataFrame":
    """Turn rows of step, name, k and value into a table, which has its columns also when it is empty."""
    import polars as pl

    return pl.DataFrame(rows, {"step": pl.Int64, "name": pl.String, "k": pl.Int64, "value": pl.Float64})
