"""Heating at one moment against not heating, on branches of one training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, fine_tune, kept, start, train
from conet.engine import exact
from conet.engine import sample as streams
from conet.engine.sample import Walks
from conet.rollouts.selection import choose
from conet.runs.demonstrations import demonstrations
from conet.runs.trainer import Trainer

PASS_K = (1, 16, 64, 256)
MEASURES = ("pass@1", "pass@16", "pass@64", "pass@256", "step", "problems", "before", "after", "walks")
SURELY_SOLVED = 0.9  # accuracy from which a problem counts as solved, for the sham


def cell(seed: int, arms: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one seed with all its arms (see :func:`heated`)."""
    arguments = {"seed": seed, "arms": [dict(arm) for arm in arms], "changes": dict(changes)}
    return Cell("conet.cells.heat:heated", arguments)


def heated(seed: int, arms: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> Arrays:
    """Train a baseline once, branch each arm off it, and measure all policies at the end, exactly.

    All arms share graph, problems and random streams with the baseline, and with each other up to
    their moment. An arm is a dict of

    - ``kind``: "none", "heat", "solved" (SFT on as many solved problems: a sham) or "noise" (logit
      noise of the norm that heating would have, at the same nodes: a sham);
    - ``at``: a step, or "detector"; with ``factor`` it is that multiple of the step of the signal;
    - ``sft_learning_rate`` (logits a problem and SFT step), ``sft_steps``, ``pick`` ("shortest" or
      "random"), ``extra`` (updates added at the end, for a baseline of equal walks), ``most`` (problems
      that are heated on, drawn at random among the hard ones).

    Heating takes up steps of the run, so all arms have as many updates in all.

    Returns
    -------
    dict of arrays
        ``arms`` of shape (arms, measures), see :data:`MEASURES`: exact pass@k at the end, the step and
        the number of heated problems, exact accuracy just before and after heating, and all walks
        drawn for training and harvest. Arms that wait for the detector heat at half of the run where
        the heating signal never fires.
    """
    changes = {**QUIET, **changes}
    trainer = start("reference", seed, changes)
    steps = trainer.config.steps
    train(trainer, stop=lambda trainer: trainer.detector.heat_now)
    signal = trainer.step if trainer.detector.heat_now else steps // 2
    moments = [_moment(arm, signal, steps) for arm in arms]
    states = {}
    trainer = start("reference", seed, changes)
    for moment in sorted(set(moments)):
        train(trainer, moment)
        states[moment] = kept(trainer)
    rows = [_branch(start("reference", seed, changes), states[at], arm) for arm, at in zip(arms, moments)]
    return {"arms": np.array(rows)}


def _moment(arm: Mapping[str, Any], signal: int, steps: int) -> int:
    if arm["at"] != "detector":
        return int(arm["at"])
    return int(min(arm.get("factor", 1.0) * signal, steps - arm.get("sft_steps", 0) - 1))


def _branch(trainer: Trainer, state: Any, arm: Mapping[str, Any]) -> list[float]:
    trainer.load(*state)
    config, count, moment = trainer.config, len(trainer.problems), trainer.step
    heats = arm["kind"] != "none"
    before = _success(trainer).mean()
    problems = _heat(trainer, arm) if heats else 0
    trainer.step += arm["sft_steps"] if heats else 0
    after = _success(trainer).mean()
    end = config.steps + arm.get("extra", 0)
    train(trainer, end)
    success = _success(trainer)
    passes = [float(np.mean(1.0 - (1.0 - success) ** k)) for k in PASS_K]
    harvest = config.schedule.harvest_samples * count if heats else 0
    updates = end - (arm["sft_steps"] if heats else 0)
    walks = updates * config.learner.rollouts * count + harvest
    return [*passes, moment, problems, float(before), float(after), walks]


def _success(trainer: Trainer) -> np.ndarray:
    return exact.solve(trainer.policy, trainer.problems).success


def _heat(trainer: Trainer, arm: Mapping[str, Any]) -> int:
    """Heat the policy in place; return on how many problems."""
    settings, seed = trainer.config.schedule, trainer.config.seed
    harvest = trainer.sample(settings.harvest_samples, streams.HARVEST)
    chosen = demonstrations(harvest, settings.max_accuracy, arm["pick"], seed)
    if "most" in arm:
        drawn = np.random.default_rng([seed, 6]).permutation(len(chosen.length))[: arm["most"]]
        chosen = chosen.select(np.sort(drawn))
    if arm["kind"] == "solved":
        chosen = _of_solved(harvest, len(chosen.length), seed)
    count = len(chosen.length)
    if count == 0:
        return 0
    before = trainer.policy.logits.copy()
    fine_tune(trainer.policy, chosen, arm["sft_steps"], arm["sft_learning_rate"])
    if arm["kind"] == "noise":
        moved = trainer.policy.logits - before
        rng = np.random.default_rng([seed, 4])
        noise = np.where(moved != 0.0, rng.standard_normal(len(moved)), 0.0)
        trainer.policy.logits[:] = before + noise * np.linalg.norm(moved) / np.linalg.norm(noise)
        trainer.policy.refresh()
    return count


def _of_solved(harvest: Walks, count: int, seed: int) -> Walks:
    """One shortest correct walk of as many solved problems, drawn at random."""
    correct = harvest.correct.reshape(-1, harvest.rollouts)
    solved = np.flatnonzero(correct.mean(axis=1) >= SURELY_SOLVED)
    order = np.arange(len(harvest.length))
    rng = np.random.default_rng([seed, 5])
    chosen = [
        choose(row * harvest.rollouts + np.flatnonzero(correct[row]), harvest.length, order, "shortest", rng)
        for row in rng.permutation(solved)[:count]
    ]
    return harvest.select(np.array(chosen, dtype=np.int64))
