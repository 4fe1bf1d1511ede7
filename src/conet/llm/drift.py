"""How far the weights have moved since a heating began, from a sample of them."""

from collections.abc import Iterable
from typing import Any

import torch

WEIGHTS = 1 << 14  # sampled; their mean square is then within some per cent of that of all


class Drift:
    """Compares some of the trained weights with what they were.

    A copy of all would take as much memory as the model. Where weights lie on several processes, each
    compares its own.
    """

    def __init__(self) -> None:
        self.before: list[float] | None = None

    def begin(self, parameters: Iterable[Any]) -> None:
        """Remember the weights as they are."""
        self.before = _sample(parameters).tolist()

    def distance(self, parameters: Iterable[Any]) -> float | None:
        """Return ‖w - w₀‖ / ‖w₀‖ over the sample; None before :meth:`begin`."""
        if self.before is None:
            return None
        before = torch.tensor(self.before)
        now = _sample(parameters)
        if before.shape != now.shape or not before.any():
            return None
        return float((now - before).norm() / before.norm())


def _sample(parameters: Iterable[Any]) -> torch.Tensor:
    """Return about so many weights, evenly from all that are trained."""
    trained = [one.detach() for one in parameters if one.requires_grad]
    flat = [one.to_local().flatten() if hasattr(one, "to_local") else one.flatten() for one in trained]
    every = max(1, sum(one.numel() for one in flat) // WEIGHTS)
    parts = [one[:: min(every, max(one.numel(), 1))].float().cpu() for one in flat]
    return torch.cat(parts) if parts else torch.zeros(0)
