# %% [markdown]
# # An idea of your own, in one file
#
# A learner gives every walk a weight; CoNet adds up weight · ∇ log π. The idea here: pay a correct
# walk more, the rarer it is in its group. (With a group of G of which c are correct, a correct walk
# weighs (G - c)/G, as in REINFORCE with the group's mean, times G/c.)

# %%
import numpy as np

import conet
from conet.learners import Batch, Learner


class RareFirst(Learner):
    """Correct walks weigh more, the fewer of their group are correct (our choice)."""

    def weights(self, batch: Batch) -> np.ndarray:
        """Weight of ∇ log π of each walk, shape (walks,)."""
        rewards = batch.rewards  # (problems, rollouts)
        share = rewards.mean(axis=1, keepdims=True)
        advantage = (rewards - share) / np.maximum(share, 1 / rewards.shape[1])
        return advantage.reshape(-1) / rewards.size


# %% [markdown]
# Against GRPO, on equal graphs, problems and seeds. Three seeds prove nothing; `conet sweep` runs
# many.

# %%
differences = []
for seed in range(3):
    config = conet.preset("smoke").override({"seed": seed})
    grpo, _ = conet.simulate(config)
    mine, _ = conet.simulate(config, learner=RareFirst(rollouts=8, learning_rate=20.0))
    end = [metrics["accuracy"].tail(20).mean() for metrics in (grpo, mine)]
    differences.append(end[1] - end[0])
    print(f"seed {seed}: GRPO {end[0]:.3f}, mine {end[1]:.3f}")
print(f"mean difference {np.mean(differences):+.3f}")

# %% [markdown]
# In a file of its own it is `conet run --set learner.name=my_learner.py:RareFirst`. Observables,
# graphs, schedules, readers, findings and figures are one file each as well: `docs/how-to/add.md`.
