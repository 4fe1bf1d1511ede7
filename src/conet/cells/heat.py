"""Heating at one moment against not heating, on branches of one training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.config import Config, preset
from conet.engine import exact
from conet.engine import sample as streams
from conet.engine.gradient import from_walks
from conet.engine.sample import Walks
from conet.learners.optim import SGD
from conet.rollouts.selection import choose
from conet.runs import demonstrations
from conet.runs.trainer import Trainer

PASS_K = (1, 16, 64, 256)
MEASURES = ("pass@1", "pass@16", "pass@64", "pass@256", "step", "problems", "before", "after", "walks")
QUIET = {"snapshots.steps": [], "snapshots.web_every": 0}
SOLVED = 0.9  # accuracy from which a problem counts as solved, for the sham


def cell(seed: int, arms: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one seed with all its arms (see :func:`heated`)."""
    arguments = {"seed": seed, "arms": [dict(arm) for arm in arms], "changes": dict(changes)}
    return Cell("conet.cells.heat:heated", arguments)


def heated(seed: int, arms: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> Arrays:
    """Train a baseline once, branch each arm off it, and measure all policies at the end, exactly.

    All arms share graph, questions and random streams with the baseline, and with each other up to
    their moment. An arm is a dict of

    - ``kind``: "none", "heat", "solved" (SFT on as many solved problems: a sham) or "noise" (logit
      noise of the norm that heating would have, at the same nodes: a sham);
    - ``at``: a step, or "detector"; with ``factor`` it is that multiple of the detector's step;
    - ``strength`` (logits a problem and SFT step), ``steps`` (SFT steps), ``pick`` ("shortest" or
      "random"), ``extra`` (updates added at the end, for a baseline of equal walks).

    Heating takes up steps of the run, so all arms have as many updates in all.

    Returns
    -------
    dict of arrays
        ``arms`` of shape (arms, measures), see :data:`MEASURES`: exact pass@k at the end, the step and
        the number of heated problems, exact accuracy just before and after heating, and all walks
        drawn for training and harvest. ``detector_step`` is -1 where the detector never spoke: such
        arms heat at half of the run.
    """
    config = preset("reference").override({"seed": seed, **QUIET, **changes})
    word = _detector_step(config)
    moments = [_moment(arm, word, config.steps) for arm in arms]
    states = _states(config, sorted(set(moments)))
    rows = [_branch(config, arm, moment, states[moment]) for arm, moment in zip(arms, moments)]
    return {"arms": np.array(rows), "detector_step": np.array(word)}


def _moment(arm: Mapping[str, Any], word: int, steps: int) -> int:
    if arm["at"] != "detector":
        return int(arm["at"])
    step = word if word >= 0 else steps // 2
    return int(min(arm.get("factor", 1.0) * step, steps - arm.get("steps", 0) - 1))


def _detector_step(config: Config) -> int:
    training = Trainer(config)
    while training.step < config.steps:
        training.advance()
        if training.detector.heat_now:
            return training.step
    return -1


def _states(config: Config, moments: Sequence[int]) -> dict[int, Any]:
    training = Trainer(config)
    states = {}
    for moment in moments:
        while training.step < moment:
            training.advance()
        arrays, values = training.state()
        states[moment] = ({name: array.copy() for name, array in arrays.items()}, values)
    return states


def _branch(config: Config, arm: Mapping[str, Any], moment: int, state: Any) -> list[float]:
    training = Trainer(config)
    training.load(*state)
    before = float(exact.solve(training.policy, training.tasks).success.mean())
    problems = 0
    if arm["kind"] != "none":
        problems = _heat(training, arm)
        training.step += arm["steps"]
    after = float(exact.solve(training.policy, training.tasks).success.mean())
    while training.step < config.steps + arm.get("extra", 0):
        training.advance()
    success = exact.solve(training.policy, training.tasks).success
    passes = [float(np.mean(1.0 - (1.0 - success) ** k)) for k in PASS_K]
    harvest = config.schedule.harvest_samples * len(training.tasks) if arm["kind"] != "none" else 0
    updates = config.steps + arm.get("extra", 0) - (arm["steps"] if arm["kind"] != "none" else 0)
    walks = updates * config.learner.rollouts * len(training.tasks) + harvest
    return [*passes, moment, problems, before, after, walks]


def _heat(training: Trainer, arm: Mapping[str, Any]) -> int:
    """Heat the policy in place; return on how many problems."""
    settings = training.config.schedule
    harvest = training.sample(settings.harvest_samples, streams.HARVEST)
    lessons = demonstrations.demonstrations(harvest, settings.max_accuracy, arm["pick"], training.config.seed)
    if arm["kind"] == "solved":
        lessons = _solved_lessons(harvest, len(lessons.length), training.config.seed)
    count = len(lessons.length)
    if count == 0:
        return 0
    start = training.policy.logits.copy()
    optimizer = SGD()
    for _ in range(arm["steps"]):
        gradient = from_walks(training.policy, lessons, np.ones(count))
        optimizer.step(training.policy, gradient, arm["strength"])
    if arm["kind"] == "noise":
        moved = training.policy.logits - start
        rng = np.random.default_rng([training.config.seed, 4])
        noise = np.where(moved != 0.0, rng.standard_normal(len(moved)), 0.0)
        training.policy.logits[:] = start + noise * np.linalg.norm(moved) / np.linalg.norm(noise)
        training.policy.refresh()
    return count


def _solved_lessons(harvest: Walks, count: int, seed: int) -> Walks:
    """One shortest correct walk of as many solved problems, drawn at random."""
    correct = harvest.correct.reshape(-1, harvest.rollouts)
    solved = np.flatnonzero(correct.mean(axis=1) >= SOLVED)
    order = np.arange(len(harvest.length))
    rng = np.random.default_rng([seed, 5])
    chosen = [
        choose(row * harvest.rollouts + np.flatnonzero(correct[row]), harvest.length, order, "shortest", rng)
        for row in rng.permutation(solved)[:count]
    ]
    return harvest.select(np.array(chosen, dtype=np.int64))
