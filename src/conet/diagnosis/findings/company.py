"""What went with a fall of the accuracy: length, truncation, format, words, diversity, entropy, KL."""

import numpy as np

from conet.diagnosis.answers import COMPONENT
from conet.diagnosis.declare import Finding, Headline, Key, Result, Urgency
from conet.diagnosis.findings.wording import NAMES
from conet.diagnosis.log import Log, per_step_values
from conet.diagnosis.words import share, times

BLURRED = 3  # rows before a fall, which is seen a little later than it begins
CHANGED = 1.5  # times as much, or as little, as before counts as a change (our choice)
CHANGED_SHARE = 0.1  # and of a share so much more or less
SCALARS = {
    "entropy": "entropy",
    "kl": "KL",
    "clip_ratio": "clip ratio",
    "gradient_norm": "gradient norm",
    "format_reward": "format reward",
}
SHARES = {
    "truncated": "answers cut off",
    "answer_marked": "answers that mark their result",
    "distinct_share": "different answers in a group",
    **{name: words for name, words in NAMES.items() if name != "compressed_share"},
}


def compute(log: Log) -> Result:
    """Compare what is logged before the fall with what is logged at the end."""
    stage = log.other("stage")
    if stage is None or stage.stage not in ("falling", "collapsed"):
        return Result(caveats={"went_with_it": "the accuracy does not fall"})
    since = stage.step.estimate
    before, after = _levels(log, since)
    rewarded = any(name.startswith(COMPONENT) for name in before)
    for name, (first, last) in _scalars(log, since).items():
        if not (rewarded and name == SCALARS["format_reward"]):  # else the same would be said twice
            before[name], after[name] = first, last
    seen = {name: [before[name], after[name]] for name in before}
    parts = [said for name in seen if (said := _said(name, *seen[name]))]
    unknown = [
        word for word in ("entropy", "KL") if not any(name.lower().startswith(word.lower()) for name in seen)
    ]
    were = "were" if len(unknown) > 1 else "was"
    missing = f" ({' and '.join(unknown)} {were} not logged)" if unknown else ""
    when = f"before step {round(since)} → at the end"
    if parts:
        text = f"What went with it ({when}): {'; '.join(parts)}{missing}."
    else:
        text = f"Nothing else that was logged has changed with it{missing}."
    urgent = Urgency.EMERGENCY if stage.stage == "collapsed" else Urgency.WARNING
    line = Headline(
        name="what went with it",
        text=text,
        urgency=urgent if parts else Urgency.NOTE,
        evidence=when,
        step=round(since),
    )
    return Result(values={"went_with_it": seen}, headlines=(line,), detail=parts)


def _levels(log: Log, since: float) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of everything that is logged before the fall, and in the last rows."""
    steps = per_step_values(log.answers, "step")
    window = max(3, round(len(steps) / 10))
    columns: dict[str, np.ndarray] = {
        "length": per_step_values(log.answers, "length"),
        **{name: per_step_values(log.answers, name) for name in SHARES if name != "distinct_share"},
        "distinct_share": per_step_values(log.steps if log.has_rollouts else log.answers, "distinct_share"),
        **{
            name: per_step_values(log.answers, name)
            for name in log.answers.columns
            if name.startswith(COMPONENT) and "format" in name.lower()
        },
    }
    earlier = _last_before(np.flatnonzero(steps < since), window)
    before, after = {}, {}
    for name, values in columns.items():
        first, last = values[earlier], values[-window:]
        if np.isfinite(first).any() and np.isfinite(last).any():
            before[name], after[name] = float(np.nanmean(first)), float(np.nanmean(last))
    return before, after


def _scalars(log: Log, since: float) -> dict[str, tuple[float, float]]:
    """Return the levels of what the trainer logged, before the fall and at the end."""
    table = log.scalars
    if table is None:
        return {}
    steps, found = per_step_values(table, "step"), {}
    separate = not log.has_rollouts and np.isfinite(per_step_values(table, "accuracy")).any()
    for quantity, name in (SCALARS | ({"reward": "mean reward"} if separate else {})).items():
        values = per_step_values(table, quantity)
        known = np.isfinite(values)
        window = max(3, round(known.sum() / 10))
        first = _last_before(values[known & (steps < since)], window)
        last = values[known & (steps >= since)][-window:]
        if len(first) and len(last):
            found[name] = float(first.mean()), float(last.mean())
    return found


def _last_before(values: np.ndarray, window: int) -> np.ndarray:
    """Return the last rows before the fall, but for those in which other numbers may have changed already."""
    return (values[:-BLURRED] if len(values) > BLURRED + window else values)[-window:]


def _said(name: str, before: float, after: float) -> str:
    """Say how a number changed; nothing where it hardly did."""
    if name in SHARES:
        changed = abs(after - before) >= CHANGED_SHARE
        return f"{SHARES[name]} {share(before)} → {share(after)}" if changed else ""
    low, high = sorted((abs(before), abs(after)))
    if high < CHANGED * low or high == low:
        return ""
    if name == "length":
        ratio = after / before if before else float("inf")
        change = (
            f"{times(ratio)} times as long" if ratio > 1 else f"{times(1 / max(ratio, 1e-9))} times shorter"
        )
        return f"answers {change} ({before:.0f} → {after:.0f})"
    return f"{name.removeprefix(COMPONENT)} {before:.2g} → {after:.2g}"


FINDING = Finding(
    name="company",
    compute=compute,
    needs_correct=False,
    needs_rollouts=False,
    keys=(
        Key(
            "went_with_it",
            "object or null",
            "of a falling or collapsed run: by name, the level before the fall and that of the last steps",
        ),
    ),
    decides=(
        f"what changed with a fall: length and scalars by {CHANGED:g} times, shares by {CHANGED_SHARE:.0%}, "
        "from the tenth of the steps before it to the last tenth"
    ),
    view="answers",
)
