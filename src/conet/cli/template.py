"""A recipe with every key and what it means, to begin one's own with."""

import json
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import printable
from conet.base.places import write_output
from conet.config.describe import is_section
from conet.runs.recipe import PINNED, Recipe

WIDTH = 100  # columns of a comment


def write(source: Recipe, file: Path) -> None:
    """Write a recipe as a new file.

    Raises
    ------
    ConetError
        When the file is there already, has no name of TOML, or cannot be written.
    """
    if file.suffix.lower() != ".toml":
        raise ConetError(f"{file}", "a name that ends with .toml", f"conet llm init {file}.toml")
    _check_new(file)
    write_output(file, of_recipe(source), partial(_check_new, file))


def _check_new(file: Path) -> None:
    if os.path.lexists(file):
        raise ConetError(f"{file}, which is there", "a new file", "choose another name")


def of_recipe(source: Recipe) -> str:
    """Return a recipe as TOML: what it sets, and every other key commented out with its default.

    Parameters
    ----------
    source
        The recipe that it begins as.
    """
    lines = [f"# Begun as {_text(source.name)[1:-1]}. A line that is commented out says the default."]
    fields = Recipe.model_fields
    tops = {name: field for name, field in fields.items() if not is_section(field.annotation)}
    for name, field in tops.items():
        if name not in ("name", "training"):
            lines += _setting(name, field.description, getattr(source, name), field.default)
    for name, field in fields.items():
        if is_section(field.annotation):
            section: Any = field.annotation
            lines += ["", f"[{name}]", *_comment((section.__doc__ or "").strip().splitlines()[0])]
            of = getattr(source, name)
            for key, inner in section.model_fields.items():
                lines += _setting(key, inner.description, getattr(of, key), inner.default)
            lines += [_line(key, value) for key, value in getattr(of, "options", {}).items()]
    lines += ["", "[training]", *_comment(str(fields["training"].description))]
    lines += [_line(key, value) for key, value in source.training.items()]
    lines += [f"# {key} = {_toml(value)}" for key, value in PINNED.items() if key not in source.training]
    return "\n".join(lines) + "\n"


def _setting(name: str, description: str | None, value: Any, default: Any) -> Iterator[str]:
    yield from _comment(description or "")
    yield ("# " if value == default and value is not None else "") + _line(name, value)


def _line(name: str, value: Any) -> str:
    """Return a key and its value; commented out where it has none, for which TOML knows no word."""
    return f"# {_key(name)} =" if value is None else f"{_key(name)} = {_toml(value)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text.replace("`", "'"), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _toml(value: Any) -> str:
    """Write a value as TOML.

    Raises
    ------
    ConetError
        For what TOML knows no word for.
    """
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)  # also inf and nan, which TOML calls so too
    if isinstance(value, date | time):
        return value.isoformat()
    got = "null inside a value" if value is None else type(value).__name__
    raise ConetError(got, "settings that TOML has a word for", "leave it out")


def _text(text: str) -> str:
    """Write a text as TOML: of the marks that JSON leaves as they are, it forbids this one and half pairs."""
    return json.dumps(printable(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)
