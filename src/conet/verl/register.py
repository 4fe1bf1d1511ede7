"""Makes the trainer known to verl as ``annealed``; imports verl.

verl imports it where ``VERL_USE_EXTERNAL_MODULES=conet.verl.register`` is set.
"""

from typing import Any

import ray
from omegaconf import open_dict
from verl.trainer.ppo.v1 import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.workers.engine_workers import ActorRolloutRefWorker

from conet.verl.trainer import Annealed, section_of
from conet.verl.worker import AnnealedWorker

assert issubclass(AnnealedWorker, ActorRolloutRefWorker)


@register_trainer("annealed")
class AnnealedTrainer(Annealed, PPOTrainerSync):
    """verl's synchronous trainer with a schedule inside."""

    def __init__(self, config: Any) -> None:
        self.asked = section_of(config)
        with open_dict(config):  # verl asks in many places whether its mode is `sync`, which this one is
            config.trainer.v1.trainer_mode = "sync"
        super().__init__(config)

    def _init_resource_pool_mgr(self) -> None:
        """Put workers that can be heated in the places of verl's own; the critic's stay."""
        super()._init_resource_pool_mgr()
        own = ray.remote(AnnealedWorker)
        for role in self.role_worker_mapping:
            if role.name.startswith("Actor"):
                self.role_worker_mapping[role] = own
