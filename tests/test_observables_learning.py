"""Forgetting and transitions: exact on hand-made records, calibrated on simulated ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conet.base.errors import ConetError
from conet.engine.sample import Walks
from conet.network.web import Web
from conet.observables import forgetting, transitions, visits


def column(*values: float) -> np.ndarray:
    return np.array(values, np.float64)[:, None]


def test_smoothing_counts_visits_not_steps():
    accuracy = column(1, np.nan, 0, np.nan, 0.5)
    np.testing.assert_array_equal(visits.smoothed(accuracy, 2), column(np.nan, np.nan, 0.5, np.nan, 0.25))
    np.testing.assert_array_equal(visits.smoothed(accuracy, 4), column(*[np.nan] * 5))
    with pytest.raises(ConetError):
        visits.smoothed(accuracy, 0)


def test_measures_by_hand():
    accuracy = column(0, 0.5, 1, 1, 0.25, 0, 0.5)
    np.testing.assert_array_equal(forgetting.drop_from_best(accuracy, 1), column(0, 0, 0, 0, 0.75, 1, 0.5))
    np.testing.assert_array_equal(forgetting.falls(accuracy, 1), column(np.nan, 0, 0, 0, 0.75, 0.25, 0))
    np.testing.assert_array_equal(forgetting.changes(accuracy, 2)[:4], column(np.nan, np.nan, np.nan, 0.75))
    np.testing.assert_array_equal(forgetting.flips(accuracy), column(0, 0, 1, 0, 0, 1, 0))
    assert forgetting.lost(accuracy, 1).tolist() == [1]
    assert forgetting.lost(accuracy, 3).tolist() == [0]
    assert forgetting.lost(accuracy[:4], 1).tolist() == [0]
    assert forgetting.lost(column(0, 0.25, 0, 1, 1), 1).tolist() == [0]  # low only before it was solved


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(forgetting.MEASURES)), st.integers(1, 4))
def test_unvisited_steps_change_nothing(seed, name, window):
    """A measure of the visits is the same however many steps lie between them."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 5, (12, 3)) / 4
    places = np.sort(rng.permutation(30)[:12])
    sparse = np.full((30, 3), np.nan)
    sparse[places] = dense
    measure = forgetting.MEASURES[name]
    found = measure(sparse, window)
    np.testing.assert_array_equal(found[places] if found.ndim == 2 else found, measure(dense, window))
    assert found.ndim == 1 or np.isnan(np.delete(found, places, axis=0)).all()


def test_interference_by_hand():
    # Problem 0 falls exactly when problem 1 rises.
    accuracy = np.array([[1, 0], [0.5, 1], [0.5, 1], [0.5, 1]])
    found = forgetting.interference(accuracy, 1)
    assert found[0] == pytest.approx(0.5 - 0.5 / 3)
    assert np.isnan(found[1])  # no other problem rises


def counts_of(chance: np.ndarray, samples: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).binomial(samples, chance)


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.5, 0.9])
def test_constant_accuracy_is_no_forgetting(chance):
    """The floor takes away all but 8 % of what noise alone shows (8 samples, 128 problems)."""
    found = forgetting.forgetting_summary(counts_of(np.full((200, 128), chance), 8, 1), 8, draws=10)
    for name in ("drop_from_best", "forgetting_rate"):
        assert found[name]["value"] > 0.005
        assert abs(found[name]["excess"]) < 0.08 * found[name]["floor"]
    assert abs(found["interference"]["excess"]) < 5e-4
    assert found["lost"]["value"] == 0


def test_a_clean_rise_is_no_forgetting():
    steps, midpoints = np.arange(300)[:, None], np.linspace(40, 250, 64)
    chance = 1 / (1 + np.exp(-(steps - midpoints) / 8))
    found = forgetting.forgetting_summary(counts_of(chance, 8, 2), 8, draws=10)
    assert abs(found["drop_from_best"]["excess"]) < 0.002
    assert abs(found["flips"]["excess"]) < 2e-4


def test_planted_forgetting_is_found():
    """Half of the problems fall from 0.9 to 0.05 half-way: mean excess drop 0.85 / 4."""
    chance = np.full((200, 64), 0.9)
    chance[100:, :32] = 0.05
    found = forgetting.forgetting_summary(counts_of(chance, 32, 3), 32, draws=10)
    assert found["drop_from_best"]["excess"] == pytest.approx(0.85 / 4, abs=0.03)
    assert found["lost"] == {"value": 0.5, "floor": 0.0, "excess": 0.5, "floor_deviation": 0.0}
    curves = forgetting.forgetting_curves(counts_of(chance, 32, 3), 32, draws=5)
    assert 100 <= np.nanargmax(curves["forgetting_rate"]["excess"]) <= 116
    assert np.isnan(curves["forgetting_rate"]["value"][0])


def test_planted_interference_is_found():
    """Two halves take turns: while one rises, the other falls."""
    turn = np.arange(240) // 16 % 2
    chance = np.where((np.arange(40) < 20)[None, :] == (turn == 0)[:, None], 0.8, 0.2)
    alternating = forgetting.forgetting_summary(counts_of(chance, 16, 4), 16, draws=10)["interference"]
    together = np.where((turn == 0)[:, None], 0.8, 0.2) * np.ones((1, 40))
    in_step = forgetting.forgetting_summary(counts_of(together, 16, 5), 16, draws=10)["interference"]
    assert alternating["excess"] > 5 * alternating["floor_deviation"]
    assert in_step["value"] < 0 < alternating["value"]


def test_counts_that_make_no_sense():
    with pytest.raises(ConetError, match="9 right of 8 at row 0, problem 1"):
        forgetting.accuracies(np.array([[1, 9]]), 8)
    accuracy, samples = forgetting.accuracies(np.array([[1, 0]]), np.array([[2, 0]]))
    np.testing.assert_array_equal(accuracy, [[0.5, np.nan]])
    assert samples.tolist() == [[2, 0]]


def logistic(steps: int, low: float, high: float, midpoint: float, width: float) -> np.ndarray:
    scale = width / transitions.RISE_WIDTH
    return low + (high - low) / (1 + np.exp(-(np.arange(steps) - midpoint) / scale))


def test_a_logistic_rise_is_recovered():
    chance = np.column_stack([logistic(400, 0.02, 0.95, 120, 30), logistic(400, 0.1, 0.8, 300, 60)])
    found = transitions.transitions(counts_of(chance, 64, 6), 64)
    assert found["midpoint"] == pytest.approx([120, 300], abs=2)
    assert found["width"] == pytest.approx([30, 60], rel=0.1)
    assert found["onset"] == pytest.approx([105, 270], abs=4)
    assert found["low"] == pytest.approx([0.02, 0.1], abs=0.02)
    assert found["high"] == pytest.approx([0.95, 0.8], abs=0.02)
    assert found["beats_ramp"].tolist() == [1, 1]
    assert (found["explained"] > 0.9).all()
    assert found["dispersion"] == pytest.approx([1, 1], abs=0.25)


def test_models_are_chosen_by_what_made_the_data():
    """40 problems each; at least 39 right (BIC, 400 visits of 8 samples)."""
    ramp = transitions.transitions(counts_of(np.linspace(0, 1, 400)[:, None] * np.ones(40), 8, 7), 8)
    assert (ramp["bic_line"] < ramp["bic_logistic"]).sum() >= 39
    flat = transitions.transitions(counts_of(np.full((400, 40), 0.4), 8, 8), 8)
    assert (flat["bic_constant"] < np.minimum(flat["bic_line"], flat["bic_logistic"])).sum() >= 39
    jump = transitions.transitions(counts_of(logistic(400, 0, 1, 200, 10)[:, None] * np.ones(40), 8, 9), 8)
    assert jump["beats_ramp"].sum() >= 39


def test_visits_and_steps_of_ones_own():
    chance = logistic(300, 0, 1, 150, 20)[:, None]
    samples = np.where(np.arange(300)[:, None] % 3 == 0, 16, 0)
    correct = np.random.default_rng(10).binomial(samples, chance)
    found = transitions.transitions(correct, samples, steps=10 * np.arange(300))
    assert found["midpoint"][0] == pytest.approx(1500, abs=30)
    assert np.isnan(transitions.transitions(np.zeros((4, 1), int), 8)["width"][0])
    never = transitions.transitions(np.zeros((50, 1), int), 8)
    assert (never["beats_ramp"][0], np.isnan(never["explained"][0])) == (0, True)
    with pytest.raises(ConetError):
        transitions.transitions(np.array([[9]]), 8)


def test_one_visit_more_than_the_least_and_a_fall():
    falling = transitions.transitions(counts_of(logistic(100, 0.9, 0.1, 50, 10)[:, None], 32, 11), 32)
    assert falling["high"][0] < falling["low"][0]
    assert falling["beats_ramp"][0] == 0
    assert np.isfinite(transitions.transitions(np.arange(5)[:, None], 8)["width"]).all()


def test_modal_path_and_attachment():
    edges = np.array([[0, 1, 2], [0, 1, 2], [3, 4, 9], [3, 4, 8], [3, 4, 7]], np.int32)
    correct = np.array([True, True, True, True, False])
    length = np.array([3, 3, 2, 2, 2], np.int32)
    walks = Walks(
        problems=np.array([7], np.int32),
        starts=np.zeros(5, np.int32),
        edges=edges,
        length=length,
        correct=correct,
        rollouts=5,
    )
    assert transitions.modal_path(walks, 7).tolist() == [3, 4]  # as frequent, and shorter
    assert transitions.modal_path(walks, 6) is None

    # The web is 10 → 11 → 12 ← 13; edge e of the graph leads to targets[e].
    sources, targets = np.array([10, 11, 13], np.int32), np.array([11, 12, 12], np.int32)
    web = Web(sources=sources, targets=targets, edges=np.array([0, 1, 2], np.int32), size=20)
    leads_to = np.array([11, 12, 12, 5, 11, 10, 6])
    trunk = transitions.attachment(web, 1, np.array([3, 4, 1]), leads_to)
    assert trunk == transitions.Attachment("trunk", 11, 2, 2, 1)
    leaf = transitions.attachment(web, 1, np.array([5, 0, 1]), leads_to)
    assert leaf == transitions.Attachment("leaf", 10, 1, 1, 0)
    apart = transitions.attachment(web, 1, np.array([3, 6]), leads_to)
    assert apart == transitions.Attachment("separate", -1, 2, 2, 0)
    inside = transitions.attachment(web, 13, np.array([2]), leads_to)
    assert inside == transitions.Attachment("leaf", 13, 0, 0, 0)
