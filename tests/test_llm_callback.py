"""The callback that watches somebody else's training, and the numbers it logs."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from test_llm_mixin import READY, odd  # noqa: E402
from test_llm_train import SIZES  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from conet.base.errors import ConetError  # noqa: E402
from conet.detect.online import Detector  # noqa: E402
from conet.llm import models  # noqa: E402
from conet.llm.callback import ConetCallback  # noqa: E402
from conet.llm.drift import Drift  # noqa: E402
from conet.llm.own_script import in_words  # noqa: E402
from conet.rollouts.pool import Pool, Rollout  # noqa: E402
from conet.runs.live import Live  # noqa: E402
from conet.runs.recipe import ModelSettings  # noqa: E402

END = 1  # token that ends a completion
PROMPTS = ["1+2=", "3+4=", "5+1=", "2+2="]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def trainer_of(
    out: Path, watcher: ConetCallback, reward: Any = odd, data: Any = None, **options: Any
) -> GRPOTrainer:
    model, tokenizer = models.load(ModelSettings(tokenizer="characters", sizes=SIZES), 0)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    lora = options.pop("peft_config", None)
    args = {
        "max_steps": 3,
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 12,
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
    }
    rows = Dataset.from_dict({"prompt": PROMPTS if data is None else data})
    return GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[watcher.watch(reward)],
        callbacks=[watcher],
        train_dataset=rows,
        eval_dataset=rows if "eval_strategy" in options else None,
        peft_config=lora,
        args=GRPOConfig(output_dir=str(out), **(args | options)),
    )


def logged(trainer: GRPOTrainer) -> list[dict[str, Any]]:
    return [row for row in trainer.state.log_history if "conet/accuracy" in row]


ONE_STEP = {"gradient_accumulation_steps": 2}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": ONE_STEP,
    "several draws a step": ONE_STEP | {"steps_per_generation": 1},
    "draws for two steps": {"steps_per_generation": 2},
    "evaluation": {"eval_strategy": "steps", "eval_steps": 1, "per_device_eval_batch_size": 8},
    "masked": {"mask_truncated_completions": True},
    "dapo": {"loss_type": "dapo", "scale_rewards": "batch"},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "lora": {"peft_config": LoraConfig(r=2, target_modules=["q_proj"])},
    "messages": {"data": [[{"role": "user", "content": one}] for one in PROMPTS]},
}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_it_counts_right_in_every_kind_of_training(tmp_path: Path, name: str) -> None:
    calls: list[list[Any]] = []

    def reward(prompts: list[Any], completions: list[Any], completion_ids: Any, **rest: Any) -> Any:
        found = odd(completions)
        if watcher.inside:
            cut = [len(ids) >= 12 and ids[-1] != END for ids in completion_ids]
            calls.append(list(zip(map(str, prompts), found, cut)))
        return found

    watcher = ConetCallback(min_samples=4, window=100)
    trainer = trainer_of(tmp_path, watcher, reward, **VARIANTS[name])
    trainer.train()
    rows = logged(trainer)
    per_step = {"several draws a step": 2}.get(name, 1)
    assert len(calls) == {"several draws a step": 6, "draws for two steps": 2}.get(name, 3)
    firsts = range(0, len(calls), per_step)
    steps = [[row for call in calls[first : first + per_step] for row in call] for first in firsts]
    assert len(rows) == len(steps) == watcher.detector.updates
    for row, step in zip(rows, steps, strict=True):
        judged = [row for row in step if row[1] is not None]
        groups: dict[str, list[float]] = {}
        for prompt, value, _ in judged:
            groups.setdefault(prompt, []).append(value)
        assert row["conet/accuracy"] == pytest.approx(sum(value for _, value, _ in judged) / len(judged))
        right = [set(group) == {1.0} for group in groups.values()]
        wrong = [set(group) == {0.0} for group in groups.values()]
        assert row["conet/groups/all_right"] == pytest.approx(sum(right) / len(groups))
        assert row["conet/groups/all_wrong"] == pytest.approx(sum(wrong) / len(groups))
        cut = [cut for _, value, cut in judged if value]
        assert row["conet/truncated_among_correct"] == pytest.approx(sum(cut) / len(cut))
    assert all(row["conet/learning_rate"] == pytest.approx(1e-3) for row in rows)
    assert len(watcher.pool.counts) == 4
    total = sum(samples for _, samples in watcher.pool.counts.values())
    assert total == sum(value is not None for call in calls for _, value, _ in call)


def test_an_asynchronous_reward_is_watched_and_stays_so(tmp_path: Path) -> None:
    async def later(completions: list[str], **_: Any) -> list[float | None]:
        return odd(completions)

    watcher = ConetCallback()
    trainer = trainer_of(tmp_path, watcher, later)
    trainer.train()
    assert len(logged(trainer)) == 3


@pytest.mark.parametrize("restored", [False, True])
def test_its_state_survives_the_trainers_resuming(tmp_path: Path, restored: bool) -> None:
    saved = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4}
    whole = ConetCallback(window=100)
    trainer_of(tmp_path / "run", whole, **saved).train()
    again = ConetCallback(window=100)
    more = {"restore_callback_states_from_checkpoint": restored}
    trainer = trainer_of(tmp_path / "run", again, **saved, **more)
    trainer.train(resume_from_checkpoint=str(tmp_path / "run/checkpoint-2"))
    (live,) = [one for one in trainer.callback_handler.callbacks if isinstance(one, ConetCallback)]
    assert live.kept["detector"]["updates"] == whole.kept["detector"]["updates"] == 4
    assert sum(samples for _, samples in live.pool.counts.values()) == sum(
        samples for _, samples in whole.pool.counts.values()
    )


def test_it_speaks_once_saves_and_stops(tmp_path: Path, caplog: Any) -> None:
    watcher = ConetCallback(actions=["say", "save", "stop"], **READY)
    trainer = trainer_of(tmp_path, watcher, lambda completions, **_: [1.0] * len(completions))
    with caplog.at_level(logging.WARNING, "conet.llm.callback"):
        trainer.train()
    assert trainer.state.global_step == 1
    assert (tmp_path / "checkpoint-1").is_dir()
    assert sum("time to heat" in line for line in caplog.messages) == 1
    with pytest.raises(ConetError, match="did you mean 'save'"):
        ConetCallback(actions=["sav"])


def test_it_says_why_it_is_silent_while_the_problems_change(tmp_path: Path, caplog: Any) -> None:
    watcher = ConetCallback()
    with caplog.at_level(logging.WARNING, "conet.llm.callback"):
        for step in range(20):
            first = 16 * (step // 10)
            watcher.pending = rollouts({first + place: [1, 0] for place in range(16)})
            watcher._close(SimpleNamespace(global_step=step, is_world_process_zero=True))
    (said,) = caplog.messages
    assert said.startswith(
        "conet: at step 10: other problems are asked since step 10, and lengths are compared"
    )
    assert (watcher.evidence["mix_step"], watcher.evidence["heat_now"]) == (10, False)
    again = ConetCallback()
    again.kept = json.loads(json.dumps(watcher.kept))
    assert again.kept == watcher.kept
    assert again.evidence == watcher.evidence
    event = {"step": 10, "event": "problems_changed", "since": 9, "silent": "few are seen"}
    assert in_words(event) == "step 10: the heating signal begins anew: few are seen"


def rollouts(rights: dict[int, list[int]], length: int = 10, cut: bool = False) -> list[Rollout]:
    return [
        Rollout(problem, float(right), [1] * length, "", cut and bool(right))
        for problem, group in rights.items()
        for right in group
    ]


def test_the_numbers_are_what_they_are_called() -> None:
    live, pool, detector = Live(0.5), Pool(10, ()), Detector(start_updates=1, start_correct=1)

    def step(number: int, drawn: list[Rollout]) -> dict[str, float]:
        pool.add(number, drawn)
        right = [one.length for one in drawn if one.correct]
        detector.update(number, sum(right), len(right), len(drawn))
        return live.observe(number, drawn, pool, detector)

    first = step(0, rollouts({0: [1] * 8, 1: [0] * 8, 2: [1, 0, 0, 0, 0, 0, 0, 0]}))
    assert first["accuracy"] == pytest.approx(9 / 24)
    assert (first["groups/all_right"], first["groups/all_wrong"]) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert (first["accuracy/q50"], first["accuracy/q90"]) == (0.125, pytest.approx(0.825))
    assert first["pass_at_8"] == pytest.approx(2 / 3)
    assert [first[f"eligible/{least}"] for least in (8, 16, 32)] == [1, 0, 0]
    assert "learned_problems" not in first
    assert first["correct_length_within"] == 1
    second = step(1, rollouts({0: [0] * 8, 1: [1] * 8, 2: [0] * 8}, length=15, cut=True))
    assert (second["learned_problems"], second["forgotten_problems"]) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 3),
    )
    assert second["truncated_among_correct"] == 1
    assert second["correct_length_within"] == 1  # problem 1 is solved for the first time
    third = step(2, rollouts({0: [1] * 8}, length=15))
    assert third["correct_length_within"] == 1.5
    assert [third[f"eligible/{least}"] for least in (8, 16, 32)] == [1, 1, 0]
    again = Live(0.5)
    again.load(live.state())
    assert again.state() == live.state()


def test_what_the_signal_lacks_is_all_met_when_it_fires() -> None:
    detector = Detector(start_updates=2, start_correct=10)
    lengths = [30, 30, 25, 20, 15, 15, 15, 20, 25, 30, 30, 30]
    for step, length in enumerate(lengths):
        detector.update(step, length * (10 + step), 10 + step, 40)
        lacking = detector.lacking()
        assert all(value >= 0 for value in lacking.values())
        assert detector.heat_now == (len(lacking) == 7 and not any(lacking.values()))
        if detector.heat_now:
            break
    assert detector.heat_now
    assert Detector().lacking() == {"start_updates": 5, "start_correct": 200}


def test_the_distance_of_the_weights_is_that_of_a_sample() -> None:
    torch.manual_seed(0)
    parts = [torch.nn.Parameter(torch.randn(300, 200)), torch.nn.Parameter(torch.randn(7))]
    frozen = torch.nn.Parameter(torch.randn(5), requires_grad=False)
    drift = Drift()
    assert drift.distance([*parts, frozen]) is None
    drift.begin([*parts, frozen])
    assert drift.distance([*parts, frozen]) == 0
    with torch.no_grad():
        for part in parts:
            part += 0.01 * torch.randn_like(part)
    assert drift.distance([*parts, frozen]) == pytest.approx(0.01, rel=0.05)
    assert len(drift.before or ()) < 1 << 16


@pytest.mark.long
def test_two_processes_count_together_and_speak_once(tmp_path: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29723"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *launcher, __file__, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("time to heat") == 1
    found = re.findall(r"rank (\d): (\d+) samples of (\d+) problems", done.stdout)
    assert sorted(found) == [("0", "32", "4"), ("1", "32", "4")]  # two steps of 16 completions


def main(out: Path) -> None:
    """One of two processes, in which every completion is right."""
    torch.set_num_threads(1)
    watcher = ConetCallback(**READY)
    trainer = trainer_of(out, watcher, lambda completions, **_: [1.0] * len(completions), max_steps=2)
    trainer.train()
    counts = watcher.pool.counts
    samples = sum(samples for _, samples in counts.values())
    print(
        f"rank {trainer.accelerator.process_index}: {samples} samples of {len(counts)} problems\n",
        end="",
        flush=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
