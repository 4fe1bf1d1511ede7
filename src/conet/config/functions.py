"""Options of a function that the user may have written: its own signature says which there are."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, create_model

from conet.base.errors import ConetError
from conet.config.checking import validated
from conet.config.model import Settings


def options_of(function: Callable[..., Any], skip: int, otherwise: ConetError) -> dict[str, tuple[Any, Any]]:
    """Return type and default of every argument of a function but the first ``skip``.

    Parameters
    ----------
    otherwise
        Raised where it is no function with so many arguments.

    Returns
    -------
    dict of str to tuple
        As :func:`pydantic.create_model` takes them; the default is ``...`` where there is none.
    """
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):  # no function, a built-in, or an annotation of nothing
        raise otherwise from None
    if len(parameters) < skip:
        raise otherwise
    empty, several = (
        inspect.Parameter.empty,
        (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD),
    )
    return {
        parameter.name: (
            Any if parameter.annotation is empty else parameter.annotation,
            ... if parameter.default is empty else parameter.default,
        )
        for parameter in parameters[skip:]
        if parameter.kind not in several  # *args and **kwargs name no option
    }


def checked(
    fields: Mapping[str, tuple[Any, Any]],
    options: Mapping[str, Any],
    prefix: str,
    beside: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """Validate options against what :func:`options_of` found.

    Parameters
    ----------
    fields, options
        What there may be, and what was given.
    prefix, beside
        As :func:`conet.config.model.validated` takes them.

    Returns
    -------
    dict
        A value for every argument.

    Raises
    ------
    ConetError
        For an option that is not among them, or a value that does not fit.
    """
    declared: dict[str, Any] = dict(fields)
    model = create_model("Options", __base__=Settings, **declared)
    values = validated(model, options, prefix, beside)
    return {name: getattr(values, name) for name in fields}
