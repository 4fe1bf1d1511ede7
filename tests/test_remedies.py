"""Published remedies against frozen runs: by hand, by enumeration, and against finite differences."""

import itertools
import json

import numpy as np
import pytest
from test_learners import (
    GRAPH,
    REWARDS,
    TASKS,
    TINY,
    batch_of,
    finite_differences,
    fixed_walks,
    log_walks,
    random_policy,
)

import conet
from conet.base.errors import ConetError
from conet.config import parse_pairs
from conet.learners import LEARNERS, optim
from conet.learners.base import standardised, step_probability
from conet.learners.kl_cov import covariance, largest
from conet.learners.pass_at_k import advantages
from conet.runs.memory import Memory
from conet.runs.trainer import Trainer


@pytest.mark.parametrize(
    ("advantage", "ratio", "expected"),
    [(1.0, 1.4, 1.4), (1.0, 1.6, 0.0), (-1.0, 1.6, -1.6), (-1.0, 0.79, 0.0), (-1.0, 0.81, -0.81)],
)
def test_the_upper_end_of_the_clip_range_alone_is_moved(advantage, ratio, expected):
    learner = LEARNERS["grpo"](clip=0.2, clip_high=0.5, epochs=2)
    assert learner.surrogate(np.array([[advantage]]), np.array([[ratio]])) == pytest.approx(expected)


@pytest.mark.parametrize(("rollouts", "k"), [(4, 1), (4, 2), (5, 3), (6, 6), (6, 4)])
def test_advantages_of_pass_at_k_by_enumeration_of_all_sets(rollouts, k):
    table = advantages(rollouts, k)
    for correct in range(rollouts + 1):
        rewards = np.arange(rollouts) < correct
        sets = list(itertools.combinations(range(rollouts), k))
        best = np.array([rewards[list(each)].any() for each in sets], float)
        spread = best.std()
        for column, rollout in enumerate((0, rollouts - 1)):
            if rewards[rollout] != (column == 0):
                continue
            mine = np.mean([best[place] for place, each in enumerate(sets) if rollout in each])
            expected = (mine - best.mean()) / spread if spread > 0 else 0.0
            assert table[correct, column] == pytest.approx(expected)


def test_pass_at_one_is_grpo():
    batch = batch_of(random_policy(), fixed_walks())
    expected = LEARNERS["grpo"]().weights(batch)
    np.testing.assert_allclose(LEARNERS["pass_at_k"](rollouts=4, k=1).weights(batch), expected, rtol=1e-12)


def test_sets_larger_than_the_group_are_refused():
    with pytest.raises(ConetError, match=r"got learner\.k=7 of 6 rollouts: k has to be 6 at most"):
        Trainer(TINY.override({"learner.name": "pass_at_k", "learner.k": 7}))


def test_negative_samples_by_hand():
    batch = batch_of(random_policy(), fixed_walks())
    expected = np.where(REWARDS.reshape(-1) > 0, 0.1, -1.0) / 12
    np.testing.assert_array_equal(LEARNERS["negative"]().weights(batch), expected)


def test_the_covariance_of_a_hop_by_hand():
    probability = np.array([[0.5, 0.25, 1.0], [0.125, 1.0, 1.0]])
    used = np.array([[True, True, False], [True, False, False]])
    found = covariance(probability, np.array([[1.0], [-2.0]]), used)
    half = np.log(2.0)  # log π: -1, -2, -3 halves, mean -2; advantages 1, 1, -2, mean 0
    np.testing.assert_allclose(found, [[half, 0.0, 0.0], [2 * half, 0.0, 0.0]], atol=1e-15)
    assert largest(found, used, 0.4).tolist() == [[False] * 3, [True, False, False]]
    assert largest(found, used, 0.67).tolist() == [[True, False, False], [True, False, False]]


def test_the_gradient_of_clip_higher_is_that_of_its_surrogate():
    """Ratios beyond the upper end, and between it and the end of the symmetric range."""
    walks, policy = fixed_walks(), random_policy(4)
    behaviour, used = step_probability(walks, random_policy().probability), walks.used()
    advantage = standardised(REWARDS).reshape(-1, 1)
    ratio, raised = step_probability(walks, policy.probability) / behaviour, (advantage > 0) & used
    for place in ((ratio > 1.5) & raised, (ratio > 1.2) & (ratio < 1.5) & raised):
        assert place.any()

    def surrogate(logits):
        ratio = np.exp(log_walks(walks, logits)) / behaviour
        least = np.minimum(ratio * advantage, np.clip(ratio, 0.8, 1.5) * advantage)
        return float((least * used).sum()) / 12

    learner = LEARNERS["grpo"](clip=0.2, clip_high=0.5, epochs=2)
    found = learner.gradient(batch_of(policy, walks, behaviour))
    np.testing.assert_allclose(found.values, finite_differences(surrogate, policy.logits), atol=1e-9)


@pytest.mark.parametrize("length_normalization", [False, True])
def test_kl_cov_ascends_its_surrogate_less_the_penalty_on_the_hops_it_holds(length_normalization):
    walks, policy = fixed_walks(), random_policy(1)
    scale = 1 / walks.length[:, None] if length_normalization else 1.0
    behaviour, used = step_probability(walks, random_policy().probability), walks.used()
    advantage = standardised(REWARDS).reshape(-1, 1)
    held = largest(covariance(step_probability(walks, policy.probability), advantage, used), used, 0.3)
    assert 5 < held.sum() < used.sum() / 2

    def surrogate(logits):
        ratio = np.exp(log_walks(walks, logits)) / behaviour
        penalty = 0.7 * (ratio - 1 - np.log(ratio)) * held
        return float(((ratio * advantage - penalty) * scale * used).sum()) / 12

    lengths = {"length_normalization": length_normalization}
    learner = LEARNERS["kl_cov"](covariance_share=0.3, covariance_kl=0.7, **lengths)
    found = learner.gradient(batch_of(policy, walks, behaviour))
    np.testing.assert_allclose(found.values, finite_differences(surrogate, policy.logits), atol=1e-9)
    plain = LEARNERS["grpo"](epochs=2, **lengths).gradient(batch_of(policy, walks, behaviour))
    assert np.abs(found.values - plain.values).max() > 0.01


def test_decay_takes_its_share_of_every_logit():
    policy = random_policy()
    before = policy.logits.copy()
    learner = LEARNERS["grpo"](learning_rate=3.0, logit_decay=0.1)
    gradient = learner.total_gradient(batch_of(policy, fixed_walks(np.ones((3, 4)))))  # no advantage
    assert gradient.rows.tolist() == list(range(GRAPH.nodes))
    optim.make("sgd", GRAPH.edges).step(policy, gradient, 3.0)
    np.testing.assert_allclose(policy.logits, 0.9 * before, rtol=1e-13)


def test_a_decay_that_adam_would_rescale_is_refused():
    said = r"got learner\.logit_decay=0\.01 needs the optimizer sgd; expected settings that fit together; see"
    with pytest.raises(ConetError, match=said):
        Trainer(TINY.override({"learner.logit_decay": 0.01, "learner.optimizer": "adam"}))


def test_groups_without_a_correct_walk_get_the_shortest_that_is_known():
    policy = random_policy()
    memory = Memory(TASKS)
    memory.add(fixed_walks())  # correct: 0 (one hop), 4 to 7 (5, 1, 2, 3 hops), 8 and 9 (4, 5 hops)
    lost = fixed_walks(np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], float), seed=1)
    found = memory.replayed(lost)
    assert found.correct.reshape(3, 4).tolist() == [[False] * 3 + [True]] * 3
    assert found.length.tolist() == [1, 2, 3, 1, 5, 1, 2, 3, 4, 5, 1, 4]
    np.testing.assert_array_equal(found.edges[3], memory.edges[0])
    np.testing.assert_array_equal(found.edges[4:8], lost.edges[4:8])
    assert not lost.correct[3], "what was drawn stays as it is"
    nothing = Memory(TASKS).replayed(lost)
    np.testing.assert_array_equal(nothing.correct, lost.correct)
    assert np.abs(LEARNERS["grpo"]().gradient(batch_of(policy, found)).values).max() > 0


def test_a_run_replays_only_where_it_is_told_to_and_goes_on_bit_for_bit():
    config = TINY.override({"steps": 30, "learner.replay": True, "problems.max_length": 4})
    straight = Trainer(config)
    for _ in range(15):
        straight.advance()
    arrays, state = straight.state()
    resumed = Trainer(config, threads=2)
    resumed.load({name: array.copy() for name, array in arrays.items()}, state)
    for _ in range(15):
        straight.advance()
        resumed.advance()
    assert resumed.policy.sha256 == straight.policy.sha256
    assert (
        conet.simulate(config.override({"learner.replay": False}))[1].policy.sha256 != straight.policy.sha256
    )


def test_a_penalty_of_next_to_nothing_changes_next_to_nothing():
    """In one pass the ratio is one: the penalty alone is added, and the advantage stays what it was."""
    plain = conet.simulate(TINY)[1].policy.logits
    held = conet.simulate(TINY.override({"learner.kl": 1e-12}))[1].policy.logits
    np.testing.assert_allclose(held, plain, atol=1e-9)
    assert np.abs(plain).max() > 0.1


def test_learners_of_ones_own_see_the_probability_with_which_was_walked():
    seen = []

    class Mine(LEARNERS["rloo"]):
        def weights(self, batch):
            seen.append((batch.behaviour.copy(), batch.policy.hop_probabilities(batch.walks)))
            return super().weights(batch)

    Mine.__module__ = "mine"
    Trainer(TINY, learner=Mine(rollouts=4)).advance()
    np.testing.assert_array_equal(*seen[0])


def test_temperature_without_a_bonus_is_rlvr():
    bare = {"schedule.name": "temperature", "schedule.cooling": "none"}
    plain, found = conet.simulate(TINY)[1], conet.simulate(TINY.override(bare))[1]
    assert found.policy.sha256 == plain.policy.sha256
    with pytest.raises(ConetError, match=r"cooling=none with an entropy weight of 0\.1"):
        Trainer(TINY.override({**bare, "learner.entropy": 0.1}))


@pytest.mark.parametrize(
    ("pair", "others"),
    [
        ("schedule.cooling=none", {"schedule.name": "temperature"}),
        ("learner.baseline=none", {"learner.name": "reinforce"}),
    ],
)
def test_none_on_the_command_line_is_the_word_where_an_option_has_it(pair, others):
    typed = Trainer(TINY.override(others | parse_pairs([pair])))
    key, _, word = pair.partition("=")
    said = Trainer(TINY.override(others | {key: word}))
    assert typed.learner == said.learner
    assert typed.phases == said.phases


def test_none_stays_nothing_where_an_option_may_be_nothing():
    pairs = ["learner.clip=none", "schedule.name=temperature", "schedule.sft_every=none"]
    trainer = Trainer(TINY.override(parse_pairs(pairs)))
    assert trainer.learner.clip is None
    with pytest.raises(ConetError, match=r"schedule\.adaptive_groups=None"):
        Trainer(TINY.override(parse_pairs(["schedule.name=temperature", "schedule.adaptive_groups=none"])))


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        (["schedule.name=temperature", "schedule.sft_every=2", "schedule.cooling=none"], "schedule.cooling"),
        (["learner.name=reinforce", "learner.baseline=none"], "learner.baseline"),
    ],
)
def test_the_word_none_is_kept_as_a_word(pairs, key, tmp_path):
    """As None it would be another setting in the run's file, its hash and every comparison."""
    typed = TINY.override(parse_pairs(pairs))
    written = TINY.override(parse_pairs(pairs[:-1]) | {key: "none"})
    run = conet.run(typed, tmp_path / "run")
    section, name = key.split(".")
    assert json.loads((run.path / "config.json").read_text())[section][name] == "none"
    assert run.provenance()["config_hash"] == written.content_hash == run.config.content_hash
