"""Interference of a model in training: whether problems of an update fight over its weights, and which."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from accelerate.utils import gather_object

from conet.llm.asking import number_of
from conet.llm.gradient_sketch import BLOCKS, SIZE, GradientSketch, by_problem
from conet.observables.conflict import Conflict, conflict

logger = logging.getLogger(__name__)
NAMES = ("interference", "interference_corrected", "gradient_cosine", "fighting_share")
PAIRS = "fighting_pairs"


class InterferenceWatch:
    """Looks at the gradients of each update through hooks; training goes on as it does without.

    Parameters
    ----------
    size, blocks
        See :class:`conet.llm.gradient_sketch.GradientSketch`.

    Attributes
    ----------
    found : Conflict or None
        Of the update that was just made, alike on every process; None for a heating.
    prompts : list of tuple of int
        Tokens of the prompts that ``found.pairs`` count.
    numbers : dict of int to int
        Which problem a prompt is, as far as that is known, by the number of its tokens (see
        :func:`conet.llm.asking.number_of`).
    """

    def __init__(self, size: int | None = SIZE, blocks: int | None = BLOCKS) -> None:
        self.sketch = GradientSketch(size, blocks)
        self.found: Conflict | None = None
        self.prompts: list[tuple[int, ...]] = []
        self.numbers: dict[int, int] = {}
        self.warned = False

    def attach(self, model: Any) -> None:
        """Begin to look."""
        self.sketch.attach(model)
        if not self.sketch.layers and not self.warned:
            self.warned = True
            logger.warning("conet: no interference: the model has no linear layer in a block that is trained")

    def detach(self) -> None:
        """Look no more: no hook is left in the model."""
        self.sketch.detach()

    def begin(self) -> None:
        """Begin an update: forget what was seen of the one before."""
        self.sketch.take()
        self.found, self.prompts = None, []

    def end(self) -> None:
        """Close an update, on all processes together."""
        mine = [
            (prompt, sums.vector.numpy(), sums.square, sums.count)
            for prompt, sums in by_problem(self.sketch.take())
        ]
        self.prompts, totals = added(gather_object(mine))
        self.found = conflict(*totals) if self.prompts else None

    def learn(self, number: int, prompt: Sequence[int]) -> None:
        """Note which problem a prompt is, given as tokens."""
        self.numbers[number_of(list(prompt))] = number

    def values(self) -> dict[str, float | None]:
        """Return what is logged of the update; None where it is not known."""
        one = self.found
        if one is None:
            return dict.fromkeys(NAMES)
        known = (one.interference, one.corrected, one.cosine, one.fighting)
        return {
            name: value if math.isfinite(value) else None for name, value in zip(NAMES, known, strict=True)
        }

    def row(self) -> dict[str, float | str | None]:
        """Return the same for the metrics of a run, with the pairs that fight most as text.

        ``fighting_pairs`` is a JSON list of problem, problem, cosine.
        """
        return {**self.values(), PAIRS: None if self.found is None else json.dumps(self.pairs())}

    def pairs(self) -> list[tuple[int, int, float]]:
        """Return the pairs that fight most, by the numbers of their problems, as far as these are known."""
        known = {
            place: self.numbers.get(number_of(list(prompt))) for place, prompt in enumerate(self.prompts)
        }
        found = () if self.found is None else self.found.pairs
        named = [(known[first], known[second], round(cosine, 3)) for first, second, cosine in found]
        return [(one, two, cosine) for one, two, cosine in named if one is not None and two is not None]


def added(
    parts: Sequence[tuple[tuple[int, ...], np.ndarray, float, int]],
) -> tuple[list[tuple[int, ...]], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Add up what several processes have of the same problems.

    Parameters
    ----------
    parts
        Prompt, sum of the sketches, sum of their squares and rollouts.

    Returns
    -------
    tuple
        The prompts, in the order in which they came; and by prompt what :func:`conflict` takes.
    """
    totals: dict[tuple[int, ...], list[Any]] = {}
    for prompt, vector, square, count in parts:
        total = totals.setdefault(prompt, [np.zeros(len(vector)), 0.0, 0])
        total[0], total[1], total[2] = total[0] + vector, total[1] + square, total[2] + count
    vectors, squares, counts = (np.array([total[part] for total in totals.values()]) for part in range(3))
    return list(totals), (vectors, squares, counts)


def log_into(metrics: Mapping[str, Any], values: Mapping[str, float | None]) -> None:
    """Add to a trainer's metrics of training what is known."""
    for name, value in values.items():
        if value is not None:
            metrics["train"][f"conet/{name}"].append(value)
