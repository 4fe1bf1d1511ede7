"""The loop of a run on disk: updates, snapshots and checkpoints, and what is left at the end."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.arrays import array_bytes, read_arrays
from conet.base.errors import ConetError
from conet.base.files import CannotWrite, damaged
from conet.base.lock import Held
from conet.base.terminal import tell
from conet.rollouts import from_walks
from conet.runs import events
from conet.runs.code import CHANGED, Change, not_noted
from conet.runs.control import Control
from conet.runs.lengths import correct_length
from conet.runs.measure import summarise, temperature
from conet.runs.progress import Progress
from conet.runs.recorder import Recorder
from conet.runs.restore import restore
from conet.runs.run import Run, snapshot_name
from conet.runs.simulate import warm_up
from conet.runs.size import snapshot_steps
from conet.runs.tables import GROWING
from conet.runs.trainer import Trainer
from conet.runs.version_0_1 import renamed, upgrade

CHECKPOINT = "checkpoint.safetensors"
FOLDERS = ("rollouts", "snapshots", "figures")


def first_files(trainer: Trainer, comes_from: dict[str, Any]) -> dict[str, bytes]:
    """Return what a run directory appears with: settings, provenance, graph and problems."""
    graph, problems = trainer.policy.graph, trainer.problems
    arrays = {
        "offsets": graph.offsets,
        "targets": np.ascontiguousarray(graph.targets, np.int32),
        "questions": problems.questions,
        "answers": problems.answers,
        "max_length": np.array([problems.max_length]),
        "stop_at_any_answer": np.array([problems.stop_at_any_answer], np.uint8),
    }
    return {
        "config.json": trainer.config.to_json().encode(),
        "provenance.json": (json.dumps(comes_from, indent=2) + "\n").encode(),
        "graph.safetensors": array_bytes(arrays),
    }


def begun(path: Path) -> bool:
    """Whether a run directory holds something to go on from."""
    return (path / CHECKPOINT).exists()


def train(
    held: Held,
    trainer: Trainer,
    resumed: Sequence[Change] | None,
    progress: Progress,
    steerable: bool = False,
) -> Run:
    """Train to the end, with snapshots and checkpoints, and write the summary.

    Parameters
    ----------
    held
        The run directory.
    trainer
        A new one.
    resumed
        None for a run that begins; for one that goes on, the code that has changed.
    progress
        Told each row of metrics.
    steerable
        Whether a run that begins may be steered; one that goes on may be as it began.
    """
    control = Control(held, trainer, steerable)
    config, chosen = trainer.config, set(snapshot_steps(trainer.config))
    with Recorder(held, from_walks) as recorder:
        if resumed is None:
            recorder.begin()
        else:
            _restored(trainer, recorder, control)
            trainer.event("resumed")
            for change in not_noted(resumed, trainer.events):
                trainer.event(CHANGED, **change._asdict())
        recorder.flush(trainer.events)
        warm_up(trainer)
        checkpoint = _checkpoints(trainer, recorder, control)
        while trainer.step < config.steps:
            control.between_updates(checkpoint, lambda: recorder.flush(trainer.events))
            if trainer.step in chosen:
                _snapshot(trainer, recorder)
            recorder.step(trainer.advance(), trainer.events)
            if config.snapshots.rollouts:
                batch = trainer.step - 1, trainer.split, trainer.kind, trainer.walks
                recorder.rollouts(trainer.step - 1, batch)
            progress(recorder.rows[-1])
            if trainer.step % config.snapshots.checkpoint_every == 0 and trainer.step < config.steps:
                checkpoint()
        _snapshot(trainer, recorder)
        recorder.write_tables()
        checkpoint()
        recorder.finish(_summary(trainer, recorder), [CHECKPOINT, *control.finish()])
    return Run(held.path)


def _checkpoints(trainer: Trainer, recorder: Recorder, control: Control) -> Callable[[], None]:
    """Return what writes a checkpoint and keeps the time."""
    started, before = time.perf_counter(), trainer.seconds

    def checkpoint() -> None:
        trainer.seconds = before + time.perf_counter() - started
        arrays, state = trainer.state()
        state |= {"step": trainer.step, "tables": recorder.commit(trainer.events)}
        state |= control.state()
        recorder.checkpoint(CHECKPOINT, array_bytes(arrays, {"state": json.dumps(state)}))

    return checkpoint


def _summary(trainer: Trainer, recorder: Recorder) -> dict[str, Any]:
    """Return the object that ``conet run --json`` prints."""
    summary = summarise(trainer.config, recorder.rows, recorder.evaluations)
    summary["correct_length"] |= correct_length(recorder.path)
    return {
        "run": str(recorder.path),
        **summary,
        **temperature(
            recorder.rows,
            trainer.tracker.start_entropy,
            trainer.entropy(),
            () if trainer.steered else trainer.tracker.phases,  # steered, the weight is no longer theirs
        ),
        "updates": trainer.step,
        "rollouts": trainer.rollouts,
        "walker_steps": trainer.walker_steps,
        "seconds": trainer.seconds,
        "heat_now_step": events.signal_step(trainer.events),
        "heating": _heating(trainer),
        "state_sha256": trainer.policy.sha256,
    } | trainer.policy.summary()


def _heating(trainer: Trainer) -> dict[str, Any] | None:
    """Return when, why and on how many problems it heated, and what harvests without one cost."""
    heating = events.heating(trainer.events)
    return None if heating is None else heating | {"failed_rollouts": trainer.failed_rollouts}


def _snapshot(trainer: Trainer, recorder: Recorder) -> None:
    """Take a snapshot, where the checkpoint that the run goes on from does not hold it already."""
    if recorder.evaluations and recorder.evaluations[-1]["step"] == trainer.step:
        return
    arrays, values = trainer.measure()
    recorder.write(snapshot_name(trainer.step), array_bytes(arrays))
    recorder.evaluate(values)
    recorder.flush(trainer.events)


def _restored(trainer: Trainer, recorder: Recorder, control: Control) -> None:
    """Bring a training and its tables back to the last checkpoint."""
    path = recorder.path / CHECKPOINT
    if not path.exists():
        control.read({})
        _tell_from_the_start(recorder.path)
        restore(recorder, None, 0, ())
        return
    with _starting_anew_helps(path):
        arrays, metadata = read_arrays(path)
        state = upgrade(json.loads(metadata["state"]), trainer.config, len(trainer.problems))
    control.read(state)  # without its actions the run cannot start from its first step either
    with _starting_anew_helps(path):
        restore(recorder, state.get("tables"), int(state["step"]), state["events"])
        control.restore()
        trainer.load(renamed(arrays), state)


@contextmanager
def _starting_anew_helps(path: Path) -> Iterator[None]:
    """Say of what is wrong with a checkpoint, or with what it counts on, what to do."""
    remedy = f"delete {path}, and `conet resume` starts this run from its first step"
    try:
        yield
    except CannotWrite:  # nothing is wrong with the checkpoint
        raise
    except ConetError as error:
        raise ConetError(error.got, error.expected, remedy) from None
    except (LookupError, ValueError, TypeError) as error:
        raise damaged(path, error, remedy) from None


def _tell_from_the_start(path: Path) -> None:
    """Say that what was there is made again, where there is no checkpoint to go on from."""
    try:
        with (path / GROWING["metrics"]).open("rb") as file:
            done = sum(1 for _ in file)
    except OSError:
        return
    if done:
        tell(
            f"conet: {path} has no checkpoint; its first {done} updates are made again, the same bit for bit"
        )
