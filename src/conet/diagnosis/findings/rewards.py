"""Whether a reward rises while fewer answers are correct: component by component, and since when."""

from dataclasses import dataclass

import numpy as np

from conet.detect.shift import Shift, find_shift
from conet.diagnosis.answers import COMPONENT
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.log import Log, ends, per_step_values

SMALLEST_RISE = 0.1  # of a reward's own range, that counts (our choice)
SMALLEST_FALL = 0.05  # of the accuracy, as for a stage
ALONE = 0.5  # of the range of a reward by step, that it has risen by while the accuracy stays
REMEDY_ALONE = Remedy(
    "read well-paid wrong answers: what is learned is this reward alone; lower its weight, or pay it only "
    "where the answer is correct",
    "TRL: reward_weights; verl: custom_reward_function; Gao, Schulman and Hilton, arXiv 2210.10760",
)
REMEDY = Remedy(
    "stop; read the best-paid wrong answers, mend or drop the reward that they win, and go on from a "
    "checkpoint before the divergence",
    "TRL: reward_weights; verl: custom_reward_function; Gao, Schulman and Hilton, arXiv 2210.10760",
)


@dataclass(frozen=True)
class Divergence:
    """A reward that rose while the accuracy fell.

    Attributes
    ----------
    name : str
        Of the reward.
    reward, accuracy : Shift
    step : int
        Since when both had left their levels.
    """

    name: str
    reward: Shift
    accuracy: Shift
    step: int


def compute(log: Log) -> Result:
    """Compare every reward that is no copy of what is correct with the accuracy."""
    if not log.has_rollouts:
        return _of_scalars(log)
    named = separate(log)
    values = {
        "rewards": {name: ends(per_step_values(log.answers, column)) for name, column in named.items()},
        "rewards_diverge_since": None,
    }
    if not named:
        why = "no reward beside what is correct was logged"
        return Result(values={"rewards": {}}, caveats={"rewards": why, "rewards_diverge_since": why})
    stage = log.other("stage")
    if stage is not None and stage.stage not in ("falling", "collapsed"):
        said = alone(log, named) if stage.stage == "flat" else ()
        caveats = {"rewards_diverge_since": "the accuracy does not fall"}
        return Result(values=values, caveats=caveats, headlines=said)
    steps = per_step_values(log.steps, "step").astype(np.int64)
    accuracy = per_step_values(log.steps, "accuracy")
    found = [
        pair
        for name, column in named.items()
        if (pair := divergence(name, steps, per_step_values(log.answers, column), accuracy)) is not None
    ]
    if not found:
        return Result(
            values=values, caveats={"rewards_diverge_since": "no reward rises while accuracy falls"}
        )
    step = min(pair.step for pair in found)
    return Result(
        values=values | {"rewards_diverge_since": step}, headlines=(_headline(found, step),), detail=found
    )


def alone(log: Log, named: dict[str, str]) -> tuple[Headline, ...]:
    """Say which rewards rise while the accuracy stays as it is; a reward of the format is a note alone."""
    steps = per_step_values(log.steps, "step").astype(np.int64)
    risen = {}
    for name, column in named.items():
        values = per_step_values(log.answers, column)
        shift = find_shift(steps, values, True)
        if shift is not None and shift.after - shift.before >= ALONE * max(
            np.ptp(values[np.isfinite(values)]), 1e-9
        ):
            risen[name] = shift
    if not risen:
        return ()
    name, most = max(risen.items(), key=lambda pair: pair[1].after - pair[1].before)
    what = "The reward" if name == "reward" else f"The reward {name}"
    parts = [f"{other} {shift.before:.2f} → {shift.after:.2f}" for other, shift in risen.items()]
    formats = all("format" in other.lower() or "fmt" in other.lower() for other in risen)
    return (
        Headline(
            name="reward without correct",
            text=(
                f"{what} rises while the accuracy stays as it is, since step {most.step}: {', '.join(parts)}."
            ),
            urgency=Urgency.NOTE if formats else Urgency.WARNING,
            evidence="; ".join(parts),
            step=most.step,
            remedy=REMEDY_ALONE,
        ),
    )


def _of_scalars(log: Log) -> Result:
    """Compare the mean reward with the accuracy where the trainer logged both."""
    table = log.scalars
    columns = [
        np.zeros(0) if table is None else per_step_values(table, name) for name in ("reward", "accuracy")
    ]
    if table is None or not all(np.isfinite(column).any() for column in columns):
        why = "no rollouts, and the trainer did not log both a reward and an accuracy"
        return Result(caveats={"rewards": why, "rewards_diverge_since": why})
    reward, accuracy = columns
    rewards = {"reward": ends(reward)}
    stage = log.other("stage")
    steps = per_step_values(table, "step").astype(np.int64)
    pair = divergence("reward", steps, reward, accuracy)
    if pair is None or stage is None or stage.stage not in ("falling", "collapsed"):
        why = "no reward rises while the accuracy falls"
        return Result(values={"rewards": rewards}, caveats={"rewards_diverge_since": why})
    return Result(
        values={"rewards": rewards, "rewards_diverge_since": pair.step},
        headlines=(_headline([pair], pair.step),),
        detail=[pair],
    )


def separate(log: Log) -> dict[str, str]:
    """Return columns of ``log.answers`` by the name of the reward, without those that say what is correct."""
    import polars as pl

    rows = log.record.rows.lazy().filter(pl.col("split") == log.split)
    parts = {name: pl.col("components").list.get(i) for i, name in enumerate(log.record.components)}
    candidates = {"reward": pl.col("reward")} | parts
    spread = {
        name: pl.max_horizontal(
            (value.filter(side).max() - value.filter(side).min())
            for side in (pl.col("correct"), ~pl.col("correct"))
        )
        for name, value in candidates.items()
    }
    ranges = rows.select(**spread).collect().row(0, named=True)
    kept = {name: COMPONENT + name for name in parts if (ranges[name] or 0) > 0}
    whole = (ranges["reward"] or 0) > 0
    if whole and "reward" not in kept and len(kept) != 1:
        kept = {"reward": "reward"} | kept
    return kept


def divergence(name: str, steps: np.ndarray, reward: np.ndarray, accuracy: np.ndarray) -> Divergence | None:
    """Say whether a reward ends above where it was, and the accuracy below; None where it does not."""
    up, down = find_shift(steps, reward, True), find_shift(steps, accuracy, False)
    if up is None or down is None or down.before - down.after < SMALLEST_FALL:
        return None
    known = reward[np.isfinite(reward)]
    spread = max(float(np.ptp(known)), abs(up.before), 1e-9)
    if up.after - up.before < SMALLEST_RISE * spread:
        return None
    best = steps[np.nanargmax(_smooth(accuracy))]
    after = reward[steps >= best]
    if np.nanmean(after[-max(1, len(after) // 3) :]) <= np.nanmean(after[: max(1, len(after) // 3)]):
        return None  # both fell together after the accuracy was at its best
    return Divergence(name, up, down, max(up.step, down.step))


def _smooth(values: np.ndarray) -> np.ndarray:
    window = max(3, round(len(values) / 10))
    filled = np.where(np.isfinite(values), values, np.nanmean(values))
    return np.convolve(np.pad(filled, window // 2, mode="edge"), np.ones(window) / window, "same")[
        window // 2 : window // 2 + len(values)
    ]


def _headline(found: list[Divergence], step: int) -> Headline:
    first = max(found, key=lambda pair: pair.reward.after - pair.reward.before)
    accuracy = first.accuracy

    def said(pair: Divergence) -> str:
        return f"{pair.name} {pair.reward.before:.2f} → {pair.reward.after:.2f}"

    what = "The reward rises" if first.name == "reward" else f"The reward {first.name} rises"
    return Headline(
        name="reward against correct",
        text=(
            f"{what} while answers get worse since step {step}: {said(first)}, correct "
            f"{accuracy.before:.2f} → {accuracy.after:.2f}."
        ),
        urgency=Urgency.EMERGENCY,
        evidence="; ".join(f"{said(pair)} (since step {pair.step})" for pair in found),
        step=step,
        remedy=REMEDY,
    )


FINDING = Finding(
    name="rewards",
    compute=compute,
    needs_rollouts=False,
    keys=(
        Key(
            "rewards",
            "object",
            "mean of each reward that is no copy of what is correct: `start` and `end`, a fifth of the steps "
            "each",
        ),
        Key(
            "rewards_diverge_since",
            "integer or null",
            "step since which a reward is higher and the accuracy lower than before",
        ),
    ),
    decides=(
        "an emergency where the stage is falling or collapsed, a reward has risen by a tenth of its range "
        f"or more, the accuracy has fallen by {SMALLEST_FALL:g} or more (both beyond six standard errors of "
        "a level), and the reward has gone on rising after the accuracy was at its best; said for each "
        "component. A warning where the stage is flat and a reward has risen by half of its range by step or "
        "more; of a format reward a note"
    ),
    view="answers",
)
