"""The absorbing chain against every walk counted one by one, finite differences, and rollouts."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conet.base.errors import ConetError
from conet.engine import exact
from conet.engine.gradient import from_walks
from conet.engine.problem_gradients import gradient_norms, problem_gradients
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph, from_edges, regular
from conet.network.problems import Problems

FALSE_ALARM = 1e-6  # of each statistical test as a whole; seeds are fixed


def random_policy(graph: Graph, spread: float, seed: int) -> TablePolicy:
    return TablePolicy(graph, spread * np.random.default_rng(seed).standard_normal(graph.edges))


def random_graph(nodes: int, seed: int, share: float = 0.4) -> Graph:
    """Draw a graph of unequal out-degrees; a ring makes sure that every node has a way on."""
    rng = np.random.default_rng(seed)
    sources, targets = np.nonzero(rng.random((nodes, nodes)) < share)
    ring = np.arange(nodes)
    return from_edges(np.append(sources, ring), np.append(targets, (ring + 1) % nodes), nodes)


def make_tasks(nodes: int, count: int, max_length: int, seed: int, stop: bool = False) -> Problems:
    pairs = np.random.default_rng([seed, 1]).permutation(nodes)[: 2 * count].astype(np.int32)
    return Problems(pairs[:count], pairs[count:], max_length, stop)


@dataclass
class Counted:
    lengths: np.ndarray
    truncated: float
    stopped: float
    gradient: np.ndarray
    flow: np.ndarray


def count_walks(policy: TablePolicy, tasks: Problems, problem: int) -> Counted:
    """Go through every possible walk of one question."""
    graph, answer = policy.graph, int(tasks.answers[problem])
    stops = set(tasks.answers.tolist()) if tasks.stop_at_any_answer else set()
    sources = graph.sources()
    found = Counted(np.zeros(tasks.max_length), 0.0, 0.0, np.zeros(graph.edges), np.zeros(graph.edges))

    def extend(node: int, probability: float, walk: list[int]) -> None:
        if walk and node == answer:
            found.lengths[len(walk) - 1] += probability
            for edge in walk:
                found.flow[edge] += probability
                found.gradient[edge] += probability
                row = sources == sources[edge]
                found.gradient[row] -= probability * policy.probability[row]
        elif walk and node in stops:
            found.stopped += probability
        elif len(walk) == tasks.max_length:
            found.truncated += probability
        else:
            for edge in range(graph.offsets[node], graph.offsets[node + 1]):
                extend(int(graph.targets[edge]), probability * policy.probability[edge], [*walk, edge])

    extend(int(tasks.questions[problem]), 1.0, [])
    return found


ONE_WAY = from_edges(np.array([0, 0, 1, 2, 3, 4]), np.array([1, 2, 2, 1, 4, 3]), 5)
CASES = {
    "plain": (random_graph(7, 0), make_tasks(7, 3, 5, 0)),
    "longer": (random_graph(5, 1), make_tasks(5, 2, 7, 1)),
    "one step": (random_graph(6, 2), make_tasks(6, 3, 1, 2)),
    "two steps": (random_graph(6, 3), make_tasks(6, 3, 2, 3)),
    "stop at any answer": (random_graph(7, 4), make_tasks(7, 3, 5, 4, stop=True)),
    "question on another's answer": (
        random_graph(6, 5),
        Problems(np.array([0, 1, 2], np.int32), np.array([1, 2, 0], np.int32), 5, True),
    ),
    "one answer for all": (
        random_graph(6, 6),
        Problems(np.array([0, 1, 2], np.int32), np.array([5, 5, 5], np.int32), 5, True),
    ),
    "answer out of reach": (ONE_WAY, Problems(np.array([0, 3], np.int32), np.array([4, 4], np.int32), 6)),
    "more than a block of questions": (random_graph(24, 7, share=0.08), make_tasks(24, 11, 4, 7)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_walk_counted(case):
    graph, tasks = CASES[case]
    policy = random_policy(graph, 1.0, 3)
    solution = exact.solve(policy, tasks)
    counted = [count_walks(policy, tasks, problem) for problem in range(len(tasks))]
    lengths = np.array([one.lengths for one in counted])
    success = lengths.sum(axis=1)
    np.testing.assert_allclose(solution.length_distribution, lengths, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(solution.success, success, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(solution.truncated, [one.truncated for one in counted], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(solution.stopped, [one.stopped for one in counted], rtol=1e-12, atol=1e-15)

    weights = np.random.default_rng(4).standard_normal(len(tasks))
    total = sum(weight * one.gradient for weight, one in zip(weights, counted))
    np.testing.assert_allclose(exact.gradient(policy, tasks, weights).values, total, rtol=1e-12, atol=1e-14)
    flows = np.array([one.flow for one in counted])
    np.testing.assert_allclose(exact.flow(policy, tasks), flows.sum(axis=0), rtol=1e-12, atol=1e-15)
    able = success > 0
    given_success = (flows[able] / success[able, None]).sum(axis=0)
    np.testing.assert_allclose(
        exact.flow(policy, tasks, given_success=True), given_success, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("standardise", [False, True])
def test_pulls_of_single_questions(case, standardise):
    graph, tasks = CASES[case]
    policy = random_policy(graph, 1.0, 5)
    counted = [count_walks(policy, tasks, problem) for problem in range(len(tasks))]
    success = np.array([one.lengths.sum() for one in counted])
    mixed = (success > 0) & (success < 1)
    scale = np.zeros(len(tasks))
    scale[mixed] = 1 / np.sqrt(success[mixed] * (1 - success[mixed])) if standardise else 1.0
    single = np.array([one.gradient for one in counted]) * scale[:, None]
    alone = sum(np.sqrt(np.add.reduceat(one**2, graph.offsets[:-1])) for one in single)
    together = np.sqrt(np.add.reduceat(single.sum(axis=0) ** 2, graph.offsets[:-1]))

    norms = gradient_norms(policy, tasks, standardise=standardise)
    np.testing.assert_allclose(norms.success, success, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(norms.sum_of_norms, alone, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(norms.norm_of_sum, together, rtol=1e-11, atol=1e-13)
    gradient, _ = exact.objective_gradient(policy, tasks, standardise=standardise)
    np.testing.assert_allclose(gradient.values, single.mean(axis=0), rtol=1e-11, atol=1e-13)

    rows = np.array([4, 0, 3])
    edges = np.concatenate([np.arange(graph.offsets[row], graph.offsets[row + 1]) for row in rows])
    restricted = problem_gradients(policy, tasks, rows, standardise=standardise)
    np.testing.assert_allclose(restricted, single[:, edges].T, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("stop", [False, True])
def test_gradient_is_the_finite_difference_of_the_objective(standardise, stop):
    policy = random_policy(regular(60, 6, 0), 0.7, 1)
    tasks = make_tasks(60, 10, 8, 2, stop)

    def objective(logits: np.ndarray) -> float:
        success = exact.solve(TablePolicy(policy.graph, logits), tasks).success
        return float((2 * np.arcsin(np.sqrt(success)) if standardise else success).mean())

    gradient, success = exact.objective_gradient(policy, tasks, standardise=standardise)
    np.testing.assert_allclose(success, exact.solve(policy, tasks).success, rtol=1e-12)
    largest = np.argsort(-np.abs(gradient.values))[:20]
    for edge in np.append(largest, np.random.default_rng(3).integers(0, policy.graph.edges, 20)):
        nudge = np.zeros(policy.graph.edges)
        nudge[edge] = 1e-5
        slope = (objective(policy.logits + nudge) - objective(policy.logits - nudge)) / 2e-5
        assert gradient.values[edge] == pytest.approx(slope, rel=1e-5, abs=1e-10)


def length_p_value(
    policy: TablePolicy, tasks: Problems, solution: exact.Solution, rollouts: int, key: int
) -> float:
    """Chi-square test of sampled lengths against the exact distribution, all questions in one sum."""
    walks = policy.sample(tasks, rollouts, key)
    statistic, freedom = 0.0, 0
    for problem in range(len(tasks)):
        mine = slice(problem * rollouts, (problem + 1) * rollouts)
        lengths = walks.length[mine][walks.correct[mine]]
        seen = np.append(np.bincount(lengths, minlength=tasks.max_length + 1)[1:], rollouts - len(lengths))
        expected = rollouts * np.append(solution.length_distribution[problem], 1 - solution.success[problem])
        # Rare lengths join the largest class, so that the chi-square approximation is good.
        rare, largest = expected < 20, expected.argmax()
        for counts in (seen, expected):
            counts[largest] += counts[rare].sum()
        statistic += ((seen - expected)[~rare] ** 2 / expected[~rare]).sum()
        freedom += np.count_nonzero(~rare) - 1
    assert freedom > 3 * len(tasks)
    return float(stats.chi2.sf(statistic, freedom))


@pytest.mark.parametrize("stop", [False, True])
def test_rollouts_agree_with_exact_lengths(stop):
    policy = random_policy(regular(100, 10, 4), 1.5, 5)
    tasks = make_tasks(100, 16, 10, 6, stop)
    solution = exact.solve(policy, tasks)
    assert length_p_value(policy, tasks, solution, 20_000, 7) > FALSE_ALARM
    # The same test must notice a policy that is a little different.
    other = exact.solve(TablePolicy(policy.graph, 1.25 * policy.logits), tasks)
    assert length_p_value(policy, tasks, other, 20_000, 7) < FALSE_ALARM


@pytest.mark.parametrize("centred", [False, True])
def test_sampled_gradient_agrees_with_exact(centred):
    """Unbiased weights, without std: R, and R minus the mean of the question's other rollouts.

    40 projections of 400 independent batches each, Bonferroni: overall false-alarm rate 1e-6.
    """
    policy = random_policy(regular(80, 8, 8), 1.0, 9)
    tasks = make_tasks(80, 12, 8, 10)
    batches, rollouts = 400, 64
    rng = np.random.default_rng(11)
    truth, _ = exact.objective_gradient(policy, tasks, standardise=False)
    directions = rng.standard_normal((40, policy.graph.edges))
    directions[0] = truth.values
    # Half of them look where the gradient is, half everywhere.
    directions[1:20] *= np.abs(truth.values)
    sampled = np.empty((batches, len(directions)))
    for batch in range(batches):
        walks = policy.sample(tasks, rollouts, 1000 + batch)
        rewards = walks.rewards
        others = (rewards.sum(axis=1, keepdims=True) - rewards) / (rollouts - 1)
        weights = (rewards - others if centred else rewards) / rewards.size
        sampled[batch] = directions @ from_walks(policy, walks, weights.reshape(-1)).values
    error = sampled.std(axis=0, ddof=1) / np.sqrt(batches)
    score = (sampled.mean(axis=0) - directions @ truth.values) / error
    assert np.abs(score).max() < stats.t.isf(FALSE_ALARM / len(directions) / 2, batches - 1)
    # The first direction is the gradient itself: the test would notice an error of a tenth.
    assert 0.1 * np.dot(truth.values, truth.values) > 6 * error[0]


def test_any_number_of_threads_gives_the_same_bits():
    policy = random_policy(regular(200, 10, 12), 1.0, 13)
    tasks = make_tasks(200, 93, 9, 14)

    def everything(threads: int) -> list[np.ndarray]:
        solution, norms = (
            exact.solve(policy, tasks, threads=threads),
            gradient_norms(policy, tasks, threads=threads),
        )
        gradient, success = exact.objective_gradient(policy, tasks, threads=threads)
        return [
            solution.length_distribution,
            solution.truncated,
            gradient.values,
            gradient.rows,
            success,
            exact.flow(policy, tasks, threads=threads),
            norms.sum_of_norms,
            norms.norm_of_sum,
            problem_gradients(policy, tasks, np.arange(50), threads=threads),
        ]

    alone = everything(1)
    for threads in (2, 3, 16):
        for one, other in zip(alone, everything(threads)):
            assert np.array_equal(one, other)


def test_chosen_problems_are_the_same_alone():
    policy = random_policy(regular(60, 6, 15), 1.0, 16)
    tasks = make_tasks(60, 20, 7, 17)
    chosen = [19, 3, 11]
    every, some = exact.solve(policy, tasks), exact.solve(policy, tasks, chosen=iter(chosen))
    assert np.array_equal(every.length_distribution[chosen], some.length_distribution)
    weights = np.zeros(20)
    weights[chosen] = [1.0, -2.0, 0.5]
    gradient = exact.gradient(policy, tasks, np.array([1.0, -2.0, 0.5]), chosen=chosen)
    np.testing.assert_allclose(gradient.values, exact.gradient(policy, tasks, weights).values, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(
    nodes=st.integers(4, 30),
    share=st.floats(0.0, 0.6),
    spread=st.sampled_from([0.0, 1.0, 10.0, 300.0]),
    max_length=st.integers(1, 12),
    stop=st.booleans(),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_probability_is_kept(nodes, share, spread, max_length, stop, seed, data):
    policy = random_policy(random_graph(nodes, seed, share), spread, seed)
    tasks = make_tasks(nodes, data.draw(st.integers(1, nodes // 2)), max_length, seed, stop)
    solution = exact.solve(policy, tasks)
    np.testing.assert_allclose(solution.success + solution.truncated + solution.stopped, 1.0, rtol=1e-12)
    for part in (solution.length_distribution, solution.truncated, solution.stopped):
        assert part.min() >= 0
    assert stop or not solution.stopped.any()

    # Successful walks take as many steps as their flow has passes.
    flow = exact.flow(policy, tasks)
    steps = solution.length_distribution @ np.arange(1, max_length + 1)
    assert flow.sum() == pytest.approx(steps.sum(), rel=1e-11, abs=1e-14)
    # What flows into a node flows out of it, but for walks that begin or end there.
    graph = policy.graph
    balance = np.add.reduceat(flow, graph.offsets[:-1]) - np.bincount(graph.targets, flow, nodes)
    np.add.at(balance, tasks.questions, -solution.success)
    np.add.at(balance, tasks.answers, solution.success)
    np.testing.assert_allclose(balance, 0.0, atol=1e-11)

    gradient, _ = exact.objective_gradient(policy, tasks)
    assert np.isfinite(gradient.values).all()
    assert np.isfinite(exact.flow(policy, tasks, given_success=True)).all()
    untouched = np.ones(nodes, bool)
    untouched[gradient.rows] = False
    assert not gradient.values[np.repeat(untouched, np.diff(graph.offsets))].any()
    norms = gradient_norms(policy, tasks)
    assert (norms.norm_of_sum <= norms.sum_of_norms * (1 + 1e-9) + 1e-9).all()


def test_correct_length_is_undefined_where_nothing_succeeds():
    graph, tasks = CASES["answer out of reach"]
    lengths = exact.solve(TablePolicy(graph), tasks).correct_length
    assert np.isnan(lengths[0])
    assert lengths[1] == 1.0


def test_bad_input_is_refused():
    policy = TablePolicy(regular(20, 4, 0))
    tasks = make_tasks(20, 4, 5, 0)
    with pytest.raises(ValueError, match="finite"):
        exact.gradient(policy, tasks, np.array([1.0, np.nan, 0.0, 0.0]))
    with pytest.raises(ValueError, match="shape"):
        exact.gradient(policy, tasks, np.ones(3))
    with pytest.raises(ConetError, match="no problems"):
        exact.solve(policy, tasks, chosen=[])
    with pytest.raises(ConetError, match="GiB"):
        exact.flow(policy, Problems(tasks.questions, tasks.answers, 5_000_000))
