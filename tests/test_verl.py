"""The trainer for verl, with stand-ins for verl: what it feeds, when it heats, on what, and what it leaves."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from conet.base.errors import ConetError
from conet.rollouts.pool import Demonstration
from conet.verl import batches
from conet.verl import trainer as module
from conet.verl.batches import Drawn, last_outputs
from conet.verl.settings import AnnealedSettings
from conet.verl.trainer import Annealed

END, LIMIT = 9, 6
PLAIN = {"heating": {"mode": "heat_at", "step": 3, "steps": 2, "min_samples": 16, "learning_rate": 1e-4}}


class Workers:
    """Stands for verl's worker group: notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin_heating(self, rate: float) -> None:
        self.calls.append(("begin", rate))

    def heat(self, items: list[Demonstration]) -> float:
        self.calls.append(("heat", [(one.prompt, one.tokens, one.own) for one in items]))
        return 1.0 / len(self.calls)

    def end_heating(self, clear: bool) -> None:
        self.calls.append(("end", clear))


class Verl:
    """Stands for verl's trainer: its steps, its checkpoints, and where it resumes from."""

    def __init__(self, config: Any, steps: int) -> None:
        self.config, self.total_training_steps, self.global_steps = config, steps, 0
        self.train_dataset = range(4)
        self.tokenizer = SimpleNamespace(eos_token_id=END, decode=lambda ids: " ".join(map(str, ids)))
        self.actor_rollout_wg = Workers()
        self.saved: list[int] = []
        self._load_checkpoint()

    def fit(self, until: int | None = None) -> None:
        self.on_train_begin()
        for step in range(self.global_steps + 1, (until or self.total_training_steps) + 1):
            self.global_steps = step
            self.metrics: dict[str, float] = {}
            self.step(self.metrics, {})
            if step % 2 == 0:
                self._save_checkpoint()

    def on_train_begin(self) -> None:
        pass

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, Any]) -> Any:
        return self.global_steps

    def _save_checkpoint(self) -> None:
        folder = Path(self.config.trainer.default_local_dir) / f"global_step_{self.global_steps}"
        assert (folder / "conet" / "annealing.json").exists()  # ours is whole before verl names the step
        self.saved.append(self.global_steps)

    def _load_checkpoint(self) -> None:
        if self.config.trainer.resume_mode == "disable":
            return
        found = Path(self.config.trainer.default_local_dir).glob("global_step_*")
        self.global_steps = max((int(path.name.rpartition("_")[2]) for path in found), default=0)


class Trainer(Annealed, Verl):
    """As verl's would be; the queue, the batch and the loss are stood in for too."""

    def __init__(self, config: Any, steps: int, asked: dict[str, Any], rollouts: Any) -> None:
        self.asked, self.rollouts = asked, rollouts
        super().__init__(config, steps)

    def drawn(self, batch: Any) -> list[Drawn]:
        return self.rollouts(batch)

    def batch_of(self, items: list[Demonstration]) -> Any:
        return items

    def loss_of(self, output: Any) -> float:
        return output


def config_of(folder: Path, **trainer: Any) -> Any:
    asked = {"default_local_dir": str(folder), "resume_mode": "auto", "resume_from_path": None} | trainer
    actor = SimpleNamespace(ppo_mini_batch_size=1, use_dynamic_bsz=True)
    return SimpleNamespace(
        trainer=SimpleNamespace(**asked),
        data=SimpleNamespace(max_response_length=LIMIT),
        actor_rollout_ref=SimpleNamespace(actor=actor, rollout=SimpleNamespace(n=8)),
    )


def wrong(prompt: list[int], count: int) -> list[Drawn]:
    return [Drawn(prompt, [1, END], [1, 1], 0.0)] * count


def group(step: int) -> list[Drawn]:
    """One problem solved once in 16 (by a new answer each step), one always, one never."""
    hard, easy, never = [5, 6], [7], [8, 8]
    right = Drawn(hard, [2, 3, step, END], [1, 1, 1, 1], 1.0)
    return [right, *wrong(hard, 15), *[Drawn(easy, [2, END], [1, 1], 1.0)] * 16, *wrong(never, 16)]


def trained(
    folder: Path, asked: dict[str, Any] = PLAIN, rollouts: Any = group, steps: int = 8, **more: Any
) -> Trainer:
    found = Trainer(config_of(folder, **more), steps, asked, rollouts)
    found.fit()
    return found


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "conet" / "events.jsonl").read_text().splitlines()]


def test_it_heats_once_on_the_hard_problem_with_its_own_answer(tmp_path):
    trainer = trained(tmp_path)
    item = ([5, 6], [2, 3, 1, END], None)  # of the shortest the oldest
    assert trainer.actor_rollout_wg.calls == [
        ("begin", 1e-4),
        ("heat", [item]),
        ("begin", 1e-4),
        ("heat", [item]),
        ("end", True),
    ]
    started = next(event for event in events(tmp_path) if event["event"] == "heating_started")
    assert (started["step"], started["eligible"], started["demonstrations"]) == (3, 1, 1)
    assert [event["event"] for event in events(tmp_path)].count("heating_ended") == 1
    row = json.loads((tmp_path / "conet" / "heat-3.jsonl").read_text())
    assert (row["prompt_ids"], row["completion_ids"], row["samples"]) == ([5, 6], [2, 3, 1, END], 48)
    assert row["accuracy"] == 3 / 48
    assert trainer.heating.done == 2
    assert trainer.metrics["conet/accuracy"] == 17 / 48
    assert trainer.metrics["conet/eligible"] == 1
    assert trainer.metrics["conet/pass_at_8"] == pytest.approx((1 + 0.5) / 3)  # 1 of 16, all, none
    assert trainer.metrics["conet/heat_now"] == 0.0


def test_momentum_may_be_kept_and_the_newest_answer_picked(tmp_path):
    asked = {"heating": PLAIN["heating"] | {"clear_momentum": False, "pick": "newest", "steps": 1}}
    calls = trained(tmp_path, asked).actor_rollout_wg.calls
    assert calls[1][1][0][1] == [2, 3, 3, END]
    assert calls[-1] == ("end", False)


def test_resumed_it_goes_on_as_if_it_had_never_stopped(tmp_path):
    whole = trained(tmp_path / "whole")
    first = Trainer(config_of(tmp_path / "parts"), 8, PLAIN, group)
    first.fit(until=3)  # the heating is done, and no checkpoint holds it
    second = Trainer(config_of(tmp_path / "parts"), 8, PLAIN, group)
    assert second.global_steps == 2
    second.fit()
    assert second.actor_rollout_wg.calls == whole.actor_rollout_wg.calls
    assert events(tmp_path / "parts") == events(tmp_path / "whole")
    third = Trainer(config_of(tmp_path / "parts"), 10, PLAIN, group)  # behind the heating
    third.fit()
    assert (third.actor_rollout_wg.calls, third.heating.done) == ([], 2)


def test_a_checkpoint_of_verl_alone_begins_the_detector_anew(tmp_path, capsys):
    (tmp_path / "global_step_4").mkdir(parents=True)
    trainer = trained(tmp_path)
    assert "the detector begins anew, at step 4" in capsys.readouterr().err
    assert [call[0] for call in trainer.actor_rollout_wg.calls][-1] == "end"


def test_a_damaged_state_is_named(tmp_path):
    trained(tmp_path)
    state = tmp_path / "global_step_8" / "conet" / "annealing.json"
    state.write_text(state.read_text().replace('"done": 2', '"done": 3'))
    with pytest.raises(ConetError, match="does not match its digest"):
        Trainer(config_of(tmp_path), 10, PLAIN, group)


def test_nothing_eligible_waits(tmp_path):
    def later(step: int) -> list[Drawn]:
        return group(step) if step >= 6 else wrong([5, 6], 16)

    trainer = trained(tmp_path, rollouts=later)
    names = [event["event"] for event in events(tmp_path)]
    assert names.index("heating_waits") < names.index("heating_started")
    assert trainer.heating.done == 2


def test_what_was_cut_off_or_written_by_tools_is_counted_and_not_learned(tmp_path):
    def drawn(step: int) -> list[Drawn]:
        cut = Drawn([5, 6], [2] * LIMIT, [1] * LIMIT, 1.0)
        tool = Drawn([7], [2, 4, 4, END], [1, 0, 0, 1], 1.0)
        return [cut, *wrong([5, 6], 15), tool, *wrong([7], 15)]

    trainer = trained(tmp_path, rollouts=drawn)
    assert trainer.actor_rollout_wg.calls[1] == ("heat", [([7], [2, 4, 4, END], [1, 0, 0, 1])])
    assert trainer.metrics["conet/correct_length"] == pytest.approx((LIMIT + 2) / 2)  # own tokens alone


def test_an_answer_that_ends_with_a_tools_is_no_demonstration(tmp_path):
    def drawn(step: int) -> list[Drawn]:
        said = Drawn([5, 6], [2, 4, END], [1, 0, 0], 1.0)
        return [said, *wrong([5, 6], 15)]

    assert not trained(tmp_path, rollouts=drawn).actor_rollout_wg.calls


def test_the_live_numbers_go_on_behind_a_checkpoint(tmp_path):
    """Lengths are compared with those at which a problem was first solved, before the checkpoint too."""

    def longer(step: int) -> list[Drawn]:
        return [Drawn([7], [2] * (1 if step < 3 else 3) + [END], [1] * (2 if step < 3 else 4), 1.0)] * 8

    first = Trainer(config_of(tmp_path), 8, PLAIN, longer)
    first.fit(until=2)
    second = Trainer(config_of(tmp_path), 8, PLAIN, longer)
    second.fit(until=3)
    assert second.metrics["conet/correct_length_within"] == 2.0


def test_scores_of_another_scale(tmp_path):
    def halved(step: int) -> list[Drawn]:
        return [one._replace(score=0.5 * one.score) for one in group(step)]

    assert not trained(tmp_path / "a", rollouts=halved).actor_rollout_wg.calls
    asked = PLAIN | {"correct": 0.5}
    assert trained(tmp_path / "b", asked, rollouts=halved).actor_rollout_wg.calls


def test_demonstrations_come_in_turn_over_updates(tmp_path):
    def many(step: int) -> list[Drawn]:
        groups = [[Drawn([9, n], [2, n, END], [1, 1, 1], 1.0), *wrong([9, n], 15)] for n in range(12)]
        return [one for group in groups for one in group]

    calls = trained(tmp_path, rollouts=many).actor_rollout_wg.calls  # 8 sequences an update
    problems = [[item[0][1] for item in call[1]] for call in calls if call[0] == "heat"]
    assert problems == [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"heating": {"harvest_samples": 64}}, "harvest_samples=64"),
        ({"heating": {"pick": "solution"}}, "pick=solution"),
        ({"heating": {"stepz": 1}}, "stepz"),
        ({"schedule": {"name": "sft_then_rlvr"}}, "begins with demonstrations"),
        ({"schedule": {"name": "temperature"}}, "sets options of the learner"),
        ({"schedule": {"name": "temperature", "cooling": "linear"}}, "sets options of the learner"),
        ({"schedule": {"name": "falling_rate"}}, "sets options of the learner"),
        ({"schedule": {"name": "clip_range"}}, "sets options of the learner"),
    ],
)
def test_what_verl_cannot_do_is_refused(asked, expected):
    with pytest.raises(ConetError, match=expected):
        AnnealedSettings.checked(asked).phases(100, 10, 8)


@pytest.mark.llm
def test_a_batch_has_the_tokens_and_a_loss_on_the_models_own(monkeypatch):
    pytest.importorskip("torch")
    names = ("verl", "verl.utils", "verl.utils.dataset", "verl.utils.dataset.dataset_utils")
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["verl.utils"].tensordict_utils = SimpleNamespace(
        get_tensordict=lambda some, rest: some | rest
    )
    sys.modules[names[-1]].DatasetPadMode = SimpleNamespace(NO_PADDING="none")
    chosen = {"step": 0, "correct_count": 1, "samples": 16}
    items = [Demonstration(0, [12, 13], prompt=[1, 2, 3], **chosen)]
    items += [Demonstration(1, [15, 16, 17], prompt=[4], own=[1, 0, 1], **chosen)]
    batch = batches.supervised(items, 4)  # two rows without a loss among them
    rows = {name: [row.tolist() for row in batch[name].unbind()] for name in ("input_ids", "loss_mask")}
    first, second = [1, 2, 3, 12, 13], [4, 15, 16, 17]
    assert rows["input_ids"] == [first, second, first, first]
    assert rows["loss_mask"] == [[0, 0, 0, 1, 1], [0, 1, 0, 1], [0] * 5, [0] * 5]
    assert [row.tolist() for row in batch["position_ids"].unbind()][1] == [0, 1, 2, 3]
    assert (batch["global_batch_size"], batch["temperature"]) == (4, 1.0)


def test_outputs_of_a_session():
    keys = ["a_0_0", "a_0_1", "a_1_0", "b_0_0", "pad", "a_0_2"]
    assert last_outputs(keys) == [2, 3, 4, 5]


def test_the_package_needs_no_verl():
    code = (
        "import sys; import conet.verl, conet.verl.trainer, conet.verl.settings, conet.verl.heating;"
        "sys.exit(any(name in sys.modules for name in ('verl', 'torch', 'tensordict', 'ray')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert not hasattr(module, "torch")
