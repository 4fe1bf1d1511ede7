"""The mix of problems: when it has changed, and that the heating signal then begins anew."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import conet
from conet.base.errors import ConetError
from conet.detect import Detector
from conet.detect.forecast import forecast_online
from conet.detect.mix import Mix
from conet.runs.phases import PhaseTracker
from conet.runs.schedule import After, Phase
from conet.runs.trainer import Trainer

STEPS = np.arange(400)


def changes(asked, memory=8.0):
    """Steps at which the mix has changed, and since when."""
    mix = Mix()
    found = [(step, mix.look(step, list(some), step + 1, memory)) for step, some in enumerate(asked)]
    return [(step, since) for step, since in found if since is not None]


def epochs(problems=480, batch=16, steps=400, seed=0, first=0):
    """A new order in each epoch."""
    rng = np.random.default_rng(seed)
    rounds = -(-steps * batch // problems)
    order = np.concatenate([rng.permutation(problems) for _ in range(rounds)])
    return [order[batch * step : batch * (step + 1)] + first for step in range(steps)]


def by_definition(asked, memory):
    """What the docstring of Mix says, word by word, from all steps at once."""
    first: dict[int, int] = {}
    new, found, opened, lately = [], [], None, 1.0
    for step, some in enumerate(map(set, asked)):
        if not some:
            new.append(False)
            continue
        never = [one for one in some if one not in first]
        new.append(len(never) > len(some) / 2)
        first |= dict.fromkeys(never, step)
        update, before = step + 1, [at for at in range(step) if new[at]]
        last = before[-1] if before else -1
        steady = lately < 0.25 and update - (last + 1) >= update / (memory + 1)
        if opened is None and new[-1] and steady:
            opened = step
        weight = min(1, memory / (update + memory - 1), len(some) / 64)
        lately = (1 - weight) * lately + weight * len(never) / len(some)
        if opened is not None:
            stretch = [one for part in asked[opened : step + 1] for one in set(part)]
            fresh = sum(first[one] >= opened for one in stretch)
            if fresh <= len(stretch) / 2:
                opened = None
            elif fresh >= 16:
                found.append((step, opened))
                opened = None
    return found


FIXED = [range(16)] * 10


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (FIXED * 40, []),
        (FIXED + [range(16, 32)] * 10, [(10, 10)]),
        (FIXED + [range(16, 32)] * 10 + FIXED, [(10, 10)]),  # problems that are known are no other mix
        (FIXED + [range(16, 32)] * 10 + [range(32, 48)] * 10, [(10, 10), (20, 20)]),
        (FIXED + [range(7, 23)] * 10, []),  # seven of sixteen are new
        (FIXED + [range(8, 24)] * 10, []),  # half of them
        (FIXED + [range(9, 25)] * 10, [(11, 10)]),  # nine of them, twice
        ([[0, 1], [2, 3]] * 50 + [[4, 5], [6, 7]] * 50, [(107, 100)]),  # 16 times a new one after 8 steps
        ([[0, 1], [2, 3]] * 50 + [[4, 5], [0, 1]] + [[2, 3]] * 50, []),  # two new ones, once
        ([[step] for step in range(1000)], []),  # each is asked once
        (FIXED + [range(16 * step, 16 * step + 16) for step in range(1, 400)], [(10, 10)]),  # then a stream
        ([range(16)] * 3 + [range(16, 32)] * 9, []),  # too few have recurred to tell
        ([*FIXED, []] + [range(16, 32)] * 10, [(11, 11)]),
    ],
)
def test_when_the_mix_has_changed(asked, expected):
    assert changes(asked) == expected
    assert by_definition([list(some) for some in asked], 8.0) == expected


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(1, 24)), max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_it_is_the_rule_that_is_written_down(stages, data):
    """Stages that ask problems of a range, at random: against sets and sums over all steps."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    asked = [
        rng.integers(first, first + 40, batch).tolist()
        for first, steps, batch in stages
        for _ in range(steps)
    ]
    memory = data.draw(st.sampled_from([2.0, 8.0, 16.0]))
    assert changes(asked, memory) == by_definition(asked, memory)


@pytest.mark.parametrize("batch", [1, 2, 16, 480])
def test_epochs_never_change_the_mix(batch):
    assert changes(epochs(batch=batch, steps=2000 // batch + 20)) == []


@pytest.mark.parametrize(("batch", "steps"), [(1, 1500), (2, 1000), (16, 400)])
def test_random_draws_never_change_the_mix(batch, steps):
    """20 runs of problems drawn with replacement, of which fewer and fewer are new."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert changes(rng.integers(0, 480, (steps, batch))) == []


def test_short_blocks_are_a_mix_of_their_own():
    """Problems for eight steps each, and never again: from step 72 on the means look over several blocks."""
    asked = [range(100 * (step // 8), 100 * (step // 8) + 100) for step in range(400)]
    assert max(step for step, _ in changes(asked)) <= 72


def test_a_curriculum_changes_it_twice():
    rng = np.random.default_rng(1)
    thirds = [rng.choice(160, 16, replace=False) + 160 * (3 * step // 400) for step in range(400)]
    assert changes(thirds) == [(134, 134), (267, 267)]


def test_numbers_that_are_none():
    for wrong in (["a"], [0.5], [[1, 2]], [[1], [2, 3]]):
        with pytest.raises(ConetError, match=r"problems .* of step 3"):
            Mix().look(3, wrong, 1, 8.0)


# --- the detector ----------------------------------------------------------------------------------------


def v_curve(bottom=100, start=8.0, low=2.0, end=4.0, steps=400):
    down = np.linspace(start, low, bottom)
    return np.concatenate([down, np.linspace(low, end, steps - bottom)])


def rows_of(lengths, samples=1000, seed=0):
    """Length sum, correct and samples of each step while the accuracy rises from 0.05 to 0.85."""
    correct = np.round(samples * (0.05 + 0.8 * np.arange(len(lengths)) / len(lengths)))
    noisy = lengths + np.random.default_rng(seed).normal(size=len(lengths)) / 20
    return list(zip(noisy * correct, correct, [samples] * len(lengths)))


def watch(rows, asked=None):
    detector = Detector()
    asked = [None] * len(rows) if asked is None else asked
    return [detector.update(step, *row, some) for step, (row, some) in enumerate(zip(rows, asked))], detector


def fired(evidence):
    return next((known.step for known in evidence if known.heat_now), None)


@pytest.mark.parametrize("asked", [[range(16)] * 400, epochs(), epochs(batch=2), [[s] for s in range(400)]])
@pytest.mark.parametrize("curve", [v_curve(), v_curve(bottom=200), np.full(400, 5.0)])
def test_a_run_with_one_mix_is_judged_as_before(asked, curve):
    """A fixed set, epochs, and each problem once: the same evidence at every step, bit for bit."""
    rows = rows_of(curve)
    told, detector = watch(rows, asked)
    plain, _ = watch(rows)
    assert told == plain
    assert detector.begun == 0
    assert (fired(plain) is None) == (curve[0] == curve[-1])


def test_after_a_change_the_detector_is_a_new_one():
    """Exactly: what it knows is what one knows that saw the steps since then alone."""
    rows = rows_of(np.concatenate([np.linspace(8, 5, 100), v_curve()]))
    asked = [range(20)] * 100 + [range(20, 40)] * 400
    told, _ = watch(rows, asked)
    alone, _ = watch(rows[100:])
    for known, expected in zip(told[100:], alone, strict=True):
        shortest = None if expected.shortest_step is None else expected.shortest_step + 100
        as_alone = {"mix_step": 100, "step": expected.step + 100, "shortest_step": shortest}
        assert known == dataclasses.replace(expected, silent=known.silent, **as_alone)
        assert (known.silent is None) == (expected.fall is not None)
    assert fired(alone) is not None
    assert fired(told) == fired(alone) + 100
    assert [known.mix_step for known in told[:100]] == [None] * 100


def test_a_curriculum_does_not_set_it_off():
    """Lengths 3, 2, 4 of three sets of problems while the policy learns: no length of a problem changes."""
    rows = rows_of(np.repeat([3.0, 2.0, 4.0], [134, 133, 133]))
    asked = [range(20 * (3 * step // 400), 20 * (3 * step // 400) + 20) for step in range(400)]
    assert fired(watch(rows)[0]) is not None
    told, detector = watch(rows, asked)
    assert fired(told) is None
    assert [known.mix_step for known in told[::133]] == [None, None, 134, 267]
    assert forecast_online(detector) is None


def test_it_says_why_it_is_silent():
    rows = rows_of(v_curve(bottom=90))
    small = [[0, 1, 2, 3]] * 100 + [[4, 5, 6, 7]] * 300
    detector = Detector()
    told = [detector.update(step, *row, some) for step, (row, some) in enumerate(zip(rows[:101], small))]
    assert told[99].silent is None
    assert told[99].fall is not None
    assert told[100].silent.startswith("most problems since step 100 were never asked before")
    assert told[100].fall is None
    assert detector.lacking()["mix"] == 1
    for step in range(101, 104):
        told.append(detector.update(step, *rows[step], small[step]))
    assert told[-1].mix_step == 100
    assert told[-1].silent == (
        "other problems are asked since step 100, and lengths are compared within one mix of problems only: "
        f"{rows[103][1]:.0f} of 200 correct answers and 1 of 5 steps that the signal needs have been seen"
    )
    assert "mix" not in detector.lacking()
    for step in range(104, 108):
        told.append(detector.update(step, *rows[step], small[step]))
    assert told[-1].silent is None


def test_no_signal_while_the_mix_may_be_changing():
    """A rise that fires without the problems does not while most of them are new; nor is it forgotten."""
    rows = rows_of(v_curve())
    said = fired(watch(rows)[0])
    known = [[0, 1, 2, 3]] * said
    told, _ = watch(rows, known + [[4, 5, 6, 0]] + [[0, 1, 2, 3]] * (399 - said))
    assert fired(told) == said + 2  # three of four are new, then three of eight
    assert told[said].silent is not None


@given(st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_state_survives_a_stop_anywhere(cut):
    rows, asked = rows_of(v_curve(steps=300)), [[0, 1]] * 100 + [[2, 3]] * 70 + [[4, 2]] * 5 + [[0, 4]] * 125
    whole, part = Detector(), Detector()
    expected = [whole.update(step, *row, some) for step, (row, some) in enumerate(zip(rows, asked))]
    for step in range(cut):
        part.update(step, *rows[step], asked[step])
    resumed = Detector()
    resumed.load(json.loads(json.dumps(part.state(), allow_nan=False)))
    assert [resumed.update(step, *rows[step], asked[step]) for step in range(cut, 300)] == expected[cut:]
    assert json.dumps(resumed.state()) == json.dumps(whole.state())
    assert {known.mix_step for known in expected} == {None, 100}


def test_a_checkpoint_without_the_problems_loads_and_goes_on_as_before():
    """Nothing is known of its problems, so all of them look new: that is no change."""
    rows = rows_of(v_curve())
    plain, _ = watch(rows)
    for asked in (epochs(), [range(16)] * 400):
        for cut in (30, 90):
            part = Detector()
            for step in range(cut):
                part.update(step, *rows[step])
            old = {
                name: value
                for name, value in part.state().items()
                if name not in ("begun", "mix_step", "mix")
            }
            resumed = Detector()
            resumed.load(json.loads(json.dumps(old)))
            later = [resumed.update(step, *rows[step], asked[step]) for step in range(cut, 400)]
            assert later == plain[cut:]


@pytest.mark.parametrize(
    ("kind", "most"), [("places", 1_000), ("half of the places", 65_000), ("hashes", 400_000)]
)
def test_state_is_small_for_100_000_problems(kind, most):
    rng = np.random.default_rng(0)
    problems = {
        "places": np.arange(100_000),
        "half of the places": np.sort(rng.choice(200_000, 100_000, replace=False)),
        "hashes": rng.integers(0, 2**48, 100_000),
    }[kind]
    detector = Detector()
    detector.update(0, 300.0, 100, 200, problems)
    text = json.dumps(detector.state())
    assert len(text) < most
    resumed = Detector()
    resumed.load(json.loads(text))
    np.testing.assert_array_equal(resumed.mix.known, np.unique(problems % 2**32))


# --- trainings -------------------------------------------------------------------------------------------


def test_the_event_says_it():
    tracker = PhaseTracker([Phase("rlvr")], 100)
    for step in range(20):
        tracker.observe(step, 300, 100, 200, range(16 * (step // 10), 16 * (step // 10) + 16))
    (event,) = tracker.events
    assert (event["step"], event["event"], event["since"]) == (10, "problems_changed", 10)
    assert event["silent"].startswith("other problems are asked since step 10, and lengths")
    assert tracker.clock(20).detector.mix_step == 10
    assert json.loads(json.dumps(tracker.state()["events"])) == [event]


def run(*schedule):
    config = conet.preset("smoke").override(
        {"steps": 30, "snapshots.web_every": 0, "learner.learning_rate": 0.1}
    )
    trainer = Trainer(config, schedule=list(schedule))
    rows = [trainer.advance() for _ in range(30)]
    return trainer, rows


def test_a_run_of_walks_tells_its_problems_where_they_vary():
    first, second = list(range(8)), list(range(8, 16))
    trainer, _ = run(Phase("first", until=After(15), problems=first), Phase("second", problems=second))
    assert [(event["step"], event["event"]) for event in trainer.events] == [
        (0, "phase_started"),
        (15, "phase_started"),
        (16, "problems_changed"),  # eight new ones in two steps
    ]
    assert trainer.detector.mix_step == 15
    trainer, _ = run(Phase("all"))
    assert len(trainer.detector.mix.known) == 0
    trainer, _ = run(Phase("all", until=After(15)), Phase("some", problems=first))
    assert trainer.detector.mix.known.tolist() == list(range(16))
    assert trainer.detector.mix_step is None
