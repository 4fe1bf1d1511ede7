"""Each skeleton, copied into the package as it is, works after one line of registration."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conet.claims import CLAIMS
from conet.diagnosis.findings import FINDINGS
from conet.readers import READERS

ROOT = Path(__file__).parents[1]

# Skeleton, where it is copied to, the file that gets one line, the line before which it stands, the line.
INSIDE = {
    "learner": (
        "learners/mine.py",
        "learners/__init__.py",
        '        "grpo": ',
        '        "mine": "conet.learners.mine:MyLearner",',
    ),
    "schedule": (
        "runs/schedules/mine.py",
        "runs/schedules/__init__.py",
        '        "rlvr": ',
        '        "mine": "conet.runs.schedules.mine:my_schedule",',
    ),
    "graph": (
        "network/mine.py",
        "network/graph.py",
        '        "regular": ',
        '        "mine": "conet.network.mine:my_graph",',
    ),
    "observable": (
        "observables/mine.py",
        "observables/standard.py",
        '        "web": ',
        '        "mine": "conet.observables.mine:my_observable",',
    ),
    "finding": (
        "diagnosis/findings/mine.py",
        "diagnosis/findings/__init__.py",
        '        "source": ',
        '        "solved-once": "conet.diagnosis.findings.mine:FINDING",',
    ),
    "reader": (
        "readers/trainers/mine.py",
        "readers/trainers/__init__.py",
        '        "table": ',
        '        "mine": "conet.readers.trainers.mine:READER",',
    ),
    "figure": (
        "views/walks/mine.py",
        "views/registry.py",
        '    "learning-curve": "conet.views.walks.',
        '    "truncated": "conet.views.walks.mine:truncated",',
    ),
    "claim": (
        "claims/mine.py",
        "claims/__init__.py",
        '        "C1": ',
        '        "my-claim": "conet.claims.mine:CLAIM",',
    ),
}

SCRIPT = """
import json, sys
import conet
from conet.claims import chosen
from conet.cli import main
from conet.judging.claim import Scale

place = sys.argv[1]
small = ["graph.nodes=40", "graph.degree=5", "problems.count=8", "learner.learning_rate=8"]
small += ["schedule.max_accuracy=1", "schedule.harvest_samples=64"]
own = ["graph.kind=mine", "graph.shortcuts=0.3", "learner.name=mine", "learner.my_option=0.5"]
own += ["schedule.name=mine", "schedule.cycles=2", 'observables=["mine"]']
main(["run", "--preset", "smoke", "--steps", "20", "--out", f"{place}/run", "--set", *small, *own])
run = conet.Run(f"{place}/run")
(claim,) = chosen(["my-claim"], "quick").values()
found = {
    "module": conet.__file__,
    "graph": type(run.graph()).__name__,
    "learner": run.config.learner.name,
    "phases": run.metrics()["phase"].n_unique(),
    "observable": run.metrics()["mine"].len(),
    "figures": run.figures(),
    "view": run.view("truncated").title,
    "finding": conet.diagnose(f"{place}/run").findings["solved_once"],
    "format": conet.read(f"{place}/logs").format,
    "rollouts": conet.read(f"{place}/logs").rows.height,
    "cell": claim.cells(Scale(1, "quick"))[0].compute()["accuracy"].shape,
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package with every skeleton in it."""
    place = tmp_path_factory.mktemp("inside")
    shutil.copytree(ROOT / "src/conet", place / "conet")
    for skeleton, (copy, table, before, line) in INSIDE.items():
        assert not (place / "conet" / copy).exists()
        shutil.copy(ROOT / "docs/skeletons" / f"{skeleton}.py", place / "conet" / copy)
        lines = (place / "conet" / table).read_text(encoding="utf-8").splitlines()
        at = next(row for row, text in enumerate(lines) if text.startswith(before))
        (place / "conet" / table).write_text("\n".join([*lines[:at], line, *lines[at:]]) + "\n", "utf-8")
    return place


@pytest.fixture(scope="module")
def found(package):
    (package / "logs/epoch-1").mkdir(parents=True)
    row = {"question": "q", "answer": "a", "verified": True, "tokens": 3}
    lines = [json.dumps(row | {"update": step}) for step in range(6)]
    (package / "logs/epoch-1/rollouts.jsonl").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(package)],
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("table", [CLAIMS, FINDINGS, READERS], ids=["claims", "findings", "readers"])
def test_what_has_a_name_is_called_so_in_its_table(table):
    assert {name: thing.name for name, thing in table.items()} == {name: name for name in table}


def test_there_is_a_place_inside_for_each_skeleton():
    assert set(INSIDE) == {path.stem for path in (ROOT / "docs/skeletons").glob("*.py")}


def test_skeletons_work_inside_the_package(found, package):
    assert Path(found["module"]).parent == package / "conet"
    assert (found["graph"], found["learner"], found["observable"]) == ("Graph", "mine", 20)
    assert found["phases"] > 1
    assert "truncated" in found["figures"]
    assert found["view"] == "Rollouts cut off"
    assert 0 <= found["finding"] <= 1
    assert (found["format"], found["rollouts"]) == ("mine", 6)
    assert found["cell"] == [100]


def test_they_keep_the_order_of_the_rooms(package):
    pytest.importorskip("importlinter")
    shutil.copy(ROOT / "pyproject.toml", package / "pyproject.toml")
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        cwd=package,
        check=False,
    )
    assert done.returncode == 0, done.stdout
