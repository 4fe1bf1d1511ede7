"""How much the order of a run fluctuates at constant temperature, near the weight at which it melts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.melting import heated, mean_field
from conet.cells.training import QUIET, start, train
from conet.config import preset
from conet.engine import exact
from conet.runs.trainer import Trainer

AROUND = tuple(2.0 ** (eighth / 8) for eighth in range(-8, 9))  # weights over the critical one
REPLICAS, WINDOW, EVERY = 4, 100, 10
APART = 1000  # between the seeds of two replicas
HALF = 0.5  # accuracy from which a run is ordered


def cell(seed: int, changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one world and seed (see :func:`fluctuating`)."""
    return Cell("conet.cells.susceptibility:fluctuating", {"seed": seed, "changes": dict(changes)})


def fluctuating(seed: int, changes: Mapping[str, Any]) -> Arrays:
    """Train replicas at weights around the critical one, and watch their accuracy once they have settled.

    A replica has the same graph and problems and draws walks of its own. Each is trained as the runs of
    :func:`conet.cells.melting.heated` are, and for :data:`WINDOW` updates more, in which its exact accuracy
    is measured every :data:`EVERY`.

    Returns
    -------
    dict of arrays
        ``critical``: the critical weight of :func:`critical`, of shape (1,), and ``beyond``, of shape (1,),
        whether it is an end of the weights looked at; ``estimate``: the mean-field
        estimate, of shape (1,); ``weight``, of shape (weights,); ``accuracy``, of shape (weights, replicas,
        times); ``problems``: how many, of shape (1,).
    """
    changes = {**QUIET, **changes}
    first = start("reference", seed, changes)
    looked = heated(seed, False, changes)
    middle = critical(looked)
    weights = middle * np.array(AROUND)
    accuracy = [
        [_watched(first, seed + APART * one, changes, weight) for one in range(REPLICAS)]
        for weight in weights
    ]
    return {
        "critical": np.array([middle]),
        "beyond": np.array([beyond(looked)]),
        "estimate": np.array([mean_field(first)]),
        "weight": weights,
        "accuracy": np.array(accuracy),
        "problems": np.array([len(first.problems)]),
    }


def _watched(world: Trainer, seed: int, changes: Mapping[str, Any], weight: float) -> list[float]:
    settled = int(changes["steps"])
    further = {"seed": seed, "steps": settled + WINDOW, "learner.entropy": float(weight)}
    config = preset("reference").override({**changes, **further})
    trainer = Trainer(config, graph=world.policy.graph, problems=world.problems)
    times = range(settled, settled + WINDOW + 1, EVERY)
    return train(trainer, looks={"accuracy": (times, _accuracy)}).seen("accuracy")


def _accuracy(trainer: Trainer) -> float:
    return float(exact.solve(trainer.policy, trainer.problems).success.mean())


def critical(run: Arrays) -> float:
    """Return the weight at which the accuracy crosses one half from above for the last time.

    Between two weights in a straight line, in the logarithm of the weight; the least or the largest of them
    where it lies beyond, which :func:`beyond` says.

    Parameters
    ----------
    run
        ``weight`` and ``accuracy``, as :func:`conet.cells.melting.heated` returns them.
    """
    above = np.flatnonzero(run["accuracy"] >= HALF)
    if not len(above):
        return float(run["weight"][0])
    place = int(above[-1])
    if place == len(run["weight"]) - 1:
        return float(run["weight"][-1])
    high, low = run["accuracy"][place : place + 2]
    way = (high - HALF) / (high - low)
    first, second = np.log(run["weight"][place : place + 2])
    return float(np.exp(first + way * (second - first)))


def beyond(run: Arrays) -> int:
    """Return -1 where the critical weight lies below all weights, 1 where above all of them, 0 where between.

    Parameters
    ----------
    run
        As for :func:`critical`, whose result is then an end of the grid, and a bound of the weight.
    """
    above = np.flatnonzero(run["accuracy"] >= HALF)
    return -1 if not len(above) else int(above[-1] == len(run["weight"]) - 1)


def susceptibility(run: Arrays) -> np.ndarray:
    """Return M times the variance of the accuracy over replicas and times, at each weight, (weights,).

    The variance of what was seen, not an estimate of that of more replicas: with four of them, what differs
    from one to another counts for three quarters on average, at every weight and size alike.
    """
    accuracy = run["accuracy"]
    return run["problems"][0] * accuracy.reshape(len(accuracy), -1).var(axis=1)


def within(run: Arrays) -> np.ndarray:
    """Return M times the variance over time alone, mean over replicas, at each weight, (weights,)."""
    return run["problems"][0] * run["accuracy"].var(axis=2).mean(axis=1)


def response(run: Arrays) -> np.ndarray:
    """Return the fall of the mean accuracy for a doubling of the weight, at each weight, (weights,)."""
    return -np.gradient(run["accuracy"].mean(axis=(1, 2)), np.log2(run["weight"]))


def peak(run: Arrays, values: np.ndarray) -> float:
    """Return the weight where values are largest, over the critical weight, in octaves.

    At an end of the weights it is a bound, which :func:`at_an_end` says.
    """
    return float(np.log2(run["weight"][int(np.argmax(values))] / run["critical"][0]))


def at_an_end(values: np.ndarray) -> bool:
    """Whether values are largest at an end of the weights, so that their peak may lie beyond."""
    return int(np.argmax(values)) in (0, len(values) - 1)
