"""The engine: reproducible walks, tables, random numbers, gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from worlds import KINDS, MASK, SCALES, same_bits, world, worlds

from conet.config import GraphSettings
from conet.engine import gradient, reference, tables
from conet.engine import sample as engine
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph, build, from_edges
from conet.network.problems import Problems

# ---------------------------------------------------------------- walks


def used(walks: engine.Walks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is defined of the walks: edges in a row, lengths, whether correct."""
    return walks.edges[walks.used()], walks.length, walks.correct


@settings(max_examples=60, deadline=None)
@given(worlds, st.integers(1, 15), st.booleans(), st.integers(0, MASK))
def test_walks_follow_edges_and_end_where_they_should(asked, length, stop, key):
    policy, tasks = world(*asked, length=length, stop=stop)
    walks = policy.sample(tasks, 6, key)
    sources, targets = policy.graph.sources(), policy.graph.targets
    ends = set(tasks.answers.tolist()) if stop else set()
    for walk in range(24):
        problem = walk // 6
        edges = walks.edges[walk, : walks.length[walk]]
        path = [int(sources[edges[0]]), *targets[edges].tolist()]
        assert path[0] == tasks.questions[problem] == walks.starts[walk]
        assert sources[edges].tolist() == path[:-1]
        assert policy.probability[edges].min() > 0
        terminal = ends | {int(tasks.answers[problem])}
        assert not terminal & set(path[1:-1])
        assert walks.correct[walk] == (path[-1] == tasks.answers[problem])
        assert walks.length[walk] == length or path[-1] in terminal
    assert np.array_equal(walks.problem, np.repeat(np.arange(4), 6))
    assert walks.steps == walks.length.sum()
    assert np.array_equal(walks.rewards.reshape(-1), walks.correct)


def test_on_a_ring_only_the_longest_walk_decides():
    nodes = np.arange(12)
    policy = TablePolicy(from_edges(nodes, (nodes + 1) % 12, 12))
    tasks = Problems(np.array([0, 3, 6], np.int32), np.array([5, 9, 1], np.int32), 6)
    walks = policy.sample(tasks, 2, 1)
    assert walks.length.tolist() == [5, 5, 6, 6, 6, 6]
    assert walks.correct.tolist() == [True, True, True, True, False, False]
    stopped = policy.sample(Problems(tasks.questions, tasks.answers, 6, True), 1, 1)
    assert stopped.length.tolist() == [1, 2, 3]  # at nodes 1, 5 and 9, answers of others but for the last
    assert stopped.correct.tolist() == [False, False, False]


@pytest.mark.parametrize(("kind", "scale"), [("regular", "uniform"), ("erdos_renyi", "random")])
def test_any_number_of_threads_gives_the_same_walks(kind, scale):
    graph = build(GraphSettings(kind=kind, nodes=200, degree=10), 1)
    logits = SCALES[scale] * np.random.default_rng(0).standard_normal(graph.edges)
    questions = np.arange(50, dtype=np.int32)
    tasks = Problems(questions, questions + 100, 60)
    walks = [TablePolicy(graph, logits).sample(tasks, 67, 9, threads=threads) for threads in (1, 2, 3)]
    assert walks[0].edges.size > tables._WORTH_A_THREAD  # or there would be one thread only
    for other in walks[1:]:
        assert all(same_bits(a, b) for a, b in zip(used(walks[0]), used(other)))


@settings(max_examples=40, deadline=None)
@given(worlds, st.integers(1, 20), st.integers(1, 20), st.integers(0, MASK))
def test_more_rollouts_leave_the_first_ones_as_they_were(asked, fewer, further, key):
    policy, tasks = world(*asked)
    few = policy.sample(tasks, fewer, key)
    many = policy.sample(tasks, fewer + further, key)
    kept = np.flatnonzero(np.arange(4 * (fewer + further)) % (fewer + further) < fewer)
    assert all(same_bits(a, b) for a, b in zip(used(few), used(many.select(kept))))


@settings(max_examples=40, deadline=None)
@given(worlds, st.permutations(range(4)), st.integers(1, 4), st.integers(0, MASK))
def test_fewer_problems_leave_the_walks_as_they_were(asked, order, count, key):
    policy, tasks = world(*asked)
    chosen = order[:count]
    some = policy.sample(tasks, 7, key, chosen=chosen)
    kept = np.concatenate([np.arange(7) + 7 * problem for problem in chosen])
    everything = policy.sample(tasks, 7, key).select(kept)
    assert all(same_bits(a, b) for a, b in zip(used(some), used(everything)))
    assert np.array_equal(some.problem, everything.problem)
    assert np.array_equal(some.starts, everything.starts)


def test_streams_differ_by_seed_step_and_purpose():
    policy, tasks = world("regular", "uniform", 30, 6, 0, length=20)
    keys = {engine.stream_key(*parts) for parts in np.ndindex(5, 5, 5)}
    assert len(keys) == 125
    drawn = {policy.sample(tasks, 3, key).edges.tobytes() for key in sorted(keys)[:20]}
    assert len(drawn) == 20
    assert 0 <= engine.stream_key(2**63 - 1, 10**9, 4) <= MASK


# ---------------------------------------------------------------- tables and random numbers


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-40, 40), min_size=1, max_size=60),
    st.sampled_from([1.0, 1e-3, 20.0]),
)
def test_tables_reproduce_every_probability(row, scale):
    """Every edge's probability, put together from its slots, is right within 2^-31."""
    degree = len(row)
    sources = np.concatenate([np.zeros(degree, int), np.arange(1, degree + 1)])
    targets = np.concatenate([np.arange(1, degree + 1), np.zeros(degree, int)])
    policy = TablePolicy(from_edges(sources, targets, degree + 1), np.array([*row, *[0.0] * degree]) * scale)
    records, expected = policy.records[:degree], policy.probability[:degree]
    keeps = records["threshold"] / 2.0**32
    found = np.bincount(records["alias_slot"], (1 - keeps) / degree, minlength=degree) + keeps / degree
    assert np.abs(found - expected).max() < 2.0**-31
    assert np.array_equal(records["alias_target"], records["target"][records["alias_slot"]])
    # The high 32 bits pick the slots; their shares of 2^32 are whole numbers, as even as can be.
    bounds = [-(-(slot << 32) // degree) for slot in range(degree + 1)]
    assert max(np.diff(bounds)) - min(np.diff(bounds)) <= 1
    offsets = policy.graph.offsets
    for slot in range(degree):
        ends = bounds[slot], bounds[slot + 1] - 1
        assert [reference.aim(0, end << 32, offsets, 0)[1] for end in ends] == [slot, slot]
    weights = np.diff(bounds) / 2.0**32
    exact = np.bincount(records["alias_slot"], (1 - keeps) * weights, minlength=degree) + keeps * weights
    assert np.abs(exact - expected).max() < (degree + 2) * 2.0**-32


def test_first_steps_have_the_policys_probabilities():
    """Chi-square of 40,000 first steps from each of 4 nodes; false-alarm rate 1e-5 in all, seed fixed."""
    policy, tasks = world("regular", "random", 30, 6, 3, length=1)
    walks = policy.sample(tasks, 40_000, engine.stream_key(0, 0, engine.EVALUATE))
    counts = np.bincount(walks.edges[:, 0], minlength=policy.graph.edges)
    edges = (tasks.questions[:, None] * 6 + np.arange(6)).ravel()
    expected = 40_000 * policy.probability[edges]
    statistic = ((counts[edges] - expected) ** 2 / expected).sum()
    assert counts[edges].sum() == 4 * 40_000
    assert statistic < stats.chi2.ppf(1 - 1e-5, 4 * 5)


def test_random_numbers_are_uniform_and_independent():
    """Chi-square of both halves alone, with each other, and along every counter.

    11 tests at 1e-4 each: false-alarm rate 1.1e-3 in all; the seeds are fixed.
    """
    keys = [engine.stream_key(0, step, engine.TRAIN) for step in (0, 1)]
    drawn = np.zeros((2, 64, 64, 4), np.uint64)
    for key, question, rollout in np.ndindex(2, 64, 64):
        state = reference.walk_state(keys[key], question, rollout)
        drawn[key, question, rollout] = [
            reference.mix((state + step * reference.GOLDEN) & MASK) for step in range(1, 5)
        ]
    high, low = (drawn >> np.uint64(60)).astype(int), (drawn >> np.uint64(28)).astype(int) & 15
    statistics = [(high, 16), (low, 16), (16 * high + low, 256)]
    for half in (high, low):
        for axis in range(4):
            even, odd = (np.take(half, range(start, half.shape[axis], 2), axis) for start in (0, 1))
            statistics.append((16 * even + odd, 256))
    for values, bins in statistics:
        counts = np.bincount(values.ravel(), minlength=bins)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_policy_keeps_its_tables_small_and_its_copies_apart():
    policy = TablePolicy(build(GraphSettings(), 0))
    assert policy.table_bytes_per_edge <= 20
    assert policy.uniform_degree == 40
    assert policy.probability == pytest.approx(np.full(32000, 1 / 40))
    copy = policy.copy()
    assert copy.sha256 == policy.sha256
    copy.logits[0] = 1.0
    copy.refresh()
    assert copy.sha256 != policy.sha256
    assert policy.probability[0] == pytest.approx(1 / 40)
    with pytest.raises(ValueError, match="got logits of shape"):
        TablePolicy(policy.graph, np.zeros(3))


# ---------------------------------------------------------------- gradients


def log_likelihood(graph: Graph, logits: np.ndarray, walks: engine.Walks, weights: np.ndarray) -> float:
    """Σ weight · log π over every recorded step, the plain way."""
    probability = TablePolicy(graph, logits).probability
    return sum(
        (weights[walk] if weights.ndim == 1 else weights[walk, step]) * np.log(probability[edge])
        for walk in range(len(walks.length))
        for step, edge in enumerate(walks.edges[walk, : walks.length[walk]])
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_step", [False, True])
def test_gradient_equals_finite_differences(kind, per_step):
    policy, tasks = world(kind, "random", 10, 4, 8)
    walks = policy.sample(tasks, 3, 4)
    rng = np.random.default_rng(2)
    weights = rng.standard_normal(walks.edges.shape if per_step else walks.length.shape)
    found = gradient.from_walks(policy, walks, weights)
    width = 1e-5
    for edge in range(policy.graph.edges):
        shift = np.zeros(policy.graph.edges)
        shift[edge] = width
        up, down = (log_likelihood(policy.graph, policy.logits + s, walks, weights) for s in (shift, -shift))
        assert found.values[edge] == pytest.approx((up - down) / (2 * width), abs=1e-8)
    assert gradient.norm(policy, found) == pytest.approx(np.linalg.norm(found.values))


@settings(max_examples=60, deadline=None)
@given(worlds, st.integers(0, 2**32 - 1), st.booleans())
def test_gradient_rows_sum_to_zero_and_hold_everything(asked, draw, per_step):
    policy, tasks = world(*asked)
    walks = policy.sample(tasks, 6, draw)
    rng = np.random.default_rng(draw)
    weights = rng.standard_normal(walks.edges.shape if per_step else walks.length.shape)
    found = gradient.from_walks(policy, walks, weights)
    sums = np.add.reduceat(found.values, policy.graph.offsets[:-1])
    assert np.abs(sums).max() < 1e-12 * max(1, np.abs(found.values).sum())
    assert len(np.unique(found.rows)) == len(found.rows)
    left = np.unique(policy.graph.sources()[walks.edges[walks.used()]])
    assert np.array_equal(np.sort(found.rows), left)
    elsewhere = ~np.isin(policy.graph.sources(), found.rows)
    assert not found.values[elsewhere].any()


def test_one_weight_a_walk_is_the_same_weight_at_every_step():
    policy, tasks = world("regular", "random", 20, 4, 1)
    walks = policy.sample(tasks, 5, 2)
    weights = np.random.default_rng(0).standard_normal(20)
    spread = np.where(walks.used(), weights[:, None], np.nan)  # beyond a walk's end anything may stand
    once, each = (gradient.from_walks(policy, walks, w) for w in (weights, spread))
    assert same_bits(once.values, each.values)
    assert same_bits(once.rows, each.rows)


def test_weightless_walks_and_no_walks_have_no_gradient():
    policy, tasks = world("regular", "random", 20, 4, 1)
    walks = policy.sample(tasks, 5, 2)
    nothing = gradient.from_walks(policy, walks, np.zeros(20))
    assert not nothing.values.any()
    assert len(nothing.rows) == 0
    none = policy.sample(tasks, 5, 2, chosen=[])
    assert (none.steps, none.rewards.shape) == (0, (0, 5))
    assert len(gradient.from_walks(policy, none, np.zeros(0)).rows) == 0


def test_weights_that_do_not_fit_are_refused():
    policy, tasks = world("regular", "random", 20, 4, 1)
    walks = policy.sample(tasks, 5, 2)
    with pytest.raises(ValueError, match="got weights of shape"):
        gradient.from_walks(policy, walks, np.zeros(19))
    for bad in (np.nan, np.inf):
        weights = np.zeros(20)
        weights[3] = bad
        with pytest.raises(ValueError, match="not finite"):
            gradient.from_walks(policy, walks, weights)
