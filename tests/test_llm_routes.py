"""Routes through a fixed graph as text: exact answers, what a seed fixes, and a training end to end."""

import json
from collections import deque
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from conet.base.errors import ConetError
from conet.cli import main
from conet.llm import problems, routes
from conet.llm.judge import Judge
from conet.runs import recipe
from conet.runs.recipe_problems import ProblemSettings

WORLD = "in 5 nodes of degree 2, seed 0, at most 3 hops"


def settings(**changes: Any) -> ProblemSettings:
    return ProblemSettings(**({"source": "routes", "verifier": "routes"} | changes))


def edges(nodes: int, degree: int, seed: int) -> dict[int, list[int]]:
    found = routes.graph(nodes, degree, seed)
    return {node: routes.neighbours(found, node).tolist() for node in range(nodes)}


def test_a_completion_is_judged_edge_by_edge_and_by_its_end() -> None:
    """Every text of up to four names in a graph of five nodes, against a search by hand."""
    out = edges(5, 2, 0)
    names = "01234"

    def walks(hops: int) -> list[str]:
        found = ["0"]
        for _ in range(hops):
            found = [walk + names[end] for walk in found for end in out[int(walk[-1])]]
        return [walk[1:] for walk in found]

    good = {walk for hops in (1, 2, 3) for walk in walks(hops) if walk.endswith("3")}
    texts = [""]
    for _ in range(4):
        texts += [text + name for text in texts if len(text) == len(texts[-1]) for name in names]
    judged = {text for text in set(texts) if routes.right(text, f"0>3 {WORLD}")}
    assert judged == good
    assert good  # some, or nothing is tested
    assert not any(routes.right(walk, f"0>3 {WORLD}") for walk in walks(4))  # longer than the longest


@pytest.mark.parametrize("text", ["", "9", "0 3", "a3", "3!", "é3", "<end>"])
def test_what_is_no_route_is_wrong(text: str) -> None:
    assert not routes.right(text, f"0>3 {WORLD}")


@pytest.mark.parametrize("gold", ["3", "", "0>3", "0>3 in 5 nodes of degree 9, seed 0, at most 3 hops"])
def test_another_gold_answer_is_refused(gold: str) -> None:
    with pytest.raises(ConetError):
        routes.right("3", gold)


def test_names_of_two_letters_come_back() -> None:
    for nodes in (2, 62, 63, 3844):
        walk = [0, nodes - 1, nodes // 2]
        text = routes.written(walk, nodes)
        assert len(text) == len(walk) * (1 if nodes <= 62 else 2)
        assert routes.read(text, nodes) == walk
        assert routes.read(text + "-", nodes) is None
    assert routes.read("10", 63) == [62]
    assert routes.read("1", 63) is None  # half a name
    assert routes.read("zz", 63) is None  # no node


def test_problems_are_those_of_the_seed_and_their_solutions_are_shortest() -> None:
    asked = settings(nodes=40, degree=4, load=0.25, seed=7)
    rows = problems.load(asked)
    assert rows == problems.load(asked)
    assert rows != problems.load(settings(nodes=40, degree=4, load=0.25, seed=8))
    assert len(rows) == 10
    out = edges(40, 4, 7)
    ends = [node for row in rows for node in routes.read(row.question.replace(":", ""), 40) or ()]
    assert len(set(ends)) == 20
    for row in rows:
        end, start = routes.read(row.question.replace(":", ""), 40) or (0, 0)
        distance, queue = {start: 0}, deque([start])
        while queue:
            node = queue.popleft()
            for other in out[node]:
                if other not in distance:
                    distance[other] = distance[node] + 1
                    queue.append(other)
        assert row.name.startswith(f"route{distance.get(end, 0)}/")
        if end in distance:
            assert len(row.solution or "") == distance[end]
            assert routes.right(row.solution or "", row.answer)
        else:
            assert row.solution is None


def test_load_and_limit_say_how_many_and_no_node_is_asked_twice() -> None:
    assert [len(problems.load(settings(load=load))) for load in (0.001, 0.2, 0.4, 0.5)] == [1, 12, 24, 30]
    assert len(problems.load(settings(load=0.5, nodes=61))) == 30
    assert len(problems.load(settings(limit=3))) == 3
    with pytest.raises(ConetError, match="a degree below the number of nodes"):
        problems.load(settings(nodes=6))


def test_a_route_that_is_too_long_has_no_solution() -> None:
    short = {row.question: row for row in problems.load(settings(degree=2, hops=3))}
    long = {row.question: row for row in problems.load(settings(degree=2, hops=60))}
    without = [asked for asked in short if short[asked].solution is None]
    beyond = [way for asked in without if (way := long[asked].solution) is not None]
    assert beyond  # the rest has no route at all
    assert all(len(way) > 3 for way in beyond)


def test_the_warm_up_walks_uniformly_and_stops_where_it_should() -> None:
    asked = settings(nodes=8, degree=3, hops=5)
    out = edges(8, 3, 0)
    taken = np.zeros((8, 8))
    for question, walk in islice(routes.texts(asked, 1), 3000):
        end, start = routes.read(question.replace(":", ""), 8) or (0, 0)
        nodes = [start, *(routes.read(walk, 8) or ())]
        assert end not in nodes[:-1]
        assert nodes[-1] == end or len(nodes) == 6
        for one, other in pairwise(nodes):
            taken[one, other] += 1
    for node in range(8):
        shares = taken[node, out[node]] / taken[node].sum()
        assert shares.sum() == 1
        assert abs(shares - 1 / 3).max() < 5 * np.sqrt(2 / 9 / taken[node].sum())  # five standard errors
    assert list(islice(routes.texts(asked, 1), 5)) == list(islice(routes.texts(asked, 1), 5))


def test_the_judge_and_the_command_know_the_verifier(tmp_path: Any, capsys: Any) -> None:
    row = problems.load(settings())[0]
    assert row.solution is not None
    with Judge("routes") as judge:
        rewards = [
            one.reward for one in judge.judge([(row.solution, row.answer), (row.solution[:-1], row.answer)])
        ]
    assert rewards == [1.0, 0.0]
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"gold": row.answer, "completion": row.solution, "right": 1}) + "\n")
    main(["llm", "verify", str(file), "--verifier", "routes", "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdicts"] == [1]
    main(["llm", "recipes"])
    assert "\nroutes: " in capsys.readouterr().out


def test_the_recipe_says_all_names_and_all_hops_fit() -> None:
    found = recipe.load("routes")
    names = set("".join(row.question + (row.solution or "") for row in problems.load(found.problems)))
    assert names <= set(found.model.alphabet)
    assert set(routes.written(list(range(found.problems.nodes)), found.problems.nodes)) < set(
        found.model.alphabet
    )
    options = found.options()
    assert options["max_completion_length"] == found.problems.hops + 1  # and the end
    whole = len(problems.load(found.problems)) * options["num_generations"]
    assert options["per_device_train_batch_size"] == whole  # every problem in every update


@pytest.mark.llm
def test_a_training_on_routes(tmp_path: Any) -> None:
    import polars as pl

    from conet.llm import train

    small = {
        "steps": 2,
        "warmup.steps": 3,
        "warmup.batch": 8,
        "problems.load": 0.1,
        "training.per_device_train_batch_size": 24,
        "training.num_generations": 4,
    }
    run = train.run(recipe.load("routes").override(small), tmp_path / "run")
    table = pl.read_parquet(run / "rollouts/*.parquet")
    assert len(table) == 48
    kept = pl.read_parquet(run / "problems.parquet")
    gold = dict(zip(kept["number"], kept["answer"]))
    for row in table.iter_rows(named=True):
        assert row["reward"] == float(routes.right(row["text"], gold[row["problem"]]))
