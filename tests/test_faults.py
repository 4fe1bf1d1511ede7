"""The fault injector in its short form: a handful of each kind, through the same code as its half hours."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "verification/faults.py"


def test_a_handful_of_each_kind(tmp_path):
    """In a process of its own: it forks, which a process that has used polars must not."""
    state = tmp_path / "faults.json"
    command = [sys.executable, str(SCRIPT), "--short", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = json.loads(state.read_text())["kinds"]
    for name, kind in kinds.items():
        assert kind["counts"], f"nothing of {name} was tried:\n{done.stdout}"
        assert not kind["faults"], done.stdout
