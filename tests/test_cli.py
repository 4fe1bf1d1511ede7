"""The command line end to end: what it prints, and that no bad input gets a traceback or a wrong run."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import conet
from conet import cli, report
from conet.config import PRESETS, Config, preset

CONET = str(Path(sys.executable).with_name("conet"))
QUICK = [
    "--preset",
    "smoke",
    "--steps",
    "3",
    "--set",
    "graph.nodes=40",
    "graph.degree=5",
    "problems.count=6",
]


SKELETON = f"{Path(__file__).parents[1]}/docs/skeletons/schedule.py:my_schedule"
NOTE = re.compile("conet: [a-z_.]+ has no effect with ")


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        self.lines = err.splitlines()

    @property
    def json(self):
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Call the command line in this process, in a directory of its own, with an empty report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def write(run, drawers=None, own=()):
        path = run.path / "report.html"
        path.write_text("<html></html>")
        return path

    monkeypatch.setattr(report, "write", write)

    def run(*arguments) -> Result:
        code = 0
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else -1
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


def refused(result: Result, *words: str) -> None:
    """Exit code 2, at most three lines on stderr that say got and expected, nothing on stdout."""
    assert result.code == 2, result.err
    assert result.out == ""
    assert 1 <= len(result.lines) <= 3
    errors = [line for line in result.lines if not NOTE.match(line)]
    assert errors[0].startswith("conet: got ")
    assert "; expected " in result.err
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err, result.err


# End to end ------------------------------------------------------------------------------------------


def test_smoke_end_to_end(tmp_path):
    """The real command, in a process of its own, with its real report."""
    done = subprocess.run(
        [CONET, "run", "--preset", "smoke", "--json", "--out", "first"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    run = conet.Run(tmp_path / "first")
    assert summary == run.summary()
    types = {
        "run": str,
        "steps": int,
        "seed": int,
        "accuracy": float,
        "walker_steps": int,
        "seconds": float,
        "state_sha256": str,
        "pass_at_k": dict,
    }
    for key, kind in types.items():
        assert type(summary[key]) is kind
    assert {"start", "min", "min_step", "end", "v", "v_why"} <= set(summary["correct_length"])
    assert set(summary["islands"]) == {"peak", "peak_step", "end"}
    assert {"mean_degree", "traffic_mean_degree", "components", "cycle_rank"} <= set(summary["web"])
    assert (summary["run"], summary["steps"], summary["seed"]) == (str(tmp_path / "first"), 120, 0)
    assert len(summary["state_sha256"]) == 64
    metrics = run.metrics()
    assert summary["accuracy"] == pytest.approx(metrics["accuracy"][-20:].mean())
    assert 0.8 < summary["accuracy"] <= 1
    assert summary["islands"]["peak"] >= metrics["islands"].max()
    assert summary["walker_steps"] == metrics["walker_steps"][-1]
    length = summary["correct_length"]
    assert length["min"] < length["end"] < length["start"]  # the V
    values = [summary["pass_at_k"][str(k)] for k in (1, 2, 4, 8, 16, 32, 64, 128, 256)]
    assert values == sorted(values)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") or page.startswith("<!doctype html>")
    assert list((run.path / "figures").glob("*.svg"))
    assert run.provenance()["command"][1:] == ["run", "--preset", "smoke", "--json", "--out", "first"]


def test_without_json_a_person_reads_the_numbers(call):
    result = call("run", *QUICK, "--out", "x")
    assert result.code == 0
    assert result.out.splitlines()[0].startswith("accuracy")
    assert "heating signal  " in result.out
    assert " M hops" in result.out
    # Updates, not steps; the sentence on the V is that of a diagnosis, whose logs have steps.
    own = "\n".join(line for line in result.out.splitlines() if not line.startswith(("V ", "report ")))
    assert not re.search(r"\bsteps?\b|detector|walker", own)
    assert str(Path("x").resolve() / "report.html") in result.out


def test_default_place(call):
    for _ in range(2):
        assert call("run", *QUICK, "--seed", "7").code == 0
    places = sorted(os.listdir("runs"))
    assert len(places) == 2
    assert all(place.startswith("smoke-s7-2") for place in places)
    assert sorted(os.listdir()) == ["runs"]


def test_set_takes_several_pairs_and_may_be_repeated(call):
    result = call(
        "run",
        "--preset",
        "smoke",
        "--set",
        "steps=2",
        "--set",
        "graph.nodes=50",
        "--json",
        "--set",
        "graph.degree=4",
        "problems.count=5",
        "learner.name=rloo",
        "--seed",
        "4",
        "--out",
        "x",
    )
    config = conet.Run("x").config
    assert result.json["seed"] == config.seed == 4
    assert (config.steps, config.graph.nodes, config.graph.degree) == (2, 50, 4)
    assert (config.problems.count, config.learner.name) == (5, "rloo")


def test_the_last_of_two_equal_keys_counts(call):
    assert call("run", *QUICK, "--set", "seed=1", "--set", "seed=2", "--out", "x").code == 0
    assert conet.Run("x").config.seed == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("none", None),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("name", "name"),
        ("a=b", "a=b"),
        ('"3"', "3"),
        ("", ""),
        ("{", "{"),
        (" 5", " 5"),  # no number of another option has blanks around it
        ("5 ", "5 "),
        (" true", " true"),
        ("+5", "+5"),
        ("0x10", "0x10"),
        ("1_0", "1_0"),
    ],
)
def test_values_read_as_what_they_look_like(text, value):
    from conet.config.pairs import parse_pair

    assert parse_pair("a.key=" + text) == ("a.key", value)


def test_config_file_under_options(call):
    Path("mine.json").write_text(
        json.dumps({"preset": "smoke", "steps": 5, "graph": {"nodes": 44}, "learner": {"name": "rloo"}})
    )
    assert (
        call("run", "--config", "mine.json", "--steps", "2", "--set", "graph.degree=4", "--out", "x").code
        == 0
    )
    expected = conet.preset("smoke").override(
        {"steps": 2, "graph.nodes": 44, "graph.degree": 4, "learner.name": "rloo"}
    )
    assert conet.Run("x").config == expected


def test_the_config_of_a_run_repeats_it(call):
    first = call("run", *QUICK, "--set", "schedule.name=annealed_rlvr", "--json", "--out", "x").json
    again = call("run", "--config", "x/config.json", "--json", "--out", "y", "--threads", "2").json
    assert first["state_sha256"] == again["state_sha256"]
    assert conet.Run("x").config == conet.Run("y").config


def test_presets(call):
    plain, as_json = call("presets"), call("presets", "--json")
    assert [line.split(":")[0] for line in plain.out.splitlines() if not line.startswith(" ")] == list(
        PRESETS
    )
    assert {"smoke", "reference", "paper", "critical", "large"} <= set(as_json.json)
    for name, settings in as_json.json.items():
        assert Config.from_json(json.dumps(settings)) == conet.preset(name)


def test_the_reference_is_the_one_that_was_calibrated():
    config = conet.preset("reference")
    assert (config.graph.nodes, config.graph.degree, config.problems.count) == (800, 40, 128)
    assert (config.problems.max_length, config.learner.rollouts, config.learner.learning_rate) == (
        15,
        8,
        300.0,
    )
    assert (config.steps, config.learner.name, config.learner.optimizer) == (800, "grpo", "sgd")
    large = conet.preset("large")
    assert (large.graph.nodes, large.problems.count, large.problems.max_length) == (1_000_000, 4096, 100)
    assert (large.learner.rollouts, large.steps) == (8, 20)
    critical = conet.preset("critical")
    assert (critical.problems.count, critical.learner.learning_rate) == (1, 1.0)


def test_report_prints_where_it_is(call):
    call("run", *QUICK, "--out", "x")
    Path("x/report.html").unlink()
    result = call("report", "x")
    assert result.code == 0
    assert result.out.strip() == str(Path("x/report.html").resolve())
    assert Path("x/report.html").exists()


def test_resume_of_a_finished_run_prints_the_same(call):
    first = call("run", *QUICK, "--out", "x", "--json")
    again = call("resume", "x", "--json")
    assert again.code == 0
    assert again.json == first.json
    Path("x").rename("moved")
    moved = call("resume", "moved", "--json").json
    assert moved == first.json | {"run": str(Path("moved").resolve())}


def test_stop_at_any_answer_and_pairs_from_a_file(call):
    Path("pairs.txt").write_text("# question answer\n0 5\n1, 6\n\n2 5\n")
    Path("pairs.json").write_text("[[0, 5], [1, 6], [2, 5]]")
    hashes = set()
    for name in ("pairs.txt", "pairs.json"):
        result = call(
            "run",
            *QUICK[:4],
            "--set",
            f"problems.file={name}",
            "problems.stop_at_any_answer=true",
            "--out",
            name + ".run",
            "--json",
        )
        assert result.code == 0, result.err
        hashes.add(result.json["state_sha256"])
        assert conet.Run(name + ".run").tasks().questions.tolist() == [0, 1, 2]
    assert len(hashes) == 1


def test_progress_is_on_stderr_alone(call, monkeypatch):
    from conet.base import progress

    monkeypatch.setattr(progress, "PLAIN_EVERY", -1.0)
    monkeypatch.setattr(progress, "EVIDENCE", 0.0)
    result = call("run", *QUICK, "--out", "x", "--json")
    lines = [line for line in result.lines if line.startswith("update ")]
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all(word in lines[1] for word in ("accuracy", "correct length", "islands", "left"))
    assert "left" not in lines[0] + lines[2]  # nothing is known yet; nothing is left
    assert len(result.out.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["resume", "-h"], ["--version"], []])
def test_help(call, arguments):
    result = call(*arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out


def test_interrupted(call, monkeypatch):
    from conet.runs.trainer import Trainer

    advance = Trainer.advance

    def interrupt(self):
        if self.step == 2 and self.config.preset == "smoke":
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Trainer, "advance", interrupt)
    result = call("run", *QUICK, "--out", "x")
    assert (result.code, result.out) == (130, "")
    assert result.lines[-1] == "interrupted; go on with: conet resume x"
    monkeypatch.setattr(Trainer, "advance", advance)
    whole = call("run", *QUICK, "--out", "y", "--json").json
    assert call("resume", "x", "--json").json["state_sha256"] == whole["state_sha256"]


# Bad input -------------------------------------------------------------------------------------------

WRONG_SETTINGS = {
    "graph.node=4": "did you mean 'graph.nodes'?",
    "graph.nodes=1": "graph.nodes=1",
    "graph.degree=0": "graph.degree=0",
    "graph.degree=40": "graph.degree=40",
    "graph.degree=1e9": "graph.degree=1000000000",
    "graph.nodes=1e30": "graph.nodes=1e+30",
    "graph.kind=regulr": "did you mean 'regular'?",
    "graph.kind=": "unknown graph ''",
    "graph.kind=nofile.py:make": "no file nofile.py",
    "graph.kind=graphml": "graph.file",
    "graph.file=web.graphml": "graph.file",
    "graph.foo=1": "unknown key 'graph.foo'",
    "graph=5": "a key inside 'graph'",
    "graph.nodes.x=5": "unknown key 'graph.nodes.x'",
    "problems.count=21": "at most 20",
    "problems.count=0": "problems.count=0",
    "problems.max_length=0": "problems.max_length=0",
    "problems.max_length=" + "9" * 40: "less than 2147483648",
    "problems.max_length=" + "9" * 5000: "problems.max_length='999",
    "problems.max_length=2.5": "problems.max_length=2.5",
    "problems.file=nofile.txt": "nofile.txt",
    "problems.file=/": "problems.file=/",
    "problems.stop_at_any_answer=perhaps": "problems.stop_at_any_answer='perhaps'",
    "problems=none": "a key inside 'problems'",
    "learner.learning_rate=nan": "learner.learning_rate='nan'; expected a valid number",
    "learner.learning_rate=NaN": "a finite number",
    "learner.learning_rate=Infinity": "a finite number",
    "learner.learning_rate=-Infinity": "learner.learning_rate=-inf",
    "learner.learning_rate=1e999": "a finite number",
    "learner.learning_rate=0": "greater than 0",
    "learner.learning_rate=fast": "learner.learning_rate='fast'",
    "learner.learningrate=1": "did you mean 'learner.learning_rate'?",
    "learner.optimizer=adm": "'sgd' or 'adam'",
    "learner.name=grop": "did you mean 'grpo'?",
    "learner.clp=0.2": "did you mean 'learner.clip'?",
    "learner.kl=NaN": "learner.kl=nan",
    "learner.clip=-1": "learner.clip=-1",
    "learner.rollouts=0": "learner.rollouts=0",
    "learner.rollouts=" + "9" * 30: "learner.rollouts=999",
    "schedule.name=anneal": "'annealed_rlvr'",
    "schedule.heat_at=soon": "'detector'",
    "schedule.harvest_samples=10": "64",
    "schedule.max_accuracy=0": "schedule.max_accuracy=0",
    "snapshots.steps=5": "expected a list",
    "snapshots.steps=[-1]": "snapshots.steps.0=-1",
    "snapshots.checkpoint_every=0": "snapshots.checkpoint_every=0",
    "web.threshold=0": "web.threshold=0",
    "web.threshold=1.5": "web.threshold=1.5",
    "observables=pats": "did you mean 'paths'?",
    'observables=["pats"]': "did you mean 'paths'?",
    'observables=["nofile.py:x"]': "no file nofile.py",
    "seed=-1": "seed=-1",
    "seed=" + "9" * 30: "seed=999",
    "seed=none": "seed=None",
    "preset=large": "--preset large",
    "sed=3": "did you mean 'seed'?",
    "nosuchthing=3": "known: ",
    "x=" + "[" * 50_000: "unknown key 'x'",
    "a.b.c=3": "unknown key 'a.b.c'",
    ".=3": "unknown key '.'",
    "foo": "key=value",
    "=3": "key=value",
    "": "key=value",
}


@pytest.mark.parametrize("pair", WRONG_SETTINGS, ids=lambda pair: pair[:40])
def test_wrong_settings(pair, call):
    refused(call("run", *QUICK, pair, "--out", "x"), WRONG_SETTINGS[pair])
    assert not Path("x").exists()
    assert max(len(line) for line in call("run", *QUICK, pair, "--out", "x").lines) < 1500


WRONG_OPTIONS = {
    "run --steps 0": "steps=0",
    "run --steps -3": "steps=-3",
    "run --steps 1.5": "--steps '1.5'; expected a whole number",
    "run --steps 1_000": "--steps '1_000'; expected a whole number",
    "run --seed ٣": "--seed '٣'; expected a whole number",
    "run --threads １２": "--threads '１２'; expected a whole number",
    "watch x --interval 1_0": "--interval '1_0'; expected a number",
    "watch x --interval nan": "--interval 'nan'; expected a number",
    "heat x --out y --max-accuracy ٠.5": "--max-accuracy '٠.5'; expected a number",
    "export x --format csv --out y --step 1_0": "--step '1_0'; expected a step, or all",
    "export x --format csv --out y --threshold 0_0.5": "--threshold '0_0.5'; expected a number",
    "animate x --out y.gif --seconds 1_5": "--seconds '1_5'; expected a number",
    "llm verify x --workers 1_0": "--workers '1_0'; expected a whole number",
    "run --steps many": "--steps 'many'",
    "run --steps": "--steps",
    "run --seed -1": "seed=-1",
    "run --seed 1e3": "--seed '1e3'",
    "run --preset smok": "did you mean 'smoke'?",
    "run --preset ''": "unknown preset ''",
    "run --threads 0": "--threads 0; expected 1 to 1024",
    "run --threads 999999999": "1 to 1024",
    "run --threads two": "--threads 'two'",
    "run --set": "--set without a pair",
    "run --nope 3": "--nope",
    "run --no-json": "--no-json",
    "run --json=perhaps": "perhaps",
    "run extra": "extra",
    "runn": "unknown command 'runn'; expected a command; did you mean 'run'? `conet --help` lists all",
    "llm trai": "unknown command 'llm trai'; expected a command; did you mean 'llm train'? `conet llm --help` lists all",
    "--nope": "unknown option '--nope'; expected a command; known: animate, bench, ",
    "resume": "requires an argument",
    "resume nowhere": "nowhere, which does not exist",
    "resume /dev/null": "holds no config.json",
    "resume .": "holds no config.json",
    "report": "requires an argument",
    "report nowhere": "nowhere, which does not exist",
    "presets extra": "extra",
    "run --config nowhere.json": "nowhere.json",
    "run --config .": "Is a directory",
    "run --config ''": "Is a directory",
}


@pytest.mark.parametrize("group", [(), ("llm",)], ids=["conet", "conet llm"])
def test_where_no_command_is_near_all_of_them_are_named(group, call):
    shown = call(*group, "--help").out
    commands = re.findall(r"^│ ([a-z]+) {2,}", shown, re.MULTILINE)
    assert len(commands) > 5
    refused(call(*group, "xyzzy"), f"; known: {', '.join(' '.join([*group, name]) for name in commands)}\n")


@pytest.mark.parametrize("line", WRONG_OPTIONS)
def test_wrong_options(line, call):
    refused(call(*shlex.split(line)), WRONG_OPTIONS[line])
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", ["mine.json"]),
        (b"", ["mine.json"]),
        (b"[1, 2]", ["a JSON object"]),
        (b"3", ["a JSON object"]),
        (b"\xff\xfe{\x00}", ["mine.json", "utf-8"]),
        (b"\xef\xbb\xbf{}", ["mine.json", "BOM"]),
        (b"[" * 100_000, ["mine.json"]),
        (b'{"graph": ' * 2000 + b"1" + b"}" * 2000, []),
        (b'{"preset": "smok"}', ["did you mean 'smoke'?"]),
        (b'{"preset": 3}', ["unknown preset '3'"]),
        (b'{"grph": {"nodes": 3}}', ["grph.nodes"]),
        (b'{"graph": {"nods": 3}}', ["did you mean 'graph.nodes'?"]),
        (b'{"graph": 3}', ["graph=3"]),
        (b'{"steps": null}', ["steps=None"]),
        (b'{"steps": {"x": 1}}', ["steps.x"]),
        (b'{"learner": {"learning_rate": NaN}}', ["a finite number"]),
        (b'{"learner": {"learning_rate": 1e999}}', ["a finite number"]),
        (b'{"seed": ' + b"1" * 5000 + b"}", ["mine.json"]),
        (b'{"": 3}', ["unknown key ''"]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_config_files(content, words, call):
    Path("mine.json").write_bytes(content)
    refused(call("run", "--config", "mine.json", "--out", "x"), *words)
    assert os.listdir() == ["mine.json"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.txt", b"0 1\n0 2\n", ["question 0 stands 2 times"]),
        ("t.txt", b"0 1\n3 3\n", ["question 3 is its own answer"]),
        ("t.txt", b"0 1\n40 3\n", ["node 40", "0 to 39"]),
        ("t.txt", b"0 -1\n", ["node -1"]),
        ("t.txt", b"0\n", ["question answer"]),
        ("t.txt", b"0 1 2\n", ["question answer"]),
        ("t.txt", b"", ["question answer"]),
        ("t.txt", b"a b\n", ["'a'"]),
        ("t.txt", b"\xff\xfe\n", ["utf-8"]),
        ("t.txt", b"0 " + b"9" * 30, ["t.txt"]),
        ("t.json", b"[[0, 1], [0, 2]]", ["question 0 stands 2 times"]),
        ("t.json", b"[[0, 1.5]]", ["no whole number"]),
        ("t.json", b"[[0, true]]", ["no whole number"]),
        ("t.json", b'{"a": 1}', ["t.json"]),
        ("t.json", b"[]", ["t.json"]),
        ("t.json", b"[0, 1]", ["t.json"]),
        ("t.json", b"[[0, 1], [2]]", ["t.json"]),
        ("t.json", b"{", ["t.json"]),
        ("t.json", b"[" * 100_000, ["t.json"]),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_task_files(name, content, words, call):
    Path(name).write_bytes(content)
    refused(call("run", *QUICK, f"problems.file={name}", "--out", "x"), *words)
    assert os.listdir() == [name]


GRAPHML = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">
{}</graph></graphml>"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GRAPHML.format('<node id="a"/><node id="b"/><edge source="a" target="b"/>'), ["out-edge"]),
        (
            GRAPHML.format('<node id="a"/><node id="a"/><edge source="a" target="a"/>'),
            ["'a' stands at two nodes"],
        ),
        (GRAPHML.format('</graph><graph edgedefault="directed"><node id="a"/>'), ["more than one graph"]),
        (GRAPHML.format(""), ["web.graphml"]),
        ("no xml", ["web.graphml"]),
        ("", ["web.graphml"]),
        ("<html></html>", ["web.graphml"]),
    ],
)
def test_wrong_graphml_files(content, words, call):
    Path("web.graphml").write_text(content)
    refused(call("run", *QUICK, "graph.kind=graphml", "graph.file=web.graphml", "--out", "x"), *words)
    assert os.listdir() == ["web.graphml"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["schedule.heat_at=2"], "schedule.heat_at has no effect with schedule.name=rlvr"),
        (["schedule.strength=1.5"], "schedule.sft_learning_rate has no effect with schedule.name=rlvr"),
        (
            ["schedule.name=annealed_rlvr", "schedule.heat_at=2", "schedule.heat_latest=0.9"],
            "schedule.heat_latest has no effect with schedule.heat_at=2",
        ),
        (
            ["schedule.name=sft_then_rlvr", "schedule.harvest_samples=128"],
            "schedule.harvest_samples has no effect with schedule.pick=shortest",
        ),
        (
            ["schedule.name=sft_then_rlvr", "schedule.max_accuracy=0.5", "schedule.sft_learning_rate=0.1"],
            "schedule.max_accuracy has no effect with schedule.name=sft_then_rlvr",
        ),
        (["policy.width=32"], "policy.width has no effect with policy.kind=table"),
        (  # a schedule of one's own: neither an argument of it, nor asked for by a phase
            [
                f"schedule.name={SKELETON}",
                "schedule.heat_at=5",
                "schedule.max_accuracy=0.5",
                "schedule.pick=random",
            ],
            f"schedule.heat_at has no effect with schedule.name={SKELETON}",
        ),
    ],
)
def test_what_has_no_effect_is_said_in_one_line(settings, line, call):
    result = call("run", *QUICK, *settings, "--json", "--out", "x")
    assert result.code == 0
    assert result.err.count(line) == 1
    assert result.err.count("has no effect") == 1


def test_what_has_an_effect_is_not_mentioned(call):
    Path("mine.json").write_text(preset("smoke").override({"schedule.name": "annealed_rlvr"}).to_json())
    result = call("run", "--config", "mine.json", *QUICK[2:], "schedule.heat_at=2", "--out", "x")
    assert result.code == 0
    assert "has no effect" not in result.err


@pytest.mark.parametrize("option", ["seed", "steps"])
def test_one_setting_by_option_and_by_set_is_refused(option, call):
    arguments = ["run", "--preset", "smoke", f"--{option}", "2", "--set", f"{option}=7", "--out", "x"]
    refused(call(*arguments), f"--{option} 2 and --set {option}=7")
    assert os.listdir() == []


def test_heating_beyond_the_run(call):
    result = call("run", *QUICK, "schedule.name=annealed_rlvr", "schedule.heat_at=3", "--out", "x")
    refused(result, "schedule.heat_at=3; expected 0 to 2")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def x(observation): return 1 / 0", ["observable", "step 0", "ZeroDivisionError"]),
        ("def x(observation): return 'many'", ["observable", "str"]),
        ("x = 3", ["observable"]),
        ("y = 3", ["no 'x' in"]),
        ("import nothing_of_that_name", ["ModuleNotFoundError"]),
        ("def x(", ["SyntaxError"]),
    ],
)
def test_observables_that_fail(code, words, call):
    Path("mine.py").write_text(code)
    refused(call("run", *QUICK, 'observables=["mine.py:x"]', "--out", "x"), *words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def x(nodes, degree, seed): return 1 / 0", ["ZeroDivisionError"]),
        ("def x(nodes, degree, seed): return 3", ["a conet.Graph"]),
        ("def x(): return 3", ["mine.py:x"]),
        ("x = 3", ["mine.py:x"]),
        ("def x(nodes, degree, seed, extra: int): return 3", ["graph.extra"]),
    ],
)
def test_graphs_that_fail(code, words, call):
    Path("mine.py").write_text(code)
    refused(call("run", *QUICK, "graph.kind=mine.py:x", "--out", "x"), *words)
    assert not Path("x").exists()


def test_out_of_memory_is_said(call, monkeypatch):
    from conet.runs.trainer import Trainer

    def advance(self):
        return np.empty((2**31, 2**20))

    monkeypatch.setattr(Trainer, "advance", advance)
    refused(call("run", *QUICK, "--out", "x"), "out of memory", "fewer nodes")


def test_closed_and_full_outputs():
    """A reader that leaves early is no error; a full disk behind stdout is one, in one line."""
    process = subprocess.Popen([CONET, "presets", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() in (0, 2)
    with open("/dev/full", "w") as full:
        done = subprocess.run([CONET, "presets"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("conet: got the standard output: No space left")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["learner.name=rloo", "learner.clip=0.2"], "clip is an option of learner.name=grpo"),
        (
            ["schedule.name=annealed_rlvr", "schedule.heat_at=1.0"],
            "a share of the run below 1, or a whole num",
        ),
        (
            ["schedule.name=annealed_rlvr", "schedule.heat_at=1.5"],
            "a share of the run below 1, or a whole num",
        ),
    ],
)
def test_an_option_that_does_not_fit_leads_to_the_one_that_does(pairs, words, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--preset", "smoke", "--out", str(tmp_path / "run"), "--set", *pairs])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in error
    assert "did you mean" not in error
    assert error.count("\n") == 1


def test_an_unknown_option_is_compared_without_its_section(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--preset", "smoke", "--out", str(tmp_path / "run"), "--set", "schedule.share=0.3"])
    error = capsys.readouterr().err
    assert "unknown key 'schedule.share'" in error
    assert "did you mean" not in error
    assert "schedule.sft_learning_rate" in error
    assert error.count("\n") == 1


def test_an_option_left_from_the_file_is_told_with_its_owner(tmp_path, capsys):
    file = tmp_path / "c.json"
    file.write_text('{"preset": "smoke", "learner": {"name": "grpo", "clip": 0.1}}')
    with pytest.raises(SystemExit):
        cli.main(["run", "--config", str(file), "--out", str(tmp_path / "run"), "--set", "learner.name=rloo"])
    error = capsys.readouterr().err
    assert f"it comes from --config {file} and belongs to learner.name=grpo" in error
    assert error.count("\n") == 1


def test_an_update_written_with_a_point_is_one():
    config = preset("smoke").override({"schedule.name": "annealed_rlvr", "schedule.heat_at": 40.0})
    assert config.schedule.heat_at == 40
