"""Which phase a training is in: triggers, waiting, options and problems, without a policy."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conet.base.errors import ConetError
from conet.runs.phases import PhaseTracker
from conet.runs.schedule import After, AtHeatingSignal, AtStep, Clock, Cosine, Linear, Phase, never

RLVR = Phase("rlvr")
HEAT = Phase("heat", until=After(3), learner="sft", demonstrations="hard")


def heated(until=AtStep(5)) -> tuple[Phase, ...]:  # noqa: B008
    return (Phase("rlvr", until=until), HEAT, RLVR)


def run(
    phases: Sequence[Phase], steps: int, eligible: Sequence[Sequence[int]] = (), retry: int = 1, **kept
) -> tuple[list[str], PhaseTracker]:
    """Go through a run; attempt n to find demonstrations gives ``eligible[n]``, the last one for good."""
    tracker = PhaseTracker(phases, steps, retry=retry, **kept)
    attempts = iter([*eligible, *[eligible[-1]] * steps] if eligible else [])

    def prepare(index: int) -> Sequence[int] | None:
        return next(attempts) if phases[index].demonstrations else None

    tracker.begin(prepare)
    names = []
    for step in range(steps):
        tracker.advance(step, prepare)
        names.append(tracker.phase.name)
        tracker = again(tracker)
    tracker.finish()
    return names, tracker


def again(tracker: PhaseTracker) -> PhaseTracker:
    """The same tracker from its checkpoint."""
    copy = PhaseTracker(tracker.phases, tracker.steps, retry=tracker.retry)
    copy.load(json.loads(json.dumps(tracker.state())))
    copy.draws = tracker.draws  # the trainers know it from their demonstrations
    return copy


def events(tracker: PhaseTracker) -> list[tuple[int, str]]:
    return [(event["step"], event["event"]) for event in tracker.events]


def test_heating_between_two_phases_of_rlvr():
    names, tracker = run(heated(), 12, [[4, 7]])
    assert names == ["rlvr"] * 5 + ["heat"] * 3 + ["rlvr"] * 4
    assert events(tracker) == [
        (0, "phase_started"),
        (5, "heating_started"),
        (8, "heating_ended"),
        (8, "phase_started"),
    ]
    heating = tracker.events[1]
    assert (heating["reason"], heating["problems"], heating["eligible"]) == ("step 5, as set", [4, 7], 2)


def test_a_heating_that_finds_nothing_waits_and_is_not_cancelled():
    names, tracker = run(heated(), 20, [[], [], [3]])
    assert names == ["rlvr"] * 7 + ["heat"] * 3 + ["rlvr"] * 10
    assert events(tracker)[1:3] == [(5, "heating_waits"), (7, "heating_started")]  # said once
    assert tracker.events[2]["reason"] == "step 5, as set at step 5"


@pytest.mark.parametrize("retry", [1, 4, 50])
def test_attempts_are_as_far_apart_as_they_cost(retry):
    names, _ = run(heated(), 30, [[], [], [3]], retry=retry)
    first = 5 + 2 * retry
    assert names == (["rlvr"] * first + ["heat"] * 3 + ["rlvr"] * 30)[:30]


def test_a_heating_that_never_finds_anything_is_said_to_be_skipped():
    names, tracker = run(heated(), 12, [[]])
    assert names == ["rlvr"] * 12
    assert events(tracker) == [(0, "phase_started"), (5, "heating_waits"), (12, "heating_skipped")]
    assert tracker.events[-1] | {"evidence": None} == {
        "step": 12,
        "event": "heating_skipped",
        "reason": "step 5, as set",
        "eligible": 0,
        "since": 5,
        "evidence": None,
    }


def test_what_is_due_stays_due_also_when_the_trigger_says_so_only_once():
    names, _ = run(heated(lambda clock: clock.step == 5), 15, [[], [], [], [3]])
    assert names == ["rlvr"] * 9 + ["heat"] * 3 + ["rlvr"] * 3


@pytest.mark.parametrize("retry", [1, 3])
def test_a_phase_that_waits_is_tried_ever_more_rarely(retry):
    """After 0, 1, 2, 4, 8, … times the first wait: a run of 1,000 updates tries a dozen times, not 995."""
    tracker, tried = PhaseTracker(heated(), 1000, retry=retry), []
    now = 0

    def prepare(index: int) -> Sequence[int] | None:
        if tracker.phases[index].demonstrations:
            tried.append(now)
            return []
        return None

    tracker.begin(prepare)
    for now in range(1000):
        tracker.advance(now, prepare)
    waits = [0, *(retry * 2**times for times in range(12))]
    assert tried == [5 + wait for wait in waits if 5 + wait < 1000]


def test_demonstrations_that_nobody_draws_rollouts_for_are_not_waited_for():
    """After a phase of demonstrations, or as the first: left out at once."""
    sft = Phase("sft", until=After(2), learner="sft", demonstrations="random")
    names, tracker = run((sft, HEAT, RLVR), 8, [[1], []])
    assert names == ["sft"] * 2 + ["rlvr"] * 6
    assert events(tracker) == [(0, "phase_started"), (2, "heating_skipped"), (2, "phase_started")]
    assert run((HEAT, RLVR), 4, [[]])[0] == ["rlvr"] * 4


def test_a_phase_that_does_not_wait_is_left_out_and_the_next_come_when_they_should():
    once = Phase("heat", until=After(1), learner="sft", demonstrations="seen", waits=False)
    turns = [part for step in (4, 9, 14) for part in (Phase("rlvr", until=AtStep(step)), once)]
    names, tracker = run((*turns, RLVR), 20, [[], [3], [5]])
    assert [step for step, name in enumerate(names) if name == "heat"] == [9, 14]
    assert events(tracker)[1:4] == [(4, "heating_skipped"), (4, "phase_started"), (9, "heating_started")]


def test_nothing_to_learn_from_in_the_last_phase_is_an_error():
    with pytest.raises(ConetError, match="no problem with a correct rollout for phase 'heat'"):
        run((HEAT,), 4, [[]])


def test_cycles():
    phases = (*(Phase("rlvr", until=After(4)), HEAT) * 3, RLVR)
    names, tracker = run(phases, 25, [[0], [1], [2]])
    assert names == (["rlvr"] * 4 + ["heat"] * 3) * 3 + ["rlvr"] * 4
    assert [event["problems"] for event in tracker.events if event["event"] == "heating_started"] == [
        [0],
        [1],
        [2],
    ]


@pytest.mark.parametrize(("latest", "steps", "due"), [(0.5, 12, 6), (0.3, 10, 3), (0.25, 10, 3), (1.0, 9, 9)])
def test_the_latest_step_is_a_share_of_the_run(latest, steps, due):
    trigger = AtHeatingSignal(latest)
    fired = [step for step in range(steps + 1) if trigger(Clock(step=step, steps=steps))]
    assert fired[0] == due
    assert not AtHeatingSignal(None)(Clock(step=steps, steps=steps))


def test_the_signal_ends_a_phase_and_is_noted_once():
    """A V: the correct length falls from 30 to 10 and rises again."""
    tracker = PhaseTracker(heated(AtHeatingSignal(None)), 400)
    tracker.begin(lambda index: None)
    for step in range(300):
        tracker.advance(step, lambda index: [1] if index == 1 else None)
        length = 30 - step // 5 if step < 100 else 10 + (step - 100) // 5
        correct = min(60, 4 + step // 2)
        tracker.observe(step, correct * length, correct, 64)
    assert [event["event"] for event in tracker.events] == [
        "phase_started",
        "heating_signal",
        "heating_started",
        "heating_ended",
        "phase_started",
    ]
    signal, started = tracker.events[1:3]
    assert 100 < signal["step"] < 200
    assert started["step"] == signal["step"] + 1  # the next update is the first that heats
    assert started["reason"] == "the heating signal fired"


def test_a_clock_shows_the_last_rollouts():
    tracker = PhaseTracker((RLVR,), 10)
    assert tracker.clock(0).accuracy is tracker.clock(0).correct_length is None
    tracker.observe(0, 30, 6, 8)
    clock = tracker.clock(1)
    assert (clock.step, clock.steps, clock.elapsed) == (1, 10, 1)
    assert (clock.accuracy, clock.correct_length) == (0.75, 5.0)
    assert clock.detector is not None
    assert clock.detector.correct_length == 5.0
    tracker.observe(1, 0, 0, 8)
    assert (tracker.clock(2).accuracy, tracker.clock(2).correct_length) == (0.0, None)


def test_what_is_costly_is_measured_when_it_is_asked_for():
    asked = []
    clock = Clock(step=0, steps=1, entropy=lambda: asked.append("entropy") or 2.0, evaluation={"step": 0})
    assert not asked
    assert clock.entropy == clock.entropy == 2.0
    assert asked == ["entropy"]
    assert clock.evaluation == {"step": 0}


# Options and problems ---------------------------------------------------------------------------------


@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 50))
def test_options_go_from_first_to_last(first, last, steps):
    for kind in (Linear, Cosine):
        values = [kind(first, last)(Clock(step=step, steps=steps)) for step in range(steps + 1)]
        assert values[0] == pytest.approx(first)
        assert values[-1] == pytest.approx(last)
        assert all(min(first, last) - 1e-9 <= value <= max(first, last) + 1e-9 for value in values)
        assert np.all(np.diff(values) * np.sign(last - first) >= -1e-9)


def test_options_by_hand():
    halfway, quarter = Clock(step=60, steps=100, elapsed=10), Clock(step=25, steps=100, elapsed=5)
    assert Linear(4.0, 0.0)(halfway) == pytest.approx(1.6)
    assert Linear(4.0, 0.0, over=20)(halfway) == pytest.approx(2.0)
    assert Linear(4.0, 0.0, over=5)(halfway) == 0.0  # and stays there
    assert Cosine(4.0, 0.0, over=20)(halfway) == pytest.approx(2.0)
    assert Cosine(4.0, 0.0)(quarter) == pytest.approx(2.0 + 2.0 * np.sqrt(0.5))


def test_options_and_problems_of_the_phase():
    phase = Phase(
        "rlvr",
        options={"kl": 0.1, "learning_rate": lambda clock: 2.0 * clock.elapsed},
        problems=lambda clock: range(clock.step + 1),
    )
    tracker = PhaseTracker((Phase("first", until=AtStep(3)), phase), 9)
    tracker.begin(lambda index: None)
    assert tracker.options(0) == {}
    assert tracker.problems(0, 20) is None
    tracker.advance(3, lambda index: None)
    assert tracker.options(5) == {"kl": 0.1, "learning_rate": 4.0}
    assert tracker.problems(5, 20).tolist() == [0, 1, 2, 3, 4, 5]


def test_problems_are_taken_once_and_in_order():
    tracker = PhaseTracker((Phase("rlvr", problems=[5, 2, 5]),), 9)
    assert tracker.problems(0, 6).tolist() == [2, 5]


# Faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "problems", [[], [6], [-1], [0.5], ["a"], [[1, 2], [3]], [[1, 2]], 5, lambda clock: [99]]
)
def test_problems_that_are_none_are_refused(problems):
    tracker = PhaseTracker((Phase("rlvr", problems=problems),), 9)
    with pytest.raises(ConetError, match="expected one or more of 0 to 5"):
        tracker.problems(0, 6)


@pytest.mark.parametrize("answer", [1, 0.5, [True]])
def test_a_trigger_says_yes_no_or_why(answer):
    with pytest.raises(ConetError, match=r"from the trigger of phase 'rlvr'; expected True, False"):
        run((Phase("rlvr", until=lambda clock: answer), RLVR), 3)


@pytest.mark.parametrize("answer", [None, 0.0, 0])
def test_a_trigger_that_has_nothing_to_look_at_yet_says_no(answer):
    names, _ = run((Phase("first", until=lambda clock: answer), RLVR), 3)
    assert names == ["first"] * 3


def test_numpy_says_yes_and_no_too():
    names, _ = run((Phase("first", until=lambda clock: np.bool_(clock.step >= 2)), RLVR), 4)
    assert names == ["first"] * 2 + ["rlvr"] * 2


def test_functions_that_fail_are_named_with_their_phase_and_step():
    with pytest.raises(
        ConetError, match=r"the trigger of phase 'rlvr' at step 0: TypeError.*None at the start"
    ):
        run((Phase("rlvr", until=lambda clock: clock.accuracy > 0.5), RLVR), 3)
    tracker = PhaseTracker((Phase("rlvr", options={"kl": lambda clock: 1 / 0}),), 3)
    with pytest.raises(ConetError, match=r"option 'kl' of phase 'rlvr' at step 2: ZeroDivisionError"):
        tracker.options(2)


def test_never_never_comes():
    assert not never(Clock(step=10, steps=10))
