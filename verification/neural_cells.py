"""One training of verification/neural.py as a cell: in a transformer, or in the table on the same graph."""

import time
from typing import Any

import numpy as np

from conet.cells.training import start, train
from conet.engine.ground_state import best_share
from conet.engine.sample import EVALUATE
from conet.network.topology import topology_summary
from conet.observables.markov import markov
from conet.observables.web import threshold_web
from conet.runs.trainer import Trainer

LOOKS = (0, 25, 50, 100, 200, 400)
WALKS = 32  # a problem, where it is looked


def look(trainer: Trainer) -> dict[str, float]:
    """How Markov the policy is, and what its web is like, from walks of its own."""
    walks = trainer.sample(WALKS, EVALUATE)
    web = threshold_web(trainer.policy, trainer.config.web.threshold)
    found: dict[str, Any] = {
        f"markov.{name}": value for name, value in vars(markov(trainer.policy, walks)).items()
    }
    found |= {f"web.{name}": value for name, value in web.summary(trainer.problems.questions).items()}
    found |= {f"topology.{name}": value for name, value in topology_summary(web).items()}
    return {name: float(value) for name, value in found.items()} | {"accuracy": float(walks.correct.mean())}


def run(seed: int, changes: dict[str, Any]) -> dict[str, np.ndarray]:
    """Train, and return curves, counts of every problem, and what was seen on the way."""
    trainer = start("neural", seed, {"snapshots.steps": [], "snapshots.web_every": 0, **changes})
    before, hops = time.process_time(), 0
    record = train(trainer, looks={"seen": (LOOKS, look)}, problems=True)
    hops = trainer.walker_steps
    seen = record.looks["seen"]
    arrays = {
        f"seen.{name}": np.array([one[name] for one in seen.values()]) for name in next(iter(seen.values()))
    }
    arrays |= {name: record.column(name) for name in ("accuracy", "correct_length", "correct_count")}
    arrays["seen.step"] = np.array(list(seen))
    arrays["problem_correct"] = np.array(record.correct_count)
    arrays["problem_length"] = np.array(record.correct_length_sum)
    arrays["trained"] = np.array([split == "train" for split in record.splits])
    arrays["ground_state"] = np.array(best_share(trainer.policy.graph, trainer.problems))
    arrays["hops"], arrays["cpu_seconds"] = np.array(hops), np.array(time.process_time() - before)
    pretraining = getattr(trainer.policy, "pretraining", {})
    arrays |= {f"pretraining.{name}": np.array(value) for name, value in pretraining.items()}
    return arrays
