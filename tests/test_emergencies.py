"""What people ask of a run in trouble: each row on realistic input, and healthy runs that must stay quiet."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from trouble import collapse, curve, letters, loop, noise, prose, run, saved

import conet
from conet.cli import main
from conet.detect.shift import find_shift, since_above
from conet.diagnosis import Urgency
from conet.diagnosis.text import described
from conet.diagnosis.words import length_unit

RISE = curve((1, 0.1), (20, 0.7), (40, 0.75))
FALL = curve((1, 0.2), (10, 0.7), (24, 0.75), (28, 0), (40, 0))


def diagnosed(rows: pl.DataFrame, folder) -> conet.Diagnosis:
    return conet.diagnose(saved(rows, folder))


def named(found: conet.Diagnosis, urgency: Urgency = Urgency.WARNING) -> list[str]:
    return [line.name for line in found.headlines if line.urgency >= urgency]


def line(found: conet.Diagnosis, name: str):
    return next(line for line in found.headlines if line.name == name)


def test_a_collapse_says_what_went_with_it(tmp_path):
    longer = curve((1, 300), (24, 300), (28, 1500), (40, 1500))
    cut = curve((1, 0), (24, 0), (28, 0.9), (40, 0.9))
    found = diagnosed(
        run(FALL, length=longer, truncated=cut, words=lambda step: loop if step > 26 else prose, boxed=0.9),
        tmp_path,
    )
    assert found.headlines[0].name == "stage"
    assert found.findings["stage"] == "collapsed"
    assert 24 <= found.findings["stage_step"] <= 27
    said = line(found, "what went with it").text
    assert "times as long" in said
    assert "answers cut off 0% → " in said
    assert "repeated sequences" in said
    assert "entropy and KL were not logged" in said
    assert {"truncated", "repetition"} <= set(named(found, Urgency.EMERGENCY))
    assert found.findings["heat_now"] is False
    for each in found.headlines:
        assert each.urgency < Urgency.WARNING or each.remedy or each.name == "what went with it"


@pytest.mark.parametrize("from_step", [1, 16])
def test_every_answer_is_cut_off(from_step, tmp_path):
    cut = (np.arange(1, 41) >= from_step).astype(float)
    found = diagnosed(run(np.full(40, 0.3), length=300 + 3700 * cut, truncated=cut), tmp_path)
    assert found.headlines[0].name == "truncated"
    assert "Every answer is cut off" in found.headlines[0].text
    assert found.findings["truncated_since"] == from_step
    assert found.findings["truncated"]["wrong"]["end"] == 1
    assert set(found.findings["answers_by_step"]) >= {"step", "length", "length_right", "truncated_wrong"}
    assert len(found.findings["answers_by_step"]["length"]) == 40


def test_a_limit_that_no_column_names(tmp_path):
    rows = run(np.full(40, 0.3), length=np.linspace(200, 1000, 40)).drop("finish_reason")
    rows = rows.with_columns(pl.col("response_length").clip(upper_bound=512))
    found = diagnosed(rows, tmp_path)
    assert "the longest, 512, since step 1" in line(found, "truncated").text
    assert found.findings["truncated_share"] is None


def test_a_limit_that_no_column_names_is_seen_by_step_and_not_on_average(tmp_path):
    """Of all answers one in twenty is as long as the limit, and at the end every one."""
    lengths = curve((1, 250), (56, 300), (58, 2000), (60, 2000))
    rows = run(curve((1, 0.3), (60, 0.5)), length=lengths, samples=4).drop("finish_reason")
    rows = rows.with_columns(pl.col("response_length").clip(upper_bound=512))
    assert (rows["response_length"] == 512).mean() < 0.1
    said = line(diagnosed(rows, tmp_path), "truncated")
    assert said.urgency == Urgency.EMERGENCY
    assert 56 <= said.step <= 58
    assert "100% of the answers are exactly as long as the longest, 512" in said.text


def test_few_answers_cut_off_are_no_headline(tmp_path):
    assert "truncated" not in named(diagnosed(run(RISE, truncated=0.05), tmp_path), Urgency.NOTE)


def test_a_reward_of_several_parts_rises_while_answers_get_worse(tmp_path):
    down, up = curve((1, 0.5), (15, 0.5), (40, 0.1)), curve((1, 0.1), (15, 0.15), (40, 0.9))
    rows = run(down, format_reward=0.9, length_reward=up)
    rows = rows.with_columns(reward=pl.sum_horizontal("correct", "format_reward", "length_reward"))
    found = diagnosed(rows, tmp_path)
    assert found.headlines[0].name == "reward against correct"
    assert "length_reward 0.1" in found.headlines[0].evidence
    assert "format_reward" not in found.headlines[0].evidence
    assert 12 <= found.findings["rewards_diverge_since"] <= 26
    assert set(found.findings["rewards"]) == {"reward", "format_reward", "length_reward"}


@pytest.mark.parametrize(("name", "urgent"), [("style_reward", True), ("format_reward", False)])
def test_a_reward_that_rises_alone_is_said(name, urgent, tmp_path):
    found = diagnosed(run(np.full(40, 0.3), **{name: curve((1, 0.2), (30, 0.9), (40, 0.9))}), tmp_path)
    said = line(found, "reward without correct")
    assert found.findings["stage"] == "flat"
    assert f"The reward {name} rises while the accuracy stays as it is" in said.text
    assert (said.urgency == Urgency.WARNING) == urgent
    quiet = diagnosed(run(np.full(40, 0.3), **{name: 0.5}), tmp_path)
    assert "reward without correct" not in named(quiet, Urgency.NOTE)


def test_rewards_that_fall_together_do_not_diverge(tmp_path):
    rows = run(FALL, format_reward=FALL).with_columns(reward=pl.col("correct") + pl.col("format_reward"))
    assert "reward against correct" not in named(diagnosed(rows, tmp_path), Urgency.NOTE)


def test_a_format_that_is_learned_first_is_no_divergence(tmp_path):
    rows = run(RISE, format_reward=curve((1, 0), (6, 1), (40, 1)))
    assert named(diagnosed(rows, tmp_path)) == []


@pytest.mark.parametrize(
    ("why", "options"),
    [
        ("verifier", {"misjudged": 0.3, "format_reward": 0.9}),
        ("format", {"boxed": 0.02}),
        ("format", {"format_reward": 0.01}),
        ("length limit", {"truncated": 0.9, "boxed": 0.1}),
        ("difficulty", {"format_reward": 0.95}),
    ],
)
def test_dead_from_the_start(why, options, tmp_path):
    found = diagnosed(run(np.zeros(12), **options), tmp_path)
    assert found.headlines[0].name == "dead from the start"
    assert found.findings["dead_because"] == why
    assert f"look at the {why} first" in found.headlines[0].text
    if "misjudged" in options:
        assert found.findings["judged_wrong_but_equal"] == pytest.approx(0.3, abs=0.05)
        assert "format_reward is 0.9" in found.headlines[0].text


@pytest.mark.parametrize("logged", [["completion", "format_reward"], ["completion"], []])
def test_without_gold_answers_verifier_and_difficulty_are_not_told_apart(logged, tmp_path):
    rows = run(np.zeros(12), misjudged=0.5, format_reward=0.95).select("step", "prompt", "correct", *logged)
    found = diagnosed(rows, tmp_path)
    assert found.findings["dead_from_start"]
    assert found.findings["dead_because"] is None
    assert "verifier or difficulty" in found.notes["dead_because"]
    assert "whether verifier or difficulty cannot be told" in found.headlines[0].text


def test_a_format_reward_that_is_never_paid_is_named(tmp_path):
    rows = run(np.zeros(12), format_reward=0.0).drop("completion", "ground_truth")
    found = diagnosed(rows, tmp_path)
    assert found.findings["dead_because"] == "format"
    assert "format_reward is 0 on average" in found.headlines[0].text


@pytest.mark.parametrize("misjudged", [0.0, 0.5])
def test_nothing_in_a_run_that_does_not_move_would_have_been_seen_below_what_counts(misjudged, tmp_path):
    found = diagnosed(run(np.zeros(12), misjudged=misjudged), tmp_path)
    assert "a rise above 0.050 would have been seen" in line(found, "stage").text


def test_problems_that_are_lost_are_said_though_the_accuracy_of_all_stays(tmp_path):
    """Half of the problems are learned while the other half is lost, and two are never solved."""
    parts = [
        run(level, seed=seed, problems=4, spread=0.05).with_columns(prompt=pl.col("prompt") + f" ({seed})")
        for seed, level in enumerate(
            [curve((1, 0.1), (40, 0.9)), curve((1, 0.9), (30, 0), (40, 0)), np.zeros(40)]
        )
    ]
    found = diagnosed(pl.concat(parts).sort("step", maintain_order=True), tmp_path)
    assert found.findings["stage"] not in ("falling", "collapsed")
    lost, dead = (line(found, f"{name} problems") for name in ("forgotten", "dead"))
    assert lost.text == "4 of 12 problems were solved once and are lost."
    assert dead.text.startswith("4 of 12 problems")
    assert (lost.urgency, dead.urgency) == (Urgency.WARNING, Urgency.NOTE)
    assert lost.remedy
    assert dead.remedy


@pytest.mark.parametrize(
    ("given", "gold", "name"),
    [
        (r"\frac{8}{3}", "8/3", "ground_truth"),
        ("5 cm", 5, "correct_answer"),
        (r"8\%", "0.08", "Expected"),
        ("12{,}345", "12345", "gold_solution"),
        ("8/3", ["2.6667", r"\frac{8}{3}"], "targets"),
        ("8/3", {"ground_truth": r"\dfrac{8}{3}", "style": "rule"}, "reward_model"),
    ],
)
def test_a_verifier_that_does_not_know_another_way_of_writing(given, gold, name, tmp_path):
    rows = run(np.zeros(12), format_reward=0.9).drop("ground_truth")
    right = pl.col("completion").hash() % 3 == 0
    rows = rows.with_columns(
        completion=pl.when(right).then(pl.lit(f"\\boxed{{{given}}}")).otherwise("completion")
    )
    found = diagnosed(rows.with_columns(pl.Series(name, [gold] * rows.height)), tmp_path)
    assert found.findings["dead_because"] == "verifier"
    assert found.findings["judged_wrong_but_equal"] == pytest.approx(1 / 3, abs=0.06)


def test_a_verifier_that_errs_in_a_run_that_learns(tmp_path):
    found = diagnosed(run(RISE, misjudged=0.2), tmp_path)
    assert named(found) == ["verifier"]
    assert not found.findings["dead_from_start"]


def test_a_column_that_follows_the_answers_holds_no_gold_answers(tmp_path):
    rows = run(np.zeros(12)).with_columns(ground_truth=pl.col("completion").str.extract(r"\{(\d+)\}"))
    found = diagnosed(rows, tmp_path)
    assert found.findings["judged_wrong_but_equal"] is None
    assert found.findings["dead_because"] != "verifier"


@pytest.mark.parametrize(
    ("writer", "name"), [(loop, "repetition"), (noise, "gibberish"), (letters, "gibberish")]
)
def test_answers_that_are_no_words_any_more(writer, name, tmp_path):
    found = diagnosed(run(FALL, words=lambda step: writer if step >= 27 else prose), tmp_path)
    assert name in named(found, Urgency.EMERGENCY)
    assert 26 <= found.findings["wording_since"] <= 28


def test_length_that_explodes_and_shrinks(tmp_path):
    flat = np.full(40, 0.3)
    found = diagnosed(run(flat, length=np.geomspace(200, 2000, 40)), tmp_path)
    assert line(found, "length explodes").urgency == Urgency.NOTE  # nothing is cut off, nothing falls
    found = diagnosed(run(flat, length=np.geomspace(2000, 100, 40)), tmp_path)
    assert named(found) == ["length shrinks"]


def test_short_lengths_are_written_with_a_digit_more_and_with_their_unit(tmp_path):
    texts = pl.Series(["a" * (1 if row < 20 else 4 + row % 2) for row in range(40)])
    rows = pl.DataFrame(
        {
            "step": np.repeat(np.arange(40), 64),
            "prompt": [f"p{row % 8}" for row in range(2560)],
            "completion": np.repeat(texts.to_numpy(), 64),
            "reward": [float(row % 3 == 0) for row in range(2560)],
        }
    )
    found = diagnosed(rows, tmp_path)
    assert line(found, "length explodes").text.endswith("1.0 → 4.5 characters.")
    number = next(one for one in found.numbers if one.name == "length of the answers")
    assert number.value == "1.0 → 4.5"
    assert number.definition.startswith("characters, first and last fifth of the steps")


@pytest.mark.parametrize(
    ("source", "unit"),
    [
        ("column number of tokens", ""),  # "column number" was the unit
        ("column n of column m", ""),
        ("tokens of column text (tokenizer a)", "tokens"),
    ],
)
def test_a_column_of_lengths_that_is_called_of_something_has_no_unit(source, unit):
    assert length_unit({"length": source}) == unit


def test_one_epoch_says_so(tmp_path):
    found = diagnosed(run(np.full(40, 0.3), once=True), tmp_path)
    assert [found.findings[key] for key in ("learned", "forgotten", "dead", "v_within")] == [None] * 4
    text = described(found, "report.html")
    assert "Each prompt was seen once (one epoch)" in text
    assert "0 | 0 | 0" not in text
    assert found.findings["heat_now"] is False


def test_nothing_teaches(tmp_path):
    found = diagnosed(run(np.full(40, 0.02), spread=0.0), tmp_path)
    assert "groups without signal" in named(found)
    assert found.findings["teaching_share"]["end"] < 0.25
    assert "get the same reward" in line(found, "groups without signal").text


def test_groups_that_differ_in_another_reward_alone_do_not_get_the_same_reward(tmp_path):
    rows = run(np.zeros(12), format_reward=0.5).with_columns(
        reward=pl.col("correct") + 0.2 * pl.col("format_reward")
    )
    found = diagnosed(rows, tmp_path)
    text = line(found, "groups without signal").text
    assert "get the same reward" not in text
    assert text.startswith(
        "Nothing of the batch teaches what is correct: in 100% of the groups all answers are"
    )
    assert "by their other rewards alone" in found.notes["teaching_share"]


HEALTHY = {
    "rises": {"accuracy": RISE},
    "rises slowly": {"accuracy": np.linspace(0.2, 0.4, 40)},
    "noise": {"accuracy": np.full(40, 0.3)},
    "noisy plateau": {"accuracy": np.full(40, 0.5), "samples": 4, "spread": 0.3},
    "a V": {"accuracy": RISE, "length": curve((1, 400), (18, 150), (40, 260))},
    "short answers": {"accuracy": RISE, "length": 40.0},
    "a curriculum": {"accuracy": 0.45 + 0.1 * np.sin(np.arange(40) / 6), "once": True},
    "several rewards": {"accuracy": RISE, "format_reward": 0.9, "tag_reward": curve((1, 0.2), (40, 0.9))},
}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_runs_raise_no_alarm(kind, tmp_path):
    """Two seeds of eight kinds; at a rate of 1 % for each run, two alarms of one kind have a chance of 1e-4."""
    alarms = [named(diagnosed(run(**HEALTHY[kind], seed=seed), tmp_path)) for seed in range(2)]
    assert sum(map(bool, alarms)) <= 1, alarms


def test_shifts_are_found_where_they_are():
    rng = np.random.default_rng(0)
    steps = np.arange(1, 101)
    jump = np.where(steps >= 60, 3.0, 1.0) + rng.normal(0, 0.1, 100)
    found = find_shift(steps, jump, True)
    assert found is not None
    assert found.step == 60
    assert found.ratio == pytest.approx(3, rel=0.1)
    assert find_shift(steps, jump, False) is None
    assert since_above(steps, jump, 2.0) == 60
    assert since_above(steps, jump[::-1], 2.0) is None


def test_noise_is_no_shift():
    """400 draws, looked at both ways: at a rate of 0.2 % more than 5 of 800 have a chance below 1 %."""
    rng = np.random.default_rng(1)
    steps = np.arange(60)
    draws = [rng.normal(0, 1, 60) for _ in range(200)] + [rng.binomial(64, 0.1, 60) / 64 for _ in range(200)]
    assert sum(find_shift(steps, values, up) is not None for values in draws for up in (True, False)) <= 5


def test_the_readme_shows_what_the_command_prints(tmp_path, capsys):
    """If this fails: put the output of the command into README.md."""
    root = Path(__file__).parent.parent
    log = root / "tests/data/trouble/collapse.parquet"
    main(["diagnose", str(log), "--out", str(tmp_path / "out")])
    printed = " ".join(capsys.readouterr().out.split())
    page = (root / "README.md").read_text(encoding="utf-8")
    block = page.split("$ conet diagnose tests/data/trouble/collapse.parquet\n", 1)[1].split("\n\n", 1)[0]
    place = 0
    for part in block.split("…"):
        wanted = " ".join(part.split())
        assert wanted in printed[place:], wanted
        place = printed.index(wanted, place) + len(wanted)


def test_the_sample_is_what_its_generator_draws():
    log = pl.read_parquet(Path(__file__).parent / "data/trouble/collapse.parquet")
    assert log.equals(collapse())


def test_with_one_epoch_families_tell_what_is_forgotten(tmp_path):
    fall, rise = curve((1, 0.7), (15, 0.7), (40, 0.1)), curve((1, 0.1), (15, 0.5), (40, 0.9))
    algebra, geometry = (
        run(level, once=True, spread=0.05, seed=seed).with_columns(
            data_source=pl.lit(name), prompt=pl.format("{}: {}", pl.lit(name), "prompt")
        )
        for seed, (name, level) in enumerate({"algebra": rise, "geometry": fall}.items())
    )
    found = diagnosed(pl.concat([algebra, geometry]).sort("step", maintain_order=True), tmp_path)
    assert found.findings["seen_once"]
    assert set(found.findings["families"]) == {"algebra", "geometry"}
    assert found.findings["families"]["geometry"]["end"] < 0.3
    assert named(found) == ["a family is forgotten"]
    assert "geometry" in line(found, "a family is forgotten").text
    assert found.findings["learned"] is None


def test_partial_credit_collapses_as_the_mean_reward(tmp_path):
    rng = np.random.default_rng(0)
    rows = run(FALL, truncated=curve((1, 0), (25, 0), (28, 0.9), (40, 0.9)))
    credit = pl.Series(np.round(rng.uniform(0.5, 1, rows.height), 2)) * rows["correct"]
    found = diagnosed(rows.drop("correct").with_columns(reward=credit), tmp_path)
    assert found.findings["stage"] == "collapsed"
    assert "mean reward has collapsed" in found.headlines[0].text
    assert "truncated" in named(found)
    assert found.findings["learned"] is None


def test_the_figure_of_partial_credit_shows_rewards(tmp_path):
    """Rewards from -2 to 3 are no shares, so the axis does not end at 0 and 1."""
    rng = np.random.default_rng(0)
    rows = run(curve((1, 0.1), (40, 0.9)), samples=4).drop("correct")
    level = curve((1, -1.0), (40, 2.0))[rows["step"].to_numpy() - 1]
    found = diagnosed(
        rows.with_columns(reward=np.round(level + rng.uniform(-1, 1, rows.height), 2)), tmp_path
    )
    (panel,) = found.view("learning-curve").panels
    assert (panel.y.name, panel.y.low, panel.y.high) == ("mean reward", None, None)
    shown = np.array(panel.series[0].y, dtype=float)
    assert shown[0] == pytest.approx(-1, abs=0.5)
    assert shown[-1] == pytest.approx(2, abs=0.5)


def of_rewards(change, folder, accuracy=FALL, samples=8) -> conet.Diagnosis:
    """Diagnose a run whose rewards are what ``change`` makes of right and wrong."""
    rows = run(accuracy, samples=samples)
    rewards = change(rows["correct"].to_numpy().copy(), np.random.default_rng(1))
    folder.mkdir(exist_ok=True)
    return diagnosed(rows.drop("correct").with_columns(reward=pl.Series(rewards)), folder)


def strays(*values: float):
    """One row each of another reward, somewhere in the run."""

    def change(right, rng):
        right[rng.choice(len(right), len(values), replace=False)] = values
        return right

    return change


@pytest.mark.parametrize("values", [(14.0,), (-10.0,), (-9.0, -10.0, -11.0), (100.0, -3.0)])
def test_stray_rewards_do_not_hide_the_stage(values, tmp_path):
    fallen = of_rewards(strays(*values), tmp_path / "fallen")
    assert fallen.findings["stage"] == "collapsed"
    assert "0.7" in line(fallen, "stage").text
    assert of_rewards(strays(*values), tmp_path / "risen", RISE).findings["stage"] in ("fast", "slow")


@pytest.mark.parametrize("unit", [14, 100])
def test_levels_are_told_in_the_unit_of_the_reward(unit, tmp_path):
    """A long tail, as of a speed-up, and points out of a hundred."""
    tail = of_rewards(
        lambda right, rng: right * np.minimum(rng.lognormal(0.5, 0.8, len(right)), unit), tmp_path / "tail"
    )
    assert tail.findings["stage"] == "collapsed"
    points = of_rewards(
        lambda right, rng: right * rng.choice([unit, unit / 2], len(right), p=[0.9, 0.1]), tmp_path / "points"
    )
    assert points.findings["stage"] == "collapsed"
    best = points.detail("stage").trend.best
    assert best == pytest.approx(0.95 * 0.75 * unit, rel=0.15)
    assert f"it was {best:.2f} at its best" in line(points, "stage").text


@pytest.mark.parametrize("samples", [1, 2, 4])
@pytest.mark.parametrize(("start", "end", "stage"), [(0.6, 0.4, "falling"), (0.4, 0.6, "fast")])
def test_partial_credit_of_small_groups_is_not_cut_to_whole_numbers(samples, start, end, stage, tmp_path):
    level = curve((1, start), (8, start), (32, end), (40, end))

    def change(right, rng):
        return np.clip(np.repeat(level, 8 * samples) + rng.normal(0, 0.05, len(right)), 0, 1)

    found = of_rewards(change, tmp_path, level, samples)
    assert found.findings["stage"] == stage or (stage == "fast" and found.findings["stage"] == "slow")
    rise = found.detail("stage").rise
    assert rise.estimate == pytest.approx(end - start, abs=0.03)
    assert rise.low < end - start < rise.high


def test_a_reward_below_zero_that_hardly_moves_has_not_collapsed(tmp_path):
    found = of_rewards(lambda right, rng: rng.normal(-3, 0.8, len(right)), tmp_path, np.full(40, 0.5))
    assert found.findings["stage"] == "flat"


def test_correct_above_is_said_in_python_as_on_the_command_line(tmp_path):
    rows = run(RISE)
    half = pl.Series(np.where(np.arange(rows.height) % 7 == 0, 0.4, 0.0))
    path = saved(rows.drop("correct").with_columns(reward=pl.max_horizontal(rows["correct"], half)), tmp_path)
    assert conet.diagnose(path).findings["accuracy"] is None
    assert conet.diagnose(path, correct_above=0.5).findings["accuracy"]["end"] > 0.6


@pytest.mark.parametrize("collapses", [False, True])
def test_short_right_answers_are_alike_without_a_collapse(collapses, tmp_path):
    """Answers of one number: right ones are one text; wrong ones stay many, or become one as well."""
    rows = run(RISE)
    number = np.arange(rows.height) % 8
    late = collapses & (rows["step"].to_numpy() > 25)
    wrong = pl.Series(np.where(late, 7, number) + 1000).cast(pl.String)
    short = pl.when(pl.col("correct") == 1).then(pl.col("ground_truth")).otherwise(wrong)
    found = diagnosed(rows.with_columns(completion=short), tmp_path)
    early, last = found.findings["diversity"]["distinct_share"]
    assert last < early / 2
    assert found.findings["collapse"] is collapses
    assert ("diversity" in named(found)) is collapses
    assert not collapses or line(found, "diversity").remedy


def test_the_one_family_that_falls_is_a_warning_though_the_accuracy_of_all_falls_with_it(tmp_path):
    parts = [
        run(level, seed=seed).with_columns(data_source=pl.lit(name), prompt=pl.col("prompt") + f" ({name})")
        for seed, (name, level) in enumerate({"code": FALL, "math": np.full(40, 0.6)}.items())
    ]
    found = diagnosed(pl.concat(parts).sort("step", maintain_order=True), tmp_path)
    assert found.findings["stage"] == "falling"
    assert "a family is forgotten" in named(found)
    assert "code have collapsed" in line(found, "a family is forgotten").text


def test_with_partial_credit_no_source_says_what_is_correct(tmp_path):
    found = of_rewards(lambda right, rng: right * rng.choice([0.5, 1.0], len(right)), tmp_path)
    assert found.findings["sources"]["correct"] == "not said (column reward gives partial credit)"
