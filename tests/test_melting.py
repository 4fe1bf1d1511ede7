"""The phase diagram of the temperature and the quench law: statistics by hand, and cells on small graphs."""

import numpy as np
import pytest

from conet.cells import melting as cells
from conet.cells.melting import WEIGHTS, heated, quenched
from conet.cells.training import QUIET, start
from conet.claims import melting, quench
from conet.engine import exact

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
    assert sum(cell.arguments["changes"] == melting.BASE for cell in found) == 12
    assert len(quench.cells(Scale(32))) == 6 * (1 + 4 + 1)
