"""What every schedule promises: each registered one, the skeleton and the example, none skipped."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.base.registry import load_file, resolve
from conet.runs.schedule import Phase, Setup
from conet.runs.schedules import SCHEDULES, make
from conet.runs.trainer import Trainer

ROOT = Path(__file__).parents[1]
TINY = conet.preset("smoke").override(
    {
        "steps": 24,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 8,
        "problems.max_length": 7,
        "learner.rollouts": 6,
        "learner.learning_rate": 8.0,
        "snapshots.web_every": 0,
        "schedule.harvest_samples": 64,
        "schedule.max_accuracy": 0.7,
        "schedule.heat_latest": 0.25,
        "schedule.heat_steps": 3,
        "schedule.sft_steps": 3,
        "snapshots.checkpoint_every": 5,
        "snapshots.steps": (0, 12),
    }
)


def functions(path: Path) -> list[str]:
    """Name every function that a file defines as ``path:name``."""
    module = load_file(path, "schedule")
    return [
        f"{path.relative_to(ROOT)}:{name}"
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]


FILES = [ROOT / "docs" / "skeletons" / "schedule.py", *sorted((ROOT / "examples").glob("*schedule*.py"))]
# With options that make phases and states of their own.
FURTHER = {
    "temperature with all": {"schedule.adaptive_groups": True, "schedule.sft_every": 4},
    "temperature with a band": {"schedule.entropy_low": 1.0, "schedule.entropy_high": 1.2},
    "clip_range with waves": {"schedule.shape": "oscillating"},
}
NEEDED = {"clip_range": {"learner.epochs": 2}}  # without which it is refused
EVERY_SCHEDULE = [*sorted(SCHEDULES), *(name for path in FILES for name in functions(path))]


@pytest.fixture(params=[*EVERY_SCHEDULE, *FURTHER])
def config(request, monkeypatch) -> conet.Config:
    monkeypatch.chdir(ROOT)
    further, name = FURTHER.get(request.param, {}), request.param.split(" with ")[0]
    return TINY.override({"schedule.name": name, **NEEDED.get(name, {}), **further})


def test_nothing_is_left_out():
    assert {"rlvr", "annealed_rlvr", "sft_then_rlvr", "examples/my_schedule.py:curriculum"} <= set(
        EVERY_SCHEDULE
    )
    assert "docs/skeletons/schedule.py:my_schedule" in EVERY_SCHEDULE
    assert len(EVERY_SCHEDULE) == len(set(EVERY_SCHEDULE)) == len(SCHEDULES) + 2


def test_its_phases_lead_to_the_end_of_the_run(config):
    trainer = Trainer(config)
    assert trainer.phases
    assert all(isinstance(phase, Phase) for phase in trainer.phases)
    metrics, trainer = conet.simulate(config)
    assert metrics["phase"].to_list()[-1] == trainer.phases[-1].name
    if config.schedule.name.endswith("my_schedule") or config.schedule.name == "annealed_rlvr":
        assert "heat" in metrics["phase"].to_list(), "the settings of this test heat, else it tests nothing"


def test_it_asks_for_a_setup_and_documents_its_options(config):
    function = resolve(config.schedule.name, SCHEDULES, "schedule")
    first, *options = inspect.signature(function).parameters
    assert first == "setup"
    assert function.__doc__
    if "skeleton" not in config.schedule.name:
        assert all(name in function.__doc__ for name in options)


def test_it_makes_phases_for_a_language_model_too(config):
    options = {"learning_rate": 1e-6, "rollouts": 8, "entropy": 0.0, "clip": 0.2, "epochs": 2}
    setup = Setup(steps=100, problems=64, options=options, language_model=True)
    for phase in make(config.schedule.name, setup):
        assert phase.learner in (None, "sft"), "TRL has no other"


def test_a_seed_and_not_the_threads_decide_what_comes_out(config):
    first, second = (conet.simulate(config, threads=threads) for threads in (1, 2))
    assert first[0].equals(second[0])
    assert first[1].policy.sha256 == second[1].policy.sha256
    assert first[1].events == second[1].events


@pytest.mark.parametrize("step", [1, 6, 7, 9, 13, 20])
def test_it_goes_on_from_a_checkpoint_bit_for_bit(config, step):
    straight = Trainer(config)
    for _ in range(step):
        straight.advance()
    arrays, state = straight.state()
    resumed = Trainer(config)
    resumed.load({name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(state)))
    while straight.step < config.steps:
        assert resumed.advance() == straight.advance()
    assert resumed.policy.sha256 == straight.policy.sha256
    assert resumed.events == straight.events
    assert (resumed.walker_steps, resumed.rollouts) == (straight.walker_steps, straight.rollouts)


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it and tidy up."""


@pytest.mark.parametrize("step", [3, 8, 14, 22])
def test_a_run_killed_at_a_step_goes_on_bit_for_bit(config, step, tmp_path):
    def stop(row):
        if row["step"] == step:
            raise Killed

    whole = conet.run(config, tmp_path / "whole")
    with pytest.raises(Killed):
        conet.run(config, tmp_path / "killed", progress=stop)
    resumed = conet.resume(tmp_path / "killed")
    assert resumed.summary()["state_sha256"] == whole.summary()["state_sha256"]
    assert resumed.metrics().equals(whole.metrics())
    assert resumed.rollouts().collect().equals(whole.rollouts().collect())
    assert [event for event in resumed.events() if event["event"] != "resumed"] == whole.events()


def test_an_option_that_it_has_not_is_refused(config):
    with pytest.raises(ConetError, match=r"unknown key 'schedule\.no_such_option'"):
        Trainer(config.override({"schedule.no_such_option": 1}))


# Schedules of one's own -------------------------------------------------------------------------------


def test_options_of_the_example(monkeypatch):
    monkeypatch.chdir(ROOT)
    config = TINY.override({"schedule.name": "examples/my_schedule.py:curriculum", "schedule.start": 0.5})
    metrics, trainer = conet.simulate(config)
    first = metrics["phase"].to_list().count("few")
    assert 0 < first < 24
    assert len(trainer.phases[0].problems) == 4
    assert metrics["option.learning_rate"][:first].to_list() == [8.0] * first
    after = [8.0 - 6.4 * min(1.0, elapsed / 12) for elapsed in range(24 - first)]
    np.testing.assert_allclose(metrics["option.learning_rate"][first:], after)
    for wrong, words in ((0.0, "greater than 0"), ("much", "valid number")):
        with pytest.raises(ConetError, match=f"schedule.start={wrong!r}; expected .*{words}"):
            Trainer(config.override({"schedule.start": wrong}))


def test_a_curriculum_leaves_the_other_problems_out():
    few = conet.simulate(TINY, schedule=(Phase("few", problems=[1, 6]),))[1]
    assert few.walks.problems.tolist() == [1, 6]
    assert len(few.walks.correct) == 12
    # What is walked is the same as where all problems are: another problem's walks change nothing.
    both = Trainer(TINY, schedule=(Phase("few", problems=[1, 6]),)), Trainer(TINY)
    rows = [trainer.advance() for trainer in both]
    assert rows[0]["correct_count"] == both[1].walks.correct.reshape(8, 6)[[1, 6]].sum()


def test_what_options_do_to_the_learner():
    """A rate that is a function of the step is the rate of the update, exactly."""
    plain, half = (
        Trainer(TINY),
        Trainer(
            TINY,
            schedule=(Phase("rlvr", options={"learning_rate": lambda clock: 4.0 if clock.step else 8.0}),),
        ),
    )
    plain.advance()
    half.advance()
    assert half.policy.sha256 == plain.policy.sha256
    before = plain.policy.logits.copy()
    plain.advance()
    half.advance()
    np.testing.assert_allclose(half.policy.logits - before, (plain.policy.logits - before) / 2, atol=1e-12)


def test_rollouts_of_a_phase():
    _, trainer = conet.simulate(
        TINY.override({"steps": 4}),
        schedule=(
            Phase("few", until=lambda clock: clock.elapsed >= 2, options={"rollouts": 2}),
            Phase("more", options={"rollouts": lambda clock: 3 + clock.step}),
        ),
    )
    assert trainer.rollouts == 8 * (2 + 2 + 5 + 6)


def test_another_learner_by_name():
    metrics, _ = conet.simulate(
        TINY.override({"steps": 4}),
        schedule=(
            Phase("rloo", until=lambda clock: clock.elapsed >= 2, learner="rloo"),
            Phase("rlvr"),
        ),
    )
    assert metrics["learner"].to_list() == ["rloo"] * 2 + ["grpo"] * 2


def test_entropy_and_evaluation_are_there_for_a_trigger():
    """The same in memory and in a directory, and after a resume (the conformance tests above)."""
    seen = []

    def look(clock):
        if clock.step >= 5:
            seen.append((clock.step, clock.entropy, dict(clock.evaluation)))
        return False

    phases = (Phase("rlvr", until=look), Phase("never"))
    trainer = conet.simulate(TINY, schedule=phases)[1]
    assert [evaluation["step"] for _, _, evaluation in seen] == [5] * 7 + [12] * 12
    assert all(0 < evaluation["pass_at_1"] <= evaluation["pass_at_256"] for _, _, evaluation in seen)
    assert 0 < seen[-1][1] < seen[0][1] < np.log(5)  # a uniform choice of five
    assert trainer.policy.sha256 == conet.simulate(TINY)[1].policy.sha256  # looking changes nothing


@pytest.mark.parametrize("step", [4, 6, 11, 13])
def test_what_a_trigger_saw_is_kept_in_the_checkpoint(step):
    def phases(kept):
        def look(clock):
            if clock.step >= 5:
                kept.append((clock.step, clock.entropy, clock.evaluation, clock.accuracy))
            return False

        return (Phase("rlvr", until=look), Phase("never"))

    one, other = [], []
    straight = Trainer(TINY, schedule=phases(one))
    while straight.step < 24:
        if straight.step == step:
            arrays, state = straight.state()
            arrays = {name: array.copy() for name, array in arrays.items()}
            state = json.loads(json.dumps(state))
        straight.advance()
    resumed = Trainer(TINY, schedule=phases(other))
    resumed.load(arrays, state)
    while resumed.step < 24:
        resumed.advance()
    assert other == [row for row in one if row[0] >= step]


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ((), "Phase or more"),
        ([1], "Phase or more"),
        ((Phase("x", until=3),), "until 3; expected a function of the Clock"),
        ((Phase("x", options=[1]),), "a mapping of names"),
        ((Phase("x", demonstrations="easy"),), "'hard', 'seen', 'shortest' or 'random'"),
        ((Phase("x", options={"learning_rat": 1.0}),), "in phase 'x': unknown key 'learner.learning_rat'"),
        (
            (Phase("x", options={"no_option": lambda clock: 1.0}),),
            "in phase 'x': unknown key 'learner.no_option'",
        ),
        ((Phase("x", options={"rollouts": 0}),), "in phase 'x': learner.rollouts=0"),
        ((Phase("x", options={"optimizer": lambda clock: "adam"}),), "one optimizer throughout"),
        ((Phase("x", learner="rlo"),), "did you mean 'rloo'"),
        ((Phase("x", learner=5),), "a conet.Learner, the name of one, or None"),
        ((Phase("x", demonstrations="hard"),), "learner='sft'"),
    ],
)
def test_phases_that_cannot_be_are_refused_before_the_run(phases, words):
    with pytest.raises(ConetError) as error:
        Trainer(TINY, schedule=phases)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return None", "Phase or more"),
        ("return setup.nothing", "has no attribute 'nothing'"),
    ],
)
def test_a_function_that_fails_is_named(body, words, tmp_path):
    (tmp_path / "mine.py").write_text(f"def mine(setup):\n    {body}\n")
    with pytest.raises(ConetError, match=r"mine\.py:mine") as error:
        Trainer(TINY.override({"schedule.name": f"{tmp_path}/mine.py:mine"}))
    assert words in str(error.value)


def test_names_that_are_no_schedule(tmp_path):
    (tmp_path / "mine.py").write_text("mine = 3\ndef nothing(): pass\n")
    for name, words in (
        ("anealed_rlvr", "did you mean 'annealed_rlvr'"),
        (f"{tmp_path}/other.py:x", "no file"),
        (f"{tmp_path}/mine.py:mine", "Phase or more"),
        (f"{tmp_path}/mine.py:nothing", "a function (setup, ...)"),
    ):
        with pytest.raises(ConetError) as error:
            Trainer(TINY.override({"schedule.name": name}))
        assert words in str(error.value)
