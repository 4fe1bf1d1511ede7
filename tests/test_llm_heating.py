"""What a heating does to a training: its loss, its dose, and that GRPO goes on as if it had not been."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from test_llm_train import SMALL  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from conet.llm import train  # noqa: E402
from conet.llm.curriculum import epoch  # noqa: E402
from conet.llm.models import tokenizer_of  # noqa: E402
from conet.llm.supervised import Supervised  # noqa: E402
from conet.llm.trainer import AnnealedTrainer  # noqa: E402
from conet.runs import recipe  # noqa: E402
from conet.runs.momentum import clear_momentum  # noqa: E402

pytestmark = pytest.mark.llm


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def settings(changes: dict[str, Any]) -> recipe.Recipe:
    return recipe.load("tiny").override(SMALL | changes)


# One update of plain gradient descent on demonstrations of unequal lengths, over two micro-batches, at a
# sampling temperature of 0.5. Also run as a script, by several processes.
ONE_UPDATE = {
    "steps": 1,
    "problems.limit": 6,
    "problems.levels": [2, 3],
    "heating.mode": None,
    "schedule.name": "sft_then_rlvr",
    "heating.steps": 1,
    "heating.learning_rate": 0.1,
    "training.optim": "sgd",
    "training.max_grad_norm": 1e9,
    "training.temperature": 0.5,
    "training.per_device_train_batch_size": 2,
    "training.gradient_accumulation_steps": 2,
    "training.num_generations": 4,
}


def one_update(run: Path) -> None:
    """Make it, and write down what was learned from."""
    prepare = Supervised.prepare

    def noting(self: Any, index: int) -> Any:
        found = prepare(self, index)
        if self.is_world_process_zero():
            rows = [[item.problem, list(item.tokens)] for item in self.annealing.demonstrations]
            run.with_suffix(".json").write_text(json.dumps(rows))
        return found

    AnnealedTrainer.prepare = noting  # type: ignore[method-assign]
    try:
        train.run(settings(ONE_UPDATE), run)
    finally:
        del AnnealedTrainer.prepare


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.long
def test_the_loss_is_the_mean_over_the_tokens_of_an_update(tmp_path: Path, processes: int) -> None:
    run = tmp_path / "run"
    if processes == 1:
        one_update(run)
    else:
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
        subprocess.run([*command, __file__, str(run)], check=True, timeout=280, capture_output=True)
    known = json.loads(run.with_suffix(".json").read_text())
    chosen = [known[place % len(known)] for place in range(4 * processes)]
    assert len({len(tokens) for _, tokens in chosen}) > 1
    model = AutoModelForCausalLM.from_pretrained(run / "start")
    tokenizer = tokenizer_of(recipe.ModelSettings(path=str(run / "start")))
    questions = pl.read_parquet(run / "problems.parquet")["question"]
    total, count = torch.zeros(()), 0
    for problem, tokens in chosen:
        asked = tokenizer(questions[problem])["input_ids"]
        scores = model(torch.tensor([[*asked, *tokens]])).logits[0, len(asked) - 1 : -1].log_softmax(-1)
        total = total - scores.gather(1, torch.tensor(tokens)[:, None]).sum()
        count += len(tokens)
    (total / count).backward()
    trained = AutoModelForCausalLM.from_pretrained(run / "model").state_dict()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(trained[name], weight.detach() - 0.1 * weight.grad, rtol=1e-4, atol=1e-6)


def test_momentum_is_cleared_when_heating_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[bool, list[float]] = {True: [], False: []}
    end = AnnealedTrainer.end_step

    def noting(self: Any, step: int) -> None:
        end(self, step)
        states = self.optimizer.optimizer.state.values()
        sizes[self.annealing.settings.clear_momentum].append(
            float(sum(state["exp_avg"].abs().sum() for state in states))
        )

    monkeypatch.setattr(AnnealedTrainer, "end_step", noting)
    for cleared in (True, False):
        train.run(settings({"heating.clear_momentum": cleared}), tmp_path / str(cleared))
    assert [size > 0 for size in sizes[False][:5]] == [True] * 5
    assert [size > 0 for size in sizes[True][:5]] == [True] * 4 + [False]  # heating is updates 2, 3 and 4


def test_only_the_first_moment_is_cleared() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    assert clear_momentum(optimizer) == 0
    (weight**2).sum().backward()
    optimizer.step()
    assert clear_momentum(optimizer) == 1
    assert not optimizer.state[weight]["exp_avg"].any()
    assert optimizer.state[weight]["exp_avg_sq"].all()


def test_heating_draws_no_prompts_and_its_rate_is_the_one_that_is_logged(tmp_path: Path) -> None:
    changes = {"problems.limit": 8, "steps": 7, "heating.learning_rate": 0.0123}
    heated = train.run(settings(changes), tmp_path / "heated")
    plain = train.run(settings(changes | {"heating.mode": "rlvr", "heating.step": None}), tmp_path / "plain")

    def asked(run: Path) -> list[list[int]]:
        table = pl.read_parquet(run / "rollouts/*.parquet").filter(pl.col("split") == "train")
        return [sorted(set(rows["problem"])) for _, rows in sorted(table.group_by("step"))]

    assert len(asked(heated)) == 4  # of 7 updates 3 are heating
    assert asked(heated) == asked(plain)[:4]
    assert sorted(problem for part in asked(plain)[:4] for problem in part) == list(range(8))  # an epoch
    metrics = pl.read_parquet(heated / "metrics.parquet")
    rate = recipe.load("tiny").training["learning_rate"]
    assert metrics["learning_rate"].to_list() == [rate] * 2 + [0.0123] * 3 + [rate] * 2


def test_the_logged_rate_of_the_trainer_is_the_one_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers: list[Any] = []
    end = AnnealedTrainer.end_step
    monkeypatch.setattr(
        AnnealedTrainer, "end_step", lambda self, step: (end(self, step), trainers.append(self))
    )
    changes = {"heating.learning_rate": 0.0123, "training.lr_scheduler_type": "linear", "steps": 4}
    train.run(settings(changes), tmp_path / "run")
    rate = recipe.load("tiny").training["learning_rate"]
    logged = [row["learning_rate"] for row in trainers[0].state.log_history if "learning_rate" in row]
    assert logged == pytest.approx([rate, rate * 0.75, 0.0123, 0.0123])


def test_an_epoch_asks_each_problem_once_in_another_order() -> None:
    seen = [epoch(9, 2, generation, seed=3) for generation in range(8)]
    for first in (0, 4):
        whole = [problem for part in seen[first : first + 4] for problem in part]
        assert len(set(whole)) == 8
    assert seen[:4] != seen[4:]
    assert [epoch(9, 2, generation, 3, shuffle=False) for generation in (0, 3, 4)] == [[0, 1], [6, 7], [0, 1]]


@pytest.mark.long
def test_heating_takes_no_more_memory_than_grpo() -> None:
    """At a vocabulary of 151,936: the logits of all tokens, and their gradient, would take 600 MiB more."""
    script = Path(__file__).parents[1] / "verification/heating_memory.py"
    command = [sys.executable, "-W", "ignore", str(script), "--tokens", "64", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["logits_mib"] > 250
    peaks = {
        name: max(peak for phase, peak in found["peaks"] if phase == name) for name in ("GRPO", "heating")
    }
    assert [phase for phase, _ in found["peaks"]] == ["GRPO", "GRPO", "heating", "GRPO"]
    # Two updates of GRPO differ by some 40 MiB: memory is given back late.
    assert peaks["heating"] <= peaks["GRPO"] + 0.3 * found["logits_mib"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    one_update(Path(sys.argv[1]))
