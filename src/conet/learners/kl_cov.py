"""KL-Cov: a penalty on the few hops that take most entropy away (Cui et al. 2025, arXiv 2505.22617)."""

import numpy as np
from pydantic import Field

from conet.learners.base import Batch
from conet.learners.grpo import GRPO


class KLCov(GRPO):
    """GRPO with a KL penalty on the hops whose log π and advantage rise together most.

    The covariance of a hop is (log π - mean log π)(A - mean A), the means over all hops of the batch; of
    these the largest are held near the policy that walked, by the estimator r - 1 - log r with
    r = π/π_walked. It is zero in the first epoch. (The paper's share is 0.0002 to 0.002 of the tokens, its
    weight 1; the estimator is our choice, and its average over what was walked is the KL divergence that it
    names.)

    Parameters
    ----------
    covariance_share
        Share of the hops that the penalty holds.
    covariance_kl
        Weight of the penalty.
    """

    epochs: int = Field(2, ge=2)
    covariance_share: float = Field(0.002, gt=0, le=1)
    covariance_kl: float = Field(1.0, ge=0)

    def weights(self, batch: Batch) -> np.ndarray:
        """Weights of GRPO, less the penalty's where it holds."""
        found = super().weights(batch)
        advantage = self.advantage(batch.rewards).reshape(-1, 1)
        now, used = batch.policy.hop_probabilities(batch.walks), batch.walks.used()
        held = largest(covariance(now, advantage, used), used, self.covariance_share)
        penalty = self.covariance_kl * (now / batch.behaviour - 1.0) * self.walk_weight(batch)[:, None]
        found[held] -= penalty[held]
        return found


def covariance(probability: np.ndarray, advantage: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return what each hop adds to the covariance of log π and advantage; 0 where there is no hop.

    Parameters
    ----------
    probability : ndarray of float64, shape (walks, max_length)
        Of each hop.
    advantage : ndarray of float64, shape (walks, 1)
    used : ndarray of bool, shape (walks, max_length)
        Which entries are hops.
    """
    log = np.log(np.maximum(probability[used], np.finfo(float).tiny))
    of_hop = np.broadcast_to(advantage, used.shape)[used]
    found = np.zeros(used.shape)
    found[used] = (log - log.mean()) * (of_hop - of_hop.mean())
    return found


def largest(values: np.ndarray, used: np.ndarray, share: float) -> np.ndarray:
    """Return where the largest values are, a share of those used: one at least, and all alike to the last.

    Parameters
    ----------
    values : ndarray of float64
    used : ndarray of bool
        Which of them count.

    Returns
    -------
    ndarray of bool, of their shape
    """
    known = values[used]
    count = max(1, int(share * len(known)))
    return used & (values >= np.partition(known, len(known) - count)[len(known) - count])
