"""One vocabulary of events for walks and language models, and what version 0.1 called them."""

import json

import pytest

import conet
from conet.cli.summary import describe_heating
from conet.runs.events import NAMES, heating, note, signal_step, translate

WALKS = [
    {"step": 0, "event": "phase rlvr"},
    {"step": 30, "event": "heat now", "fall": 0.2},
    {"step": 31, "event": "phase heat", "problems": [4, 7], "demonstrations": 2},
    {"step": 35, "event": "resumed"},
    {"step": 41, "event": "phase rlvr"},
]
LANGUAGE_MODEL = [
    {"event": "heat_now", "step": 30, "fall": 0.2},
    {"event": "heat", "step": 31, "reason": "the latest step", "eligible": 2, "evidence": {}},
    {"event": "cool", "step": 41},
]


def kinds(events: list[dict]) -> list[tuple[int, str]]:
    return [(event["step"], event["event"]) for event in events]


def test_events_of_walks_of_version_0_1() -> None:
    found = translate(WALKS)
    assert kinds(found) == [
        (0, "phase_started"),
        (30, "heating_signal"),
        (31, "heating_started"),
        (35, "resumed"),
        (41, "heating_ended"),
        (41, "phase_started"),
    ]
    assert found[0]["phase"] == "rlvr"
    assert found[1]["fall"] == 0.2
    assert found[2]["problems"] == [4, 7]
    assert heating(found) == {"step": 31, "reason": None, "problems": 2, "ended_step": 41, "times": 1}
    assert signal_step(found) == 30


def test_events_of_a_language_model_of_version_0_1() -> None:
    found = translate(LANGUAGE_MODEL)
    assert kinds(found) == [(30, "heating_signal"), (31, "heating_started"), (41, "heating_ended")]
    assert heating(found) == {
        "step": 31,
        "reason": "the latest step",
        "problems": 2,
        "ended_step": 41,
        "times": 1,
    }


def test_a_heating_without_problems_of_version_0_1_was_skipped() -> None:
    old = [
        {"step": 0, "event": "phase rlvr"},
        {"step": 40, "event": "phase heat", "problems": [], "demonstrations": 0},
        {"step": 40, "event": "no problem eligible, phase left out"},
        {"step": 40, "event": "phase rlvr"},
    ]
    found = translate(old)
    assert kinds(found) == [(0, "phase_started"), (40, "heating_skipped"), (40, "phase_started")]
    assert heating(found) == {"step": 40, "reason": None, "problems": 0, "ended_step": None, "times": 0}


def test_todays_events_are_left_as_they_are() -> None:
    events: list[dict] = []
    for name in NAMES:
        note(events, 3, name, detail=1)  # type: ignore[arg-type]
    assert translate(events) == events
    assert translate(translate(WALKS)) == translate(WALKS)


def test_a_run_without_heating_has_none() -> None:
    assert heating([{"step": 0, "event": "phase_started"}]) is None
    assert signal_step([]) is None


@pytest.mark.parametrize("below", [0.9, 1e-9])
def test_the_summary_says_when_why_and_on_how_many(below: float, tmp_path) -> None:
    config = conet.preset("smoke").override(
        {
            "steps": 12,
            "graph.nodes": 40,
            "graph.degree": 5,
            "problems.count": 6,
            "problems.max_length": 8,
            "schedule.name": "annealed_rlvr",
            "schedule.heat_at": 4,
            "schedule.heat_steps": 3,
            "schedule.harvest_samples": 64,
            "schedule.max_accuracy": below,
        }
    )
    run = conet.run(config, tmp_path / "run")
    found = run.summary()["heating"]
    assert (found["step"], found["reason"]) == (4, "step 4, as set")
    event = next(event for event in run.events() if event["event"].startswith("heating_s"))
    assert found["problems"] == len(event.get("problems", []))
    assert (found["times"], found["ended_step"]) == ((1, 7) if below == 0.9 else (0, None))
    assert found["failed_rollouts"] == (
        0 if below == 0.9 else 6 * 64
    )  # one attempt; a second costs 8 updates
    assert ("tried from update 4 on (step 4, as set)" in describe_heating(found)) == (below != 0.9)
    assert (run.metrics()["phase"] == "heat").sum() == (3 if below == 0.9 else 0)
    assert json.loads((run.path / "events.jsonl").read_text().splitlines()[0])["event"] == "phase_started"
