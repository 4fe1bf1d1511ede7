"""Where a run comes from: one record for walks and for language models."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conet.base.digests import DIGESTS

WALKS = ("conet-rlvr", "numpy", "numba", "llvmlite", "scipy", "polars", "safetensors", "matplotlib")
TRANSFORMERS = (*WALKS, "torch", "transformers")
LANGUAGE_MODELS = (
    *("conet-rlvr", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "math-verify"),
    *("numpy", "polars", "safetensors"),
)


def provenance(
    seed: int,
    config_hash: str,
    packages: Sequence[str] = WALKS,
    command: list[str] | None = None,
    objects: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    device: str | None = None,
    code: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return where a run comes from.

    Parameters
    ----------
    seed, config_hash
        Of its settings.
    packages
        Whose versions matter for the result.
    command
        The command line; that of this process where absent.
    objects
        Keywords of Python objects that were given in place of what the settings say, and are to be given
        again to go on.
    given
        What is known of all such objects (see :func:`conet.runs.given.noted`).
    device
        The accelerator, or None.
    code
        Files of code that the settings name (see :func:`conet.runs.code.noted`).

    Returns
    -------
    dict
        ``started`` (UTC), ``command``, ``objects``, ``given``, ``code``, ``seed``, ``config_hash``,
        ``commit`` (of the source tree, with "+changes" where it was changed; None outside git),
        ``versions``, ``machine`` and ``digests`` (the file of these, so that a run without it
        is known to be incomplete).
    """
    versions = {"python": platform.python_version()}
    for name in packages:
        with suppress(Exception):
            versions[name] = version(name)
    machine = {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command if command is not None else sys.argv,
        "objects": list(objects),
        "given": dict(given or {}),
        "code": dict(code or {}),
        "seed": seed,
        "config_hash": config_hash,
        "digests": DIGESTS,
        "commit": _commit(),
        "versions": versions,
        "machine": machine if device is None else machine | {"device": device},
    }


def _commit() -> str | None:
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
