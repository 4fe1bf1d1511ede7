"""Trainings of a very small language model: phases, resuming, faults, recipes, the callback."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.llm
torch = pytest.importorskip("torch")

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from conet.base.errors import ConetError, Interrupted  # noqa: E402
from conet.diagnosis import diagnose  # noqa: E402
from conet.llm import checkpoints, models, sampling, train  # noqa: E402
from conet.report.drawing.lines import broken  # noqa: E402
from conet.runs import recipe  # noqa: E402
from conet.runs.recipe import Recipe  # noqa: E402
from conet.runs.run import Run  # noqa: E402

SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}
SMALL: dict[str, Any] = {
    "steps": 6,
    "checkpoint_every": 1,
    "flush_every": 2,
    "model.sizes": SIZES,
    "problems.limit": 4,
    "problems.levels": [2],
    "warmup.steps": 60,
    "warmup.batch": 32,
    "warmup.levels": [2],
    "training.per_device_train_batch_size": 8,
    "training.num_generations": 4,
    "training.max_completion_length": 4,
    "heating.mode": "heat_at",
    "heating.step": 2,
    "heating.steps": 3,
    "heating.harvest_samples": 16,
    "heating.min_samples": 16,
    "heating.max_accuracy": 1.0,
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def small(**changes: Any) -> Recipe:
    return recipe.load("tiny").override(
        SMALL | {key.replace("__", "."): value for key, value in changes.items()}
    )


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]


def weights(path: Path) -> dict[str, Any]:
    return load_file(path / "model/model.safetensors")


def observed() -> Recipe:
    return small().override({"observables": ["groups", "pass_at_k"]})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return train.run(observed(), tmp_path_factory.mktemp("llm") / "run")


class Moving:
    """Moves the directory of a run at one of its moments; another's stands there from then on."""

    def __init__(self, place: Path, moment: str) -> None:
        self.place, self.moment = place, moment
        self.others: dict[Path, bytes] = {}

    def __call__(self, moment: str) -> None:
        if moment == self.moment and not self.others:
            self.place.rename(self.place.with_name("moved"))
            for name in ("model/model.safetensors", "checkpoints/checkpoint-1/annealing.json", "thesis.txt"):
                file = self.place / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("another's")
            self.others = self.content()

    def content(self) -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in self.place.rglob("*") if file.is_file()}

    def show(self, what: str, done: int, total: int, state: str) -> None:
        self(f"{what} {done}")


@pytest.mark.parametrize("moment", ["warm-up step 2", "step 1", "step 2", "checkpoint-2"])
def test_a_training_whose_directory_was_moved_writes_into_no_other(tmp_path, monkeypatch, moment):
    """While the warm-up, an update, or the last update goes on, and between the last checkpoint and the model."""
    place = tmp_path / "run"
    moving, written = Moving(place, moment), checkpoints.write_state

    def write_state(folder: Path, state: Any) -> None:
        written(folder, state)
        moving(folder.name)

    monkeypatch.setattr(checkpoints, "write_state", write_state)
    with pytest.raises(ConetError, match="no longer the directory"):
        train.run(small(steps=2, warmup__steps=2, heating__mode="rlvr"), place, moving.show)
    assert moving.others
    assert moving.content() == moving.others


@pytest.mark.parametrize("every", [1, 4])
def test_a_summary_that_was_deleted_is_made_again(tmp_path, monkeypatch, every):
    """Also where making it again was killed: right behind the last checkpoint, or some updates behind it."""
    path = train.run(small(checkpoint_every=every, warmup__steps=5), tmp_path / "run")
    whole, summary = Run(path).metrics(), Run(path).summary()
    (path / "summary.json").unlink()
    with monkeypatch.context() as killing:
        killing.setattr(train, "build", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(Interrupted):
            train.go_on(path)
    assert Run(path).metrics().equals(whole)
    train.go_on(path)
    Run(path).verify()
    assert Run(path).metrics().equals(whole)
    again = Run(path).summary()
    for name in ("accuracy", "correct_length", "heating", "steps"):
        assert again[name] == summary[name]


def test_one_training_with_its_heating_inside(finished: Path) -> None:
    metrics = pl.read_parquet(finished / "metrics.parquet")
    assert metrics["step"].to_list() == list(range(6))
    assert metrics["phase"].to_list() == ["rlvr"] * 2 + ["heat"] * 3 + ["rlvr"]
    assert [event["event"] for event in events(finished)] == [
        "phase_started",
        "heating_started",
        "heating_ended",
        "phase_started",
    ]
    table = pl.read_parquet(finished / "rollouts/*.parquet")
    assert table.group_by("split").len().sort("split").rows() == [("train", 3 * 8), ("harvest", 4 * 16)]
    assert set(table.filter(pl.col("split") == "train")["step"]) == {0, 1, 5}
    solved = table.filter(pl.col("correct"))
    answers = pl.read_parquet(finished / "problems.parquet")
    for problem, text in solved.select("problem", "text").iter_rows():
        assert int(text.split("=")[-1]) == int(answers["answer"][problem])


def test_observables_of_rollouts_stand_in_the_metrics(finished: Path) -> None:
    metrics = pl.read_parquet(finished / "metrics.parquet")
    drawn = metrics.filter(pl.col("accuracy").is_not_null())
    assert drawn["pass_at_k.1"].to_list() == pytest.approx(drawn["accuracy"].to_list())
    assert (
        drawn["groups.mixed"] + drawn["groups.all_correct"] + drawn["groups.all_wrong"] - 1
    ).abs().max() < 1e-12
    assert (
        metrics.filter(pl.col("accuracy").is_null())["groups.mixed"].null_count()
        == metrics.height - drawn.height
    )


def test_heat_set_is_written_and_is_what_the_record_says(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "heat.jsonl").read_text().splitlines()]
    assert lines
    assert len(lines) == events(finished)[1]["eligible"]
    harvest = pl.read_parquet(finished / "rollouts/*.parquet").filter(pl.col("split") == "harvest")
    for line in lines:
        mine = harvest.filter(pl.col("problem") == line["problem"])
        assert line["samples"] == len(mine) == 16
        assert line["accuracy"] == pytest.approx(mine["correct"].mean())
        assert line["length"] == mine.filter(pl.col("correct"))["length"].min()  # the shortest
        assert line["messages"][-1]["content"] in mine.filter(pl.col("correct"))["text"].to_list()


def test_the_diagnosis_says_that_the_run_was_heated_when_why_and_on_what(finished: Path) -> None:
    found = diagnose(finished)
    (heating,) = found.findings["heatings"]
    started = events(finished)[1]
    assert (heating["step"], heating["ended_step"], heating["reason"]) == (2, 5, started["reason"])
    assert heating["eligible"] == started["eligible"]
    table = pl.read_parquet(finished / "rollouts/*.parquet").filter(pl.col("split") == "train")
    for when, steps in (("before", [0, 1]), ("after", [5])):
        part = table.filter(pl.col("step").is_in(steps))
        own = part.filter(pl.col("problem").is_in(started["problems"]))
        assert heating[f"accuracy_{when}"] == pytest.approx(part["correct"].mean())
        assert heating[f"heated_accuracy_{when}"] == pytest.approx(
            own["correct"].mean() if own.height else None
        )
    said = [line.text for line in found.headlines if line.text.startswith("The run was heated")]
    assert said[0].startswith("The run was heated from step 2 to 5 on ")
    (panel,) = found.view("correct-length").panels
    assert [(band.low, band.high) for band in panel.bands] == [(2, 5)]
    assert "heating_started" in [mark.name for mark in panel.marks]
    x, y = broken(*(np.array(values, float) for values in (panel.series[0].x, panel.series[0].y)), [(2, 5)])
    assert np.isnan(y).tolist() == [False, False, True, False]
    assert x.tolist() == [0, 1, 2, 5]


class Stopped(Exception):
    pass


@pytest.mark.parametrize("moment", [1, 4, 6])
def test_resumed_is_the_same_bit_for_bit(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    from conet.llm.trainer import AnnealedTrainer

    whole = AnnealedTrainer.end_step

    def stop(self: Any, step: int) -> None:
        whole(self, step)
        if step == moment:  # before this step's checkpoint; 4 is in the middle of heating
            raise Stopped

    monkeypatch.setattr(AnnealedTrainer, "end_step", stop)
    with pytest.raises(Stopped):
        train.run(observed(), tmp_path / "run")
    monkeypatch.setattr(AnnealedTrainer, "end_step", whole)
    torn = tmp_path / "run/checkpoints/checkpoint-9"
    torn.mkdir()  # what a kill while saving leaves
    train.go_on(tmp_path / "run")
    one, other = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert events(finished) == events(tmp_path / "run")
    for name in ("metrics.parquet", "rollouts/*.parquet"):
        assert pl.read_parquet(finished / name).rows() == pl.read_parquet(tmp_path / "run" / name).rows()
    assert (finished / "heat.jsonl").read_text() == (tmp_path / "run/heat.jsonl").read_text()


@pytest.mark.long
def test_settings_that_change_on_resuming_hold_from_there_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conet.llm.trainer import AnnealedTrainer

    whole, run = AnnealedTrainer.end_step, tmp_path / "run"

    def stopping(at: int) -> None:
        def stop(self: Any, step: int) -> None:
            whole(self, step)
            if step == at:
                raise Stopped

        monkeypatch.setattr(AnnealedTrainer, "end_step", stop)

    plain = small(heating__mode="rlvr", heating__step=None)
    stopping(3)
    with pytest.raises(Stopped):
        train.run(plain, run)
    halves = {"training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": 2}
    changes = {"steps": 5, "training.learning_rate": 0.00125, **halves}
    stopping(4)  # after the change, and after a checkpoint that has it: later it need not be said again
    with pytest.raises(Stopped):
        train.go_on(run, settings=changes)
    monkeypatch.setattr(AnnealedTrainer, "end_step", whole)
    with pytest.raises(ConetError, match=r"--set seed of a training that goes on"):
        train.go_on(run, settings={"seed": 1})
    with pytest.raises(ConetError, match="completions an update"):
        train.go_on(run, settings={"training.per_device_train_batch_size": 2})
    train.go_on(run)
    metrics = pl.read_parquet(run / "metrics.parquet")
    rate = recipe.load("tiny").training["learning_rate"]
    assert metrics["learning_rate"].to_list() == pytest.approx([rate] * 2 + [0.00125] * 3)
    noted = [event for event in events(run) if event["event"] == "settings_changed"]
    assert [(event["step"], event["changes"]) for event in noted] == [(2, changes)]
    asked = (
        pl.read_parquet(run / "rollouts/*.parquet").group_by("step").agg(pl.col("problem").unique().sort())
    )
    other = train.run(plain.override({"steps": 5}), tmp_path / "other")
    same = (
        pl.read_parquet(other / "rollouts/*.parquet").group_by("step").agg(pl.col("problem").unique().sort())
    )
    assert asked.sort("step").rows() == same.sort("step").rows()  # the same problems, in the same order
    with pytest.raises(ConetError, match="which is finished"):
        train.go_on(run, settings={"steps": 9})


def test_no_problem_eligible_goes_on(tmp_path: Path) -> None:
    run = train.run(small(steps=3, heating__max_accuracy=0.001), tmp_path / "run")
    found = [(event["step"], event["event"], event.get("eligible")) for event in events(run)]
    assert found == [(0, "phase_started", None), (2, "heating_waits", 0), (3, "heating_skipped", 0)]
    assert pl.read_parquet(run / "metrics.parquet")["phase"].to_list() == ["rlvr"] * 3
    assert json.loads((run / "summary.json").read_text())["heat"]["eligible"] == 0
    assert not (run / "heat.jsonl").exists()


ROOT = Path(__file__).parents[1]
OWN = {
    "sft_then_rlvr": {"heating.steps": 2},
    "temperature": {"schedule.entropy_target": 4.0},
    "temperature, all of it": {
        "schedule.entropy_share": 0.999,
        "schedule.entropy_top": 0.7,
        "schedule.sft_every": 2,
        "heating.harvest_samples": 0,
        "heating.min_samples": 2,
    },
    "docs/skeletons/schedule.py:my_schedule": {"schedule.cycles": 2},
    "examples/my_schedule.py:curriculum": {"schedule.start": 0.5, "schedule.known": 1.0},
}


@pytest.mark.parametrize("name", list(OWN))
@pytest.mark.long
def test_schedules_of_walks_train_language_models_and_resume_bit_for_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conet.llm.trainer import AnnealedTrainer

    monkeypatch.chdir(ROOT)
    settings = small(heating__mode=None, heating__harvest_samples=16).override(
        {"schedule.name": name.partition(",")[0], **OWN[name]}
    )
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
    train.go_on(tmp_path / "run")
    one, other = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert events(finished) == events(tmp_path / "run")
    metrics = pl.read_parquet(finished / "metrics.parquet")
    assert metrics.rows() == pl.read_parquet(tmp_path / "run/metrics.parquet").rows()
    phases, table = metrics["phase"].to_list(), pl.read_parquet(finished / "rollouts/*.parquet")
    if name == "sft_then_rlvr":
        assert phases == ["sft"] * 2 + ["rlvr"] * 4
    elif name == "temperature":
        held = metrics["option.entropy"].to_list()
        assert held[0] == 0.0
        assert max(held) > 0.01  # the policy of this small model knows fewer than 4 nats
    elif name.startswith("temperature"):
        assert metrics["option.entropy_top"].drop_nulls().unique().to_list() == [0.7]
        assert max(metrics["option.entropy"].drop_nulls()) > 0
        assert "heat" in phases
    elif "skeleton" in name:
        assert phases == ["rlvr"] * 3 + ["heat"] + ["rlvr"] * 2
        rates = metrics["option.learning_rate"].to_list()
        rate = recipe.load("tiny").training["learning_rate"]
        cosine = [rate * (0.1 + 0.45 * (1 + math.cos(math.pi * step / 6))) for step in range(6)]
        assert rates == pytest.approx([*cosine[:3], 1e-4, *cosine[4:]])
    else:
        assert phases == ["few"] * 3 + ["all"] * 3
        asked = table.filter(pl.col("step") < 3)
        assert set(asked["problem"]) == {0, 1}
        assert asked.group_by("problem").len()["len"].to_list() == [12, 12]


def test_a_training_killed_after_another_heating_than_that_of_its_checkpoint_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second heat set must not take the place of the first, of which the checkpoint has the digest."""
    from conet.llm.trainer import AnnealedTrainer

    settings = small(heating__mode=None, checkpoint_every=3, heating__harvest_samples=0).override(
        {"schedule.name": "temperature", "schedule.sft_every": 2, "heating.min_samples": 2}
    )
    finished, whole = train.run(settings, tmp_path / "whole"), AnnealedTrainer.end_step

    def stop(self: Any, step: int) -> None:
        whole(self, step)
        if step == 5:  # where the third heating begins; the last checkpoint is of step 3
            raise Stopped

    monkeypatch.setattr(AnnealedTrainer, "end_step", stop)
    with pytest.raises(Stopped):
        train.run(settings, tmp_path / "run")
    monkeypatch.setattr(AnnealedTrainer, "end_step", whole)
    train.go_on(tmp_path / "run")
    sets = sorted(file.name for file in finished.glob("heat*.jsonl"))
    assert sets == ["heat-3.jsonl", "heat-5.jsonl", "heat.jsonl"]
    for name in sets:
        assert (finished / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    one, other = weights(finished), weights(tmp_path / "run")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_pool_of_training_rollouts_and_reference_solutions(tmp_path: Path) -> None:
    changes = {
        "steps": 5,
        "heating__harvest_samples": 0,
        "heating__min_samples": 4,
        "heating__pick": "solution",
    }
    run = train.run(small(heating__step=4, heating__steps=1, **changes), tmp_path / "run")
    lines = [json.loads(line) for line in (run / "heat.jsonl").read_text().splitlines()]
    problems = pl.read_parquet(run / "problems.parquet")
    assert lines
    assert all(line["messages"][-1]["content"] == problems["solution"][line["problem"]] for line in lines)
    assert not (pl.read_parquet(run / "rollouts/*.parquet")["split"] == "harvest").any()


def test_accumulation_and_lora(tmp_path: Path) -> None:
    lora = {"r": 2, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    changes = {"training.gradient_accumulation_steps": 2, "model.lora": lora}
    run = train.run(small().override(changes), tmp_path / "run")
    assert pl.read_parquet(run / "metrics.parquet")["phase"].to_list() == ["rlvr"] * 2 + ["heat"] * 3 + [
        "rlvr"
    ]
    assert (run / "model/adapter_model.safetensors").exists()
    moved = run.rename(tmp_path / "moved")
    shutil.copytree(moved / "start", run / "start")
    for file in (run / "start").glob("*.safetensors"):  # what stands there now is another's
        file.write_bytes(b"")
    where = recipe.ModelSettings(path=str(moved / "model"))
    loaded, _ = models.load(where, 0)
    assert sum("lora_" in name for name, _ in loaded.named_parameters()) == 4
    for name, weight in load_file(moved / "start/model.safetensors").items():
        if name.endswith("v_proj.weight"):
            found = name.replace("v_proj.weight", "v_proj.base_layer.weight")
            assert torch.equal(dict(loaded.named_parameters())[found], weight)
    with pytest.raises(ConetError, match="adapters of a LoRA"):
        sampling.engine_of(where, "vllm")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.lerning_rate": 1.0}, "did you mean 'training.learning_rate'"),
        ({"training.report_to": "clearml"}, "pip install clearml"),
        ({"training.report_to": "wanddb"}, "did you mean 'wandb'"),
        ({"model.dtype": "bfloat16"}, "most of which would never move"),
        ({"training.num_generations": 3}, "training options"),
        ({"model.path": "/no/such/model"}, "model /no/such/model"),
        ({"model.path": "nobody/nothing-of-this-name", "model.tokenizer": None}, "name a local directory"),
        ({"model.gguf": "no_such_package:x.gguf", "model.tokenizer": None}, "no package no_such_package"),
        ({"problems.source": "hub:nobody/nothing"}, "name a local file"),
        ({"problems.verifier": "exakt"}, "did you mean 'exact'"),
        ({"model.architecture": "lama"}, "model random lama"),
        ({"model.sizes": SIZES | {"num_attention_heads": 3}}, "sizes that fit each other"),
        ({"model.sizes": SIZES | {"hidden_size": -4}}, "sizes that fit each other"),
        ({"model.sizes": SIZES | {"vocab_size": 3}}, "sizes that fit each other"),
        ({"observables": ["topology"]}, "'topology', which needs web, on a language model"),
        ({"observables": ["gruops"]}, "did you mean 'groups'"),
        ({"problems.limit": 1}, "got 1 problems; expected at least the 2 of one step"),
    ],
)
def test_faults_are_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConetError, match=message) as caught:
        train.run(small().override(changes), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_metrics_go_where_the_user_asks(tmp_path: Path) -> None:
    events_of = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train.run(small(steps=2, training__report_to="tensorboard", heating__mode="rlvr"), tmp_path / "run")
    (file,) = run.rglob("events.out*")
    found = events_of.EventAccumulator(str(file))
    found.Reload()
    assert "train/conet/correct_length" in found.Tags()["scalars"]


def test_evaluations_during_training_are_of_problems_held_out(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "steps": 4,
        "problems.limit": 6,
        "problems.held_out": 2,
        "training.eval_strategy": "steps",
        "training.eval_steps": 2,
        "training.per_device_eval_batch_size": 8,
    }
    run = train.run(small().override(changes), tmp_path / "run")
    table = pl.read_parquet(run / "rollouts/*.parquet")
    evaluated = table.filter(pl.col("split") == "eval")
    assert sorted(set(evaluated["problem"])) == [4, 5]
    assert sorted(set(evaluated["step"])) == [2, 4]
    assert evaluated.height == 2 * 2 * 4
    assert set(table.filter(pl.col("split") != "eval")["problem"]) <= set(range(4))
    assert pl.read_parquet(run / "problems.parquet").height == 6
    found = diagnose(run).findings["validation"]
    assert (found["steps"], found["samples"]) == (2, 16)
    with pytest.raises(ConetError, match=r"eval_strategy=steps and no problems .* problems\.held_out=64"):
        train.run(small().override(changes | {"problems.held_out": 0}), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_out_of_memory_is_one_line() -> None:
    with pytest.raises(ConetError, match=r"lower training\.per_device"), train.out_of_memory():
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_disk_that_is_full_when_a_generation_is_kept_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch writes past Python, and raised an error that says nothing of a disk."""
    from conet.llm.trainer import AnnealedTrainer

    monkeypatch.setattr(AnnealedTrainer, "_generation_file", lambda self, folder: Path("/dev/full"))
    settings = small(heating__mode="rlvr", checkpoint_every=1).override({"training.num_iterations": 2})
    with pytest.raises(ConetError, match="iostream error") as found:
        train.run(settings, tmp_path / "run")
    assert f"conet llm resume {tmp_path / 'run'}" in str(found.value)


@pytest.mark.parametrize("name", ["tiny", "smollm2", "deepscaler-1.5b-8gpu"])
def test_every_recipe_starts(tmp_path: Path, name: str) -> None:
    """With random weights of the same architecture, on a CPU; all else as shipped but for sizes."""
    shipped = recipe.load(name)
    changes: dict[str, Any] = {
        "model.path": None,
        "model.gguf": None,
        "model.tokenizer": "characters",
        "model.sizes": SIZES,
        "model.alphabet": "".join(map(chr, range(32, 127))) + "\n",
        "model.dtype": "float32",
        "problems.source": "arithmetic",
        "problems.chat": False,
        "problems.limit": 4,
        "problems.held_out": 2 if shipped.problems.held_out else 0,
        "problems.verifier": "numeric",
        "warmup.steps": min(2, shipped.warmup.steps),
        "steps": 2,
        "heating.harvest_samples": 0,
        "heating.min_samples": 1,
        "training.per_device_train_batch_size": 8,
        "training.max_completion_length": 4,
        "training.bf16": False,
        "training.gradient_accumulation_steps": 1,
        "training.steps_per_generation": 1,
        "training.eval_steps": 2,
        "training.use_cpu": True,
        "training.use_vllm": False,
    }
    run = train.run(shipped.override(changes), tmp_path / "run")
    assert json.loads((run / "summary.json").read_text())["steps"] == 2
    assert Run(run).config.model.architecture == shipped.model.architecture
    splits = set(pl.read_parquet(run / "rollouts/*.parquet")["split"])
    assert splits == ({"train", "eval"} if shipped.problems.held_out else {"train"})


TWO_RANKS = """
import hashlib, sys
from pathlib import Path
from conet.runs.recipe import Recipe
from conet.llm import train
settings, out = Recipe.from_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
finish = train._finish
def tell(trainer, path, seconds):
    digest = hashlib.sha256()
    for value in trainer.model.state_dict().values():
        digest.update(value.numpy().tobytes())
    rank = trainer.accelerator.process_index
    phases = [event["event"] for event in trainer.annealing.events]
    (out.parent / f"rank-{rank}").write_text(f"{digest.hexdigest()} {trainer.accelerator.num_processes} {phases}")
    finish(trainer, path, seconds)
train._finish = tell
train.run(settings, out)
"""


@pytest.mark.long
def test_two_processes_stay_alike(tmp_path: Path) -> None:
    settings = small().override(
        {
            "training.per_device_train_batch_size": 4,
            "warmup.steps": 0,
            "heating.min_samples": 1,
            "heating.max_accuracy": 2.0,
        }
    )
    (tmp_path / "recipe.json").write_text(settings.to_json())
    (tmp_path / "go.py").write_text(TWO_RANKS)
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_port",
        "29717",
    ]
    script = [tmp_path / "go.py", tmp_path / "recipe.json", tmp_path / "run"]
    done = subprocess.run(
        [*launcher, *map(str, script)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, other = ((tmp_path / f"rank-{rank}").read_text() for rank in (0, 1))
    assert one == other
    assert " 2 [" in one
    table = pl.read_parquet(tmp_path / "run/rollouts/*.parquet")
    assert len(table.filter((pl.col("split") == "train") & (pl.col("step") == 0))) == 8


def test_callback_logs_in_a_plain_trainer(tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from conet.llm.callback import ConetCallback

    model, tokenizer = models.load(small().model, 0)
    watcher = ConetCallback(min_samples=4, start_updates=1, start_correct=1)

    def reward(completions: list[str], **_: Any) -> list[float]:
        return [float(len(completion) % 2) for completion in completions]

    trainer = GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[watcher.watch(reward)],
        callbacks=[watcher],
        train_dataset=Dataset.from_dict({"prompt": ["1+2=", "3+4="]}),
        args=GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=3,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=4,
            logging_steps=1,
            report_to="none",
            use_cpu=True,
            bf16=False,
            save_strategy="no",
        ),
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "conet/accuracy" in row]
    assert len(logged) == 3
    assert all(row["conet/accuracy"] == pytest.approx(row["reward"]) for row in logged)
    assert {"conet/correct_length", "conet/heat_now", "conet/eligible"} <= set(logged[-1])
    assert len(watcher.pool.counts) == 2


def test_evaluation_resumes_and_agrees_with_its_record(finished: Path, tmp_path: Path) -> None:
    from conet.llm import evaluate, identity, problems

    settings = Run(finished).config
    found = problems.load(settings.problems.model_copy(update={"limit": 12}))
    where = settings.model.model_copy(update={"path": str(finished / "model"), "tokenizer": None})
    drawn = sampling.sampling_of(settings.options())
    generate = sampling.generator(where, 4, drawn, 64, 0)
    asked = identity.asked(found, settings.problems, 8, identity.of_model(where, 0), drawn, length=4, seed=0)
    calls: list[int] = []

    def counted(prompts: list[Any], seed: int) -> list[tuple[list[int], str, bool]]:
        calls.append(len(prompts))
        if len(calls) == 2:
            raise Stopped
        return generate(prompts, seed)

    out = tmp_path / "eval"
    with pytest.raises(Stopped):
        evaluate.evaluate(counted, found, settings.problems, asked, out)
    result = evaluate.evaluate(counted, found, settings.problems, asked, out)
    assert calls == [64, 32, 32]  # the first file was not made again
    whole = evaluate.evaluate(generate, found, settings.problems, asked, tmp_path / "whole")
    assert whole["mean"] == result["mean"]  # an interrupted evaluation ends with the same answers
    rows = pl.concat([pl.read_parquet(path) for path in out.rglob("*.parquet")])
    assert result["mean"]["value"] == pytest.approx(rows["correct"].mean())
    assert result["pass_at_k"]["1"]["value"] == pytest.approx(result["mean"]["value"])
    assert result["pass_at_k"]["8"]["value"] >= result["best_at_k"]["8"]["value"]
    assert result["verifier"] == {"ok": 96}
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").touch()
    with pytest.raises(ConetError, match="not empty"):
        evaluate.evaluate(counted, found, settings.problems, asked, tmp_path / "other")


def test_a_box_in_the_reasoning_is_no_vote() -> None:
    from conet.llm import evaluate

    texts = [r"<think>\boxed{7}</think> \boxed{8}"] * 2 + [r"<think>\boxed{7}</think>8"]
    texts += [r"\boxed{7}", r"\boxed{7}"]
    rows = {"problem": [0] * 5, "text": texts, "correct": [True] * 2 + [False] * 3, "length": [9] * 5}
    rows |= {"truncated": [False] * 5, "status": ["ok"] * 5}
    assert evaluate.summarise(pl.DataFrame(rows), 5)["majority"]["value"] == 1.0


@pytest.mark.parametrize(
    "changed",
    [
        *("model", "length", "temperature", "file", "verifier", "samples", "seed", "engine"),
        *("dtype", "tokenizer", "alphabet", "base"),
    ],
)
def test_what_answers_depend_on_is_in_the_key(finished: Path, tmp_path: Path, changed: str) -> None:
    from conet.llm import identity, problems

    place = tmp_path / "problems.jsonl"
    place.write_text('{"problem": "1+1=", "answer": "2"}\n')
    (tmp_path / "mine.py").write_text("def judge(completion, gold): return 1.0\n")
    settings = Run(finished).config

    def key(**other: Any) -> str:
        asked = settings.problems.model_copy(
            update={"source": str(place), "verifier": f"{tmp_path}/mine.py:judge"}
        )
        path = str(finished / other.pop("folder", "model"))
        where = {"path": path, "tokenizer": None} | other.pop("where", {})
        model = identity.of_model(settings.model.model_copy(update=where), 0)
        sampling = {"temperature": other.pop("temperature", 1.0)}
        samples = other.pop("samples", 8)
        how = {"length": 4, "engine": "transformers", "seed": 0} | other
        return identity.name_of(identity.asked(problems.load(asked), asked, samples, model, sampling, **how))

    base, lora = tmp_path / "base", tmp_path / "lora"
    for folder in (base, lora):
        folder.mkdir()
    (base / "config.json").write_text("{}")
    (lora / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    first = {"base": {"where": {"path": str(lora)}}, "alphabet": {"where": {"tokenizer": "characters"}}}
    before = key(**first.get(changed, {}))
    assert before == key(**first.get(changed, {}))
    if changed == "base":
        (base / "config.json").write_text('{"hidden_size": 8}')
    elif changed == "file":
        place.write_text('{"problem": "1+1=", "answer": "3"}\n')
    elif changed == "verifier":
        (tmp_path / "mine.py").write_text("def judge(completion, gold): return 0.0\n")
    other = {"model": {"folder": "start"}, "length": {"length": 5}, "temperature": {"temperature": 0.6}}
    other |= {"samples": {"samples": 4}, "seed": {"seed": 1}, "engine": {"engine": "vllm"}}
    other |= {"dtype": {"where": {"dtype": "bfloat16"}}, "base": first["base"]}
    other |= {"tokenizer": {"where": {"tokenizer": str(finished / "start")}}}
    other |= {"alphabet": {"where": {"tokenizer": "characters", "alphabet": "01"}}}
    if changed != "engine":
        assert key(**other.get(changed, {})) != before


def test_a_models_own_sampling_settings_count_in_no_rollout(finished: Path) -> None:
    """A ban on repeated tokens in the model's directory changes neither training nor evaluation."""
    settings = Run(finished).config
    where = settings.model.model_copy(update={"path": str(finished / "model"), "tokenizer": None})
    drawn = []
    for own in ({}, {"no_repeat_ngram_size": 1, "repetition_penalty": 9.0, "top_k": 1, "min_p": 0.9}):
        model, tokenizer = models.load(where, 0)
        model.generation_config.update(**own)
        generate = sampling.transformers_generator(model, tokenizer, 4, sampling.sampling_of({}), 64)
        drawn.append(generate(["1+1="] * 64, 0))
    assert drawn[0] == drawn[1]


def test_a_trained_model_keeps_the_sampling_settings_it_came_with(finished: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(finished / "model", model)
    place = model / "generation_config.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"repetition_penalty": 1.3}))
    changes = {"model.path": str(model), "model.tokenizer": None, "warmup.steps": 0, "steps": 1}
    settings = recipe.load("tiny").override(SMALL | changes | {"heating.mode": "rlvr", "heating.step": None})
    run = train.run(settings, tmp_path / "run")
    assert json.loads((run / "model/generation_config.json").read_text())["repetition_penalty"] == 1.3
