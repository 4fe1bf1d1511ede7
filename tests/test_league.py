"""The league: equal budgets, and its statistics by hand."""

import numpy as np
import pytest

from conet.base.intervals import mean_interval
from conet.cells.cell import Cell
from conet.cells.league import UPDATES, WALKS, entered, settings_of
from conet.claims import league, league_runs
from conet.claims.league_rules import AS_IT_IS, RULES, TUNED
from conet.judging.claim import Results, Scale
from conet.learners import make
from conet.runs.trainer import Trainer

from conet import preset  # isort: skip

TINY = {
    "graph.nodes": 60,
    "graph.degree": 6,
    "problems.count": 8,
    "problems.max_length": 6,
    "steps": 30,
    "learner.learning_rate": 20.0,
}


@pytest.mark.parametrize("rule", RULES)
def test_every_candidate_is_a_run_within_the_budget(rule):
    assert len(RULES[rule]) == (1 if rule == AS_IT_IS else 8)
    assert len({repr(sorted(each.items())) for each in RULES[rule]}) == len(RULES[rule])
    for candidate in RULES[rule]:
        config = preset("reference").override(settings_of(candidate, {"problems.count": 192}))
        harvest = 256 if config.schedule.name == "annealed_rlvr" else 0
        learner = make(config.learner)
        assert config.steps * learner.passes <= UPDATES
        assert 0.97 * WALKS <= config.steps * learner.rollouts + harvest <= WALKS
        assert config.learner.learning_rate == candidate["rate"] * 192
        Trainer(config.override({"graph.nodes": 30, "graph.degree": 4, "problems.count": 5}))


def test_a_cell_chooses_by_the_tuning_seeds_and_a_run_that_diverges_loses():
    good, bad = (
        {"rate": 2.0, "learner.rollouts": 8},
        {"rate": 2.0, "learner.rollouts": 8, "learner.kl": 1e300},
    )
    with np.errstate(all="ignore"):
        found = entered("any", [bad, good], [1, 2], [3, 4, 5], TINY)
    assert found["tuning"][0].tolist() == [0.0, 0.0]
    assert (found["tuning"][1] > 0.1).all()
    assert found["spent"][:, :2].tolist() == [[30.0, 240.0]] * 3
    assert np.isfinite(found["curve"][:, :3]).all()  # 240 walks of a problem: three points of 64
    assert np.isnan(found["curve"][:, 3:]).all()
    assert (found["pass@64"] >= found["pass@1"]).all()


def results(ground, base, rule, curve=None):
    """One load, M = 192, three seeds."""
    load = {"problems.count": 192}
    name = "entropy, constant"
    runs = [({"changes": load}, {"ground": np.array(ground)})]
    for key, values in {TUNED: base, AS_IT_IS: base, name: rule}.items():
        arrays = {"pass@1": np.array(values), "curve": np.zeros((len(values), 4)) if curve is None else curve}
        runs.append(({"rule": key, "changes": load}, arrays))
    return Results([(Cell("a:b", arguments), arrays) for arguments, arrays in runs], []), name


def test_the_gap_that_is_closed_by_hand():
    found, name = results([1.0, 1.0, 0.9], [0.8, 0.8, 0.7], [0.95, 0.95, 0.85])
    assert league_runs.closed(found, name, 192) == pytest.approx((0.75, 0.75, 0.75))
    assert league_runs.middle(found, name, 192) == pytest.approx([0.05] * 3)
    assert league_runs.closed(found, TUNED, 192).estimate == 0.0


def test_the_interval_of_the_closed_gap_is_that_of_a_mean_where_all_gaps_are_alike():
    gained = np.array([0.02, 0.05, 0.03, 0.02, 0.08, 0.04])
    share, low, high = league_runs.share_closed(gained, np.full(6, 0.1))
    mean, lowest, highest = mean_interval(gained)
    assert (share, low, high) == pytest.approx((10 * mean, 10 * lowest, 10 * highest))
    assert np.isnan(league_runs.share_closed(gained, np.zeros(6))).all()


def test_the_walks_until_it_is_near_by_hand():
    curve = np.array([[0.1, 0.91, 0.5, 0.95], [0.1, 0.2, 0.8, 0.89], [0.82, np.nan, np.nan, np.nan]])
    found, name = results([1.0, 1.0, 0.9], [0.8] * 3, [0.9] * 3, curve)
    assert league_runs.reach(found, name, 192).tolist() == [128.0, np.inf, 64.0]


def test_holm_by_hand():
    found = league.holm(np.array([0.01, 0.04, 0.03, 0.5]))
    np.testing.assert_allclose(found, [0.04, 0.09, 0.09, 0.5])


@pytest.mark.parametrize(
    ("above", "adjusted", "judgement"),
    [(0.05, 0.001, "holds"), (0.05, 0.2, "undecided"), (-0.05, 1.0, "fails"), (0.0, 0.5, "undecided")],
)
def test_a_rule_wins_only_where_it_does_at_every_load_after_the_correction(above, adjusted, judgement):
    spread = 0.01 * np.array([-1.5, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 1.5])
    row = league._row("any", [192, 256], [0.05 + spread, above + spread], adjusted)
    assert row.judgement == judgement
    assert "M = 256" in row.statistic or above == 0.05


def test_the_rule_that_gains_most_comes_first():
    """Rows were printed in the order in which the rules were entered."""
    found, name = results([1.0, 1.0, 0.9], [0.8, 0.8, 0.7], [0.91, 0.92, 0.82])
    load, better = {"problems.count": 192}, list(RULES)[-1]
    assert list(RULES).index(name) < list(RULES).index(better)
    arrays = {"pass@1": np.array([0.96, 0.97, 0.88]), "curve": np.zeros((3, 4))}
    pairs = [*found.pairs, (Cell("a:b", {"rule": better, "changes": load}), arrays)]
    rows = league.judge_rows(Results(pairs, []))
    assert [row.statistic.partition(":")[0] for row in rows] == [better, name]


def test_chance_is_that_of_students_t():
    assert league.chance(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        0.0371, abs=1e-4
    )  # t = 3.46, two degrees
    assert league.chance(np.array([0.1] * 4)) == 0.0
    assert league.chance(np.array([0.0] * 4)) == 1.0


def test_quick_is_a_part_of_the_full_league():
    quick, full = (league.cells(Scale(32, level)) for level in ("quick", "full"))
    assert len(full) == 3 * (len(RULES) + 1)
    assert len(quick) == 2 * (len(RULES) + 1)
    assert {len(cell.arguments["seeds"]) for cell in full} == {16}
