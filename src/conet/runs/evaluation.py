"""The last evaluation of a run of walks, as the triggers of a schedule see it."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from conet.runs.measure import by_name

Values = Sequence[dict[str, Any]]


class LastEvaluation:
    """What a snapshot measures: made when a schedule asks for it first, and from then on at every snapshot.

    So a run whose schedule never asks measures nothing for it, and one that asks finds the same in memory,
    in a directory and after being killed.

    Parameters
    ----------
    measure
        Measures the policy as it is.
    steps
        Updates at which there is a snapshot.

    Attributes
    ----------
    value : dict of str to float, or None
        ``step`` and the values by name; None until it is asked for.
    """

    def __init__(self, measure: Callable[[], Values], steps: Collection[int]) -> None:
        self.measure, self.steps = measure, frozenset(steps)
        self.value: dict[str, float] | None = None
        self.known: tuple[int, Values] = (-1, [])

    def keep(self, step: int, values: Values) -> None:
        """Take values that were measured at this step for a snapshot."""
        self.known = step, values

    def pass_by(self, step: int) -> None:
        """Measure anew where there is a snapshot, if it has been asked for before."""
        if self.value is not None and step in self.steps:
            self.value = self._made(step)

    def asked(self, step: int) -> dict[str, float]:
        """Return the last evaluation."""
        if self.value is None:
            self.value = self._made(step)
        return self.value

    def _made(self, step: int) -> dict[str, float]:
        values = self.known[1] if self.known[0] == step else self.measure()
        return {"step": step, **by_name(values)}
