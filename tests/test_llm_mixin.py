"""Annealing in the user's own script: any trainer that is a GRPOTrainer, with whatever it has."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars
import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

os.environ["HF_HUB_OFFLINE"] = "1"

from datasets import Dataset, IterableDataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from test_llm_train import SIZES  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

from conet.base.errors import ConetError  # noqa: E402
from conet.llm import models  # noqa: E402
from conet.llm.mixin import AnnealingMixin, annealed  # noqa: E402
from conet.runs.recipe import ModelSettings  # noqa: E402

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples/annealed_grpo.py"
HEATS = {
    "mode": "heat_at",
    "step": 1,
    "steps": 2,
    "max_accuracy": 1.1,
    "min_samples": 1,
    "learning_rate": 1e-3,
}
# A detector whose signal fires as soon as anything was right.
READY = {"fall": -1, "fall_sigmas": -1, "rise": -1, "rise_sigmas": -1, "learned": -1e9}
READY |= {"start_updates": 1, "start_correct": 0}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def odd(completions: list[Any], **_: Any) -> list[float | None]:
    """Right: an odd number of characters; nothing can be said of those of one character."""
    texts = [one if isinstance(one, str) else one[0]["content"] for one in completions]
    return [None if len(text) == 1 else float(len(text) % 2) for text in texts]


def trainer_of(
    out: Path,
    annealing: dict[str, Any],
    kind: type = GRPOTrainer,
    args: dict[str, Any] | None = None,
    **given: Any,
) -> Any:
    kind_of = ModelSettings(tokenizer="characters", sizes=SIZES, dtype=given.pop("dtype", "float32"))
    model, tokenizer = models.load(kind_of, 0)
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    options = {
        "max_steps": 4,
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 32,
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
    }
    data = given.pop("train_dataset", None) or Dataset.from_dict({"prompt": ["1+2=", "3+4=", "5+1=", "2+2="]})
    return annealed(kind)(
        model=model,
        processing_class=tokenizer,
        train_dataset=data,
        args=GRPOConfig(output_dir=str(out), **(options | (args or {}))),
        annealing=annealing,
        **({"reward_funcs": [odd]} | given),
    )


def phases(trainer: Any) -> list[str]:
    return [event["event"] for event in trainer.annealing.events]


def run_script(out: Path, steps: int, *launcher: str) -> str:
    command = [
        sys.executable,
        "-W",
        "ignore",
        *launcher,
        str(SCRIPT),
        "--steps",
        str(steps),
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment())
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.mark.long
def test_the_example_killed_in_its_heating_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    said = run_script(whole, 8)
    assert [line for line in said.splitlines() if line.startswith("conet: ")] == [
        "conet: step 3: heating on 1 problems: step 3, as set",
        "conet: step 6: heating has ended",
    ]
    command = [sys.executable, "-W", "ignore", str(SCRIPT), "--steps", "8", "--out", str(killed)]
    process = subprocess.Popen(
        command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 250
    while not (killed / "checkpoint-4/annealing.json").exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run_script(killed, 8)
    one, other = (load_file(place / "model/adapter_model.safetensors") for place in (whole, killed))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    states = [
        json.loads((place / "checkpoint-8/annealing.json").read_text())["state"] for place in (whole, killed)
    ]
    for name in ("events", "pool", "detector", "micro_step"):
        assert states[0][name] == states[1][name]
    assert (whole / "heat-3.jsonl").read_text() == (killed / "heat-3.jsonl").read_text()


@pytest.mark.long
def test_two_processes_have_one_voice(tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29719")
    said = run_script(tmp_path, 4, *launcher)
    assert sum(line.startswith("conet: step 3: heating on") for line in said.splitlines()) == 1
    state = json.loads((tmp_path / "checkpoint-4/annealing.json").read_text())["state"]
    assert [visit[2] for visit in state["pool"]["visits"]] == [8] * 12  # 4 problems in each of 3 steps


@pytest.mark.parametrize("kind", ["text", "messages", "stream", "sampler"])
def test_every_kind_of_prompt_is_asked_and_heated_on(tmp_path: Path, kind: str) -> None:
    texts = ["1+2=", "3+4=", "5+1=", "2+2="]
    rows = [{"prompt": [{"role": "user", "content": one}] if kind == "messages" else one} for one in texts]
    data = Dataset.from_list(rows)
    if kind == "stream":
        data = IterableDataset.from_generator(lambda: iter(rows * 8))

    class Own(GRPOTrainer):
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return super()._get_train_sampler(dataset)

    trainer = trainer_of(tmp_path, HEATS, Own if kind == "sampler" else GRPOTrainer, train_dataset=data)
    trainer.train()
    assert phases(trainer) == ["phase_started", "heating_started", "heating_ended", "phase_started"]
    line = json.loads((tmp_path / "heat-1.jsonl").read_text().splitlines()[0])
    assert [message["role"] for message in line["messages"]] == ["user", "assistant"]
    assert line["messages"][0]["content"] in texts
    numbers = set(trainer.annealing.pool.counts)
    if kind in ("text", "messages"):
        assert numbers == set(range(4))  # each once: the two steps of heating asked none
    else:
        assert 2 <= len(numbers) <= 4
        assert (numbers <= set(range(4))) == (kind == "sampler")


def test_completions_are_written_under_their_own_step_and_never_an_evaluations(tmp_path: Path) -> None:
    """Heating at the second and third update, an evaluation after the second."""
    logged = {"log_completions": True, "eval_strategy": "steps", "eval_steps": 2}
    data = Dataset.from_dict({"prompt": ["9+9=", "8+9="]})
    trainer_of(tmp_path, HEATS, args=logged | {"per_device_eval_batch_size": 8}, eval_dataset=data).train()
    files = {int(file.stem[-5:]): file for file in (tmp_path / "completions").glob("*.parquet")}
    assert sorted(files) == [1, 4]
    asked = {prompt for file in files.values() for prompt in polars.read_parquet(file)["prompt"]}
    assert asked <= {"1+2=", "3+4=", "5+1=", "2+2="}


def test_what_no_reward_function_judges_is_no_sample_and_evaluations_are_none(tmp_path: Path) -> None:
    seen: list[Any] = []

    def counting(completions: list[str], **rest: Any) -> list[float | None]:
        found = odd(completions)
        seen.append(found)
        return found

    settings = HEATS | {"mode": "rlvr", "step": None}
    evaluated = {"eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 8}
    data = Dataset.from_dict({"prompt": ["1+1=", "2+1="]})
    trainer = trainer_of(tmp_path, settings, args=evaluated, reward_funcs=[counting], eval_dataset=data)
    trainer.train()
    trained = [seen[place] for place in (0, 1, 3, 4)]  # the third and the sixth are evaluations
    assert len(seen) == 6
    judged = [value for part in trained for value in part if value is not None]
    assert any(value is None for part in trained for value in part)
    counts = trainer.annealing.pool.counts.values()
    assert sum(samples for _, samples in counts) == len(judged)
    assert sum(correct for correct, _ in counts) == sum(judged)
    assert trainer.annealing.tracker.evaluation["step"] == 4


def test_only_what_the_model_wrote_counts_as_length_and_is_learned(tmp_path: Path) -> None:
    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        """Three tokens of the model's own, and two of a tool among them."""
        ids = [[3, 4, 9, 9, 1 + trainer._tokenizer.eos_token_id * 0] for _ in prompts]
        return {
            "prompt_ids": [[5, 6] for _ in prompts],
            "completion_ids": ids,
            "logprobs": [[0.0] * 5 for _ in prompts],
            "env_mask": [[1, 1, 0, 0, 1] for _ in prompts],
        }

    trainer = trainer_of(
        tmp_path,
        HEATS,
        args={"max_completion_length": 8},
        reward_funcs=[lambda completions, **_: [1.0] * len(completions)],
        rollout_func=rollout,
    )
    batches: list[Any] = []
    made = trainer.heat_batch
    trainer.heat_batch = lambda: batches.append(made()) or {**batches[-1]}
    trainer.train()
    assert trainer.annealing.tracker.correct_length == 3
    labels = batches[0]["labels"][0].tolist()
    assert labels == [-100, -100, 3, 4, -100, -100, 1]
    assert batches[0]["tokens"] == 3 * len(batches[0]["labels"])


@pytest.mark.parametrize("actions", [["save", "stop"], ["stop"], ["heat", "save"]])
def test_what_is_done_when_the_signal_fires(tmp_path: Path, actions: list[str], caplog: Any) -> None:
    settings = HEATS | {"mode": None, "step": None, "detector": READY, "actions": actions}
    trainer = trainer_of(tmp_path, settings, reward_funcs=[lambda completions, **_: [1.0] * len(completions)])
    with caplog.at_level(logging.WARNING, "conet.llm.mixin"):
        trainer.train()
    assert trainer.state.global_step == (1 if "stop" in actions else 4)
    assert (tmp_path / "checkpoint-1/annealing.json").exists() == ("save" in actions)
    assert ("heating_started" in phases(trainer)) == ("heat" in actions)
    assert sum("the heating signal fired: " in line for line in caplog.messages) == 1


@pytest.mark.parametrize("schedule", ["annealed_rlvr", "temperature"])
def test_the_weight_of_the_entropy_is_the_schedules_or_trls_own(tmp_path: Path, schedule: str) -> None:
    """TRL raises the weight while the entropy lies below its target, unless the schedule sets it."""
    adaptive = {"use_adaptive_entropy": True, "entropy_target": 99.0, "entropy_coef_delta": 0.25}
    cooled = schedule == "temperature"
    settings = {"schedule": schedule, "schedule_options": {"cooling": "linear"} if cooled else {}}
    args = {"entropy_coef": 0.5} if cooled else adaptive
    trainer = trainer_of(tmp_path, settings, args=args)
    weights: list[float] = []
    end = trainer.end_step
    trainer.end_step = lambda step: weights.append(trainer.entropy_coef) or end(step)
    trainer.train()
    steps = [later - earlier for earlier, later in pairwise(weights)]
    if schedule == "temperature":
        assert weights[0] == pytest.approx(0.5)
        assert all(step < 0 for step in steps)  # it goes to zero
    else:
        assert steps == pytest.approx([0.25] * 3)


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConetError, match="a class that is a GRPOTrainer"):
        annealed(int)
    for settings, message in (
        ({"stepz": 3}, "stepz"),
        ({"mode": "heat_at"}, "without a step"),
        ({"correct_by": "od"}, "did you mean 'odd'"),
        ({"actions": ["explode"]}, "actions"),
    ):
        with pytest.raises(ConetError, match=message):
            trainer_of(tmp_path, settings)
    with pytest.raises(ConetError, match="harvest_samples"):
        trainer_of(tmp_path, {"harvest_samples": 16}, rollout_func=lambda *_: {})
    assert issubclass(annealed(GRPOTrainer), AnnealingMixin)


def test_a_checkpoint_without_annealing_is_gone_on_with(tmp_path: Path, caplog: Any) -> None:
    saved = {"save_strategy": "steps", "save_steps": 2}
    trainer_of(tmp_path, HEATS | {"mode": "rlvr", "step": None}, args=saved | {"max_steps": 2}).train()
    (tmp_path / "checkpoint-2/annealing.json").unlink()
    trainer = trainer_of(tmp_path, HEATS | {"step": 3}, args=saved | {"max_steps": 6})
    with caplog.at_level(logging.WARNING, "conet.llm.mixin"):
        trainer.train(resume_from_checkpoint=True)
    assert "written without annealing" in caplog.text
    assert "heating_started" in phases(trainer)


def test_a_pass_over_the_heat_set_is_counted_as_one(tmp_path: Path) -> None:
    """A micro-batch has room for eight demonstrations, and there are no more than four."""
    trainer = trainer_of(tmp_path, HEATS)
    trainer.train()
    logged = [row for row in trainer.state.log_history if "conet/heating_epoch" in row]
    assert [row["conet/heating_epoch"] for row in logged] == [1.0, 2.0]
    assert logged[0]["conet/heat_set/size"] <= 4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_whose_updates_are_rounded_away_are_said(tmp_path: Path, dtype: str, caplog: Any) -> None:
    trainer_of(tmp_path, HEATS, dtype=dtype)
    assert ("lost in their rounding" in caplog.text) is (dtype == "bfloat16")
    caplog.clear()
    trainer_of(tmp_path, HEATS, dtype=dtype, peft_config=LoraConfig(r=2, target_modules=["q_proj"]))
    assert "lost in their rounding" not in caplog.text
