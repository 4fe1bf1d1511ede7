"""Interference and fighting pairs from the gradients of single problems: exact cases."""

from itertools import product

import numpy as np
import pytest

from conet.observables.conflict import _corrected, conflict


def of(vectors: list[list[float]]) -> object:
    """What single rollouts without noise say."""
    sums = np.array(vectors, float)
    return conflict(sums, (sums**2).sum(axis=1), np.ones(len(sums), int))


def test_opposite_equal_and_orthogonal() -> None:
    opposite, equal, across = of([[1, 2], [-1, -2]]), of([[1, 2], [1, 2]]), of(np.eye(4).tolist())
    assert (opposite.interference, opposite.cosine, opposite.fighting) == (1.0, pytest.approx(-1), 1.0)
    assert (equal.interference, equal.cosine, equal.fighting) == (0.0, pytest.approx(1), 0.0)
    assert (across.interference, across.cosine, across.fighting) == (pytest.approx(0.5), 0.0, 0.0)
    assert opposite.pairs == ((0, 1, pytest.approx(-1)),)
    assert equal.pairs == across.pairs == ()
    assert opposite.corrected == 1.0
    assert equal.corrected == 0.0


def test_problems_without_a_gradient_are_no_problems() -> None:
    found = of([[0, 0], [1, 0], [0, 0], [-2, 0.5]])
    assert found.problems == 2
    assert [pair[:2] for pair in found.pairs] == [(1, 3)]
    assert of([[0, 0], [0, 0]]) is None
    assert of([[1, float("nan")], [1, 1]]) is None
    alone = of([[3, 4]])
    assert alone.interference == 0
    assert np.isnan(alone.fighting)
    assert np.isnan(alone.cosine)


def test_the_pairs_that_fight_most_come_first() -> None:
    found = of([[1, 0], [-1, 0.1], [-1, 1], [0.1, 1]])
    assert [pair[:2] for pair in found.pairs] == [(0, 1), (0, 2)]
    assert found.fighting == pytest.approx(2 / 6)


@pytest.mark.parametrize("group", [2, 3, 5, 8])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_corrected_square_is_free_of_bias(group: int, p: float) -> None:
    """All groups of a policy that says yes with probability p, and is right then: score yes - p."""
    square, mean = 0.0, 0.0
    for yes in product((0, 1), repeat=group):
        chance = p ** sum(yes) * (1 - p) ** (group - sum(yes))
        parts = (np.array(yes) - np.mean(yes)) * (np.array(yes) - p)
        whole, squares = np.array([parts.sum() ** 2]), np.array([(parts**2).sum()])
        square += chance * float(_corrected(whole, squares, np.array([group]))[0])
        mean += chance * parts.sum()
    assert square == pytest.approx(mean**2)


def test_the_noise_of_few_rollouts_is_no_interference_once_corrected() -> None:
    """Eight problems with one gradient and much noise, means of 200 draws: only the sampled value is high."""
    drawn = np.random.default_rng(3)
    found = []
    for _ in range(200):
        rows = 0.5 * np.eye(40)[0] / 8 + drawn.normal(0, 0.05, (8, 8, 40))
        one = conflict(rows.sum(axis=1), (rows**2).sum(axis=(1, 2)), np.full(8, 10**6))
        assert one is not None
        found.append((one.interference, one.corrected))
    sampled, corrected = np.mean(found, axis=0)
    assert sampled > 0.3
    assert corrected < 0.05
