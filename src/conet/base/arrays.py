"""Named arrays in safetensors files that check themselves."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from conet.base.files import damaged, write_atomic

CHECKSUM = "sha256"
SEAL = "seal"
LABELS_0_1 = {CHECKSUM, "state", "cell"}


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays as safetensors, atomically."""
    write_atomic(path, array_bytes(arrays, metadata))


def array_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return named arrays as the bytes of a safetensors file that checks itself."""
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    labels = {**(metadata or {}), CHECKSUM: checksum(contiguous)}
    return save(contiguous, labels | {SEAL: seal(contiguous, labels)})


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names and bytes: safetensors itself does not notice a changed value."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def seal(arrays: Mapping[str, np.ndarray], labels: Mapping[str, str]) -> str:
    """SHA-256 over names, types, shapes and metadata, and over the bytes by their checksum."""
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    text = json.dumps([shapes, dict(labels)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise damaged(path, error) from None
    # Files of version 0.1 have no seal; a damaged name of the seal leaves a label that they do not know.
    found = metadata.pop(SEAL, None)
    sealed = found == seal(arrays, metadata)
    unsealed = found is None and set(metadata) <= LABELS_0_1
    if metadata.get(CHECKSUM) != checksum(arrays) or not (sealed or unsealed):
        raise damaged(path, ValueError("its content does not match its checksum"))
    return arrays, metadata
