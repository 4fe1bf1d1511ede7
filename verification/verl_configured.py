"""What verl makes of ``trainer.v1.trainer_mode=annealed``: our trainer, its settings, and workers that can heat."""

from hydra import compose, initialize_config_module
from verl.single_controller.base.decorator import MAGIC_ATTR
from verl.trainer.ppo.v1 import get_trainer_cls

OVERRIDES = [
    "trainer.v1.trainer_mode=annealed",
    "algorithm.adv_estimator=grpo",
    "+trainer.v1.annealed.heating.steps=30",
    "+trainer.v1.annealed.schedule.heat_at=0.5",
]


def main() -> None:
    """Make the trainer from verl's configuration, and look at it."""
    from conet.verl.settings import AnnealedSettings
    from conet.verl.worker import AnnealedWorker

    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides=OVERRIDES)
    trainer = get_trainer_cls("annealed")(config)
    assert trainer.trainer_mode == config.trainer.v1.trainer_mode == "sync"
    assert type(trainer.replay_buffer).__name__ == "ReplayBuffer"
    heat = AnnealedSettings.checked(trainer.asked).phases(100, 10, 8)[1]
    assert getattr(heat.until, "steps", None) == 30
    trainer._init_resource_pool_mgr()
    roles = {
        str(role): kind.__ray_metadata__.class_name for role, kind in trainer.role_worker_mapping.items()
    }
    assert set(roles.values()) == {"AnnealedWorker"}, roles
    calls = ("begin_heating", "heat", "end_heating")
    assert all(hasattr(getattr(AnnealedWorker, name), MAGIC_ATTR) for name in calls)
    print(f"{type(trainer).__name__}, as verl's {type(trainer).__mro__[2].__name__}; workers {roles}")


if __name__ == "__main__":
    main()
