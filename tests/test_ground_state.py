"""The ground state: against enumeration, simulated annealing and the exact gradient; certificates; going on."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.cli.summary import describe
from conet.engine import exact
from conet.engine.ground_state import Search, ground_state
from conet.engine.ground_state_checks import hops, upper_bound
from conet.engine.tables import TablePolicy
from conet.learners import optim
from conet.network import graph as graphs
from conet.network import problems as problem_sets
from conet.network.graph import Graph, regular
from conet.network.problems import Problems
from conet.observables import Observation
from conet.observables.standard import residual_frustration
from conet.runs.capacity import capacity

TINY = ["--preset", "smoke", "--set", "graph.nodes=60", "graph.degree=4", "problems.count=20"]


def world(nodes: int, degree: int, count: int, longest: int, stop: bool, seed: int) -> tuple[Graph, Problems]:
    """A tiny graph with problems whose nodes may serve several: answers repeat, questions may be answers."""
    rng = np.random.default_rng(seed)
    questions = rng.permutation(nodes)[:count].astype(np.int32)
    answers = ((questions + rng.integers(1, nodes, count)) % nodes).astype(np.int32)
    return regular(nodes, degree, seed), Problems(questions, answers, longest, stop)


def solved_by(problems: Problems, goes) -> int:
    """How many problems a deterministic policy solves, walk by walk in Python."""
    ends = set(problems.answers.tolist()) if problems.stop_at_any_answer else set()
    total = 0
    for question, answer in zip(problems.questions.tolist(), problems.answers.tolist()):
        node = question
        for _ in range(problems.max_length):
            node = goes[node]
            if node == answer or node in ends:
                break
        total += node == answer
    return total


def choices(graph: Graph) -> list[list[int]]:
    return [graph.targets[a:b].tolist() for a, b in itertools.pairwise(graph.offsets)]


def enumerated(graph: Graph, problems: Problems) -> int:
    """The most that any deterministic policy solves, all of them tried."""
    return max(solved_by(problems, goes) for goes in itertools.product(*choices(graph)))


def annealed(graph: Graph, problems: Problems, seed: int) -> int:
    """Simulated annealing (Kirkpatrick et al. 1983) of one node at a time."""
    rng, options = np.random.default_rng(seed), choices(graph)
    goes = [int(rng.choice(row)) for row in options]
    now = most = solved_by(problems, goes)
    for warmth in np.geomspace(1.0, 0.05, 4000):
        node = int(rng.integers(graph.nodes))
        before, goes[node] = goes[node], int(rng.choice(options[node]))
        then = solved_by(problems, goes)
        if then >= now or rng.random() < np.exp((then - now) / warmth):
            now, most = then, max(most, then)
        else:
            goes[node] = before
    return most


# The optimum ---------------------------------------------------------------------------------------------

small = st.tuples(st.integers(4, 7), st.just(2), st.integers(1, 4), st.integers(1, 6), st.booleans())


@settings(max_examples=60, deadline=None)
@given(small, st.integers(0, 10**6))
def test_the_search_finds_the_optimum_of_every_tiny_graph(sizes, seed):
    graph, problems = world(*sizes, seed)
    found, best = ground_state(graph, problems, seed=seed, moves=3000), enumerated(graph, problems)
    assert found.solved == best
    assert found.bound >= best


@pytest.mark.parametrize("seed", range(4))
def test_at_degree_three_too(seed):
    graph, problems = world(8, 3, 7, 5, bool(seed % 2), seed)
    assert ground_state(graph, problems).solved == enumerated(graph, problems)


@pytest.mark.parametrize("seed", range(3))
def test_simulated_annealing_finds_no_more(seed):
    graph, problems = world(24, 3, 14, 6, False, seed)
    found = ground_state(graph, problems, seed=seed)
    assert annealed(graph, problems, seed) <= found.solved <= found.bound


@settings(max_examples=60, deadline=None)
@given(small, st.integers(0, 10**6))
def test_no_policy_of_chance_does_better_where_walks_cannot_come_back(sizes, seed):
    nodes, degree, count, _, stop = sizes
    graph, problems = world(nodes, degree, count, 2, stop, seed)
    policy = TablePolicy(graph, np.random.default_rng(seed).normal(0, 2, graph.edges))
    assert exact.solve(policy, problems).success.sum() <= ground_state(graph, problems).solved + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_exact_gradient_climbs_no_higher(seed):
    graph, problems = world(12, 3, 6, 2, False, seed)
    best, reached = ground_state(graph, problems).solved, []
    for start in range(8):
        policy = TablePolicy(graph, np.random.default_rng(start).normal(0, 1, graph.edges))
        for _ in range(300):
            gradient = exact.objective_gradient(policy, problems, standardise=False)[0]
            optim.SGD().step(policy, gradient, 20.0)
        reached.append(exact.solve(policy, problems).success.sum())
    assert max(reached) <= best + 1e-9
    assert max(reached) > best - 0.1  # and one of eight ascents gets there


def test_chance_can_do_better_where_walks_come_back():
    """Node 0 serves both answers in turn: what the docstring of the module says."""
    graph = Graph(np.array([0, 2, 3, 4, 5, 6]), np.array([1, 2, 0, 0, 0, 0], np.int32))
    problems = Problems(np.array([3, 4], np.int32), np.array([1, 2], np.int32), 15)
    assert ground_state(graph, problems).solved == enumerated(graph, problems) == 1
    assert exact.solve(TablePolicy(graph), problems).success.sum() > 1.9


def test_answers_that_share_their_only_entrance_bound_it():
    graph = Graph(np.array([0, 3, 4, 5, 6]), np.array([1, 2, 3, 0, 0, 0], np.int32))
    problems = Problems(np.array([1, 2, 3], np.int32), np.array([2, 3, 1], np.int32), 9)
    assert upper_bound(graph, problems) == 1 == ground_state(graph, problems).solved
    twice = Problems(np.array([1, 2, 3], np.int32), np.array([2, 1, 1], np.int32), 9)
    assert upper_bound(graph, twice) == 2 == ground_state(graph, twice).solved


def test_problems_out_of_reach_are_known():
    graph = Graph(np.array([0, 1, 2, 3]), np.array([1, 0, 0], np.int32))
    problems = Problems(np.array([0, 1], np.int32), np.array([2, 0], np.int32), 5)
    found = ground_state(graph, problems)
    assert (found.solved, found.bound, found.unreachable, found.gap) == (1, 1, 1, 0.0)
    assert found.moves < 20  # and it ends there


def test_at_the_size_of_the_paper_nearly_all_can_be_solved():
    config = conet.preset("reference").override({"problems.count": 320})
    graph = graphs.build(config.graph, 0)
    problems = problem_sets.make(config.problems, graph.nodes, 0)
    assert ground_state(graph, problems).solved_share >= 0.981


# The certificate ------------------------------------------------------------------------------------------


def test_the_policy_as_a_table_solves_what_it_says():
    graph, problems = world(40, 4, 18, 7, True, 3)
    found = ground_state(graph, problems)
    sources = graph.sources()
    policy = TablePolicy(graph, np.where(found.next_node[sources] == graph.targets, 2000.0, 0.0))
    np.testing.assert_allclose(exact.solve(policy, problems).success, found.length > 0)
    assert 0 < found.solved == solved_by(problems, found.next_node.tolist())


def test_paths_are_walks_of_one_policy(tmp_path, capsys):
    main(["capacity", *TINY, "--out", str(tmp_path / "c"), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    config = conet.preset("smoke").override({"graph.nodes": 60, "graph.degree": 4, "problems.count": 20})
    graph = graphs.build(config.graph, config.seed)
    problems = problem_sets.make(config.problems, graph.nodes, config.seed)
    kept = json.loads((tmp_path / "c" / "certificate.json").read_text())
    goes: dict[int, int] = {}
    for problem, path in kept["paths"].items():
        assert (path[0], path[-1]) == (problems.questions[int(problem)], problems.answers[int(problem)])
        assert len(path) - 1 <= problems.max_length
        for node, after in itertools.pairwise(path):
            assert after in graph.targets[graph.offsets[node] : graph.offsets[node + 1]]
            assert goes.setdefault(node, after) == after
    assert told["solved"] == len(kept["paths"]) == 20 - len(kept["unsolved"])
    assert told["solved_share"] == told["solved"] / told["problems"] <= told["bound"] / told["problems"]
    assert {"seconds", "gap", "moves", "found_at", "mean_length", "load", "certificate"} <= set(told)


def test_a_policy_without_an_edge_is_refused():
    graph, problems = world(10, 2, 3, 5, False, 0)
    with pytest.raises(ConetError, match="an edge of the graph"):
        hops(graph, problems, (np.arange(10) - 1) % 10)


def test_a_state_that_counts_what_it_does_not_solve_is_refused():
    graph, problems = world(20, 3, 8, 6, False, 0)
    search = Search(graph, problems)
    search.run(50)
    search.state()["best_next"][:] = -1
    with pytest.raises(ConetError, match="were counted"):
        search.result()


# Going on -------------------------------------------------------------------------------------------------

HARD = conet.preset("smoke").override({"graph.nodes": 80, "graph.degree": 2, "problems.count": 40})


def test_pieces_do_not_matter():
    graph, problems = world(60, 2, 30, 8, False, 5)
    straight, pieces = Search(graph, problems, 7), Search(graph, problems, 7)
    straight.run(600)
    for moves in (1, 99, 0, 200):
        pieces.run(moves)
    resumed = Search(graph, problems)
    resumed.load({name: array.copy() for name, array in pieces.state().items()})
    resumed.run(300)
    assert all(np.array_equal(resumed.state()[name], array) for name, array in straight.state().items())
    other = Search(graph, problems, 8)
    other.run(600)
    assert not np.array_equal(other.state()["best_next"], straight.state()["best_next"])


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole = capacity(HARD, moves=4000)
    assert whole["gap"] > 0  # else the search would have ended early

    def interrupt(made: int, of: int, solved: int) -> None:
        if made >= 1000:
            raise KeyboardInterrupt

    monkeypatch.setattr("conet.runs.capacity.KEEP_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        capacity(HARD, tmp_path / "c", moves=4000, progress=interrupt)
    assert not (tmp_path / "c" / "capacity.json").exists()
    made = []
    found = capacity(HARD, tmp_path / "c", moves=4000, progress=lambda *now: made.append(now))
    assert made[0][0] > 500  # and not from the beginning
    differ = {"seconds", "out", "certificate"}
    assert {key: value for key, value in found.items() if key not in differ} == {
        key: value for key, value in whole.items() if key not in differ
    }
    again = capacity(HARD, tmp_path / "c", moves=4000)
    assert again["solved"] == whole["solved"]
    assert again["seconds"] >= found["seconds"]


def test_other_places_and_other_searches_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ConetError, match="which is not empty"):
        capacity(HARD, tmp_path / "mine", moves=10)
    capacity(HARD, tmp_path / "c", moves=10)
    with pytest.raises(ConetError, match="another graph, other problems or another seed"):
        capacity(HARD.override({"seed": 1}), tmp_path / "c", moves=10)
    state = tmp_path / "c" / "state.safetensors"
    data = bytearray(state.read_bytes())
    data[-3] ^= 1
    state.write_bytes(data)
    with pytest.raises(ConetError, match="checksum"):
        capacity(HARD, tmp_path / "c", moves=20)


@pytest.mark.parametrize("moves", ["0", "1.5", "-3"])
def test_moves_that_are_none_are_refused(moves, capsys):
    with pytest.raises(SystemExit):
        main(["capacity", *TINY, "--moves", moves])
    assert f"--moves {moves}".replace("1.5", "'1.5'") in capsys.readouterr().err


# In a run -------------------------------------------------------------------------------------------------


def test_where_some_problems_are_drawn_it_is_of_these():
    graph = graphs.build(HARD.graph, HARD.seed)
    problems = problem_sets.make(HARD.problems, graph.nodes, HARD.seed)
    solved = ground_state(graph, problems).length > 0
    policy, one_of_each = TablePolicy(graph), [int(solved.argmax()), int(solved.argmin())]
    for chosen, best in ((sorted(one_of_each), 0.5), (one_of_each[:1], 1.0), (one_of_each[1:], 0.0)):
        walks = policy.sample(problems, 16, 1, chosen=np.array(chosen, np.int32))
        found = residual_frustration(Observation(0, policy, problems, walks))
        assert found == pytest.approx(best - walks.correct.mean())


def test_a_run_that_asks_for_it_says_how_far_it_is_from_the_best(tmp_path):
    config = conet.preset("smoke").override({"steps": 30, "observables": ["residual_frustration"]})
    run = conet.run(config, tmp_path / "run")
    best = capacity(config)["solved_share"]
    columns = run.metrics().select("accuracy", "residual_frustration").to_numpy()
    np.testing.assert_allclose(columns.sum(axis=1), best, atol=1e-12)
    summary = run.summary()
    assert summary["residual_frustration"] == pytest.approx(best - summary["accuracy"])
    assert f"{summary['residual_frustration']:.3f} below the best policy" in describe(summary)
    assert (
        "residual_frustration"
        not in conet.run(config.override({"observables": []}), tmp_path / "b").summary()
    )
