"""The diagnosis: what was planted is found, what chance makes is not, and what is undecided says why."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from math import comb
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import as_trl, as_verl, rollouts, two_stages, valley

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.cli.diagnose import examined
from conet.detect import Counts, find_valley
from conet.diagnosis import Diagnosis, diagnose, write
from conet.diagnosis.findings import outcomes
from conet.diagnosis.findings.diversity import diversity
from conet.diagnosis.findings.groups import filtering
from conet.diagnosis.findings.heating import find_signal
from conet.diagnosis.findings.interference import interference
from conet.diagnosis.findings.transitions import sharpness
from conet.diagnosis.heat import example, heat_set
from conet.diagnosis.stages import find_stage
from conet.diagnosis.text import described
from conet.diagnosis.visits import Visits, by_visit, visits
from conet.diagnosis.words import clean
from conet.readers import read
from conet.report.diagnosis import write as page
from conet.rollouts import bundle, per_step

DATA = Path(__file__).parent / "data"
KEYS = (
    "steps",
    "problems",
    "samples",
    "stage",
    "knee_step",
    "v_bottom_step",
    "heat_now",
    "learned",
    "forgotten",
    "dead",
    "truncated_share",
    "skipped_rows",
    "notes",
)


def table(rows: pl.DataFrame, folder: Path) -> Path:
    path = folder / "rows.parquet"
    rows.write_parquet(path)
    return path


def seen(rows: pl.DataFrame, folder: Path) -> Visits:
    return visits(read(table(rows, folder)))


def no_page(found: Diagnosis, out: Path) -> Path:
    return out / "report.html"


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Diagnosis:
    """A knee near step 30 of 120, a V with its bottom at step 40."""
    rows = rollouts(two_stages(), valley())
    return diagnose(table(rows, tmp_path_factory.mktemp("planted")))


# Stages, knee, V, the time to heat ---------------------------------------------------------------------


def test_knee_and_v_are_found_where_they_were_planted(planted):
    found = planted.findings
    assert found["stage"] == "slow"
    low, high = found["knee_interval"]
    assert 10 <= low <= found["knee_step"] <= high <= 45
    assert found["v"] == "V"
    assert abs(found["v_bottom_step"] - 40) <= 5
    assert found["v_pooled"]["end_ratio"]["low"] > 1.5
    assert found["v_within"]["within_ratio"]["estimate"] == pytest.approx(80 / 40, rel=0.1)


@pytest.mark.parametrize(("until", "stage"), [(25, "fast"), (60, "slow"), (12, "fast"), (9, None)])
def test_the_stage_so_far(until, stage, tmp_path):
    found = find_stage(bundle(seen(rollouts(two_stages()[:until]), tmp_path).table))
    assert found.stage == stage
    assert found.why


@pytest.mark.parametrize(("problems", "told"), [(16, False), (64, True)])
def test_the_slope_ratio_has_an_interval_only_where_that_is_known_to_hold_it(problems, told, tmp_path):
    """With 16 problems it held the ratio in 76 of 100 runs of known truth, with 64 in 94."""
    accuracy = np.interp(np.arange(120), [0, 30, 119], [0.05, 0.7, 0.9])[:, None] * np.ones(problems)
    rows = rollouts(accuracy)
    found = diagnose(table(rows, tmp_path)).findings
    assert found["stage"] == "slow"
    assert found["slope_ratio"] > 2
    assert (found["slope_ratio_interval"] is not None, found["knee_interval"] is not None) == (told, True)
    assert ("fewer than 64 problems" in found["notes"].get("slope_ratio_interval", "")) == (not told)


def test_one_straight_line_has_no_knee():
    """10 seeds: at a rate of 1 in 100 the chance of two knees or more is below 0.5 %."""
    rng = np.random.default_rng(0)
    line = np.linspace(0.05, 0.6, 60)[:, None] * np.ones(30)
    stages = [find_stage(Counts.of(rng.binomial(8, line), 50 * np.ones((60, 30)), 8)) for _ in range(10)]
    assert sum(stage.knee is not None for stage in stages) <= 1
    assert sum(stage.stage == "fast" for stage in stages) >= 9


def test_a_flat_run_is_called_flat(tmp_path):
    found = diagnose(table(rollouts(np.full((60, 30), 0.5)), tmp_path)).findings
    named = {name: found[name] for name in ("stage", "knee_step", "v_bottom_step", "heat_now")}
    assert named == {"stage": "flat", "knee_step": None, "v_bottom_step": None, "heat_now": False}
    assert {"stage_interval", "knee_step", "v_bottom_step"} <= set(found["notes"])
    assert any("would have been seen" in line["text"] for line in found["headlines"])


def crash(problems: int = 16) -> np.ndarray:
    """Accuracy that rises to 0.75 at step 25 and is 0 from step 31 on."""
    steps = np.arange(40)
    curve = np.where(steps < 25, 0.03 * (steps + 1), 0.75 * np.clip((30 - steps) / 6, 0, 1))
    return np.repeat(curve[:, None], problems, axis=1)


def test_a_collapse_is_said_first_and_nobody_is_told_to_heat(tmp_path):
    lengths = np.concatenate([np.linspace(80, 40, 15), np.linspace(41, 60, 25)])[:, None]
    found = diagnose(table(rollouts(crash(), lengths), tmp_path)).findings
    assert found["stage"] == "collapsed"
    assert abs(found["stage_step"] - 26) <= 2
    low, high = found["stage_interval"]
    assert low <= found["stage_step"] <= high
    first = found["headlines"][0]
    assert "collapsed since step" in first["text"]
    assert "checkpoint" in first["remedy"]
    assert found["heat_now"] is False
    assert not any("Now is the time to heat" in line["text"] for line in found["headlines"])


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        (45, False, "still near its shortest"),
        (70, True, "since step"),
        (120, False, "the moment was step"),
        (3, None, ""),
    ],
)
def test_the_time_to_heat(until, now, expected, tmp_path):
    found = seen(rollouts(two_stages()[:until], valley()[:until]), tmp_path)
    moment = find_signal(found, per_step(found.table, found.measured), [])
    assert moment.now is now
    assert expected in moment.why


def test_the_time_to_heat_rests_on_what_was_seen_when_the_signal_fired(tmp_path):
    """Where lengths fell anew it said: since step 40 it "has risen again by 0.0% (0.0 standard errors)"."""
    lengths = valley(80, 30, low=30.0)
    lengths[52:] = np.linspace(1, 0.3, 28)[:, None] * lengths[52]
    found = seen(rollouts(two_stages(80, 30), lengths), tmp_path)
    signal = find_signal(found, per_step(found.table, found.measured), [])
    assert signal.now
    assert signal.evidence.rise < 0.01
    assert f"since step {signal.step}, when the correct length had fallen by" in signal.why
    risen = re.search(r"had risen again by ([\d.]+)% \(([\d.]+) standard errors\)", signal.why)
    assert float(risen[1]) >= 3
    assert float(risen[2]) >= 4


def curriculum(until: int) -> pl.DataFrame:
    """Three sets of 16 problems, 30 steps each, whose lengths stay 60, 40 and 80 while accuracy rises."""
    asked = np.repeat(np.arange(90) // 30, 48).reshape(90, 48) == np.arange(48) // 16
    accuracy = np.where(asked, np.linspace(0.2, 0.7, 90)[:, None], np.nan)
    lengths = np.array([60.0, 40.0, 80.0])[np.arange(48) // 16]
    return rollouts(accuracy[:until], np.broadcast_to(lengths, (until, 48)))


@pytest.mark.parametrize(
    ("until", "now", "expected"),
    [
        (
            61,
            None,
            "other problems are asked since step 60, and lengths are compared within one mix of problems",
        ),
        (90, False, "since other problems are asked (step 60), the correct length has not fallen by 10% yet"),
    ],
)
def test_a_curriculum_is_no_time_to_heat(until, now, expected, tmp_path):
    """Its correct length has a V: falls by a third, and doubles; and the diagnosis says why that is none."""
    rows = curriculum(until)
    found = diagnose(table(rows, tmp_path))
    assert (found.findings["heat_now"], found.findings["heat_step"]) == (now, None)
    assert expected in found.findings["heat_why"]
    assert any(expected in line["text"] for line in found.findings["headlines"])
    assert found.findings["v_bottom_forecast"] is None
    if until == 90:  # the same lengths of one set of problems
        same = rows.with_columns(prompt=(pl.col("prompt").rank("dense") % 16).cast(pl.String))
        one_set = seen(same, tmp_path)
        assert find_signal(one_set, per_step(one_set.table), []).step is not None


def test_a_run_that_was_heated_is_not_to_be_heated_again(planted):
    moment = find_signal(planted.log.visits, planted.steps.head(70), [60])
    assert (moment.now, moment.step) == (False, find_signal(planted.log.visits, planted.steps, []).step)
    assert "was heated at step 60" in moment.why


def test_without_lengths_there_is_no_v(tmp_path):
    rows = rollouts(two_stages()).drop("completion", "completion_length")
    found = diagnose(table(rows, tmp_path)).findings
    assert (found["v"], found["v_bottom_step"], found["heat_now"]) == (None, None, None)
    assert "not known" in found["notes"]["v_bottom_step"]
    assert "not known" in found["notes"]["heat_now"]


def test_a_finished_run_of_conet(tmp_path):
    """The same moments as the run's own summary; and it learned what its policy knows."""
    import conet

    run = conet.run(conet.preset("smoke").override({"steps": 160}), tmp_path / "run")
    found = diagnose(run.path).findings
    summary = run.summary()
    assert found["steps"] == 160
    assert found["v_shortest"]["step"] == summary["correct_length"]["min_step"]
    assert found["v_shortest"]["length"] == pytest.approx(summary["correct_length"]["min"])
    assert found["accuracy"]["end"] == pytest.approx(run.metrics()["accuracy"].tail(32).mean())
    assert found["truncated_share"] == pytest.approx(run.metrics()["truncated_share"].mean())
    assert found["learned"] >= 0.8 * found["problems"] * summary["accuracy"]


# Problems ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visited", "status"),
    [
        ([0, 4, 8], "learned"),
        ([8, 8, 0], "forgotten"),
        ([0, 8, 0], "forgotten"),
        ([0, 0, 0], "dead"),
        ([8, 7, 8], "solved"),
        ([1, 0, 2], "open"),
        ([8, 0], "few visits"),
        ([0], "few visits"),
        ([3, 4, 5], "solved"),
        ([4, 3, 0], "open"),
        ([8, 0, 8], "solved"),
    ],
)
def test_what_becomes_of_a_problem(visited, status, tmp_path):
    rows = rollouts(np.full((len(visited), 1), 0.5))
    right = [place < count for count in visited for place in range(8)]
    found = outcomes.outcomes(
        seen(rows.with_columns(accuracy_reward=pl.Series(right).cast(pl.Float64)), tmp_path)
    )
    assert [outcomes.STATUSES[each] for each in found.status] == [status]


def test_levels_by_hand():
    correct = np.array([[8, 0], [8, 0], [0, 8], [0, 8], [0, 8], [0, 8]])
    found = outcomes.levels(correct, np.full((6, 2), 8))
    assert found.start.tolist() == [1.0, 0.0]  # windows of two visits: a third of six
    assert found.best.tolist() == [1.0, 1.0]
    assert found.end.tolist() == [0.0, 1.0]
    assert found.drawn.tolist() == [16.0, 16.0]


def test_names_and_counts_agree_with_the_file(planted, tmp_path):
    found = write(planted, tmp_path / "out", no_page)
    saved = pl.read_parquet(tmp_path / "out" / "problems.parquet")
    for status in ("learned", "forgotten", "dead"):
        assert found[status] == (saved["status"] == status).sum()
    assert saved["problem"].n_unique() == found["problems"] == 40
    assert saved["samples"].sum() == found["samples"]
    assert saved.filter(pl.col("visits") < 3)["status"].is_in(["few visits"]).all()


def test_few_problems_are_learned_or_forgotten_by_chance(tmp_path):
    """2,000 problems whose accuracy never changes: what is counted must be what is said chance makes.

    Poisson counts: five standard errors of the difference, false alarms below 1 in a million a status.
    """
    level = np.random.default_rng(3).uniform(0, 1, 2000)
    visited = seen(rollouts(np.broadcast_to(level, (9, 2000)), samples=4).drop("completion"), tmp_path)
    found = outcomes.outcomes(visited)
    expected = outcomes.by_chance(visited, found.status)
    for name, status in (("learned", outcomes.LEARNED), ("forgotten", outcomes.FORGOTTEN)):
        count = found.count(status)
        assert abs(count - expected[name]) <= 5 * np.sqrt(max(count, 1) * 2) + 0.2 * expected[name]
        assert count < 0.02 * 2000


def test_single_jumps_are_sharp_and_ramps_are_not(tmp_path):
    jump = 1 / (1 + np.exp(-(np.arange(150)[:, None] - np.linspace(30, 120, 10)) / 1.0))
    ramp = np.broadcast_to(np.linspace(0, 1, 150)[:, None], (150, 10))
    visited = seen(rollouts(np.hstack([jump, ramp])), tmp_path)
    found = sharpness(visited, outcomes.outcomes(visited))
    assert [found.single[problem]["sharp"] for problem in range(20)] == [True] * 10 + [False] * 10
    assert (found.fitted, found.sharp) == (20, 10)
    assert found.single[0]["onset_step"] == pytest.approx(28, abs=4)


# Groups ------------------------------------------------------------------------------------------------


def test_steps_by_hand(tmp_path):
    rows = pl.DataFrame(
        {
            "step": [1] * 6 + [2] * 2,
            "prompt": ["a", "a", "b", "b", "c", "c", "a", "a"],
            "completion": ["x", "x", "long", "x", "y", "z", "x", "w"],
            "correct": [1, 1, 1, 0, 0, 0, 0, 0],
            "length": [2, 4, 6, 9, 9, 9, 1, 1],
            "truncated": [0, 0, 0, 1, 0, 0, 0, 1],
        }
    )
    first, second = per_step(seen(rows, tmp_path).table).iter_rows(named=True)
    assert (first["samples"], first["correct_count"], first["groups"], first["problems"]) == (6, 3, 3, 3)
    assert first["correct_length"] == 4.0
    assert (first["all_right"], first["all_wrong"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert first["truncated_share"] == pytest.approx(1 / 6)
    assert first["distinct_share"] == pytest.approx(5 / 6)
    assert first["pass_at_group"] == pytest.approx(2 / 3)
    assert (second["correct_length"], second["truncated_share"]) == (None, 0.5)


@pytest.mark.parametrize(("dynamic", "expected"), [(False, False), (True, True)])
def test_dynamic_sampling_is_noticed(dynamic, expected, tmp_path):
    accuracy = np.broadcast_to(np.random.default_rng(0).beta(0.7, 0.7, 60), (40, 60))
    rows = rollouts(accuracy)
    if dynamic:
        rows = rows.filter(pl.col("accuracy_reward").mean().over("step", "prompt").is_between(0.01, 0.99))
    found = filtering(seen(rows, tmp_path))
    assert found.filtered is expected
    assert found.expected > 50


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 1)), min_size=1, max_size=6), st.integers(4, 16))
def test_the_bound_on_groups_without_signal_holds_for_every_mixture(mixture, size):
    accuracy, weight = (np.array(part) for part in zip(*mixture))
    weight = weight / weight.sum()
    none, one, two = (
        float((weight * comb(size, right) * accuracy**right * (1 - accuracy) ** (size - right)).sum())
        for right in range(3)
    )
    if two > 1e-200:
        assert none >= (one / size) ** 2 / (two / comb(size, 2)) * (1 - 1e-9)


def test_groups_too_small_to_judge(tmp_path):
    found = filtering(seen(rollouts(np.full((20, 10), 0.5), samples=2), tmp_path))
    assert found.filtered is None


def test_collapse_is_noticed_and_learning_is_not_collapse(tmp_path, planted):
    late = (np.arange(80) > 40)[:, None]
    known = np.arange(40) < 20
    rows = rollouts(np.where(late, np.where(known, 0.98, 0.0), 0.3))  # half are given up for the other half
    for table_, expected in (
        (rows, "while pass@1 rises"),
        (
            rows.with_columns(
                completion=pl.when(pl.col("step") > 60).then(pl.lit("x")).otherwise("completion")
            ),
            "different",
        ),
    ):
        found = seen(table_, tmp_path)
        assert expected in str(diversity(found, per_step(found.table)).signs)
    assert planted.findings["collapse"] is False


def test_forgetting_for_others_is_frustration(tmp_path):
    """Two sets of problems that take turns, against problems that only get better."""
    turns = np.sin(np.arange(120) / 6.0)[:, None] * np.where(np.arange(40) < 20, 0.45, -0.45) + 0.5
    found = interference(seen(rollouts(turns), tmp_path))
    assert found.measures["forgetting_rate"]["sigmas"] > 10
    assert found.measures["interference"]["excess"] > 0
    calm = interference(seen(rollouts(two_stages()), tmp_path))
    assert abs(calm.measures["forgetting_rate"]["excess"]) < 0.002
    assert calm.peak is None


def test_validation_stays_apart(tmp_path):
    as_verl(rollouts(two_stages(30, 10)), tmp_path / "rollouts")
    alone = diagnose(tmp_path).findings
    as_verl(rollouts(np.full((3, 50), 0.9), seed=9), tmp_path / "val")
    both = diagnose(tmp_path).findings
    assert both["validation"]["samples"] == 3 * 50 * 8
    for key in ("steps", "problems", "samples", "accuracy", "learned", "groups_without_signal", "v_pooled"):
        assert both[key] == alone[key]


# Unfolding ---------------------------------------------------------------------------------------------


def test_bundles_keep_every_sum(tmp_path):
    found = seen(rollouts(two_stages(60, 90), valley(60, 20)), tmp_path)
    exact = bundle(found.table)
    bundled = bundle(found.table, 30, 16)
    assert (exact.correct_count.shape, bundled.correct_count.shape) == ((60, 90), (30, 16))
    assert exact.whole is None
    for name in ("correct_count", "correct_length_sum", "samples"):
        whole = getattr(exact, name).sum(axis=1).reshape(30, 2).sum(axis=1)
        assert np.array_equal(getattr(bundled, name).sum(axis=1), whole)
    assert bundled.steps.tolist() == list(range(0, 60, 2))


def test_parts_of_the_v_are_exact_where_problems_are_bundled(tmp_path):
    found = seen(rollouts(two_stages(60, 30), valley(60, 20)), tmp_path)
    exact = find_valley(bundle(found.table))
    bundled = find_valley(bundle(found.table, 60, 15))
    assert bundled.bottom.estimate == exact.bottom.estimate
    for name in ("change", "within", "composition", "within_ratio"):
        one, other = getattr(bundled, name), getattr(exact, name)
        assert one.estimate == pytest.approx(other.estimate)
        assert one.low == pytest.approx(other.low, abs=0.3 * abs(other.high - other.low) + 1e-9)


def test_visits_in_blocks_keep_every_sum(tmp_path, monkeypatch):
    monkeypatch.setattr("conet.diagnosis.visits.MOST_VISITS", 7)
    accuracy = np.full((50, 6), 0.4)
    accuracy[::2, :3] = np.nan
    record = read(table(rollouts(accuracy), tmp_path))
    found = visits(record)
    correct, samples, step = by_visit(found)
    assert correct.shape == (7, 6)
    assert samples.sum(axis=0).tolist() == [
        200 * (2 - name.endswith(("0?", "1?", "2?"))) for name in record.names
    ]
    assert (np.diff(step, axis=0) > 0).all()
    assert correct.sum() == found.table["correct_count"].sum()


# What is said ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["planted", "short", "one", "bare", "real"])
def test_every_null_has_a_reason(case, planted, tmp_path):
    rows = {
        "short": rollouts(np.full((4, 3), 0.5)),
        "one": rollouts(np.full((1, 1), 1.0), samples=1),
        "bare": rollouts(np.full((30, 2), 0.5), samples=1).drop("completion", "completion_length"),
    }
    if case == "planted":
        found = planted.findings
    else:
        found = diagnose(DATA / "verl" if case == "real" else table(rows[case], tmp_path)).findings
    assert set(KEYS) <= set(found)
    json.dumps(found, allow_nan=False)
    excused = {"knee_interval", "slope_ratio", "slope_ratio_interval", "v_bottom_interval", "v", "v_shortest"}
    for key, value in found.items():
        if value is None and key not in excused:
            assert found["notes"].get(key), key


def test_numbers_that_json_lacks_become_null():
    assert clean({"a": np.float64("nan"), "b": [float("inf"), np.int64(3)], "c": (1.5,)}) == {
        "a": None,
        "b": [None, 3],
        "c": [1.5],
    }


class Balance(HTMLParser):
    """Fails at a closing tag that closes nothing; notes links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "xlink:href", "src") and value]

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("href", "xlink:href", "src") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_whole_and_the_same_again(planted, tmp_path):
    write(planted, tmp_path / "a", page)
    write(planted, tmp_path / "b", page)
    text = (tmp_path / "a" / "report.html").read_text()
    assert text == (tmp_path / "b" / "report.html").read_text()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert not [link for link in parser.links if "://" in link]
    assert {path.stem for path in (tmp_path / "a" / "figures").iterdir()} == {
        "learning-curve",
        "correct-length",
        "answers",
        "problems",
        "groups",
        "diversity",
        "frustration",
    }


@pytest.mark.parametrize(
    "rows", [rollouts(np.full((1, 1), 1.0), samples=1), rollouts(np.full((3, 2), 0.0), samples=2)]
)
def test_a_poor_run_has_a_report_too(rows, tmp_path):
    nasty = rows.with_columns(prompt=pl.lit("<script>alert(1)</script> & $5 {x} 数学"))
    write(diagnose(table(nasty, tmp_path)), tmp_path / "out", page)
    text = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in text


def test_a_foreign_directory_is_refused(planted, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ConetError, match="which is not empty"):
        write(planted, tmp_path, no_page)
    assert (tmp_path / "report.html").read_text() == "mine"
    for _ in range(2):
        write(planted, tmp_path / "new", no_page)


# Heating -----------------------------------------------------------------------------------------------


def heated(rows: pl.DataFrame, folder: Path, **options):
    return heat_set(read(table(rows, folder)), **options)


def exact(problem: str, step: int, right: list[tuple[str, bool]]) -> pl.DataFrame:
    texts, correct = zip(*right)
    return pl.DataFrame({"step": step, "prompt": problem, "completion": texts, "correct": correct}).cast(
        {"correct": int}
    )


@pytest.fixture
def hard() -> pl.DataFrame:
    """hard: 1 of 20 and 2 of 20 (newest first); easy: always; never: never; new: 8 samples only."""
    wrong = [("no", False)]
    return pl.concat(
        [
            exact("hard", 1, [*wrong * 18, ("second", True), ("third one", True)]),
            exact("hard", 2, [*wrong * 19, ("newest", True)]),
            exact("easy", 2, [("yes", True)] * 20),
            exact("never", 2, wrong * 20),
            exact("new", 2, [*wrong * 7, ("x", True)]),
        ]
    )


@pytest.mark.parametrize(
    ("options", "answer", "correct", "samples"),
    [
        ({}, "newest", 1, 20),
        ({"min_samples": 30}, "second", 3, 40),
        ({"window": 1}, "newest", 1, 20),
        ({"min_samples": 30, "pick": "first"}, "second", 3, 40),
        ({"min_samples": 30, "pick": "newest"}, "newest", 3, 40),
        ({"window": 2, "pick": "first"}, "second", 3, 40),
    ],
)
def test_which_problem_and_which_answer(hard, options, answer, correct, samples, tmp_path):
    found = heated(hard, tmp_path, **options)
    assert [row["problem"] for row in found.examples] == ["hard"]
    row = found.examples[0]
    assert (row["prompt"], row["completion"]) == ("hard", answer)
    assert (row["correct_count"], row["samples"], row["accuracy"]) == (correct, samples, correct / samples)
    assert row["correct"] == correct  # as version 0.1 wrote it


@pytest.mark.parametrize("options", [{"max_accuracy": 0.04}, {"min_samples": 100}])
def test_no_problem_to_heat_on(hard, options, tmp_path):
    found = heated(hard, tmp_path, **options)
    assert found.examples == []
    assert found.why_empty.startswith("no problem to heat on")
    assert sum(found.left_out.values()) == found.problems == 4


def test_problems_left_out_each_for_one_reason(hard, tmp_path):
    found = heated(hard, tmp_path)
    assert found.left_out == {
        "few_samples": 1,
        "never_solved": 1,
        "easy": 1,
        "without_text": 0,
        "off_template": 0,
    }
    older = exact("older", 1, [("yes", True)] * 20)  # not seen in the last step
    assert heated(pl.concat([hard, older]), tmp_path, window=1).left_out["few_samples"] == 2


def test_an_example_is_what_the_logs_hold():
    asked = [{"role": "user", "content": "2+2"}]
    assert example("2+2=", "4") == {"prompt": "2+2=", "completion": "4"}
    for prompt in (asked, json.dumps(asked)):
        found = example(prompt, [{"role": "assistant", "content": "4", "tool_calls": None}])
        assert found == {"messages": [*asked, {"role": "assistant", "content": "4"}]}
    assert example(asked, "4")["messages"][1] == {"role": "assistant", "content": "4"}


# Command line ------------------------------------------------------------------------------------------


def run(*arguments: str) -> subprocess.CompletedProcess:
    code = "import sys; from conet.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300
    )


def called(capsys, *arguments: str) -> tuple[str, str, int]:
    """Call the command line in this process."""
    code = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return out, err, code


def test_diagnose_end_to_end_and_only_with_the_base_install(tmp_path):
    code = (
        "import sys; from conet.cli import main; main(sys.argv[1:]); "
        "assert not {'torch', 'transformers', 'trl', 'tokenizers'} & set(sys.modules)"
    )
    arguments = ["diagnose", str(DATA / "trl" / "plain"), "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(KEYS) <= set(found)
    assert (found["steps"], found["problems"], found["samples"], found["skipped_rows"]) == (40, 16, 3840, 0)
    assert Path(found["report"]).exists()
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text()) == found
    assert "Traceback" not in done.stderr


def test_words_of_diagnose(tmp_path, capsys):
    out, _, code = called(capsys, "diagnose", str(DATA / "verl"), "--out", str(tmp_path / "out"))
    assert code == 0
    assert "passed over: torn last lines: 1" in out
    assert "report" in out.splitlines()[-1]


def test_a_long_value_does_not_run_into_its_meaning(tmp_path):
    lines = described(diagnose(table(rollouts(crash()), tmp_path)), "report.html").splitlines()
    rows = [line for line in lines if line[:26].rstrip() in ("stage", "accuracy")]
    assert "collapsed, since step" in rows[0]
    assert rows[0].index("knee:") == rows[1].index("first and last")
    assert " knee:" in rows[0]


def test_a_diagnosis_says_how_far_it_is(tmp_path):
    shown = []
    record = conet.read(table(rollouts(two_stages()), tmp_path))
    examined(record, tmp_path / "out", None, show=lambda *parts: shown.append(parts))
    what, done, total, name = shown[-1]
    assert (what, done, total, name) == ("part of the diagnosis", len(shown) - 1, len(shown), "report")
    assert [part[3] for part in shown[:2]] == ["source", "dead-start"]


def test_what_lacks_a_file_is_called_incomplete(tmp_path, capsys):
    log = shutil.copytree(DATA / "trl" / "plain", tmp_path / "log")
    parts = sorted(log.rglob("*.parquet"))
    parts[-1].write_bytes(b"PAR1 torn")
    out, _, code = called(capsys, "diagnose", str(log), "--out", str(tmp_path / "out"))
    assert code == 0
    assert f"incomplete: {parts[-1].name}" in out
    assert "incomplete" in (tmp_path / "out/report.html").read_text()
    assert "incomplete" in (tmp_path / "out/diagnosis.json").read_text()


def test_maps_on_the_command_line(tmp_path, capsys):
    chat = str(DATA / "trl" / "chat")
    for pairs in (
        ["correct=accuracy_reward>=1,length=brevity_reward"],
        ["correct=accuracy_reward", "length=brevity_reward"],
    ):
        out, err, code = called(
            capsys, "diagnose", chat, "--map", *pairs, "--out", str(tmp_path / "out"), "--json"
        )
        assert code == 0, err
        found = json.loads(out.splitlines()[-1])
        assert found["sources"]["length"] == "column brevity_reward"
        assert found["skipped"]["rows delivered a second time"] == found["samples"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["diagnose", "absent"], "does not exist"),
        (["diagnose", str(DATA / "verl"), "--format", "trl"], "expected a column 'prompt'"),
        (["diagnose", str(DATA / "verl"), "--format", "tlr"], "did you mean 'trl'"),
        (["diagnose", str(DATA / "verl"), "--map", "stepp=x"], "did you mean 'step'"),
        (["diagnose", str(DATA / "verl"), "--map", "problem=uidd"], "did you mean 'uid'"),
        (["diagnose", str(DATA / "verl"), "--out", str(DATA / "verl")], "which is not empty"),
        (["heat", str(DATA / "verl"), "--out", "x.jsonl", "--below", "0"], "--below 0"),
        (["heat", str(DATA / "verl"), "--out", "x.jsonl", "--max-accuracy", "2"], "--max-accuracy 2"),
        (
            ["heat", str(DATA / "verl"), "--out", "x.jsonl", "--max-accuracy", "0.2", "--below", "0.2"],
            "two names of one setting",
        ),
        (["heat", str(DATA / "verl"), "--out", "x.jsonl", "--window", "0"], "--window 0"),
        (
            ["heat", str(DATA / "verl"), "--out", str(DATA / "verl" / "rollout" / "1.jsonl"), "--below", "1"],
            "which is another file",
        ),
        (["watch", str(DATA / "verl"), "--interval", "-1"], "--interval -1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, expected, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    out, err, code = called(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) <= 3
    assert expected in err


def test_heat_end_to_end(tmp_path, capsys):
    place = tmp_path / "heat.jsonl"
    out, _, code = called(
        capsys,
        "heat",
        str(DATA / "verl"),
        "--out",
        str(place),
        "--max-accuracy",
        "0.3",
        "--min-samples",
        "24",
    )
    rows = [json.loads(line) for line in place.read_text().splitlines()]
    assert code == 0
    assert rows
    assert f"{len(rows)} problems" in out
    assert all(0 < row["accuracy"] < 0.3 and row["samples"] >= 24 for row in rows)
    dumps = [
        json.loads(line)
        for file in (DATA / "verl" / "rollout").iterdir()
        for line in file.read_bytes().splitlines()
        if line.endswith(b"}")
    ]
    right = {(row["input"], row["output"]) for row in dumps if row["acc"]}
    told = [[(part["role"], part["content"]) for part in row["messages"]] for row in rows]
    assert {(f"user\n{asked}\nassistant\n", answered) for ((_, asked), (_, answered)) in told} <= right


def test_below_is_the_old_name_of_max_accuracy(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("conet.base.terminal._noted", set())
    found = []
    for name in ("--below", "--max-accuracy"):
        place = tmp_path / f"{name}.jsonl"
        _, err, code = called(capsys, "heat", str(DATA / "verl"), "--out", str(place), name, "0.3")
        assert code == 0
        assert ("--below is now called --max-accuracy" in err) == (name == "--below")
        found.append(place.read_text())
    assert found[0] == found[1] != ""


def test_heat_in_messages(tmp_path, capsys):
    place = tmp_path / "heat.jsonl"
    _, _, code = called(
        capsys,
        "heat",
        str(DATA / "trl" / "chat"),
        "--map",
        "correct=accuracy_reward",
        "--out",
        str(place),
        "--below",
        "0.2",
    )
    assert code == 0
    for line in place.read_text().splitlines():
        assert [message["role"] for message in json.loads(line)["messages"]] == ["user", "assistant"]


def test_heat_without_a_problem_is_an_empty_file_and_one_line(tmp_path, capsys):
    place = tmp_path / "heat.jsonl"
    out, _, code = called(capsys, "heat", str(DATA / "verl"), "--out", str(place), "--min-samples", "5000")
    assert (code, place.read_text(), len(out.splitlines())) == (0, "", 1)
    assert "no problem to heat on" in out


def test_walks_have_no_texts_to_teach(tmp_path, capsys):
    rows = rollouts(np.full((4, 3), 0.05), samples=32).drop("completion")
    _, err, code = called(capsys, "heat", str(table(rows, tmp_path)), "--out", str(tmp_path / "heat.jsonl"))
    assert code == 2
    assert "without completions" in err


def test_trl_run_directory_named_after_the_run(tmp_path, capsys, monkeypatch):
    as_trl(rollouts(np.full((3, 3), 0.5)), tmp_path / "my-run")
    monkeypatch.chdir(tmp_path)
    for place in ("my-run", "my-run/completions"):
        out, _, _ = called(capsys, "diagnose", place)
        assert "runs/diagnosis-my-run/report.html" in out
    row = '{"step": 1, "prompt": "p", "completion": "c", "reward": 1.0}\n'
    Path("v1.2.jsonl").write_text(row)
    for packed in ("packed.jsonl.gz", "LOUD.JSONL.GZ"):
        Path(packed).write_bytes(gzip.compress(row.encode()))
    for place, name in (("v1.2.jsonl", "v1.2"), ("packed.jsonl.gz", "packed"), ("LOUD.JSONL.GZ", "LOUD")):
        out, _, _ = called(capsys, "diagnose", place)
        assert f"runs/diagnosis-{name}/report.html" in out  # of the second, one suffix stayed
