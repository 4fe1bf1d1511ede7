"""Parts of language-model training that need no tensors: recipes, problems, pool, phases, tables."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conet.base.errors import ConetError
from conet.llm import arithmetic, problems, recipe
from conet.llm.annealing import Annealing
from conet.llm.pool import Pool, Rollout
from conet.llm.recipe import HeatingSettings, ProblemSettings
from conet.llm.record import Record, metrics_row
from conet.rollouts import per_problem, schema


def rollout(problem: int, reward: float, length: int = 3, text: str = "") -> Rollout:
    return Rollout(problem, reward, list(range(length)), text, False)


def test_arithmetic_solutions_are_right() -> None:
    rng = np.random.default_rng(0)
    for careful in (0.0, 0.5, 1.0):
        for count in (2, 5, 8):
            numbers = arithmetic.terms(rng, count)
            chain = arithmetic.solution(numbers, rng, careful)
            assert all(sum(map(int, link.split("+"))) == sum(numbers) for link in chain.split("="))
            assert chain.split("=")[-1] == str(sum(numbers))
            assert careful < 1 or chain.count("=") == count - 2
    made = arithmetic.problems(30, [2, 3], 5)
    assert made == arithmetic.problems(30, [2, 3], 5)
    assert len({row["problem"] for row in made}) == 30


def test_pool_needs_more_samples_than_a_group() -> None:
    pool = Pool(window=10)
    group = [rollout(0, 1.0, 9)] + [rollout(0, 0.0)] * 7
    pool.add(0, group)
    assert pool.demonstrations(0.1, 1, "shortest") == []  # 1 of 8 is not below 0.1
    pool.add(1, [rollout(0, 0.0)] * 8 + [rollout(1, 0.0)] * 8)
    (found,) = pool.demonstrations(0.1, 16, "shortest")
    assert (found.problem, found.correct_count, found.samples, len(found.tokens)) == (0, 1, 16, 9)
    assert pool.demonstrations(0.1, 17, "shortest") == []
    pool.add(10, [])
    assert pool.demonstrations(0.1, 1, "shortest") == []  # step 0 is out of the window


def test_pool_picks() -> None:
    pool = Pool(window=100)
    for step, lengths in enumerate(([7, 5], [4, 8], [6, 9])):
        pool.add(step, [rollout(3, 1.0, length) for length in lengths] + [rollout(3, 0.0)] * 40)
    chosen = {
        pick: len(pool.demonstrations(0.1, 64, pick)[0].tokens) for pick in ("shortest", "first", "newest")
    }
    assert chosen == {"shortest": 4, "first": 7, "newest": 9}
    again = Pool(window=100)
    again.load(json.loads(json.dumps(pool.state())))
    assert again.demonstrations(0.1, 64, "newest") == pool.demonstrations(0.1, 64, "newest")
    older = Pool(window=100)  # from a checkpoint of version 0.1
    older.load(
        [{("correct" if k == "correct_count" else k): v for k, v in row.items()} for row in pool.state()]
    )
    assert older.state() == pool.state()


def test_phases() -> None:
    annealing = Annealing(HeatingSettings(mode="heat_at", step=5, steps=2), 20)
    assert annealing.reason(4) is None
    assert annealing.reason(5) == "mode heat_at"
    annealing.pool.add(4, [rollout(0, 1.0)] + [rollout(0, 0.0)] * 15)
    annealing.heat(5, "mode heat_at", annealing.pool.demonstrations(0.1, 16, "shortest"))
    assert annealing.phase == "heat"
    assert annealing.cool(6) is False
    copy = Annealing(annealing.settings, 20)
    copy.load(json.loads(json.dumps(annealing.state())))
    for one in (annealing, copy):
        assert one.cool(7) is True
        assert one.phase == "rlvr"
        assert one.reason(8) is None  # once a training
        assert [event["event"] for event in one.events] == [
            "phase_started",
            "heating_started",
            "heating_ended",
            "phase_started",
        ]


def test_no_problem_eligible_is_said_once() -> None:
    annealing = Annealing(HeatingSettings(mode="late", late_share=0.5), 20)
    assert annealing.reason(9) is None
    annealing.heat(10, str(annealing.reason(10)), [])
    assert annealing.phase == "rlvr"
    assert annealing.events[-1]["event"] == "heating_skipped"
    assert annealing.reason(11) is None


def test_the_detector_starts_the_heating() -> None:
    annealing = Annealing(HeatingSettings(mode="annealed", latest=400), 500)
    for step in range(300):
        length = 30 - step // 5 if step < 100 else 10 + (step - 100) // 5
        correct = min(60, 4 + step // 2)
        annealing.observe(step, [rollout(0, 1.0, length + one % 3) for one in range(correct)]
                          + [rollout(0, 0.0)] * (64 - correct))  # fmt: skip
        if annealing.reason(step + 1):
            break
    assert annealing.reason(step + 1) == "the heating signal fired"
    assert 100 < step < 200
    assert annealing.events[-1]["event"] == "heating_signal"
    never = Annealing(HeatingSettings(mode="rlvr"), 500)
    never.detector.heat_now = True
    assert never.reason(300) is None


def test_rollout_table_is_the_common_record(tmp_path: Path) -> None:
    (tmp_path / "rollouts").mkdir()
    record = Record(tmp_path)
    for step in (0, 1):
        rollouts = [rollout(4, 1.0, 2, "a"), rollout(4, 0.0, 5), rollout(7, 0.5, 4, "ü")]
        record.add(step, rollouts)
        record.rows.append(metrics_row(step, "rlvr", rollouts))
        record.flush([{"event": "x"}])
    record.rows.append(metrics_row(2, "heat", None))
    record.flush([])
    table = pl.scan_parquet(tmp_path / "rollouts/*.parquet")
    assert dict(table.collect_schema()) == schema("text")
    assert per_problem(table).rows()[0] == (0, 4, 2, 1, 2, 0, 2, 2)
    assert table.collect()["sample"].to_list() == [0, 1, 0] * 2
    metrics = pl.read_parquet(tmp_path / "metrics.parquet")
    assert metrics["correct_length"].to_list() == [2, 2, None]
    assert metrics["groups_without_signal"].to_list() == [0.5, 0.5, None]
    again = Record(tmp_path)
    again.restore(1)
    assert [row["step"] for row in again.rows] == [0]
    assert len(list((tmp_path / "rollouts").iterdir())) == 1


def test_recipes_ship_and_validate() -> None:
    assert set(recipe.shipped()) == {"tiny", "smollm2", "deepscaler-1.5b"}
    for name in recipe.shipped():
        loaded = recipe.load(name)
        assert loaded.name == name
        assert recipe.from_data(loaded.model_dump(mode="json")) == loaded
    changed = recipe.load("tiny").override({"heating.mode": "late", "training.beta": 0.1})
    assert changed.options()["beta"] == 0.1
    assert changed.options()["loss_type"] == "grpo"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heating.mod": "late"}, "did you mean 'heating.mode'"),
        ({"heating.mode": "sometimes"}, "heating.mode='sometimes'"),
        ({"steps": 0}, "steps=0"),
        ({"heating.mode": "heat_at", "heating.step": None}, "without a step"),
        ({"heating.harvest_samples": 8}, "at least heating.min_samples"),
        ({"no.such.key": 1}, "unknown key"),
        ({"seed": "x"}, "seed='x'"),
    ],
)
def test_bad_settings(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConetError, match=message):
        recipe.load("tiny").override(changes)


def test_bad_recipes(tmp_path: Path) -> None:
    with pytest.raises(ConetError, match="did you mean 'tiny'"):
        recipe.load("tinny")
    for name, content in (("a.toml", "steps = ["), ("b.json", "[1]"), ("c.toml", "speed = 1")):
        (tmp_path / name).write_text(content)
        with pytest.raises(ConetError):
            recipe.load(tmp_path / name)


def test_problems_from_files(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    rows = [
        {"id": "x", "question": "1+1", "answer": 2, "solution": r"so \boxed{2}"},
        {"question": "2", "answer": "3"},
    ]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    settings = ProblemSettings(
        source=str(file), question="question", template="Q: {problem}", chat=True, system="S"
    )
    found = problems.load(settings)
    assert [(one.name, one.answer) for one in found] == [("x", "2"), ("1", "3")]
    asked = problems.prompt(found[0], settings)
    assert asked == [{"role": "system", "content": "S"}, {"role": "user", "content": "Q: 1+1"}]
    pl.DataFrame([{"question": "1+1", "answer": "2"}]).write_parquet(tmp_path / "p.parquet")
    assert len(problems.load(settings.model_copy(update={"source": str(tmp_path / "p.parquet")}))) == 1
    with pytest.raises(ConetError, match=r"row 1 of .* without a gold answer"):
        problems.load(settings.model_copy(update={"answer_from": "solution"}))
    with pytest.raises(ConetError, match="did you mean 'question'"):
        problems.load(settings.model_copy(update={"question": "questions"}))
    with pytest.raises(ConetError, match="FileNotFoundError"):
        problems.load(ProblemSettings(source=str(tmp_path / "none.jsonl")))
    file.write_text("[1]\n")
    with pytest.raises(ConetError, match="no object"):
        problems.load(settings)
