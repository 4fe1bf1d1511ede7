"""Which sides belong together: an arm is all runs of the same settings, one a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conet.base.errors import ConetError
from conet.diagnosis.comparison.sides import Side

NOT_SET = "–"  # a setting that a side does not have
MOST_LABEL = 60  # characters of settings that still make a name


@dataclass(frozen=True)
class Arm:
    """Runs of the same settings.

    Attributes
    ----------
    name : str
        The settings that are compared, or where these are many the name of its first side.
    sides : tuple of Side
        In the order given; of runs with a seed, one a seed.
    """

    name: str
    sides: tuple[Side, ...]

    def by_seed(self) -> dict[int, Side]:
        """Return the sides that have a seed."""
        return {side.seed: side for side in self.sides if side.seed is not None}


def compared_settings(sides: Sequence[Side]) -> dict[str, dict[str, Any]]:
    """Return the settings in which sides differ, each with its value by the name of the side.

    Sides without settings, such as logs, have none to differ in.
    """
    known = [side for side in sides if side.settings]
    names = dict.fromkeys(name for side in known for name in side.settings)
    values = {name: {side.name: side.settings.get(name, NOT_SET) for side in known} for name in names}
    return {name: of_sides for name, of_sides in values.items() if not _all_equal(list(of_sides.values()))}


def _all_equal(values: Sequence[Any]) -> bool:
    return all(value == values[0] for value in values)


def arms_of(sides: Sequence[Side], compared: Mapping[str, Mapping[str, Any]]) -> list[Arm]:
    """Sort sides into arms, in the order given.

    Two runs of the same settings alone are an arm each: then two seeds are compared, or two logs.

    Raises
    ------
    ConetError
        For two runs of the same settings and seed among more than two runs: which one pairs is not known.
    """
    groups: dict[str, list[Side]] = {}
    for side in sides:
        label = ", ".join(f"{name}={compared[name][side.name]}" for name in compared) if side.settings else ""
        own = f"{side.kind} {label}" if side.settings and side.seed is not None else f"side {side.name}"
        groups.setdefault(own, []).append(side)
    if len(groups) == 1 and len(sides) == 2:
        return [Arm(side.name, (side,)) for side in sides]
    for group in groups.values():
        _refuse_twice(group)
    return [Arm(_name(group, compared), tuple(group)) for group in groups.values()]


def _name(group: Sequence[Side], compared: Mapping[str, Mapping[str, Any]]) -> str:
    """Call an arm by its settings, where these are few, else by its runs."""
    first = group[0]
    if first.label:
        return first.label
    label = ", ".join(
        f"{name}={values[first.name]}" for name, values in compared.items() if first.name in values
    )
    if label and len(label) <= MOST_LABEL:
        return label
    return first.name if len(group) == 1 else f"{first.name} and {len(group) - 1} more"


def _refuse_twice(group: Sequence[Side]) -> None:
    seen: dict[int | None, Side] = {}
    for side in group:
        if side.seed in seen:
            raise ConetError(
                f"{seen[side.seed].name} and {side.name}, of the same settings and seed {side.seed}",
                "each seed once with the same settings",
                "leave one of them out",
            )
        seen[side.seed] = side
