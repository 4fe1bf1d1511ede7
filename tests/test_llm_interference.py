"""Interference from sketched gradients: exact on small cases, and nothing of a training is changed by it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

import polars as pl  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from test_llm_callback import trainer_of  # noqa: E402
from test_llm_train import small, weights  # noqa: E402
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from conet.diagnosis import diagnose  # noqa: E402
from conet.llm import models, train  # noqa: E402
from conet.llm.callback import ConetCallback  # noqa: E402
from conet.llm.gradient_sketch import GradientSketch, by_problem, layers_of  # noqa: E402
from conet.llm.interference import InterferenceWatch  # noqa: E402
from conet.runs.recipe import ModelSettings  # noqa: E402
from conet.runs.run import Run  # noqa: E402

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
PAD = 2
PROMPTS = [[3, 4, 5], [6, 7], [8, 9, 10, 3]]
ROLLOUTS = 4


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def model_of(lora: bool = False) -> Any:
    model, _ = models.load(ModelSettings(tokenizer="characters", sizes=SIZES), 0)
    add_fused_lm_head(model)
    if lora:
        torch.manual_seed(1)
        model = get_peft_model(
            model, LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
        )
    return model.train()


def batch_of() -> dict[str, Any]:
    """Three problems of four rollouts, as TRL lays them out: prompts padded on the left, answers on the right."""
    drawn = torch.Generator().manual_seed(5)
    ids, seen, labels, weights = [], [], [], []
    for prompt in PROMPTS:
        for _ in range(ROLLOUTS):
            length = int(torch.randint(1, 6, (1,), generator=drawn))
            answer = torch.randint(3, 14, (length,), generator=drawn).tolist()
            row = [PAD] * (4 - len(prompt)) + prompt + answer + [PAD] * (5 - length)
            mask = [0] * (4 - len(prompt)) + [1] * (len(prompt) + length) + [0] * (5 - length)
            ids.append(row)
            seen.append(mask)
            labels.append([-100] * 4 + answer + [-100] * (5 - length))
            weights.append(float(torch.randn(1, generator=drawn)))
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(seen),
        "labels": torch.tensor(labels),
        "weights": torch.tensor(weights),
    }


def backward(model: Any, batch: dict[str, Any], parts: int = 1, rows: Any = None) -> None:
    """One backward pass a micro-batch, of the sum over rows of weight times log-probability."""
    order = torch.arange(len(batch["weights"])) if rows is None else torch.tensor(rows)
    for mine in order.chunk(parts):
        given = {name: batch[name][mine] for name in ("input_ids", "attention_mask", "labels")}
        found = model(**given, fused_lm_head=True)
        (found.log_probs.sum(1) * batch["weights"][mine]).sum().backward()


def exact(model: Any, batch: dict[str, Any], blocks: int | None) -> np.ndarray:
    """The gradient of each problem by a backward pass of its own."""
    found = []
    for problem in range(len(PROMPTS)):
        model.zero_grad()
        backward(model, batch, rows=range(problem * ROLLOUTS, (problem + 1) * ROLLOUTS))
        found.append(
            torch.cat([layer.weight.grad.flatten() for _, layer in layers_of(model, blocks)]).numpy()
        )
    model.zero_grad()
    return np.array(found)


def sketched(
    model: Any, batch: dict[str, Any], sketch: GradientSketch, parts: int = 1, rows: Any = None
) -> Any:
    sketch.attach(model)
    backward(model, batch, parts, rows)
    found = dict(by_problem(sketch.take()))
    sketch.detach()
    model.zero_grad()
    return found


@pytest.mark.parametrize("blocks", [1, 2, None])
@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("checkpointed", ["no", "once", "reentrant"])
def test_whole_projections_are_the_gradients_of_the_problems(
    lora: bool, checkpointed: str, blocks: int | None
) -> None:
    model, batch = model_of(lora), batch_of()
    wanted = exact(model, batch, blocks)
    if checkpointed != "no":
        model.gradient_checkpointing_enable({"use_reentrant": checkpointed == "reentrant"})
        model.enable_input_require_grads()
    found = sketched(model, batch, GradientSketch(None, blocks))
    assert list(found) == [tuple(prompt) for prompt in PROMPTS]
    assert [sums.count for sums in found.values()] == [ROLLOUTS] * 3
    vectors = np.array([sums.vector.numpy() for sums in found.values()])
    np.testing.assert_allclose(vectors, wanted, rtol=1e-4, atol=1e-6)


def test_the_sum_over_problems_is_what_is_trained_with() -> None:
    model, batch = model_of(), batch_of()
    sketch = GradientSketch(None, 1)
    sketch.attach(model)
    backward(model, batch)
    total = sum(sums.vector for _, sums in by_problem(sketch.take()))
    trained = torch.cat([layer.weight.grad.flatten() for _, layer in layers_of(model, 1)])
    torch.testing.assert_close(total, trained, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [None, 8])
def test_micro_batches_that_split_the_rollouts_of_a_problem_add_up_to_the_same(size: int | None) -> None:
    model, batch = model_of(), batch_of()
    once = sketched(model, batch, GradientSketch(size))
    mixed = torch.randperm(12, generator=torch.Generator().manual_seed(0)).tolist()
    often = sketched(model, batch, GradientSketch(size), 4, mixed)
    assert once.keys() == often.keys()
    for prompt, sums in once.items():
        torch.testing.assert_close(often[prompt].vector, sums.vector, rtol=1e-4, atol=1e-6)
        assert often[prompt].square == pytest.approx(sums.square, rel=1e-5)
        assert often[prompt].count == sums.count


def test_sketches_keep_inner_products_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    # 200 sketches of 8 x 8: the mean of each product lies within 5 standard errors of the whole one.
    model, batch = model_of(), batch_of()
    whole = exact(model, batch, 1)
    drawn = []
    for seed in range(200):
        monkeypatch.setattr("conet.llm.gradient_sketch.SEED", 1000 * seed)
        found = sketched(model, batch, GradientSketch(8, 1))
        vectors = np.array([sums.vector.numpy() for sums in found.values()])
        drawn.append(vectors @ vectors.T)
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0, ddof=1) / 200**0.5
    assert (np.abs(mean - whole @ whole.T) < 5 * error).all()


def test_opposite_problems_interfere_wholly_and_equal_ones_not_at_all() -> None:
    model, batch = model_of(), batch_of()
    # The same rollouts under two prompts that the model cannot tell apart: it is asked at no position.
    two = {name: torch.cat([values[:4], values[:4]]) for name, values in batch.items()}
    for sign, interference, cosine, fighting in ((1.0, 0.0, 1.0, 0.0), (-1.0, 1.0, -1.0, 1.0)):
        two["weights"][4:] = sign * two["weights"][:4]
        watch = InterferenceWatch(None, None)
        watch.attach(model)
        watch.begin()
        backward(model, two, 2)
        for rows, prompt in zip(watch.sketch._taken, ([3], [4]), strict=True):
            rows.prompts = [tuple(prompt)] * 4
        watch.learn(17, [3])
        watch.learn(40, [4])
        watch.end()
        assert watch.found is not None
        assert watch.found.interference == pytest.approx(interference, abs=1e-6)
        assert watch.found.corrected == pytest.approx(interference, abs=1e-6)
        assert watch.found.cosine == pytest.approx(cosine, abs=1e-6)
        assert watch.found.fighting == fighting
        assert watch.pairs() == ([] if sign > 0 else [(17, 40, -1.0)])
        watch.detach()
        model.zero_grad()


def test_what_is_not_trained_on_is_not_looked_at() -> None:
    model, batch = model_of(), batch_of()
    sketch = GradientSketch()
    sketch.attach(model)
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    with torch.no_grad():
        model(**given, fused_lm_head=True)
    model.eval()(**given, fused_lm_head=True).log_probs.sum().backward()
    model.train()
    model(input_ids=batch["input_ids"]).logits.sum().backward()
    assert sketch.take() == []
    backward(model, batch)
    assert len(sketch.take()) == 1


def test_no_hook_is_left_and_hooks_change_no_gradient() -> None:
    model, batch = model_of(), batch_of()
    backward(model, batch)
    alone = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    sketch = GradientSketch()
    drawn = torch.get_rng_state()
    sketch.attach(model)
    backward(model, batch)
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(weight.grad, before) for weight, before in zip(model.parameters(), alone))
    sketch.detach()
    assert hooks_in(model) == 0


def hooks_in(model: Any) -> int:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


TOY = """
import torch
from conet.llm.interference import InterferenceWatch

class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(20, 24)
        self.blocks = torch.nn.ModuleList([torch.nn.Sequential(torch.nn.Linear(24, 40), torch.nn.Linear(40, 20))])

    def forward(self, input_ids, attention_mask, labels, fused_lm_head):
        scores = self.blocks[0](self.embed(input_ids))[:, :-1].log_softmax(-1)
        found = scores.gather(2, labels[:, 1:].clamp(min=0)[..., None])[..., 0]
        return found.masked_fill(labels[:, 1:] == -100, 0.0)

def values_of(rows):
    drawn = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 20, (12, 9), generator=drawn)
    ids[:, :3] = torch.arange(3).repeat_interleave(4)[:, None]  # three problems of four rollouts
    labels = ids.clone()
    labels[:, :3] = -100
    weights, seen = torch.randn(12, generator=drawn), torch.ones_like(ids)
    model, watch = Toy(), InterferenceWatch()
    watch.attach(model)
    watch.begin()
    for mine in torch.tensor(rows).chunk(2):
        found = model(input_ids=ids[mine], attention_mask=seen[mine], labels=labels[mine], fused_lm_head=True)
        (found.sum(1) * weights[mine]).sum().backward()
    watch.end()
    return list(watch.values().values())
"""
TWO = """
import sys
import numpy as np
from accelerate import PartialState
torch.set_num_threads(1)
rank = PartialState(cpu=True).process_index
np.save(f"{sys.argv[1]}-{rank}.npy", values_of(list(range(12))[rank::2]))
"""


@pytest.mark.long
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    (tmp_path / "go.py").write_text(TOY + TWO)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        "29731",
    ]
    script = [str(tmp_path / "go.py"), str(tmp_path / "rank")]
    more = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, *script], env=os.environ | more, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    toy: dict[str, Any] = {}
    exec(TOY, toy)
    alone = toy["values_of"](list(range(12)))
    one, other = (np.load(tmp_path / f"rank-{rank}.npy") for rank in (0, 1))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one, np.array(alone, float), rtol=1e-4)
    assert 0.1 < alone[0] < 0.9


NAMES = {f"conet/{name}" for name in ("interference", "gradient_cosine", "fighting_share")}


@pytest.mark.parametrize("lora", [False, True])
def test_a_training_is_bit_for_bit_the_same_and_keeps_no_hook(tmp_path: Path, lora: bool) -> None:
    more = {"peft_config": LoraConfig(r=2, target_modules=["q_proj"])} if lora else {}
    trained, logged, hooks = [], [], []
    for looks in (False, True):
        torch.manual_seed(0)
        trainer = trainer_of(tmp_path, ConetCallback(interference=looks), max_steps=2, **more)
        trainer.train()
        hooks.append(hooks_in(trainer.model))  # checkpointing leaves some of its own
        trained.append({name: value.clone() for name, value in trainer.model.state_dict().items()})
        logged.append([row.keys() >= NAMES for row in trainer.state.log_history if "loss" in row])
    assert all(torch.equal(trained[1][name], value) for name, value in trained[0].items())
    assert not any(logged[0])
    assert any(logged[1])  # not where a single problem has a gradient
    assert hooks[0] == hooks[1]


def test_accumulation_finds_what_one_batch_finds(tmp_path: Path) -> None:
    found = []
    for parts in (1, 4):
        torch.manual_seed(0)
        options = {"per_device_train_batch_size": 8 // parts, "gradient_accumulation_steps": parts}
        options["learning_rate"] = 0.0  # else rounding tells the batches of later updates apart
        watcher = ConetCallback(interference=True)
        trainer = trainer_of(tmp_path, watcher, max_steps=2, **options)
        trainer.train()
        found.append(
            [value for row in trainer.state.log_history for name, value in row.items() if name in NAMES]
        )
    assert found[0]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_run_has_it_in_its_metrics_and_is_otherwise_the_same(tmp_path: Path) -> None:
    changes = {"steps": 4, "heating.mode": "heat_at", "heating.steps": 1}
    plain = train.run(small().override(changes), tmp_path / "plain")
    looked = train.run(small().override(changes | {"training.interference": True}), tmp_path / "looked")
    one, other = weights(plain), weights(looked)
    assert all(torch.equal(one[name], other[name]) for name in one)
    table = pl.read_parquet(looked / "metrics.parquet")
    assert "interference" not in pl.read_parquet(plain / "metrics.parquet").columns
    heated = table["learner"] == "sft"
    assert heated.sum() == 1
    assert table.filter(heated)["interference"].null_count() == 1
    known = table.filter(table["interference"].is_not_null())
    assert known.height >= 1
    assert known["interference"].is_between(0, 1).all()
    assert known["fighting_pairs"].null_count() == 0
    assert diagnose(looked).findings["gradient_interference"] is not None
    panels = Run(looked).view("trainer-metrics").panels
    assert "interference of gradients" in {panel.y.name for panel in panels}
