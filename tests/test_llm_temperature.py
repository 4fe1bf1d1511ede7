"""Temperature for language models: entropy and its bonus against definitions, accumulation, memory, the log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

from documents import ROOT, blocks  # noqa: E402
from test_llm_mixin import trainer_of  # noqa: E402
from test_llm_train import SIZES, small  # noqa: E402
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from conet.base.errors import ConetError  # noqa: E402
from conet.cli.llm_summary import show_summary  # noqa: E402
from conet.llm import head as heads  # noqa: E402
from conet.llm import models, train  # noqa: E402
from conet.runs.recipe import ModelSettings  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def by_definition(logits: Any, keep: int) -> Any:
    """Entropy of the most probable tokens, renormalised, by the textbook."""
    chances = logits.softmax(-1).sort(-1, descending=True).values[..., :keep]
    chances = chances / chances.sum(-1, keepdim=True)
    return -(chances * chances.log()).sum(-1)


@pytest.mark.parametrize(("share", "keep"), [(1.0, 11), (0.7, 8), (0.1, 1)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tile", [1, 22, 10_000])
def test_the_entropy_and_its_gradient_by_finite_differences(
    share: float, keep: int, bias: bool, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in tiles of one token, of two, and of all."""
    monkeypatch.setattr(heads, "TILE", tile)
    torch.manual_seed(3)
    head = torch.nn.Linear(4, 11, bias=bias)
    hidden = torch.randn(5, 4, requires_grad=True)
    weights = torch.randn(5)
    found = heads.top_entropy(hidden, head, share, temperature=0.8)
    torch.testing.assert_close(found, by_definition(head(hidden) / 0.8, keep))
    (found * weights).sum().backward()

    def value() -> float:
        with torch.no_grad():
            logits = torch.nn.functional.linear(
                hidden.double(), head.weight.double(), None if head.bias is None else head.bias.double()
            )
            return float((by_definition(logits / 0.8, keep) * weights.double()).sum())

    for tensor in (hidden, *head.parameters()):
        flat, grads = tensor.detach().view(-1), tensor.grad.view(-1)
        for place in range(0, len(flat), 3):
            before = flat[place].item()
            ends = []
            for step in (1e-3, -1e-3):
                flat[place] = before + step
                ends.append(value())
            flat[place] = before
            assert grads[place].item() == pytest.approx((ends[0] - ends[1]) / 2e-3, abs=2e-3)


def test_trls_entropies_give_way_to_those_of_the_top_tokens() -> None:
    model, _ = models.load(ModelSettings(tokenizer="characters", sizes=SIZES), 0)
    add_fused_lm_head(model, temperature=0.7, outputs=("log_probs", "entropy"))
    heads.add_untempered_head(model, False)
    share = {"now": 1.0}
    heads.add_top_entropy(model, lambda: share["now"], 0.7)
    ids = torch.tensor([[3, 4, 5, 6, 7], [0, 0, 8, 9, 1]])
    labels = torch.tensor([[-100, -100, 5, 6, 7], [-100, -100, -100, 9, 1]])
    given = {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": labels}
    logits = model(**{name: value for name, value in given.items() if name != "labels"}).logits[:, :-1] / 0.7
    mask = labels[:, 1:] != -100
    for now, keep in ((1.0, logits.shape[-1]), (0.5, round(0.5 * logits.shape[-1]))):
        share["now"] = now
        found = model(**given, fused_lm_head=True)
        wanted = by_definition(logits, keep).masked_fill(~mask, 0)
        torch.testing.assert_close(found.entropy, wanted, atol=1e-5, rtol=1e-4)
        model.zero_grad()
        found.entropy.sum().backward()
        got = [one.grad.clone() for one in model.parameters() if one.grad is not None]
        model.zero_grad()
        again = model(input_ids=ids, attention_mask=given["attention_mask"]).logits[:, :-1] / 0.7
        by_definition(again, keep)[mask].sum().backward()
        for one, other in zip(got, [one.grad for one in model.parameters() if one.grad is not None]):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)
    assert model(**given, fused_lm_head=True, untempered=True).entropy is None


def test_a_model_that_scales_its_logits_is_refused() -> None:
    from transformers import Gemma2Config

    with pytest.raises(ConetError, match="final_logit_softcapping"):
        heads.refuse_scaled(Gemma2Config(final_logit_softcapping=30.0))


# A training ------------------------------------------------------------------------------------------------

ALIKE = {"generation_kwargs": {"min_new_tokens": 6}, "max_completion_length": 6, "max_steps": 2}
ALIKE |= {"learning_rate": 1e-2, "max_grad_norm": 1e9, "optim": "sgd", "num_generations": 4}


def trained(out: Path, top: float, weight: float = 0.5, **args: Any) -> Any:
    options = {"cooling": "constant", "entropy_top": top}
    settings = {"schedule": "temperature", "schedule_options": options}
    trainer = trainer_of(out, settings, args=ALIKE | {"entropy_coef": weight} | args)
    trainer.train()
    return trainer


@pytest.mark.parametrize("top", [1.0, 0.6])
def test_the_bonus_is_the_mean_entropy_and_the_same_in_one_micro_batch_or_two(
    tmp_path: Path, top: float
) -> None:
    """Equal lengths; in TRL the mean of a micro-batch is over its tokens."""
    size = {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 1}
    one = trained(tmp_path / "one", top, **size)
    half = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
    other = trained(tmp_path / "other", top, **half)
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(value, other.model.state_dict()[name], atol=2e-6, rtol=1e-4)
    plain = trained(tmp_path / "plain", top, weight=1e-9, **size)
    logged = [
        [row["entropy"] for row in trainer.state.log_history if "entropy" in row]
        for trainer in (one, other, plain)
    ]
    np.testing.assert_allclose(logged[0], logged[1], rtol=1e-4)
    assert logged[0][1] > logged[2][1]  # it was raised
    weights = [row["conet/entropy_weight"] for row in one.state.log_history if "conet/entropy_weight" in row]
    assert weights == [0.5, 0.5]


def test_the_target_is_logged_and_all_that_is_solved_makes_room(tmp_path: Path) -> None:
    def right(completions: list[str], prompts: list[str], **_: Any) -> list[float]:
        return [float(prompt == "1+2=" or row % 2) for row, prompt in enumerate(prompts)]

    options = {"entropy_share": 0.5, "adaptive_groups": True}
    settings = {"schedule": "temperature", "schedule_options": options, "min_samples": 4}
    args = ALIKE | {"max_steps": 30, "per_device_train_batch_size": 8}
    trainer = trainer_of(tmp_path, settings, args=args, reward_funcs=[right])
    asked: list[set[int]] = []
    observe = trainer.observe
    trainer.observe = lambda rollouts: asked.append({one.problem for one in rollouts}) or observe(rollouts)
    trainer.train()
    rows = [row for row in trainer.state.log_history if "conet/entropy_weight" in row]
    targets = {row["conet/entropy_target"] for row in rows[1:]}
    assert len(targets) == 1
    assert targets.pop() == pytest.approx(0.5 * rows[0]["entropy"], rel=1e-3)
    easy = [0 in problems for problems in asked]
    # Once it is known to be solved it is asked in every fourth update at most, and in the last 20 as all are.
    assert sum(easy[4:10]) <= 2
    assert sum(easy[10:]) >= 8


@pytest.mark.parametrize(("target", "weights"), [(99.0, [0.0, 0.75, 1.0]), (0.001, [0.0, 0.0, 0.0])])
def test_the_weight_that_trls_own_control_used_is_logged(
    tmp_path: Path, target: float, weights: list[float]
) -> None:
    """None in the first update, before an entropy is known, and none above the target, whatever it has come to."""
    args = {"use_adaptive_entropy": True, "entropy_target": target, "entropy_coef_delta": 0.25}
    trainer = trainer_of(
        tmp_path, {"mode": "rlvr"}, args=ALIKE | args | {"entropy_coef": 0.5, "max_steps": 3}
    )
    trainer.train()
    logged = [row["conet/entropy_weight"] for row in trainer.state.log_history if "conet/phase" in row]
    assert logged == weights


def test_the_script_of_the_page_cools_from_its_weight_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands but for the size; without a weight it is refused, with the setting that gives one."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs/how-to/anneal-trl.md"
    (text,) = [one.text for one in blocks(page) if one.kind == "python" and "temperature" in one.text]

    def own(**given: Any) -> Any:
        args = {key: value for key, value in given.pop("args").items() if key != "output_dir"}
        return trainer_of(tmp_path, given.pop("annealing"), args=ALIKE | args | {"max_steps": 4}, **given)

    def right(completions: list[str], **_: Any) -> list[float]:
        return [float(row % 2) for row in range(len(completions))]

    def style(completions: list[str], **_: Any) -> list[float]:
        return [0.1] * len(completions)

    names = {"MyTrainer": own, "GRPOConfig": dict, "right": right, "style": style, "problems": None}
    exec(text.replace("    model,\n", ""), names)
    rows = [row for row in names["trainer"].state.log_history if "conet/entropy_weight" in row]
    assert [row["conet/entropy_weight"] for row in rows] == pytest.approx([0.01, 0.0075, 0.005, 0.0025])
    with pytest.raises(ConetError, match=r"set training\.entropy_coef, .*entropy_coef of GRPOConfig"):
        exec(text.replace("    model,\n", "").replace(", entropy_coef=0.01", ""), names)


def test_summary_and_terminal_say_the_temperature(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cooled = {"schedule.name": "temperature", "schedule.cooling": "linear", "training.entropy_coef": 0.03}
    run = train.run(small(heating__mode=None, heating__harvest_samples=0).override(cooled), tmp_path / "run")
    found = json.loads((run / "summary.json").read_text())["temperature"]
    assert found["weight"] == {"peak": 0.03, "end": pytest.approx(0.005)}
    entropies = polars.read_parquet(run / "metrics.parquet")["entropy"].to_list()
    assert found["entropy"] == {"start": entropies[0], "end": entropies[-1]}
    show_summary(run, as_json=False)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "temperature" in one]
    assert line.split("temperature     ")[1].startswith("weight 0.005 at the end, at most 0.03; entropy ")


def test_two_that_set_the_weight_are_refused(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, {"schedule": "temperature"}, args=ALIKE | {"use_adaptive_entropy": True})
    with pytest.raises(ConetError, match=r"and training\.use_adaptive_entropy"):
        trainer.train()


@pytest.mark.long
def test_the_bonus_takes_no_more_memory_than_grpo() -> None:
    """At a vocabulary of 151,936, over the top tokens, which takes one more gradient of the head, in tiles."""
    script = Path(__file__).parents[1] / "verification/heating_memory.py"
    command = [sys.executable, "-W", "ignore", str(script), "--tokens", "64", "--json", "--entropy", "0.7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["logits_mib"] > 250
    assert [phase for phase, _ in found["peaks"]] == ["GRPO", "GRPO", "entropy", "entropy"]
    peaks = {
        name: max(peak for phase, peak in found["peaks"] if phase == name) for name in ("GRPO", "entropy")
    }
    # Two updates of GRPO differ by some 40 MiB: memory is given back late.
    assert peaks["entropy"] <= peaks["GRPO"] + 0.3 * found["logits_mib"]
