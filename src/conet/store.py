"""A run directory: atomic writes, and a reader that says what is wrong with a foreign one."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.config import Config
from conet.errors import ConetError
from conet.model.graph import Graph
from conet.model.tasks import Tasks

if TYPE_CHECKING:
    import polars

VERSION_OF = ("conet-rlvr", "numpy", "numba", "llvmlite", "scipy", "polars", "safetensors", "matplotlib")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut.

    Raises
    ------
    ConetError
        When the disk is full or the place cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> ConetError:
    """Say why a file could not be written, and that nothing is lost."""
    return ConetError(
        f"{path}: {error.strerror or error}",
        "a place that can be written",
        "free space or choose another --out; a run that had begun goes on with `conet resume`",
    )


def write_table(path: Path, table: "polars.DataFrame") -> None:
    """Write a table as parquet, atomically."""
    buffer = BytesIO()
    table.write_parquet(buffer, compression="zstd", compression_level=1)
    write_atomic(path, buffer.getvalue())


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays as safetensors, atomically."""
    from safetensors.numpy import save

    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomic(path, save(contiguous, dict(metadata) if metadata else None))


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read arrays and metadata of a safetensors file.

    Raises
    ------
    ConetError
        When the file is missing, foreign or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> ConetError:
    """Say that a file of a run is missing or damaged."""
    reason = "no such file" if not path.exists() else f"{type(error).__name__}: {error}".splitlines()[0]
    return ConetError(
        f"{path}: {reason[:200]}", "a file written by conet", "restore it from a copy, or start the run again"
    )


def provenance(config: Config, command: list[str] | None = None) -> dict[str, Any]:
    """Return where a run comes from: versions, commit, machine, seed and command."""
    versions = {"python": platform.python_version()}
    for name in VERSION_OF:
        with suppress(Exception):
            versions[name] = version(name)
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command if command is not None else sys.argv,
        "seed": config.seed,
        "config_hash": config.content_hash,
        "commit": _commit(),
        "versions": versions,
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()},
    }


def _commit() -> str | None:
    """Commit of the source tree that is running, with a mark when it was changed; None outside git."""
    here = str(Path(__file__).resolve().parent)
    with suppress(OSError, subprocess.SubprocessError):
        head = subprocess.run(
            ["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5
        )
        if head.returncode == 0:
            tree = ["git", "-C", here, "status", "--porcelain", "--", here]
            changed = subprocess.run(tree, capture_output=True, text=True, timeout=5).stdout.strip()
            return head.stdout.strip() + ("+changes" if changed else "")
    return None


def create(path: Path, config: Config, graph: Graph, tasks: Tasks, command: list[str] | None = None) -> "Run":
    """Make a run directory appear by one rename, already with config, provenance, graph and tasks.

    Raises
    ------
    ConetError
        When the place exists and is not empty, or cannot be written.
    """
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        temporary.chmod(0o755)
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        write_atomic(temporary / "config.json", config.to_json())
        write_atomic(temporary / "provenance.json", json.dumps(provenance(config, command), indent=2) + "\n")
        write_arrays(
            temporary / "graph.safetensors",
            {"offsets": graph.offsets, "targets": np.ascontiguousarray(graph.targets, np.int32),
             "questions": tasks.questions, "answers": tasks.answers},
        )  # fmt: skip
        for name in ("rollouts", "snapshots", "figures"):
            (temporary / name).mkdir()
        os.rename(temporary, path)
    except (OSError, ConetError) as error:
        import shutil

        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, ConetError):
            raise
        refuse_existing(path)
        raise cannot_write(path, error) from None
    return Run(path)


def refuse_existing(path: Path) -> None:
    """Refuse an output place that holds something.

    Raises
    ------
    ConetError
        When it is a file or a non-empty directory.
    """
    try:
        taken = any(path.iterdir()) if path.is_dir() else path.exists()
    except OSError as error:
        raise cannot_write(path, error) from None
    if taken:
        raise ConetError(
            f"--out {path}, which exists and is not empty",
            "a new or an empty directory",
            f"choose another, or go on with `conet resume {path}`",
        )


class Run:
    """A run directory, for reading.

    Parameters
    ----------
    path
        The directory.

    Raises
    ------
    ConetError
        When it is no run directory; every reader names the file that is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        config = self.path / "config.json"
        try:
            text = config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ConetError(
                f"{path}, which holds no config.json" if self.path.exists() else f"{path}, which does not exist",
                "a run directory", "name a directory that `conet run` made",
            ) from None  # fmt: skip
        self.config = Config.from_json(text, str(config))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _json(self, name: str) -> Any:
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise damaged(path, error) from None

    def _table(self, name: str) -> "polars.DataFrame":
        import polars as pl

        path = self.path / name
        try:
            return pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise damaged(path, error) from None

    @property
    def finished(self) -> bool:
        """Whether training is done."""
        return (self.path / "summary.json").exists()

    def summary(self) -> dict[str, Any]:
        """Return the object that ``conet run --json`` printed."""
        return self._json("summary.json") | {"run": str(self.path)}

    def provenance(self) -> dict[str, Any]:
        """Return versions, commit, machine, seed and command."""
        return self._json("provenance.json")

    def metrics(self) -> "polars.DataFrame":
        """Return the metrics, one row a step."""
        return self._table("metrics.parquet")

    def evaluations(self) -> "polars.DataFrame":
        """Return what was measured at snapshots: step, name, k, value."""
        return self._table("evaluations.parquet")

    def rollouts(self) -> "polars.LazyFrame":
        """Return the rollout table (see :mod:`conet.rollouts`), lazily."""
        import polars as pl

        from conet.rollouts import schema

        parts = sorted((self.path / "rollouts").glob("part-*.parquet"))
        for part in parts:
            try:
                pl.read_parquet_schema(part)
            except (OSError, pl.exceptions.PolarsError) as error:
                raise damaged(part, error) from None
        return pl.scan_parquet(parts, glob=False) if parts else pl.LazyFrame(schema=schema())

    def graph(self) -> Graph:
        """Return the concept network."""
        arrays, _ = read_arrays(self.path / "graph.safetensors")
        return Graph(arrays["offsets"], arrays["targets"])

    def tasks(self) -> Tasks:
        """Return questions, answers and the longest walk."""
        arrays, _ = read_arrays(self.path / "graph.safetensors")
        settings = self.config.tasks
        return Tasks(arrays["questions"], arrays["answers"], settings.max_length, settings.stop_at_any_answer)

    def snapshot_steps(self) -> list[int]:
        """Return the steps at which there is a snapshot, in order."""
        names = (self.path / "snapshots").glob("step-*.safetensors")
        return sorted(int(path.stem.removeprefix("step-")) for path in names)

    def snapshot(self, step: int) -> dict[str, np.ndarray]:
        """Return a snapshot: logits, and the edges that successful walks used with their counts."""
        return read_arrays(self.path / snapshot_name(step))[0]

    def events(self) -> list[dict[str, Any]]:
        """Return the event log: phases, heating, resumptions."""
        path = self.path / "events.jsonl"
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise damaged(path, error) from None


def snapshot_name(step: int) -> str:
    """Return a snapshot's place inside its run directory."""
    return f"snapshots/step-{step:08d}.safetensors"
