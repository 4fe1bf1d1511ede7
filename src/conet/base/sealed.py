"""A JSON file that holds its own digest: damage to it is known when it is read."""

import json
from pathlib import Path
from typing import Any

from conet.base.digests import differs
from conet.base.errors import ConetError
from conet.base.files import damaged, digest, write_atomic


def write_sealed(path: Path, state: Any) -> None:
    """Write JSON values with their SHA-256, whole or not at all.

    Raises
    ------
    ConetError
        When they cannot be written.
    """
    text = json.dumps(state)
    write_atomic(path, json.dumps({"sha256": digest(text.encode()), "state": json.loads(text)}))


def read_sealed(path: Path, remedy: str, bare: str | None = None) -> dict[str, Any]:
    """Return what :func:`write_sealed` wrote, an object.

    Parameters
    ----------
    remedy
        What its user can do where it is damaged.
    bare
        A key by which an object is known that an earlier version wrote without a digest.

    Raises
    ------
    ConetError
        When it is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if bare is not None and bare in found:
            return dict(found)
        state: dict[str, Any] = found["state"]
        if digest(json.dumps(state).encode()) != found["sha256"]:
            raise differs(path, remedy)
    except ConetError:
        raise
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise damaged(path, error, remedy) from None
    return state
