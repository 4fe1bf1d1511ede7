"""A run of walks in memory: phases, rollouts, metrics and updates, a step at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.config import Config
from conet.detect import Detector
from conet.engine import sample as streams
from conet.engine.sample import Walks, stream_key
from conet.learners import Learner, optim
from conet.learners import make as make_learner
from conet.network import graph as graphs
from conet.network import problems as problem_sets
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables import Observation, evaluate
from conet.observables.diversity import visited_entropy
from conet.observables.standard import Observables
from conet.runs import policies, schedules
from conet.runs.critical import Estimate, estimate
from conet.runs.demonstrations import harvested, kind_of, shortest_walks
from conet.runs.evaluation import LastEvaluation
from conet.runs.events import Name, note
from conet.runs.measure import at_snapshot, observables_of, step_metrics
from conet.runs.memory import Memory
from conet.runs.objects import check_fit, checked
from conet.runs.phases import PhaseTracker
from conet.runs.schedule import Phase, Schedule
from conet.runs.size import snapshot_steps
from conet.runs.spelling import with_words
from conet.runs.trainer_state import load_into, state_of
from conet.runs.update import failed, update
from conet.runs.walk_schedule import columns, learner_of, phases_of, rate_setting, with_options


class Trainer:
    """A run in memory, advanced one step at a time.

    Parameters
    ----------
    config
        The settings.
    graph, problems, learner, schedule
        Objects in place of what the config names.
    observables
        Further ones: functions (see :mod:`conet.observables`), or functions by name; those that the config
        names come first.
    threads
        For sampling; the result does not depend on it.

    Attributes
    ----------
    step : int
        Updates done.
    policy : Policy
    walks : Walks
        Rollouts of the last step.
    drawn : bool
        Whether they are at hand, which they are not just after a resume.
    known_entropy : float or None
        Of the policy where they chose, as it was kept, until there are new ones.
    """

    walks: Walks

    @checked
    def __init__(
        self,
        config: Config,
        *,
        graph: Graph | None = None,
        problems: Problems | None = None,
        learner: Learner | None = None,
        observables: Observables | None = None,
        schedule: Schedule | Sequence[Phase] | None = None,
        threads: int = 1,
    ) -> None:
        config = with_words(config, learner is None, schedule is None)
        self.config, self.threads = config, threads
        self.learner = make_learner(config.learner) if learner is None else learner
        self.observables = observables_of(config, observables)
        graph = graphs.build(config.graph, config.seed) if graph is None else graph
        self.problems = (
            problem_sets.make(config.problems, graph.nodes, config.seed) if problems is None else problems
        )
        check_fit(graph, self.problems)
        self.step, self.walker_steps, self.rollouts, self.seconds = 0, 0, 0, 0.0
        self.failed_rollouts = 0  # drawn for a heating that found no eligible problem
        self.demonstrations: Walks | None = None
        self.steered: dict[str, float] = {}  # options from outside
        self._schedule(schedule, graph)
        of_phases = zip(self.phases, self.learners, strict=True)
        policies.check_table(config.policy.kind, of_phases, self.observables)
        self.policy = policies.make(config, graph, self.problems.max_length)
        self.reference = self.policy.probability.copy()
        names: set[str] = {learner.optimizer for learner in self.learners}
        self.optimizers = {name: optim.make(name, self.policy.size) for name in names}
        self.tracker.begin(self.prepare)

    def _schedule(self, given: Schedule | Sequence[Phase] | None, graph: Graph) -> None:
        """Make phases and their learners, and what follows them."""
        settings, learner = self.config.schedule, self.learner

        def critical() -> Estimate:
            return estimate(graph, self.problems, learner.rollouts)

        self.shipped = given is None and settings.name in schedules.SCHEDULES
        self.phases = phases_of(self.config, learner, len(self.problems), given, critical)
        self.learners = [learner_of(phase, learner, settings.sft_learning_rate) for phase in self.phases]
        self.tracker = PhaseTracker(
            self.phases, self.config.steps, retry=-(-settings.harvest_samples // learner.rollouts)
        )
        self.evaluation = LastEvaluation(lambda: self.measure()[1], snapshot_steps(self.config))
        self.tracker.entropy = self.entropy
        self.tracker.evaluation = lambda: self.evaluation.asked(self.step)
        keeps = any(one.demonstrations == "seen" for one in self.phases)
        self.memory = Memory(self.problems, keeps or any(getattr(one, "replay", 0) for one in self.learners))
        self.tracker.problem_accuracy = self.memory.accuracy
        self.drawn, self.known_entropy = False, None  # of the last rollouts, where they are not at hand

    @property
    def tasks(self) -> Problems:
        """The problems, under their name of version 0.1."""
        return self.problems

    @property
    def phase(self) -> Phase:
        """The phase that the next step belongs to."""
        return self.tracker.phase

    @property
    def detector(self) -> Detector:
        """The online detector, which sees the rollouts of every step."""
        return self.tracker.detector

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened (see :mod:`conet.runs.events`)."""
        return self.tracker.events

    @property
    def split(self) -> str:
        """Whether the last rollouts were trained on, or only watched while demonstrations were."""
        return "train" if self.demonstrations is None else "eval"

    @property
    def kind(self) -> str:
        """What the phase learns from: "rlvr" (rollouts), "heat" (hard problems) or "sft" (demonstrations)."""
        return "rlvr" if self.demonstrations is None else "heat" if self.phase.heats else "sft"

    def learner_now(self) -> Learner:
        """Return the learner of the next step, with its options as they are then."""
        learner = self.learners[self.tracker.phase_index]
        if any(callable(value) for value in self.phase.options.values()):
            learner = with_options(learner, self.tracker.options(self.step), self.phase)
        return with_options(learner, self.steered if learner.learns_from == "rollouts" else {}, self.phase)

    def sample(self, rollouts: int, purpose: int, **chosen: Any) -> Walks:
        """Sample walks of the policy as it is, from the stream of this step and purpose."""
        key = stream_key(self.config.seed, self.step, purpose)
        return self.policy.sample(self.problems, rollouts, key, threads=self.threads, **chosen)

    def advance(self) -> dict[str, Any]:
        """Do one step: phase, rollouts, metrics, update.

        Returns
        -------
        dict
            The step's row of metrics, describing the policy before the update.
        """
        self.evaluation.pass_by(self.step)
        self.tracker.advance(self.step, self.prepare)
        learner, phase = self.learner_now(), self.phase
        chosen = self.tracker.problems(self.step, len(self.problems))
        walks = self.walks = self.sample(learner.rollouts, streams.TRAIN, chosen=chosen)
        self.drawn = True
        self.walker_steps += walks.steps
        self.rollouts += len(walks.length)
        self.memory.add(walks)
        row: dict[str, Any] = {"step": self.step, "phase": phase.name}
        row["learner"] = type(learner).__name__.lower()
        row |= step_metrics(self.config, self.step, self.policy, self.problems, walks)
        row |= columns(self.tracker.option_names, learner)
        if "entropy" in self.tracker.option_names:
            at, asked = self.tracker.asked_entropy
            row["visited_entropy"] = asked if at == self.step else None
        if self.observables:
            observation = Observation(
                self.step,
                self.policy,
                self.problems,
                walks,
                self.config.web.threshold,
                split=self.split,
                phase=self.kind,
            )
            row |= evaluate(self.observables, observation)
        row["gradient_norm"] = self._update(learner, walks)
        row |= {"walker_steps": self.walker_steps, "heat_now": self.detector.heat_now}
        counts = row["correct_length_sum"], row["correct_count"], len(walks.length)
        self.tracker.observe(self.step, *counts, walks.problems if self.tracker.problems_vary else None)
        self.step += 1
        if self.step == self.config.steps:
            self.tracker.finish()
        return row

    def _update(self, learner: Learner, walks: Walks) -> float:
        walks = self.memory.replayed(walks) if getattr(learner, "replay", False) else walks
        walks = walks if self.demonstrations is None else self.demonstrations
        batch = (walks, self.policy, self.problems, self.reference, self.threads)
        try:
            length = update(learner, self.optimizers, *batch)
        except ConetError as error:
            rate = rate_setting(self.phase, self.shipped)
            raise failed(error, learner, self.step, rate) from error.__cause__
        if not np.isfinite(length):
            raise self._diverged()
        return length

    def _diverged(self) -> ConetError:
        name = rate_setting(self.phase, self.shipped)
        rates = {name: self.learner_now().learning_rate}
        for phase, learner in zip(self.phases[: self.tracker.phase_index], self.learners, strict=False):
            if phase.learner == "sft":  # what it left may be the cause
                rates.setdefault(rate_setting(phase, self.shipped), learner.learning_rate)
        shown = ", ".join(f"{name}={rate:g}" for name, rate in rates.items())
        return ConetError(
            f"{self.policy.parameters} that are not finite, near step {self.step}, "
            f"in phase {self.phase.name!r}",
            f"a learning rate that does not diverge ({shown})",
            "lower it" if len(rates) == 1 else "lower one of them",
        )

    def event(self, what: Name, /, **details: Any) -> None:
        """Note an event at this step."""
        note(self.events, self.step, what, **details)

    def prepare(self, index: int) -> list[int] | None:
        """Make the demonstrations of a phase; return their problems, None where it learns from rollouts."""
        if not self.policy.finite:
            raise self._diverged()  # said here, while it is known which phase did it
        phase, learner = self.phases[index], self.learners[index]
        if learner.learns_from == "rollouts":
            self.demonstrations = None
            return None
        kind, settings = kind_of(phase, learner), self.config.schedule
        if kind == "shortest":
            found = shortest_walks(self.policy, self.problems)
        elif kind == "seen":
            found = self.memory.take(settings.max_accuracy)
        else:
            harvest = self._harvest()
            found = harvested(harvest, settings, kind, self.config.seed)
            self.failed_rollouts += 0 if len(found.length) else len(harvest.length)
        if len(found.length):
            self.demonstrations = found
        return found.problems.tolist()

    def _harvest(self) -> Walks:
        """Draw the walks that demonstrations are chosen from."""
        walks = self.sample(self.config.schedule.harvest_samples, streams.HARVEST)
        self.walker_steps += walks.steps
        self.rollouts += len(walks.length)
        return walks

    def measure(self) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Measure the policy as it is with walks of its own (see :func:`conet.runs.measure.at_snapshot`)."""
        settings = self.config.snapshots
        walks = [
            self.sample(settings.traffic_walks, streams.TRAFFIC),
            self.sample(settings.pass_walks, streams.PASS_AT_K),
        ]
        arrays, values = at_snapshot(self.config, self.step, self.policy, self.problems, *walks)
        self.evaluation.keep(self.step, values)
        return arrays, values

    def entropy(self) -> float | None:
        """Return the mean entropy of the policy where the last rollouts chose."""
        return visited_entropy(self.policy, self.walks) if self.drawn else self.known_entropy

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and JSON values from which :meth:`load` goes on bit for bit.

        Raises
        ------
        ConetError
            When the training has diverged: such a state is never kept.
        """
        if not self.policy.finite:
            raise self._diverged()
        return state_of(self)

    def load(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        load_into(self, arrays, state)
