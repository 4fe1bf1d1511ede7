"""Optimizers: from a gradient to new logits, with a state that a checkpoint can keep."""

from typing import Protocol

import numpy as np

from conet.engine import kernels
from conet.engine.gradient import Gradient
from conet.engine.policy import Network
from conet.engine.tables import TablePolicy


class Optimizer(Protocol):
    """One step of ascent, and a state of named arrays."""

    def step(self, policy: TablePolicy | Network, gradient: Gradient, rate: float) -> None:
        """Move the policy's parameters along the gradient."""

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint must keep."""

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned."""


class SGD:
    """Plain gradient ascent; costs in proportion to the touched rows."""

    def step(self, policy: TablePolicy | Network, gradient: Gradient, rate: float) -> None:
        """Add rate · gradient to the touched rows, or to all parameters of a network."""
        if isinstance(policy, Network):
            policy.move(rate * gradient.values)
            return
        kernels.ascend_rows(gradient.rows, policy.graph.offsets, gradient.values, rate, policy.logits)
        policy.refresh(gradient.rows)

    def state(self) -> dict[str, np.ndarray]:
        """Return nothing: SGD has no state."""
        return {}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Take nothing."""


class Adam:
    """Adam (Kingma and Ba 2015) with its usual constants; dense: it moves every parameter."""

    def __init__(self, parameters: int) -> None:
        self.mean = np.zeros(parameters)
        self.square = np.zeros(parameters)
        self.count = 0

    def step(self, policy: TablePolicy | Network, gradient: Gradient, rate: float) -> None:
        """Move all parameters by the bias-corrected mean over the root of the mean square."""
        self.count += 1
        self.mean += 0.1 * (gradient.values - self.mean)
        self.square += 0.001 * (gradient.values**2 - self.square)
        mean = self.mean / (1 - 0.9**self.count)
        square = self.square / (1 - 0.999**self.count)
        change = rate * mean / (np.sqrt(square) + 1e-8)
        if isinstance(policy, Network):
            policy.move(change)
            return
        policy.logits += change
        policy.refresh()

    def state(self) -> dict[str, np.ndarray]:
        """Return both moments and the number of steps."""
        return {"mean": self.mean, "square": self.square, "count": np.array([self.count])}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Take over moments and number of steps."""
        self.mean, self.square = state["mean"].copy(), state["square"].copy()
        self.count = int(state["count"][0])


def make(name: str, parameters: int) -> Optimizer:
    """Return the optimizer of that name ("sgd" or "adam")."""
    return Adam(parameters) if name == "adam" else SGD()
