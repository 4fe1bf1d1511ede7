"""Claims: each runs, judges, draws and tabulates on small graphs."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from conet.cells.cell import Arrays, Cell
from conet.claims import CLAIMS, finite_size
from conet.judging.claim import Claim, Outcome, Results, Scale
from conet.judging.pages import write_html, write_markdown
from conet.report import style

SMALL = {
    "graph.nodes": 120,
    "graph.degree": 12,
    "problems.count": 16,
    "problems.max_length": 10,
    "steps": 120,
    "learner.learning_rate": 37.5,
}
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


def small_results(claim: Claim) -> Results:
    pairs = []
    for cell in claim.cells(Scale(2, "quick")):
        small = shrunken(cell)
        if small.key not in computed:
            computed[small.key] = small.compute()
        pairs.append((cell, computed[small.key]))
    return Results(pairs, [])


LONG = ("league", "melting")  # the others show in CI that claims run


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in CLAIMS]
)
def test_each_claim_runs_judges_draws_and_tabulates(name):
    claim = CLAIMS[name]
    assert claim.name == name
    results = small_results(claim)
    assert results.pairs
    rows = claim.judge(results)
    assert all(row.judgement in ("holds", "fails", "undecided") for row in rows)
    assert all(row.claim in {name, *(f"C{number}" for number in range(1, 10))} for row in rows)
    assert all(np.isfinite(row.threshold) and row.seeds for row in rows)
    json.dumps([row.to_json() for row in rows], allow_nan=False)
    with style.look():
        pictures = claim.draw(results)
    assert pictures
    for picture in pictures:
        ElementTree.fromstring(picture.svg)
        assert picture.caption
        named = {int(seed) for seed in re.findall(r"of seed (\d+)", picture.caption)}
        assert named <= {cell.arguments.get("seed") for cell, _ in results.pairs}
    tables = claim.tables(results)
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.header) for row in table.rows)
    outcome = Outcome(claim=claim, call=name, results=rows, pictures=pictures, tables=tables, failures=[])
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


@pytest.mark.long
def test_cells_keep_nothing_that_no_claim_reads():
    kept: dict[str, set[str]] = {}
    read: dict[str, set[str]] = {}
    for claim in CLAIMS.values():
        pairs = []
        for cell, arrays in small_results(claim).pairs:
            kept.setdefault(cell.function, set()).update(arrays)
            pairs.append((cell, Watched(arrays, read.setdefault(cell.function, set()))))
        results = Results(pairs, [])
        claim.judge(results)
        with style.look():
            claim.draw(results)
        claim.tables(results)
    unread = {function: names - read[function] for function, names in kept.items()}
    # Read only where a power law with a cut-off fits best; and what labels the snapshots.
    allowed = {"cut_plausible", "snapshot_steps"}
    assert {function: names - allowed for function, names in unread.items() if names - allowed} == {}


@pytest.mark.parametrize("name", CLAIMS)
def test_the_levels_differ_in_work_alone(name):
    cells = {level: CLAIMS[name].cells(Scale(4, level)) for level in ("quick", "full", "exhaustive")}
    assert 0 < len(cells["quick"]) <= len(cells["full"]) <= len(cells["exhaustive"])
    for of_level in cells.values():
        json.dumps([dict(cell.arguments) for cell in of_level])


@pytest.mark.parametrize(
    ("share", "load"),
    [([1.0, 1.0, 0.97, 0.8], 0.1 + 0.05 / 3), ([1.0] * 10, 0.5), ([0.9], 0.05), ([1.0, 0.99, 0.98], 0.1)],
)
def test_a_critical_load_by_hand(share, load):
    from conet.claims import capacity

    run = {"share": np.array(share + [np.nan] * (10 - len(share))), "distance": np.array(2.0)}
    assert capacity.critical_load(run) == pytest.approx(load)
    assert capacity.packed(run) == pytest.approx(2 * load)


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
    for found, expected in ((0, 0.98), (c6.ENOUGH, -0.02)):
        assert c6.collective(late, {"end_correct": np.full(3, float(found))}, 128) == pytest.approx(expected)


def test_widths_after_the_knee_over_those_before():
    from conet.claims import c5

    accuracy = np.concatenate([np.linspace(0, 0.9, 50), np.linspace(0.9, 1.0, 50)])
    run = {
        "accuracy": accuracy,
        "midpoint": np.array([10.0, 20, 80, 90, 95]),
        "low": np.zeros(5),
        "high": np.array([1.0, 1, 1, 1, 0.4]),
        "beats_ramp": np.ones(5),
        "width": np.array([10.0, 20, 20, 40, 900]),
    }
    assert c5.width_ratio(run) == 2.0
    assert np.isnan(c5.width_ratio({**run, "midpoint": np.full(5, 10.0)}))


def test_a_median_is_drawn_where_half_of_the_seeds_have_a_value():
    from conet.claims.shared import quartiles

    curves = np.array([[1.0, np.nan, np.nan], [2.0, 2.0, np.nan], [3.0, 4.0, np.nan], [4.0, np.nan, 9.0]])
    middle, low, high = quartiles(curves)
    assert (middle[0], middle[1]) == (2.5, 3.0)
    assert (low[0], high[0]) == (1.75, 3.25)
    assert np.isnan([middle[2], low[2], high[2]]).all()


def test_panels_of_the_heating_map_have_one_scale_and_no_figure_has_two(monkeypatch):
    """A twin axis, and panels that look alike with other scales, mislead."""
    figures = {name: [] for name in ("C4", "heating-map", "finite-size")}
    to_svg = style.to_svg
    for name, of_claim in figures.items():
        monkeypatch.setattr(
            style, "to_svg", lambda figure, kept=of_claim: kept.append(figure) or to_svg(figure)
        )
        with style.look():
            CLAIMS[name].draw(small_results(CLAIMS[name]))
        for figure in of_claim:
            places = [tuple(np.round(axes.get_position().bounds, 6)) for axes in figure.axes]
            assert len(set(places)) == len(places)
    (scales,) = {axes.get_ylim() for axes in figures["heating-map"][0].axes}
    assert scales[0] < 0 < scales[1]


def test_an_exponential_bends_as_one_without_stages():
    from conet.claims import c1

    time = np.arange(800.0)
    plain = 0.95 - 0.93 * np.exp(-time / 90)
    assert np.allclose(c1.saturating(plain), plain, atol=1e-4)
    assert c1.bend(plain) > 5  # so a bend alone says nothing
    bent = np.where(time < 100, time * 0.009, 0.9 + (time - 100) * 1e-5)
    assert c1.bend(bent) > 2 * c1.bend(c1.saturating(bent))


@pytest.mark.parametrize(("second", "two"), [(0.0, False), (0.3, True)])
def test_two_rises_are_told_from_one(second, two):
    """A BIC margin above 6 has to come from a second rise, and not from the noise of one."""
    from scipy.special import expit

    from conet.claims import c1

    time = np.arange(800)[:, None]
    accuracy = 0.02 + 0.6 * expit((time - 80) / 15) + second * expit((time - 300) / 40)
    counts = np.random.default_rng(1).binomial(8, np.broadcast_to(accuracy, (800, 32)))
    run = {"problem.correct_count": counts, "problem.correct_length_sum": 3 * counts, "rollouts": 8}
    assert (c1.margin(run) > 6) == two


def test_crowding_by_hand():
    """Two problems are solved at the bottom, one more at the end, on a path twice as long as its geodesic."""
    from conet.claims import c2

    steps = 60
    counts = np.zeros((steps, 3), np.int32)
    counts[:, :2] = 8
    counts[40:, 2] = 8
    lengths = counts * np.array([2, 2, 6])
    lengths[:15, :2] = 8 * 5
    run = {
        "problem.correct_count": counts,
        "problem.correct_length_sum": lengths,
        "correct_count": counts.sum(axis=1),
        "correct_length_sum": lengths.sum(axis=1),
        "rollouts": 8,
        "geodesic": np.array([2, 2, 3]),
    }
    early, late = c2.entered(run)
    assert (early.tolist(), late.tolist()) == ([True, True, False], [False, False, True])
    assert c2.farther(run) == 1.5
    assert c2.detour(run) == 2.0
    assert c2.pooled_ratio(run) == pytest.approx(10 / 6)
    assert c2.alike_ratio(run) == pytest.approx(10 / 6)
    apart = {**run, "problem.correct_length_sum": counts * np.array([2, 2, 3])}
    assert c2.uncrowded(run, apart) == 0.5


def test_relative_widths_are_over_the_moment_of_the_rise():
    from conet.claims import c5

    accuracy = np.concatenate([np.linspace(0, 0.9, 50), np.linspace(0.9, 1.0, 50)])
    run = {
        "accuracy": accuracy,
        "midpoint": np.array([10.0, 20, 80, 90]),
        "low": np.zeros(4),
        "high": np.ones(4),
        "beats_ramp": np.ones(4),
        "width": np.array([10.0, 20, 20, 45]),
    }
    assert c5.relative_ratio(run) == pytest.approx(np.median([0.25, 0.5]) / 1.0)


def test_a_plateau_has_no_prominence_and_a_peak_has():
    from conet.claims import c4_marks

    steps = np.arange(0, 251, 5)
    flat = {"frustration_steps": steps, "frustration": np.ones(51)}
    assert c4_marks.prominence(flat, "frustration") == pytest.approx(1.0)
    peaked = {**flat, "frustration": np.exp(-(((steps - 100) / 40) ** 2))}
    assert c4_marks.frustration_peak(peaked) == 100
    assert c4_marks.prominence(peaked, "frustration") > 1.5


def test_the_onset_is_where_islands_stay_above_those_of_random_paths():
    from conet.claims import percolation

    run = {
        "committed": np.array([0.0, 10, 30, 50, 60, 70, 80, 90]),
        "islands": np.array([0.0, 10, 30, 44, 50, 60, 60, 60]),
        "random_islands": np.array([0.0, 10, 30, 44, 44, 40, 40, 30]),
        "problems": np.array(100),
    }
    assert percolation.few(run) == 1.0
    assert percolation.onset(run) == 60.0
    assert percolation.of_problems(run) == 0.6
    never = {**run, "islands": run["random_islands"]}
    assert np.isnan(percolation.onset(never))


def test_graphs_are_compared_at_one_stage():
    from conet.claims import finite_size_runs

    run = {
        "accuracy": np.linspace(0.0, 1.0, 101),
        "web_steps": np.arange(0, 101, 10),
        "giant_component": np.arange(11.0),
        "web_nodes": np.full(11, 10.0),
    }
    assert finite_size_runs.staged_share(run) == 0.8
    assert np.isnan(finite_size_runs.staged_share({**run, "accuracy": np.full(101, 0.7)}))
