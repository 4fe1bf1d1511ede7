"""Declared experiments: each runs, judges, draws and tabulates on small graphs; verdicts and pages."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from conet import cli
from conet.base.errors import ConetError
from conet.cells.cell import Arrays, Cell
from conet.claims import EXPERIMENTS, declare, finite_size, reproduce
from conet.claims.declare import Experiment, Results, Scale, Table, Verdict, judge
from conet.claims.pages import write_html, write_markdown
from conet.report import style

SMALL = {
    "graph.nodes": 120, "graph.degree": 12, "problems.count": 16, "problems.max_length": 10, "steps": 120,
    "learner.learning_rate": 37.5,
}  # fmt: skip
ONE = {"graph.nodes": 60, "graph.degree": 8, "problems.max_length": 30, "steps": 60}
computed: dict[str, Arrays] = {}


def shrunken(cell: Cell) -> Cell:
    """The same work on a small graph; what differs only in size becomes the same cell."""
    changes = dict(cell.arguments["changes"])
    small = dict(ONE if cell.function.endswith("critical_run") else SMALL)
    if changes.get("learner.optimizer") == "adam":
        small.pop("learner.learning_rate")
    if "learner.rollouts" in changes:
        small["learner.rollouts"] = min(16, changes["learner.rollouts"])
    return replace(cell, arguments={**cell.arguments, "changes": {**changes, **small}})


def small_results(experiment: Experiment) -> Results:
    pairs = []
    for cell in experiment.cells(Scale(2, "quick")):
        small = shrunken(cell)
        if small.key not in computed:
            computed[small.key] = small.compute()
        pairs.append((cell, computed[small.key]))
    return Results(pairs, [])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_experiment_runs_judges_draws_and_tabulates(name):
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    results = small_results(experiment)
    assert results.pairs
    verdicts = experiment.judge(results)
    assert all(verdict.verdict in ("holds", "fails", "undecided") for verdict in verdicts)
    assert all(verdict.claim in {f"C{number}" for number in range(1, 10)} for verdict in verdicts)
    assert all(np.isfinite(verdict.threshold) and verdict.seeds for verdict in verdicts)
    json.dumps([verdict.to_json() for verdict in verdicts], allow_nan=False)
    with style.look():
        pictures = experiment.draw(results)
    assert pictures
    for picture in pictures:
        ElementTree.fromstring(picture.svg)
        assert picture.caption
    tables = experiment.tables(results)
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.header) for row in table.rows)
    outcome = declare.Outcome(experiment, verdicts, pictures, tables, [])
    answer = {"command": "conet reproduce"}
    assert f"## {name}" in write_markdown([outcome], answer)
    assert f'id="{name}"' in write_html([outcome], answer)


class Watched(dict):
    """Arrays of a cell that note which of them are read."""

    def __init__(self, arrays: Arrays, read: set[str]) -> None:
        super().__init__(arrays)
        self.noted = read

    def __getitem__(self, name: str) -> np.ndarray:
        self.noted.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default=None) -> np.ndarray:
        self.noted.add(name)
        return super().get(name, default)


def test_cells_keep_nothing_that_no_experiment_reads():
    kept: dict[str, set[str]] = {}
    read: dict[str, set[str]] = {}
    for experiment in EXPERIMENTS.values():
        pairs = []
        for cell, arrays in small_results(experiment).pairs:
            kept.setdefault(cell.function, set()).update(arrays)
            pairs.append((cell, Watched(arrays, read.setdefault(cell.function, set()))))
        results = Results(pairs, [])
        experiment.judge(results)
        with style.look():
            experiment.draw(results)
        experiment.tables(results)
    unread = {function: names - read[function] for function, names in kept.items()}
    # Read only where a power law with a cut-off fits best; and what labels the snapshots.
    allowed = {"cut_plausible", "snapshot_steps"}
    assert {function: names - allowed for function, names in unread.items() if names - allowed} == {}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_levels_differ_in_work_alone(name):
    cells = {level: EXPERIMENTS[name].cells(Scale(4, level)) for level in ("quick", "full", "exhaustive")}
    assert 0 < len(cells["quick"]) <= len(cells["full"]) <= len(cells["exhaustive"])
    for of_level in cells.values():
        json.dumps([dict(cell.arguments) for cell in of_level])


VALUES = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.2, 0.8])


@pytest.mark.parametrize(
    ("values", "threshold", "wanted", "word"),
    [
        (VALUES, 0.5, "at least", "holds"), (VALUES, 0.5, "at most", "fails"),
        (VALUES, 1.5, "at least", "fails"), (VALUES, 1.5, "at most", "holds"),
        (VALUES, 1.0, "at least", "undecided"), (VALUES, 1.0, "at most", "undecided"),
        (np.full(6, 2.0), 2.0, "at least", "holds"), ([3.0], 1.0, "at least", "undecided"),
        ([], 1.0, "at least", "undecided"),
        ([*VALUES, np.nan], 0.5, "at least", "undecided"), ([*VALUES, *VALUES, np.nan], 0.5, "at least", "holds"),
    ],
)  # fmt: skip
def test_the_interval_decides(values, threshold, wanted, word):
    verdict = judge("C1", "something", values, threshold, wanted=wanted)
    assert verdict.verdict == word
    assert verdict.seeds == len(values)
    assert wanted in verdict.statistic


def test_seeds_without_the_statistic_are_counted_in_the_text_and_left_out():
    verdict = judge("C1", "something", [*VALUES, *VALUES, np.nan], 0.5)
    assert "1 of 17 seeds without it" in verdict.statistic
    assert verdict.estimate == pytest.approx(1.0)
    assert verdict.to_json()["values"][-1] is None


def test_an_interval_over_seeds_covers_the_mean_as_often_as_it_says():
    """120 draws of 12 normal values; a 95 % bootstrap interval of so few covers about 92 %.

    Fewer than 100 hits have a probability below 1e-3 at 91 %.
    """
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(120):
        low, high = judge("C1", "", rng.normal(3.0, 1.0, 12), 0.0).ci
        hits += low <= 3.0 <= high
    assert 100 <= hits < 120


def tiny(name="C1", functions=("double",), place="", **parts) -> Experiment:
    def cells(scale):
        return [
            Cell(f"work:{function}", {"number": seed, "place": f"{place}/{function}{seed}"})
            for function in functions for seed in range(scale.seeds)
        ]  # fmt: skip

    def decide(results):
        return [judge("C1", "twice the seed", [float(run["number"]) for _, run in results.pairs], 100.0)]

    defaults = {"title": "a < b & c", "method": "none", "cells": cells, "judge": decide}
    return Experiment(name=name, **{**defaults, **parts})


@pytest.fixture
def declared(monkeypatch, tmp_path):
    import conet.claims

    def enter(*experiments):
        monkeypatch.setattr(conet.claims, "EXPERIMENTS", {each.name: each for each in experiments})
        return tmp_path

    return enter


def test_reproduce_leaves_verdicts_pages_and_figures(declared, tmp_path):
    def draw(results):
        figure = style.figure(1.0)
        figure.subplots().plot([float(run["number"]) for _, run in results.pairs])
        return [style.Picture("some-picture", "A picture", "What it shows", style.to_svg(figure))]

    table = Table("Numbers", ("a", "b"), (("1", "2|3"),))
    out = declared(tiny(place=tmp_path, draw=draw, tables=lambda results: [table])) / "out"
    answer = reproduce.reproduce(["c1"], out=out, seeds=6)
    (row,) = answer["verdicts"]
    assert set(row) >= {"claim", "statistic", "estimate", "ci", "threshold", "seeds", "verdict"}
    assert (row["claim"], row["estimate"], row["verdict"], row["seeds"]) == ("C1", 5.0, "fails", 6)
    assert json.loads((out / "verdicts.json").read_text()) == answer
    page = (out / "report.html").read_text()
    assert "a &lt; b &amp; c" in page
    assert "<svg" in page
    assert "2\\|3" in (out / "results.md").read_text()
    ElementTree.parse(out / "figures" / "some-picture.svg")


def test_failed_cells_are_told_and_the_rest_is_estimated(declared, tmp_path):
    out = declared(tiny(functions=("double", "wrong"), place=tmp_path)) / "out"
    answer = reproduce.reproduce(out=out, seeds=6)
    assert [row["estimate"] for row in answer["verdicts"]] == [5.0]
    assert len(answer["failures"]) == 6
    assert "no luck with 1" in (out / "results.md").read_text()
    assert "no luck with 1" in (out / "report.html").read_text()


def test_an_experiment_without_any_result_is_undecided(declared, tmp_path):
    out = declared(tiny(functions=("wrong",), place=tmp_path), tiny(name="C2", place=tmp_path)) / "out"
    answer = reproduce.reproduce(out=out, seeds=6)
    first, second = answer["verdicts"]
    assert (first["claim"], first["verdict"], first["seeds"]) == ("C1", "undecided", 0)
    assert "no luck" in first["statistic"]
    assert first["estimate"] is None
    assert second["verdict"] == "fails"
    json.dumps(answer, allow_nan=False)


def test_quick_is_for_the_first_eight_claims():
    quick = [each.name for each in reproduce.chosen([], "quick")]
    assert quick == [f"C{number}" for number in range(1, 9)]
    assert {each.name for each in reproduce.chosen([], "full")} == set(EXPERIMENTS)
    assert [each.name for each in reproduce.chosen(["c3", "C1", "C3"], "quick")] == ["C3", "C1"]


@pytest.mark.parametrize("arguments", [["C1O"], ["C1", "--seeds", "1"], ["--quick", "--exhaustive"], ["--jobs", "0"],
                                       ["--seeds", "2.5"], ["--jobs", "1.5"], ["--backend", "dask"]])  # fmt: skip
def test_a_wrong_call_is_one_line(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", *arguments, "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("conet: got ")


def test_the_command_prints_verdicts(declared, tmp_path, capsys):
    declared(tiny(place=tmp_path))
    cli.main(["reproduce", "--seeds", "2", "--out", str(tmp_path / "out"), "--jobs", "1"])
    assert capsys.readouterr().out.startswith("C1   undecided twice the seed, at least 100: 1 [0, 2]")
    cli.main(["reproduce", "--seeds", "2", "--out", str(tmp_path / "out"), "--jobs", "1", "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdicts"][0]["claim"] == "C1"


def test_an_unknown_claim_names_the_nearest():
    with pytest.raises(ConetError, match="unknown claim 'finite-sise'") as caught:
        reproduce.chosen(["finite-sise"], "full")
    assert "finite-size" in str(caught.value)


def test_verdicts_without_numbers_become_json():
    nothing = float("nan")
    verdict = Verdict("C1", "", nothing, (-np.inf, np.inf), nothing, 0, "undecided", (nothing,))
    assert verdict.to_json()["ci"] == [None, None]


@pytest.mark.parametrize(("seeds", "word"), [(3, "undecided"), (5, "undecided"), (6, "holds")])
def test_fewer_than_six_seeds_decide_nothing(seeds, word):
    assert judge("C1", "something", VALUES[:seeds], 0.5).verdict == word
    assert judge("C1", "something", np.full(seeds, 2.0), 0.5).verdict == word


def test_seeds_that_all_agree_have_the_exact_interval_of_a_share():
    """For n of n successes Clopper and Pearson's lower end is 0.025^(1/n)."""
    everyone = judge("C9", "share", np.ones(8), 0.5, shares=True)
    assert everyone.ci == pytest.approx((0.025 ** (1 / 8), 1.0))
    assert everyone.verdict == "holds"
    nobody = judge("C9", "share", np.zeros(8), 0.5, shares=True)
    assert nobody.ci == pytest.approx((0.0, 1 - 0.025 ** (1 / 8)))
    assert nobody.verdict == "fails"
    assert judge("C9", "share", np.ones(6), 0.6, shares=True).verdict == "undecided"
    assert judge("C4", "a distance", np.zeros(8), 0.25, wanted="at most").ci == (0.0, 0.0)


def test_an_exponent_is_that_of_a_power_law_and_its_interval_comes_from_the_seeds_of_each_size():
    exact = {nodes: np.full(3, 5.0 * nodes**-0.7) for nodes in (800, 1600, 3200)}
    assert np.allclose(np.hstack(finite_size.exponent(exact)), -0.7)
    noisy = {nodes: values * [0.5, 1.0, 2.0] for nodes, values in exact.items()}
    estimate, (low, high) = finite_size.exponent(noisy)
    assert estimate == pytest.approx(-0.7)  # medians are what they were
    # The steepest draw: twice the median at the smallest size, half of it at the largest.
    assert -0.7 - 1.0 - 1e-9 <= low < -0.7 < high <= -0.7 + 1.0 + 1e-9
    assert finite_size.exponent({800: np.ones(9), 1600: np.ones(9)})[1] == (-np.inf, np.inf)


def test_the_entropy_row_can_fail_where_the_gap_row_could_not():
    from conet.claims import c6

    passes = np.array([[0.02, 0.1], [0.5, 0.98], [0.95, 0.98], [0.97, 0.98]])[:, [0, 0, 0, 0, 1]]
    late = {"snapshot.pass_at_k": passes, "snapshot.path_entropy": np.array([np.nan, 0.4, 0.4, 0.1])}
    early = late | {"snapshot.path_entropy": np.array([0.4, 0.2, 0.1, 0.1])}
    assert c6.rise_after(late) == 0.0
    assert c6.rise_after(early) == pytest.approx(0.47)


def test_widths_after_the_knee_over_those_before():
    from conet.claims import c5

    accuracy = np.concatenate([np.linspace(0, 0.9, 50), np.linspace(0.9, 1.0, 50)])
    run = {
        "accuracy": accuracy, "midpoint": np.array([10.0, 20, 80, 90, 95]), "low": np.zeros(5),
        "high": np.array([1.0, 1, 1, 1, 0.4]), "beats_ramp": np.ones(5), "width": np.array([10.0, 20, 20, 40, 900]),
    }  # fmt: skip
    assert c5.width_ratio(run) == 2.0
    assert np.isnan(c5.width_ratio({**run, "midpoint": np.full(5, 10.0)}))


def test_verdicts_are_undecided_where_more_than_a_tenth_of_the_cells_failed(declared, tmp_path):
    def mostly(count):
        def cells(scale):
            good = [Cell("work:double", {"number": n, "place": f"{tmp_path}/d{n}"}) for n in range(9)]
            return good + [
                Cell("work:wrong", {"number": n, "place": f"{tmp_path}/w{n}"}) for n in range(count)
            ]

        return tiny(place=tmp_path, cells=cells)

    out = declared(mostly(1)) / "one"
    assert reproduce.reproduce(out=out, seeds=6)["verdicts"][0]["verdict"] == "fails"
    out = declared(mostly(2)) / "two"
    (row,) = reproduce.reproduce(out=out, seeds=6)["verdicts"]
    assert row["verdict"] == "undecided"
    assert "(2 of 11 cells failed)" in row["statistic"]


def test_a_further_experiment_without_any_result_has_no_row_and_is_named(declared, tmp_path, capsys):
    out = (
        declared(tiny(name="finite-size", functions=("wrong",), place=tmp_path), tiny(place=tmp_path)) / "out"
    )
    answer = reproduce.reproduce(out=out, seeds=2)
    assert [row["claim"] for row in answer["verdicts"]] == ["C1"]
    assert len(answer["failures"]) == 2
    cli.main(["reproduce", "--seeds", "2", "--out", str(out), "--jobs", "1"])
    assert "failed number=1 place=" in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_left_alone(declared, tmp_path, capsys):
    declared(tiny(place=tmp_path))
    out = tmp_path / "mine"
    out.mkdir()
    (out / "results.md").write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", "--seeds", "2", "--out", str(out), "--jobs", "1"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "not empty, and no cells in it" in line
    assert [path.name for path in out.iterdir()] == ["results.md"]
    assert (out / "results.md").read_text() == "mine"
