"""Objects that Python gives in place of what a config names: under which keywords, and of which kinds."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from conet.base.errors import ConetError, nearest
from conet.base.files import is_path
from conet.config import Config
from conet.config.aliases import note
from conet.learners import Learner
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.runs.schedule import Phase

P = ParamSpec("P")
R = TypeVar("R")

# Keywords of version 0.1, and those of today.
OLD_NAMES = {"tasks": "problems", "observers": "observables", "phases": "schedule"}


def _observables(value: Any) -> bool:
    """Names are allowed: they are resolved as the config's are."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and callable(each) for name, each in value.items())
    if isinstance(value, str) or (callable(value) and not isinstance(value, type)):
        return True
    return isinstance(value, Sequence) and all(callable(one) or isinstance(one, str) for one in value)


def _schedule(value: Any) -> bool:
    phases = isinstance(value, Sequence) and not isinstance(value, str)
    return callable(value) or (phases and len(value) > 0 and all(isinstance(one, Phase) for one in value))


# By keyword: whether a value is of its kind, the kind in words, and what to do for another value.
KINDS: dict[str, tuple[Callable[[Any], bool], str, str]] = {
    "config": (lambda value: isinstance(value, Config), "a conet.Config", "conet.preset('reference') is one"),
    "graph": (
        lambda value: isinstance(value, Graph),
        "a conet.Graph",
        "conet.Graph(offsets, targets) is one",
    ),
    "problems": (
        lambda value: isinstance(value, Problems),
        "conet.Problems",
        "conet.Problems(questions, answers, max_length) are some",
    ),
    "learner": (
        lambda value: isinstance(value, Learner),
        "a conet.Learner with its options, such as GRPO(rollouts=16)",
        "one by name is config.override({'learner.name': ...})",
    ),
    "observables": (
        _observables,
        "names and functions, one or a list, or a dict of functions",
        "docs/skeletons/observable.py is one to copy",
    ),
    "schedule": (
        _schedule,
        "a function of a Setup, or one conet.runs.schedule.Phase or more, in order",
        "one by name is config.override({'schedule.name': ...})",
    ),
    "threads": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
        "a whole number of at least 1",
        "leave it out for one thread",
    ),
    "out": (is_path, "a path", "for example 'runs/first'"),
    "path": (is_path, "the path of a run directory", "for example 'runs/first'"),
    "tell": (callable, "a function of a line of text", "leave it out"),
    "progress": (
        lambda value: isinstance(value, bool) or callable(value),
        "True, False or a function of a row of metrics",
        "leave it out",
    ),
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the objects that a function of ours is given, and take old keywords for those of today.

    Raises
    ------
    ConetError
        From the function: for a keyword that it has not, both names of one object, or an object of another
        kind; the right keyword is named.
    """
    parameters = inspect.signature(function).parameters
    name = "Trainer" if function.__name__ == "__init__" else f"conet.{function.__name__}"

    @functools.wraps(function)
    def call(*args: P.args, **given: P.kwargs) -> R:
        objects: dict[str, Any] = present(name, given)
        for keyword in objects:
            if keyword not in parameters:
                known = [each for each in parameters if each != "self"]
                raise ConetError(f"{name}(…, {keyword}=…)", "another keyword", nearest(keyword, known))
        for keyword, value in [*zip(parameters, args), *objects.items()]:
            if keyword in KINDS and (value is not None or keyword in ("config", "path")):
                _check(name, keyword, value)
        return function(*args, **objects)

    return call


def present(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments under today's names, with a note for each old one.

    Raises
    ------
    ConetError
        When both names of one object are there.
    """
    objects = dict(given)
    for old, new in OLD_NAMES.items():
        if old in objects:
            if new in objects:
                raise ConetError(f"{name}(…, {old}=…, {new}=…), two names of one object", new, f"keep {new}")
            note(f"{name}(…, {old}=…) is now called {new}")
            objects[new] = objects.pop(old)
    return objects


def _check(function: str, keyword: str, value: Any) -> None:
    """Refuse an object of another kind; where it is of the kind of another keyword, name that one."""
    fits, kind, remedy = KINDS[keyword]
    if fits(value):
        return
    others = [other for other in ("config", "graph", "problems", "learner") if KINDS[other][0](value)]
    if others:
        remedy = f"give it as {others[0]}=" if others[0] != "config" else "the config comes first"
    elif isinstance(value, type):
        remedy = f"give {value.__name__}(), with its options in the brackets"
    raise ConetError(f"{function}(…, {keyword}={value!r})"[:200], kind, remedy)


def check_fit(graph: Graph, problems: Problems) -> None:
    """Refuse problems that are not on a graph.

    Raises
    ------
    ConetError
        Naming a node that the graph has not.
    """
    for what, nodes in (("question", problems.questions), ("answer", problems.answers)):
        outside = [int(node) for node in nodes if not 0 <= node < graph.nodes]
        if outside:
            got = f"problems with {what} node {outside[0]}"
            raise ConetError(got, f"nodes 0 to {graph.nodes - 1} of the graph", "give problems of this graph")
