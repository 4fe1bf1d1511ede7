"""The length of all, right and wrong answers: whether it explodes, or shrinks while nothing is gained."""

from typing import Any

import numpy as np

from conet.detect.shift import Shift, find_shift
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log, ends, per_step_values
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.words import times

LONGER = 2.0  # times as long as at the shortest level counts as an explosion (our choice)
SHORTER = 0.5  # times as long as at the longest level counts as shrinking
BY_STEP = {"": "length", "_right": "length_right", "_wrong": "length_wrong"}
FEW = 10  # below it, a length is written with a digit behind the point
DIGITS = 4  # of the shares by step in --json
REMEDIES = {
    True: Remedy(
        "see whether right answers grow too; if not, take out what favours long wrong answers: no division "
        "by the answer's own length in the loss, a soft penalty before the limit",
        "Dr. GRPO, arXiv 2503.20783; TRL: loss_type='dr_grpo'; verl: "
        "actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum-norm",
    ),
    False: Remedy(
        "look whether short answers are paid without reasoning; take out or weaken a reward for brevity, and "
        "check the format reward",
        "Yeo et al., arXiv 2502.03373: a cosine reward of the length; TRL: reward_weights",
    ),
}


def compute(log: Log) -> Result:
    """Measure lengths by step, and say where they explode or shrink."""
    table = log.answers
    steps = per_step_values(table, "step").astype(np.int64)
    length = {kind: per_step_values(table, name) for kind, name in BY_STEP.items()}
    by_step = {"answers_by_step": _by_step(table, steps)}
    if not np.isfinite(length[""]).any():
        why = "the lengths of the answers are not known"
        return Result(values=by_step, caveats={"answer_length": why})
    parts = {name: ends(values) for name, values in zip(("all", "right", "wrong"), length.values())}
    longer, shorter = (find_shift(steps, length[""], up) for up in (True, False))
    said: tuple[Headline, ...] = ()
    if longer is not None and longer.ratio >= LONGER:
        said = (_headline(longer, True, log, length),)
    elif shorter is not None and shorter.ratio <= SHORTER and not _gains(log):
        said = (_headline(shorter, False, log, length),)
    start, end = (_long(parts["all"][at] or 0) for at in ("start", "end"))
    ended = {kind: parts[kind]["end"] for kind in ("right", "wrong")}
    known = [f"{kind} {_long(value)}" for kind, value in ended.items() if value is not None]
    unit = log.length_unit
    what = f"{unit}, first and last fifth of the steps" if unit else "first and last fifth of the steps"
    what += f"; at the end {', '.join(known)}" if known else ""
    return Result(
        values=by_step | {"answer_length": parts},
        headlines=said,
        numbers=(MainNumber("length of the answers", f"{start} → {end}", what),),
        detail=said[0] if said else None,
    )


def _long(length: float) -> str:
    """Write a length: one of a few tokens with a digit more, or its change could not be read."""
    return f"{length:.1f}" if length < FEW else f"{length:.0f}"


def _by_step(table: Any, steps: np.ndarray) -> dict[str, list[Any]]:
    names = [*BY_STEP.values(), "truncated", "truncated_right", "truncated_wrong", "reward"]
    columns = {name: np.round(per_step_values(table, name), DIGITS).tolist() for name in names}
    return {"step": steps.tolist(), **columns}


def _gains(log: Log) -> bool:
    """Whether the accuracy has risen: then shorter answers are the left arm of the V, and no trouble."""
    stage = log.other("stage")
    return stage is not None and stage.stage in ("fast", "slow") and stage.rise.estimate > 0


def _falls(log: Log) -> bool:
    stage = log.other("stage")
    return stage is not None and stage.stage in ("falling", "collapsed")


def _headline(found: Shift, longer: bool, log: Log, length: dict[str, np.ndarray]) -> Headline:
    ratio = times(found.ratio if longer else 1 / max(found.ratio, 1e-9))
    what = f"{ratio} times as long" if longer else f"{ratio} times shorter"
    kinds = []
    for kind, name in (("_right", "right"), ("_wrong", "wrong")):
        part = ends(length[kind])
        if part["start"] is not None and part["end"] is not None:
            kinds.append(f"{name} ones {_long(part['start'])} → {_long(part['end'])}")
    cut_off = log.other("truncation") is not None  # that comes first, and is said
    harmless = longer and (cut_off or not _falls(log))
    unit = log.length_unit
    levels = f"{_long(found.before)} → {_long(found.after)}" + (f" {unit}" if unit else "")
    return Headline(
        name="length explodes" if longer else "length shrinks",
        text=f"Answers are {what} since step {found.step}: {levels}.",
        urgency=Urgency.NOTE if harmless else Urgency.WARNING,
        evidence="; ".join(kinds) or "all answers",
        step=found.step,
        remedy=None if harmless else remedy_for(log, "longer" if longer else "shorter", REMEDIES[longer]),
    )


FINDING = Finding(
    name="lengths",
    compute=compute,
    needs_correct=False,
    needs_rollouts=False,
    keys=(
        Key(
            "answer_length",
            "object or null",
            "mean length of `all`, `right` and `wrong` answers: `start` and `end`, a fifth of the steps each",
        ),
        Key(
            "answers_by_step",
            "object",
            "by step, as lists: `length` and `truncated` (a share) of all, `_right` and `_wrong` answers, "
            "and `reward`; also in `steps.parquet`",
        ),
    ),
    decides=(
        f"a headline where the last level of the length is {LONGER:g} times the shortest before, or "
        f"{SHORTER:g} times the longest while the accuracy has not risen (else that is the left arm of "
        "the V); a note alone where it grows, nothing is cut off and the accuracy does not fall. Levels are "
        "means over a tenth of the steps, and a change is six standard errors of a level or more"
    ),
    view="answers",
)
