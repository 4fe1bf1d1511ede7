"""Spikes and collapses of what a trainer logs: entropy, KL, clip ratio, gradient norm, importance ratios."""

from typing import Any

import numpy as np

from conet.detect.shift import Shift, find_shift
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.log import Log, per_step_values
from conet.diagnosis.scalar_rules import BROKEN, MISMATCH, RULES, SKIPPED, STEPS_TOO_LARGE, Rule
from conet.diagnosis.words import times

FAR_FROM_ONE = 0.2  # mean importance ratio of training against inference
MUST_BE_NUMBERS = ("loss", "gradient_norm", "kl", "entropy", "reward")
FEWEST_MISSING = 3  # steps at the end without a number
MOSTLY = 0.8  # of the steps before, that had one
SPIKE = 30.0  # times the median, at single steps
SPIKING = {"gradient_norm": 1.0, "kl": 0.5, "update_kl": 0.05}  # quantities, and what a spike is at least


def compute(log: Log) -> Result:
    """Say which scalars have spiked or collapsed, and what rollouts would add where there are none."""
    table = log.scalars
    if table is None:
        return Result(caveats={"scalar_changes": "no scalars of the trainer were found"})
    steps = table["step"].to_numpy().astype(np.int64)
    columns = {name: per_step_values(table, name) for name in log.record.scalar_names}
    said: list[Headline] = []
    changes: dict[str, Any] = {}
    urgent = _urgency(log)
    for rule in RULES:
        values = columns.get(rule.quantity, np.zeros(0))
        shift = find_shift(steps, values, rule.up) if len(values) else None
        if shift is not None and rule.quantity not in changes and _counts(rule, shift):
            changes[rule.quantity] = [shift.before, shift.after, shift.step]
            said.append(_headline(rule, shift, urgent))
    for quantity, least in SPIKING.items():
        if quantity in columns and quantity not in changes:
            said += _spikes(quantity, steps, columns[quantity], least, changes)
    said += _importance(steps, columns.get("importance_ratio"), changes)
    said += _not_numbers(table, log.record.scalar_names, changes)
    said += _once_no_number(steps, columns, changes)
    if not log.has_rollouts:
        said.append(missing_rollouts(log))
    caveats = {} if changes else {"scalar_changes": "no scalar has spiked or collapsed"}
    return Result(
        values={"scalar_changes": changes or None}, caveats=caveats, headlines=tuple(said), detail=changes
    )


def _urgency(log: Log) -> Urgency:
    stage = log.other("stage")
    falls = stage is not None and stage.stage in ("falling", "collapsed")
    return Urgency.EMERGENCY if falls else Urgency.WARNING


def _counts(rule: Rule, shift: Shift) -> bool:
    if rule.up:
        return shift.after >= rule.level and shift.after >= rule.ratio * max(shift.before, 0.0)
    return shift.after <= rule.ratio * shift.before


def _headline(rule: Rule, shift: Shift, urgency: Urgency) -> Headline:
    if rule.up:
        how = f"{times(shift.ratio)} times as large" if shift.before > 0 else "up from nothing"
    else:
        how = f"down to {max(shift.ratio, 0):.0%} of what it was"
    subject = rule.words[0].upper() + rule.words[1:]
    return Headline(
        name=rule.name,
        text=f"{subject} is {how} since step {shift.step}: {shift.before:.3g} → {shift.after:.3g}.",
        urgency=urgency,
        evidence="as the trainer logged it",
        step=shift.step,
        remedy=rule.remedy,
    )


def _spikes(
    quantity: str, steps: np.ndarray, values: np.ndarray, least: float, changes: dict[str, Any]
) -> list[Headline]:
    """Say at which single steps a quantity was far above its median."""
    known = np.isfinite(values)
    positive = values[known & (values > 0)]
    if len(positive) < 10:
        return []
    middle = float(np.median(positive))
    high = np.flatnonzero(known & (values >= max(SPIKE * middle, least)))
    if not len(high):
        return []
    first, top = int(steps[high[0]]), float(values[high].max())
    changes[quantity] = [middle, top, first]
    words = quantity.replace("_", " ").replace("kl", "KL")
    return [
        Headline(
            name=f"{words} spikes",
            text=f"The {words} spikes at step {first}: {top:.3g}, and its median is {middle:.3g}.",
            urgency=Urgency.WARNING,
            evidence=f"{len(high)} of {int(known.sum())} steps",
            step=first,
            remedy=STEPS_TOO_LARGE,
        )
    ]


def _importance(steps: np.ndarray, values: np.ndarray | None, changes: dict[str, Any]) -> list[Headline]:
    """Warn of importance ratios of training against inference that are not around one."""
    if values is None or np.isfinite(values).sum() < 3:
        return []
    known = np.flatnonzero(np.isfinite(values))
    last = float(np.median(values[known[-max(3, len(known) // 10) :]]))
    if abs(last - 1) < FAR_FROM_ONE:
        return []
    near = known[np.abs(values[known] - 1) < FAR_FROM_ONE]
    since = int(steps[known[known > near[-1]][0]] if len(near) and near[-1] < known[-1] else steps[known[0]])
    changes["importance_ratio"] = [float(values[known[0]]), last, since]
    return [
        Headline(
            name="inference mismatch",
            text=(
                f"The importance ratio of training and inference is {last:.2g}, not 1, since step {since}."
            ),
            urgency=_severe(last),
            evidence="what is sampled is not from the policy that is trained",
            step=since,
            remedy=MISMATCH,
        )
    ]


def _severe(ratio: float) -> Urgency:
    return Urgency.EMERGENCY if ratio < 0.5 or ratio > 2 else Urgency.WARNING


def _not_numbers(table: Any, names: dict[str, str], changes: dict[str, Any]) -> list[Headline]:
    """Say which quantities have had no number at the last steps, and had one at nearly every step before."""
    found = []
    steps = table["step"].to_numpy()
    for quantity in (name for name in MUST_BE_NUMBERS if name in names):
        known = np.flatnonzero(np.isfinite(per_step_values(table, quantity)))
        missing = len(steps) - 1 - known[-1] if len(known) else 0
        if missing < FEWEST_MISSING or len(known) < MOSTLY * (known[-1] + 1):
            continue
        step = int(steps[known[-1] + 1])
        changes[f"{quantity}_missing"] = [int(missing), step]
        found.append(
            Headline(
                name="not a number",
                text=f"The {quantity.replace('_', ' ')} is not a number any more since step {step}.",
                urgency=Urgency.EMERGENCY,
                evidence=f"NaN, infinite or not logged at the last {missing} steps",
                step=step,
                remedy=BROKEN,
            )
        )
    return found


def _once_no_number(
    steps: np.ndarray, columns: dict[str, np.ndarray], changes: dict[str, Any]
) -> list[Headline]:
    """Say at which single steps a quantity had no number, while others that are always logged had one."""
    regular = {
        name: np.isfinite(values)
        for name, values in columns.items()
        if np.isfinite(values).sum() >= MOSTLY * len(values)
    }
    found = []
    for quantity in (name for name in MUST_BE_NUMBERS if name in regular):
        others = [known for name, known in regular.items() if name != quantity]
        if not others or f"{quantity}_missing" in changes:
            continue
        logged = np.mean(others, axis=0) >= MOSTLY
        lost = np.flatnonzero(logged & ~regular[quantity])
        if not len(lost):
            continue
        first, words = int(steps[lost[0]]), quantity.replace("_", " ")
        more = f", and at {len(lost) - 1} more" if len(lost) > 1 else ""
        changes[f"{quantity}_missing"] = [len(lost), first]
        found.append(
            Headline(
                name="not a number",
                text=f"The {words} is not a number at step {first}{more}.",
                urgency=Urgency.WARNING,
                evidence="NaN, infinite or not logged there, while the other numbers are",
                step=first,
                remedy=SKIPPED,
            )
        )
    return found


HOW_TO_LOG = {
    "TRL": ("completions/", "log_completions=True and logging_steps=1"),
    "verl": ("actor/", "trainer.rollout_data_dir=DIR"),
    "OpenRLHF": ("policy_loss", "write step, prompt, completion and reward a line in the reward function"),
    "prime-rl": ("is_truncated/", "keep the run folder with rollouts/step_N"),
    "NeMo-RL": ("token_mult_prob_error", "keep exp_*/train_data_step*.jsonl"),
}


def missing_rollouts(log: Log) -> Headline:
    """Say what rollouts would add, and how this trainer logs them."""
    written = " ".join(log.scalars.columns) if log.scalars is not None else ""
    known = [f"{trainer}: {how}" for trainer, (mark, how) in HOW_TO_LOG.items() if mark in written]
    ways = known[:1] or [f"{trainer}: {how}" for trainer, (_, how) in list(HOW_TO_LOG.items())[:2]]
    return Headline(
        name="scalars alone",
        text=(
            "Only scalars were found: which problems are learned, forgotten or dead, what right and wrong "
            "answers look like, whether diversity is lost and when to heat can be told from rollouts alone."
        ),
        urgency=Urgency.NOTE,
        evidence="no rollouts",
        remedy=Remedy("log the rollouts of every step", "; ".join(ways)),
    )


FINDING = Finding(
    name="scalars",
    compute=compute,
    needs_correct=False,
    needs_rollouts=False,
    keys=(
        Key(
            "scalar_changes",
            "object or null",
            "by quantity: level before, level now and since which step (of a spike: median, highest, first "
            "step)",
        ),
    ),
    decides=(
        "a warning, while the accuracy falls an emergency: "
        + "; ".join(map(str, RULES))
        + f"; gradient norm or KL at {SPIKE:g} times their median at single steps; a mean importance ratio "
        f"{FAR_FROM_ONE:g} or more from 1; a number that is none, at the end or at single steps"
    ),
    view="scalars",
)
