"""`conet llm` end to end, in processes of their own: train, killed, resumed, evaluated, reported."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.llm
pytest.importorskip("torch")

SETTINGS = [
    'model.sizes={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, '
    '"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, '
    '"tie_word_embeddings": true}',
    "problems.limit=6",
    "problems.held_out=2",
    "problems.levels=[2]",
    "warmup.steps=60",
    "warmup.levels=[2]",
    "checkpoint_every=2",
    "training.per_device_train_batch_size=8",
    "training.num_generations=4",
    "training.max_completion_length=4",
    "heating.mode=heat_at",
    "heating.step=3",
    "heating.steps=4",
    "heating.harvest_samples=16",
    "heating.min_samples=16",
    "heating.max_accuracy=1.0",
]
CODE = "import sys; from conet.cli import main; main(sys.argv[1:])"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def conet(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=280)
    return process.returncode, out, err


def test_killed_resumed_evaluated_reported(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = conet("llm", "train", "tiny", "--out", str(run), "--steps", "12", "--set", *SETTINGS)
    mark = run / "checkpoints/checkpoint-4/annealing.json"  # in the middle of heating
    while not mark.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert mark.exists()
    code, out, err = finish(conet("llm", "resume", str(run), "--json"))
    assert code == 0, err[-2000:]
    assert len(out.splitlines()) == 1  # stdout is the summary's alone
    assert "Warning" not in err
    summary = json.loads(out)
    assert summary["steps"] == 12
    assert summary["heat"]["step"] == 3
    code, out, err = finish(conet("llm", "eval", str(run), "training", "--samples", "4", "--json"))
    assert code == 0, err[-2000:]
    assert json.loads(out.splitlines()[-1])["problems"] == 4
    code, out, err = finish(conet("llm", "eval", str(run), "held-out", "--samples", "2", "--json"))
    assert (code, json.loads(out.splitlines()[-1])["problems"]) == (0, 2), err[-2000:]
    heat = tmp_path / "heat.jsonl"
    code, out, err = finish(conet("heat", str(run), "--max-accuracy", "1", "--out", str(heat)))
    assert code == 0, err[-2000:]
    for line in map(json.loads, heat.read_text().splitlines()):
        assert line["prompt"].endswith("=")  # as it was asked, though the rollouts have no prompts
    code, out, err = finish(conet("report", str(run)))
    assert code == 0, err[-2000:]
    assert Path(out.strip().splitlines()[-1]).exists()


@pytest.mark.long
def test_two_processes_as_a_user_starts_them(tmp_path: Path) -> None:
    """Killed with both processes, resumed with two: one directory, and one summary on stdout."""
    run = tmp_path / "run"
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--no-python"]
    start += [sys.executable, "-c", CODE, "llm"]
    both = subprocess.PIPE
    arguments = ["train", "tiny", "--out", str(run), "--steps", "12", "--set", *SETTINGS]
    killed = subprocess.Popen(
        start + arguments, env=ENVIRONMENT, stdout=both, stderr=both, start_new_session=True
    )
    mark = run / "checkpoints/checkpoint-4/annealing.json"
    while not mark.exists() and killed.poll() is None:
        time.sleep(0.02)
    children = subprocess.run(["pgrep", "-P", str(killed.pid)], text=True, capture_output=True).stdout.split()
    for process in (killed.pid, *map(int, children)):
        os.kill(process, signal.SIGKILL)
    killed.communicate()
    assert mark.exists()
    for _ in range(2):  # the second call finds a finished run
        found = subprocess.run(
            [*start, "resume", str(run), "--json"],
            env=ENVIRONMENT,
            text=True,
            capture_output=True,
            timeout=280,
        )
        assert found.returncode == 0, found.stderr[-2000:]
        (line,) = found.stdout.splitlines()
        assert json.loads(line)["steps"] == 12


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    for arguments in (
        ["llm", "train", "tinny"],
        ["llm", "train", "tiny", "--set", "heating.mod=1"],
        ["llm", "resume", str(tmp_path / "none")],
        ["llm", "eval", "some-model", "training"],
    ):
        code, out, err = finish(conet(*arguments))
        assert code == 2, (arguments, err)
        assert out == ""
        assert len(err.strip().splitlines()) == 1
