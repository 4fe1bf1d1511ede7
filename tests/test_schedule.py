"""Schedules: which phase holds when, and what each of them teaches."""

import dataclasses

import numpy as np
import pytest

import conet
from conet import detect
from conet.base.errors import ConetError
from conet.learners import LEARNERS
from conet.learners.base import step_probability
from conet.runs import demonstrations
from conet.runs.schedule import After, AtStep, Phase
from conet.runs.trainer import Trainer

TINY = conet.preset("smoke").override(
    {
        "steps": 12,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 8,
        "problems.max_length": 7,
        "learner.rollouts": 6,
        "learner.learning_rate": 8.0,
        "schedule.heat_steps": 3,
        "schedule.harvest_samples": 64,
        "schedule.max_accuracy": 0.5,
        "snapshots.web_every": 0,
    }
)


def phases(config, **objects):
    metrics, training = conet.simulate(config, **objects)
    return metrics["phase"].to_list(), training


def names(events) -> list[tuple[int, str]]:
    return [(event["step"], event["event"]) for event in events]


def log_likelihood(training, walks) -> float:
    return float(np.log(step_probability(walks, training.policy.probability)).sum())


def test_rlvr_is_one_phase():
    found, training = phases(TINY)
    assert found == ["rlvr"] * 12
    assert names(training.events) == [(0, "phase_started")]


@pytest.mark.parametrize(("heat_at", "heat_steps"), [(0, 3), (5, 3), (11, 3), (10, 1), (4, 99)])
def test_heating_at_a_step(heat_at, heat_steps):
    config = TINY.override(
        {"schedule.name": "annealed_rlvr", "schedule.heat_at": heat_at, "schedule.heat_steps": heat_steps}
    )
    found, training = phases(config)
    expected = ["rlvr"] * heat_at + ["heat"] * heat_steps + ["rlvr"] * 12
    assert found == expected[:12]
    assert (heat_at, "heating_started") in names(training.events)


def test_a_share_of_nearly_all_of_a_short_run_still_heats():
    names_of_phases, training = phases(
        TINY.override(
            {"schedule.name": "annealed_rlvr", "schedule.heat_at": 0.99, "schedule.max_accuracy": 1.0}
        )
    )
    assert names_of_phases == ["rlvr"] * 11 + ["heat"]
    assert (11, "heating_started") in names(training.events)


def test_heating_waits_for_the_detector_but_not_for_ever():
    config = TINY.override({"schedule.name": "annealed_rlvr", "schedule.heat_latest": 0.25})
    assert phases(config)[0] == ["rlvr"] * 3 + ["heat"] * 3 + ["rlvr"] * 6


@pytest.mark.parametrize("called", [1, 4])
def test_heating_at_the_detectors_word(monkeypatch, called):
    update = detect.Detector.update

    def calls(self, step, *counts):
        evidence = update(self, step, *counts)
        self.heat_now = step >= called
        return dataclasses.replace(evidence, heat_now=self.heat_now)

    monkeypatch.setattr(detect.Detector, "update", calls)
    found, training = phases(TINY.override({"schedule.name": "annealed_rlvr"}))
    # The word falls in step `called`, so the next step is the first one that heats.
    assert found == (["rlvr"] * (called + 1) + ["heat"] * 3 + ["rlvr"] * 12)[:12]
    assert (called, "heating_signal") in names(training.events)
    assert found.count("heat") == 3  # once, though the detector goes on saying so


def test_heat_takes_the_hard_problems_of_its_own_harvest():
    config = TINY.override(
        {"schedule.name": "annealed_rlvr", "schedule.heat_at": 2, "schedule.max_accuracy": 0.3}
    )
    training = Trainer(config)
    for _ in range(3):
        training.advance()
    assert training.phase.name == "heat"
    # The same two steps again without heating: what would the harvest have been?
    twin = Trainer(TINY)
    for _ in range(2):
        twin.advance()
    harvest = twin.sample(64, 3)
    expected = demonstrations.demonstrations(harvest, 0.3, "shortest", 0)
    assert 0 < len(expected.length) < 8
    assert training.demonstrations is not None
    used = expected.used()  # entries beyond a walk's length are undefined
    np.testing.assert_array_equal(training.demonstrations.edges[used], expected.edges[used])
    np.testing.assert_array_equal(training.demonstrations.length, expected.length)
    # The walks of the heat phase are watched, not learned from; the harvest counts as walked.
    assert training.split == "eval"
    event = next(event for event in training.events if event["event"] == "heating_started")
    assert event["problems"] == expected.problems.tolist()
    assert training.walker_steps > twin.walker_steps + harvest.steps
    # One full-batch SFT step: strength · Σ ∇ log π over the taught walks.
    moved = twin.policy.logits.copy()
    for walk in range(len(expected.length)):
        node = expected.starts[walk]
        for edge in expected.edges[walk, : expected.length[walk]]:
            row = slice(*twin.policy.graph.offsets[node : node + 2])
            moved[row] -= 0.15 * twin.policy.probability[row]
            moved[edge] += 0.15
            node = twin.policy.graph.targets[edge]
    np.testing.assert_allclose(training.policy.logits, moved, atol=1e-13)


def test_no_problem_eligible_leaves_the_run_as_it_was():
    config = TINY.override(
        {"schedule.name": "annealed_rlvr", "schedule.heat_at": 4, "schedule.max_accuracy": 1e-9}
    )
    found, training = phases(config)
    assert found == ["rlvr"] * 12
    assert names(training.events)[1:] == [(4, "heating_waits"), (12, "heating_skipped")]
    assert training.policy.sha256 == phases(TINY)[1].policy.sha256


@pytest.mark.parametrize("pick", ["shortest", "random"])
def test_sft_then_rlvr(pick):
    config = TINY.override(
        {
            "schedule.name": "sft_then_rlvr",
            "schedule.sft_steps": 4,
            "schedule.pick": pick,
            "schedule.sft_learning_rate": 1.0,
        }
    )
    metrics, _ = conet.simulate(config)
    assert metrics["phase"].to_list() == ["sft"] * 4 + ["rlvr"] * 8
    assert metrics["learner"].to_list() == ["sft"] * 4 + ["grpo"] * 8
    # Walks at random run in circles and disagree, so they teach less.
    assert metrics["accuracy"][4] > metrics["accuracy"][0] + (0.2 if pick == "shortest" else 0.05)


def test_strength_is_the_logit_step_whatever_the_learners_optimizer():
    """SFT phases are plain ascent also where the learner itself uses Adam."""
    changes = {"schedule.name": "sft_then_rlvr", "schedule.sft_steps": 1, "steps": 1}
    plain = phases(TINY.override(changes))[1]
    adam = phases(TINY.override(changes | {"learner.optimizer": "adam", "learner.learning_rate": 0.1}))[1]
    assert plain.policy.sha256 == adam.policy.sha256


@pytest.mark.parametrize("demonstrations", ["shortest", "random"])
def test_sft_throughout(demonstrations):
    config = TINY.override(
        {"learner.name": "sft", "learner.demonstrations": demonstrations, "learner.learning_rate": 4.0}
    )
    metrics, training = conet.simulate(config)
    assert set(metrics["phase"]) == {"sft"}
    assert set(metrics["learner"]) == {"sft"}
    assert training.split == "eval"
    assert metrics["accuracy"][-1] > metrics["accuracy"][0] + (0.3 if demonstrations == "shortest" else 0.05)
    start = Trainer(config)
    gain = log_likelihood(training, start.demonstrations) - log_likelihood(start, start.demonstrations)
    assert gain > 5


def test_sft_without_anything_to_teach_is_an_error():
    # Every answer is two steps away at least, and walks are one step long.
    graph = conet.Graph(np.arange(7) * 1, np.array([1, 2, 3, 4, 5, 0], np.int32))
    tasks = conet.Problems(np.array([0, 3], np.int32), np.array([2, 5], np.int32), 1)
    with pytest.raises(ConetError, match="no problem with a correct rollout"):
        conet.simulate(TINY.override({"learner.name": "sft"}), graph=graph, problems=tasks)


@pytest.mark.parametrize("heat_at", [-1, 12, 1000])
def test_heating_outside_the_run_is_refused(heat_at):
    config = TINY.override({"schedule.name": "annealed_rlvr", "schedule.heat_at": heat_at})
    with pytest.raises(ConetError, match=rf"schedule.heat_at={heat_at}; expected 0 to 11"):
        Trainer(config)


@pytest.mark.parametrize("name", ["annealed_rlvr", "sft_then_rlvr"])
def test_a_learner_of_demonstrations_is_not_heated(name):
    with pytest.raises(ConetError, match="a learner of rollouts"):
        Trainer(TINY.override({"schedule.name": name, "learner.name": "sft"}))


def test_phases_of_ones_own():
    grpo, sft = LEARNERS["grpo"](rollouts=6, learning_rate=8.0), LEARNERS["sft"](learning_rate=2.0)
    own = (
        Phase("rlvr", until=AtStep(2)),
        Phase("sft", until=After(3), learner=sft, demonstrations="shortest"),
        Phase("rlvr", learner=grpo, until=lambda clock: clock.elapsed >= 4),
        Phase("sft", learner="sft", demonstrations="random"),
    )
    found, _ = phases(TINY, schedule=own)
    assert found == ["rlvr"] * 2 + ["sft"] * 3 + ["rlvr"] * 4 + ["sft"] * 3


def test_a_heating_that_diverges_blames_its_own_rate():
    config = TINY.override(
        {
            "graph.nodes": 20,
            "graph.degree": 2,
            "problems.max_length": 12,
            "schedule.name": "sft_then_rlvr",
            "schedule.sft_learning_rate": 1.7e308,
            "learner.learning_rate": 1e-9,
        }
    )
    with (
        np.errstate(all="ignore"),
        pytest.raises(ConetError, match=r"not finite.*schedule\.sft_learning_rate"),
    ):
        phases(config)
