"""Settings that had another name in version 0.1: one table, resolved before anything is validated.

An old name goes on working. It costs one note on stderr; the old and the new name of one setting together are
an error on the command line, and in a file where their values differ.
"""

from collections.abc import Mapping
from typing import Any

from conet.base.errors import ConetError
from conet.base.terminal import tell

# Old name → new name. A section stands without a dot; the keys that kept their name inside it follow it.
SETTINGS = {
    "tasks": "problems",
    "tasks.questions": "problems.count",
    "schedule.strength": "schedule.sft_learning_rate",
    "schedule.below": "schedule.max_accuracy",
    "schedule.samples": "schedule.harvest_samples",
}
RECIPES = {
    "heating.below": "heating.max_accuracy",
    "heating.harvest": "heating.harvest_samples",
}


def current(key: str, table: Mapping[str, str]) -> str:
    """Return the present name of a dotted key.

    Examples
    --------
    >>> [current(key, SETTINGS) for key in ("tasks.questions", "tasks.max_length", "steps")]
    ['problems.count', 'problems.max_length', 'steps']
    """
    if key in table:
        return table[key]
    section, dot, inner = key.partition(".")
    return table[section] + dot + inner if dot and section in table else key


def renamed(
    changes: Mapping[str, Any], table: Mapping[str, str], *, from_file: bool = False
) -> dict[str, Any]:
    """Return changes with the present name of every dotted key, with a note for each old one.

    Parameters
    ----------
    changes
        Dotted keys and values.
    table
        :data:`SETTINGS` or :data:`RECIPES`.
    from_file
        Whether both names may stand there with one value, as `conet presets --json` prints them.

    Raises
    ------
    ConetError
        When the old and the new name of one setting are both there (from a file: and differ).
    """
    found = {key: value for key, value in changes.items() if current(key, table) == key}
    met: dict[str, str] = {}
    for old in (key for key in changes if key not in found):
        new = current(old, table)
        other = met.setdefault(new, old)
        if other != old and (not from_file or changes[other] != changes[old]):
            raise twice(other, changes[other], old, changes[old])
        if new not in changes:
            note(f"the setting {old} is now called {new}")
        elif not from_file or changes[new] != changes[old]:
            raise twice(old, changes[old], new, changes[new])
    return found | {current(key, table): value for key, value in changes.items() if key not in found}


def renamed_nested(data: Mapping[str, Any], table: Mapping[str, str], *, quiet: bool) -> dict[str, Any]:
    """Return nested settings with present names, as :func:`renamed`; ``quiet`` for what conet itself wrote.

    Raises
    ------
    ConetError
        When the old and the new name of one setting are both there and differ.
    """
    found: dict[str, Any] = {}
    for section, values in data.items():
        if isinstance(values, Mapping):
            kept = {
                key: value
                for key, value in values.items()
                if current(f"{section}.{key}", table) == f"{section}.{key}"
            }
            if kept or section not in table:
                found[section] = kept
        else:
            found[table.get(section, section)] = values
    for section, values in data.items():
        for key, value in values.items() if isinstance(values, Mapping) else ():
            old = f"{section}.{key}"
            new = current(old, table)
            if new != old:
                _move(found, old, new, value, quiet)
    return found


def _move(found: dict[str, Any], old: str, new: str, value: object, quiet: bool) -> None:
    section, _, name = new.partition(".")
    place = found.setdefault(section, {})
    if name not in place:
        place[name] = value
        if not quiet:
            note(f"the setting {old} is now called {new}")
    elif place[name] != value:
        raise twice(old, value, new, place[name])


def both_names(data: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    """Return nested settings with the names of version 0.1 beside those of today."""
    found: dict[str, Any] = {
        key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()
    }
    for old, new in table.items():
        if "." not in old:
            own = {
                to.partition(".")[2]: name.partition(".")[2]
                for name, to in table.items()
                if to.startswith(f"{new}.")
            }
            found[old] = {own.get(key, key): value for key, value in data[new].items()}
        else:
            section, _, key = old.partition(".")
            target, _, name = new.partition(".")
            found[section][key] = data[target][name]
    return found


def twice(old: str, first: object, new: str, second: object) -> ConetError:
    """Say that a setting stands there under both of its names."""
    return ConetError(
        f"{old}={first!r} and {new}={second!r}, two names of one setting"[:300], "one of them", f"keep {new}"
    )


def note(text: str) -> None:
    """Print a note on stderr, once."""
    tell(f"conet: {text}", once=True)
