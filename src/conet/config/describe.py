"""What each setting is: type, default, range and meaning, read from the declarations themselves."""

import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

WORDS = {
    int: "whole number",
    float: "number",
    bool: "true or false",
    str: "text",
    dict: "table",
    Any: "anything",
}
PLURALS = {int: "whole numbers", float: "numbers", str: "texts"}
POWERS = {2**31: "2³¹", 2**63: "2⁶³"}


@dataclass(frozen=True, kw_only=True)
class Described:
    """One setting.

    Attributes
    ----------
    key
        Dotted name.
    type, default, range
        In words; the range is empty where every value of the type will do.
    meaning
        What it decides, in one sentence.
    """

    key: str
    type: str
    default: str
    range: str
    meaning: str

    def to_json(self) -> dict[str, str]:
        """Return it by the names of its parts."""
        return asdict(self)

    def line(self) -> str:
        """Put it into one line of Markdown."""
        kind = ", ".join(part for part in (self.type, self.range) if part)
        return f"- `{self.key}` = {self.default} ({kind}): {self.meaning}"


def of_model(model: type[BaseModel], prefix: str = "", without: Iterable[str] = ()) -> list[Described]:
    """Describe the fields of a model that are no sections themselves.

    Parameters
    ----------
    model
        Its fields have a description, or its docstring says under "Parameters" what they are.
    prefix
        Of the keys: the section, with its dot.
    without
        Fields to leave out, such as those that a base class has.
    """
    meanings: dict[str, str] = {}
    for base in reversed(model.__mro__):  # what a class inherits is described where it comes from
        if issubclass(base, BaseModel) and base is not BaseModel:
            meanings |= parameters(base.__doc__ or "")
    return [
        _described(prefix + name, field, field.description or meanings.get(name, ""))
        for name, field in model.model_fields.items()
        if name not in set(without) and not is_section(field.annotation)
    ]


def of_function(
    function: Callable[..., Any], skip: int, prefix: str, without: Iterable[str] = ()
) -> list[Described]:
    """Describe the arguments of a function but the first ``skip``, as :func:`of_model`."""
    meanings = parameters(function.__doc__ or "")
    found = []
    for name, parameter in list(inspect.signature(function, eval_str=True).parameters.items())[skip:]:
        if name not in set(without):
            empty = inspect.Parameter.empty
            annotation = Any if parameter.annotation is empty else parameter.annotation
            default = PydanticUndefined if parameter.default is empty else parameter.default
            field = FieldInfo.from_annotated_attribute(annotation, default)
            found.append(_described(prefix + name, field, field.description or meanings.get(name, "")))
    return found


def is_section(annotation: Any) -> bool:
    """Whether a field holds settings of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def parameters(docstring: str) -> dict[str, str]:
    """Return what a numpydoc docstring says of each parameter, as one line.

    Examples
    --------
    >>> parameters('''Do.
    ...
    ... Parameters
    ... ----------
    ... one, two : int
    ...     What they
    ...     are.
    ... ''')
    {'one': 'What they are.', 'two': 'What they are.'}
    """
    lines = inspect.cleandoc(docstring).splitlines()
    start = next((place + 2 for place, line in enumerate(lines[:-1]) if line == "Parameters"), len(lines))
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for place in range(start, len(lines)):
        line = lines[place]
        if line and not line.startswith(" "):
            if lines[place + 1 : place + 2] and set(lines[place + 1]) == {"-"}:
                break  # the next section
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line:
            for name in names:
                found.setdefault(name, []).append(line.strip())
    return {name: " ".join(words) for name, words in found.items()}


def _described(key: str, field: FieldInfo, meaning: str) -> Described:
    kind, limits = _words(
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )
    default = "required" if field.default is PydanticUndefined else written(field.default)
    return Described(key=key, type=kind, default=default, range=limits, meaning=_sentence(meaning))


def _words(annotation: Any) -> tuple[str, str]:
    """Return type and range in words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        metadata: list[Any] = []
        for each in arguments[1:]:
            metadata += each.metadata if isinstance(each, FieldInfo) else [each]
        kind, inner = _words(arguments[0])
        return kind, _range(metadata) or inner
    if origin in (typing.Union, types.UnionType):
        parts = [_words(each) for each in arguments]
        return " or ".join(kind for kind, _ in parts), "; ".join(
            dict.fromkeys(limits for _, limits in parts if limits)
        )
    if origin is Literal:
        names = [f"`{each}`" for each in arguments]
        return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names), ""
    if origin in (tuple, list):
        kind, limits = _words(arguments[0])
        return f"list of {PLURALS.get(_plain(arguments[0]), kind)}", limits
    return (
        "none" if annotation in (None, type(None)) else WORDS.get(origin or annotation, str(annotation))
    ), ""


def _plain(annotation: Any) -> Any:
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation


def _range(metadata: list[Any]) -> str:
    """Put bounds into words."""
    at_least, above, at_most, below = (
        next((getattr(each, name) for each in metadata if isinstance(each, kind)), None)
        for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt"))
    )
    if at_least is not None and at_most is not None:
        return f"{at_least} to {at_most}"
    if at_least is not None and below in POWERS:
        return f"{at_least} to {POWERS[below]} − 1"
    bounds = {"at least": at_least, "above": above, "at most": at_most, "below": below}
    return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if bound is not None)


def _sentence(text: str) -> str:
    """Begin small, as after a colon, unless it begins with a name; end without a full stop."""
    text = text.replace("``", "`").rstrip(".")
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first[1:] == first[1:].lower() else text


def written(value: Any) -> str:
    """Write a default as it would be given."""
    if value is None or value is True or value is False:
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return f"`{value}`" if isinstance(value, str) and value else "no text" if value == "" else str(value)
