"""Annealed-RLVR inside verl: a trainer that verl knows by name, and nothing of verl is changed.

    VERL_USE_EXTERNAL_MODULES=conet.verl.register python -m verl.trainer.main_ppo \
        trainer.v1.trainer_mode=annealed +trainer.v1.annealed.heating.steps=30 …

Only :mod:`conet.verl.register`, :mod:`conet.verl.worker` and what is called from there import verl.
"""
