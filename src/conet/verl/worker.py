"""verl's worker with three more calls: begin a heating, one supervised update, end it. Imports verl.

Everything goes on with the worker's own engine and its one optimizer: only the loss function, the learning
rate and, when a heating ends, the first moment of the gradients are touched.
"""

from functools import partial
from typing import Any

from verl.single_controller.base.decorator import Dispatch, make_nd_compute_dataproto_dispatch_fn, register
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker
from verl.workers.utils.losses import sft_loss

from conet.runs.momentum import clear_momentum

BEFORE = "_conet_before_heating"  # of a worker: its loss function, and the rate of each group of parameters


def begin(worker: TrainingWorker, learning_rate: float) -> None:
    """Swap the loss for the cross-entropy of labelled tokens, and set the rate; again for another rate.

    Parameters
    ----------
    worker
        The one that trains, on this process.
    learning_rate
        Of the updates that follow.
    """
    groups = worker.engine.optimizer.param_groups
    if getattr(worker, BEFORE, None) is None:
        setattr(worker, BEFORE, (worker.loss_fn, [group["lr"] for group in groups]))
    worker.set_loss_fn(partial(sft_loss, config=None))  # the mean over tokens of the update, all processes
    for group in groups:
        group["lr"] = learning_rate


def update(worker: TrainingWorker, data: Any) -> Any:
    """Make one supervised update; verl's schedule of the rate stays where it is.

    Parameters
    ----------
    data
        A TensorDict, this process's share of what :func:`conet.verl.batches.supervised` made.

    Returns
    -------
    TensorDict or None
        With verl's metrics.
    """
    return worker.train_batch(data)


def end(worker: TrainingWorker, clear: bool) -> int:
    """Put loss and rates back; return how many tensors of the optimizer were cleared.

    Parameters
    ----------
    clear
        Whether the running mean of the gradients is forgotten (see :mod:`conet.runs.momentum`).
    """
    loss, rates = getattr(worker, BEFORE)
    worker.set_loss_fn(loss)
    for group, rate in zip(worker.engine.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    setattr(worker, BEFORE, None)
    return clear_momentum(worker.engine.optimizer) if clear else 0


class AnnealedWorker(ActorRolloutRefWorker):
    """verl's worker of actor, rollout and reference, which can be heated."""

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def begin_heating(self, learning_rate: float) -> None:
        """See :func:`begin`."""
        begin(self.actor, learning_rate)

    @register(dispatch_mode=make_nd_compute_dataproto_dispatch_fn(mesh_name="actor"))
    def heat(self, data: Any) -> Any:
        """See :func:`update`."""
        output = update(self.actor, data)
        return None if output is None else output.cpu()

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def end_heating(self, clear: bool) -> int:
        """See :func:`end`."""
        return end(self.actor, clear)
