"""One update of a policy of walks: the learner's gradient, the optimizer's step, and what can go wrong."""

from collections.abc import Mapping

import numpy as np

from conet.base.errors import ConetError
from conet.engine.gradient import Gradient, NotFinite, norm
from conet.engine.policy import Network
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.learners import Batch, Learner
from conet.learners.optim import Optimizer
from conet.network.problems import Problems


def update(
    learner: Learner,
    optimizers: Mapping[str, Optimizer],
    walks: Walks,
    policy: TablePolicy | Network,
    problems: Problems,
    reference: np.ndarray,
    threads: int = 1,
) -> float:
    """Move a policy by one batch of walks, in as many passes as the learner makes.

    Parameters
    ----------
    learner, optimizers
        Whose gradient, and the optimizers by name.
    walks
        Rollouts, or demonstrations.
    policy, problems, reference, threads
        See :class:`conet.learners.base.Batch`; the policy is changed.

    Returns
    -------
    float
        Norm of the last gradient; not finite where the update diverged.

    Raises
    ------
    ConetError
        When the learner fails, or returns anything but a gradient.
    """
    # In the only pass the policy is the one that walked: learners of the package know, others may ask.
    asked = learner.passes > 1 or not type(learner).__module__.startswith("conet.")
    behaviour = policy.hop_probabilities(walks) if asked else np.ones((1, 1))
    batch = Batch(
        walks=walks,
        policy=policy,
        problems=problems,
        behaviour=behaviour,
        reference=reference,
        threads=threads,
    )
    length = 0.0
    for _ in range(learner.passes):
        gradient = _gradient(learner, batch)
        optimizers[learner.optimizer].step(policy, gradient, learner.learning_rate)
        if isinstance(policy, Network):
            length = float(np.linalg.norm(gradient.values))
        else:
            length = norm(policy, gradient)
    return length


def failed(error: ConetError, learner: Learner, step: int, rate: str) -> ConetError:
    """Say at which step an update failed, and name the setting of the rate where that may help."""
    remedy = error.remedy
    if isinstance(error.__cause__, NotFinite):
        remedy = f"lower {rate}; a learner of your own may divide by zero"
    return ConetError(
        f"learner {type(learner).__name__!r} at step {step}: {error.got}", error.expected, remedy
    )


def _gradient(learner: Learner, batch: Batch) -> Gradient:
    """Ask the learner, which may be the user's own, and say what it did wrong."""
    try:
        gradient = learner.total_gradient(batch)
        if not isinstance(gradient, Gradient) or gradient.values.shape != (batch.policy.size,):
            raise TypeError(f"{type(gradient).__name__} in place of a Gradient of the policy's parameters")
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConetError(f"{type(error).__name__}: {error}", "a gradient", "mend the learner") from error
    return gradient
