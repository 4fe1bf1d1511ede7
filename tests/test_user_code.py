"""Code of the user's own that does something wrong: one line that names it, and nothing left half-made."""

import json

import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.cli.summary import describe
from conet.engine.gradient import NotFinite
from conet.learners import Learner
from conet.runs.measure import OWN_COLUMNS
from conet.runs.schedule import After, Phase
from conet.runs.simulate import warm_up
from conet.runs.trainer import Trainer

SMALL = conet.preset("smoke").override(
    {
        "steps": 3,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "snapshots.web_every": 0,
        "snapshots.traffic_walks": 2,
        "snapshots.pass_walks": 2,
    }
)


class PerProblem(Learner):
    """Knows how many problems the run has."""

    def weights(self, batch):
        return (batch.rewards * np.linspace(1.0, 2.0, 6)[:, None]).ravel()


class OfAnotherShape(Learner):
    def weights(self, batch):
        return np.ones(3)


class NotANumber(Learner):
    def weights(self, batch):
        return np.full(batch.rewards.size, np.nan)


class Leaves(Learner):
    def weights(self, batch):
        raise SystemExit(7)


# Schedules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [3, "", None, ("rlvr",)])
def test_the_name_of_a_phase_is_a_text(name):
    with pytest.raises(ConetError, match=r"phase of name .*; expected a text that is not empty"):
        Trainer(SMALL, schedule=(Phase(name),))


def test_a_schedule_may_yield_its_phases_and_take_any_keyword():
    def own(setup, *more, **rest):
        assert not more
        assert not rest
        yield Phase("first", until=After(1))
        yield Phase("second")

    metrics, _ = conet.simulate(SMALL, schedule=own)
    assert metrics["phase"].to_list() == ["first", "second", "second"]


def test_a_schedule_that_fails_while_it_yields_is_named():
    def own(setup):
        yield Phase("first")
        raise ValueError("boom")

    with pytest.raises(ConetError, match=r"schedule.name=own: ValueError: boom"):
        Trainer(SMALL, schedule=own)


# Learners ---------------------------------------------------------------------------------------------


def test_a_learner_is_first_asked_about_the_run_itself():
    trainer = Trainer(SMALL, learner=PerProblem(rollouts=4))
    warm_up(trainer)
    assert trainer.step == 0
    conet.simulate(SMALL, learner=PerProblem(rollouts=4))


def test_only_numbers_that_are_not_finite_speak_of_the_learning_rate():
    with pytest.raises(ConetError) as shape:
        conet.simulate(SMALL, learner=OfAnotherShape(rollouts=4))
    assert "shape (3,), expected (24,)" in str(shape.value)
    assert "learning_rate" not in str(shape.value)
    with pytest.raises(ConetError, match=r"lower learner\.learning_rate;") as numbers:
        conet.simulate(SMALL, learner=NotANumber(rollouts=4))
    assert isinstance(numbers.value.__cause__, NotFinite)


def test_a_learner_cannot_end_the_process():
    with pytest.raises(ConetError, match="learner 'Leaves' at step 0: SystemExit: 7"):
        conet.simulate(SMALL, learner=Leaves(rollouts=4))


def test_an_observable_cannot_end_the_process():
    def leaves(observation):
        raise SystemExit(7)

    with pytest.raises(ConetError, match="observable 'leaves' at step 0: SystemExit: 7"):
        conet.simulate(SMALL, observables=[leaves])


# Names that are taken ---------------------------------------------------------------------------------


def _logits(observation):
    observation.table.logits[3] += 1e-9
    return 1.0


def _probability(observation):
    observation.policy.out_probabilities(0)[:] = 0.5
    return {"a": 1.0}


def _walks(observation):
    observation.walks.correct[:] = True
    return 1.0


def _problems(observation):
    observation.problems.answers[0] = observation.problems.answers[1]
    return 1.0


def _graph(observation):
    observation.table.graph.targets[0] += 1
    return 1.0


@pytest.mark.parametrize("writes", [_logits, _probability, _walks, _problems, _graph])
def test_an_observable_that_writes_into_what_it_is_shown_ends_the_run(writes, tmp_path):
    with pytest.raises(ConetError, match="'mine' at step 0, which wrote into what it was shown"):
        conet.run(SMALL, tmp_path / "run", observables={"mine": writes}, threads=1)
    assert not (tmp_path / "run").exists()


def test_an_observable_may_write_into_copies(tmp_path):
    def reads(observation):
        copy = observation.table.copy()
        copy.logits[:] = 0.0
        copy.refresh()
        return float(copy.sample(observation.problems, 2, 1).correct.mean() + observation.walks.length.mean())

    assert conet.run(SMALL, tmp_path / "run", observables={"mine": reads}, threads=1).finished


def test_the_runs_own_columns_are_listed():
    metrics, _ = conet.simulate(SMALL, schedule=(Phase("rlvr", options={"rollouts": 4}),))
    assert {name.partition(".")[0] for name in metrics.columns} == set(OWN_COLUMNS) - {
        "illegal_moves",  # of transformers
        "visited_entropy",  # where a schedule sets the weight of the entropy
    }


@pytest.mark.parametrize("name", ["accuracy", "step", "correct_count", "islands", "option"])
def test_an_observable_cannot_take_the_place_of_a_column(name, tmp_path):
    with pytest.raises(ConetError, match=f"observable '{name}', which is a column of its own"):
        conet.run(SMALL, tmp_path / "run", observables={name: lambda observation: 5.0})
    assert not (tmp_path / "run").exists()


def test_an_observable_cannot_take_the_place_of_another():
    config = SMALL.override({"observables": ["paths"]})
    with pytest.raises(ConetError, match="observable 'paths', which is a column of its own"):
        Trainer(config, observables={"paths": lambda observation: 5.0})


def test_the_packages_own_entropy_may_stand_in_its_column():
    metrics, _ = conet.simulate(SMALL, observables="policy_entropy")
    assert metrics["policy_entropy"].null_count() == 0


# Names in a file of one's own -------------------------------------------------------------------------


def test_only_names_that_may_be_meant_are_offered(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from conet import Learner\nclass _Mine(Learner): ...\nclass Mine(Learner): ...\ndef mine(x): ...\n"
    )
    with pytest.raises(ConetError, match=r"expected a learner in that file; did you mean 'Mine'\?"):
        Trainer(SMALL.override({"learner.name": f"{file}:Mina"}))
    with pytest.raises(ConetError, match=r"expected a learner in that file; known: Mine$"):
        Trainer(SMALL.override({"learner.name": f"{file}:xyz"}))
    empty = tmp_path / "empty.py"
    empty.write_text("_x = 3\n")
    with pytest.raises(
        ConetError, match=r"expected an observable in that file; there is no observable in it"
    ):
        Trainer(SMALL, observables=f"{empty}:_y")


# A run that is opened ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return conet.run(SMALL, tmp_path_factory.mktemp("own") / "run")


@pytest.mark.parametrize("path", [None, 3, "a\0b"])
def test_what_is_no_path_is_refused(path):
    for function in (conet.Run, conet.read, conet.diagnose, conet.resume):
        with pytest.raises(ConetError, match=r"expected .*a run directory"):
            function(path)
    if path is not None:
        with pytest.raises(ConetError, match=r"conet\.run\(…, out=.*expected a path"):
            conet.run(SMALL, path)


@pytest.mark.parametrize("step", ["x", 1.5, True])
def test_a_snapshot_is_asked_for_by_a_whole_number(step, finished):
    for function in (finished.web, finished.policy):
        with pytest.raises(ConetError, match=r"got step .*expected a whole number"):
            function(step)


@pytest.mark.parametrize("threshold", [-1, float("nan"), 1.5, "a"])
def test_a_threshold_is_a_probability(threshold, finished):
    for function in (finished.web, finished.merges, lambda threshold: list(finished.webs(threshold))):
        with pytest.raises(ConetError, match="expected a probability, 0 to 1"):
            function(threshold=threshold)


def test_figures_by_a_wrong_name_or_on_wrong_axes(finished):
    with pytest.raises(ConetError, match="figure 3; expected the name of a figure"):
        finished.view(3)
    with pytest.raises(ConetError, match="axes=3; expected matplotlib Axes"):
        finished.figure("learning-curve", axes=3)


@pytest.mark.parametrize(
    ("body", "words"),
    [("raise ValueError('boom')", "ValueError: boom"), ("return None", "NoneType")],
)
def test_a_figure_of_ones_own_that_fails_is_named(body, words, finished, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(f"def mine(data):\n    {body}\n")
    with pytest.raises(ConetError, match=rf"figure '.*mine\.py:mine': .*{words}"):
        finished.figure(f"{file}:mine")


def test_islands_that_never_were_have_no_step(tmp_path):
    never = conet.run(SMALL.override({"web.threshold": 1.0}), tmp_path / "never").summary()
    assert never["islands"] == {"peak": 0, "peak_step": None, "end": 0}
    assert "islands         never any" in describe(never)


@pytest.mark.parametrize(
    "objects",
    [
        {"observables": {"boom": lambda observation: 1 / 0}},
        {"observables": {"text": lambda observation: "abc"}},
        {"observables": {"none": lambda observation: None}},
        {"learner": NotANumber(rollouts=4)},
        {"learner": Leaves(rollouts=4)},
    ],
    ids=["raises", "text", "none", "nan", "exit"],
)
def test_what_fails_at_the_first_update_leaves_nothing_in_the_way(objects, tmp_path):
    with pytest.raises(ConetError):
        conet.run(SMALL, tmp_path / "run", **objects)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("returned", [10**400, "3", None])
def test_what_an_observable_returns_is_a_number(returned, tmp_path):
    with pytest.raises(ConetError, match="observable 'mine'"):
        conet.run(SMALL, tmp_path / "run", observables={"mine": lambda observation: returned})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["rows", "finds", "finding"])
def test_code_that_ends_python_is_an_error(part, tmp_path, capsys):
    """A script would take an exit code of 0 for a diagnosis."""
    (tmp_path / "own.py").write_text(
        "import sys\n"
        "from conet.diagnosis import Finding\n"
        "from conet.readers import Reader\n"
        "def leave(*_):\n    sys.exit(0)\n"
        "def rows(path):\n    sys.exit(0)\n    yield {}\n"
        "finds = Reader(name='own', finds=leave, rows=rows)\n"
        "finding = Finding(name='own', compute=leave, keys=(), decides='nothing')\n"
    )
    rows = [{"step": step, "prompt": "p", "completion": "c", "reward": 1.0} for step in range(3)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    option = "--finding" if part == "finding" else "--format"
    call = ["diagnose", str(tmp_path / "log.jsonl"), option, f"{tmp_path}/own.py:{part}"]
    with pytest.raises(SystemExit) as caught:
        main([*call, "--out", str(tmp_path / "out"), "--json"])
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
