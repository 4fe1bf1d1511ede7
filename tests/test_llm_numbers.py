"""Figures of a training that were once of something else: keys, passes, places, counts of all processes."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra [llm]")
pytestmark = pytest.mark.llm

import torch  # noqa: E402

from conet.llm import checkpoints, identity, train  # noqa: E402
from conet.llm.supervised import Supervised  # noqa: E402
from conet.llm.trainer import AnnealedTrainer  # noqa: E402
from conet.rollouts.pool import Pool, Rollout  # noqa: E402
from conet.runs import recipe  # noqa: E402
from conet.runs.recipe import Recipe  # noqa: E402
from conet.runs.recipe_problems import ProblemSettings  # noqa: E402

SMALL: dict[str, Any] = {
    "steps": 5,
    "checkpoint_every": 1,
    "flush_every": 1,
    "model.sizes": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
    },
    "problems.limit": 3,
    "problems.levels": [2],
    "warmup.steps": 60,
    "warmup.batch": 32,
    "warmup.levels": [2],
    "training.per_device_train_batch_size": 8,
    "training.num_generations": 4,
    "training.max_completion_length": 4,
    "training.logging_steps": 1,
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


def test_an_evaluation_is_named_after_what_reads_formulas() -> None:
    for verifier, there in (("math", True), ("minerva", True), ("numeric", False)):
        asked = identity.asked([], ProblemSettings(verifier=verifier), 4, {}, {})
        assert ("sympy" in asked["versions"]) is there


def test_a_heating_goes_on_where_it_was_when_batches_are_divided_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, batch, places = AnnealedTrainer.end_step, Supervised.heat_batch, []

    def stop(self: Any, step: int) -> None:
        whole(self, step)
        if step == 4:
            raise InterruptedError

    def noting(self: Any) -> Any:
        places.append(self.taught)
        return batch(self)

    monkeypatch.setattr(AnnealedTrainer, "end_step", stop)
    with pytest.raises(InterruptedError):
        train.run(small(), tmp_path / "run")
    monkeypatch.setattr(AnnealedTrainer, "end_step", whole)
    monkeypatch.setattr(Supervised, "heat_batch", noting)
    halves = {"training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": 2}
    train.go_on(tmp_path / "run", settings=halves)
    assert places == [2, 3, 4, 5]  # one update of one micro-batch is as far as one of two


def test_verdicts_of_all_processes_are_counted_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for a second process, whose verifier took too long for three samples."""
    monkeypatch.setattr("conet.llm.trainer.gather_object", lambda mine: [*mine, {"timeout": 3, "ok": 1}])
    run = train.run(small(steps=2, heating__mode="rlvr", heating__step=None), tmp_path / "run")
    state = checkpoints.read_state(run / "checkpoints/checkpoint-2")
    assert Counter(state["judged"])["timeout"] == 3
    log = json.loads((run / "checkpoints/checkpoint-2/trainer_state.json").read_text())["log_history"]
    assert log[0]["conet/verifier_timeouts"] == 3
    summary = json.loads((run / "summary.json").read_text())
    assert summary["verifier"]["timeout"] == 3


def test_a_problem_whose_only_solution_was_cut_off_is_not_counted_as_eligible() -> None:
    pool = Pool(10)
    wrong = [Rollout(problem, 0.0, [1], "", False) for problem in (0, 1) for _ in range(15)]
    pool.add(0, [*wrong, Rollout(0, 1.0, [1], "", True), Rollout(1, 1.0, [1], "", False)])
    assert pool.eligible(0.1, 16) == [1]
    assert pool.count_eligible(0.1, (8, 16, 32)) == [1, 1, 0]
