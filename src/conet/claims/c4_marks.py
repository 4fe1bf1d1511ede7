"""The marks of C4: when islands are most numerous and compete most, and whether that is a peak."""

from functools import partial

import numpy as np

from conet.cells.cell import Arrays
from conet.claims.c2 import bottom
from conet.claims.regimes import coincide
from conet.claims.shared import over_seeds
from conet.detect import peak
from conet.judging.claim import Results
from conet.judging.judgement import ClaimResult, judge
from conet.observables.length import ratio, window_sums

SMOOTHED = 21  # steps of the centred mean of islands; frustration is known every 5: five looks
LOOKS = 5
EVENLY = 250  # last of the steps with a look every 5


def island_peak(run: Arrays) -> float:
    """Step with the most islands, in a centred mean; NaN where there are none."""
    return _step(peak(centred(run["islands"], SMOOTHED)))


def looked(run: Arrays, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of what is known every 5 steps up to 250, in a centred mean of five looks."""
    evenly = run["frustration_steps"] <= EVENLY
    return run["frustration_steps"][evenly], centred(run[name][evenly], LOOKS)


def frustration_peak(run: Arrays, name: str = "frustration") -> float:
    """Step with the largest exact frustration over committed nodes; NaN where there is none."""
    steps, values = looked(run, name)
    return _step(peak(values, steps))


def prominence(run: Arrays, name: str) -> float:
    """Largest value over the mean from half of its step to twice it: 1 on a plateau."""
    steps, values = looked(run, name)
    top = frustration_peak(run, name)
    around = (steps >= top / 2) & (steps <= 2 * top)
    return float(np.nanmax(values) / np.nanmean(values[around])) if around.any() else float("nan")


def _step(found: int | None) -> float:
    return float("nan") if found is None else float(found)


def centred(values: np.ndarray, window: int) -> np.ndarray:
    """Mean over a centred window of rows, NaN where nothing is known."""
    known = np.isfinite(values)
    return ratio(window_sums(np.where(known, values, 0.0), window), window_sums(known, window))


def marks(results: Results) -> list[ClaimResult]:
    """Judge whether the marks coincide."""
    pairs = (
        ("island peak at V bottom", island_peak, bottom, "the paper shows both at the same moment"),
        (
            "frustration peak at island peak",
            frustration_peak,
            island_peak,
            "islands compete most where they are most numerous",
        ),
        (
            "frustration peak at V bottom",
            frustration_peak,
            bottom,
            "the V bottom is what can be seen in a language model",
        ),
        (
            "peak of the share that cancels at island peak",
            partial(frustration_peak, name="frustration_share"),
            island_peak,
            "frustration is a sum and grows with the committed nodes; a share of the gradients does not",
        ),
    )
    return [
        coincide("C4", text, over_seeds(results, mark), over_seeds(results, reference), why)
        for text, mark, reference, why in pairs
    ]


def peaks(results: Results) -> list[ClaimResult]:
    """Judge whether frustration, and the share of the gradients that cancels, have a peak."""
    return [
        judge(
            "C4",
            f"{text}: largest over the mean from half of its step to twice it",
            over_seeds(results, partial(prominence, name=name)),
            1.3,
            why="a peak, not a plateau; seen without fitting, as the V of C2",
        )
        for text, name in (("frustration", "frustration"), ("share that cancels", "frustration_share"))
    ]
