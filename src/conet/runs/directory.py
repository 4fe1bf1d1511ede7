"""How a run directory appears, and what it refuses."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import cannot_write, write_arrays, write_atomic
from conet.config import Config
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.runs.run import Run

VERSION_OF = ("conet-rlvr", "numpy", "numba", "llvmlite", "scipy", "polars", "safetensors", "matplotlib")


def provenance(
    config: Config, command: list[str] | None = None, objects: Sequence[str] = ()
) -> dict[str, Any]:
    """Return where a run comes from: versions, commit, machine, seed, command, and Python objects given."""
    versions = {"python": platform.python_version()}
    for name in VERSION_OF:
        with suppress(Exception):
            versions[name] = version(name)
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command if command is not None else sys.argv,
        "objects": list(objects),
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


def create(
    path: Path,
    config: Config,
    graph: Graph,
    tasks: Problems,
    command: list[str] | None = None,
    objects: Sequence[str] = (),
) -> "Run":
    """Make a run directory appear by one rename, already with config, provenance, graph and tasks.

    Parameters
    ----------
    path, config, graph, tasks
        Where, and what the run is.
    command, objects
        For the provenance; ``objects`` names what Python gave in place of what the config says.

    Raises
    ------
    ConetError
        When the place exists and is not empty, or cannot be written.
    """
    path = Path(os.path.realpath(path))  # so that an empty working directory, or a link to one, will do
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".conet-", dir=path.parent))
        temporary.chmod(0o755)
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        write_atomic(temporary / "config.json", config.to_json())
        write_atomic(
            temporary / "provenance.json", json.dumps(provenance(config, command, objects), indent=2) + "\n"
        )
        write_arrays(
            temporary / "graph.safetensors",
            {
                "offsets": graph.offsets,
                "targets": np.ascontiguousarray(graph.targets, np.int32),
                "questions": tasks.questions,
                "answers": tasks.answers,
                "max_length": np.array([tasks.max_length]),
                "stop_at_any_answer": np.array([tasks.stop_at_any_answer], np.uint8),
            },
        )
        for name in ("rollouts", "snapshots", "figures"):
            (temporary / name).mkdir()
        os.rename(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        refuse_existing(path)
        raise cannot_write(path, error) from None
    return Run(path)


def refuse_existing(path: Path) -> None:
    """Refuse an output place that holds something.

    Raises
    ------
    ConetError
        When it is a file or a non-empty directory, or not in UTF-8, which the tables' library needs.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConetError(f"--out {str(path)!a}", "a path in UTF-8", "choose another") from None
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
