"""Relatives of the entropy bonus in TRL's trainer: shares by difficulty, the band, and the clip range."""

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

import polars as pl  # noqa: E402
from test_llm_mixin import trainer_of  # noqa: E402
from test_llm_train import Stopped, events, small, weights  # noqa: E402

from conet.base.errors import ConetError  # noqa: E402
from conet.llm import checking, checkpoints, train  # noqa: E402
from conet.llm.weighing import share_by_accuracy  # noqa: E402

RATE = 0.05
ARGS = {"learning_rate": RATE, "max_grad_norm": 1e9, "optim": "sgd", "num_generations": 4, "max_steps": 1}
ARGS |= {
    "lr_scheduler_type": "constant",
    "loss_type": "grpo",
    "per_device_train_batch_size": 16,
    "max_completion_length": 8,
}
CLIP = {"schedule": "clip_range", "schedule_options": {"shape": "decrease_increase_decrease"}}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_the_share_of_a_problem_by_hand() -> None:
    accuracy = torch.tensor([0.0, 0.2, 0.4, 0.6, 1.0])
    torch.testing.assert_close(share_by_accuracy(accuracy, 0.4), torch.tensor([1.0, 0.5, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(share_by_accuracy(accuracy, 1.0), 1.0 - accuracy)


def watched(trainer: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Note what each loss is computed from: inputs, and the parameters before the update."""
    seen: list[tuple[dict[str, Any], dict[str, Any]]] = []
    compute = trainer.compute_loss

    def noted(model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        now = {name: value.detach().clone() for name, value in model.state_dict().items()}
        seen.append((dict(inputs), now))
        return compute(model, inputs, *args, **kwargs)

    trainer.compute_loss = noted
    return seen


def by_definition(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Log-probabilities and entropies of the completions by the textbook, and which tokens count."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    size = inputs["completion_ids"].shape[1]
    logs = model(input_ids=ids, attention_mask=mask).logits[:, -size - 1 : -1].log_softmax(-1)
    chosen = logs.gather(-1, inputs["completion_ids"][..., None])[..., 0]
    return chosen, -(logs.exp() * logs).sum(-1), inputs["completion_mask"].float()


def moved_as_by(trainer: Any, before: dict[str, Any], after: dict[str, Any], loss: Any) -> None:
    """One step of plain gradient descent on a loss leads from the one to the other."""
    trainer.model.zero_grad()
    loss.backward()
    for name, value in trainer.model.named_parameters():
        torch.testing.assert_close(after[name], before[name] - RATE * value.grad, atol=2e-6, rtol=1e-3)


def test_the_bonus_of_a_problem_is_weighed_by_the_accuracy_of_its_group(tmp_path: Path) -> None:
    """Rewards that are equal within a group, or half of them: with advantage 0, or the same up and down."""

    def judged(completions: list[str], prompts: list[str], **_: Any) -> list[float]:
        share = {"1+2=": 4, "3+4=": 0, "5+1=": 4, "2+2=": 0}
        return [float(row % 4 < share[prompt]) for row, prompt in enumerate(prompts)]

    options = {"cooling": "constant", "entropy_max_accuracy": 0.5}
    settings = {"schedule": "temperature", "schedule_options": options}
    trainer = trainer_of(tmp_path, settings, args=ARGS | {"entropy_coef": 0.4}, reward_funcs=[judged])
    seen = watched(trainer)
    trainer.train()
    inputs, before = seen[0]
    after = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    assert not inputs["advantages"].any()
    shares = inputs["entropy_of_problem"]
    assert sorted(shares.tolist()) == [0.0] * 8 + [1.0] * 8
    trainer.model.load_state_dict(before)
    _, entropies, mask = by_definition(trainer.model, inputs)
    moved_as_by(trainer, before, after, -0.4 * (entropies * mask * shares[:, None]).sum() / mask.sum())
    row = next(row for row in trainer.state.log_history if "conet/entropy_weight_mean" in row)
    mean = float((mask * shares[:, None]).sum() / mask.sum())
    assert row["conet/entropy_weight_mean"] == pytest.approx(0.4 * mean, abs=1e-3)
    assert row["conet/entropy_weight"] == pytest.approx(0.4)
    assert row["entropy"] == pytest.approx(float((entropies * mask).sum() / mask.sum()), abs=1e-3)


def test_the_clip_range_of_a_token_goes_by_its_probability(tmp_path: Path) -> None:
    """Four updates on the same completions at a high rate; the last has half of the way behind it."""
    args = ARGS | {"max_steps": 4, "num_iterations": 4, "learning_rate": 4.0}
    trainer = trainer_of(tmp_path, CLIP, args=args)
    seen = watched(trainer)
    trainer.train()
    inputs, before = seen[2]  # at half of the run: the upper end is 0.5 - 0.25 p, the lower one 0.2
    trainer.model.load_state_dict(before)
    chosen, _, mask = by_definition(trainer.model, inputs)
    ratio, chance = (chosen - inputs["old_per_token_logps"]).exp(), chosen.detach().exp()
    advantage = inputs["advantages"][:, None]
    low, high = torch.full_like(chance, 0.2), 0.5 - 0.25 * chance
    clipped = torch.max(torch.min(ratio, 1 + high), 1 - low)
    above, below = (ratio > 1 + high) & (advantage > 0), (ratio < 1 - low) & (advantage < 0)
    between = (ratio > 1.2) & (ratio < 1 + high) & (advantage > 0)
    assert min(int((one * mask).sum()) for one in (above, below, between)) > 0, (
        "that is, something was tested"
    )
    of_token = -torch.min(ratio * advantage, clipped * advantage)
    loss = ((of_token * mask).sum(-1) / mask.sum(-1)).mean()
    trainer.model.zero_grad()
    loss.backward()
    for name, value in trainer.model.named_parameters():
        moved = before[name] - seen[3][1][name]
        torch.testing.assert_close(moved, 4.0 * value.grad, atol=1e-4, rtol=1e-2)
    rows = [row for row in trainer.state.log_history if "conet/clip_high" in row]
    assert rows[2]["conet/clip_high"] == pytest.approx(float((high * mask).sum() / mask.sum()), abs=1e-3)
    assert [row["conet/clip_low"] for row in rows[:3]] == pytest.approx([0.2] * 3)
    assert rows[0]["conet/clip_high"] == pytest.approx(0.2)
    assert (trainer.epsilon_low, trainer.epsilon_high) == (pytest.approx(0.25), 0.5)  # the last, at p = 0


RUNS = {
    "difficulty": {"schedule.entropy_target": 4.0, "schedule.entropy_max_accuracy": 1.0},
    "band": {
        "schedule.entropy_low": 3.0,
        "schedule.entropy_high": 4.0,
        "schedule.entropy_top": 0.7,
        "training.entropy_coef": 0.002,
    },
    "waves": {"schedule.shape": "oscillating"},
    "up and down": {},
}


@pytest.mark.parametrize("name", list(RUNS))
def test_a_training_resumes_bit_for_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also from between two updates on the same completions."""
    from conet.llm.trainer import AnnealedTrainer

    clips = name in ("waves", "up and down")
    changes = {"schedule.name": "clip_range" if clips else "temperature", "warmup.steps": 20}
    changes |= {"training.num_iterations": 2} if clips else {}
    settings = small(heating__mode=None, heating__harvest_samples=0).override(changes | RUNS[name])
    finished = train.run(settings, tmp_path / "whole")
    whole = AnnealedTrainer.end_step

    def stop(self: Any, step: int) -> None:
        whole(self, step)
        if step == 4:
            raise Stopped

    monkeypatch.setattr(AnnealedTrainer, "end_step", stop)
    with pytest.raises(Stopped):
        train.run(settings, tmp_path / "run")
    monkeypatch.setattr(AnnealedTrainer, "end_step", whole)
    drawn = tmp_path / "run/checkpoints/checkpoint-3/generation-0.pt"
    assert drawn.exists() == clips
    train.go_on(tmp_path / "run")
    one, other = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert events(finished) == events(tmp_path / "run")
    metrics = pl.read_parquet(finished / "metrics.parquet")
    assert metrics.rows() == pl.read_parquet(tmp_path / "run/metrics.parquet").rows()
    if name == "difficulty":
        used = metrics.filter(pl.col("option.entropy") > 0)
        assert len(used) == 5
        assert (used["entropy_weight_mean"] <= used["option.entropy"]).all()
    elif name == "band":
        held = metrics["option.entropy"].to_list()
        assert held[0] == pytest.approx(0.002)
        gaps = [min(0.0, one - 3.0) + max(0.0, one - 4.0) for one in metrics["entropy"].to_list()[:-1]]
        follow = [max(0.00004, one - 0.002 * gap) for one, gap in zip(held, gaps)]
        assert held[1:] == pytest.approx(follow, abs=1e-9)
        assert len(set(held)) > 1
    else:
        high = metrics["option.clip_high"].to_list()
        expected = [0.2] * 6 if name == "waves" else [0.5, 0.4, 0.3, 0.2, 0.2, 0.2]
        assert high == pytest.approx(expected)
        lows = metrics["clip_low"].to_list()
        assert min(lows) > 0.17
        assert max(lows) <= (0.3 if name == "waves" else 0.27)


def test_completions_of_another_number_of_processes_are_not_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else some processes would draw and wait for those that have theirs."""
    args = ARGS | {"max_steps": 2, "num_iterations": 2, "save_strategy": "steps", "save_steps": 1}
    trainer_of(tmp_path, CLIP, args=args).train()
    place, read = tmp_path / "checkpoint-1", checkpoints.read_state
    assert (place / "generation-0.pt").exists()
    assert not (tmp_path / "checkpoint-2/generation-0.pt").exists()
    for processes, kept in ((1, True), (2, False)):
        monkeypatch.setattr(checkpoints, "read_state", lambda at, n=processes: read(at) | {"processes": n})
        trainer = trainer_of(tmp_path, CLIP, args=args)
        trainer.create_optimizer_and_scheduler(2)
        trainer._load_optimizer_and_scheduler(str(place))
        assert (trainer._buffered_inputs is not None) == kept


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training.num_iterations": 1}, "num_iterations=1, where nothing is ever clipped"),
        ({"training.epsilon": 0}, "training.epsilon=0; expected a usual clip range above 0"),
        (
            {"schedule.name": "temperature", "schedule.cooling": "linear", "training.entropy_coef": -0.1},
            "an entropy weight of -0.1; expected 0 or more",
        ),
        (
            {"schedule.name": "reheating", "schedule.cycles": 2, "training.entropy_coef": -0.1},
            "expected 0 or more",
        ),
        ({"training.epsilon_high": 0.28}, "an upper end of the clip range of 0.28"),
        ({"training.loss_type": "sapo"}, "training.loss_type=sapo"),
        ({"training.importance_sampling_level": "sequence"}, "training.importance_sampling_level=sequence"),
        (
            {
                "schedule.name": "temperature",
                "schedule.cooling": "none",
                "schedule.entropy_max_accuracy": 0.5,
            },
            "a bonus that it weighs",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(changes: dict[str, Any], words: str) -> None:
    base = {"schedule.name": "clip_range", "training.num_iterations": 2}
    with pytest.raises(ConetError, match=words) as found:
        checking.check(small(heating__mode=None).override(base | changes))
    assert "\n" not in str(found.value)
