"""The numbers of a step that a person who trains looks at, from its rollouts alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.detect.evidence import as_event
from conet.detect.forecast import forecast_online
from conet.detect.online import Detector
from conet.observables.pass_at_k import pass_at_k
from conet.rollouts.pool import Pool, Rollout

# What is told of the detector's evidence.
EVIDENCE = ("correct_length", "fall", "rise", "rise_sigmas", "learned", "heat_now", "mix_step")
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
SAMPLES = (8, 16, 32)
SOLVED = 0.5  # share of a problem's rollouts; our choice
K = 8


class Live:
    """What is counted over the steps for these numbers.

    Parameters
    ----------
    max_accuracy
        Of a hard problem.
    """

    def __init__(self, max_accuracy: float) -> None:
        self.max_accuracy = max_accuracy
        self.accuracy: dict[int, float] = {}  # of each problem, when it was last drawn
        self.length: dict[int, float] = {}  # mean correct length of each problem, when it was first solved
        self.expected: int | None = None  # step of the shortest correct length, as it was first forecast

    def observe(
        self, step: int, rollouts: Sequence[Rollout], pool: Pool, detector: Detector
    ) -> dict[str, float]:
        """Take in the rollouts of a step, which pool and detector have seen; return what is known of it.

        Returns
        -------
        dict of str to float
            See ``docs/llm.md``; without what this step does not tell.
        """
        groups: dict[int, list[Rollout]] = {}
        for one in rollouts:
            groups.setdefault(one.problem, []).append(one)
        if not groups:
            return _evidence(step, detector)
        correct = np.array([sum(one.correct for one in group) for group in groups.values()])
        samples = np.array([len(group) for group in groups.values()])
        shares = correct / samples
        right = [one for one in rollouts if one.correct]
        found = {
            "accuracy": len(right) / len(rollouts),
            "groups/all_right": float((correct == samples).mean()),
            "groups/all_wrong": float((correct == 0).mean()),
            **{f"accuracy/q{round(100 * q)}": float(np.quantile(shares, q)) for q in QUANTILES},
        }
        if samples.min() >= K:
            found[f"pass_at_{K}"] = float(pass_at_k(correct, samples, K).mean())
        if right:
            found["truncated_among_correct"] = sum(one.truncated for one in right) / len(right)
        counted = pool.count_eligible(self.max_accuracy, SAMPLES)
        found |= {f"eligible/{least}": float(count) for least, count in zip(SAMPLES, counted, strict=True)}
        found |= {f"lacks/{name}": value for name, value in detector.lacking().items()}
        found |= _evidence(step, detector)
        return found | self._changes(groups, shares) | self._lengths(groups) | self._forecast(step, detector)

    def _changes(self, groups: Mapping[int, Sequence[Rollout]], shares: np.ndarray) -> dict[str, float]:
        """Shares of the problems seen again that were learned, and forgotten, since they were last drawn."""
        before = [(self.accuracy.get(problem), share) for problem, share in zip(groups, shares)]
        self.accuracy |= {problem: float(share) for problem, share in zip(groups, shares)}
        again = [(old, new) for old, new in before if old is not None]
        if not again:
            return {}
        return {
            "learned_problems": sum(old <= SOLVED < new for old, new in again) / len(again),
            "forgotten_problems": sum(new <= SOLVED < old for old, new in again) / len(again),
        }

    def _lengths(self, groups: Mapping[int, Sequence[Rollout]]) -> dict[str, float]:
        """Mean over problems of the correct length, over what it was when the problem was first solved."""
        ratios = []
        for problem, group in groups.items():
            lengths = [one.length for one in group if one.correct]
            if lengths:
                length = sum(lengths) / len(lengths)
                ratios.append(length / max(self.length.setdefault(problem, length), 1.0))
        return {"correct_length_within": sum(ratios) / len(ratios)} if ratios else {}

    def _forecast(self, step: int, detector: Detector) -> dict[str, float]:
        """When the correct length is expected to be shortest, and how far off the first forecast is."""
        expected, shortest = forecast_online(detector), detector.shortest_step
        if self.expected is None and expected is not None:
            self.expected = expected.step
        found = {} if expected is None else {"forecast_bottom": float(expected.step)}
        if self.expected is not None and shortest is not None:
            found["forecast_residual"] = float(shortest - self.expected)
        return found

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        return {
            "accuracy": list(self.accuracy.items()),
            "length": list(self.length.items()),
            "expected": self.expected,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.accuracy, self.length = dict(state["accuracy"]), dict(state["length"])
        self.expected = state["expected"]


def _evidence(step: int, detector: Detector) -> dict[str, float]:
    """Return what the detector knows."""
    known = as_event(detector.evidence(step))
    return {name: float(known[name]) for name in EVIDENCE if known[name] is not None}
