"""Skeleton of an observable: copy this file, fill in the function, and name it in a config.

    $ conet run --set 'observables=["path/to/observable.py:my_observable"]'

The result stands in the metrics of the run under the name that you gave.
"""

from conet.observables import Observation


def my_observable(observation: Observation) -> float:
    """Say in one line what it measures, and in which unit.

    At hand: ``observation.step``, ``.policy`` (``.probability`` of each edge, ``.graph``),
    ``.tasks`` (``.questions``, ``.answers``), ``.walks`` (``.edges``, ``.length``, ``.correct``),
    ``.threshold`` and ``.web`` (the thresholded web). Read them, change nothing. Return a number,
    NaN where there is none, or a dict of numbers.
    """
    return float(observation.walks.correct.mean())
