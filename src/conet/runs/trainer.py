"""One training in memory: phases, rollouts, metrics and updates, a step at a time."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conet import detect
from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.config import Config
from conet.engine import sample as streams
from conet.engine.gradient import Gradient, norm
from conet.engine.sample import Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.learners import Batch, Learner, optim
from conet.learners import make as make_learner
from conet.learners.base import step_probability
from conet.network import graph as graphs
from conet.network import problems as problem_sets
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables import OBSERVABLES, Observation, evaluate
from conet.runs import demonstrations, events, schedule
from conet.runs.measure import step_metrics

KEPT = ("step", "phase_index", "phase_start", "walker_steps", "rollouts", "seconds", "events")

Progress = Callable[[Mapping[str, Any]], None]


class Trainer:
    """A run in memory, advanced one step at a time.

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
    policy : TablePolicy
    walks : Walks
        Rollouts of the last step.
    """

    def __init__(
        self,
        config: Config,
        *,
        graph: Graph | None = None,
        tasks: Problems | None = None,
        learner: Learner | None = None,
        phases: tuple[schedule.Phase, ...] | None = None,
        observers: Mapping[str, Callable] | None = None,
        threads: int = 1,
    ) -> None:
        self.config, self.threads = config, threads
        self.learner = make_learner(config.learner) if learner is None else learner
        self.phases = schedule.make(config, self.learner) if phases is None else phases
        self.observers = {name: resolve(name, OBSERVABLES, "observable") for name in config.observables}
        self.observers |= dict(observers or {})
        graph = graphs.build(config.graph, config.seed) if graph is None else graph
        self.tasks = problem_sets.make(config.problems, graph.nodes, config.seed) if tasks is None else tasks
        self.policy = TablePolicy(graph)
        self.reference = self.policy.probability.copy()
        self.detector = detect.Detector()
        self.step, self.phase_index, self.phase_start = 0, 0, 0
        self.walker_steps, self.rollouts, self.seconds = 0, 0, 0.0
        self.events: list[dict[str, Any]] = []
        names = {phase.learner.optimizer for phase in self.phases}
        self.optimizers = {name: optim.make(name, graph.edges) for name in names}
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
        return self.policy.sample(self.tasks, rollouts, key, threads=self.threads, **chosen)

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
        self.rollouts += len(self.walks.length)
        row: dict[str, Any] = {
            "step": self.step,
            "phase": phase.name,
            "learner": type(phase.learner).__name__.lower(),
        }
        row |= step_metrics(self.config, self.step, self.policy, self.tasks, self.walks)
        if self.observers:
            observation = Observation(
                self.step,
                self.policy,
                self.tasks,
                self.walks,
                self.config.web.threshold,
                split=self.split,
                phase=phase.name,
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
        for _ in range(learner.passes):
            gradient = self._gradient(learner, batch)
            self.optimizers[learner.optimizer].step(self.policy, gradient, learner.learning_rate)
        length = norm(self.policy, gradient)
        if not np.isfinite(length):
            raise self._diverged()
        return length

    def _gradient(self, learner: Learner, batch: Batch) -> Gradient:
        """Ask the learner, which may be the user's own, and say what it did wrong."""
        try:
            gradient = learner.gradient(batch)
            if not isinstance(gradient, Gradient) or gradient.values.shape != self.policy.logits.shape:
                raise TypeError(f"{type(gradient).__name__} in place of a Gradient of the policy's edges")
        except (ConetError, MemoryError):
            raise
        except Exception as error:
            raise ConetError(
                f"learner {type(learner).__name__!r} at step {self.step}: {type(error).__name__}: {error}",
                "a finite gradient", "lower learner.learning_rate; a learner of your own may divide by zero",
            ) from error  # fmt: skip
        return gradient

    def _diverged(self) -> ConetError:
        learner = self.phase.learner
        name = "learner.learning_rate" if learner is self.learner else "schedule.sft_learning_rate"
        return ConetError(
            f"logits that are not finite, near step {self.step}",
            f"a learning rate that does not diverge ({name}={learner.learning_rate:g})",
            "lower it",
        )

    def _detect(self, row: Mapping[str, Any]) -> None:
        called = self.detector.heat_now
        counts = row["correct_length_sum"], row["correct_count"], len(self.walks.correct)
        evidence = self.detector.update(self.step, *counts)
        if evidence.heat_now and not called:
            self.event("heating_signal", **detect.as_event(evidence))

    def event(self, what: events.Name, /, **details: Any) -> None:
        """Note an event at this step."""
        events.note(self.events, self.step, what, **details)

    def _change_phase(self) -> None:
        while self.phase_index + 1 < len(self.phases):
            elapsed = self.step - self.phase_start
            clock = schedule.Clock(self.step, self.config.steps, elapsed, self.detector.heat_now)
            empty = self.lessons is not None and len(self.lessons.length) == 0
            if not (self.phase.until(clock) or empty):
                return
            if not np.isfinite(self.policy.logits).all():
                raise self._diverged()  # said here, while it is known which phase did it
            reason = schedule.reason(self.phase.until, clock)
            if self.phase.name == "heat" and not empty:
                self.event("heating_ended")
            self.phase_index, self.phase_start = self.phase_index + 1, self.step
            self._begin_phase(reason)

    def _begin_phase(self, reason: str | None = None) -> None:
        phase = self.phase
        self.lessons = None
        if phase.learner.learns_from != "demonstrations":
            self.event("phase_started", phase=phase.name)
            return
        self.lessons = self._teach(phase.teach or "shortest")
        count = len(self.lessons.length)
        if count == 0 and len(self.phases) == self.phase_index + 1:
            raise ConetError(
                "no question with a correct walk",
                "at least one to learn from",
                "lengthen problems.max_length or use another graph",
            )
        learned = {"phase": phase.name, "problems": self.lessons.problems.tolist(), "demonstrations": count}
        if phase.name != "heat":
            self.event("phase_started", **learned)
        elif count:
            self.event("heating_started", reason=reason, eligible=count, **learned)
        else:
            self.event("heating_skipped", reason=reason, eligible=0)

    def _teach(self, teach: schedule.Teach) -> Walks:
        settings = self.config.schedule
        if teach == "shortest":
            return demonstrations.shortest_walks(self.policy, self.tasks)
        harvest = self.sample(settings.harvest_samples, streams.HARVEST)
        self.walker_steps += harvest.steps
        self.rollouts += len(harvest.length)
        if teach == "random":
            return demonstrations.demonstrations(harvest, np.inf, "first", self.config.seed)
        return demonstrations.demonstrations(harvest, settings.max_accuracy, settings.pick, self.config.seed)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and JSON values from which :meth:`load` goes on bit for bit.

        Raises
        ------
        ConetError
            When the training has diverged: such a state is never kept.
        """
        if not np.isfinite(self.policy.logits).all():
            raise self._diverged()
        arrays = {"logits": self.policy.logits}
        for kind, optimizer in self.optimizers.items():
            arrays |= {f"{kind}.{name}": array for name, array in optimizer.state().items()}
        if self.lessons is not None:
            fields = ("problems", "starts", "edges", "length", "correct")
            arrays |= {f"lessons.{name}": getattr(self.lessons, name) for name in fields}
        return arrays, {name: getattr(self, name) for name in KEPT} | {"detector": self.detector.state()}

    def load(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.policy.logits[:] = arrays["logits"]
        self.policy.refresh()
        for name in KEPT:
            setattr(self, name, state[name])
        self.detector.load(state["detector"])
        for kind, optimizer in self.optimizers.items():
            optimizer.load(_under(arrays, f"{kind}."))
        lessons = _under(arrays, "lessons.")
        self.lessons = Walks(**lessons, rollouts=1) if lessons else None


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
