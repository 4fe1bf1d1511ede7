"""The phase diagram of the temperature and the quench law: statistics by hand, and cells on small graphs."""

import numpy as np
import pytest

from conet.cells import melting as cells
from conet.cells import susceptibility
from conet.cells.melting import WEIGHTS, heated, quenched
from conet.cells.susceptibility import fluctuating
from conet.cells.training import QUIET, start
from conet.claims import melting, melting_figure, melting_fluctuations, melting_runs, quench
from conet.engine import exact
from conet.judging.claim import Results

SMALL = {
    "graph.nodes": 60,
    "graph.degree": 6,
    "problems.count": 12,
    "problems.max_length": 8,
    "learner.rollouts": 5,
    "learner.learning_rate": 30.0,
    "steps": 120,
}


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        ([1.0, 0.6, 0.2, 0.1], 2 ** (1 + 0.25)),
        ([0.4, 0.9, 0.1, 0.7], 8.0),
        ([0.1] * 4, 1.0),
        ([0.4, 0.5, 0.0, 0.0], 2.0),
    ],
)
def test_a_critical_weight_by_hand(accuracy, expected):
    run = {"weight": np.array([1.0, 2.0, 4.0, 8.0]), "accuracy": np.array(accuracy)}
    assert melting.critical(run) == pytest.approx(expected)


def test_the_estimate_by_hand():
    trainer = start("reference", 3, {**QUIET, **SMALL})
    accuracy = exact.solve(trainer.policy, trainer.problems).success.mean()
    assert cells.mean_field(trainer) == pytest.approx(2.0 * accuracy / (1 + 12 * 8 / 60))


def test_order_is_kept_where_it_would_not_begin_and_lost_beyond():
    made, kept = (heated(3, ordered, SMALL) for ordered in (False, True))
    np.testing.assert_array_equal(made["weight"], kept["weight"])
    np.testing.assert_allclose(made["weight"] / made["weight"][0], np.array(WEIGHTS) / WEIGHTS[0])
    assert kept["accuracy"][0] > 0.9
    assert kept["accuracy"][-1] < 0.5
    assert melting.critical(kept) >= melting.critical(made)


def test_a_susceptibility_by_hand():
    run = {
        "problems": np.array([10]),
        "critical": np.array([2.0]),
        "weight": np.array([1.0, 2.0, 4.0]),
        "accuracy": np.array([[[0.9, 0.9], [0.9, 0.9]], [[0.8, 0.8], [0.2, 0.4]], [[0.1, 0.2], [0.2, 0.1]]]),
    }
    values = susceptibility.susceptibility(run)
    np.testing.assert_allclose(values, [0.0, 10 * np.var([0.8, 0.8, 0.2, 0.4]), 10 * 0.0025], atol=1e-12)
    np.testing.assert_allclose(susceptibility.within(run), [0.0, 10 * 0.01 / 2, 10 * 0.0025], atol=1e-12)
    np.testing.assert_allclose(susceptibility.response(run), [0.35, 0.375, 0.4])
    assert susceptibility.peak(run, values) == 0.0
    assert susceptibility.peak(run, susceptibility.response(run)) == 1.0
    assert not susceptibility.at_an_end(values)
    assert susceptibility.at_an_end(susceptibility.response(run))


@pytest.mark.parametrize(
    ("accuracy", "side", "weight"),
    [((0.9, 0.8, 0.7), 1, 4.0), ((0.4, 0.3, 0.1), -1, 1.0), ((0.9, 0.6, 0.4), 0, 2.8)],
)
def test_a_critical_weight_beyond_the_grid_is_marked(accuracy, side, weight):
    """It is an end of the grid then: a bound, which was told like a weight that was found."""
    run = {"weight": np.array([1.0, 2.0, 4.0]), "accuracy": np.array(accuracy)}
    assert (susceptibility.beyond(run), susceptibility.critical(run)) == (
        side,
        pytest.approx(weight, abs=0.1),
    )
    marks = {1: " [2 above all weights]", -1: " [2 below all weights]", 0: ""}
    assert melting_runs.at_ends([run, run]) == marks[side]


def test_each_series_has_a_colour_of_its_own():
    assert len(set(melting_figure.OF_SERIES)) == len(melting_runs.SERIES)


def test_replicas_walk_apart_on_one_graph_around_the_critical_weight():
    run = fluctuating(3, SMALL)
    assert run["accuracy"].shape == (17, 4, 11)
    assert run["weight"][8] == run["critical"][0] == melting.critical(heated(3, False, SMALL))
    assert run["accuracy"][0].mean() > 0.9
    assert 0.0 < run["accuracy"][-1].mean() < 0.6
    assert len(np.unique(run["accuracy"][-1, :, 0])) == 4
    assert run["problems"][0] == 12


def test_the_peak_of_the_susceptibility_is_judged_by_its_place_and_its_growth():
    def run(height, place):
        accuracy = np.full((17, 4, 11), 0.5)
        accuracy[place, :2] += height
        world = {"critical": np.array([0.1]), "beyond": np.array([0]), "problems": np.array([30])}
        return world | {"weight": 0.1 * np.array(susceptibility.AROUND), "accuracy": accuracy}

    def judged(places, heights):
        pairs = [
            (susceptibility.cell(seed, melting_fluctuations.WATCHED[nodes]), run(height, place))
            for nodes, place, height in zip((100, 200, 400), places, heights)
            for seed in range(6)
        ]
        return melting_fluctuations.judge_rows(Results(pairs, []))

    rows = judged((9, 9, 13), (0.1, 0.2, 0.4))
    assert [row.estimate for row in rows] == pytest.approx([0.125, 0.125, 0.625, 4.0])
    assert [row.judgement for row in rows] == ["holds", "holds", "fails", "holds"]
    assert judged((8, 8, 8), (0.1, 0.1, 0.1))[-1].judgement == "fails"


def test_a_power_law_has_no_bend_and_its_exponent():
    across = np.array([0.3, 0.6, 1.2, 2.4])
    assert quench.slope_and_bend(across, 0.2 * across**0.7) == pytest.approx((0.7, 0.0), abs=1e-9)
    clock = np.log(across) - np.log(across).mean()
    bent = np.exp(0.5 * clock - 0.1 * clock**2)
    assert quench.slope_and_bend(across, bent) == pytest.approx((0.5, -0.2 * np.ptp(clock)))


def test_slower_freezes_nearer():
    found = quenched(3, [20.0, 2.0], {name: SMALL[name] for name in list(SMALL)[:5]})["residual"]
    assert found.shape == (2,)
    assert found[0] > found[1] > -0.02


def test_every_world_is_there_once_and_begins_with_the_base():
    from conet.judging.claim import Scale

    found = melting.cells(Scale(6))
    assert len({cell.key for cell in found}) == len(found)
    assert sum(cell.arguments["changes"] == melting.BASE for cell in found) == 12 + 6
    assert len(quench.cells(Scale(32))) == 6 * (1 + 4 + 1)
