"""Learners: weights by hand, gradients against finite differences, and one contract for all of them."""

import inspect
import itertools
from pathlib import Path

import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.base.registry import load_file
from conet.config import LearnerSettings
from conet.engine import exact
from conet.engine.gradient import Gradient, from_walks
from conet.engine.sample import Walks, stream_key
from conet.engine.softmax import softmax
from conet.engine.tables import TablePolicy
from conet.learners import LEARNERS, Batch, Learner, make, optim
from conet.learners.base import standardised, step_probability
from conet.network.graph import regular
from conet.network.problems import Problems
from conet.runs.trainer import Trainer

ROOT = Path(__file__).parent.parent
GRAPH = regular(9, 3, 4)
TASKS = Problems(np.array([0, 3, 6], np.int32), np.array([1, 4, 7], np.int32), 5)
REWARDS = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]], np.float64)
TINY = conet.preset("smoke").override(
    {
        "steps": 3,
        "graph.nodes": 30,
        "graph.degree": 4,
        "problems.count": 6,
        "problems.max_length": 6,
        "learner.rollouts": 6,
        "learner.learning_rate": 2.0,
        "snapshots.checkpoint_every": 1,
        "snapshots.steps": (),
        "snapshots.pass_walks": 2,
        "snapshots.traffic_walks": 2,
    }
)


def random_policy(seed: int = 0) -> TablePolicy:
    return TablePolicy(GRAPH, np.random.default_rng(seed).normal(0, 0.7, GRAPH.edges))


def fixed_walks(rewards: np.ndarray = REWARDS, seed: int = 0) -> Walks:
    """Walks that were really walked, with lengths 1 to 5, and rewards as the test wants them."""
    rng = np.random.default_rng(seed)
    count = rewards.size
    starts = np.repeat(TASKS.questions, rewards.shape[1])
    edges = np.full((count, 5), -7, np.int32)  # what lies beyond the length must not matter
    length = (np.arange(count) % 5 + 1).astype(np.int32)
    for walk, node in enumerate(starts):
        for step in range(length[walk]):
            edges[walk, step] = rng.integers(GRAPH.offsets[node], GRAPH.offsets[node + 1])
            node = GRAPH.targets[edges[walk, step]]
    return Walks(
        problems=np.arange(3, dtype=np.int32),
        starts=starts,
        edges=edges,
        length=length,
        correct=rewards.reshape(-1) > 0,
        rollouts=rewards.shape[1],
    )


def batch_of(policy: TablePolicy, walks: Walks, behaviour: np.ndarray | None = None, reference=None) -> Batch:
    now = step_probability(walks, policy.probability)
    return Batch(
        walks=walks,
        policy=policy,
        problems=TASKS,
        behaviour=now if behaviour is None else behaviour,
        reference=random_policy(9).probability if reference is None else reference,
    )


def finite_differences(objective, logits: np.ndarray, step: float = 1e-5) -> np.ndarray:
    slope = np.empty_like(logits)
    for edge in range(len(logits)):
        up, down = logits.copy(), logits.copy()
        up[edge] += step
        down[edge] -= step
        slope[edge] = (objective(up) - objective(down)) / (2 * step)
    return slope


# Weights by hand -------------------------------------------------------------------------------------


def test_standardised_by_hand():
    # Means 1/4, 1, 1/2; population standard deviations √3/4, 0, 1/2.
    root = np.sqrt(3)
    expected = [[root, -1 / root, -1 / root, -1 / root], [0, 0, 0, 0], [1, 1, -1, -1]]
    np.testing.assert_allclose(standardised(REWARDS), expected, rtol=1e-14)


def test_equal_rewards_that_are_not_exact_in_binary_have_no_advantage():
    assert not standardised(np.full((2, 7), 0.1)).any()


def test_grpo_weights_by_hand():
    walks = fixed_walks()
    batch = batch_of(random_policy(), walks)
    root = np.sqrt(3)
    with_std = np.array([root, *[-1 / root] * 3, 0, 0, 0, 0, 1, 1, -1, -1]) / 12
    without = np.array([0.75, -0.25, -0.25, -0.25, 0, 0, 0, 0, 0.5, 0.5, -0.5, -0.5]) / 12
    learner = LEARNERS["grpo"]
    np.testing.assert_allclose(learner().weights(batch), with_std, rtol=1e-14)
    np.testing.assert_allclose(learner(std_normalization=False).weights(batch), without, rtol=1e-14)
    lengths = np.array([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2])
    by_length = learner(length_normalization=True).weights(batch)
    np.testing.assert_allclose(by_length, with_std / lengths, rtol=1e-14)


@pytest.mark.parametrize(
    ("advantage", "ratio", "expected"),
    [
        (1.0, 1.0, 1.0),
        (1.0, 1.19, 1.19),
        (1.0, 1.21, 0.0),  # already pushed up far enough
        (1.0, 0.5, 0.5),  # below the range, but the right way round: still pulled up
        (-2.0, 0.81, -1.62),
        (-2.0, 0.79, 0.0),  # already pushed down far enough
        (-2.0, 1.5, -3.0),  # above the range, still pushed down
        (0.0, 3.0, 0.0),
    ],
)
def test_clipping_by_hand(advantage, ratio, expected):
    learner = LEARNERS["grpo"](clip=0.2, epochs=2)
    assert learner.surrogate(np.array([[advantage]]), np.array([[ratio]])) == pytest.approx(expected)


def test_no_clipping_keeps_every_ratio():
    learner = LEARNERS["grpo"](epochs=2)
    assert learner.surrogate(np.array([[1.0]]), np.array([[7.0]])) == 7.0


def test_first_epoch_is_plain_grpo():
    batch = batch_of(random_policy(), fixed_walks())
    plain = LEARNERS["grpo"]().weights(batch)
    steps = LEARNERS["grpo"](epochs=3, clip=0.1).weights(batch)
    used = batch.walks.used()
    np.testing.assert_allclose(steps[used], np.broadcast_to(plain[:, None], used.shape)[used], rtol=1e-14)


def test_rloo_by_hand_and_as_scaled_centred_rewards():
    batch = batch_of(random_policy(), fixed_walks())
    third = 1 / 3
    expected = (
        np.array([1, -third, -third, -third, 0, 0, 0, 0, 2 * third, 2 * third, -2 * third, -2 * third]) / 12
    )
    found = LEARNERS["rloo"]().weights(batch)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(
        found, LEARNERS["grpo"](std_normalization=False).weights(batch) * 4 / 3, rtol=1e-14
    )


@pytest.mark.parametrize("group", [2, 3, 5])
@pytest.mark.parametrize("chance", [0.1, 0.6])
def test_rloo_is_unbiased_and_centred_grpo_is_not(group, chance):
    """One step, two edges, reward for the first: all 2^G outcomes, so the expectation is exact."""
    expected = {"rloo": 0.0, "grpo": 0.0}
    for outcome in itertools.product([0.0, 1.0], repeat=group):
        rewards = np.array([outcome])
        weight = chance ** rewards.sum() * (1 - chance) ** (group - rewards.sum())
        zeros = np.zeros(group, np.int32)
        walks = Walks(
            problems=zeros[:1],
            starts=zeros,
            edges=zeros[:, None],
            length=zeros + 1,
            correct=rewards[0] > 0,
            rollouts=group,
        )
        batch = batch_of(random_policy(), walks)
        score = rewards[0] - chance  # d log π / d logit of the first edge
        expected["rloo"] += weight * (LEARNERS["rloo"]().weights(batch) @ score)
        expected["grpo"] += weight * (LEARNERS["grpo"](std_normalization=False).weights(batch) @ score)
    slope = chance * (1 - chance)
    assert expected["rloo"] == pytest.approx(slope, rel=1e-12)
    assert expected["grpo"] == pytest.approx(slope * (group - 1) / group, rel=1e-12)


def test_reinforce_baselines_by_hand():
    batch = batch_of(random_policy(), fixed_walks())
    flat = REWARDS.reshape(-1)
    np.testing.assert_allclose(LEARNERS["reinforce"]().weights(batch), flat / 12, rtol=1e-14)
    with_baseline = LEARNERS["reinforce"](baseline="batch").weights(batch)
    np.testing.assert_allclose(with_baseline, (flat - 7 / 12) / 12, rtol=1e-14)


def test_sft_averages_or_adds():
    batch = batch_of(random_policy(), fixed_walks())
    assert LEARNERS["sft"]().weights(batch).tolist() == [1 / 12] * 12
    assert LEARNERS["sft"](average=False).weights(batch).tolist() == [1.0] * 12


# Gradients against finite differences of what they claim to ascend -----------------------------------


def log_walks(walks: Walks, logits: np.ndarray) -> np.ndarray:
    """log π of every recorded step, 0 beyond a walk's length."""
    return np.log(step_probability(walks, softmax(logits, GRAPH)))


def test_grpo_gradient_is_that_of_its_surrogate():
    walks, policy = fixed_walks(), random_policy()
    advantage = standardised(REWARDS).reshape(-1)
    for lengths, options in ((1.0, {}), (walks.length, {"length_normalization": True})):

        def surrogate(logits, lengths=lengths):
            return float((advantage / lengths) @ log_walks(walks, logits).sum(axis=1)) / 12

        found = LEARNERS["grpo"](**options).gradient(batch_of(policy, walks))
        slope = finite_differences(surrogate, policy.logits)
        np.testing.assert_allclose(found.values, slope, atol=1e-9)
        assert np.abs(slope).max() > 0.01


@pytest.mark.parametrize("length_normalization", [False, True])
def test_clipped_gradient_is_that_of_its_surrogate(length_normalization):
    """After the policy has moved away from the one that walked; both sides of the clip range are hit."""
    walks, before, policy = fixed_walks(), random_policy(), random_policy(1)
    behaviour = step_probability(walks, before.probability)
    advantage = standardised(REWARDS).reshape(-1, 1)
    scale = 1 / walks.length[:, None] if length_normalization else 1.0

    def surrogate(logits):
        ratio = np.exp(log_walks(walks, logits)) / behaviour
        least = np.minimum(ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage)
        return float((least * scale * walks.used()).sum()) / 12

    ratio = step_probability(walks, policy.probability) / behaviour
    used = walks.used()
    for outside in ((advantage > 0) & (ratio > 1.2) & used, (advantage < 0) & (ratio < 0.8) & used):
        assert outside.any()  # else the test would not see clipping at all
    learner = LEARNERS["grpo"](clip=0.2, epochs=4, length_normalization=length_normalization)
    found = learner.gradient(batch_of(policy, walks, behaviour))
    np.testing.assert_allclose(found.values, finite_differences(surrogate, policy.logits), atol=1e-9)


@pytest.mark.parametrize("length_normalization", [False, True])
def test_kl_gradient_is_that_of_the_estimator(length_normalization):
    """Penalty β Σ (r - log r - 1), r = π_reference/π, on fixed walks; equal rewards leave it alone."""
    walks, policy, reference = fixed_walks(np.ones((3, 4))), random_policy(), random_policy(5).probability
    log_reference = np.log(step_probability(walks, reference))
    scale = 1 / walks.length[:, None] if length_normalization else 1.0

    def penalty(logits):
        log_ratio = log_reference - log_walks(walks, logits)
        return float(-0.3 * ((np.exp(log_ratio) - log_ratio - 1) * scale).sum()) / 12

    learner = LEARNERS["grpo"](kl=0.3, length_normalization=length_normalization)
    found = learner.gradient(batch_of(policy, walks, reference=reference))
    slope = finite_differences(penalty, policy.logits)
    np.testing.assert_allclose(found.values, slope, atol=1e-9)
    assert np.abs(slope).max() > 0.01


def test_kl_vanishes_at_the_reference_and_adds_to_the_advantage():
    walks, policy = fixed_walks(), random_policy()
    at_home = LEARNERS["grpo"](kl=5.0).gradient(batch_of(policy, walks, reference=policy.probability))
    plain = LEARNERS["grpo"]().gradient(batch_of(policy, walks))
    np.testing.assert_allclose(at_home.values, plain.values, atol=1e-15)
    both = LEARNERS["grpo"](kl=0.3).gradient(batch_of(policy, walks))
    alone = LEARNERS["grpo"](kl=0.3).gradient(batch_of(policy, fixed_walks(np.ones((3, 4)))))
    np.testing.assert_allclose(both.values, plain.values + alone.values, atol=1e-14)


@pytest.mark.parametrize("std_normalization", [False, True])
def test_exact_learner_ascends_what_it_states(std_normalization):
    policy = random_policy()

    def objective(logits):
        success = exact.solve(TablePolicy(GRAPH, logits), TASKS).success
        return float(np.mean(2 * np.arcsin(np.sqrt(success)) if std_normalization else success))

    learner = LEARNERS["exact"](std_normalization=std_normalization)
    found = learner.gradient(batch_of(policy, fixed_walks()))
    slope = finite_differences(objective, policy.logits)
    np.testing.assert_allclose(found.values, slope, atol=1e-9)
    assert np.abs(slope).max() > 0.001


# Optimizers ------------------------------------------------------------------------------------------


def test_adam_against_three_steps_by_hand():
    policy = random_policy()
    start = policy.logits.copy()
    rng = np.random.default_rng(3)
    gradients = [rng.normal(0, 1, GRAPH.edges) for _ in range(3)]
    gradients[1][::2] = 0.0
    adam = optim.make("adam", GRAPH.edges)
    rows = np.arange(GRAPH.nodes, dtype=np.int32)
    for values in gradients:
        adam.step(policy, Gradient(values, rows), 0.05)
    for edge in range(GRAPH.edges):
        first = second = 0.0
        logit = start[edge]
        for time, values in enumerate(gradients, start=1):
            first = 0.9 * first + 0.1 * values[edge]
            second = 0.999 * second + 0.001 * values[edge] ** 2
            logit += 0.05 * (first / (1 - 0.9**time)) / ((second / (1 - 0.999**time)) ** 0.5 + 1e-8)
        assert policy.logits[edge] == pytest.approx(logit, rel=1e-12)
    np.testing.assert_allclose(policy.probability, softmax(policy.logits, GRAPH), rtol=1e-14)


def test_adam_goes_on_from_its_state():
    walks = fixed_walks()
    policies = random_policy(), random_policy()
    straight, resumed = optim.make("adam", GRAPH.edges), optim.make("adam", GRAPH.edges)
    for step in range(4):
        if step == 2:
            kept = {name: array.copy() for name, array in resumed.state().items()}
            resumed = optim.make("adam", GRAPH.edges)
            resumed.load(kept)
        for adam, policy in zip((straight, resumed), policies):
            adam.step(policy, LEARNERS["grpo"]().gradient(batch_of(policy, walks)), 0.1)
    assert policies[0].sha256 == policies[1].sha256


def test_sgd_adds_the_gradient_to_the_touched_rows_alone():
    policy = random_policy()
    before = policy.logits.copy()
    values = np.arange(GRAPH.edges, dtype=np.float64)
    optim.make("sgd", GRAPH.edges).step(policy, Gradient(values, np.array([2, 5], np.int32)), 0.5)
    touched = np.isin(GRAPH.sources(), [2, 5])
    np.testing.assert_array_equal(policy.logits[touched], (before + 0.5 * values)[touched])
    np.testing.assert_array_equal(policy.logits[~touched], before[~touched])
    np.testing.assert_allclose(policy.probability, softmax(policy.logits, GRAPH), rtol=1e-14)


# Options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "grpo", "clp": 0.2}, ["learner.clp", "did you mean 'learner.clip'"]),
        ({"name": "grpo", "learning_rat": 1.0}, ["did you mean 'learner.learning_rate'"]),
        ({"name": "reinforce", "baselin": "batch"}, ["did you mean 'learner.baseline'"]),
        ({"name": "grop"}, ["'grop'", "did you mean 'grpo'"]),
        ({"name": "grpo", "clip": -0.1}, ["learner.clip=-0.1", "greater than 0"]),
        ({"name": "grpo", "kl": float("nan")}, ["learner.kl=nan", "finite"]),
        ({"name": "grpo", "epochs": 0}, ["learner.epochs=0", "1"]),
        ({"name": "rloo", "rollouts": 1}, ["learner.rollouts=1", "2"]),
        ({"name": "reinforce", "baseline": "mean"}, ["'none' or 'batch'"]),
        ({"name": "exact", "clip": 0.2}, ["unknown key 'learner.clip'"]),
        ({"name": "nowhere.py:Mine"}, ["nowhere.py"]),
        ({"name": "learners.txt:Mine"}, ["path/to/file.py:name"]),
        ({"name": f"{ROOT}/examples/my_learner.py:PassAtk"}, ["did you mean 'PassAtK'"]),
        ({"name": f"{ROOT}/examples/my_learner.py:np"}, ["a subclass of conet.Learner"]),
    ],
)
def test_wrong_options_are_named(settings, words):
    with pytest.raises(ConetError) as raised:
        make(LearnerSettings(**settings))
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_a_file_that_fails_to_import_is_named(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import nothing_of_that_name")
    with pytest.raises(ConetError, match=r"broken.py: ModuleNotFoundError.*mend it"):
        make(LearnerSettings(name=f"{path}:Mine"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return np.ones(3)", ["weights of shape (3,)"]),
        ("return batch.rewards.reshape(-1) / 0.0", ["not finite"]),
        ("return batch.nothing", ["AttributeError"]),
        ("return None", ["shape (1,)"]),
    ],
)
def test_a_learner_that_fails_is_named_with_its_step(body, words):
    space = {"np": np, "Learner": Learner}
    exec(f"class Mine(Learner):\n    def weights(self, batch):\n        {body}", space)
    with np.errstate(all="ignore"), pytest.raises(ConetError) as raised:
        Trainer(TINY, learner=space["Mine"]()).advance()
    assert all(word in str(raised.value) for word in ["'Mine' at step 0", *words]), str(raised.value)


def test_a_learner_without_a_rule_is_named():
    class Idle(Learner):
        pass

    with pytest.raises(ConetError, match="neither weights nor gradient"):
        Trainer(TINY, learner=Idle()).advance()


def test_a_gradient_of_another_graph_is_refused():
    class Wrong(Learner):
        def gradient(self, batch):
            return Gradient(np.zeros(3), np.zeros(0, np.int32))

    with pytest.raises(ConetError, match="in place of a Gradient"):
        Trainer(TINY, learner=Wrong()).advance()


def test_a_run_that_diverges_says_so():
    class Explosive(Learner):
        def weights(self, batch):
            return np.full(len(batch.walks.length), 1e308)

    with np.errstate(all="ignore"), pytest.raises(ConetError, match=r"not finite.*learning rate.*lower it"):
        conet.simulate(
            TINY.override({"learner.learning_rate": 1e300}), learner=Explosive(learning_rate=1e300)
        )


# One contract for all --------------------------------------------------------------------------------


def learners_in(path: Path) -> list[str]:
    module = load_file(path, "learner")
    own = [
        name
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, Learner) and thing.__module__ == module.__name__
    ]
    assert own, f"{path} holds no learner"
    return [f"{path}:{name}" for name in own]


FILES = [*ROOT.glob("docs/skeletons/*learner*.py"), *ROOT.glob("examples/*learner*.py")]
EVERY_LEARNER = [*LEARNERS, *(name for path in sorted(FILES) for name in learners_in(path))]


def test_skeleton_and_example_are_among_them():
    assert {path.name for path in FILES} >= {"learner.py", "my_learner.py"}
    assert len(EVERY_LEARNER) >= 7


@pytest.mark.parametrize("name", EVERY_LEARNER, ids=lambda name: name.rpartition("/")[2])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_conformance(name, optimizer, tmp_path):
    """Learns, stays finite, repeats itself bit for bit, and resumes as if nothing had happened."""
    config = TINY.override({"learner.name": name, "learner.optimizer": optimizer})
    metrics, training = conet.simulate(config)
    assert np.isfinite(training.policy.logits).all()
    assert np.any(training.policy.logits != 0), "nothing was learned"
    assert metrics["step"].to_list() == [0, 1, 2]
    assert np.isfinite(metrics["gradient_norm"].to_numpy()).all()
    again, repeated = conet.simulate(config, threads=2)
    assert repeated.policy.sha256 == training.policy.sha256
    assert again.equals(metrics)

    class Interrupted(Exception):
        pass

    def interrupt(row):
        if row["step"] == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        conet.run(config, tmp_path / "run", progress=interrupt)
    assert conet.resume(tmp_path / "run").summary()["state_sha256"] == training.policy.sha256


@pytest.mark.parametrize("name", EVERY_LEARNER, ids=lambda name: name.rpartition("/")[2])
def test_gradients_of_a_softmax_sum_to_zero_at_every_node(name):
    settings = LearnerSettings(name=name)
    learner, policy = make(settings), random_policy()
    walks = policy.sample(TASKS, 64, stream_key(1, 0, 0))
    gradient = learner.gradient(batch_of(policy, walks))
    rows = gradient.rows.tolist()
    assert len(rows) == len(set(rows))
    np.testing.assert_allclose(np.add.reduceat(gradient.values, GRAPH.offsets[:-1]), 0, atol=1e-12)
    outside = ~np.isin(GRAPH.sources(), gradient.rows)
    assert not gradient.values[outside].any()
    assert np.abs(gradient.values).max() > 0


def test_example_is_grpo_without_std_at_k_one():
    kind = load_file(ROOT / "examples/my_learner.py", "learner").PassAtK
    batch = batch_of(random_policy(), fixed_walks())
    expected = LEARNERS["grpo"](std_normalization=False).weights(batch)
    np.testing.assert_allclose(kind(k=1).weights(batch), expected, rtol=1e-14)
    # k = 2: times 2 (1 - p), by hand for the groups with p = 1/4 and 1/2.
    factors = np.repeat([1.5, 0.0, 1.0], 4)
    np.testing.assert_allclose(kind(k=2).weights(batch), expected * factors, rtol=1e-14)


def test_weights_of_another_shape_are_refused():
    walks, policy = fixed_walks(), random_policy()
    with pytest.raises(ValueError, match="expected"):
        from_walks(policy, walks, np.ones((12, 4)))
