"""A run that is steered: every action at its update, and the same bit for bit after an interruption."""

import json
import shutil
import time

import pytest

import conet
from conet.base.errors import ConetError, Interrupted
from conet.base.journal import line_of, plain_rows
from conet.base.lock import exclusive
from conet.runs import launch
from conet.runs.control import Control, ask, can_be_steered

CONFIG = conet.preset("smoke").override(
    {
        "steps": 40,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "learner.learning_rate": 0.05,
        "learner.optimizer": "adam",
        "schedule.max_accuracy": 1.0,
        "schedule.harvest_samples": 64,
        "snapshots.checkpoint_every": 7,
        "snapshots.steps": (0, 20),
    }
)


class Steering:
    """Asks for actions at given updates, as a page would; ends the run at some, as a kill would."""

    def __init__(self, place, asked, dies=()):
        self.place, self.asked, self.dies = place, asked, set(dies)

    def __call__(self, row):
        done = row["step"] + 1
        for action, value in self.asked.get(done, ()):
            ask(self.place, action, value)
        if done in self.dies:
            self.dies.remove(done)
            raise Died


class Died(BaseException):
    pass


ACTIONS = {
    9: [("temperature", 0.05)],
    12: [("heat", 4)],
    13: [("heat", 3)],  # while one goes on: refused
    24: [("pause", None), ("go", None), ("temperature", 0.0)],
    30: [("heat", None)],
}


def steered(place, asked=ACTIONS, dies=()):
    steering = Steering(place, dict(asked), dies)
    begun = False
    while True:
        try:
            if begun:
                return launch.resume(place, progress=steering)
            begun = True
            return launch.run(CONFIG, place, progress=steering, control=True)
        except Died:
            # What was asked for before is not asked for again.
            steering.asked = {done: what for done, what in steering.asked.items() if done > max(asked)}


def told(run):
    return [
        (event["step"], event["event"], event.get("action"), event.get("value")) for event in run.events()
    ]


def test_every_action_is_an_event_with_its_update(tmp_path):
    run = steered(tmp_path / "run")
    events = told(run)
    assert (9, "steered", "temperature", 0.05) in events
    assert (12, "steered", "heat", 4) in events
    assert [event[0] for event in events if event[1] == "heating_started"] == [12, 30]
    refused = [event for event in run.events() if event.get("refused")]
    assert [event["step"] for event in refused] == [13]
    assert "one at a time" in refused[0]["refused"]
    heated = run.metrics().filter(run.metrics()["phase"] == "heat")["step"].to_list()
    assert heated == [12, 13, 14, 15, *range(30, 40)]


def test_a_weight_that_was_steered_to_zero_is_not_explained_by_its_controller(tmp_path):
    """It said that the entropy never fell below a target that lies above all of it."""
    held = CONFIG.override({"schedule.name": "temperature", "schedule.entropy_target": 5.0})
    steering = Steering(tmp_path / "run", {1: [("temperature", 0.0)]})
    run = launch.run(held, tmp_path / "run", progress=steering, control=True)
    assert run.summary()["temperature"]["weight"]["peak"] == 0
    assert run.summary()["temperature"]["why"] is None


def test_actions_change_the_run(tmp_path):
    plain = steered(tmp_path / "plain", {})
    warm = steered(tmp_path / "warm", {9: [("temperature", 0.05)]})
    assert plain.summary()["state_sha256"] != warm.summary()["state_sha256"]
    alone = launch.run(CONFIG, tmp_path / "alone")
    assert plain.summary()["state_sha256"] == alone.summary()["state_sha256"]
    assert can_be_steered(plain.path)
    assert not can_be_steered(alone.path)


@pytest.mark.parametrize("dies", [(10,), (14,), (16, 25), (31,), (38,)], ids=str)
def test_a_steered_run_resumes_bit_for_bit(tmp_path, dies):
    """Killed when later actions have been asked for, and done, than the checkpoint knows."""
    whole = steered(tmp_path / "whole")
    last = max(dies)
    asked = {done: what for done, what in ACTIONS.items() if done <= last}
    rest = {done: what for done, what in ACTIONS.items() if done > last}
    place = tmp_path / "killed"
    steering = Steering(place, asked, dies)
    with pytest.raises(Died):
        launch.run(CONFIG, place, progress=steering, control=True)
    steering.asked = {done: what for done, what in asked.items() if done > min(dies)}
    while True:
        try:
            steering.asked |= rest if not steering.dies else {}
            again = launch.resume(place, progress=steering)
            break
        except Died:
            steering.asked = {}
    assert again.summary()["state_sha256"] == whole.summary()["state_sha256"]
    without = [event for event in told(again) if event[1] != "resumed"]
    assert without == told(whole)
    assert again.metrics().drop("seconds", strict=False).equals(whole.metrics().drop("seconds", strict=False))


def test_what_was_asked_for_and_not_done_comes_after_what_was_done(tmp_path):
    place = tmp_path / "killed"
    with pytest.raises(Died):
        launch.run(CONFIG, place, progress=Steering(place, ACTIONS, [13]), control=True)
    rest = {done: what for done, what in ACTIONS.items() if done > 13}
    again = launch.resume(place, progress=Steering(place, rest))
    assert [event["step"] for event in again.events() if event.get("refused")] == [12]
    assert again.summary()["state_sha256"] == steered(tmp_path / "whole").summary()["state_sha256"]


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path):
    place = tmp_path / "run"
    with pytest.raises(Interrupted):
        launch.run(CONFIG, place, progress=Steering(place, ACTIONS | {18: [("stop", None)]}), control=True)
    assert not conet.Run(place).finished
    assert conet.Run(place).metrics().height == 18
    rest = {done: what for done, what in ACTIONS.items() if done > 18}
    again = launch.resume(place, progress=Steering(place, rest))
    assert again.summary()["state_sha256"] == steered(tmp_path / "whole").summary()["state_sha256"]


def test_what_is_no_action_is_refused(tmp_path):
    run = steered(tmp_path / "run", {})
    for action, value in (
        ("temperature", -1),
        ("temperature", "hot"),
        ("temperature", None),
        ("heat", 0),
        ("heat", 1.5),
        ("melt", None),
    ):
        with pytest.raises(ConetError):
            ask(run.path, action, value)
    alone = launch.run(CONFIG, tmp_path / "alone")
    with pytest.raises(ConetError, match="cannot be steered"):
        ask(alone.path, "pause")


def test_broken_requests_are_refused_and_harm_nothing(tmp_path):
    place = tmp_path / "run"

    class Broken(Steering):
        def __call__(self, row):
            if row["step"] == 4:
                with (place / "requests.jsonl").open("ab") as file:
                    file.write(b'{"action": "heat", "value": "x"}\n\xff\xfe\n[]\n{"action": "pa')

    run = launch.run(CONFIG, place, progress=Broken(place, {}), control=True)
    assert run.finished
    assert len([event for event in run.events() if event.get("refused")]) == 3
    assert len((place / "actions.jsonl").read_text().splitlines()) == 3
    for line in (place / "actions.jsonl").read_text().splitlines():
        assert json.loads(line)["refused"]


def dead(place, at=13, asked=ACTIONS):
    """Leave a steered run that was killed; its last checkpoint is at 7 × n."""
    with pytest.raises(Died):
        launch.run(CONFIG, place, progress=Steering(place, asked, [at]), control=True)
    return place


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


DAMAGES = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "shortened": lambda file: file.write_bytes(b"".join(lines_of(file)[:-1])),
    "a digit": lambda file: file.write_bytes(file.read_bytes().replace(b"0.05", b"0.06")),
    "a digit behind": lambda file: file.write_bytes(file.read_bytes().replace(b'"value": 4', b'"value": 5')),
    "another's": lambda file: file.write_bytes(
        b"".join(line_of(row | {"value": 0.3}, checked=True) for row in plain_rows(file.read_bytes()))
    ),
}


@pytest.mark.parametrize("way", DAMAGES)
@pytest.mark.parametrize("at", [6, 15, 16], ids=["no checkpoint", "all before it", "some behind it"])
def test_a_run_whose_actions_are_gone_or_others_is_not_resumed(tmp_path, way, at):
    steps = {6: (2, 4), 15: (9, 12), 16: (9, 15)}[at]
    place = dead(tmp_path / "run", at, dict(zip(steps, (ACTIONS[9], ACTIONS[12]), strict=True)))
    DAMAGES[way](place / "actions.jsonl")
    before = {file.name: file.read_bytes() for file in place.glob("*.jsonl")}
    with pytest.raises(ConetError, match=r"actions\.jsonl") as refused:
        launch.resume(place)
    assert "from its first step" not in str(refused.value)
    assert {file.name: file.read_bytes() for file in place.glob("*.jsonl")} == before


def test_actions_that_do_not_say_which_requests_were_taken_are_refused(tmp_path):
    """As before they did: else all would be done again."""
    place = dead(tmp_path / "run", 6, {2: ACTIONS[9]})
    rows = plain_rows((place / "actions.jsonl").read_bytes())
    for row in rows:
        del row["requests"]
    (place / "actions.jsonl").write_bytes(b"".join(line_of(row, checked=True) for row in rows))
    with pytest.raises(ConetError, match="which requests were taken"):
        launch.resume(place)


def test_half_a_line_of_an_action_that_was_not_done_is_dropped(tmp_path):
    whole = steered(tmp_path / "whole")
    place = dead(tmp_path / "run", 13)
    with (place / "actions.jsonl").open("ab") as file:
        file.write(b'{"step": 13, "action": "he')
    rest = {done: what for done, what in ACTIONS.items() if done > 13}
    again = launch.resume(place, progress=Steering(place, rest))
    assert again.summary()["state_sha256"] == whole.summary()["state_sha256"]


def test_the_actions_of_a_finished_run_have_a_digest(tmp_path):
    run = steered(tmp_path / "run")
    run.verify()
    (run.path / "actions.jsonl").write_bytes(b"")
    with pytest.raises(ConetError, match=r"actions\.jsonl"):
        conet.Run(run.path).verify()


def test_requests_that_are_others_after_an_interruption_are_refused_and_missing_ones_are_not(tmp_path):
    place = dead(tmp_path / "run", 13)
    requests = place / "requests.jsonl"
    requests.write_bytes(requests.read_bytes().replace(b"0.05", b"0.50"))
    with pytest.raises(ConetError, match=r"requests\.jsonl.*delete it"):
        launch.resume(place)
    requests.unlink()
    rest = {done: what for done, what in ACTIONS.items() if done > 13}
    again = launch.resume(place, progress=Steering(place, rest))
    whole = steered(tmp_path / "whole")
    assert [event for event in told(again) if event[1] == "steered"] == [
        event for event in told(whole) if event[1] == "steered" and event[0] != 13
    ]


STOP = b'{"action": "stop"}\n'


class Rewriting(Steering):
    """Replaces the file of requests, in one of the ways of editors and people."""

    def __init__(self, place, way):
        super().__init__(place, {2: [("temperature", 0.05), ("pause", None), ("go", None)]})
        self.way, self.file = way, place / "requests.jsonl"

    def __call__(self, row):
        super().__call__(row)
        if row["step"] + 1 == 5 and self.way == "deleted, then written":
            self.file.unlink()
        if row["step"] + 1 == 6:
            if self.way == "another, longer":
                new = self.file.with_name("new")
                new.write_bytes(STOP + b'{"action": "melt"}\n' * 20)
                new.rename(self.file)
            elif self.way == "another, alike":
                new = self.file.with_name("new")
                new.write_bytes(self.file.read_bytes().replace(b'"go"', b'"stop"'))
                new.rename(self.file)
            else:  # cut, or gone before
                self.file.write_bytes(STOP)


@pytest.mark.parametrize("way", ["deleted, then written", "cut", "another, longer", "another, alike"])
def test_a_stop_in_a_file_of_requests_that_was_written_anew_is_not_lost(tmp_path, way):
    place = tmp_path / "run"
    with pytest.raises(Interrupted):
        launch.run(CONFIG, place, progress=Rewriting(place, way), control=True)
    assert conet.Run(place).metrics().height == 6
    assert launch.resume(place).finished


@pytest.mark.parametrize(
    "request_",
    [
        {"action": "heat", "value": True},
        {"action": "heat", "value": "4"},
        {"action": "heat", "value": 2.5},
        {"action": "heat", "value": 1e400},
        {"action": "heat", "value": [4]},
        {"action": "temperature", "value": True},
        {"action": "temperature", "value": "0.1"},
        {"action": "temperature"},
        {"action": ["stop"]},
        {"action": None},
    ],
    ids=str,
)
def test_a_request_is_not_reinterpreted(tmp_path, request_):
    place, file = tmp_path / "run", tmp_path / "run/requests.jsonl"

    def asking(row):
        if row["step"] == 3:
            file.write_text(json.dumps(request_) + "\n")

    run = launch.run(CONFIG.override({"steps": 6}), place, progress=asking, control=True)
    (event,) = (event for event in run.events() if event["event"] == "steered")
    assert event["refused"]
    if request_.get("value") is not None:
        with pytest.raises(ConetError):
            ask(place, request_["action"], request_["value"])


def test_a_whole_number_with_a_point_is_one(tmp_path):
    run = steered(tmp_path / "run", {4: [("heat", 3.0)]})
    assert not any(event.get("refused") for event in run.events())


@pytest.mark.parametrize("way", ["training", "paused"])
def test_a_steered_run_whose_directory_was_moved_writes_into_no_other(tmp_path, way, monkeypatch):
    """Another steered run stands there now, with requests of its own: none is taken, and nothing is noted."""
    place, moved = tmp_path / "run", tmp_path / "moved"
    other = dead(tmp_path / "other", 13)

    def swap(*_):
        if not moved.exists():
            place.rename(moved)
            shutil.copytree(other, place)

    def progress(row):
        if row["step"] == 5 and way == "paused":
            ask(place, "pause")
        elif row["step"] == 5:
            swap()

    monkeypatch.setattr(time, "sleep", swap)  # a paused run waits so
    with pytest.raises(ConetError, match=r"no longer the directory.*conet resume"):
        launch.run(CONFIG, place, progress=progress, control=True)
    for file in other.rglob("*"):
        if file.is_file():
            assert (place / file.relative_to(other)).read_bytes() == file.read_bytes()
    assert (moved / "actions.jsonl").read_bytes().count(b"\n") == (way == "paused")
    monkeypatch.undo()
    (moved / "requests.jsonl").unlink(missing_ok=True)
    assert (
        launch.resume(moved).summary()["state_sha256"]
        == (launch.run(CONFIG, tmp_path / "whole").summary()["state_sha256"])
    )


def test_an_action_is_noted_in_the_directory_that_is_held(tmp_path):
    """Also where it is moved between the look at it and the note."""
    place, moved = tmp_path / "run", tmp_path / "moved"
    place.mkdir()
    with exclusive(place) as held:
        control = Control(held, None, begin=True)
        place.rename(moved)
        place.mkdir()
        (place / "requests.jsonl").write_bytes(STOP)
        control._note(b"one\n")
        assert control._requests.new() == []
        with pytest.raises(ConetError, match="no longer the directory"):
            control.finish()
    assert (moved / "actions.jsonl").read_bytes() == b"one\n"
    assert [file.name for file in place.iterdir()] == ["requests.jsonl"]
