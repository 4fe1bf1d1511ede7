"""Embeddings of distinct texts, kept by text and model, so that an interrupted call goes on where it was."""

import contextlib
import hashlib
from pathlib import Path

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import digest, write_atomic
from conet.base.places import make_folder
from conet.traces.embedding import Embedding
from conet.traces.texts import Progress, silent

AT_ONCE = 1024  # texts that are embedded, and kept, at a time
KEY = 16  # bytes of the hash of a text
FOLDER = "embeddings"


def embed(
    texts: list[str],
    how: Embedding,
    folder: Path | None = None,
    progress: Progress = silent,
) -> np.ndarray:
    """Embed distinct texts as vectors of length one, float32, shape (texts, dimensions).

    They are rounded to 16 bits, as they are kept, so that a resumed call finds the same. A text whose vector
    is zero gets the first direction.

    Parameters
    ----------
    folder
        Where they are kept, below it one folder a model; nowhere where absent, or where it does not pay.
    progress
        Told how many texts are embedded.
    """
    place = None
    if folder is not None and how.identity:
        place = folder / digest(how.identity.encode())[:32]
        make_folder(place)
    known: dict[bytes, np.ndarray] = {} if place is None else _read(place)
    keys = [
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY).digest() for text in texts
    ]
    # In one order whatever was asked for first, so that parts are the same after an interruption.
    missing = sorted(
        (spot for spot, key in enumerate(keys) if key not in known),
        key=lambda spot: (len(texts[spot]), keys[spot]),
    )
    done = len(texts) - len(missing)
    for start in range(0, len(missing), AT_ONCE):
        part = missing[start : start + AT_ONCE]
        made = _rounded(how.vectors([texts[spot] for spot in part]))
        chosen = [keys[spot] for spot in part]
        known.update(zip(chosen, made))
        if place is not None:
            _keep(place, chosen, made)
        done += len(part)
        progress("texts embedded", done, len(texts), "")
    widths = sorted({len(known[key]) for key in keys})
    if len(widths) > 1:
        got = f"--embedding {how.name}, which gives vectors of {widths[0]} and of {widths[-1]} numbers"
        raise ConetError(got, "as many for every text", "mend it")
    return _directions(np.stack([known[key] for key in keys]))


def _rounded(vectors: np.ndarray) -> np.ndarray:
    return _directions(np.asarray(vectors, np.float32)).astype(np.float16)


def _directions(vectors: np.ndarray) -> np.ndarray:
    made = vectors.astype(np.float32)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    zero = lengths[:, 0] == 0
    made[zero, 0], lengths[zero] = 1.0, 1.0
    return made / lengths


def _keep(place: Path, keys: list[bytes], vectors: np.ndarray) -> None:
    from safetensors.numpy import save

    content = save({"keys": np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY), "vectors": vectors})
    write_atomic(place / f"{digest(content)[:32]}.safetensors", content)


def _read(place: Path) -> dict[bytes, np.ndarray]:
    """Read what is kept; a file whose name is not its digest is damaged, and as one that is not there."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    known: dict[bytes, np.ndarray] = {}
    for file in sorted(place.glob("*.safetensors")):
        with contextlib.suppress(SafetensorError, OSError, KeyError, ValueError):
            content = file.read_bytes()
            if digest(content)[:32] != file.stem:
                continue
            held = load(content)
            known.update(zip(map(bytes, held["keys"]), held["vectors"]))
    return known
