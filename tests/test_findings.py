"""What every finding keeps to, one from outside too; and what the documentation says of them."""

import json
import math
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from logs import as_verl, rollouts, two_stages, valley

import conet
from conet.base.errors import ConetError
from conet.base.intervals import Interval
from conet.cli import main
from conet.diagnosis import Finding, Headline, Key, Result, Urgency
from conet.diagnosis.findings import FINDINGS, stage
from conet.diagnosis.findings.heating import find_signal
from conet.diagnosis.reference import filled
from conet.diagnosis.stages import Stage
from conet.diagnosis.text import by_cause, described
from conet.views.registry import SCALARS

ROOT = Path(__file__).parent.parent
SKELETON = f"{ROOT / 'docs/skeletons/finding.py'}:FINDING"
ROWS = {
    "two stages": rollouts(two_stages(), valley()),
    "flat": rollouts(np.full((60, 30), 0.5)),
    "one sample": rollouts(np.full((1, 1), 1.0), samples=1),
    "three steps": rollouts(np.full((3, 9), 0.4)),
    "no texts": rollouts(np.full((30, 2), 0.5), samples=1).drop("completion", "completion_length"),
    "never right": rollouts(np.full((30, 9), 0.0)),
    "always right": rollouts(np.full((30, 9), 1.0)),
    "falls": rollouts(two_stages()[::-1].copy(), valley()),
}


@pytest.fixture(scope="module")
def diagnoses(tmp_path_factory) -> dict[str, conet.Diagnosis]:
    found = {}
    for name, rows in ROWS.items():
        place = tmp_path_factory.mktemp("log") / "rows.parquet"
        rows.write_parquet(place)
        found[name] = conet.diagnose(place, findings=[SKELETON])
    return found


@pytest.mark.parametrize("case", ROWS)
def test_every_finding_keeps_its_word(diagnoses, case):
    """Declared keys only, JSON values, a reason for every null, plain sentences, remedies with a source."""
    whole = diagnoses[case]
    found = json.loads(json.dumps(whole.findings, allow_nan=False))
    for name, result in whole.results.items():
        declared = whole.declared[name]
        assert set(result.values) <= {key.name for key in declared.keys}
        for key in declared.keys:
            assert key.meaning
            assert found[key.name] is not None or found["notes"].get(key.name), key.name
        for line in result.headlines:
            assert line.text.strip() == line.text
            assert "\n" not in line.text + line.evidence
            assert line.remedy is None or all(line.remedy)
        for number in result.numbers:
            assert all(isinstance(part, str) and part for part in number)


def test_the_most_urgent_comes_first(diagnoses):
    for whole in diagnoses.values():
        levels = [line.urgency for line in whole.headlines]
        assert levels == sorted(levels, reverse=True)
        assert [line["text"] for line in whole.findings["headlines"]] == [
            line.text for line in whole.headlines
        ]


def test_names_are_used_once():
    assert [finding.name for finding in FINDINGS.values()] == list(FINDINGS)
    keys = [key.name for finding in FINDINGS.values() for key in finding.keys]
    assert len(set(keys)) == len(keys)


def test_every_view_that_is_named_is_there(diagnoses):
    known = {*diagnoses["flat"].figures(), *SCALARS, "trainer-metrics"}  # the last of runs of our own
    for finding in FINDINGS.values():
        assert finding.view is None or finding.view in known


def test_figures_of_a_diagnosis(diagnoses):
    whole = diagnoses["two stages"]
    assert whole.view("correct-length").name == "correct-length"
    figure = whole.figure("correct-length")
    assert figure.axes
    with pytest.raises(ConetError, match="lerning"):
        whole.figure("lerning-curve")


def test_a_finding_brings_its_own_figure(diagnoses):
    def own(found):
        view = found.view("learning-curve")
        return view.model_copy(update={"name": "mine", "title": "Mine"})

    finding = Finding(name="mine", compute=lambda log: Result(), keys=(), decides="never", view=own)
    whole = conet.diagnose(diagnoses["two stages"].log.record, findings=[finding])
    assert whole.figures()[-1] == "mine"
    assert whole.view("mine").title == "Mine"


def test_knee_and_bottom_of_a_run_are_compared(diagnoses):
    """Knee near step 30, bottom at step 40 of 120: with its interval, and what it does not know."""
    found = diagnoses["two stages"].findings
    difference = found["coincidence"]["difference"]
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert difference["estimate"] == found["knee_step"] - found["v_bottom_step"]
    assert found["coincidence"]["verdict"] in ("coincide", "differ", "undecided")
    assert "one run" in found["notes"]["coincidence"]
    assert found["v_bottom_forecast"] is None
    assert "bottom already" in found["notes"]["v_bottom_forecast"]


def test_the_bottom_is_forecast_before_it_is_there(tmp_path):
    """The first 12 of 120 steps, while lengths still fall."""
    rows = ROWS["two stages"].filter(pl.col("step") < 12)
    as_verl(rows, tmp_path / "rollouts")
    found = conet.diagnose(tmp_path)
    expected = found.findings["v_bottom_forecast"]
    assert expected["low"] <= expected["step"] <= expected["high"]
    assert 0.03 <= expected["learned"] <= 0.4
    assert "calibrated on walks" in found.notes["v_bottom_forecast"]
    assert "Its bottom is expected at step" in found.view("correct-length").caption


def test_the_documentation_is_made_from_the_declarations():
    """If this fails: python -m conet.diagnosis.reference docs/diagnose.md"""
    page = (ROOT / "docs/diagnose.md").read_text(encoding="utf-8")
    assert filled(page) == page
    for finding in FINDINGS.values():
        assert finding.decides in page


def test_a_diagnosis_in_python(tmp_path):
    as_verl(ROWS["two stages"], tmp_path / "rollouts")
    found = conet.diagnose(tmp_path, column_mapping={"correct": "score>=1"})
    assert isinstance(found, conet.Diagnosis)
    assert len(repr(found)) < 250
    assert repr(found).startswith(
        f"Diagnosis('{tmp_path}': stage slow, 120 steps, 40 problems, 38,400 samples)"
    )
    assert found.steps.height == 120
    assert found.problems.height == 40
    assert found.findings["sources"]["correct"] == "column score>=1"
    assert conet.diagnose(found.log.record).findings == found.findings
    with pytest.raises(ConetError, match="does not exist"):
        conet.diagnose(tmp_path / "absent")


def test_diagnose_is_the_function_after_everything_was_imported():
    """Language models, the page and verl are left out: they need their extras."""
    names = [
        module.name
        for module in pkgutil.walk_packages(conet.__path__, "conet.")
        if not module.name.startswith(("conet.llm.", "conet.serve.", "conet.verl."))
    ]
    code = (
        f"import importlib, conet\nfor name in {names!r}: importlib.import_module(name)\n"
        "assert callable(conet.diagnose), conet.diagnose\n"
        "assert conet.diagnose.__module__ == 'conet.diagnosis.diagnosis'\n"
        "assert conet.Detector is conet.detect.Detector"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


# From outside ------------------------------------------------------------------------------------------


def test_the_skeleton_runs_as_it_says(tmp_path, capsys):
    rows = ROWS["never right"].vstack(ROWS["flat"].filter(pl.col("prompt") == "What is 0?"))
    as_verl(rows, tmp_path / "run")
    arguments = ["diagnose", str(tmp_path / "run"), "--finding", SKELETON, "--out", str(tmp_path / "out")]
    main(arguments)
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "WARNING: Only 11% of the problems were ever solved."
    assert any(line.startswith("solved once") and "0.11" in line for line in said)
    main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["solved_once"] == pytest.approx(1 / 9)
    assert found["headlines"][0] == {
        "name": "solved-once",
        "text": "Only 11% of the problems were ever solved.",
        "urgency": "warning",
        "evidence": "9 problems",
        "step": None,
        "interval": None,
        "remedy": "leave out what is too hard",
        "source": "our choice",
    }
    assert "ever solved" in (tmp_path / "out" / "report.html").read_text()


def made(compute, name="mine", key="mine") -> Finding:
    return Finding(name=name, compute=compute, keys=(Key(key, "number", "a number"),), decides="always")


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (made(lambda log: Result(values={"other": 1})), "undeclared key 'other'"),
        (made(lambda log: 1 / 0), "ZeroDivisionError"),
        (made(lambda log: {"mine": 1}), "expected a Result"),
        (made(lambda log: Result(detail=log.other("mine"))), "needs itself"),
        (made(lambda log: Result(detail=log.other("stge"))), "finding 'stge'"),
        (made(lambda log: Result(values={"mine": object()})), "'mine' is object"),
        (made(lambda log: Result(headlines=("hi",))), "objects of the class Headline"),
        (made(lambda log: Result(numbers=(("a", "1"),))), "objects of the class MainNumber"),
        (made(lambda log: Result(), name="stage"), "two findings called 'stage'"),
        (made(lambda log: Result(), key="stage"), "the key 'stage'"),
        (made(lambda log: Result(), key="notes"), "the key 'notes'"),
        ("stag", "unknown finding 'stag'"),
        ("absent.py:FINDING", "no file absent.py"),
        (SKELETON.replace("FINDING", "compute"), "a function"),
    ],
)
def test_what_is_wrong_with_a_finding_is_said_in_one_line(finding, expected, diagnoses):
    record = diagnoses["three steps"].log.record
    with pytest.raises(ConetError) as error:
        conet.diagnose(record, findings=[finding]).findings  # noqa: B018
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_finding_that_fails_leaves_nothing_behind(diagnoses, tmp_path):
    from conet.diagnosis.output import write

    found = conet.diagnose(diagnoses["three steps"].log.record, findings=[made(lambda log: 1 / 0)])
    with pytest.raises(ConetError, match="ZeroDivisionError"):
        write(found, tmp_path / "out", lambda *_: tmp_path / "report.html")
    assert not (tmp_path / "out").exists()


def test_a_finding_sees_the_others_and_is_computed_once(diagnoses):
    calls = []

    def compute(log):
        calls.append(log)
        line = Headline(text="Look.", urgency=Urgency.EMERGENCY, step=3, interval=(1.0, 5.0))
        return Result(values={"mine": log.other("outcomes").count(0)}, headlines=(line,))

    found = conet.diagnose(diagnoses["two stages"].log.record, findings=[made(compute)])
    assert found.findings["mine"] == found.findings["learned"]
    assert found.headlines[0].text == "Look."
    assert found.findings["headlines"][0]["interval"] == [1.0, 5.0]
    assert len(calls) == 1


def test_there_is_no_forecast_where_lengths_do_not_fall_nor_one_of_the_past(tmp_path):
    """Accuracies that rise at one length: the detector alone would name a step."""
    rows = rollouts(two_stages(steps=40), 50.0).filter(pl.col("step") < 12)
    as_verl(rows, tmp_path / "rollouts")
    found = conet.diagnose(tmp_path).findings
    assert found["v_bottom_forecast"] is None
    assert "not fallen yet" in found["notes"]["v_bottom_forecast"]
    for last in (14, 18, 22, 26):
        part = ROWS["two stages"].filter(pl.col("step") < last)
        as_verl(part, tmp_path / f"{last}" / "rollouts")
        expected = conet.diagnose(tmp_path / f"{last}").findings["v_bottom_forecast"]
        assert expected is None or expected["step"] >= last


def test_one_cause_is_said_once_and_in_words(tmp_path):
    assert by_cause({"v_bottom_step": "undecided: few", "heat_now": "few", "stage": "many"}) == {
        "few": "V bottom step, heat now",
        "many": "stage",
    }
    as_verl(
        ROWS["two stages"].filter(pl.col("step") % 2 == 0).filter(pl.col("step") < 12), tmp_path / "rollouts"
    )
    text = described(conet.diagnose(tmp_path), "report.html")
    assert "steps 0 to 10 (6 of them in the log)" in text
    assert "at least 14 more steps are needed" in text
    assert "times as many samples" not in text


def test_the_heating_signal_says_the_fall_that_it_saw_itself(diagnoses):
    """The V has other windows: beside `V` stood "has not fallen by 10% yet (start 1.17 times the shortest)"."""
    found = diagnoses["two stages"]
    start = found.detail("correct-length").start_ratio
    said = f"start {start.estimate:.2f} [{start.low:.2f}, {start.high:.2f}]"
    assert said in next(number.definition for number in found.numbers if number.name.startswith("V"))
    signal = find_signal(found.log.visits, found.steps.head(70), [])
    then = find_signal(found.log.visits, found.steps.filter(pl.col("step") <= signal.step), []).evidence
    assert f"had fallen by {then.fall:.0%} in the means of the heating signal" in signal.why
    early = find_signal(found.log.visits, found.steps.head(12), [])
    assert early.evidence.fall < 0.1
    assert f"in the means of the heating signal ({early.evidence.fall:.1%} so far)" in early.why


def test_the_output_that_the_docs_show_is_what_the_command_prints(monkeypatch, tmp_path, capsys):
    """If this fails: put the output of the command into docs/diagnose.md."""
    page = (ROOT / "docs/diagnose.md").read_text(encoding="utf-8")
    block = page.split("$ conet diagnose tests/data/trl/plain\n", 1)[1].split("\n\n", 1)[0]
    shown = [line.removeprefix("    ") for line in block.splitlines()]
    log = ROOT / "tests/data/trl/plain"
    monkeypatch.chdir(tmp_path)
    main(["diagnose", str(log)])
    assert capsys.readouterr().out.splitlines() == shown


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (33.2, "behind which the accuracy rises 33 times as slowly"),
        (151224.0, "behind which the accuracy hardly rises"),
        (math.inf, "behind which the accuracy hardly rises"),
    ],
)
def test_a_slope_near_zero_makes_no_ratio(times, said):
    found = Stage(
        stage="slow",
        why="",
        knee=Interval(9.0, 8.0, 10.0),
        slope_ratio=Interval(times, 2.0, times),
        rise=Interval(0.5, 0.4, 0.6),
    )
    assert stage._said(found).endswith(said)
