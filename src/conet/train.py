"""The one loop: from a config and a schedule to a run."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet import detect, heating, schedule, store
from conet.config import Config
from conet.engine import sample as streams
from conet.engine.gradient import norm
from conet.engine.sample import Walks, sample, stream_key
from conet.engine.tables import Policy
from conet.errors import ConetError
from conet.learners import Batch, Learner, optim
from conet.learners import make as make_learner
from conet.learners.base import step_probability
from conet.measure import at_snapshot, snapshot_steps, step_metrics, summarise
from conet.model import graph as graphs
from conet.model import tasks as task_sets
from conet.model.graph import Graph
from conet.model.tasks import Tasks
from conet.observables import OBSERVABLES, Observation, evaluate
from conet.recorder import Recorder, table
from conet.registry import resolve

if TYPE_CHECKING:
    import polars

Progress = Callable[[Mapping[str, Any]], None]


class Training:
    """A training in memory, advanced one step at a time.

    Parameters
    ----------
    config
        The settings.
    graph, tasks, learner, phases
        Objects in place of what the config names.
    observers
        Further observables by name (see :mod:`conet.observables`); those that the config names come
        first.
    threads
        For sampling; the result does not depend on it.

    Attributes
    ----------
    step : int
        Updates done.
    policy : Policy
    walks : Walks
        Rollouts of the last step.
    """

    def __init__(
        self,
        config: Config,
        *,
        graph: Graph | None = None,
        tasks: Tasks | None = None,
        learner: Learner | None = None,
        phases: tuple[schedule.Phase, ...] | None = None,
        observers: Mapping[str, Callable] | None = None,
        threads: int = 1,
    ) -> None:
        self.config, self.threads = config, threads
        self.learner = learner or make_learner(config.learner)
        self.phases = phases or schedule.make(config, self.learner)
        self.observers = {name: resolve(name, OBSERVABLES, "observable") for name in config.observables}
        self.observers |= dict(observers or {})
        graph = graph or graphs.build(config.graph, config.seed)
        self.tasks = tasks or task_sets.make(config.tasks, graph.nodes, config.seed)
        self.policy = Policy(graph)
        self.reference = self.policy.probability.copy()
        self.detector = detect.Detector()
        self.step, self.phase_index, self.phase_start = 0, 0, 0
        self.walker_steps, self.seconds = 0, 0.0
        self.events: list[dict[str, Any]] = []
        self.optimizer = optim.make(self.learner.optimizer, graph.edges)
        self.lessons: Walks | None = None
        self._begin_phase()

    @property
    def phase(self) -> schedule.Phase:
        """The phase that the next step belongs to."""
        return self.phases[self.phase_index]

    @property
    def split(self) -> str:
        """Whether the last rollouts were trained on, or only watched while demonstrations were."""
        return "train" if self.phase.learner.learns_from == "rollouts" else "eval"

    def sample(self, rollouts: int, purpose: int, **chosen: Any) -> Walks:
        """Sample walks of the policy as it is, from the stream of this step and purpose."""
        key = stream_key(self.config.seed, self.step, purpose)
        return sample(self.policy, self.tasks, rollouts, key, threads=self.threads, **chosen)

    def advance(self) -> dict[str, Any]:
        """Do one step: phase, rollouts, metrics, update.

        Returns
        -------
        dict
            The step's row of metrics, describing the policy before the update.
        """
        self._change_phase()
        phase = self.phase
        self.walks = self.sample(self.learner.rollouts, streams.TRAIN)
        self.walker_steps += self.walks.steps
        row: dict[str, Any] = {
            "step": self.step,
            "phase": phase.name,
            "learner": type(phase.learner).__name__.lower(),
        }
        row |= step_metrics(self.config, self.step, self.policy, self.tasks, self.walks)
        if self.observers:
            observation = Observation(
                self.step, self.policy, self.tasks, self.walks, self.config.web.threshold
            )
            row |= evaluate(self.observers, observation)
        row["gradient_norm"] = self._update(phase.learner)
        row["walker_steps"] = self.walker_steps
        row["heat_now"] = self.detector.heat_now
        self._detect(row)
        self.step += 1
        return row

    def _update(self, learner: Learner) -> float:
        walks = self.walks if learner.learns_from == "rollouts" else self.lessons
        assert walks is not None
        several = learner.passes > 1
        behaviour = step_probability(walks, self.policy.probability) if several else np.ones((1, 1))
        batch = Batch(walks, self.policy, self.tasks, behaviour, self.reference, self.threads)
        optimizer = self.optimizer if self.phase.name != "heat" else optim.SGD()
        for _ in range(learner.passes):
            gradient = learner.gradient(batch)
            optimizer.step(self.policy, gradient, learner.learning_rate)
        return norm(self.policy, gradient)

    def _detect(self, row: Mapping[str, Any]) -> None:
        called = self.detector.heat_now
        evidence = self.detector.update(self.step, row["correct_length_sum"], row["correct_count"])
        if evidence.heat_now and not called:
            self.event("heat now", **detect.as_event(evidence))

    def event(self, what: str, **details: Any) -> None:
        """Note an event at this step."""
        self.events.append({"step": self.step, "event": what} | details)

    def _change_phase(self) -> None:
        while self.phase_index + 1 < len(self.phases):
            elapsed = self.step - self.phase_start
            clock = schedule.Clock(self.step, self.config.steps, elapsed, self.detector.heat_now)
            empty = self.lessons is not None and len(self.lessons.length) == 0
            if not (self.phase.until(clock) or empty):
                return
            self.phase_index, self.phase_start = self.phase_index + 1, self.step
            self._begin_phase()

    def _begin_phase(self) -> None:
        phase = self.phase
        self.lessons = None
        if phase.learner.learns_from == "demonstrations":
            self.lessons = self._teach(phase.teach or "shortest")
            count = len(self.lessons.length)
            self.event(f"phase {phase.name}", problems=self.lessons.problems.tolist(), demonstrations=count)
            if count == 0 and len(self.phases) > self.phase_index + 1:
                self.event("no problem eligible, phase left out")
            elif count == 0:
                raise ConetError("no question with a correct walk", "at least one to learn from",
                                 "lengthen tasks.max_length or use another graph")  # fmt: skip
        else:
            self.event(f"phase {phase.name}")

    def _teach(self, teach: schedule.Teach) -> Walks:
        settings = self.config.schedule
        if teach == "shortest":
            return heating.shortest_walks(self.policy, self.tasks)
        harvest = self.sample(settings.samples, streams.HARVEST)
        self.walker_steps += harvest.steps
        if teach == "random":
            return heating.demonstrations(harvest, np.inf, "first", self.config.seed)
        return heating.demonstrations(harvest, settings.below, settings.pick, self.config.seed)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and JSON values from which :meth:`load` goes on bit for bit."""
        arrays = {"logits": self.policy.logits}
        arrays |= {f"optimizer.{name}": array for name, array in self.optimizer.state().items()}
        if self.lessons is not None:
            fields = ("problems", "starts", "edges", "length", "correct")
            arrays |= {f"lessons.{name}": getattr(self.lessons, name) for name in fields}
        names = ("step", "phase_index", "phase_start", "walker_steps", "seconds", "events")
        return arrays, {name: getattr(self, name) for name in names} | {"detector": self.detector.state()}

    def load(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.policy.logits[:] = arrays["logits"]
        self.policy.refresh()
        for name in ("step", "phase_index", "phase_start", "walker_steps", "seconds", "events"):
            setattr(self, name, state[name])
        self.detector.load(state["detector"])
        self.optimizer.load(_under(arrays, "optimizer."))
        lessons = _under(arrays, "lessons.")
        self.lessons = Walks(**lessons, rollouts=1) if lessons else None


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def simulate(
    config: Config, progress: Progress | None = None, **objects: Any
) -> "tuple[polars.DataFrame, Training]":
    """Train in memory, leaving nothing on disk; what sweeps and experiments use.

    Returns
    -------
    tuple of polars.DataFrame and Training
        The metrics, one row a step, and the finished training.
    """
    training = Training(config, **objects)
    rows = []
    while training.step < config.steps:
        rows.append(training.advance())
        if progress:
            progress(rows[-1])
    return table(rows), training


def run(
    config: Config,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    command: list[str] | None = None,
    **objects: Any,
) -> store.Run:
    """Train, leaving a run directory.

    Parameters
    ----------
    config
        The settings.
    out
        A new or empty directory; ``runs/<preset>-s<seed>-<time>`` where absent.
    progress
        Called with every row of metrics.
    command
        For the provenance; the command line of the process where absent.
    objects
        ``graph``, ``tasks``, ``learner``, ``phases``, ``observers``, ``threads`` of
        :class:`Training`.

    Raises
    ------
    ConetError
        For settings that do not fit together, or a place that cannot be written.
    """
    place = Path(out) if out is not None else default_place(config)
    store.refuse_existing(place)
    training = Training(config, **objects)
    directory = store.create(place, config, training.policy.graph, training.tasks, command)
    with exclusive(directory):
        return _finish(directory, training, Recorder(directory), progress)


def default_place(config: Config) -> Path:
    """Return ``runs/<preset>-s<seed>-<time>``, not taken yet."""
    name = f"{config.preset}-s{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    place, count = Path("runs") / name, 1
    while place.exists():
        count += 1
        place = Path("runs") / f"{name}-{count}"
    return place


def resume(path: str | Path, *, progress: Progress | None = None, **objects: Any) -> store.Run:
    """Go on with an interrupted run; a finished one is returned as it is.

    Raises
    ------
    ConetError
        When the directory is no run, a file of it is damaged, or another process works on it.
    """
    directory = store.Run(path)
    if directory.finished:
        return directory
    with exclusive(directory):
        recorder = Recorder(directory)
        given: dict[str, Any] = {"graph": directory.graph(), "tasks": directory.tasks()} | objects
        training = Training(directory.config, **given)
        if restored := recorder.restore():
            training.load(*restored)
        training.event("resumed")
        return _finish(directory, training, recorder, progress)


def _finish(
    directory: store.Run, training: Training, recorder: Recorder, progress: Progress | None
) -> store.Run:
    """Train to the end, with snapshots and checkpoints, and write the summary."""
    warm_up(training)
    config, chosen = training.config, set(snapshot_steps(training.config))
    settings = config.snapshots
    started, before = time.perf_counter(), training.seconds

    def checkpoint() -> None:
        training.seconds = before + time.perf_counter() - started
        recorder.checkpoint(training.step, *training.state())

    while training.step < config.steps:
        if training.step in chosen:
            _snapshot(training, recorder)
        recorder.rows.append(training.advance())
        if settings.rollouts:
            recorder.batches.append((training.step - 1, training.split, training.phase.name, training.walks))
        if progress:
            progress(recorder.rows[-1])
        if training.step % settings.checkpoint_every == 0 and training.step < config.steps:
            checkpoint()
    _snapshot(training, recorder)
    checkpoint()
    summary = {"run": str(directory.path), **summarise(config, recorder.rows, recorder.evaluations)}
    summary |= {"walker_steps": training.walker_steps, "seconds": training.seconds}
    summary["state_sha256"] = training.policy.sha256
    store.write_atomic(directory.path / "summary.json", json.dumps(summary, indent=2) + "\n")
    return directory


def warm_up(training: Training) -> None:
    """Compile what this training will call, on a tiny one, so that its time is training alone."""
    sizes: dict[str, Any] = {
        "graph": graphs.regular(12, 3, 0),
        "tasks": Tasks(np.array([0], np.int32), np.array([1], np.int32), 4),
    }
    settings = Config().override({"steps": 1, "snapshots.traffic_walks": 2, "snapshots.pass_walks": 2})
    tiny = Training(settings, learner=training.learner, phases=training.phases[-1:], **sizes)
    tiny.advance()
    _measured(tiny)


def _measured(training: Training) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    settings = training.config.snapshots
    walks = [
        training.sample(settings.traffic_walks, streams.TRAFFIC),
        training.sample(settings.pass_walks, streams.PASS_AT_K),
    ]
    return at_snapshot(training.config, training.step, training.policy, training.tasks, *walks)


def _snapshot(training: Training, recorder: Recorder) -> None:
    arrays, values = _measured(training)
    recorder.snapshot(training.step, arrays)
    recorder.evaluations += values


@contextmanager
def exclusive(directory: store.Run) -> Iterator[None]:
    """Hold the run's lock; the system releases it when the process ends, however it ends.

    Raises
    ------
    ConetError
        When another process holds it.
    """
    try:
        file = open(directory.path / ".lock", "w")  # noqa: SIM115
    except OSError as error:
        raise store.cannot_write(directory.path, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConetError(
                f"{directory.path}, which another process is working on",
                "a run at rest",
                "wait until it ends",
            ) from None
        yield
