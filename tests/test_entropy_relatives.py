"""Published relatives of the entropy bonus: the weight in a band, and the clip range that leads the entropy."""

import json
from itertools import product

import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.learners import LEARNERS
from conet.runs.clipping import ClipRange
from conet.runs.cooling import Banded
from conet.runs.phases import PhaseTracker
from conet.runs.schedule import Clock, Phase, Setup
from conet.runs.schedules import make
from conet.runs.trainer import Trainer

TINY = conet.preset("smoke").override(
    {
        "steps": 12,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 12,
        "problems.max_length": 7,
        "learner.rollouts": 6,
        "learner.learning_rate": 20.0,
        "snapshots.web_every": 0,
    }
)
CLIPPED = TINY.override({"schedule.name": "clip_range", "learner.epochs": 2})


# The weight in a band ---------------------------------------------------------------------------------------


def test_the_weight_in_a_band_by_hand():
    band = Banded(low=0.5, high=1.0, first=0.3, rate=0.1, least=0.05, most=0.35)

    def weight(now, before):
        return band(Clock(step=3, steps=9, entropy=now, entropy_weight=before))

    found = [weight(now, 0.2) for now in (0.5, 0.7, 1.0, 0.1, 1.5, 9.0)]
    np.testing.assert_allclose(found, [0.2, 0.2, 0.2, 0.24, 0.15, 0.05])
    assert weight(0.1, 0.34) == 0.35  # 0.38, but for the bound
    assert weight(None, None) == 0.3
    assert weight(0.1, None) == pytest.approx(0.34)
    assert Banded(low=0.5, high=1.0, first=0.0)(Clock(step=0, steps=9)) == 0.00004


def test_a_run_keeps_its_weight_inside_the_band_and_a_resumed_one_is_the_same():
    options = {
        "schedule.entropy_low": 0.8,
        "schedule.entropy_high": 1.2,
        "schedule.weight_rate": 0.01,
        "schedule.weight_most": 9.0,
    }
    options |= {"learner.entropy": 0.02, "schedule.name": "temperature", "steps": 40}
    trainer, weights = Trainer(TINY.override(options)), []
    other = Trainer(TINY.override(options))
    for step in range(40):
        now = trainer.entropy()
        outside = 0.0 if now is None else min(0.0, now - 0.8) + max(0.0, now - 1.2)
        expected = max(0.00004, (weights[-1] if weights else 0.02) - 0.01 * outside)
        weights.append(trainer.advance()["option.entropy"])
        assert weights[-1] == pytest.approx(expected, abs=1e-12)
        if step == 20:
            arrays, state = trainer.state()
            other.load({name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(state)))
    steps = np.diff(weights)
    assert (steps < 0).any(), "above the band at first"
    assert (steps == 0).any(), "then inside"
    assert (steps > 0).any(), "then below it"
    for _ in range(19):
        other.advance()
    assert other.policy.sha256 == trainer.policy.sha256


def test_what_earlier_checkpoints_kept_of_the_weight_is_read():
    phase = Phase("rlvr", options={"entropy": 0.1})
    tracker = PhaseTracker([phase], 9)
    state = tracker.state()
    del state["last_options"]
    tracker.load(state | {"entropy_weights": [4, 0.3, 0.2]})
    assert [tracker.clock(step).entropy_weight for step in (4, 5)] == [0.2, 0.3]
    tracker.load(state | {"entropy_weights": [-1, None, None]})
    assert tracker.clock(0).entropy_weight is None


# The clip range ---------------------------------------------------------------------------------------------


def ends(found, probability):
    """Return lower and upper end at a probability."""
    return (
        found["clip"] + found["clip_slope"] * probability,
        found["clip_high"] + found["clip_high_slope"] * probability,
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [  # at updates 0, 2, 4 and 6 of 8 and probability 0.4, where the dynamic ends are 0.248 and 0.4
        ("increase_decrease", [(0.2, 0.4), (0.2, 0.3), (0.2, 0.2), (0.224, 0.2)]),
        ("decrease_increase_decrease", [(0.2, 0.2), (0.2, 0.3), (0.2, 0.4), (0.224, 0.4)]),
    ],
)
def test_the_clip_range_by_hand(shape, expected):
    clip = ClipRange(shape=shape)
    clocks = [Clock(step=step, steps=8) for step in (0, 2, 4, 6)]
    options = [{name: value(clock) for name, value in clip.options().items()} for clock in clocks]
    np.testing.assert_allclose([ends(one, 0.4) for one in options], expected, atol=1e-15)
    just_after = clip.at(*clip.shares(Clock(step=4001, steps=8000)))
    assert ends(just_after, 0.4)[0] == pytest.approx(0.248, abs=1e-4), "the lower end jumps in the middle"


def test_the_oscillating_clip_range_by_hand():
    """From 2 nats to a floor of 0.4; the line above it falls from 2 to 0.4 over ten updates."""
    clip = ClipRange(shape="oscillating")
    seen, last = [], {}
    for step, now in enumerate([None, 1.9, 1.5, 0.4, 1.0, 1.1, 1.2, 0.7, 0.3]):
        clock = Clock(step=step, steps=10, entropy=now, start_entropy=now and 2.0, last_options=last)
        last = {name: value(clock) for name, value in clip.options().items()}
        seen.append(clip.rises(clock))
        assert ends(last, 0.4) == pytest.approx((0.2, 0.4) if seen[-1] else (0.248, 0.2))
    # At update 3 the floor is reached; at 6 the line is at 1.04, below the entropy.
    assert seen == [False, False, False, True, True, True, False, False, True]


def test_clipping_by_probability_by_hand():
    """A step of probability 0.4: clipped below 1 - 0.248 and above 1.4."""
    learner = LEARNERS["grpo"](epochs=2, clip=0.3, clip_slope=-0.13, clip_high=0.5, clip_high_slope=-0.25)
    now = np.array([[0.4]])
    for advantage, ratio, expected in (
        (1.0, 1.39, 1.39),
        (1.0, 1.41, 0.0),
        (-2.0, 0.76, -1.52),
        (-2.0, 0.74, 0.0),
    ):
        found = learner.surrogate(np.array([[advantage]]), np.array([[ratio]]), now)
        assert found == pytest.approx(expected)
    with pytest.raises(ValueError, match="needs a clip range"):
        LEARNERS["grpo"](clip=0.2, clip_high_slope=-0.2)
    with pytest.raises(ValueError, match="needs a clip range"):
        LEARNERS["grpo"](clip_slope=0.1)


@pytest.mark.parametrize("shape", ["increase_decrease", "decrease_increase_decrease", "oscillating"])
def test_a_run_with_a_clip_range_that_changes_is_logged_and_resumed(shape):
    config = CLIPPED.override({"schedule.shape": shape, "learner.learning_rate": 60.0})
    trainer, other = Trainer(config), Trainer(config)
    rows = []
    for step in range(12):
        rows.append(trainer.advance())
        if step == 5:
            arrays, state = trainer.state()
            other.load({name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(state)))
    for _ in range(6):
        other.advance()
    assert other.policy.sha256 == trainer.policy.sha256
    assert (
        trainer.policy.sha256 != conet.simulate(CLIPPED.override({"schedule.name": "rlvr"}))[1].policy.sha256
    )
    if shape == "increase_decrease":
        expected = [0.5 - 0.3 * step / 6 if step <= 6 else 0.2 for step in range(12)]
        np.testing.assert_allclose([row["option.clip_high"] for row in rows], expected)
    if shape == "oscillating":
        assert {row["option.clip_high"] for row in rows} == {0.2, 0.5}


# What does not go together ----------------------------------------------------------------------------------

WARM = {"schedule.name": "temperature"}
BAND = WARM | {"schedule.entropy_low": 0.5, "schedule.entropy_high": 1.0}
SLOPES = {"schedule.name": "clip_range", "learner.epochs": 2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (WARM | {"schedule.entropy_low": 0.5}, "without schedule.entropy_high; expected both ends"),
        (WARM | {"schedule.weight_rate": 0.1}, "weight_rate=0.1 without schedule.entropy_low"),
        (BAND | {"schedule.entropy_high": 0.1}, "low, and high above it"),
        (BAND | {"schedule.weight_least": 0.2}, "the smaller weight first"),
        (BAND | {"learner.entropy": 0.5}, "one in its bounds, 4e-05 to 0.1"),
        (BAND | {"learner.entropy": 0.00001}, "one in its bounds"),
        (BAND | {"schedule.entropy_share": 0.4}, "expected one of them"),
        (BAND | {"schedule.entropy_target": 0.4}, "expected one of them"),
        (BAND | {"schedule.cooling": "constant", "learner.entropy": 0.1}, "expected none"),
        (WARM | {"schedule.entropy_max_accuracy": 0.5}, "expected a language model"),
        (WARM | {"schedule.entropy_max_accuracy": 0.5, "schedule.cooling": "none"}, "a bonus that it weighs"),
        (WARM | {"schedule.entropy_max_accuracy": 1.5}, "less than or equal to 1"),
        (SLOPES | {"learner.epochs": 1}, "two passes over the rollouts or more"),
        (SLOPES | {"learner.clip_high": 0.5}, "none: the schedule sets it"),
        (SLOPES | {"learner.clip": 0.2, "learner.clip_slope": -0.1}, "sets both slopes"),
        (SLOPES | {"learner.clip": 0.2, "learner.clip_high_slope": 0.1}, "sets both slopes"),
        (SLOPES | {"schedule.upper_slope": -0.5}, "a sum above 0"),
        (SLOPES | {"schedule.lower": 0.1}, "a sum above 0"),
        (SLOPES | {"schedule.shape": "wave"}, "oscillating"),
        (SLOPES | {"schedule.upper": 1e308}, "less than or equal to 1000"),
        (SLOPES | {"schedule.lower_slope": -1e308}, "greater than or equal to -1000"),
        (
            WARM | {"schedule.entropy_target": 1e308},
            "entropy_target=1e.308; expected less than or equal to 22",
        ),
        (WARM | {"schedule.entropy_target": float("inf")}, "a finite number"),
        (BAND | {"schedule.entropy_high": 1e308}, "less than or equal to 22"),
        (BAND | {"schedule.weight_most": 1e308}, "less than or equal to 1000"),
        (BAND | {"schedule.weight_rate": 1e308}, "less than or equal to 1000"),
        ({"learner.entropy": 1e308}, "less than or equal to 1000"),
        (WARM | {"schedule.sft_every": 13}, "sft_every=13 in 12 updates; expected a turn inside the run"),
        (WARM | {"schedule.adaptive_groups": True}, "more than 20: the last are of all problems alike"),
        (
            WARM | {"schedule.adaptive_groups": True, "schedule.sft_every": 6, "steps": 25},
            "sft_every=6 in 25 updates, without the last 20",
        ),
        ({"schedule.name": "reheating", "schedule.cycles": 7}, "two updates a cycle or more"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ConetError, match=words) as found:
        Trainer(TINY.override(changes))
    assert "\n" not in str(found.value)


def test_a_learner_without_a_clip_range_is_refused():
    with pytest.raises(ConetError, match="a learner with a clip range"):
        Trainer(TINY.override({"schedule.name": "clip_range", "learner.name": "rloo"}))
    with pytest.raises(ConetError, match="a learner with a clip range"):  # one's own, without passes
        make("clip_range", Setup(steps=9, problems=4, learner="mine", options={"clip": 0.2}))


def test_a_learner_of_ones_own_without_slopes_is_refused_as_one_without_a_clip_range():
    class Mine(LEARNERS["rloo"]):
        clip: float | None = None
        clip_high: float | None = None
        epochs: int = 2

    with pytest.raises(ConetError, match=r"which has no option clip_slope; expected a learner with a clip"):
        Trainer(TINY.override({"schedule.name": "clip_range"}), learner=Mine())


def test_ends_stay_above_nothing():
    for shape, step, share in product(
        ("increase_decrease", "decrease_increase_decrease"), range(9), (0.0, 1.0)
    ):
        clip = ClipRange(shape=shape)
        assert min(ends(clip.at(*clip.shares(Clock(step=step, steps=8))), share)) > 0.1
