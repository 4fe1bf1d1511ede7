"""A comparison: what is paired is paired exactly, and what cannot be says so."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from logs import as_trl, as_verl, rollouts
from signing import unsign

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.base.intervals import interval, mean_interval
from conet.diagnosis.comparison import compare, described
from conet.diagnosis.comparison.comparison import names_of
from conet.diagnosis.comparison.moving import moving_at_the_end
from conet.diagnosis.comparison.sides import Side
from conet.learners import LEARNERS
from conet.report.run import subtitle as page_subtitle
from conet.runs.given import settings_of
from conet.runs.schedule import Phase
from conet.views.walks_data import WalksData

TINY = {"graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "steps": 30, "snapshots.pass_walks": 8}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two arms of three seeds, and a fourth seed of one arm alone."""
    place = tmp_path_factory.mktemp("runs")
    found = {}
    for rollouts_of, seed in [(4, 0), (4, 1), (4, 2), (16, 2), (16, 0), (16, 1), (4, 3)]:
        config = conet.preset("smoke").override({**TINY, "seed": seed, "learner.rollouts": rollouts_of})
        found[rollouts_of, seed] = conet.run(config, place / f"g{rollouts_of}-s{seed}")
    return found


def places(runs, *keys):
    return [runs[key].path for key in keys]


def test_seeds_pair_and_the_rest_is_left_out(runs):
    found = compare(places(runs, (4, 0), (4, 1), (4, 2), (4, 3), (16, 2), (16, 0), (16, 1)))
    assert [arm.name for arm in found.arms] == ["learner.rollouts=4", "learner.rollouts=16"]
    assert found.settings == {"learner.rollouts": {side.name: int(side.name[1:-3]) for side in found.sides}}
    told = found.to_json()["measures"]["accuracy"]
    exact = [runs[16, seed].summary()["accuracy"] - runs[4, seed].summary()["accuracy"] for seed in range(3)]
    (row,) = told["differences"]
    assert list(row["values"]) == exact
    assert (told["difference"], told["n"], told["paired_by"]) == (np.mean(exact), 3, "seed")
    assert told["interval"] == pytest.approx(list(interval(np.array(exact))))
    means = {one["arm"]: one for one in told["means"]}
    four = [runs[4, seed].summary()["accuracy"] for seed in range(4)]
    assert means["learner.rollouts=4"]["mean"] == pytest.approx(np.mean(four))
    assert means["learner.rollouts=4"]["n"] == 4
    assert told["values"]["g4-s3"] == runs[4, 3].summary()["accuracy"]
    assert found.headlines[0].endswith("over 3 seeds; fewer than 6 seeds decide nothing.")
    json.dumps(found.to_json(), allow_nan=False)


def test_every_number_of_the_summary_is_a_measure(runs):
    found = compare(places(runs, (4, 0), (16, 0)))
    told = {measure.name: measure for measure in found.measures}
    assert {
        "correct_length.min_step",
        "islands.peak",
        "web.mean_degree",
        "pass_at_k.8",
        "walker_steps",
    } <= set(told)
    assert not {"seed", "steps", "seconds"} & set(told)
    assert told["islands.peak"].values["g4-s0"] == runs[4, 0].summary()["islands"]["peak"]


def test_a_figure_of_ones_own_stands_in_the_page(runs, tmp_path, capsys):
    mine = f"{Path(__file__).parents[1]}/docs/skeletons/figure.py"
    arguments = ["compare", *map(str, places(runs, (4, 0), (16, 0))), "--out", str(tmp_path / "page")]
    cli.main([*arguments, "--figure", f"{mine}:last_accuracy"])
    assert (tmp_path / "page/figures/last-accuracy.svg").is_file()
    assert "Accuracy of the last update" in (tmp_path / "page/report.html").read_text()
    capsys.readouterr()
    with pytest.raises(SystemExit):
        cli.main([*arguments, "--figure", f"{mine}:truncated"])  # that of a run
    assert "which is for a WalksData" in capsys.readouterr().err


def test_the_other_way_round_is_the_same_with_the_other_sign(runs):
    there = compare(places(runs, (4, 0), (4, 1), (16, 0), (16, 1))).to_json()["measures"]
    back = compare(places(runs, (16, 0), (16, 1), (4, 0), (4, 1))).to_json()["measures"]
    assert there.keys() == back.keys()
    for name, one in there.items():
        assert one["difference"] == -back[name]["difference"]
        assert one["n"] == back[name]["n"]


def test_one_seed_of_two_arms_is_compared_problem_by_problem(runs):
    found = compare(places(runs, (4, 0), (16, 0)))
    told = {measure.name: measure for measure in found.measures}
    (whole,) = told["accuracy"].differences
    assert (whole.n, whole.low, whole.paired_by) == (1, None, "seed")
    (same,) = told["accuracy.same_problems"].differences
    assert (same.n, same.paired_by) == (6, "problem")
    assert same.low <= same.difference <= same.high


def test_other_graphs_have_no_problem_in_common(runs):
    found = compare(places(runs, (4, 0), (4, 1)))
    assert [arm.name for arm in found.arms] == ["g4-s0", "g4-s1"]
    assert not any(measure.name.endswith("same_problems") for measure in found.measures)
    (row,) = found.to_json()["measures"]["accuracy"]["differences"]
    assert (row["n"], row["paired_by"], row["interval"]) == (1, "run", None)


def test_arms_without_a_common_seed_say_so(runs):
    found = compare(places(runs, (4, 0), (4, 3), (16, 1), (16, 2)))
    assert found.to_json()["measures"]["accuracy"]["difference"] is None
    assert any("no seed is the same" in note for note in found.notes)
    assert found.headlines == []


def log(place, accuracy, order=slice(None), steps=40, samples=8, write=as_trl, seed=0):
    """A log of problems of the given accuracies, in any order."""
    table = rollouts(np.tile(accuracy, (steps, 1)), samples=samples, seed=seed)
    rows = (
        table.with_row_index()
        .with_columns(problem=pl.col("prompt").str.extract(r"(\d+)").cast(pl.Int64))
        .sort("step", pl.col("problem") * (1 if order == slice(None) else -1), "index")
    )
    return write(rows.drop("index", "problem"), place)


@pytest.mark.parametrize("write", [as_trl, as_verl])
def test_logs_are_aligned_by_prompt_whatever_their_order(tmp_path, write):
    low = np.array([0.2] * 10 + [np.nan] * 5)  # the last five are in the second log alone
    high = np.array([0.5] * 10 + [0.9] * 5)
    one = log(tmp_path / "one", low)
    other = log(tmp_path / "other/rollouts", high, order=slice(None, None, -1), write=write, seed=1)
    found = compare([one, other])
    told = found.to_json()["measures"]
    assert told["accuracy.same_problems"]["n"] == 10
    exact = [side.problems.sort("problem") for side in found.sides]
    both = exact[1].filter(pl.col("problem").is_in(exact[0]["problem"].implode()))
    gains = both["accuracy"].to_numpy() - exact[0]["accuracy"].to_numpy()
    estimate, *ends = mean_interval(gains)
    assert told["accuracy.same_problems"]["difference"] == pytest.approx(estimate)
    assert told["accuracy.same_problems"]["interval"] == pytest.approx(ends)
    # 16 samples each: the mean of ten differences of binomial shares has a standard error of 0.05.
    assert estimate == pytest.approx(0.3, abs=0.2)
    # The accuracy of the runs differs by more, since the easy problems are in one of them alone.
    assert told["accuracy"]["difference"] > estimate + 0.05
    assert "ends more accurate" in found.headlines[0]
    assert "over 10 problems" in found.headlines[0]


def test_equal_logs_differ_in_nothing(tmp_path):
    accuracy = np.linspace(0.1, 0.9, 12)
    found = compare([log(tmp_path / "a", accuracy), log(tmp_path / "b", accuracy)])
    assert all(one.difference == 0 for measure in found.measures for one in measure.differences)
    assert "by no more than chance" in found.headlines[0]


def test_a_run_of_walks_and_a_log_are_compared_in_what_both_have(runs, tmp_path):
    found = compare([runs[4, 0].path, log(tmp_path / "log", np.full(4, 0.5))])
    assert [side.kind for side in found.sides] == ["walks", "log"]
    told = {measure.name for measure in found.measures}
    assert {"accuracy", "correct_length.end"} <= told
    assert "islands.peak" not in told


def test_a_training_of_a_language_model_has_its_recipe_as_settings(tmp_path):
    rng = np.random.default_rng(0)
    for name, rate in (("a", 1e-6), ("b", 2e-6)):
        run = tmp_path / name
        (run / "rollouts").mkdir(parents=True)
        recipe = {
            "name": "tiny",
            "seed": 3,
            "training": {"learning_rate": rate},
            "checkpoint_every": ord(name),
        }
        (run / "recipe.json").write_text(json.dumps(recipe))
        rows = [
            {
                "step": step,
                "problem": problem,
                "sample": sample,
                "reward": 1.0,
                "correct": bool(rng.random() < 0.5),
                "length": 9,
                "truncated": False,
                "split": "train",
                "phase": "rlvr",
            }
            for step in range(6)
            for problem in range(4)
            for sample in range(8)
        ]
        pl.DataFrame(rows, schema_overrides=dict(conet_schema())).write_parquet(
            run / "rollouts/part-00000000.parquet"
        )
        numbers = (
            [[4 - number, f"What is {number}?"] for number in range(4)]
            if name == "b"
            else [[number, f"What is {number}?"] for number in range(4)]
        )
        pl.DataFrame(numbers, ["number", "question"], orient="row").write_parquet(run / "problems.parquet")
    found = compare([tmp_path / "a", tmp_path / "b"])
    assert [side.kind for side in found.sides] == ["language_model"] * 2
    assert list(found.settings) == ["training.learning_rate"]
    (row,) = found.to_json()["measures"]["accuracy"]["differences"]
    assert row["paired_by"] == "seed"
    told = {measure.name: measure for measure in found.measures}
    assert told["accuracy.same_problems"].differences[0].n == 3  # 1, 2 and 3, under other numbers


def conet_schema():
    from conet.rollouts import schema

    return schema()


def test_what_is_wrong_is_one_line(runs, tmp_path):
    first = runs[4, 0].path
    with pytest.raises(ConetError, match="two or more"):
        compare([first])
    with pytest.raises(ConetError, match="every run once"):
        compare([first, tmp_path / ".." / tmp_path.name / first])
    with pytest.raises(ConetError, match="does not exist"):
        compare([first, tmp_path / "nowhere"])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/config.json").write_text("{")
    with pytest.raises(ConetError, match=r"config\.json"):
        compare([first, tmp_path / "broken"])


def test_the_same_run_twice_among_more_pairs_with_nothing(runs, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(runs[4, 0].path, copy)
    alone = compare([runs[4, 0].path, copy])
    assert all(one.difference == 0 for measure in alone.measures for one in measure.differences)
    with pytest.raises(ConetError, match="of the same settings and seed 0"):
        compare([runs[4, 0].path, copy, runs[16, 0].path]).arms  # noqa: B018


def test_names_are_the_shortest_ends_that_differ(tmp_path):
    assert names_of([tmp_path / "a/run", tmp_path / "b/run"]) == ["a/run", "b/run"]
    assert names_of([tmp_path / "a/x", tmp_path / "b/y"]) == ["x", "y"]


def test_trainings_of_other_lengths_are_told(tmp_path):
    accuracy = np.full(4, 0.5)
    found = compare([log(tmp_path / "a", accuracy), log(tmp_path / "b", accuracy, steps=80)])
    assert any("b ends at step 79, a ends at step 39" in note for note in found.notes)


def curve_of(found, name):
    from conet.views.source import source_of

    view = source_of(found).view(name)
    (panel,) = view.panels
    return {series.name: series for series in panel.series}


def test_curves_are_the_mean_of_the_seeds_with_their_range(runs):
    keys = [(4, 0), (4, 1), (4, 2), (16, 0)]
    found = compare(places(runs, *keys))
    series = curve_of(found, "islands")
    assert list(series) == ["learner.rollouts=4 (3 seeds)", "learner.rollouts=16"]
    exact = np.array([runs[key].metrics().sort("step")["islands"].to_numpy() for key in keys], float)
    four, sixteen = series.values()
    assert four.x == tuple(range(30))
    assert four.y == pytest.approx(exact[:3].mean(axis=0))
    assert (four.low, four.high) == (tuple(exact[:3].min(axis=0)), tuple(exact[:3].max(axis=0)))
    assert (sixteen.y, sixteen.low) == (tuple(exact[3]), None)


def test_every_view_of_a_comparison_is_json_and_says_why_it_is_absent(runs, tmp_path):
    from conet.views.schema import View
    from conet.views.source import source_of

    for found in (
        compare(places(runs, (4, 0), (16, 0))),
        compare([log(tmp_path / name, np.full(4, 0.5), seed=len(name)) for name in ("a", "bb")]),
    ):
        source = source_of(found)
        for name in source.names():
            view = source.view(name)
            assert View.from_json(view.to_json()) == view
            assert view.name == name
            assert bool(view.panels) != bool(view.absent)


def test_webs_on_one_graph_have_one_layout_and_count_what_they_share(runs):
    from conet.network.web import Web
    from conet.views.source import source_of

    found = compare(places(runs, (4, 0), (4, 1), (16, 0)))
    view = source_of(found).view("last-webs")
    one, other = view.panels
    assert (one.title, other.title) == ("g4-s0: update 30", "g16-s0: update 30")
    assert (one.nodes.id, one.nodes.x, one.nodes.y) == (other.nodes.id, other.nodes.x, other.nodes.y)
    edges = []
    for key in ((4, 0), (16, 0)):
        web = runs[key].web(30)
        assert isinstance(web, Web)
        edges.append(set(zip(web.sources.tolist(), web.targets.tolist())))
    assert f"{len(edges[0] & edges[1])} of {len(edges[0])} edges are in all webs" in one.note
    assert source_of(compare(places(runs, (4, 0), (4, 1)))).view("last-webs").absent


def test_the_command_leaves_a_page_and_numbers_on_the_last_line(runs, tmp_path, capsys):
    out = tmp_path / "out"
    where = [str(place) for place in places(runs, (4, 0), (4, 1), (16, 0), (16, 1))]
    cli.main(["compare", *where, "--out", str(out), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    one = told["measures"]["accuracy"]
    assert one["n"] == 2
    assert one["interval"][0] <= one["difference"] <= one["interval"][1]
    assert set(one["values"]) == {"g4-s0", "g4-s1", "g16-s0", "g16-s1"}
    assert told["report"] == str(out / "report.html")
    page = (out / "report.html").read_text()
    assert "learner.rollouts=16" in page
    assert "correct_length.<wbr>min" in page  # a narrow column breaks at a dot
    assert '<dl class="headline">' not in page  # an empty one is a thick line
    assert (out / "figures/accuracy.svg").exists()
    assert json.loads((out / "comparison.json").read_text())["measures"]["accuracy"]["n"] == 2
    cli.main(["compare", *where[:2], "--out", str(out)])  # an earlier comparison is replaced
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"report {out / 'report.html'}"
    assert any(line.split()[:1] == ["accuracy"] for line in printed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{run}"], "two or more"),
        ([], "two or more"),
        (["{run}", "{run}"], "every run once"),
        (["{run}", "{nowhere}"], "does not exist"),
        (["{run}", "{file}"], "file.txt"),
    ],
)
def test_a_wrong_call_is_one_line_and_leaves_nothing(arguments, words, runs, tmp_path, capsys):
    (tmp_path / "file.txt").write_text("nothing")
    known = {"run": runs[4, 0].path, "nowhere": tmp_path / "nowhere", "file": tmp_path / "file.txt"}
    with pytest.raises(SystemExit, match="2"):
        cli.main(["compare", *(one.format(**known) for one in arguments), "--out", str(tmp_path / "out")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("conet: got ")
    assert words in line
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_else_is_left_alone(runs, tmp_path, capsys):
    (tmp_path / "report.html").write_text("mine")
    where = [str(place) for place in places(runs, (4, 0), (16, 0))]
    with pytest.raises(SystemExit, match="2"):
        cli.main(["compare", *where, "--out", str(tmp_path)])
    assert "which is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_terminal_shows_main_measures_in_100_columns_and_the_headline_last(runs):
    keys = [(4, 0), (4, 1), (4, 2), (16, 0), (16, 1)]
    found = compare(places(runs, *keys))
    lines = described(found).splitlines()
    assert " ".join(" ".join(lines).split()).endswith(found.headlines[-1])
    assert max(map(len, lines)) <= 100
    assert len(lines) < 30
    shown = [line for line in lines if line in {measure.name for measure in found.measures}]
    assert "accuracy" in shown
    assert f"{len(found.measures) - len(shown)} more measures are in the page and in --json." in lines
    assert sum("2 by seed" in line for line in lines) == len(shown)


def test_other_seeds_are_named_where_they_cannot_pair(runs):
    found = compare(places(runs, (4, 0), (16, 1)))
    assert list(found.settings) == ["learner.rollouts", "seed"]
    assert found.settings["seed"] == {"g4-s0": 0, "g16-s1": 1}
    assert "of other seeds (1 and 0), so other graphs and problems" in found.headlines[0]
    assert described(found).splitlines()[0] == "settings that differ: learner.rollouts, seed"
    assert any("seed, graph or problems differ" in note for note in found.notes)
    assert "seed" not in compare(places(runs, (4, 0), (16, 0))).settings


def test_prompts_of_other_form_are_told_with_one_of_each(tmp_path):
    from pathlib import Path

    data = Path(__file__).parent / "data"
    found = compare([data / "trl/plain", data / "verl"])
    assert "with 0 problems in common" in found.headlines[0]
    (note,) = [note for note in found.notes if note.startswith("0 problems in common")]
    assert "because no prompt is the same: " in note
    assert "plain has “" in note
    assert "verl has “user 3 + 0 = assistant”" in note
    assert not any("0 problems" in note for note in compare(two_logs(tmp_path)).notes)


def two_logs(tmp_path):
    return [log(tmp_path / name, np.full(4, 0.5)) for name in ("a", "b")]


def test_without_a_place_the_next_free_folder_is_taken(tmp_path, monkeypatch, capsys):
    where = [str(place.resolve()) for place in two_logs(tmp_path)]
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        cli.main(["compare", *where])
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["comparison", "comparison-2"]
    assert capsys.readouterr().out.splitlines()[-1] == "report runs/comparison-2/report.html"


def test_a_comparison_is_short_to_look_at(runs):
    assert repr(compare(places(runs, (4, 0), (16, 0)))) == "Comparison('g4-s0', 'g16-s0')"
    five = compare(places(runs, (4, 0), (4, 1), (4, 2), (16, 0), (16, 1)))
    assert repr(five) == "Comparison('g4-s0', 'g4-s1', 'g4-s2', 'g16-s0', … 1 more)"
    assert len(repr(five.sides)) < 300


def test_lengths_have_the_unit_in_which_they_were_measured(runs, tmp_path):
    from conet.views.source import source_of

    def unit(found):
        return source_of(found).view("correct-length").panels[0].y.unit

    assert unit(compare(places(runs, (4, 0), (16, 0)))) == "hops"
    mixed = compare([runs[4, 0].path, log(tmp_path / "log", np.full(4, 0.5))])
    assert unit(mixed).startswith("hops, or ")
    assert any("not measured alike" in note for note in mixed.notes)


def test_heated_updates_are_marked(tmp_path):
    from conet.views.source import source_of

    settings = {**TINY, "schedule.heat_at": 12, "schedule.max_accuracy": 1.0}
    heated = conet.preset("smoke").override({**settings, "schedule.name": "annealed_rlvr"})
    plain = conet.preset("smoke").override(settings)
    found = compare([conet.run(plain, tmp_path / "plain").path, conet.run(heated, tmp_path / "heated").path])
    view = source_of(found).view("accuracy")
    (panel,) = view.panels
    phases = conet.Run(tmp_path / "heated").metrics().sort("step")
    steps = phases.filter(pl.col("phase") == "heat")["step"]
    assert steps.len()
    assert [(band.low, band.high) for band in panel.bands] == [(steps.min(), steps.max() + 1)]
    assert [(mark.label, mark.step) for mark in panel.marks] == [("heated", steps.min())]
    assert "in which an arm was heated (schedule.name=annealed_rlvr)" in view.definition


def test_means_are_drawn_as_far_as_a_measure_can_be(runs):
    from conet.views.source import source_of

    view = source_of(compare(places(runs, (4, 0), (4, 1), (16, 0), (16, 1)))).view("measures")
    panels = {panel.title: panel for panel in view.panels}
    assert max(panels["accuracy at the end"].high) <= 1
    assert min(end for panel in view.panels for end in panel.low) >= 0
    assert "Fewer than 6 seeds decide nothing." in view.definition


def test_finished_and_unfinished_runs_have_one_estimate_of_the_v(runs, tmp_path):
    import shutil

    copy = tmp_path / "unfinished"
    shutil.copytree(runs[16, 0].path, copy)
    (copy / "summary.json").unlink()
    finished, unfinished = compare([runs[16, 0].path, copy]).sides
    names = [name for name in finished.numbers if name.startswith("correct_length.")]
    assert "correct_length.min_step" in names
    assert {name: unfinished.numbers[name] for name in names} == {
        name: finished.numbers[name] for name in names
    }


def test_a_summary_of_version_0_1_has_the_estimate_of_today(runs, tmp_path):
    import shutil

    old = tmp_path / "old"
    shutil.copytree(runs[16, 0].path, old)
    summary = json.loads((old / "summary.json").read_text())
    summary["correct_length"] = {"start": 1.0, "min": 2.0, "min_step": 29, "end": 3.0}
    (old / "summary.json").write_text(json.dumps(summary))
    unsign(old)
    new, found = compare([runs[16, 0].path, old]).sides
    assert found.numbers == new.numbers


def test_a_log_has_the_estimate_of_its_diagnosis(tmp_path):
    from conet.detect import find_valley
    from conet.diagnosis.log import Log

    accuracy = np.clip(np.linspace(0.1, 0.9, 12), 0, 1)
    places_of = [log(tmp_path / name, accuracy, seed=seed) for seed, name in enumerate("ab")]
    side = compare(places_of).sides[0]
    valley = find_valley(Log(conet.read(str(places_of[0]))).counts)
    assert side.numbers["correct_length.min_step"] == round(valley.bottom.estimate)
    assert side.numbers["correct_length.min"] == valley.length


class Mine(LEARNERS["rloo"]):
    """A learner of a user's own."""


OWN = ("name", "rollouts", "learning_rate")  # what differs in the learner of this run


def only_rlvr(setup):
    return (Phase("rlvr"),)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A run with a learner and a schedule from Python, and one by its settings alone."""
    place = tmp_path_factory.mktemp("given")
    config = conet.preset("smoke").override({**TINY, "steps": 6})
    own = {"learner": Mine(rollouts=4, learning_rate=30.0), "schedule": only_rlvr}
    return conet.run(config, place / "own", **own), conet.run(config, place / "plain")


def test_objects_from_python_stand_in_settings_arms_and_notes(given):
    own, plain = given
    found = compare([own.path, plain.path])
    assert found.settings["learner.name"] == {"own": "an object (Mine)", "plain": "grpo"}
    assert found.settings["schedule.name"] == {"own": "an object (only_rlvr)", "plain": "rlvr"}
    assert found.settings["learner.learning_rate"]["own"] == 30.0
    assert set(found.settings) == {"schedule.name"} | {f"learner.{key}" for key in OWN}
    assert any(note.startswith("learner from Python: own.") for note in found.notes)
    assert any(note.startswith("schedule from Python: own.") for note in found.notes)
    head = page_subtitle(WalksData(own))
    assert "an object (Mine), G = 4, SGD, rate 30" in head
    assert "schedule an object (only_rlvr)" in head
    assert "schedule rlvr" in page_subtitle(WalksData(plain))


def test_an_older_run_with_objects_has_no_names_of_them(given, tmp_path):
    copied = shutil.copytree(given[0].path, tmp_path / "old")
    provenance = json.loads((copied / "provenance.json").read_text())
    del provenance["given"]
    (copied / "provenance.json").write_text(json.dumps(provenance))
    unsign(copied)
    assert settings_of(conet.Run(copied))["learner.name"] == "an object"
    assert "learner an object · schedule an object" in page_subtitle(WalksData(conet.Run(copied)))


def test_runs_on_other_graphs_from_python_share_no_problem(tmp_path):
    config, offsets = conet.preset("smoke").override({**TINY, "steps": 6}), np.arange(0, 25, 2)
    problems = conet.Problems(np.array([0, 2], np.int32), np.array([6, 9], np.int32), 6)
    paths = []
    for jump in (5, 7):
        targets = np.sort((np.arange(12)[:, None] + [1, jump]) % 12, axis=1).ravel()
        one = conet.run(config, tmp_path / f"{jump}", graph=conet.Graph(offsets, targets), problems=problems)
        paths.append(one.path)
    found = compare(paths)
    assert list(found.settings) == ["graph.kind"]
    assert any("seed, graph or problems differ" in note for note in found.notes)
    assert "graph: an object, N = 12" in page_subtitle(WalksData(conet.Run(paths[0])))


def test_lengths_of_runs_are_told_in_updates(runs, given):
    found = compare([runs[4, 0].path, given[1].path])
    assert any("g4-s0 has 30 updates, plain has 6 updates" in note for note in found.notes)


def test_too_few_seeds_have_no_line_and_no_word_of_chance(runs):
    from conet.report.comparison import _measures
    from conet.views.source import source_of

    beyond, too_few = "is a difference beyond chance", "Fewer than 6 seeds decide nothing"
    found = compare(places(runs, (4, 0), (4, 1), (16, 0), (16, 1)))
    view = source_of(found).view("differences")
    assert beyond not in view.caption
    assert too_few in view.caption
    assert {end for panel in view.panels for end in (*panel.low, *panel.high)} == {None}
    assert too_few in _measures(found).caption
    problems = source_of(compare(places(runs, (4, 0), (16, 0)))).view("differences")
    assert beyond in problems.caption  # problem by problem


def test_two_single_runs_have_no_word_of_lines(tmp_path):
    from conet.views.source import source_of

    rows = rollouts(np.full((20, 4), 0.5))
    other = rows.with_columns(prompt=pl.col("prompt") + " Say it.")
    view = source_of(compare([as_trl(rows, tmp_path / "a"), as_trl(other, tmp_path / "b")])).view(
        "differences"
    )
    assert "line" not in view.caption


def test_the_folder_of_a_diagnosis_stands_for_its_log(tmp_path, monkeypatch, capsys):
    """For diagnose, heat, watch and compare, as for conet.Run; report names what makes its report."""
    monkeypatch.chdir(tmp_path)
    rows = rollouts(np.full((20, 4), 0.05), seed=1)
    one, other = (as_trl(rows, tmp_path / name) for name in "ab")
    cli.main(["diagnose", str(one), "--out", "seen", "--json"])
    before = json.loads(capsys.readouterr().out)
    cli.main(["diagnose", "seen", "--json"])
    after = json.loads(capsys.readouterr().out)
    assert {**before, "report": ""} == {**after, "report": ""}
    assert after["report"].startswith("runs/diagnosis-a/")
    for place in ("seen", str(one)):
        cli.main(["heat", place, "--out", f"{len(place)}.jsonl"])
    (first, second) = (path.read_bytes() for path in tmp_path.glob("*.jsonl"))
    assert first == second
    capsys.readouterr()
    cli.main(["watch", "seen", "--refreshes", "1", "--interval", "0"])
    assert "step" in capsys.readouterr().out
    assert compare(["seen", other]).to_json()["measures"]["accuracy"]["difference"] == 0
    for place in ("seen", str(one)):
        with pytest.raises(SystemExit) as ended:
            cli.main(["report", place])
        error = capsys.readouterr().err
        assert ended.value.code == 2
        assert "a log; expected a run of CoNet; `conet diagnose a` draws its report" in error


def test_settings_of_logs_are_not_known_and_have_no_link(runs, tmp_path):
    from conet.report.comparison import page

    log_alone = as_trl(rollouts(np.full((20, 4), 0.5)), tmp_path / "log")
    other = as_trl(rollouts(np.full((20, 4), 0.6)), tmp_path / "other")
    logs, mixed = compare([log_alone, other]), compare([*places(runs, (4, 0), (16, 0)), log_alone])
    assert described(logs).startswith("settings that differ: not known, since logs hold no settings")
    one = described(compare([places(runs, (4, 0))[0], log_alone]))
    assert one.startswith("settings that differ: not known")
    told = described(mixed)
    assert told.startswith("settings that differ: learner.rollouts; not known of log, since logs hold no")
    assert 'href="#settings"' not in page(logs, [], "Comparison")
    assert 'href="#settings"' in page(mixed, [], "Comparison")
    assert 'id="settings"' in page(mixed, [], "Comparison")


def test_logs_are_pooled_and_judged_as_the_options_say(tmp_path, capsys):
    accuracy = np.tile(np.linspace(0.2, 0.6, 12)[:, None], (1, 8))
    for arm in ("a", "b"):
        for seed in range(2):
            rows = rollouts(accuracy, seed=seed).drop("accuracy_reward", "advantage")
            graded = rows.with_columns(reward=pl.int_range(pl.len()) % 5 / 4)
            (tmp_path / arm).mkdir(exist_ok=True)
            graded.write_ndjson(tmp_path / arm / f"seed{seed}.jsonl")
    logs = [str(tmp_path / arm) for arm in ("a", "b")]
    with pytest.raises(ConetError, match="several runs"):
        compare(logs)
    with pytest.raises(ConetError, match=r"partial credit.*--correct-above"):
        compare(logs, pool=True)
    options = ["--pool", "--correct-above", "0.6", "--json", "--out", str(tmp_path / "out")]
    cli.main(["compare", *logs, *options])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told["measures"]["accuracy"]["values"].values()) == pytest.approx([0.4, 0.4], abs=0.01)


def test_an_accuracy_that_collapses_within_its_last_steps_is_said():
    """Its mean over these steps looked as if nothing had happened."""
    data = Path(__file__).parent / "data"
    found = compare([data / "trl/plain", data / "trouble/collapse.parquet"])
    assert found.notes[0].startswith(
        "The accuracy of collapse.parquet fell from 0.72 to 0.00 within its last 20 steps"
    )
    assert not any("The accuracy of plain" in note for note in found.notes)


def side_of(name: str, accuracy: Sequence[float]) -> Side:
    steps = pl.DataFrame({"step": range(len(accuracy)), "accuracy": accuracy})
    nothing = {"path": None, "seed": None, "settings": {}, "numbers": {}, "problems": None}
    return Side(name=name, kind="log", steps=steps, length_unit="tokens", **nothing)


def test_of_many_that_move_at_the_end_four_are_named_those_that_fell_first():
    def side(name: str, end: float) -> Side:
        return side_of(name, [0.5] * 10 + [end] * 10)

    assert moving_at_the_end([side("still", 0.6)]) == []
    notes = moving_at_the_end([*(side(f"up{i}", 0.9) for i in range(5)), side("down", 0.1)])
    assert notes[0].startswith("The accuracy of down fell from 0.50 to 0.10")
    assert len(notes) == 5
    assert notes[-1] == "Of 2 more runs the accuracy moved by 0.25 or more there."
    notes = moving_at_the_end([side(f"up{i}", 0.9) for i in range(5)])
    assert notes[-1] == "Of 1 more run the accuracy moved by 0.25 or more there."


def test_steps_without_an_accuracy_are_no_part_of_the_end_and_few_say_nothing():
    """The first and the last five of nine are not apart."""
    gaps = [None, float("nan")]
    (said,) = moving_at_the_end([side_of("gaps", [0.1] * 30 + gaps * 15 + [0.9] * 10 + gaps * 15)])
    assert said.startswith("The accuracy of gaps rose from 0.10 to 0.90 within its last 20 steps")
    assert moving_at_the_end([side_of("few", [0.1] * 4 + [0.9] * 5)]) == []
    assert len(moving_at_the_end([side_of("enough", [0.1] * 5 + [0.9] * 5)])) == 1


def test_a_run_of_one_problem_a_step_does_not_move_by_its_noise():
    """Right or wrong by chance at each step: the ends of a third of such runs are 0.25 apart; 3 % may be said to move."""
    drawn = np.random.default_rng(0).integers(0, 2, (400, 20)).astype(float)
    moved = sum(bool(moving_at_the_end([side_of("noise", one.tolist())])) for one in drawn)
    assert moved <= 0.03 * len(drawn)
