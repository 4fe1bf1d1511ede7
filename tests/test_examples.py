"""The examples run as they say: each file's own command line, and the script in Python."""

import json
import os
import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import conet
from conet import cli, report
from conet.diagnosis.comparison import compare

ROOT = Path(__file__).parent.parent
ANNEALED = ROOT / "examples/annealed_grpo.py"  # needs the extra [llm]; run in tests/test_llm_mixin.py
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path != ANNEALED)
READER = ROOT / "docs/skeletons/reader.py"  # is run by `conet diagnose`, in tests/test_readers_own.py
FINDING = ROOT / "docs/skeletons/finding.py"  # likewise, in tests/test_findings.py
CLAIM = ROOT / "docs/skeletons/claim.py"  # likewise by `conet reproduce`, in tests/test_reproduce.py
FIGURE = ROOT / "docs/skeletons/figure.py"  # likewise by `run.figure`, in tests/test_views.py
OTHERS = (READER, FINDING, CLAIM, FIGURE)
SKELETONS = sorted(path for path in (ROOT / "docs/skeletons").glob("*.py") if path not in OTHERS)
COMMAND = re.compile(r"^ *\$ (conet run .*)$", re.MULTILINE)
# Small enough for a test.
SMALL = ["--preset", "smoke", "--steps", "4", "--json"]


@pytest.fixture
def call(capsys, monkeypatch):
    monkeypatch.setattr(report, "write", lambda run, *_: (run.path / "report.html").write_text("x"))
    monkeypatch.chdir(ROOT)

    def run(*arguments) -> dict:
        cli.main([str(argument) for argument in arguments])
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_there_is_one_of_each():
    assert {path.name for path in EXAMPLES} >= {
        "my_graph.py",
        "my_learner.py",
        "my_observable.py",
        "python_api.py",
    }
    assert {path.name for path in SKELETONS} >= {"graph.py", "learner.py", "observable.py"}


@pytest.mark.parametrize("path", [*EXAMPLES, *SKELETONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_runs_by_its_own_command(path, call, tmp_path):
    commands = COMMAND.findall(path.read_text(encoding="utf-8"))
    if path.name in ("python_api.py", "figure.py", "frozen_and_annealed.py"):
        assert not commands
        return  # run below, and a figure among the tests of views
    assert commands, f"{path} does not say how to run it"
    for number, command in enumerate(commands):
        words = shlex.split(command.replace(f"path/to/{path.name}", str(path.relative_to(ROOT))))
        assert words[:2] == ["conet", "run"]
        out = tmp_path / str(number)
        own = [word for word in words[2:] if word not in ("--preset", "smoke")]
        summary = call("run", *own, *SMALL, "--out", out)
        assert summary["steps"] == 4
        run = conet.Run(out)
        assert str(path.relative_to(ROOT)) in json.dumps(run.config.model_dump(mode="json"))
        assert np.isfinite(run.snapshot(4)["logits"]).all()


def test_the_readers_skeleton_reads_what_it_says(capsys, tmp_path):
    folder = tmp_path / "mine/epoch-1"
    folder.mkdir(parents=True)
    rows = [
        {"update": step, "question": f"q{problem}", "answer": "a", "verified": sample % 2 == 0, "tokens": 7}
        for step in range(4)
        for problem in range(3)
        for sample in range(4)
    ]
    (folder / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cli.main(
        [
            "diagnose",
            str(tmp_path / "mine"),
            "--format",
            f"{READER}:READER",
            "--out",
            str(tmp_path / "out"),
            "--json",
        ]
    )
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["steps"], found["problems"], found["samples"], found["skipped_rows"]) == (4, 3, 48, 0)


def test_users_learner_learns(call, tmp_path):
    summary = call(
        "run",
        "--preset",
        "smoke",
        "--json",
        "--out",
        tmp_path / "x",
        "--set",
        "learner.name=examples/my_learner.py:PassAtK",
        "learner.k=2",
        "learner.learning_rate=40",
    )
    metrics = conet.Run(tmp_path / "x").metrics()
    assert summary["accuracy"] > metrics["accuracy"][:5].mean() + 0.3


def test_users_observable_stands_in_the_metrics(call, tmp_path):
    name = "examples/my_observable.py:dead_wood"
    call("run", *SMALL, "--out", tmp_path / "x", "--set", f'observables=["{name}", "paths"]')
    columns = conet.Run(tmp_path / "x").metrics().columns
    assert {f"{name}.unused", f"{name}.uncommitted", "paths.distinct"} <= set(columns)


def test_users_figure_of_a_comparison_says_how_far_each_run_is_from_the_best(call, tmp_path):
    place = ROOT / "examples/frozen_and_annealed.py"
    world = ["graph.nodes=30", "graph.degree=5", "problems.count=8", "learner.learning_rate=20"]
    for name in ("rlvr", "temperature"):
        made = ["--out", tmp_path / name, "--set", *world, f"schedule.name={name}"]
        call("run", "--preset", "smoke", "--json", *made)
    draw = runpy.run_path(str(place))["frozen_and_annealed"]
    view = draw(compare([tmp_path / "rlvr", tmp_path / "temperature"]))
    assert [panel.title.split(":")[0] for panel in view.panels] == ["rlvr", "temperature"]
    assert all("residual frustration" in panel.title for panel in view.panels)
    assert all("of 8 problems unsolved" in panel.note for panel in view.panels)


def test_users_graph_is_the_one_that_is_walked(call, tmp_path):
    call(
        "run",
        *SMALL,
        "--out",
        tmp_path / "x",
        "--set",
        "graph.kind=examples/my_graph.py:ring_of_cliques",
        "graph.nodes=60",
        "graph.degree=6",
        "graph.reach=2",
        "problems.count=5",
    )
    graph = conet.Run(tmp_path / "x").graph()
    clique = np.arange(60) // 6
    ahead = (clique[graph.targets] - clique[graph.sources()]) % 10
    assert set(ahead.tolist()) == {0, 1, 2}
    assert graph.uniform_degree == 6


def test_python_script(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["python_api.py", str(tmp_path)])
    monkeypatch.setenv("MPLBACKEND", "agg")
    runpy.run_path(str(ROOT / "examples/python_api.py"), run_name="__main__")
    assert "islands, average degree" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["valley.svg"]
    assert (tmp_path / "valley.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
