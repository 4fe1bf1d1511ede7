"""Checking settings: the first problem as one plain line, and what a misspelled key may have meant."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from conet.base.errors import ConetError, nearest

Model = TypeVar("Model", bound=BaseModel)
FILE = "reads a file"  # in ``json_schema_extra`` of a field: its value names a file that is read
SHOWN = 100  # characters of a wrong value that an error repeats


def validated(
    model: type[Model], data: Mapping[str, Any], prefix: str = "", beside: type[BaseModel] | None = None
) -> Model:
    """Validate ``data`` against ``model``, with the first problem as one plain line.

    Parameters
    ----------
    model, data
        The settings, and what is to be one.
    prefix
        Of the keys in errors: the section, with its dot.
    beside
        Further settings of the same section, which a misspelled key may mean.

    Raises
    ------
    ConetError
        Naming the key, what was got and what was expected.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        raise refused(model, data, error, prefix, beside) from None


def refused(
    model: type[BaseModel],
    data: Mapping[str, Any],
    error: ValidationError,
    prefix: str = "",
    beside: type[BaseModel] | None = None,
) -> ConetError:
    """Say in one plain line what is wrong with ``data``; the arguments are those of :func:`validated`."""
    found = error.errors()
    first = found[0]
    path = _inside(data, first["loc"])
    key = prefix + ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        return unknown(model, key, prefix, beside)
    if first["type"] == "missing":
        return ConetError(f"no {key}", "a value for it", f"set {key}=...")
    # A value that may be of several types has one entry for each of them.
    reasons = dict.fromkeys(each["msg"] for each in found if _inside(data, each["loc"]) == path)
    expected = " or ".join(
        reason.removeprefix("Input should be ").removeprefix("Value error, ").replace("valid tuple", "list")
        for reason in reasons
    )
    if not path and first["type"] == "value_error":  # of settings that exclude each other: it names them
        said = first["msg"].removeprefix("Value error, ")
        section = prefix if said.startswith(tuple(model.model_fields)) else ""
        return ConetError(section + said, "settings that fit together", f"see {_where(model)}")
    shown = repr(first["input"])
    shown = shown if len(shown) < SHOWN else shown[: SHOWN - 3] + "…"
    return ConetError(f"{key}={shown}" if key else shown, expected, f"see {_where(model)} for valid values")


def unknown(
    model: type[BaseModel], key: str, prefix: str = "", beside: type[BaseModel] | None = None
) -> ConetError:
    """Say that there is no such key, and name the nearest."""
    what = getattr(model, "what", "config")
    name = key.removeprefix(prefix)
    names = set(keys_of(model) + (keys_of(beside) if beside else [])) - {name}  # which was refused
    close = nearest(name, names, prefix) if names else "leave it out"  # the section is equal in all
    return ConetError(f"unknown key {key!r}", f"a key of the {what}", close)


def _where(model: type[BaseModel]) -> str:
    return (
        "`conet llm recipes --describe`"
        if getattr(model, "what", "") in ("recipe", "annealing")
        else "`conet presets --describe`"
    )


def _inside(data: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the part of an error's location that is a place in the data, without names of types."""
    for depth, part in enumerate(location):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            missing_key = depth == len(location) - 1 and isinstance(data, Mapping)
            return location[: depth + missing_key]
    return location


def keys_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List every declared dotted key."""
    keys = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        section = isinstance(inner, type) and issubclass(inner, BaseModel)
        keys += keys_of(inner, f"{prefix}{name}.") if section else [prefix + name]  # type: ignore[arg-type]
    return keys


def files_read(settings: BaseModel, prefix: str = "") -> dict[str, str]:
    """Return the files that settings name to be read, by dotted key: of the fields marked by :data:`FILE`."""
    found: dict[str, str] = {}
    for name, field in type(settings).model_fields.items():
        value, marks = getattr(settings, name), field.json_schema_extra
        if isinstance(value, BaseModel):
            found |= files_read(value, f"{prefix}{name}.")
        elif value is not None and isinstance(marks, dict) and FILE in marks:
            found[prefix + name] = str(value)
    return found


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested mappings into dotted keys.

    Raises
    ------
    ConetError
        When a key stands there twice: dotted, and nested as well.
    """
    flat: dict[str, Any] = {}
    for key, value in data.items():
        inner = flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
        for name in inner.keys() & flat.keys():
            raise ConetError(
                f"{name} stands there twice", "every key once, dotted or nested", "leave one out"
            )
        flat |= inner
    return flat
