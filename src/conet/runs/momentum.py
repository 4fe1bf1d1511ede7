"""The optimizer between a heating and the learning after it."""

from typing import Any

# The running mean of the gradients, under the names that torch's optimizers give it.
MOMENTS = ("exp_avg", "momentum_buffer")


def clear_momentum(optimizer: Any) -> int:
    """Forget the running mean of the gradients; return how many tensors were cleared.

    After a heating it points where the demonstrations pulled, and would go on doing so for several updates,
    at the rate of the learning that follows. The second moment, which only scales, stays.
    """
    cleared = 0
    for state in _states(optimizer):
        for name in MOMENTS:
            if state.get(name) is not None:
                state[name].zero_()
                cleared += 1
    return cleared


def _states(optimizer: Any) -> list[dict[str, Any]]:
    """Return the state of each parameter; accelerate and DeepSpeed wrap the optimizer that has it."""
    while not getattr(optimizer, "state", None) and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return list(getattr(optimizer, "state", {}).values())
