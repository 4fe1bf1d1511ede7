"""Every kernel equals its readable twin, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.registry import CPUDispatcher
from worlds import KINDS, MASK, SCALES, same_bits, world, worlds

from conet.config import GraphSettings, ProblemSettings
from conet.engine import gradient, kernels, reference
from conet.engine import sample as engine
from conet.engine.tables import TablePolicy
from conet.network.graph import build
from conet.network.problems import make


def test_every_kernel_has_a_twin():
    compiled = {
        name
        for name, value in vars(kernels).items()
        if isinstance(value, CPUDispatcher) and value.py_func.__module__ == kernels.__name__
    }
    assert {"mix", "walk_state", "refresh_rows", "sample", "accumulate", "finish_rows"} <= compiled
    assert not [name for name in compiled if not callable(getattr(reference, name, None))]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, MASK), st.integers(0, 2**31), st.integers(0, 2**31))
def test_generator_equals_its_twin(key, question, rollout):
    assert int(kernels.mix(np.uint64(key))) == reference.mix(key)
    state = kernels.walk_state(np.uint64(key), np.uint64(question), np.uint64(rollout))
    assert int(state) == reference.walk_state(key, question, rollout)


def test_generator_is_splitmix64():
    # The first outputs of the published generator with state 0, as in java.util.SplittableRandom.
    states = [(step * reference.GOLDEN) & MASK for step in (1, 2, 3)]
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [reference.mix(state) for state in states] == published
    assert engine.stream_key(0, 0, 0) != engine.stream_key(0, 0, 1)


@settings(max_examples=60, deadline=None)
@given(worlds, st.integers(0, 255))
def test_tables_equal_their_twin(asked, pattern):
    policy, _ = world(*asked)
    graph = policy.graph
    probability, records = np.full(graph.edges, 7.0), np.zeros(graph.edges, kernels.RECORD)
    records["target"] = graph.targets
    reference.refresh_rows(range(graph.nodes), graph.offsets, policy.logits, probability, records)
    assert same_bits(policy.probability, probability)
    assert same_bits(policy.records, records)

    # Some rows alone, after a change of all logits: the others stay as they were.
    rows = np.flatnonzero([pattern >> (node % 8) & 1 for node in range(graph.nodes)]).astype(np.int32)
    policy.logits += np.cos(np.arange(graph.edges))
    policy.refresh(rows)
    reference.refresh_rows(rows, graph.offsets, policy.logits, probability, records)
    assert same_bits(policy.probability, probability)
    assert same_bits(policy.records, records)


@settings(max_examples=120, deadline=None)
@given(
    worlds,
    st.integers(1, 40),
    st.integers(1, 24),
    st.booleans(),
    st.integers(0, MASK),
    st.floats(0, 1),
    st.data(),
)
def test_walks_equal_their_twin(asked, rollouts, length, stop, key, share, data):
    policy, tasks = world(*asked, length=length, stop=stop)
    ids = np.array(data.draw(st.permutations(range(4)))[: data.draw(st.integers(1, 4))], np.int32)
    walks = len(ids) * rollouts
    first = int(share * walks)
    filled = []
    for sampler in (kernels.sample, reference.sample):
        # A kernel that wrote outside the used part of its own walks would be caught by the marks.
        edges, steps = np.full((walks, length), -7, np.int32), np.full(walks, -7, np.int32)
        correct = np.zeros(walks, np.bool_)
        sampler(
            policy.graph.offsets,
            policy.uniform_degree,
            policy.records,
            tasks.stops(policy.graph.nodes),
            tasks.questions[ids],
            tasks.answers[ids],
            ids,
            rollouts,
            length,
            np.uint64(key),
            first,
            walks,
            edges,
            steps,
            correct,
        )
        filled.append((edges, steps, correct))
    assert all(same_bits(compiled, plain) for compiled, plain in zip(*filled))


@settings(max_examples=100, deadline=None)
@given(worlds, st.booleans(), st.integers(0, 2**32 - 1), st.sampled_from(["few", "normal"]))
def test_gradients_equal_their_twin(asked, per_step, draw, sort):
    policy, tasks = world(*asked)
    walks = policy.sample(tasks, 5, draw)
    rng = np.random.default_rng(draw)
    shape = walks.edges.shape if per_step else walks.length.shape
    # Few values: many zeros, and sums that cancel to exactly zero.
    weights = rng.integers(-1, 2, shape).astype(float) if sort == "few" else rng.standard_normal(shape)
    filled = []
    for module in (kernels, reference):
        values, seen = np.zeros(policy.graph.edges), np.zeros(policy.graph.nodes, np.uint8)
        rows = np.full(min(walks.steps, policy.graph.nodes), -7, np.int32)
        count = module.accumulate(
            walks.starts,
            walks.edges,
            walks.length,
            weights.reshape(-1),
            per_step,
            policy.records,
            values,
            seen,
            rows,
        )
        module.finish_rows(rows[:count], policy.graph.offsets, policy.probability, values)
        total = module.square_sum(rows[:count], policy.graph.offsets, values)
        logits = policy.logits.copy()
        module.ascend_rows(rows[:count], policy.graph.offsets, values, 0.3, logits)
        filled.append((values, seen, rows, np.array([total]), logits))
    assert all(same_bits(compiled, plain) for compiled, plain in zip(*filled))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", [False, True])
def test_whole_updates_equal_those_of_the_twin(kind, stop, monkeypatch):
    def train() -> str:
        policy, tasks = world(kind, "random", 20, 4, 5, length=12, stop=stop)
        for step in range(4):
            walks = policy.sample(tasks, 8, engine.stream_key(1, step, engine.TRAIN))
            weights = (walks.rewards - walks.rewards.mean(axis=1, keepdims=True)).reshape(-1)
            ascent = gradient.from_walks(policy, walks, weights)
            policy.logits += 3.0 * ascent.values
            policy.refresh(ascent.rows)
        return policy.sha256

    compiled = train()
    for name in ("refresh_rows", "sample", "accumulate", "finish_rows"):
        monkeypatch.setattr(kernels, name, getattr(reference, name))
    assert train() == compiled


@pytest.mark.parametrize("scale", sorted(SCALES))
def test_at_the_size_of_the_main_job(scale):
    graph = build(GraphSettings(), 0)
    policy = TablePolicy(graph, SCALES[scale] * np.random.default_rng(1).standard_normal(graph.edges))
    tasks = make(ProblemSettings(max_length=100), graph.nodes, 0)
    walks = policy.sample(tasks, 2, 11)
    weights = np.random.default_rng(2).standard_normal(256)
    ascent = gradient.from_walks(policy, walks, weights)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("refresh_rows", "sample", "accumulate", "finish_rows"):
            patched.setattr(kernels, name, getattr(reference, name))
        plain = TablePolicy(graph, policy.logits)
        plain_walks = plain.sample(tasks, 2, 11)
        plain_ascent = gradient.from_walks(plain, plain_walks, weights)
    assert same_bits(policy.probability, plain.probability)
    assert same_bits(policy.records, plain.records)
    assert same_bits(walks.edges[walks.used()], plain_walks.edges[plain_walks.used()])
    assert same_bits(ascent.values, plain_ascent.values)
    assert same_bits(ascent.rows, plain_ascent.rows)
