"""One training of verification/neural.py as a cell: in a transformer, or in the table on the same graph."""

import time
from typing import Any

import numpy as np

from conet.cells.training import start, train
from conet.engine.ground_state import best_share
from conet.engine.sample import EVALUATE
from conet.network.topology import topology_summary
from conet.observables.markov import markov
from conet.observables.pass_at_k import pass_at_k
from conet.observables.web import threshold_web
from conet.runs.trainer import Trainer

PASSES = (1, 64)
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
    before = time.process_time()
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


def products(trainer: Trainer) -> np.ndarray:
    """Return the inner products of the problems' gradients: 64 walks each, advantage reward less mean."""
    rows = []
    for problem in range(len(trainer.problems)):
        walks = trainer.sample(PASSES[-1], EVALUATE, chosen=[problem])
        weights = walks.correct - walks.correct.mean()
        rows.append(trainer.policy.ascent(walks, weights / len(weights)).values)
    return np.array(rows) @ np.array(rows).T


def league(seed: int, changes: dict[str, Any]) -> dict[str, np.ndarray]:
    """Train, and return pass@1 and pass@64, and how the problems' gradients lie at start, half-way and end."""
    trainer = start("neural", seed, {"snapshots.steps": [], "snapshots.web_every": 0, **changes})
    steps = (0, trainer.config.steps // 2, trainer.config.steps)
    record = train(trainer, looks={"products": (steps, products)})
    correct = trainer.sample(PASSES[-1], EVALUATE).correct.reshape(-1, PASSES[-1]).sum(axis=1)
    return {
        "pass": np.array([pass_at_k(correct, PASSES[-1], k).mean() for k in PASSES]),
        "products": np.array(record.seen("products")),
        "ground_state": np.array(best_share(trainer.policy.graph, trainer.problems)),
        "accuracy": record.column("accuracy"),
    }
