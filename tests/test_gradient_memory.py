"""A gradient's memory is used again for the next one, but never while anyone sees it."""

import numpy as np
import pytest

from conet.engine.gradient import Gradient, from_walks
from conet.engine.tables import TablePolicy
from conet.network.graph import regular
from conet.network.problems import Problems

TASKS = Problems(np.arange(10, dtype=np.int32), np.arange(20, 30, dtype=np.int32), 8)


@pytest.fixture
def policy():
    return TablePolicy(regular(50, 5, 0))


def gradient(policy: TablePolicy, key: int, scale: float = 1.0) -> Gradient:
    walks = policy.sample(TASKS, 4, key)
    return from_walks(policy, walks, scale * np.random.default_rng(key).normal(size=40))


def address(values: np.ndarray) -> int:
    return values.ctypes.data


def test_memory_used_again_holds_nothing_of_before(policy):
    fresh = [gradient(TablePolicy(regular(50, 5, 0)), key) for key in range(5)]
    places = set()
    for key in range(5):
        again = gradient(policy, key)
        np.testing.assert_array_equal(again.values, fresh[key].values)
        np.testing.assert_array_equal(again.rows, fresh[key].rows)
        places.add(address(again.values))
        del again
    assert len(places) == 1


def test_overflow_leaves_no_trace(policy):
    expected = gradient(policy, 3).values.copy()
    with np.errstate(all="ignore"):
        assert not np.isfinite(gradient(policy, 1, 5e307).values).all()
    np.testing.assert_array_equal(gradient(policy, 3).values, expected)


@pytest.mark.parametrize("part", ["gradient", "values", "slice", "slice of a slice", "memoryview"])
def test_what_is_still_seen_does_not_change(policy, part):
    first = gradient(policy, 1)
    kept = {
        "gradient": first,
        "values": first.values,
        "slice": first.values[10:90],
        "slice of a slice": first.values[10:90][::2],
        "memoryview": memoryview(first.values),
    }[part]
    seen = kept.values if isinstance(kept, Gradient) else kept
    before = np.array(seen)
    del first
    for key in (2, 3):
        gradient(policy, key)
    np.testing.assert_array_equal(np.array(seen), before)


def test_values_cannot_be_written(policy):
    values = gradient(policy, 1).values
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        values.flags.writeable = True


def test_policies_do_not_share_memory(policy):
    other = policy.copy()
    first = gradient(policy, 1)
    before, place = first.values.copy(), address(first.values)
    del first
    second = gradient(other, 2)
    assert address(second.values) != place
    again = gradient(policy, 1)
    assert address(again.values) == place
    np.testing.assert_array_equal(again.values, before)
