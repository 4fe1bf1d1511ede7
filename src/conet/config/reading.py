"""Files of settings, JSON or TOML: a key that stands twice is a slip, and is refused."""

import json
import tomllib
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file


def loads_once(text: str) -> Any:
    """Read JSON in which no object has a key twice.

    Raises
    ------
    ValueError
        For text that is no JSON, or a key that stands twice in one object.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)} stands there twice")
        return found

    return json.loads(text, object_pairs_hook=once)


def read(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """Read a file of settings: TOML where its name ends so, else JSON.

    Parameters
    ----------
    path
        The file.
    what
        What it is called in errors, as "--config" or "recipe".
    remedy
        Where to look for what it should hold.

    Raises
    ------
    ConetError
        When it cannot be read, or holds no table of settings.
    """
    toml = path.suffix.lower() == ".toml"
    check_is_file(path)
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text) if toml else loads_once(text)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConetError(
            f"{what} {path}: {reason}", "a TOML file" if toml else "a JSON file", remedy
        ) from None
    if not isinstance(data, dict):
        raise ConetError(f"{what} {path}: {type(data).__name__}", "a JSON object", remedy)
    return data
