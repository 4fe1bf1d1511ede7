"""Skeleton of an observable: copy this file, fill in the function, and name it in a config.

    $ conet run --set 'observables=["path/to/observable.py:my_observable"]'

The result stands in the metrics of the run under the name that you gave. On a run that is there
already, of walks or of a language model:

    >>> conet.Run("runs/mine").observe("path/to/observable.py:my_observable")
"""

from conet.observables import Observation, needs


@needs("rollouts")  # what it reads: "rollouts", "walks", "policy", "table", "web"; rollouts suit every run
def my_observable(observation: Observation) -> float:
    """Say in one line what it measures, and in which unit.

    At hand in every run: ``observation.step``, ``.rollouts`` (a table, one row a rollout: ``problem``,
    ``reward``, ``correct``, ``length``, …) and ``.by_problem`` (one row a problem: ``samples``,
    ``correct_count``, …). In runs of ``conet run`` also ``.policy`` (``.probability`` of each edge,
    ``.graph``), ``.problems`` (``.questions``, ``.answers``), ``.walks`` (``.edges``, ``.length``,
    ``.correct``), ``.threshold`` and ``.web`` (the thresholded web). Read them, change nothing.
    Return a number, NaN where there is none, or a dict of numbers.
    """
    return float(observation.rollouts["correct"].mean())
