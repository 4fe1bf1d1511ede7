"""The fault injector in its short form: a handful of each kind, through the same code as its half hours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = {
    *("kills", "errors", "power", "identity", "mutations", "copies"),
    *("settings", "configs", "streams", "targets", "controls", "readers"),
}
MISSED = (
    *("ended before the kill", "the error did not come", "the disk was enough"),
    "not known whether it came",
)
SCRIPT = Path(__file__).parents[1] / "verification/faults.py"


@pytest.mark.long
def test_a_handful_of_each_kind(tmp_path):
    """In a process of its own: it forks, which a process that has used polars must not."""
    state = tmp_path / "faults.json"
    command = [sys.executable, str(SCRIPT), "--short", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = json.loads(state.read_text())["kinds"]
    # A case in which nothing happened does not count; `full` needs the right to mount, `serving` an extra.
    tried = {name for name, kind in kinds.items() if set().union(*kind["counts"].values()) - set(MISSED)}
    assert tried - {"full", "serving"} == KINDS, done.stdout
    assert not any(kind["faults"] for kind in kinds.values()), done.stdout


@pytest.mark.page
def test_a_handful_of_the_server(tmp_path):
    """Where its extra is installed; elsewhere this kind is left out."""
    state = tmp_path / "faults.json"
    command = [sys.executable, str(SCRIPT), "--short", "--kinds", "serving", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(state.read_text())["kinds"]["serving"]["counts"]) == 8, done.stdout
