"""Parts of language-model training that need no tensors: recipes, problems, pool, phases, tables."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from conet.base.errors import ConetError
from conet.config import keys_of
from conet.detect import Detector
from conet.llm import arithmetic, problems
from conet.llm.curriculum import curriculum
from conet.llm.record import as_table, metrics_row
from conet.llm.schedule import state_of
from conet.llm.verify import VERIFIERS
from conet.rollouts import per_problem, schema
from conet.rollouts.pool import Pool, Rollout
from conet.runs import recipe
from conet.runs.annealing import Annealing
from conet.runs.recipe_problems import ProblemSettings


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


def test_sums_in_lines_are_worked_out_line_by_line() -> None:
    for row in arithmetic.problems(9, [1, 2, 4], 5, "lines"):
        terms = row["problem"].split(" + ")
        steps = row["solution"].splitlines()
        assert len(steps) == max(1, len(terms) - 1)
        assert VERIFIERS["numeric"](row["solution"], row["answer"])
        for step, term in zip(steps, terms[1:]):
            left, right, value = step.replace("=", "+").split(" + ")
            assert int(left) + int(right) == int(value)
            assert right == term
    asked, solved = next(arithmetic.texts([3], 0.0, 1, "lines"))
    assert (asked.count(" + "), solved.count("\n")) == (2, 1)


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
        [
            {
                "step": step,
                "problem": 3,
                "samples": 42,
                "correct": 2,
                "kept": [[0, [0] * first], [1, [0] * second]],
            }
            for step, (first, second) in enumerate(((7, 5), (4, 8), (6, 9)))
        ]
    )
    for pick in ("shortest", "first", "newest"):
        kept = [made.demonstrations(0.1, 64, pick)[0] for made in (older, pool)]
        assert [(one.step, one.correct_count, one.samples, one.length) for one in kept[:1]] == [
            (one.step, one.correct_count, one.samples, one.length) for one in kept[1:]
        ]


def made(**changes: object) -> Annealing:
    """The schedule's state of the recipe `tiny` with some settings changed."""
    settings = {key.replace("__", "."): value for key, value in changes.items()}
    return state_of(recipe.load("tiny").override({"heating.harvest_samples": 0, **settings}), 64, 128)


def advance(annealing: Annealing, step: int, settings: tuple[float, int] = (0.1, 16)) -> None:
    """What the trainer does at the end of an update."""

    def prepare(index: int) -> list[int] | None:
        if annealing.tracker.phases[index].learner != "sft":
            annealing.demonstrations = []
            return None
        found = annealing.pool.demonstrations(*settings, "shortest")
        annealing.demonstrations = found or annealing.demonstrations
        return [item.problem for item in found]

    if not annealing.events:
        annealing.tracker.begin(prepare)
    annealing.tracker.advance(step, prepare)


def again(annealing: Annealing, step: int, **changes: object) -> Annealing:
    copy = made(**changes)
    copy.load(json.loads(json.dumps(annealing.state())), step)
    return copy


def test_phases() -> None:
    changes: dict = {"steps": 20, "heating__mode": "heat_at", "heating__step": 5, "heating__steps": 2}
    annealing = made(**changes)
    annealing.observe(4, [rollout(0, 1.0)] + [rollout(0, 0.0)] * 15)
    supervised = []
    for step in range(10):
        advance(annealing, step)
        supervised.append(annealing.supervised)
        annealing = again(annealing, step, **changes)
        assert annealing.supervised == supervised[-1]
    assert supervised == [False] * 5 + [True] * 2 + [False] * 3
    assert [event["event"] for event in annealing.events] == [
        "phase_started",
        "heating_started",
        "heating_ended",
        "phase_started",
    ]


def test_an_early_signal_with_no_problem_eligible_waits() -> None:
    """Eligible needs 16 samples a problem; with 8 a visit, that is the second visit."""
    annealing = made(steps=20, heating__mode="heat_at", heating__step=2)
    visits = {0: 0, 3: 0, 7: 0}
    for step in range(12):
        advance(annealing, step)
        if step in visits:
            annealing.observe(step, [rollout(0, float(step == 0))] + [rollout(0, 0.0)] * 7)
    assert [(event["step"], event["event"]) for event in annealing.events[:3]] == [
        (0, "phase_started"),
        (2, "heating_waits"),
        (4, "heating_started"),
    ]


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({"heating__mode": "late", "heating__late_share": 0.5}, 75),
        ({"heating__mode": "late", "heating__late_share": 0.001}, 1),
        ({"heating__mode": "heat_at", "heating__step": 33}, 33),
        ({"heating__mode": "annealed", "heating__latest": 80}, 80),
        ({"heating__mode": "annealed", "heating__latest": 150}, None),
        ({"heating__mode": "annealed", "heating__latest": None}, None),
        ({"heating__mode": "rlvr"}, None),
        ({"schedule__name": "rlvr"}, None),
        ({"schedule__name": "annealed_rlvr"}, 80),
        ({"schedule__name": "annealed_rlvr", "schedule__heat_at": 12}, 12),
        ({"schedule__name": "annealed_rlvr", "schedule__heat_at": 0.5}, 75),
        ({"schedule__heat_latest": 0.2}, 30),
    ],
)
def test_when_heating_is_due_without_a_signal(changes: dict, due: int | None) -> None:
    annealing = made(steps=150, **changes)
    for step in range(150):
        advance(annealing, step)
    waits = [event["step"] for event in annealing.events if event["event"] == "heating_waits"]
    assert waits == ([] if due is None else [due])


@pytest.mark.parametrize("latest", range(1, 150, 7))
def test_the_latest_step_is_met_exactly(latest: int) -> None:
    """A schedule is told a share of the run; rounding must not move the step."""
    annealing = made(steps=150, heating__latest=latest)
    advance(annealing, 0)
    advance(annealing, latest - 1)
    assert annealing.events[-1]["event"] == "phase_started"
    advance(annealing, latest)
    assert annealing.events[-1]["event"] == "heating_waits"


def test_the_detector_starts_the_heating() -> None:
    annealing, never = made(steps=500, heating__latest=400), made(steps=500, heating__mode="rlvr")
    for step in range(300):
        length = 30 - step // 5 if step < 100 else 10 + (step - 100) // 5
        correct = min(60, 4 + step // 2)
        rollouts = [rollout(0, 1.0, length + one % 3) for one in range(correct)]
        rollouts += [rollout(0, 0.0)] * (64 - correct)
        for one in (annealing, never):
            advance(one, step, (2.0, 1))
            one.observe(step, rollouts)
    signal, started = annealing.events[1:3]
    assert (signal["event"], started["event"]) == ("heating_signal", "heating_started")
    assert 100 < signal["step"] < 200
    assert started["step"] == signal["step"] + 1
    assert started["reason"] == "the heating signal fired"
    assert [event["event"] for event in never.events] == ["phase_started", "heating_signal"]


@pytest.mark.parametrize(("phase", "left"), [("rlvr", 0), ("heat", 7)])
def test_a_checkpoint_of_version_0_1_goes_on(phase: str, left: int) -> None:
    heats = phase == "heat"
    old = {
        "phase": phase,
        "tried": heats,
        "heat_left": left,
        "pool": [],
        "detector": Detector().state(),
        "demonstrations": [{"problem": 3, "tokens": [1], "step": 7, "correct": 1, "samples": 64}] * heats,
        "events": [{"event": "heat", "step": 50, "reason": "mode heat_at", "eligible": 1}] * heats,
    }
    annealing = made(steps=150, heating__latest=None)
    annealing.load(old, 53)
    assert annealing.supervised == heats
    supervised = []
    for step in range(53, 70):
        advance(annealing, step)
        supervised.append(annealing.supervised)
    assert sum(supervised) == left


OWN = """
from conet.runs.schedule import Phase
def mine(setup, **changes):
    return (Phase("x", %s),)
"""


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        ("learner='rloo'", "learner 'rloo'; expected None .GRPO. or 'sft'"),
        ("options={'rollouts': 4}", "set training.num_generations"),
        ("options={'learning_rat': 4}", "did you mean 'learning_rate'"),
        ("options={'kl': 0.1}", "and training.beta=0"),
        ("demonstrations='hard'", "learner='sft'"),
        (
            "learner='sft', options={'entropy': 0.1}",
            "the option 'entropy'; expected an option of its learner",
        ),
        ("learner='sft'", "set heating.harvest_samples=64"),
    ],
)
def test_what_trl_has_not_is_refused_before_the_training(tmp_path: Path, phase: str, message: str) -> None:
    (tmp_path / "own.py").write_text((OWN % phase).replace(", **changes", ""))
    with pytest.raises(ConetError, match=message):
        made(schedule__name=f"{tmp_path}/own.py:mine")


def test_a_curriculum_asks_each_of_its_problems_equally_often() -> None:
    allowed, asked = np.array([3, 5, 8]), []
    for batch in range(6):
        drawn = [10 * batch + one // 8 for one in range(32)]  # four problems of eight rollouts
        instead = curriculum(drawn, allowed, 7, batch)
        assert instead == curriculum(drawn, allowed, 7, batch)
        assert list(instead) == list(dict.fromkeys(drawn))
        asked += instead.values()
    assert [asked.count(problem) for problem in allowed] == [8, 8, 8]
    assert all(len(set(asked[first : first + 3])) == 3 for first in range(0, 24, 3))
    assert curriculum([1, 2], allowed, 8, 0) != curriculum([1, 2], allowed, 7, 0)


def test_rollout_table_is_the_common_record() -> None:
    rollouts = [rollout(4, 1.0, 2, "a"), rollout(4, 0.0, 5), rollout(7, 0.5, 4, "ü")]
    table = pl.concat([as_table(step, rollouts, text=True) for step in (0, 1)])
    assert dict(table.schema) == schema("text")
    assert per_problem(table).rows()[0] == (0, 4, 2, 1, 2, 0, 2, 2)
    assert table["sample"].to_list() == [0, 1, 0] * 2
    assert dict(as_table(0, rollouts).schema) == schema()
    metrics = pl.DataFrame([metrics_row(0, "rlvr", rollouts), metrics_row(1, "heat", None)])
    assert metrics["correct_length"].to_list() == [2, None]
    assert metrics["groups_without_signal"].to_list() == [0.0, None]  # one rollout alone is no group


def test_recipes_ship_and_validate() -> None:
    assert set(recipe.shipped()) == {
        "tiny",
        "routes",
        "smollm2",
        "smollm2-cpu",
        "deepscaler-1.5b-1gpu",
        "deepscaler-1.5b-8gpu",
    }
    for name in recipe.shipped():
        loaded = recipe.load(name)
        assert loaded.name == name
        assert recipe.Recipe.from_json(loaded.to_json()) == loaded
    changed = recipe.load("tiny").override({"heating.mode": "late", "training.beta": 0.1})
    assert changed.options()["beta"] == 0.1
    assert changed.options()["loss_type"] == "grpo"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heating.mod": "late"}, "did you mean 'heating.mode'"),
        ({"heating.mode": "sometimes"}, "heating.mode='sometimes'"),
        ({"heating.mode": "late", "schedule.name": "rlvr"}, "two names of one setting"),
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


def test_rows_as_other_trainers_have_them(tmp_path: Path) -> None:
    """Nested columns, and prompts that are messages, as verl's data sets have them."""
    asked = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    row = {"prompt": asked, "reward_model": {"style": "rule", "ground_truth": "2"}}
    place = tmp_path / "verl.parquet"
    pl.DataFrame([row, row]).write_parquet(place)
    settings = ProblemSettings(
        source=str(place), question="prompt", answer="reward_model.ground_truth", template="{problem} Box it."
    )
    found = problems.load(settings)
    assert (found[0].question, found[0].answer) == ("1+1?", "2")
    assert problems.prompt(found[0], settings) == [asked[0], {"role": "user", "content": "1+1? Box it."}]


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"problem": ["1+1?"], "answer": "2"}, "a text, or messages"),
        ({"problem": {"text": "1+1?"}, "answer": "2"}, "a text, or messages"),
        ({"problem": [{"role": "assistant", "content": "2"}], "answer": "2"}, "the last is the user's"),
        ({"problem": [], "answer": "2"}, "a text, or messages"),
        ({"problem": 3, "answer": "2"}, "a text, or messages"),
        ({"problem": "1+1?", "answer": ["2"]}, "a text or a number"),
        ({"problem": "1+1?", "answer": True}, "a text or a number"),
        ({"problem": "1+1?", "result": {"answer": "2"}}, "did you mean 'result.answer'"),
    ],
)
def test_objects_are_never_asked_as_their_python_text(tmp_path: Path, row: dict, part: str) -> None:
    place = tmp_path / "rows.jsonl"
    place.write_text(json.dumps(row) + "\n")
    with pytest.raises(ConetError, match=part) as caught:
        problems.load(ProblemSettings(source=str(place)))
    assert "\n" not in str(caught.value)


def test_texts_and_messages_do_not_mix(tmp_path: Path) -> None:
    place = tmp_path / "rows.jsonl"
    message = [{"role": "user", "content": "1+1?"}]
    place.write_text("".join(json.dumps({"problem": one, "answer": "2"}) + "\n" for one in (message, "1+2?")))
    with pytest.raises(ConetError, match="in all rows"):
        problems.load(ProblemSettings(source=str(place)))
    assert len(problems.load(ProblemSettings(source=str(place), chat=True))) == 2


def test_what_was_cut_off_is_counted_and_never_learned_from() -> None:
    pool = Pool(10)
    cut, whole = Rollout(0, 1.0, [1, 2], "", True), Rollout(1, 1.0, [1, 2, 3], "", False)
    shorter = Rollout(1, 1.0, [1], "", True)
    pool.add(0, [cut, *[rollout(0, 0.0)] * 15, whole, shorter, *[rollout(1, 0.0)] * 30])
    found = pool.demonstrations(0.2, 16, "shortest")
    assert [(item.problem, item.tokens, item.correct_count) for item in found] == [(1, [1, 2, 3], 2)]


@pytest.mark.parametrize("name", ["tiny", "smollm2", "deepscaler-1.5b-8gpu"])
def test_a_recipe_of_ones_own_begins_with_every_key(tmp_path: Path, name: str, capsys) -> None:
    from conet.cli import main

    place = tmp_path / "mine.toml"
    main(["llm", "init", str(place), "--recipe", name])
    assert recipe.load(place) == recipe.load(name).model_copy(update={"name": "mine"})
    text = place.read_text()
    for key in keys_of(recipe.Recipe):
        last = key.rpartition(".")[2]
        assert key in ("name", "training") or f"\n{last} =" in text or f"\n# {last} =" in text, key
    shown = text.replace("\n# ", "\n")  # also the defaults are TOML
    values = [line for line in shown.splitlines() if " = " in line and not line.startswith(("#", "'"))]
    assert len(values) > 50
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(["llm", "init", str(place)])
    assert caught.value.code == 2
    assert "which is there" in capsys.readouterr().err


def test_relative_paths_lead_from_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "data.jsonl").write_text('{"problem": "1+1=", "answer": "2"}\n')
    (folder / "mine.py").write_text("def judge(completion, gold): return 1.0\n")
    text = '[problems]\nsource = "data.jsonl"\nverifier = "mine.py:judge"\n[model]\npath = "org/model"\n'
    (folder / "own.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = recipe.load("recipes/own.toml")
    assert found.problems.source == str(folder / "data.jsonl")
    assert found.problems.verifier == f"{folder / 'mine.py'}:judge"
    assert found.model.path == "org/model"
    (tmp_path / "here.jsonl").write_text("")
    set_here = recipe.beside(found.override({"problems.source": "here.jsonl"}), tmp_path)
    assert set_here.problems.source == str(tmp_path / "here.jsonl")
    assert recipe.load("tiny").problems.source == "arithmetic"
