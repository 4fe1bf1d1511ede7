"""A comparison of runs or logs: which settings differ, and what differs in what came out."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.intervals import FEWEST_SEEDS
from conet.diagnosis.comparison.arms import Arm, arms_of, compared_settings
from conet.diagnosis.comparison.differences import SAME, Difference, Mean, Measure, measures_of, unpaired
from conet.diagnosis.comparison.moving import moving_at_the_end
from conet.diagnosis.comparison.pairing import code_unknown, nothing_in_common, other_seeds, why_single
from conet.diagnosis.comparison.sides import Side, open_side

MOST_NAMED = 4  # runs in the short form


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs or logs side by side.

    Attributes
    ----------
    sides : tuple of Side
        In the order given; the arm of the first is what the others are compared with.
    chosen : tuple of str or None
        The measures to compare; None for all.
    """

    sides: tuple[Side, ...]
    chosen: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        names = [side.name for side in self.sides]
        more = f", … {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        return f"Comparison({', '.join(map(repr, names[:MOST_NAMED]))}{more})"

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The settings that differ, each with the value of every side; the seed where it does not pair."""
        seeds = {side.name: side.seed for side in self.sides if side.seed is not None}
        other = any(other_seeds(arm, self.arms[0]) for arm in self.arms[1:])
        return compared_settings(self.sides) | ({"seed": seeds} if other else {})

    @cached_property
    def arms(self) -> list[Arm]:
        """Runs of the same settings, whatever their seeds."""
        return arms_of(self.sides, compared_settings(self.sides))

    @property
    def length_unit(self) -> str:
        """What the lengths count: hops, tokens, characters, or what each of these where they differ."""
        return ", or ".join(dict.fromkeys(side.length_unit for side in self.sides))

    @cached_property
    def measures(self) -> list[Measure]:
        """The numbers of every side, and the differences of the arms from the first."""
        return measures_of(self.arms, self.chosen)

    @property
    def headlines(self) -> list[str]:
        """Whether each arm ends more accurate than the first one, in a sentence."""
        known = {measure.name: measure.differences for measure in self.measures}
        rows = [*known.get(f"accuracy{SAME}", ()), *known.get("accuracy", ())]
        best: dict[str, Difference] = {}
        for one in sorted(rows, key=lambda one: ("seed", "problem", "run").index(one.paired_by)):
            if one.paired_by != "seed" or one.n > 1:
                best.setdefault(one.arm, one)
        return [
            _sentence(best[arm.name], why_single(arm, self.arms[0]))
            for arm in self.arms[1:]
            if arm.name in best
        ]

    @property
    def notes(self) -> list[str]:
        """What to be careful of."""
        found = moving_at_the_end(self.sides)
        if missing := unpaired(self.arms, self.arms[0]):
            found.append(
                f"Not paired with {self.arms[0].name}, since no seed is the same: {'; '.join(missing)}. "
                "Only the curves and the numbers of each run are shown."
            )
        found += nothing_in_common(self.arms)
        if len({side.length_unit for side in self.sides}) > 1:
            units = "; ".join(f"{side.name}: {side.length_unit}" for side in self.sides)
            found.append(f"Lengths are not measured alike ({units}): their differences mean nothing.")
        found += code_unknown(self.sides)
        measured = sorted((side for side in self.sides if side.steps.height), key=_last)
        if measured and _last(measured[-1]) > 1.1 * max(1, _last(measured[0])):
            longest, shortest = measured[-1], measured[0]
            found.append(
                f"{_length(longest)}, {_length(shortest)}: "
                "the ends are not those of trainings of equal length."
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what ``conet compare --json`` prints."""
        return {
            "runs": [_side(side, self.arms) for side in self.sides],
            "settings": self.settings,
            "arms": [{"name": arm.name, "runs": [side.name for side in arm.sides]} for arm in self.arms],
            "headlines": self.headlines,
            "measures": {measure.name: _measure(measure) for measure in self.measures},
            "notes": self.notes,
        }


def _last(side: Side) -> int:
    return int(side.steps["step"][-1])


def _length(side: Side) -> str:
    """Say how long a run is; a log numbers its steps as it likes, so it has a last step."""
    if side.kind == "log":
        return f"{side.name} ends at step {_last(side):,}"
    return f"{side.name} has {_last(side) + 1:,} updates"


def _sentence(one: Difference, why: str) -> str:
    """Say what a difference in accuracy means; of a single pair also what else differs in it."""
    of = {"seed": "seeds", "problem": "problems that both have", "run": "run"}[one.paired_by]
    numbers = f"{one.difference:+.3f}"
    if one.low is None or one.high is None:
        return (
            f"{one.arm}: accuracy {numbers} against {one.against}, from a single pair{why}: it may be chance."
        )
    numbers += f" [{one.low:+.3f}, {one.high:+.3f}]"
    against = f"{numbers} against {one.against}, over {one.n:,} {of}"
    if one.paired_by == "seed" and one.n < FEWEST_SEEDS:
        return f"{one.arm}: accuracy {against}; fewer than {FEWEST_SEEDS} seeds decide nothing."
    word = "more" if one.low > 0 else "less" if one.high < 0 else ""
    judged = f"ends {word} accurate" if word else "differs in accuracy by no more than chance"
    return f"{one.arm} {judged}: {against}."


def _side(side: Side, arms: Sequence[Arm]) -> dict[str, Any]:
    return {
        "name": side.name,
        "path": None if side.path is None else str(side.path),
        "kind": side.kind,
        "seed": side.seed,
        "arm": next(arm.name for arm in arms if side in arm.sides),
        "steps": side.steps.height,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    """Return a measure; the difference of the second arm stands there once more, beside the values."""
    rows = [_with_interval(one) for one in measure.differences]
    means = [_with_interval(one) for one in measure.means]
    first = rows[0] if rows else {"difference": None, "interval": None, "n": 0, "paired_by": None}
    chosen = {name: first[name] for name in ("difference", "interval", "n", "paired_by")}
    return {"values": measure.values, **chosen, "differences": rows, "means": means}


def _with_interval(one: Difference | Mean) -> dict[str, Any]:
    row = asdict(one)
    ends = row.pop("low"), row.pop("high")
    return row | {"interval": None if None in ends else list(ends)}


def compare(
    paths: Sequence[str | Path],
    format: str = "auto",
    map: str = "",
    tokenizer: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    pool: bool = False,
    correct_above: float | None = None,
) -> Comparison:
    """Compare runs of walks, trainings of language models, or logs of any trainer.

    Parameters
    ----------
    paths
        Two or more; the first is what the others are compared with.
    format, map, tokenizer, pool, correct_above
        As for :func:`conet.read`, for the logs among them.
    progress
        Called with bytes read and bytes in all, for each log.

    Returns
    -------
    Comparison

    Raises
    ------
    ConetError
        For fewer than two places, one that is given twice, or one that cannot be read.
    """
    places = [Path(path) for path in paths]
    if len(places) < 2:
        raise ConetError(f"{len(places)} run", "two or more", "name the runs to compare")
    seen: set[Path] = set()
    for place in places:
        if place.resolve() in seen:
            raise ConetError(f"{place} twice", "every run once", "leave one out")
        seen.add(place.resolve())
    names = names_of(places)
    sides = [
        open_side(place, name, format, map, tokenizer, progress, pool, correct_above)
        for place, name in zip(places, names)
    ]
    return Comparison(tuple(sides))


def names_of(places: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that differ."""
    parts = [place.resolve().parts for place in places]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]
