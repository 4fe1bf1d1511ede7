"""The entropy bonus: its gradient against twins, finite differences and enumeration, and what it does to a run."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import same_bits, world, worlds

import conet
from conet.base.errors import ConetError
from conet.engine import exact, kernels, reference
from conet.engine.gradient import Gradient, from_walks, visits, with_entropy
from conet.engine.softmax import entropy, softmax
from conet.engine.tables import TablePolicy
from conet.learners import LEARNERS, Batch
from conet.network.graph import regular
from conet.network.problems import Problems
from conet.observables.diversity import visited_entropy
from conet.runs.trainer import Trainer

GRAPH = regular(9, 3, 4)
PROBLEMS = Problems(np.array([0, 3, 6], np.int32), np.array([1, 4, 7], np.int32), 5)
TINY = conet.preset("smoke").override(
    {
        "steps": 12,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 8,
        "problems.max_length": 7,
        "learner.rollouts": 6,
        "learner.learning_rate": 8.0,
        "snapshots.web_every": 0,
    }
)


def random_policy(graph=GRAPH, seed: int = 0) -> TablePolicy:
    return TablePolicy(graph, np.random.default_rng(seed).normal(0, 0.7, graph.edges))


def batch_of(
    policy: TablePolicy, problems: Problems = PROBLEMS, rollouts: int = 4, threads: int = 1
) -> Batch:
    return Batch(
        walks=policy.sample(problems, rollouts, 5),
        policy=policy,
        problems=problems,
        behaviour=np.ones((1, 1)),
        reference=policy.probability.copy(),
        threads=threads,
    )


def differences(function, logits: np.ndarray) -> np.ndarray:
    slope = np.empty_like(logits)
    for place in range(len(logits)):
        for sign in (1, -1):
            moved = logits.copy()
            moved[place] += sign * 1e-6
            slope[place] = slope[place] - function(moved) if sign < 0 else function(moved)
    return slope / 2e-6


def left(batch: Batch) -> np.ndarray:
    """Visits of each node from which a walk goes on, hop by hop in Python."""
    counts = np.zeros(batch.policy.graph.nodes)
    for walk, node in enumerate(batch.walks.starts):
        for edge in batch.walks.edges[walk, : batch.walks.length[walk]]:
            counts[node] += 1
            node = batch.policy.graph.targets[edge]
    return counts


# The kernels ------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(worlds, st.integers(0, 2**32 - 1))
def test_kernels_equal_their_twins(asked, draw):
    policy, problems = world(*asked)
    walks = policy.sample(problems, 5, draw)
    filled = []
    for module in (kernels, reference):
        counts, rows = np.zeros(policy.graph.nodes), np.full(policy.graph.nodes, -7, np.int32)
        found = module.count_visits(walks.starts, walks.edges, walks.length, policy.records, counts, rows)
        values = np.random.default_rng(draw).normal(size=policy.graph.edges)
        graph = policy.graph
        module.add_entropy(rows[:found], graph.offsets, policy.logits, policy.probability, counts, values)
        filled.append((counts, rows, values))
    assert all(same_bits(compiled, plain) for compiled, plain in zip(*filled))
    assert filled[0][0].sum() == walks.length.sum()


def test_visits_by_hand():
    batch = batch_of(random_policy())
    counts, rows = visits(batch.table, batch.walks)
    np.testing.assert_array_equal(counts, left(batch))
    np.testing.assert_array_equal(rows, np.flatnonzero(counts))


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_the_entropy(seed):
    policy = random_policy(seed=seed)
    weights = np.random.default_rng(seed).uniform(0, 2, GRAPH.nodes)
    found = with_entropy(
        policy, Gradient(np.zeros(27), np.zeros(0, np.int32)), weights, np.arange(9, dtype=np.int32)
    )
    slope = differences(lambda logits: weights @ entropy(softmax(logits, GRAPH), GRAPH), policy.logits)
    np.testing.assert_allclose(found.values, slope, atol=1e-8)
    assert np.abs(slope).max() > 0.01
    row_sums = np.add.reduceat(found.values, GRAPH.offsets[:-1])  # a shift of all logits changes nothing
    np.testing.assert_allclose(row_sums, 0.0, atol=1e-14)


def test_a_uniform_and_a_decided_node_have_no_slope():
    decided = np.zeros(GRAPH.edges)
    decided[::3] = 2000.0  # the others underflow
    for logits in (np.zeros(GRAPH.edges), decided):
        policy = TablePolicy(GRAPH, logits)
        empty = Gradient(np.zeros(27), np.zeros(0, np.int32))
        found = with_entropy(policy, empty, np.ones(9), np.arange(9, dtype=np.int32))
        assert not found.values.any()


# The learners -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(LEARNERS) - {"exact"}))
def test_every_learner_adds_the_entropy_where_its_walks_chose(name):
    batch, weight = batch_of(random_policy()), 0.3
    plain = LEARNERS[name](rollouts=4).total_gradient(batch).values.copy()
    found = LEARNERS[name](rollouts=4, entropy=weight).total_gradient(batch)
    counts = left(batch)

    def bonus(logits):
        return weight * counts @ entropy(softmax(logits, GRAPH), GRAPH) / len(batch.walks.length)

    np.testing.assert_allclose(found.values - plain, differences(bonus, batch.table.logits), atol=1e-8)
    assert set(found.rows) == set(np.flatnonzero(counts))


def test_sft_that_adds_up_adds_up_the_entropy_too():
    batch = batch_of(random_policy())
    found, plain = (
        LEARNERS["sft"](average=False, entropy=weight).total_gradient(batch).values.copy()
        for weight in (0.3, 0.0)
    )
    mean, plain_mean = (
        LEARNERS["sft"](entropy=weight).total_gradient(batch).values.copy() for weight in (0.3, 0.0)
    )
    np.testing.assert_allclose(found - plain, 12 * (mean - plain_mean), atol=1e-12)


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("standardise", [False, True])
def test_expected_visits_by_enumeration(stop, standardise):
    """All walks of up to four hops on a graph of degree three, with their probabilities."""
    policy = random_policy(seed=2)
    problems = Problems(PROBLEMS.questions, PROBLEMS.answers, 4, stop)
    expected = np.zeros(GRAPH.nodes)
    ends = set(problems.answers.tolist()) if stop else set()
    for question, answer in zip(problems.questions, problems.answers):
        for slots in itertools.product(range(3), repeat=4):
            node, chance, at = int(question), 1.0, []
            for slot in slots:
                at.append(node)
                edge = 3 * node + slot
                chance *= policy.probability[edge]
                node = int(GRAPH.targets[edge])
                if node == answer or node in ends:
                    break
            # A walk of n hops is met once for every way to go on, 3^(4-n) times.
            np.add.at(expected, at, chance / 3 ** (4 - len(at)))
    gradient, found = exact.objective_with_visits(policy, problems, standardise=standardise)
    np.testing.assert_allclose(found, expected / 3, atol=1e-12)
    alone = exact.objective_gradient(policy, problems, standardise=standardise)[0]
    assert same_bits(gradient.values, alone.values)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_exact_learner_is_what_many_rollouts_come_to(threads):
    """60,000 walks: a node's visits have a standard deviation below 1 a walk, and |β ∇H| stays below 0.15,

    so 0.003 is five standard errors of every slope; one of 27 is off by more with chance 2e-5.
    """
    batch = batch_of(random_policy(), rollouts=20_000, threads=threads)
    learners = [LEARNERS[name](rollouts=20_000, entropy=0.5) for name in ("exact", "grpo")]
    totals = [learner.total_gradient(batch).values.copy() for learner in learners]
    plain = [learner.gradient(batch).values.copy() for learner in learners]
    expected, sampled = (total - own for total, own in zip(totals, plain))
    np.testing.assert_allclose(sampled, expected, atol=0.003)
    assert np.abs(expected).max() > 0.05


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_exact_learner_learns_the_problems_that_were_chosen(weight):
    """As if there were no others: a schedule may choose some."""
    policy, some = random_policy(), [0, 2]
    few = Problems(PROBLEMS.questions[some], PROBLEMS.answers[some], 5)
    learner = LEARNERS["exact"](entropy=weight)
    chosen = replace(batch_of(policy), walks=policy.sample(PROBLEMS, 4, 5, chosen=np.array(some, np.int32)))
    found, alone = (learner.total_gradient(batch).values.copy() for batch in (chosen, batch_of(policy, few)))
    np.testing.assert_allclose(found, alone, atol=1e-15)
    assert np.abs(found - learner.total_gradient(batch_of(policy)).values).max() > 0.01


def test_no_weight_is_the_learner_as_it_was():
    batch = batch_of(random_policy())
    for name, kind in LEARNERS.items():
        learner = kind(rollouts=4)
        assert same_bits(
            learner.total_gradient(batch).values.copy(), learner.gradient(batch).values.copy()
        ), name


def test_a_users_gradient_is_not_changed_in_its_hands():
    policy, own = random_policy(), np.random.default_rng(1).normal(size=GRAPH.edges)
    before = own.copy()
    total = with_entropy(
        policy, Gradient(own, np.arange(4, dtype=np.int32)), np.ones(9), np.arange(6, 9, dtype=np.int32)
    )
    np.testing.assert_array_equal(own, before)
    assert total.rows.tolist() == [0, 1, 2, 3, 6, 7, 8]


def test_memory_lent_for_a_gradient_is_cleared_of_the_entropy_too():
    """The next gradient starts from zeros also where only the entropy had put something."""
    policy, batch = random_policy(), batch_of(random_policy())
    few = batch.walks.select(np.array([0]))
    fresh = from_walks(random_policy(), few, np.ones(1)).values.copy()
    gradient = from_walks(policy, few, np.ones(1))
    gradient = with_entropy(policy, gradient, np.ones(9), np.arange(9, dtype=np.int32))
    del gradient
    assert same_bits(from_walks(policy, few, np.ones(1)).values.copy(), fresh)


@pytest.mark.parametrize("weight", [-0.1, "much"])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ConetError, match=f"learner.entropy={weight!r}"):
        Trainer(TINY.override({"learner.entropy": weight}))


# Runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_a_run_keeps_more_entropy_and_goes_on_bit_for_bit(name):
    changes = {"learner.name": name}
    config = TINY.override(changes | {"learner.entropy": 0.3})
    straight = Trainer(config)
    for _ in range(5):
        straight.advance()
    arrays, state = straight.state()
    resumed = Trainer(config, threads=2)
    resumed.load({key: array.copy() for key, array in arrays.items()}, json.loads(json.dumps(state)))
    while straight.step < 12:
        straight.advance()
        resumed.advance()
    assert resumed.policy.sha256 == straight.policy.sha256
    plain = conet.simulate(TINY.override(changes))[1]
    assert visited_entropy(straight.policy, plain.walks) > visited_entropy(plain.policy, plain.walks) + 0.005
